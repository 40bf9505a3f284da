"""Both sides of a sync in one process: a real mirror in a file, an org in memory, and runs as the command line makes them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sfsync.config.file import load_config
from sfsync.engine.pull import pull
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity, take
from sfsync.engine.run import Run
from sfsync.engine.sync import sync
from sfsync.mirror.store import SqliteMirror
from sfsync.model.arrival import Arrival
from sfsync.model.cursor import iso
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.limits import Limits
from sfsync.model.mapping import FieldMap, ObjectMap, SyncMapping
from sfsync.model.merges import Merge
from sfsync.model.outcome import RunReport
from tests.fakes import FakeOrg
from tests.ready_mirror import write_ready_mirror

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"
ORG_ID = "00D000000000001EAA"

MAPPING = load_config(EXAMPLE, {"SFSYNC_CLIENT_ID": "none"}).mapping
"""The example configuration's: what most people will use."""


def fast_folder() -> str | None:
    """Memory instead of a disk, where there is some: thousands of commits wait for it."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


def with_object(mapping: SyncMapping, name: str, **changed: Any) -> SyncMapping:
    """The mapping with something about one object changed."""
    objects = {**mapping.objects, name: replace(mapping.objects[name], **changed)}
    return replace(mapping, objects=objects)


def with_merge(mapping: SyncMapping, name: str, column: str, merge: Merge) -> SyncMapping:
    """The mapping with another merge for one field."""
    fields = tuple(
        replace(each, merge=merge) if each.column == column else each
        for each in mapping.objects[name].fields
    )
    return with_object(mapping, name, fields=fields)


def without_field(mapping: SyncMapping, name: str, *columns: str) -> SyncMapping:
    """The mapping with fields left out."""
    kept = tuple(each for each in mapping.objects[name].fields if each.column not in columns)
    return with_object(mapping, name, fields=kept)


def without_keys(mapping: SyncMapping) -> SyncMapping:
    """The mapping for an org that has no external ids."""
    for name in mapping.objects:
        mapping = with_object(mapping, name, external_id="")
    return replace(mapping, activities=replace(mapping.activities, external_id=""))


@dataclass
class Sides:
    """An org in memory, a mirror in a file, and runs of sfsync between them.

    Attributes:
        now: this machine's clock, which need not agree with the org's.
        reports: of every run, the last one last.
    """

    path: Path
    org: FakeOrg = field(default_factory=FakeOrg)
    mapping: SyncMapping = MAPPING
    limits: Limits = field(default_factory=Limits)
    now: datetime = datetime(2026, 1, 20, 10, tzinfo=UTC)
    reports: list[RunReport] = field(default_factory=list)
    _mirror: SqliteMirror | None = None
    _other_tool: sqlite3.Connection | None = None

    @property
    def mirror(self) -> SqliteMirror:
        """The mirror as this process has it open."""
        if self._mirror is None:
            write_ready_mirror(self.path, self.mapping)
            self._mirror = SqliteMirror(self.path, now=lambda: iso(self.now), busy_seconds=1)
            self._mirror.prepare(self.mapping)
        return self._mirror

    def reopen(self, mapping: SyncMapping | None = None) -> None:
        """The process is gone; the next one opens the file anew, perhaps with another configuration."""
        self.mapping = mapping or self.mapping
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._mirror is not None:
            self._mirror.close()
            self._mirror = None
        if self._other_tool is not None:
            self._other_tool.close()
            self._other_tool = None

    def pass_time(self, seconds: float = 60) -> None:
        """Time goes by on both sides."""
        self.now += timedelta(seconds=seconds)
        self.org.pass_time(seconds)

    # -- runs --------------------------------------------------------------------------------------
    def run(self, job: Callable[[Run], object], **options: Any) -> RunReport:
        """One run, as the command line makes it: a process of its own, noted in ``runs``."""
        self.pass_time()
        report = RunReport(
            f"run-{len(self.reports) + 1}", "test", dry_run=options.get("dry_run", False)
        )
        self.reports.append(report)
        run = Run(
            self.org,
            self.mirror,
            self.mapping,
            self.limits,
            report,
            lambda: iso(self.now),
            **options,
        )
        before = len(self.org.calls)
        try:
            if not report.dry_run:
                run.check_org(ORG_ID)
                self.mirror.runs.begin(report.run_id, report.command)
            job(run)
        finally:
            report.api_calls = len(self.org.calls) - before
        if not report.dry_run:
            self.mirror.runs.finish(report.run_id, "ok", report.as_dict())
        return report

    def pull(self, *, full: bool = False, since: str | None = None, **options: Any) -> RunReport:
        return self.run(lambda run: pull(run, full=full, since=since), **options)

    def push(self, **options: Any) -> RunReport:
        return self.run(push, **options)

    def push_activity(self, *events: EmailEvent, **options: Any) -> RunReport:
        def job(run: Run) -> None:
            take(run, Arrival("test", events))
            push_activity(run)

        return self.run(job, **options)

    def sync(self, **options: Any) -> RunReport:
        return self.run(sync, **options)

    def keep(self, *events: EmailEvent) -> None:
        """Events come in; nothing is sent yet."""
        self.mirror.events.keep(events, source="test")

    def sync_until_quiet(self, at_most: int = 3) -> RunReport:
        """Sync until a run writes nothing on either side; the last run."""
        for _ in range(at_most):
            state = self.state()
            report = self.sync()
            if self.state() == state:
                return report
        raise AssertionError(f"{at_most} runs were not enough to come to rest")

    def state(self) -> tuple[Any, ...]:
        """What both sides hold, bookkeeping of runs and clocks aside."""
        tables = ("contacts", "leads", "_contacts_base", "_leads_base", "events", "activities")
        here = [self.look(f"SELECT * FROM {table} ORDER BY 1") for table in tables]
        kept = [
            self.look("SELECT id, state FROM conflicts"),
            self.look("SELECT id, state FROM quarantine"),
            self.look("SELECT ref, state FROM _outbox"),
        ]
        return here, kept, {record: dict(raw) for record, raw in self.org.records.items()}

    # -- other people with the mirror --------------------------------------------------------------
    @contextmanager
    def foreign(self) -> Iterator[sqlite3.Connection]:
        """Another program's connection: it knows nothing of sfsync."""
        with closing(sqlite3.connect(self.path, timeout=1)) as connection, connection:
            yield connection

    def edit(self, sql: str, *parameters: Any) -> int:
        """Another program runs a statement; the id of the row it inserted, if it did."""
        _ = self.mirror
        with self.foreign() as connection:
            return connection.execute(sql, parameters).lastrowid or 0

    def look(self, sql: str, *parameters: Any) -> list[Any]:
        """Every row of a query, by another tool."""
        _ = self.mirror
        if self._other_tool is None:
            self._other_tool = sqlite3.connect(self.path, timeout=1, isolation_level=None)
        return self._other_tool.execute(sql, parameters).fetchall()

    def one(self, sql: str, *parameters: Any) -> Any:
        """The one row there is; its one column."""
        (row,) = self.look(sql, *parameters)
        return row[0] if len(row) == 1 else row

    def local(self, email: str, *columns: str, table: str = "contacts") -> Any:
        """Columns of a person's row."""
        return self.one(f"SELECT {', '.join(columns)} FROM {table} WHERE email = ?", email)

    def remote(self, record: str, *fields: str) -> Any:
        """Fields of a record."""
        raw = self.org.records[record]  # type: ignore[index]
        values = tuple(raw.get(name) for name in fields)
        return values[0] if len(values) == 1 else values

    def tasks(self) -> list[Any]:
        """Live Tasks by event key."""
        key = self.mapping.activities.external_id or "Description"
        return sorted(str(raw.get(key)) for raw in self.org.live("Task"))

    def bytes_of_both(self) -> tuple[bytes, str]:
        """What a dry run may not change."""
        return self.path.read_bytes(), repr(self.org.records)

    def conflicts(self) -> list[Any]:
        return self.look('SELECT "column", local, remote, winner, state FROM conflicts ORDER BY id')

    def refusals(self) -> list[str]:
        """Codes of what is in open quarantine."""
        return [
            row[0]
            for row in self.look("SELECT code FROM quarantine WHERE state = 'open' ORDER BY id")
        ]


def event(
    number: int,
    email: str,
    kind: EventType = EventType.OPENED,
    *,
    campaign: str = "c-7",
    minute: int = 0,
) -> EmailEvent:
    """An email event, told by its number."""
    at = f"2026-01-20T{minute // 60:02d}:{minute % 60:02d}:00Z"
    return EmailEvent(f"evt-{number}", kind, email, at, campaign, campaign.upper())


def mapped(object_map: ObjectMap, names: Iterable[str]) -> list[FieldMap]:
    """The fields of these columns."""
    return [object_map.by_column[name] for name in names]
