"""apply between a real mirror and an org in memory: it does what a sync would have done, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfsync.engine.apply import Applied, apply
from sfsync.engine.diff import Cost, differences
from sfsync.engine.run import Run
from sfsync.errors import InputError, UnsafePlan
from sfsync.model.change import LocalAction, OrgAction
from sfsync.model.mapping import Direction, RecordEvent
from sfsync.planning.planfile import Header, Planned, lines, records
from tests.sides import MAPPING, Sides, with_object, without_keys

HEADER = Header("org", "mirror", "mapping", "2026-01-20T10:00:00Z")
PEOPLE = 4


def planned(sides: Sides) -> list[str]:
    """The plan file's lines for what differs now."""
    kept: list[str] = []
    sides.run(
        lambda run: kept.extend(lines(HEADER, differences(run, cost=Cost()))),
        dry_run=True,
    )
    return kept


def carried_out(sides: Sides, plan: list[str], **options: bool) -> Applied:
    kept: list[Applied] = []

    def read() -> Iterator[Planned]:
        return records(plan, "plan.json")

    def job(run: Run) -> None:
        kept.append(apply(run, read))

    sides.run(job, **options)
    return kept[0]


def peopled(path: Path) -> Sides:
    sides = Sides(path)
    for at in range(PEOPLE):
        sides.org.create(
            "Contact", LastName=f"P{at}", Email=f"p{at}@example.com", Phone="0", Title="Old"
        )
    sides.pull()
    return sides


def both(sides: Sides) -> tuple[Any, Any]:
    """What people see on both sides, whoever's numbers and stamps."""
    here = sides.look(
        "SELECT email, last_name, phone, job_title, city, deleted_at IS NULL FROM contacts ORDER BY 1, 2"
    )
    fields = ("Email", "LastName", "Phone", "Title", "MailingCity", "IsDeleted")
    there = sorted(repr([raw.get(name) for name in fields]) for raw in sides.org.records.values())
    return here, there


VALUES = st.sampled_from(["1", "2", None])
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["here", "there"]),
        st.integers(0, PEOPLE - 1),
        st.sampled_from(["phone", "city"]),
        VALUES,
    )
    | st.tuples(
        st.sampled_from(["new here", "new there", "gone there"]), st.integers(0, PEOPLE - 1)
    ),
    max_size=8,
)
REMOTE = {"phone": "Phone", "city": "MailingCity"}


