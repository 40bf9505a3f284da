"""An address that is posted to, and which addresses of the network may be connected to for it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self, TypeAlias
from urllib.parse import urlsplit

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PLAIN = re.compile(r"[!-~]+")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address in its parts.

    Attributes:
        host: a name or an IP address without brackets, in small letters.
        target: the path, with the query where there is one.
        is_loopback: the host is this machine by its own name: ``localhost``, 127.0.0.0/8 or ::1.
    """

    scheme: str
    host: str
    port: int
    target: str
    is_loopback: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``https://crm.example/hook``.

        Raises:
            ValueError: it cannot be posted to; with the reason, for people.
        """
        if not _PLAIN.fullmatch(text):
            raise ValueError("holds a blank, or a letter that an address has to spell otherwise")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ValueError("is no web address") from None
        if parts.scheme not in _PORTS or not host or port == 0:
            raise ValueError("is no web address like https://crm.example/hook")
        if parts.username is not None or parts.password is not None:
            raise ValueError("holds a user or a password: the signature is the proof")
        if parts.fragment:
            raise ValueError("has a part behind #, which is never sent")
        is_loopback = _names_this_machine(host)
        if parts.scheme == "http" and not is_loopback:
            raise ValueError("is not https: only this machine itself may be told over http")
        literal = ip_of(host)
        if literal is not None and not is_loopback and not is_public(literal):
            raise ValueError("is no public address")
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], target, is_loopback)

    @property
    def authority(self) -> str:
        """What the header ``Host`` says.

        >>> WebAddress.parse("http://[::1]:8080/x").authority
        '[::1]:8080'
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def may_be_at(self, address: str) -> bool:
        """Whether the host's name may lead to this IP address."""
        found = ip_of(address)
        if found is None:
            return False
        return found.is_loopback if self.is_loopback else is_public(found)


def ip_of(text: str) -> Ip | None:
    """An IP address from its usual text, or ``None``; a scope such as ``%eth0`` makes it none."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def is_public(address: Ip) -> bool:
    """Whether an address belongs to the public network, whatever it is wrapped in.

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.215.14", "::ffff:10.0.0.1")]
    [True, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = _wrapped(address)
        if wrapped is not None:
            return is_public(wrapped)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a gateway, or this machine, would go on to.

    Source: RFC 4291 (mapped), RFC 3056 (6to4), RFC 6052 (64:ff9b::/96), RFC 4380 (Teredo).
    """
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.teredo[1] if address.teredo is not None else None


def _names_this_machine(host: str) -> bool:
    literal = ip_of(host)
    return host == "localhost" if literal is None else literal.is_loopback
