"""whoami: who is logged in, to which org, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli

if TYPE_CHECKING:
    from rich.console import Console


def whoami(cli: Cli) -> Answer:
    """Show who is logged in, to which org, how, and where the login is kept."""
    from sfsync.cli.stored_login import live_token, login_facts, token_store
    from sfsync.cli.stored_login import login as login_for
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        store = token_store(cli, mirror)
        held = login_for(cli, config, mirror, store)
        live_token(held, mirror)
        who = held.whoami()
        instance = held.current().instance_url
        facts, warnings = login_facts(mirror)
    data: dict[str, Any] = {
        "username": who.username,
        "display_name": who.display_name,
        "user_id": who.user_id,
        "org_id": who.org_id,
        "instance_url": instance,
        "token_store": store.name,
        **facts,
    }

    def show(console: Console) -> None:
        console.print(f"{who.display_name} <{who.username}>")
        console.print(
            f"org {who.org_id} at {instance}; login kept in the {store.name}", soft_wrap=True
        )
        console.print(told_login(facts))

    return Answer(data, show, warnings=warnings)


def told_login(facts: dict[str, Any]) -> str:
    """How the login was made and when it was last renewed, in a sentence.

    >>> told_login({"login": "jwt", "login_renewed_at": "2026-01-20T10:00:00Z", "login_idle_days": 1})
    'login by a signed key, last renewed 1 day ago'
    """
    how = {
        "browser": "in the browser",
        "jwt": "by a signed key",
        "client-credentials": "by the app's secret",
    }
    days = facts["login_idle_days"]
    when = {None: "", 0: ", last renewed today", 1: ", last renewed 1 day ago"}
    return f"login {how[facts['login']]}{when.get(days, f', last renewed {days} days ago')}"
