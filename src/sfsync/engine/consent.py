"""Consent before anything is sent: rows and what is known of their people are brought together.

Runs after whatever may bring news (a pull, events, an import, an edit here) and before rows are sent, so that an
opt-out travels with the same push as everything else.
"""

from __future__ import annotations

from sfsync.engine.run import Run
from sfsync.failpoints import reach


def settle_consent(run: Run) -> None:
    """Make every statement about an address hold for each row that it concerns. Asks the mirror alone."""
    if run.dry_run:
        return
    run.mirror.consent.settle(
        {name: object_map.opt_out for name, object_map in run.usable.objects.items()}
    )
    reach("consent.settled")
