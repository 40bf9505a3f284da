"""schedule: the batch that runs by itself, printed or installed for cron, systemd or launchd."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.cli.sync import DryRun
from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.timetable import Every, Job
    from sfsync.config import Config

PANEL = "Sync"

FILES = {
    "SFSYNC_TOKEN_KEY_FILE": "sfsync-token-key",
    "SFSYNC_CLIENT_SECRET_FILE": "sfsync-client-secret",
}
"""Variables that name a file with a secret, and what systemd hands it over as."""

SECRETS = {
    "SFSYNC_TOKEN_KEY": "SFSYNC_TOKEN_KEY_FILE",
    "SFSYNC_CLIENT_SECRET": "SFSYNC_CLIENT_SECRET_FILE",
}
"""Variables that hold a secret itself: they are never written into a schedule."""


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


def schedule(
    cli: Cli,
    clock: Annotated[
        Clock, typer.Argument(help="Who runs it: cron, systemd or launchd.", show_default=False)
    ],
    *,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="INTERVAL",
            help="15m, 1h, 1d: how often.",
            show_default="what sync_rules say",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="What the job is called.",
            show_default="sfsync, or sfsync-PROFILE",
        ),
    ] = None,
    system: Annotated[
        bool,
        typer.Option("--system", help="A unit of the whole system instead of your own (systemd)."),
    ] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Put it in place and start it.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Stop it and take it away.")
    ] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Print the batch that keeps both sides in step by itself; with --install put it in place.

    It calls `sfsync sync --skip-if-locked` with absolute paths, at a minute of its own, and needs
    nothing of your shell. A second --install changes nothing.

    Examples:
      sfsync schedule cron
      sfsync schedule systemd --every 15m --install
      sfsync schedule systemd --uninstall
    """
    from sfsync.cli.timetable import Every, job_name
    from sfsync.cli.wiring import configuration, mirror_path

    if install and uninstall:
        raise UsageError("--install and --uninstall are opposites", hint="Name one of them.")
    if system and clock is not Clock.SYSTEMD:
        raise UsageError("--system is for systemd", hint=f"Leave it out for {clock}.")
    config = configuration(cli)
    folder = mirror_path(cli, config).absolute().parent
    interval = Every.parse(every) if every else _ruled(config)
    called = job_name(
        name or ("sfsync" if config.profile == "default" else f"sfsync-{config.profile}")
    )
    job = _job(cli, config, called, folder, interval, system=system)
    plan = {Clock.CRON: _for_cron, Clock.SYSTEMD: _for_systemd, Clock.LAUNCHD: _for_launchd}[clock](
        cli, job
    )
    monitor = _monitor(cli, config, job)
    changed = _carry_out(
        cli, clock, job, plan, install=install, uninstall=uninstall, dry_run=dry_run
    )
    data: dict[str, Any] = {
        "clock": clock.value,
        "name": called,
        "every": str(interval),
        "files": {str(path): text for path, text in plan.texts.items()},
        "installed": install and not dry_run,
        "changed": changed,
        "monitor": monitor,
    }
    return Answer(
        data,
        _shown(
            plan,
            install=install,
            uninstall=uninstall,
            dry_run=dry_run,
            changed=changed,
            monitor=monitor,
        ),
        warnings=_left_out(cli),
    )


# -- the job ---------------------------------------------------------------------------------------
def _ruled(config: Config) -> Every:
    """What the rules say: the shortest interval among the objects.

    Raises:
        UsageError: they ask for no batch.
    """
    from sfsync.cli.timetable import batch

    wanted = [batch(rules.frequency, rules.fallback) for rules in config.mapping.rules.values()]
    asked = [every for every in wanted if every is not None]
    if not asked:
        raise UsageError("sync_rules ask for no batch", hint="Say how often: --every 1h.")
    return min(asked, key=lambda every: every.length)


def _twice(every: Every) -> str:
    """An age that only a run that failed can reach."""
    return f"{2 * every.number}{every.unit}"


