"""Plans compared whole: every decision with its base, both values, winner and reason, as `diff` shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.mapping import Direction, OnLocalDelete, RecordEvent, SyncRules
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, Base, LocalId, RemoteState, Triple
from sfsync.planning.planner import plan_row
from sfsync.planning.survivor import inherited, lost_edits
from tests.strategies import ID, RULES
from tests.unit.planning.test_planner import CONTACT, OTHER, VALUES, local, remote, triple

DELETED = "2026-01-01T00:00:00Z"
NO_PUSH = replace(RULES, direction=Direction.PULL)
ROW = RowPlan("contact", LocalId(1), ID)


def without(*events: RecordEvent) -> SyncRules:
    return replace(RULES, records=tuple(rule for rule in RULES.records if rule.on not in events))


def test_a_new_record_with_half_an_opt_out() -> None:
    half = remote(opted_out=1)
    decision = FieldDecision("gone", MISSING, None, 0, 1, Side.BOTH, "opt_out")
    expected = RowPlan(
        "contact",
        None,
        ID,
        local_action=LocalAction.INSERT,
        org_action=OrgAction.UPDATE,
        decisions=(decision,),
        to_local=VALUES | {"gone": 1, "opted_out": 1},
        to_org={"gone": 1},
        new_base=VALUES | {"opted_out": 1},
        reason="new in Salesforce",
    )
    assert plan_row(triple(None, None, half), CONTACT, RULES) == expected


def test_a_new_record_with_half_an_opt_out_where_nothing_is_sent() -> None:
    plan = plan_row(triple(None, None, remote(opted_out=1)), CONTACT, NO_PUSH)
    assert (plan.org_action, dict(plan.to_org), plan.to_local["gone"]) == (OrgAction.NONE, {}, 1)


def test_a_row_new_here_with_half_an_opt_out() -> None:
    sent = {"email": "ada@example.com", "title": "CTO", "clicks": 5, "gone": 1, "opted_out": 1}
    expected = RowPlan(
        "contact",
        LocalId(1),
        None,
        org_action=OrgAction.CREATE,
        decisions=tuple(
            FieldDecision(
                column,
                MISSING,
                VALUES[column] if column != "gone" else 1,
                MISSING,
                value,
                Side.LOCAL,
                "new here",
            )
            for column, value in sent.items()
        ),
        to_local={"opted_out": 1},
        to_org=sent,
        reason="new in the mirror",
    )
    assert plan_row(triple(None, local(gone=1), None), CONTACT, RULES) == expected


def test_a_row_new_here_waits_where_nothing_is_sent() -> None:
    expected = RowPlan("contact", LocalId(1), None, skip="the rules send nothing to Salesforce")
    assert plan_row(triple(None, local(), None), CONTACT, NO_PUSH) == expected


def test_a_deleted_record_ends_its_row_and_what_was_typed_here_is_told_whole() -> None:
    case = triple(Base(VALUES), local(title="CEO", clicks=None), remote(RemoteState.DELETED))
    lost = FieldDecision(
        "title", "CTO", "CEO", None, "CEO", Side.REMOTE, "deleted in Salesforce", conflict=True
    )
    expected = replace(
        ROW, local_action=LocalAction.SOFT_DELETE, decisions=(lost,), reason="deleted in Salesforce"
    )
    assert plan_row(case, CONTACT, RULES) == expected


def test_a_row_that_ended_already_does_not_end_again() -> None:
    case = triple(Base(VALUES), local(DELETED, title="CEO"), remote(RemoteState.DELETED))
    assert plan_row(case, CONTACT, RULES) == ROW


def test_a_deletion_that_no_rule_follows_is_told() -> None:
    case = triple(Base(VALUES), local(), remote(RemoteState.DELETED))
    told = replace(ROW, skip="deleted in Salesforce, and the rules do nothing then")
    assert plan_row(case, CONTACT, without(RecordEvent.DELETED)) == told


@pytest.mark.parametrize(
    ("state", "successor", "object_name"),
    [
        (RemoteState.MERGED, OTHER, "contact"),
        (RemoteState.CONVERTED, OTHER, "contact"),
        (RemoteState.MERGED, None, ""),
    ],
)
@pytest.mark.parametrize("name", ["contact", "lead"])
def test_a_record_that_lives_on_names_in_what(
    state: RemoteState, successor: object, object_name: str, name: str
) -> None:
    case = Triple(name, Base(VALUES), local(title="CEO"), remote(state, successor))  # type: ignore[arg-type]
    expected = replace(
        ROW,
        object=name,
        local_action=LocalAction.SOFT_DELETE,
        reason=f"{state.value} in Salesforce",
        successor_id=successor,  # type: ignore[arg-type]
        successor_object=name if object_name and state is RemoteState.MERGED else object_name,
    )
    assert plan_row(case, replace(CONTACT, name=name), without(RecordEvent.DELETED)) == expected


def test_a_deleted_record_lives_on_in_nothing_even_if_it_names_one() -> None:
    plan = plan_row(
        triple(Base(VALUES), local(), remote(RemoteState.DELETED, OTHER)), CONTACT, RULES
    )
    assert (plan.successor_id, plan.successor_object) == (None, "")


def test_lost_edits_need_a_row_and_a_base() -> None:
    assert lost_edits(triple(None, local(title="CEO"), None), CONTACT) == ()
    assert lost_edits(triple(Base(VALUES), None, None), CONTACT) == ()


def test_an_undeleted_record_brings_its_row_back_with_what_it_holds_now() -> None:
    case = triple(Base(VALUES, DELETED), local(DELETED), remote(title="CEO"))
    there = FieldDecision("title", "CTO", "CTO", "CEO", "CEO", Side.REMOTE, "changed there")
    expected = replace(
        ROW,
        local_action=LocalAction.RESTORE,
        decisions=(there,),
        to_local={"title": "CEO"},
        new_base=VALUES | {"title": "CEO"},
        reason="undeleted in Salesforce",
    )
    assert plan_row(case, CONTACT, RULES) == expected


def test_an_undeleted_record_stays_away_where_nothing_is_imported() -> None:
    case = triple(Base(VALUES, DELETED), local(DELETED), remote(title="CEO"))
    told = replace(ROW, skip="undeleted in Salesforce, and the rules import nothing")
    assert plan_row(case, CONTACT, without(RecordEvent.CREATED)) == told


def test_a_row_deleted_here_and_its_record() -> None:
    case = triple(Base(VALUES), local(DELETED), remote())
    deleting = replace(CONTACT, on_local_delete=OnLocalDelete.DELETE)
    kept = replace(ROW, skip="soft-deleted in the mirror; the record in Salesforce is kept")
    deleted = replace(ROW, org_action=OrgAction.DELETE, reason="soft-deleted in the mirror")
    assert plan_row(case, CONTACT, RULES) == kept
    assert plan_row(case, deleting, RULES) == deleted
    assert plan_row(case, deleting, NO_PUSH) == kept


def test_without_a_rule_for_updates_our_edit_moves_and_nothing_is_agreed_on() -> None:
    case = triple(Base(VALUES), local(title="CEO"), remote(email="new@example.com", clicks=9))
    ours = FieldDecision("title", "CTO", "CEO", "CTO", "CEO", Side.LOCAL, "changed here")
    expected = replace(ROW, org_action=OrgAction.UPDATE, decisions=(ours,), to_org={"title": "CEO"})
    assert plan_row(case, CONTACT, without(RecordEvent.UPDATED)) == expected


def test_an_opt_out_said_in_one_word_is_said_in_all_with_both_values_told() -> None:
    case = triple(Base(VALUES), local(gone=1), remote())
    said = FieldDecision("gone", 0, 1, 0, 1, Side.LOCAL, "changed here")
    meant = FieldDecision("opted_out", 0, 0, 0, 1, Side.BOTH, "opt_out")
    expected = replace(
        ROW,
        local_action=LocalAction.UPDATE,
        org_action=OrgAction.UPDATE,
        decisions=(said, meant),
        to_local={"opted_out": 1},
        to_org={"gone": 1, "opted_out": 1},
        new_base=VALUES,
    )
    assert plan_row(case, CONTACT, RULES) == expected


def test_columns_that_the_mapping_does_not_know_are_passed_over() -> None:
    stranger = {"unmapped": "x"} | VALUES | {"title": "CEO"}
    case = triple(Base(VALUES), local(), replace(remote(), values=stranger))
    plan = plan_row(case, CONTACT, RULES)
    assert plan.to_local == {"title": "CEO"}
    assert "unmapped" not in plan.new_base


def test_the_newest_edit_stands_by_the_two_times() -> None:
    fields = tuple(
        replace(field, merge=Merge.NEWEST) if field.column == "title" else field
        for field in CONTACT.fields
    )
    newest = replace(CONTACT, fields=fields)
    mine = replace(local(title="CEO"), edited_at="2026-01-02T00:00:00Z")
    theirs = replace(remote(title="CFO"), modified_at="2026-01-01T00:00:00Z")
    assert plan_row(triple(Base(VALUES), mine, theirs), newest, RULES).to_org == {"title": "CEO"}
    later = replace(theirs, modified_at="2026-01-03T00:00:00Z")
    assert plan_row(triple(Base(VALUES), mine, later), newest, RULES).to_local == {"title": "CFO"}


# -- what is owed to the record that another one lives on in ---------------------------------------
OPENED, LATER = "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"


def owed(survivor: dict[str, object] | None = None, **mine: object) -> tuple[dict, dict, tuple]:
    ending = triple(Base(VALUES), local(**mine), None)
    return inherited(ending, VALUES | (survivor or {}), CONTACT, CONTACT)  # type: ignore[arg-type]


def test_an_edit_that_cannot_be_placed_is_told_whole() -> None:
    lost = FieldDecision(
        "title", "CTO", "CEO", "CFO", "CFO", Side.REMOTE, "lives on", conflict=True
    )
    assert owed({"title": "CFO"}, title="CEO") == ({}, {}, (lost,))


@pytest.mark.parametrize(("mine", "theirs"), [(None, "CFO"), ("CEO", "CEO")])
def test_a_blank_and_an_equal_value_are_owed_to_nobody(mine: object, theirs: object) -> None:
    assert owed({"title": theirs}, title=mine) == ({}, {}, ())


@pytest.mark.parametrize(
    ("theirs", "setting"),
    [
        (None, {"opened": LATER}),
        (OPENED, {"opened": LATER}),
        (LATER, {}),
        ("2026-02-01T00:00:00Z", {}),
    ],
)
def test_a_later_time_goes_along(theirs: object, setting: dict[str, object]) -> None:
    assert owed({"opened": theirs}, opened=LATER)[0] == setting


def test_a_time_that_was_blanked_does_not_go_along() -> None:
    ending = triple(Base(VALUES | {"opened": OPENED}), local(opened=None), None)
    assert inherited(ending, VALUES, CONTACT, CONTACT) == ({}, {}, ())
    assert inherited(ending, VALUES | {"opened": LATER}, CONTACT, CONTACT) == ({}, {}, ())


def test_an_opt_out_that_the_survivor_has_is_not_said_again() -> None:
    assert owed({"gone": 1}, gone=1, opted_out=1)[0] == {"opted_out": 1}
    assert owed({"gone": 1, "opted_out": 1}, gone=1)[0] == {}


def test_a_count_and_an_opt_out_go_along_together() -> None:
    assert owed({}, clicks=7, opened=LATER, gone=1)[:2] == (
        {"gone": 1, "opted_out": 1, "opened": LATER},
        {"clicks": 2},
    )


def test_a_number_that_is_no_counter_is_kept_as_an_edit() -> None:
    plain = replace(
        CONTACT,
        fields=tuple(replace(field, merge=Merge.SALESFORCE_WINS) for field in CONTACT.fields),
        opt_out=(),
    )
    ending = triple(Base(VALUES), local(clicks=8), None)
    setting, adding, kept = inherited(ending, VALUES, CONTACT, plain)
    assert (setting, adding) == ({}, {})
    assert [edit.column for edit in kept] == ["clicks"]


def test_a_count_for_a_field_that_only_comes_down_or_is_not_there_is_kept_as_an_edit() -> None:
    one_way = replace(
        CONTACT, fields=tuple(replace(field, direction=Direction.PULL) for field in CONTACT.fields)
    )
    nowhere = replace(
        CONTACT, fields=tuple(field for field in CONTACT.fields if field.column != "clicks")
    )
    ending = triple(Base(VALUES), local(clicks=8), None)
    for target in (one_way, nowhere):
        _, adding, kept = inherited(ending, VALUES, CONTACT, target)
        assert adding == {}
        assert [edit.column for edit in kept] == ["clicks"]
    survivor = {column: value for column, value in VALUES.items() if column != "clicks"}
    assert inherited(ending, survivor, CONTACT, nowhere)[2][0].remote is None
