"""The section ``webhooks``: who is told what changed in the mirror, and what proves that it was sfsync."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sfsync.config.secret_places import HasSecretPlaces, texts
from sfsync.document.problems import Path, Problems, shown, suggestion
from sfsync.document.shapes import Shape, shaped, takes_default
from sfsync.model.web_address import WebAddress
from sfsync.planning.deliveries import PATTERNS

MOST_ENDPOINTS: Final = 16
LONGEST_PAUSE: Final = 365
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_AT: Final[Path] = ("webhooks",)


@dataclass(frozen=True, slots=True)
class EndpointSettings(HasSecretPlaces):
    """Somebody who is told.

    Attributes:
        url: where to.
        types: what of, ``contact.updated`` or ``lead.*``; all where there is none.
        secret_env: variables that hold a secret each; all of them sign, so that one can be replaced by another.
        secret_file: files that do.
        credential: names of credentials that systemd hands over.
    """

    url: str
    types: tuple[str, ...] = ()
    secret_env: tuple[str, ...] = ()
    secret_file: tuple[str, ...] = ()
    credential: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What sfsync sends.

    Attributes:
        pause_after_days: an endpoint is paused after so many days of nothing but failures.
        endpoints: by name.
    """

    pause_after_days: int = 5
    endpoints: Mapping[str, EndpointSettings] = field(default_factory=dict)


class WebhooksShape(Shape):
    """The section."""

    pause_after_days: int = takes_default(WebhookSettings, "pause_after_days")
    endpoints: Any = None


class EndpointShape(Shape):
    """One entry of ``endpoints``; what may be one or several is read by ``texts``."""

    url: str
    types: Any = None
    secret_env: Any = None
    secret_file: Any = None
    credential: Any = None


def read_webhooks(raw: object, problems: Problems) -> WebhookSettings:
    """The section."""
    shape = shaped(WebhooksShape, raw, _AT, problems)
    if shape is None:
        return WebhookSettings()
    if not 1 <= shape.pause_after_days <= LONGEST_PAUSE:
        told = f"expected 1 to {LONGEST_PAUSE} days, found {shape.pause_after_days}"
        problems.add((*_AT, "pause_after_days"), told)
    return WebhookSettings(shape.pause_after_days, _endpoints(shape.endpoints, problems))


def _endpoints(raw: object, problems: Problems) -> dict[str, EndpointSettings]:
    path = (*_AT, "endpoints")
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        problems.add(path, f"expected names with what they stand for, found {shown(raw)}")
        return {}
    if len(raw) > MOST_ENDPOINTS:
        problems.add(path, f"{len(raw)} endpoints, {MOST_ENDPOINTS} at most")
    found = {}
    for name, entry in raw.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            told = "expected a name of small letters, digits, - and _"
            problems.add((*path, name), told, at_key=True)
            continue
        settings = _endpoint(entry, (*path, name), problems)
        if settings is not None:
            found[name] = settings
    return found


def _endpoint(raw: object, path: Path, problems: Problems) -> EndpointSettings | None:
    shape = shaped(EndpointShape, raw, path, problems)
    if shape is None:
        return None
    try:
        WebAddress.parse(shape.url)
    except ValueError as error:
        problems.add((*path, "url"), str(error))
    several = ("types", "secret_env", "secret_file", "credential")
    found = {name: texts(getattr(shape, name), (*path, name), problems) for name in several}
    settings = EndpointSettings(shape.url, **found)
    if not settings.names_a_secret:
        problems.add(path, "say where its secret is: secret_env, secret_file or credential")
    for index, name in enumerate(settings.types):
        if name not in PATTERNS:
            where = (*path, "types", index) if isinstance(shape.types, list) else (*path, "types")
            problems.add(where, f"{shown(name)} is no type{suggestion(name, PATTERNS)}")
    return settings
