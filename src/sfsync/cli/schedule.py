"""schedule: the batch that runs by itself, printed or installed for cron, systemd or launchd, printed for Kubernetes."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.schedule_install import CRONTAB, Clock, Plan, carry_out, settings_path
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.schedule_formats import Every, Job
    from sfsync.config.sections import Config


CREDENTIALS = {
    "SFSYNC_TOKEN_KEY_FILE": "sfsync-token-key",
    "SFSYNC_CLIENT_SECRET_FILE": "sfsync-client-secret",
}
"""A variable that names a file with a secret -> the credential that systemd makes of the file."""

SECRETS = {
    "SFSYNC_TOKEN_KEY": "SFSYNC_TOKEN_KEY_FILE",
    "SFSYNC_CLIENT_SECRET": "SFSYNC_CLIENT_SECRET_FILE",
}
"""A variable that holds a secret, never written into a schedule -> the one for a file instead."""


def schedule(
    cli: Cli,
    clock: Annotated[
        Clock,
        typer.Argument(
            help="Who runs it: cron, systemd, launchd or kubernetes.", show_default=False
        ),
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
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="IMAGE",
            help="sfsync as your registry names it (kubernetes).",
            show_default="sfsync:VERSION",
        ),
    ] = None,
    shards: Annotated[
        int,
        typer.Option(
            "--shards",
            min=0,
            max=1000,
            help="A fleet in so many parts, instead of this configuration alone (kubernetes).",
            show_default="none",
        ),
    ] = 0,
    dry_run: DryRun = False,
) -> Answer:
    """Print the batch that keeps both sides in step by itself; with --install put it in place.

    It calls `sfsync sync --skip-if-locked` with absolute paths, at a minute of its own, and needs
    nothing of your shell. A second --install changes nothing.

    For kubernetes it prints a CronJob with its volume and configuration; with --shards, one whose
    Job has an index for each part of a fleet that lies on a shared volume.

    Examples:
      sfsync schedule cron
      sfsync schedule systemd --every 15m --install
      sfsync schedule systemd --uninstall
      sfsync schedule kubernetes --image registry.example/sfsync:0.1.0
    """
    from sfsync.cli.schedule_formats import Every, job_name
    from sfsync.cli.schedule_network import secret_settings, told
    from sfsync.cli.wiring import configuration

    if install and uninstall:
        raise UsageError("--install and --uninstall are opposites", hint="Name one of them.")
    if system and clock is not Clock.SYSTEMD:
        raise UsageError("--system is for systemd", hint=f"Leave it out for {clock}.")
    _check_cluster_options(clock, image=image, shards=shards, install=install or uninstall)
    config = configuration(cli)
    folder = config.mirror_path.absolute().parent
    interval = Every.parse(every) if every else _interval_of_rules(config)
    job = _job(
        cli, config, job_name(name or _default_name(config)), folder, interval, system=system
    )
    if clock is Clock.KUBERNETES:
        return _for_kubernetes(cli, config, job, image=image, shards=shards)
    plan = replace(_plan(cli, clock, job), private=_private(cli, job))
    monitor = _monitor(cli, config, job)
    changed = carry_out(
        cli, clock, job, plan, install=install, uninstall=uninstall, dry_run=dry_run
    )
    secrets = secret_settings(cli.environ)
    warnings = [
        *_secrets_left_out(cli),
        *told(secrets, settings_path(job), written=install and not dry_run),
    ]
    data: dict[str, Any] = {
        "clock": clock.value,
        "name": job.name,
        "every": str(interval),
        "files": {str(path): text for path, text in plan.texts.items()},
        "installed": install and not dry_run,
        "changed": changed,
        "monitor": monitor,
    }

    def show(console: Console) -> None:
        if install:
            _show_installed(console, changed=changed, dry_run=dry_run)
        elif uninstall:
            _show_uninstalled(console, changed=changed, dry_run=dry_run)
            return
        else:
            _show_texts(console, plan)
        _show_hints(console, plan, monitor)

    return Answer(data, show, warnings=tuple(warnings if not uninstall else ()))


def _default_name(config: Config) -> str:
    from sfsync.config.profiles import DEFAULT_PROFILE

    if config.profile == DEFAULT_PROFILE:
        return "sfsync"
    return f"sfsync-{config.profile}"


def _interval_of_rules(config: Config) -> Every:
    """What ``sync_rules`` ask for: the shortest interval among the objects.

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
    """A line for a shell: whether the job still does its work."""
    environ = [
        f"{name}={shlex.quote(cli.environ[name])}"
        for name in config.variables
        if name in job.environ
    ]
    words = [
        *_program(), "status", *_which(config), "--max-age", _twice(job.every), "--quiet"
    ]  # fmt: skip
    return " ".join([*environ, *map(shlex.quote, words)])


def _program() -> list[str]:
    """How to call this very sfsync, by absolute paths."""
    script = Path(sys.executable).with_name("sfsync")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-m", "sfsync"]


def _which(config: Config) -> list[str]:
    """The options that name the configuration and the profile."""
    from sfsync.config.profiles import DEFAULT_PROFILE

    options = ["--config", str(config.source.absolute())]
    if config.profile != DEFAULT_PROFILE:
        options += ["--profile", config.profile]
    return options


def _job(cli: Cli, config: Config, name: str, folder: Path, every: Every, *, system: bool) -> Job:
    from sfsync.cli.schedule_formats import Job
    from sfsync.cli.schedule_network import open_settings, secret_settings

    words = [*_program(), "sync", *_which(config), "--skip-if-locked", "--quiet"]
    environ = {
        variable: cli.environ[variable]
        for variable in (*config.variables, "SFSYNC_TOKEN_STORE")
        if cli.environ.get(variable) and variable not in SECRETS
    } | open_settings(cli.environ)
    credentials = {CREDENTIALS[variable]: path for variable, path in _secret_files(cli).items()}
    user = getpass.getuser() if system else ""
    job = Job(name, words, folder, every, environ, credentials, user=user)
    if secret_settings(cli.environ):
        job = replace(job, settings_file=settings_path(job))
    return job


