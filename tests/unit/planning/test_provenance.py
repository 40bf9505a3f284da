"""Where a value came from: the last thing that brought it, and the write that sent it."""

from __future__ import annotations

from typing import Any

from sfsync.model.mapping import Direction, FieldMap, ObjectMap
from sfsync.planning.provenance import UNKNOWN, matched, next_push, origins, timeline

AT, LATER = "2026-01-20T10:00:00Z", "2026-01-20T10:00:01Z"
ADA: dict[str, Any] = {
    "object": "contact",
    "id": 1,
    "salesforce_id": "003A",
    "local": {"title": "Countess"},
    "base": {"title": "Countess"},
    "edited_at": "2026-01-21T10:00:00Z",
    "deleted_at": None,
}
CONTACT = ObjectMap(
    name="contact",
    sobject="Contact",
    table="contacts",
    match_on="email",
    fields=(
        FieldMap("Title", "title"),
        FieldMap("Phone", "phone", direction=Direction.PULL),
    ),
)


def history(**tables: list[dict[str, Any]]) -> dict[str, Any]:
    empty = ("arrivals", "brought", "former", "events", "activities", "conflicts", "quarantine")
    return dict.fromkeys((*empty, "writes", "links"), ()) | tables


def of_ada(**fields: Any) -> dict[str, Any]:
    return {"object": "contact", "person_id": 1, "run_id": "r1"} | fields


def brought(how: str, at: str = AT, source: str = "") -> dict[str, Any]:
    return of_ada(how=how, at=at, columns=["title"], source=source)


def sent(value: str, at: str = AT) -> dict[str, Any]:
    return of_ada(
        action="update",
        state="accepted",
        settled_at=at,
        sent_at=at,
        before={},
        after={"title": value},
    )


def title(entry: dict[str, Any] = ADA, **tables: list[dict[str, Any]]) -> dict[str, Any]:
    return origins(entry, history(**tables), CONTACT)["title"]


def test_of_two_things_in_one_second_the_one_that_was_noted_last_brought_the_value() -> None:
    came = title(brought=[brought("pulled"), brought("event", source="evt-2")])
    assert (came["how"], came["source"]) == ("event", "evt-2")
    assert title(brought=[brought("event"), brought("pulled")])["how"] == "pulled"


def test_a_write_keeps_the_origin_that_says_more_than_that_it_was_sent() -> None:
    came = title(brought=[brought("imported", source="people.csv")], writes=[sent("Countess")])
    assert (came["how"], came["source"], came["sent_at"]) == ("imported", "people.csv", AT)


def test_a_value_that_nothing_but_a_write_tells_of_was_edited_here() -> None:
    assert title(writes=[sent("Countess")])["how"] == "edited here"
    assert (
        title(brought=[brought("pulled")], writes=[sent("Countess", LATER)])["how"] == "edited here"
    )


def test_a_write_of_another_value_is_no_origin() -> None:
    assert title(writes=[sent("Analyst")])["how"] == UNKNOWN


def test_a_value_that_waits_was_edited_after_it_came_down() -> None:
    edited = ADA | {"base": {"title": "Analyst"}}
    came = title(edited, brought=[brought("pulled")])
    assert (came["how"], came["at"], came["waits"]) == ("edited here", ADA["edited_at"], True)
    assert title(edited, brought=[brought("event")])["how"] == "event"


def test_what_is_sent_next_are_edits_of_fields_that_are_written() -> None:
    edited = ADA | {"local": {"title": "Countess", "phone": "1"}, "base": {"title": "Analyst"}}
    assert next_push(edited, CONTACT) == {"title": "Countess"}
    assert next_push(ADA, CONTACT) == {}
    assert next_push(ADA | {"local": {"title": None}, "base": None}, CONTACT) == {}


def test_how_row_and_record_became_one() -> None:
    created = sent("Countess") | {"action": "create"}
    assert matched(ADA | {"salesforce_id": None}, history()) == "not in Salesforce"
    assert "created in Salesforce by sfsync" in matched(ADA, history(writes=[created]))
    assert "by its address" in matched(ADA, history(brought=[brought("imported")]))
    assert matched(ADA, history()) == "by the Salesforce Id in the row"


def test_the_timeline_is_in_order_whatever_table_it_comes_from() -> None:
    lines = timeline(history(arrivals=[of_ada(at=LATER)], writes=[sent("Countess")]))
    assert [line["what"] for line in lines] == ["update accepted", "came in"]
    assert lines[0]["detail"] == "title: Countess"