def happen(sides: Sides, edits: list[tuple[Any, ...]]) -> None:
    records = sorted(sides.org.records)[:PEOPLE]
    for kind, who, *rest in edits:
        match kind:
            case "here":
                sides.edit(
                    f"UPDATE contacts SET {rest[0]} = ? WHERE email = ?",
                    rest[1],
                    f"p{who}@example.com",
                )
            case "there" if not sides.org.records[records[who]].get("IsDeleted"):
                sides.org.edit(records[who], **{REMOTE[rest[0]]: rest[1]})
            case "new here":
                sides.edit(
                    "INSERT INTO contacts (email, last_name) VALUES (?, 'N')", f"n{who}@example.com"
                )
            case "new there":
                sides.org.create("Contact", LastName="T", Email=f"t{who}@example.com")
            case "gone there" if not sides.org.records[records[who]].get("IsDeleted"):
                sides.org.delete(records[who])


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(EDITS)
def test_applying_a_plan_is_what_a_sync_would_have_done(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("apply")
    synced, applied = peopled(folder / "synced.db"), peopled(folder / "applied.db")
    for sides in (synced, applied):
        happen(sides, edits)
    plan = planned(applied)
    json.loads("".join(plan))
    done = carried_out(applied, plan)
    synced.sync()
    assert done.moved == 0
    assert both(applied) == both(synced)
    state = both(applied)
    carried_out(applied, plan)
    assert both(applied) == state
    for sides in (synced, applied):
        sides.close()


def test_the_brake_looks_at_the_whole_plan_before_anything_is_done(sides: Sides) -> None:
    made = [
        sides.org.create("Contact", LastName=f"P{at}", Email=f"p{at}@example.com", Phone="1")
        for at in range(30)
    ]
    sides.pull()
    sides.edit("UPDATE contacts SET phone = NULL")
    plan = planned(sides)
    with pytest.raises(UnsafePlan):
        carried_out(sides, plan)
    assert sides.remote(made[0], "Phone") == "1"
    carried_out(sides, plan, allow_mass_change=True)
    assert sides.remote(made[0], "Phone") is None


def test_a_plan_that_breaks_off_does_nothing_at_all(sides: Sides) -> None:
    record = sides.org.create("Contact", LastName="P", Email="p@example.com", Phone="1")
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '2'")
    with pytest.raises(InputError, match="ends too early"):
        carried_out(sides, planned(sides)[:-1])
    assert sides.remote(record, "Phone") == "1"


# -- in doubt --------------------------------------------------------------------------------------
CLICKS = "PenguinMails_Total_Clicks__c"
DOUBTS = pytest.mark.parametrize("arrived", [True, False], ids=["it arrived", "it did not arrive"])
WAYS = pytest.mark.parametrize("way", ["answer lost", "killed"])


class Killed(BaseException):
    """The process is gone."""


def pushed_unanswered(sides: Sides, way: str, *, arrived: bool) -> None:
    """A push that nobody knows the outcome of."""

    def kill(_writes: object) -> None:
        raise Killed

    if way == "answer lost" and arrived:
        sides.org.trouble.lost_replies = 1
        sides.push()
        return
    setattr(sides.org.trouble, "after_apply" if arrived else "before_apply", kill)
    with pytest.raises(Killed):
        sides.push()
    sides.org.trouble.after_apply = sides.org.trouble.before_apply = lambda _: None
    sides.reopen()


@pytest.fixture(params=[MAPPING, without_keys(MAPPING)], ids=["keyed", "unkeyed"])
def in_doubt(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sides]:
    """A click that was counted here, before it is pushed: 5 there, 7 here."""
    sides = Sides(tmp_path / "mirror.db", mapping=request.param)
    sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example", **{CLICKS: 5})
    sides.pull()
    sides.edit("UPDATE contacts SET total_clicks = 7")
    yield sides
    sides.close()


@DOUBTS
@WAYS
def test_a_click_in_doubt_is_left_out_of_a_plan_and_counted_once(
    in_doubt: Sides, way: str, arrived: bool
) -> None:
    sides = in_doubt
    pushed_unanswered(sides, way, arrived=arrived)
    before = sides.bytes_of_both()
    plan = planned(sides)
    told = sides.reports[-1]
    assert sides.bytes_of_both() == before
    assert any("1 contacts in doubt, left out" in each for each in told.warnings)
    kept = [each for _, each in records(plan, "plan.json")]
    assert [(each.decisions, each.to_org, bool(each.skip)) for each in kept] == [((), {}, True)]
    assert carried_out(sides, plan).skipped == 1
    sides.sync_until_quiet()
    assert sides.one("SELECT total_clicks FROM contacts") == 7
    assert [raw[CLICKS] for raw in sides.org.live("Contact")] == [7]
    assert sides.conflicts() == []


@DOUBTS
@WAYS
def test_a_plan_made_before_the_doubt_does_not_add_again(
    in_doubt: Sides, way: str, arrived: bool
) -> None:
    """The plan says 5 -> 7, and so did the push whose answer is missing."""
    sides = in_doubt
    plan = planned(sides)
    pushed_unanswered(sides, way, arrived=arrived)
    carried_out(sides, plan)
    carried_out(sides, plan)
    sides.sync_until_quiet()
    assert [raw[CLICKS] for raw in sides.org.live("Contact")] == [7]


def test_a_plan_judged_against_a_base_that_has_moved_is_left(in_doubt: Sides) -> None:
    """The write arrived, the plan was made beside it and knew of no doubt: 7 there, 5 agreed, 7 here."""
    sides = in_doubt
    (record,) = sides.org.records
    sides.org.edit(record, **{CLICKS: 7})
    plan = planned(sides)
    assert [each.to_org for _, each in records(plan, "p")] == [{"total_clicks": 9}]
    sides.edit("UPDATE contacts SET total_clicks = 5")
    sides.sync_until_quiet()
    left = carried_out(sides, plan)
    assert (left.moved, left.done) == (1, 0)
    assert [raw[CLICKS] for raw in sides.org.live("Contact")] == [7]


@WAYS
@pytest.mark.parametrize("address", ["new@x.example", None])
@pytest.mark.parametrize("mapping", [MAPPING, without_keys(MAPPING)], ids=["keyed", "unkeyed"])
def test_a_person_in_doubt_is_nowhere_made_again(
    tmp_path: Path, mapping: Any, way: str, address: str | None
) -> None:
    sides = Sides(tmp_path / "mirror.db", mapping=mapping)
    sides.pull()
    sides.edit("INSERT INTO contacts (email, last_name) VALUES (?, 'New')", address)
    pushed_unanswered(sides, way, arrived=True)
    for verb in (sides.push, sides.sync):
        told = verb(dry_run=True)
        totals = told.totals()["contact"]
        assert (totals["created"], totals["updated"]) == (0, 0)
        assert any("in doubt, left out" in each for each in told.warnings)
    plan = planned(sides)
    assert all(each.skip for _, each in records(plan, "p"))
    carried_out(sides, plan)
    sides.sync_until_quiet()
    assert len(sides.org.live("Contact")) == 1
    assert len(sides.look("SELECT id FROM contacts")) == 1
    sides.close()


# -- plans that nobody made ------------------------------------------------------------------------
def forged(plan: list[str], **changes: Any) -> list[str]:
    """A plan with a valid check, whose first record says something else."""
    (triple, first), *others = records(plan, "plan.json")
    return list(lines(HEADER, [(triple, replace(first, **changes)), *others]))


FORBIDDEN = {
    "deletes, and on_local_delete is keep": (
        {"org_action": OrgAction.DELETE, "to_org": {}, "local_action": LocalAction.NONE},
        "on_local_delete is keep",
    ),
    "an unmapped column for Salesforce": (
        {"to_org": {"phone": "2", "salary": "1"}},
        "the mapping has no column salary",
    ),
    "an unmapped column for the mirror": (
        {"to_local": {"id": 7}, "local_action": LocalAction.UPDATE},
        "the mapping has no column id",
    ),
    "a column that is only pulled": ({"to_org": {"city": "Oslo"}}, "does not send city"),
    "an object that is not mapped": ({"object": "case"}, "no object 'case'"),
    "a record that is there is created": (
        {"org_action": OrgAction.CREATE},
        "it creates a record that is there",
    ),
    "a value of another type": ({"to_org": {"score": "many"}}, "score"),
    "a value that is none": ({"to_org": {"phone": {"a": 1}}}, "phone"),
    "a deletion here": (
        {"local_action": LocalAction.SOFT_DELETE, "org_action": OrgAction.NONE, "to_org": {}},
        "do not delete",
    ),
}


@pytest.mark.parametrize(("changes", "reason"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_plan_that_the_configuration_does_not_allow_does_nothing(
    changes: dict[str, Any], reason: str, sides: Sides
) -> None:
    made = [
        sides.org.create("Contact", LastName=f"P{at}", Email=f"p{at}@x.example", Phone="1")
        for at in range(3)
    ]
    rules = replace(
        MAPPING.rules["contact"],
        records=tuple(
            each for each in MAPPING.rules["contact"].records if each.on is not RecordEvent.DELETED
        ),
    )
    fields = [
        replace(each, direction=Direction.PULL) if each.column == "city" else each
        for each in MAPPING.objects["contact"].fields
    ]
    mapping = with_object(MAPPING, "contact", fields=tuple(fields))
    sides.reopen(replace(mapping, rules={**mapping.rules, "contact": rules}))
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '2'")
    before = both(sides)
    plan = planned(sides)
    with pytest.raises(InputError, match="line 2 of the plan") as refused:
        carried_out(sides, forged(plan, **changes))
    assert reason in str(refused.value)
    assert both(sides) == before
    assert carried_out(sides, plan).moved == 0
    assert [sides.remote(each, "Phone") for each in made] == ["2", "2", "2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"to_org": {"phone": "3"}},
        {"to_org": {"phone": "2", "city": "Oslo"}},
        {"to_org": {"opted_out": 0}},
        {"to_local": {"phone": "1"}, "local_action": LocalAction.UPDATE, "to_org": {}},
        {"new_base": {"phone": "0"}},
    ],
    ids=str,
)
def test_what_a_sync_would_decide_otherwise_is_left_and_told(
    changes: dict[str, Any], sides: Sides
) -> None:
    made = sides.org.create(
        "Contact", LastName="P", Email="p@x.example", Phone="1", HasOptedOutOfEmail=True
    )
    sides.sync()
    sides.edit("UPDATE contacts SET phone = '2'")
    before = both(sides)
    done = carried_out(sides, forged(planned(sides), **changes))
    assert (done.moved, [each.side for each in done.fields]) == (1, ["plan"])
    assert both(sides) == before
    assert sides.remote(made, "HasOptedOutOfEmail") is True
