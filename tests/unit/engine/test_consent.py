"""Consent follows the person: over records, kinds, addresses, deletions, merges and conversions."""

from __future__ import annotations

import pytest

from sfsync.engine.apply import apply
from sfsync.engine.diff import Cost, differences
from sfsync.engine.send import Sender
from sfsync.model.change import OrgWrite
from sfsync.model.event import EventType
from sfsync.model.mapping import OnMultiple
from sfsync.planning.planfile import Planned
from tests.sides import MAPPING, Sides, event, with_object

ADA = "ada@x.example"
OUT = "HasOptedOutOfEmail"
UNSUBSCRIBED = "PenguinMails_Unsubscribed__c"

REQUIRED = {"Contact": {"LastName": "L"}, "Lead": {"LastName": "L", "Company": "C"}}
TABLES = {"Contact": "contacts", "Lead": "leads"}


def person(sides: Sides, kind: str = "Contact", email: str = ADA, **fields) -> str:
    return sides.org.create(kind, **REQUIRED[kind] | {"Email": email} | fields)


def is_out(sides: Sides, record: str) -> bool:
    """Whether every opt-out of a record says so; none may stand alone."""
    raw = sides.org.records[record]
    said = {bool(raw.get(OUT))}
    if record.startswith("003"):
        said.add(bool(raw.get(UNSUBSCRIBED)))
    assert len(said) == 1
    return said == {True}


def unsubscribe(sides: Sides, email: str = ADA, number: int = 1) -> None:
    sides.push_activity(event(number, email, EventType.UNSUBSCRIBED, minute=number))


@pytest.fixture(params=list(OnMultiple))
def twins(request, sides: Sides) -> Sides:
    """A mapping with each answer to several records of one address."""
    mapping = with_object(MAPPING, "contact", on_multiple=request.param)
    sides.reopen(with_object(mapping, "lead", on_multiple=request.param))
    return sides


@pytest.mark.parametrize("kinds", [("Contact", "Lead"), ("Contact", "Contact"), ("Lead", "Lead")])
def test_an_event_opts_all_records_of_the_address_out(twins: Sides, kinds) -> None:
    records = [person(twins, kind) for kind in kinds]
    twins.pull()
    unsubscribe(twins)
    twins.sync_until_quiet()
    assert [is_out(twins, record) for record in records] == [True, True]
    assert "SEVERAL_PEOPLE" not in twins.refusals()


@pytest.mark.parametrize(
    "kinds", [("Contact", "Lead"), ("Lead", "Contact"), ("Contact", "Contact")]
)
def test_a_tick_on_one_record_holds_for_all_of_the_address(sides: Sides, kinds) -> None:
    records = [person(sides, kind) for kind in kinds]
    sides.sync()
    sides.org.edit(records[0], **{OUT: True})
    sides.sync_until_quiet()
    assert [is_out(sides, record) for record in records] == [True, True]


@pytest.mark.parametrize("first", ["Contact", "Lead"])
@pytest.mark.parametrize("second", ["Contact", "Lead"])
def test_whoever_comes_later_with_the_address_is_opted_out(sides: Sides, first, second) -> None:
    old = person(sides, first)
    sides.pull()
    unsubscribe(sides)
    sides.org.delete(old)
    sides.sync()
    new = person(sides, second)
    sides.sync_until_quiet()
    assert is_out(sides, new)


@pytest.mark.parametrize("order", ["event first", "undelete first"])
def test_an_event_while_the_record_is_in_the_recycle_bin(sides: Sides, order) -> None:
    record = person(sides)
    sides.sync()
    sides.org.delete(record)
    sides.sync()
    unsubscribe(sides)
    sides.org.undelete(record)
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert len(sides.org.live("Contact")) == 1


@pytest.mark.parametrize("kind", ["Contact", "Lead"])
def test_a_former_address_opts_its_person_out(sides: Sides, kind) -> None:
    record = person(sides, kind)
    sides.sync()
    sides.org.edit(record, Email="new@x.example")
    sides.sync()
    unsubscribe(sides, ADA)
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert len(sides.org.live(kind)) == 1


