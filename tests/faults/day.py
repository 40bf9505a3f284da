"""A day's work on both sides, and what has to be true at its end, whatever happened in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sfsync.errors import SfsyncError
from sfsync.model.event import EventType
from tests.faults.pair import Pair, addresses, event

NEW_HERE, NEW_LEAD, NEW_THERE = (
    "new.here@day.example",
    "new.lead@day.example",
    "new.there@day.example",
)
STRANGER = "stranger@day.example"


@dataclass
class Day:
    """Who does what.

    Attributes:
        people: addresses of Contacts.
        opens, clicks: what the fifth of them had in the morning.
        left_alone: the records that nobody touches, whole, by id.
        everybody: how many live records each address has in the evening.
    """

    people: list[str]
    lead: str
    opens: int
    clicks: int
    deleted: str
    left_alone: dict[str, dict[str, Any]]
    everybody: Counter[str]

    def ends_well(self, pair: Pair) -> None:
        """Bring both sides together, and look at every single thing that was done."""
        pair.converge()
        assert pair.sql("SELECT * FROM quarantine") == []
        one, two, three, _, five, six, seven, eight, *_ = self.people
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
        self.loses_no_side_of_a_conflict(pair, eight)
        assert living(pair) == self.everybody, "nobody twice, and nobody gone"
        records = pair.dump("Contact") | pair.dump("Lead")
        assert {key: records[key] for key in self.left_alone} == self.left_alone
        whose = sorted(self.who(pair, task) for task in pair.live("Task").values() if is_ours(task))
        assert whose == sorted([five, five, six, STRANGER, self.lead])

    def loses_no_side_of_a_conflict(self, pair: Pair, email: str) -> None:
        """Both typed a title: Salesforce's holds on both sides, and the other one is kept, once."""
        assert pair.record(email)["Title"] == "There eight"
        assert pair.row(email)["job_title"] == "There eight"
        kept = pair.sql("SELECT local, remote FROM conflicts WHERE \"column\" = 'job_title'")
        assert [tuple(row.values()) for row in kept] == [("Here eight", "There eight")]

    def who(self, pair: Pair, task: dict[str, Any]) -> str:
        people = pair.dump("Contact") | pair.dump("Lead")
        return str(people[task["WhoId"]]["Email"]).lower()


def living(pair: Pair) -> Counter[str]:
    """How many live people each address has."""
    return Counter(
        str(record["Email"]).lower()
        for sobject in ("Contact", "Lead")
        for record in pair.live(sobject).values()
        if not record.get("IsConverted")
    )


def is_ours(task: dict[str, Any]) -> bool:
    return bool(
        task.get("PenguinMails_Event_Id__c") or "sfsync-ref:" in (task.get("Description") or "")
    )


def a_day(pair: Pair) -> Day:
    """Everything that anybody does; nothing of it is synced yet."""
    people, lead = addresses(pair), addresses(pair, "leads")[0]
    one, two, three, four, five, six, seven, eight, *_ = people
    before, everybody = pair.record(five), living(pair)
    touched = {one, two, three, four, five, six, seven, eight, lead}
    left_alone = {
        key: record
        for key, record in (pair.live("Contact") | pair.live("Lead")).items()
        if str(record["Email"]).lower() not in touched
    }
    pair.edit(one, job_title="Here one")
    pair.edit(two, job_title="Here two")
    pair.edit(lead, "leads", job_title="Lead here")
    pair.sql("INSERT INTO contacts (email, last_name) VALUES (?, 'Newhere')", NEW_HERE)
    pair.sql(
        "INSERT INTO leads (email, last_name, company) VALUES (?, 'Newlead', 'Day Ltd')", NEW_LEAD
    )
    pair.people.edit(pair.record(three)["Id"], {"Phone": "555 0100"})
    pair.edit(eight, job_title="Here eight")
    pair.people.edit(pair.record(eight)["Id"], {"Title": "There eight"})
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
    everybody[four] -= 1
    everybody.update((NEW_HERE, NEW_LEAD, NEW_THERE, STRANGER))
    return Day(people, lead, int(opens), int(clicks), deleted, left_alone, +everybody)


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
