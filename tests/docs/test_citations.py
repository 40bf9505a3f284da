"""What docstrings, tests and pages cite is there to be read: pages, their headings, the facts about Salesforce."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT

FACTS = "docs/salesforce.md"
"""The page whose headings have numbers, which citations name."""

NO_TEXT_OF_OURS = frozenset({"node_modules", "__pycache__", "_build"})
CODE = sorted(
    path
    for folder in ("src", "tests", "docs", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if not NO_TEXT_OF_OURS.intersection(path.relative_to(ROOT).parts)
)
TEXTS = [*CODE, *PAGES, ROOT / "config.example.yaml"]

# `docs/salesforce.md §1.3 (exact port), §2.1 and §6.1-6.4`: the page once, then its places.
_PLACE = r"§[ ]?\d+(?:\.\d+)?(?:[ ]?[-\u2013][ ]?§?\d+(?:\.\d+)?)?"
_AND = r"(?:[ ]\([^()]*\))?(?:[,;]|,?[ ](?:and|or|to))[ ]"
_CITED = re.compile(rf"\b(?:docs/)?salesforce\.md(?:`+|\))?,?[ ]({_PLACE}(?:{_AND}{_PLACE})*)")
_NUMBERS = re.compile(r"§[ ]?(\d+(?:\.\d+)?)(?:[ ]?[-\u2013][ ]?§?(\d+(?:\.\d+)?))?")
_OTHERS = re.compile(r"\bRFC \d+,? §[\d.]+")

# Notes that a reader of this repository does not have.
_UNREADABLE = re.compile(
    r"salesforce[-]facts|realtime[-]facts|\bcontract,?[ ]§|\breliability[ ](?:§|notes\b)",
    re.IGNORECASE,
)

_PAGE = re.compile(r"(?<![\w/.:-])(docs/(?:decisions/)?[\w-]+\.md)(#[\w-]+)?")
_NAMED = re.compile(
    r"(?<![\w/.:-])(docs/(?:decisions/)?[\w-]+\.md)`*,? (\"[^\"]+\"(?:(?:,|,? and) \"[^\"]+\")*)"
)


def joined(text: str) -> str:
    """The text without its line ends, so that a citation may be wrapped, in a comment too."""
    return re.sub(r"\s*\n[ \t]*(?:# ?|> ?)?", " ", text).replace("  ", " ")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def read(path: Path) -> str:
    return joined(path.read_text(encoding="utf-8"))


@cache
def headings(page: Path) -> tuple[str, ...]:
    """A page's headings as one reads them; what stands between fences has none."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"))
    return tuple(heading.replace("`", "").strip() for heading in re.findall(r"(?m)^#+ (.+)$", text))


def anchors(page: Path) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings(page)}


def numbered() -> set[str]:
    """The numbers of the headings: ``2``, ``2.6``."""
    found = (re.match(r"(\d+(?:\.\d+)?)\.? \S", heading) for heading in headings(ROOT / FACTS))
    return {number[1] for number in found if number}


def places(text: str) -> Iterator[str]:
    """Every number in a list of places; of a range each that lies in it."""
    for first, last in _NUMBERS.findall(text):
        yield first
        if last:
            chapter, _, start = first.rpartition(".")
            end_chapter, _, end = last.rpartition(".")
            assert chapter == end_chapter, (
                f"a range within one chapter, or two places: {first}-{last}"
            )
            assert int(start) < int(end), f"no range: {first}-{last}"
            for number in range(int(start) + 1, int(end) + 1):
                yield f"{chapter}.{number}" if chapter else str(number)


def cited(text: str) -> list[str]:
    return [place for each in _CITED.findall(text) for place in places(each)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("§2.6.", ["2.6"]),
        ("§4, sObject Collections.", ["4"]),
        ("§1.2-1.4; §10.3 (netrc)", ["1.2", "1.3", "1.4", "10.3"]),
        ("§7-9", ["7", "8", "9"]),
        ("§2.1 (versions),\n    §2.5 (limits), §4 and §7.3", ["2.1", "2.5", "4", "7.3"]),
        ("§2.4 (a code, another); RFC 9110 §15.6.4.", ["2.4"]),
        (": no place of it", []),
    ],
)
def test_a_citation_is_read_with_all_its_places(words: str, found: list[str]) -> None:
    assert cited(joined(f"Source: {FACTS} {words}")) == found
    assert cited(joined(f"Source: ``{FACTS}`` {words}")) == found
    assert cited(joined(f"# Source: {FACTS}\n    # {words}")) == found


def test_the_facts_have_numbers_each_once() -> None:
    found = [heading.split(" ")[0] for heading in headings(ROOT / FACTS) if heading[0].isdigit()]
    assert len(found) == len(set(found)) == len(numbered())
    assert {"0", "1", "1.1", "2.6", "13"} <= numbered()


def test_the_facts_are_cited_at_all() -> None:
    assert len({place for path in CODE for place in cited(read(path))}) > 20


def test_every_fact_that_is_cited_has_its_heading() -> None:
    missing = [
        (named(path), place)
        for path in TEXTS
        for place in cited(read(path))
        if place not in numbered()
    ]
    assert missing == []


def test_the_facts_point_to_each_other_rightly() -> None:
    assert [place for place in places(read(ROOT / FACTS)) if place not in numbered()] == []


def test_nothing_is_cited_that_a_reader_does_not_have() -> None:
    assert [(named(path), each) for path in TEXTS for each in _UNREADABLE.findall(read(path))] == []


def test_a_place_in_the_code_says_of_which_page_it_is() -> None:
    left = {
        path: _OTHERS.sub("", _CITED.sub("", read(path)))
        for path in CODE
        if ROOT / "src" in path.parents
    }
    assert [
        (named(path), each)
        for path, text in left.items()
        for each in re.findall(r".{0,40}§.{0,9}", text)
    ] == []


def test_every_page_that_is_cited_exists_and_has_the_anchor() -> None:
    wrong = [
        (named(path), page + anchor)
        for path in TEXTS
        for page, anchor in _PAGE.findall(read(path))
        if not (ROOT / page).is_file() or (anchor and anchor[1:] not in anchors(ROOT / page))
    ]
    assert wrong == []


def test_every_heading_that_is_cited_exists() -> None:
    wrong = [
        (named(path), page, heading)
        for path in TEXTS
        for page, quoted in _NAMED.findall(read(path))
        for heading in re.findall(r"\"([^\"]+)\"", quoted)
        if heading.replace("`", "") not in headings(ROOT / page)
    ]
    assert wrong == []


def test_a_page_may_be_cited_by_heading_and_by_anchor() -> None:
    example = joined(
        f'See {"docs"}/errors.md, "Exit codes" and\n    "Slugs"; {"docs"}/local-org.md#the-other-hand-_local.'
    )
    assert _NAMED.findall(example) == [("docs/errors.md", '"Exit codes" and "Slugs"')]
    assert _PAGE.findall(example)[1] == ("docs/local-org.md", "#the-other-hand-_local")
    assert {"Exit codes", "Slugs"} <= set(headings(DOCS / "errors.md"))
    assert "the-other-hand-_local" in anchors(DOCS / "local-org.md")
