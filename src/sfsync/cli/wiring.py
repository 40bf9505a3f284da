"""The one place where all parts meet: options and configuration in, sides ready to work out.

Everything here is imported when a command runs, never for ``--help``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfsync import failpoints
from sfsync.cli.command import Cli
from sfsync.cli.progress import Bars
from sfsync.cli.when import Here
from sfsync.config import DEFAULT_PROFILE, Config, find_config, is_profile_name, load_config
from sfsync.engine.ports import Silent
from sfsync.engine.recover import note_job
from sfsync.engine.run import Run
from sfsync.errors import OrgUnavailable, SfsyncError, UsageError
from sfsync.model.cursor import iso
from sfsync.model.outcome import RunReport

if TYPE_CHECKING:
    from sfsync.auth.grants import Grants
    from sfsync.auth.keychain import TokenStore
    from sfsync.auth.login import Login
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.token import Token
    from sfsync.salesforce.org import SalesforceOrg

TOKEN_STORE = "token_store"  # noqa: S105  the name of a note, not a secret
LOGIN_WAY = "login_way"
LOGIN_RENEWED = "login_renewed_at"
RENEW_AFTER_DAYS = 7
IDLE_WARNING_DAYS = 20


def now() -> str:
    """The wall clock, ``2026-01-20T10:00:00Z``."""
    return iso(local_now())


def local_now() -> datetime:
    """The wall clock in this machine's time zone."""
    return datetime.now(Here())  # noqa: TID251  the one place where the clock is read


def new_run_id() -> str:
    """A run's name: when it began, and enough chance to be the only one."""
    return f"{now().replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"


def configuration(cli: Cli) -> Config:
    """The configuration this command works with.

    Raises:
        ConfigError: there is none, or it has mistakes.
    """
    path = configuration_file(cli)
    if cli.profile is not None and not is_profile_name(cli.profile):
        raise UsageError(
            f"{cli.profile!r} is no profile name", hint="Use letters, digits, dots and dashes."
        )
    config = load_config(path, cli.environ, cli.profile)
    cli.profile = config.profile
    _arm_failpoints(cli, config)
    return config


def configuration_file(cli: Cli) -> Path:
    """The file that the configuration is read from.

    Raises:
        ConfigError: there is none.
    """
    import platformdirs

    return find_config(cli.config, cli.environ, Path.cwd(), platformdirs.user_config_path("sfsync"))


def _arm_failpoints(cli: Cli, config: Config) -> None:
    """Tests may end a run at a named place; never against a real org."""
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


def mirror_path(_cli: Cli, config: Config) -> Path:
    """The profile's mirror: the configured file, or one beside it for every other profile."""
    return config.mirror_path


@contextmanager
def open_mirror(cli: Cli, config: Config) -> Iterator[SqliteMirror]:
    """The profile's mirror, with tables that fit the mapping."""
    from sfsync.mirror.store import SqliteMirror

    with SqliteMirror(mirror_path(cli, config), now=now) as mirror:
        mirror.prepare(config.mapping)
        yield mirror


def token_store(
    cli: Cli, mirror: SqliteMirror, wanted: str | None = None, *, probe: bool = False
) -> TokenStore:
    """Where the login is kept: as asked for, else as remembered, else the first place that works."""
    from sfsync.auth.keychain import EncryptedStore, KeyringStore, choose_store, find_key

    environ = cli.environ

    def database() -> TokenStore | None:
        key = find_key(
            key=environ.get("SFSYNC_TOKEN_KEY"),
            key_file=_path(environ, "SFSYNC_TOKEN_KEY_FILE"),
            credentials_directory=_path(environ, "CREDENTIALS_DIRECTORY"),
        )
        return EncryptedStore(mirror.tokens, key) if key else None

    chosen = wanted or environ.get("SFSYNC_TOKEN_STORE") or mirror.note(TOKEN_STORE) or None
    return choose_store(chosen, keyring=KeyringStore(environ), database=database, probe=probe)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def login(cli: Cli, config: Config, mirror: SqliteMirror, store: TokenStore) -> Login:
    """The profile's login: to be made, asked about, renewed in the way it was made, or ended."""
    from sfsync.auth.login import Login
    from sfsync.auth.unattended import Way, renewal

    grants = app_grants(cli, config)
    lock = mirror.path.with_name(mirror.path.name + ".login.lock")
    way = Way.from_note(mirror.note(LOGIN_WAY))
    return Login(
        grants, store, login_name(cli, mirror), lock, expected_org=mirror.pinned_org(),
        renew=renewal(way, grants, local_now), kept=partial(_note_renewal, mirror),
    )  # fmt: skip


def app_grants(cli: Cli, config: Config) -> Grants:
    """The app at its login host, with its secret where it has one."""
    from sfsync.auth.grants import Grants
    from sfsync.auth.unattended import client_secret

    return Grants(
        config.org.login_url, config.org.client_id, client_secret=client_secret(cli.environ)
    )


