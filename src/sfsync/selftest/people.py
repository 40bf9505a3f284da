"""People at work on both sides, and what they did, as far as it must be found again.

In Salesforce they work in its own pages; at the mirror with any SQLite tool, which knows nothing of
sfsync.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local_org.records.actor import Actor
from local_org.server import LocalOrg
from sfsync.mirror.store import SqliteMirror
from sfsync.model.address import match_key
from sfsync.model.event import EmailEvent, EventType
from sfsync.selftest.consent_law import ConsentLaw, key_of, row_node

ADDRESSES = [
    *(f"p{number}@x.example" for number in range(4)),
    "p4@xn--bcher-kva.example",
    "p4@Bücher.example",
]
"""Those of a few people; the last two are one person's, in both spellings."""

TYPED = {
    "contacts": {"job_title": "Title", "phone": "Phone", "city": "MailingCity"},
    "leads": {"job_title": "Title", "phone": "Phone", "city": "City"},
}
"""What people type into, by table: column -> field."""

SOBJECTS = {"contacts": "Contact", "leads": "Lead"}
CLICKS = "PenguinMails_Total_Clicks__c"
UNMAPPED = {"Contact": "Department", "Lead": "Website"}
"""What is not mapped, and every record has a value in."""

UNANSWERED = "SELECT 1 FROM _outbox WHERE salesforce_id = ? AND state IN ('sending', 'unknown')"
CREATING = "SELECT 1 FROM _outbox WHERE action = 'create' AND state IN ('sending', 'unknown')"

Raw = dict[str, Any]


@dataclass
class Ledger:
    """What was done.

    Attributes:
        typed: values that a person typed and no other person has replaced since.
        clicks_here, clicks_there: clicks that people added, by row and by record.
        unclear_rows, unclear, unclear_addresses: whose counters cannot be computed any more from
            what was done.
        gone_here: rows that people soft-deleted here.
        forgotten_here: records whose rows people deleted: only a full pull brings them in again.
        made_there: records that people made, by converting Leads too.
        purged: records that are purged from the recycle bin.
        purged_tasks: the Tasks that went with them.
    """

    typed: set[str] = field(default_factory=set)
    clicks_here: Counter[int] = field(default_factory=Counter)
    clicks_there: Counter[str] = field(default_factory=Counter)
    unclear_rows: set[tuple[str, int]] = field(default_factory=set)
    unclear_addresses: set[str] = field(default_factory=set)
    unclear: set[str] = field(default_factory=set)
    gone_here: set[tuple[str, int]] = field(default_factory=set)
    forgotten_here: set[str] = field(default_factory=set)
    made_there: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)
    purged_tasks: list[Raw] = field(default_factory=list)
    number: int = 0


