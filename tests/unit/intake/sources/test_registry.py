"""The sources by name: each is known by what it sends, and none is loaded before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sfsync.intake.sources.proof import ForgedError
from sfsync.intake.sources.registry import NAMES, SOURCES, looks_like
from tests.unit.intake.sources.samples import SAMPLES, Sample
from tests.unit.intake.sources.test_verify import good


def test_every_source_goes_by_its_name() -> None:
    assert list(SOURCES) == list(NAMES)
    assert len(SOURCES) == 11
    assert {name: SOURCES[name].name for name in NAMES} == {name: name for name in NAMES}
    assert len({SOURCES[name].title for name in NAMES}) == 11
    assert "mailchimp" not in SOURCES
    with pytest.raises(KeyError):
        SOURCES["mailchimp"]


@pytest.mark.parametrize("source", NAMES)
def test_what_a_source_says_it_needs_is_what_it_cannot_do_without(source: str) -> None:
    told = SOURCES[source]
    one = good(source)
    without = {
        "a secret": one.with_(secrets=()),
        "topics": one.received(topics=()),
        "a public address": one.received(public_url=""),
    }
    refused = set()
    for what, delivery in without.items():
        try:
            delivery.verify()
        except ForgedError:
            refused.add(what)
    needs = {
        "a secret": told.needs_secret,
        "topics": told.needs_topics,
        "a public address": told.needs_public_url,
    }
    assert refused == {what for what, needed in needs.items() if needed}


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=[f"{each.source}-{number}" for number, each in enumerate(SAMPLES)]
)
def test_an_object_is_recognised_as_that_of_its_source_alone(sample: Sample) -> None:
    if sample.entry == {
        "id": "evt-flat",
        "type": "opened",
        "email": "ada@example.com",
        "timestamp": 1768901400,
    }:
        assert looks_like(sample.entry) == ""  # a line of an event file, which is nobody's
    elif sample.entry.get("type") == "denylist":
        assert looks_like(sample.entry) == ""
    else:
        assert [name for name in NAMES if SOURCES[name].looks_like(sample.entry)] == [sample.source]
        assert looks_like([sample.entry]) == sample.source


@pytest.mark.parametrize(
    "value", [None, 7, "text", [], {}, [[]], [None], {"type": "opened"}, {"event": 1}]
)
def test_what_is_of_nobody_is_recognised_by_nobody(value: object) -> None:
    assert looks_like(value) == ""


def test_the_names_load_no_source_and_the_sources_load_no_cryptography() -> None:
    program = (
        "import sys\n"
        "from sfsync.intake.sources.registry import NAMES, SOURCES\n"
        "loaded = [name for name in NAMES if f'sfsync.intake.sources.{name}' in sys.modules]\n"
        "assert list(SOURCES) and not loaded, loaded\n"
        "[SOURCES[name] for name in NAMES]\n"
        "heavy = {'cryptography', 'standardwebhooks', 'requests', 'starlette'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
