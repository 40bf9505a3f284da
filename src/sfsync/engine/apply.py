"""apply: does what a kept plan says, and nothing else.

    look at row and record of every plan -> those that changed since are left and reported -> guard
    -> commit, or journal, send and settle, batch by batch

The watermark does not move: the next pull looks at everything once more, and finds these records as
they should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from sfsync.engine.doubt import in_doubt
from sfsync.engine.edits import normalised_row
from sfsync.engine.fetch import ADDRESSES_PER_LOOKUP, IDS_PER_FETCH, current_records
from sfsync.engine.pull import count
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.send import Sender
from sfsync.engine.survivors import commit_with_survivors
from sfsync.errors import InputError
from sfsync.model.address import match_key, spelled
from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.mapping import ObjectMap, RecordEvent
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import Remote, Row, SalesforceId, Triple
from sfsync.planning.drift import Drift, drifts, is_carried_out
from sfsync.planning.plan_check import differs, forbidden
from sfsync.planning.planfile import FIRST_RECORD_LINE, Planned
from sfsync.planning.safety import OrgWrites

MAX_LISTED_FIELDS = 1_000
"""So many changed fields are listed one by one; of more, their number."""

_CHANGED_MEANWHILE = "it moved since the plan was made"
_OTHERWISE = "a sync would decide otherwise now"
_NO_ID = SalesforceId("")


@dataclass(slots=True)
class Applied:
    """What became of a plan, in records.

    Attributes:
        done: carried out before, by this plan or by anything else.
        moved: changed since, on either side, and left; ``fields`` lists the first of what changed.
    """

    planned: int = 0
    done: int = 0
    moved: int = 0
    skipped: int = 0
    fields: list[Drift] = field(default_factory=list)

    def leave(self, changes: Sequence[Drift]) -> None:
        """This record is left."""
        self.moved += 1
        self.fields += changes[: max(0, MAX_LISTED_FIELDS - len(self.fields))]


@dataclass(frozen=True, slots=True)
class _PlannedRow:
    """One record's plan, and what it was judged against, beside the row as it is now."""

    triple: Triple
    plan: RowPlan
    row: Row | None

    @property
    def salesforce_id(self) -> SalesforceId:
        """Its record; empty where it has none."""
        if self.plan.salesforce_id is not None:
            return self.plan.salesforce_id
        if self.row is not None and self.row.salesforce_id is not None:
            return self.row.salesforce_id
        return _NO_ID

    def new_address(self, object_map: ObjectMap) -> str:
        """The match key of a person who is to be created; empty for all others."""
        if self.plan.org_action is not OrgAction.CREATE or self.row is None:
            return ""
        return match_key(str(self.row.local.values.get(object_map.match_on) or ""))


def apply(run: Run, planned: Callable[[], Iterator[Planned]]) -> Applied:
    """Carry out a plan.

    Args:
        planned: reads the plan from its beginning; called twice, once to look at all of it.

    Raises:
        UnsafePlan: it would delete, blank or change too much; nothing was applied.
        InputError: the plan cannot be read, or wants what the configuration does not allow; nothing
            was applied.
    """
    run.refuse_if_paused()
    writes = _guard(run, planned())
    applied = Applied()
    if writes and not run.dry_run:
        for object_map in run.objects(list(writes)):
            recover(run, object_map)
    for name, group in groupby(planned(), key=lambda each: each[1].object):
        [object_map] = run.objects([name])
        size = run.afford(writes[name].count).size
        for chunk in batched(group, IDS_PER_FETCH):
            still = list(_still_standing(run, object_map, chunk, applied))
            for plans in batched(still, size):
                run.checkpoint()
                _carry_out(run, object_map, plans, applied)
    return applied


def _guard(run: Run, planned: Iterator[Planned]) -> dict[str, OrgWrites]:
    """Read the whole plan, and stop where it does what it may not, or takes away too much.

    Returns:
        The writes to the org, by object.
    """
    writes: dict[str, OrgWrites] = {}
    for line, (triple, plan) in enumerate(planned, start=FIRST_RECORD_LINE):
        if reason := forbidden(triple, plan, run.usable):
            raise InputError(
                f"line {line} of the plan ({plan.object} {plan.salesforce_id or plan.local_id}): {reason}",
                hint="A plan does nothing that a sync would not do. Make it anew with `sfsync diff --out`.",
            )
        writes.setdefault(plan.object, OrgWrites()).add(plan)
    for name, each in writes.items():
        run.brake(name, each.damage, each.updates)
    return writes


# -- is it as it was judged? ---------------------------------------------------------------------


