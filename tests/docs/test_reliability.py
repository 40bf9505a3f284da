"""The page that says what is tried names tests that there are."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_/]+\.py)::(\w+)`", PAGE)))


@cache
def defined_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_the_page_names_is_there(file: str, name: str) -> None:
    assert name in defined_in(file)


def test_every_row_of_trouble_names_a_test() -> None:
    tables = re.findall(r"(?m)^\|.*test \|\n\| --- .*\n((?:\|.*\n)+)", PAGE)
    assert len(tables) >= 8
    assert [row for table in tables for row in table.splitlines() if ".py::test_" not in row] == []
