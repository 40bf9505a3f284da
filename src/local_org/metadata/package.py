"""What is in a package for the Metadata API: the components that its list names and its files hold.

Reading takes nothing on trust: the zip's size, the paths in it and the XML come from outside. What
is wrong with one component is a ``Problem`` and the rest is read on; a zip that cannot be read at
all raises.

Source: Metadata API Developer Guide, "Deploying and Retrieving Metadata with the Zip File", "Sample
package.xml", CustomField, PermissionSet; limits: "Metadata Limits". Texts of problems as in public
issue trackers: github forcedotcom/cli#2182 (named, not found),
douglascayers/sfdc-convert-documents-to-files#2 (Not in package.xml), jsforce/gulp-jsforce-deploy#7
(No package.xml found); all others are unconfirmed.
"""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
MANIFEST = "package.xml"
FIELD, PERMISSION_SET, OBJECT = "CustomField", "PermissionSet", "CustomObject"
CHANNEL, MEMBER = "PlatformEventChannel", "PlatformEventChannelMember"
MOST_FILES = 10_000
MOST_ZIP_BYTES = 39 * 1_048_576
MOST_UNZIPPED_BYTES = 400 * 1_048_576
MOST_XML_BYTES = 8 * 1_048_576
_DEEPEST = 20
_TRUTHS = frozenset(
    {
        "allowCreate",
        "allowDelete",
        "allowEdit",
        "allowRead",
        "caseSensitive",
        "default",
        "editable",
        "enabled",
        "externalId",
        "hasActivationRequired",
        "modifyAllRecords",
        "readable",
        "required",
        "restricted",
        "sorted",
        "trackFeedHistory",
        "trackHistory",
        "trackTrending",
        "unique",
        "viewAllRecords",
    }
)
_NUMBERS = frozenset({"length", "precision", "scale", "visibleLines"})
_ONLY = f"This local org deploys {FIELD}, {PERMISSION_SET} and {CHANNEL} with its members only"
_FILES = {
    ("permissionsets", ".permissionset"): PERMISSION_SET,
    ("platformEventChannels", ".platformEventChannel"): CHANNEL,
    ("platformEventChannelMembers", ".platformEventChannelMember"): MEMBER,
}
"""What has a file of its own, by folder and ending."""
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,  # encrypted
    NotImplementedError,
    OSError,
    ValueError,
)


class PackageUnreadable(Exception):
    """A zip of which nothing can be deployed.

    Args:
        code: what the result gives as ``errorStatusCode``.
        message: and as ``errorMessage``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Component:
    """One thing to deploy.

    Args:
        kind: ``CustomField``, ``PermissionSet``, ``CustomObject`` or one of event channels.
        full_name: for example ``Contact.Opens__c``.
        file_name: where in the zip it stands.
        body: ``{element: text, truth, number, elements again, or a list of those}``.
    """

    kind: str
    full_name: str
    file_name: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one component, and where."""

    kind: str
    full_name: str
    file_name: str
    text: str
    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class Package:
    """What a zip holds.

    Attributes:
        manifests: the lists of contents that were read.
    """

    components: list[Component] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    manifests: list[str] = field(default_factory=list)


