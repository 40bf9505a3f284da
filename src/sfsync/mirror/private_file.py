"""The mirror's file is born 0600 under any umask, before SQLite sees it, which gives its journal the same mode."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from sfsync.errors import MirrorError, advice_for


def make_private(path: Path) -> None:
    """Create the file 0600 and its folder 0700 where missing; make an existing file 0600.

    Raises:
        MirrorError: the path leads, by a link, to another user's file, or cannot be made.
    """
    try:
        _make_folder(path.parent)
        _refuse_foreign(path)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        if path.exists() and os.access(path, os.R_OK):
            return  # reading may be all that is wanted; a write says so itself
        raise MirrorError(
            f"{path}: no permission to open the mirror",
            hint="Look at the permissions of the file and of its folder.",
        ) from error
    except OSError as error:
        if error.errno == errno.EROFS and path.exists():  # as above
            return
        raise MirrorError(
            f"{path}: the mirror cannot be opened: {error.strerror}",
            hint=_hint_for(error),
        ) from error
    try:
        found = os.fstat(handle)
        if (
            stat.S_ISREG(found.st_mode)
            and found.st_uid == os.geteuid()
            and stat.S_IMODE(found.st_mode) & 0o077
        ):
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _hint_for(error: OSError) -> str:
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return advice_for(error)
    return "Choose another mirror.path."


def _make_folder(folder: Path) -> None:
    if folder.exists():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _refuse_foreign(path: Path) -> None:
    if not path.is_symlink():
        return
    target = path.resolve()
    if not target.exists() or target.stat().st_uid != os.geteuid():
        raise MirrorError(
            f"{path}: a link to {target}, which is not your file",
            hint="Name the file itself as mirror.path.",
        )
