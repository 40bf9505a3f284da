"""People whom the email platform adds or changes: edits here, as an import's, each once and in the order of what was said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sfsync.engine.push_activity import push_activity, take
from sfsync.engine.run import Run
from sfsync.intake.contact_edits import with_values
from sfsync.intake.service_files import arrival_of_items
from sfsync.intake.sources.penguinmails import SOURCE
from sfsync.model.arrival import Arrival
from sfsync.model.event import EventType
from sfsync.model.mapping import RecordEvent, SyncMapping
from sfsync.model.outcome import ActivityReport
from tests.sides import MAPPING, Sides, event

ADA = "ada@x.example"
NOW = "2026-01-20T10:00:00Z"
BOTH = (RecordEvent.CREATED, RecordEvent.UPDATED)


def importing(mapping: SyncMapping, **objects: tuple[RecordEvent, ...]) -> SyncMapping:
    rules = {
        name: replace(each, contacts=objects.get(name, ())) for name, each in mapping.rules.items()
    }
    return replace(mapping, rules=rules)


@pytest.fixture
def sides(sides: Sides) -> Sides:
    sides.reopen(importing(MAPPING, contact=BOTH))
    return sides


def created(number: int, email: str = ADA, minute: int = 0, **data: Any) -> dict[str, Any]:
    told = {"contact_id": f"id-{email}", "email": email, "first_name": "Ada", **data}
    return _event(number, "contact.created", minute, told)


def updated(number: int, minute: int = 0, **changed: Any) -> dict[str, Any]:
    told = {"contactId": f"id-{ADA}", "changedFields": changed}
    return _event(number, "contact.updated", minute, told)


def _event(number: int, kind: str, minute: int, data: dict[str, Any]) -> dict[str, Any]:
    at = f"2026-01-20T09:{minute:02d}:00Z"
    return {"id": f"evt-{number}", "type": kind, "created_at": at, "data": data}


def delivered(sides: Sides, *told: dict[str, Any]) -> ActivityReport:
    items = [(0, item) for one in told for item in SOURCE.from_value(one, now=NOW)]
    arrival = with_values(arrival_of_items(items, "penguinmails"), sides.mapping, now=NOW)
    return taken(sides, arrival)


def taken(sides: Sides, arrival: Arrival) -> ActivityReport:
    def job(run: Run) -> None:
        take(run, arrival)
        push_activity(run)

    report = sides.run(job).activity
    assert report is not None
    return report


def rows(sides: Sides, table: str = "contacts") -> list[tuple[Any, ...]]:
    return sides.look(f"SELECT email, first_name, last_name, phone FROM {table} ORDER BY id")


def test_who_was_added_is_a_contact_here_and_in_salesforce(sides: Sides) -> None:
    report = delivered(sides, created(1, last_name="Byron", source="form", tags=["a"]))
    assert (report.contacts, report.skipped) == (1, 0)
    assert rows(sides) == [(ADA, "Ada", "Byron", None)]
    [record] = sides.org.live("Contact")
    assert (record["FirstName"], record["LastName"], record["Email"]) == ("Ada", "Byron", ADA)
    assert delivered(sides, created(1, last_name="Other")).duplicates == 1
    assert rows(sides) == [(ADA, "Ada", "Byron", None)]


def test_without_a_rule_nothing_is_taken_in(sides: Sides) -> None:
    sides.reopen(MAPPING)
    report = delivered(sides, created(1), updated(2, first_name="A"))
    assert (report.contacts, report.skipped) == (0, 2)
    assert sides.look("SELECT count(*) FROM events") == [(0,)]
    assert sides.look("SELECT count(*) FROM _contact_ids") == [(0,)]


def test_an_update_finds_its_person_by_the_platforms_id_and_changes_what_it_names(sides) -> None:
    delivered(sides, created(1, last_name="Byron"))
    assert delivered(sides, updated(2, 1, lastName="King", phone="+44 1")).contacts == 1
    assert rows(sides) == [(ADA, "Ada", "King", "+44 1")]
    assert delivered(sides, updated(3, 2, phone=None)).contacts == 1
    assert rows(sides) == [(ADA, "Ada", "King", None)]
    assert sides.org.live("Contact")[0]["LastName"] == "King"


def test_an_email_events_person_is_known_by_id_as_well(sides: Sides) -> None:
    sides.org.create("Contact", LastName="Lovelace", Email=ADA)
    sides.pull()
    clicked = replace(
        event(1, ADA, EventType.CLICKED), contact_id=f"penguinmails:id-{ADA}", campaign_name=""
    )
    taken(sides, Arrival("penguinmails", (clicked,)))
    assert delivered(sides, updated(2, first_name="Ada")).contacts == 1
    assert rows(sides) == [(ADA, "Ada", "Lovelace", None)]


def test_an_update_that_overtook_its_person_waits_and_makes_nobody(sides: Sides) -> None:
    report = delivered(sides, updated(1, 5, first_name="Augusta"))
    assert (report.contacts, report.skipped, rows(sides)) == (0, 1, [])
    assert delivered(sides, created(2, last_name="King")).contacts == 2
    assert rows(sides) == [(ADA, "Augusta", "King", None)]
    assert sides.org.live("Contact")[0]["FirstName"] == "Augusta"


def test_an_update_of_nobody_waits_for_three_days(sides: Sides) -> None:
    delivered(sides, updated(1, 5, first_name="Augusta"))
    sides.pass_time(3 * 86_400)
    delivered(sides)
    assert sides.look("SELECT * FROM _contact_waiting") == []
    delivered(sides, created(2))
    assert rows(sides) == [(ADA, "Ada", None, None)]


def test_a_new_address_moves_the_person_who_is_found_by_it_from_then_on(sides: Sides) -> None:
    delivered(sides, created(1))
    delivered(sides, updated(2, 1, email="lady@x.example"))
    delivered(sides, updated(3, 2, last_name="King"))
    assert rows(sides) == [("lady@x.example", "Ada", "King", None)]
    assert sides.org.live("Contact")[0]["Email"] == "lady@x.example"


def test_who_is_a_lead_here_stays_one_and_is_edited_only_by_its_own_rules(sides: Sides) -> None:
    sides.org.create("Lead", LastName="L", Company="C", Email=ADA)
    sides.pull()
    assert delivered(sides, created(1)).skipped == 1
    assert (rows(sides), rows(sides, "leads")) == ([], [(ADA, None, "L", None)])
    sides.reopen(importing(MAPPING, lead=BOTH))
    assert delivered(sides, created(2)).contacts == 1
    assert rows(sides, "leads") == [(ADA, "Ada", "L", None)]
    assert delivered(sides, created(3, "new@x.example")).contacts == 1
    assert len(rows(sides, "leads")) == 2


def test_who_opted_out_was_deleted_or_purged_stays_so(sides: Sides) -> None:
    out = sides.org.create("Contact", LastName="O", Email=ADA, HasOptedOutOfEmail=True)
    sides.org.create("Contact", LastName="D", Email="gone@x.example")
    sides.org.create("Contact", LastName="P", Email="purged@x.example")
    sides.pull()
    sides.edit("UPDATE contacts SET deleted_at = ? WHERE email = 'gone@x.example'", NOW)
    sides.mirror.purge.person("purged@x.example")
    delivered(sides, created(1, opted_out=False, unsubscribed=False))
    assert sides.remote(out, "HasOptedOutOfEmail") is True
    assert (
        delivered(sides, created(2, "gone@x.example"), created(3, "purged@x.example")).skipped == 2
    )
    assert sides.look("SELECT email FROM contacts WHERE deleted_at IS NULL") == [(ADA,)]
    assert sides.look("SELECT email FROM events WHERE id = 'evt-3'") == [("",)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (created(1, email=""), "email: missing"),
        (created(1, email="nobody"), "is not one plain address"),
        (updated(1, last_name={"old": "a", "new": "b"}), "last_name: expected a value"),
        ({**created(1), "id": ""}, "id: missing"),
        ({**created(1), "created_at": "soon"}, "is not a time"),
        ({**created(1), "created_at": "2031-01-01T00:00:00Z"}, "in the future"),
    ],
)
def test_what_makes_no_sense_is_in_quarantine(sides: Sides, told, reason: str) -> None:
    assert delivered(sides, told).quarantined == 1
    [(message,)] = sides.look("SELECT message FROM quarantine")
    assert reason in message
    assert rows(sides) == []


def test_an_older_update_that_comes_late_takes_back_only_what_nobody_said_since(sides) -> None:
    delivered(sides, created(1))
    delivered(sides, updated(3, 20, first_name="Augusta"))
    delivered(sides, updated(2, 10, first_name="Old", phone="1"))
    assert rows(sides) == [(ADA, "Augusta", None, "1")]
    assert sides.look("SELECT note FROM events WHERE id = 'evt-2'") == [("",)]


def test_a_purge_leaves_nothing_of_what_the_platform_said(sides: Sides) -> None:
    delivered(sides, created(1), updated(2, 1, phone="+44 1"))
    sides.mirror.purge.person(ADA)
    assert sides.look("SELECT match_key FROM _contact_ids") == [("",)]
    assert ADA not in str(sides.look("SELECT * FROM _contact_ids"))
    assert sides.look("SELECT * FROM _contact_edits") == []
    taken_ids = sides.look("SELECT contact_id FROM _contact_ids")
    late = {
        **updated(3, 2, phone="2"),
        "data": {"contact_id": "c-1", "changed_fields": {"phone": "2"}},
    }
    sides.edit("UPDATE _contact_ids SET contact_id = 'penguinmails:c-1'")
    assert delivered(sides, late).skipped == len(taken_ids)
    assert sides.look("SELECT * FROM _contact_waiting") == []
    assert sides.look("SELECT DISTINCT email, match_key FROM events") == [("", "")]
