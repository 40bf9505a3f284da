"""The strict part of YAML as plain values, with the position of each.

A document is read more strictly than YAML allows, so that a surprise is a message and never a
setting: only ``true`` and ``false`` are booleans (``on`` and ``no`` are words), numbers are
decimal, dates stay text, no aliases, anchors, tags or merge keys, no key twice, one document of
UTF-8. Every mistake is reported at once, each with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from sfsync.document.problems import Path, Position, Positions, Problems, shown
from sfsync.errors import ConfigError

MAX_DEPTH: Final = 20
"""Mappings and lists in one another; deeper than any configuration, far from Python's limit."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?<=[0-9])\.)?(?:(?<=[0-9.])[eE][-+]?[0-9]+)?"
)
_LONGEST_NUMBER: Final = 40
"""Characters. Longer digits are text: an id, or something that would be slow to convert."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})


def decoded(data: bytes, name: str) -> str:
    """The file's text.

    Args:
        name: of the file, for messages.

    Raises:
        ConfigError: it is not UTF-8 text; the message has the position.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unreadable(name, (1, 1), "this is UTF-16; save the file as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        position = _end_of(data[: error.start].decode("utf-8", "replace"))
        sentence = "this is not UTF-8; save the file as UTF-8"
        raise _unreadable(name, position, sentence) from error
    control = _CONTROL.search(text)
    if control:
        sentence = f"control character U+{ord(control.group()):04X}; is this a text file?"
        raise _unreadable(name, _end_of(text[: control.start()]), sentence)
    return text


def parse_yaml(text: str, name: str) -> tuple[dict[str, Any], Problems]:
    """One YAML mapping as plain values, and its mistakes so far, which know all positions.

    Args:
        name: of the file, for messages.

    Raises:
        ConfigError: a mistake after which the rest cannot be read for what it means.
    """
    builder = _Builder(name)
    try:
        document = builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        position = _start(error.problem_mark or error.context_mark)
        raise _unreadable(name, position, _syntax(error, text)) from error
    except yaml.YAMLError as error:
        raise _unreadable(name, (1, 1), " ".join(str(error).split())) from error
    if builder.is_broken:
        builder.problems.raise_if_any(name)
    return document, builder.problems


def _end_of(text: str) -> Position:
    """The position right after this text."""
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def _start(mark: Any) -> Position:
    """PyYAML counts from 0, and has no mark for some errors."""
    if mark is None:
        return (1, 1)
    return (mark.line + 1, mark.column + 1)


def _unreadable(name: str, position: Position, sentence: str) -> ConfigError:
    line = f"{name}:{position[0]}:{position[1]} {sentence}"
    return ConfigError(f"{name} cannot be read as YAML", problems=(line,))


def _syntax(error: yaml.MarkedYAMLError, text: str) -> str:
    start = error.problem_mark.line if error.problem_mark else 0
    line = "".join(text.split("\n")[start : start + 1])  # the mark may lie beyond the last line
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab cannot indent YAML; use blanks"
    problem = error.problem or "this is no YAML"
    if error.context:
        return f"{error.context}, {problem}"
    return problem


class _Builder:
    """Builds plain values from the parser's events, without YAML's construction of objects."""

    def __init__(self, name: str) -> None:
        self._keys: dict[Path, Position] = {}
        self._values: dict[Path, Position] = {}
        self.problems = Problems(Positions(name, self._keys, self._values))
        self.is_broken = False
        self._events: Iterator[Any] = iter(())

    def build(self, events: Iterator[Any]) -> dict[str, Any]:
        """The first document; it has to be a mapping, and the only one."""
        self._events = events
        document: Any = None
        for count, event in enumerate(self._document_starts()):
            if count:
                sentence = "a second document starts here; one file holds one"
                self.problems.at(_start(event.start_mark), sentence)
                break
            document = self._node(next(self._events), ())
        if isinstance(document, dict):
            return document
        found = "the file is empty" if document is None else f"found {shown(document)}"
        self.problems.at((1, 1), f"{found}; expected the keys org, mirror, objects …")
        self.is_broken = True
        return {}

    def _document_starts(self) -> Iterator[Any]:
        return (event for event in self._events if isinstance(event, yaml.DocumentStartEvent))

    def _node(self, event: Any, path: Path) -> Any:
        position = _start(event.start_mark)
        self._values.setdefault(path, position)
        if isinstance(event, yaml.AliasEvent):
            sentence = f"*{event.anchor}: aliases are not read; write the value itself"
            self.problems.at(position, sentence)
            self.is_broken = True
            return None
        if event.anchor is not None:
            self.problems.at(position, f"&{event.anchor}: anchors are not read")
        if _has_tag(event):
            self.problems.at(position, f"{event.tag}: tags are not read")
        if len(path) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return _scalar(event)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            position = _start(event.start_mark)
            where = (*path, key)
            if key in entries:
                self._report_twice(key, position, self._keys[where])
                # Read on under a path that no key can have: the first entry's positions stay.
                where = (*path, f"{key}\0{position}")
            self._keys[where] = position
            value = self._node(next(self._events), where)
            entries.setdefault(key, value)
        return entries

    def _report_twice(self, key: str, position: Position, first: Position) -> None:
        sentence = f"{key}: stands here twice, first in line {first[0]}, column {first[1]}"
        self.problems.at(position, sentence)

    def _key(self, event: Any, path: Path) -> str:
        position = _start(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            self.problems.at(position, "a key has to be a word")
            self.is_broken = True
            # Its events have to be taken in, or what follows would be read as part of it.
            self._node(event, (*path, f"\0{position}"))
            return f"\0{position}"
        if event.anchor is not None or _has_tag(event):
            self.problems.at(position, "anchors and tags are not read")
        if event.value == "<<" and not event.style:
            sentence = "<<: merge keys are not read; write the values themselves"
            self.problems.at(position, sentence)
            self.is_broken = True
        elif not isinstance(_scalar(event), str):
            sentence = f"{event.value or 'nothing'}: a key has to be a word; put it in quotes"
            self.problems.at(position, sentence)
            self.is_broken = True
        return str(event.value)


def _has_tag(event: Any) -> bool:
    """``!`` alone only says that a value is text, as quotes do."""
    return event.tag is not None and event.tag != "!"


def _scalar(event: Any) -> Any:
    """A scalar by the JSON schema of YAML 1.2: what looks like anything else is text."""
    value: str = event.value
    if event.style:  # quoted, or a block of text
        return value
    if value in _NULLS:
        return None
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    return _number(value)


def _number(value: str) -> int | float | str:
    """The number that a plain word is; the word itself where it is none."""
    if len(value) > _LONGEST_NUMBER:
        return value
    if _INTEGER.fullmatch(value):
        return int(value)
    # Every part of the pattern may be missing, so it also takes "" and "-": those are words.
    if any(digit in value for digit in "0123456789") and _FLOAT.fullmatch(value):
        return float(value)
    return value
