"""Files that are handed in, JSON lines or CSV: opened, told apart, their lines and headers.

A bad line becomes an ``Unreadable``; nothing is raised for a single line. What concerns the file as a whole (it is
missing, it is no text, its header names no known column) is an ``InputError`` before the first value.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, TypeVar

from sfsync.document.problems import shown, suggestion
from sfsync.errors import InputError
from sfsync.intake.encodings import UTF_8, Encoding
from sfsync.intake.event_values import column_key
from sfsync.intake.lines import UNPACK, Line, Row, bad, read_lines, read_rows
from sfsync.intake.strict_json import NotJsonError, decoded
from sfsync.model.arrival import Unreadable

Source: TypeAlias = Path | BinaryIO

DELIMITERS: Final = (",", ";", "\t", "|")

FIRST_LINES: Final = 100
"""Of so many lines at least one has to be readable; otherwise the file is none of its kind."""

Item = TypeVar("Item")


# -- opening ---------------------------------------------------------------------------------------
def opened(source: Source) -> tuple[BinaryIO, str]:
    """The stream and what to call it.

    Raises:
        InputError: it cannot be opened, or is a folder or a device.
    """
    if not isinstance(source, Path):
        name = str(getattr(source, "name", "standard input"))
        _refuse_endless(source, name)
        return source, name
    try:
        if source.is_dir():
            raise InputError(f"{source} is a folder, not a file")
        stream = source.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{source}: no such file") from error
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}") from error
    try:
        _refuse_endless(stream, str(source))
    except InputError:
        stream.close()
        raise
    return stream, str(source)


def _refuse_endless(stream: BinaryIO, name: str) -> None:
    """Refuse a device, which has no end; not a terminal, and not the empty device.

    Raises:
        InputError: it is one.
    """
    try:
        found = os.fstat(stream.fileno())
    except (OSError, AttributeError, ValueError):
        return  # bytes in memory
    if not (stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)) or stream.isatty():
        return
    if found.st_rdev != Path(os.devnull).stat().st_rdev:
        raise InputError(f"{name} is a device, not a file", hint="Name a file, or pipe into `-`.")


def _peeked(
    lines: Iterator[Line | Unreadable],
) -> tuple[Line | Unreadable | None, Iterator[Line | Unreadable]]:
    """The first line that is not blank, and all lines from it on."""
    for line in lines:
        if isinstance(line, Unreadable) or line.text.strip():
            return line, chain([line], lines)
    return None, iter(())


def _format(stated: str | None, name: str, first: Line | Unreadable) -> str:
    """``csv`` or ``jsonl``: as stated, else by the file's name, else by how it begins."""
    if stated in {"csv", "jsonl"}:
        return str(stated)
    if stated is not None:
        raise InputError(f"unknown format {stated}{suggestion(stated, ['csv', 'jsonl'])}")
    suffix = Path(name).suffix.lower()
    if suffix in {".jsonl", ".ndjson", ".json"}:
        return "jsonl"
    if suffix in {".csv", ".tsv"}:
        return "csv"
    text = first.text if isinstance(first, Line) else first.raw
    return "jsonl" if text.lstrip()[:1] in {"{", "["} else "csv"


def opened_lines(
    source: Source,
    stated: str | None,
    *,
    command: str,
    encoding: Encoding = UTF_8,
) -> tuple[Iterator[Line | Unreadable], Line | Unreadable | None, str, str, BinaryIO]:
    """Open a file or stream and look at how it begins.

    Args:
        stated: ``csv`` or ``jsonl``, where somebody says so.
        command: what reads it, for advice: ``import --object lead``.

    Returns:
        All lines; the first that is not blank; ``csv`` or ``jsonl``; the file's name; the stream.

    Raises:
        InputError: it cannot be read, or is no text.
    """
    stream, name = opened(source)
    try:
        first, lines = _peeked(_readable(read_lines(stream, encoding), name, command))
        kind = _format(stated, name, first) if first else "jsonl"
        if kind == "jsonl" and isinstance(first, Line) and first.text.lstrip().startswith("["):
            raise InputError(  # noqa: TRY301  # the same clean-up as for all others
                f"{name} is one JSON array; one object a line is expected",
                hint=_by_pipe("jq -c '.[]'", source, command),
            )
    except BaseException:
        close_own(source, stream)
        raise
    return lines, first, kind, name, stream


