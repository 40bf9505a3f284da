"""When whoever watches is told: a state for each command, and numbers that are crossed. Pure.

A change of state is told once, trouble that lasts is told again after a while, a number is told when
it is crossed. What is told waits until each target has taken it. All of it is one value, ``Watch``,
which is kept between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final, Self

from sfsync.model.notice import Notice

WATCHED: Final = frozenset(
    {"sync", "pull", "push", "push-activity", "apply", "undo", "retry", "import", "listen"}
)
"""The commands whose runs are told of."""

COVERS: Final[Mapping[str, tuple[str, ...]]] = {"sync": ("pull", "push", "push-activity")}
"""A command that does the work of others: where it succeeds, these work again."""

MOST_WAITING: Final = 50
LONGEST_WAITING: Final = timedelta(days=7)
"""How many notices wait for a target that takes none, and for how long; the oldest are given up."""

LONGEST_HOLD: Final = timedelta(minutes=1)
"""How long a process may be at a notice."""

PARTLY_DONE: Final = 3
BY_HAND: Final = (129, 130)
"""The exit codes where somebody closes the terminal, or presses Ctrl-C."""

_STOPPED: Final = 143


class Level(IntEnum):
    """How a command is."""

    OK = 0
    PARTIAL = 1
    FAILED = 2

    @property
    def word(self) -> str:
        """As a notice has it."""
        return self.name.lower()


def level_of(command: str, exit_code: int) -> Level | None:
    """What an exit code says of a command; ``None`` for nothing: somebody at a keyboard stopped it.

    A service manager that stops a run says that it took too long. A listener ends by being stopped.

    >>> level_of("sync", 143), level_of("listen", 143)
    (<Level.FAILED: 2>, None)
    """
    if exit_code in BY_HAND or (command == "listen" and exit_code == _STOPPED):
        return None
    if exit_code == 0:
        return Level.OK
    return Level.PARTIAL if exit_code == PARTLY_DONE else Level.FAILED


@dataclass(frozen=True, slots=True)
class Rules:
    """What is told.

    Attributes:
        partial, recovered: whether these are told; a partial run that is not told counts as done.
        most: what is counted -> how many are no news.
        repeat: after so long, trouble that lasts is told again.
    """

    partial: bool = True
    recovered: bool = True
    most: Mapping[str, int] = field(default_factory=dict)
    repeat: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        at: ``2026-01-20T10:00:00Z``.
        counts: what is open; what could not be counted is missing.
    """

    command: str
    level: Level
    at: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is told of a command that does not work.

    Attributes:
        since: when that began.
        told_at: when it was told last.
    """

    level: Level
    since: str
    told_at: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be told of a run; nothing where there are no reasons."""

    reasons: tuple[str, ...] = ()
    repeated: bool = False
    since: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that some targets have not taken.

    Attributes:
        targets: who has not.
        held_until: a process is at it until then; another one leaves it alone.
    """

    notice: Notice
    targets: tuple[str, ...]
    held_until: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered between runs.

    Attributes:
        troubles: command -> its trouble; a command that works is not in it.
        beyond: which numbers are crossed.
        waiting: oldest first.
    """

    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    beyond: frozenset[str] = frozenset()
    waiting: tuple[Waiting, ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """From what ``as_dict`` gave.

        Raises:
            LookupError, TypeError, ValueError: it is something else.
        """
        return cls(
            {
                name: Trouble(Level(each["level"]), each["since"], each["told_at"])
                for name, each in raw["troubles"].items()
            },
            frozenset(raw["beyond"]),
            tuple(
                Waiting(
                    Notice.from_dict(each["notice"]), tuple(each["targets"]), each["held_until"]
                )
                for each in raw["waiting"]
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "troubles": {
                name: {"level": int(each.level), "since": each.since, "told_at": each.told_at}
                for name, each in self.troubles.items()
            },
            "beyond": sorted(self.beyond),
            "waiting": [
                {
                    "notice": each.notice.as_dict(),
                    "targets": list(each.targets),
                    "held_until": each.held_until,
                }
                for each in self.waiting
            ],
        }


# -- what is told ------------------------------------------------------------------------------------
def judged(watch: Watch, ending: Ending, rules: Rules) -> tuple[Watch, Verdict]:
    """What a run's end changes, and what is to be told of it.

    >>> failed = Ending("sync", Level.FAILED, "2026-01-20T10:00:00Z")
    >>> watch, verdict = judged(Watch(), failed, Rules())
    >>> verdict.reasons, judged(watch, failed, Rules())[1].reasons
    (('failed',), ())
    """
    level = ending.level
    if level is Level.PARTIAL and not rules.partial:
        level = Level.OK
    troubles, of_state = _state(dict(watch.troubles), replace(ending, level=level), rules)
    beyond, crossed = _numbers(watch.beyond, ending.counts, rules.most)
    verdict = replace(of_state, reasons=(*of_state.reasons, *crossed))
    return replace(watch, troubles=troubles, beyond=beyond), verdict


def _state(
    troubles: dict[str, Trouble], ending: Ending, rules: Rules
) -> tuple[dict[str, Trouble], Verdict]:
    if ending.level is Level.OK:
        over = [
            troubles.pop(name, None) for name in (ending.command, *COVERS.get(ending.command, ()))
        ]
        begun = [each.since for each in over if each is not None]
        if not begun or not rules.recovered:
            return troubles, Verdict()
        return troubles, Verdict(("recovered",), since=min(begun))
    known = troubles.get(ending.command)
    since = known.since if known else ending.at
    is_news = known is None or known.level is not ending.level
    is_due = known is not None and not is_news and _apart(known.told_at, ending.at) >= rules.repeat
    if not is_news and not is_due:
        return troubles, Verdict()
    troubles[ending.command] = Trouble(ending.level, since, ending.at)
    return troubles, Verdict((ending.level.word,), repeated=is_due, since=since)


def _numbers(
    beyond: frozenset[str], counts: Mapping[str, int], most: Mapping[str, int]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Which numbers are crossed now, and which of them were not; what could not be counted stays as it was."""
    now = {
        name
        for name, limit in most.items()
        if (counts[name] > limit if name in counts else name in beyond)
    }
    return frozenset(now), tuple(name for name in most if name in now - beyond)


def _apart(earlier: str, later: str) -> timedelta:
    """Between two times, either way: a clock that was wrong does not silence anything for years."""
    return abs(datetime.fromisoformat(later) - datetime.fromisoformat(earlier))


# -- what waits --------------------------------------------------------------------------------------
def queued(watch: Watch, notice: Notice, targets: Iterable[str]) -> Watch:
    """One more notice waits for these."""
    waiting = Waiting(notice, tuple(targets))
    return replace(watch, waiting=(*watch.waiting, waiting)) if waiting.targets else watch


def claimed(
    watch: Watch, targets: Sequence[str], *, now: str, until: str
) -> tuple[Watch, dict[str, list[Notice]]]:
    """What is to be sent now, target by target, oldest first; it is left alone by others until then.

    What waits for a target that is not configured any more is dropped, and what waited too long.
    """
    kept: list[Waiting] = []
    work: dict[str, list[Notice]] = {}
    for each in watch.waiting[-MOST_WAITING:]:
        owed = tuple(name for name in each.targets if name in targets)
        if not owed or _apart(each.notice.at, now) > LONGEST_WAITING:
            continue
        if each.held_until > now and _apart(each.held_until, now) <= LONGEST_HOLD:
            kept.append(each)
            continue
        kept.append(replace(each, targets=owed, held_until=until))
        for name in owed:
            work.setdefault(name, []).append(each.notice)
    return replace(watch, waiting=tuple(kept)), work


def settled(watch: Watch, tried: Iterable[str], is_taken: Callable[[str, str], bool]) -> Watch:
    """What was taken waits no longer, and what was not may be tried again at once.

    Args:
        tried: ids of the notices that this process was at.
        is_taken: whether a target has taken the notice of this id.
    """
    ours = frozenset(tried)
    left = [
        replace(
            each,
            targets=tuple(name for name in each.targets if not is_taken(name, each.notice.id)),
            held_until="",
        )
        if each.notice.id in ours
        else each
        for each in watch.waiting
    ]
    return replace(watch, waiting=tuple(each for each in left if each.targets))


# -- in words ----------------------------------------------------------------------------------------
def title_of(
    ending: Ending, verdict: Verdict, exit_code: int, error: str, most: Mapping[str, int]
) -> str:
    """What happened, in a sentence.

    Args:
        error: what kind of error it was, in words that name no record; empty where there was none.
    """
    return "; ".join(
        _part(reason, ending, verdict, exit_code, error, most) for reason in verdict.reasons
    )


def _part(
    reason: str,
    ending: Ending,
    verdict: Verdict,
    exit_code: int,
    error: str,
    most: Mapping[str, int],
) -> str:
    again = f" still, since {verdict.since}" if verdict.repeated else ""
    match reason:
        case "failed":
            told = f": {error}" if error else ""
            return f"sfsync {ending.command} failed{again}{told} (exit code {exit_code})"
        case "partial":
            return f"sfsync {ending.command} was done in part{again} (exit code {exit_code})"
        case "recovered":
            return f"sfsync {ending.command} works again, after trouble since {verdict.since}"
        case "quarantine":
            return f"{ending.counts[reason]} in quarantine, more than {most[reason]}"
        case _:
            return f"{ending.counts[reason]} {reason} open, more than {most[reason]}"
