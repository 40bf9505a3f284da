"""Lines and events that were handed in and are in quarantine: put there, and over once they are corrected.

A file can have as many bad lines as good ones, so all of this is a few statements for many lines, by an index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sfsync.mirror.database import Database
from sfsync.mirror.quarantine import CONTRADICTION, INPUT, UNREADABLE_LINE
from sfsync.model.address import match_key
from sfsync.model.arrival import Unreadable
from sfsync.model.event import EmailEvent

_INSERT = (
    "INSERT INTO quarantine (kind, object, event_id, code, message, hint, payload, run_id,"
    f" quarantined_at, source, line) VALUES ('{INPUT}', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OPEN = f"kind = '{INPUT}' AND state <> 'settled'"
_AGAIN_EVENTS = (
    "Correct the line and hand the file in again: events that are known are not counted twice."
)
_AGAIN_ROWS = "Correct the line and import the file again: rows that are known are not doubled."
_WHICH_IS_RIGHT = "An id is one event for ever: give the other event an id of its own. Then `sfsync quarantine --ignore` this one."


def add_lines(
    database: Database,
    source: str,
    lines: Sequence[Unreadable],
    run_id: str,
    *,
    object_name: str = "",
) -> None:
    """Put lines into quarantine, inside a transaction; one that is there already is brought up to date.

    Args:
        source: the file's name, or the email service.
        object_name: of which object the rows are that a file brings; empty for events.
    """
    told = {(f"{source}, {line}", line.raw): line for line in lines}
    known = _open_entries(database, source, [line.line for line in lines])
    _bring_up_to_date(database, [known[each] for each in told if each in known], run_id)
    hint = _AGAIN_ROWS if object_name else _AGAIN_EVENTS
    now = database.now()
    database.run_many(
        _INSERT,
        [
            (object_name, line.event_id, UNREADABLE_LINE, sentence, hint, line.raw, run_id, now, source, line.line)
            for (sentence, raw), line in told.items()
            if (sentence, raw) not in known
        ],
    )  # fmt: skip


def _open_entries(
    database: Database, source: str, numbers: Sequence[int]
) -> dict[tuple[str, str], int]:
    """The entries of these lines, by their message and what the line says."""
    if not numbers:
        return {}
    found = database.rows(
        f"SELECT message, payload, id FROM quarantine WHERE {_OPEN} AND source = ? AND line BETWEEN ? AND ?",
        [source, min(numbers), max(numbers)],
    )
    return {(message, payload): entry for message, payload, entry in found}


def _bring_up_to_date(database: Database, entries: Sequence[int], run_id: str) -> None:
    now = database.now()
    database.run_many(
        "UPDATE quarantine SET run_id = ?, quarantined_at = ?, state = 'open' WHERE id = ?",
        [(run_id, now, entry) for entry in entries],
    )


def end_corrected(
    database: Database, source: str, lines: Mapping[int, Sequence[str]], *, object_name: str = ""
) -> int:
    """End the entries of lines that can be read now, inside a transaction.

    The next day's file may have the same name, so a line has to share something with the one that was wrong.

    Args:
        lines: by their number, what the line says that another one would not: its address, its time.

    Returns:
        How many entries ended.
    """
    if not lines:
        return 0
    found = database.rows(
        f"SELECT id, line, payload FROM quarantine WHERE {_OPEN} AND source = ? AND object = ?"
        f" AND code = '{UNREADABLE_LINE}' AND line BETWEEN ? AND ?",
        [source, object_name, min(lines), max(lines)],
    )
    over = [
        entry
        for entry, number, raw in found
        if any(fact and fact.casefold() in raw.casefold() for fact in lines.get(number, ()))
    ]
    return _settle(database, over)


def end_by_id(database: Database, event_ids: Sequence[str]) -> int:
    """End the entries of lines whose id could be read, and whose event has come in since."""
    found = database.rows(
        f"SELECT id FROM quarantine WHERE {_OPEN} AND code = '{UNREADABLE_LINE}' AND event_id <> ''"
        " AND event_id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(event_ids))],
    )
    return _settle(database, [entry for (entry,) in found])


def _settle(database: Database, entries: Sequence[int]) -> int:
    now = database.now()
    return database.run_many(
        "UPDATE quarantine SET state = 'settled', settled_at = ? WHERE id = ?",
        [(now, entry) for entry in entries],
    )


def add_contradictions(
    database: Database, source: str, events: Sequence[EmailEvent], run_id: str
) -> None:
    """Put events into quarantine whose id is another event's, inside a transaction; each once."""
    told = {_payload(event): event for event in events}
    known = dict(
        database.rows(
            f"SELECT payload, id FROM quarantine WHERE {_OPEN} AND code = '{CONTRADICTION}'"
            " AND event_id IN (SELECT value FROM json_each(?))",
            [json.dumps([event.id for event in events])],
        )
    )
    _bring_up_to_date(database, [known[each] for each in told if each in known], run_id)
    now = database.now()
    database.run_many(
        _INSERT,
        [
            (
                "", event.id, CONTRADICTION, _contradiction(database, source, event), _WHICH_IS_RIGHT,
                payload, run_id, now, source, None,
            )
            for payload, event in told.items()
            if payload not in known
        ],
    )  # fmt: skip


def _payload(event: EmailEvent) -> str:
    facts = {
        "id": event.id,
        "type": event.type.value,
        "email": event.email,
        "timestamp": event.timestamp,
        "campaign_id": event.campaign_id,
    }
    return json.dumps(facts, ensure_ascii=False)


def _contradiction(database: Database, source: str, event: EmailEvent) -> str:
    stored = database.row("SELECT type, email, timestamp FROM events WHERE id = ?", [event.id])
    event_type, email, timestamp = stored or ("", "", "")
    differ = [
        f"{name} {new}, not {old}"
        for name, new, old, differs in (
            ("type", event.type.value, event_type, event.type.value != event_type),
            ("address", event.email, email, match_key(event.email) != match_key(email)),
            ("time", event.timestamp, timestamp, event.timestamp != timestamp),
        )
        if differs
    ]
    return f"{source}: the id {event.id} is another event's: {'; '.join(differ)}"
