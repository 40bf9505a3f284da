"""Email events and people from JSONL and CSV, streaming: a file of any size, or standard input.

Good lines become values, bad ones become ``BadLine``; nothing is raised for a single line. What
concerns the file as a whole (it is missing, it is no text, its header names no known column) is an
``InputError`` before the first value. The clock is handed in.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from sfsync.document.problems import nearest, shown, suggestion
from sfsync.errors import InputError
from sfsync.intake.event_values import (
    EVENT_COLUMNS,
    MAX_TEXT,
    BadValueError,
    column_key,
    event_from,
    latest_believed,
)
from sfsync.intake.lines import BadLine, Line, Row, bad, read_lines, read_rows
from sfsync.intake.strict_json import NotJsonError, decoded
from sfsync.model.event import EmailEvent
from sfsync.model.field_types import canonical
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Value

Source: TypeAlias = Path | BinaryIO

USUAL_COLUMNS: Final = EVENT_COLUMNS[:6]
REQUIRED_COLUMNS: Final = ("type", "email", "timestamp")
DELIMITERS: Final = (",", ";", "\t", "|")
CLEAR: Final = "#N/A"
"""The CSV cell that blanks a value; an empty cell leaves it alone, as in Salesforce's own loaders.

Source: docs/salesforce.md §5.1.
"""


# -- opening ---------------------------------------------------------------------------------------
def _opened(source: Source) -> tuple[BinaryIO, str]:
    """The stream and what to call it."""
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
    lines: Iterator[Line | BadLine],
) -> tuple[Line | BadLine | None, Iterator[Line | BadLine]]:
    """The first line that is not blank, and all lines from it on."""
    for line in lines:
        if isinstance(line, BadLine) or line.text.strip():
            return line, chain([line], lines)
    return None, iter(())


def _format(stated: str | None, name: str, first: Line | BadLine) -> str:
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


def _start(
    source: Source, stated: str | None
) -> tuple[Iterator[Line | BadLine], Line | BadLine | None, str, str, BinaryIO]:
    stream, name = _opened(source)
    try:
        first, lines = _peeked(_readable(read_lines(stream), name))
        kind = _format(stated, name, first) if first else "jsonl"
        if kind == "jsonl" and isinstance(first, Line) and first.text.lstrip().startswith("["):
            raise InputError(  # noqa: TRY301  # the same clean-up as for all others
                f"{name} is one JSON array; one object a line is expected",
                hint=f"jq -c '.[]' {name} > events.jsonl",
            )
    except BaseException:
        _close(source, stream)
        raise
    return lines, first, kind, name, stream


def _readable(lines: Iterator[Line | BadLine], name: str) -> Iterator[Line | BadLine]:
    """The same lines; what the operating system or the first bytes say against it names the file."""
    try:
        yield from lines
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error


def _close(source: Source, stream: BinaryIO) -> None:
    """Close what was opened here; a stream handed in is its owner's."""
    if isinstance(source, Path):
        stream.close()


