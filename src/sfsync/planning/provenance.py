"""Where a row's values came from, and what happened to a person in order. Pure.

Read from a *history*: the rows, writes, events and so on that the mirror kept of one person, see
``mirror.person_history``. What these functions return is printed by ``explain --json`` as it is.

Times are kept to the second. Of two things in the same second the order is what a run does: what
came in stands before what was sent, and what was brought stands as it was noted. A write is where a value comes from only while the row still
holds what it sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sfsync.model.activity import LEFT_OUT
from sfsync.model.mapping import ObjectMap
from sfsync.model.objects import OBJECTS

Entry: TypeAlias = Mapping[str, Any]
"""One row of one table of a history."""

History: TypeAlias = Mapping[str, Any]

UNKNOWN = "not known: it came before sfsync kept a journal"
EDITED_HERE = "edited here"
_ARRIVED, _BROUGHT, _CONFLICT, _SENT = range(4)
"""The order within one second."""
_NAMED = ("imported", "event", "lives on", "conflict")
"""Origins that say more than that a value was sent; of others only a hand at the row remains."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that brought or sent values of a row.

    Attributes:
        order: its place within one second.
        how: what is shown: ``arrived``, ``imported``, ``event``, ``lives on``, ``pulled``,
            ``conflict`` or ``sent``.
        columns: the columns it brought; for a write, with the values that it sent.
    """

    order: int
    how: str
    at: str
    run_id: str
    columns: Mapping[str, Any]
    source: str = ""


def origins(entry: Entry, history: History, object_map: ObjectMap) -> dict[str, dict[str, Any]]:
    """For each column with a value: how it came, when, by which run, whether it is to be sent.

    Args:
        entry: the person's row, of ``history["rows"]``.
    """
    steps = sorted(_steps(entry, history), key=lambda step: (step.at, step.order))
    base = entry["base"]
    found = {}
    for column, value in entry["local"].items():
        edited = base is None or base.get(column) != value
        blanked = edited and base is not None
        if value is None and not blanked:
            continue  # a blank that was always one came from nowhere
        waits = edited and object_map.by_column[column].pushes
        origin = _origin(column, value, steps)
        if waits and _is_older(origin):
            origin = _origin_of(EDITED_HERE, at=entry["edited_at"] or "")
        if origin is None:
            origin = _origin_of(UNKNOWN)
        found[column] = {"value": value, **origin, "waits": waits}
    return found


def _origin(column: str, value: Any, steps: Sequence[_Step]) -> dict[str, Any] | None:
    """The last thing that brought this column's value; ``None`` where nothing did."""
    origin: dict[str, Any] | None = None
    for step in steps:
        if column not in step.columns:
            continue
        if step.how != "sent":
            origin = _origin_of(step.how, step.at, step.run_id, step.source)
            continue
        if step.columns[column] != value:
            continue  # the row holds something else by now
        if origin is None or origin["how"] not in _NAMED:
            # Sent from here, and nothing says what brought it: somebody typed it into the row.
            origin = _origin_of(EDITED_HERE)
        origin |= {"sent_at": step.at, "sent_in": step.run_id}
    return origin


def _origin_of(how: str, at: str = "", run_id: str = "", source: str = "") -> dict[str, Any]:
    return {"how": how, "at": at, "run_id": run_id, "source": source}


def _is_older(origin: Mapping[str, Any] | None) -> bool:
    """Whether a value that waits to be sent is newer than its last known origin.

    What came down or was sent is agreed on, so a value that differs from the base was edited since.
    An import or an event is an edit itself.
    """
    return origin is None or origin["how"] in ("arrived", "pulled") or "sent_in" in origin


def _steps(entry: Entry, history: History) -> Iterator[_Step]:
    """What brought or sent values of this row, table by table."""
    for one in _of_row(entry, history, "arrivals"):
        yield _Step(_ARRIVED, "arrived", one["at"], one["run_id"], dict.fromkeys(entry["local"]))
    for one in _of_row(entry, history, "brought"):
        columns = dict.fromkeys(one["columns"])
        yield _Step(_BROUGHT, one["how"], one["at"], one["run_id"], columns, one["source"])
    for one in _of_row(entry, history, "conflicts"):
        if one["state"] != "open" and one["value"] == entry["local"].get(one["column"]):
            source = f"{one['winner']} won by {one['rule']}"
            columns = {one["column"]: None}
            yield _Step(_CONFLICT, "conflict", one["found_at"], one["run_id"], columns, source)
    for one in _of_row(entry, history, "writes"):
        if one["state"] == "accepted":
            yield _Step(_SENT, "sent", one["settled_at"], one["run_id"], one["after"])


def _of_row(entry: Entry, history: History, table: str) -> Iterator[Entry]:
    """The entries of one table that are about this row."""
    row = (entry["object"], entry["id"])
    return (one for one in history[table] if (one["object"], one["person_id"]) == row)


