"""Named places where a test may end the process or break the disk.

This is how "killed anywhere" is proven.

Inert unless armed, which the command line does for a local org alone (``SFSYNC_FAILPOINTS``). A
place is passed by ``reach(NAME)``; every commit of the mirror is the place ``commit``, so that a
run can be ended at its n-th.

    SFSYNC_FAILPOINTS="push.sent=kill"        end the process (SIGKILL) there, the first time
    SFSYNC_FAILPOINTS="commit=kill@7"         at the seventh
    SFSYNC_FAILPOINTS="pull.staged=term,push.journaled=disk@2"
    SFSYNC_FAILPOINTS="count=FILE"            change nothing; write how often each place was passed
    SFSYNC_FAILPOINTS="bulk=1"                end nothing; take Bulk jobs from so many records on
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NAMES: Final = frozenset({
    "auth.code_received",
    "auth.token_received",
    "auth.token_stored",
    "auth.refreshed",
    "auth.refresh_stored",
    "call.begun",
    "call.answered",
    "commit",
    "run.begun",
    "run.finished",
    "pull.page_staged",
    "pull.guarded",
    "pull.plain_settled",
    "pull.batch_committed",
    "pull.watermark_moved",
    "consent.settled",
    "push.planned",
    "push.journaled",
    "push.sent",
    "push.settled",
    "bulk.job_created",
    "bulk.uploaded",
    "bulk.closed",
    "bulk.results_read",
    "activity.kept",
    "activity.applied",
    "activity.marked",
    "activity.sent",
    "activity.settled",
    "doubt.looked_up",
    "inbox.kept",
    "inbox.taken",
    "stream.kept",
    "stream.position_lost",
    "follow.settled",
    "follow.taken",
    "follow.whole_taken",
    "listen.verified",
    "listen.kept",
    "deliver.queued",
    "deliver.answered",
    "deliver.settled",
})  # fmt: skip

_STEP = re.compile(r"(?P<name>[a-z_.]+)=(?P<act>kill|term|int|disk)(?:@(?P<nth>[1-9][0-9]*))?")


@dataclass(slots=True)
class Plan:
    """What is to happen where.

    Attributes:
        acts: ``(name, n) -> act``: at the n-th time the place is passed.
        passed: how often each place was passed.
        count_file: where ``passed`` is written at each pass; ``None`` for nowhere.
        bulk_from: read and write by Bulk jobs from so many records on; ``None`` where it takes
            fewer calls.
    """

    acts: dict[tuple[str, int], str] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    count_file: Path | None = None
    bulk_from: int | None = None

    @classmethod
    def parse(cls, text: str) -> Plan:
        """From ``name=act@n,…``.

        Raises:
            ValueError: no such place or act.
        """
        plan = cls()
        for step in filter(None, text.split(",")):
            if step.startswith("count="):
                plan.count_file = Path(step.removeprefix("count="))
                continue
            if step.removeprefix("bulk=").isdecimal():
                plan.bulk_from = int(step.removeprefix("bulk="))
                continue
            parsed = _STEP.fullmatch(step.strip())
            if parsed is None or parsed["name"] not in NAMES:
                raise ValueError(f"{step!r} is no failpoint; there are: {', '.join(sorted(NAMES))}")
            plan.acts[parsed["name"], int(parsed["nth"] or 1)] = parsed["act"]
        return plan

    def hit(self, name: str) -> None:
        """The place was passed: do what is to happen there."""
        self.passed[name] += 1
        if self.count_file is not None:
            self.count_file.write_text(json.dumps(self.passed), encoding="utf-8")
        match self.acts.get((name, self.passed[name])):
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "term":
                os.kill(os.getpid(), signal.SIGTERM)
            case "int":
                os.kill(os.getpid(), signal.SIGINT)
            case "disk":
                raise OSError(errno.EIO, os.strerror(errno.EIO), name)


_armed: Plan | None = None


def arm(plan: Plan | None) -> None:
    """Make ``reach`` act on this plan; ``None`` makes it inert again."""
    global _armed  # noqa: PLW0603  one switch for the whole process is the point
    _armed = plan


def bulk_from() -> int | None:
    """From how many records on a test wants Bulk jobs; ``None`` unless an armed plan says so."""
    return None if _armed is None else _armed.bulk_from


def reach(name: str) -> None:
    """This place is passed; nothing happens unless a plan is armed."""
    if _armed is not None:
        _armed.hit(name)
