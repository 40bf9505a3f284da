"""What of a refused edit is sent by itself. Pure.

Salesforce takes an edit whole or not at all: a job title that is too long would hold an opt-out
back. So after a refusal the opt-outs and the counters are sent without the rest, and where that is
refused too, the opt-outs without the counters, and each opt-out without the others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sfsync.model.change import OrgAction, RowPlan
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge


def pieces(plan: RowPlan, object_map: ObjectMap) -> list[RowPlan]:
    """The parts of a refused edit, in the order in which they are tried.

    One is tried only where those before it have not said the same already.
    """
    if plan.org_action is not OrgAction.UPDATE:
        return []  # a record that is not there has nothing to be opted out of
    opt_outs = [column for column in object_map.opt_out if column in plan.to_org]
    counters = [
        column for column in plan.to_org if object_map.by_column[column].merge is Merge.COUNTER
    ]
    found = [_only(plan, chosen) for chosen in _distinct([*opt_outs, *counters], opt_outs)]
    if len(opt_outs) > 1:
        # True goes over whatever is there; False over an opt-out that nobody here has seen does not.
        found += [
            replace(_only(plan, [column]), modified_at="")
            for column in opt_outs
            if plan.to_org[column]
        ]
    return [piece for piece in found if 0 < len(piece.to_org) < len(plan.to_org)]


def _distinct(*choices: list[str]) -> list[list[str]]:
    return [each for at, each in enumerate(choices) if each not in choices[:at]]


def _only(plan: RowPlan, columns: Collection[str]) -> RowPlan:
    """The plan as far as it is about these columns."""
    return replace(
        plan,
        decisions=tuple(each for each in plan.decisions if each.column in columns),
        to_local={name: value for name, value in plan.to_local.items() if name in columns},
        to_org={name: value for name, value in plan.to_org.items() if name in columns},
        new_base={name: value for name, value in plan.new_base.items() if name in columns},
    )
