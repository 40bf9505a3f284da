"""Somebody edits in Salesforce between our reading and our writing: both values live on, whoever wins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sfsync.model.merges import Merge
from sfsync.model.outcome import RunReport
from tests.sides import MAPPING, Sides, with_merge

CLICKS = "PenguinMails_Total_Clicks__c"
SEEN = pytest.mark.parametrize("seen", ["by its stamp", "only in the answer"])


class Crash(BaseException):
    """The process is gone."""


def ada(sides: Sides) -> str:
    record = sides.org.create(
        "Contact", LastName="Lovelace", Email="ada@x.example", Title="Old", **{CLICKS: 3}
    )
    sides.pull()
    sides.edit("UPDATE contacts SET job_title = 'ours', total_clicks = total_clicks + 1")
    return record


def meanwhile(
    sides: Sides, seen: str, act: Callable[[Callable[..., None]], object], times: int = 1
) -> None:
    """Between reading and writing, so many times; ``act`` gets what edits there."""
    left = [times]

    def happen(_writes: object) -> None:
        if left[0]:
            left[0] -= 1
            if seen == "by its stamp":
                sides.pass_time(1)
            act(sides.org.edit if seen == "by its stamp" else sides.org.edit_behind)

    sides.org.trouble.before_apply = happen


def both(sides: Sides, record: str, name: str, column: str) -> tuple[object, object]:
    return sides.remote(record, name), sides.local("ada@x.example", column)


@SEEN
def test_the_same_field(sides: Sides, seen: str) -> None:
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, Title="theirs"))
    report = sides.push()
    assert both(sides, record, "Title", "job_title") == ("theirs", "theirs")
    assert sides.conflicts() == [("job_title", "ours", "theirs", "remote", "decided")]
    assert report.push["contact"].conflicts == 1
    assert_quiet(sides)


@SEEN
def test_another_field(sides: Sides, seen: str) -> None:
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, Phone="555"))
    sides.push()
    sides.pull()
    assert both(sides, record, "Title", "job_title") == ("ours", "ours")
    assert both(sides, record, "Phone", "phone") == ("555", "555")
    assert sides.conflicts() == []
    assert_quiet(sides)


@SEEN
def test_the_same_value(sides: Sides, seen: str) -> None:
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, Title="ours"))
    sides.push()
    assert both(sides, record, "Title", "job_title") == ("ours", "ours")
    assert sides.conflicts() == []
    assert_quiet(sides)


@SEEN
def test_edited_and_edited_back(sides: Sides, seen: str) -> None:
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: (edit(record, Title="theirs"), edit(record, Title="Old")))
    sides.push()
    assert both(sides, record, "Title", "job_title") == ("ours", "ours")
    assert sides.conflicts() == []


@SEEN
@pytest.mark.parametrize("theirs", [1, 5])
def test_counters_add_up(sides: Sides, seen: str, theirs: int) -> None:
    """Also where both added the same, so that the two numbers are equal."""
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, **{CLICKS: 3 + theirs}))
    sides.push()
    assert both(sides, record, CLICKS, "total_clicks") == (4 + theirs, 4 + theirs)
    assert_quiet(sides)


@SEEN
def test_an_opt_out_holds(sides: Sides, seen: str) -> None:
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, HasOptedOutOfEmail=True))
    sides.sync()
    sides.sync()
    assert both(sides, record, "HasOptedOutOfEmail", "opted_out") == (True, 1)
    assert both(sides, record, "PenguinMails_Unsubscribed__c", "unsubscribed") == (True, 1)


@SEEN
def test_a_blank_is_a_value_too(sides: Sides, seen: str) -> None:
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, Title=None))
    sides.push()
    assert both(sides, record, "Title", "job_title") == (None, None)
    assert sides.conflicts() == [("job_title", "ours", None, "remote", "decided")]


@SEEN
def test_where_the_platform_wins_the_other_value_is_in_the_list(sides: Sides, seen: str) -> None:
    sides.reopen(with_merge(MAPPING, "contact", "job_title", Merge.LOCAL_WINS))
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, Title="theirs"))
    sides.push()
    assert both(sides, record, "Title", "job_title") == ("ours", "ours")
    assert sides.conflicts() == [("job_title", "ours", "theirs", "local", "decided")]
    assert_quiet(sides)


@SEEN
def test_a_field_that_a_person_decides_is_held(sides: Sides, seen: str) -> None:
    """Each side keeps its own value; the org's was overwritten for a moment, and is back."""
    sides.reopen(with_merge(MAPPING, "contact", "job_title", Merge.MANUAL))
    record = ada(sides)
    meanwhile(sides, seen, lambda edit: edit(record, Title="theirs"))
    sides.push()
    assert both(sides, record, "Title", "job_title") == ("theirs", "ours")
    assert sides.conflicts() == [("job_title", "ours", "theirs", "held", "open")]
    sides.sync()
    assert both(sides, record, "Title", "job_title") == ("theirs", "ours")
    assert sides.conflicts() == [("job_title", "ours", "theirs", "held", "open")]