def _monitor(cli: Cli, config: Config, job: Job) -> str:
    """The line that tells whether the job still does its work."""
    told = [
        f"{name}={shlex.quote(cli.environ[name])}"
        for name in config.variables
        if name in job.environ
    ]
    profile = job.command[job.command.index("--config") + 2 : -2]
    words = [*_program(), "status", "--config", str(_source(config)), *profile]
    return " ".join([*told, *map(shlex.quote, [*words, "--max-age", _twice(job.every), "--quiet"])])


def _program() -> list[str]:
    """How to call this very sfsync, by absolute paths."""
    beside = Path(sys.executable).with_name("sfsync")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "sfsync"]


def _source(config: Config) -> Path:
    return config.source.absolute()


def _job(cli: Cli, config: Config, name: str, folder: Path, every: Every, *, system: bool) -> Job:
    from sfsync.cli.timetable import Job

    profile = [] if config.profile == "default" else ["--profile", config.profile]
    words = [
        *_program(),
        "sync",
        "--config",
        str(_source(config)),
        *profile,
        "--skip-if-locked",
        "--quiet",
    ]
    carried = [*config.variables, "SFSYNC_TOKEN_STORE"]
    environ = {
        each: cli.environ[each] for each in carried if cli.environ.get(each) and each not in SECRETS
    }
    files = {FILES[each]: path for each, path in _files(cli).items()}
    user = getpass.getuser() if system else ""
    return Job(name, words, folder, every, environ, files, user)


def _files(cli: Cli) -> dict[str, Path]:
    """The files with secrets that the environment names."""
    return {
        each: Path(cli.environ[each]).expanduser().absolute()
        for each in FILES
        if cli.environ.get(each)
    }


def _left_out(cli: Cli) -> tuple[str, ...]:
    return tuple(
        f"${secret} holds a secret, so it is not written into a schedule: put it into a file and set ${instead}"
        for secret, instead in SECRETS.items()
        if cli.environ.get(secret)
    )


# -- what stands where -----------------------------------------------------------------------------
def _for_cron(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.timetable import cron_line

    return Plan({CRONTAB: cron_line(job, _files(cli))})


def _for_systemd(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.timetable import service, timer

    own = Path(cli.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    folder = Path("/etc/systemd/system") if job.user else own
    manager = ("systemctl",) if job.user else ("systemctl", "--user")
    texts = {folder / f"{job.name}.service": service(job), folder / f"{job.name}.timer": timer(job)}
    linger = (
        ()
        if job.user
        else ("Your units run while you are logged in; for always: loginctl enable-linger",)
    )
    unit = f"{job.name}.timer"
    return Plan(
        texts,
        start=((*manager, "daemon-reload"), (*manager, "enable", "--now", unit)),
        stop=((*manager, "disable", "--now", unit),),
        hints=linger,
    )


def _for_launchd(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.timetable import agent

    path = Path.home() / "Library" / "LaunchAgents" / f"{job.name}.plist"
    domain = f"gui/{os.getuid()}"
    return Plan(
        {path: agent(job, _files(cli))},
        start=(("launchctl", "bootstrap", domain, str(path)),),
        stop=(("launchctl", "bootout", f"{domain}/{job.name}"),),
    )


# -- doing it --------------------------------------------------------------------------------------
def _carry_out(
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
    from sfsync.cli.timetable import in_crontab

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
    cli.say("In place, and started.")
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


def _shown(
    plan: Plan, *, install: bool, uninstall: bool, dry_run: bool, changed: bool, monitor: str
) -> Callable[[Console], None]:
    def show(console: Console) -> None:
        if install or uninstall:
            done = "put in place" if install else "taken away"
            if not changed:
                console.print(
                    "It is in place as it should be."
                    if install
                    else "There is nothing to take away."
                )
            else:
                console.print(f"It would be {done}." if dry_run else f"It is {done}.")
        else:
            for path, text in plan.texts.items():
                if path != CRONTAB:
                    console.print(f"# {path}", soft_wrap=True)
                console.print(text.rstrip("\n"), soft_wrap=True)
                console.print()
        if not uninstall:
            for hint in plan.hints:
                console.print(f"# {hint}", soft_wrap=True)
            console.print(
                f"# For your monitoring, exits 1 when the last good run is too old:\n# {monitor}",
                soft_wrap=True,
            )

    return show


def register(app: typer.Typer) -> None:
    """Add this command."""
    command(app, "schedule", panel=PANEL)(schedule)
