"""sync: pull, then push, then what is queued. The line for cron."""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.engine.pull import pull
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity
from sfsync.engine.run import Run


def sync(run: Run, names: Iterable[str] = ()) -> None:
    """Bring both sides together.

    Raises:
        UnsafePlan: too much would be deleted or blanked; that verb and the ones after it did
            nothing.
    """
    chosen = list(names)
    pull(run, chosen)
    push(run, chosen)
    push_activity(run)
