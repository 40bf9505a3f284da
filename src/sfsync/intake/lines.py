r"""Bytes of any size -> lines of text and CSV rows, in constant memory; a bad one never spoils the next.

``\n``, ``\r\n`` and a lone ``\r`` all end a line. A line longer than ``MAX_LINE_BYTES`` is skipped
without being held. A quote that is opened in a CSV file and never closed costs its own line, not
the rest of the file.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from sfsync.errors import InputError
from sfsync.intake.encodings import UTF_8, Encoding, as_utf8
from sfsync.model.arrival import Unreadable

MAX_LINE_BYTES: Final = 1024 * 1024
MAX_ROW_LINES: Final = 1000
"""More physical lines than this in one CSV row: a quote was forgotten."""
SHOWN: Final = 200
_CHUNK: Final = 256 * 1024
_UNCLOSED = "a quote is opened here and never closed"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line.

    Attributes:
        ended: a line end followed; without one it is the last, and may be half written.
    """

    number: int
    text: str
    ended: bool = True


def bad(number: int, reason: str, raw: str, column: str = "", *, event_id: str = "") -> Unreadable:
    """An ``Unreadable`` with no more of the line than is shown."""
    return Unreadable(number, reason, raw[:SHOWN], column, event_id)


# -- lines -----------------------------------------------------------------------------------------
def text_chunks(stream: BinaryIO, encoding: Encoding = UTF_8) -> Iterator[bytes]:
    """The bytes as they come, in UTF-8: a pipe that is still written to is read without waiting for more.

    A byte order mark is dropped.

    Raises:
        InputError: what comes first shows that this is no such text file.
    """
    chunks = _checked(_chunks(stream), encoding)
    return _without_mark(chunks if encoding.is_utf8 else as_utf8(chunks, encoding))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_CHUNK):
        yield chunk


def _split(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines with their ends; ``(beginning, False)`` for one that is too long, the rest of it skipped."""
    held: list[bytes] = []
    size = 0
    skipping = False
    for chunk in chunks:
        # "\r" may be half of "\r\n", so it is looked at again together with what follows.
        pending = held.pop() + chunk if held and held[-1].endswith(b"\r") else chunk
        pieces = pending.splitlines(keepends=True)
        last = b"" if pieces[-1].endswith(b"\n") else pieces.pop()
        for piece in pieces:
            line = b"".join((*held, piece)) if held else piece
            held, size = [], 0
            if not skipping:
                yield _measured(line)
            skipping = False
        if last:
            held.append(last)
            size += len(last)
        if size > MAX_LINE_BYTES:
            if not skipping:
                yield _measured(b"".join(held))
            skipping, size = True, 0
            held = [b"\r"] if last.endswith(b"\r") else []
    if held and not skipping:
        yield _measured(b"".join(held))


def _measured(line: bytes) -> tuple[bytes, bool]:
    return (line, True) if len(line) <= MAX_LINE_BYTES else (line[:SHOWN], False)


def read_lines(stream: BinaryIO, encoding: Encoding = UTF_8) -> Iterator[Line | Unreadable]:
    """Every line, decoded; those that cannot be are told. A byte order mark is dropped.

    Raises:
        InputError: what comes first shows that this is no such text file.
    """
    return lines_of(text_chunks(stream, encoding), encoding)


def lines_of(chunks: Iterable[bytes], encoding: Encoding = UTF_8) -> Iterator[Line | Unreadable]:
    """Every line of these bytes in UTF-8, decoded; those that cannot be are told.

    Args:
        encoding: what they were in before.
    """
    for number, (piece, whole) in enumerate(_split(chunks), start=1):
        content = piece.rstrip(b"\r\n")
        if not whole:
            raw = content.decode("utf-8", "replace")
            yield bad(
                number,
                f"longer than {MAX_LINE_BYTES // 1024} KiB, which no line of this kind is",
                raw,
            )
        elif b"\x00" in content:
            yield bad(
                number,
                encoding.with_nul(content),
                content.decode("utf-8", "replace"),
            )
        else:
            try:
                yield Line(number, content.decode(), len(content) < len(piece))
            except UnicodeDecodeError as error:
                raw = content.decode("latin-1")
                yield bad(number, encoding.undecodable(content, error.start), raw)


def _checked(chunks: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    """The same chunks, after a look at the first."""
    first = _beginning(chunks)
    if first.startswith(_UTF16) and encoding.is_utf8:
        raise InputError(encoding.utf16_told)
    for magic, told in _FOREIGN.items():
        if first.startswith(magic):
            raise InputError(told)
    if first:
        yield first
    yield from chunks


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = _beginning(chunks).removeprefix(_BOM)
    if first:
        yield first
    yield from chunks


def _beginning(chunks: Iterator[bytes]) -> bytes:
    """As many bytes as tell what a file is."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 4:
            break
    return first


UNPACK: Final = "unpack it first: gunzip -c FILE | sfsync … -"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_FOREIGN: Final = {
    b"\x1f\x8b": f"this is a gzip file; {UNPACK}",
    b"PK\x03\x04": "this is a zip archive or a spreadsheet; export it as CSV first",
    b"SQLi": "this is an SQLite database, not a text file",
    b"%PDF": "this is a PDF, not a text file",
}


# -- CSV -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Row:
    """One CSV row and the physical line it starts in."""

    number: int
    cells: list[str]
    raw: str
    ended: bool = True


def read_rows(lines: Iterable[Line | Unreadable], delimiter: str) -> Iterator[Row | Unreadable]:
    """CSV rows; quoted cells may hold line ends, delimiters and doubled quotes. Blank lines are skipped."""
    waiting: deque[Line | Unreadable] = deque()
    source = iter(lines)
    while True:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        if isinstance(line, Unreadable):
            yield line
        elif '"' not in line.text:
            if line.text.strip():
                yield Row(line.number, line.text.split(delimiter), line.text, line.ended)
        else:
            yield _quoted_row(line, source, waiting, delimiter)


def _quoted_row(
    first: Line,
    source: Iterator[Line | Unreadable],
    waiting: deque[Line | Unreadable],
    delimiter: str,
) -> Row | Unreadable:
    """A row with quotes, together with as many of the next lines as its quotes hold."""
    parts, taken = [first.text], deque[Line | Unreadable]()
    quotes, size, last = first.text.count('"'), len(first.text), first
    reason = ""
    while True:
        if quotes % 2 == 0 or not taken:
            cells, reason = _cells("\n".join(parts), delimiter)
            if cells is not None:
                return Row(first.number, cells, "\n".join(parts), last.ended)
            if reason:
                reason = _UNCLOSED if taken else reason
                break
        line = waiting.popleft() if waiting else next(source, None)
        if line is not None:
            taken.append(line)
        if not isinstance(line, Line) or len(taken) > MAX_ROW_LINES or size > MAX_LINE_BYTES:
            reason = _UNCLOSED
            break
        parts.append(line.text)
        quotes, size, last = quotes + line.text.count('"'), size + len(line.text), line
    waiting.extendleft(reversed(taken))
    return bad(first.number, reason, first.text)


def _cells(text: str, delimiter: str) -> tuple[list[str] | None, str]:
    """The cells, or why not; neither where the text ends inside quotes."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True)), ""
    except csv.Error as error:
        told = str(error)
    if "unexpected end" in told:
        return None, ""
    if "expected after" in told:
        return (
            None,
            "something follows a closing quote; a quote inside a quoted value is written twice",
        )
    return None, f"cannot be read as CSV ({told})"
