"""Files of what email services send: whichever way the objects are written, they say the same."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.errors import InputError
from sfsync.intake.service_files import arrival_of_items, read_service
from sfsync.intake.sources.registry import SOURCES
from sfsync.model.arrival import Arrival

NOW = "2026-11-23T12:00:00Z"
EVENTS = [
    {
        "event": kind,
        "email": f"{name}@example.com",
        "timestamp": 1768903200,
        "sg_event_id": f"{kind}-{name}",
    }
    for kind in ("open", "click", "delivered")
    for name in ("ada", "bob")
]
BAD = {"event": "open", "email": "no address", "timestamp": 1768903200, "sg_event_id": "bad"}


def read(content: str | bytes, **options: Any) -> Arrival:
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return arrival_of_items(
        read_service(stream, SOURCES["sendgrid"], now=NOW, **options), "dump.json"
    )


def said(arrival: Arrival) -> tuple[list[str], int, int]:
    return [event.id for event in arrival.events], len(arrival.unreadable), arrival.skipped


FORMS = {
    "an object a line": "\n".join(map(json.dumps, EVENTS)),
    "Windows line ends": "\r\n".join(map(json.dumps, EVENTS)) + "\r\n",
    "an array": json.dumps(EVENTS),
    "an array over many lines": json.dumps(EVENTS, indent=2),
    "an array a line": "\n".join(json.dumps([one]) for one in EVENTS),
    "objects over many lines": "\n".join(json.dumps(one, indent=2) for one in EVENTS),
    "blank lines first": "\n\n  " + json.dumps(EVENTS, indent=2),
    "a byte order mark": "\ufeff" + json.dumps(EVENTS),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_events_however_they_are_written(form: str) -> None:
    assert said(read(FORMS[form])) == (
        ["open-ada", "open-bob", "click-ada", "click-bob"], 0, 2,
    )  # fmt: skip


def test_an_array_without_line_ends_may_be_of_any_size() -> None:
    many = [{**EVENTS[0], "sg_event_id": f"e-{number}"} for number in range(20_000)]
    assert len(read(json.dumps(many)).events) == 20_000


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, [EVENTS[0], BAD, EVENTS[1]])),
        json.dumps([EVENTS[0], BAD, EVENTS[1]], indent=1),
    ],
)
def test_a_bad_event_costs_itself_alone(content: str) -> None:
    found = read(content)
    assert said(found) == (["open-ada", "open-bob"], 1, 0)
    assert "no address" in found.unreadable[0].reason


def test_a_bad_line_is_told_with_its_number() -> None:
    found = read("\n".join([json.dumps(EVENTS[0]), "{no json", json.dumps(EVENTS[1])]))
    assert [line.line for line in found.unreadable] == [2]
    assert found.lines == [1, 3]


def test_a_broken_document_gives_what_stands_before() -> None:
    found = read(json.dumps(EVENTS, indent=1)[:-60])
    assert said(found)[0] == ["open-ada", "open-bob", "click-ada", "click-bob"]
    [last] = found.unreadable
    assert "nothing after it was read" in last.reason


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (json.dumps({"a": 1}), "nothing of its beginning is what"),
        ("id,type\n1,2\n", "nothing of its beginning is what"),
        ("{\n\n", "nothing of its beginning is what"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        ("a" * 2_000_000, "nothing of its beginning"),
    ],
)
def test_what_is_something_else_is_refused(content: str | bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(content, refuse_foreign=True)


def test_nothing_is_nothing() -> None:
    assert said(read("", refuse_foreign=True)) == ([], 0, 0)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    with suppress(InputError):
        read(content, refuse_foreign=True)
