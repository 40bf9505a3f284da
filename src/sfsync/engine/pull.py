"""pull: what changed in Salesforce comes into the mirror.

    changed_since(watermark) -> to_remote_record -> stage -> guard -> settle what is plain by SQL,
    plan what is contested -> commit -> watermark

All objects are read and guarded before the first one is applied, so a brake leaves the mirror as it
was. What is staged is a hint and may be lost: until the watermark has moved, the next pull reads it
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, filterfalse

from sfsync.engine.consent import settle_consent
from sfsync.engine.damage_memory import earlier_damage, remember_damage
from sfsync.engine.doubt import in_doubt
from sfsync.engine.fetch import IDS_PER_FETCH, OddIds, askable
from sfsync.engine.ports import Stage
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.stretches import keep_stretch, known_stretch
from sfsync.engine.survivors import commit_with_survivors
from sfsync.engine.unsent import list_unsent
from sfsync.failpoints import reach
from sfsync.mapping.projection import Projection
from sfsync.model.change import LocalAction, RowPlan
from sfsync.model.cursor import Watermark
from sfsync.model.mapping import Action, ObjectMap, RecordEvent, SyncRules
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import Remote, RemoteState
from sfsync.model.stage import StageSummary
from sfsync.model.traffic import Changes, Stretch
from sfsync.planning import safety
from sfsync.planning.doubt import Doubt, left_out
from sfsync.planning.planner import plan_row

ROWS_PER_TRANSACTION = 500
"""Contested rows that one transaction settles."""

DELETE_MEMORY = timedelta(days=14)
"""How long the org surely remembers what was deleted; an older watermark needs a full comparison.

Source: Object Reference, getDeleted(): 15 days; Recycle Bin: 15 days. docs/salesforce.md §6.3,
    §6.4.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One object's changes, staged and not yet applied.

    Attributes:
        found: how many records came.
        missed: in a full reading, how many rows' records were not among them.
        stretch: what the next reading need not read again.
    """

    object_map: ObjectMap
    rules: SyncRules
    stage: Stage
    as_of: Watermark
    complete: bool
    full: bool
    found: int = 0
    missed: int = 0
    stretch: Stretch | None = None

    @property
    def inserts(self) -> bool:
        """Whether the rules take new records in."""
        rule = self.rules.record_rule(RecordEvent.CREATED)
        return rule is not None and rule.action is Action.IMPORT

    @property
    def updates(self) -> bool:
        """Whether the rules take changes in."""
        rule = self.rules.record_rule(RecordEvent.UPDATED)
        return rule is not None and rule.action is Action.UPDATE

    @property
    def segment(self) -> str:
        """The segment that new rows join; empty for none."""
        rule = self.rules.record_rule(RecordEvent.CREATED)
        return rule.add_to_segment if rule else ""


def pull(
    run: Run, names: Iterable[str] = (), *, since: str | None = None, full: bool = False
) -> None:
    """Bring what changed in Salesforce into the mirror.

    Args:
        names: objects; all where empty.
        since: read from this instant (``2026-01-20T00:00:00Z``) instead of the watermark. The
            watermark moves only where this leaves no gap behind it.
        full: read everything, and look for rows whose record is gone.

    Raises:
        UnsafePlan: too much would be deleted or blanked; nothing was applied.
    """
    run.refuse_if_paused()
    chosen = list(names)
    with ExitStack() as stack:
        readings = []
        for object_map in run.objects(chosen):
            if not run.usable.rules_for(object_map.name).pulls:
                continue
            if not run.dry_run:
                recover(run, object_map)
            readings.append(read(run, object_map, stack, since=since, full=full))
        summaries = [guard(run, reading) for reading in readings]
        for reading, summary in zip(readings, summaries, strict=True):
            carry_out = _preview if run.dry_run else settle
            run.report.pull[reading.object_map.name] = carry_out(run, reading, summary)
    settle_consent(run)
    list_unsent(run, chosen)


def read(
    run: Run, object_map: ObjectMap, stack: ExitStack, *, since: str | None, full: bool
) -> Reading:
    """Read one object's changes into a stage, page by page."""
    name = object_map.name
    columns = tuple(column for column, field_map in object_map.by_column.items() if field_map.pulls)
    projection = Projection(object_map, columns)
    stage = stack.enter_context(run.mirror.staging(object_map, columns))
    mark = run.mirror.state.watermark(name, columns)
    start = since or _start(run, mark, full=full)
    known = None if since or start is None else known_stretch(run, name)
    changes = run.org.changed_since(object_map.sobject, projection.remote_fields, start, known)
    found, missed = _stage_all(run, name, changes, projection, stage), 0
    run.report.transport[f"pull {name}"] = changes.transport
    run.warn_of_unreadable(name, projection)
    if start is None:
        missed = _look_for_the_rest(run, object_map, projection, stage)
    else:
        _read_again(run, object_map, projection, stage)
    complete = start is None or (mark is not None and start <= str(mark))
    rules = run.usable.rules_for(name)
    stretch = known_stretch(run, name) if since else changes.stretch
    return Reading(
        object_map, rules, stage, changes.as_of, complete, start is None, found, missed, stretch
    )


def _look_for_the_rest(
    run: Run, object_map: ObjectMap, projection: Projection, stage: Stage
) -> int:
    """Look up rows whose record was not among all live ones.

    It was deleted, merged or purged, or is out of this user's sight.

    Returns:
        How many there are.
    """
    missed = gone = 0
    odd = OddIds(run, object_map)
    for ids in batched(askable(stage.unstaged_ids(), object_map, odd.add), IDS_PER_FETCH):
        missed += len(ids)
        found: set[str] = set()
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, ids):
            records = [projection.to_remote_record(raw) for raw in page]
            found.update(record.salesforce_id for record in records)
            stage.add(records)
        gone += stage.add(Remote(each, {}, RemoteState.GONE) for each in ids if each not in found)
    odd.tell()
    if gone:
        run.report.warn(
            f"{gone} {object_map.table} are not found in Salesforce: purged, or no longer visible"
            " to this user; they are left as they are"
        )
    return missed


