"""Gathering what ``sfsync org check`` looks at: this machine, the login, the org. Nothing found wrong ends it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.cli import clock
from sfsync.cli.invocation import Cli
from sfsync.cli.stored_login import LOGIN_RENEWED, LOGIN_WAY, login, token_store
from sfsync.cli.wiring import configuration, connect, mirror_path, open_mirror
from sfsync.config.sections import Config
from sfsync.diagnosis.facts import FileFacts, LoginFacts, MachineFacts, Wanted
from sfsync.diagnosis.fields import changes
from sfsync.diagnosis.finding import Finding
from sfsync.diagnosis.findings import findings
from sfsync.errors import MirrorBusy, MirrorError, SfsyncError
from sfsync.model.facts import OrgFacts
from sfsync.provisioning.blueprint import custom_fields, objects_of
from sfsync.salesforce.org_facts import read_org_facts
from sfsync.salesforce.retry import Patience

if TYPE_CHECKING:
    from sfsync.mirror.store import SqliteMirror


@dataclass(slots=True)
class Checkup:
    """What was gathered.

    Attributes:
        calls: API calls that it took.
    """

    config: Config
    wanted: Wanted
    login: LoginFacts = field(default_factory=LoginFacts)
    org: OrgFacts = field(default_factory=OrgFacts)
    machine: MachineFacts = field(default_factory=MachineFacts)
    calls: int = 0

    def findings(self, now: datetime) -> list[Finding]:
        """What is wrong, or may surprise."""
        return findings(self.wanted, self.login, self.org, self.machine, now)


def check_up(
    cli: Cli, repairs: Callable[[Checkup, SqliteMirror | None], None] | None = None
) -> Checkup:
    """Look at everything.

    Args:
        repairs: called with what was gathered, while the mirror is open.

    Raises:
        ConfigError: the configuration is wrong; without it there is nothing to look at.
        MirrorBusy: another program keeps writing in the mirror.
    """
    config = configuration(cli)
    wanted = Wanted(config.mapping, config.limits, config.org.api_version)
    found = Checkup(config, wanted)
    # before the mirror is opened: opening closes its file to others by itself
    files = tuple(_files(cli, config))
    with ExitStack() as stack:
        try:
            mirror = stack.enter_context(open_mirror(cli, config))
        except MirrorError as error:
            found.machine = MachineFacts(files=files, trouble=(error.message, error.hint))
        else:
            _look(cli, found, mirror, files)
            if repairs:
                repairs(found, mirror)
            return found
    if repairs:
        repairs(found, None)
    return found


def _look(cli: Cli, found: Checkup, mirror: SqliteMirror, files: tuple[FileFacts, ...]) -> None:
    found.machine = _machine(found.config, mirror, files)
    if found.machine.damage or found.machine.trouble:
        return
    found.login = _login(cli, found.config, mirror)
    if found.login.trouble is None:
        _ask_org(cli, found, mirror)
    found.machine = replace(found.machine, values=_restricted(found, mirror))


# -- the login and the org -------------------------------------------------------------------------
def _login(cli: Cli, config: Config, mirror: SqliteMirror) -> LoginFacts:
    from sfsync.auth.unattended import Kind, Way

    try:
        store = token_store(cli, mirror)
        token = login(cli, config, mirror, store).current()
    except SfsyncError as error:
        return LoginFacts(trouble=(error.message, error.hint))
    kind = Way.from_note(mirror.state.note(LOGIN_WAY)).kind
    made_at = datetime.fromtimestamp(token.issued_at / 1000, UTC) if token.issued_at else None
    return LoginFacts(
        store=store.name,
        way=kind.value,
        scope=token.scope,
        can_renew=kind is not Kind.BROWSER or bool(token.refresh_token),
        ends_idle=kind is Kind.BROWSER,
        renewed_at=_time(mirror.state.note(LOGIN_RENEWED)) or made_at,
        org_id=token.org_id,
        user_id=token.user_id,
        instance_url=token.instance_url,
    )


def _ask_org(cli: Cli, found: Checkup, mirror: SqliteMirror) -> None:
    mapping = found.config.mapping
    try:
        org, _org_id = connect(cli, found.config, mirror)
    except SfsyncError as error:
        found.login = replace(found.login, trouble=(error.message, error.hint))
        return
    org.connection.patience = Patience(
        tries=2, seconds=20
    )  # somebody is waiting, and nothing is lost
    try:
        with (
            org.connection.session.finishing()
        ):  # a few calls of the reserve, to tell that it is reached
            found.org = read_org_facts(
                org.connection,
                objects_of(mapping),
                custom_fields(mapping),
                user_id=found.login.user_id,
                now=clock.local_now,
            )
    except SfsyncError as error:
        found.org = OrgFacts(trouble=(error.message, error.hint))
    found.calls = org.usage().api_calls


# -- this machine ----------------------------------------------------------------------------------
def _machine(config: Config, mirror: SqliteMirror, files: tuple[FileFacts, ...]) -> MachineFacts:
    import sqlite3

    version = sqlite3.sqlite_version_info
    try:
        damage = mirror.diagnostics.damage()
        if damage:
            return MachineFacts(version, files=files, damage=damage)
        held = mirror.diagnostics.lock_holder()
        objects = config.mapping.objects
        kept = {name: mirror.state.facts(name) for name in objects_of(config.mapping)}
        return MachineFacts(
            sqlite=version,
            journal=mirror.diagnostics.journal_mode(),
            files=files,
            lock=(held[0], _time(held[1]) or clock.local_now()) if held else None,
            last_good_run=_time(mirror.runs.last_good()),
            usual_calls=mirror.diagnostics.usual_calls(),
            paused_since=mirror.state.note("paused"),
            remembered={name: facts for name, facts in kept.items() if facts is not None},
            widest={
                (name, column): longest
                for name in objects
                for column, longest in mirror.diagnostics.widest(name).items()
            },
        )
    except MirrorError as error:
        return MachineFacts(version, files=files, trouble=(error.message, error.hint))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _restricted(found: Checkup, mirror: SqliteMirror) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """What the mirror holds in columns that are tied to a restricted picklist."""
    values: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, object_map in found.config.mapping.objects.items():
        facts = found.org.objects.get(object_map.sobject)
        for field_map in object_map.fields if facts else ():
            told = facts.fields.get(field_map.remote) if facts else None
            chosen = field_map.type.traits.choices is not None
            if told and told.restricted and field_map.pushes and chosen:
                values[name, field_map.column] = mirror.diagnostics.distinct(name, field_map.column)
    return values


def _files(cli: Cli, config: Config) -> Iterator[FileFacts]:
    """The configuration, the mirror with what lies beside it, and the key."""
    yield from _file(config.source, secret=False, roots=True)
    path = mirror_path(cli, config)
    yield from _file(path.parent, secret=False, roots=True)
    for beside in ("", "-journal", "-wal", "-shm", ".lock", ".login.lock"):
        yield from _file(path.with_name(path.name + beside), secret=True)
    for name in ("SFSYNC_TOKEN_KEY_FILE", "SFSYNC_CLIENT_SECRET_FILE"):
        if cli.environ.get(name):
            yield from _file(Path(cli.environ[name]).expanduser(), secret=True)


def _file(path: Path, *, secret: bool, roots: bool = False) -> Iterator[FileFacts]:
    """One file's facts; nothing where there is none.

    A folder with the sticky bit, as ``/tmp``, may be written by everybody and yet protects what is
    in it.
    """
    try:
        told = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(told.st_mode)
    if stat.S_ISDIR(told.st_mode) and mode & stat.S_ISVTX:
        mode &= ~0o022
    is_mine = told.st_uid == os.geteuid() or (roots and told.st_uid == 0)
    yield FileFacts(str(path), mode & 0o777, is_mine, secret)


# -- repairs ---------------------------------------------------------------------------------------
def repair(cli: Cli, found: Checkup, mirror: SqliteMirror | None, *, dry_run: bool) -> list[str]:
    """Mend what is ours: modes of files, and what the mirror remembers of the org.

    Returns:
        What was done, or would be, in sentences.
    """
    done = [
        f"closed {file.path} to others: {file.mode:04o} is now {file.mode & ~file.surplus:04o}"
        for file in found.machine.files
        if file.is_mine and file.surplus and (dry_run or _closed(file))
    ]
    stale = {
        name: facts
        for name, facts in found.org.objects.items()
        if name in found.machine.remembered and changes(found.machine.remembered[name], facts)
    }
    if stale and mirror is not None:
        try:
            if not dry_run:
                with mirror.lock(clock.new_run_id(), cli.command):
                    for facts in stale.values():
                        mirror.state.keep_facts(facts)
            done += [f"noted what {name} is like in the org now" for name in stale]
        except MirrorBusy as busy:
            cli.inform(f"not noted: {busy.message}", style="yellow")
            stale = {}
    if not dry_run:
        files = tuple(
            replace(file, mode=file.mode & ~file.surplus) if file.is_mine else file
            for file in found.machine.files
        )
        remembered = {**found.machine.remembered, **(stale if mirror is not None else {})}
        found.machine = replace(found.machine, files=files, remembered=remembered)
    return done


def _closed(file: FileFacts) -> bool:
    path = Path(file.path)
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~file.surplus)
    return True
