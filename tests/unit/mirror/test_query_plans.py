"""How SQLite finds people: what events and consent ask walks neither all people nor all events.

The plans are those of a mirror as it is in life: nobody has ever run ANALYZE on it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sfsync.mirror.store import SqliteMirror
from sfsync.model.activity import Effect
from sfsync.model.consent import ConsentSource, ConsentState, Statement
from tests.unit.mirror.samples import CONTACT, LEAD, event, lead, open_mirror, pull, remote

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
WALKED = re.compile(r"\bSCAN (?:TABLE )?(\w+)")
NAMED = re.compile(
    r'(?:FROM|JOIN|UPDATE|INTO)\s+"?(contacts|leads|events)"?(?:\s+AS\s+(\w+))?', re.IGNORECASE
)
ADDRESSES = [f"p{number}@example.com" for number in range(1, 6)]


class Explained(sqlite3.Connection):
    """A connection that asks for the plan of every statement just before it runs.

    Attributes:
        walked: statements that walk all of people or events, with the steps that do.
    """

    walked: ClassVar[list[tuple[str, list[str]]]] = []

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if STATEMENT.match(sql):
            aliases = {alias or table for table, alias in NAMED.findall(sql)}
            plan = super().execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            steps = [step for *_, step in plan if _walks(step, aliases)]
            self.walked.extend([(sql, steps)] if steps else [])
        return super().execute(sql, parameters)


def _walks(step: str, aliases: set[str]) -> bool:
    # in the order of a partial index: what waits, and as much of it as is asked for
    if "_events_waiting" in step or "_events_asleep" in step:
        return False
    found = WALKED.search(step)
    return found is not None and found[1] in aliases


def unresolved(mirror: SqliteMirror) -> None:
    assert list(mirror.events.unresolved_addresses()) == ["nobody@example.com"]


def pending(mirror: SqliteMirror) -> None:
    assert len(mirror.events.pending(100)) == 6


def wake(mirror: SqliteMirror) -> None:
    for waiting, _ in mirror.events.pending(1):
        mirror.events.apply([Effect(waiting, waits=True)])
    assert mirror.events.wake() == 1


def new_person(mirror: SqliteMirror) -> None:
    [*_, (stranger, _)] = mirror.events.pending(100)
    values = {"email": stranger.email, "last_name": "Stranger"}
    mirror.events.apply([Effect(stranger, new_person=("contact", values))])


def ask_consent(mirror: SqliteMirror) -> None:
    mirror.consent.last_opt_out("p1@example.com")
    mirror.consent.of_person("p1@example.com")
    mirror.consent.is_opted_out("p1@example.com")


def explain(mirror: SqliteMirror) -> None:
    """By address and by Salesforce Id."""
    for who in ("p1@example.com", "003000000000001AAA"):
        mirror.person_history.of(who)


WORK: list[Callable[[SqliteMirror], None]] = [
    unresolved, pending, wake, new_person, ask_consent, explain,
]  # fmt: skip


@pytest.fixture
def populated(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteMirror]:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Explained))
    with open_mirror(path) as mirror:
        people = [remote(number, email=address) for number, address in enumerate(ADDRESSES, 1)]
        pull(mirror, *people)
        pull(mirror, lead(1, email="p1@example.com"), object_map=LEAD)
        said = [event(number, email=address) for number, address in enumerate(ADDRESSES, 1)]
        mirror.events.keep([*said, event(9, email="nobody@example.com")], source="test")
        Explained.walked.clear()
        yield mirror


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_people_are_found_by_an_index(
    populated: SqliteMirror, work: Callable[[SqliteMirror], None]
) -> None:
    work(populated)
    assert Explained.walked == []


def test_settling_consent_walks_each_table_of_people_once_a_round_and_never_for_each_address(
    populated: SqliteMirror,
) -> None:
    said = zip(ADDRESSES, [ConsentState.OPTED_OUT, ConsentState.CONSENTED] * 2, strict=False)
    populated.consent.record(
        Statement(address, state, "2026-01-01T00:00:00Z", ConsentSource.EVENT, "test")
        for address, state in said
    )
    settled = populated.consent.settle({table.name: table.opt_out for table in (CONTACT, LEAD)})
    assert settled.opted_out
    # who is opted out is heard from the rows themselves: from each object, in each of two rounds
    assert [steps for _, steps in Explained.walked] == [["SCAN r"]] * 4
    assert all("_opted_out AS o" in sql for sql, _ in Explained.walked)