def test_an_opt_out_goes_along_to_a_new_address(sides: Sides) -> None:
    record, other = person(sides), person(sides, "Lead", "new@x.example")
    sides.sync()
    unsubscribe(sides)
    sides.org.edit(record, Email="new@x.example")
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert is_out(sides, other)


def test_an_address_that_was_passed_on_speaks_for_its_holder(sides: Sides) -> None:
    first = person(sides, email="office@x.example")
    sides.sync()
    sides.org.edit(first, Email="first@x.example")
    second = person(sides, email="office@x.example")
    sides.sync()
    unsubscribe(sides, "first@x.example")
    sides.sync_until_quiet()
    assert (is_out(sides, first), is_out(sides, second)) == (True, False)


@pytest.mark.parametrize("kind", ["Contact", "Lead"])
def test_a_tick_before_a_conversion_or_merger_is_not_lost(sides: Sides, kind) -> None:
    record = person(sides, kind)
    sides.sync()
    sides.org.edit(record, **{OUT: True})
    if kind == "Lead":
        survivor = sides.org.convert(record)
        sides.org.edit(survivor, **{OUT: False})
    else:
        survivor = person(sides, email="other@x.example")
        sides.org.merge(survivor, record)
    sides.sync_until_quiet()
    assert is_out(sides, survivor)


def test_both_spellings_of_a_domain_are_one_person(sides: Sides) -> None:
    record = person(sides, email="ada@xn--bcher-kva.example")
    other = person(sides, "Lead", email="ada@bücher.example")
    sides.sync()
    unsubscribe(sides, "Ada@Bücher.example")
    sides.sync_until_quiet()
    assert (is_out(sides, record), is_out(sides, other)) == (True, True)
    assert len(sides.org.live("Contact")) == 1


def test_both_sides_taking_it_back_ends_it(sides: Sides) -> None:
    record, twin = person(sides), person(sides, "Lead")
    sides.sync()
    unsubscribe(sides)
    sides.sync_until_quiet()
    sides.edit("UPDATE contacts SET unsubscribed = 0, opted_out = 0")
    sides.org.edit(record, **{OUT: False, UNSUBSCRIBED: False})
    sides.sync_until_quiet()
    assert (is_out(sides, record), is_out(sides, twin)) == (False, False)


@pytest.mark.parametrize("side", ["here", "there"])
def test_one_side_alone_never_ends_it(sides: Sides, side) -> None:
    record = person(sides)
    sides.sync()
    unsubscribe(sides)
    sides.sync_until_quiet()
    if side == "here":
        sides.edit("UPDATE contacts SET unsubscribed = 0, opted_out = 0")
    else:
        sides.org.edit(record, **{OUT: False, UNSUBSCRIBED: False})
    sides.sync_until_quiet()
    assert is_out(sides, record)


def test_a_later_event_says_that_somebody_consents_again(sides: Sides) -> None:
    records = [person(sides), person(sides, "Lead")]
    sides.sync()
    unsubscribe(sides, number=5)
    sides.sync_until_quiet()
    sides.push_activity(event(6, ADA, EventType.RESUBSCRIBED, minute=4))
    sides.sync_until_quiet()
    assert [is_out(sides, record) for record in records] == [True, True]
    sides.push_activity(event(7, ADA, EventType.RESUBSCRIBED, minute=9))
    sides.sync_until_quiet()
    assert [is_out(sides, record) for record in records] == [False, False]


@pytest.mark.parametrize("kind", ["Contact", "Lead"])
def test_a_row_soft_deleted_here_whose_record_stays_is_opted_out_there(sides: Sides, kind) -> None:
    record = person(sides, kind)
    sides.sync()
    sides.edit(f"UPDATE {TABLES[kind]} SET deleted_at = '2026-01-20T09:00:00Z'")
    unsubscribe(sides)
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert len(sides.org.live(kind)) == 1
    assert sides.refusals() == []


