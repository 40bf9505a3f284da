"""What is in quarantine, as people see it."""

from __future__ import annotations

from sfsync.mirror.store import SqliteMirror
from sfsync.model.outcome import Rejected
from sfsync.model.record import Remote
from tests.unit.mirror.samples import (
    PUSHED,
    edit,
    journal,
    pull,
    push_plans,
    remote,
    sid,
)


def test_a_refusal_names_the_person_for_people(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    fresh = Remote(sid(1), {**remote(1, phone="1").values, "score": None})
    (ref,) = journal(mirror, *push_plans(mirror, fresh))
    mirror.outbox.settle([Rejected(ref, "STRING_TOO_LONG", "Phone")])
    (entry,) = mirror.quarantine.listed()
    assert (entry["record"], entry["object"], entry["local_id"]) == ("p1@example.com", "contact", 1)
    assert mirror.quarantine.ignore([entry["id"]]) == 1
    assert mirror.quarantine.listed() == []
    assert list(mirror.rows.dirty_ids("contact", PUSHED)) == []
