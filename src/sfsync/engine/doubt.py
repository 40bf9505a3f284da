"""What is in doubt, for whoever plans: a verb that writes settles it first (``recover``), any other leaves it out."""

from __future__ import annotations

from sfsync.engine.run import Run
from sfsync.model.mapping import ObjectMap
from sfsync.planning.doubt import Doubt


def in_doubt(run: Run, object_map: ObjectMap) -> Doubt:
    """This object's unanswered writes; a run that may not settle them tells how many rows it leaves out.

    To be asked after the records were read: a write that another process has sent until then is
    among them.
    """
    unanswered = run.mirror.outbox.unsettled(object_map.name)
    doubt = Doubt.of(unanswered, object_map.match_on)
    if doubt.rows and run.dry_run:
        run.report.warn(
            f"{len(doubt.rows)} {object_map.table} in doubt, left out: a write of each was never"
            " answered; the next push or sync settles it"
        )
    return doubt
