"""How the bytes of a file are text: UTF-8, or what is stated."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from encodings.aliases import aliases
from typing import Final

from sfsync.document.problems import nearest, shown
from sfsync.errors import InputError, UsageError

USUAL: Final = ("utf-8", "cp1252", "utf-16", "latin-1", "mac-roman", "cp1250")


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding.

    Attributes:
        name: as Python calls it.
        may_be_stated: whether there is an ``--encoding`` to advise.
    """

    name: str = "utf-8"
    may_be_stated: bool = False

    @property
    def is_utf8(self) -> bool:
        """Whether the bytes are what is read everywhere."""
        return self.name == "utf-8"

    def undecodable(self, content: bytes, at: int) -> str:
        """Why a line is no text of this encoding, and which one it may be.

        Args:
            at: the first byte that is wrong, counted from 0.
        """
        if not self.is_utf8:
            return f"is not {self.name} at character {at + 1}; is --encoding right?"
        if not self.may_be_stated:
            return f"is not UTF-8 at character {at + 1} (Latin-1?); save the file as UTF-8"
        likely = likely_of(content)
        return (
            f"is not UTF-8 at character {at + 1}; where a spreadsheet wrote it: --encoding {likely}"
        )

    def with_nul(self, content: bytes) -> str:
        """Why a line with a NUL character is none, and which encoding it may be."""
        told = "holds a NUL character"
        if not (self.is_utf8 and self.may_be_stated):
            return f"{told}; is this a text file?"
        likely = "utf-16-be" if content.startswith(b"\x00") else "utf-16-le"
        return f"{told}; where it is UTF-16 without a byte order mark: --encoding {likely}"

    @property
    def utf16_told(self) -> str:
        """What to do about UTF-16 where this was expected."""
        return (
            "this is UTF-16: --encoding utf-16"
            if self.may_be_stated
            else "this is UTF-16; save the file as UTF-8"
        )


UTF_8: Final = Encoding()


def likely_of(content: bytes) -> str:
    r"""What a line that is not UTF-8 most likely is: Windows-1252, as Excel writes it, where its bytes can be that.

    >>> likely_of(b"J\xfcrgen"), likely_of(b"\x81")
    ('cp1252', 'latin-1')
    """
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def encoding_named(name: str) -> Encoding:
    """The encoding that a person names.

    Raises:
        UsageError: there is none of that name that files can be in.
    """
    try:
        found = codecs.lookup(name).name
        "a".encode(name)  # it may be one of bytes to bytes
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError) as error:
        near = nearest(name, [*USUAL, *aliases])
        raise UsageError(
            f"--encoding {shown(name)}: there is no such encoding{f'; did you mean {near}?' if near else ''}",
            hint=f"Usual ones: {', '.join(USUAL)}.",
        ) from error
    return Encoding(found, may_be_stated=True)


def as_utf8(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """The same text in UTF-8. A byte that is no character stays as it is, so that its line is told.

    Raises:
        InputError: the text ends in a half character, or is nothing of this encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding.name)(errors="surrogateescape")
    try:
        for chunk in chunks:
            if text := decoder.decode(chunk):
                yield text.encode("utf-8", "surrogateescape")
        if text := decoder.decode(b"", final=True):
            yield text.encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise InputError(
            f"this is not {encoding.name}",
            hint="Name the right --encoding, or leave it out for UTF-8.",
        ) from error
