"""Where in a document something stands, and a collector of mistakes with their positions.

Paths are tuples of keys and list positions: ``("objects", "contact", "fields", "Email", "to")``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias

from sfsync.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the file down."""

Position: TypeAlias = tuple[int, int]
"""Line and column, both counted from 1."""

MOST_PROBLEMS = 100
"""More are counted, not listed: no one reads on."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Line and column of every key and every value of one file.

    Attributes:
        source: the file's name for messages; empty where there is no file.
    """

    source: str = ""
    keys: Mapping[Path, Position] = field(default_factory=dict)
    values: Mapping[Path, Position] = field(default_factory=dict)

    def of(self, path: Path, *, at_key: bool = False) -> Position:
        """Where the value (or the key) stands.

        For a path that is not in the file: its nearest parent's key.
        """
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        if path in first or path in second:
            return first.get(path) or second[path]
        for length in range(len(path) - 1, 0, -1):
            parent = path[:length]
            if parent in self.keys or parent in self.values:
                return self.keys.get(parent) or self.values[parent]
        return (1, 1)


class Problems:
    """Collects mistakes; nothing is raised before all of them are known."""

    def __init__(self, positions: Positions | None = None) -> None:
        self.positions = positions or Positions()
        self._found: dict[tuple[Position, str], None] = {}  # as a set that keeps its order

    def __bool__(self) -> bool:
        return bool(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, path: Path, sentence: str, *, at_key: bool = False, label: str = "") -> None:
        """Keep one mistake, once.

        Args:
            path: what it is about.
            sentence: what was found and what was expected, without the key's name.
            at_key: point to the key rather than to its value.
            label: what to call it, where the path's last key would not do.
        """
        self.at(self.positions.of(path, at_key=at_key), f"{label or label_of(path)}: {sentence}")

    def at(self, position: Position, sentence: str) -> None:
        """Keep one mistake at a place already known, once."""
        self._found[(position, sentence)] = None

    def raise_if_any(self, subject: str) -> None:
        """End the reading here, where there are mistakes.

        Args:
            subject: what has them: ``sfsync.yaml``.

        Raises:
            ConfigError: with every mistake in ``problems``.
        """
        if not self:
            return
        count = "1 mistake" if len(self) == 1 else f"{len(self)} mistakes"
        raise ConfigError(f"{subject} has {count}", problems=self.messages())

    def messages(self) -> tuple[str, ...]:
        """Every mistake as ``sfsync.yaml:14:7 Emial: …``, in the file's order."""
        first = sorted(self._found)[:MOST_PROBLEMS]
        lines = [self._line(position, sentence) for position, sentence in first]
        more = len(self) - len(lines)
        if more:
            lines.append(f"and {more} more")
        return tuple(lines)

    def _line(self, position: Position, sentence: str) -> str:
        if not self.positions.source:
            return sentence
        line, column = position
        return f"{self.positions.source}:{line}:{column} {sentence}"


def label_of(path: Path) -> str:
    """What a person calls this place: its key; for a list's entry, the list's key.

    >>> label_of(("activities", "activity_types", 2))
    'activity_types'
    """
    return next((str(step) for step in reversed(path) if isinstance(step, str)), "the file")


def nearest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """The known name that was probably meant; empty where none is near.

    Args:
        likeness: from 0 to 1, how much alike they have to be.

    >>> nearest("Emial", ["Email", "Phone"])
    'Email'
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[close[0]] if close else ""


def suggestion(name: str, known: Iterable[str], *, most: int = 8) -> str:
    """The end of a sentence about an unknown name: the one that is near, else those there are.

    >>> suggestion("salesforce_win", ["salesforce_wins", "newest"])
    '; did you mean salesforce_wins?'
    >>> suggestion("x", ["newest", "oldest"])
    '; known here: newest, oldest'
    """
    names = list(known)
    near = nearest(name, names)
    if near:
        return f"; did you mean {near}?"
    shown = ", ".join(names[:most])
    return f"; known here: {shown}{' …' if len(names) > most else ''}" if names else ""


def shown(value: object) -> str:
    """A found value for a message, short.

    >>> shown(None), shown(True), shown("a" * 50)
    ('nothing', 'true', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'")
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    text = text[:40] + "…" if len(text) > 40 else text
    return repr(text) if isinstance(value, str) else text
