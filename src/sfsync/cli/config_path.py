"""config path: which configuration file is read."""

from __future__ import annotations

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli


def config_path(cli: Cli) -> Answer:
    """Show which configuration file is read.

    Examples:
      sfsync config path
    """
    from sfsync.cli.wiring import configuration_file

    found = configuration_file(cli)
    return Answer({"path": str(found)}, lambda console: console.print(str(found), soft_wrap=True))
