"""The page on change events names every code that the stream can end with."""

from __future__ import annotations

from sfsync.model.hint import CLOSED, SILENT
from sfsync.planning.stream import MEANINGS
from tests.docs.pages import DOCS

ALIASES = {"stream.limit.triggered"}
"""Another spelling of a code, by another page of Salesforce's."""


def test_every_code_is_explained():
    page = (DOCS / "realtime.md").read_text(encoding="utf-8")
    told = {code for code in MEANINGS if f"`{code}`" in page}
    assert set(MEANINGS) - told == {CLOSED, SILENT} | ALIASES
