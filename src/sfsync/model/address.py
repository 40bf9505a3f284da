"""Email addresses as keys: the form in which two of them are the same.

Case is ignored in ASCII letters alone, which is what SQLite's ``lower`` does, so that SQL and Python agree. A domain
has two spellings, ``bücher.example`` and ``xn--bcher-kva.example``: the key is the second one, which is how it travels
in mail. Source: RFC 5891 (IDNA 2008); UTS #46 for what people type.
"""

from __future__ import annotations

from collections.abc import Iterable

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def match_key(address: str) -> str:
    """The form in which two addresses are the same: trimmed, ASCII letters in lower case, the domain as it travels.

    Dots and tags are kept, for they mean something to most mail servers. What is no address, such as the
    name of an account, has no domain.

    >>> match_key("  Ada.L+news@Example.COM ")
    'ada.l+news@example.com'
    >>> match_key("ada@Bücher.example") == match_key("ada@xn--bcher-kva.example")
    True
    >>> match_key("Müller")
    'müller'
    """
    key = folded(address)
    if key.isascii() or "@" not in key:
        return key
    local, at, domain = key.rpartition("@")
    return f"{local}{at}{_as_it_travels(domain)}"


def folded(address: str) -> str:
    """Trimmed, and ASCII letters in lower case: the same as SQLite's ``lower(trim(address))``.

    >>> folded(" Ada@Bücher.example")
    'ada@bücher.example'
    """
    return address.strip(" ").translate(_ASCII_LOWER)


def spellings(key: str) -> tuple[str, ...]:
    """How rows may spell the address of a key: as it travels, and with the domain as people read it.

    >>> spellings("ada@xn--bcher-kva.example")
    ('ada@xn--bcher-kva.example', 'ada@bücher.example')
    >>> spellings("ada@example.com")
    ('ada@example.com',)
    """
    local, at, domain = key.rpartition("@")
    if not at or "xn--" not in domain:
        return (key,)
    import idna  # its tables take longer to load than most commands need, and few addresses need them

    try:
        readable = idna.decode(domain)
    except idna.IDNAError:
        return (key,)
    return (key, f"{local}{at}{readable}")


def other_spelling(folded_address: str) -> str | None:
    """The same address with the other spelling of its domain, where that has one.

    >>> other_spelling("ada@bücher.example"), other_spelling("ada@xn--bcher-kva.example")
    ('ada@xn--bcher-kva.example', 'ada@bücher.example')
    """
    forms = spellings(match_key(folded_address))
    return next((form for form in forms if form != folded_address), None)


def spelled(keys: Iterable[str]) -> list[str]:
    """The keys in every spelling that a row or a record may have.

    >>> spelled(["ada@example.com", "bob@xn--bcher-kva.example"])
    ['ada@example.com', 'bob@xn--bcher-kva.example', 'bob@bücher.example']
    """
    return [spelling for key in keys for spelling in spellings(key)]


def _as_it_travels(domain: str) -> str:
    """The domain in its ASCII form; as it stands where it has none."""
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain
