"""The domain in Unicode and in its ``xn--`` form: one person, whichever way they are met."""

from __future__ import annotations

import pytest

from sfsync.model.event import EventType
from tests.sides import Sides, event

UNICODE, ASCII = "ada@bücher.example", "ada@xn--bcher-kva.example"
BOTH = [(UNICODE, ASCII), (ASCII, UNICODE)]
KINDS = [("Contact", "contacts", {}), ("Lead", "leads", {"Company": "C"})]
OUT = "HasOptedOutOfEmail"


@pytest.fixture(params=BOTH, ids=["Unicode first", "xn-- first"])
def names(request) -> tuple[str, str]:
    """How the record spells the address, and how it is spelled elsewhere."""
    return request.param


@pytest.mark.parametrize(("kind", "table", "more"), KINDS)
@pytest.mark.parametrize("verb", ["push", "sync"])
def test_a_typed_row_is_the_record_of_the_other_spelling(
    sides: Sides, names, kind, table, more, verb
) -> None:
    record = sides.org.create(kind, LastName="Ada", Email=names[0], **more)
    sides.edit(f"INSERT INTO {table} (email, last_name, phone) VALUES (?, 'Ada', '5')", names[1])
    getattr(sides, verb)()
    sides.sync_until_quiet()
    assert [each["Id"] for each in sides.org.live(kind)] == [record]
    assert sides.remote(record, "Phone") == "5"


def test_two_typed_rows_of_both_spellings_make_one_record(sides: Sides, names) -> None:
    for name in (names[0], "ada@c.example", names[1]):  # in the order of letters one is between
        sides.edit("INSERT INTO contacts (email, last_name) VALUES (?, 'Ada')", name)
    sides.push()
    assert len(sides.org.live("Contact")) == 2
    assert sides.refusals() == ["SAME_PERSON"]
    assert sides.local(names[1], "salesforce_id") is None  # the elder goes first


@pytest.mark.parametrize(("kind", "table", "more"), KINDS)
@pytest.mark.parametrize("pulled", [True, False])
def test_an_event_finds_the_record_of_the_other_spelling(
    sides: Sides, names, kind, table, more, pulled
) -> None:
    record = sides.org.create(kind, LastName="Ada", Email=names[0], **more)
    if pulled:
        sides.pull()
    sides.push_activity(event(1, names[1], EventType.UNSUBSCRIBED))
    sides.sync_until_quiet()
    assert len(sides.org.live("Contact") + sides.org.live("Lead")) == 1
    assert sides.remote(record, OUT) is True


def test_events_of_both_spellings_make_one_person(sides: Sides, names) -> None:
    sides.push_activity(*(event(number, name) for number, name in enumerate(names, 1)))
    assert len(sides.org.live("Contact")) == 1
    assert sides.one("SELECT total_opens FROM contacts") == 2


@pytest.mark.parametrize(("kind", "table", "more"), KINDS)
def test_whoever_was_merged_or_converted_is_found_by_either_spelling(
    sides: Sides, names, kind, table, more
) -> None:
    record = sides.org.create(kind, LastName="Ada", Email=names[0], **more)
    survivor = sides.org.create("Contact", LastName="Countess", Email="countess@x.example")
    sides.pull()
    if kind == "Lead":
        sides.org.convert(record, survivor)
    else:
        sides.org.merge(survivor, record)
    sides.pull()
    sides.push_activity(event(1, names[1], EventType.UNSUBSCRIBED))
    sides.sync_until_quiet()
    assert [each["Id"] for each in sides.org.live("Contact")] == [survivor]
    assert sides.remote(survivor, OUT) is True


def test_what_is_told_of_a_person_is_the_same_for_either_spelling(sides: Sides, names) -> None:
    record = sides.org.create("Contact", LastName="Ada", Email=names[0])
    sides.pull()
    sides.push_activity(event(1, names[1], EventType.UNSUBSCRIBED))
    told = [sides.mirror.person_history.of(name) for name in names]
    for one in told:
        assert [row["salesforce_id"] for row in one["rows"]] == [record]
        assert [each["id"] for each in one["events"]] == ["evt-1"]
    rows, statements = sides.mirror.consent.of_person(names[0])
    assert sides.mirror.consent.of_person(names[1]) == (rows, statements)
    assert ([row["salesforce_id"] for row in rows], len(statements)) == ([record], 1)
    assert all(sides.mirror.consent.is_opted_out(name) for name in names)


@pytest.mark.parametrize("purged", [0, 1])
def test_a_purge_by_either_spelling_leaves_no_trace_of_both(sides: Sides, names, purged) -> None:
    sides.org.create("Contact", LastName="Ada", Email=names[0])
    sides.org.create("Lead", LastName="Ada", Company="C", Email=names[1])
    sides.pull()
    sides.push_activity(event(1, names[0]), event(2, names[1]))
    sides.edit("UPDATE contacts SET email = ?", names[1])
    sides.sync()
    sides.mirror.purge.person(names[purged])
    sides.close()
    content = sides.path.read_bytes()
    assert [name for name in names if name.encode() in content] == []
    assert b"b\\u00fccher" not in content


def test_a_purged_person_comes_back_by_neither_spelling_until_readmitted(
    sides: Sides, names
) -> None:
    sides.org.create("Contact", LastName="Ada", Email=names[0])
    sides.pull()
    sides.mirror.purge.person(names[0])
    lead = sides.org.create("Lead", LastName="Ada", Company="C", Email=names[1])
    assert sides.mirror.imports.store("contact", [{"email": names[1]}])["purged"] == 1
    sides.push_activity(event(1, names[1]))
    sides.pull(full=True)
    assert sides.look("SELECT id FROM contacts") == sides.look("SELECT id FROM leads") == []
    assert sides.mirror.purge.readmit(names[1])
    sides.pull(full=True)
    assert sides.one("SELECT salesforce_id FROM leads") == lead
