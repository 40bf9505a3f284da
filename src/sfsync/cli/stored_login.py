"""The profile's login: where it is kept, how it is renewed, how long it has been idle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfsync.cli import clock
from sfsync.cli.invocation import Cli
from sfsync.config.profiles import DEFAULT_PROFILE
from sfsync.config.sections import Config
from sfsync.errors import ConfigError, OrgUnavailable, SfsyncError, TokenStoreError, WrongOrg

if TYPE_CHECKING:
    from sfsync.auth.grants import Grants
    from sfsync.auth.login import Login
    from sfsync.auth.token_store import TokenStore
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.token import Token


TOKEN_STORE = "token_store"  # noqa: S105  the name of a note, not a secret

TOKEN_KEY = "token_key"  # noqa: S105  as above
"""The note that says which key the login was kept with: a fingerprint and a place."""

LOGIN_WAY = "login_way"

LOGIN_RENEWED = "login_renewed_at"

LOGIN_HOST = "login_url"
"""The note that says where the stored login was made."""

RENEW_AFTER_DAYS = 7

IDLE_WARNING_DAYS = 20


def token_store(
    cli: Cli, mirror: SqliteMirror, wanted: str | None = None, *, probe: bool = False
) -> TokenStore:
    """Where the login is kept: as asked for, as remembered, or else the first that works."""
    from sfsync.auth.encrypted_store import EncryptedStore, find_key
    from sfsync.auth.keychain import choose_store
    from sfsync.auth.keyring_store import KeyringStore

    environ = cli.environ

    def database() -> TokenStore | None:
        usual = usual_key_file(environ)
        key = find_key(
            key=environ.get("SFSYNC_TOKEN_KEY"),
            key_file=_path(environ, "SFSYNC_TOKEN_KEY_FILE"),
            credentials_directory=_path(environ, "CREDENTIALS_DIRECTORY"),
            usual_file=usual,
        )
        if key is None:
            if not probe:
                _tell_missing_key(cli, mirror)
            return None
        is_named = "SFSYNC_TOKEN_KEY_FILE" in environ
        if (
            key.where == str(usual)
            and not is_named
            and usual.parent.resolve() == mirror.path.parent.resolve()
        ):
            raise TokenStoreError(
                f"The key file {usual} lies beside the mirror: whoever copies the one has the other",
                hint="Move it to another folder, and name it: SFSYNC_TOKEN_KEY_FILE=FILE.",
            )
        return EncryptedStore(mirror.tokens, key, kept_with=mirror.state.note(TOKEN_KEY))

    chosen = wanted or environ.get("SFSYNC_TOKEN_STORE") or mirror.state.note(TOKEN_STORE) or None
    return choose_store(chosen, keyring=KeyringStore(environ), database=database, probe=probe)


def usual_key_file(environ: Mapping[str, str]) -> Path:
    """Where a key is looked for that nothing names."""
    from sfsync.auth.token_store import KEY_FILE

    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111  a container's user may have none
    usual = Path(home) / ".config"
    own = _path(environ, "XDG_CONFIG_HOME") or usual
    found = own / "sfsync" / KEY_FILE
    return found if found.exists() else usual / "sfsync" / KEY_FILE


def note_key(mirror: SqliteMirror, store: TokenStore) -> None:
    """Remember which key the login is kept with, so that it can be named where it is missing."""
    mirror.state.keep_note(TOKEN_KEY, getattr(store, "key_name", ""))


def _tell_missing_key(cli: Cli, mirror: SqliteMirror) -> None:
    """Stop where a login is there and its key is not: another key would not open it.

    Raises:
        TokenStoreError: so it is.
    """
    if mirror.tokens.read(login_name(cli, mirror)) is None:
        return
    kept_with = mirror.state.note(TOKEN_KEY) or "a key that sfsync does not remember"
    raise TokenStoreError(
        f"The login is in the database, and the key to it is not to be found: {kept_with}",
        hint="Name its file again: SFSYNC_TOKEN_KEY_FILE=FILE. If it is lost, `sfsync login` makes a new login.",
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def login(cli: Cli, config: Config, mirror: SqliteMirror, store: TokenStore) -> Login:
    """The profile's login: to be made, asked about, renewed in the way it was made, or ended."""
    from sfsync.auth.login import Login
    from sfsync.auth.unattended import Way, renewal

    grants = app_grants(cli, config)
    lock = mirror.path.with_name(mirror.path.name + ".login.lock")
    way = Way.from_note(mirror.state.note(LOGIN_WAY))
    return Login(
        grants, store, login_name(cli, mirror), lock, expected_org=mirror.state.pinned_org(),
        renew=renewal(way, grants, clock.local_now),
        kept=partial(_note_renewal, mirror, store, config.org.login_url),
    )  # fmt: skip


