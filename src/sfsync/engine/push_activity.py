"""push-activity: email events become completed Tasks, counters and flags.

    keep (durable first, once per id) -> who is it (people_lookup.py) -> decide -> apply and
    queue -> push the changed rows -> send the Tasks (send_tasks.py)

An event's effects and the mark that it is handled are one transaction, so it counts once whatever
is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.engine.bulk_jobs import finish_jobs
from sfsync.engine.people_lookup import bring_in_people, people_of
from sfsync.engine.push import push
from sfsync.engine.run import Run, batched
from sfsync.engine.send_tasks import send_tasks
from sfsync.failpoints import reach
from sfsync.model.event import EmailEvent
from sfsync.model.outcome import ActivityReport
from sfsync.planning.activity import Situation, once_keys, plan_event

STORED_PER_TRANSACTION = 1000
"""Events that one transaction stores."""

HANDLED_PER_TRANSACTION = 500
"""Events whose effects one transaction applies."""


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
    run.mirror.events.wake()
    bring_in_people(run)
    if handle_events(run, report):
        push(run)
    send_tasks(run, report)


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
        situation = Situation(
            {name: run.usable.rules_for(name) for name in run.usable.objects},
            run.usable.objects,
            run.usable.activities,
            run.mapping.objects,
            taken=set(keys) - run.mirror.events.first_in_campaign(keys),
        )
        effects = [
            plan_event(event, people_of(run, event, people), situation) for event, people in waiting
        ]
        run.mirror.events.apply(effects)
        reach("activity.applied")
        report.quarantined += sum(effect.problem is not None for effect in effects)
        handled += len(effects)
    return handled
