"""selftest: seeded chaos on an embedded local org, to see the promises tried."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.progress import Bars

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.selftest.chaos import Failure, Tally


SECONDS = 60.0


def selftest(
    cli: Cli,
    *,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0, help="For how long.", show_default="60, or as long as --schedules take"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="What everything is drawn from; the same number, the same events.",
            show_default="by chance",
        ),
    ] = None,
    schedules: Annotated[
        int | None, typer.Option(min=1, help="How many schedules.", show_default="as many as fit")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="On so many cores.")] = 1,
) -> Answer:
    """Try the promises: random edits on both sides, lost connections, crashes, clocks; then look whether all is well.

    Everything happens on an embedded local org and in a folder that goes away: no account, no
    configuration, nothing of yours is touched. Each schedule of events is drawn from its own seed,
    and can be played again; with an odd one, the org's change events are followed as well, where
    the packages for that are installed.

    Examples:
      sfsync selftest
      sfsync selftest --seconds 600 --jobs 2
      sfsync selftest --seed 7 --schedules 1
    """  # fmt: skip
    from sfsync.selftest.chaos import chaos

    first = secrets.randbelow(10**9) if seed is None else seed
    limit = SECONDS if seconds is None and schedules is None else seconds
    cli.inform(f"seed {first}")
    bar = _bar(cli, schedules, limit)
    try:
        tally = chaos(first, schedules=schedules, seconds=limit, jobs=jobs, on_schedule=bar)
    finally:
        bar(None)
    data = _document(tally)
    return Answer(
        data,
        lambda console: _show(console, tally, data),
        exit_code=1 if tally.failure else 0,
        reason=f"a schedule of seed {first} did not come out as it has to" if tally.failure else "",
    )


def _bar(cli: Cli, schedules: int | None, seconds: float | None) -> Callable[[Tally | None], None]:
    """A bar on a terminal, in schedules where their number is given, else in seconds."""
    if not cli.interactive:
        return lambda _tally: None
    bars = Bars(cli)
    bars.start("Schedules" if schedules else "Seconds", schedules or int(seconds or 0))
    shown = 0

    def advance(tally: Tally | None) -> None:
        nonlocal shown
        if tally is None:
            bars.done()
            return
        now = tally.schedules if schedules else int(tally.seconds)
        bars.advance(now - shown)
        shown = now

    return advance


def replay(seed: int) -> str:
    """The command line that plays one schedule again."""
    return f"sfsync selftest --seed {seed} --schedules 1"


def _document(tally: Tally) -> dict[str, Any]:
    from sfsync.selftest.invariants import PROMISES

    crashes = tally.runs["died"]
    document: dict[str, Any] = {
        "seed": tally.seed,
        "result": "broken" if tally.failure else "held",
        "schedules": tally.schedules,
        "seconds": round(tally.seconds, 1),
        "steps": tally.steps,
        "runs": sum(tally.runs.values()),
        "crashes": crashes,
        "calls": tally.calls,
        "faults": sum(tally.faults.values()),
        "checks": sum(tally.checked.values()),
        "steps_by_rule": dict(tally.rules.most_common()),
        "runs_by_end": dict(tally.runs.most_common()),
        "faults_by_kind": dict(tally.faults.most_common()),
        "checks_by_promise": {
            PROMISES[name]: number for name, number in tally.checked.most_common()
        },
    }
    if tally.failure is not None:
        document["failure"] = _failure(tally.failure)
    return document


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "seed": failure.seed,
        "replay": replay(failure.seed),
        "scene": str(failure.shrunk.scene),
        "broken": [{"promise": each.promise, "sentence": each.sentence} for each in failure.broken],
        "steps": [str(step) for step in failure.shrunk.steps],
        "log": list(failure.log),
    }


def _show(console: Console, tally: Tally, data: Mapping[str, Any]) -> None:
    from sfsync.selftest.invariants import PROMISES

    def line(text: str) -> None:
        console.print(text, soft_wrap=True)

    for title, name in (
        ("Steps", "steps_by_rule"),
        ("Faults", "faults_by_kind"),
        ("Runs", "runs_by_end"),
    ):
        line(f"{title}:")
        for kind, number in data[name].items():
            line(f"  {number:>8,}  {kind}")
    line("Looked at:")
    for promise, number in tally.checked.most_common():
        line(f"  {number:>8,}  {PROMISES[promise]}")
    line(f"{tally.schedules:,} schedules from seed {tally.seed} in {data['seconds']:,} s:")
    counts = ("steps", "runs", "faults", "crashes", "checks")
    line("  " + ", ".join(f"{data[name]:,} {name}" for name in counts))
    failure = tally.failure
    if failure is None:
        line("Every promise held.")
        return
    line(f"\nBroken under seed {failure.seed}, on a {failure.shrunk.scene}:")
    for each in failure.broken:
        line(f"  {PROMISES[each.promise]}\n    {each.sentence}")
    line("What happened, without the steps that do not matter:")
    for number, event in enumerate(failure.log, 1):
        line(f"  {number:>3}. {event}")
    line(f"Play it again: {replay(failure.seed)}")