@SEEN
def test_again_and_again(sides: Sides, seen: str) -> None:
    """Every value that somebody typed over what they saw; no more rounds than a few."""
    record = ada(sides)
    number = iter(range(100))
    meanwhile(sides, seen, lambda edit: edit(record, Title=f"theirs {next(number)}"), times=99)
    report = sides.push()
    assert len([call for call in sides.org.calls if call == "apply"]) <= 4
    assert any("keeps changing" in each for each in report.warnings) == (
        report.push["contact"].skipped == 1
    )
    last = sides.remote(record, "Title")
    sides.org.trouble.before_apply = lambda _: None
    sides.sync_until_quiet()
    kept = {value for row in sides.conflicts() for value in row[1:3]}
    assert last in {*kept, *both(sides, record, "Title", "job_title")}
    assert "ours" in kept
    assert_quiet(sides)


def test_a_record_deleted_meanwhile_is_followed(sides: Sides) -> None:
    record = ada(sides)
    sides.org.trouble.before_apply = lambda _: sides.org.delete(record)
    report = sides.push()
    sides.org.trouble.before_apply = lambda _: None
    assert report.push["contact"].quarantined == 0
    sides.sync()
    assert sides.local("ada@x.example", "deleted_at")
    assert ("job_title", "ours", None, "remote", "decided") in sides.conflicts()


@pytest.mark.parametrize(
    "place", ["the answer is lost", "it dies before the answer", "it dies after it"]
)
def test_what_a_stamp_tells_of_survives_a_lost_answer_and_a_crash(sides: Sides, place: str) -> None:
    record = ada(sides)
    meanwhile(sides, "by its stamp", lambda edit: edit(record, Title="theirs"))
    if place == "the answer is lost":
        sides.org.trouble.lost_replies = 1
        sides.push()
    else:
        sides.org.trouble.after_apply = die
        with pytest.raises(Crash):
            sides.push()
        sides.reopen()
    sides.org.trouble.before_apply = sides.org.trouble.after_apply = lambda _: None
    sides.sync_until_quiet()
    assert both(sides, record, "Title", "job_title") == ("theirs", "theirs")
    assert both(sides, record, CLICKS, "total_clicks") == (4, 4)
    assert ("job_title", "ours", "theirs", "remote", "decided") in sides.conflicts()


def test_a_crash_between_settling_and_putting_back_loses_nothing(sides: Sides) -> None:
    record = ada(sides)
    meanwhile(sides, "only in the answer", lambda edit: edit(record, Title="theirs"))
    fetched = []

    def fetch(*arguments: object) -> object:
        fetched.append(arguments)
        if len(fetched) == 2:
            raise Crash
        return type(sides.org).fetch(sides.org, *arguments)  # type: ignore[arg-type]

    sides.org.fetch = fetch  # type: ignore[method-assign, assignment]
    with pytest.raises(Crash):
        sides.push()
    del sides.org.fetch
    sides.reopen()
    sides.org.trouble.before_apply = lambda _: None
    assert sides.remote(record, "Title") == "ours"
    assert sides.conflicts() == [("job_title", "ours", "theirs", "remote", "decided")]
    sides.sync_until_quiet()
    assert both(sides, record, "Title", "job_title") == ("theirs", "theirs")


def test_the_history_says_what_was_replaced(sides: Sides) -> None:
    record = ada(sides)
    meanwhile(sides, "only in the answer", lambda edit: edit(record, Title="theirs"))
    sides.push()
    first, *_ = sides.look("SELECT before FROM _outbox ORDER BY ref")
    assert '"job_title": "theirs"' in first[0]


def test_nobody_in_between_costs_nothing(sides: Sides) -> None:
    ada(sides)
    assert calls(sides.push()) == 2


def calls(report: RunReport) -> int:
    return report.api_calls


def die(_writes: object) -> None:
    raise Crash


def assert_quiet(sides: Sides) -> None:
    sides.org.trouble.before_apply = lambda _: None
    sides.sync_until_quiet()
    written = len(sides.org.written)
    sides.sync()
    assert len(sides.org.written) == written


def test_where_nobody_knows_whether_a_write_was_done_both_values_are_kept(sides: Sides) -> None:
    """It was not: the record had moved. But the number there is past ours, and the answer is lost."""
    record = ada(sides)
    meanwhile(sides, "by its stamp", lambda edit: edit(record, Title="theirs", **{CLICKS: 8}))
    sides.org.trouble.lost_replies = 1
    sides.push()
    sides.org.trouble.before_apply = lambda _: None
    sides.sync_until_quiet()
    assert both(sides, record, "Title", "job_title") == ("theirs", "theirs")
    assert sides.conflicts() == [("job_title", "ours", "theirs", "remote", "decided")]
