"""apply: does what a kept plan says, and nothing else.

    look at row and record of every plan -> those that moved since are left and told -> guard ->
    commit, or journal, send and settle, batch by batch

The watermark does not move: the next pull looks at everything once more, and finds these records as
    they should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from sfsync.engine.pull import count
from sfsync.engine.push import FETCH, brake, fetched, normalised_row, preview, replan_stale, send
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.survivors import commit_with_survivors
from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.event import match_key
from sfsync.model.mapping import ObjectMap, RecordEvent
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import Row, SalesforceId
from sfsync.planning import safety
from sfsync.planning.drift import Drift, drifts, is_carried_out
from sfsync.planning.planfile import Planned

LISTED = 1_000
"""So many changed fields are told one by one; of more, their number."""
MOVED = "it moved since the plan was made"


@dataclass(slots=True)
class Applied:
    """What became of a plan, in records.

    Attributes:
        done: carried out before, by this plan or by anything else.
        moved: changed since, on either side, and left; ``fields`` tells the first of what changed.
    """

    planned: int = 0
    done: int = 0
    moved: int = 0
    skipped: int = 0
    fields: list[Drift] = field(default_factory=list)

    def leave(self, changes: Sequence[Drift]) -> None:
        """This record is left."""
        self.moved += 1
        self.fields += changes[: max(0, LISTED - len(self.fields))]


def apply(run: Run, planned: Callable[[], Iterator[Planned]]) -> Applied:
    """Carry out a plan.

    Args:
        planned: reads the plan from its beginning; called twice, once to look at all of it.

    Raises:
        UnsafePlan: it would delete, blank or change too much; nothing was applied.
        InputError: the plan cannot be read; nothing was applied.
    """
    run.refuse_if_paused()
    writes = _guard(run, planned())
    applied = Applied()
    if not run.dry_run:
        for object_map in run.objects(list(writes)) if writes else ():
            recover(run, object_map)
    for name, group in groupby(planned(), key=lambda each: each[1].object):
        [object_map] = run.objects([name])
        size = run.afford(writes[name]).size
        for chunk in batched(group, FETCH):
            still = list(_still_standing(run, object_map, chunk, applied))
            for plans in batched(still, size):
                run.checkpoint()
                _carry_out(run, object_map, plans, applied)
    return applied


def _guard(run: Run, planned: Iterator[Planned]) -> dict[str, int]:
    """Read the whole plan, and stop where it takes away too much; gives the writes to the org by object."""
    writes: dict[str, int] = {}
    damage: dict[str, safety.Damage] = {}
    changed: dict[str, int] = {}
    for _, plan in planned:
        name = plan.object
        writes[name] = writes.get(name, 0) + (plan.org_action is not OrgAction.NONE)
        changed[name] = changed.get(name, 0) + (plan.org_action is OrgAction.UPDATE)
        damage[name] = damage.get(name, safety.Damage()) + safety.damage(plan)
    for name, found in damage.items():
        brake(run, name, found, changed[name])
    return writes


def _still_standing(
    run: Run, object_map: ObjectMap, chunk: Sequence[Planned], applied: Applied
) -> Iterator[RowPlan]:
    """The plans whose row and record are as they were judged."""
    applied.planned += len(chunk)
    rows = [_row(run, object_map, plan) for _, plan in chunk]
    ids = {
        one for (_, plan), row in zip(chunk, rows, strict=True) if (one := _record_id(plan, row))
    }
    records = fetched(run, object_map, sorted(ids))
    taken = _taken(run, object_map, chunk, rows)
    for (triple, plan), row in zip(chunk, rows, strict=True):
        record = records.get(_record_id(plan, row) or SalesforceId(""))
        changes = drifts(triple, plan, row, record)
        if plan.skip:
            applied.skipped += 1
        elif not changes and _key(object_map, plan, row) not in taken:
            yield plan
        elif is_carried_out(plan, row, record):
            applied.done += 1
        else:
            there = Drift(
                plan.object, plan.local_id, None, "salesforce", "record", "none", "present"
            )
            applied.leave(changes or [there])


def _row(run: Run, object_map: ObjectMap, plan: RowPlan) -> Row | None:
    if plan.local_id is not None:
        row = run.mirror.rows.by_local_id(object_map.name, plan.local_id)
    else:
        row = run.mirror.rows.by_salesforce_id(
            object_map.name, plan.salesforce_id or SalesforceId("")
        )
    if row is None:
        return None
    return normalised_row(row, object_map)


def _record_id(plan: RowPlan, row: Row | None) -> SalesforceId | None:
    return plan.salesforce_id or (row.salesforce_id if row else None)


def _key(object_map: ObjectMap, plan: RowPlan, row: Row | None) -> str:
    """The address of somebody who is to be created; blank for everybody else."""
    if plan.org_action is not OrgAction.CREATE or row is None:
        return ""
    return match_key(str(row.local.values.get(object_map.match_on) or ""))


def _taken(
    run: Run, object_map: ObjectMap, chunk: Sequence[Planned], rows: Sequence[Row | None]
) -> set[str]:
    """Addresses of people to be created who are in Salesforce by now."""
    address = object_map.by_column[object_map.match_on].remote
    keys = {_key(object_map, plan, row) for (_, plan), row in zip(chunk, rows, strict=True)} - {""}
    found: set[str] = set()
    for some in batched(sorted(keys), FETCH // 2):
        for page in run.org.find(object_map.sobject, ("Id", address), address, some):
            found |= {match_key(str(raw.get(address) or "")) for raw in page}
    return found


def _carry_out(run: Run, object_map: ObjectMap, plans: Sequence[RowPlan], applied: Applied) -> None:
    here = [plan for plan in plans if plan.org_action is OrgAction.NONE]
    there = [plan for plan in plans if plan.org_action is not OrgAction.NONE]
    pulled = run.report.pull.setdefault(object_map.name, ObjectReport())
    pushed = run.report.push.setdefault(object_map.name, ObjectReport())
    if run.dry_run:
        for plan in here:
            count(pulled, plan)
        preview(pushed, there)
        return
    rule = run.usable.rules_for(object_map.name).record_rule(RecordEvent.CREATED)
    segment = rule.add_to_segment if rule else ""
    for plan in commit_with_survivors(run, here, segment=segment):
        count(pulled, plan)
    both = [plan for plan in there if plan.local_action is LocalAction.INSERT]
    commit_with_survivors(run, both, segment=segment)
    left = send(run, object_map, [_placed(run, plan) for plan in there], pushed)
    replan_stale(run, object_map, [each for each in left if each.lost_updates], pushed)
    for each in left:
        if not each.lost_updates:
            plan = each.plan
            stamp = Drift(
                plan.object, plan.local_id, plan.salesforce_id, "salesforce", "record", None, MOVED
            )
            applied.leave([stamp])


def _placed(run: Run, plan: RowPlan) -> RowPlan:
    """A plan for a row that has just come in: what is left of it is the org's half."""
    if plan.local_action is not LocalAction.INSERT:
        return plan
    row = run.mirror.rows.by_salesforce_id(plan.object, plan.salesforce_id or SalesforceId(""))
    return replace(
        plan,
        local_id=row.local.local_id if row else None,
        local_action=LocalAction.NONE,
        to_local={},
        decisions=tuple(replace(each, local=each.value) for each in plan.decisions),
    )
