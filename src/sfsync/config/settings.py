"""Every setting that counts, and where it came from: what ``sfsync config show`` tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from sfsync.config.environment import variables_in
from sfsync.config.file import read_document
from sfsync.config.limits import written_limits
from sfsync.config.sections import Config
from sfsync.document.problems import Path, Positions
from sfsync.model.limits import Limits

_READ_BY_NAME: Final = frozenset({"org", "mirror", "profiles", "limits"})
"""Sections that are shown with defaults and profiles; the others are shown as they stand."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that counts, and where it came from.

    Attributes:
        key: ``org.login_url``.
        line: of the file; 0 where it is a default.
        profile: whose section it stands in; empty for the top of the file.
        variables: what the value was put together from.
    """

    key: str
    value: Any
    line: int = 0
    profile: str = ""
    variables: tuple[str, ...] = ()


def settings(config: Config) -> list[Setting]:
    """Every value that counts for this profile, in the order of the file's sections.

    Args:
        config: as it was loaded, without a mistake.
    """
    document, problems = read_document(config.source)
    positions = problems.positions
    limits = document.get("limits", {})
    rest = {key: value for key, value in document.items() if key not in _READ_BY_NAME}
    return [
        *_org_and_mirror(config, document, positions),
        *_stated({**rest, "limits": limits}, positions),
        *_default_limits(limits),
    ]


def _org_and_mirror(
    config: Config, document: dict[str, Any], positions: Positions
) -> Iterator[Setting]:
    """Their effective values, stated or not, and which of the two possible places states each."""
    effective: dict[Path, Any] = {
        ("org", field.name): _listed(getattr(config.org, field.name))
        for field in fields(config.org)
    }
    effective["mirror", "path"] = str(config.mirror_path)
    for path, value in effective.items():
        key = _dotted(path)
        in_profile = ("profiles", config.profile, *path)
        own, top = _at(document, in_profile), _at(document, path)
        if own is not None:
            line = positions.of(in_profile)[0]
            yield Setting(key, value, line, config.profile, variables_in(own))
        elif top is not None:
            yield Setting(key, value, positions.of(path)[0], variables=variables_in(top))
        else:
            yield Setting(key, value)


def _stated(document: dict[str, Any], positions: Positions) -> Iterator[Setting]:
    """What stands in the file, as it stands there."""
    for path, value in _leaves(document):
        line = positions.of(path)[0]
        yield Setting(_dotted(path), value, line, variables=variables_in(value))


def _default_limits(stated: dict[str, Any]) -> Iterator[Setting]:
    for key, value in written_limits(Limits()).items():
        if key not in stated:
            yield Setting(f"limits.{key}", value)


def _listed(value: Any) -> Any:
    """A tuple as the file would have it."""
    return list(value) if isinstance(value, tuple) else value


def _at(document: Any, path: Path) -> Any:
    for step in path:
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _leaves(raw: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything that is no mapping, nor a list of mappings, with its path."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(raw, list) and any(isinstance(one, dict | list) for one in raw):
        for index, value in enumerate(raw):
            yield from _leaves(value, (*path, index))
    else:
        yield path, raw


def _dotted(path: Path) -> str:
    """``("rules", 0, "on")`` as ``rules[0].on``."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".")
