"""Every error a user of sfsync can meet: what happened, what to do next, and the exit code it ends in.

Grouped by what happens next, not by where it was raised. Foreign exceptions are translated into
these at their adapter; one boundary, ``cli/error_boundary.py``, prints them. The table in the
documentation is made from this tree. Records that Salesforce refuses are values
(``model.outcome.Rejected``), never exceptions.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar


class SfsyncError(Exception):
    """Something a person can act on.

    Args:
        message: what happened, to which record or file.
        hint: the next command or step to try; empty where there is none.
    """

    exit_code: ClassVar[int] = 1
    slug: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SfsyncError):
    """The command line asks for something that cannot be done."""

    exit_code = 2
    slug = "usage"


class InputError(SfsyncError):
    """A file or a row handed in cannot be read; the message names the place."""

    exit_code = 2
    slug = "input"


class ConfigError(SfsyncError):
    """The configuration is wrong; ``problems`` holds every mistake, each with file, line and column."""

    exit_code = 2
    slug = "config"

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class MappingError(ConfigError):
    """The mapping does not fit the org: a field is missing, or cannot be written."""

    slug = "mapping"


class MirrorError(SfsyncError):
    """The mirror's file cannot be used: no permission, no space, not a database, or of a newer sfsync."""

    slug = "mirror"


class ProtocolError(SfsyncError):
    """The org answered something that makes no sense to sfsync."""

    slug = "protocol"


class RetriableError(SfsyncError):
    """The org could not do it now; the next run goes on from here."""

    slug = "retriable"


class OrgUnavailable(RetriableError):
    """The org could not be reached, or answered with a server error, after patient retries."""

    slug = "org-unavailable"


class OutcomeUnknown(RetriableError):
    """A write was sent and no answer came: it has to be looked up before it may be repeated."""

    slug = "outcome-unknown"


class OrgRefused(SfsyncError):
    """The org refused a whole request for a reason that trying again does not mend."""

    slug = "org-refused"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class NoSuchApiVersion(OrgRefused):
    """The org does not have the API version that the configuration asks for."""

    exit_code = 2
    slug = "api-version"


class AuthError(SfsyncError):
    """There is no working login."""

    exit_code = 4
    slug = "auth"


class NotLoggedIn(AuthError):
    """No login is stored for this profile."""

    slug = "not-logged-in"


class LoginTimedOut(AuthError):
    """The browser did not come back in time."""

    slug = "login-timed-out"


class StateMismatch(AuthError):
    """The browser came back with a state that this login did not hand out."""

    slug = "state-mismatch"


class LoginRefused(AuthError):
    """Salesforce, or the person at the browser, said no."""

    slug = "login-refused"


class GrantRevoked(AuthError):
    """The stored login is revoked or has expired; only a new login helps."""

    slug = "grant-revoked"


class TokenStoreError(AuthError):
    """No place to keep the login works, or the kept login cannot be read back."""

    slug = "token-store"


class LoginKeyError(AuthError):
    """The private key that the login is signed with is gone, open to others, or no key that can be used."""

    slug = "login-key"


class WrongOrg(AuthError):
    """The login belongs to another org than this profile, or was made at another login host."""

    slug = "wrong-org"


class BudgetSpent(SfsyncError):
    """The org's daily API calls, less the reserve for everyone else, are used up."""

    exit_code = 5
    slug = "budget-spent"


class MirrorBusy(SfsyncError):
    """Another run holds the lock."""

    exit_code = 6
    slug = "mirror-busy"


class CursorGone(SfsyncError):
    """The feed of changes cannot go on from this cursor: the tables have to be read whole.

    Attributes:
        cursor: where to go on after that.
    """

    slug = "cursor-gone"

    def __init__(self, message: str, *, cursor: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cursor = cursor


class InboxFull(SfsyncError):
    """The inbox has no room for more: what was handed in last is not kept."""

    slug = "inbox-full"


class UnsafePlan(SfsyncError):
    """A safety brake: the plan would delete or blank more than the configured limit. Nothing was applied."""

    exit_code = 7
    slug = "unsafe-plan"


class Paused(SfsyncError):
    """Writing is switched off by ``sfsync pause``."""

    exit_code = 7
    slug = "paused"


_KEPT = "All work done so far is kept; "
_ADVICE = {
    errno.EMFILE: "raise the limit of open files of this process (`ulimit -n`)",
    errno.ENFILE: "the whole machine has no file handle left: end what holds so many",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "your quota is used up: make room, or ask for more",
    errno.EROFS: "the file system is mounted read-only: mount it for writing, or choose another place",
    errno.EACCES: "look at the permissions of the file and of its folder",
    errno.EPERM: "look at the permissions of the file and of its folder",
    errno.EIO: "look at the disk: the system cannot read or write it",
    errno.ENOMEM: "end other programs: the machine has no memory left",
}


def advice_for(error: OSError) -> str:
    """What a person can do about what the operating system refused."""
    what = _ADVICE.get(error.errno or 0, "look at what the system says")
    if error.errno == errno.ENOSPC and _has_no_inodes(error.filename):
        what = "the disk has room, but no inodes for another file: delete some files (`df -i`)"
    return f"{_KEPT}{what}, then run it again."


def _has_no_inodes(name: object) -> bool:
    """Whether the file system of this file counts inodes and has none left."""
    folder = Path(name).parent if isinstance(name, str) else Path()
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_files > 0 and found.f_favail == 0 and found.f_bavail > 0


def shortage(folder: Path) -> OSError | None:
    """What keeps any file from being opened in this folder: no handles, or no inodes."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error
    if _has_no_inodes(str(folder / "any")):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "any"))
    return None