def _still_standing(
    run: Run, object_map: ObjectMap, chunk: Sequence[Planned], applied: Applied
) -> Iterator[RowPlan]:
    """The plans whose row and record are as they were judged; the others are counted."""
    applied.planned += len(chunk)
    rows = [_PlannedRow(triple, plan, _row(run, object_map, plan)) for triple, plan in chunk]
    ids = {each.salesforce_id for each in rows} - {_NO_ID}
    records = current_records(run, object_map, sorted(ids))
    _hear_of_consent(run, object_map, records.values())
    taken = _taken_addresses(run, object_map, rows)
    doubt = in_doubt(run, object_map)
    for each in rows:
        plan, record = each.plan, records.get(each.salesforce_id)
        local = each.row.local if each.row else None
        if plan.skip or doubt.concerns(Triple(plan.object, None, local, record)):
            applied.skipped += 1
            continue
        changes = drifts(each.triple, plan, each.row, record)
        if not changes and differs(plan, each.row, record, run.usable):
            changes = (_other_decision(plan),)
        if not changes and each.new_address(object_map) in taken:
            changes = (_record_drift(plan, None, "none", "present"),)
        if not changes:
            yield plan
        elif is_carried_out(plan, each.row, record):
            applied.done += 1
        else:
            applied.leave(changes)


def _hear_of_consent(run: Run, object_map: ObjectMap, records: Iterable[Remote]) -> None:
    """Keep what the records say of consent, as a pull does before their values come in.

    A box that came in without its statement would look like an older one that a consent has ended.
    """
    if run.dry_run or not object_map.kind.is_people:
        return
    with run.mirror.staging(object_map, object_map.columns) as stage:
        stage.add(records)
        run.mirror.consent.record(stage.consent_statements(object_map.opt_out))


def _record_drift(
    plan: RowPlan, salesforce_id: SalesforceId | None, was: str | None, now: str
) -> Drift:
    """What became of a plan's record as a whole."""
    return Drift(plan.object, plan.local_id, salesforce_id, "salesforce", "record", was, now)


def _other_decision(plan: RowPlan) -> Drift:
    """Row and record are as they were, and what was agreed on or is known of the person is not."""
    return Drift(
        plan.object, plan.local_id, plan.salesforce_id, "plan", "decision", None, _OTHERWISE
    )


def _row(run: Run, object_map: ObjectMap, plan: RowPlan) -> Row | None:
    """The plan's row as it is now, in canonical form."""
    if plan.local_id is not None:
        row = run.mirror.rows.by_local_id(object_map.name, plan.local_id)
    else:
        row = run.mirror.rows.by_salesforce_id(object_map.name, plan.salesforce_id or _NO_ID)
    return None if row is None else normalised_row(row, object_map)


def _taken_addresses(run: Run, object_map: ObjectMap, rows: Sequence[_PlannedRow]) -> set[str]:
    """Match keys of people to be created who are in Salesforce by now."""
    address = object_map.by_column[object_map.match_on].remote
    keys = {each.new_address(object_map) for each in rows} - {""}
    found: set[str] = set()
    for some in batched(sorted(keys), ADDRESSES_PER_LOOKUP):
        for page in run.org.find(object_map.sobject, ("Id", address), address, spelled(some)):
            found |= {match_key(str(raw.get(address) or "")) for raw in page}
    return found


# -- carrying out --------------------------------------------------------------------------------


def _carry_out(run: Run, object_map: ObjectMap, plans: Sequence[RowPlan], applied: Applied) -> None:
    """Carry out one batch; a dry run only counts it."""
    mirror_only = [plan for plan in plans if plan.org_action is OrgAction.NONE]
    to_org = [plan for plan in plans if plan.org_action is not OrgAction.NONE]
    pulled = run.report.pull.setdefault(object_map.name, ObjectReport())
    pushed = run.report.push.setdefault(object_map.name, ObjectReport())
    sender = Sender(run, object_map, pushed)
    if run.dry_run:
        for plan in mirror_only:
            count(pulled, plan)
        sender.preview(to_org)
        return
    rule = run.usable.rules_for(object_map.name).record_rule(RecordEvent.CREATED)
    segment = rule.add_to_segment if rule else ""
    for plan in commit_with_survivors(run, mirror_only, segment=segment):
        count(pulled, plan)
    # A record that is new here and has to learn something at once: its row comes in first.
    inserts = [plan for plan in to_org if plan.local_action is LocalAction.INSERT]
    commit_with_survivors(run, inserts, segment=segment)
    _send(sender, [_org_half(run, plan) for plan in to_org], applied)


def _send(sender: Sender, plans: Sequence[RowPlan], applied: Applied) -> None:
    """Send one batch.

    A plan that was not written because its record was changed meanwhile is left: this verb does
    only what the plan says. One that was written over another's change is planned anew, as a push
    would, or that change would be lost.
    """
    stale = sender.send(plans)
    sender.replan([each for each in stale if each.was_written])
    for each in stale:
        if not each.was_written:
            plan = each.plan
            applied.leave([_record_drift(plan, plan.salesforce_id, None, _CHANGED_MEANWHILE)])


def _org_half(run: Run, plan: RowPlan) -> RowPlan:
    """What is left of a plan whose row has just come in; any other plan as it is."""
    if plan.local_action is not LocalAction.INSERT:
        return plan
    row = run.mirror.rows.by_salesforce_id(plan.object, plan.salesforce_id or _NO_ID)
    return replace(
        plan,
        local_id=row.local.local_id if row else None,
        local_action=LocalAction.NONE,
        to_local={},
        decisions=tuple(replace(each, local=each.value) for each in plan.decisions),
    )