def _secret_files(cli: Cli) -> dict[str, Path]:
    """Variable -> the file with a secret that it names, for those that are set, or found by themselves."""
    from sfsync.cli.stored_login import usual_key_file

    found = {
        variable: Path(cli.environ[variable]).expanduser().absolute()
        for variable in CREDENTIALS
        if cli.environ.get(variable)
    }
    usual = usual_key_file(cli.environ)
    if not cli.environ.get("SFSYNC_TOKEN_KEY") and usual.exists():
        found.setdefault("SFSYNC_TOKEN_KEY_FILE", usual)
    return found


def _secrets_left_out(cli: Cli) -> Iterator[str]:
    """Warnings of secrets in the environment: the job will not have them."""
    for secret, file in SECRETS.items():
        if cli.environ.get(secret):
            yield (
                f"${secret} holds a secret, so it is not written into a schedule:"
                f" put it into a file and set ${file}"
            )


def _plan(cli: Cli, clock: Clock, job: Job) -> Plan:
    if clock is Clock.CRON:
        return _for_cron(cli, job)
    if clock is Clock.SYSTEMD:
        return _for_systemd(cli, job)
    return _for_launchd(cli, job)


def _private(cli: Cli, job: Job) -> dict[Path, str]:
    """The file with the variables that hold secrets."""
    from sfsync.cli.schedule_network import secret_settings, settings_file

    secrets = secret_settings(cli.environ)
    return {settings_path(job): settings_file(secrets)} if secrets else {}


def _for_cron(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.schedule_formats import cron_line

    return Plan({CRONTAB: cron_line(job, _secret_files(cli))})


def _for_systemd(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.schedule_formats import service, timer

    manager: tuple[str, ...]
    hints: tuple[str, ...]
    if job.user:  # a unit of the whole system
        folder = Path("/etc/systemd/system")
        manager, hints = ("systemctl",), ()
    else:
        config_home = Path(cli.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        folder = config_home / "systemd" / "user"
        manager = ("systemctl", "--user")
        hints = ("Your units run while you are logged in; for always: loginctl enable-linger",)
    unit = f"{job.name}.timer"
    return Plan(
        {folder / f"{job.name}.service": service(job), folder / unit: timer(job)},
        start=((*manager, "daemon-reload"), (*manager, "enable", "--now", unit)),
        stop=((*manager, "disable", "--now", unit),),
        hints=hints,
    )


def _for_launchd(cli: Cli, job: Job) -> Plan:
    from sfsync.cli.schedule_formats import agent

    path = Path.home() / "Library" / "LaunchAgents" / f"{job.name}.plist"
    domain = f"gui/{os.getuid()}"
    return Plan(
        {path: agent(job, _secret_files(cli))},
        start=(("launchctl", "bootstrap", domain, str(path)),),
        stop=(("launchctl", "bootout", f"{domain}/{job.name}"),),
    )


def _check_cluster_options(clock: Clock, *, image: str | None, shards: int, install: bool) -> None:
    if clock is not Clock.KUBERNETES and (image or shards):
        raise UsageError(
            "--image and --shards are for kubernetes", hint=f"Leave them out for {clock}."
        )
    if clock is Clock.KUBERNETES and install:
        raise UsageError(
            "what is in a cluster is kubectl's",
            hint="`sfsync schedule kubernetes | kubectl apply -f -`, or `kubectl delete -f -`.",
        )


def _for_kubernetes(
    cli: Cli, config: Config, job: Job, *, image: str | None, shards: int
) -> Answer:
    from sfsync.cli.schedule_kubernetes import cluster_text, show_manifests
    from sfsync.cli.schedule_network import secret_settings

    text, beside = cluster_text(config, job, _secret_files(cli), image=image, shards=shards)
    data: dict[str, Any] = {
        "clock": Clock.KUBERNETES.value,
        "name": job.name,
        "every": str(job.every),
        "manifests": text,
        "beside": list(beside),
    }
    left_out = [
        f"${name} holds a secret, so it is not written into a manifest: put it into a Secret of your own"
        for name in secret_settings(cli.environ)
    ]
    return Answer(
        data,
        lambda console: show_manifests(console, text, beside),
        warnings=(*_secrets_left_out(cli), *left_out),
    )


def _show_installed(console: Console, *, changed: bool, dry_run: bool) -> None:
    if not changed:
        console.print("It is in place as it should be.")
    elif dry_run:
        console.print("It would be put in place.")
    else:
        console.print("It is put in place.")


def _show_uninstalled(console: Console, *, changed: bool, dry_run: bool) -> None:
    if not changed:
        console.print("There is nothing to take away.")
    elif dry_run:
        console.print("It would be taken away.")
    else:
        console.print("It is taken away.")


def _show_texts(console: Console, plan: Plan) -> None:
    for path, text in plan.texts.items():
        if path != CRONTAB:
            console.print(f"# {path}", soft_wrap=True)
        console.print(text.rstrip("\n"), soft_wrap=True)
        console.print()


def _show_hints(console: Console, plan: Plan, monitor: str) -> None:
    for hint in plan.hints:
        console.print(f"# {hint}", soft_wrap=True)
    console.print(
        f"# For your monitoring, exits 1 when the last good run is too old:\n# {monitor}",
        soft_wrap=True,
    )
