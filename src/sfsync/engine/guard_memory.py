"""Whether an org has to be asked apart whether records are unchanged, remembered from run to run.

Updates are guarded by a question inside their own call. An org that does not follow the reference
from a write to that question is asked in a call of its own; finding that out costs a call, so it is
kept in the mirror: for one version of the API, which an org keeps its ways within, and for a time,
since a failure may have had another reason.
"""

from __future__ import annotations

import json
from datetime import timedelta

from sfsync.engine.run import Run
from sfsync.model.cursor import Watermark, iso

PROVEN_FOR = timedelta(days=90)
SUSPECTED_FOR = timedelta(days=1)

_NOTE = "guard_apart"


def is_asked_apart(run: Run, api_version: str) -> bool:
    """Whether an earlier run found that this org has to be asked apart."""
    noted: dict[str, str] = json.loads(run.mirror.state.note(_NOTE) or "{}")
    return noted.get("api_version") == api_version and run.now() < str(noted.get("until"))


def note_asked_apart(run: Run, api_version: str, proven: bool) -> None:
    """Keep that this org has to be asked apart.

    Args:
        proven: it refused writes behind a question inside their call, and took the same ones behind
            a question of its own; else it failed on them, and nobody knows why.
    """
    until = Watermark.parse(run.now()).at + (PROVEN_FOR if proven else SUSPECTED_FOR)
    noted = {"api_version": api_version, "until": iso(until)}
    run.mirror.state.keep_note(_NOTE, json.dumps(noted))
