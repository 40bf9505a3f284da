"""push: what was edited in the mirror goes to Salesforce, changed fields only.

    settle unanswered writes -> stage the edited rows beside fresh values (edits.py) -> plan ->
    guard -> journal, send, settle, batch by batch (send.py)

Rows that have no Salesforce Id are looked for by address first; only who is found nowhere is
created. All objects are read and guarded before the first one is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from sfsync.engine.consent import note_due, settle_consent
from sfsync.engine.edits import EditedObject, hold_invisible, staged_edits
from sfsync.engine.recover import recover
from sfsync.engine.run import Run, batched
from sfsync.engine.send import Sender
from sfsync.engine.unsent import list_unsent
from sfsync.failpoints import reach
from sfsync.model.mapping import ObjectMap
from sfsync.model.outcome import ObjectReport
from sfsync.planning.safety import OrgWrites


def push(run: Run, names: Iterable[str] = ()) -> None:
    """Send what was edited in the mirror to Salesforce.

    Raises:
        UnsafePlan: too much would be deleted or blanked; nothing was sent.
        BudgetSpent: an object's writes take more API calls than may be made; none of them was sent.
    """
    run.refuse_if_paused()
    settle_consent(run)
    last_edit = run.mirror.consent.last_edit()
    chosen = list(names)
    list_unsent(run, chosen)
    with ExitStack() as stack:
        planned = []
        for object_map in _pushed(run, chosen):
            edited = _edits(run, object_map, stack)
            planned.append((edited, _guard(edited)))
        reach("push.planned")
        for edited, writes in planned:
            _send(edited, writes)
    note_due(run, last_edit)


def _pushed(run: Run, names: Iterable[str]) -> Iterator[ObjectMap]:
    """The chosen objects that the rules send anything of."""
    for object_map in run.objects(list(names)):
        if run.usable.rules_for(object_map.name).pushes:
            yield object_map


def _edits(run: Run, object_map: ObjectMap, stack: ExitStack) -> EditedObject:
    """Stage one object's edits, once it is known what became of its earlier writes."""
    report = run.report.push.setdefault(object_map.name, ObjectReport())
    if not run.dry_run:
        recover(run, object_map)
    edited = stack.enter_context(staged_edits(run, object_map, report))
    if not run.dry_run:
        # before anything is planned: an opt-out that both sides took back is not to be restored
        run.mirror.consent.record(edited.stage.consent_statements(object_map.opt_out))
    return edited


def _guard(edited: EditedObject) -> OrgWrites:
    """Count the writes, and stop where too much would be taken away."""
    hold_invisible(edited)
    writes = OrgWrites()
    for plan in edited.plans():
        writes.add(plan)
    edited.run.brake(edited.object_map.name, writes.damage, writes.updates)
    return writes


def _send(edited: EditedObject, writes: OrgWrites) -> None:
    """Send one object's writes; the report holds what was done also where this is cut short."""
    run, name = edited.run, edited.object_map.name
    batching = run.afford(writes.count, creating=writes.creates == writes.count)
    if writes.count:
        run.report.transport[f"push {name}"] = batching.transport
    sender = Sender(run, edited.object_map, edited.report)
    run.progress.start(f"Writing {name}s", writes.count)
    for plans in batched(edited.plans(), batching.size):
        run.checkpoint()
        if run.dry_run:
            sender.preview(plans)
        else:
            sender.replan(sender.send(plans))
    run.progress.done()
