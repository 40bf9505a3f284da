"""People and companies to import, from JSON lines and CSV, streaming: a file of any size, or standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

from sfsync.errors import InputError
from sfsync.intake.encodings import UTF_8, Encoding
from sfsync.intake.event_values import BadValueError
from sfsync.intake.files import (
    Source,
    close_own,
    closing,
    header_of,
    json_object,
    misfit,
    opened_lines,
    with_good_ones,
)
from sfsync.intake.headings import Heading, Misfit, heading_of, names_of, stated_in
from sfsync.intake.known_exports import KNOWN_HEADERS
from sfsync.intake.lines import Line, Row, bad
from sfsync.intake.report_footer import without_footer
from sfsync.intake.written_values import AS_USUAL, Spelling, WrittenValues
from sfsync.model.arrival import Unreadable
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Value

NAMES_SHOWN: Final = 12

ImportRow: TypeAlias = tuple[int, dict[str, Value]]
"""A record and its line, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToRead:
    """What is said of a file.

    Attributes:
        file_format: ``csv`` or ``jsonl``; where it is ``None`` the file's name tells it, else how it begins.
        columns: the file's name of a column -> the mirror's.
        ignore_unknown: pass over columns that are neither, rather than refusing the file.
        refuse_foreign: raise ``InputError`` when not one of the first hundred lines can be read.
        command: what reads it, for advice.
    """

    file_format: str | None = None
    encoding: Encoding = UTF_8
    columns: Mapping[str, str] = field(default_factory=dict)
    spelling: Spelling = AS_USUAL
    ignore_unknown: bool = False
    refuse_foreign: bool = False
    command: str = "import"


@dataclass(frozen=True, slots=True)
class PeopleFile(Iterable[ImportRow | Unreadable]):
    """The records of a file, in its order; a line that cannot be read is an ``Unreadable``.

    Attributes:
        heading: what its columns are; of JSON lines, the keys of the first.
    """

    records: Iterator[ImportRow | Unreadable]
    heading: Heading

    def __iter__(self) -> Iterator[ImportRow | Unreadable]:
        """Each once."""
        return self.records


def read_records(source: Source, object_map: ObjectMap, how: HowToRead | None = None) -> PeopleFile:
    """Contacts, leads or accounts to import: line and ``{column: canonical value}``.

    A file's column is what is stated of it, one of the mirror's columns or the Salesforce field it is tied to, in any
    capitals, or what a known export has under that name. An empty CSV cell and an absent JSON key leave the value
    alone; ``#N/A`` and JSON null blank it.

    Args:
        source: a file, or a binary stream such as standard input, which stays open.
        object_map: what the file's columns are matched to.

    Raises:
        InputError: the file cannot be read, names unknown columns, or lacks the one to match by.
            For JSONL this looks at the first line; later lines with unknown keys are bad lines.
    """
    how = how or HowToRead()
    lines, first, kind, name, stream = opened_lines(
        source, how.file_format, command=how.command, encoding=how.encoding
    )
    if first is None:
        close_own(source, stream)
        return PeopleFile(iter(()), Heading())
    try:
        read = _json_file if kind == "jsonl" else _csv_file
        file = read(first, lines, object_map, how, name)
    except InputError:
        close_own(source, stream)
        raise
    refusal = partial(_nothing_readable, name, file.heading) if how.refuse_foreign else None
    return replace(file, records=closing(with_good_ones(file.records, refusal), source, stream))


def _nothing_readable(name: str, heading: Heading, first: Sequence[Unreadable]) -> InputError:
    """That no line of the beginning says anything of a person, and what its columns are."""
    columns = f" (its columns: {', '.join(heading.given[:NAMES_SHOWN])})" if heading.given else ""
    count = f"not one of its first {len(first)} lines" if len(first) > 1 else "no line of it"
    return InputError(
        f"{name}: {count} can be read{columns}; {first[0]}",
        hint="Nothing of the file was taken in.",
    )


def _refuse(name: str, problem: Misfit | None) -> None:
    if problem is not None:
        raise InputError(f"{name}: {problem.sentence}", hint=problem.hint)


# -- CSV -------------------------------------------------------------------------------------------
def _csv_file(
    first: Line | Unreadable,
    lines: Iterator[Line | Unreadable],
    object_map: ObjectMap,
    how: HowToRead,
    name: str,
) -> PeopleFile:
    known = {*names_of(object_map), *KNOWN_HEADERS}
    cells, rows = header_of(first, lines, known, name)
    heading, problem = heading_of(
        cells, object_map, stated=how.columns, ignore_unknown=how.ignore_unknown
    )
    _refuse(name, problem)
    values = WrittenValues(object_map, how.spelling)
    return PeopleFile(_csv_records(without_footer(rows), heading, values), heading)


def _csv_records(
    rows: Iterator[Row | Unreadable], heading: Heading, values: WrittenValues
) -> Iterator[ImportRow | Unreadable]:
    width, taken = len(heading.columns), heading.cells
    for row in rows:
        if isinstance(row, Unreadable):
            yield row
        elif unfit := misfit(row, width):
            yield bad(row.number, unfit, row.raw)
        else:
            yield _record(row.number, row.raw, stated_in(row.cells, taken), values)


# -- JSON lines ------------------------------------------------------------------------------------
def _json_file(
    first: Line | Unreadable,
    lines: Iterator[Line | Unreadable],
    object_map: ObjectMap,
    how: HowToRead,
    name: str,
) -> PeopleFile:
    # Most lines have the same keys as the one before.
    matched = lru_cache(maxsize=64)(
        partial(
            heading_of,
            object_map=object_map,
            stated=how.columns,
            ignore_unknown=how.ignore_unknown,
            is_table=False,
        )
    )
    heading = Heading()
    entry = json_object(first) if isinstance(first, Line) else first
    if isinstance(entry, dict):
        heading, problem = matched(tuple(entry))
        _refuse(name, problem)
    values = WrittenValues(object_map, how.spelling)
    return PeopleFile(_json_records(lines, matched, values), heading)


def _json_records(
    lines: Iterator[Line | Unreadable], matched: Any, values: WrittenValues
) -> Iterator[ImportRow | Unreadable]:
    for line in lines:
        if isinstance(line, Unreadable):
            yield line
        elif line.text and not line.text.isspace():
            entry = json_object(line)
            if isinstance(entry, Unreadable):
                yield entry
                continue
            heading, problem = matched(tuple(entry))
            if problem is not None:
                yield bad(line.number, problem.sentence, line.text)
                continue
            pairs = zip(heading.columns, entry.values(), strict=True)
            stated = {column: value for column, value in pairs if column is not None}
            yield _record(line.number, line.text, stated, values)


def _record(
    number: int, raw: str, stated: Mapping[str, Any], values: WrittenValues
) -> ImportRow | Unreadable:
    try:
        return number, values.read(stated)
    except BadValueError as error:
        return bad(number, error.reason, raw, error.column)
