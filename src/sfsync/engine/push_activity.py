"""push-activity: email events become completed Tasks, counters and flags.

    take (durable first, once per id) -> who is it (people_lookup.py) -> decide -> apply and
    queue -> push the changed rows -> send the Tasks (send_tasks.py)

An event's effects and the mark that it is handled are one transaction, so it counts once whatever
is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

from sfsync.engine.bulk_jobs import finish_jobs
from sfsync.engine.people_lookup import bring_in_people, people_of
from sfsync.engine.push import push
from sfsync.engine.run import Run
from sfsync.engine.send_tasks import send_tasks
from sfsync.failpoints import reach
from sfsync.model.arrival import Arrival
from sfsync.model.consent import ConsentState
from sfsync.model.event import EmailEvent
from sfsync.model.outcome import ActivityReport
from sfsync.planning.activity import Situation, once_keys, plan_event, said_of_consent
from sfsync.planning.machine_events import left_out

HANDLED_PER_TRANSACTION = 500
"""Events whose effects one transaction applies."""


def take(run: Run, arrival: Arrival) -> None:
    """Store an arrival durably, each event once per id; nothing is sent yet."""
    report = _report(run)
    report.skipped += arrival.skipped
    for line in arrival.unreadable:
        report.unreadable.note(arrival.origin, line)
    if run.dry_run:
        duplicates = run.mirror.events.count_known([event.id for event in arrival.events])
        report.events += len(arrival.events) - duplicates
        report.duplicates += duplicates
        report.quarantined += len(arrival.unreadable)
    else:
        taken = run.mirror.arrivals.take(arrival)
        # what an event says of consent holds, whichever event its id belongs to: consent only tightens
        if taken.contradictions:
            _opt_out(run, taken.contradictions)
        report.events += taken.new
        report.duplicates += taken.duplicates
        report.quarantined += taken.quarantined
        _take_contacts(run, arrival, report)
    reach("activity.kept")
    run.progress.advance(len(arrival.events))


def _take_contacts(run: Run, arrival: Arrival, report: ActivityReport) -> None:
    """Edit the rows of people who were added or changed at the email platform, where a rule says so."""
    if not _takes_contacts(run):
        return
    if ids := {each.contact_id: each.email for each in arrival.events if each.contact_id}:
        run.mirror.contact_edits.learn(ids)
    if not arrival.contacts:
        return
    taken = run.mirror.contact_edits.take(arrival.contacts, source=arrival.origin)
    report.contacts += taken.written
    report.duplicates += taken.duplicates
    report.skipped += taken.unknown
    run.mirror.contact_edits.learn(
        {
            each.contact_id: each.email
            for each in arrival.contacts
            if each.is_new and each.contact_id
        }
    )


def _takes_contacts(run: Run) -> bool:
    return any(rules.contacts for rules in run.mapping.rules.values())


def _opt_out(run: Run, events: Sequence[EmailEvent]) -> None:
    """Keep what these events say of consent, and nothing else of them."""
    situation = _situation(run)
    said = [one for event in events for one in said_of_consent(event, situation)]
    run.mirror.consent.record(one for one in said if one.state is ConsentState.OPTED_OUT)


def push_activity(run: Run) -> None:
    """Take in what was handed in, handle every event that waits, push the rows they changed, and send the Tasks."""
    run.refuse_if_paused()
    report = _report(run)
    for arrival in run.arrivals():
        take(run, arrival)
        run.checkpoint()
    if run.dry_run:
        report.waiting = run.mirror.tasks.count_waiting()
        return
    finish_jobs(run)
    report.left_out += _leave_out(run)
    run.mirror.events.wake()
    bring_in_people(run)
    handled = handle_events(run, report)
    if _takes_contacts(run):
        report.contacts += run.mirror.contact_edits.take_waiting()
    if handled or report.contacts:
        push(run)
    send_tasks(run, report)


def _leave_out(run: Run) -> int:
    """Set aside what the rules leave out, before anybody is looked for or made for it; how much that is."""
    mapping = run.mapping
    people = [name for name, each in mapping.objects.items() if each.kind.is_people]
    types = left_out(map(mapping.rules_for, people), mapping.activities.machine_events)
    return run.mirror.events.leave_out(types) if types else 0


def _report(run: Run) -> ActivityReport:
    if run.report.activity is None:
        run.report.activity = ActivityReport()
    return run.report.activity


def handle_events(run: Run, report: ActivityReport) -> int:
    """Decide and apply what waits, a few hundred events a transaction.

    Returns:
        How many events were handled.
    """
    handled = 0
    while waiting := run.mirror.events.pending(HANDLED_PER_TRANSACTION):
        run.checkpoint()
        keys = once_keys(event for event, _ in waiting)
        situation = _situation(run)
        situation.taken = set(keys) - run.mirror.events.first_in_campaign(keys)
        effects = [
            plan_event(event, people_of(run, event, people), situation) for event, people in waiting
        ]
        run.mirror.events.apply(effects)
        reach("activity.applied")
        report.quarantined += sum(effect.problem is not None for effect in effects)
        report.left_out += sum(effect.left_out for effect in effects)
        handled += len(effects)
    return handled


def _situation(run: Run) -> Situation:
    return Situation(
        {name: run.usable.rules_for(name) for name in run.usable.objects},
        run.usable.objects,
        run.usable.activities,
        run.mapping.objects,
    )