def test_an_opt_out_for_three_records_costs_no_call_more_than_for_one(sides: Sides) -> None:
    for number in range(3):
        person(sides, email=ADA)
        person(sides, email=f"single{number}@x.example")
    sides.sync_until_quiet()
    alone = sides.push_activity(event(1, "single0@x.example", EventType.UNSUBSCRIBED)).api_calls
    three = sides.push_activity(event(2, ADA, EventType.UNSUBSCRIBED)).api_calls
    assert three <= alone
    assert sides.sync().api_calls <= 2


LONG_TITLE = "x" * 200
"""More than Salesforce takes."""


def refuse(sides: Sides, *names: str) -> None:
    """Too long a Title is refused, and so is whatever has one of these fields."""

    def why(write: OrgWrite) -> tuple[str, str] | None:
        if write.fields.get("Title") == LONG_TITLE:
            return "STRING_TOO_LONG", "too long"
        if write.fields.keys() & set(names):
            return "INVALID_FIELD_FOR_INSERT_UPDATE", "not yours to write"
        return None

    sides.org.trouble.rejected = why


@pytest.mark.parametrize("kind", ["Contact", "Lead"])
@pytest.mark.parametrize("first", ["refusal", "opt-out"])
def test_a_refused_field_does_not_keep_the_opt_out_back(sides: Sides, kind, first) -> None:
    record = person(sides, kind)
    sides.sync()
    refuse(sides)
    if first == "refusal":
        sides.edit(f"UPDATE {TABLES[kind]} SET job_title = ?", LONG_TITLE)
        sides.sync()
    unsubscribe(sides)
    if first == "opt-out":
        sides.edit(f"UPDATE {TABLES[kind]} SET job_title = ?, unsubscribed = 1", LONG_TITLE)
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert sides.refusals() == ["STRING_TOO_LONG"]


