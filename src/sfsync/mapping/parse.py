"""The configuration's sections on data, as plain values -> ``SyncMapping``; every mistake at once, with its place.

YAML and files are ``config``'s business: here a document is dicts, lists and scalars, and
``Positions`` knows the lines. ``shapes`` says what a section looks like, the ``parse_*`` modules
what its entries mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sfsync.document.problems import Positions, Problems
from sfsync.mapping.parse_activities import read_activities
from sfsync.mapping.parse_objects import object_drafts
from sfsync.mapping.parse_rules import rule_shapes, sync_rules
from sfsync.model.mapping import (
    ActivityMap,
    SyncMapping,
)

SECTIONS: Final = ("objects", "activities", "sync_rules")
"""The top-level keys read here; ``org``, ``mirror`` and ``limits`` are ``config``'s."""


def parse_mapping(document: Mapping[str, Any], positions: Positions | None = None) -> SyncMapping:
    """Make a mapping of the sections ``objects``, ``activities`` and ``sync_rules``.

    Args:
        document: plain values; other keys are not looked at.
        positions: where in the file each key and value stands.

    Raises:
        ConfigError: with every mistake in ``problems``.
    """
    problems = Problems(positions)
    mapping = read_mapping(document, problems)
    problems.raise_if_any("the mapping")
    return mapping


def read_mapping(document: Mapping[str, Any], problems: Problems) -> SyncMapping:
    """``parse_mapping`` for a caller with mistakes of its own; worth something only while there are none."""
    rules = rule_shapes(document, problems)
    drafts = object_drafts(document, rules, problems)
    activities = read_activities(document, drafts, problems)
    objects = {name: draft.map for name, draft in drafts.items() if draft.map}
    parsed = {
        name: sync_rules(name, shape, drafts[name], activities, problems)
        for name, shape in rules.items()
        if name in drafts
    }
    return SyncMapping(objects, activities or ActivityMap(types=()), parsed)
