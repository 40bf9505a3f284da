"""The section ``listen``: where webhooks are taken in, and which email services may send."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sfsync.config.secret_places import HasSecretPlaces, texts
from sfsync.document.problems import Path, Problems, shown, suggestion
from sfsync.document.shapes import Shape, shaped, takes_default
from sfsync.intake.sources.registry import NAMES, SOURCES

SMALLEST_BODY, LARGEST_BODY = 1_024, 64 * 1024 * 1024
SHORTEST_POLL, LONGEST_POLL = 10, 86_400


@dataclass(frozen=True, slots=True)
class SourceSettings(HasSecretPlaces):
    """An email service that may send.

    Attributes:
        secret_env: variables that hold a secret each; several while one is replaced by another.
        secret_file: files that do.
        credential: names of credentials that systemd hands over.
        topics: the Amazon SNS topics that may send.
        public_url: the address exactly as the service was told it.
    """

    secret_env: tuple[str, ...] = ()
    secret_file: tuple[str, ...] = ()
    credential: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """How ``sfsync listen`` works.

    Attributes:
        bind: address and port of the webhooks.
        health_bind: address and port of ``/healthz``, ``/readyz`` and ``/metrics``: of this machine alone.
        max_body: how many bytes a delivery may have.
        poll_seconds: how often Salesforce is asked what changed.
        sources: by name.
    """

    bind: str = "127.0.0.1:8788"
    health_bind: str = "127.0.0.1:8789"
    max_body: int = 1024 * 1024
    poll_seconds: int = 60
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)


class ListenShape(Shape):
    """The section."""

    bind: str = takes_default(ListenSettings, "bind")
    health_bind: str = takes_default(ListenSettings, "health_bind")
    max_body: int = takes_default(ListenSettings, "max_body")
    poll_seconds: int = takes_default(ListenSettings, "poll_seconds")
    sources: Any = None


class SourceShape(Shape):
    """One entry of ``sources``; what may be one or several is read by ``texts``."""

    secret_env: Any = None
    secret_file: Any = None
    credential: Any = None
    topics: Any = None
    public_url: str = ""


_AT: Final[Path] = ("listen",)


def read_listen(raw: object, problems: Problems) -> ListenSettings:
    """The section."""
    shape = shaped(ListenShape, raw, _AT, problems)
    if shape is None:
        return ListenSettings()
    for name in ("bind", "health_bind"):
        _check_bind(name, getattr(shape, name), problems)
    _check_range("max_body", shape.max_body, SMALLEST_BODY, LARGEST_BODY, "bytes", problems)
    _check_range(
        "poll_seconds", shape.poll_seconds, SHORTEST_POLL, LONGEST_POLL, "seconds", problems
    )
    return ListenSettings(
        shape.bind,
        shape.health_bind,
        shape.max_body,
        shape.poll_seconds,
        _sources(shape.sources, problems),
    )


def address(bind: str) -> tuple[str, int]:
    """Host and port of a checked ``bind``.

    >>> address("127.0.0.1:8788"), address("[::1]:80")
    (('127.0.0.1', 8788), ('::1', 80))
    """
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def _check_bind(name: str, bind: str, problems: Problems) -> None:
    host, _, port = bind.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) <= 65_535):
        told = f"expected an address and a port like 127.0.0.1:8788, found {shown(bind)}"
        problems.add((*_AT, name), told)
        return
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if name == "health_bind" and not loopback:
        told = f"{shown(bind)} is open to others: health and metrics are for this machine alone"
        problems.add((*_AT, name), told)


def _check_range(
    name: str, value: int, least: int, most: int, unit: str, problems: Problems
) -> None:
    if not least <= value <= most:
        problems.add((*_AT, name), f"expected {least} to {most} {unit}, found {value}")


def _sources(raw: object, problems: Problems) -> dict[str, SourceSettings]:
    path = (*_AT, "sources")
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        problems.add(path, f"expected names of email services, found {shown(raw)}")
        return {}
    found = {}
    for name, entry in raw.items():
        if name not in NAMES:
            told = f"no such email service{suggestion(str(name), NAMES)}"
            problems.add((*path, name), told, at_key=True)
            continue
        settings = _source(entry, (*path, name), problems)
        _check_source(name, settings, (*path, name), problems)
        found[name] = settings
    return found


def _source(raw: object, path: Path, problems: Problems) -> SourceSettings:
    shape = shaped(SourceShape, raw, path, problems)
    if shape is None:
        return SourceSettings()
    several = ("secret_env", "secret_file", "credential", "topics")
    found = {name: texts(getattr(shape, name), (*path, name), problems) for name in several}
    return SourceSettings(**found, public_url=shape.public_url)


def _check_source(name: str, settings: SourceSettings, path: Path, problems: Problems) -> None:
    source = SOURCES[name]
    if source.needs_secret and not settings.names_a_secret:
        problems.add(path, "say where its secret is: secret_env, secret_file or credential")
    if source.needs_topics and not settings.topics:
        problems.add(path, "say which topics may send: topics")
    url = urlsplit(settings.public_url)
    if source.needs_public_url and not (url.scheme and url.netloc):
        problems.add(path, f"{source.title} signs the address it was told: public_url")
