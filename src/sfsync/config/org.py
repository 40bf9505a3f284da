"""The section ``org``: which Salesforce org, and how to log in to it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from sfsync.config.pubsub import EVENT_CHANNEL, PUBSUB, check_event_channel, check_pubsub
from sfsync.document.problems import Path, Problems, shown
from sfsync.document.shapes import Shape, shaped, takes_default

OLDEST_API: Final = 52
"""Source: docs/salesforce.md §2.1 (upsert's reply body from v46, duplicate rule header from v52)."""


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """How to reach and enter the org.

    Attributes:
        login_url: an origin, without a path.
        redirect_ports: ports of the login's way back, in the order they are tried.
        api_version: with a dot: ``66.0``.
        pubsub: host and port of its change events.
        event_channel: the channel of them that is followed.
    """

    login_url: str = "https://login.salesforce.com"
    client_id: str = field(kw_only=True)
    redirect_ports: tuple[int, ...] = (1717, 1718, 1716)
    scopes: tuple[str, ...] = ("api", "refresh_token")
    api_version: str = "66.0"
    pubsub: str = PUBSUB
    event_channel: str = EVENT_CHANNEL

    @property
    def scope(self) -> str:
        """The scopes as OAuth sends them."""
        return " ".join(self.scopes)


class OrgShape(Shape):
    """The section at the top of the file."""

    client_id: str
    login_url: str = takes_default(OrgSettings, "login_url")
    redirect_ports: Any = takes_default(OrgSettings, "redirect_ports")
    scopes: Any = takes_default(OrgSettings, "scopes")
    api_version: Any = takes_default(OrgSettings, "api_version")
    pubsub: str = takes_default(OrgSettings, "pubsub")
    event_channel: str = takes_default(OrgSettings, "event_channel")


class OrgOfProfileShape(Shape):
    """The same in a profile: what it does not state is the top's."""

    client_id: str = ""
    login_url: str = ""
    redirect_ports: Any = None
    scopes: Any = None
    api_version: Any = None
    pubsub: str = ""
    event_channel: str = ""


NO_CLIENT_ID: Final = "empty: the consumer key of the app in Salesforce belongs here"
NO_ORG: Final = OrgSettings(client_id="")
"""Stands for a section with a mistake, so that the rest can still be read."""

_SECRETS = re.compile(
    r"secret|passw|access_token|security_token|private_key|token_key", re.IGNORECASE
)


def read_org(raw: object, problems: Problems) -> OrgSettings:
    """The section ``org`` at the top of the file."""
    path: Path = ("org",)
    shape = shaped(OrgShape, _without_secrets(raw, path, problems), path, problems)
    if shape is None:
        return NO_ORG
    # The default address passes the same check as a stated one.
    login_url = _login_url(shape.login_url, (*path, "login_url"), problems)
    org = OrgSettings(login_url, client_id=_client_id(shape.client_id, path, problems))
    return _with_stated(org, shape, path, problems)


def read_org_of_profile(
    raw: object, top: OrgSettings, path: Path, problems: Problems
) -> OrgSettings:
    """The top's settings, with what a profile's own section says otherwise."""
    shape = shaped(OrgOfProfileShape, _without_secrets(raw, path, problems), path, problems)
    if shape is None:
        return top
    org = top
    if "login_url" in shape.model_fields_set:
        login_url = _login_url(shape.login_url, (*path, "login_url"), problems)
        org = replace(org, login_url=login_url)
    if "client_id" in shape.model_fields_set:
        org = replace(org, client_id=_client_id(shape.client_id, path, problems))
    return _with_stated(org, shape, path, problems)


def _with_stated(
    org: OrgSettings, shape: OrgShape | OrgOfProfileShape, path: Path, problems: Problems
) -> OrgSettings:
    """The settings, with what this section states of the rest."""
    stated = shape.model_fields_set
    if "redirect_ports" in stated:
        ports = _ports(shape.redirect_ports, (*path, "redirect_ports"), problems)
        org = replace(org, redirect_ports=ports)
    if "scopes" in stated:
        org = replace(org, scopes=_scopes(shape.scopes, (*path, "scopes"), problems))
    if "api_version" in stated:
        version = _api_version(shape.api_version, (*path, "api_version"), problems)
        org = replace(org, api_version=version)
    if "pubsub" in stated:
        org = replace(org, pubsub=check_pubsub(shape.pubsub, (*path, "pubsub"), problems))
    if "event_channel" in stated:
        at = (*path, "event_channel")
        org = replace(org, event_channel=check_event_channel(shape.event_channel, at, problems))
    return org


def _without_secrets(raw: object, path: Path, problems: Problems) -> object:
    """The section less what must not stand in it; its values are in no message."""
    if not isinstance(raw, dict):
        return raw
    secrets = [key for key in raw if _SECRETS.search(key) or key == "refresh_token"]
    for key in secrets:
        advice = "sfsync login asks for what it needs"
        if "secret" in key:
            advice = "set the environment variable SFSYNC_CLIENT_SECRET instead"
        problems.add((*path, key), f"a secret does not belong in this file; {advice}", at_key=True)
    return {key: value for key, value in raw.items() if key not in secrets}


def _client_id(text: str, path: Path, problems: Problems) -> str:
    client_id = text.strip()
    if not client_id:
        problems.add((*path, "client_id"), NO_CLIENT_ID)
    return client_id


# -- the login's address ---------------------------------------------------------------------------
_NO_ADDRESS: Final = "not an address like https://login.salesforce.com"


def _login_url(url: str, path: Path, problems: Problems) -> str:
    """An origin: https, or http on this machine for a local org.

    The value itself is in no message: it may come from a variable that holds something else.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        problems.add(path, _NO_ADDRESS)
        return ""
    wrong = _wrong_address(parts, url.strip())
    if wrong:
        problems.add(path, wrong)
    if ":" in host:  # IPv6
        host = f"[{host}]"
    if port:
        host = f"{host}:{port}"
    return f"{parts.scheme}://{host}"


def _wrong_address(parts: SplitResult, url: str) -> str:
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", url):
        return _NO_ADDRESS
    if parts.scheme == "http" and not _is_loopback(host):
        return "http would send the login in the clear; write https://"
    if parts.username is not None or parts.password is not None:
        return (
            "a user or password does not belong in the address; sfsync login asks for what it needs"
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return "only the address of the host is needed, without a path"
    return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# -- ports, scopes, version ------------------------------------------------------------------------
def _ports(raw: object, path: Path, problems: Problems) -> tuple[int, ...]:
    """A list of ports, or one alone."""
    if not isinstance(raw, list):
        port = _port(raw, path, problems)
        return () if port is None else (port,)
    if not raw:
        problems.add(path, "empty: at least one port is needed for the login's way back")
    ports: list[int] = []
    for index, entry in enumerate(raw):
        port = _port(entry, (*path, index), problems)
        if port in ports:
            problems.add((*path, index), f"{port} stands here twice")
        elif port is not None:
            ports.append(port)
    return tuple(ports)


def _port(raw: object, path: Path, problems: Problems) -> int | None:
    port = raw
    if isinstance(raw, str) and re.fullmatch(r"[1-9][0-9]{0,4}", raw):
        port = int(raw)  # from a variable, which is always text
    if isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65535:
        return port
    problems.add(path, f"expected a port from 1 to 65535, found {shown(raw)}")
    return None


def _scopes(raw: object, path: Path, problems: Problems) -> tuple[str, ...]:
    entries = raw.split() if isinstance(raw, str) else raw
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        problems.add(path, f"expected a list like [api, refresh_token], found {shown(raw)}")
        return ()
    for index, entry in enumerate(entries):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", entry):
            sentence = f"{shown(entry)} is no scope; one like api, refresh_token is expected"
            problems.add((*path, index), sentence)
    if not {"api", "full"} & set(entries):
        problems.add(path, "without api nothing can be read or written; write [api, refresh_token]")
    return tuple(dict.fromkeys(entries))


def _api_version(raw: object, path: Path, problems: Problems) -> str:
    text = _version_text(raw)
    if not re.fullmatch(r"[1-9][0-9]{1,2}\.0", text):
        problems.add(path, f'expected a version like "66.0", found {shown(raw)}')
    elif int(text.split(".")[0]) < OLDEST_API:
        problems.add(path, f"{text} is too old: sfsync needs {OLDEST_API}.0 or later")
    return text


def _version_text(raw: object) -> str:
    """``66.0`` without quotes is a number in YAML, and so is ``66``."""
    if isinstance(raw, float):
        return f"{raw:.1f}"
    if isinstance(raw, int) and not isinstance(raw, bool):
        return f"{raw}.0"
    return str(raw)
