"""Laws: whatever runs end in, nobody is told the same twice in a row, every change is told, and what is told arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.model.cursor import iso
from sfsync.model.notice import Notice
from sfsync.planning.notices import (
    COVERS,
    Ending,
    Level,
    Rules,
    Verdict,
    Watch,
    claimed,
    judged,
    queued,
    settled,
)

START = datetime(2026, 1, 20, 10, tzinfo=UTC)
LEVELS = st.sampled_from(Level)
COMMANDS = ("sync", "push", "import")


def at(minutes: int) -> str:
    return iso(START + timedelta(minutes=minutes))


def told(endings: list[Ending], rules: Rules) -> list[Verdict]:
    watch, verdicts = Watch(), []
    for ending in endings:
        watch, verdict = judged(watch, ending, rules)
        assert Watch.from_dict(watch.as_dict()) == watch
        verdicts.append(verdict)
    return verdicts


@settings(deadline=None)
@given(st.lists(LEVELS))
def test_of_one_command_each_change_is_told_and_nothing_else(levels):
    endings = [Ending("sync", level, at(n)) for n, level in enumerate(levels)]
    rules = Rules(repeat=timedelta(days=100))
    for (before, now), verdict in zip(
        pairwise([Level.OK, *levels]), told(endings, rules), strict=True
    ):
        words = {Level.OK: "recovered", Level.PARTIAL: "partial", Level.FAILED: "failed"}
        assert verdict.reasons == ((words[now],) if now is not before else ())


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(COMMANDS), LEVELS)))
def test_of_several_commands_none_is_told_the_same_twice_and_none_hides_another(runs):
    endings = [Ending(name, level, at(n)) for n, (name, level) in enumerate(runs)]
    known = dict.fromkeys(COMMANDS, Level.OK)
    for ending, verdict in zip(
        endings, told(endings, Rules(repeat=timedelta(days=100))), strict=True
    ):
        covered = COVERS.get(ending.command, ()) if ending.level is Level.OK else ()
        concerned = [ending.command, *(name for name in covered if name in known)]
        changes = any(known[name] is not ending.level for name in concerned)
        assert bool(verdict.reasons) is changes
        known |= dict.fromkeys(concerned, ending.level)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5)), st.integers(0, 3))
def test_a_number_is_told_each_time_it_is_crossed_and_only_then(counts, most):
    endings = [
        Ending("sync", Level.OK, at(n), {"quarantine": count}) for n, count in enumerate(counts)
    ]
    rules = Rules(most={"quarantine": most})
    for (before, now), verdict in zip(pairwise([0, *counts]), told(endings, rules), strict=True):
        assert bool(verdict.reasons) is (now > most >= before)


@settings(deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_trouble_that_lasts_is_told_again_after_the_time_and_not_before(steps):
    times, minutes = [], 0
    for step in steps:
        minutes += step
        times.append(minutes)
    endings = [Ending("sync", Level.FAILED, at(each)) for each in times]
    verdicts = told(endings, Rules(repeat=timedelta(days=1)))
    told_at = [each for each, verdict in zip(times, verdicts, strict=True) if verdict.reasons]
    assert told_at[0] == times[0]
    assert all(later - earlier >= 1440 for earlier, later in pairwise(told_at))
    assert times[-1] - told_at[-1] < 1440
    assert [each.repeated for each in verdicts if each.reasons][1:] == [True] * (len(told_at) - 1)


def notice(number: int) -> Notice:
    return Notice(f"n-{number}", at(number), ("failed",), "failed", "sync", 1, "it failed")


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sets(st.sampled_from(["webhook", "command"])), st.booleans()),
        max_size=30,
    )
)
def test_what_is_told_waits_until_each_target_has_taken_it_once_and_in_order(turns):
    """A turn: whether there is news, who takes it, and whether the process dies before it says so."""
    watch, taken = Watch(), {"webhook": [], "command": []}
    lost, news = set(), 0
    for minutes, (is_news, taking, dies) in enumerate(turns):
        if is_news:
            watch = queued(watch, notice(minutes), taken)
            news += 1
        watch, work = claimed(watch, list(taken), now=at(minutes), until=at(minutes))
        got = {name: [each.id for each in work.get(name, ())] for name in taking}
        for name, ids in got.items():
            taken[name] += ids
        if dies:
            lost |= {(name, one) for name, ids in got.items() for one in ids}
            continue
        tried = [each.id for notices in work.values() for each in notices]
        watch = settled(watch, tried, lambda name, one, got=got: one in got.get(name, ()))
    for name, ids in taken.items():
        waiting = [each.notice.id for each in watch.waiting if name in each.targets]
        assert len({*ids, *waiting}) == news
        twice = {one for one in ids if ids.count(one) > 1}
        assert twice <= {one for whose, one in lost if whose == name}
        firsts = list(dict.fromkeys(ids))
        assert firsts == sorted(firsts, key=lambda one: int(one[2:]))
