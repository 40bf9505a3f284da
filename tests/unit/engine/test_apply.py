"""apply between a real mirror and an org in memory: it does what a sync would have done, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfsync.engine.apply import Applied, apply
from sfsync.engine.diff import Cost, differences
from sfsync.engine.run import Run
from sfsync.errors import InputError, UnsafePlan
from sfsync.planning.planfile import Header, Planned, lines, records
from tests.sides import Sides

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
