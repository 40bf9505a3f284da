"""The wall clock, which is read here and nowhere else, and the names of runs made of it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta, tzinfo

from sfsync.errors import SfsyncError
from sfsync.model.cursor import iso


class LocalZone(tzinfo):
    """This machine's time zone with its rules, not its offset of today.

    A day in July begins in summer time, also when asked for in winter.
    """

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """As the system says for that moment."""
        return None if at is None else at.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, at: datetime | None) -> None:
        """Unknown: ``utcoffset`` includes it."""

    def tzname(self, at: datetime | None) -> str | None:
        """As the system calls it at that moment."""
        return None if at is None else at.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, at: datetime) -> datetime:
        """That moment's time of day here."""
        return at.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)


def now() -> str:
    """The wall clock, ``2026-01-20T10:00:00Z``."""
    return iso(local_now())


def local_now() -> datetime:
    """The wall clock in this machine's time zone.

    Raises:
        SfsyncError: it says a year that no calendar has, as a machine without a battery may.
    """
    try:
        return datetime.now(LocalZone())  # noqa: TID251  the one place where the clock is read
    except (ValueError, OverflowError, OSError) as error:
        raise SfsyncError(
            f"this machine's clock cannot be read as a date: {error}",
            hint="Set the clock (`timedatectl set-ntp true`), then run it again.",
        ) from error


def new_run_id() -> str:
    """A run's name: when it began, and enough chance to be the only one."""
    return f"{now().replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"
