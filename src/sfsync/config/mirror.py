"""The section ``mirror``: where the SQLite file is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfsync.document.problems import Path as KeyPath
from sfsync.document.problems import Problems, shown
from sfsync.document.shapes import Shape, shaped

MIRROR_NAME: Final = "mirror.db"


class MirrorShape(Shape):
    """The section at the top of the file."""

    path: str = MIRROR_NAME


class MirrorOfProfileShape(Shape):
    """The same in a profile: it is only there to name another file."""

    path: str


@dataclass(frozen=True, slots=True)
class Folders:
    """What a path in the file is relative to.

    Attributes:
        configuration: the folder that the file stands in.
        home: for ``~/``; empty where the environment has none.
    """

    configuration: Path
    home: str


def read_mirror(raw: object, folders: Folders, problems: Problems) -> Path:
    """The section ``mirror`` at the top of the file."""
    return _read(MirrorShape, raw, ("mirror",), folders, problems)


def read_mirror_of_profile(raw: object, at: KeyPath, folders: Folders, problems: Problems) -> Path:
    """A profile's own section, which stands at ``at``."""
    return _read(MirrorOfProfileShape, raw, at, folders, problems)


def mirror_beside(mirror: Path, profile: str) -> Path:
    """The mirror of a profile that names none: ``mirror-sandbox.db``."""
    return mirror.with_name(f"{mirror.stem}-{profile}{mirror.suffix}")


def _read(
    kind: type[MirrorShape | MirrorOfProfileShape],
    raw: object,
    at: KeyPath,
    folders: Folders,
    problems: Problems,
) -> Path:
    shape = shaped(kind, raw, at, problems)
    text = shape.path.strip() if shape else MIRROR_NAME
    where: KeyPath = (*at, "path")
    # SQLite would take ":memory:" and "file:…" as something else than a file's path.
    if not text or text == ":memory:" or re.match(r"[a-z]{2,}:", text):
        problems.add(where, f"expected a file's path, found {shown(text)}")
        return folders.configuration
    path = folders.configuration / _without_tilde(text, folders.home)
    if path.is_dir():
        better = f"{text.rstrip('/')}/{MIRROR_NAME}"
        problems.add(where, f"{shown(text)} is a folder; a file is expected, like {better}")
    return path


def _without_tilde(text: str, home: str) -> Path:
    if text.startswith("~/") and home:
        return Path(home, text[2:])
    return Path(text).expanduser()
