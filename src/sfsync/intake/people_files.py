"""People and companies to import, from JSON lines and CSV, streaming: a file of any size, or standard input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

from sfsync.document.problems import nearest, shown
from sfsync.errors import InputError
from sfsync.intake.event_values import MAX_TEXT, BadValueError, column_key
from sfsync.intake.files import (
    Source,
    close_own,
    closing,
    header_of,
    json_object,
    misfit,
    opened_lines,
)
from sfsync.intake.lines import Line, Row, bad
from sfsync.model.arrival import Unreadable
from sfsync.model.field_types import canonical
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Value

CLEAR: Final = "#N/A"
"""The CSV cell that blanks a value; an empty cell leaves it alone, as in Salesforce's own loaders.

Source: docs/salesforce.md §5.1.
"""

ImportRow: TypeAlias = tuple[int, dict[str, Value]]


def read_records(
    source: Source,
    object_map: ObjectMap,
    *,
    file_format: str | None = None,
    ignore_unknown: bool = False,
) -> Iterator[ImportRow | Unreadable]:
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
    lines, first, kind, name, stream = opened_lines(source, file_format)
    if first is None:
        close_own(source, stream)
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
        close_own(source, stream)
        raise
    return closing(items, source, stream)


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
    first: Line | Unreadable,
    lines: Iterator[Line | Unreadable],
    object_map: ObjectMap,
    names: Mapping[str, str],
    *,
    ignore_unknown: bool,
    name: str,
) -> Iterator[ImportRow | Unreadable]:
    cells, rows = header_of(first, lines, names, name)
    columns, problem = _matched(cells, object_map, ignore_unknown=ignore_unknown)
    _refuse(name, problem)
    return _csv_rows(rows, columns, partial(_values, object_map))


def _csv_rows(
    rows: Iterator[Row | Unreadable],
    columns: Sequence[str | None],
    values: Callable[[Mapping[str, Any]], dict[str, Value]],
) -> Iterator[ImportRow | Unreadable]:
    for row in rows:
        if isinstance(row, Unreadable):
            yield row
        elif unfit := misfit(row, len(columns)):
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
    first: Line | Unreadable,
    lines: Iterator[Line | Unreadable],
    object_map: ObjectMap,
    *,
    ignore_unknown: bool,
    name: str,
) -> Iterator[ImportRow | Unreadable]:
    entry = json_object(first) if isinstance(first, Line) else first
    if isinstance(entry, dict):
        _refuse(name, _matched(tuple(entry), object_map, ignore_unknown=ignore_unknown)[1])
    return _json_rows(lines, object_map, ignore_unknown=ignore_unknown)


def _json_rows(
    lines: Iterator[Line | Unreadable], object_map: ObjectMap, *, ignore_unknown: bool
) -> Iterator[ImportRow | Unreadable]:
    values = partial(_values, object_map)
    # Most lines have the same keys as the one before.
    matched = lru_cache(maxsize=64)(
        partial(_matched, object_map=object_map, ignore_unknown=ignore_unknown)
    )
    for line in lines:
        if isinstance(line, Unreadable):
            yield line
            continue
        if not line.text or line.text.isspace():
            continue
        entry = json_object(line)
        if isinstance(entry, Unreadable):
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
) -> ImportRow | Unreadable:
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
