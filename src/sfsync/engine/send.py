"""Plans on their way to the org, batch by batch: journal, send, settle.

Nobody's edit is lost to ours. An update is done only while its record is as it was read; a plan
whose record another user or program has changed meanwhile is stale: its row is read, planned and
sent anew. What was changed in the moment of the write all the same (a lost update) comes with the
answer, and goes through the same merge.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sfsync.engine.account_lookup import HINT as ACCOUNT_HINT
from sfsync.engine.account_lookup import AccountLinks, account_links
from sfsync.engine.bulk_jobs import forget_jobs
from sfsync.engine.edits import normalised, quarantine_row
from sfsync.engine.fetch import current_records
from sfsync.engine.run import UNDONE, Run, end_if_cut_short
from sfsync.engine.survivors import commit_with_survivors
from sfsync.failpoints import reach
from sfsync.mapping.projection import reader, to_org_fields
from sfsync.model.change import FieldDecision, OrgAction, OrgWrite, RowPlan, Side
from sfsync.model.field_types import FieldType, from_org
from sfsync.model.journal import WriteIntent
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import (
    RECORD_CHANGED,
    Accepted,
    Deferred,
    ObjectReport,
    Outcome,
    Rejected,
    Unknown,
)
from sfsync.model.record import LocalId, Remote, SalesforceId, Value
from sfsync.planning.lost_update import lost_updates, restore_held
from sfsync.planning.parts import (
    consent_alone,
    consent_and_counters,
    counters_alone,
    each_opt_out,
)
from sfsync.planning.planner import plan_row

MAX_REPLANS = 3
"""How often, in one run, a row is planned anew whose record changes while it is being written."""


@dataclass(frozen=True, slots=True)
class StalePlan:
    """A plan whose record was changed while it was being written.

    Attributes:
        lost_updates: what was decided anew, where the write was done; empty where it was not.
    """

    plan: RowPlan
    salesforce_id: SalesforceId
    lost_updates: tuple[FieldDecision, ...] = ()

    @property
    def was_written(self) -> bool:
        """Whether the write was done, over a value that it was not judged against."""
        return bool(self.lost_updates)


ChoosePart: TypeAlias = Callable[[RowPlan, ObjectMap], RowPlan | None]


@dataclass(frozen=True, slots=True)
class _Settled:
    """What became of one batch."""

    by_row: Mapping[LocalId | None, Outcome] = field(default_factory=dict)
    stale: Sequence[StalePlan] = ()
    refused: Sequence[RowPlan] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends one object's plans.

    Attributes:
        report: counts what was done, also where sending is cut short.
    """

    run: Run
    object_map: ObjectMap
    report: ObjectReport

    def preview(self, plans: Iterable[RowPlan]) -> None:
        """Count what would be sent."""
        report = self.report
        for plan in plans:
            report.conflicts += len(plan.conflicts)
            report.created += plan.org_action is OrgAction.CREATE
            report.updated += plan.org_action is OrgAction.UPDATE
            report.deleted += plan.org_action is OrgAction.DELETE
            report.skipped += bool(plan.skip)

    def send(self, plans: Sequence[RowPlan]) -> Sequence[StalePlan]:
        """Journal, send and settle one batch; what needs no write is settled in the mirror alone.

        Returns:
            The plans whose record was changed meanwhile; see ``replan``.

        Raises:
            BudgetSpent, AuthError, OrgUnavailable: sending was cut short; all that was done is
                settled.
        """
        links = account_links(self.run, self.object_map, plans)
        outgoing = [plan for plan in links.plans if plan.org_action is not OrgAction.NONE]
        here = [plan for plan in links.plans if plan.org_action is OrgAction.NONE]
        commit_with_survivors(self.run, [plan for plan in here if not plan.skip])
        for plan in links.plans:
            self._count_plan(plan)
        settled = _Settled()
        if outgoing:
            settled = self._write(outgoing, links)
        self._quarantine_unlinked(links, settled.by_row)
        end_if_cut_short(settled.by_row.values())
        return [*settled.stale, *self._send_parts(settled.refused, links)]

    def replan(self, stale: Sequence[StalePlan]) -> None:
        """Read, plan and send these anew, until their records stay as they were read."""
        for _ in range(MAX_REPLANS):
            if stale:
                stale = self._send_anew(stale)
        self.report.skipped += len(stale)
        if stale:
            self.run.report.warn(
                "somebody keeps changing what was to be written; the next run tries again"
            )

    # -- one batch -------------------------------------------------------------------------------

    def _count_plan(self, plan: RowPlan) -> None:
        self.report.conflicts += len(plan.conflicts)
        if plan.skip:
            self.report.skipped += 1
            self.run.report.warn(f"{self.object_map.name} {plan.local_id}: {plan.skip}")
        elif plan.is_empty:
            self.report.unchanged += 1

    def _write(self, plans: Sequence[RowPlan], links: AccountLinks) -> _Settled:
        """Write to the org: journaled before it is sent, settled after."""
        run = self.run
        writes = run.mirror.outbox.journal(
            [WriteIntent(self._org_write(plan, links), plan) for plan in plans]
        )
        reach("push.journaled")
        planned = {write.ref: plan for write, plan in zip(writes, plans, strict=True)}
        outcomes = [self._judged(planned[each.ref], each) for each in self._apply(writes)]
        reach("push.sent")
        run.mirror.outbox.settle(outcomes)
        forget_jobs(run)
        reach("push.settled")
        run.progress.advance(len(plans))
        for outcome in outcomes:
            self._count(planned[outcome.ref], outcome)
        stale = [
            each for outcome in outcomes if (each := _stale_plan(planned[outcome.ref], outcome))
        ]
        refused = [planned[each.ref] for each in outcomes if isinstance(each, Rejected)]
        return _Settled({planned[each.ref].local_id: each for each in outcomes}, stale, refused)

    # -- after a refusal -------------------------------------------------------------------------
    def _send_parts(self, refused: Sequence[RowPlan], links: AccountLinks) -> Sequence[StalePlan]:
        """What of refused edits can be sent without the rest: opt-outs and counters; one call as a rule."""
        again, stale = self._parts(refused, consent_and_counters, links)
        # those that had nothing else to leave out
        again = [*again, *(plan for plan in refused if _is_part_by_itself(plan, self.object_map))]
        opt_outs, of_consent = self._parts(again, consent_alone, links)
        singles = [
            part for plan in (*again, *opt_outs) for part in each_opt_out(plan, self.object_map)
        ]
        _, of_singles = self._write_parts(singles, links)
        _, of_counters = self._parts(again, counters_alone, links)
        return [*stale, *of_consent, *of_singles, *of_counters]

    def _parts(
        self, plans: Sequence[RowPlan], choose: ChoosePart, links: AccountLinks
    ) -> tuple[Sequence[RowPlan], Sequence[StalePlan]]:
        chosen = [part for plan in plans if (part := choose(plan, self.object_map))]
        return self._write_parts(chosen, links)

    def _write_parts(
        self, parts: Sequence[RowPlan], links: AccountLinks
    ) -> tuple[Sequence[RowPlan], Sequence[StalePlan]]:
        """Write these; gives those that were refused, and those that have to be planned anew.

        A part whose record was changed meanwhile is neither: what is left of its row is in quarantine.
        """
        if not parts:
            return (), ()
        settled = self._write(parts, links)
        end_if_cut_short(settled.by_row.values())
        return settled.refused, [each for each in settled.stale if each.was_written]

    def _org_write(self, plan: RowPlan, links: AccountLinks) -> OrgWrite:
        object_map = self.object_map
        creating = plan.org_action is OrgAction.CREATE
        fields = to_org_fields(object_map, plan.to_org, creating=creating)
        write = OrgWrite(
            ref=0,
            action=plan.org_action,
            sobject=object_map.sobject,
            fields=fields | links.fields(object_map, plan),
            salesforce_id=plan.salesforce_id,
        )
        if plan.org_action is OrgAction.UPDATE:
            return replace(write, if_unmodified_since=plan.modified_at)
        if creating and object_map.external_id and plan.local_id is not None:
            # A create is an upsert by a key of ours where the org has a field for it, so that
            # repeating it after a lost answer makes no second record.
            key = self.run.mirror.rows.external_key(object_map.name, plan.local_id, plan.to_org)
            if key:
                return replace(write, key_field=object_map.external_id, key_value=key)
        return write

    def _apply(self, writes: Sequence[OrgWrite]) -> Sequence[Outcome]:
        try:
            return self.run.org.apply(writes)
        except UNDONE as error:
            # The org has certainly done nothing: the writes are forgotten, their rows stay edited.
            undone = [Deferred(write.ref, error.slug, error.message) for write in writes]
            self.run.mirror.outbox.settle(undone)
            raise

    def _judged(self, plan: RowPlan, outcome: Outcome) -> Outcome:
        """The outcome as it is settled."""
        if isinstance(outcome, Rejected) and outcome.code == "ENTITY_IS_DELETED":
            # Deleted since it was read: that is no refusal, the next pull follows it.
            return Deferred(outcome.ref, outcome.code, outcome.message)
        if isinstance(outcome, Accepted) and outcome.seen:
            return self._with_lost_updates(plan, outcome, outcome.seen)
        return outcome

    def _with_lost_updates(
        self, plan: RowPlan, outcome: Accepted, seen: Mapping[str, Value]
    ) -> Accepted:
        """The outcome, with what is to become of values that were replaced unjudged."""
        values = {}
        for column in plan.to_org:
            field_map = self.object_map.by_column[column]
            if field_map.remote in seen:
                values[column] = reader(field_map)(seen[field_map.remote])
        seen_at = str(from_org(FieldType.DATETIME, seen.get("SystemModstamp")) or "")
        lost = lost_updates(plan, self.object_map, values, seen_at)
        return replace(outcome, lost_updates=lost)

    def _count(self, plan: RowPlan, outcome: Outcome) -> None:
        report = self.report
        self.run.report.count_answer(outcome)
        match outcome:
            case Accepted():
                report.conflicts += sum(each.conflict for each in outcome.lost_updates)
                report.created += plan.org_action is OrgAction.CREATE
                report.updated += plan.org_action is OrgAction.UPDATE
                report.deleted += plan.org_action is OrgAction.DELETE
            case Rejected() if plan.is_part:
                pass  # its row was counted when the whole was refused
            case Rejected():
                report.quarantined += 1
            case Deferred() if outcome.code == RECORD_CHANGED and not plan.is_part:
                # Planned anew in this run: its conflicts are counted then.
                report.conflicts -= len(plan.conflicts)
            case Deferred():
                report.skipped += 1
                self.run.report.warn(
                    f"not written now: {outcome.message}; the next run tries again"
                )
            case Unknown():
                report.skipped += 1
                self.run.report.warn(
                    f"no answer to a write: {outcome.message}; it is looked up before any repeat"
                )

    def _quarantine_unlinked(
        self, links: AccountLinks, outcomes: Mapping[LocalId | None, Outcome]
    ) -> None:
        """Report Accounts that are not there.

        After the rows are settled: settling an accepted write closes a row's older entries.
        """
        for local_id, unresolved in links.unlinked.items():
            name, message = self.object_map.name, unresolved.message
            if not unresolved.code:
                # Nothing to correct: the next run tries again.
                self.run.report.warn(f"{name} {local_id}: not linked to a company now: {message}")
                continue
            if isinstance(outcomes.get(local_id), Rejected):
                continue  # the row is in quarantine already, for what the org refused
            quarantine_row(
                self.run,
                self.object_map,
                self.report,
                local_id,
                unresolved.code,
                message,
                hint=ACCOUNT_HINT,
            )

    # -- stale plans -----------------------------------------------------------------------------

    def _send_anew(self, stale: Sequence[StalePlan]) -> Sequence[StalePlan]:
        """Read these records once more, plan their rows anew, and send what comes of it."""
        self.run.checkpoint()
        by_id = {each.salesforce_id: each for each in stale}
        records = current_records(self.run, self.object_map, by_id)
        restoring = self._restoring(by_id.values(), records)
        planning = self._planning(records, {plan.salesforce_id for plan in restoring})
        return self.send([*restoring, *planning])

    def _restoring(
        self, stale: Iterable[StalePlan], records: Mapping[SalesforceId, Remote]
    ) -> list[RowPlan]:
        """Held fields that were written over: what the org held goes back there."""
        plans = []
        for each in stale:
            record = records.get(each.salesforce_id)
            if record is None:
                continue  # not returned any more: the next pull follows it
            plan = restore_held(each.plan, each.lost_updates, record)
            if plan is not None:
                plans.append(plan)
        return plans

    def _planning(
        self, records: Mapping[SalesforceId, Remote], restored: Container[SalesforceId | None]
    ) -> list[RowPlan]:
        """The rows of these records, planned anew.

        Not those that are restored: a person decides about them, each side keeps its own value
        until then.
        """
        run, object_map = self.run, self.object_map
        rules = run.usable.rules_for(object_map.name)
        plans = []
        with run.mirror.staging(object_map, object_map.columns) as stage:
            stage.add(each for each in records.values() if each.salesforce_id not in restored)
            for triple in stage.triples(contested_only=False, dirty_only=True):
                if triple.local is None or triple.remote is None:
                    continue
                if triple.remote.salesforce_id in records:
                    plans.append(plan_row(normalised(triple, object_map)[0], object_map, rules))
        return plans


def _is_part_by_itself(plan: RowPlan, object_map: ObjectMap) -> bool:
    """Whether an update sends nothing but opt-outs and counters."""
    return consent_and_counters(plan, object_map) is None


def _stale_plan(plan: RowPlan, outcome: Outcome) -> StalePlan | None:
    """What has to be planned anew after this outcome; ``None`` where nothing has."""
    if isinstance(outcome, Deferred) and outcome.code == RECORD_CHANGED and plan.salesforce_id:
        return StalePlan(plan, plan.salesforce_id)
    if isinstance(outcome, Accepted):
        for decision in outcome.lost_updates:
            # The org holds what was sent. Is that what it should hold?
            if decision.winner is Side.HELD or decision.value != plan.to_org[decision.column]:
                return StalePlan(plan, outcome.salesforce_id, outcome.lost_updates)
    return None
