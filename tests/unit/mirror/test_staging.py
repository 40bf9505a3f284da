"""What SQL settles by itself, what it leaves to the planner, and that the two say the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfsync.mirror import stage_triples, staging
from sfsync.mirror.store import SqliteMirror
from sfsync.model.record import LocalId, Remote, RemoteState, SalesforceId, Triple
from sfsync.model.stage import StageSummary
from sfsync.planning.planner import plan_row
from tests.unit.mirror.samples import (
    CONTACT,
    PULLED,
    RULES,
    contested,
    edit,
    foreign,
    look,
    one,
    open_mirror,
    pull,
    remote,
    sid,
)


def summary(mirror: SqliteMirror, *records: Remote) -> StageSummary:
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add(records)
        return stage.summary()


def test_new_changed_equal_and_blanked_are_counted_before_anything_is_applied(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, *(remote(number, phone="1") for number in range(1, 5)))
    edit(mirror, "UPDATE contacts SET phone = '2' WHERE salesforce_id = ?", sid(4))
    found = summary(
        mirror, remote(1, phone="1"), remote(2, phone="9"), remote(3), remote(4), remote(5)
    )
    assert found == StageSummary(new=1, changed=2, equal=1, contested=1, blanked=1)
    assert mirror.rows.count("contact") == 4


def test_settling_writes_each_plain_row_once(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(2, phone="1"))
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add([remote(1, phone="1"), remote(2, phone="2"), remote(3)])
        report = stage.settle_plain(insert=True, update=True, segment="")
    assert (report.created, report.updated) == (1, 1)
    assert look(mirror, "SELECT salesforce_id, phone FROM contacts") == [
        (sid(1), "1"),
        (sid(2), "2"),
        (sid(3), None),
    ]


def test_the_rules_may_want_neither(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add([remote(1, phone="2"), remote(2)])
        report = stage.settle_plain(insert=False, update=False, segment="")
    assert (report.created, report.updated) == (0, 0)
    assert look(mirror, "SELECT salesforce_id, phone FROM contacts") == [(sid(1), "1")]


def test_new_rows_join_their_segment_and_old_ones_do_not(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    pull(mirror, remote(1, phone="2"), remote(2), segment="Salesforce Contacts")
    assert look(mirror, "SELECT contact_id FROM contact_segments") == [(2,)]


def test_a_record_staged_again_is_replaced(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(1, phone="2"))
    assert one(mirror, "SELECT phone FROM contacts") == "2"


def test_only_staged_columns_are_touched(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1", last_name="L"))
    with mirror.staging(CONTACT, ("email", "phone")) as stage:
        stage.add([Remote(sid(1), {"email": "p1@example.com", "phone": "2"})])
        stage.settle_plain(insert=True, update=True, segment="")
    assert one(mirror, "SELECT phone, last_name FROM contacts") == ("2", "L")


def test_a_column_that_only_goes_up_is_never_taken_from_the_org(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (email, score) VALUES ('p1@example.com', 4.5)")
    pull(mirror, remote(1))
    with mirror.staging(CONTACT, CONTACT.columns) as stage:
        stage.add([Remote(sid(1), {**remote(1).values, "score": 1.0})])
        stage.settle_plain(insert=True, update=True, segment="")
    assert one(mirror, "SELECT score FROM contacts") == 4.5


def test_a_field_absent_from_one_reply_is_not_blank(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1", last_name="L"))
    values = {
        name: value for name, value in remote(1, last_name="M").values.items() if name != "phone"
    }
    pull(mirror, Remote(sid(1), values))
    assert one(mirror, "SELECT phone, last_name FROM contacts") == ("1", "M")
    (triple,) = contested(mirror, Remote(sid(1), values))
    assert triple.remote is not None
    assert "phone" not in triple.remote.values


def test_an_edited_row_is_left_to_the_planner_with_all_three_copies(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    (triple,) = contested(mirror, remote(1, phone="3"))
    assert triple.base is not None
    assert triple.local is not None
    assert triple.remote is not None
    copies = (triple.base.values, triple.local.values, triple.remote.values)
    assert [copy["phone"] for copy in copies] == ["1", "2", "3"]


def test_an_unlinked_row_with_the_address_is_offered_once(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (email) VALUES ('  ADA@Example.com ')")
    twins = [remote(1, email="ada@example.com"), remote(2, email="Ada@example.com")]
    first, second = contested(mirror, *twins)
    assert first.local is not None
    assert first.base is None
    assert second.local is None
    pull(mirror, *twins)
    assert look(mirror, "SELECT id, salesforce_id FROM contacts ORDER BY id") == [
        (1, sid(1)),
        (2, sid(2)),
    ]


def test_of_several_unlinked_rows_the_oldest_is_meant(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (email) VALUES ('ada@example.com'), ('ada@example.com')")
    (triple,) = contested(mirror, remote(1, email="ada@example.com"))
    assert triple.local is not None
    assert triple.local.local_id == 1


@pytest.mark.parametrize("blank", [None, "", "   "])
def test_nobody_is_recognised_by_a_blank_address(mirror: SqliteMirror, blank: str | None) -> None:
    edit(mirror, "INSERT INTO contacts (email) VALUES (?)", blank)
    assert summary(mirror, remote(1, email=blank)) == StageSummary(1, 0, 0, 0, 0)
    pull(mirror, remote(1, email=blank))
    assert mirror.rows.count("contact") == 2


@pytest.mark.parametrize(
    "state", [RemoteState.DELETED, RemoteState.MERGED, RemoteState.CONVERTED, RemoteState.GONE]
)
def test_what_is_gone_there_needs_a_decision_until_it_is_gone_here(
    mirror: SqliteMirror, state: RemoteState
) -> None:
    pull(mirror, remote(1))
    assert summary(mirror, Remote(sid(1), {}, state), Remote(sid(9), {}, state)).contested == 1
    edit(mirror, "UPDATE contacts SET deleted_at = 'x'")
    pull(mirror, remote(1))  # the org still has it
    edit(mirror, "DELETE FROM _contacts_base")
    assert summary(mirror, Remote(sid(1), {}, state)).contested == 0


def test_consent_taken_back_there_is_left_to_the_planner(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, gone=1, opted_out=1), remote(2))
    assert summary(mirror, remote(1), remote(2, gone=1, opted_out=1)) == StageSummary(0, 1, 0, 1, 0)


def test_a_record_that_contradicts_itself_about_consent_is_left_to_the_planner(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, remote(1))
    assert summary(mirror, remote(1, gone=1), remote(2, opted_out=1)).contested == 2
    pull(mirror, remote(1, gone=1), remote(2, opted_out=1))
    assert look(mirror, "SELECT gone, opted_out FROM contacts") == [(1, 1), (1, 1)]


def test_rows_that_the_org_did_not_mention(mirror: SqliteMirror) -> None:
    pull(mirror, *(remote(number) for number in (1, 2, 3)))
    edit(mirror, "UPDATE contacts SET deleted_at = 'x' WHERE salesforce_id = ?", sid(3))
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add([remote(1)])
        assert list(stage.unstaged_ids()) == [sid(2)]


def test_dirty_rows_stand_beside_fresh_records(mirror: SqliteMirror) -> None:
    pull(mirror, *(remote(number, phone="1") for number in (1, 2, 3)))
    edit(mirror, "UPDATE contacts SET phone = '2' WHERE id <= 2")
    edit(mirror, "INSERT INTO contacts (email) VALUES ('new@example.com'), ('known@example.com')")
    with mirror.staging(CONTACT, CONTACT.columns) as stage:
        stage.add([remote(1, phone="1"), remote(8, email="Known@example.com")])
        found = list(stage.triples(contested_only=False, dirty_only=True))
    states = [
        (triple.local.local_id, triple.remote and triple.remote.state)
        for triple in found
        if triple.local
    ]
    assert states == [
        (LocalId(1), RemoteState.PRESENT),
        (LocalId(4), None),
        (LocalId(5), RemoteState.PRESENT),
    ]


def test_a_row_put_in_after_everybody_was_looked_for_waits_for_the_next_run(
    mirror: SqliteMirror,
) -> None:
    edit(mirror, "INSERT INTO contacts (email) VALUES ('early@example.com')")
    with mirror.staging(CONTACT, CONTACT.columns) as stage:
        edit(mirror, "INSERT INTO contacts (email) VALUES ('late@example.com')")
        found = [
            triple.local.values["email"]
            for triple in stage.triples(contested_only=False, dirty_only=True)
        ]
    assert found == ["early@example.com"]


def test_a_diff_sees_both_sides_once(mirror: SqliteMirror) -> None:
    pull(mirror, *(remote(number, phone="1") for number in (1, 2, 3)))
    edit(mirror, "UPDATE contacts SET phone = '2' WHERE id IN (1, 2)")
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add([remote(1, phone="1"), remote(3, phone="3"), remote(4)])
        found = [(t.local and t.local.local_id) for t in stage.triples(contested_only=False)]
    assert found == [1, 3, None, 2]


def test_the_caller_may_commit_between_any_two_triples(
    mirror: SqliteMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_triples, "TRIPLE_PAGE", 3)
    monkeypatch.setattr(staging, "SETTLE_BATCH", 3)
    people = [remote(number, phone="1") for number in range(1, 12)]
    pull(mirror, *people)
    edit(mirror, "UPDATE contacts SET phone = '2'")
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add(remote(number, phone="3") for number in range(1, 12))
        seen = 0
        for triple in stage.triples(contested_only=True):
            mirror.rows.commit([plan_row(triple, CONTACT, RULES)])
            seen += 1
    assert seen == 11
    assert one(mirror, "SELECT count(*) FROM contacts WHERE phone = '3'") == 11


def test_a_stage_is_gone_at_its_end_and_two_may_be_open(mirror: SqliteMirror) -> None:
    with mirror.staging(CONTACT, PULLED) as first, mirror.staging(CONTACT, PULLED) as second:
        first.add([remote(1)])
        assert (first.summary().new, second.summary().new) == (1, 0)
        next(first.triples(contested_only=False))  # an unfinished reading does not keep it
    assert mirror._database.rows("SELECT name FROM sqlite_temp_master") == []


def test_staging_does_not_lock_the_file(mirror: SqliteMirror) -> None:
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add([remote(1)])
        stage.summary()
        with foreign(mirror) as other:
            other.execute("INSERT INTO contacts (email) VALUES ('new@example.com')")


def steps(mirror: SqliteMirror, *records: Remote) -> int:
    """How many thousand steps SQLite's machine takes to settle these and list what is contested."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    mirror._database.connection.set_progress_handler(tick, 1000)
    pull(mirror, *records)
    mirror._database.connection.set_progress_handler(None, 0)
    return count


