"""Two rows are one person: what the row that stays takes over from the one that goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sfsync.model.change import FieldDecision, LocalAction, RowPlan, Side
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import FieldMap, ObjectMap
from sfsync.model.merges import Merge
from sfsync.model.record import Row, Value
from sfsync.planning.merge import agreed_value

ONE_PERSON = "two rows, one person"
"""The rule of a decision between the values of two rows."""


def merged_rows(staying: Row, going: Row, object_map: ObjectMap) -> RowPlan:
    """The plan by which one row gets all that the other one says, as edits made here.

    What the row that goes says is newer, so it stands; an edit that was not sent yet and is replaced
    is a conflict, kept as the other side's value. A blank says nothing. What both counted adds up,
    the later time stands, and one box that is ticked is enough.

    Args:
        staying, going: both in canonical form.

    Returns:
        A plan for the mirror alone: ``to_local`` is what the row that stays gets.
    """
    decisions = tuple(_decisions(staying, going, object_map))
    return RowPlan(
        object_map.name,
        staying.local.local_id,
        staying.salesforce_id,
        local_action=LocalAction.RESTORE if staying.local.deleted_at else LocalAction.UPDATE,
        decisions=decisions,
        to_local={decision.column: decision.value for decision in decisions},
        reason=ONE_PERSON,
    )


def _decisions(staying: Row, going: Row, object_map: ObjectMap) -> Iterator[FieldDecision]:
    for column, theirs in going.local.values.items():
        field = object_map.by_column.get(column)
        if field is None or theirs is None or column == object_map.match_on:
            continue
        ours = staying.local.values.get(column)
        value = _combined(field, column in object_map.opt_out, ours, theirs)
        if value != ours:
            yield FieldDecision(
                column,
                agreed_value(staying.base, column),
                theirs,
                ours,
                value,
                Side.LOCAL,
                ONE_PERSON,
                conflict=_is_unsent(staying, column) and not _adds_up(field),
            )


def _is_unsent(row: Row, column: str) -> bool:
    """Whether a value was typed here that Salesforce has not got: replaced, it would be known nowhere."""
    value = row.local.values.get(column)
    if value is None:
        return False
    if row.base is None:
        return row.salesforce_id is None  # a row without a base is agreed as it stands
    return value != agreed_value(row.base, column)


def _adds_up(field: FieldMap) -> bool:
    """Whether nothing of either value is lost in the one that both make."""
    return field.merge in (Merge.COUNTER, Merge.LATEST) or field.type is FieldType.BOOLEAN


def _combined(field: FieldMap, is_opt_out: bool, staying: Value, going: Value) -> Value:
    if is_opt_out or field.type is FieldType.BOOLEAN:
        # nobody says false by leaving a box of a new row alone
        return 1 if staying or going else staying
    if field.merge is Merge.COUNTER:
        return _number(staying) + _number(going)
    if field.merge is Merge.LATEST:
        return max(str(staying or ""), str(going))
    return going


def _number(value: Value) -> int | float:
    return value if isinstance(value, int | float) else 0
