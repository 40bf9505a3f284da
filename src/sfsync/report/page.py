"""The page of a report: one HTML document that loads nothing, runs nothing, and shows data as data.

Its policy forbids everything but its one style sheet, by its hash. All that comes from data is escaped by the
template; what a spreadsheet would compute, where a table of the page is opened or pasted there, begins with an apostrophe.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sfsync.report.charts import bar_chart, line_chart

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Piece = tuple[str, bool]
"""Part of a value, and whether it differs from the other side's."""

CHARTED = ("sent", "opened", "clicked", "replied", "bounced")
"""Lines of a chart, in the order of their colours."""

COUNTED = (*CHARTED, "opted_out", "machine_opened", "machine_clicked")

_BEGINNINGS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""Of formulas; the last four are wide forms, which some spreadsheets take for the same."""

_PLAIN_NUMBER = re.compile(r"[+-]?[\d\s().,/:%-]*")
"""Numbers, dates and phone numbers: nothing to compute."""


def page(
    data: Mapping[str, Any],
    *,
    conflicts: Sequence[Mapping[str, Any]],
    harmless: Callable[[str], str],
    time_here: Callable[[str], str],
) -> str:
    """The document.

    Args:
        data: as of ``--json``.
        conflicts: each with ``title``, ``field``, ``values`` as label and pieces, ``outcome`` and ``found``.
        harmless: makes characters visible that would steer how a text is shown.
        time_here: an instant for people.
    """
    style = _file("page.css")
    environment = _environment(partial(_shown, harmless))
    environment.filters |= {
        "time": time_here,
        "pieces": partial(_pieces, harmless),
        "percent": percent,
        "words": lambda name: name.replace("_", " "),
    }
    return environment.from_string(_file("page.html.jinja")).render(
        **data,
        listed_conflicts=conflicts,
        style=_markup(style),
        policy=_policy(style),
        charted=CHARTED,
        counted=COUNTED,
        lines_of=lambda one: {name: one["over_time"][name] for name in CHARTED},
        line_chart=lambda *given: _markup(line_chart(*given)),
        bar_chart=lambda *given: _markup(bar_chart(*given)),
    )


def percent(share: float) -> str:
    r"""A share of one, for people.

    >>> percent(0.3421)
    '34.2\xa0%'
    """
    return f"{share * 100:.1f}\xa0%"


def not_computed(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula.

    >>> not_computed("=1+1"), not_computed("+49 30 123"), not_computed("-5"), not_computed("Ada")
    ("'=1+1", '+49 30 123', '-5', 'Ada')
    """
    if text.lstrip()[:1] not in _BEGINNINGS or _PLAIN_NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def _environment(finalize: Callable[[Any], Any]) -> Environment:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        autoescape=True, undefined=StrictUndefined, finalize=finalize, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def _shown(harmless: Callable[[str], str], value: Any) -> Any:
    """What each expression of the template gives, before it is escaped."""
    from markupsafe import Markup

    if isinstance(value, str) and not isinstance(value, Markup):
        return not_computed(harmless(value))
    return value


def _pieces(harmless: Callable[[str], str], pieces: Sequence[Piece]) -> Markup:
    """A value, with what differs marked."""
    from markupsafe import Markup

    whole = Markup()
    for number, (text, is_marked) in enumerate(pieces):
        shown = harmless(text) if number else not_computed(harmless(text))
        whole += Markup("<mark>{}</mark>").format(shown) if is_marked else shown
    return whole


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  the page's own style, and charts, whose texts are escaped where they are drawn


def _file(name: str) -> str:
    return (files("sfsync.report") / name).read_text(encoding="utf-8")
