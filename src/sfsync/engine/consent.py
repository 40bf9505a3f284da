"""Consent before anything is sent: rows and what is known of their people are brought together.

Runs after whatever may bring news (a pull, events, an import, an edit here) and before rows are sent, so that an
opt-out travels with the same push as everything else.
"""

from __future__ import annotations

from sfsync.engine.run import Run
from sfsync.failpoints import reach
from sfsync.planning.consent import sent_opt_outs


def note_due(run: Run, up_to: int) -> None:
    """Report the opt-outs that Salesforce does not have, after all was sent that could be.

    Args:
        up_to: the last edit before anything was sent; what was edited since waits for the next push.
    """
    if run.dry_run:
        return
    opt_outs = sent_opt_outs(run.mapping, run.usable.objects.values())
    run.report.consent_due = run.mirror.consent.due(opt_outs, up_to=up_to)


def settle_consent(run: Run) -> None:
    """Make every statement about an address hold for each row that it concerns. Asks the mirror alone."""
    if run.dry_run:
        return
    run.mirror.consent.settle(
        {name: object_map.opt_out for name, object_map in run.usable.objects.items()}
    )
    reach("consent.settled")