def read(raw: bytes, *, single: bool, allow_missing: bool = False) -> Package:
    """Read a zip.

    Args:
        raw: the zip.
        single: its list stands at the top; else every folder at the top is a package.
        allow_missing: what is named and not there is no problem.

    Raises:
        PackageUnreadable: it is no zip, holds too much, or a path that leads out of it.
    """
    if len(raw) > MOST_ZIP_BYTES:
        raise PackageUnreadable("LIMIT_EXCEEDED", f"The zip is larger than {MOST_ZIP_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = _names(archive)
            package = Package()
            for folder in [""] if single else _folders(names):
                files = [name for name in names if name.startswith(folder)]
                _Reader(archive, folder, package, allow_missing=allow_missing).read(files)
    except _UNREADABLE as error:
        raise PackageUnreadable("INVALID_PACKAGE_ZIP", f"The zip cannot be read: {error}") from None
    return package


def _names(archive: zipfile.ZipFile) -> list[str]:
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise PackageUnreadable("LIMIT_EXCEEDED", f"The zip holds more than {MOST_FILES} files")
    if sum(each.file_size for each in entries) > MOST_UNZIPPED_BYTES:
        raise PackageUnreadable(
            "LIMIT_EXCEEDED", f"Unzipped, the files are larger than {MOST_UNZIPPED_BYTES} bytes"
        )
    names = [each.filename for each in entries if not each.is_dir()]
    for name in names:
        if ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name or ":" in name:
            raise PackageUnreadable(
                "INVALID_PACKAGE_ZIP", f"The zip holds a path that leads out of it: {name}"
            )
    if len(set(names)) < len(names):
        raise PackageUnreadable("INVALID_PACKAGE_ZIP", "The zip holds a file twice")
    return names


def _folders(names: list[str]) -> list[str]:
    return sorted({f"{name.partition('/')[0]}/" for name in names if "/" in name}) or [""]


class _Reader:
    """Reads one package of a zip into what is known so far."""

    def __init__(
        self, archive: zipfile.ZipFile, folder: str, package: Package, *, allow_missing: bool
    ) -> None:
        self._archive = archive
        self._folder = folder
        self._package = package
        self._allow_missing = allow_missing
        self._named: dict[str, set[str]] = {}

    def read(self, files: list[str]) -> None:
        """Read the list, then what it names."""
        manifest = self._folder + MANIFEST
        if manifest not in files:
            self._problem("", MANIFEST, manifest, "No package.xml found")
            return
        if not self._read_manifest(manifest):
            return
        self._package.manifests.append(manifest)
        found: set[tuple[str, str]] = set()
        for name in files:
            if name != manifest:
                found |= self._read_file(name)
        self._missing(manifest, found)

    def _problem(self, kind: str, full_name: str, file_name: str, text: str, *place: int) -> None:
        self._package.problems.append(Problem(kind, full_name, file_name, text, *place))

    def _read_manifest(self, name: str) -> bool:
        root = self._parsed(name, "Package", MANIFEST)
        if root is None:
            return False
        for types in root.iterfind(f"{{{NAMESPACE}}}types"):
            kind = (types.findtext(f"{{{NAMESPACE}}}name") or "").strip()
            members = {
                (each.text or "").strip() for each in types.iterfind(f"{{{NAMESPACE}}}members")
            }
            if kind in {FIELD, OBJECT, *_FILES.values()}:
                self._named.setdefault(kind, set()).update(members)
            else:
                for member in sorted(members):
                    self._problem(kind, member, name, f"{_ONLY}, not {kind}")
        return True

    def _read_file(self, name: str) -> set[tuple[str, str]]:
        path = PurePosixPath(name.removeprefix(self._folder))
        place = (str(path.parent), path.suffix)
        if place == ("objects", ".object"):
            return self._read_object(name, path.stem)
        if place in _FILES:
            return self._read_whole(_FILES[place], name, path.stem)
        text = (
            "This local org takes no destructive changes"
            if path.stem.startswith("destructive")
            else _ONLY
        )
        self._problem("", path.stem, name, text)
        return set()

    def _read_object(self, name: str, table: str) -> set[tuple[str, str]]:
        root = self._parsed(name, OBJECT, table)
        if root is None:
            return {(OBJECT, table)} | {
                (FIELD, each) for each in self._named.get(FIELD, ()) if each.startswith(f"{table}.")
            }
        whole = self._is_named(OBJECT, table)
        found = {(OBJECT, table)}
        if whole:
            self._package.components.append(Component(OBJECT, table, name))
        for part in root:
            kind, child = _local(part), (part.findtext(f"{{{NAMESPACE}}}fullName") or "").strip()
            full_name = f"{table}.{child}"
            if kind == "fields":
                found.add((FIELD, full_name))
                self._take(
                    FIELD, full_name, name, part, is_named=whole or self._is_named(FIELD, full_name)
                )
            elif child:
                self._problem(kind, full_name, name, f"{_ONLY}, not {kind}")
        if len(found) == 1 and not whole:
            self._problem(OBJECT, table, name, "Not in package.xml")
        return found

    def _read_whole(self, kind: str, name: str, stem: str) -> set[tuple[str, str]]:
        root = self._parsed(name, kind, stem)
        if root is not None:
            self._take(kind, stem, name, root, is_named=self._is_named(kind, stem))
        return {(kind, stem)}

    def _is_named(self, kind: str, full_name: str) -> bool:
        named = self._named.get(kind, set())
        return full_name in named or ("*" in named and kind != FIELD)

    def _take(
        self, kind: str, full_name: str, file_name: str, part: Element, *, is_named: bool
    ) -> None:
        if not is_named:
            self._problem(kind, full_name, file_name, "Not in package.xml")
        elif any(
            (each.kind, each.full_name) == (kind, full_name) for each in self._package.components
        ):
            self._problem(kind, full_name, file_name, f"{full_name} stands in the package twice")
        else:
            try:
                body = _elements(part)
            except ValueError as error:
                self._problem(kind, full_name, file_name, f"Error parsing file: {error}")
                return
            body.pop("fullName", None)
            self._package.components.append(Component(kind, full_name, file_name, body))

    def _missing(self, manifest: str, found: set[tuple[str, str]]) -> None:
        if self._allow_missing:
            return
        for kind, members in sorted(self._named.items()):
            for member in sorted(members - {"*"}):
                if (kind, member) not in found:
                    text = (
                        f"An object '{member}' of type {kind} was named in package.xml,"
                        " but was not found in zipped directory"
                    )
                    self._problem(kind, member, manifest, text)

    def _parsed(self, name: str, root_name: str, full_name: str) -> Element | None:
        """The file's root, unless there is a problem with it, which is noted."""
        kind = "" if root_name == "Package" else root_name
        with self._archive.open(
            name
        ) as file:  # by its own count: what a zip says of a file's size may be a lie
            content = file.read(MOST_XML_BYTES + 1)
        if len(content) > MOST_XML_BYTES:
            self._problem(
                kind,
                full_name,
                name,
                f"Error parsing file: larger than {MOST_XML_BYTES} bytes (local org)",
            )
            return None
        try:
            root: Element = fromstring(content, forbid_dtd=True)
        except ParseError as error:
            line, column = error.position
            self._problem(kind, full_name, name, f"Error parsing file: {error}", line, column + 1)
            return None
        except (DefusedXmlException, ValueError, LookupError):
            self._problem(
                kind,
                full_name,
                name,
                "Error parsing file: a document type, an entity or an unknown encoding"
                " is not allowed",
            )
            return None
        if root.tag != f"{{{NAMESPACE}}}{root_name}":
            text = f"Error parsing file: the root must be {root_name} in the namespace {NAMESPACE}"
            self._problem(kind, full_name, name, text)
            return None
        return root


def _local(part: Element) -> str:
    return str(part.tag).rpartition("}")[2]


def _elements(part: Element, depth: int = 0) -> dict[str, Any]:
    """An element's children as values; those that stand there several times as a list.

    Raises:
        ValueError: for a truth or number that is none, or elements nested too deep.
    """
    if depth > _DEEPEST:
        raise ValueError("elements are nested too deep")
    found: dict[str, Any] = {}
    for name, value in _pairs(part, depth):
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _pairs(part: Element, depth: int) -> Iterator[tuple[str, Any]]:
    for child in part:
        name, text = _local(child), (child.text or "").strip()
        if len(child):
            yield name, _elements(child, depth + 1)
        elif name in _TRUTHS:
            if text not in {"true", "false"}:
                raise ValueError(f"{name} must be true or false, not '{text}'")
            yield name, text == "true"
        elif name in _NUMBERS:
            if not text.isascii() or not text.isdigit() or len(text) > 9:
                raise ValueError(f"{name} must be a whole number, not '{text}'")
            yield name, int(text)
        else:
            yield name, text


def listed(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The elements of one kind that have elements of their own, however many there are."""
    value = body.get(name, [])
    return [
        each
        for each in (value if isinstance(value, list) else [value])
        if isinstance(each, Mapping)
    ]