def _read_again(run: Run, object_map: ObjectMap, projection: Projection, stage: Stage) -> None:
    """Read records that did not change, and whose rows here must not count as agreed.

    Rows that were deleted here and are live again: what changed there meanwhile was not taken in,
    and the watermark has passed it. And, where the rules send nothing, rows that were edited here.
    """
    wanted = [stage.revived_ids()]
    if not run.usable.rules_for(object_map.name).pushes:
        wanted.append(stage.overruled_ids())
    odd = OddIds(run, object_map)
    asked = askable(chain.from_iterable(wanted), object_map, odd.add)
    for ids in batched(asked, IDS_PER_FETCH):
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, ids):
            stage.add(projection.to_remote_record(raw) for raw in page)
    odd.tell()


def _start(run: Run, mark: Watermark | None, *, full: bool) -> str | None:
    """Where to read from; ``None`` for everything."""
    if full or mark is None:
        return None
    if Watermark.parse(run.now()).at - mark.at > DELETE_MEMORY:
        return None  # what was deleted meanwhile would be missed
    return mark.read_from(run.limits.overlap)


def _stage_all(run: Run, name: str, changes: Changes, projection: Projection, stage: Stage) -> int:
    found = 0
    is_purged = run.mirror.purge.record_filter(name)
    run.progress.start(f"Reading {name}s", changes.total)
    for page in changes.pages:
        run.checkpoint()
        records: Iterable[Remote] = map(projection.to_remote_record, page)
        if is_purged is not None:
            records = filterfalse(is_purged, records)
        staged = stage.add(records)
        found += staged
        run.progress.advance(staged)
        reach("pull.page_staged")
    run.progress.done()
    return found


def guard(run: Run, reading: Reading) -> StageSummary:
    """Count what settling would take away, and stop the run where that is too much."""
    summary = reading.stage.summary()
    found, changed = safety.Damage(), 0
    if reading.updates:
        found, changed = safety.Damage(blanked=summary.blanked), summary.changed
    for plan in _plans(reading):
        found += safety.damage(plan)
        changed += plan.local_action is LocalAction.UPDATE
    name = reading.object_map.name
    if not run.allow_mass_change:
        safety.check_emptied(name, found=reading.found, missed=reading.missed)
    run.brake(name, found, changed, earlier_damage(run, name))
    run.passed[name] = found
    reach("pull.guarded")
    return summary


def settle(run: Run, reading: Reading, summary: StageSummary) -> ObjectReport:
    """Apply a guarded reading to the mirror, and move the watermark."""
    stage, segment = reading.stage, reading.segment
    remember_damage(run, reading.object_map.name)
    # before the watermark moves: a tick on a record that has ended is not read again
    run.mirror.consent.record(stage.consent_statements(reading.object_map.opt_out))
    stage.follow_addresses()
    report = stage.settle_plain(insert=reading.inserts, update=reading.updates, segment=segment)
    report.unchanged += summary.equal
    reach("pull.plain_settled")
    for plans in batched(_plans(reading), ROWS_PER_TRANSACTION):
        run.checkpoint()
        applied = commit_with_survivors(run, plans, segment=segment)
        reach("pull.batch_committed")
        for plan in applied:
            count(report, plan)
    if reading.complete:
        run.mirror.state.advance_watermark(reading.object_map.name, reading.as_of, _pulled(reading))
        reach("pull.watermark_moved")
        keep_stretch(run, reading.object_map.name, reading.stretch)
        if reading.inserts:
            run.fully_pulled.add(reading.object_map.name)
    return report


def _pulled(reading: Reading) -> tuple[str, ...]:
    return tuple(column for column, field in reading.object_map.by_column.items() if field.pulls)


def _preview(run: Run, reading: Reading, summary: StageSummary) -> ObjectReport:
    """Count what settling would do."""
    doubt = in_doubt(run, reading.object_map)
    if doubt.rows:
        return _preview_in_doubt(reading, doubt)
    report = ObjectReport(
        created=summary.new if reading.inserts else 0,
        updated=summary.changed if reading.updates else 0,
        unchanged=summary.equal,
    )
    for triple in reading.stage.triples(contested_only=True):
        count(report, plan_row(triple, reading.object_map, reading.rules))
    return report


def _preview_in_doubt(reading: Reading, doubt: Doubt) -> ObjectReport:
    """The same, record by record, less what may be an unanswered write's doing."""
    report = ObjectReport()
    for triple in reading.stage.triples(contested_only=False):
        if doubt.concerns(triple):
            count(report, left_out(triple))
        else:
            count(report, plan_row(triple, reading.object_map, reading.rules))
    return report


def _plans(reading: Reading) -> Iterator[RowPlan]:
    for triple in reading.stage.triples(contested_only=True):
        yield plan_row(triple, reading.object_map, reading.rules)


def count(report: ObjectReport, plan: RowPlan) -> None:
    """Add the mirror's half of one plan to a report."""
    report.conflicts += len(plan.conflicts)
    if plan.skip:
        report.skipped += 1
    elif plan.local_action is LocalAction.INSERT:
        report.created += 1
    elif plan.local_action is LocalAction.SOFT_DELETE:
        report.deleted += 1
    elif plan.local_action in (LocalAction.UPDATE, LocalAction.RESTORE):
        report.updated += 1
    else:
        report.unchanged += 1
