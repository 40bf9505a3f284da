"""The page of a report: data stays data, whatever it would like to be."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from sfsync.cli.text import visible
from sfsync.model.engagement import Campaign, Count, Engagement, Measure
from sfsync.report.charts import bar_chart, line_chart, ticks
from sfsync.report.figures import api_data, engagement_data
from sfsync.report.page import page
from sfsync.report.periods import MOST_STEPS, steps

SCRIPT = "<script>alert(1)</script>"
CUT = steps("2026-01-01", "2026-01-03")


def data(text: str = "plain", **more: Any) -> dict[str, Any]:
    campaign = Campaign(
        text, text, {Measure.SENT: Count(4, 4), Measure.OPENED: Count(3, 1)}, {"2026-01-02": {Measure.SENT: 4}}
    )  # fmt: skip
    at = "2026-01-03T10:00:00Z"
    cause = {"code": text, "entries": 3, "oldest_at": at, "latest_at": at, "hint": text}
    entry = {
        "id": 7, "who": text, "code": text, "message": text, "hint": text, "payload": text, "quarantined_at": at,
    }  # fmt: skip
    run = {
        "run_id": text, "command": text, "started_at": at, "status": "ok", "seconds": None, "api_calls": None, "created": 2,
    }  # fmt: skip
    return {
        "period": {"since": "2026-01-01T00:00:00Z", "until": at, "objects": [text], "unit": CUT.unit, "labels": list(CUT.labels)},
        "profile": text,
        "org_id": text,
        "people": True,
        "last_good_run": None,
        "engagement": engagement_data(Engagement((campaign,), campaign, campaign, 5, later=2), CUT),
        "conflicts": {"open": 1, "total": 3, "rows": []},
        "quarantine": {"open": 3, "causes": [cause], "entries": [entry]},
        "consent": {
            "opted_out": 1, "consented": 0, "due_in_salesforce": 1,
            "said": [{"state": "opted_out", "source": text, "statements": 1}],
        },
        "api": api_data({"2026-01-02": (9, 2)}, CUT) | {"reserve": 0.2, "per_run": 0.25},
        "run_counts": ["created"],
        "runs": [run],
    } | more  # fmt: skip


def conflict(text: str) -> dict[str, Any]:
    return {
        "number": 1, "title": text, "field": text, "outcome": text, "found": "2026-01-02T00:00:00Z",
        "values": [("here", [(text, False)]), ("Salesforce", [("a", False), (text, True)])],
    }  # fmt: skip


def made(text: str = "plain", **more: Any) -> str:
    return page(
        data(text, **more), conflicts=[conflict(text)], harmless=visible, time_here=lambda at: at
    )


class Elements(HTMLParser):
    """The tags of a page with their attributes, and the texts of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def attributes(text: str) -> Iterator[tuple[str, str, str]]:
    for tag, given in Elements(text).tags:
        for name, value in given.items():
            yield tag, name, value or ""


@pytest.mark.parametrize(
    "text", [SCRIPT, '"><img src=x onerror=alert(1)>', "</style><script>", "{{ 7 * 7 }}", "</title><b>", "&lt;b&gt;"]
)  # fmt: skip
def test_markup_in_data_is_text(text: str) -> None:
    found = made(text)
    assert [tag for tag, _ in Elements(found).tags] == [tag for tag, _ in Elements(made()).tags]
    assert text in "".join(Elements(found).texts)


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1+cmd", "-2+3+x", "\t=1+1", "  =1", "\uff1d1+x"]
)
def test_a_cell_that_a_spreadsheet_would_compute_begins_with_an_apostrophe(text: str) -> None:
    texts = [each for each in Elements(made(text)).texts if text in each]
    assert len(texts) > 10
    beginnings = [each for each in texts if each != text]
    # after the first piece of a value it is inside the cell
    assert len(texts) - len(beginnings) == 1
    assert all(f"'{text}" in each for each in beginnings)


def test_phone_numbers_dates_and_numbers_are_shown_as_they_are() -> None:
    for text in ("+49 (30) 123-45", "-5", "2026-01-20", "-1,000.5"):
        assert f"'{text}" not in "".join(Elements(made(text)).texts)


def test_marks_that_turn_the_direction_of_writing_are_shown() -> None:
    found = made("invoice\u202efdp.exe\u2066\x00\x1b")
    assert not re.search("[\u202e\u2066\x00\x1b]", found)
    assert "invoice\\u202efdp.exe\\u2066\\x00\\x1b" in found


