"""Text for a terminal: data made harmless, long messages cut, numbers with their nouns."""

from __future__ import annotations

_CONTROLS = [code for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
"""C0 and C1."""

_DIRECTION_MARKS = (0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the direction of writing, and with it what a line seems to say."""

_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in _CONTROLS},
    **{code: f"\\u{code:04x}" for code in _DIRECTION_MARKS},
}


def visible(text: str) -> str:
    r"""Data made harmless for a terminal: control characters are shown as escapes.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return text.translate(_ESCAPES)


def one_line(text: str) -> str:
    r"""As ``visible``; a line end in the data cannot begin a new line of output.

    >>> one_line("a\nerror: b")
    'a⏎error: b'
    """
    return visible(text).replace("\n", "⏎")


LONGEST_MESSAGE = 2000
"""Characters of a message; more is cut from its middle."""


def short(text: str) -> str:
    """The message, without its middle where it quotes 100 KB that were typed."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[: LONGEST_MESSAGE // 2]} … {text[-200:]}"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "write"), counted(2000, "write"), counted(3, "entry")
    ('1 write', '2,000 writes', '3 entries')
    """
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}s"
