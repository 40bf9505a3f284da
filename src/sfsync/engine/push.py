"""push: what was edited in the mirror goes to Salesforce, changed fields only.

    settle what is in doubt -> fetch fresh values of the edited rows -> plan -> guard -> journal,
    send, settle, batch by batch

Rows that have no Salesforce Id are looked for by address first; only who is found nowhere is
created.

Nobody's edit is lost to ours: an update is done only while its record has not moved since it was
read, and one whose record has is read, planned and sent anew. What got between all the same is told
with the answer, and goes through the same merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import itemgetter

from sfsync.engine.account_lookup import HINT as ACCOUNT_HINT
from sfsync.engine.account_lookup import AccountLinks, account_links
from sfsync.engine.ports import Stage
from sfsync.engine.recover import forget_jobs, recover
from sfsync.engine.run import UNDONE, Run, batched, end_where_told
from sfsync.engine.survivors import commit_with_survivors
from sfsync.failpoints import reach
from sfsync.mapping.project import Projection, canonical_values, reader, to_org_fields
from sfsync.model.change import FieldDecision, LocalAction, OrgAction, OrgWrite, RowPlan, Side
from sfsync.model.event import match_key
from sfsync.model.field_types import FieldType, canonical, from_org
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
from sfsync.model.record import (
    MISSING,
    Local,
    LocalId,
    RawRecord,
    Remote,
    RemoteState,
    Row,
    SalesforceId,
    Triple,
)
from sfsync.planning import safety
from sfsync.planning.identity import choose
from sfsync.planning.lost_update import lost_updates, restore_held
from sfsync.planning.planner import plan_row

LOOKUP = 1000
"""Addresses a look-up: about what fits into one call. Source: salesforce-facts §3, §9."""

FETCH = 2000
"""Ids a retrieve call. Source: salesforce-facts §4, sObject Collections."""

ROUNDS = 3
"""How often, in one run, a row is planned anew whose record moves under our eyes."""

TIDY = 500
"""Rows a transaction when they are brought into canonical form."""

SEVERAL_MATCHES = "SEVERAL_MATCHES"
SAME_PERSON = "SAME_PERSON"
UNREADABLE = "UNREADABLE_VALUE"
NOT_FOUND = "NOT_FOUND"
_OUT_OF_SIGHT = "the record is not found in Salesforce: purged, or no longer visible to this user"


def push(run: Run, names: Iterable[str] = ()) -> None:
    """Send what was edited in the mirror to Salesforce.

    Raises:
        UnsafePlan: too much would be deleted or blanked; nothing was sent.
        BudgetSpent: an object's writes take more API calls than may be made; none of them was sent.
    """
    run.refuse_if_paused()
    with ExitStack() as stack:
        prepared = [
            _prepare(run, object_map, stack)
            for object_map in run.objects(list(names))
            if run.usable.rules_for(object_map.name).pushes
        ]
        reach("push.planned")
        for each in prepared:
            _push_object(run, each)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One object's edited rows beside their fresh records, guarded and not yet sent."""

    object_map: ObjectMap
    stage: Stage
    held_back: set[LocalId]
    report: ObjectReport
    writes: int
    creates: int


def _prepare(run: Run, object_map: ObjectMap, stack: ExitStack) -> _Prepared:
    """Read and guard one object."""
    report = run.report.push.setdefault(object_map.name, ObjectReport())
    if not run.dry_run:
        recover(run, object_map)
    projection = Projection(object_map, object_map.columns)
    stage = stack.enter_context(run.mirror.staging(object_map, object_map.columns))
    held_back = stage_fresh(run, object_map, projection, stage, report)
    writes, creates = _guard(run, object_map, stage, held_back, report)
    return _Prepared(object_map, stage, held_back, report, writes, creates)


def _push_object(run: Run, each: _Prepared) -> None:
    """Send one object's writes; the report holds what was done also where this is cut short."""
    object_map = each.object_map
    batching = run.afford(each.writes, creating=each.creates == each.writes)
    if each.writes:
        run.report.transport[f"push {object_map.name}"] = batching.transport
    run.progress.start(f"Writing {object_map.name}s", each.writes)
    for plans in batched(_plans(run, object_map, each.stage, each.held_back), batching.size):
        run.checkpoint()
        if run.dry_run:
            preview(each.report, plans)
        else:
            replan_stale(run, object_map, send(run, object_map, plans, each.report), each.report)
    run.progress.done()


