"""The one place where all parts meet: options and configuration in, sides ready to work out.

Everything here is imported when a command runs, never for ``--help``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync import failpoints
from sfsync.cli.arrivals import waiting_arrivals
from sfsync.cli.clock import new_run_id, now
from sfsync.cli.invocation import Cli
from sfsync.cli.notices import tell_beginning
from sfsync.cli.progress import Bars
from sfsync.cli.stored_login import live_token, login, refuse_other_host, token_store
from sfsync.config.file import find_config, load_config
from sfsync.config.profiles import DEFAULT_PROFILE, is_profile_name
from sfsync.config.sections import Config
from sfsync.engine.bulk_jobs import note_job
from sfsync.engine.guard_memory import is_asked_apart, note_asked_apart
from sfsync.engine.ports import Silent
from sfsync.engine.run import Run
from sfsync.errors import SfsyncError, UsageError
from sfsync.model.outcome import RunReport

if TYPE_CHECKING:
    from sfsync.mirror.store import SqliteMirror
    from sfsync.salesforce.org import SalesforceOrg


def configuration(cli: Cli, *, begins_profile: bool = False) -> Config:
    """The configuration this command works with.

    Args:
        begins_profile: a profile that nobody knows is made, not refused.

    Raises:
        ConfigError: there is none, or it has mistakes.
        UsageError: nobody knows the profile.
    """
    path = configuration_file(cli)
    if cli.profile is not None and not is_profile_name(cli.profile):
        raise UsageError(
            f"{cli.profile!r} is no profile name", hint="Use letters, digits, dots and dashes."
        )
    config = load_config(path, cli.environ, cli.profile)
    cli.profile = config.profile
    if not begins_profile:
        _refuse_unknown_profile(cli, config)
    cli.settings = config
    _arm_failpoints(cli, config)
    return config


def _refuse_unknown_profile(cli: Cli, config: Config) -> None:
    """Stop at a profile with neither a section nor a mirror: it is a slip more often than a wish.

    Raises:
        UsageError: it is one; names those that there are.
    """
    from sfsync.cli.profile_list import profile_names
    from sfsync.document.problems import suggestion

    name = config.profile
    if name == DEFAULT_PROFILE or name in config.profiles or config.mirror_path.exists():
        return
    known = profile_names(cli, replace(config, profile=DEFAULT_PROFILE))
    raise UsageError(
        f"there is no profile {name!r}{suggestion(name, known)}",
        hint=f"There are: {', '.join(known)}. A section under `profiles:` in {config.source.name}"
        f" begins another, and so does `sfsync login --profile {name}`.",
    )


def configuration_file(cli: Cli) -> Path:
    """The file that the configuration is read from.

    Raises:
        ConfigError: there is none.
    """
    import platformdirs

    return find_config(cli.config, cli.environ, Path.cwd(), platformdirs.user_config_path("sfsync"))


def _arm_failpoints(cli: Cli, config: Config) -> None:
    """Let tests end a run at a named place; never against a real org."""
    wanted = cli.environ.get("SFSYNC_FAILPOINTS", "")
    if not wanted:
        return
    from urllib.parse import urlsplit

    if urlsplit(config.org.login_url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise UsageError(
            "SFSYNC_FAILPOINTS is set, and this is no local org",
            hint="Unset it: it ends runs on purpose.",
        )
    try:
        failpoints.arm(failpoints.Plan.parse(wanted))
    except ValueError as error:
        raise UsageError(f"SFSYNC_FAILPOINTS: {error}") from error


@contextmanager
def open_mirror(config: Config) -> Iterator[SqliteMirror]:
    """The profile's mirror, with tables that fit the mapping."""
    from sfsync.mirror.store import SqliteMirror

    with SqliteMirror(config.mirror_path, now=now) as mirror:
        mirror.prepare(config.mapping)
        yield mirror


