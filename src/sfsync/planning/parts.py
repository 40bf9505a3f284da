"""What of a refused edit is sent by itself. Pure.

One field that Salesforce refuses takes the whole record with it: a name that is too long would keep an opt-out back, or
what was counted. So opt-outs and counters are sent without the rest after a refusal; where that is refused too, the
opt-outs alone, each opt-out by itself, and the counters alone. What is left of the row waits in quarantine, as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge


def consent_and_counters(plan: RowPlan, object_map: ObjectMap) -> RowPlan | None:
    """The opt-outs and counters of an update that sends more than these; ``None`` where it does not."""
    return _less(plan, {*object_map.opt_out, *_counters(object_map)})


def only_consent(plan: RowPlan, object_map: ObjectMap) -> RowPlan | None:
    """The opt-outs of an update, whatever else it sends; ``None`` where there is none."""
    opt_outs = plan.to_org.keys() & set(object_map.opt_out)
    if plan.org_action is not OrgAction.UPDATE or not opt_outs:
        return None
    return _part(plan, opt_outs)


def consent_alone(plan: RowPlan, object_map: ObjectMap) -> RowPlan | None:
    """The opt-outs of an update that sends more than these; ``None`` where there is nothing to send apart."""
    return _less(plan, object_map.opt_out)


def each_opt_out(plan: RowPlan, object_map: ObjectMap) -> Iterator[RowPlan]:
    """Each opt-out of an update by itself, where it sends several and nothing else."""
    opt_outs = [column for column in object_map.opt_out if column in plan.to_org]
    if plan.org_action is OrgAction.UPDATE and len(opt_outs) == len(plan.to_org) > 1:
        yield from (_part(plan, {column}) for column in opt_outs)


def counters_alone(plan: RowPlan, object_map: ObjectMap) -> RowPlan | None:
    """The counters of an update that sends more than these."""
    return _less(plan, _counters(object_map))


def _counters(object_map: ObjectMap) -> set[str]:
    return {field.column for field in object_map.fields if field.merge is Merge.COUNTER}


def _less(plan: RowPlan, columns: Collection[str]) -> RowPlan | None:
    """These columns of an update, where it sends some of them and others, too."""
    chosen = plan.to_org.keys() & set(columns)
    # a new record is made whole or not at all
    if plan.org_action is not OrgAction.UPDATE or not 0 < len(chosen) < len(plan.to_org):
        return None
    return _part(plan, chosen)


def _part(plan: RowPlan, columns: Collection[str]) -> RowPlan:
    to_local = {column: value for column, value in plan.to_local.items() if column in columns}
    return replace(
        plan,
        local_action=LocalAction.UPDATE if to_local else LocalAction.NONE,
        decisions=tuple(each for each in plan.decisions if each.column in columns),
        to_local=to_local,
        to_org={column: value for column, value in plan.to_org.items() if column in columns},
        new_base={column: value for column, value in plan.new_base.items() if column in columns},
        is_part=True,
    )
