"""What is remembered of notices between runs, and what a run's end means."""

from __future__ import annotations

import pytest

from sfsync.model.notice import Notice
from sfsync.planning.notices import (
    MOST_WAITING,
    Ending,
    Level,
    Rules,
    Verdict,
    Watch,
    claimed,
    judged,
    level_of,
    queued,
    settled,
    title_of,
)

AT = "2026-01-20T10:00:00Z"
FAILED = Ending("sync", Level.FAILED, AT)


def notice(number: int, at: str = AT) -> Notice:
    return Notice(f"n-{number}", at, ("failed",), "failed", "sync", 1, "it failed")


@pytest.mark.parametrize(
    ("command", "code", "level"),
    [
        ("sync", 0, Level.OK),
        ("sync", 3, Level.PARTIAL),
        ("sync", 6, Level.FAILED),
        ("sync", 143, Level.FAILED),
        ("sync", 130, None),
        ("sync", 129, None),
        ("listen", 143, None),
        ("listen", 1, Level.FAILED),
    ],
)
def test_what_an_exit_code_says(command, code, level):
    assert level_of(command, code) is level


def test_a_partial_run_that_is_not_told_ends_a_failure():
    rules = Rules(partial=False)
    watch, _ = judged(Watch(), FAILED, rules)
    watch, verdict = judged(watch, Ending("sync", Level.PARTIAL, AT), rules)
    assert verdict == Verdict(("recovered",), since=AT)
    assert judged(watch, Ending("sync", Level.PARTIAL, AT), rules)[1].reasons == ()


def test_a_recovery_that_is_not_told_is_remembered():
    rules = Rules(recovered=False)
    watch, _ = judged(Watch(), FAILED, rules)
    watch, verdict = judged(watch, Ending("sync", Level.OK, AT), rules)
    assert (watch, verdict) == (Watch(), Verdict())


def test_a_number_that_could_not_be_counted_stays_as_it_was():
    rules = Rules(most={"quarantine": 3})
    watch, verdict = judged(Watch(), Ending("sync", Level.OK, AT, {"quarantine": 4}), rules)
    assert verdict.reasons == ("quarantine",)
    watch, _ = judged(watch, FAILED, rules)
    assert judged(watch, Ending("sync", Level.OK, AT, {"quarantine": 9}), rules)[1].reasons == (
        "recovered",
    )


def test_one_process_leaves_to_another_what_that_one_is_at_until_it_must_have_died():
    watch = queued(Watch(), notice(1), ["webhook"])
    watch, work = claimed(watch, ["webhook"], now=AT, until="2026-01-20T10:00:20Z")
    assert work == {"webhook": [notice(1)]}
    assert claimed(watch, ["webhook"], now="2026-01-20T10:00:19Z", until="")[1] == {}
    for later in ("2026-01-20T10:00:20Z", "2026-01-20T09:00:00Z"):  # or the clock was set back
        assert claimed(watch, ["webhook"], now=later, until="")[1] == work
    assert settled(watch, ["n-1"], lambda *_: True) == Watch()


def test_what_waits_is_bounded_in_number_and_time_and_for_those_who_are_configured():
    watch = Watch()
    for number in range(MOST_WAITING + 5):
        watch = queued(watch, notice(number), ["webhook", "command"])
    watch, work = claimed(watch, ["webhook"], now=AT, until="")
    assert [each.id for each in work["webhook"]] == [f"n-{n}" for n in range(5, MOST_WAITING + 5)]
    assert {each.targets for each in watch.waiting} == {("webhook",)}
    assert claimed(watch, ["webhook"], now="2026-01-28T10:00:00Z", until="")[0] == Watch()
    assert claimed(watch, ["command"], now=AT, until="")[0] == Watch()


def test_a_title_says_what_happened_with_all_its_reasons():
    ending = Ending("sync", Level.PARTIAL, AT, {"quarantine": 4, "conflicts": 2})
    most = {"quarantine": 3, "conflicts": 1}
    reasons = ("partial", "quarantine", "conflicts")
    assert title_of(ending, Verdict(reasons), 3, "", most) == (
        "sfsync sync was done in part (exit code 3); 4 in quarantine, more than 3;"
        " 2 conflicts open, more than 1"
    )
    again = Verdict(("failed",), repeated=True, since=AT)
    assert title_of(FAILED, again, 4, "There is no working login", {}) == (
        f"sfsync sync failed still, since {AT}: There is no working login (exit code 4)"
    )
    over = Verdict(("recovered",), since=AT)
    assert title_of(ending, over, 0, "", {}) == f"sfsync sync works again, after trouble since {AT}"