def test_a_small_pull_does_not_walk_the_mirror(mirror: SqliteMirror) -> None:
    pull(mirror, *(remote(number) for number in range(3000)))
    mirror.imports.store(
        "contact", [{"email": f"new{number}@example.com"} for number in range(3000)]
    )
    assert steps(mirror, remote(1, phone="1"), remote(2999, phone="1"), remote(5000)) < 20


# -- the law ---------------------------------------------------------------------------------------
TEXTS = st.sampled_from([None, "1", "2"])
FLAGS = st.sampled_from([0, 1])
COPIES = st.fixed_dictionaries(
    {"phone": TEXTS, "nick": TEXTS, "company": TEXTS, "clicks": st.sampled_from([None, 1, 2]), "gone": FLAGS,
     "opted_out": FLAGS, "email": st.sampled_from([None, "a@example.com", "A@Example.com ", "b@example.com"])}
)  # fmt: skip
LIVES = st.sampled_from([RemoteState.PRESENT] * 4 + [RemoteState.DELETED])
EDITS = st.one_of(st.none(), st.just("delete"), COPIES)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("law") / "empty.db"
    open_mirror(path, CONTACT).close()
    return path


def build(empty: Path, path: Path, met: list[Any], new: list[Any]) -> SqliteMirror:
    """A mirror after a first pull, then edited: ``met`` is ``(first, edit)`` for each known record."""
    shutil.copy(empty, path)
    mirror = open_mirror(path, CONTACT)
    pull(mirror, *(remote(number, **first) for number, (first, _) in enumerate(met)))
    with foreign(mirror) as other:
        for number, (_, change) in enumerate(met):
            if change == "delete":
                other.execute(
                    "UPDATE contacts SET deleted_at = 'x' WHERE salesforce_id = ?", [sid(number)]
                )
            elif change:
                parts = ", ".join(f"{name} = ?" for name in change)
                other.execute(
                    f"UPDATE contacts SET {parts} WHERE salesforce_id = ?",
                    [*change.values(), sid(number)],
                )
        for row in new:
            marks = ", ".join("?" * len(row))
            other.execute(
                f"INSERT INTO contacts ({', '.join(row)}) VALUES ({marks})", list(row.values())
            )
    return mirror


