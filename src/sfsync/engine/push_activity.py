"""push-activity: email events become completed Tasks, counters and flags.

    keep (durable first, once per id) -> who is it -> decide -> apply and queue -> push the changed
    rows -> send the Tasks -> settle

An event's effects and the mark that it is handled are one transaction, so it counts once whatever
is repeated. A Task is keyed by an external id where the org has one; else it carries a reference
line, and a Task whose reply was lost is looked up before it may be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sfsync.engine.bulk_jobs import finish_jobs, forget_jobs
from sfsync.engine.fetch import ADDRESSES_PER_LOOKUP, IDS_PER_FETCH
from sfsync.engine.push import push
from sfsync.engine.recover import well_before
from sfsync.engine.run import UNDONE, Run, batched, end_where_told
from sfsync.failpoints import reach
from sfsync.mapping.project import Projection
from sfsync.mapping.template import who_field
from sfsync.model.activity import Effect, Person
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.event import EmailEvent, match_key
from sfsync.model.journal import QueuedTask
from sfsync.model.mapping import ActivityMap, ObjectMap, RecordEvent, SyncRules
from sfsync.model.outcome import Accepted, ActivityReport, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import RawRecord, SalesforceId, Triple
from sfsync.planning.activity import Situation, once_keys, plan_event
from sfsync.planning.planner import plan_row

STORED_PER_TRANSACTION = 1000
"""Events that one transaction stores."""

HANDLED_PER_TRANSACTION = 500
"""Events whose effects one transaction applies."""

REFERENCE = "sfsync-ref: "
"""What marks a Task where the org has no external id for it."""


def keep(run: Run, events: Iterable[EmailEvent], *, source: str) -> None:
    """Store events durably, once per id; nothing is sent yet."""
    report = _report(run)
    for batch in batched(events, STORED_PER_TRANSACTION):
        if run.dry_run:
            duplicates = run.mirror.events.count_known([event.id for event in batch])
            new = len(batch) - duplicates
        else:
            new, duplicates = run.mirror.events.keep(batch, source=source)
        reach("activity.kept")
        report.events += new
        report.duplicates += duplicates
        run.progress.advance(len(batch))


def push_activity(run: Run) -> None:
    """Handle every event that waits, push the rows they changed, and send the queued Tasks."""
    run.refuse_if_paused()
    report = _report(run)
    if run.dry_run:
        report.waiting = run.mirror.tasks.count_waiting()
        return
    finish_jobs(run)
    bring_in_people(run)
    if handle_events(run, report):
        push(run)
    send_tasks(run, report)


def _report(run: Run) -> ActivityReport:
    if run.report.activity is None:
        run.report.activity = ActivityReport()
    return run.report.activity


def bring_in_people(run: Run) -> None:
    """Look for people whom the mirror does not know in the org, by address, Contacts before Leads."""
    for addresses in batched(run.mirror.events.unresolved_addresses(), ADDRESSES_PER_LOOKUP):
        wanted = set(addresses)
        for object_map in run.objects([]):
            if wanted and _may_bring_in(run, object_map):
                wanted -= _bring_in(run, object_map, sorted(wanted))


def _may_bring_in(run: Run, object_map: ObjectMap) -> bool:
    """Whether the org may have people of this object that the mirror does not know.

    After a complete pull it has none, but for Leads that were converted before they ever came down.
    """
    kind = object_map.kind
    if not kind.is_people or not run.usable.rules_for(object_map.name).pulls:
        return False
    return object_map.name not in run.fully_pulled or kind.conversion is not None


def _bring_in(run: Run, object_map: ObjectMap, addresses: Sequence[str]) -> set[str]:
    """Import who is found; several with one address are imported too, and decided about with the event."""
    columns = tuple(column for column, field_map in object_map.by_column.items() if field_map.pulls)
    projection = Projection(object_map, columns)
    rules = run.usable.rules_for(object_map.name)
    address = object_map.by_column[object_map.match_on].remote
    conversion = object_map.kind.conversion
    found: dict[str, list[RawRecord]] = {}
    converted: dict[str, SalesforceId] = {}
    for page in run.org.find(object_map.sobject, projection.remote_fields, address, addresses):
        for raw in page:
            key = match_key(str(raw.get(address) or ""))
            if conversion and raw.get(conversion.flag) and raw.get(conversion.successor):
                converted[key] = SalesforceId(str(raw[conversion.successor]))
            else:
                found.setdefault(key, []).append(raw)
    for records in found.values():
        new = [
            raw
            for raw in records
            if run.mirror.rows.by_salesforce_id(object_map.name, SalesforceId(str(raw["Id"])))
            is None
        ]
        triples = (
            Triple(object_map.name, None, None, projection.to_remote_record(raw)) for raw in new
        )
        run.mirror.rows.commit([plan_row(triple, object_map, rules) for triple in triples])
    became = run.usable.objects.get(conversion.object) if conversion else None
    if became is not None:
        gone = {key: record for key, record in converted.items() if key not in found}
        _bring_in_converted(run, became, gone)
    return set(found)


def _bring_in_converted(run: Run, became: ObjectMap, converted: Mapping[str, SalesforceId]) -> None:
    """Addresses of Leads that were converted: their people are the Contacts they became."""
    columns = tuple(column for column, field_map in became.by_column.items() if field_map.pulls)
    projection = Projection(became, columns)
    unknown = [
        one
        for one in set(converted.values())
        if run.mirror.rows.by_salesforce_id(became.name, one) is None
    ]
    for chunk in batched(sorted(unknown), IDS_PER_FETCH):
        for page in run.org.fetch(became.sobject, projection.remote_fields, chunk):
            triples = (
                Triple(became.name, None, None, projection.to_remote_record(raw)) for raw in page
            )
            rules = run.usable.rules_for(became.name)
            run.mirror.rows.commit([plan_row(triple, became, rules) for triple in triples])
    run.converted_leads |= {key: (became.name, record) for key, record in converted.items()}


def _people(run: Run, event: EmailEvent, people: tuple[Person, ...]) -> tuple[Person, ...]:
    """Who has the event's address: live rows, else the Contact that a converted Lead became."""
    became = None if people else run.converted_leads.get(match_key(event.email))
    if became is None:
        return people
    object_name, record = became
    row = run.mirror.rows.by_salesforce_id(object_name, record)
    if row is None or row.local.deleted_at:
        return people
    return (Person(object_name, row.local.local_id, record, row.local.values),)


