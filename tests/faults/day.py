"""A day's work on both sides, and what has to be true at its end, whatever happened in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sfsync.errors import SfsyncError
from sfsync.model.event import EventType
from tests.faults.pair import Pair, addresses, event

NEW_HERE, NEW_LEAD, NEW_THERE = "new.here@day.example", "new.lead@day.example", "new.there@day.example"
STRANGER = "stranger@day.example"


@dataclass
class Day:
    """Who does what.

    Attributes:
        people: addresses of Contacts.
        opens, clicks: what the fifth of them had in the morning.
    """

    people: list[str]
    lead: str
    opens: int
    clicks: int
    deleted: str

    def ends_well(self, pair: Pair) -> None:
        """Bring both sides together, and look at every single thing that was done."""
        pair.converge()
        assert pair.sql("SELECT * FROM quarantine") == []
        one, two, three, _, five, six, seven, *_ = self.people
        titles = {email: pair.record(email)["Title"] for email in (one, two)}
        assert titles == {one: "Here one", two: "Here two"}
        assert pair.row(three)["phone"] == "555 0100"
        assert pair.record(NEW_HERE)["LastName"] == "Newhere"
        assert pair.record(NEW_LEAD, "Lead")["Company"] == "Day Ltd"
        assert pair.row(NEW_THERE)["last_name"] == "Newthere"
        assert pair.record(self.lead, "Lead")["Title"] == "Lead here"
        gone = pair.sql("SELECT deleted_at FROM contacts WHERE salesforce_id = ?", self.deleted)
        assert [row["deleted_at"] is not None for row in gone] == [True]
        counted = pair.record(five)
        assert counted["PenguinMails_Total_Opens__c"] == self.opens + 3
        assert counted["PenguinMails_Total_Clicks__c"] == self.clicks + 1
        assert pair.record(seven)["HasOptedOutOfEmail"] is True
        whose = sorted(self.who(pair, task) for task in pair.live("Task").values() if is_ours(task))
        assert whose == sorted([five, five, six, STRANGER, self.lead])

    def who(self, pair: Pair, task: dict[str, Any]) -> str:
        people = pair.dump("Contact") | pair.dump("Lead")
        return str(people[task["WhoId"]]["Email"]).lower()


def is_ours(task: dict[str, Any]) -> bool:
    return bool(task.get("PenguinMails_Event_Id__c") or "sfsync-ref:" in (task.get("Description") or ""))


def a_day(pair: Pair) -> Day:
    """Everything that anybody does; nothing of it is synced yet."""
    people, lead = addresses(pair), addresses(pair, "leads")[0]
    one, two, three, four, five, six, seven, *_ = people
    before = pair.record(five)
    pair.edit(one, job_title="Here one")
    pair.edit(two, job_title="Here two")
    pair.edit(lead, "leads", job_title="Lead here")
    pair.sql("INSERT INTO contacts (email, last_name) VALUES (?, 'Newhere')", NEW_HERE)
    pair.sql("INSERT INTO leads (email, last_name, company) VALUES (?, 'Newlead', 'Day Ltd')", NEW_LEAD)
    pair.people.edit(pair.record(three)["Id"], {"Phone": "555 0100"})
    deleted = pair.record(four)["Id"]
    pair.people.delete(deleted)
    pair.people.create("Contact", {"LastName": "Newthere", "Email": NEW_THERE})
    pair.hand_in(
        event(EventType.OPENED, five, "open-1"),
        event(EventType.OPENED, five, "open-2"),
        event(EventType.OPENED, five.upper(), "open-3"),
        event(EventType.OPENED, five, "open-1"),
        event(EventType.CLICKED, five),
        event(EventType.REPLIED, six),
        event(EventType.REPLIED, STRANGER),
        event(EventType.SENT, lead),
        event(EventType.UNSUBSCRIBED, seven),
    )
    opens, clicks = (before[f"PenguinMails_Total_{name}__c"] or 0 for name in ("Opens", "Clicks"))
    return Day(people, lead, int(opens), int(clicks), deleted)


def tried(pair: Pair, *verbs: str) -> SfsyncError | None:
    """Run these verbs; how they failed, if they did. Only errors that a person can act on ever come out."""
    failure: SfsyncError | None = None
    try:
        pair.do(*(verbs or ("sync",)))
    except SfsyncError as error:
        failure = error
    assert failure is None or failure.message
    assert failure is None or "<html" not in failure.message.lower()
    return failure
