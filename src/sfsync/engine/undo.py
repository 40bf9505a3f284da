"""undo: what a run wrote to Salesforce is restored, field by field, where nobody changed it since.

    settle unanswered writes -> the run's writes -> fetch their records -> plan -> guard ->
    (a person looks) -> journal, send, settle

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

from sfsync.engine.doubt import in_doubt
from sfsync.engine.edits import normalised_row
from sfsync.engine.fetch import IDS_PER_FETCH, current_records
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.send import MAX_REPLANS, Sender
from sfsync.engine.spool import PlanSpool
from sfsync.model.change import OrgAction, RowPlan
from sfsync.model.journal import JournaledWrite
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import SalesforceId
from sfsync.planning.doubt import IN_DOUBT
from sfsync.planning.safety import OrgWrites
from sfsync.planning.undo import Left, restore

MAX_LISTED_FIELDS = 1_000
"""So many fields that are left are listed one by one; of more, their number."""


@dataclass(slots=True)
class Undoing:
    """An undo that is planned, and then carried out.

    Attributes:
        plans: by object.
        writes: how many of an object's plans write to the org.
        calls: requests that carrying it out takes.
        left: fields that stay as they are, the first ``MAX_LISTED_FIELDS`` of ``left_count``.
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
        """Where an object's plans are kept until they are carried out."""
        if name not in self.plans:
            self.plans[name] = self._stack.enter_context(PlanSpool())
        return self.plans[name]

    def leave(self, fields: Sequence[Left]) -> None:
        """These stay as they are."""
        self.left_count += len(fields)
        self.left += fields[: max(0, MAX_LISTED_FIELDS - len(self.left))]

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
        """How many records something is restored in."""
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
    """Plan one object, and stop where too much would be blanked."""
    if not run.dry_run:
        recover(run, object_map)
    writes = OrgWrites()
    journaled = run.mirror.outbox.accepted_writes(undoing.run_id, object_map.name)
    for records in batched(journaled, IDS_PER_FETCH):
        for plan in _plans(run, object_map, list(_updates(records, undoing)), undoing):
            undoing.spool(object_map.name).add(plan)
            writes.add(plan)
    run.brake(object_map.name, writes.damage, writes.updates)
    undoing.writes[object_map.name] = writes.updates
    if writes.updates:
        undoing.calls += run.org.batching(writes.updates).calls_for(writes.updates)


def _updates(
    records: Sequence[Sequence[JournaledWrite]], undoing: Undoing
) -> Iterator[Sequence[JournaledWrite]]:
    """The records that the run changed, with their writes; those it made or deleted are noted."""
    for writes in records:
        actions = {write.action for write in writes}
        name, salesforce_id = writes[0].object, _record_id(writes)
        if OrgAction.CREATE in actions:
            undoing.created.append((name, salesforce_id))
        elif OrgAction.DELETE in actions:
            undoing.deleted.append((name, salesforce_id))
        else:
            yield writes


def _record_id(writes: Sequence[JournaledWrite]) -> SalesforceId:
    return writes[0].salesforce_id or SalesforceId("")


def _plans(
    run: Run, object_map: ObjectMap, records: Sequence[Sequence[JournaledWrite]], undoing: Undoing
) -> Iterator[RowPlan]:
    """What takes these records' writes back; fields that stay as they are are noted."""
    now = current_records(run, object_map, map(_record_id, records))
    doubt = in_doubt(run, object_map)
    for writes in records:
        if writes[0].local_id in doubt.rows:
            run.report.warn(f"{object_map.name} {writes[0].local_id} is left: {IN_DOUBT}")
            continue
        row = run.mirror.rows.by_local_id(object_map.name, writes[0].local_id)
        if row is not None:
            row = normalised_row(row, object_map)
        restoration = restore(writes, row, now.get(_record_id(writes)), object_map, undoing.run_id)
        undoing.leave(restoration.left)
        if restoration.plan is not None:
            yield restoration.plan


def carry_out(run: Run, undoing: Undoing) -> None:
    """Restore what the run replaced; the report holds what was done also where this is cut short.

    Raises:
        BudgetSpent: it takes more API calls than may be made; nothing of the object was sent.
    """
    if not undoing.plans:
        return
    for object_map in run.objects(tuple(undoing.plans)):
        _carry_out_object(run, object_map, undoing)


def _carry_out_object(run: Run, object_map: ObjectMap, undoing: Undoing) -> None:
    report = run.report.push.setdefault(object_map.name, ObjectReport())
    sender = Sender(run, object_map, report)
    writes = undoing.writes[object_map.name]
    batching = run.afford(writes)
    if writes:
        run.report.transport[f"undo {object_map.name}"] = batching.transport
    run.progress.start(f"Putting {object_map.name}s back", writes)
    for plans in batched(undoing.plans[object_map.name], batching.size):
        run.checkpoint()
        if run.dry_run:
            sender.preview(plans)
        else:
            _send(sender, plans, undoing)
    run.progress.done()


def _send(sender: Sender, plans: Sequence[RowPlan], undoing: Undoing) -> None:
    """Send one batch; records that are changed meanwhile are judged once more, by undo's rules."""
    run, object_map = sender.run, sender.object_map
    for _ in range(MAX_REPLANS):
        stale = sender.send(plans)
        # Written over a change of another user or program: a push's rules bring that back.
        sender.replan([each for each in stale if each.was_written])
        unwritten = [each.salesforce_id for each in stale if not each.was_written]
        if not unwritten:
            return
        records = run.mirror.outbox.accepted_writes(undoing.run_id, object_map.name, unwritten)
        plans = list(_plans(run, object_map, list(records), undoing))
    sender.report.skipped += len(plans)
    run.report.warn("somebody keeps changing what was to be put back: undo it once more")
