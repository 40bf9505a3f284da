"""What runs of the last hour took away from the mirror, remembered between them.

A process that follows changes as they come sees a mass deletion as many small ones: its brake counts them together.
"""

from __future__ import annotations

import json

from sfsync.engine.run import Run
from sfsync.planning.damage_hour import DamageHour
from sfsync.planning.safety import NO_DAMAGE, Damage


def earlier_damage(run: Run, name: str) -> Damage:
    """What was taken away within the last hour; nothing where this run's brake counts only itself."""
    return _hour(run, name).damage if run.brakes_by_hour else NO_DAMAGE


def remember_damage(run: Run, name: str) -> None:
    """What the brake let pass is applied now."""
    found = run.passed.pop(name, NO_DAMAGE)
    if run.brakes_by_hour and found.rows:
        hour = _hour(run, name).with_more(found, run.now())
        run.mirror.state.keep_note(_note(name), json.dumps(hour.entries))


def _hour(run: Run, name: str) -> DamageHour:
    try:
        return DamageHour.of(json.loads(run.mirror.state.note(_note(name)) or "[]"), run.now())
    except (ValueError, TypeError):  # edited by hand
        return DamageHour()


def _note(name: str) -> str:
    return f"damage {name}"
