"""schedule: the batch that runs by itself, printed or installed for cron, systemd or launchd."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.schedule_install import CRONTAB, Clock, Plan, carry_out
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.schedule_formats import Every, Job
    from sfsync.config.sections import Config


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
    from sfsync.cli.schedule_formats import Every, job_name
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
    changed = carry_out(
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


def _ruled(config: Config) -> Every:
    """What the rules say: the shortest interval among the objects.

    Raises:
        UsageError: they ask for no batch.
    """
    from sfsync.cli.schedule_formats import batch

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
    from sfsync.cli.schedule_formats import Job

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


def _for_cron(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.schedule_formats import cron_line

    return Plan({CRONTAB: cron_line(job, _files(cli))})


def _for_systemd(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.schedule_formats import service, timer

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
    from sfsync.cli.schedule_formats import agent

    path = Path.home() / "Library" / "LaunchAgents" / f"{job.name}.plist"
    domain = f"gui/{os.getuid()}"
    return Plan(
        {path: agent(job, _files(cli))},
        start=(("launchctl", "bootstrap", domain, str(path)),),
        stop=(("launchctl", "bootout", f"{domain}/{job.name}"),),
    )


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
