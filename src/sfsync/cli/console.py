"""The console that commands print on: a command that a sentence of ours names in backquotes is the one to type.

Only plain sentences are looked at; people's data is printed as ``rich.text.Text``, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rich.console import Console

_IN_BACKQUOTES = re.compile(r"`sfsync [^`\n]+`")


class NamingConsole(Console):
    """A console that names commands with the options of the one that prints.

    Args:
        as_called: the text with these options.
    """

    def __init__(self, as_called: Callable[[str], str], **options: Any) -> None:
        super().__init__(**options)
        self._as_called = as_called

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does."""
        super().print(*map(self._named, objects), **options)

    def _named(self, thing: Any) -> Any:
        if not isinstance(thing, str):
            return thing
        return _IN_BACKQUOTES.sub(lambda found: self._as_called(found[0]), thing)
