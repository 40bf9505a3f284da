"""Putting a schedule in place and taking it away: the crontab, units of systemd, an agent of launchd."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.cli.invocation import Cli
from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from sfsync.cli.schedule_formats import Job


class Clock(StrEnum):
    """Who runs it."""

    CRON = "cron"
    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to stand where, so that the job runs.

    Attributes:
        texts: file -> its text; for cron the one line, under an empty name.
        start, stop: the commands that put it to work and take it away.
        hints: what a person has to know.
    """

    texts: Mapping[Path, str]
    start: tuple[tuple[str, ...], ...] = ()
    stop: tuple[tuple[str, ...], ...] = ()
    hints: tuple[str, ...] = ()


CRONTAB = Path("crontab")


def carry_out(
    cli: Cli, clock: Clock, job: Job, plan: Plan, *, install: bool, uninstall: bool, dry_run: bool
) -> bool:
    """Install it or take it away, as asked; whether that changes anything."""
    if not (install or uninstall):
        return False
    if clock is Clock.CRON:
        return _into_crontab(job, plan.texts[CRONTAB] if install else None, dry_run=dry_run)
    if uninstall:
        return _removed(plan, dry_run=dry_run)
    return _installed(cli, job, plan, dry_run=dry_run)


def _into_crontab(job: Job, line: str | None, *, dry_run: bool) -> bool:
    from sfsync.cli.schedule_formats import in_crontab

    listed = _ran("crontab", "-l", check=False)
    before = listed.stdout if listed.returncode == 0 else ""  # 1: there is none yet
    after = in_crontab(before, job.name, line)
    if after == before:
        return False
    if not dry_run:
        _ran("crontab", "-", given=after)
    return True


def _installed(cli: Cli, job: Job, plan: Plan, *, dry_run: bool) -> bool:
    stale = {path: text for path, text in plan.texts.items() if _text_of(path) != text}
    for path in stale:
        _refuse_if_anothers(path, job)
    if dry_run or not stale:
        return bool(stale)
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    try:
        for words in plan.start:
            _ran(*words)
    except SfsyncError:
        for path in stale:  # so that the next --install does not take it for done
            path.unlink()
        raise
    cli.inform("In place, and started.")
    return True


def _removed(plan: Plan, *, dry_run: bool) -> bool:
    there = [path for path in plan.texts if path.exists()]
    if there and not dry_run:
        for words in plan.stop:
            _ran(*words, check=False)
        for path in there:
            path.unlink()
    return bool(there)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _refuse_if_anothers(path: Path, job: Job) -> None:
    """A unit of the same name that runs another configuration is somebody's: it is not written over.

    Raises:
        UsageError: there is one.
    """
    there = _text_of(path)
    if (
        there
        and path.suffix in {".service", ".plist"}
        and job.command[job.command.index("--config") + 1] not in there
    ):
        raise UsageError(
            f"{path} runs another configuration", hint="Choose another --name for this one."
        )


def _ran(
    *words: str, given: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program of the system's.

    Raises:
        SfsyncError: it is not there, or it failed; in its own words.
    """
    if shutil.which(words[0]) is None:
        raise SfsyncError(
            f"there is no {words[0]} on this machine",
            hint="Leave out --install: what has to stand where is printed.",
        )
    done = subprocess.run(
        words, input=given, capture_output=True, text=True, check=False, timeout=60
    )
    if check and done.returncode != 0:
        raise SfsyncError(f"{' '.join(words)} failed: {(done.stderr or done.stdout).strip()}")
    return done
