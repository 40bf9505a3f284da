"""When there is something to say of this machine: its clock, files, the mirror, the runs so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import FileFacts, MachineFacts, Wanted
from sfsync.diagnosis.finding import Finding
from sfsync.mapping.problem import Severity
from sfsync.model.facts import OrgFacts

MOST_SKEW: Final = timedelta(minutes=2)
SAFE_WAL: Final = (3, 51, 3)
LOCK_WARNING: Final = timedelta(hours=6)
_STALE: Final[Mapping[str, timedelta]] = {
    "hourly_batch": timedelta(hours=24),
    "daily_batch": timedelta(days=3),
}
"""How old the last good run may be, by the batch that was wished for."""


def clock_findings(org: OrgFacts) -> Iterator[Finding]:
    """A clock that is wrong makes events happen at the wrong time."""
    if org.skew is None or abs(org.skew) <= MOST_SKEW:
        return
    direction = "ahead of" if org.skew > timedelta(0) else "behind"
    minutes = abs(org.skew) / timedelta(minutes=1)
    yield finding("machine.clock", minutes=minutes, direction=direction)


def machine_findings(machine: MachineFacts, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    """What to say of files, the mirror, and the runs so far."""
    for file in machine.files:
        yield from _file_findings(file)
    if machine.trouble:
        trouble, remedy = machine.trouble
        yield finding("mirror.unusable", trouble=trouble, remedy=remedy)
        return  # nothing else was learned of it
    if machine.damage:
        yield finding("mirror.damaged", damage=machine.damage)
    yield from _sqlite_findings(machine)
    if machine.lock and now - machine.lock[1] > LOCK_WARNING:
        yield finding("run.long", holder=machine.lock[0], age=_age(now - machine.lock[1]))
    if machine.paused_since:
        yield finding("run.paused", since=machine.paused_since)
    yield from _run_findings(machine, wanted, now)


def _file_findings(file: FileFacts) -> Iterator[Finding]:
    if file.is_handed_over:
        if not file.is_mine or file.mode & 0o077:
            yield finding("file.handed-over", file.path, mode=file.mode)
        return
    if not file.is_mine:
        yield finding("file.owner", file.path)
        return
    if not file.surplus:
        return
    holds = "it holds people's data or a key" if file.is_secret else "it says where sfsync logs in"
    do, severity = "read", Severity.WARNING
    if file.surplus & 0o022:
        # Whoever writes it decides where sfsync sends people's data.
        do, severity = "write", Severity.ERROR
    yield finding("file.mode", file.path, severity=severity, do=do, mode=file.mode, holds=holds)


def _sqlite_findings(machine: MachineFacts) -> Iterator[Finding]:
    if not machine.sqlite or machine.sqlite >= SAFE_WAL:
        return
    version = ".".join(map(str, machine.sqlite))
    if machine.journal == "wal":
        yield finding("sqlite.wal", version=version)
    else:
        yield finding("sqlite.version", version=version)


def _run_findings(machine: MachineFacts, wanted: Wanted, now: datetime) -> Iterator[Finding]:
    if machine.last_good_run is None:
        yield finding("run.none")
        return
    allowed = [
        _STALE[rules.fallback]
        for rules in wanted.mapping.rules.values()
        if rules.fallback in _STALE
    ]
    age = now - machine.last_good_run
    if allowed and age > min(allowed):
        yield finding("run.old", age=_age(age))


def _age(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 72 else f"{age.days} days"