def replan_stale(
    run: Run, object_map: ObjectMap, left: Sequence[StalePlan], report: ObjectReport
) -> None:
    """Plan anew, and send, what somebody else got in the way of, until nobody does."""
    for _ in range(ROUNDS):
        left = _send_again(run, object_map, left, report) if left else []
    report.skipped += len(left)
    if left:
        run.report.warn("somebody keeps changing what was to be written; the next run tries again")


@dataclass(frozen=True, slots=True)
class StalePlan:
    """A plan whose record somebody changed while it was being written.

    Attributes:
        lost_updates: what was decided anew, where the write was done; nothing where it was not.
    """

    plan: RowPlan
    salesforce_id: SalesforceId
    lost_updates: tuple[FieldDecision, ...] = ()


def _send_again(
    run: Run, object_map: ObjectMap, left: Sequence[StalePlan], report: ObjectReport
) -> list[StalePlan]:
    """Read these records once more, plan their rows anew, and send what comes of it."""
    run.checkpoint()
    rules = run.usable.rules_for(object_map.name)
    by_id = {each.salesforce_id: each for each in left}
    with run.mirror.staging(object_map, object_map.columns) as stage:
        now = fetched(run, object_map, by_id)
        back = [
            plan
            for record, each in by_id.items()
            if record in now and (plan := restore_held(each.plan, each.lost_updates, now[record]))
        ]
        for_a_person = {plan.salesforce_id for plan in back}
        stage.add(record for record in now.values() if record.salesforce_id not in for_a_person)
        triples = [
            normalised(triple, object_map)[0]
            for triple in stage.triples(contested_only=False, dirty_only=True)
            if triple.local and triple.remote and triple.remote.salesforce_id in now
        ]
    plans = [plan_row(triple, object_map, rules) for triple in triples]
    return send(run, object_map, [*back, *plans], report)


def stage_fresh(
    run: Run, object_map: ObjectMap, projection: Projection, stage: Stage, report: ObjectReport
) -> set[LocalId]:
    """Stage what the org says now of every row edited here.

    Returns:
        The rows that must not be sent: they cannot be read, or nobody can say which record they
            are.
    """
    held_back: set[LocalId] = set()
    _normalise(
        run, object_map, stage, held_back, report
    )  # who has no record yet, before being looked for
    ids = run.mirror.rows.dirty_ids(object_map.name, _pushed(object_map))
    for chunk in batched(ids, FETCH):
        stage.add(Remote(asked, {}, RemoteState.GONE) for asked in chunk)
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, chunk):
            stage.add(projection.to_remote_record(raw) for raw in page)
    _identify(run, object_map, projection, stage, held_back, report)
    _normalise(run, object_map, stage, held_back, report)
    run.tell_unreadable(object_map.name, projection)
    return held_back


def _pushed(object_map: ObjectMap) -> tuple[str, ...]:
    return tuple(column for column, field_map in object_map.by_column.items() if field_map.pushes)


def _identify(
    run: Run,
    object_map: ObjectMap,
    projection: Projection,
    stage: Stage,
    held_back: set[LocalId],
    report: ObjectReport,
) -> None:
    """Look for the records of rows that have no Salesforce Id, by address, many a call.

    Also after a complete pull: a row deleted here, for good or not, left its record in the org.
    """
    kind = object_map.by_column[object_map.match_on].type
    people = (
        (match_key(str(canonical(kind, address) or "")), local_id)
        for local_id, address in run.mirror.rows.unlinked(object_map.name)
        if local_id not in held_back
    )
    same_address = (
        (key, [local_id for _, local_id in rows])
        for key, rows in groupby(people, key=itemgetter(0))
    )
    for chunk in batched(same_address, LOOKUP):
        rows = _one_each(run, object_map, chunk, held_back, report)
        if not rows:
            continue
        found = _found(run, object_map, projection, list(rows))
        for key, matches in found.items():
            _stage_match(run, object_map, projection, stage, rows[key], matches, held_back, report)


def _one_each(
    run: Run,
    object_map: ObjectMap,
    groups: Iterable[tuple[str, list[LocalId]]],
    held_back: set[LocalId],
    report: ObjectReport,
) -> dict[str, LocalId]:
    """One row for each address; a second row with the same address is put aside."""
    rows = {}
    for key, (first, *others) in groups:
        if not key:
            continue
        rows[key] = first
        for other in others:
            message = f"another new row ({first}) has the address {key} too"
            _hold(run, object_map, other, SAME_PERSON, message, held_back, report)
    return rows


