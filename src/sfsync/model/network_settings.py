"""The proxy and the certificates that the environment names, for messages and for schedules. Pure: the environment is handed in.

Source: requests, "Proxies" and "SSL Cert Verification" (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE); urllib.request.getproxies_environment
(the variable in small letters goes before the one in capitals).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PROXY_NAMES: Final = ("https_proxy", "http_proxy", "all_proxy")
PROXIES: Final = tuple(name for each in _PROXY_NAMES for name in (each, each.upper()))
"""The variables that name a proxy: those of https first."""

NO_PROXY: Final = ("no_proxy", "NO_PROXY")
BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Those that name certificates which count, as ``requests`` reads them: the first that is set."""

OTHER_BUNDLES: Final = ("SSL_CERT_FILE",)
"""Those that other programs and libraries read."""

_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})")


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable that is set, and what to."""

    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class ProxyTrouble:
    """What is wrong with the proxy that a call went through, for people."""

    message: str
    hint: str
    is_over_soon: bool


def proxy_for_https(environ: Mapping[str, str]) -> Setting | None:
    """The proxy that calls by https go through."""
    names = (name for name in PROXIES if "http_" not in name.lower())
    return next(_set(environ, names), None)


def bundle(environ: Mapping[str, str]) -> Setting | None:
    """The file or folder of certificates that count instead of the usual ones."""
    return next(_set(environ, BUNDLES), None)


def missing_bundle(environ: Mapping[str, str], is_there: Callable[[str], bool]) -> Setting | None:
    """The variable that names certificates which are not there."""
    found = bundle(environ)
    return found if found and not is_there(found.value) else None


def proxies(environ: Mapping[str, str]) -> list[Setting]:
    """Every proxy that is named."""
    return list(_set(environ, PROXIES))


def has_password(proxy: str) -> bool:
    """Whether the address holds a name or a password.

    >>> has_password("http://ada:secret@proxy.example:3128"), has_password("proxy.example:3128")
    (True, False)
    """
    return "@" in _authority(proxy)


def shown(proxy: str) -> str:
    """The address without a name and a password.

    >>> shown("http://ada:secret@proxy.example:3128")
    'http://proxy.example:3128'
    """
    before, at, after = proxy.rpartition("@")
    if not at:
        return proxy
    return f"{before.partition('://')[0]}://{after}" if "://" in before else after


def proxy_trouble(error: Exception, host: str, environ: Mapping[str, str]) -> ProxyTrouble:
    """Name the proxy that kept a call from being made, and the variable that it comes from.

    Args:
        error: what the HTTP library says.
        host: where the call was to go.
    """
    proxy = proxy_for_https(environ)
    named = f"the proxy {shown(proxy.value)} (from ${proxy.variable})" if proxy else "the proxy"
    refused = _REFUSED.search(str(error))
    if refused is None:
        hint = (
            "look whether it runs, and correct the variable; hosts that need none go into $NO_PROXY"
        )
        return ProxyTrouble(
            f"{named} cannot be reached, and so {host} cannot", hint, is_over_soon=True
        )
    if refused[1] != "407":
        message = f"{named} does not connect to {host} (HTTP {refused[1]})"
        return ProxyTrouble(
            message, "ask whoever runs it to allow that host", is_over_soon=refused[1][0] == "5"
        )
    if proxy and has_password(proxy.value):
        message = f"{named} does not take the name and the password that stand there (HTTP 407)"
        return ProxyTrouble(
            message,
            "correct them there; signs such as @ and : are written %40 and %3A",
            is_over_soon=False,
        )
    message = f"{named} asks for a name and a password (HTTP 407)"
    return ProxyTrouble(
        message, "write them there: http://NAME:PASSWORD@HOST:PORT", is_over_soon=False
    )


def _authority(proxy: str) -> str:
    return urlsplit(proxy if "://" in proxy else f"//{proxy}").netloc


def _set(environ: Mapping[str, str], names: Iterator[str] | tuple[str, ...]) -> Iterator[Setting]:
    return (Setting(name, environ[name]) for name in names if environ.get(name))
