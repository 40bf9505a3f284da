"""What Salesforce refuses of an edit holds neither the opt-out nor the counters back."""

from __future__ import annotations

import pytest

from sfsync.model.event import EventType
from tests.sides import Sides, event

OUT = "HasOptedOutOfEmail"
UNSUBSCRIBED = "PenguinMails_Unsubscribed__c"
CLICKS = "PenguinMails_Total_Clicks__c"
KINDS = [("Contact", "contacts", {}), ("Lead", "leads", {"Company": "C"})]


def refuse(sides: Sides, *fields: str) -> None:
    sides.org.trouble.rejected = lambda write: (
        ("STRING_TOO_LONG", "too long") if set(fields) & set(write.fields) else None
    )


def known(sides: Sides, kind: str, more: dict[str, str], *names: str) -> list[str]:
    made = [
        sides.org.create(kind, LastName=name, Email=f"{name}@x.example", **more) for name in names
    ]
    sides.pull()
    return made


@pytest.mark.parametrize(("kind", "table", "more"), KINDS)
def test_an_opt_out_is_sent_without_what_was_refused(sides: Sides, kind, table, more) -> None:
    one, two = known(sides, kind, more, "a", "b")
    refuse(sides, "Phone")
    sides.edit(f"UPDATE {table} SET phone = '1', unsubscribed = 1")
    sides.push()
    assert (sides.remote(one, OUT), sides.remote(two, OUT)) == (True, True)
    assert sides.refusals() == ["STRING_TOO_LONG"] * 2
    assert sides.look(f"SELECT DISTINCT phone FROM {table}") == [("1",)]


def test_all_refused_rows_take_one_call_more(sides: Sides) -> None:
    known(sides, "Contact", {}, "a", "b", "c")
    refuse(sides, "Phone")
    calls: list[int] = []
    sides.org.trouble.before_apply = lambda writes: calls.append(len(writes))
    sides.edit("UPDATE contacts SET phone = '1', total_clicks = 4, unsubscribed = 1")
    sides.push()
    assert calls == [3, 3]


def test_one_opt_out_field_that_is_refused_does_not_keep_the_other_back(sides: Sides) -> None:
    (record,) = known(sides, "Contact", {}, "a")
    refuse(sides, OUT)
    sides.edit("UPDATE contacts SET phone = '1', opted_out = 1, unsubscribed = 1")
    sides.push()
    assert sides.remote(record, UNSUBSCRIBED) is True
    assert sides.refusals() == ["STRING_TOO_LONG"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_over_the_parts_is_finished_by_the_next(sides: Sides, when) -> None:
    (record,) = known(sides, "Contact", {}, "a")
    refuse(sides, "Phone")
    sides.edit("UPDATE contacts SET phone = '1', total_clicks = 4, unsubscribed = 1")

    def killed(writes) -> None:
        if "Phone" not in writes[0].fields:
            raise KeyboardInterrupt

    setattr(sides.org.trouble, f"{when}_apply", killed)
    with pytest.raises(KeyboardInterrupt):
        sides.push()
    setattr(sides.org.trouble, f"{when}_apply", lambda _: None)
    sides.reopen()
    sides.sync()
    sides.sync()
    assert sides.remote(record, OUT, CLICKS) == (True, 4)
    assert sides.refusals() == ["STRING_TOO_LONG"]
    assert sides.look("SELECT phone, total_clicks FROM contacts") == [("1", 4)]


# -- what is due -----------------------------------------------------------------------------------
def test_an_opt_out_that_is_refused_is_tried_and_told_by_every_run_until_it_is_done(sides) -> None:
    (record,) = known(sides, "Contact", {}, "a")
    refuse(sides, OUT, UNSUBSCRIBED)
    sides.edit("UPDATE contacts SET unsubscribed = 1")
    for _ in range(3):
        report = sides.sync()
        assert (report.consent_due.count, report.consent_due.first) == (1, (f"contact {record}",))
    sides.org.trouble.rejected = lambda _: None
    report = sides.sync()
    assert report.consent_due.count == 0
    assert sides.remote(record, OUT, UNSUBSCRIBED) == (True, True)
    assert sides.refusals() == []


def test_a_refused_row_whose_opt_out_is_there_is_not_sent_again(sides: Sides) -> None:
    known(sides, "Contact", {}, "a")
    refuse(sides, "Phone")
    sides.edit("UPDATE contacts SET phone = '1', unsubscribed = 1")
    assert sides.push().consent_due.count == 0
    sides.org.trouble.before_apply = lambda _: pytest.fail("sent again")
    sides.push()
    assert sides.refusals() == ["STRING_TOO_LONG"]


def test_a_cell_that_cannot_be_read_does_not_hold_the_opt_out_back(sides: Sides) -> None:
    (record,) = known(sides, "Contact", {}, "a")
    sides.edit("UPDATE contacts SET last_email_opened = 'soon', unsubscribed = 1")
    report = sides.push()
    assert sides.remote(record, OUT, UNSUBSCRIBED) == (True, True)
    assert report.consent_due.count == 0
    assert sides.refusals() == ["UNREADABLE_VALUE"]


def test_a_right_that_comes_back_is_noticed_by_the_next_run(sides: Sides) -> None:
    (record,) = known(sides, "Contact", {}, "a")
    sides.org.hidden.add(("Contact", OUT))
    sides.mirror.state.keep_facts(sides.org.describe("Contact"))
    sides.edit("UPDATE contacts SET unsubscribed = 1")
    assert any(OUT in warning for warning in sides.sync().warnings)
    assert sides.remote(record, UNSUBSCRIBED) is True
    sides.org.hidden.clear()
    assert sides.sync().warnings == []
    assert sides.remote(record, OUT) is True


def test_a_second_unsubscribe_tries_again(sides: Sides) -> None:
    (record,) = known(sides, "Contact", {}, "a")
    refuse(sides, OUT, UNSUBSCRIBED)
    unsubscribed = EventType.UNSUBSCRIBED
    assert sides.push_activity(event(1, "a@x.example", unsubscribed)).consent_due.count == 1
    sides.org.trouble.rejected = lambda _: None
    assert sides.push_activity(event(2, "a@x.example", unsubscribed)).consent_due.count == 0
    assert sides.remote(record, OUT, UNSUBSCRIBED) == (True, True)
