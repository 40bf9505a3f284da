"""What becomes of one record, case by case."""

from __future__ import annotations

from dataclasses import replace

from sfsync.model.change import LocalAction, OrgAction, Side
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, FieldMap, ObjectMap, OnLocalDelete, SyncRules
from sfsync.model.merges import Merge
from sfsync.model.record import (
    MISSING,
    Base,
    Local,
    LocalId,
    Remote,
    RemoteState,
    SalesforceId,
    Triple,
)
from sfsync.planning.planner import plan_row
from sfsync.planning.survivor import inherited
from tests.strategies import ID, RULES

CONTACT = ObjectMap(
    "contact",
    "contacts",
    "Contact",
    "email",
    (
        FieldMap("Email", "email"),
        FieldMap("Title", "title"),
        FieldMap("Account.Name", "company", direction=Direction.PULL),
        FieldMap("Clicks__c", "clicks", FieldType.INTEGER, merge=Merge.COUNTER),
        FieldMap("Opened__c", "opened", FieldType.DATETIME, merge=Merge.LATEST),
        FieldMap("Gone__c", "gone", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
        FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
    ),
    opt_out=("gone", "opted_out"),
)
VALUES = {
    "email": "ada@example.com",
    "title": "CTO",
    "company": "Acme",
    "clicks": 5,
    "opened": None,
    "gone": 0,
    "opted_out": 0,
}
OTHER = SalesforceId("003000000000002AAA")


def local(deleted_at: str | None = None, **values: object) -> Local:
    return Local(LocalId(1), VALUES | values, deleted_at)


def remote(
    state: RemoteState = RemoteState.PRESENT,
    successor: SalesforceId | None = None,
    **values: object,
) -> Remote:
    return Remote(ID, VALUES | values, state, successor)


def triple(base: Base | None, mine: Local | None, theirs: Remote | None) -> Triple:
    return Triple("contact", base, mine, theirs)


def test_a_record_new_in_salesforce_is_imported_with_all_its_values() -> None:
    plan = plan_row(triple(None, None, remote()), CONTACT, RULES)
    assert plan.local_action is LocalAction.INSERT
    assert plan.to_local == VALUES
    assert plan.org_action is OrgAction.NONE


def test_a_new_record_that_is_opted_out_in_one_word_is_opted_out_in_all() -> None:
    plan = plan_row(triple(None, None, remote(opted_out=1)), CONTACT, RULES)
    assert plan.to_local["gone"] == plan.to_local["opted_out"] == 1
    assert plan.to_org == {"gone": 1}
    assert plan.new_base["gone"] == 0


def test_without_a_rule_for_created_nothing_is_imported() -> None:
    assert plan_row(triple(None, None, remote()), CONTACT, SyncRules("contact")).is_empty


def test_a_deleted_record_that_never_was_here_is_nothing() -> None:
    assert plan_row(triple(None, None, remote(RemoteState.DELETED)), CONTACT, RULES).is_empty


def test_a_row_new_here_is_created_with_what_it_has() -> None:
    plan = plan_row(triple(None, local(opened=None), None), CONTACT, RULES)
    assert plan.org_action is OrgAction.CREATE
    assert "company" not in plan.to_org, "a parent's name cannot be written"
    assert "opened" not in plan.to_org, "a blank says nothing to a new record"
    assert plan.to_org["email"] == "ada@example.com"


def test_a_row_deleted_before_it_was_ever_sent_is_not_created() -> None:
    assert plan_row(triple(None, local("2026-01-01T00:00:00Z"), None), CONTACT, RULES).is_empty


def test_a_deletion_in_salesforce_soft_deletes_and_keeps_what_was_typed_here() -> None:
    plan = plan_row(
        triple(Base(VALUES), local(title="CEO"), remote(RemoteState.DELETED)), CONTACT, RULES
    )
    assert plan.local_action is LocalAction.SOFT_DELETE
    assert [(lost.column, lost.local) for lost in plan.conflicts] == [("title", "CEO")]


def test_a_deletion_is_followed_only_if_the_rules_say_so() -> None:
    rules = replace(RULES, records=RULES.records[:2])
    plan = plan_row(triple(Base(VALUES), local(), remote(RemoteState.DELETED)), CONTACT, rules)
    assert plan.is_empty
    assert "rules" in plan.skip


def test_a_merged_record_names_its_survivor() -> None:
    plan = plan_row(
        triple(Base(VALUES), local(), remote(RemoteState.MERGED, OTHER)), CONTACT, RULES
    )
    assert (plan.local_action, plan.successor_object, plan.successor_id) == (
        LocalAction.SOFT_DELETE,
        "contact",
        OTHER,
    )


def test_a_converted_lead_lives_on_as_a_contact() -> None:
    case = Triple("lead", Base(VALUES), local(), remote(RemoteState.CONVERTED, OTHER))
    plan = plan_row(case, replace(CONTACT, name="lead"), RULES)
    assert (plan.successor_object, plan.successor_id) == ("contact", OTHER)


def test_a_record_that_is_only_out_of_sight_is_left_alone() -> None:
    plan = plan_row(
        triple(Base(VALUES), local(title="CEO"), remote(RemoteState.GONE)), CONTACT, RULES
    )
    assert plan.is_empty
    assert "visible" in plan.skip


def test_an_undeleted_record_comes_back() -> None:
    deleted = "2026-01-01T00:00:00Z"
    plan = plan_row(
        triple(Base(VALUES, deleted), local(deleted), remote(title="CEO")), CONTACT, RULES
    )
    assert plan.local_action is LocalAction.RESTORE
    assert plan.to_local == {"title": "CEO"}


def test_a_row_deleted_here_keeps_its_record_there() -> None:
    plan = plan_row(triple(Base(VALUES), local("2026-01-01T00:00:00Z"), remote()), CONTACT, RULES)
    assert plan.is_empty
    assert "kept" in plan.skip


def test_a_row_deleted_here_deletes_its_record_where_the_mapping_says_so() -> None:
    deleting = replace(CONTACT, on_local_delete=OnLocalDelete.DELETE)
    plan = plan_row(triple(Base(VALUES), local("2026-01-01T00:00:00Z"), remote()), deleting, RULES)
    assert plan.org_action is OrgAction.DELETE


def test_without_a_rule_for_updates_only_our_own_edits_move() -> None:
    rules = replace(RULES, records=RULES.records[:1])
    plan = plan_row(
        triple(Base(VALUES), local(title="CEO"), remote(email="other@example.com")), CONTACT, rules
    )
    assert plan.to_org == {"title": "CEO"}
    assert plan.to_local == {}


def test_a_company_typed_here_gives_way_to_the_account_and_is_kept() -> None:
    plan = plan_row(triple(Base(VALUES), local(company="Penguin Ltd"), remote()), CONTACT, RULES)
    assert plan.to_local == {"company": "Acme"}
    assert plan.org_action is OrgAction.NONE
    assert [lost.local for lost in plan.conflicts] == ["Penguin Ltd"]


def test_a_company_typed_here_stays_while_salesforce_has_none() -> None:
    base = Base({key: value for key, value in VALUES.items() if key != "company"})
    plan = plan_row(
        triple(base, local(company="Penguin Ltd"), remote(company=None)), CONTACT, RULES
    )
    assert plan.is_empty
    assert "company" not in plan.new_base


def test_a_row_and_a_record_that_meet_by_address_fill_each_other_in() -> None:
    plan = plan_row(
        triple(None, local(title=None, clicks=2), remote(email="ADA@example.com")), CONTACT, RULES
    )
    title = next(decision for decision in plan.decisions if decision.column == "title")
    assert (title.value, title.winner, title.base) == ("CTO", Side.REMOTE, MISSING)
    assert plan.to_org["clicks"] == 7, "what both have counted adds up"


def test_a_held_field_stays_where_it_is_on_both_sides_and_keeps_its_base() -> None:
    fields = tuple(
        replace(field, merge=Merge.MANUAL) if field.column == "title" else field
        for field in CONTACT.fields
    )
    held = replace(CONTACT, fields=fields)
    plan = plan_row(triple(Base(VALUES), local(title="CEO"), remote(title="CFO")), held, RULES)
    assert plan.is_empty
    assert plan.conflicts[0].winner is Side.HELD
    assert "title" not in plan.new_base


def test_what_a_merged_row_still_owes_goes_to_its_survivor() -> None:
    ending = triple(
        Base(VALUES),
        local(clicks=8, opened="2026-01-05T00:00:00Z", gone=1, opted_out=1, title="CEO"),
        None,
    )
    survivor = VALUES | {"clicks": 20, "opened": "2026-01-01T00:00:00Z"}
    setting, adding, kept = inherited(ending, survivor, CONTACT, CONTACT)
    assert setting == {"gone": 1, "opted_out": 1, "opened": "2026-01-05T00:00:00Z"}
    assert adding == {"clicks": 3}
    assert [(edit.column, edit.local) for edit in kept] == [("title", "CEO")]


def test_an_agreed_row_owes_nothing_but_its_opt_out() -> None:
    opted_out = VALUES | {"gone": 1, "opted_out": 1}
    setting, adding, kept = inherited(
        triple(Base(opted_out), local(**opted_out), None), VALUES, CONTACT, CONTACT
    )
    assert (setting, adding, kept) == ({"gone": 1, "opted_out": 1}, {}, ())
