"""The merge policies: one small function each, chosen by the mapping's word.

A policy is asked only where both sides moved a field away from what they last agreed on, to
different values, or where they never agreed on any. It answers with the value both should hold and
whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sfsync.model.change import Side
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, Missing, Value


@dataclass(frozen=True, slots=True)
class Contest:
    """A field that both sides changed.

    Attributes:
        base: what they last agreed on; ``MISSING`` if they never met.
        local_at: when the row was edited here; ``remote_at`` when the record was changed there;
            either may be empty. Both in ``2026-01-20T10:00:00Z`` form, so that they compare as
            text.
        consented: whether the person has explicitly consented to emails since the last opt-out.
    """

    base: Value | Missing
    local: Value
    remote: Value
    local_at: str = ""
    remote_at: str = ""
    consented: bool = False


Policy: TypeAlias = Callable[[Contest], tuple[Value, Side]]


def salesforce_wins(contest: Contest) -> tuple[Value, Side]:
    """What sales people typed stands."""
    return contest.remote, Side.REMOTE


def local_wins(contest: Contest) -> tuple[Value, Side]:
    """What the email platform says stands."""
    return contest.local, Side.LOCAL


def newest(contest: Contest) -> tuple[Value, Side]:
    """The later edit stands; Salesforce's where the two cannot be told apart."""
    if contest.local_at and contest.local_at > contest.remote_at:
        return contest.local, Side.LOCAL
    return contest.remote, Side.REMOTE


def manual(contest: Contest) -> tuple[Value, Side]:
    """Nobody's: each side keeps its own until a person decides."""
    return contest.local, Side.HELD


def counter(contest: Contest) -> tuple[Value, Side]:
    """What the org says, and what was added here since: two writers lose nothing.

    >>> counter(Contest(base=5, local=7, remote=8))
    (10, <Side.BOTH: 'both'>)
    """
    base = 0 if contest.base is MISSING else contest.base
    return _number(contest.remote) + _number(contest.local) - _number(base), Side.BOTH


def latest(contest: Contest) -> tuple[Value, Side]:
    """The later time; a time is later than none."""
    if str(contest.local or "") > str(contest.remote or ""):
        return contest.local, Side.LOCAL
    return contest.remote, Side.REMOTE


def sticky_true(contest: Contest) -> tuple[Value, Side]:
    """Once true on either side, true on both."""
    if contest.remote:
        return 1, Side.REMOTE
    if contest.local:
        return 1, Side.LOCAL
    return (0, Side.BOTH) if contest.base in (0, None, MISSING) else (1, Side.BOTH)


def _number(value: Value) -> int | float:
    return value if isinstance(value, int | float) else 0


POLICIES: Mapping[Merge, Policy] = {
    Merge.SALESFORCE_WINS: salesforce_wins,
    Merge.LOCAL_WINS: local_wins,
    Merge.NEWEST: newest,
    Merge.MANUAL: manual,
    Merge.COUNTER: counter,
    Merge.LATEST: latest,
    Merge.STICKY_TRUE: sticky_true,
}
