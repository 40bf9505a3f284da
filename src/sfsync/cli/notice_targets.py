"""Who is told of trouble, by the configuration: each target with how it is told."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from sfsync.cli.invocation import Cli
    from sfsync.config.notify import Address, NotifySettings, SecretPlaces
    from sfsync.model.notice import Notice
    from sfsync.outgoing.notifiers import Send

PING: Final = "ping"

_PRIVATE: Final = ("SFSYNC_TOKEN_KEY", "SFSYNC_CLIENT_SECRET")
"""What a program of the operator's has no use for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who is told, and where it is remembered."""

    settings: NotifySettings
    mirror_path: Path
    source: Path


def place_of(cli: Cli) -> Place | None:
    """What the configuration says of this, also where other sections of it have mistakes."""
    config = cli.settings
    if config is None and isinstance(cli.outcome, UsageError):
        return None  # a profile that nobody knows has no place
    if config is not None:
        return Place(config.notify, config.mirror_path, config.source)
    from sfsync.cli.wiring import configuration_file
    from sfsync.config.file import read_document
    from sfsync.config.notify import notify_alone
    from sfsync.config.profiles import chosen_profile

    try:
        source = configuration_file(cli)
        document, _ = read_document(source)
        cli.profile = cli.profile or chosen_profile(source)
    except SfsyncError:
        return None
    found = notify_alone(document, source, cli.environ, cli.profile)
    return None if found is None else Place(*found, source)


def senders_of(cli: Cli, place: Place) -> dict[str, Send]:
    """Target -> how it is told."""
    from sfsync import __version__
    from sfsync.outgoing import notifiers

    settings, agent = place.settings, f"sfsync/{__version__}"
    found: dict[str, Send] = {}
    if settings.webhook:
        found["webhook"] = _over_http(
            cli, place, "webhook", partial(notifiers.webhook, agent=agent)
        )
    if settings.ping:
        found[PING] = _over_http(cli, place, PING, partial(notifiers.ping, agent=agent))
    if settings.command:
        environ = {name: value for name, value in cli.environ.items() if name not in _PRIVATE}
        reason = _reason_to_run_nothing(place.source)
        found["command"] = (
            _troubled(reason) if reason else notifiers.command(settings.command, environ)
        )
    return found | _apprise(cli, place)


def _reason_to_run_nothing(source: Path) -> str:
    """Whether a program that a configuration names is not run: somebody else may have put it there."""
    found = source.stat()
    if found.st_uid not in (os.geteuid(), 0):
        return f"{source.name} belongs to somebody else, so no program of it is run"
    if found.st_mode & stat.S_IWOTH:
        return f"everybody may write {source.name}, so no program of it is run: chmod o-w"
    return ""


def _over_http(cli: Cli, place: Place, name: str, teller: Callable[[str], Send]) -> Send:
    """How the address that is meant is told; where that cannot be had, the trouble that it is."""
    from sfsync.config.notify import reason_against

    address: Address = getattr(place.settings, name)
    if address.url:
        return teller(address.url)
    try:
        url, *more = _secrets(cli, place, name, address.places)
    except SfsyncError as error:
        return _troubled(error.message.removeprefix(f"notify.{name}: "))
    reason = "more than one address is named" if more else reason_against(url)
    return _troubled(reason) if reason else teller(url)


def _troubled(trouble: str) -> Send:
    return lambda _notice: trouble


def _secrets(cli: Cli, place: Place, name: str, places: SecretPlaces) -> list[str]:
    """What is kept there.

    Raises:
        ConfigError: it cannot be had.
    """
    from sfsync.cli.webhook_secrets import secrets_of

    return list(secrets_of(f"notify.{name}", places, cli.environ, place.source.parent))


def _apprise(cli: Cli, place: Place) -> dict[str, Send]:
    """Each address is a target of its own: what one has taken is not sent to it again for another."""
    from sfsync.outgoing.notifiers import apprise

    where = place.settings.apprise
    if not where.names_a_secret:
        return {}
    try:
        texts = _secrets(cli, place, "apprise", where)
    except SfsyncError as error:
        return {"apprise": _troubled(error.message.removeprefix("notify.apprise: "))}
    lines = [line.strip() for text in texts for line in text.splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        return {"apprise": _troubled("there is no address in it")}
    return {
        "apprise" if number == 1 else f"apprise-{number}": apprise(url)
        for number, url in enumerate(urls, start=1)
    }


def only_ping(settings: NotifySettings) -> NotifySettings:
    """The same with no target but the ping."""
    from sfsync.config.notify import NotifySettings

    return NotifySettings(ping=settings.ping)


def blank_notice(cli: Cli, place: Place, at: str) -> Notice:
    """A notice that says who and where, and nothing yet of what."""
    import socket

    from sfsync.model.notice import Notice

    return Notice(
        f"notice-{secrets.token_hex(8)}",
        at,
        (),
        "ok",
        cli.command,
        0,
        "",
        run_id=cli.run_id or "",
        profile=cli.profile or "",
        host=socket.gethostname(),
        config=str(place.source.absolute()),
    )
