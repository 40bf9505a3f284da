"""Whether a secret's file that is not the user's alone was handed over by a container's runtime, and may be used.

What matters is who can read or replace it. In a container nobody else is there, and neither owner nor mode are the user's to choose:
Kubernetes gives its secrets to root and, with ``fsGroup``, to a group of ours (0440); Docker's are anybody's to read (0444). Such
a file lies on a mount of its own, read-only or in memory.

Source: Kubernetes, "Configure a Security Context for a Pod" (fsGroup) and kubernetes/kubernetes#57923 (0400 becomes 0440); Docker,
"Manage sensitive data with Docker secrets" (/run/secrets, 0444, in memory); proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_EVERYBODYS = frozenset(
    {"/", "/dev", "/dev/shm", "/run", "/run/lock", "/tmp", "/var/run", "/var/tmp"}  # noqa: S108
)
"""Mounts that a machine has anyway: that a file lies there says nothing."""


@dataclass(frozen=True, slots=True)
class Mount:
    """What a file lies on: where it is mounted, the kind of file system, whether it can be written."""

    point: Path
    kind: str
    is_read_only: bool


@dataclass(frozen=True, slots=True)
class SecretFile:
    """What is known of a file that holds a secret.

    Attributes:
        mode: its permission bits.
        mount: ``None`` where the system does not tell.
        is_crowded: others may put another file in its place.
    """

    path: Path
    mode: int
    owner: int
    group: int
    mount: Mount | None = None
    is_crowded: bool = False


def secret_file(path: Path, status: os.stat_result) -> SecretFile:
    """What is known of this file.

    Args:
        status: of the file as it is open, so that what is judged is what is read.
    """
    real = path.resolve()
    mount = mount_of(real, _mounts())
    crowded = mount is not None and any(map(_is_anybodys, _folders(real, mount.point)))
    mode = stat.S_IMODE(status.st_mode)
    return SecretFile(real, mode, status.st_uid, status.st_gid, mount, crowded)


def is_handed_over(file: SecretFile, user: int, groups: Collection[int], home: Path) -> bool:
    """Whether it may be used although others than the user own it, or may read it.

    Args:
        user, groups: who asks, by number.
        home: the user's folder, where the modes are the user's to choose.
    """
    if file.mode & 0o022:
        return False
    if _is_roots_for_us(file, user, groups):
        return True
    return file.mount is not None and _is_for_secrets(file, file.mount, home)


def _is_roots_for_us(file: SecretFile, user: int, groups: Collection[int]) -> bool:
    """Root's, and for a group of ours to read: what an admin, or Kubernetes, gives to a service."""
    is_for_group = file.mode & 0o040 and not file.mode & 0o007 and file.group in groups
    return file.owner == 0 != user and bool(is_for_group)


def _is_for_secrets(file: SecretFile, mount: Mount, home: Path) -> bool:
    if str(mount.point) in _EVERYBODYS or home.is_relative_to(mount.point):
        return False
    if mount.is_read_only:
        return True
    in_memory = mount.kind in _IN_MEMORY and file.owner == 0 and not file.is_crowded
    is_at_home = home != Path("/") and file.path.is_relative_to(home)
    return in_memory and not is_at_home


# -- mounts ----------------------------------------------------------------------------------------
def mount_of(path: Path, mounts: str) -> Mount | None:
    r"""The mount that a file lies on, in the system's list of mounts.

    >>> mount_of(Path("/run/secrets/key"), "1 0 0:1 / /run/secrets ro,nosuid - tmpfs tmpfs rw\n")
    Mount(point=PosixPath('/run/secrets'), kind='tmpfs', is_read_only=True)
    """
    found = [mount for mount in _parsed(mounts) if path.is_relative_to(mount.point)]
    return max(reversed(found), key=lambda mount: len(mount.point.parts), default=None)


def _parsed(mounts: str) -> Iterator[Mount]:
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) < 6 or len(kind) < 3:
            continue
        options = {*words[5].split(","), *kind[2].split(",")}
        yield Mount(Path(_unescaped(words[4])), kind[0], "ro" in options)


def _unescaped(text: str) -> str:
    r"""A path as it is: the list writes a blank as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _mounts() -> str:
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _folders(path: Path, top: Path) -> Iterator[Path]:
    """The folders from the file up to where it is mounted."""
    return (folder for folder in path.parents if folder.is_relative_to(top))


def _is_anybodys(folder: Path) -> bool:
    """Whether others may replace what is in this folder; a sticky one protects it."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return True
    return bool(mode & 0o022) and not mode & stat.S_ISVTX
