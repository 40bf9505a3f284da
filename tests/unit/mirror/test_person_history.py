"""One person's history."""

from __future__ import annotations

from sfsync.mirror.store import SqliteMirror
from tests.unit.mirror.samples import (
    busy_person,
    sid,
)


def test_a_story_has_everything(mirror: SqliteMirror) -> None:
    busy_person(mirror)
    told = mirror.person_history.of("P1@example.com")
    (row,) = told["rows"]
    assert (row["salesforce_id"], row["segments"], row["lives_on"]) == (sid(1), ["All"], None)
    assert [entry["id"] for entry in told["events"]] == ["evt-1", "evt-2"]
    assert [entry["state"] for entry in told["activities"]] == ["done", "queued"]
    assert [(entry["column"], entry["local"]) for entry in told["conflicts"]] == [("phone", "mine")]
    assert [entry["code"] for entry in told["quarantine"]] == ["X"]
    assert [(entry["before"], entry["after"]) for entry in told["writes"]] == [
        ({"phone": "theirs"}, {"phone": "again"})
    ]


def test_nobody_has_a_short_story(mirror: SqliteMirror) -> None:
    assert mirror.person_history.of("who@example.com")["rows"] == []
