"""undo: what a run wrote to Salesforce goes back, field by field, where nobody has changed it since.

    settle what is in doubt -> the run's writes -> fetch their records -> plan -> guard -> (a person
    looks) -> journal, send, settle

It is a run like any other: journaled before it is sent, so it can be killed and run again, and
undone itself.
Records that the run made stay: a record that is deleted takes its activities and whatever people
have hung on it along, and whether that is wanted, a field-by-field comparison cannot tell. Records
that it deleted stay deleted: REST has no undelete.

Source: SOAP API Developer Guide, undelete(): a call of the SOAP API (and Apex) alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from sfsync.engine.push import (
    FETCH,
    ROUNDS,
    StalePlan,
    brake,
    fetched,
    normalised_row,
    preview,
    replan_stale,
    send,
)
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.spool import PlanSpool
from sfsync.model.change import OrgAction, RowPlan
from sfsync.model.journal import JournaledWrite
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import SalesforceId
from sfsync.planning import safety
from sfsync.planning.undo import Left, Restoration, restore

LISTED = 1_000
"""So many fields that are left are told one by one; of more, their number."""


@dataclass(slots=True)
class Undoing:
    """An undo that is planned, and then carried out.

    Attributes:
        plans: by object.
        writes: how many of an object's plans write to the org.
        calls: requests that carrying it out takes.
        left: fields that stay as they are, the first ``LISTED`` of ``left_count``.
        created, deleted: records that the run made or deleted, which stay so.
        tasks: Task Ids that the run logged, which stay.
    """

    run_id: str
    plans: dict[str, PlanSpool] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    left: list[Left] = field(default_factory=list)
    left_count: int = 0
    created: list[tuple[str, SalesforceId]] = field(default_factory=list)
    deleted: list[tuple[str, SalesforceId]] = field(default_factory=list)
    tasks: list[SalesforceId] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def spool(self, name: str) -> PlanSpool:
        """Where an object's plans are put aside."""
        if name not in self.plans:
            self.plans[name] = self._stack.enter_context(PlanSpool())
        return self.plans[name]

    def leave(self, fields: Sequence[Left]) -> None:
        """These stay as they are."""
        self.left_count += len(fields)
        self.left += fields[: max(0, LISTED - len(self.left))]

    def shown(self, limit: int) -> list[RowPlan]:
        """The first plans, for people."""
        found: list[RowPlan] = []
        for plans in self.plans.values():
            for plan in plans:
                if len(found) == limit:
                    return found
                found.append(plan)
        return found

    @property
    def count(self) -> int:
        """How many records something is put back in."""
        return sum(plans.count for plans in self.plans.values())


def plan_undo(run: Run, run_id: str, names: Sequence[str] = ()) -> Undoing:
    """Look at what the run wrote and at what became of it; nothing is written.

    Raises:
        UnsafePlan: too much would be blanked.
    """
    run.refuse_if_paused()
    undoing = Undoing(run_id, tasks=run.mirror.tasks.logged_by(run_id))
    try:
        for object_map in run.objects(names):
            _plan_object(run, object_map, undoing)
    except BaseException:
        undoing.__exit__()
        raise
    return undoing


def _plan_object(run: Run, object_map: ObjectMap, undoing: Undoing) -> None:
    if not run.dry_run:
        recover(run, object_map)
    found, writes = safety.Damage(), 0
    for groups in batched(
        run.mirror.outbox.accepted_writes(undoing.run_id, object_map.name), FETCH
    ):
        for each in _judged(run, object_map, _updates(groups, undoing), undoing.run_id):
            undoing.leave(each.left)
            if each.plan is not None:
                undoing.spool(object_map.name).add(each.plan)
                writes += each.plan.org_action is not OrgAction.NONE
                found += safety.damage(each.plan)
    brake(run, object_map.name, found, writes)
    undoing.writes[object_map.name] = writes
    undoing.calls += run.org.batching(writes).calls_for(writes) if writes else 0


def _updates(
    groups: Sequence[Sequence[JournaledWrite]], undoing: Undoing
) -> Iterator[Sequence[JournaledWrite]]:
    """The records that the run changed; those it made or deleted are noted."""
    for writes in groups:
        first, actions = writes[0], {write.action for write in writes}
        record = first.salesforce_id or SalesforceId("")
        if OrgAction.CREATE in actions:
            undoing.created.append((first.object, record))
        elif OrgAction.DELETE in actions:
            undoing.deleted.append((first.object, record))
        else:
            yield writes


def _judged(
    run: Run, object_map: ObjectMap, groups: Iterator[Sequence[JournaledWrite]], run_id: str
) -> Iterator[Restoration]:
    changed = list(groups)
    now = fetched(
        run, object_map, [writes[0].salesforce_id or SalesforceId("") for writes in changed]
    )
    for writes in changed:
        row = run.mirror.rows.by_local_id(object_map.name, writes[0].local_id)
        yield restore(
            writes,
            normalised_row(row, object_map) if row else None,
            now.get(writes[0].salesforce_id or SalesforceId("")),
            object_map,
            run_id,
        )


def carry_out(run: Run, undoing: Undoing) -> None:
    """Put it back; the report holds what was done also where this is cut short.

    Raises:
        BudgetSpent: it takes more API calls than may be made; nothing of the object was sent.
    """
    for object_map in run.objects(tuple(undoing.plans)) if undoing.plans else ():
        report = run.report.push.setdefault(object_map.name, ObjectReport())
        writes = undoing.writes[object_map.name]
        batching = run.afford(writes)
        if writes:
            run.report.transport[f"undo {object_map.name}"] = batching.transport
        run.progress.start(f"Putting {object_map.name}s back", writes)
        for plans in batched(undoing.plans[object_map.name], batching.size):
            run.checkpoint()
            if run.dry_run:
                preview(report, plans)
            else:
                _restore(run, object_map, plans, undoing, report)
        run.progress.done()


def _restore(
    run: Run,
    object_map: ObjectMap,
    plans: Sequence[RowPlan],
    undoing: Undoing,
    report: ObjectReport,
) -> None:
    for _ in range(ROUNDS):
        left = send(run, object_map, plans, report)
        replan_stale(run, object_map, [each for each in left if each.lost_updates], report)
        moved = [each for each in left if not each.lost_updates]
        if not moved:
            return
        plans = _anew(run, object_map, moved, undoing)
    report.skipped += len(plans)
    run.report.warn("somebody keeps changing what was to be put back: undo it once more")


def _anew(
    run: Run, object_map: ObjectMap, moved: Sequence[StalePlan], undoing: Undoing
) -> list[RowPlan]:
    """Somebody has changed these records while they were being put back: look at them once more."""
    ids = [each.salesforce_id for each in moved]
    groups = run.mirror.outbox.accepted_writes(undoing.run_id, object_map.name, ids)
    plans = []
    for each in _judged(run, object_map, iter(groups), undoing.run_id):
        undoing.leave(each.left)
        if each.plan is not None:
            plans.append(each.plan)
    return plans