def dump(mirror: SqliteMirror) -> list[Any]:
    return look(
        mirror,
        "SELECT salesforce_id, email, phone, nick, company, clicks, gone, opted_out, deleted_at IS NULL"
        " FROM contacts ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
    )


def bases(mirror: SqliteMirror) -> list[Any]:
    return look(
        mirror,
        "SELECT r.salesforce_id, b.email, b.phone, b.nick, b.clicks, b.gone, b._never_agreed, b._held_columns"
        " FROM _contacts_base AS b JOIN contacts AS r USING (id) ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
    )


def triples_of(
    mirror: SqliteMirror, records: list[Remote], *, contested_only: bool
) -> Iterator[Triple]:
    with mirror.staging(CONTACT, PULLED) as stage:
        stage.add(records)
        yield from stage.triples(contested_only=contested_only)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    met=st.lists(st.tuples(COPIES, EDITS), max_size=5),
    new=st.lists(COPIES, max_size=2),
    after=st.lists(
        st.tuples(st.integers(0, 7), LIVES, COPIES), max_size=7, unique_by=lambda one: one[0]
    ),
)
def test_sql_and_the_planner_state_one_law(
    empty: Path, tmp_path: Path, met: list[Any], new: list[Any], after: list[Any]
) -> None:
    records = [remote(number, state, **values) for number, state, values in after]
    records.sort(key=lambda record: record.salesforce_id)
    with build(empty, tmp_path / "sql.db", met, new) as by_sql:
        pull(by_sql, *records)
        fast = dump(by_sql), bases(by_sql)
        again = [
            plan_row(triple, CONTACT, RULES)
            for triple in triples_of(by_sql, records, contested_only=True)
        ]
        assert not [
            plan for plan in again if plan.local_action is not plan.local_action.NONE
        ]  # settled
    with build(empty, tmp_path / "planner.db", met, new) as by_planner:
        for triple in list(triples_of(by_planner, records, contested_only=False)):
            if triple.remote is not None and triple.remote.state is not RemoteState.GONE:
                by_planner.rows.commit([plan_row(triple, CONTACT, RULES)])
        slow = dump(by_planner), bases(by_planner)
    assert fast == slow


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=st.lists(COPIES, max_size=6), after=st.lists(COPIES, max_size=8))
def test_the_summary_is_what_a_plain_comparison_says(
    empty: Path, tmp_path: Path, before: list[Any], after: list[Any]
) -> None:
    path = tmp_path / "summary.db"
    shutil.copy(empty, path)
    with open_mirror(path, CONTACT) as mirror:
        pull(mirror, *(remote(number, **values) for number, values in enumerate(before)))
        edit(mirror, "DELETE FROM _contacts_base")  # at rest, whatever consent had to settle
        rows = {
            row[0]: row[1:]
            for row in look(mirror, f"SELECT salesforce_id, {', '.join(PULLED)} FROM contacts")
        }
        staged = [remote(number, **values) for number, values in enumerate(after)]
        found = summary(mirror, *staged)
    counted = {"new": 0, "changed": 0, "equal": 0, "contested": 0, "blanked": 0}
    for record in staged:
        theirs = tuple(record.values[name] for name in PULLED)
        ours = rows.get(SalesforceId(record.salesforce_id))
        counted[_verdict(ours, theirs)] += 1
        if _verdict(ours, theirs) == "changed":
            counted["blanked"] += any(
                new is None and old is not None for old, new in zip(ours, theirs, strict=True)
            )
    assert found == StageSummary(**counted)


def _verdict(ours: tuple[Any, ...] | None, theirs: tuple[Any, ...]) -> str:
    at = [PULLED.index("gone"), PULLED.index("opted_out")]
    flags = [theirs[index] for index in at]
    if ours is None:
        return "contested" if set(flags) == {0, 1} else "new"
    if (any(ours[index] for index in at) or any(flags)) and not all(flags):
        return "contested"
    return "equal" if ours == theirs else "changed"
