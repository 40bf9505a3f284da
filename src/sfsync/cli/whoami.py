"""whoami: who is logged in, to which org, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli

if TYPE_CHECKING:
    from rich.console import Console


def whoami(cli: Cli) -> Answer:
    """Show who is logged in, to which org, how, and where the login is kept."""
    from sfsync.cli.stored_login import live_token, login_facts, refuse_other_host, token_store
    from sfsync.cli.stored_login import login as login_for
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        refuse_other_host(config, mirror)
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
        console.print(login_sentence(facts))

    return Answer(data, show, warnings=tuple(warnings))


def login_sentence(facts: Mapping[str, Any]) -> str:
    """How the login was made and when it was last renewed, in a sentence.

    Args:
        facts: as ``stored_login.login_facts`` returns them.

    >>> login_sentence({"login": "jwt", "login_idle_days": 1})
    'login by a signed key, last renewed 1 day ago'
    """
    sentence = f"login {_WAYS[facts['login']]}"
    days = facts["login_idle_days"]
    if days is None:
        return sentence
    if days == 0:
        return f"{sentence}, last renewed today"
    if days == 1:
        return f"{sentence}, last renewed 1 day ago"
    return f"{sentence}, last renewed {days} days ago"


_WAYS = {
    "browser": "in the browser",
    "jwt": "by a signed key",
    "client-credentials": "by the app's secret",
}
