"""Data made harmless for a terminal."""

from __future__ import annotations

from sfsync.cli.text import visible


def test_control_characters_of_data_are_shown_not_obeyed() -> None:
    assert visible("a\x1b[31mb\x9bc\x07\r") == "a\\x1b[31mb\\x9bc\\x07\\x0d"
    assert visible("two\nlines\tkept") == "two\nlines\tkept"
