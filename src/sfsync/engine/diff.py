"""diff: pull's and push's lines up to the plan; nothing is applied on either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sfsync.engine.doubt import in_doubt
from sfsync.engine.edits import normalised, staged_edits
from sfsync.engine.pull import read
from sfsync.engine.run import Run
from sfsync.model.change import OrgAction, RowPlan
from sfsync.model.mapping import ObjectMap, SyncRules
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import RemoteState, Triple
from sfsync.planning.doubt import left_out
from sfsync.planning.planfile import Planned
from sfsync.planning.planner import plan_row


@dataclass(slots=True)
class Cost:
    """What applying would take.

    Attributes:
        api_calls: requests to the org that a sync takes, to look and to write.
        storage_bytes: what new records and Tasks would occupy there; 2 KB each.

    Source: Salesforce Help 000193871, data storage a record; docs/salesforce.md §9.
    """

    api_calls: int = 0
    org_writes: int = 0
    mirror_writes: int = 0
    tasks: int = 0
    storage_bytes: int = 0


RECORD_BYTES = 2048
"""What one record occupies in the org's data storage."""

_HELD_BACK = "it cannot be read, or nobody can say which record it is"


def diff(
    run: Run, names: Iterable[str] = (), *, ids: Iterable[str] = (), cost: Cost
) -> Iterator[RowPlan]:
    """Plans for every record where the two sides differ, streaming; see ``differences``."""
    for _, plan in differences(run, names, ids=ids, cost=cost):
        yield plan


def differences(
    run: Run, names: Iterable[str] = (), *, ids: Iterable[str] = (), cost: Cost
) -> Iterator[Planned]:
    """Every record where the two sides differ, with its plan, streaming.

    Args:
        ids: only these rows, by local id or Salesforce Id; all where empty.
        cost: filled while the plans are read; complete at the end.
    """
    wanted = {str(one) for one in ids}
    before = run.org.usage().api_calls
    for object_map in run.objects(list(names)):
        writes = creates = 0
        for triple, plan in _object_plans(run, object_map):
            if wanted and wanted.isdisjoint({str(plan.local_id), str(plan.salesforce_id)}):
                continue
            if plan.decisions or plan.skip or not plan.is_empty:
                writes += plan.org_action is not OrgAction.NONE
                creates += plan.org_action is OrgAction.CREATE
                cost.mirror_writes += not plan.is_empty
                cost.storage_bytes += RECORD_BYTES * (plan.org_action is OrgAction.CREATE)
                yield triple, plan
        _add_calls(run, cost, writes - creates)
        _add_calls(run, cost, creates, creating=True)
    cost.tasks = run.mirror.tasks.count_waiting()
    cost.storage_bytes += RECORD_BYTES * cost.tasks
    _add_calls(run, cost, cost.tasks, creating=True)
    cost.api_calls += run.org.usage().api_calls - before  # a sync looks at the same


def quarantined_rows(run: Run, names: Iterable[str] = (), *, ids: Iterable[str] = ()) -> int:
    """How many rows in quarantine hold what the org should get; nothing plans them until they are edited."""
    wanted = {str(one) for one in ids}
    return sum(
        not wanted or not wanted.isdisjoint({str(local_id), str(salesforce_id)})
        for object_map in run.objects(list(names))
        if run.usable.rules_for(object_map.name).pushes
        for local_id, salesforce_id in run.mirror.rows.quarantined(
            object_map.name, [each.column for each in object_map.fields if each.pushes]
        )
    )


def _object_plans(run: Run, object_map: ObjectMap) -> Iterator[Planned]:
    """What a pull would do to rows at rest here, then what a push would do with edited rows."""
    rules = run.usable.rules_for(object_map.name)
    if rules.pulls:
        yield from _pull_plans(run, object_map, rules)
    if rules.pushes:
        yield from _push_plans(run, object_map)


def _pull_plans(run: Run, object_map: ObjectMap, rules: SyncRules) -> Iterator[Planned]:
    with ExitStack() as stack:
        reading = read(run, object_map, stack, since=None, full=False)
        doubt = in_doubt(run, object_map)
        for triple in reading.stage.triples(contested_only=False):
            if not (_at_rest(triple) or (not rules.pushes and _is_read(triple))):
                continue
            clean, _ = normalised(triple, object_map)
            if doubt.concerns(triple):
                yield clean, left_out(triple)
            else:
                yield clean, plan_row(triple, object_map, rules)


def _push_plans(run: Run, object_map: ObjectMap) -> Iterator[Planned]:
    with staged_edits(run, object_map, ObjectReport()) as edited:
        for triple in edited.triples():
            clean, plan = edited.planned(triple)
            if plan.local_id in edited.held_back:
                plan = replace(plan, skip=_HELD_BACK)
            yield clean, plan


def _at_rest(triple: Triple) -> bool:
    """Whether nothing waits here to be sent: the rows that only a pull would touch."""
    local, base = triple.local, triple.base
    if local is None:
        return True
    if local.deleted_at and base is not None and base.deleted_at:
        return True  # its record is live again, and that is for a pull to say
    return base is not None and (base.values, base.deleted_at) == (local.values, local.deleted_at)


def _is_read(triple: Triple) -> bool:
    """Whether its record was read."""
    return triple.remote is not None and triple.remote.state is not RemoteState.GONE


def _add_calls(run: Run, cost: Cost, writes: int, *, creating: bool = False) -> None:
    if writes:
        cost.org_writes += writes
        cost.api_calls += run.org.batching(writes, creating=creating).calls_for(writes)