def _found(
    run: Run, object_map: ObjectMap, projection: Projection, keys: Sequence[str]
) -> dict[str, list[RawRecord]]:
    address = next(
        field for field in object_map.fields if field.column == object_map.match_on
    ).remote
    found: dict[str, list[RawRecord]] = {}
    for page in run.org.find(object_map.sobject, projection.remote_fields, address, keys):
        for raw in page:
            if not raw.get("IsConverted"):
                found.setdefault(match_key(str(raw.get(address) or "")), []).append(raw)
    return {key: matches for key, matches in found.items() if key in keys}


def _stage_match(
    run: Run,
    object_map: ObjectMap,
    projection: Projection,
    stage: Stage,
    local_id: LocalId,
    matches: Sequence[RawRecord],
    held_back: set[LocalId],
    report: ObjectReport,
) -> None:
    choice = choose(matches, object_map.on_multiple, ids=[str(raw["Id"]) for raw in matches])
    if choice.chosen is None:
        message = f"{choice.count} records in Salesforce have this address"
        _hold(run, object_map, local_id, SEVERAL_MATCHES, message, held_back, report)
        return
    salesforce_id = SalesforceId(str(choice.chosen["Id"]))
    if run.mirror.rows.by_salesforce_id(object_map.name, salesforce_id):
        message = f"another row of the mirror is this person already: {salesforce_id}"
        _hold(run, object_map, local_id, SAME_PERSON, message, held_back, report)
        return
    stage.add([projection.to_remote_record(choice.chosen)])


def _hold(
    run: Run,
    object_map: ObjectMap,
    local_id: LocalId,
    code: str,
    message: str,
    held_back: set[LocalId],
    report: ObjectReport,
    *,
    hint: str = "Correct the row, or merge the two, then `sfsync retry`.",
) -> None:
    held_back.add(local_id)
    report.quarantined += 1
    if not run.dry_run:
        run.mirror.quarantine.put(
            kind="record",
            code=code,
            message=message,
            hint=hint,
            object_name=object_map.name,
            local_id=local_id,
        )


def _plans(
    run: Run, object_map: ObjectMap, stage: Stage, held_back: set[LocalId]
) -> Iterator[RowPlan]:
    rules = run.usable.rules_for(object_map.name)
    for triple in stage.triples(contested_only=False, dirty_only=True):
        if triple.local is None or triple.local.local_id not in held_back:
            yield plan_row(normalised(triple, object_map)[0], object_map, rules)


def normalised(triple: Triple, object_map: ObjectMap) -> tuple[Triple, dict[str, str]]:
    """The row with its values in canonical form: people type, and other tools write, as they please.

    Returns:
        The triple, and column -> sentence for values that are none of their column's type.
    """
    if triple.local is None:
        return triple, {}
    values, problems = canonical_values(object_map, triple.local.values)
    return replace(triple, local=replace(triple.local, values=values)), problems


def normalised_row(row: Row, object_map: ObjectMap) -> Row:
    """The row in canonical form, to be compared with what was written."""
    clean = normalised(Triple(object_map.name, row.base, row.local, None), object_map)[0].local
    return Row(clean or row.local, row.base, row.salesforce_id)


def fetched(
    run: Run, object_map: ObjectMap, ids: Iterable[SalesforceId]
) -> dict[SalesforceId, Remote]:
    """These records as they are now; one that the org does not return is left out."""
    projection = Projection(object_map, object_map.columns)
    now: dict[SalesforceId, Remote] = {}
    for chunk in batched(ids, FETCH):
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, chunk):
            now |= {read.salesforce_id: read for read in map(projection.to_remote_record, page)}
    return now


def _normalisation(object_name: str, raw: Local, clean: Local) -> RowPlan:
    """The row in canonical form: a blank before a name, or a null for false, is no difference to keep."""
    changed = {
        column: value for column, value in clean.values.items() if value != raw.values[column]
    }
    seen = tuple(
        FieldDecision(column, MISSING, raw.values[column], MISSING, value, Side.LOCAL, "tidied")
        for column, value in changed.items()
    )
    return RowPlan(
        object_name,
        raw.local_id,
        None,
        local_action=LocalAction.UPDATE,
        decisions=seen,
        to_local=changed,
    )


