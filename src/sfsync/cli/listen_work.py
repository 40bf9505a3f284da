"""What one tick of ``listen`` does, as an ordinary run under the run lock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sfsync.errors import UnsafePlan
from sfsync.planning.ticks import Ticks, Work

if TYPE_CHECKING:
    from sfsync.cli.answer import Answer
    from sfsync.cli.invocation import Cli
    from sfsync.config.sections import Config
    from sfsync.engine.run import Run
    from sfsync.model.outcome import RunReport


@dataclass(frozen=True, slots=True)
class Done:
    """What a tick did.

    Attributes:
        more: whether more is named by the stream than it read.
        calls_left: API calls that may still be made today; ``None`` where that is not known.
        held_back: what the brake stopped, while the rest was done.
    """

    report: RunReport
    more: bool = False
    calls_left: int | None = None
    held_back: UnsafePlan | None = None


def real_time_objects(config: Config) -> list[str]:
    """The objects that are looked at every minute; all where none is in real time."""
    rules = config.mapping.rules
    return [
        name
        for name in config.mapping.objects
        if name in rules and rules[name].frequency == "real_time"
    ]


def do_once(cli: Cli, config: Config, *, skip_if_locked: bool) -> Answer:
    """Do what waits, look at Salesforce once."""
    from sfsync.cli.outgoing import beginning, delivering
    from sfsync.cli.run_report import run_verb
    from sfsync.engine.sync import sync

    answer = run_verb(
        cli,
        beginning(lambda session: sync(session.run, real_time_objects(config))),
        dry_run=False,
        allow_mass_change=False,
        skip_if_locked=skip_if_locked,
        config=config,
    )
    return delivering(cli, config, answer)


def streamed_objects(config: Config) -> list[str]:
    """The objects in real time whose changes are followed: people whose records come down."""
    return [
        name
        for name in real_time_objects(config)
        if config.mapping.rules[name].pulls and config.mapping.objects[name].kind.is_people
    ]


def do(
    cli: Cli,
    config: Config,
    work: Work,
    *,
    polled: Sequence[str],
    followed: Sequence[str],
    on_checkpoint: Callable[[], None],
) -> Done:
    """Do it, under the run lock.

    Args:
        polled: the objects that are to be looked at; ``followed``: those that the stream names.
        on_checkpoint: called whenever the run may be ended.

    Raises:
        SfsyncError: it could not be done.
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.push_activity import push_activity
    from sfsync.engine.sync import sync

    held_back = None
    with working(cli, config=config, show_progress=False, keep_idle=False) as session:
        run = session.run
        run.brakes_by_hour = True
        turned = run.checkpoint

        def checkpoint() -> None:
            on_checkpoint()
            turned()

        run.checkpoint = checkpoint
        match work:
            case Work.ACTIVITY:
                push_activity(run)
            case Work.FOLLOW:
                held_back = _follow(run, followed)
            case Work.POLL:
                sync(run, polled)
            case _:
                sync(run)
        more = work is Work.FOLLOW and session.mirror.hints.wait_for(followed)
        left = _calls_left(run, config)
    return Done(run.report, more and held_back is None, left, held_back)


def _follow(run: Run, names: Sequence[str]) -> UnsafePlan | None:
    """Read what the stream names, send what was edited here, and what waits; what the brake held back."""
    from sfsync.engine.follow import follow
    from sfsync.engine.push import push
    from sfsync.engine.push_activity import push_activity

    held_back = None
    try:
        follow(run, names)
        push(run, names)
    except UnsafePlan as error:
        held_back = error
    push_activity(run)
    return held_back


def _calls_left(run: Run, config: Config) -> int | None:
    from sfsync.model.budget import Budget

    usage, limits = run.org.usage(), config.limits
    return Budget(usage.used, usage.limit, limits.api_reserve).left


def ticks_of(config: Config) -> Ticks:
    """When what is due, by this configuration."""
    from sfsync.cli.schedule_formats import batch

    wanted = [batch(rules.frequency, rules.fallback) for rules in config.mapping.rules.values()]
    lengths = [each.length.total_seconds() for each in wanted if each is not None]
    return Ticks(config.listen.poll_seconds, min(lengths, default=0.0))


def told(report: RunReport) -> str:
    """What a tick did, in a line for the log: no name, no address."""
    lines = []
    for verb, reports in (("pull", report.pull), ("push", report.push)):
        for name, counts in reports.items():
            done = ", ".join(f"{count} {what}" for what, count in counts.as_dict().items() if count)
            if done:
                lines.append(f"{verb} {name}: {done}")
    if report.activity is not None:
        done = ", ".join(
            f"{count} {what}" for what, count in report.activity.counts.items() if count
        )
        if done:
            lines.append(done)
    return "; ".join(lines) or report.ending


def wakes_at(report: RunReport) -> float:
    """When a Task that waits here is due, by the clock that never goes back; not at once."""
    from sfsync.cli.clock import now

    if report.activity is None or not report.activity.due_at:
        return math.inf
    seconds = datetime.fromisoformat(report.activity.due_at) - datetime.fromisoformat(now())
    return time.monotonic() + max(1.0, seconds.total_seconds())
