"""Text for a terminal: data made harmless, long messages cut, numbers with their nouns."""

from __future__ import annotations

_CONTROL = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
} | {
    code: f"\\u{code:04x}"
    for code in (0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
"""C0 and C1 controls; marks that turn the direction of writing, and with it what a line seems to say."""


def visible(text: str) -> str:
    r"""Data made harmless for a terminal: control characters are shown, not obeyed.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return text.translate(_CONTROL)


def one_line(text: str) -> str:
    r"""As ``visible``, and a line end in it begins no new line of ours.

    >>> one_line("a\nerror: b")
    'a⏎error: b'
    """
    return visible(text).replace("\n", "⏎")


LONGEST_MESSAGE = 2000


def short(text: str) -> str:
    """What was typed may be quoted in a message, but not 100 KB of it."""
    return (
        text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE // 2]} … {text[-200:]}"
    )


def counted(number: int, noun: str) -> str:
    """``1 write``, ``2 writes``, ``3 entries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
