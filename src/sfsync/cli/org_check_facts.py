"""Gather what ``sfsync org check`` looks at: this machine, the login, the org.

Whatever is found wrong becomes a fact, never an error: the rest is looked at all the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sfsync.auth.own_file import may_be_used
from sfsync.cli import clock
from sfsync.cli.invocation import Cli
from sfsync.cli.listen_stream import has_extra
from sfsync.cli.stored_login import (
    LOGIN_RENEWED,
    LOGIN_WAY,
    login,
    refuse_other_host,
    token_store,
    usual_key_file,
)
from sfsync.cli.wiring import configuration, connect, open_mirror
from sfsync.config.sections import Config
from sfsync.diagnosis.facts import FileFacts, LoginFacts, MachineFacts, Wanted
from sfsync.diagnosis.fields import changes
from sfsync.diagnosis.finding import Finding
from sfsync.diagnosis.findings import findings
from sfsync.errors import MirrorBusy, MirrorError, SfsyncError
from sfsync.model.facts import OrgFacts
from sfsync.provisioning.blueprint import custom_fields, objects_of
from sfsync.provisioning.event_channel import event_channel
from sfsync.salesforce.org_facts import read_org_facts
from sfsync.salesforce.retry import Patience

if TYPE_CHECKING:
    from sfsync.mirror.store import SqliteMirror


@dataclass(slots=True)
class Checkup:
    """What was gathered.

    Attributes:
        org: empty where there is no login, or it could not be asked.
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
        repairs: called with what was gathered, and the mirror while it is open; ``None`` where it
            could not be opened.

    Raises:
        ConfigError: the configuration is wrong; without it there is nothing to look at.
        MirrorBusy: another program keeps writing in the mirror.
    """
    config = configuration(cli)
    channel = event_channel(config.mapping, config.org.event_channel)
    wanted = Wanted(config.mapping, config.limits, config.org.api_version, channel)
    checkup = Checkup(config, wanted)
    # before the mirror is opened: opening takes its file's mode from others by itself
    files = tuple(_files(cli, config))
    with ExitStack() as stack:
        mirror: SqliteMirror | None = None
        try:
            mirror = stack.enter_context(open_mirror(config))
        except MirrorError as error:
            checkup.machine = MachineFacts(files=files, trouble=(error.message, error.hint))
        if mirror is not None:
            _look(cli, checkup, mirror, files)
        if repairs:
            repairs(checkup, mirror)
    return checkup


def _look(cli: Cli, checkup: Checkup, mirror: SqliteMirror, files: tuple[FileFacts, ...]) -> None:
    checkup.machine = _machine(checkup.config, mirror, files)
    if checkup.machine.damage or checkup.machine.trouble:
        return
    checkup.login = _login(cli, checkup.config, mirror)
    if checkup.login.trouble is None:
        _ask_org(cli, checkup, mirror)
    checkup.machine = replace(checkup.machine, values=_restricted(checkup, mirror))


# -- the login and the org -------------------------------------------------------------------------
def _login(cli: Cli, config: Config, mirror: SqliteMirror) -> LoginFacts:
    from sfsync.auth.unattended import Kind, Way

    try:
        refuse_other_host(config, mirror)
        store = token_store(cli, mirror)
        token = login(cli, config, mirror, store).current()
    except SfsyncError as error:
        return LoginFacts(trouble=(error.message, error.hint))
    kind = Way.from_note(mirror.state.note(LOGIN_WAY)).kind
    renewed_at = _time(mirror.state.note(LOGIN_RENEWED))
    if renewed_at is None and token.issued_at:  # never renewed since it was made
        renewed_at = datetime.fromtimestamp(token.issued_at / 1000, UTC)
    return LoginFacts(
        store=store.name,
        way=kind.value,
        scope=token.scope,
        can_renew=kind is not Kind.BROWSER or bool(token.refresh_token),
        ends_idle=kind is Kind.BROWSER,
        renewed_at=renewed_at,
        org_id=token.org_id,
        user_id=token.user_id,
        instance_url=token.instance_url,
    )


def _ask_org(cli: Cli, checkup: Checkup, mirror: SqliteMirror) -> None:
    mapping = checkup.config.mapping
    try:
        org, _org_id = connect(cli, checkup.config, mirror)
    except SfsyncError as error:
        checkup.login = replace(checkup.login, trouble=(error.message, error.hint))
        return
    # a person waits for the answer, and nothing is lost by giving up early
    org.connection.patience = Patience(tries=2, seconds=20)
    try:
        # where the reserve is reached, a few calls out of it are needed to find that
        with org.connection.session.finishing():
            checkup.org = read_org_facts(
                org.connection,
                objects_of(mapping),
                custom_fields(mapping),
                user_id=checkup.login.user_id,
                now=clock.local_now,
                channel=checkup.wanted.channel.name if checkup.wanted.channel else "",
            )
    except SfsyncError as error:
        checkup.org = OrgFacts(trouble=(error.message, error.hint))
    checkup.calls = org.usage().api_calls


# -- this machine ----------------------------------------------------------------------------------
def _machine(config: Config, mirror: SqliteMirror, files: tuple[FileFacts, ...]) -> MachineFacts:
    import sqlite3

    version = sqlite3.sqlite_version_info
    try:
        damage = mirror.diagnostics.damage()
        if damage:
            return MachineFacts(version, files=files, damage=damage)
        lock = None
        holder = mirror.diagnostics.lock_holder()
        if holder:
            run_id, since = holder
            lock = (run_id, _time(since) or clock.local_now())
        kept = {name: mirror.state.facts(name) for name in objects_of(config.mapping)}
        return MachineFacts(
            sqlite=version,
            journal=mirror.diagnostics.journal_mode(),
            files=files,
            lock=lock,
            has_extra=has_extra(),
            last_good_run=_time(mirror.runs.last_good()),
            usual_calls=mirror.diagnostics.usual_calls(),
            paused_since=mirror.state.note("paused"),
            remembered={name: facts for name, facts in kept.items() if facts is not None},
            widest={
                (name, column): longest
                for name in config.mapping.objects
                for column, longest in mirror.diagnostics.widest(name).items()
            },
        )
    except MirrorError as error:
        return MachineFacts(version, files=files, trouble=(error.message, error.hint))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _restricted(
    checkup: Checkup, mirror: SqliteMirror
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """What the mirror holds in columns that are tied to a restricted picklist."""
    values: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, object_map in checkup.config.mapping.objects.items():
        facts = checkup.org.objects.get(object_map.sobject)
        if facts is None:  # the org was not asked, or hides the object
            continue
        for field_map in object_map.fields:
            field_facts = facts.fields.get(field_map.remote)
            if field_facts is None or not field_facts.restricted:
                continue
            if field_map.pushes and field_map.type.traits.choices is not None:
                values[name, field_map.column] = mirror.diagnostics.distinct(name, field_map.column)
    return values


def _files(cli: Cli, config: Config) -> Iterator[FileFacts]:
    """The configuration, the mirror with what lies beside it, and the key."""
    yield from _file(config.source, secret=False, roots=True)
    path = config.mirror_path
    yield from _file(path.parent, secret=False, roots=True)
    for beside in ("", "-journal", "-wal", "-shm", ".lock", ".login.lock"):
        yield from _file(path.with_name(path.name + beside), secret=True)
    yield from _file(usual_key_file(cli.environ), secret=True)
    for name in ("SFSYNC_TOKEN_KEY_FILE", "SFSYNC_CLIENT_SECRET_FILE"):
        if cli.environ.get(name):
            yield from _file(Path(cli.environ[name]).expanduser(), secret=True)


def _file(path: Path, *, secret: bool, roots: bool = False) -> Iterator[FileFacts]:
    """One file's facts; nothing where there is none.

    Args:
        roots: root may own it as well as this user.

    A folder with the sticky bit, as ``/tmp``, may be written by everybody and yet protects what is
    in it.
    """
    try:
        status = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode) and mode & stat.S_ISVTX:
        mode &= ~0o022
    is_mine = status.st_uid == os.geteuid() or (roots and status.st_uid == 0)
    is_handed_over = secret and stat.S_ISREG(status.st_mode) and may_be_used(path, status)
    yield FileFacts(str(path), mode & 0o777, is_mine, secret, is_handed_over)


# -- repairs ---------------------------------------------------------------------------------------
def repair(cli: Cli, checkup: Checkup, mirror: SqliteMirror | None, *, dry_run: bool) -> list[str]:
    """Mend what is sfsync's own: modes of files, and what the mirror remembers of the org.

    ``checkup`` is as after the repair then, so that what was mended is no finding.

    Returns:
        What was done, or would be, in sentences.
    """
    done = _close_files(checkup, dry_run=dry_run)
    if mirror is not None:
        done += _note_org(cli, checkup, mirror, dry_run=dry_run)
    return done


def _close_files(checkup: Checkup, *, dry_run: bool) -> list[str]:
    """Take from others what they may do with files that should be this user's alone."""
    done = []
    files = []
    for file in checkup.machine.files:
        if not file.is_mine or not file.surplus:
            files.append(file)
            continue
        closed = replace(file, mode=file.mode & ~file.surplus)
        if not dry_run:
            path = Path(file.path)
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~file.surplus)
        files.append(file if dry_run else closed)
        done.append(f"closed {file.path} to others: {file.mode:04o} is now {closed.mode:04o}")
    checkup.machine = replace(checkup.machine, files=tuple(files))
    return done


def _note_org(cli: Cli, checkup: Checkup, mirror: SqliteMirror, *, dry_run: bool) -> list[str]:
    """Keep what objects are like in the org now, where the mirror remembers otherwise."""
    remembered = checkup.machine.remembered
    stale = {
        name: facts
        for name, facts in checkup.org.objects.items()
        if name in remembered and changes(remembered[name], facts)
    }
    if stale and not dry_run:
        try:
            with mirror.lock(clock.new_run_id(), cli.command):
                for facts in stale.values():
                    mirror.state.keep_facts(facts)
        except MirrorBusy as busy:
            cli.inform(f"not noted: {busy.message}", style="yellow")
            return []
        checkup.machine = replace(checkup.machine, remembered={**remembered, **stale})
    return [f"noted what {name} is like in the org now" for name in stale]
