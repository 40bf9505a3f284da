"""One field's decision, whole: value, winner, rule, and whether it is told as a conflict."""

from __future__ import annotations

import pytest

from sfsync.model.change import Side
from sfsync.model.mapping import Direction
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING
from sfsync.planning.merge import merge_field
from sfsync.planning.policy import POLICIES, Contest
from tests.strategies import field_map

BOTH, PULL, PUSH = Direction.BOTH, Direction.PULL, Direction.PUSH
WINS, STICKY, COUNTER = Merge.SALESFORCE_WINS, Merge.STICKY_TRUE, Merge.COUNTER
HERE, THERE = Side.LOCAL, Side.REMOTE

CASES = [
    # merge, direction, base, local, remote -> value, winner, rule, conflict
    (WINS, BOTH, MISSING, None, "b", ("b", THERE, "first meeting", False)),
    (WINS, BOTH, MISSING, "a", None, ("a", HERE, "first meeting", False)),
    (WINS, BOTH, MISSING, "a", "b", ("b", THERE, "salesforce_wins", True)),
    (WINS, BOTH, "o", "a", "o", ("a", HERE, "changed here", False)),
    (WINS, BOTH, "o", "o", "b", ("b", THERE, "changed there", False)),
    (WINS, PULL, "o", "a", "b", ("b", THERE, "pull only", True)),
    (WINS, PULL, "o", "o", "b", ("b", THERE, "pull only", False)),
    (WINS, PULL, "o", None, "o", ("o", THERE, "pull only", False)),
    (WINS, PULL, None, "a", None, None),
    (WINS, PULL, "o", "a", None, (None, THERE, "pull only", True)),
    (WINS, PUSH, "o", "a", "o", ("a", HERE, "push only", False)),
    (WINS, PUSH, "o", "a", "b", ("a", HERE, "push only", True)),
    (WINS, PUSH, MISSING, "a", "b", ("a", HERE, "push only", False)),
    (WINS, PUSH, "o", "o", "b", None),
    (COUNTER, PUSH, 5, 7, 8, (10, Side.BOTH, "counter", True)),
    (COUNTER, PUSH, 5, 5, 8, None),
    (COUNTER, BOTH, 5, 5, 8, (8, THERE, "changed there", False)),
    (COUNTER, BOTH, MISSING, 2, 5, (7, Side.BOTH, "counter", True)),
    (STICKY, BOTH, 0, 1, 0, (1, HERE, "changed here", False)),
    (STICKY, BOTH, 0, 0, 1, (1, THERE, "changed there", False)),
    (STICKY, BOTH, MISSING, 1, 0, (1, HERE, "sticky_true", False)),
    (STICKY, BOTH, MISSING, 0, 1, (1, THERE, "sticky_true", False)),
    (STICKY, BOTH, 1, 0, 1, (1, THERE, "sticky_true", True)),
    (STICKY, BOTH, 1, 1, 0, (1, HERE, "sticky_true", True)),
    (STICKY, PULL, 0, 1, 0, None),
    (STICKY, PULL, 0, 0, 1, (1, THERE, "changed there", False)),
    (STICKY, PULL, 1, 0, 1, (1, THERE, "sticky_true", True)),
    (STICKY, BOTH, None, None, 0, None),
]  # fmt: skip


@pytest.mark.parametrize(("merge", "direction", "base", "mine", "theirs", "expected"), CASES)
def test_a_decision_in_full(
    merge: Merge, direction: Direction, base: object, mine: object, theirs: object, expected: object
) -> None:
    decision = merge_field(field_map(merge, direction), Contest(base, mine, theirs))  # type: ignore[arg-type]
    told = decision and (decision.value, decision.winner, decision.rule, decision.conflict)
    assert told == expected
    if decision:
        assert (decision.base, decision.local, decision.remote) == (base, mine, theirs)
        assert decision.column == merge.value


TIE = Contest("o", "a", "b", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("merge", "contest", "expected"),
    [
        (Merge.NEWEST, TIE, ("b", THERE)),
        (Merge.NEWEST, Contest("o", "a", "b", "2026-01-01T00:00:00Z", ""), ("a", HERE)),
        (Merge.NEWEST, Contest("o", "a", "b", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), ("b", THERE)),
        (Merge.NEWEST, Contest("o", "a", "b", "", ""), ("b", THERE)),
        (Merge.LATEST, Contest(None, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("2026-01-01T00:00:00Z", THERE)),
        (Merge.LATEST, Contest(None, "2026-01-01T00:00:00Z", None), ("2026-01-01T00:00:00Z", HERE)),
        (Merge.COUNTER, Contest(MISSING, None, 4), (4, Side.BOTH)),
        (Merge.COUNTER, Contest(2, None, 4), (2, Side.BOTH)),
        (STICKY, Contest(0, 0, 0), (0, Side.BOTH)),
        (STICKY, Contest(None, 0, 0), (0, Side.BOTH)),
        (STICKY, Contest(MISSING, 0, 0), (0, Side.BOTH)),
        (STICKY, Contest(1, 0, 0), (1, Side.BOTH)),
    ],
)  # fmt: skip
def test_a_policy_says_the_value_and_whose_it_is(
    merge: Merge, contest: Contest, expected: tuple[object, Side]
) -> None:
    assert POLICIES[merge](contest) == expected
