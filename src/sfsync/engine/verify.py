"""verify: does the mirror agree with the org, beyond what the watermark would show?

Everything is read again and compared: every record there has its row here, every row its record,
and every field that comes down is equal. A row whose record is not returned is asked for by Id, so
that what was deleted is distinguished from what this user merely may not see any more: only the
first is ever followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from sfsync.engine.edits import normalised
from sfsync.engine.pull import Reading, guard, read, settle
from sfsync.engine.recover import recover
from sfsync.engine.run import Run
from sfsync.model.change import LocalAction, RowPlan, Side
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Base, Local, RemoteState, Triple
from sfsync.planning.planner import plan_row

MAX_NAMED_RECORDS = 20
"""How many records of each kind are named."""


@dataclass(slots=True)
class Findings:
    """What one object's comparison found, in records.

    Attributes:
        equal: rows that hold what the org holds.
        missing_here: records that the mirror has no row for.
        different: rows at rest whose record holds something else.
        ended: rows whose record was deleted, merged or converted, and that are still live here.
        invisible: rows whose record is purged, or that this user may not see any more.
        waiting: rows edited here that the org has still to learn of; no disagreement.
        named: kind -> Salesforce Ids, the first few.
    """

    equal: int = 0
    missing_here: int = 0
    different: int = 0
    ended: int = 0
    invisible: int = 0
    waiting: int = 0
    repaired: int = 0
    named: dict[str, list[str]] = field(default_factory=dict)

    @property
    def disagreements(self) -> int:
        """What is not as it should be, as far as it can be known from here."""
        return self.missing_here + self.different + self.ended

    def note(self, kind: str, triple: Triple) -> None:
        """Count one record, and name the first few."""
        setattr(self, kind, getattr(self, kind) + 1)
        names = self.named.setdefault(kind, [])
        if triple.remote is not None and len(names) < MAX_NAMED_RECORDS:
            names.append(triple.remote.salesforce_id)

    def as_dict(self) -> dict[str, Any]:
        """For people and ``--json``."""
        counts = {name: getattr(self, name) for name in self.__slots__ if name != "named"}
        return counts | {"disagreements": self.disagreements, "named": self.named}


def verify(run: Run, names: Iterable[str] = (), *, repair: bool = False) -> dict[str, Findings]:
    """Compare every record with its row.

    Args:
        repair: take what differs into the mirror, as a full pull would, once unanswered writes are
            settled.

    Raises:
        UnsafePlan: repairing would delete or blank too much; nothing was applied.
    """
    repairs = repair and not run.dry_run
    if repairs:
        run.refuse_if_paused()
    with ExitStack() as stack:
        readings = []
        for object_map in run.objects(list(names)):
            if not run.usable.rules_for(object_map.name).pulls:
                continue
            if repairs:
                recover(run, object_map)
            readings.append(read(run, object_map, stack, since=None, full=True))
        found = {reading.object_map.name: compare(run, reading) for reading in readings}
        if repairs:
            _repair(run, readings, found)
    return found


def _repair(run: Run, readings: Sequence[Reading], found: Mapping[str, Findings]) -> None:
    """Settle these readings as a pull does: all are guarded before the first is applied."""
    summaries = [guard(run, reading) for reading in readings]
    for reading, summary in zip(readings, summaries, strict=True):
        findings = found[reading.object_map.name]
        run.report.pull[reading.object_map.name] = settle(run, reading, summary)
        findings.repaired = findings.disagreements


def compare(run: Run, reading: Reading) -> Findings:
    """Look at every staged record and every row without one; the first rows that cannot be read are told."""
    findings = Findings(equal=reading.stage.summary().equal)
    for triple in reading.stage.triples(contested_only=False):
        kind = _kind(triple, reading)
        if kind:
            findings.note(kind, triple)
        if kind == "waiting" and findings.waiting <= MAX_NAMED_RECORDS:
            _tell_unreadable(run, reading.object_map, triple)
    return findings


def _tell_unreadable(run: Run, object_map: ObjectMap, triple: Triple) -> None:
    """Warn of a row's values that no push can send: it waits until they are corrected."""
    _, problems = normalised(triple, object_map)
    for column, sentence in problems.items():
        row = triple.local.local_id if triple.local else ""
        run.report.warn(f"{object_map.table} {row}: {column}: {sentence}")


def _kind(triple: Triple, reading: Reading) -> str:
    """What one record is counted as, see ``Findings``; empty for nothing."""
    local, remote = triple.local, triple.remote
    if remote is None:
        return "waiting"
    if remote.state is RemoteState.GONE:
        return "" if local is None else "invisible"
    plan = plan_row(triple, reading.object_map, reading.rules)
    if local is None:
        # The rules may take in no new records; or it ended before it ever came in.
        return "missing_here" if plan.local_action is LocalAction.INSERT else ""
    if plan.local_action is LocalAction.SOFT_DELETE:
        return "ended"
    if plan.local_action in (LocalAction.UPDATE, LocalAction.RESTORE) and _changed_there(plan):
        return "different"
    if plan.to_org or _is_edited(local, triple.base):
        return "waiting"
    return "equal"


def _changed_there(plan: RowPlan) -> bool:
    return any(decision.winner is Side.REMOTE for decision in plan.decisions)


def _is_edited(local: Local, base: Base | None) -> bool:
    return base is None or base.values != local.values or base.deleted_at != local.deleted_at
