"""Commands that a message names, with the options that say which mirror they are about."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

COMMANDS = (
    "apply", "changes", "config check", "config datasette", "config path", "config show", "conflicts", "consent", "diff", "doctor",
    "explain", "history", "import", "init", "listen", "login", "logout", "notify test", "org check", "org setup", "pause",
    "profile add", "profile list", "profile remove", "profile use", "pull", "purge", "push", "push-activity",
    "quarantine", "report", "resume", "retry", "schedule", "status", "sync", "undo", "verify", "webhook endpoints",
    "webhook replay", "webhook resume", "webhook send", "webhook test", "webhook verify", "whoami",
)  # fmt: skip
"""Every command that works with a configuration. A test holds this against the command line itself."""

WITHOUT_PROFILE = ("init", "profile add", "profile remove", "profile use")
"""They make or name a profile themselves, or know of none."""

_LONGEST_FIRST = sorted(COMMANDS, key=len, reverse=True)
_NAMED = re.compile(rf"\bsfsync ({'|'.join(_LONGEST_FIRST)})(?![\w-])([^`\n,;]*)")


def with_options(text: str, options: Mapping[str, str]) -> str:
    """The text, each command in it with these options, but for those that it names already.

    Args:
        options: ``--profile`` -> its value.

    >>> with_options("see `sfsync status --json`", {"--config": "my org.yaml"})
    "see `sfsync status --config 'my org.yaml' --json`"
    """
    if not options:
        return text
    return _NAMED.sub(lambda found: _completed(found, options), text)


def command_in(text: str) -> str:
    """The first command that a text names, without its options; empty for none.

    >>> command_in("Use `sfsync login --no-browser`, then `sfsync sync`.")
    'sfsync login'
    """
    found = _NAMED.search(text)
    return f"sfsync {found[1]}" if found else ""


def _completed(found: re.Match[str], options: Mapping[str, str]) -> str:
    name, rest = found.groups()
    words = [
        f"{option} {shlex.quote(value)}"
        for option, value in options.items()
        if f"{option} " not in f"{rest} "
        and not (option == "--profile" and name in WITHOUT_PROFILE)
    ]
    return " ".join([f"sfsync {name}", *words]) + rest