def _by_pipe(program: str, source: Source, command: str) -> str:
    """The line to type that reads the file through a program."""
    file = f" {shlex.quote(str(source))}" if isinstance(source, Path) else ""
    return f"{program}{file} | sfsync {command} -"


def _readable(
    lines: Iterator[Line | Unreadable], name: str, command: str
) -> Iterator[Line | Unreadable]:
    """The same lines; what the operating system or the first bytes say against it names the file."""
    try:
        yield from lines
    except InputError as error:
        told, packed, _ = error.message.partition(f"; {UNPACK}")
        hint = f"gunzip -c {shlex.quote(name)} | sfsync {command} -" if packed else error.hint
        raise InputError(f"{name}: {told}", hint=hint) from error
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error


def close_own(source: Source, stream: BinaryIO) -> None:
    """Close what was opened here; a stream handed in is its owner's."""
    if isinstance(source, Path):
        stream.close()


# -- JSON lines ------------------------------------------------------------------------------------
def json_object(line: Line) -> dict[str, Any] | Unreadable:
    """The object that a line is."""
    try:
        entry = decoded(line.text)
    except NotJsonError as error:
        if error.is_syntax and not line.ended:
            told = "the last line is not complete; is the file still being written?"
            return bad(line.number, told, line.text)
        return bad(line.number, error.reason, line.text)
    if not isinstance(entry, dict):
        return bad(line.number, f"expected an object {{…}}, found {shown(entry)}", line.text)
    return entry


# -- CSV headers -----------------------------------------------------------------------------------
def header_of(
    first: Line | Unreadable, lines: Iterator[Line | Unreadable], known: Collection[str], name: str
) -> tuple[list[str], Iterator[Row | Unreadable]]:
    """The header's cells, and the rows after it.

    Raises:
        InputError: the first line is no header.
    """
    if isinstance(first, Unreadable):
        raise InputError(f"{name}: {first}")
    delimiter = _stated_delimiter(first.text)
    if delimiter:
        next(lines)
        header, lines = _peeked(lines)
        if header is None:
            raise InputError(f"{name}: nothing follows its first line")
    else:
        delimiter = max(DELIMITERS, key=lambda sign: _score(first.text, sign, known))
    rows = read_rows(lines, delimiter)
    row = next(rows)
    if isinstance(row, Unreadable):
        raise InputError(f"{name}: {row}")
    cells = [cell.strip() for cell in row.cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells, rows


def _stated_delimiter(text: str) -> str:
    """The sign that a first line like ``sep=;`` names, which is there for Excel; empty where it is none.

    Source: https://en.wikipedia.org/wiki/Comma-separated_values ("Excel ... sep=").
    """
    name, sign, delimiter = text.strip('" \r\n').partition("=")
    return delimiter if sign and name.lower() == "sep" and delimiter in DELIMITERS else ""


def _score(text: str, delimiter: str, known: Collection[str]) -> tuple[int, int]:
    cells = text.replace('"', "").split(delimiter)
    return sum(column_key(cell) in known for cell in cells), len(cells) if len(cells) > 1 else 0


def misfit(row: Row, width: int) -> str:
    """Why the row does not fit its header; empty where it does. Empty cells too many do no harm."""
    count = len(row.cells)
    if count == width or (count > width and not any(cell.strip() for cell in row.cells[width:])):
        return ""
    if count < width and not row.ended:
        return "the last line is not complete; is the file still being written?"
    values = "1 value" if count == 1 else f"{count} values"
    return f"has {values}, and the header names {width} columns"


def closing(items: Iterator[Any], source: Source, stream: BinaryIO) -> Iterator[Any]:
    """The same items; what was opened for them is closed after the last."""
    try:
        yield from items
    finally:
        close_own(source, stream)


def with_good_ones(
    items: Iterator[Item | Unreadable], refusal: Callable[[Sequence[Unreadable]], InputError] | None
) -> Iterator[Item | Unreadable]:
    """The same items, once one of the first hundred is a good one.

    Args:
        refusal: what to raise where none is; with nothing nothing is refused.

    Raises:
        InputError: ``refusal``'s.
    """
    if refusal is not None:
        first: list[Item | Unreadable] = []
        for item in items:
            first.append(item)
            if not isinstance(item, Unreadable) or len(first) == FIRST_LINES:
                break
        if first and isinstance(first[-1], Unreadable):
            raise refusal([item for item in first if isinstance(item, Unreadable)])
        items = chain(first, items)
    yield from items
