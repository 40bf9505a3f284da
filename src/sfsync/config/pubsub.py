"""Two keys of the section ``org``: where the org's change events are followed, and on which channel."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from sfsync.document.problems import Path, Problems, shown

PUBSUB: Final = "api.pubsub.salesforce.com:7443"
"""Source: Pub/Sub API, "Endpoints"; ``api.deu.pubsub.salesforce.com`` for the EU."""

EVENT_CHANNEL: Final = "PenguinMails_Sync__chn"
STANDARD_CHANNEL: Final = "ChangeEvents"
_HOST: Final = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
)
_CHANNEL: Final = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9]){0,36}__chn")


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is an address of this machine, written out: there alone TLS may be left out.

    >>> is_loopback("127.0.0.1:7443"), is_loopback("[::1]:7443"), is_loopback("localhost:7443")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


def check_pubsub(endpoint: str, path: Path, problems: Problems) -> str:
    """A host and a port."""
    host, _, port = endpoint.strip().rpartition(":")
    fits = port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535
    if not (fits and _HOST.fullmatch(host)):
        problems.add(path, f"expected a host and a port like {PUBSUB}, found {shown(endpoint)}")
    elif host.lower() == "localhost":
        problems.add(path, f"write this machine's address: 127.0.0.1:{port}")
    return endpoint.strip()


def check_event_channel(name: str, path: Path, problems: Problems) -> str:
    """A channel of one's own, or the standard one."""
    channel = name.strip().removeprefix("/data/")
    if channel != STANDARD_CHANNEL and not _CHANNEL.fullmatch(channel):
        problems.add(
            path,
            f"expected a channel like {EVENT_CHANNEL}, or {STANDARD_CHANNEL}, found {shown(name)}",
        )
    return channel
