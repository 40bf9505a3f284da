"""The way to the network that the shell has and a scheduled job would not: proxies and certificates.

An address with a password is a secret: it goes into a file of its own, which nobody else can read, never into a unit, a crontab
or a list of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sfsync.errors import UsageError
from sfsync.model.network_settings import (
    BUNDLES,
    NO_PROXY,
    OTHER_BUNDLES,
    PROXIES,
    has_password,
)

FIRST_LINE = "# Written by sfsync schedule for its job; taken away with it.\n"
"""How a file is known as one that may be written over."""


def open_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What may stand in a schedule; certificates by their absolute path."""
    found = {
        name: environ[name]
        for name in (*PROXIES, *NO_PROXY)
        if environ.get(name) and not _is_secret(name, environ[name])
    }
    bundles = {
        name: str(Path(environ[name]).expanduser().absolute())
        for name in (*BUNDLES, *OTHER_BUNDLES)
        if environ.get(name)
    }
    return found | bundles


def secret_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies with a password."""
    return {
        name: environ[name]
        for name in PROXIES
        if environ.get(name) and _is_secret(name, environ[name])
    }


def _is_secret(name: str, value: str) -> bool:
    return name in PROXIES and has_password(value)


def settings_file(settings: Mapping[str, str]) -> str:
    """The text of the file that holds them: read alike by a shell and by systemd.

    Raises:
        UsageError: a value cannot stand in such a file.

    Source: systemd.exec(5), EnvironmentFile= (values in single quotes stand as they are).
    """
    for name, value in settings.items():
        if not value.isprintable() or set(value) & {"'", "\\"}:
            raise UsageError(
                f"${name} cannot be written into a file for the job: it holds a quote or a backslash",
                hint="Write such signs of a password as %27 and %5C.",
            )
    return FIRST_LINE + "".join(f"{name}='{value}'\n" for name, value in settings.items())


def told(settings: Mapping[str, str], file: Path, *, written: bool) -> Iterator[str]:
    """What a person has to know of the file."""
    if not settings:
        return
    names = " and ".join(f"${name}" for name in settings)
    stands = "stands" if written else "will stand, once --install has written it,"
    yield f"the password of {names} {stands} in {file}, readable by you alone, and in no schedule"
