"""After a big push: what was read at its stamps is not read again, and late commits are seen all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from local_org.state.users import add_user
from tests.faults.local_sides import LocalOrgs, LocalSides

pytestmark = pytest.mark.always
PUSHED = 600
"""Contacts; their pages hold 200."""


def calls_of_sync(sides: LocalSides) -> int:
    sides.do("sync")
    return sides.open.usage().api_calls


def push_all(sides: LocalSides, title: str) -> None:
    sides.local.state.advance(3600)
    sides.do("sync")
    sides.sql("UPDATE contacts SET job_title = ?", title)
    sides.do("sync")
    sides.local.state.advance(5)


def title_here(sides: LocalSides, record: str) -> str:
    [found] = sides.sql("SELECT job_title FROM contacts WHERE salesforce_id = ?", record)
    return str(found["job_title"])


@pytest.fixture(scope="module")
def sides(local_orgs: LocalOrgs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSides]:
    with local_orgs.open(tmp_path_factory.mktemp("sides"), contacts=PUSHED, leads=3) as opened:
        opened.allow_mass_change = True
        add_user(
            opened.local.state, first_name="Eve", last_name="Editor", username="eve@penguin.example"
        )
        yield opened


@pytest.mark.slow
def test_an_idle_sync_takes_one_call_an_object_from_the_second_one_on(sides: LocalSides) -> None:
    push_all(sides, "Idle")
    first = calls_of_sync(sides)
    assert first > 2, "what a push set off in Salesforce is read once"
    later = []
    for _ in range(30):
        sides.local.state.advance(60)
        later.append(calls_of_sync(sides))
    assert later == [2] * 30, "within the overlap, while it is left behind, and after it"
    assert sides.sql("SELECT * FROM _notes WHERE name LIKE 'stretch%'") == []
    sides.check_agreement()


@pytest.mark.parametrize(
    "who", ["another user", pytest.param("the same user", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("was", ["pushed", pytest.param("old", marks=pytest.mark.slow)])
def test_a_late_commit_within_what_was_read_is_seen(sides: LocalSides, who: str, was: str) -> None:
    """Saved while the push was under way or just after, committed when it had been read already."""
    [record, *_] = sides.live("Contact")
    if was == "old":
        sides.local.state.advance(3600)
        sides.do("sync")
        sides.sql("UPDATE contacts SET job_title = ? WHERE salesforce_id <> ?", "Many", record)
        sides.do("sync")
        sides.local.state.advance(5)
    else:
        push_all(sides, "Many")
    user = sides.local.as_user("eve@penguin.example" if who == "another user" else None)
    late = f"Late, {was}, {who}"
    replace(user, commit_delay_seconds=400.0).edit(record, {"Title": late})
    sides.local.state.advance(20)
    sides.do("sync")
    sides.local.state.advance(20)
    assert calls_of_sync(sides) == 2
    assert title_here(sides, record) != late
    sides.local.state.advance(400)
    for _ in range(20):
        sides.do("sync")
        sides.local.state.advance(60)
    assert title_here(sides, record) == late
    sides.check_agreement()


def test_an_edit_after_the_push_is_seen_at_once(sides: LocalSides) -> None:
    push_all(sides, "Edited")
    sides.do("sync")
    [record, *_] = sides.live("Contact")
    sides.local.state.advance(30)
    sides.people.edit(record, {"Title": "At once"})
    sides.do("sync")
    assert title_here(sides, record) == "At once"


@pytest.mark.slow
def test_a_late_commit_that_no_measure_shows_is_seen_once_none_can_come_any_more(
    sides: LocalSides,
) -> None:
    """A second save by the same user, with a stamp that others of the push have as well."""
    push_all(sides, "Hidden")
    sides.do("sync")
    *_, record = sides.live("Contact")
    state = sides.local.state
    with state.lock:
        table = state.table("Contact")
        state.put(table, record, {**table.rows[record], "Title": "Late and hidden"})
    calls = []
    for _ in range(25):
        state.advance(60)
        calls.append(calls_of_sync(sides))
    assert title_here(sides, record) == "Late and hidden"
    assert calls == [2] * 25
    sides.check_agreement()


@pytest.mark.slow
def test_an_org_that_measures_nothing_is_read_again(sides: LocalSides) -> None:
    push_all(sides, "Unmeasured")
    sides.add_fault("status", "COUNT_DISTINCT", [], status=400, code="MALFORMED_QUERY")
    sides.do("sync")
    assert sides.sql("SELECT * FROM _notes WHERE name LIKE 'stretch%'") == []
    assert calls_of_sync(sides) > 2
    sides.clear_faults()
    sides.check_agreement()
