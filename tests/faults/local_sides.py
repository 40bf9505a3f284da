"""Both sides of a sync in one process: a local org and a real mirror, and the checks of what they hold.

The verbs run themselves, without the command line and without waiting: repeats follow at once, and
Bulk jobs are polled without a pause. Faults come from the local org's fault plan, from
``network_faults`` (what a network does), from ``garbling_proxy`` (replies that the org itself never
gives), or from another user of the org (``LocalSides.people``).
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import BaseAdapter

from local_org.records.actor import Actor
from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.rendering import whole_record
from sfsync.config.file import load_config
from sfsync.engine.bulk_jobs import note_job
from sfsync.engine.guard_memory import is_asked_apart, note_asked_apart
from sfsync.engine.ports import Org
from sfsync.engine.pull import pull
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity, take
from sfsync.engine.run import Run
from sfsync.engine.sync import sync
from sfsync.mirror.store import SqliteMirror
from sfsync.model.arrival import Arrival
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.field_types import from_org
from sfsync.model.limits import Limits
from sfsync.model.mapping import ObjectMap, SyncMapping
from sfsync.model.outcome import RunReport
from sfsync.model.token import Token
from sfsync.salesforce.bulk_jobs import Polling
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from tests.ready_mirror import write_ready_mirror

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
VERBS = {"pull": pull, "push": push, "push_activity": push_activity, "sync": sync}

Row = dict[str, Any]


@functools.cache
def example() -> tuple[SyncMapping, Limits]:
    """The mapping and the brakes of the example configuration."""
    config = load_config(EXAMPLE, {"SFSYNC_CLIENT_ID": "none"})
    return config.mapping, config.limits


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass
class LocalSides:
    """One org and its mirror.

    Attributes:
        bulk: whether everything goes by Bulk jobs, else nothing does.
        url: where calls go, where that is not the org itself.
        adapter: what carries the calls, where that is not a plain connection.
        between: gets the org and gives what the verbs see of it.
        first_tasks: the Tasks that were there before any verb ran.
    """

    local: LocalOrg
    mirror: SqliteMirror
    mapping: SyncMapping
    limits: Limits
    bulk: bool = False
    url: str = ""
    adapter: BaseAdapter | None = None
    between: Callable[[Org], Org] | None = None
    refresh: Callable[[Token], Token] | None = None
    allow_mass_change: bool = False
    patience_seconds: float = 5.0
    last: RunReport | None = None
    runs: int = 0
    first_tasks: frozenset[str] = frozenset()

    # -- the verbs
    def run(self) -> Run:
        """A run of its own, as a new process would have one."""
        self.runs += 1
        report = RunReport(f"run-{self.runs}", "test")
        self.mirror.prepare(self.mapping)
        self.mirror.runs.begin(report.run_id, "test")
        org = self.connected()
        seen: Org = self.between(org) if self.between else org
        run = Run(
            seen,
            self.mirror,
            self.mapping,
            self.limits,
            report,
            now,
            allow_mass_change=self.allow_mass_change,
        )
        org.on_job = partial(note_job, run)
        version = org.connection.api_version
        org.recall_guard_place(
            apart=is_asked_apart(run, version), on_apart=partial(note_asked_apart, run, version)
        )
        self.last = report
        return run

    def connected(self) -> SalesforceOrg:
        session = OrgSession(
            self.token(),
            self.refresh or (lambda _stale: self.token()),
            reserve=self.limits.api_reserve,
            per_run=self.limits.api_per_run,
            timeouts_seconds=(2.0, self.patience_seconds),
        )
        session.headers["Sforce-Query-Options"] = "batchSize=200"
        if self.adapter:
            session.mount("http://", self.adapter)
        org = SalesforceOrg(
            Connection(session, patience=Patience(first_wait_seconds=0.0)),
            bulk_query_from=1 if self.bulk else 10**9,
            bulk_write_from=1 if self.bulk else 10**9,
            polling=Polling(0.001, 2.0, 1.0, 1.0),
            sleep=lambda seconds: time.sleep(min(seconds, 0.005)),
        )
        self.open = org
        return org

    def token(self) -> Token:
        """A login, as a refresh would bring one."""
        url = self.url or self.local.url
        return Token(
            self.local.token(), url, f"{url}/id/{self.local.state.org_id}/005000000000001AAA"
        )

    def do(self, *verbs: str, **options: Any) -> RunReport:
        """Run these verbs, one after the other, in one run."""
        run = self.run()
        run.check_org(self.token().org_id)
        for verb in verbs:
            VERBS[verb](run, **options)
        return run.report

    def keep_events(self, *events: EmailEvent) -> None:
        """Events are durable before anything is sent."""
        take(self.run(), Arrival("test", events))

    # -- trouble
    def add_fault(
        self,
        fault: str,
        path: str = "",
        nth: int | Sequence[int] = 1,
        method: str | None = None,
        **args: Any,
    ) -> None:
        """Add a line to the org's fault plan; an empty ``nth`` hits every call."""
        line = {"match": {"path": path, "method": method}, "nth": nth, "fault": fault, "args": args}
        self.local.faults.add(line)

    @property
    def faults_fired(self) -> int:
        """How often the plan has struck."""
        return sum(fault.fired for fault in self.local.faults.faults)

    def clear_faults(self) -> None:
        """No more trouble from here on."""
        self.local.faults.clear()
        self.url, self.adapter, self.between = "", None, None

    # -- the org's own data
    @property
    def people(self) -> Actor:
        """Another user, at work in Salesforce."""
        return self.local.as_user()

    def dump(self, sobject: str) -> dict[str, Row]:
        """Every record of an object as the org holds it, deleted ones too."""
        with self.local.state.lock:
            table = self.local.state.table(sobject)
            return {key: whole_record(table.kind, row, "66.0") for key, row in table.rows.items()}

    def live(self, sobject: str) -> dict[str, Row]:
        return {key: row for key, row in self.dump(sobject).items() if not row["IsDeleted"]}

    def everything(self) -> dict[str, dict[str, Row]]:
        """What a run that changes nothing must not change, stamps included."""
        return {sobject: self.dump(sobject) for sobject in ("Contact", "Lead", "Task")}

    def record(self, email: str, sobject: str = "Contact") -> Row:
        """The one live record with that address."""
        [found] = [row for row in self.live(sobject).values() if same_address(row["Email"], email)]
        return found

    # -- the mirror's own data
    def sql(self, statement: str, *values: object) -> list[Row]:
        """What any SQLite tool would do; by a connection of its own."""
        return sql(self.mirror.path, statement, *values)

    def rows(self, table: str = "contacts") -> list[Row]:
        return self.sql(f"SELECT * FROM {table} ORDER BY id")

    def row(self, email: str, table: str = "contacts") -> Row:
        [found] = self.sql(
            f"SELECT * FROM {table} WHERE lower(email) = lower(?) AND deleted_at IS NULL", email
        )
        return found

    def edit(self, email: str, table: str = "contacts", **values: Any) -> None:
        """Edit one person's row here."""
        setting = ", ".join(f"{name} = ?" for name in values)
        self.sql(
            f"UPDATE {table} SET {setting} WHERE lower(email) = lower(?)", *values.values(), email
        )

    def watermark(self, name: str = "contact") -> str:
        found = self.sql("SELECT at FROM _watermarks WHERE object = ?", name)
        return found[0]["at"] if found else ""

    # -- the checks
    def converge(self, *, most_runs: int = 2) -> None:
        """Without trouble, runs bring both sides together; then one more finds nothing to do, on either side."""
        self.clear_faults()
        for _ in range(most_runs):
            self.do("sync")
            if not self.unfinished() and not any(
                map(self.differences, self.mapping.objects.values())
            ):
                break
        assert not self.unfinished()
        self.check_agreement()
        there, here = self.everything(), self.mirror_tables()
        report = self.do("sync")
        assert self.everything() == there
        assert self.mirror_tables() == here
        assert report.api_calls <= 4

    def unfinished(self) -> list[str]:
        """What is still on its way: writes in doubt, Tasks not sent, rows edited and not pushed."""
        doubts = [f"{row['object']} in doubt" for row in self.sql(IN_DOUBT)]
        tasks = [f"task {row['key']}" for row in self.sql(WAITING)]
        return doubts + tasks

    def mirror_tables(self) -> dict[str, list[Row]]:
        tables = (
            "contacts",
            "leads",
            "_contacts_base",
            "_leads_base",
            "activities",
            "conflicts",
            "quarantine",
        )
        return {table: self.sql(f"SELECT * FROM {table}") for table in tables}

    def check_agreement(self) -> None:
        """Both sides equal on mapped fields; no Task, no record twice; nothing unseen behind the watermark."""
        for object_map in self.mapping.objects.values():
            differing = self.differences(object_map)
            assert not differing, differing
        self.check_tasks()
        self.check_keys()

    def differences(self, object_map: ObjectMap) -> list[str]:
        """Where a live record and its live row do not say the same, in words."""
        return differences(object_map, self.dump(object_map.sobject), self.rows(object_map.table))

    def check_tasks(self) -> None:
        """One Task for each activity, and no activity without one."""
        made = Counter(
            task_key(task) for key, task in self.live("Task").items() if key not in self.first_tasks
        )
        assert "" not in made, "every Task made since names the event it is for"
        assert [key for key, count in made.items() if count > 1] == []
        assert set(made) == {
            row["key"] for row in self.sql("SELECT key FROM activities WHERE state = 'done'")
        }

    def check_keys(self) -> None:
        """No person was created twice."""
        for sobject in ("Contact", "Lead"):
            keys = Counter(row["PenguinMails_Id__c"] for row in self.live(sobject).values())
            keys.pop(None, None)
            assert [key for key, count in keys.items() if count > 1] == []


