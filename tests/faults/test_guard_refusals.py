"""An org that follows no reference from a write to the question that guards it, whatever it says then.

500 edits, three requests in one call: none in quarantine, all of them done, and the org is asked apart
from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from local_org.state.settings import TypeReferences
from sfsync.engine.ports import Org
from sfsync.model.change import OrgWrite
from sfsync.model.outcome import Outcome
from tests.faults.local_sides import LocalOrgs, LocalSides

pytestmark = pytest.mark.always

EDITS = 500
READ = 1
"""Calls that the push of these takes for reading the records."""
QUESTION = 3
"""Calls that a question of its own about all of them takes at 200 a page; one at 2,000."""
CODES = {
    "NOT_FOUND": 404, "INVALID_INPUT": 400, "JSON_PARSER_ERROR": 400, "INVALID_TYPE": 400, "MALFORMED_ID": 400,
    "PROCESSING_HALTED": 400, "INVALID_FIELD": 400, "UNKNOWN_EXCEPTION": 400,
}  # fmt: skip
KINDS = [TypeReferences(code, "request", status) for code, status in CODES.items()]
KINDS += [TypeReferences("INVALID_TYPE", "record"), TypeReferences("JSON_PARSER_ERROR", "call")]
TELLING = {("NOT_FOUND", "request")}


@dataclass
class Crowd:
    """Many contacts on both sides, and a way to edit all of them."""

    sides: LocalSides
    round: int = 0

    def push_edits(self) -> int:
        """Edit every contact here, and push. How many calls that took."""
        self.round += 1
        self.sides.sql("UPDATE contacts SET job_title = ?", f"Round {self.round}")
        self.sides.do("push")
        return self.sides.open.usage().api_calls

    def done(self) -> int:
        """How many contacts have the latest edit in Salesforce."""
        title = f"Round {self.round}"
        return sum(row["Title"] == title for row in self.sides.live("Contact").values())

    def quarantined(self) -> int:
        return len(self.sides.sql("SELECT * FROM quarantine WHERE state <> 'settled'"))


@pytest.fixture(scope="module")
def crowd(local_orgs: LocalOrgs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    folder = tmp_path_factory.mktemp("sides")
    with local_orgs.open(folder, contacts=EDITS, leads=0) as sides:
        sides.allow_mass_change = True
        yield Crowd(sides)


@pytest.fixture(autouse=True)
def as_if_new(crowd: Crowd) -> Iterator[None]:
    """Nothing is known of the org's ways, and it has its own again afterwards."""
    yield
    crowd.sides.local.state.settings.type_references = None
    crowd.sides.mirror.state.keep_note("guard_apart", "")


def test_an_org_that_follows_references_takes_them_in_one_call(crowd: Crowd) -> None:
    usual = crowd.push_edits()
    assert (crowd.done(), crowd.quarantined()) == (EDITS, 0)
    assert usual == READ + 1


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind,
            id=f"{kind.code}-{kind.refuses}",
            marks=() if (kind.code, kind.refuses) in TELLING else pytest.mark.slow,
        )
        for kind in KINDS
    ],
)
def test_whatever_the_refusal_is_all_edits_are_done_and_none_is_put_aside(
    crowd: Crowd, kind: TypeReferences
) -> None:
    crowd.sides.local.state.settings.type_references = kind
    first = crowd.push_edits()
    assert (crowd.done(), crowd.quarantined()) == (EDITS, 0)
    assert first == READ + 1 + QUESTION + 1, "one for the refusal, some to ask, one to write"
    later = crowd.push_edits()
    assert (crowd.done(), crowd.quarantined()) == (EDITS, 0)
    assert later == READ + QUESTION + 1, "the next run remembers"


@pytest.mark.slow
def test_an_org_that_fails_on_references_leaves_no_edit_in_doubt_for_ever(crowd: Crowd) -> None:
    crowd.sides.local.state.settings.type_references = TypeReferences(
        "UNKNOWN_EXCEPTION", "request", 500
    )
    crowd.push_edits()
    assert crowd.sides.unfinished(), "nobody knows whether it was done"
    crowd.sides.do("push")
    assert (crowd.done(), crowd.quarantined()) == (EDITS, 0)
    assert not crowd.sides.unfinished()


@pytest.mark.slow
def test_an_edit_that_somebody_makes_meanwhile_is_not_overwritten_when_asked_apart(
    crowd: Crowd,
) -> None:
    """Both values are kept, as where the org follows references."""
    crowd.sides.local.state.settings.type_references = TypeReferences("NOT_FOUND", "request", 404)
    crowd.push_edits()
    [someone, *_] = crowd.sides.live("Contact")
    crowd.sides.local.state.advance(2)
    crowd.sides.between = lambda org: cast("Org", EditedMeanwhile(org, crowd.sides, someone))
    crowd.push_edits()
    crowd.sides.between = None
    assert crowd.done() == EDITS - 1
    assert crowd.sides.live("Contact")[someone]["Title"] == "Theirs"
    kept = crowd.sides.sql("SELECT local, remote FROM conflicts WHERE \"column\" = 'job_title'")
    assert kept == [{"local": f"Round {crowd.round}", "remote": "Theirs"}]


class EditedMeanwhile:
    """The org, in which somebody saves a title just before we write."""

    def __init__(self, org: Org, sides: LocalSides, someone: str) -> None:
        self._org, self._sides, self._someone = org, sides, someone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._org, name)

    def apply(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        if self._someone:
            self._sides.people.edit(self._someone, {"Title": "Theirs"})
            self._someone = ""
        return self._org.apply(writes)
