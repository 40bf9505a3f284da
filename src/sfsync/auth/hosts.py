"""Which hosts a login may talk to: pure questions about URLs, asked before any secret leaves.

A token reply names two addresses that later get the bearer, ``instance_url`` and ``id``. Both are
held against the list here, so that a forged or mistaken reply cannot lead a token to a stranger.
Plain HTTP is for loopback alone, and a loopback address only for a login that was itself made on
loopback.

Source: docs/salesforce.md §1.1 (hosts).
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from sfsync.errors import ConfigError, ProtocolError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SALESFORCE_DOMAINS = (
    "salesforce.com",
    "force.com",
    "cloudforce.com",
    "salesforce.mil",
    "force.mil",
    "crmforce.mil",
    "sfcrmproducts.cn",
    "sfcrmapps.cn",
)
_DEFAULT_PORTS = {"https": 443, "http": 80}


def login_origin(url: str) -> str:
    """The origin to log in at, from ``org.login_url``.

    Raises:
        ConfigError: for anything but https, or plain http on loopback.

    >>> login_origin("https://acme.my.salesforce.com/")
    'https://acme.my.salesforce.com'
    >>> login_origin("http://localhost:8080")
    'http://localhost:8080'
    """
    parts = _split(url)
    if parts is None or not _is_carried_safely(parts):
        raise ConfigError(
            "org.login_url must be an https address (plain http only on this computer), without "
            "a user name",
            hint="Use https://login.salesforce.com, https://test.salesforce.com or "
            "https://NAME.my.salesforce.com.",
        )
    return _origin(parts)


def trusted_url(url: str, login: str, what: str) -> str:
    """Hand back ``url`` where it may be given the bearer of a login made at ``login``.

    Args:
        url: an address out of a token reply.
        login: the origin that sent the reply.
        what: its name in the reply, for the message.

    Raises:
        ProtocolError: for a host that is neither Salesforce's nor the login host itself.

    >>> trusted_url("https://acme.my.salesforce.com", "https://login.salesforce.com", "id")
    'https://acme.my.salesforce.com'
    """
    parts = _split(url)
    if parts is None or not _is_carried_safely(parts) or not _is_trusted(parts, login):
        host = (parts.hostname if parts else None) or "nothing readable"
        raise ProtocolError(
            f"The reply of {host_of(login)} names {_printable(host)} as {what}: not a Salesforce "
            "address. The login was not sent there.",
            hint="Check org.login_url; if it is right, tell whoever runs that host.",
        )
    return url


def is_loopback(url: str) -> bool:
    """Is this an address on this computer?"""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS


def host_of(url: str) -> str:
    """The host and port, for messages."""
    return urlsplit(url).netloc


def origin_of(url: str) -> str:
    """Scheme, host and port of an address that was checked before."""
    return _origin(urlsplit(url))


def jwt_audience(login: str) -> str:
    """The ``aud`` that a JWT for this login host must carry.

    Source: docs/salesforce.md §1.8 (login or test, or an own domain), §1.1 (sandboxes belong to
    test).

    >>> jwt_audience("https://acme--uat.sandbox.my.salesforce.com")
    'https://test.salesforce.com'
    >>> jwt_audience("https://acme.my.salesforce.com")
    'https://login.salesforce.com'
    """
    host = urlsplit(login).hostname or ""
    if host == "test.salesforce.com" or host.endswith(".sandbox.my.salesforce.com"):
        return "https://test.salesforce.com"
    if host.endswith(".salesforce.com"):
        return "https://login.salesforce.com"
    return login


def is_shared_login(login: str) -> bool:
    """Is this one of the two hosts that serve every org, and so refuse client credentials?"""
    return urlsplit(login).hostname in {"login.salesforce.com", "test.salesforce.com"}


def _split(url: str) -> SplitResult | None:
    if url != url.strip() or any(character in url for character in "\\\r\n\t"):
        return None
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _is_carried_safely(parts: SplitResult) -> bool:
    if "@" in parts.netloc:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


def _is_trusted(parts: SplitResult, login: str) -> bool:
    if _origin(parts) == login:
        return True
    host = parts.hostname or ""
    if host in LOOPBACK_HOSTS:
        return is_loopback(login)
    if parts.port not in {None, 443}:
        return False
    return any(host.endswith(f".{domain}") for domain in SALESFORCE_DOMAINS)


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)}:
        return f"{parts.scheme}://{shown}"
    return f"{parts.scheme}://{shown}:{parts.port}"


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:100]
