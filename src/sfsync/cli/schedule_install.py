"""Put a schedule in place and take it away: a line of the crontab, or files and their start."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.cli.invocation import Cli
from sfsync.cli.output_file import output_file
from sfsync.cli.schedule_network import FIRST_LINE
from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from sfsync.cli.schedule_formats import Job


class Clock(StrEnum):
    """Who runs it."""

    CRON = "cron"
    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to stand where, so that the job runs.

    Attributes:
        texts: file -> its text; for cron the one line, under ``CRONTAB``.
        start, stop: the commands that start the job and end it.
        hints: what a person has to know.
        private: file -> its text, for secrets; readable by the user alone, and never shown.
    """

    texts: Mapping[Path, str]
    start: tuple[tuple[str, ...], ...] = ()
    stop: tuple[tuple[str, ...], ...] = ()
    hints: tuple[str, ...] = ()
    private: Mapping[Path, str] = field(default_factory=dict)


CRONTAB = Path("crontab")


def carry_out(
    cli: Cli, clock: Clock, job: Job, plan: Plan, *, install: bool, uninstall: bool, dry_run: bool
) -> bool:
    """Install the job or take it away, as asked.

    Returns:
        Whether that changes anything, or would in a dry run.

    Raises:
        UsageError: a unit of the same name runs another configuration.
        SfsyncError: a program of the system is not there, or failed.
    """
    if not (install or uninstall):
        return False
    changed = _keep_private(plan, job, install=install, dry_run=dry_run)
    return _scheduled(cli, clock, job, plan, install=install, dry_run=dry_run) or changed


def _scheduled(
    cli: Cli, clock: Clock, job: Job, plan: Plan, *, install: bool, dry_run: bool
) -> bool:
    if clock is Clock.CRON:
        line = plan.texts[CRONTAB] if install else None
        return _write_crontab(job, line, dry_run=dry_run)
    if not install:
        return _uninstall(plan, dry_run=dry_run)
    return _install(cli, job, plan, dry_run=dry_run)


def _keep_private(plan: Plan, job: Job, *, install: bool, dry_run: bool) -> bool:
    """Write the files with secrets, or take away what is there of an earlier time."""
    wanted = plan.private if install else {}
    changed = False
    for path, text in wanted.items():
        existing = _text_of(path)
        changed |= existing != text
        if existing and not existing.startswith(FIRST_LINE):
            raise UsageError(
                f"{path} is a file of yours", hint="Move it, or choose another --name."
            )
        if not dry_run:
            with output_file(path) as file:
                file.write(text.encode())
    old = settings_path(job)
    if old not in wanted and (_text_of(old) or "").startswith(FIRST_LINE):
        changed = True
        if not dry_run:
            old.unlink()
    return changed


def settings_path(job: Job) -> Path:
    """Where the variables with secrets of a job are kept: beside the mirror."""
    return job.folder / f"{job.name}.schedule.env"


def _write_crontab(job: Job, line: str | None, *, dry_run: bool) -> bool:
    from sfsync.cli.schedule_formats import in_crontab

    listed = _run("crontab", "-l", check=False)
    before = ""
    if listed.returncode == 0:  # else this user has no crontab yet
        before = listed.stdout
    after = in_crontab(before, job.name, line)
    if after == before:
        return False
    if not dry_run:
        _run("crontab", "-", stdin=after)
    return True


def _install(cli: Cli, job: Job, plan: Plan, *, dry_run: bool) -> bool:
    stale = {path: text for path, text in plan.texts.items() if _text_of(path) != text}
    for path in stale:
        _check_own(path, job)
    if dry_run or not stale:
        return bool(stale)
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with output_file(path, mode=0o644) as file:
            file.write(text.encode())
    try:
        for words in plan.start:
            _run(*words)
    except SfsyncError:
        for path in stale:  # so that the next --install does not find them in place
            path.unlink()
        raise
    cli.inform("In place, and started.")
    return True


def _uninstall(plan: Plan, *, dry_run: bool) -> bool:
    files = [path for path in plan.texts if path.exists()]
    if files and not dry_run:
        for words in plan.stop:
            _run(*words, check=False)  # it may have ended by itself
        for path in files:
            path.unlink()
    return bool(files)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _check_own(path: Path, job: Job) -> None:
    """Stop at a unit of the same name that runs another configuration: it belongs to another job.

    Raises:
        UsageError: there is one.
    """
    if path.suffix not in {".service", ".plist"}:  # a timer names no configuration
        return
    existing = _text_of(path)
    configuration = job.command[job.command.index("--config") + 1]
    if existing and configuration not in existing:
        raise UsageError(
            f"{path} runs another configuration", hint="Choose another --name for this one."
        )


def _run(
    *words: str, stdin: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program of the system.

    Raises:
        SfsyncError: it is not there, or it failed; in its own words.
    """
    if shutil.which(words[0]) is None:
        raise SfsyncError(
            f"there is no {words[0]} on this machine",
            hint="Leave out --install: what has to stand where is printed.",
        )
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    if check and done.returncode != 0:
        raise SfsyncError(f"{' '.join(words)} failed: {(done.stderr or done.stdout).strip()}")
    return done
