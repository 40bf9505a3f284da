"""diff: pull's and push's lines up to the plan; nothing is applied on either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from sfsync.engine.pull import read
from sfsync.engine.push import stage_fresh
from sfsync.engine.run import Run
from sfsync.mapping.project import Projection
from sfsync.model.change import OrgAction, RowPlan
from sfsync.model.outcome import ObjectReport
from sfsync.planning.planner import plan_row


@dataclass(slots=True)
class Cost:
    """What applying would take.

    Attributes:
        api_calls: requests to the org.
        storage_bytes: what new records and Tasks would occupy there; 2 KB each.

    Source: Salesforce Help 000193871, data storage a record; salesforce-facts §9.
    """

    api_calls: int = 0
    org_writes: int = 0
    mirror_writes: int = 0
    tasks: int = 0
    storage_bytes: int = 0


RECORD_BYTES = 2048


def diff(run: Run, names: Iterable[str] = (), *, ids: Iterable[str] = (), cost: Cost) -> Iterator[RowPlan]:
    """Plans for every record where the two sides differ, streaming.

    Args:
        ids: only these rows, by local id or Salesforce Id; all where empty.
        cost: filled while the plans are read; complete at the end.
    """
    wanted = {str(one) for one in ids}
    for object_map in run.objects(list(names)):
        rules = run.usable.rules_for(object_map.name)
        with ExitStack() as stack:
            projection = Projection(object_map, object_map.columns)
            reading = read(run, object_map, stack, since=None, full=False)
            stage_fresh(run, object_map, projection, reading.stage, ObjectReport())
            writes = 0
            for triple in reading.stage.triples(contested_only=False):
                plan = plan_row(triple, object_map, rules)
                if wanted.isdisjoint({str(plan.local_id), str(plan.salesforce_id)}) and wanted:
                    continue
                if plan.decisions or not plan.is_empty or plan.skip:
                    writes += plan.org_action is not OrgAction.NONE
                    cost.mirror_writes += not plan.is_empty
                    cost.storage_bytes += RECORD_BYTES * (plan.org_action is OrgAction.CREATE)
                    yield plan
            _add_calls(run, cost, writes)
    cost.tasks = run.mirror.waiting_tasks()
    cost.storage_bytes += RECORD_BYTES * cost.tasks
    _add_calls(run, cost, cost.tasks)


def _add_calls(run: Run, cost: Cost, writes: int) -> None:
    if writes:
        cost.org_writes += writes
        cost.api_calls += -(-writes // run.org.batching(writes).size)
