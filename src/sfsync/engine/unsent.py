"""Edits that cannot be sent are listed: of rows whose record is deleted, of columns that only come down."""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.engine.run import Run, batched
from sfsync.planning.unsent import unsent_edits

ROWS_PER_TRANSACTION = 500
"""Rows whose edits one transaction lists."""


def list_unsent(run: Run, names: Iterable[str] = ()) -> None:
    """Put edits that cannot be sent among the conflicts, each once, and say so. Asks the mirror alone."""
    if run.dry_run:
        return
    for object_map in run.objects(list(names)):
        configured = run.mapping.objects[object_map.name]
        kept = 0
        sends = run.usable.rules_for(object_map.name).pushes
        rows = run.mirror.rows.unsendable(object_map.name, sends=sends)
        for some in batched(rows, ROWS_PER_TRANSACTION):
            kept += run.mirror.conflicts.keep_unsent(
                [unsent_edits(row, configured, sends=sends) for row in some]
            )
        if kept:
            run.report.warn(
                f"{kept} edits of {object_map.table} cannot be sent: their record is deleted, or"
                " their column only comes down. They are kept; see `sfsync conflicts`"
            )