def _normalise(
    run: Run, object_map: ObjectMap, stage: Stage, held_back: set[LocalId], report: ObjectReport
) -> None:
    """Tidy the rows that may be sent, and put aside those that cannot be read."""
    for triples in batched(stage.triples(contested_only=False, dirty_only=True), TIDY):
        tidied = []
        for triple in triples:
            clean, problems = normalised(triple, object_map)
            if triple.local is None or clean.local is None or triple.local.local_id in held_back:
                continue
            if problems:
                told = "; ".join(f"{column}: {sentence}" for column, sentence in problems.items())
                _hold(run, object_map, triple.local.local_id, UNREADABLE, told, held_back, report)
            elif clean.local.values != triple.local.values:
                tidied.append(_normalisation(triple.object, triple.local, clean.local))
        if tidied and not run.dry_run:
            run.mirror.rows.commit(tidied)


def _guard(
    run: Run, object_map: ObjectMap, stage: Stage, held_back: set[LocalId], report: ObjectReport
) -> tuple[int, int]:
    """Count the writes, put aside rows without a record, and stop where too much would be taken away."""
    for triple in stage.triples(contested_only=False, dirty_only=True):
        gone = triple.remote is not None and triple.remote.state is RemoteState.GONE
        if gone and triple.local is not None and triple.local.local_id not in held_back:
            _hold(
                run, object_map, triple.local.local_id, NOT_FOUND, _OUT_OF_SIGHT, held_back, report
            )
    found, writes, creates, changed = safety.Damage(), 0, 0, 0
    for plan in _plans(run, object_map, stage, held_back):
        writes += plan.org_action is not OrgAction.NONE
        creates += plan.org_action is OrgAction.CREATE
        changed += plan.org_action is OrgAction.UPDATE
        found += safety.damage(plan)
    brake(run, object_map.name, found, changed)
    return writes, creates


def brake(run: Run, name: str, found: safety.Damage, changed: int) -> None:
    """Stop where writing would take away, or change, too much of an object.

    Raises:
        UnsafePlan: nothing was sent.
    """
    if not run.allow_mass_change:
        rows, limits, floor = run.mirror.rows.count(name), run.limits, run.limits.max_delete_rows
        safety.check(name, found, rows=rows, share=limits.max_delete, at_least=floor)
        safety.check_changed(name, changed, rows=rows, share=limits.max_change, at_least=floor)


def preview(report: ObjectReport, plans: Iterable[RowPlan]) -> None:
    """Count what would be sent."""
    for plan in plans:
        report.conflicts += len(plan.conflicts)
        report.created += plan.org_action is OrgAction.CREATE
        report.updated += plan.org_action is OrgAction.UPDATE
        report.deleted += plan.org_action is OrgAction.DELETE
        report.skipped += bool(plan.skip)


def send(
    run: Run, object_map: ObjectMap, plans: Sequence[RowPlan], report: ObjectReport
) -> list[StalePlan]:
    """Journal, send and settle one batch; what needs no write is settled in the mirror alone.

    Returns:
        What somebody else got in the way of, and has to be looked at again.
    """
    links = account_links(run, object_map, plans)
    plans = links.plans
    outgoing = [plan for plan in plans if plan.org_action is not OrgAction.NONE]
    commit_with_survivors(
        run, [plan for plan in plans if plan.org_action is OrgAction.NONE and not plan.skip]
    )
    for plan in plans:
        report.conflicts += len(plan.conflicts)
        report.unchanged += plan.is_empty and not plan.skip
        if plan.skip:
            report.skipped += 1
            run.report.warn(f"{object_map.name} {plan.local_id}: {plan.skip}")
    told, left = _written(run, object_map, outgoing, links, report) if outgoing else ({}, [])
    _put_names_aside(run, object_map, links, told, report)
    end_where_told(told.values())
    return left


def _written(
    run: Run,
    object_map: ObjectMap,
    outgoing: Sequence[RowPlan],
    links: AccountLinks,
    report: ObjectReport,
) -> tuple[dict[LocalId | None, Outcome], list[StalePlan]]:
    """What became of each row of a batch, journaled before it is sent, settled after; and what is left to do."""
    writes = run.mirror.outbox.journal(
        [WriteIntent(_write(run, object_map, plan, links), plan) for plan in outgoing]
    )
    reach("push.journaled")
    planned = {write.ref: plan for write, plan in zip(writes, outgoing, strict=True)}
    try:
        told = run.org.apply(writes)
    except UNDONE as error:
        run.mirror.outbox.settle(
            [Deferred(write.ref, error.slug, error.message) for write in writes]
        )
        raise
    outcomes = [_compared(object_map, planned[outcome.ref], _as_met(outcome)) for outcome in told]
    reach("push.sent")
    run.mirror.outbox.settle(outcomes)
    forget_jobs(run)
    reach("push.settled")
    run.progress.advance(len(outgoing))
    left = list(
        chain.from_iterable(_overtaken(planned[outcome.ref], outcome) for outcome in outcomes)
    )
    report.conflicts -= sum(
        len(each.plan.conflicts) for each in left if not each.lost_updates
    )  # they are told later
    _count(run, report, {write.ref: write for write in writes}, outcomes)
    return {planned[outcome.ref].local_id: outcome for outcome in outcomes}, left


