"""SqliteMirror: the whole SQLite side, as families of what it holds.

Each family is a class of its own in a module of its name, described there and nowhere else. The
ones the verbs need satisfy the Protocols in ``engine.ports`` by shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sfsync.mirror.arrivals import Arrivals
from sfsync.mirror.campaign_names import CampaignNames
from sfsync.mirror.changes import Changes
from sfsync.mirror.conflicts import Conflicts
from sfsync.mirror.consent import Consent
from sfsync.mirror.contact_edits import ContactEdits
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Clock, Database
from sfsync.mirror.deliveries import Deliveries
from sfsync.mirror.diagnostics import Diagnostics
from sfsync.mirror.events import Events
from sfsync.mirror.hints import Hints
from sfsync.mirror.imports import Imports
from sfsync.mirror.lock import run_lock
from sfsync.mirror.mapped_schema import fit
from sfsync.mirror.migrations import migrate
from sfsync.mirror.outbox import Outbox
from sfsync.mirror.person_history import PersonHistory
from sfsync.mirror.purge import Purge
from sfsync.mirror.quarantine import Quarantine
from sfsync.mirror.report_figures import ReportFigures
from sfsync.mirror.rows import Rows
from sfsync.mirror.runs import Runs
from sfsync.mirror.staging import SqliteStage
from sfsync.mirror.sync_state import SyncState
from sfsync.mirror.tables import MappedTable
from sfsync.mirror.tasks import Tasks
from sfsync.mirror.tokens import Tokens
from sfsync.model.mapping import ObjectMap, SyncMapping


class SqliteMirror:
    """The mirror in one SQLite file. One per thread.

    Args:
        path: the file; made where there is none, 0600.
        now: the clock, ``2026-01-20T10:00:00Z``.
        run_id: what this process writes is noted under.
        busy_seconds: how long to wait for another program that is writing.

    Raises:
        MirrorError: the file cannot be used.
        MirrorBusy: another program keeps writing.
    """

    def __init__(
        self, path: Path, *, now: Clock, run_id: str = "", busy_seconds: float = 10.0
    ) -> None:
        self.path = path
        self._database = Database(path, now=now, busy_seconds=busy_seconds)
        try:
            migrate(self._database)
        except BaseException:
            self._database.close()
            raise
        self._database.run_id = run_id
        self._context = MirrorContext(self._database)
        self._stages = 0
        self.state = SyncState(self._context)
        self.rows = Rows(self._context)
        self.imports = Imports(self._context)
        self.outbox = Outbox(self._context)
        self.events = Events(self._context)
        self.arrivals = Arrivals(self._context)
        self.campaign_names = CampaignNames(self._context)
        self.contact_edits = ContactEdits(self._context)
        self.changes = Changes(self._context)
        self.hints = Hints(self._context)
        self.deliveries = Deliveries(self._context, self.changes)
        self.tasks = Tasks(self._context)
        self.consent = Consent(self._context)
        self.conflicts = Conflicts(self._context)
        self.quarantine = Quarantine(self._context)
        self.runs = Runs(self._context)
        self.person_history = PersonHistory(self._context)
        self.purge = Purge(self._context)
        self.diagnostics = Diagnostics(self._context)
        self.report_figures = ReportFigures(self._context)
        self.tokens = Tokens(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a transaction left open is taken back."""
        self._database.close()

    def prepare(self, mapping: SyncMapping) -> tuple[str, ...]:
        """Make tables, columns and triggers fit the mapping; nothing is written where they do.

        Returns:
            The objects whose mapping changed since their last pull: they have to be read again in
            full.
        """
        changed = fit(self._database, mapping)
        self._context.tables = {
            name: MappedTable(object_map) for name, object_map in mapping.objects.items()
        }
        return changed

    def lock(
        self, run_id: str, command: str, *, timeout_seconds: float = 0
    ) -> AbstractContextManager[None]:
        """Hold the mirror's lock; ``MirrorBusy`` names who has it instead."""
        return run_lock(self._database, run_id, command, timeout_seconds=timeout_seconds)

    @contextmanager
    def staging(self, object_map: ObjectMap, columns: Sequence[str]) -> Iterator[SqliteStage]:
        """An empty stage for one object, holding these columns; gone at the end of the block."""
        self._stages += 1
        stage = SqliteStage(
            self._database,
            MappedTable(object_map),
            columns,
            f"_stage_{self._stages}",
            self._context.run_id,
        )
        try:
            yield stage
        finally:
            stage.drop()