def handle_events(run: Run, report: ActivityReport) -> int:
    """Decide and apply what waits, a few hundred events a transaction.

    Returns:
        How many events were handled.
    """
    handled = 0
    while waiting := run.mirror.events.pending(HANDLED_PER_TRANSACTION):
        run.checkpoint()
        keys = once_keys(event for event, _ in waiting)
        situation = Situation(
            {name: run.usable.rules_for(name) for name in run.usable.objects},
            run.usable.objects,
            run.usable.activities,
            run.mapping.objects,
            taken=set(keys) - run.mirror.events.first_in_campaign(keys),
        )
        effects = [
            plan_event(event, _people(run, event, people), situation) for event, people in waiting
        ]
        run.mirror.events.apply(effects)
        reach("activity.applied")
        _count_refused(report, effects)
        handled += len(effects)
    return handled


def _count_refused(report: ActivityReport, effects: Iterable[Effect]) -> None:
    report.quarantined += sum(effect.problem is not None for effect in effects)


def send_tasks(run: Run, report: ActivityReport) -> None:
    """Send every queued Task whose person is in Salesforce, a thousand a call."""
    activities = run.usable.activities
    total = run.mirror.tasks.count_waiting()
    batching = run.afford(total, creating=True)
    if total:
        run.report.transport["push activity"] = batching.transport
    run.progress.start("Writing tasks", total)
    after = 0
    while queued := run.mirror.tasks.queued(after, batching.size):
        run.checkpoint()
        after = queued[-1].activity_id
        ready = [task for task in queued if task.who_id]
        report.waiting += len(queued) - len(ready) - _put_aside_orphans(run, queued, report)
        _send(run, activities, _unanswered_settled(run, activities, ready, report), report)
        run.progress.advance(len(queued))
    run.progress.done()


def _put_aside_orphans(run: Run, queued: Sequence[QueuedTask], report: ActivityReport) -> int:
    """Tell of Tasks whose person will never be in Salesforce: somebody deleted the row here before it was.

    Returns:
        How many there are.
    """
    orphans = [task for task in queued if not task.who_id and _is_gone(run, task)]
    run.mirror.tasks.settle([Rejected(task.activity_id, "PERSON_GONE", _GONE) for task in orphans])
    report.quarantined += len(orphans)
    return len(orphans)


def _is_gone(run: Run, task: QueuedTask) -> bool:
    row = run.mirror.rows.by_local_id(task.object, task.local_id)
    return row is None or row.local.deleted_at is not None


_GONE = "its person's row was deleted here; once the row is back, or `sfsync pull --full` has brought the record in, retry"


