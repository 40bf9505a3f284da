"""A field type is one row of one table, and a row that lacks something cannot be imported."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from sfsync.model import field_types
from sfsync.model.facts import FieldFacts
from sfsync.model.field_types import FieldTraits, FieldType, types_for_describe, types_for_merge
from sfsync.model.merges import GENERAL_MERGES, Merge

SOURCE = Path(field_types.__file__).read_text(encoding="utf-8")
TRAITS = [trait.name for trait in fields(FieldTraits)]


def imported(module: ast.Module) -> None:
    """Run the module's text, as an import of it would."""
    exec(compile(module, "field_types.py", "exec"), {"__name__": field_types.__name__})


def rows(module: ast.Module) -> list[ast.Call]:
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "FieldTraits"]  # fmt: skip


def test_the_table_as_it_stands_is_imported() -> None:
    module = ast.parse(SOURCE)
    assert len(rows(module)) == len(FieldType)
    imported(module)


@pytest.mark.parametrize("row", range(len(FieldType)), ids=list(FieldType))
@pytest.mark.parametrize("trait", TRAITS)
def test_a_row_that_lacks_a_trait_is_not_imported(trait: str, row: int) -> None:
    module = ast.parse(SOURCE)
    lacking = rows(module)[row]
    lacking.keywords = [keyword for keyword in lacking.keywords if keyword.arg != trait]
    with pytest.raises(TypeError, match=trait):
        imported(module)


def test_a_type_without_a_row_is_not_imported() -> None:
    without = SOURCE.replace("    TEXT = (", '    COLOUR = "colour"\n    TEXT = (', 1)
    with pytest.raises(TypeError, match="traits"):
        imported(ast.parse(without))


def test_no_trait_has_a_default() -> None:
    with pytest.raises(TypeError, match=f"{len(TRAITS)} required keyword-only arguments"):
        FieldTraits()  # type: ignore[call-arg]


def test_a_type_is_its_word() -> None:
    assert FieldType("datetime") is FieldType.DATETIME
    assert f"{FieldType.TEXT}" == FieldType.TEXT.value == "text"


@pytest.mark.parametrize("merge", list(Merge))
def test_a_merge_implies_a_type_that_it_suits_or_suits_any(merge: Merge) -> None:
    suited = types_for_merge(merge)
    if merge in GENERAL_MERGES:
        assert suited == ()
        assert not any(merge in kind.traits.merges for kind in FieldType)
    else:
        assert [merge in kind.traits.implied_by for kind in suited] == [True, *[False] * (len(suited) - 1)]  # fmt: skip


@pytest.mark.parametrize("kind", list(FieldType))
def test_a_trait_says_nothing_that_another_denies(kind: FieldType) -> None:
    traits = kind.traits
    assert traits.implied_by <= traits.merges
    assert not traits.made_for & traits.also_holds
    assert not traits.is_time or traits.event_time is not None
    if traits.event_time is not None:
        told = traits.event_time("2026-01-20T10:00:00Z")
        assert traits.converter.canonical(told) == told


def test_a_field_of_the_org_has_a_type_that_suits_it() -> None:
    for kind in FieldType:
        for described in kind.traits.suits:
            assert FieldFacts("X", described).type in types_for_describe(described)[0].traits.suits
    assert types_for_describe("address") == ()
