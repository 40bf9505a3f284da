"""What a shell completes where an option or an argument takes a value: names and numbers, never people's data.

Called while a person types: from the configuration and the mirror alone, and silent where these cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sfsync.errors import SfsyncError

if TYPE_CHECKING:
    from sfsync.cli.invocation import Cli
    from sfsync.config.sections import Config

Suggestions = list[str | tuple[str, str]]


def profiles(context: typer.Context) -> Suggestions:
    """The profiles of this configuration."""
    from sfsync.cli.profile_list import profile_names

    return _looked_up(context, profile_names)


def objects(context: typer.Context) -> Suggestions:
    """The objects that the configuration maps."""
    return _looked_up(context, lambda _cli, config: config.mapping.objects)


def endpoints(context: typer.Context) -> Suggestions:
    """The endpoints that webhooks go to."""
    return _looked_up(context, lambda _cli, config: config.webhooks.endpoints)


def runs(context: typer.Context) -> Suggestions:
    """The latest runs."""
    from sfsync.mirror.suggestions import run_ids

    return ["last", *_looked_up(context, lambda _cli, config: run_ids(config.mirror_path))]


def open_conflicts(context: typer.Context) -> Suggestions:
    """The conflicts that wait for a person."""
    from sfsync.mirror.suggestions import conflict_ids

    return _looked_up(context, lambda _cli, config: conflict_ids(config.mirror_path))


def quarantined(context: typer.Context) -> Suggestions:
    """What is open in quarantine."""
    from sfsync.mirror.suggestions import quarantine_ids

    return _looked_up(context, lambda _cli, config: quarantine_ids(config.mirror_path))


def sides() -> Suggestions:
    """The two sides of a conflict."""
    return ["local", "remote"]


def event_types() -> Suggestions:
    """The kinds of email event."""
    from sfsync.model.event import EventType

    return [each.value for each in EventType]


def sources() -> Suggestions:
    """The email services that are understood."""
    from sfsync.intake.sources.registry import SOURCES

    return list(SOURCES)


def token_stores() -> Suggestions:
    """Where a login may be kept."""
    return ["keyring", "database"]


def _looked_up(context: typer.Context, find: Callable[[Cli, Config], Iterable[Any]]) -> Suggestions:
    """What is found in the configuration that the line names so far; nothing where there is none."""
    from sfsync.cli.invocation import Cli
    from sfsync.cli.wiring import configuration_file
    from sfsync.config.file import load_config

    named = context.params.get("config")
    cli = Cli("", config=Path(named) if named else None, profile=context.params.get("profile"))
    try:
        config = load_config(configuration_file(cli), cli.environ, cli.profile)
        return list(find(cli, config))
    except (SfsyncError, OSError):
        return []