def _compared(object_map: ObjectMap, plan: RowPlan, outcome: Outcome) -> Outcome:
    """The outcome, with what is to become of values that came between the reading and this write."""
    if not isinstance(outcome, Accepted) or not outcome.seen:
        return outcome
    seen = {
        column: reader(field)(outcome.seen[field.remote])
        for column in plan.to_org
        if (field := object_map.by_column[column]).remote in outcome.seen
    }
    seen_at = str(from_org(FieldType.DATETIME, outcome.seen.get("SystemModstamp")) or "")
    return replace(outcome, lost_updates=lost_updates(plan, object_map, seen, seen_at))


def _overtaken(plan: RowPlan, outcome: Outcome) -> Iterator[StalePlan]:
    if isinstance(outcome, Deferred) and outcome.code == RECORD_CHANGED and plan.salesforce_id:
        yield StalePlan(plan, plan.salesforce_id)
    elif isinstance(outcome, Accepted) and any(
        _goes_on(plan, late) for late in outcome.lost_updates
    ):
        yield StalePlan(plan, outcome.salesforce_id, outcome.lost_updates)


def _goes_on(plan: RowPlan, late: FieldDecision) -> bool:
    """Whether the org does not hold now what it should."""
    return late.winner is Side.HELD or late.value != plan.to_org[late.column]


def _put_names_aside(
    run: Run,
    object_map: ObjectMap,
    links: AccountLinks,
    told: Mapping[LocalId | None, Outcome],
    report: ObjectReport,
) -> None:
    """Tell of accounts that are not there; after their rows are settled, which closes what was told before."""
    for local_id, refusal in links.unlinked.items():
        if not refusal.code:
            run.report.warn(
                f"{object_map.name} {local_id}: not linked to a company now: {refusal.message}"
            )
        elif not isinstance(told.get(local_id), Rejected):
            _hold(
                run,
                object_map,
                local_id,
                refusal.code,
                refusal.message,
                set(),
                report,
                hint=ACCOUNT_HINT,
            )


def _write(run: Run, object_map: ObjectMap, plan: RowPlan, links: AccountLinks) -> OrgWrite:
    creating = plan.org_action is OrgAction.CREATE
    key = ""
    if creating and object_map.external_id and plan.local_id is not None:
        key = run.mirror.rows.external_key(object_map.name, plan.local_id)
    return OrgWrite(
        ref=0,
        action=plan.org_action,
        sobject=object_map.sobject,
        fields=to_org_fields(object_map, plan.to_org, creating=creating)
        | links.fields(object_map, plan),
        salesforce_id=plan.salesforce_id,
        key_field=object_map.external_id if key else "",
        key_value=key,
        if_unmodified_since=plan.modified_at if plan.org_action is OrgAction.UPDATE else "",
    )


def _as_met(outcome: Outcome) -> Outcome:
    """A record deleted since it was read is no refusal: the next pull follows it."""
    if isinstance(outcome, Rejected) and outcome.code == "ENTITY_IS_DELETED":
        return Deferred(outcome.ref, outcome.code, outcome.message)
    return outcome


def _count(
    run: Run, report: ObjectReport, writes: dict[int, OrgWrite], outcomes: Iterable[Outcome]
) -> None:
    for outcome in outcomes:
        match outcome:
            case Accepted():
                report.conflicts += len([late for late in outcome.lost_updates if late.conflict])
                action = writes[outcome.ref].action
                report.created += action is OrgAction.CREATE
                report.updated += action is OrgAction.UPDATE
                report.deleted += action is OrgAction.DELETE
            case Rejected():
                report.quarantined += 1
            case Deferred(code="MOVED"):
                pass  # looked at again
            case Deferred():
                report.skipped += 1
                run.report.warn(f"not written now: {outcome.message}; the next run tries again")
            case Unknown():
                report.skipped += 1
                run.report.warn(
                    f"no answer to a write: {outcome.message}; it is looked up before any repeat"
                )