def app_grants(cli: Cli, config: Config) -> Grants:
    """The app at its login host, with its secret where it has one.

    Raises:
        ConfigError: the certificates that a variable names are not there.
    """
    from sfsync.auth.grants import Grants
    from sfsync.auth.hosts import is_loopback
    from sfsync.auth.unattended import client_secret

    if not is_loopback(config.org.login_url):
        refuse_missing_bundle(cli.environ)
    return Grants(
        config.org.login_url, config.org.client_id, client_secret=client_secret(cli.environ)
    )


def refuse_missing_bundle(environ: Mapping[str, str]) -> None:
    """Stop where a variable names certificates that are not there: no call could be made.

    Raises:
        ConfigError: it does.
    """
    from sfsync.model.network_settings import missing_bundle

    missing = missing_bundle(environ, lambda path: Path(path).exists())
    if missing is not None:
        raise ConfigError(
            f"${missing.variable} names {missing.value}, which is not there",
            hint="Correct the variable, or unset it: then the usual certificates count.",
        )


def _note_renewal(mirror: SqliteMirror, store: TokenStore, login_url: str, _token: Token) -> None:
    """Note the time of a renewal, and who gave it.

    It only informs: a busy mirror must not end a working login.
    """
    with suppress(SfsyncError):
        mirror.state.keep_note(LOGIN_RENEWED, clock.now())
        mirror.state.keep_note(LOGIN_HOST, login_url)
        note_key(mirror, store)


def refuse_other_host(config: Config, mirror: SqliteMirror) -> None:
    """Stop where the configuration names another login host than the one that the login came from.

    Whoever changes the address means another org; and a login is shown to no other host.

    Raises:
        WrongOrg: it does.
    """
    made_at = mirror.state.note(LOGIN_HOST)
    if made_at and made_at != config.org.login_url:
        raise WrongOrg(
            f"the stored login was made at {made_at}, and org.login_url is {config.org.login_url}:"
            " nothing was read or written",
            hint="`sfsync login` logs in there; another org takes a profile of its own.",
        )


def idle_days(mirror: SqliteMirror) -> int | None:
    """Days since the login was made or renewed; ``None`` where there is none or it is unknown."""
    renewed_at = mirror.state.note(LOGIN_RENEWED)
    if not renewed_at:
        return None
    try:
        return (clock.local_now() - datetime.fromisoformat(renewed_at)).days
    except (ValueError, TypeError):  # edited by hand: no time, or one without a zone
        return None


def login_facts(mirror: SqliteMirror) -> tuple[dict[str, Any], list[str]]:
    """How the login was made and when it was last renewed, for JSON; warnings where it may end.

    Asks nobody but the mirror.
    """
    from sfsync.auth.unattended import Kind, Way

    kind = Way.from_note(mirror.state.note(LOGIN_WAY)).kind
    days = idle_days(mirror)
    facts = {
        "login": kind.value,
        "login_renewed_at": mirror.state.note(LOGIN_RENEWED) or None,
        "login_idle_days": days,
    }
    if kind is not Kind.BROWSER:  # made anew at each renewal: it never ends for idleness
        return facts, []
    if days is None or days < IDLE_WARNING_DAYS:
        return facts, []
    warning = (
        f"the login was last renewed {days} days ago; unused for 30 days it may end:"
        " `sfsync whoami` renews it"
    )
    return facts, [warning]


def live_token(held: Login, mirror: SqliteMirror) -> Token:
    """The stored login's token, renewed beforehand where it has not been for a week.

    A session that is always in use is never refused, so its refresh token would never be used, and
    would end for idleness after 30 days in the middle of a healthy schedule.

    Raises:
        AuthError: there is no working login.

    Source: docs/salesforce.md §1.5 (sliding idle limit of refresh tokens; use extends a session).
    """
    token = held.current()
    if not token.refresh_token or (idle_days(mirror) or 0) < RENEW_AFTER_DAYS:
        return token
    try:
        return held.refresher().fresh(token.access_token)
    except OrgUnavailable:  # the renewal did not arrive or did not count: the session still holds
        return token


def login_name(cli: Cli, mirror: SqliteMirror) -> str:
    """The key that the login is kept under; two projects with the same profile have two."""
    return f"{cli.profile or DEFAULT_PROFILE}:{mirror.state.mirror_key}"