def connect(cli: Cli, config: Config, mirror: SqliteMirror) -> tuple[SalesforceOrg, str]:
    """The org, with a login that renews itself, and its id.

    Raises:
        AuthError: there is no working login.
    """
    from sfsync.salesforce.org import open_org

    refuse_other_host(config, mirror)
    held = login(cli, config, mirror, token_store(cli, mirror))
    token = live_token(held, mirror)
    refresher = held.refresher()
    org = open_org(
        token,
        lambda stale: refresher.fresh(stale.access_token),
        api_version=config.org.api_version,
        reserve=config.limits.api_reserve,
        per_run=config.limits.api_per_run,
        bulk_from=failpoints.bulk_from(),
    )
    return org, token.org_id


@dataclass(slots=True)
class Session:
    """A run that is under way, with what the command line needs of it."""

    run: Run
    mirror: SqliteMirror
    config: Config
    org_id: str


@contextmanager
def working(
    cli: Cli,
    *,
    dry_run: bool = False,
    allow_mass_change: bool = False,
    lock: bool = True,
    check: Callable[[SqliteMirror], object] = lambda _mirror: None,
    config: Config | None = None,
    show_progress: bool = True,
    keep_idle: bool = True,
) -> Iterator[Session]:
    """A run with both sides ready. One that writes holds the mirror's lock and is kept in ``runs``.

    Args:
        lock: whether it writes; a command that only looks does not keep others waiting.
        config: the configuration, where it has been read already.
        show_progress: whether to draw bars on a terminal.
        keep_idle: whether a run that did nothing is kept in ``runs``, too.
        check: looks at the mirror before the org is connected; raises to refuse the command.

    Raises:
        AuthError: there is no working login.
        MirrorBusy: another run holds the lock.
    """
    config = config or configuration(cli)
    with open_mirror(config) as mirror:
        check(mirror)
        report = RunReport(new_run_id(), cli.command, dry_run=dry_run)
        org, org_id = connect(cli, config, mirror)
        progress = Bars(cli) if cli.interactive and show_progress else Silent()
        run = Run(
            org, mirror, config.mapping, config.limits, report, now, progress,
            dry_run=dry_run, allow_mass_change=allow_mass_change, checkpoint=cli.stop.checkpoint,
            arrivals=partial(waiting_arrivals, config, dry_run=dry_run),
        )  # fmt: skip
        org.on_job = partial(note_job, run)
        org.on_processed(progress.ahead)
        version = org.connection.api_version
        org.recall_guard_place(
            apart=is_asked_apart(run, version), on_apart=partial(note_asked_apart, run, version)
        )
        if not lock or dry_run:
            cli.run_id = report.run_id
            run.check_org(org_id, keep=False)
            with measured(run):
                yield Session(run, mirror, config, org_id)
            return
        with mirror.lock(report.run_id, cli.command):
            cli.run_id = report.run_id
            run.check_org(org_id)
            tell_beginning(cli)
            with recorded(run, mirror, keep_idle=keep_idle):
                cli.stop.draining = True  # from here on a signal waits for the end of a batch
                yield Session(run, mirror, config, org_id)
                cli.stop.checkpoint()


@contextmanager
def recorded(run: Run, mirror: SqliteMirror, *, keep_idle: bool = True) -> Iterator[None]:
    """Keep the run in the table ``runs``: that it began, and how it ended."""
    mirror.runs.begin(run.report.run_id, run.report.command)
    status = "failed"
    try:
        limits = run.limits
        mirror.changes.prune(rows=limits.keep_changes_rows, days=limits.keep_changes_days)
        failpoints.reach("run.begun")
        with measured(run):
            yield
        status = run.report.ending
    except SfsyncError as error:
        status = error.slug
        raise
    except BaseException as error:
        status = type(error).__name__.lower()
        raise
    finally:
        run.progress.done()
        if keep_idle or not run.report.is_idle or status != run.report.ending:
            mirror.runs.finish(run.report.run_id, status, run.report.as_dict())
        else:
            mirror.runs.forget(run.report.run_id)
        failpoints.reach("run.finished")


@contextmanager
def measured(run: Run) -> Iterator[None]:
    """Fill in what the run has cost, in seconds, calls and bytes, also where it fails."""
    began = time.monotonic()
    try:
        yield
        run.report.quarantine_open = run.mirror.quarantine.count_open()
    finally:
        run.progress.done()
        usage = run.org.usage()
        run.report.seconds = time.monotonic() - began
        run.report.api_calls, run.report.bytes_in = usage.api_calls, usage.bytes_in
