"""A file that holds a secret: read only where it is the user's own and closed to everybody else, or was handed over so.

What was checked is what is read: the file is looked at through its open descriptor. What the secret
is for, and what to do where the file does not serve, is for the caller.

Source: systemd.exec(5), LoadCredential= (systemd protects its credentials itself).
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

from .handed_over import is_handed_over, secret_file

LONGEST = 16384

log = logging.getLogger(__name__)


class UnusableFileError(Exception):
    """Why the file does not serve; to be made into an error for people by whoever asked.

    Args:
        reason: the end of a sentence that begins with the file's name.
        hint: what to do, where that is plain; else empty.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def read_own(path: Path, *, closed: bool = True) -> str:
    """The text of a file.

    Args:
        path: the file.
        closed: insist that it is the user's own and open to nobody else; not for systemd's
            credentials, whose owner and mode differ between versions.

    Raises:
        UnusableFileError: it cannot be read, is no text, or is open to others.
    """
    try:
        with path.open("rb") as file:
            if closed:
                _refuse_if_open_to_others(os.fstat(file.fileno()), path)
            return file.read(LONGEST).decode()
    except OSError as error:
        raise UnusableFileError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnusableFileError("cannot be read: it is not text") from None


def credential(directory: Path | None, name: str) -> Path | None:
    """The file of a systemd credential, where there is one."""
    path = directory / name if directory else None
    return path if path and path.is_file() else None


def _refuse_if_open_to_others(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnusableFileError("is not a file")
    if sys.platform == "win32":
        return
    is_mine, is_closed = status.st_uid == os.geteuid(), not status.st_mode & 0o077
    if is_mine and is_closed:
        return
    if may_be_used(path, status):
        log.info(
            "%s is readable by others (mode %04o) on a mount for secrets: taken as it is",
            path,
            stat.S_IMODE(status.st_mode),
        )
        return
    if not is_mine:
        raise UnusableFileError("belongs to another user", "Make a key file of your own.")
    raise UnusableFileError(
        f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
        f"Close it: chmod 600 {path}",
    )


def may_be_used(path: Path, status: os.stat_result) -> bool:
    """Whether it was handed over by a container's runtime or by root, whoever owns it.

    Args:
        status: of the file as it is open.
    """
    groups = {os.getegid(), *os.getgroups()}
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111  a container's user may have none
    return is_handed_over(secret_file(path, status), os.geteuid(), groups, home)
