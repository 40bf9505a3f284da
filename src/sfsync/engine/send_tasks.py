"""Queued Tasks on their way to the org: mark as being sent, send, settle.

A Task is keyed by an external id where the org has one; else it carries a reference line. A Task
whose reply was lost is looked up by that before it may be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sfsync.engine.bulk_jobs import forget_jobs
from sfsync.engine.campaign_names import held_tasks, name_campaigns, unnamed_campaigns
from sfsync.engine.recover import well_before
from sfsync.engine.run import UNDONE, Run, end_if_cut_short
from sfsync.failpoints import reach
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.journal import QueuedTask
from sfsync.model.mapping import ActivityMap, RecordEvent
from sfsync.model.outcome import Accepted, ActivityReport, Deferred, Outcome, Rejected, Unknown

REFERENCE = "sfsync-ref: "
"""What marks a Task where the org has no external id for it."""

_ENDED = {
    "CANNOT_UPDATE_CONVERTED_LEAD": "the Lead was converted meanwhile",
    "ENTITY_IS_DELETED": "the person was merged or deleted meanwhile",
}
"""Refusals that mean that the person's record ended since it was read."""

_GONE = (
    "its person's row was deleted here; once the row is back, or `sfsync pull --full` has brought"
    " the record in, retry"
)


def send_tasks(run: Run, report: ActivityReport) -> None:
    """Send every queued Task whose person is in Salesforce, a thousand a call."""
    activities = run.usable.activities
    unnamed = unnamed_campaigns(run)
    report.held, report.due_at = held_tasks(run, unnamed)
    report.waiting += report.held
    name_campaigns(run)
    total = run.mirror.tasks.count_waiting(unnamed)
    batching = run.afford(total, creating=True)
    if total:
        run.report.transport["push activity"] = batching.transport
    run.progress.start("Writing tasks", total)
    after = 0
    while queued := run.mirror.tasks.queued(after, batching.size, unnamed):
        run.checkpoint()
        after = queued[-1].activity_id
        ready = [task for task in queued if task.who_id]
        report.waiting += len(queued) - len(ready) - _quarantine_orphans(run, queued, report)
        unsent = _settle_unanswered(run, activities, ready, report)
        if unsent:
            _send(run, activities, unsent, report)
        run.progress.advance(len(queued))
    run.progress.done()


def _quarantine_orphans(run: Run, queued: Sequence[QueuedTask], report: ActivityReport) -> int:
    """Refuse Tasks whose person's row was deleted here before it ever got to Salesforce.

    Returns:
        How many there are.
    """
    orphans = [task for task in queued if not task.who_id and not _is_live(run, task)]
    run.mirror.tasks.settle([Rejected(task.activity_id, "PERSON_GONE", _GONE) for task in orphans])
    report.quarantined += len(orphans)
    return len(orphans)


def _is_live(run: Run, task: QueuedTask) -> bool:
    """Whether the mirror has a live row for the Task's person."""
    row = run.mirror.rows.by_local_id(task.object, task.local_id)
    return row is not None and not row.local.deleted_at


def _settle_unanswered(
    run: Run, activities: ActivityMap, tasks: Sequence[QueuedTask], report: ActivityReport
) -> list[QueuedTask]:
    """Look up the Tasks that were sent and never answered, and settle those that arrived.

    With an external id repeating makes no second one, but it would overwrite what a person has
    typed into it since.

    Returns:
        The Tasks that are still to be sent.
    """
    unanswered = [task for task in tasks if task.unanswered]
    if not unanswered:
        return list(tasks)
    keys = [task.key for task in unanswered]
    people = sorted({task.who_id for task in unanswered if task.who_id})
    since = well_before(min(task.sent_at for task in unanswered))
    there = run.org.find_tasks(activities, keys, people, since)
    run.mirror.tasks.settle(
        [Accepted(task.activity_id, there[task.key]) for task in unanswered if task.key in there]
    )
    report.tasks += len(there)
    return [task for task in tasks if task.key not in there]


def _send(
    run: Run, activities: ActivityMap, tasks: Sequence[QueuedTask], report: ActivityReport
) -> None:
    by_ref = {task.activity_id: task for task in tasks}
    run.mirror.tasks.mark_sending(list(by_ref))
    reach("activity.marked")
    try:
        answers = run.org.apply([_org_write(activities, task) for task in tasks])
    except UNDONE as error:
        undone = [Deferred(ref, error.slug, error.message) for ref in by_ref]
        run.mirror.tasks.settle([_still_unanswered(by_ref[each.ref], each) for each in undone])
        raise
    outcomes = [_judged(run, activities, by_ref[answer.ref], answer) for answer in answers]
    reach("activity.sent")
    run.mirror.tasks.settle(outcomes)
    forget_jobs(run)
    reach("activity.settled")
    _count(run, outcomes, report)
    end_if_cut_short(answers)


def _org_write(activities: ActivityMap, task: QueuedTask) -> OrgWrite:
    fields = dict(task.fields)
    who = activities.who_field
    if who:
        fields[who] = task.who_id
    write = OrgWrite(task.activity_id, OrgAction.CREATE, activities.sobject, fields)
    if activities.external_id:
        return replace(write, key_field=activities.external_id, key_value=task.key)
    text = str(fields.get("Description") or "")
    fields["Description"] = f"{text}\n{REFERENCE}{task.key}".strip()
    return replace(write, fields=fields)


def _count(run: Run, outcomes: Iterable[Outcome], report: ActivityReport) -> None:
    for outcome in outcomes:
        run.report.count_answer(outcome)
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


def _judged(run: Run, activities: ActivityMap, task: QueuedTask, answer: Outcome) -> Outcome:
    """The outcome as it is settled."""
    if not isinstance(answer, Rejected):
        return _still_unanswered(task, answer)
    if answer.matched_id and _is_our_own(activities, answer):
        # It arrived before, and its reply was lost.
        return Accepted(answer.ref, answer.matched_id)
    if answer.code in _ENDED and _is_followed(run, task, answer.code):
        # No refusal: the next pull follows the person to the survivor, and the Task goes along.
        deferred = Deferred(answer.ref, answer.code, _ENDED[answer.code])
        return _still_unanswered(task, deferred)
    return answer


def _still_unanswered(task: QueuedTask, outcome: Outcome) -> Outcome:
    """A Task that was unanswered before stays so: this attempt did nothing, the one before may."""
    if task.unanswered and isinstance(outcome, Deferred):
        return Unknown(outcome.ref, outcome.message)
    return outcome


def _is_our_own(activities: ActivityMap, answer: Rejected) -> bool:
    """Whether the refusal says that a Task with our own key is there already."""
    if answer.code != "DUPLICATE_VALUE":
        return False
    return activities.external_id in answer.fields or activities.external_id in answer.message


def _is_followed(run: Run, task: QueuedTask, code: str) -> bool:
    """Whether the next pull will learn what became of the Task's person."""
    rules = run.usable.rules_for(task.object)
    if not rules.pulls:
        return False
    if code != "ENTITY_IS_DELETED":
        return True
    # Deleted: learnt only where the rules take deletions in, and the row is not deleted already.
    return rules.record_rule(RecordEvent.DELETED) is not None and _is_live(run, task)
