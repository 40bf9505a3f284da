"""Names of campaigns that come later than their events: which Tasks wait, and those that are written anew.

    a Task is queued with the campaign's id -> it is held (ten minutes at most) -> the name comes, and
    it is written anew; or it goes as it is

A Task that was sent stays as it is, and one that may have been sent is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from sfsync.engine.run import Run
from sfsync.model.activity import TaskDraft, UnnamedTask
from sfsync.planning.activity import task_draft
from sfsync.planning.campaign_names import due_at, names_campaigns, waited_for

NAMED_PER_TRANSACTION = 500
"""Tasks that one transaction writes anew."""


def unnamed_campaigns(run: Run) -> tuple[str, ...]:
    """Campaigns that Tasks are to name, and whose names are still waited for."""
    if not names_campaigns(run.usable.activities):
        return ()
    return run.mirror.campaign_names.waited_for(*waited_for(run.now()))


def held_tasks(run: Run, unnamed: Sequence[str]) -> tuple[int, str]:
    """How many Tasks wait for these names, and when the first goes without; empty where none waits."""
    count, since = run.mirror.campaign_names.held(unnamed)
    return count, due_at(since)


def name_campaigns(run: Run) -> None:
    """Write those queued Tasks anew whose campaign's name came after they were queued."""
    if not names_campaigns(run.usable.activities):
        return
    names, after = run.mirror.campaign_names, 0
    while late := names.named_since(after, NAMED_PER_TRANSACTION):
        after = late[-1].activity_id
        drafts = [(each.activity_id, draft) for each in late if (draft := _draft(run, each))]
        names.rewrite(drafts)


def _draft(run: Run, task: UnnamedTask) -> TaskDraft | None:
    person, usable = task.person, run.usable
    if person is None or person.object not in usable.objects:
        return None
    object_map = usable.objects[person.object]
    return task_draft(task.key, task.event, person.values, object_map, usable.activities)
