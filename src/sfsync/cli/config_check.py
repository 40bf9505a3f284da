"""config check: every mistake in the configuration, of every profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.variables import strange_variables
from sfsync.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


def check_config(cli: Cli) -> Answer:
    """Read the whole configuration, every profile's too, and tell every mistake with its place.

    Asks no org: `sfsync org check` holds it against one.

    Examples:
      sfsync config check
    """
    from sfsync.cli.wiring import configuration
    from sfsync.config.file import load_config

    config = configuration(cli)
    problems: list[str] = []
    for name in config.profiles:
        try:
            load_config(config.source, cli.environ, name)
        except ConfigError as error:
            messages = error.problems or (error.message,)
            problems += [f"profile {name}: {message}" for message in messages]
    if problems:
        raise ConfigError(
            f"{config.source} does not hold for every profile", problems=tuple(problems)
        )
    objects = {name: len(object_map.fields) for name, object_map in config.mapping.objects.items()}
    data = {
        "path": str(config.source),
        "objects": objects,
        "profiles": ["default", *config.profiles],
    }

    def show(console: Console) -> None:
        counts = ", ".join(f"{name} with {count} fields" for name, count in objects.items())
        profiles = ", ".join(data["profiles"])
        console.print(f"{config.source} is right: {counts}; profiles: {profiles}.", soft_wrap=True)

    return Answer(data, show, warnings=tuple(strange_variables(cli)))
