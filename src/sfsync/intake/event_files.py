"""Email events from JSON lines and CSV, streaming: a file of any size, or standard input.

What concerns the file as a whole is an ``InputError``; a bad line is an ``Unreadable`` and costs only itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any, Final, TypeAlias

from sfsync.document.problems import nearest, shown
from sfsync.errors import InputError
from sfsync.intake.event_values import (
    EVENT_COLUMNS,
    BadValueError,
    column_key,
    event_from,
    latest_believed,
)
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
from sfsync.intake.lines import Line, Row, bad
from sfsync.intake.sources.registry import looks_like
from sfsync.model.arrival import Unreadable
from sfsync.model.event import EmailEvent

USUAL_COLUMNS: Final = EVENT_COLUMNS[:6]
REQUIRED_COLUMNS: Final = ("type", "email", "timestamp")
KEYS_SHOWN: Final = 12

NumberedEvent: TypeAlias = tuple[int, EmailEvent]
"""An event and its line, counted from 1."""


@dataclass(frozen=True, slots=True)
class _Clock:
    """What a time is held against: ``latest`` is the last one believed."""

    latest: str
    zone: tzinfo | None


def read_events(
    source: Source,
    *,
    now: str,
    file_format: str | None = None,
    zone: tzinfo | None = None,
    refuse_foreign: bool = False,
) -> Iterator[NumberedEvent | Unreadable]:
    """Email events with their lines, in the order of the file.

    Args:
        source: a file, or a binary stream such as standard input, which stays open.
        now: ``2026-01-20T10:00:00Z``; an event more than a day later is refused.
        file_format: ``csv`` or ``jsonl``; by default told from the file's name, else from how it
        begins.
        zone: of times that state none; without it they are refused.
        refuse_foreign: raise ``InputError`` when not one of the first hundred lines is an event: these are none,
            or those of an email service as it sends them.

    Raises:
        InputError: the file cannot be read, or is no list of events at all.
    """
    clock = _Clock(latest_believed(now), zone)
    lines, first, kind, name, stream = opened_lines(source, file_format, command="push-activity")
    if first is None:
        close_own(source, stream)
        return iter(())
    refusal = partial(_no_events, name, first) if refuse_foreign else None
    if kind == "jsonl":
        return closing(with_good_ones(_json_events(lines, clock), refusal), source, stream)
    try:
        columns, rows = _event_columns(first, lines, name)
    except InputError:
        close_own(source, stream)
        raise
    return closing(with_good_ones(_csv_events(rows, columns, clock), refusal), source, stream)


def _no_events(name: str, line: Line | Unreadable, lines: Sequence[Unreadable]) -> InputError:
    """That the file is none of events: what its first line lacks, what it has instead, and whose it may be."""
    sentence = f"{name}, {lines[0]}"
    if len(lines) > 1:
        sentence = f"{name}: not one of its first {len(lines)} lines is an event; {lines[0]}"
    value = json_object(line) if isinstance(line, Line) else line
    keys = list(value) if isinstance(value, dict) else []
    if keys:
        sentence += f". The keys there: {shown(', '.join(keys[:KEYS_SHOWN]))}"
    hint = f"An event has {', '.join(REQUIRED_COLUMNS)}; nothing of the file was taken in."
    if keys and (service := looks_like(value)):
        hint = f"This looks like what {service} sends: --from {service}. Nothing of the file was taken in."
    return InputError(sentence, hint=hint)


def _json_events(
    lines: Iterator[Line | Unreadable], clock: _Clock
) -> Iterator[NumberedEvent | Unreadable]:
    for line in lines:
        if isinstance(line, Unreadable):
            yield line
        elif line.text and not line.text.isspace():
            entry = json_object(line)
            if isinstance(entry, Unreadable):
                yield entry
            else:
                yield _event(entry, line.number, line.text, clock)


def _event_columns(
    first: Line | Unreadable, lines: Iterator[Line | Unreadable], name: str
) -> tuple[list[str], Iterator[Row | Unreadable]]:
    cells, rows = header_of(first, lines, EVENT_COLUMNS, name)
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
    rows: Iterator[Row | Unreadable], columns: list[str], clock: _Clock
) -> Iterator[NumberedEvent | Unreadable]:
    width = len(columns)
    for row in rows:
        if isinstance(row, Unreadable):
            yield row
        elif unfit := misfit(row, width):
            yield bad(row.number, unfit, row.raw)
        else:
            yield _event(dict(zip(columns, row.cells, strict=False)), row.number, row.raw, clock)


def _event(
    entry: Mapping[str, Any], number: int, raw: str, clock: _Clock
) -> NumberedEvent | Unreadable:
    try:
        return number, event_from(entry, latest=clock.latest, zone=clock.zone)
    except BadValueError as error:
        event_id = entry.get("id")
        known = event_id if isinstance(event_id, str) else ""
        return bad(number, error.reason, raw, error.column, event_id=known.strip())