@dataclass
class People:
    """The people of one schedule.

    Each thing they do returns what was done; empty where there was nothing to do it to.

    Attributes:
        look, edit: what any SQLite tool does with the mirror.
        mirror: the mirror as the program that imports and takes events in has it open.
        engagement: whether the org has PenguinMails' fields.
    """

    org: LocalOrg
    look: Callable[..., list[Any]]
    edit: Callable[..., None]
    mirror: Callable[[], SqliteMirror]
    engagement: bool
    ledger: Ledger = field(default_factory=Ledger)
    law: ConsentLaw = field(default_factory=ConsentLaw)

    # -- both sides
    def new_value(self) -> str:
        """A value that was never typed before."""
        self.ledger.number += 1
        value = f"typed {self.ledger.number}"
        self.ledger.typed.add(value)
        return value

    def live(self, sobject: str) -> list[Raw]:
        """An object's live records, converted Leads aside, in the order they were made."""
        rows = self.org.state.table(sobject).rows
        in_order = (rows[record] for record in sorted(rows))
        return [raw for raw in in_order if not raw.get("IsDeleted") and not raw.get("IsConverted")]

    def record(self, number: int, sobject: str) -> Raw | None:
        """One of the first few records, whatever the number is."""
        found = self.live(sobject)[:8]
        return found[number % len(found)] if found else None

    def row(self, number: int, table: str) -> int | None:
        """One of the first few live rows."""
        found = self.look(f"SELECT id FROM {table} WHERE deleted_at IS NULL ORDER BY id LIMIT 8")
        return found[number % len(found)][0] if found else None

    def _seen_there(self, raw: Raw) -> None:
        """A user looks at a record and disposes of it: what it holds is not lost."""
        self.ledger.typed -= {value for value in raw.values() if isinstance(value, str)}
        self.ledger.unclear.add(raw["Id"])
        if self.look(CREATING):
            # It may be a create of ours whose answer was lost: that is made again, once it is gone.
            self.ledger.made_there.add(raw["Id"])

    def _seen_here(self, table: str, row: int) -> str | None:
        """A user looks at a row and disposes of it; its record, where it has one."""
        query = f"SELECT {', '.join(TYPED[table])}, email, salesforce_id FROM {table} WHERE id = ?"
        *values, email, record = self.look(query, row)[0]
        self.ledger.typed -= set(values)
        self.ledger.unclear_rows.add((table, row))
        if record:
            self.ledger.unclear.add(record)
        else:
            self.ledger.unclear_addresses.add(match_key(email or ""))
        return str(record) if record else None

    def _admin(self, **given: Any) -> Actor:
        return Actor.of(self.org.state, **given)

    # -- in Salesforce
    def create_there(self, sobject: str, address: int, hidden_seconds: int) -> str:
        """A new record; readers may see it later than it was stamped."""
        fields = {"LastName": "There", "Email": ADDRESSES[address], "Title": self.new_value()}
        fields[UNMAPPED[sobject]] = "theirs.example"
        if sobject == "Lead":
            fields["Company"] = "Co"
        made = self._admin(commit_delay_seconds=hidden_seconds).create(sobject, fields)
        self.ledger.made_there.add(made)
        return f"{sobject} {made} with {fields['Email']}, Title {fields['Title']}"

    def edit_there(self, number: int, table: str, column: str, blank: bool) -> str:
        """A user types into a record, or clears a field."""
        raw, name = self.record(number, SOBJECTS[table]), TYPED[table][column]
        if raw is None:
            return ""
        self.ledger.typed.discard(str(raw.get(name)))
        return self.save(raw["Id"], {name: None if blank else self.new_value()})

    def save(self, record: str, fields: dict[str, Any]) -> str:
        """A user changes fields of a record."""
        self._admin().edit(record, fields)
        return f"{record} gets {fields}"

    def count_there(self, number: int, by: int) -> str:
        """Another integration adds clicks."""
        raw = self.record(number, "Contact")
        if raw is None or not self.engagement:
            return ""
        self.ledger.clicks_there[raw["Id"]] += by
        if self.look(UNANSWERED, raw["Id"]):
            # Their clicks cannot be told from those of the unanswered write any more.
            self.ledger.unclear.add(raw["Id"])
        return self.save(raw["Id"], {CLICKS: (raw.get(CLICKS) or 0) + by})

    def delete_there(self, number: int, sobject: str) -> str:
        """Into the recycle bin."""
        raw = self.record(number, sobject)
        if raw is None:
            return ""
        self._seen_there(raw)
        self._admin().delete(raw["Id"])
        return f"{raw['Id']} is deleted"

    def _bin(self) -> list[Raw]:
        tables = (self.org.state.table(sobject).rows for sobject in ("Contact", "Lead"))
        return [
            rows[each] for rows in tables for each in sorted(rows) if rows[each].get("IsDeleted")
        ]

    def undelete_there(self, number: int) -> str:
        """Out of the recycle bin again."""
        found = [raw for raw in self._bin() if not raw.get("MasterRecordId")]
        if not found:
            return ""
        record = found[number % len(found)]["Id"]
        self._admin().undelete(record)
        return f"{record} is undeleted"

    def purge_there(self, number: int) -> str:
        """The recycle bin is emptied of one record: no query finds it again."""
        found = self._bin()
        if not found:
            return ""
        raw = found[number % len(found)]
        tasks = self.org.state.table("Task").rows
        went_along = [task for task in tasks.values() if task.get("_deleted_with") == raw["Id"]]
        self.ledger.purged.add(raw["Id"])
        self._admin().purge(raw["Id"])
        for task in went_along:
            self.ledger.purged_tasks.append(task)
            self._admin().purge(task["Id"])
        return f"{raw['Id']} is purged"

    def merge_there(self, number: int, other: int) -> str:
        """Two Contacts are found to be one person."""
        loser, master = self.record(number, "Contact"), self.record(other, "Contact")
        if loser is None or master is None or loser["Id"] == master["Id"]:
            return ""
        self._seen_there(loser)
        self.ledger.unclear.add(master["Id"])
        self._admin().merge(master["Id"], [loser["Id"]])
        self.law.survived(loser["Id"], master["Id"])
        return f"{loser['Id']} is merged into {master['Id']}"

    def convert_there(self, number: int, other: int | None) -> str:
        """A Lead becomes a Contact, a new one or one that is there."""
        lead = self.record(number, "Lead")
        contact = None if other is None else self.record(other, "Contact")
        if lead is None:
            return ""
        self._seen_there(lead)
        done = self._admin().convert(lead["Id"], contact_id=contact["Id"] if contact else None)
        self.ledger.unclear.add(done.contact_id)
        self.ledger.made_there.add(done.contact_id)
        self.law.survived(lead["Id"], done.contact_id)
        return f"{lead['Id']} is converted to {done.contact_id}"

    # -- at the mirror
    def insert_here(self, table: str, address: int, spelling: str) -> str:
        """A new row, typed by hand or put in by another program."""
        email, title = spelling.format(ADDRESSES[address]), self.new_value()
        self.edit(f"INSERT INTO {table} (email, job_title) VALUES (?, ?)", email, title)
        return f"{table} gets a row with {email!r}, {title}"

    def import_here(self, table: str, address: int) -> str:
        """``sfsync import``."""
        email = ADDRESSES[address]
        rows = self.look(f"SELECT email, phone FROM {table}s WHERE deleted_at IS NULL ORDER BY id")
        held = [phone for address, phone in rows if key_of(address) == key_of(email)]
        self.ledger.typed -= set(held[:1])
        value = self.new_value()
        self.mirror().imports.store(table, [{"email": email, "phone": value}])
        return f"{table} {email} with phone {value}"

    def edit_here(self, number: int, table: str, column: str, blank: bool) -> str:
        """A user types into a row, or clears a cell."""
        row = self.row(number, table)
        if row is None:
            return ""
        return self.type_here(table, row, column, None if blank else self.new_value())

    def type_here(self, table: str, row: int, column: str, value: str | None) -> str:
        """One cell gets a value."""
        self.ledger.typed -= set(self.look(f"SELECT {column} FROM {table} WHERE id = ?", row)[0])
        self.edit(f"UPDATE {table} SET {column} = ? WHERE id = ?", value, row)
        return f"{table} {row}: {column} becomes {value}"

    def count_here(self, number: int, by: int) -> str:
        """Another program adds clicks to a row."""
        row = self.row(number, "contacts")
        if row is None:
            return ""
        ((record,),) = self.look("SELECT salesforce_id FROM contacts WHERE id = ?", row)
        if not record:
            return ""
        self.ledger.clicks_here[row] += by
        self.edit(
            "UPDATE contacts SET total_clicks = coalesce(total_clicks, 0) + ? WHERE id = ?", by, row
        )
        return f"contacts {row}: {by} clicks more"

    def soft_delete_here(self, number: int, table: str) -> str:
        """A user marks a row as deleted."""
        row = self.row(number, table)
        if row is None:
            return ""
        self._seen_here(table, row)
        self.ledger.gone_here.add((table, row))
        self.edit(f"UPDATE {table} SET deleted_at = '2026-01-20T10:00:00Z' WHERE id = ?", row)
        return f"{table} {row} is soft-deleted"

    def delete_for_good_here(self, number: int, table: str) -> str:
        """A user deletes a row."""
        row = self.row(number, table)
        if row is None:
            return ""
        self.ledger.forgotten_here.add(self._seen_here(table, row) or "")
        self.edit(f"DELETE FROM {table} WHERE id = ?", row)
        self.law.row_is_gone(row_node(table, row))
        return f"{table} {row} is deleted"

    def decide_here(self, number: int, side: str) -> str:
        """A user settles a conflict that was held."""
        found = self.look("SELECT id FROM conflicts WHERE state = 'open' ORDER BY id")
        if not found:
            return ""
        (conflict,) = found[number % len(found)]
        self.mirror().conflicts.take(conflict, side)
        return f"conflict {conflict}: {side}"

    def retry_here(self) -> str:
        """``sfsync retry``."""
        count = self.mirror().quarantine.retry()
        return f"{count} entries" if count else ""

    def event_comes(self, address: int, kind: str, number: int) -> str:
        """An email event, perhaps not for the first time."""
        at = f"2026-01-20T{number // 60:02d}:{number % 60:02d}:00Z"
        campaign = f"c-{number % 2}"
        made = EmailEvent(
            f"evt-{number}", EventType(kind), ADDRESSES[address], at, campaign, campaign.upper()
        )
        if self.mirror().events.keep([made], source="selftest").new:
            self.law.event(kind, key_of(made.email), at)
        return f"{made.id}: {kind} of {made.email}"


def connection_of(path: str, now: Callable[[], str]) -> sqlite3.Connection:
    """The mirror as any SQLite tool opens it, on a machine whose clock is the world's."""
    connection = sqlite3.connect(path, timeout=5, isolation_level=None)
    connection.text_factory = lambda text: text.decode(errors="surrogateescape")
    tell_time(connection, now)
    return connection


def tell_time(connection: sqlite3.Connection, now: Callable[[], str]) -> None:
    """Let the mirror's triggers see the world's clock."""
    # a function of Python's may not be called by triggers of a schema that is not trusted
    connection.execute("PRAGMA trusted_schema = ON")
    connection.create_function("strftime", 2, lambda _format, _when: now())
