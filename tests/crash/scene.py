"""A workspace with work waiting on both sides, put back to the same start as often as needed.

The org lives in the test's process and outlives every client. ``Scene.restore`` puts the org's records
and the mirror's file back to where they were when a place was marked; ids come out the same each
time. Two ends are compared as ``Scene.end`` draws them: people by name instead of by id, without
run ids and times.
"""

import json
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_org.state.org import OrgState
from local_org.state.snapshot import Snapshot
from local_org.state.tables import Row, Table
from tests.system.workspace import Workspace, event

STAMPS = frozenset({
    "Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "LastActivityDate", "LastModifiedById",
    "ConvertedDate", "CompletedDateTime",
})  # fmt: skip
OWN = frozenset({"id", "run_id", "task_id"})
SOBJECTS = ("Contact", "Lead", "Account", "Task")
TABLES = (
    "contacts",
    "leads",
    "segments",
    "contact_segments",
    "events",
    "activities",
    "conflicts",
    "quarantine",
)
KEY_LINE = re.compile(r"^sfsync-ref: (.*)$", re.MULTILINE)

FinalState = dict[str, Any]


@dataclass
class SidesSnapshot:
    """One place to go back to."""

    mirror: Path
    org: Snapshot


@dataclass
class Scene:
    """A workspace and its org, and what the org was made to write since the last ``restore``.

    Attributes:
        writes: ``(record, fields that changed)`` for every write of a person or Task, by whomever.
        created: how often each record came into being.
    """

    workspace: Workspace
    writes: list[tuple[str, tuple[tuple[str, Any], ...]]] = field(default_factory=list)
    created: Counter[str] = field(default_factory=Counter)
    checkpoints: dict[str, SidesSnapshot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._put = self.state.put
        self.state.put = self._put_and_note  # type: ignore[method-assign]

    @property
    def state(self) -> OrgState:
        return self.workspace.org.state

    def _put_and_note(self, table: Table, record_id: str, row: Row | None, **more: Any) -> None:
        if row is not None and table.kind.name in {"Contact", "Lead", "Task"}:
            before = table.rows.get(record_id)
            new = {name: value for name, value in row.items() if (before or {}).get(name) != value}
            told = tuple(
                sorted((name, str(value)) for name, value in new.items() if name not in STAMPS)
            )
            self.writes.append((described(table.kind.name, before or row), told))
            if before is None:
                self.created[described(table.kind.name, row)] += 1
        self._put(table, record_id, row, **more)

    # -- places
    def checkpoint(self, name: str) -> None:
        """Remember both sides as they are now."""
        copy = self.workspace.folder / f"{name}.mirror"
        shutil.copyfile(self.workspace.mirror, copy)
        self.checkpoints[name] = SidesSnapshot(copy, Snapshot.of(self.state))

    def restore(self, name: str) -> None:
        """Put both sides back to where they were then; a journal that a killed client left is gone too."""
        held, mirror = self.checkpoints[name], self.workspace.mirror
        mirror.with_name(mirror.name + "-journal").unlink(missing_ok=True)
        shutil.copyfile(held.mirror, mirror)
        held.org.restore(self.state)
        self.writes.clear()
        self.created.clear()

    # -- ends
    def final_state(self) -> FinalState:
        """Both sides, in words that do not depend on how one got there."""
        names = self._names()
        org = {
            sobject: sorted(
                sorted(
                    (name, names.get(str(value), str(value)))
                    for name, value in row.items()
                    if seen(name)
                )
                for row in self.state.table(sobject).rows.values()
            )
            for sobject in SOBJECTS
        }
        return {"mirror": self._mirror(names), "org": org, "tasks by key": self._tasks()}

    def _names(self) -> dict[str, str]:
        return {
            record_id: f"{sobject} {row.get('Email') or row.get('LastName') or row.get('Name')}"
            for sobject in ("Contact", "Lead", "Account")
            for record_id, row in self.state.table(sobject).rows.items()
        }

    def _tasks(self) -> dict[str, int]:
        return dict(
            Counter(described("Task", row) for row in self.state.table("Task").rows.values())
        )

    def _mirror(self, names: dict[str, str]) -> dict[str, list[Any]]:
        with closing(sqlite3.connect(self.workspace.mirror)) as connection:
            connection.row_factory = sqlite3.Row
            found = {
                table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
                for table in TABLES
            }
        people = {
            (kind, row["id"]): row["email"] or row["last_name"]
            for kind, table in (("contact", "contacts"), ("lead", "leads"))
            for row in found[table]
        }

        def drawn(row: dict[str, Any]) -> list[tuple[str, str]]:
            told: dict[str, Any] = {}
            for name, value in row.items():
                if name == "person_id":
                    told["person"] = people.get((row["object"], value))
                elif name in {"contact_id", "lead_id"}:
                    told[name] = people.get((name[:-3], value))
                elif name.endswith("_at"):
                    told[name] = bool(value)
                elif name not in OWN and not name.startswith("_"):
                    told[name] = names.get(str(value), value)
            return sorted((name, str(value)) for name, value in told.items())

        return {table: sorted(drawn(row) for row in rows) for table, rows in found.items()}

    # -- what holds after any kill
    def check_file(self) -> None:
        """The mirror's file is whole."""
        with closing(sqlite3.connect(self.workspace.mirror)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    def unsettled_counts(self) -> tuple[int, int]:
        """How many writes, and how many Tasks, were sent and not settled."""
        with closing(sqlite3.connect(self.workspace.mirror)) as connection:
            return tuple(
                connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
                for what in (
                    "_outbox WHERE state IN ('sending', 'unknown')",
                    "activities WHERE state = 'sending'",
                )
            )


def seen(name: str) -> bool:
    return name not in STAMPS and not name.startswith("_")


def described(sobject: str, row: Row) -> str:
    """A record by what it is about: a Task by its event, a person by address or name."""
    if sobject != "Task":
        return f"{sobject} {row.get('Email') or row.get('LastName')}"
    line = KEY_LINE.search(str(row.get("Description") or ""))
    return f"Task {row.get('PenguinMails_Event_Id__c') or (line[1] if line else '?')}"


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two ends differ, a line each."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(left.keys() | right.keys(), key=str)
        return [
            line
            for key in keys
            for line in differences(left.get(key), right.get(key), f"{path}/{key}")
        ]
    if isinstance(left, list) and isinstance(right, list):
        gone = [each for each in left if each not in right]
        new = [each for each in right if each not in left]
        told = [f"{path}: not {each}" for each in gone] + [f"{path}: but {each}" for each in new]
        return told or (
            [f"{path}: {len(left)} and {len(right)}"] if len(left) != len(right) else []
        )
    return [] if left == right else [f"{path}: {left!r} is {right!r}"]


# -- the work --------------------------------------------------------------------------------------
def prepare_work(scene: Scene) -> None:
    """Work for all the verbs: edits on both sides, a delete, a merge, a converted Lead, new people, events."""
    workspace = scene.workspace
    contacts, leads = workspace.people(), workspace.people("Lead")
    # in Salesforce
    workspace.edit(contacts[0], Phone="+1 555 0100")
    workspace.edit(contacts[1], Title="Typed there")
    workspace.local("delete", id=contacts[2])
    workspace.local("merge", master=contacts[4], losers=[contacts[3]])
    workspace.edit(contacts[5], HasOptedOutOfEmail=True)
    workspace.edit(contacts[7], PenguinMails_Total_Opens__c=12) if has_counters(scene) else None
    workspace.create("Contact", LastName="Newcomer", Email="newcomer@there.example")
    workspace.create("Contact", LastName="Met", Email="met@both.example", Phone="+1 555 0199")
    workspace.local("convert", lead=leads[0])
    workspace.local("delete", id=leads[1])
    workspace.edit(leads[2], Status="Working - Contacted")
    # in the mirror, with any SQLite tool
    for wanted in (
        "UPDATE contacts SET job_title = 'Typed here' WHERE salesforce_id = '{1}'",
        "UPDATE contacts SET phone = '+1 555 0102' WHERE salesforce_id = '{2}'",
        "UPDATE contacts SET total_opens = coalesce(total_opens, 0) + 2 WHERE salesforce_id = '{3}'",
        "UPDATE contacts SET city = 'Oslo' WHERE salesforce_id = '{6}'",
        "UPDATE contacts SET total_opens = coalesce(total_opens, 0) + 3 WHERE salesforce_id = '{7}'",
        "UPDATE contacts SET unsubscribed = 1 WHERE salesforce_id = '{8}'",
        "INSERT INTO contacts (email, last_name, city) VALUES ('made@here.example', 'Made', 'Rome')",
        "INSERT INTO contacts (last_name, city) VALUES ('Nemo', 'Nowhere')",
        "INSERT INTO contacts (last_name, city) VALUES ('Nemo', 'Nowhere')",
        "INSERT INTO contacts (email, last_name) VALUES ('met@both.example', 'Met')",
        "INSERT INTO contacts (email, last_name) VALUES ('no address', 'Refused')",
    ):
        workspace.sql(wanted.format(*contacts))
    workspace.sql("UPDATE leads SET city = 'Bergen' WHERE salesforce_id = ?", leads[2])
    workspace.sql("UPDATE leads SET city = 'Kept' WHERE salesforce_id = ?", leads[1])
    workspace.sql(
        "INSERT INTO leads (email, last_name, company) VALUES ('lead@here.example', 'Leading', 'Acme')"
    )
    (workspace.folder / "events.jsonl").write_text(events(scene), encoding="utf-8")


def has_counters(scene: Scene) -> bool:
    return "PenguinMails_Total_Opens__c" in {
        each.name for each in scene.state.kind("Contact").fields
    }


def events(scene: Scene) -> str:
    """Every kind of event, for every kind of person, and a line that nobody can read."""
    people = scene.state.table("Contact").rows
    addresses = [people[each]["Email"] for each in scene.workspace.people()]
    leads = scene.state.table("Lead").rows
    lead_addresses = [leads[each]["Email"] for each in scene.workspace.people("Lead")]
    told = [
        event("email_sent", addresses[6]),
        event("email_opened", addresses[6], timestamp="2026-01-20T11:00:00Z"),
        event("email_opened", addresses[6], "again", timestamp="2026-01-20T12:00:00Z"),
        event("email_opened", addresses[6], "again", timestamp="2026-01-20T12:00:00Z"),
        event("email_clicked", addresses[6], timestamp="2026-01-20T12:01:00Z"),
        event("unsubscribed", addresses[0]),
        event("email_opened", addresses[7]),
        event("email_sent", addresses[3]),
        event("email_opened", addresses[3]),
        event("email_clicked", lead_addresses[0]),
        event("email_sent", lead_addresses[2]),
        event("email_opened", lead_addresses[2]),
        event("email_sent", "stranger@unknown.example"),
        event("email_opened", "stranger@unknown.example", timestamp="2026-01-20T13:00:00Z"),
        event("email_replied", "made@here.example"),
    ]
    nameless = {
        name: value for name, value in event("email_bounced", addresses[8]).items() if name != "id"
    }
    return "".join(json.dumps(each) + "\n" for each in [*told, nameless]) + "this is no event\n"


def change_both_sides(scene: Scene) -> None:
    """Both sides go on: something for each verb of a sync."""
    workspace = scene.workspace
    contacts = workspace.people()
    workspace.edit(contacts[9], MailingCity="Lima")
    workspace.local("delete", id=contacts[10])
    workspace.sql("UPDATE contacts SET job_title = 'Later' WHERE salesforce_id = ?", contacts[11])
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('later@here.example', 'Later')")
