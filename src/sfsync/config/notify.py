"""The section ``notify``: who is told that runs fail, are done in part, or work again."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sfsync.config.environment import expanded
from sfsync.config.mirror import Folders, mirror_beside, read_mirror
from sfsync.config.org import NO_ORG
from sfsync.config.profiles import DEFAULT_PROFILE, read_profiles
from sfsync.config.secret_places import HasSecretPlaces, texts
from sfsync.document import problems as places
from sfsync.document.problems import Problems, shown, suggestion
from sfsync.document.shapes import Shape, shaped, takes_default
from sfsync.model.web_address import is_public

EVENTS: Final = ("failed", "partial", "recovered")
LONGEST_REPEAT: Final = 24 * 365
_AT: Final[places.Path] = ("notify",)
_PLAIN = re.compile(r"[!-~]+")
_OWN_NAMES: Final = (".internal", ".local", ".localhost", ".home.arpa", ".lan", ".svc")
"""Ends of names that only private networks have.

Source: RFC 6762 (local), RFC 8375 (home.arpa), ICANN resolution 2024.07.29.06 (internal); svc is Kubernetes' own.
"""


@dataclass(frozen=True, slots=True)
class SecretPlaces(HasSecretPlaces):
    """Where addresses are that are secrets: they hold passwords and tokens.

    Attributes:
        secret_env: variables that hold some.
        secret_file: files that do.
        credential: names of credentials that systemd hands over.
    """

    secret_env: tuple[str, ...] = ()
    secret_file: tuple[str, ...] = ()
    credential: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """An address that is told over HTTP, as it stands in the file, or where it is.

    Attributes:
        url: empty where it is a secret, or there is none.
    """

    url: str = field(default="", repr=False)
    places: SecretPlaces = field(default_factory=SecretPlaces)

    def __bool__(self) -> bool:
        return bool(self.url or self.places.names_a_secret)


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told, and what of.

    Attributes:
        webhook: an address that is posted JSON to.
        ping: an address in the style of healthchecks.io.
        command: a program and its arguments; empty for none.
        apprise: e-mail, chat and whatever else the library Apprise can: addresses, one a line.
        on: of ``EVENTS``, which are told; ``failed`` is among them.
        quarantine_over: so many in quarantine are no news; ``None`` to tell no number.
        conflicts_over: so many open conflicts, likewise.
        repeat_hours: trouble that lasts is told again after so long.
    """

    webhook: Address = field(default_factory=Address)
    ping: Address = field(default_factory=Address)
    command: tuple[str, ...] = field(default=(), repr=False)
    apprise: SecretPlaces = field(default_factory=SecretPlaces)
    on: tuple[str, ...] = EVENTS
    quarantine_over: int | None = None
    conflicts_over: int | None = None
    repeat_hours: int = 24

    @property
    def names_a_target(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self.webhook or self.ping or self.command or self.apprise.names_a_secret)


class NotifyShape(Shape):
    """The section."""

    webhook: Any = None
    ping: Any = None
    command: Any = None
    apprise: Any = None
    on: Any = None
    quarantine_over: int | None = takes_default(NotifySettings, "quarantine_over")
    conflicts_over: int | None = takes_default(NotifySettings, "conflicts_over")
    repeat_hours: int = takes_default(NotifySettings, "repeat_hours")


class PlacesShape(Shape):
    """Where addresses are; each may be one or several, read by ``texts``."""

    secret_env: Any = None
    secret_file: Any = None
    credential: Any = None


def read_notify(raw: object, problems: Problems) -> NotifySettings:
    """The section."""
    shape = shaped(NotifyShape, raw, _AT, problems)
    if shape is None:
        return NotifySettings()
    for name in ("quarantine_over", "conflicts_over"):
        most = getattr(shape, name)
        if most is not None and most < 0:
            problems.add((*_AT, name), f"expected 0 or more, found {most}")
    if not 1 <= shape.repeat_hours <= LONGEST_REPEAT:
        told = f"expected 1 to {LONGEST_REPEAT} hours, found {shape.repeat_hours}"
        problems.add((*_AT, "repeat_hours"), told)
    return NotifySettings(
        _address("webhook", shape, problems),
        _address("ping", shape, problems),
        _command(shape.command, problems),
        _apprise(shape.apprise, problems),
        _events(shape.on, problems),
        shape.quarantine_over,
        shape.conflicts_over,
        shape.repeat_hours,
    )


