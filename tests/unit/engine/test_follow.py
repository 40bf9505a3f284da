"""follow: what the stream names is read by the API and comes in as by a pull; echoes and mass deletions are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.engine.follow import follow
from sfsync.engine.pull import pull
from sfsync.engine.run import Run
from sfsync.errors import OrgUnavailable, Paused, UnsafePlan
from sfsync.model.hint import Batch, Hint, HintKind, fingerprint
from sfsync.model.limits import Limits
from sfsync.model.mapping import Direction
from tests.sides import ORG_ID, Sides

BOTH = ["contact", "lead"]


def tell(
    sides: Sides, *ids: str, name: str = "contact", kind=HintKind.UPDATE, changed=None
) -> None:
    hint = Hint(name, ids, kind, changed=changed)
    sides.mirror.hints.keep("/data/Sync__chn", ORG_ID, Batch(b"p", (hint,)))


def run(sides: Sides, *, by_hour: bool = False):
    def job(under_way: Run) -> None:
        under_way.brakes_by_hour = by_hour
        follow(under_way, BOTH)

    return sides.run(job)


@pytest.fixture
def ada(sides: Sides) -> str:
    ada = sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example", Title="Countess")
    sides.pull()
    return ada


def calls(sides: Sides, before: int) -> list[str]:
    return [name for name, *_ in sides.org.calls[before:]]


def test_a_change_that_is_named_is_in_the_mirror_and_the_watermark_stays(
    sides: Sides, ada: str
) -> None:
    mark = sides.look("SELECT * FROM _watermarks")
    sides.org.edit(ada, Title="Analyst")
    tell(sides, ada)
    report = run(sides)
    assert sides.local("ada@x.example", "job_title") == "Analyst"
    assert (report.pull["contact"].updated, report.api_calls) == (1, 1)
    assert sides.look("SELECT * FROM _watermarks") == mark
    assert sides.mirror.hints.count() == 0


def test_where_nothing_is_named_nobody_is_asked(sides: Sides, ada: str) -> None:
    assert run(sides).api_calls == 0


def test_deleted_merged_converted_restored_and_new_records_end_as_by_a_pull(sides: Sides) -> None:
    people = [
        sides.org.create("Contact", LastName=f"P{n}", Email=f"p{n}@x.example") for n in range(4)
    ]
    lead = sides.org.create("Lead", LastName="L", Company="Navy", Email="l@x.example")
    sides.pull()
    sides.org.delete(people[0])
    sides.org.merge(people[1], people[2])
    contact = sides.org.convert(lead)
    new = sides.org.create("Contact", LastName="New", Email="new@x.example")
    tell(sides, *people, new, contact)
    tell(sides, lead, name="lead")
    run(sides)
    followed = sides.state()
    assert sides.pull().is_idle
    assert sides.state() == followed
    assert sides.one("SELECT count(*) FROM contacts WHERE deleted_at IS NULL") == 4
    sides.org.undelete(people[0])
    tell(sides, people[0])
    run(sides)
    assert sides.local("p0@x.example", "deleted_at") is None


def test_a_record_that_is_gone_for_good_leaves_its_row_and_unknown_ids_do_nothing(
    sides: Sides, ada: str
) -> None:
    sides.org.delete(ada)
    sides.org.purge(ada)
    tell(sides, ada, "003000000000099AAC")
    run(sides)
    assert sides.local("ada@x.example", "deleted_at") is None
    assert sides.mirror.hints.count() == 0


def test_what_both_sides_changed_is_merged_as_ever(sides: Sides, ada: str) -> None:
    sides.org.edit(ada, Title="Theirs")
    sides.edit("UPDATE contacts SET job_title = 'Ours', phone = '1' WHERE email = 'ada@x.example'")
    tell(sides, ada)
    report = run(sides)
    assert report.pull["contact"].conflicts == 1
    assert sides.local("ada@x.example", "job_title", "phone") == ("Theirs", "1")


def test_an_org_that_cannot_answer_loses_no_hint(sides: Sides, ada: str) -> None:
    sides.org.edit(ada, Title="Analyst")
    tell(sides, ada)
    sides.org.trouble.refused_requests = 1
    with pytest.raises(OrgUnavailable):
        run(sides)
    run(sides)
    assert sides.local("ada@x.example", "job_title") == "Analyst"


@pytest.mark.parametrize(("kind", "full"), [(HintKind.OVERFLOW, False), (HintKind.WILDCARD, True)])
def test_where_no_ids_are_named_the_object_is_pulled(sides: Sides, ada: str, kind, full) -> None:
    sides.pass_time(100_000)
    sides.pull()
    sides.org.edit_behind(ada, Title="Behind")  # no stamp shows it
    tell(sides, kind=kind)
    run(sides)
    assert (sides.local("ada@x.example", "job_title") == "Behind") is full
    assert sides.mirror.hints.count() == 0


def test_paused_hints_wait(sides: Sides, ada: str) -> None:
    tell(sides, ada)
    sides.mirror.state.keep_note("paused", "2026-01-20")
    with pytest.raises(Paused):
        run(sides)
    assert sides.mirror.hints.count() == 1


def test_a_purged_person_does_not_come_back(sides: Sides, ada: str) -> None:
    sides.mirror.purge.person("ada@x.example")
    sides.org.edit(ada, Title="Analyst")
    tell(sides, ada)
    run(sides)
    assert sides.look("SELECT * FROM contacts WHERE email = 'ada@x.example'") == []


# -- own echoes ------------------------------------------------------------------------------------
def echo(**changed: object) -> dict[str, str]:
    fields = changed | {"LastModifiedDate": "2026-01-20T10:00:00Z"}
    return {name: fingerprint(value) for name, value in fields.items()}


def pushed(sides: Sides, title: str) -> None:
    sides.edit("UPDATE contacts SET job_title = ? WHERE email = 'ada@x.example'", title)
    sides.push()


def test_an_own_write_that_comes_back_is_not_read(sides: Sides, ada: str) -> None:
    pushed(sides, "Analyst")
    tell(sides, ada, changed=echo(Title="Analyst"))
    assert run(sides).api_calls == 0
    assert sides.mirror.hints.count() == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"Title": "ANALYST"},  # automation in the org changed what was sent
        {"Title": "Analyst", "Phone": "1"},  # ... or something else
        {
            "Title": "Analyst",
            "AccountId": "001000000000001AAA",
        },  # a field that is read by another name
        {"Title": None},
        {"Title": "Countess"},  # what it was before
    ],
)
def test_whatever_goes_beyond_what_was_sent_is_read(sides: Sides, ada: str, changed) -> None:
    pushed(sides, "Analyst")
    sides.org.edit(ada, Phone="555")
    tell(sides, ada, changed=echo(**changed))
    assert run(sides).api_calls == 1
    assert sides.local("ada@x.example", "phone") == "555"


def test_an_echo_of_a_row_that_is_edited_again_meanwhile_is_still_one(
    sides: Sides, ada: str
) -> None:
    pushed(sides, "Analyst")
    sides.edit("UPDATE contacts SET job_title = 'Next' WHERE email = 'ada@x.example'")
    tell(sides, ada, changed=echo(Title="Analyst"))
    assert run(sides).api_calls == 0
    sides.push()
    assert sides.remote(ada, "Title") == "Next"


def test_an_echo_of_a_write_without_an_answer_is_not_dropped_before_it_is_known(
    sides: Sides, ada: str
) -> None:
    sides.org.trouble.lost_replies = 1
    pushed(sides, "Analyst")
    tell(sides, ada, changed=echo(Title="Analyst"))
    run(sides)
    assert sides.look("SELECT 1 FROM _outbox WHERE state IN ('sending', 'unknown')") == []
    assert sides.sync_until_quiet().is_idle


# -- the brake -------------------------------------------------------------------------------------
LIMITS = Limits(max_delete=0.10, max_delete_rows=4)


def crowd(sides: Sides, count: int) -> list[str]:
    made = [
        sides.org.create("Contact", LastName=f"P{n}", Email=f"p{n}@x.example") for n in range(count)
    ]
    sides.pull()
    sides.limits = LIMITS
    return made


def delete(sides: Sides, *records: str) -> None:
    for record in records:
        sides.org.delete(record)
    tell(sides, *records, kind=HintKind.DELETE)


def live(sides: Sides) -> int:
    return sides.one("SELECT count(*) FROM contacts WHERE deleted_at IS NULL")


def test_many_small_deletions_within_an_hour_are_one_large_one(sides: Sides) -> None:
    people = crowd(sides, 10)
    delete(sides, *people[:3])
    run(sides, by_hour=True)
    delete(sides, *people[3:5])
    with pytest.raises(UnsafePlan, match="after 3 and 0 within the last hour; the limit is 4"):
        run(sides, by_hour=True)
    assert (live(sides), sides.mirror.hints.count()) == (7, 2)
    with pytest.raises(UnsafePlan):  # the pull that the same process runs beside it, too
        sides.run(_pull_by_hour)
    sides.pass_time(3700)
    run(sides, by_hour=True)
    assert live(sides) == 5


def _pull_by_hour(under_way: Run) -> None:
    under_way.brakes_by_hour = True
    pull(under_way)


def test_a_person_can_let_it_pass(sides: Sides) -> None:
    people = crowd(sides, 10)
    delete(sides, *people)
    with pytest.raises(UnsafePlan):
        run(sides, by_hour=True)
    sides.pull(allow_mass_change=True)
    run(sides, by_hour=True)
    assert (live(sides), sides.mirror.hints.count()) == (0, 0)


def test_one_object_that_is_held_back_does_not_hold_the_other(sides: Sides) -> None:
    lead = sides.org.create("Lead", LastName="L", Company="Navy", Email="l@x.example")
    people = crowd(sides, 10)
    delete(sides, *people)
    sides.org.edit(lead, Title="Captain")
    tell(sides, lead, name="lead")
    with pytest.raises(UnsafePlan):
        run(sides, by_hour=True)
    assert sides.local("l@x.example", "job_title", table="leads") == "Captain"
    assert live(sides) == 10


def test_an_object_of_which_nothing_comes_down_is_not_read(sides: Sides, ada: str) -> None:
    rules = replace(sides.mapping.rules["contact"], direction=Direction.PUSH)
    sides.reopen(replace(sides.mapping, rules={**sides.mapping.rules, "contact": rules}))
    sides.org.edit(ada, Title="Analyst")
    tell(sides, ada)
    assert run(sides).api_calls == 0