IN_DOUBT = "SELECT * FROM _outbox WHERE state IN ('sending', 'unknown')"
WAITING = "SELECT key FROM activities WHERE state IN ('queued', 'sending')"


def sql(path: Path, statement: str, *values: object) -> list[Row]:
    with closing(sqlite3.connect(path, timeout=5)) as connection, connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement, values)]


def task_key(task: Row) -> str:
    """The event's key: the external id, else the reference line; empty for a Task that is none of ours."""
    if task.get("PenguinMails_Event_Id__c"):
        return str(task["PenguinMails_Event_Id__c"])
    lines = str(task.get("Description") or "").splitlines()
    return next(
        (
            line.removeprefix("sfsync-ref:").strip()
            for line in lines
            if line.startswith("sfsync-ref:")
        ),
        "",
    )


def differences(object_map: ObjectMap, records: dict[str, Row], rows: Iterable[Row]) -> list[str]:
    """Where a live record and its live row do not say the same, in words.

    Args:
        records: every record of the object, by id, deleted and converted ones too.
        rows: every row of its table.
    """
    there = {
        key: record
        for key, record in records.items()
        if not record["IsDeleted"] and not record.get("IsConverted")
    }
    here = {row["salesforce_id"]: row for row in rows if row["deleted_at"] is None}
    found = [f"{key}: not here" for key in there.keys() - here.keys()]
    found += [f"{row['email']} ({key}): not there" for key, row in here.items() if key not in there]
    for key in there.keys() & here.keys():
        found += unequal(object_map, there[key], here[key])
    return found


