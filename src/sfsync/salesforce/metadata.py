"""A blueprint as files to deploy: SFDX source, or a package for the Metadata API. Pure.

Both forms say the same; ``npm``'s own converter turns the one into the other
(tests/system/test_sfdx.py).

Source: Metadata API Developer Guide, CustomField, PermissionSet and "Sample package.xml";
Salesforce DX Developer Guide, "Salesforce DX Project Structure and Source Format"; docs/salesforce.md
§8.2.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from sfsync.provisioning.blueprint import SET_DESCRIPTION, SET_LABEL, SET_NAME, Blueprint, NewField

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
SOURCE_ROOT = "force-app/main/default"
PROJECT_FILE = "sfdx-project.json"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Elements = Iterable[tuple[str, Any]]
"""``(element, text, boolean, number, or elements again)``, in order."""


def source_files(wanted: Blueprint, api_version: str) -> dict[str, bytes]:
    """``{path: content}`` in SFDX source format, a file for each field."""
    project = {
        "packageDirectories": [{"path": "force-app", "default": True}],
        "namespace": "",
        "sourceApiVersion": api_version,
    }
    files = {PROJECT_FILE: (json.dumps(project, indent=2) + "\n").encode()}
    for new in wanted.fields:
        path = f"{SOURCE_ROOT}/objects/{new.table}/fields/{new.name}.field-meta.xml"
        files[path] = _document("CustomField", _field(new))
    path = f"{SOURCE_ROOT}/permissionsets/{SET_NAME}.permissionset-meta.xml"
    files[path] = _document("PermissionSet", _permission_set(wanted))
    channel = _channel_files(wanted)
    return files | {f"{SOURCE_ROOT}/{path}-meta.xml": content for path, content in channel.items()}


def package_files(wanted: Blueprint, api_version: str) -> dict[str, bytes]:
    """``{path: content}`` in metadata format, a file for each object, with its manifest."""
    tables = sorted({new.table for new in wanted.fields})
    files = {"package.xml": _document("Package", _manifest(wanted, api_version))}
    for table in tables:
        fields = [("fields", _field(new)) for new in wanted.fields if new.table == table]
        files[f"objects/{table}.object"] = _document("CustomObject", fields)
    files[f"permissionsets/{SET_NAME}.permissionset"] = _document(
        "PermissionSet", _permission_set(wanted)
    )
    return files | _channel_files(wanted)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as one zip; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            package.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _channel_files(wanted: Blueprint) -> dict[str, bytes]:
    """The channel of change events and its members, a file for each."""
    channel = wanted.channel
    if channel is None:
        return {}
    files = {
        f"platformEventChannelMembers/{name}.platformEventChannelMember": _document(
            "PlatformEventChannelMember", member.items()
        )
        for name, member in channel.members.items()
    }
    if channel.is_own:
        path = f"platformEventChannels/{channel.name}.platformEventChannel"
        files[path] = _document("PlatformEventChannel", channel.metadata.items())
    return files


def _field(new: NewField) -> Elements:
    return [("fullName", new.name), *new.metadata().items()]


def _permission_set(wanted: Blueprint) -> Elements:
    """Elements of one kind stand together, the kinds in alphabetical order."""
    yield "description", SET_DESCRIPTION
    for grant in wanted.grants:
        yield (
            "fieldPermissions",
            [("editable", grant.edit), ("field", grant.full_name), ("readable", True)],
        )
    yield "hasActivationRequired", False
    yield "label", SET_LABEL
    for allowed in sorted(wanted.objects, key=lambda each: each.sobject):
        yield (
            "objectPermissions",
            [
                ("allowCreate", allowed.create),
                ("allowDelete", allowed.delete),
                ("allowEdit", allowed.edit),
                ("allowRead", True),
                ("modifyAllRecords", False),
                ("object", allowed.sobject),
                ("viewAllRecords", allowed.view_all),
            ],
        )
    for name in sorted(wanted.user_permissions):
        yield "userPermissions", [("enabled", True), ("name", name)]


def _manifest(wanted: Blueprint, api_version: str) -> Elements:
    members = [("members", name) for name in sorted(new.full_name for new in wanted.fields)]
    if members:
        yield "types", [*members, ("name", "CustomField")]
    yield "types", [("members", SET_NAME), ("name", "PermissionSet")]
    channel = wanted.channel
    if channel is not None and channel.is_own:
        yield "types", [("members", channel.name), ("name", "PlatformEventChannel")]
    if channel is not None:
        told = [("members", name) for name in channel.members]
        yield "types", [*told, ("name", "PlatformEventChannelMember")]
    yield "version", api_version


def _document(root: str, elements: Elements) -> bytes:
    top = ET.Element(root, xmlns=NAMESPACE)
    _fill(top, elements)
    ET.indent(top, space="    ")
    text = ET.tostring(top, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _fill(parent: ET.Element, elements: Elements) -> None:
    for name, value in elements:
        child = ET.SubElement(parent, name)
        if isinstance(value, bool):
            child.text = "true" if value else "false"
        elif isinstance(value, str | int):
            child.text = str(value)
        else:
            _fill(child, value)
