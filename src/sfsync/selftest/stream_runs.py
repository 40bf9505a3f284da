"""Runs of a process that follows the stream of changes, and what a plain pull says of the mirror that it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from sfsync.engine.pull import pull
from sfsync.engine.run import Run
from sfsync.engine.verify import verify
from sfsync.mirror.store import SqliteMirror
from sfsync.model.outcome import RunReport
from sfsync.selftest.invariants import quarantined_rows, state_of
from sfsync.selftest.mirror_file import MirrorFile
from sfsync.selftest.people import SOBJECTS
from sfsync.selftest.runs import RunSteps
from sfsync.selftest.schedule import FOLLOW, TICK
from sfsync.selftest.simulated_process import SimulatedProcess
from sfsync.selftest.stream_steps import StreamSteps

TICKS_TO_REST = 4
"""Ticks in peace after which a process that listens must have nothing more to do."""

_DAY_SECONDS = 86_400
_DISAGREEMENTS = ("missing_here", "different", "ended")

Rows = dict[int, tuple[Any, ...]]


class StreamRuns(RunSteps):
    """The runs that follow; without a stream, they and their steps do nothing."""

    following: StreamSteps

    # -- steps
    def read_stream(self, steps: int) -> str:
        """The stream is read for a while; nothing is done yet about what it names."""
        line = self.following.read(self.mirror, steps)
        self.following.after_run(died=False)
        return line

    def leave_stream(self) -> str:
        """A large push is under way: the stream is left, and begins anew afterwards."""
        return self.following.leave(self.mirror)

    def nobody_listens(self, days: int) -> str:
        """The process is down for days: the org keeps events for three."""
        if self.following.stream is None:
            return ""
        self.following.after_run(died=True)
        self.pass_time(days * _DAY_SECONDS)
        return f"{days} days"

    def run_while_the_stream_tells_more(
        self, verb: str, place: str, number: int, column: str
    ) -> str:
        """A run has read what was named, when a user edits a record and the stream tells that."""

        def act() -> None:
            self.pass_time(1)
            edit = partial(self.people.edit_there, number, "contacts", column, blank=False)
            self._meanwhile(self._tried(edit))
            with closing(SqliteMirror(self._file.path, now=self._now, busy_seconds=1)) as other:
                other.prepare(self.mapping)
                self._meanwhile(self.following.read(other))

        return self.run(verb, SimulatedProcess(at_place={place: act}), "while the stream tells")

    # -- runs
    def run(self, verb: str, process: SimulatedProcess | None = None, how: str = "") -> str:
        """As ever; whoever follows has a position besides."""
        if verb not in {FOLLOW, TICK}:
            return super().run(verb, process, how)
        if self.following.stream is None:
            return ""
        line = super().run(verb, process, how)
        self.following.after_run(died=self._process.dead)
        return line

    def _do_verb(self, verb: str, run: Run) -> None:
        if verb == FOLLOW:
            self.following.follow(run)
        elif verb == TICK:
            self.following.tick(run)
        else:
            super()._do_verb(verb, run)

    # -- the laws
    def judge_following(self) -> None:
        """The stream is read in peace, and a pull of everything finds nothing more."""
        stream = self.following.stream
        if stream is None:
            return
        stream.end_trouble()
        self.result.log.append("all is well, and the stream is followed")
        for _ in range(TICKS_TO_REST):
            state = state_of(self)
            self.result.log.append(f"  {self.run(TICK)}")
            if self.result.broken:
                return
            if state_of(self) == state:
                break
        else:
            self.fail("rest", f"{TICKS_TO_REST} ticks in peace were not enough to come to rest")
        if stream.lost:
            return  # whatever was lost without a word is found by the next sync
        self.result.checked.update(("followed", "position"))
        for sentence in self._missed():
            self.fail("followed", sentence)

    def _missed(self) -> Iterator[str]:
        """What a full pull would change, tried on a copy of the mirror."""
        path = self._file.path.with_name("copy.db")
        path.unlink(missing_ok=True)
        self.look("VACUUM INTO ?", str(path))
        copy = MirrorFile(path, self._now)
        copy.mapping = self.mapping
        try:
            before = {table: _rows(copy, table) for table in SOBJECTS}
            self._pull_all(copy.open())
            for table in SOBJECTS:
                yield from self._changed(table, before[table], _rows(copy, table))
        finally:
            copy.close()

    def _pull_all(self, mirror: SqliteMirror) -> None:
        report = RunReport("compared", "pull")
        with self._opened_run(mirror, report, SimulatedProcess()) as run:
            mirror.runs.begin(report.run_id, "pull")
            pull(run, full=True)

    def _changed(self, table: str, before: Rows, after: Rows) -> Iterator[str]:
        ledger, aside = self.people.ledger, quarantined_rows(self)
        for row in sorted(before.keys() | after.keys()):
            here, there = before.get(row), after.get(row)
            record = (there or here or ("", ""))[1]
            if here == there or record in ledger.forgotten_here | ledger.purged:
                continue
            if (table, row) in aside:
                continue  # what was edited here waits for a person, and a full pull judges it anew
            yield f"{table} {row}: following led to {here}, a full pull leads to {there}"

    def judge_verify(self) -> None:
        """At rest, ``verify`` finds nothing that is not as it should be, and that quarantine does not tell."""
        if self.following.stream is None:
            return
        with self._opened_run(
            self.mirror, RunReport("verified", "verify", dry_run=True), SimulatedProcess()
        ) as run:
            for found in verify(run).values():
                named = {each for kind in _DISAGREEMENTS for each in found.named.get(kind, ())}
                for record in sorted(named - self._records_in_quarantine()):
                    self.fail("equal", f"verify finds {record}: {found.as_dict()}")

    def _records_in_quarantine(self) -> set[str]:
        aside = quarantined_rows(self)
        return {
            record
            for table in SOBJECTS
            for row, record in self.look(f"SELECT id, salesforce_id FROM {table}")
            if (table, row) in aside
        }


def _rows(file: MirrorFile, table: str) -> Rows:
    columns = [name for _, name, *_ in file.query(f"PRAGMA table_info({table})")]
    kept = ", ".join(f'"{name}"' for name in columns if name not in {"id", "salesforce_id"})
    return {row[0]: row for row in file.query(f"SELECT id, salesforce_id, {kept} FROM {table}")}
