"""What of an object was read whole within the overlap of two pulls, kept from run to run.

It is kept after the watermark has moved: a run that ends in between reads a little more again.
"""

from __future__ import annotations

import json

from sfsync.engine.run import Run
from sfsync.model.traffic import Stretch


def known_stretch(run: Run, name: str) -> Stretch | None:
    """What the latest complete reading of this object has left to be left out."""
    noted = run.mirror.state.note(_note(name))
    if not noted:
        return None
    start, end, measure, *reread_to = json.loads(noted)
    return Stretch(start, end, measure, (reread_to[0], reread_to[1]) if reread_to else ())


def keep_stretch(run: Run, name: str, stretch: Stretch | None) -> None:
    """Keep it for the next reading; writes nothing where it is as before."""
    if stretch == known_stretch(run, name):
        return
    noted = ""
    if stretch is not None:
        noted = json.dumps([stretch.start, stretch.end, stretch.measure, *stretch.reread_to])
    run.mirror.state.keep_note(_note(name), noted)


def _note(name: str) -> str:
    return f"stretch {name}"