# -- JSON lines ------------------------------------------------------------------------------------
def _json_object(line: Line) -> dict[str, Any] | BadLine:
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
def _header(
    first: Line | BadLine, lines: Iterator[Line | BadLine], known: Collection[str], name: str
) -> tuple[list[str], Iterator[Row | BadLine]]:
    """The header's cells, and the rows after it.

    Raises:
        InputError: the first line is no header.
    """
    if isinstance(first, BadLine):
        raise InputError(f"{name}: {first}")
    delimiter = max(DELIMITERS, key=lambda sign: _score(first.text, sign, known))
    rows = read_rows(lines, delimiter)
    row = next(rows)
    if isinstance(row, BadLine):
        raise InputError(f"{name}: {row}")
    cells = [cell.strip() for cell in row.cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells, rows


def _score(text: str, delimiter: str, known: Collection[str]) -> tuple[int, int]:
    cells = text.replace('"', "").split(delimiter)
    return sum(column_key(cell) in known for cell in cells), len(cells) if len(cells) > 1 else 0


def _fitted(row: Row, width: int) -> str:
    """Why the row does not fit its header; empty where it does. Empty cells too many do no harm."""
    count = len(row.cells)
    if count == width or (count > width and not any(cell.strip() for cell in row.cells[width:])):
        return ""
    if count < width and not row.ended:
        return "the last line is not complete; is the file still being written?"
    values = "1 value" if count == 1 else f"{count} values"
    return f"has {values}, and the header names {width} columns"


# -- events ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Clock:
    """What a time is held against: ``latest`` is the last one believed."""

    latest: str
    zone: tzinfo | None


def read_events(
    source: Source, *, now: str, file_format: str | None = None, zone: tzinfo | None = None
) -> Iterator[EmailEvent | BadLine]:
    """Email events, in the order of the file.

    Args:
        source: a file, or a binary stream such as standard input, which stays open.
        now: ``2026-01-20T10:00:00Z``; an event more than a day later is refused.
        file_format: ``csv`` or ``jsonl``; by default told from the file's name, else from how it
        begins.
        zone: of times that state none; without it they are refused.

    Raises:
        InputError: the file cannot be read, or is no list of events at all.
    """
    clock = _Clock(latest_believed(now), zone)
    lines, first, kind, name, stream = _start(source, file_format)
    if first is None:
        _close(source, stream)
        return iter(())
    if kind == "jsonl":
        return _closing(_json_events(lines, clock), source, stream)
    try:
        columns, rows = _event_columns(first, lines, name)
    except InputError:
        _close(source, stream)
        raise
    return _closing(_csv_events(rows, columns, clock), source, stream)


def _closing(items: Iterator[Any], source: Source, stream: BinaryIO) -> Iterator[Any]:
    try:
        yield from items
    finally:
        _close(source, stream)


def _json_events(lines: Iterator[Line | BadLine], clock: _Clock) -> Iterator[EmailEvent | BadLine]:
    for line in lines:
        if isinstance(line, BadLine):
            yield line
        elif line.text and not line.text.isspace():
            entry = _json_object(line)
            if isinstance(entry, BadLine):
                yield entry
            else:
                yield _event(entry, line.number, line.text, clock)


def _event_columns(
    first: Line | BadLine, lines: Iterator[Line | BadLine], name: str
) -> tuple[list[str], Iterator[Row | BadLine]]:
    cells, rows = _header(first, lines, EVENT_COLUMNS, name)
    columns = [column_key(cell) for cell in cells]
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        near = [
            f"{cell} (did you mean {meant}?)" for cell in cells if (meant := nearest(cell, missing))
        ]
        found = ", ".join(near or cells[:8])
        raise InputError(
            f"{name}: line 1 names no column {', '.join(missing)}; found: {found}",
            hint=f"the first line names the columns, parted by a comma: {','.join(USUAL_COLUMNS)}",
        )
    doubled = next((column for column in EVENT_COLUMNS if columns.count(column) > 1), "")
    if doubled:
        raise InputError(f"{name}: the header names {doubled} twice")
    return columns, rows


def _csv_events(
    rows: Iterator[Row | BadLine], columns: list[str], clock: _Clock
) -> Iterator[EmailEvent | BadLine]:
    width = len(columns)
    for row in rows:
        if isinstance(row, BadLine):
            yield row
        elif unfit := _fitted(row, width):
            yield bad(row.number, unfit, row.raw)
        else:
            yield _event(dict(zip(columns, row.cells, strict=False)), row.number, row.raw, clock)


def _event(entry: Mapping[str, Any], number: int, raw: str, clock: _Clock) -> EmailEvent | BadLine:
    try:
        return event_from(entry, latest=clock.latest, zone=clock.zone)
    except BadValueError as error:
        return bad(number, error.reason, raw, error.column)


# -- people ----------------------------------------------------------------------------------------
ImportRow: TypeAlias = tuple[int, dict[str, Value]]


def read_records(
    source: Source,
    object_map: ObjectMap,
    *,
    file_format: str | None = None,
    ignore_unknown: bool = False,
) -> Iterator[ImportRow | BadLine]:
    """Contacts or leads to import: line and ``{column: canonical value}``.

    A file's column is one of the mirror's columns or the Salesforce field it is tied to, in any
    capitals. An empty CSV cell and an absent JSON key leave the value alone; ``#N/A`` and JSON null
    blank it.

    Args:
        source: a file, or a binary stream such as standard input, which stays open.
        object_map: what the file's columns are matched to.
        file_format: ``csv`` or ``jsonl``; by default told from the file's name, else from how it
        begins.
        ignore_unknown: pass over columns that are neither, rather than refusing the file.

    Raises:
        InputError: the file cannot be read, names unknown columns, or lacks the one to match by.
            For JSONL this looks at the first line; later lines with unknown keys are bad lines.
    """
    names = _names_of(object_map)
    lines, first, kind, name, stream = _start(source, file_format)
    if first is None:
        _close(source, stream)
        return iter(())
    try:
        items = (
            _json_records(first, lines, object_map, ignore_unknown=ignore_unknown, name=name)
            if kind == "jsonl"
            else _csv_records(
                first, lines, object_map, names, ignore_unknown=ignore_unknown, name=name
            )
        )
    except InputError:
        _close(source, stream)
        raise
    return _closing(items, source, stream)


def _names_of(object_map: ObjectMap) -> dict[str, str]:
    """Every name a column goes by, folded -> column."""
    by_remote = {column_key(field.remote): field.column for field in object_map.fields}
    return by_remote | {column_key(column): column for column in object_map.columns}


def _matched(
    given: Sequence[str], object_map: ObjectMap, *, ignore_unknown: bool
) -> tuple[list[str | None], str]:
    """The column for each given name, ``None`` to pass over; and what is wrong with them."""
    names = _names_of(object_map)
    columns = [names.get(column_key(cell)) for cell in given]
    known = [*object_map.columns, *(field.remote for field in object_map.fields)]
    unknown = [cell for cell, column in zip(given, columns, strict=True) if column is None]
    if unknown and not ignore_unknown:
        told = ", ".join(_unknown(cell, known) for cell in unknown)
        return columns, f"no field of {object_map.name} is called {told}"
    taken = [column for column in columns if column is not None]
    twice = next((column for column in taken if taken.count(column) > 1), "")
    if twice:
        return columns, f"two columns are both {twice} ({object_map.by_column[twice].remote})"
    if object_map.match_on not in taken:
        return (
            columns,
            f"no column for {object_map.match_on}, by which {object_map.kind.many} are recognised",
        )
    return columns, ""


def _unknown(cell: str, known: Sequence[str]) -> str:
    near = nearest(cell, known)
    return f"{shown(cell)} (did you mean {near}?)" if near else shown(cell)


def _refuse(name: str, problem: str) -> None:
    if problem:
        raise InputError(
            f"{name}: {problem}", hint="map the field in sfsync.yaml, or pass --ignore-unknown"
        )


def _csv_records(
    first: Line | BadLine,
    lines: Iterator[Line | BadLine],
    object_map: ObjectMap,
    names: Mapping[str, str],
    *,
    ignore_unknown: bool,
    name: str,
) -> Iterator[ImportRow | BadLine]:
    cells, rows = _header(first, lines, names, name)
    columns, problem = _matched(cells, object_map, ignore_unknown=ignore_unknown)
    _refuse(name, problem)
    return _csv_rows(rows, columns, partial(_values, object_map))


def _csv_rows(
    rows: Iterator[Row | BadLine],
    columns: Sequence[str | None],
    values: Callable[[Mapping[str, Any]], dict[str, Value]],
) -> Iterator[ImportRow | BadLine]:
    for row in rows:
        if isinstance(row, BadLine):
            yield row
        elif unfit := _fitted(row, len(columns)):
            yield bad(row.number, unfit, row.raw)
        else:
            cells = zip(columns, row.cells, strict=False)
            stated = {
                column: None if cell.strip() == CLEAR else cell
                for column, cell in cells
                if column is not None and cell.strip()
            }
            yield _import_row(row.number, row.raw, stated, values)


def _json_records(
    first: Line | BadLine,
    lines: Iterator[Line | BadLine],
    object_map: ObjectMap,
    *,
    ignore_unknown: bool,
    name: str,
) -> Iterator[ImportRow | BadLine]:
    entry = _json_object(first) if isinstance(first, Line) else first
    if isinstance(entry, dict):
        _refuse(name, _matched(tuple(entry), object_map, ignore_unknown=ignore_unknown)[1])
    return _json_rows(lines, object_map, ignore_unknown=ignore_unknown)


def _json_rows(
    lines: Iterator[Line | BadLine], object_map: ObjectMap, *, ignore_unknown: bool
) -> Iterator[ImportRow | BadLine]:
    values = partial(_values, object_map)
    # Most lines have the same keys as the one before.
    matched = lru_cache(maxsize=64)(
        partial(_matched, object_map=object_map, ignore_unknown=ignore_unknown)
    )
    for line in lines:
        if isinstance(line, BadLine):
            yield line
            continue
        if not line.text or line.text.isspace():
            continue
        entry = _json_object(line)
        if isinstance(entry, BadLine):
            yield entry
            continue
        columns, problem = matched(tuple(entry))
        if problem:
            yield bad(line.number, problem, line.text)
            continue
        stated = {
            column: value
            for column, value in zip(columns, entry.values(), strict=True)
            if column is not None
        }
        yield _import_row(line.number, line.text, stated, values)


def _import_row(
    number: int,
    raw: str,
    stated: Mapping[str, Any],
    values: Callable[[Mapping[str, Any]], dict[str, Value]],
) -> ImportRow | BadLine:
    try:
        return number, values(stated)
    except BadValueError as error:
        return bad(number, error.reason, raw, error.column)


def _values(object_map: ObjectMap, stated: Mapping[str, Any]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for column, raw in stated.items():
        try:
            value = canonical(object_map.by_column[column].type, raw)
        except ValueError as error:
            raise BadValueError(column, str(error)) from error
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise BadValueError(column, f"longer than {MAX_TEXT} characters")
        values[column] = value
    if values.get(object_map.match_on) is None:
        raise BadValueError(
            object_map.match_on, f"empty; {object_map.kind.many} are recognised by it"
        )
    return values
