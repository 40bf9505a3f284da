"""fleet: the same command for many configurations, a bounded number at once."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.fleet_outcome import Outcome
    from sfsync.cli.fleet_pool import Ended

_log = logging.getLogger(__name__)


def fleet(
    cli: Cli,
    verb: Annotated[
        str,
        typer.Argument(
            metavar="VERB",
            help="The command: sync, pull, push … In quotes where it has options: 'push --object contact'.",
            show_default=False,
        ),
    ],
    configs: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG...",
            help="Configurations: files, folders, patterns in quotes; - reads them from stdin, one a line.",
            show_default=False,
        ),
    ],
    *,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="How many at once.", show_default="two a core"),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only the I-th of N parts, for engines that run many machines: 1/4 … 4/4.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=1,
            help="Stop a configuration that takes longer; what it has done is kept.",
            show_default="none",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Run the same command for many configurations, a bounded number at once.

    Each has its own process, lock, line and exit code, and none ends the others. A line says exit
    code, configuration, seconds and what there is to say. The exit code is that of the worst.

    A folder stands for the YAML files in it and the sfsync.yaml of each folder in it. Which shard
    a configuration belongs to follows from the last two parts of its path, wherever it lies; with
    another N only those move that have to.

    Examples:
      sfsync fleet sync orgs/
      sfsync fleet sync orgs/ --jobs 8 --shard 2/4 --timeout 600
      sfsync fleet 'status --max-age 2h' 'orgs/*.yaml' --json
    """
    from sfsync.cli.fleet_words import configurations, verb_words
    from sfsync.planning.shards import Shard

    if cli.origins.get("config") == "--config":
        raise UsageError("fleet takes no --config", hint="Name configurations after the verb.")
    name, options = verb_words(verb)
    part = Shard.parse(shard) if shard else None
    files = configurations(configs, sys.stdin, part)
    own = [*_handed_on(cli), *(["--dry-run"] if dry_run else []), *options]
    at_once = jobs or 2 * _cores()
    command_lines = [[*name, "--config", str(file), "--json", *own] for file in files]
    began = time.monotonic()
    with _Lines(cli, files, verb) as lines:
        stopped = _run(cli, command_lines, lines, at_once, timeout)
    outcomes = lines.in_order()
    return _answer(
        outcomes, stopped,
        {"verb": verb, "shard": part and str(part), "jobs": at_once, "seconds": round(time.monotonic() - began, 3)},
    )  # fmt: skip


def _handed_on(cli: Cli) -> Iterator[str]:
    """The options of every command that hold for each configuration, too."""
    if cli.profile:
        yield from ("--profile", cli.profile)
    if cli.log_file:
        yield from ("--log-file", str(cli.log_file))
    if cli.verbose:
        yield f"-{'v' * cli.verbose}"


def _cores() -> int:
    """The cores that this process may use: an engine that starts several on a machine divides them.

    Most of a run is waiting for Salesforce and the disk, so there are two runs for each.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(
    cli: Cli, command_lines: list[list[str]], lines: _Lines, jobs: int, timeout: float | None
) -> int | None:
    """Run them.

    Returns:
        The exit code of a stop that was asked for.
    """
    from sfsync.cli.fleet_pool import Pool
    from sfsync.cli.signals import Interrupted

    cli.stop.draining = True
    if command_lines:
        _load(command_lines[0], cli)
    try:
        Pool(jobs, timeout, cli.stop.checkpoint).run(command_lines, lines.ended)
    except Interrupted as stopped:
        return stopped.exit_code
    return None


def _load(words: Sequence[str], cli: Cli) -> None:
    """Load once what every process needs, and read a configuration: the first one read makes what checks them all."""
    import gc
    import importlib

    from sfsync.cli.app import command_tree
    from sfsync.cli.fleet_preload import MODULES
    from sfsync.config.file import load_config

    for module in MODULES:
        importlib.import_module(module)
    command_tree()
    with suppress(SfsyncError, OSError):
        load_config(Path(words[words.index("--config") + 1]), cli.environ, cli.profile)
    gc.collect()
    gc.freeze()


class _Lines:
    """Tells each configuration as it ends, with a bar at a terminal; keeps the outcomes."""

    def __init__(self, cli: Cli, files: Sequence[Path], verb: str) -> None:
        from sfsync.cli.progress import Bars

        self._cli = cli
        self._files = files
        self._verb = verb
        self._width = max((len(str(file)) for file in files), default=0)
        self._outcomes: dict[int, Outcome] = {}
        self._bars = Bars(cli, by_hand=True) if cli.interactive else None

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start(self._verb, len(self._files))
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.done()

    def ended(self, place: int, ended: Ended) -> None:
        """Tell how one ended."""
        from sfsync.cli.fleet_outcome import outcome_of

        outcome = self._outcomes[place] = outcome_of(self._files[place], ended)
        facts = {"exit_code": outcome.exit_code, "seconds": round(outcome.seconds, 3)}
        _log.info("%s ended with exit code %s", outcome.config, outcome.exit_code, extra=facts)
        if self._cli.verbose:
            self._cli.to_stderr(ended.err.rstrip("\n"))
        if not (self._cli.as_json or self._cli.quiet):
            self._console.print(outcome.line(self._width), soft_wrap=True)
        elif outcome.exit_code and not self._cli.as_json:
            self._cli.to_stderr(outcome.line(self._width))
        if self._bars is not None:
            self._bars.advance(1)

    @property
    def _console(self) -> Console:
        """stdout; at a terminal that shows the bar, too, lines go above it."""
        if self._bars is not None and self._cli.out.is_terminal:
            return self._cli.err
        return self._cli.out

    def in_order(self) -> list[Outcome]:
        """Every configuration, as they were named; also those that were not begun."""
        from sfsync.cli.fleet_outcome import not_begun

        return [
            self._outcomes.get(place) or not_begun(file) for place, file in enumerate(self._files)
        ]


def _answer(outcomes: list[Outcome], stopped: int | None, data: dict[str, Any]) -> Answer:
    from sfsync.cli.answer import PARTIAL
    from sfsync.cli.fleet_outcome import counts, worst
    from sfsync.cli.text import counted

    code = stopped or worst(outcome.exit_code for outcome in outcomes)
    by_status = counts(outcomes)
    calls = sum(outcome.api_calls for outcome in outcomes)
    document = {
        **data,
        "api_calls": calls,
        "counts": by_status,
        "configurations": [outcome.as_dict() for outcome in outcomes],
    }
    told = ", ".join(f"{number:,} {status}" for status, number in by_status.items())
    every = counted(len(outcomes), "configuration")
    summary = f"{every}: {told or 'none'}; {data['seconds']:.1f} s, {counted(calls, 'API call')}"
    bad = sum(outcome.exit_code != 0 for outcome in outcomes)
    reason = f"{bad:,} of {every} did not end well; the exit code, {code}, is the worst of theirs"
    if stopped:
        reason = f"interrupted: {told}; what was done is kept, start it again"
    return Answer(
        document,
        lambda console: console.print(summary, style="dim"),
        exit_code=code,
        reason=reason,
        errors=({"slug": "fleet", "message": reason},) if code not in {0, PARTIAL} else (),
        outcome="interrupted" if stopped else "",
    )
