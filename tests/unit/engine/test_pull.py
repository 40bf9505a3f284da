"""pull: what changed in Salesforce comes into the mirror, once, whole, and never too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.errors import OrgUnavailable, Paused, UnsafePlan, WrongOrg
from sfsync.model.limits import Limits
from sfsync.model.merges import Merge
from tests.sides import MAPPING, Sides, with_merge, without_field

CLICKS = "PenguinMails_Total_Clicks__c"


def crowd(sides: Sides, count: int) -> list[str]:
    return [
        sides.org.create("Contact", LastName=f"P{n}", Email=f"p{n}@x.example") for n in range(count)
    ]


def test_everybody_comes_down_with_their_fields(sides: Sides) -> None:
    sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example", Title="Countess")
    sides.org.create(
        "Lead", LastName="Hopper", Company="Navy", Email="grace@x.example", Status="New"
    )
    report = sides.pull()
    assert (report.pull["contact"].created, report.pull["lead"].created) == (1, 1)
    assert sides.local("ada@x.example", "last_name", "job_title") == ("Lovelace", "Countess")
    assert sides.local("grace@x.example", "company", "lead_status", table="leads") == (
        "Navy",
        "New",
    )


def test_new_people_join_the_segment_that_the_rules_name(sides: Sides) -> None:
    crowd(sides, 3)
    sides.pull()
    assert (
        sides.one("SELECT count(*) FROM contact_segments JOIN segments ON segments.id = segment_id")
        == 3
    )


def test_a_second_pull_costs_one_call_for_each_object_and_writes_nothing(sides: Sides) -> None:
    crowd(sides, 5)
    sides.pull()
    state = sides.state()
    report = sides.pull()
    assert sides.state() == state
    assert report.api_calls == 2


def test_a_change_committed_late_with_an_earlier_stamp_is_not_missed(sides: Sides) -> None:
    (ada,) = crowd(sides, 1)
    commit = sides.org.edit_slowly(ada, Title="Late")
    sides.pass_time(300)
    sides.pull()
    commit()
    sides.pull()
    assert sides.local("p0@x.example", "job_title") == "Late"


def test_a_person_deleted_there_is_soft_deleted_here_and_comes_back_when_undeleted(
    sides: Sides,
) -> None:
    ada, *_ = crowd(sides, 3)
    sides.pull()
    sides.org.delete(ada)
    assert sides.pull().pull["contact"].deleted == 1
    assert sides.local("p0@x.example", "deleted_at")
    sides.org.undelete(ada)
    sides.pull()
    assert sides.local("p0@x.example", "deleted_at") is None
    assert sides.one("SELECT count(*) FROM contacts") == 3


def test_an_edit_here_of_somebody_deleted_there_is_kept_as_a_conflict(sides: Sides) -> None:
    ada, *_ = crowd(sides, 3)
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '555' WHERE email = 'p0@x.example'")
    sides.org.delete(ada)
    sides.pull()
    assert sides.conflicts() == [("phone", "555", None, "remote", "decided")]


def test_both_values_of_a_contest_are_kept_whoever_wins(sides: Sides) -> None:
    (ada,) = crowd(sides, 1)
    sides.pull()
    sides.edit("UPDATE contacts SET job_title = 'ours'")
    sides.org.edit(ada, Title="theirs")
    sides.pull()
    assert sides.local("p0@x.example", "job_title") == "theirs"
    assert sides.conflicts() == [("job_title", "ours", "theirs", "remote", "decided")]
    sides.pull()
    assert len(sides.conflicts()) == 1


def test_a_row_waiting_here_is_linked_to_the_record_with_its_address(sides: Sides) -> None:
    sides.edit("INSERT INTO contacts (email, phone) VALUES (' ADA@x.example', '555')")
    ada = sides.org.create("Contact", LastName="Lovelace", Email="ada@X.example", Title="Countess")
    sides.pull()
    (row,) = sides.look("SELECT salesforce_id, phone, job_title, last_name FROM contacts")
    assert row == (ada, "555", "Countess", "Lovelace")


def test_a_row_deleted_for_good_comes_back_with_a_full_pull(sides: Sides) -> None:
    crowd(sides, 3)
    sides.pull()
    sides.pass_time(3_600)
    sides.pull()
    sides.edit("DELETE FROM contacts WHERE email = 'p1@x.example'")
    sides.pull()
    assert sides.one("SELECT count(*) FROM contacts") == 2
    sides.pull(full=True)
    assert sides.one("SELECT count(*) FROM contacts") == 3


def test_a_full_pull_tells_who_was_deleted_from_who_is_out_of_sight(sides: Sides) -> None:
    deleted, hidden, purged, *_ = crowd(sides, 6)
    sides.pull()
    sides.org.delete(deleted)
    sides.pass_time(3_600)
    sides.org.out_of_sight.add(hidden)
    sides.org.purge(purged)
    report = sides.pull(full=True)
    assert sides.look("SELECT email FROM contacts WHERE deleted_at IS NOT NULL") == [
        ("p0@x.example",)
    ]
    assert any("2 contacts are not found" in sentence for sentence in report.warnings)


def test_a_watermark_older_than_the_orgs_memory_of_deletes_reads_everything(sides: Sides) -> None:
    ada, *_ = crowd(sides, 3)
    sides.pull()
    sides.org.delete(ada)
    sides.pass_time(20 * 86_400)
    sides.pull()
    assert sides.local("p0@x.example", "deleted_at")


def test_a_clock_of_ours_that_is_wrong_by_days_loses_nothing(sides: Sides) -> None:
    ada, *_ = crowd(sides, 3)
    sides.now = sides.now.replace(year=2031)
    sides.pull()
    sides.now = sides.now.replace(year=2020)
    sides.org.edit(ada, Title="seen")
    sides.pull()
    assert sides.local("p0@x.example", "job_title") == "seen"


def test_a_pull_since_a_later_time_leaves_no_gap_behind_it(sides: Sides) -> None:
    ada, *_ = crowd(sides, 2)
    sides.pull()
    sides.pass_time(7_200)
    sides.org.edit(ada, Title="in between")
    sides.pass_time(7_200)
    sides.pull(since="2026-01-20T14:00:00Z")
    assert sides.local("p0@x.example", "job_title") is None
    sides.pull()
    assert sides.local("p0@x.example", "job_title") == "in between"


def test_a_reply_that_ends_half_way_moves_no_watermark(sides: Sides) -> None:
    crowd(sides, 8)
    real = sides.org.changed_since

    def cut_off(*asked):
        changes = real(*asked)

        def pages():
            yield next(iter(changes.pages))
            raise OrgUnavailable("the connection is gone")

        return replace(changes, pages=pages())

    sides.org.changed_since = cut_off
    with pytest.raises(OrgUnavailable):
        sides.pull()
    sides.org.changed_since = real
    sides.pull()
    assert sides.one("SELECT count(*) FROM contacts") == 8


# -- the brake -------------------------------------------------------------------------------------
def test_too_many_deletes_stop_the_run_and_nothing_of_it_is_applied_on_either_object(
    sides: Sides,
) -> None:
    people = crowd(sides, 30)
    leads = [
        sides.org.create("Lead", LastName=f"L{n}", Company="C", Email=f"l{n}@x.example")
        for n in range(30)
    ]
    sides.pull()
    sides.org.edit(people[0], Title="innocent")
    for lead in leads[:25]:
        sides.org.delete(lead)
    state = sides.state()
    with pytest.raises(UnsafePlan, match="lead: this run would delete 25"):
        sides.sync()
    assert sides.state() == state
    sides.sync(allow_mass_change=True)
    assert sides.one("SELECT count(*) FROM leads WHERE deleted_at IS NULL") == 5
    assert sides.local("p0@x.example", "job_title") == "innocent"


def test_too_many_blanked_values_stop_the_run(sides: Sides) -> None:
    people = crowd(sides, 5)
    for each in people:
        sides.org.edit(each, Phone="555")
    sides.limits = Limits(max_delete=0.0, max_delete_rows=3)
    sides.pull()
    for each in people[:4]:
        sides.org.edit(each, Phone=None)
    with pytest.raises(UnsafePlan):
        sides.pull()
    assert sides.one("SELECT count(*) FROM contacts WHERE phone = '555'") == 5


def test_mergers_and_conversions_take_nobody_away_and_do_not_count(sides: Sides) -> None:
    people = crowd(sides, 6)
    sides.limits = Limits(max_delete=0.0, max_delete_rows=0)
    sides.pull()
    sides.org.merge(people[0], *people[1:3])
    sides.pull()
    assert sides.one("SELECT count(*) FROM contacts WHERE deleted_at IS NULL") == 4


def test_while_paused_nothing_is_written(sides: Sides) -> None:
    crowd(sides, 1)
    sides.mirror.state.keep_note("paused", "2026-01-20T10:00:00Z")
    for verb in (sides.pull, sides.push, sides.push_activity, sides.sync):
        with pytest.raises(Paused):
            verb()
    assert sides.one("SELECT count(*) FROM contacts") == 0


def test_a_mirror_stays_with_the_org_it_first_met(sides: Sides) -> None:
    sides.pull()
    with pytest.raises(WrongOrg):
        sides.run(lambda run: run.check_org("00D000000000002EAA"))


# -- what this user may see ------------------------------------------------------------------------
def test_a_field_that_is_hidden_is_left_out_and_told(sides: Sides) -> None:
    sides.org.hidden.add(("Contact", "Title"))
    ada = sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example", Title="Countess")
    report = sides.sync()
    assert any("Title" in sentence for sentence in report.warnings)
    assert sides.local("ada@x.example", "job_title") is None
    sides.edit("UPDATE contacts SET job_title = 'ours', phone = '555'")
    sides.sync()
    assert sides.remote(ada, "Title", "Phone") == ("Countess", "555")


def test_a_field_that_becomes_visible_is_read_in_full_and_blanks_nothing(sides: Sides) -> None:
    sides.org.hidden.add(("Contact", "Title"))
    ada, bob, _ = crowd(sides, 3)
    sides.org.edit(ada, Title="theirs")
    sides.pull()
    sides.edit("UPDATE contacts SET job_title = 'ours' WHERE email = 'p1@x.example'")
    sides.pass_time(7_200)
    sides.org.hidden.clear()
    sides.mirror.state.keep_facts(sides.org.describe("Contact"))
    sides.sync()
    assert sides.local("p0@x.example", "job_title") == "theirs"
    assert sides.local("p1@x.example", "job_title") == "ours"
    assert sides.remote(bob, "Title") == "ours"


def test_a_column_that_enters_the_mapping_later_is_read_for_everybody(sides: Sides) -> None:
    ada, *_ = crowd(sides, 3)
    sides.org.edit(ada, Title="theirs")
    sides.reopen(without_field(MAPPING, "contact", "job_title"))
    sides.pull()
    sides.pass_time(7_200)
    sides.reopen(MAPPING)
    sides.pull()
    assert sides.local("p0@x.example", "job_title") == "theirs"
    sides.sync_until_quiet()


def test_a_value_that_is_none_of_its_type_counts_as_absent(sides: Sides) -> None:
    (ada,) = crowd(sides, 1)
    sides.org.edit(ada, **{CLICKS: 5})
    sides.pull()
    sides.org.records[ada][CLICKS] = "many"
    sides.org.edit(ada, Title="CTO")
    report = sides.sync()
    assert sides.local("p0@x.example", "total_clicks", "job_title") == (5, "CTO")
    assert any("total_clicks" in sentence for sentence in report.warnings)


# -- counters and conflicts over a pull ------------------------------------------------------------
def test_what_both_sides_counted_adds_up(sides: Sides) -> None:
    (ada,) = crowd(sides, 1)
    sides.org.edit(ada, **{CLICKS: 5})
    sides.pull()
    sides.edit("UPDATE contacts SET total_clicks = total_clicks + 2")
    sides.org.edit(ada, **{CLICKS: 8})
    sides.sync_until_quiet()
    assert sides.local("p0@x.example", "total_clicks") == sides.remote(ada, CLICKS) == 10


def test_a_click_counted_while_the_pull_is_at_work_is_not_lost(sides: Sides) -> None:
    (ada,) = crowd(sides, 1)
    sides.org.edit(ada, **{CLICKS: 5})
    sides.pull()
    sides.edit("UPDATE contacts SET total_clicks = 7")
    sides.org.edit(ada, **{CLICKS: 8})
    commit = sides.mirror.rows.commit

    def late(plans, *, segment=""):
        sides.edit("UPDATE contacts SET total_clicks = total_clicks + 1")
        commit(plans, segment=segment)

    sides.mirror.rows.commit = late  # type: ignore[method-assign]
    sides.pull()
    sides.mirror.rows.commit = commit  # type: ignore[method-assign]
    sides.sync_until_quiet()
    assert sides.local("p0@x.example", "total_clicks") == sides.remote(ada, CLICKS) == 11


def test_a_held_conflict_costs_no_calls_and_is_told_once(sides: Sides) -> None:
    sides.reopen(with_merge(MAPPING, "contact", "job_title", Merge.MANUAL))
    (ada,) = crowd(sides, 1)
    sides.sync()
    sides.edit("UPDATE contacts SET job_title = 'ours'")
    sides.org.edit(ada, Title="theirs")
    sides.sync()
    sides.pass_time(7_200)
    sides.sync()
    report = sides.sync()
    assert report.api_calls == 2
    assert sides.conflicts() == [("job_title", "ours", "theirs", "held", "open")]
    assert (sides.local("p0@x.example", "job_title"), sides.remote(ada, "Title")) == (
        "ours",
        "theirs",
    )


def test_a_dry_pull_changes_neither_side(sides: Sides) -> None:
    crowd(sides, 3)
    sides.mirror.runs.listed()
    before = sides.bytes_of_both()
    report = sides.pull(dry_run=True)
    assert report.pull["contact"].created == 3
    assert sides.bytes_of_both() == before
    sides.pull()
    sides.org.edit(next(iter(sides.org.records)), Title="x")
    before = sides.bytes_of_both()
    assert sides.pull(dry_run=True).pull["contact"].updated == 1
    assert sides.bytes_of_both() == before