def _unanswered_settled(
    run: Run, activities: ActivityMap, tasks: Sequence[QueuedTask], report: ActivityReport
) -> list[QueuedTask]:
    """Look up the Tasks that were sent and never answered; those that arrived are settled.

    With an external id repeating makes no second one, but it would overwrite what a person has
    typed into it since.
    """
    doubtful = [task for task in tasks if task.unanswered]
    if not doubtful:
        return list(tasks)
    keys = [task.key for task in doubtful]
    people = sorted({task.who_id for task in doubtful if task.who_id})
    since = well_before(min(task.sent_at for task in doubtful))
    there = run.org.find_tasks(activities, keys, people, since)
    run.mirror.tasks.settle(
        [Accepted(task.activity_id, there[task.key]) for task in doubtful if task.key in there]
    )
    report.tasks += len(there)
    return [task for task in tasks if task.key not in there]


def _send(
    run: Run, activities: ActivityMap, tasks: Sequence[QueuedTask], report: ActivityReport
) -> None:
    if not tasks:
        return
    run.mirror.tasks.mark_sending([task.activity_id for task in tasks])
    reach("activity.marked")
    by_ref = {task.activity_id: task for task in tasks}
    try:
        told = run.org.apply([_write(activities, task) for task in tasks])
    except UNDONE as error:
        undone = [Deferred(task.activity_id, error.slug, error.message) for task in tasks]
        run.mirror.tasks.settle([_put_off(by_ref[each.ref], each) for each in undone])
        raise
    outcomes = [
        _as_met(run, by_ref[outcome.ref], _own_key(activities, outcome)) for outcome in told
    ]
    reach("activity.sent")
    run.mirror.tasks.settle(outcomes)
    forget_jobs(run)
    reach("activity.settled")
    for outcome in outcomes:
        match outcome:
            case Accepted():
                report.tasks += 1
            case Rejected():
                report.quarantined += 1
            case Deferred() | Unknown():
                report.waiting += 1
                run.report.warn(
                    f"a Task is not confirmed: {outcome.message}; the next run goes on from here"
                )
    end_where_told(told)


def _own_key(activities: ActivityMap, outcome: Outcome) -> Outcome:
    """A duplicate of our own key is our own Task: it arrived before, and its reply was lost."""
    if not (
        isinstance(outcome, Rejected) and outcome.code == "DUPLICATE_VALUE" and outcome.matched_id
    ):
        return outcome
    ours = activities.external_id in outcome.fields or activities.external_id in outcome.message
    return Accepted(outcome.ref, outcome.matched_id) if ours else outcome


def _as_met(run: Run, task: QueuedTask, outcome: Outcome) -> Outcome:
    """A person converted or merged since being read is no refusal: the next pull follows, and the Task goes along."""
    rules = run.usable.rules_for(task.object)
    if not isinstance(outcome, Rejected) or outcome.code not in _ENDED or not rules.pulls:
        return _put_off(task, outcome)
    if outcome.code == "ENTITY_IS_DELETED" and not _will_learn(run, task, rules):
        return outcome
    return _put_off(task, Deferred(outcome.ref, outcome.code, _ENDED[outcome.code]))


def _put_off(task: QueuedTask, outcome: Outcome) -> Outcome:
    """A Task that was in doubt before stays so: this attempt did nothing, but the one before may have."""
    if task.unanswered and isinstance(outcome, Deferred):
        return Unknown(outcome.ref, outcome.message)
    return outcome


_ENDED = {
    "CANNOT_UPDATE_CONVERTED_LEAD": "the Lead was converted meanwhile",
    "ENTITY_IS_DELETED": "the person was merged or deleted meanwhile",
}


def _will_learn(run: Run, task: QueuedTask, rules: SyncRules) -> bool:
    """Whether the mirror still takes the person for a live one, and the next pull will tell it better."""
    row = run.mirror.rows.by_local_id(task.object, task.local_id)
    return (
        row is not None
        and not row.local.deleted_at
        and rules.record_rule(RecordEvent.DELETED) is not None
    )


def _write(activities: ActivityMap, task: QueuedTask) -> OrgWrite:
    fields = dict(task.fields)
    who = who_field(activities)
    if who:
        fields[who] = task.who_id
    write = OrgWrite(task.activity_id, OrgAction.CREATE, activities.sobject, fields)
    if activities.external_id:
        return replace(write, key_field=activities.external_id, key_value=task.key)
    text = str(fields.get("Description") or "")
    fields["Description"] = f"{text}\n{REFERENCE}{task.key}".strip()
    return replace(write, fields=fields)
