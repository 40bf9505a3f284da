"""An object is one entry of one registry, and an entry that lacks something cannot be imported."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from sfsync.mirror import migration_steps
from sfsync.model import objects
from sfsync.model.mapping import MissingPerson
from sfsync.model.objects import BY_SOBJECT, OBJECTS, ObjectKind

SOURCE = Path(objects.__file__).read_text(encoding="utf-8")


def imported(module: ast.Module) -> None:
    """Run the module's text, as an import of it would."""
    exec(compile(module, "objects.py", "exec"), {"__name__": objects.__name__})


def entries(module: ast.Module) -> list[ast.Call]:
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "ObjectKind"]  # fmt: skip


def test_the_registry_as_it_stands_is_imported() -> None:
    module = ast.parse(SOURCE)
    assert len(entries(module)) == len(OBJECTS) == len(BY_SOBJECT)
    imported(module)


@pytest.mark.parametrize("attribute", [each.name for each in fields(ObjectKind)])
def test_an_entry_that_lacks_something_is_not_imported(attribute: str) -> None:
    for index in range(len(OBJECTS)):
        module = ast.parse(SOURCE)
        lacking = entries(module)[index]
        lacking.keywords = [each for each in lacking.keywords if each.arg != attribute]
        with pytest.raises(TypeError, match=attribute):
            imported(module)


def test_a_parent_goes_before_those_that_are_linked_to_it() -> None:
    order = [kind.sobject for kind in OBJECTS.values()]
    for kind in OBJECTS.values():
        assert not kind.parent or order.index(kind.parent) < order.index(kind.sobject)


def test_of_people_the_one_that_another_becomes_is_searched_first() -> None:
    order = list(OBJECTS)
    for kind in OBJECTS.values():
        if kind.conversion is not None:
            assert order.index(kind.conversion.object) < order.index(kind.name)
            assert OBJECTS[kind.conversion.object].is_people is kind.is_people


def test_only_people_are_made_where_a_person_is_missing() -> None:
    made = [policy.creates for policy in MissingPerson if policy.creates]
    assert made == [name for name, kind in OBJECTS.items() if kind.is_people]


def test_all_people_can_be_in_segments() -> None:
    schema = Path(migration_steps.__file__).read_text(encoding="utf-8")
    for name, kind in OBJECTS.items():
        assert (f"_segments_of_{name} ON contact_segments ({name}_id)" in schema) is kind.is_people