def unequal(object_map: ObjectMap, record: Row, row: Row) -> list[str]:
    """The mapped fields that differ, in words."""
    found = []
    for field in object_map.fields:
        if "." in field.remote:
            continue
        there = from_org(field.type, record.get(field.remote))
        here = row[field.column]
        if there != here and not (here is None and record.get(field.remote) == field.placeholder):
            found.append(f"{row['email']}.{field.column}: here {here!r}, there {there!r}")
    return found


def same_address(one: str | None, other: str) -> bool:
    return (one or "").lower() == other.lower()


class LocalOrgs(ExitStack):
    """Opens orgs with their mirrors; an org stops when its test is done, and all are waited for at the end."""

    @contextmanager
    def open(
        self,
        folder: Path,
        *,
        bulk: bool = False,
        pulled: bool = True,
        external_ids: bool = True,
        **org: Any,
    ) -> Iterator[LocalSides]:
        """An org of a dozen people and a mirror that has pulled them.

        Args:
            external_ids: whether the org has PenguinMails' external ids.
            org: how the org is to be, see ``LocalOrgConfig``.
        """
        mapping, limits = example()
        local = LocalOrg(
            LocalOrgConfig(**{"contacts": 12, "leads": 4, "task_external_id": external_ids, **org})
        )
        if not external_ids:
            objects = {
                name: replace(each, external_id="") for name, each in mapping.objects.items()
            }
            mapping = replace(
                mapping, objects=objects, activities=replace(mapping.activities, external_id="")
            )
        local.start()
        self.callback(local.stop)
        write_ready_mirror(folder / "mirror.db", mapping)
        with SqliteMirror(folder / "mirror.db", now=now) as mirror:
            sides = LocalSides(local, mirror, mapping, limits)
            sides.first_tasks = frozenset(sides.live("Task"))
            if pulled:
                sides.do("sync")
            sides.bulk = bulk
            local.state.meter.reset()
            yield sides
        if local._server is not None:
            local._server.should_exit = True


OpenSides = Callable[..., LocalSides]


def daily_cells(cells: Iterable[Any], *chosen: Any) -> list[Any]:
    """All cells of a table for ``parametrize``; those not chosen run with ``make faults`` alone."""
    return [
        cell if cell in chosen else pytest.param(cell, marks=pytest.mark.faults) for cell in cells
    ]


def event(kind: EventType, email: str, key: str = "", campaign: str = "c-7") -> EmailEvent:
    return EmailEvent(
        key or f"{kind.value}-{email}".lower(),
        kind,
        email,
        "2026-01-20T10:00:00Z",
        campaign,
        "January",
    )


def addresses(sides: LocalSides, table: str = "contacts") -> list[str]:
    """Addresses of one person each, in a steady order."""
    counted = Counter(str(row["email"]).lower() for row in sides.rows(table) if row["email"])
    known = {
        str(row["email"]).lower()
        for row in sides.rows("leads" if table == "contacts" else "contacts")
    }
    return [email for email, count in sorted(counted.items()) if count == 1 and email not in known]
