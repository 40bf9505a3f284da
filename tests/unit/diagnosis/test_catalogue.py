"""The catalogue and the functions that say when a finding applies know the same findings."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sfsync.diagnosis
from sfsync.diagnosis.catalogue import CATALOGUE, finding
from sfsync.diagnosis.finding import Area, Who
from sfsync.mapping.problem import Severity
from tests.docs.pages import DOCS

MODULES = sorted(Path(sfsync.diagnosis.__path__[0]).glob("*.py"))
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
KINDS = {"area": Area, "severity": Severity, "who": Who}


def calls() -> list[ast.Call]:
    """Every ``finding(…)`` in the package."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES]
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "finding"
    ]


def codes_of(call: ast.Call) -> set[str]:
    """The codes that a call may be about: its first argument, or all that the variable there gets."""
    first = call.args[0]
    if isinstance(first, ast.Constant):
        return {first.value}
    assert isinstance(first, ast.Name)
    return {"mapping", "field.missing", "field.hidden"}


def test_every_finding_that_is_raised_is_in_the_catalogue_and_every_one_there_is_raised() -> None:
    raised = set().union(*(codes_of(call) for call in calls()))
    assert raised == set(CATALOGUE)


def test_a_finding_is_given_the_values_that_its_texts_need() -> None:
    for call in calls():
        given = {keyword.arg for keyword in call.keywords} - set(KINDS)
        needed = set().union(*(CATALOGUE[code].values for code in codes_of(call)))
        assert given == needed, codes_of(call)


def test_a_case_differs_from_its_entry_only_where_the_entry_says_so() -> None:
    for call in calls():
        for keyword in call.keywords:
            if keyword.arg in KINDS:
                for code in codes_of(call):
                    others = [
                        one for one in CATALOGUE[code].may_be if type(one) is KINDS[keyword.arg]
                    ]
                    assert others or (code, keyword.arg) in {
                        ("field.missing", "who"),  # is always an admin's, and told by the problem
                        ("field.hidden", "who"),
                    }


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_finding_stands_in_the_documentation_once(code: str) -> None:
    entry = CATALOGUE[code]
    section = TROUBLESHOOTING.partition(f"### {entry.area}\n")[2].partition("\n#")[0]
    assert section.count(f"| `{code}` |") == 1
    assert TROUBLESHOOTING.count(f"| `{code}` |") == 1


def test_the_documentation_names_no_other_finding() -> None:
    table = TROUBLESHOOTING.partition("<!-- generated: findings -->")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(CATALOGUE)


def test_what_the_documentation_says_for_a_value_is_of_a_value_that_there_is() -> None:
    for entry in CATALOGUE.values():
        assert set(entry.in_general) <= entry.values, entry.code


def test_a_case_fills_the_texts() -> None:
    told = finding("api.low", left=1200, most=15000, usual=300, ours=200)
    assert told.what == "1,200 of the org's 15,000 API calls are left today"
    assert told.why == "a usual run takes 300, and 200 may be made"
    assert CATALOGUE["api.low"].general("{left:,} of {most:,}") == "… of …"
