"""logout: end the login at Salesforce and forget it here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.invocation import Cli

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror


def logout(cli: Cli) -> Answer:
    """End the login at Salesforce and forget it here."""
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        revoked = end_login(cli, config, mirror)
    warnings: tuple[str, ...] = ()
    if not revoked:
        warnings = ("Salesforce could not be asked: the login may live on there until it expires",)
    return Answer(
        {"revoked": revoked},
        lambda console: console.print("Logged out."),
        exit_code=0 if revoked else PARTIAL,
        warnings=warnings,
    )


def end_login(cli: Cli, config: Config, mirror: SqliteMirror) -> bool:
    """End the profile's login and forget how it was made; returns whether Salesforce confirmed.

    Raises:
        NotLoggedIn: there is none.
    """
    from dataclasses import replace

    from sfsync.cli.stored_login import LOGIN_HOST, LOGIN_RENEWED, LOGIN_WAY, token_store
    from sfsync.cli.stored_login import login as login_for

    # a login is ended where it was made, whatever the configuration says by now
    made_at = mirror.state.note(LOGIN_HOST) or config.org.login_url
    there = replace(config, org=replace(config.org, login_url=made_at))
    revoked = login_for(cli, there, mirror, token_store(cli, mirror)).logout()
    for note in (LOGIN_WAY, LOGIN_RENEWED, LOGIN_HOST):
        mirror.state.keep_note(note, "")
    return revoked
