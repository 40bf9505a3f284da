"""Where a row's values came from, and what happened to a person in order: told from what the mirror kept. Pure.

Times are kept to the second. Of two things in the same second the order is what a run does: what
came in stands before what was sent. A write is where a value comes from only while the row still
holds what it sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sfsync.model.mapping import ObjectMap

UNKNOWN = "not known: it came before sfsync kept a journal"
_ORDER = ("arrived", "imported", "event", "lives on", "pulled", "conflict", "sent")


def origins(
    entry: Mapping[str, Any], told: Mapping[str, Any], object_map: ObjectMap
) -> dict[str, dict[str, Any]]:
    """For each column that holds a value: how it came, when, by which run, and whether it waits to be sent.

    Args:
        entry: the person's row, of ``told["rows"]``.
        told: the whole story, see ``mirror.stories``.
    """
    steps = sorted(_steps(entry, told), key=lambda step: (step["at"], _ORDER.index(step["how"])))
    base = entry["base"]
    found = {}
    for column, value in entry["local"].items():
        waits = base is None or base.get(column, None) != value
        if value is not None or (waits and base is not None):
            waits = waits and object_map.by_column[column].pushes
            found[column] = _origin(column, value, steps, waits=waits, edited_at=entry["edited_at"])
    return found


def _origin(
    column: str,
    value: Any,
    steps: Sequence[Mapping[str, Any]],
    *,
    waits: bool,
    edited_at: str | None,
) -> dict[str, Any]:
    came: dict[str, Any] | None = None
    for step in steps:
        if column not in step["columns"]:
            continue
        if step["how"] != "sent":
            came = {name: step[name] for name in ("how", "at", "run_id", "source")}
        elif step["columns"][column] == value:
            if came is None or came["how"] not in ("imported", "event", "lives on", "conflict"):
                came = {"how": "edited here", "at": "", "run_id": "", "source": ""}
            came |= {"sent_at": step["at"], "sent_in": step["run_id"]}
    by_hand = came is None or came["how"] in ("arrived", "pulled") or "sent_in" in came
    if waits and by_hand:
        came = {"how": "edited here", "at": edited_at or "", "run_id": "", "source": ""}
    return {
        "value": value,
        **(came or {"how": UNKNOWN, "at": "", "run_id": "", "source": ""}),
        "waits": waits,
    }


def _steps(entry: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What brought or sent values of this row; ``columns`` gives what a write sent."""

    def mine(name: str) -> Iterator[Mapping[str, Any]]:
        return (
            one
            for one in told[name]
            if (one["object"], one["person_id"]) == (entry["object"], entry["id"])
        )

    for one in mine("arrivals"):
        yield _step("arrived", one["at"], one["run_id"], dict.fromkeys(entry["local"]))
    for one in mine("brought"):
        yield _step(
            one["how"], one["at"], one["run_id"], dict.fromkeys(one["columns"]), one["source"]
        )
    for one in mine("conflicts"):
        if one["state"] != "open" and one["value"] == entry["local"].get(one["column"]):
            source = f"{one['winner']} won by {one['rule']}"
            yield _step("conflict", one["found_at"], one["run_id"], {one["column"]: None}, source)
    for one in mine("writes"):
        if one["state"] == "accepted":
            yield _step("sent", one["settled_at"], one["run_id"], one["after"])


def _step(
    how: str, at: str, run_id: str, columns: Mapping[str, Any], source: str = ""
) -> dict[str, Any]:
    return {"how": how, "at": at, "run_id": run_id, "columns": columns, "source": source}


def matched(entry: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """How this row and its record became one."""
    person = (entry["object"], entry["id"])
    if entry["salesforce_id"] is None:
        return "not in Salesforce"
    for one in told["writes"]:
        if (one["object"], one["person_id"], one["action"]) == (*person, "create") and one[
            "state"
        ] == "accepted":
            return f"created in Salesforce by sfsync, run {one['run_id']}"
    for one in told["arrivals"]:
        if (one["object"], one["person_id"]) == person:
            return f"came from Salesforce, run {one['run_id']}"
    known_here = any(
        (one["object"], one["person_id"]) == person and one["how"] in ("imported", "event")
        for one in told["brought"]
    )
    return "found in Salesforce by its address" if known_here else "by the Salesforce Id in the row"


def next_push(entry: Mapping[str, Any], object_map: ObjectMap) -> dict[str, Any]:
    """What the mirror would send of this row, as far as it can tell without asking Salesforce."""
    base = entry["base"]
    if entry["deleted_at"]:
        return {}
    return {
        column: value
        for column, value in entry["local"].items()
        if object_map.by_column[column].pushes
        and (value is not None if base is None else column not in base or base[column] != value)
    }


def timeline(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything in order: ``at``, ``what``, ``detail``, ``run_id`` and whose row it is."""
    return sorted(_happenings(told), key=lambda one: one["at"])


def _happenings(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in told["arrivals"]:
        yield _told(one, one["at"], "came in", "by a pull")
    for one in told["brought"]:
        source = f" ({one['source']})" if one["source"] else ""
        yield _told(one, one["at"], one["how"], f"{', '.join(one['columns'])}{source}")
    for one in told["former"]:
        yield _told(one, one["until"], "address changed", f"it was {one['match_key']}")
    for one in told["events"]:
        detail = f"{one['id']} {one['campaign_name'] or one['campaign_id']}".strip()
        state = (
            ""
            if one["state"] == "handled"
            else f" ({one['state']}{': ' if one['note'] else ''}{one['note']})"
        )
        yield _told(one, one["timestamp"], one["type"], detail + state)
    for one in told["activities"]:
        became = f"Task {one['task_id']}" if one["task_id"] else f"Task {one['state']}"
        yield _told(
            one,
            one["settled_at"] or one["queued_at"],
            "activity",
            f"{became} for {one['event_id']}",
        )
    for one in told["conflicts"]:
        detail = f"{one['column']}: here {one['local']!r}, there {one['remote']!r}; {one['winner']} by {one['rule']}"
        yield _told(one, one["found_at"], "conflict", detail)
    for one in told["quarantine"]:
        yield _told(
            one,
            one["quarantined_at"],
            "refused",
            f"{one['code']}: {one['message']} ({one['state']})",
        )
    for one in told["writes"]:
        fields = ", ".join(
            f"{column}: {one['before'].get(column)!r} -> {value!r}"
            for column, value in one["after"].items()
        )
        yield _told(
            one, one["settled_at"] or one["sent_at"], f"{one['action']} {one['state']}", fields
        )
    for one in told["links"]:
        detail = (
            f"{one['salesforce_id']} lives on in {one['successor_object']} {one['successor_id']}"
        )
        yield _told(one, one["found_at"], one["reason"], detail)


def _told(one: Mapping[str, Any], at: str, what: str, detail: str) -> dict[str, Any]:
    return {
        "at": at,
        "what": what,
        "detail": detail,
        "run_id": one.get("run_id", ""),
        "object": one.get("object"),
        "local_id": one.get("person_id"),
    }