# -- where to --------------------------------------------------------------------------------------
def _address(name: str, shape: NotifyShape, problems: Problems) -> Address:
    raw, path = getattr(shape, name), (*_AT, name)
    if name not in shape.model_fields_set:
        return Address()
    if isinstance(raw, dict):
        return Address(places=_places(raw, path, problems))
    reason = reason_against(raw) if isinstance(raw, str) else _EXPECTED
    if reason:
        problems.add(path, reason)
        return Address()
    return Address(raw)


_EXPECTED: Final = "expected an address like https://ops.example/hook, or where it is: secret_env, secret_file or credential"


def reason_against(text: str) -> str:
    """Why an address is not told; empty for nothing. It never quotes the address.

    Https may go anywhere, http where the name or address cannot leave the private network.

    Whoever writes this section may name a program to run as well, so a private address gives nobody
    a reach that they have not; and what watches over machines mostly stands in their own network.
    """
    if not _PLAIN.fullmatch(text):
        return _EXPECTED
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is no web address"
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return "is no web address like https://ops.example/hook"
    if parts.fragment:
        return "has a part behind #, which is never sent"
    if parts.scheme == "http" and not _is_private(host):
        return "is not https: over http only a private network may be told"
    return ""


def _is_private(host: str) -> bool:
    """Whether a host is of this machine or a private network, by its name or address alone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # a number by itself is an IPv4 address to some resolvers
        return ("." not in host and host[0].isalpha()) or host.endswith(_OWN_NAMES)
    return address.is_private and not address.is_unspecified and not is_public(address)


# -- what may be one or several ---------------------------------------------------------------------
def _command(raw: object, problems: Problems) -> tuple[str, ...]:
    if raw is None:
        return ()
    words = raw if isinstance(raw, list) else []
    if not words or not all(isinstance(word, str) for word in words) or not words[0].strip():
        told = f"expected a list of a program and its arguments, found {shown(raw)}"
        problems.add((*_AT, "command"), told)
        return ()
    return tuple(words)


def _events(raw: object, problems: Problems) -> tuple[str, ...]:
    if raw is None:
        return EVENTS
    path = (*_AT, "on")
    named = texts(raw, path, problems)
    for index, name in enumerate(named):
        if name not in EVENTS:
            where = (*path, index) if isinstance(raw, list) else path
            problems.add(where, f"{shown(name)} is none of its values{suggestion(name, EVENTS)}")
    if (named or raw == []) and "failed" not in named:
        problems.add(path, "failed has to be among them")
    return named


def _apprise(raw: object, problems: Problems) -> SecretPlaces:
    path = (*_AT, "apprise")
    if raw is None:
        return SecretPlaces()
    if isinstance(raw, str | list):
        told = "its addresses hold passwords: say where they are, by secret_env, secret_file or credential"
        problems.add(path, told)
        return SecretPlaces()
    return _places(raw, path, problems)


def _places(raw: object, path: places.Path, problems: Problems) -> SecretPlaces:
    shape = shaped(PlacesShape, raw, path, problems)
    if shape is None:
        return SecretPlaces()
    names = ("secret_env", "secret_file", "credential")
    found = {name: texts(getattr(shape, name), (*path, name), problems) for name in names}
    settings = SecretPlaces(**found)
    if not settings.names_a_secret:
        told = "say where it is: secret_env, secret_file or credential"
        problems.add(path, told)
    return settings


# -- where the rest of the file has mistakes ---------------------------------------------------------
def notify_alone(
    document: Mapping[str, Any], source: Path, environ: Mapping[str, str], profile: str
) -> tuple[NotifySettings, Path] | None:
    """The section and the mirror's path, whatever else of the file is wrong; ``None`` where one of the two is.

    Args:
        document: plain values, variables as they are written.
    """
    needed = {key: document[key] for key in ("notify", "mirror", "profiles") if key in document}
    if "notify" not in needed:
        return None
    problems, folders = Problems(), Folders(source.parent, environ.get("HOME", ""))
    values = expanded({**needed, "profiles": _mirrors_of(needed)}, environ, problems)
    mirror = read_mirror(values.get("mirror", {}), folders, problems)
    own = read_profiles(values, NO_ORG, mirror, folders, problems)
    if profile in own:
        mirror = own[profile][1]
    elif profile != DEFAULT_PROFILE:
        mirror = mirror_beside(mirror, profile)
    settings = read_notify(values["notify"], problems)
    return None if problems else (settings, mirror)


def _mirrors_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The profiles with their mirrors alone."""
    profiles = document.get("profiles")
    if not isinstance(profiles, dict):
        return {}
    return {
        name: {key: raw[key] for key in ("mirror",) if key in raw}
        for name, raw in profiles.items()
        if isinstance(raw, dict)
    }
