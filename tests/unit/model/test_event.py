"""The key of an event without an id: old facts keep their old key, and every further fact counts."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.model.event import derived_id

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
FACTS = st.tuples(TEXT, TEXT, TEXT, TEXT)
FURTHER = st.tuples(TEXT, TEXT, st.integers(0, 999))


def key(facts: tuple[str, str, str, str], further: tuple[str, str, int] = ("", "", 0)) -> str:
    name, link, milliseconds = further
    return derived_id(*facts, campaign_name=name, link=link, milliseconds=milliseconds)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            ("email_sent", "Ada@Example.com", "c-7", "2026-01-20T10:00:00Z"),
            "auto-856f31a091611b04943722327af8ce57",
        ),
        (
            ("email_opened", "ada@example.com", "c-7", "2026-01-20T10:00:00Z"),
            "auto-162bada12f63870da317fffc4ff0b21c",
        ),
    ],
)
def test_keys_that_stand_in_mirrors_already(
    facts: tuple[str, str, str, str], expected: str
) -> None:
    assert key(facts) == expected


@settings(deadline=None)
@given(FACTS)
def test_four_facts_have_the_key_they_always_had(facts: tuple[str, str, str, str]) -> None:
    kind, email, campaign, at = facts
    folded = email.strip(" ").translate({ord(c): c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    joined = f"{kind}\x1f{folded}\x1f{campaign}\x1f{at}"
    assert key(facts) == "auto-" + hashlib.sha256(joined.encode()).hexdigest()[:32]


@settings(deadline=None)
@given(FACTS, FURTHER, FURTHER)
def test_another_name_link_or_millisecond_is_another_key(
    facts: tuple[str, str, str, str], one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    assert (key(facts, one) == key(facts, other)) is (one == other)


@settings(deadline=None)
@given(FACTS, FURTHER)
def test_a_further_fact_never_makes_the_key_of_four(
    facts: tuple[str, str, str, str], further: tuple[str, str, int]
) -> None:
    assert (key(facts, further) == key(facts)) is (further == ("", "", 0))
