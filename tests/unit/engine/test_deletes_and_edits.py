"""A deletion on one side and an edit on the other; a row that is live again; what cannot be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sfsync.engine.diff import Cost, diff
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, OnLocalDelete, SyncMapping
from sfsync.model.merges import Merge
from sfsync.model.record import SalesforceId
from tests.sides import MAPPING, Sides, with_merge, with_object
from tests.telling_cells import telling_cells

DELETING = with_object(
    with_object(MAPPING, "contact", on_local_delete=OnLocalDelete.DELETE),
    "lead",
    on_local_delete=OnLocalDelete.DELETE,
)
CONTACTS, LEADS = ("Contact", "contacts"), ("Lead", "leads")
KINDS = pytest.mark.parametrize(
    ("sobject", "table"), telling_cells([CONTACTS, LEADS], telling=[CONTACTS])
)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    made = Sides(tmp_path / "mirror.db")
    yield made
    made.close()


def known(sides: Sides, sobject: str = "Contact", **fields: object) -> SalesforceId:
    """Somebody who is known on both sides, long ago: no reading overlaps it any more."""
    own = {"Company": "Engines"} if sobject == "Lead" else {}
    record = sides.org.create(
        sobject, **{"Email": "ada@x.example", "LastName": "Lovelace", "Phone": "1"} | own | fields
    )
    later(sides)
    return record


def later(sides: Sides) -> None:
    """The sides agree, and time goes by."""
    sides.sync_until_quiet()
    sides.pass_time(3_600)
    sides.sync()
    sides.pass_time(3_600)


def soft_delete(sides: Sides, table: str = "contacts") -> None:
    sides.edit(f"UPDATE {table} SET deleted_at = '2026-01-20T10:00:00Z'")


def differing(sides: Sides) -> list[str]:
    """The columns in which the two sides differ, as ``diff`` says."""
    columns: list[str] = []
    sides.run(
        lambda run: columns.extend(
            decision.column for plan in diff(run, cost=Cost()) for decision in plan.decisions
        ),
        dry_run=True,
    )
    return columns


def with_pull_only(mapping: SyncMapping, name: str, column: str) -> SyncMapping:
    fields = tuple(
        replace(each, direction=Direction.PULL) if each.column == column else each
        for each in mapping.objects[name].fields
    )
    return with_object(mapping, name, fields=fields)


# -- a row that is live again ----------------------------------------------------------------------
@KINDS
@pytest.mark.parametrize("how", ["update", "replace"])
def test_a_revived_row_takes_what_its_record_became_meanwhile(
    sides: Sides, sobject: str, table: str, how: str
) -> None:
    record = known(sides, sobject)
    soft_delete(sides, table)
    later(sides)
    sides.org.edit(record, Phone="2", Title="Countess")
    later(sides)
    if how == "update":
        sides.edit(f"UPDATE {table} SET deleted_at = NULL")
    else:
        columns = ", ".join(
            name
            for _, name, *_ in sides.look(f"PRAGMA table_info({table})")
            if name != "deleted_at"
        )
        sides.edit(f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}")
    assert "phone" in differing(sides)
    sides.sync()
    assert sides.look(f"SELECT phone, deleted_at FROM {table}") == [("2", None)]
    assert sides.remote(record, "Phone", "Title") == ("2", "Countess")
    assert sides.conflicts() == []


def test_a_revived_row_with_an_edit_is_merged_like_any_other(sides: Sides) -> None:
    record = known(sides)
    soft_delete(sides)
    later(sides)
    sides.org.edit(record, Phone="2", Title="theirs")
    later(sides)
    sides.edit("UPDATE contacts SET deleted_at = NULL, job_title = 'ours', first_name = 'Ada'")
    sides.sync()
    assert sides.look("SELECT phone, job_title, first_name FROM contacts") == [
        ("2", "theirs", "Ada")
    ]
    assert sides.remote(record, "FirstName") == "Ada"
    assert [row[:3] for row in sides.conflicts()] == [("job_title", "ours", "theirs")]
    sides.sync_until_quiet()


def test_revived_rows_are_read_in_one_call_and_only_once(sides: Sides) -> None:
    for number in range(4):
        sides.org.create("Contact", Email=f"p{number}@x.example", LastName="P")
    later(sides)
    soft_delete(sides)
    later(sides)
    sides.edit("UPDATE contacts SET deleted_at = NULL")
    assert sides.sync().api_calls == 3
    assert sides.sync().api_calls == 2
    assert sides.look("SELECT count(*) FROM _contacts_base") == [(0,)]


def test_a_row_revived_and_deleted_again_is_as_deleted_as_before(sides: Sides) -> None:
    record = known(sides)
    soft_delete(sides)
    later(sides)
    sides.edit("UPDATE contacts SET deleted_at = NULL")
    soft_delete(sides)
    sides.org.edit(record, Phone="2")
    sides.sync()
    assert sides.one("SELECT deleted_at FROM contacts")
    sides.edit("UPDATE contacts SET deleted_at = NULL")
    sides.sync()
    assert sides.one("SELECT phone FROM contacts") == "2"


@KINDS
def test_a_row_revived_whose_record_is_deleted_is_told(
    sides: Sides, sobject: str, table: str
) -> None:
    record = known(sides, sobject)
    sides.org.delete(record)
    later(sides)
    sides.edit(f"UPDATE {table} SET deleted_at = NULL")
    report = sides.sync()
    assert sides.one(f"SELECT deleted_at FROM {table}")
    assert sum(each.conflicts for each in report.pull.values()) == 1
    assert [(row[0], row[3]) for row in sides.conflicts()] == [("deleted_at", "remote")]
    sides.org.undelete(record)
    sides.sync()
    assert sides.one(f"SELECT deleted_at FROM {table}") is None


# -- deleted here, edited there --------------------------------------------------------------------
@KINDS
@pytest.mark.parametrize("verbs", ["sync", "push", "push sync"])
def test_a_deletion_here_does_not_take_an_edit_there_along(
    sides: Sides, sobject: str, table: str, verbs: str
) -> None:
    sides.reopen(DELETING)
    record = known(sides, sobject)
    soft_delete(sides, table)
    sides.org.edit(record, Phone="a rep's")
    for verb in verbs.split():
        getattr(sides, verb)()
    assert not sides.org.records[record].get("IsDeleted")
    assert sides.look(f"SELECT phone, deleted_at FROM {table}") == [("a rep's", None)]
    assert [(row[0], row[3]) for row in sides.conflicts()] == [("deleted_at", "remote")]
    later(sides)
    soft_delete(sides, table)  # having seen the edit
    sides.sync()
    assert sides.org.records[record]["IsDeleted"]
    assert len(sides.conflicts()) == 1


def test_a_deletion_that_lost_can_be_decided_by_a_person(sides: Sides) -> None:
    sides.reopen(DELETING)
    record = known(sides)
    soft_delete(sides)
    sides.org.edit(record, Phone="a rep's")
    sides.sync()
    sides.mirror.conflicts.take(sides.one("SELECT id FROM conflicts"), "local")
    sides.sync()
    assert sides.org.records[record]["IsDeleted"]


def test_a_deletion_here_without_an_edit_there_deletes(sides: Sides) -> None:
    sides.reopen(DELETING)
    record = known(sides)
    sides.edit("UPDATE contacts SET phone = '3', deleted_at = '2026-01-20T10:00:00Z'")
    sides.sync()
    assert sides.org.records[record]["IsDeleted"]


# -- edited here, deleted there --------------------------------------------------------------------
@KINDS
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_edit_of_a_row_whose_record_is_deleted_is_listed_and_sent_after_an_undelete(
    sides: Sides, sobject: str, table: str, when: str
) -> None:
    record = known(sides, sobject)
    if when == "before":
        sides.edit(f"UPDATE {table} SET phone = 'ours'")
        sides.org.delete(record)
    else:
        sides.org.delete(record)
        later(sides)
        sides.edit(f"UPDATE {table} SET phone = 'ours'")
    later(sides)
    later(sides)
    listed = [("phone", "ours", None, "remote", "decided")]
    assert sides.conflicts() == listed
    assert sides.mirror.diagnostics.status()["edits_of_deleted"] == 1
    sides.org.undelete(record)
    sides.sync()
    assert sides.remote(record, "Phone") == "ours"
    assert sides.look(f"SELECT phone, deleted_at FROM {table}") == [("ours", None)]
    assert [row[4] for row in sides.conflicts()] == ["settled"]
    assert sides.mirror.diagnostics.status()["edits_of_deleted"] == 0
    sides.sync_until_quiet()


def test_an_edit_of_a_deleted_record_is_merged_with_what_came_back(sides: Sides) -> None:
    record = known(sides)
    sides.edit("UPDATE contacts SET phone = 'ours', job_title = 'ours'")
    sides.org.delete(record)
    later(sides)
    sides.org.undelete(record)
    sides.org.edit(record, Phone="theirs")
    later(sides)
    assert sides.remote(record, "Phone", "Title") == ("theirs", "ours")
    assert sides.local("ada@x.example", "phone", "job_title") == ("theirs", "ours")
    assert ("phone", "ours", "theirs", "remote", "decided") in sides.conflicts()


def test_an_edit_and_a_deletion_here_survive_an_undelete_there(sides: Sides) -> None:
    sides.reopen(DELETING)
    record = known(sides)
    sides.edit("UPDATE contacts SET phone = 'ours', deleted_at = '2026-01-20T10:00:00Z'")
    later(sides)
    sides.org.undelete(record)
    later(sides)
    assert sides.remote(record, "Phone") == "ours"


# -- a placeholder is for new records --------------------------------------------------------------
@KINDS
@pytest.mark.parametrize("blank", ["NULL", "''", "'  '", "'(unknown)'"])
def test_a_blanked_last_name_gives_way_to_the_name_there(
    sides: Sides, sobject: str, table: str, blank: str
) -> None:
    record = known(sides, sobject)
    sides.edit(f"UPDATE {table} SET last_name = {blank}, phone = '9'")
    sides.sync()
    assert sides.remote(record, "LastName", "Phone") == ("Lovelace", "9")
    assert sides.one(f"SELECT last_name FROM {table}") == "Lovelace"
    assert sides.conflicts() == [("last_name", None, "Lovelace", "remote", "decided")]
    sides.sync_until_quiet()


@pytest.mark.parametrize("merge", [Merge.LOCAL_WINS, Merge.MANUAL, Merge.NEWEST])
def test_whatever_the_merge_a_placeholder_replaces_no_name(sides: Sides, merge: Merge) -> None:
    sides.reopen(with_merge(MAPPING, "contact", "last_name", merge))
    record = known(sides)
    sides.edit("UPDATE contacts SET last_name = NULL")
    sides.org.edit(record, LastName="King")
    sides.sync()
    assert sides.remote(record, "LastName") == "King"
    assert sides.one("SELECT last_name FROM contacts") == "King"


# -- columns that only come down -------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["push", "sync"])
def test_an_edit_of_a_pull_only_column_is_put_back_and_listed(sides: Sides, verb: str) -> None:
    sides.reopen(with_pull_only(MAPPING, "contact", "job_title"))
    record = known(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'typed here'")
    report = getattr(sides, verb)()
    assert sides.one("SELECT job_title FROM contacts") == "Countess"
    assert sides.remote(record, "Title") == "Countess"
    assert sides.conflicts() == [("job_title", "typed here", "Countess", "remote", "decided")]
    assert report.push["contact"].conflicts == 1
    sides.sync_until_quiet()
    assert sides.sync().api_calls == 2


def test_what_is_typed_where_salesforce_has_nothing_stays_and_is_listed_once(sides: Sides) -> None:
    sides.reopen(with_pull_only(MAPPING, "contact", "job_title"))
    record = known(sides)
    sides.edit("UPDATE contacts SET job_title = 'typed here'")
    report = sides.sync()
    assert sides.one("SELECT job_title FROM contacts") == "typed here"
    assert sides.conflicts() == [("job_title", "typed here", None, "local", "decided")]
    assert any("cannot be sent" in warning for warning in report.warnings)
    later(sides)
    assert sides.sync().api_calls == 2
    assert len(sides.conflicts()) == 1
    sides.org.edit(record, Title="Countess")
    sides.sync()
    assert sides.one("SELECT job_title FROM contacts") == "Countess"


def from_salesforce_only(mapping: SyncMapping) -> SyncMapping:
    rules = replace(mapping.rules_for("contact"), direction=Direction.PULL)
    return replace(mapping, rules={**mapping.rules, "contact": rules})


def test_where_nothing_is_sent_an_edit_is_put_back_and_listed(sides: Sides) -> None:
    sides.reopen(from_salesforce_only(MAPPING))
    record = known(sides)
    sides.edit("UPDATE contacts SET phone = 'typed here', job_title = 'kept here'")
    assert "phone" in differing(sides)
    sides.sync()
    assert sides.look("SELECT phone, job_title FROM contacts") == [("1", "kept here")]
    assert sides.remote(record, "Phone", "Title") == ("1", None)
    assert sorted(row[:4] for row in sides.conflicts()) == [
        ("job_title", "kept here", None, "local"),
        ("phone", "typed here", "1", "remote"),
    ]
    sides.sync_until_quiet()
    assert sides.sync().api_calls == 2


# -- the echo of our own write ---------------------------------------------------------------------
@KINDS
@pytest.mark.parametrize("pulled_first", [True, False])
def test_a_rounded_value_that_comes_back_beats_no_later_edit(
    sides: Sides, sobject: str, table: str, pulled_first: bool
) -> None:
    column, field = "lead_score", "PenguinMails_Lead_Score__c"
    if sobject == "Lead":
        column, field = "engagement_score", "PenguinMails_Engagement_Score__c"
    name = sobject.lower()
    fields = tuple(
        replace(each, type=FieldType.NUMBER, merge=Merge.SALESFORCE_WINS)
        if each.column == column
        else each
        for each in MAPPING.objects[name].fields
    )
    sides.reopen(with_object(MAPPING, name, fields=fields))
    sides.org.scales[field] = 1
    record = known(sides, sobject)
    sides.edit(f"UPDATE {table} SET {column} = 2.345")
    sides.sync()
    assert sides.remote(record, field) == 2.3
    if pulled_first:
        sides.sync()
    sides.edit(f"UPDATE {table} SET {column} = 7.77")
    sides.sync()
    assert (sides.one(f"SELECT {column} FROM {table}"), sides.remote(record, field)) == (7.8, 7.8)
    assert sides.conflicts() == []
    sides.sync_until_quiet()


@pytest.mark.parametrize("pulled_first", [True, False])
def test_a_trimmed_text_that_comes_back_beats_no_later_edit(
    sides: Sides, pulled_first: bool
) -> None:
    record = known(sides)
    sides.edit("UPDATE contacts SET job_title = '  Countess  '")
    sides.sync()
    if pulled_first:
        sides.sync()
    sides.edit("UPDATE contacts SET job_title = 'Lady'")
    sides.sync()
    assert sides.remote(record, "Title") == "Lady"
    assert sides.conflicts() == []