def test_a_value_of_100_kb_is_whole() -> None:
    assert "y" * 100_000 in made("y" * 100_000)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    found = made(SCRIPT)
    tags = {tag for tag, _ in Elements(found).tags}
    assert tags.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}
    )
    for tag, name, value in attributes(found):
        assert not name.startswith("on")
        assert name != "style", tag
        if name in ("href", "src", "xlink:href"):
            assert value.startswith(("#", "data:,"))
    assert "@import" not in found
    assert "url(" not in found


def test_the_policy_forbids_all_but_the_style_sheet() -> None:
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', made())
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy


def test_without_people_neither_names_nor_values_are_asked_for() -> None:
    row = {
        "number": 1,
        "title": "contact",
        "field": "f",
        "values": [],
        "outcome": "o",
        "found": "t",
    }
    entry = {"id": 7, "code": "C", "hint": "H", "quarantined_at": "t"}
    quarantine = {"open": 1, "causes": [], "entries": [entry]}
    given = data(people=False, quarantine=quarantine)
    found = page(given, conflicts=[row], harmless=visible, time_here=lambda at: at)
    assert "are left out" in found
    assert "names people" not in found


def test_each_chart_has_a_text_and_a_table_with_the_same_figures() -> None:
    found = made()
    charts = [given for tag, given in Elements(found).tags if given.get("role") == "img"]
    assert len(charts) == 3
    assert all(chart["aria-label"] for chart in charts)
    assert found.count("<caption>") >= len(charts)


def test_an_empty_mirror_makes_a_page() -> None:
    nothing = Campaign("", "")
    empty = {
        "engagement": engagement_data(Engagement((), None, nothing, 0), CUT),
        "quarantine": {"open": 0, "causes": [], "entries": []},
        "runs": [],
        "api": api_data({}, CUT) | {"reserve": 0.2, "per_run": 0.25},
    }
    found = page(data(**empty), conflicts=[], harmless=visible, time_here=lambda at: at)
    for sentence in ("No events in this period.", "Nothing is in quarantine.", "No runs yet."):
        assert sentence in found


def test_a_share_is_told_only_where_it_means_something() -> None:
    sent = Campaign("c", "", {Measure.SENT: Count(4, 4), Measure.OPENED: Count(9, 5)})
    assert sent.rate(Measure.OPENED) is None
    assert Campaign("c", "").rate(Measure.OPENED) is None
    assert sent.rate(Measure.CLICKED) == 0


@pytest.mark.parametrize(
    ("first", "unit"),
    [
        ("2026-11-01", "day"),
        ("2025-12-01", "week"),
        ("2022-01-01", "month"),
        ("1970-01-01", "year"),
    ],
)
def test_a_chart_has_a_bounded_number_of_points(first: str, unit: str) -> None:
    cut = steps(first, "2026-11-29")
    assert cut.unit == unit
    assert len(cut.labels) <= MOST_STEPS
    assert sum(cut.folded(dict.fromkeys(cut.by_day, 1))) == len(cut.by_day)
    assert sum(cut.folded({"no day": 1, "1969-01-01": 1})) == 0


@pytest.mark.parametrize("highest", [0, 1, 5, 6, 99, 100, 101, 12_345, 10**9])
def test_the_scale_has_whole_numbers_and_reaches_beyond_the_highest(highest: int) -> None:
    found = ticks(highest)
    assert found[-1] >= max(highest, 1)
    assert 2 <= len(found) <= 7


def test_drawing_leaves_imports_as_they_were() -> None:
    before = list(sys.meta_path)
    line_chart(["a"], {"sent": [1]}, "")
    assert sys.meta_path == before
    assert importlib.util.find_spec("no_such_module") is None  # and nobody warns


@pytest.fixture(params=["to_lxml", "to_etree"])
def tree(request: pytest.FixtureRequest) -> Iterator[None]:
    """With lxml, which pygal takes where it is installed, and without."""
    etree = importlib.import_module("pygal.etree").etree
    if request.param == "to_lxml" and etree._lxml_etree is None:
        pytest.skip("lxml is not installed")
    before = vars(etree).copy()
    getattr(etree, request.param)()
    yield
    vars(etree).update(before)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("draw", [line_chart, bar_chart])
def test_a_chart_is_the_same_each_time_and_tells_each_value(draw: Any) -> None:
    given = (["a", "b"], {"sent": [1, 2_000], "opened": [0, 0]}, "<what it shows>")
    assert draw(*given) == draw(*given)
    assert "<title>b: 2,000 sent</title>" in draw(*given)
    assert "&lt;what it shows&gt;" in draw(*given)
    assert not re.search("<(script|style|desc|!--)|style=", draw(*given))
