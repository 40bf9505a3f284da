"""Charts as SVG for a page that may load nothing and run nothing: no script, no style of their own.

Colours, strokes and sizes of text are the page's, by class (``color-0`` …), so that they follow light, dark and paper.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from pygal.graph.graph import Graph

WIDTH, HEIGHT = 640, 260
MOST_TICKS = 5
"""Lines across the chart, beside that at zero."""


def line_chart(labels: Sequence[str], series: Mapping[str, Sequence[int]], text: str) -> str:
    """Lines over time, a dot and a tooltip for each value.

    Args:
        series: name -> a value for each label.
        text: what the chart shows, for those who do not see it. No data: SVG cannot hold every character.
    """
    return _drawn(_pygal().Line(dots_size=2.5, **_options(labels)), labels, series, text)


def bar_chart(labels: Sequence[str], series: Mapping[str, Sequence[int]], text: str) -> str:
    """Bars over time, each with a tooltip."""
    return _drawn(_pygal().Bar(**_options(labels)), labels, series, text)


def _pygal() -> ModuleType:
    """The library, without the finder for plugins that it hangs into Python's imports.

    There Python 3.11 warns of it whenever a module is not found, whoever looks for it.
    """
    import pygal

    sys.meta_path[:] = [
        finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
    ]
    return pygal  # type: ignore[no-any-return]


def _options(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "width": WIDTH, "height": HEIGHT, "margin": 10, "margin_left": 24, "margin_right": 36, "spacing": 8,
        "js": [], "css": [], "disable_xml_declaration": True, "no_prefix": True, "show_legend": False,
        "x_labels_major_count": min(4, len(labels)), "show_minor_x_labels": False, "truncate_label": -1,
        "formatter": "{:,}".format, "value_formatter": "{:,}".format,
    }  # fmt: skip


def _drawn(
    chart: Graph, labels: Sequence[str], series: Mapping[str, Sequence[int]], text: str
) -> str:
    chart.x_labels = list(labels)
    chart.y_labels = ticks(max((max(values, default=0) for values in series.values()), default=0))
    for name, values in series.items():
        chart.add(name, list(values))
    chart.add_xml_filter(lambda root: _plain(root, labels, series, text))
    return str(chart.render(is_unicode=True))


def ticks(highest: int) -> list[int]:
    """Whole, round numbers from zero to beyond the highest.

    >>> ticks(0), ticks(3), ticks(87)
    ([0, 1], [0, 1, 2, 3], [0, 20, 40, 60, 80, 100])
    """
    step = next(step for step in _round_numbers() if step * MOST_TICKS >= highest)
    return list(range(0, max(highest, 1) + step, step))[: MOST_TICKS + 1]


def _round_numbers() -> Iterable[int]:
    unit = 1
    while True:
        yield from (unit, 2 * unit, 5 * unit)
        unit *= 10


def _plain(
    root: Element, labels: Sequence[str], series: Mapping[str, Sequence[int]], text: str
) -> Element:
    """Without what is not a picture: scripts, styles, comments, ids; with tooltips that need no script."""
    for child in list(root):
        if not isinstance(child.tag, str) or child.tag in ("defs", "title"):
            root.remove(child)
    del root.attrib["id"]
    root.set("role", "img")
    root.set("aria-label", text)
    for number, (name, values) in enumerate(series.items()):
        _add_tooltips(root, number, [
            f"{label}: {value:,} {name}" for label, value in zip(labels, values, strict=True)
        ])  # fmt: skip
    for parent in list(root.iter()):
        for child in [each for each in parent if _is_for_scripts(each)]:
            parent.remove(child)
    return root


def _is_for_scripts(element: Element) -> bool:
    return element.tag == "desc" or "tooltip-overlay" in element.get("class", "")


def _add_tooltips(root: Element, number: int, sentences: Sequence[str]) -> None:
    marks = [
        group
        for series in root.iter("g")
        if f"serie-{number}" in series.get("class", "").split()
        for group in series.iter("g")
        if group.get("class") in ("dots", "bar")
    ]
    for mark, sentence in zip(marks, sentences, strict=True):
        title = mark.makeelement("title", {})
        title.text = sentence
        mark.append(title)
