"""What happens, in which order: a seed -> a schedule of steps. Pure: the same seed, the same steps.

A rule is a name and the choices for each of its arguments; ``world`` gives it its meaning. So a
seed, or any other source of choices (the property tests have one), can draw from the same rules.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Choice: TypeAlias = str | int | bool | None

SHORTEST, LONGEST = 8, 32
"""Steps a schedule."""

FEWEST_OF_STREAM, MOST_OF_STREAM = 4, 20
"""Steps more where the stream of changes is followed."""

FOLLOWED = ("contact", "lead")
"""The configuration's names of what is followed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Which org, and which way to it.

    Attributes:
        org: ``keyed`` (all of PenguinMails' fields), ``unkeyed`` (no external ids), ``bare`` (none
            of its fields) or ``crowd`` (keyed, with more people than a page holds).
        bulk: whether everything that can travels by Bulk jobs.
        follows: whether a process follows the org's change events.
    """

    org: str
    bulk: bool = False
    follows: bool = False

    def __str__(self) -> str:
        way = "Bulk jobs" if self.bulk else "REST"
        return f"{self.org} org, by {way}{', followed' if self.follows else ''}"


SCENES = (
    *(Scene("keyed"), Scene("unkeyed")) * 3,
    *(Scene("keyed", bulk=True), Scene("unkeyed", bulk=True)) * 2,
    *(Scene("bare"), Scene("bare"), Scene("bare", bulk=True)),
    *(Scene("crowd"), Scene("crowd", bulk=True)),
)
"""As often as each is to come."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of thing that may happen.

    Attributes:
        weight: how often it comes, beside the others.
        choices: argument -> what it may be; what stands there twice comes twice as often.
    """

    name: str
    weight: int
    choices: Mapping[str, Sequence[Choice]] = field(default_factory=dict)


_NUMBERS = tuple(range(8))
_ADDRESSES = tuple(range(6))
_BY = (1, 2, 3)
_SOBJECTS = ("Contact", "Lead")
_TABLES = ("contacts", "contacts", "leads")
_COLUMNS = ("job_title", "phone", "city")
_BLANK = (False, False, False, True)
_VERBS = ("pull", "push", "push", "push_activity", "sync", "sync", "diff", "apply", "undo")
_WRITING = ("push", "push_activity", "sync", "sync", "apply")

TROUBLES = (
    "refused connection",
    "reset before the answer",
    "no answer, nothing done",
    "no answer, all done",
    "answer lost",
    "answer broken off",
    "answer cut short, clean end",
    "HTML page",
    "HTML page with status 200",
    "HTTP 500",
    "HTTP 502",
    "HTTP 503",
    "HTTP 502 after acting",
    "HTTP 503 after acting",
    "HTTP 429",
    "HTTP 429 for a day",
    "REQUEST_LIMIT_EXCEEDED",
    "expired token",
    "expired cursor",
    "locked rows",
    "refused rows",
    "validation rule",
    "failed job",
    "aborted job",
)
"""What can go wrong between here and the org, by the name it is counted under."""

_LOSES_THE_ANSWER = (
    "no answer, all done",
    "answer lost",
    "answer broken off",
    "answer cut short, clean end",
    "HTTP 502 after acting",
    "HTTP 503 after acting",
)
_OF_A_CROWD = ("expired cursor",)
_CALLS = ("any", "any", "any", "read", "write", "write", "job")
_PLACES = (
    *("pull.page_staged", "pull.guarded", "pull.plain_settled", "pull.batch_committed", "pull.watermark_moved"),
    *("push.planned", "push.journaled", "push.sent", "push.settled", "doubt.looked_up"),
    *("activity.kept", "activity.applied", "activity.marked", "activity.sent", "activity.settled"),
    "consent.settled",
    *("bulk.job_created", "bulk.uploaded", "bulk.closed", "bulk.results_read", "run.finished"),
)  # fmt: skip
_TROUBLE: Mapping[str, Sequence[Choice]] = {
    "kind": (*TROUBLES, *TROUBLES, *_LOSES_THE_ANSWER * 3, *_OF_A_CROWD * 8),
    "calls": _CALLS,
    "nth": (1, 1, 1, 2, 3),
    "times": (1, 1, 2, 6, 99),
    "rows": (0, 1, 3),
}
_OF_JOBS = frozenset({
    "job", "failed job", "aborted job", "bulk.job_created", "bulk.uploaded", "bulk.closed", "bulk.results_read",
})  # fmt: skip

RULES = (
    # people in Salesforce
    Rule("create_there", 4, {"sobject": _SOBJECTS, "address": _ADDRESSES, "hidden_seconds": (0, 0, 0, 300)}),
    Rule("edit_there", 10, {"number": _NUMBERS, "table": _TABLES, "column": _COLUMNS, "blank": _BLANK}),
    Rule("count_there", 3, {"number": _NUMBERS, "by": _BY}),
    Rule("opt_out_there", 4, {"number": _NUMBERS, "table": _TABLES}),
    Rule("clear_opt_out_there", 2, {"number": _NUMBERS, "table": _TABLES}),
    Rule("move_there", 4, {"number": _NUMBERS, "table": _TABLES, "address": _ADDRESSES}),
    Rule("delete_there", 3, {"number": _NUMBERS, "sobject": _SOBJECTS}),
    Rule("undelete_there", 2, {"number": _NUMBERS}),
    Rule("purge_there", 1, {"number": _NUMBERS}),
    Rule("merge_there", 3, {"number": _NUMBERS, "other": _NUMBERS}),
    Rule("convert_there", 3, {"number": _NUMBERS, "other": (None, *_NUMBERS)}),
    # people at the mirror
    Rule("insert_here", 4, {"table": _TABLES, "address": _ADDRESSES, "spelling": ("{}", " {}", "{}\n")}),
    Rule("import_here", 2, {"table": ("contact", "lead"), "address": _ADDRESSES}),
    Rule("edit_here", 10, {"number": _NUMBERS, "table": _TABLES, "column": _COLUMNS, "blank": _BLANK}),
    Rule("count_here", 3, {"number": _NUMBERS, "by": _BY}),
    Rule("opt_out_here", 4, {"number": _NUMBERS, "table": _TABLES}),
    Rule("take_an_opt_out_back_here", 2, {"number": _NUMBERS, "table": _TABLES}),
    Rule("move_here", 3, {"number": _NUMBERS, "table": _TABLES, "address": _ADDRESSES}),
    Rule("import_consent_here", 2, {"table": ("contact", "lead"), "address": _ADDRESSES, "opted_out": (False, True)}),
    Rule("clear_on_both_sides", 1, {"number": _NUMBERS, "table": _TABLES}),
    Rule("consent_given", 1, {"address": _ADDRESSES}),
    Rule("soft_delete_here", 2, {"number": _NUMBERS, "table": _TABLES}),
    Rule("delete_for_good_here", 2, {"number": _NUMBERS, "table": _TABLES}),
    Rule("decide_here", 2, {"number": _NUMBERS, "side": ("local", "remote")}),
    Rule("retry_here", 1),
    Rule("nonsense_here", 2, {"number": _NUMBERS, "table": _TABLES, "what": ("not UTF-8", "too long")}),
    Rule("row_with_a_senseless_id", 1, {"number": _NUMBERS, "table": _TABLES, "address": _ADDRESSES, "what": ("no Id", "another object's Id", "wrong checksum")}),
    Rule("nonsense_is_mended", 2),
    Rule(
        "event_comes",
        8,
        {
            "address": _ADDRESSES,
            "kind": ("email_opened", "email_sent", "email_clicked", "unsubscribed"),
            "number": tuple(range(1, 13)),
        },
    ),
    Rule(
        "consent_event_comes",
        5,
        {
            "address": _ADDRESSES,
            "kind": ("unsubscribed", "unsubscribed", "complained", "resubscribed"),
            "minutes_ago": (0, 0, 0, 60, 1_440),
        },
    ),
    # time
    Rule("time_goes_by", 3, {"seconds": (1, 600, 3_600, 86_400)}),
    Rule("our_clock_is_off", 2, {"seconds": (0, -86_400, -600, 600, 86_400)}),
    Rule("their_clock_jumps", 1, {"seconds": (-300, 300, 43_200)}),
    # trouble
    Rule("trouble_begins", 7, _TROUBLE),
    Rule("trouble_ends", 4),
    # runs
    Rule("run", 10, {"verb": (*_VERBS, "full", "verify")}),
    Rule("run_in_trouble", 14, {"verb": (*_VERBS, "full"), **_TROUBLE}),
    Rule("plan_in_doubt", 4, {"number": _NUMBERS, "by": _BY, "kind": _LOSES_THE_ANSWER, "nth": (1, 1, 1, 2), "at_once": (True, False)}),
    Rule("run_and_die", 6, {"verb": _VERBS, "place": _PLACES, "nth": (1, 1, 1, 2)}),
    Rule("run_and_die_after_a_commit", 8, {"verb": _VERBS, "nth": tuple(range(1, 10))}),
    Rule("run_and_die_at_a_call", 8, {"verb": _VERBS, "answered": (False, True, True), "nth": (1, 2, 3, 4, 5)}),
    Rule("run_on_a_full_disk", 2, {"verb": _VERBS, "nth": tuple(range(1, 9))}),
    Rule("run_while_somebody_edits_here", 5, {"verb": _WRITING, "number": _NUMBERS, "column": _COLUMNS}),
    Rule("run_while_somebody_opts_out", 3, {"verb": _WRITING, "side": ("here", "there"), "number": _NUMBERS, "table": _TABLES}),
    Rule("run_beside_another", 4, {"verb": _WRITING}),
    Rule("run_while_somebody_edits_there", 5, {"verb": _WRITING, "number": _NUMBERS, "column": _COLUMNS}),
)  # fmt: skip

STREAM_TROUBLES = (
    "drop",
    "late",
    "unavailable",
    "refused login",
    "expire",
    "reset",
    "duplicate",
    "reorder",
    "gap",
    "overflow",
    "wildcard",
    "undecodable",
    "lost",
)
"""What can go wrong with the stream of changes, by the name it is counted under."""

FOLLOW, TICK = "follow", "tick"
"""What a process that listens does: read what the stream names; the same, and send what was edited here."""

_FOLLOWING = (FOLLOW, TICK, TICK)
_FOLLOW_PLACES = (
    *("stream.kept", "stream.kept", "stream.position_lost"),
    *("follow.whole_taken", "follow.settled", "follow.settled", "follow.taken"),
    *("pull.guarded", "pull.plain_settled", "pull.batch_committed", "pull.watermark_moved"),
    *("consent.settled", "doubt.looked_up", "push.journaled", "push.sent", "run.finished"),
)

STREAM_RULES = (
    Rule("run", 24, {"verb": _FOLLOWING}),
    Rule("run_in_trouble", 6, {"verb": _FOLLOWING, **_TROUBLE}),
    Rule("run_and_die", 10, {"verb": _FOLLOWING, "place": _FOLLOW_PLACES, "nth": (1, 1, 1, 2)}),
    Rule("run_and_die_after_a_commit", 12, {"verb": _FOLLOWING, "nth": tuple(range(1, 10))}),
    Rule("run_and_die_at_a_call", 5, {"verb": _FOLLOWING, "answered": (False, True), "nth": (1, 2, 3, 4)}),
    Rule("run_on_a_full_disk", 3, {"verb": _FOLLOWING, "nth": tuple(range(1, 9))}),
    Rule("run_while_somebody_edits_there", 2, {"verb": (TICK,), "number": _NUMBERS, "column": _COLUMNS}),
    Rule("run_while_the_stream_tells_more", 8, {"verb": _FOLLOWING, "place": ("pull.guarded", "follow.settled"), "number": _NUMBERS, "column": _COLUMNS}),
    Rule("read_stream", 8, {"steps": (1, 1, 2, 3, 5)}),
    Rule("stream_trouble", 18, {"kind": STREAM_TROUBLES, "times": (1, 1, 2, 5)}),
    Rule("stream_trouble_ends", 3),
    Rule("leave_stream", 1),
    Rule("nobody_listens", 1, {"days": (1, 4, 20)}),
)  # fmt: skip
"""What comes in between where the stream of changes is followed; what has the name of a rule above is that."""

BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in (*STREAM_RULES, *RULES)}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    >>> str(Step("count_here", {"number": 3, "by": 1}))
    'count_here number=3 by=1'
    """

    rule: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(
            [self.rule, *(f"{name}={value!r}" for name, value in self.arguments.items())]
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps, and where they happen.

    Attributes:
        seed: what it was drawn from.
    """

    seed: int
    scene: Scene
    steps: tuple[Step, ...]


def draw(seed: int) -> Schedule:
    """The schedule of this seed; with an odd one, the stream of changes is followed.

    >>> draw(7) == draw(7)
    True
    """
    schedule = _drawn(seed)
    return _followed(schedule) if seed % 2 else schedule


def _drawn(seed: int) -> Schedule:
    chance = random.Random(seed)  # noqa: S311  to be drawn again from the same seed, not to be secret
    scene = chance.choice(SCENES)
    rules = chance.choices(
        RULES, [rule.weight for rule in RULES], k=chance.randint(SHORTEST, LONGEST)
    )
    steps = (
        Step(rule.name, {name: chance.choice(each) for name, each in choices(rule, scene).items()})
        for rule in rules
    )
    return Schedule(seed, scene, tuple(steps))


def _followed(schedule: Schedule) -> Schedule:
    """The same with a process that follows the stream of changes, and what happens to it in between."""
    chance = random.Random(f"stream {schedule.seed}")  # noqa: S311  as above
    scene, steps = replace(schedule.scene, follows=True), list(schedule.steps)
    number = chance.randint(FEWEST_OF_STREAM, MOST_OF_STREAM)
    for rule in chance.choices(STREAM_RULES, [rule.weight for rule in STREAM_RULES], k=number):
        arguments = {name: chance.choice(each) for name, each in choices(rule, scene).items()}
        steps.insert(chance.randint(0, len(steps)), Step(rule.name, arguments))
    return replace(schedule, scene=scene, steps=tuple(steps))


def choices(rule: Rule, scene: Scene) -> dict[str, list[Choice]]:
    """What each argument may be in this scene: no Bulk job fails where there is none.

    >>> sorted(set(choices(BY_NAME["trouble_begins"], Scene("keyed"))["calls"]))
    ['any', 'read', 'write']
    """
    impossible: set[Choice] = set()
    if not scene.bulk:
        impossible.update(_OF_JOBS)
    if scene.org != "crowd":
        impossible.update(_OF_A_CROWD)
    return {
        name: [value for value in values if value not in impossible]
        for name, values in rule.choices.items()
    }


def shrink(schedule: Schedule, breaks: Callable[[Schedule], bool]) -> Schedule:
    """A schedule with as few of these steps as still break something.

    Args:
        breaks: plays one; says whether the same thing breaks.

    >>> whole = Schedule(0, Scene("keyed"), tuple(Step(name) for name in "abcdefgh"))
    >>> found = shrink(whole, lambda tried: {"c", "f"} <= {step.rule for step in tried.steps})
    >>> [step.rule for step in found.steps]
    ['c', 'f']
    """
    size = len(schedule.steps) // 2
    while size:
        smaller = next((each for each in _without(schedule, size) if breaks(each)), None)
        if smaller is None:
            size //= 2
            continue
        schedule = smaller
        if not schedule.steps:
            break
        size = min(size, len(schedule.steps) // 2 or 1)
    return schedule


def _without(schedule: Schedule, size: int) -> Iterator[Schedule]:
    """The schedule less some steps in a row, the last ones first."""
    steps = schedule.steps
    for start in range(len(steps) - size, -1, -size):
        yield replace(schedule, steps=steps[:start] + steps[start + size :])