def _note_renewal(mirror: SqliteMirror, _token: Token) -> None:
    """When it was; for people, so a mirror that is busy just now does not end a login that works."""
    with suppress(SfsyncError):
        mirror.keep_note(LOGIN_RENEWED, now())


def idle_days(mirror: SqliteMirror) -> int | None:
    """Days since the login was made or renewed; ``None`` where there is none or it is not known."""
    kept = mirror.note(LOGIN_RENEWED)
    try:
        return (local_now() - datetime.fromisoformat(kept)).days if kept else None
    except (ValueError, TypeError):
        return None


def login_facts(mirror: SqliteMirror) -> tuple[dict[str, Any], tuple[str, ...]]:
    """How the login was made and when it was last renewed, out of the mirror; and a warning where it may end."""
    from sfsync.auth.unattended import Kind, Way

    kind, days = Way.from_note(mirror.note(LOGIN_WAY)).kind, idle_days(mirror)
    facts = {
        "login": kind.value,
        "login_renewed_at": mirror.note(LOGIN_RENEWED) or None,
        "login_idle_days": days,
    }
    if kind is not Kind.BROWSER or days is None or days < IDLE_WARNING_DAYS:
        return facts, ()
    return facts, (
        f"the login was last renewed {days} days ago; unused for 30 days it may end: `sfsync whoami` renews it",
    )


def live_token(held: Login, mirror: SqliteMirror) -> Token:
    """The stored login, renewed beforehand where nobody has for a week.

    A session that is always in use is never refused, so its refresh token would never be used, and
    would end for idleness after 30 days in the middle of a healthy schedule.

    Raises:
        AuthError: there is no working login.

    Source: salesforce-facts §1.5 (sliding idle limit of refresh tokens; use extends a session).
    """
    token = held.current()
    if token.refresh_token and (idle_days(mirror) or 0) >= RENEW_AFTER_DAYS:
        with suppress(
            OrgUnavailable
        ):  # not sent, or turned away before it counted: the session still holds
            return held.refresher().fresh(token.access_token)
    return token


def login_name(cli: Cli, mirror: SqliteMirror) -> str:
    """What the login is kept under: the profile and the mirror it belongs to, so that two projects differ."""
    return f"{cli.profile or DEFAULT_PROFILE}:{mirror.key}"


def connect(cli: Cli, config: Config, mirror: SqliteMirror) -> tuple[SalesforceOrg, str]:
    """The org, with a login that renews itself, and its id.

    Raises:
        AuthError: there is no working login.
    """
    from sfsync.salesforce.org import open_org

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
    org: Callable[[Config, SqliteMirror], tuple[SalesforceOrg, str]] | None = None,
    wanted: Callable[[SqliteMirror], object] = lambda _mirror: None,
) -> Iterator[Session]:
    """A run with both sides ready, under the mirror's lock, kept in ``runs`` with how it ended.

    Args:
        lock: whether it writes; a command that only looks does not keep others waiting.
        org: how to reach the org, where not by the stored login.
        wanted: refuses, before anybody is asked, what the mirror does not know.
    """
    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        wanted(mirror)
        report = RunReport(new_run_id(), cli.command, dry_run=dry_run)
        connected, org_id = org(config, mirror) if org else connect(cli, config, mirror)
        progress = Bars(cli) if cli.interactive else Silent()
        run = Run(
            connected, mirror, config.mapping, config.limits, report, now, progress,
            dry_run=dry_run, allow_mass_change=allow_mass_change, checkpoint=cli.stop.checkpoint,
        )  # fmt: skip
        connected.on_job = partial(note_job, run)
        if not lock or dry_run:
            run.check_org(org_id, keep=False)
            with measured(run):
                yield Session(run, mirror, config, org_id)
            return
        with mirror.lock(report.run_id, cli.command):
            run.check_org(org_id)
            with recorded(run, mirror):
                cli.stop.draining = True
                yield Session(run, mirror, config, org_id)
                cli.stop.checkpoint()


@contextmanager
def recorded(run: Run, mirror: SqliteMirror) -> Iterator[None]:
    """Keep the run in ``runs``: that it began, and how it ended."""
    mirror.begin_run(run.report.run_id, run.report.command)
    status = "failed"
    try:
        failpoints.reach("run.begun")
        with measured(run):
            yield
        status = "partial" if run.report.quarantined else "ok"
    except SfsyncError as error:
        status = error.slug
        raise
    except BaseException as error:
        status = type(error).__name__.lower()
        raise
    finally:
        run.progress.done()
        mirror.finish_run(run.report.run_id, status, run.report.as_dict())
        failpoints.reach("run.finished")


@contextmanager
def measured(run: Run) -> Iterator[None]:
    """Fill in what the run has cost, also where it fails."""
    began = time.monotonic()
    try:
        yield
    finally:
        run.progress.done()
        usage = run.org.usage()
        run.report.seconds = time.monotonic() - began
        run.report.api_calls, run.report.bytes_in = usage.api_calls, usage.bytes_in
