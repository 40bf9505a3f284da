"""Changes of every kind on both sides, and what has to hold once they are synced, whatever fault came in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sfsync.errors import SfsyncError
from sfsync.model.event import EventType
from tests.faults.local_sides import LocalSides, addresses, event

NEW_HERE, NEW_LEAD, NEW_THERE = (
    "new.here@day.example",
    "new.lead@day.example",
    "new.there@day.example",
)
STRANGER = "stranger@day.example"


@dataclass
class Workload:
    """The changes that were made, as far as the checks need them.

    Attributes:
        people: addresses of Contacts.
        opens, clicks: what the fifth of them had before.
        left_alone: the records that the workload does not touch, whole, by id.
        live_counts: how many live records each address has to have at the end.
    """

    people: list[str]
    lead: str
    opens: int
    clicks: int
    deleted: str
    left_alone: dict[str, dict[str, Any]]
    live_counts: Counter[str]

    def check_outcome(self, sides: LocalSides) -> None:
        """Bring both sides together, and look at every single thing that was done."""
        sides.converge()
        assert sides.sql("SELECT * FROM quarantine") == []
        one, two, three, _, five, six, seven, eight, *_ = self.people
        titles = {email: sides.record(email)["Title"] for email in (one, two)}
        assert titles == {one: "Here one", two: "Here two"}
        assert sides.row(three)["phone"] == "555 0100"
        assert sides.record(NEW_HERE)["LastName"] == "Newhere"
        assert sides.record(NEW_LEAD, "Lead")["Company"] == "Day Ltd"
        assert sides.row(NEW_THERE)["last_name"] == "Newthere"
        assert sides.record(self.lead, "Lead")["Title"] == "Lead here"
        gone = sides.sql("SELECT deleted_at FROM contacts WHERE salesforce_id = ?", self.deleted)
        assert [row["deleted_at"] is not None for row in gone] == [True]
        counted = sides.record(five)
        assert counted["PenguinMails_Total_Opens__c"] == self.opens + 3
        assert counted["PenguinMails_Total_Clicks__c"] == self.clicks + 1
        assert sides.record(seven)["HasOptedOutOfEmail"] is True
        self.check_conflict(sides, eight)
        assert live_counts(sides) == self.live_counts, "nobody twice, and nobody gone"
        records = sides.dump("Contact") | sides.dump("Lead")
        assert {key: records[key] for key in self.left_alone} == self.left_alone
        whose = sorted(
            self.email_of(sides, task) for task in sides.live("Task").values() if is_ours(task)
        )
        assert whose == sorted([five, five, six, STRANGER, self.lead])

    def check_conflict(self, sides: LocalSides, email: str) -> None:
        """Both typed a title: Salesforce's holds on both sides, and the other one is kept, once."""
        assert sides.record(email)["Title"] == "There eight"
        assert sides.row(email)["job_title"] == "There eight"
        kept = sides.sql("SELECT local, remote FROM conflicts WHERE \"column\" = 'job_title'")
        assert [tuple(row.values()) for row in kept] == [("Here eight", "There eight")]

    def email_of(self, sides: LocalSides, task: dict[str, Any]) -> str:
        people = sides.dump("Contact") | sides.dump("Lead")
        return str(people[task["WhoId"]]["Email"]).lower()


def live_counts(sides: LocalSides) -> Counter[str]:
    """How many live people each address has."""
    return Counter(
        str(record["Email"]).lower()
        for sobject in ("Contact", "Lead")
        for record in sides.live(sobject).values()
        if not record.get("IsConverted")
    )


def is_ours(task: dict[str, Any]) -> bool:
    return bool(
        task.get("PenguinMails_Event_Id__c") or "sfsync-ref:" in (task.get("Description") or "")
    )


def start_workload(sides: LocalSides) -> Workload:
    """Everything that anybody does; nothing of it is synced yet."""
    people, lead = addresses(sides), addresses(sides, "leads")[0]
    one, two, three, four, five, six, seven, eight, *_ = people
    before, everybody = sides.record(five), live_counts(sides)
    touched = {one, two, three, four, five, six, seven, eight, lead}
    left_alone = {
        key: record
        for key, record in (sides.live("Contact") | sides.live("Lead")).items()
        if str(record["Email"]).lower() not in touched
    }
    sides.edit(one, job_title="Here one")
    sides.edit(two, job_title="Here two")
    sides.edit(lead, "leads", job_title="Lead here")
    sides.sql("INSERT INTO contacts (email, last_name) VALUES (?, 'Newhere')", NEW_HERE)
    sides.sql(
        "INSERT INTO leads (email, last_name, company) VALUES (?, 'Newlead', 'Day Ltd')", NEW_LEAD
    )
    sides.people.edit(sides.record(three)["Id"], {"Phone": "555 0100"})
    sides.edit(eight, job_title="Here eight")
    sides.people.edit(sides.record(eight)["Id"], {"Title": "There eight"})
    deleted = sides.record(four)["Id"]
    sides.people.delete(deleted)
    sides.people.create("Contact", {"LastName": "Newthere", "Email": NEW_THERE})
    sides.keep_events(
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
    return Workload(people, lead, int(opens), int(clicks), deleted, left_alone, +everybody)


def run_tolerating_errors(sides: LocalSides, *verbs: str) -> SfsyncError | None:
    """Run these verbs; how they failed, if they did. Only errors that a person can act on ever come out."""
    failure: SfsyncError | None = None
    try:
        sides.do(*(verbs or ("sync",)))
    except SfsyncError as error:
        failure = error
    assert failure is None or failure.message
    assert failure is None or "<html" not in failure.message.lower()
    return failure