def test_an_opt_out_whose_push_ended_at_the_refusal_is_sent_by_the_next_run(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = person(sides)
    sides.sync()
    refuse(sides)
    sides.edit("UPDATE contacts SET job_title = ?, unsubscribed = 1", LONG_TITLE)
    with monkeypatch.context() as patch:
        patch.setattr(Sender, "_send_parts", lambda *_: ())
        sides.sync()
    assert not sides.org.records[record].get(OUT)
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert sides.sync().api_calls <= 2


@pytest.mark.parametrize("title", [LONG_TITLE, "Engineer"])
def test_one_refused_opt_out_field_does_not_keep_the_other_back(sides: Sides, title) -> None:
    record = person(sides)
    sides.sync()
    refuse(sides, OUT)
    sides.edit("UPDATE contacts SET job_title = ?, unsubscribed = 1", title)
    sides.sync()
    assert sides.org.records[record].get(UNSUBSCRIBED)
    assert len(sides.refusals()) == 1
    sides.sync()
    assert len(sides.refusals()) == 1
    refuse(sides)
    sides.sync_until_quiet()
    assert is_out(sides, record)


@pytest.mark.parametrize("kind", ["Contact", "Lead"])
def test_a_row_deleted_here_follows_its_records_address(sides: Sides, kind) -> None:
    record = person(sides, kind)
    sides.sync()
    sides.edit(f"UPDATE {TABLES[kind]} SET deleted_at = '2026-01-20T09:00:00Z'")
    unsubscribe(sides, "new@x.example")
    sides.org.edit(record, Email="new@x.example")
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert sides.one(f"SELECT deleted_at FROM {TABLES[kind]} WHERE salesforce_id = ?", record)


def test_a_new_row_that_is_opted_out_after_a_consent_is_heard(sides: Sides) -> None:
    record = person(sides)
    sides.sync()
    sides.push_activity(event(1, ADA, EventType.RESUBSCRIBED, minute=1))
    sides.edit("INSERT INTO leads (email, unsubscribed) VALUES (?, 1)", ADA)
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert [is_out(sides, lead["Id"]) for lead in sides.org.live("Lead")] == [True]


def test_an_opt_out_that_comes_late_does_not_end_a_consent_dated_after_it(sides: Sides) -> None:
    records = [person(sides), person(sides, "Lead")]
    sides.sync()
    sides.push_activity(event(1, ADA, EventType.RESUBSCRIBED, minute=9))
    sides.push_activity(event(2, ADA, EventType.UNSUBSCRIBED, minute=4))
    sides.sync_until_quiet()
    assert [is_out(sides, record) for record in records] == [False, False]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_consent_dated_after_an_opt_out_ends_it_though_both_come_together(
    sides: Sides, kind, order, at_once
) -> None:
    record = person(sides, kind)
    sides.sync()
    said = {
        1: event(1, ADA, EventType.UNSUBSCRIBED, minute=1),
        2: event(2, ADA, EventType.RESUBSCRIBED, minute=9),
    }
    if at_once:
        sides.keep(*(said[number] for number in order))
    else:
        for number in order:
            sides.push_activity(said[number])
    sides.sync_until_quiet()
    assert not is_out(sides, record)
    assert sides.look(f"SELECT unsubscribed FROM {TABLES[kind]}") in ([(0,)], [(None,)])


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("ticked", ["the one whose address was changed", "the other"])
def test_an_address_that_salesforce_refuses_is_the_old_one_there(
    sides: Sides, kind, ticked
) -> None:
    changed, other = person(sides, kind), person(sides, kind)
    sides.sync()
    sides.org.trouble.rejected = lambda write: (
        ("INVALID_EMAIL_ADDRESS", "Email: no") if "Email" in write.fields else None
    )
    sides.edit(
        f"UPDATE {TABLES[kind]} SET email = 'new@x.example' WHERE salesforce_id = ?", changed
    )
    sides.sync()
    # by the clock of the world, as everything else here
    sides.edit("UPDATE _former_addresses SET until = '2026-01-20T10:01:30Z'")
    sides.pass_time(600)
    sides.org.edit(changed if ticked != "the other" else other, **{OUT: True})
    sides.sync_until_quiet()
    assert (is_out(sides, changed), is_out(sides, other)) == (True, True)


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("where", ["here", "there"])
def test_an_opt_out_after_a_consent_that_a_plan_carries_out_stands(
    sides: Sides, kind, where
) -> None:
    record = person(sides, kind)
    sides.sync()
    sides.push_activity(event(1, ADA, EventType.RESUBSCRIBED, minute=9))
    sides.sync_until_quiet()
    if where == "here":
        sides.edit(f"UPDATE {TABLES[kind]} SET unsubscribed = 1")
    else:
        sides.org.edit(record, **{OUT: True})
    planned: list[Planned] = []
    sides.run(lambda run: planned.extend(differences(run, cost=Cost())), dry_run=True)
    sides.run(lambda run: apply(run, lambda: iter(planned)))
    sides.sync_until_quiet()
    assert is_out(sides, record)


def test_an_opt_out_of_a_deleted_row_that_stands_there_in_part_is_sent_and_asked_for_no_more(
    sides: Sides,
) -> None:
    record = person(sides)
    sides.pull()
    sides.edit(
        "UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z', unsubscribed = 1, opted_out = 1"
    )
    sides.org.edit(record, **{OUT: True})
    sides.sync_until_quiet()
    assert is_out(sides, record)
    assert sides.sync().api_calls == 2


@pytest.mark.parametrize("kind", TABLES)
def test_a_box_that_is_taken_back_before_the_row_got_to_salesforce_is_set_again(
    sides: Sides, kind
) -> None:
    sides.org.trouble.rejected = lambda _write: ("INVALID_EMAIL_ADDRESS", "Email: no")
    sides.edit(
        f"INSERT INTO {TABLES[kind]} (email, last_name, unsubscribed) VALUES (?, 'L', 1)", ADA
    )
    sides.sync()
    sides.edit(f"UPDATE {TABLES[kind]} SET unsubscribed = 0")
    sides.sync()
    assert sides.look(f"SELECT unsubscribed FROM {TABLES[kind]}") == [(1,)]


def test_a_box_that_is_taken_back_is_set_again_in_a_row_that_waits_for_a_correction(
    sides: Sides,
) -> None:
    record = person(sides)
    sides.pull()
    sides.edit("UPDATE contacts SET unsubscribed = 1, opted_out = 1")
    sides.sync_until_quiet()
    sides.pass_time(3_600)
    sides.sync()
    sides.pass_time(3_600)
    sides.edit(
        "UPDATE contacts SET unsubscribed = 0, opted_out = 0, job_title = CAST(x'4164FF61' AS TEXT)"
    )
    for _ in range(3):
        sides.sync()
    assert sides.look("SELECT unsubscribed, opted_out FROM contacts") == [(1, 1)]
    assert is_out(sides, record)
    kept = sides.look('SELECT "column", local, value FROM conflicts ORDER BY 1')
    assert kept == [("opted_out", 0, 1), ("unsubscribed", 0, 1)]


def test_an_opt_out_in_a_row_that_cannot_be_read_holds_however_its_address_is_spelled(
    sides: Sides,
) -> None:
    record = person(sides)
    sides.pull()
    sides.edit(
        "INSERT INTO leads (email, unsubscribed, job_title) VALUES (?, 1, CAST(x'4164FF61' AS TEXT))",
        f"{ADA}\n",
    )
    for _ in range(2):
        sides.sync()
    assert is_out(sides, record)
    assert sides.look("SELECT email, CAST(job_title AS BLOB) FROM leads") == [(ADA, b"Ad\xffa")]
    assert sides.look("SELECT code, state FROM quarantine") == [("UNREADABLE_VALUE", "open")]
    assert sides.sync().api_calls == 2


def test_a_box_that_is_taken_back_is_set_again_in_a_row_that_was_refused(sides: Sides) -> None:
    record = person(sides)
    sides.pull()
    sides.edit("UPDATE contacts SET unsubscribed = 1, opted_out = 1")
    sides.sync_until_quiet()
    sides.org.trouble.rejected = lambda write: (
        ("STRING_TOO_LONG", "Title: too long") if "Title" in write.fields else None
    )
    sides.pass_time(3_600)
    sides.edit("UPDATE contacts SET job_title = 'long'")
    sides.sync()
    sides.pass_time(3_600)
    sides.edit("UPDATE contacts SET unsubscribed = 0, opted_out = 0")
    sides.sync()
    for _ in range(2):
        sides.pass_time(3_600)
        sides.sync()
    assert sides.look("SELECT unsubscribed, opted_out, job_title FROM contacts") == [(1, 1, "long")]
    assert is_out(sides, record)
    kept = sides.look('SELECT "column", local, value FROM conflicts ORDER BY 1')
    assert kept == [("opted_out", 0, 1), ("unsubscribed", 0, 1)]
    assert sides.look("SELECT state FROM quarantine") == [("open",)]
    sides.pass_time(3_600)
    assert sides.sync().api_calls == 2


def test_an_opt_out_of_a_deleted_row_that_salesforce_has_already_is_asked_for_no_more(
    sides: Sides,
) -> None:
    record = person(sides, "Lead")
    sides.pull()
    sides.edit("UPDATE leads SET unsubscribed = 1, deleted_at = '2026-01-20T10:00:00Z'")
    sides.org.edit(record, **{OUT: True})
    sides.sync_until_quiet()
    sides.pass_time(7_200)
    assert is_out(sides, record)
    assert sides.sync().api_calls == 2


def test_a_deleted_row_with_an_edited_address_follows_its_records_address_too(
    sides: Sides,
) -> None:
    moved, other = person(sides), person(sides, email="other@x.example")
    sides.pull()
    sides.edit(
        "UPDATE contacts SET email = 'typed@x.example', deleted_at = '2026-01-20T09:00:00Z'"
        " WHERE salesforce_id = ?",
        moved,
    )
    unsubscribe(sides, "typed@x.example")
    sides.org.edit(moved, Email="other@x.example")
    sides.sync_until_quiet()
    assert is_out(sides, moved)
    assert is_out(sides, other)  # one person has both records now
    kept = sides.look('SELECT "column", local, remote, winner FROM conflicts')
    assert kept == [("email", "typed@x.example", "other@x.example", "remote")]