def matched(entry: Entry, history: History) -> str:
    """How this row and its record became one."""
    if entry["salesforce_id"] is None:
        return "not in Salesforce"
    for one in _of_row(entry, history, "writes"):
        if one["action"] == "create" and one["state"] == "accepted":
            return f"created in Salesforce by sfsync, run {one['run_id']}"
    for one in _of_row(entry, history, "arrivals"):
        return f"came from Salesforce, run {one['run_id']}"
    for one in _of_row(entry, history, "brought"):
        if one["how"] in ("imported", "event"):
            # the row was here first
            return f"found in Salesforce by its {OBJECTS[entry['object']].matched_by}"
    return "by the Salesforce Id in the row"


def next_push(entry: Entry, object_map: ObjectMap) -> dict[str, Any]:
    """What the mirror would send of this row, as far as it is known without asking Salesforce."""
    base = entry["base"]
    if entry["deleted_at"]:
        return {}
    sends = {}
    for column, value in entry["local"].items():
        if not object_map.by_column[column].pushes:
            continue
        if base is None and value is None:
            continue  # a new record: blanks are not sent
        if base is not None and column in base and base[column] == value:
            continue  # both sides agree on it
        sends[column] = value
    return sends


Words: TypeAlias = Callable[[str, str, Any], str]
"""How a value reads: of an object, of a column, and the value itself."""


def _plain(_object_name: str, _column: str, value: Any) -> str:
    return "(blank)" if value is None else str(value)


def timeline(history: History, words: Words = _plain) -> list[dict[str, Any]]:
    """Everything in order: ``at``, ``what``, ``detail``, ``run_id`` and whose row it is."""
    happened = []
    for table, line_of in _LINES.items():
        for one in history[table]:
            at, what, detail = line_of(one, words)
            happened.append(
                {
                    "at": at,
                    "what": what,
                    "detail": detail,
                    "run_id": one.get("run_id", ""),
                    "object": one.get("object"),
                    "local_id": one.get("person_id"),
                }
            )
    return sorted(happened, key=lambda line: line["at"])


_Line: TypeAlias = tuple[str, str, str]
"""When, what, and the details."""


def _arrival(one: Entry, _words: Words) -> _Line:
    return one["at"], "came in", "by a pull"


def _brought(one: Entry, _words: Words) -> _Line:
    source = f" ({one['source']})" if one["source"] else ""
    return one["at"], one["how"], f"{', '.join(one['columns'])}{source}"


def _former_address(one: Entry, _words: Words) -> _Line:
    what = f"{OBJECTS[one['object']].matched_by} changed"
    return one["until"], what, f"it was {one['match_key']}"


def _event(one: Entry, _words: Words) -> _Line:
    detail = f"{one['id']} {one['campaign_name'] or one['campaign_id']}".strip()
    if one["state"] == "handled" and one["note"] != LEFT_OUT:
        return one["timestamp"], one["type"], detail
    note = f": {one['note']}" if one["note"] else ""
    return one["timestamp"], one["type"], f"{detail} ({one['state']}{note})"


def _activity(one: Entry, _words: Words) -> _Line:
    became = f"Task {one['task_id'] or one['state']}"
    return one["settled_at"] or one["queued_at"], "activity", f"{became} for {one['event_id']}"


def _conflict(one: Entry, words: Words) -> _Line:
    here, there = (words(one["object"], one["column"], one[side]) for side in ("local", "remote"))
    values = f"here {here}, there {there}"
    detail = f"{one['column']}: {values}; {one['winner']} by {one['rule']}"
    return one["found_at"], "conflict", detail


def _refused(one: Entry, _words: Words) -> _Line:
    return one["quarantined_at"], "refused", f"{one['code']}: {one['message']} ({one['state']})"


def _write(one: Entry, words: Words) -> _Line:
    before, name = one["before"], one["object"]
    fields = []
    for column, new in one["after"].items():
        old = f"{words(name, column, before[column])} → " if column in before else ""
        fields.append(f"{column}: {old}{words(name, column, new)}")
    return (
        one["settled_at"] or one["sent_at"],
        f"{one['action']} {one['state']}",
        ", ".join(fields),
    )


def _link(one: Entry, _words: Words) -> _Line:
    survivor = f"{one['successor_object']} {one['successor_id']}"
    return one["found_at"], one["reason"], f"{one['salesforce_id']} lives on in {survivor}"


_LINES: Mapping[str, Callable[[Entry, Words], _Line]] = {
    "arrivals": _arrival,
    "brought": _brought,
    "former": _former_address,
    "events": _event,
    "activities": _activity,
    "conflicts": _conflict,
    "quarantine": _refused,
    "writes": _write,
    "links": _link,
}
"""How each table of a history reads; in the same second, the table that is named first."""
