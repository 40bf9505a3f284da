"""Runs of sfsync in a world: each a process of its own, in peace or not, killed or not, and a look at what it did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from socket import socket
from typing import Any

from local_org.api_error import ApiError
from local_org.server import LocalOrg
from sfsync.engine.apply import apply
from sfsync.engine.bulk_jobs import note_job
from sfsync.engine.diff import Cost, differences
from sfsync.engine.guard_memory import is_asked_apart, note_asked_apart
from sfsync.engine.pull import pull
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity
from sfsync.engine.run import Run
from sfsync.engine.sync import sync
from sfsync.engine.undo import carry_out, plan_undo
from sfsync.engine.verify import verify
from sfsync.errors import MirrorBusy, SfsyncError
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import iso
from sfsync.model.mapping import SyncMapping
from sfsync.model.outcome import RunReport
from sfsync.model.token import Token
from sfsync.planning.planfile import Header, lines, records
from sfsync.selftest.consent_steps import ConsentSteps
from sfsync.selftest.invariants import Before, BrokenPromise, state_of
from sfsync.selftest.mirror_file import MirrorFile
from sfsync.selftest.people import People
from sfsync.selftest.scene_start import example_configuration
from sfsync.selftest.schedule import Scene
from sfsync.selftest.schedule_result import ScheduleResult
from sfsync.selftest.simulated_process import (
    AFTER_A_CALL,
    BEFORE_A_CALL,
    DIE,
    DISK,
    KillableSession,
    SimulatedProcess,
)
from sfsync.selftest.small_org import small_org
from sfsync.selftest.trouble import TroubledAdapter, Troubles

BETWEEN_RUNS_SECONDS = 1_200
"""More than a pull reads again behind its watermark.

So no run makes up for what another one lost.
"""

VERBS: Mapping[str, Callable[[Run], object]] = {
    "pull": pull,
    "full": partial(pull, full=True),
    "push": push,
    "push_activity": push_activity,
    "sync": sync,
    "verify": partial(verify, repair=True),
}
DIFF, APPLY = "diff", "apply"
"""The verbs of a kept plan; see ``RunSteps``."""
UNDO = "undo"
"""Of the last run that wrote something to the org; so the second of two undoes the first."""

_LAST_WRITER = "SELECT run_id FROM _outbox WHERE state = 'accepted' ORDER BY ref DESC LIMIT 1"


class RunSteps:
    """The steps that are time, trouble and runs; what they work with is the world's.

    Attributes:
        last: the last run's report.
        plan: the lines of the plan that the last ``diff`` kept; empty for none. ``apply`` carries it out, however
            old it is and however often it was applied before, and one made just then where there is none.
    """

    scene: Scene
    org: LocalOrg
    mapping: SyncMapping
    usable: SyncMapping
    people: People
    consent: ConsentSteps
    troubles: Troubles
    result: ScheduleResult
    last: RunReport
    plan: list[str]
    _file: MirrorFile
    _refusing: socket
    _process: SimulatedProcess
    _runs: int
    _token: Token | None
    _here: datetime
    _there: datetime

    # -- both sides
    @property
    def mirror(self) -> SqliteMirror:
        """The mirror as the process has it open."""
        mirror = self._process.mirror = self._file.open()
        return mirror

    def _now(self) -> str:
        return iso(self._here)

    def look(self, sql: str, *parameters: Any) -> list[Any]:
        """Every row of a query, by another tool."""
        _ = self.mirror
        return self._file.query(sql, *parameters)

    def edit(self, sql: str, *parameters: Any) -> None:
        """A user runs a statement with another tool."""
        self.look(sql, *parameters)

    def _tried(self, act: Callable[[], str]) -> str:
        """What came of it; what the org's own rules refuse was not done."""
        before = deepcopy(self.people.ledger)
        try:
            return act()
        except ApiError as error:
            self.people.ledger = before
            return f"refused, {error.code}"

    def fail(self, name: str, sentence: str) -> None:
        """A promise does not hold."""
        self.result.broken.append(BrokenPromise(name, sentence))
        self.result.log.append(f"  BROKEN {name}: {sentence}")

    # -- time and trouble
    def time_goes_by(self, seconds: int) -> str:
        """On both sides."""
        self.pass_time(seconds)
        return f"{seconds} seconds"

    def pass_time(self, seconds: float) -> None:
        """Time goes by on both sides."""
        self._here += timedelta(seconds=seconds)
        self._there += timedelta(seconds=seconds)

    def our_clock_is_off(self, seconds: int) -> str:
        """This machine's clock goes wrong against the org's, or is put right."""
        self.people.law.clocks_agree &= not seconds
        self._here = self._there + timedelta(seconds=seconds)
        return f"by {seconds} seconds"

    def their_clock_jumps(self, seconds: int) -> str:
        """The org's clock moves; back by less than the overlap that a pull reads again."""
        self.people.law.clocks_agree = False
        self._there += timedelta(seconds=seconds)
        return f"by {seconds} seconds"

    def trouble_begins(self, kind: str, calls: str, nth: int, times: int, rows: int) -> str:
        """Something goes wrong from now on."""
        self.troubles.begin(kind, calls, nth, times, rows)
        return f"{kind}, {calls} calls from number {nth} on, {times} times"

    def trouble_ends(self) -> str:
        """All is well."""
        self.troubles.end()
        return "all is well"

    def run_in_trouble(
        self, verb: str, kind: str, calls: str, nth: int, times: int, rows: int
    ) -> str:
        """A run that something goes wrong for, and then all is well."""
        trouble = self.trouble_begins(kind, calls, nth, times, rows)
        line = self.run(verb, how=f"in trouble ({trouble})")
        self.troubles.end()
        return line

    def plan_in_doubt(self, number: int, by: int, kind: str, nth: int, at_once: bool) -> str:
        """A click is counted here and pushed, the answer is lost, and a plan is made; applied now, or some time."""
        counted = self.people.count_here(number, by)
        lines = [counted, self.run_in_trouble("push", kind, "write", nth, 1, 0), self.run(DIFF)]
        if at_once:
            lines.append(self.run(APPLY))
        return "; ".join(filter(None, lines))

    def run_and_die(self, verb: str, place: str, nth: int) -> str:
        """A run that is killed at a place, if it comes there."""
        process = SimulatedProcess(acts={(place, nth): DIE})
        return self.run(verb, process, f"to die at {place} number {nth}")

    def run_and_die_after_a_commit(self, verb: str, nth: int) -> str:
        """A run that is killed when its n-th transaction is kept."""
        process = SimulatedProcess(acts={("commit", nth): DIE})
        return self.run(verb, process, f"to die after commit number {nth}")

    def run_and_die_at_a_call(self, verb: str, answered: bool, nth: int) -> str:
        """A run that is killed before its n-th call to the org, or when that is answered."""
        place, when = BEFORE_A_CALL, "before"
        if answered:
            place, when = AFTER_A_CALL, "after"
        process = SimulatedProcess(acts={(place, nth): DIE})
        return self.run(verb, process, f"to die {when} call number {nth}")

    def run_on_a_full_disk(self, verb: str, nth: int) -> str:
        """A run whose n-th commit is the last thing that the disk takes."""
        process = SimulatedProcess(acts={("commit", nth): DISK})
        return self.run(verb, process, f"to fail after commit number {nth}")

    def run_while_somebody_edits_here(self, verb: str, number: int, column: str) -> str:
        """A run whose first write is done, and its answer not yet read, when a user edits a row."""

        def act() -> None:
            row = self.people.row(number, "contacts")
            if row is None:
                return
            value = self.people.new_value()
            self._meanwhile(self.people.type_here("contacts", row, column, value))
            self._meanwhile(self.people.count_here(number, 1))

        process = SimulatedProcess(after_a_write=act)
        return self.run(verb, process, "while somebody edits here")

    def run_while_somebody_edits_there(self, verb: str, number: int, column: str) -> str:
        """A run that has read and planned, and is about to write, when a user edits a record."""

        def act() -> None:
            self._there += timedelta(seconds=1)
            edit = partial(self.people.edit_there, number, "contacts", column, blank=False)
            self._meanwhile(self._tried(edit))

        process = SimulatedProcess(before_a_write=act)
        return self.run(verb, process, "while somebody edits there")

    def run_while_somebody_opts_out(self, verb: str, side: str, number: int, table: str) -> str:
        """A run that has sent something, or is about to, when a person opts out."""
        opt_out = self.consent.opt_out_here if side == "here" else self.consent.opt_out_there

        def act() -> None:
            self._there += timedelta(seconds=1)
            self._here += timedelta(seconds=1)
            self._meanwhile(self._tried(partial(opt_out, number, table)))

        process = SimulatedProcess()
        if side == "here":
            process.after_a_write = act
        else:
            process.before_a_write = act
        return self.run(verb, process, f"while somebody opts out {side}")

    def run_beside_another(self, verb: str) -> str:
        """A run that has sent something, when another process wants the mirror, and a third one makes a plan."""

        def act() -> None:
            with closing(SqliteMirror(self._file.path, now=self._now, busy_seconds=1)) as other:
                other.prepare(self.mapping)
                try:
                    with other.lock("another", "sync"):
                        self.fail("errors", f"a second run may begin while {verb} works")
                except MirrorBusy:
                    self._plan_beside(other)

        return self.run(verb, SimulatedProcess(after_a_write=act), "beside another")

    def _plan_beside(self, mirror: SqliteMirror) -> None:
        """As ``diff --out``, which takes no lock: the plan is kept, and may be applied at any time."""
        with self._opened_run(
            mirror, RunReport("beside", DIFF, dry_run=True), SimulatedProcess()
        ) as run:
            try:
                self._keep_plan(run)
            except SfsyncError as error:
                self._meanwhile(f"no plan is made: {error.slug}, {error.message}")
            else:
                self._meanwhile("a plan is made")

    def _meanwhile(self, line: str) -> None:
        if line:
            self.result.rules["edited in flight"] += 1
            self.result.log.append(f"  meanwhile {line}")

    # -- runs
    def run(self, verb: str, process: SimulatedProcess | None = None, how: str = "") -> str:
        """One run of a process of its own, and a look at what it did; how it ended."""
        self.pass_time(BETWEEN_RUNS_SECONDS)
        self._runs += 1
        process = self._process = process or SimulatedProcess()
        process.mirror = self._file.opened
        self.consent.before_run()
        before = Before.of(self)
        report = RunReport(f"{self.result.schedule.seed}-{self._runs}", verb, dry_run=verb == DIFF)
        ended = self._end_of_run(verb, report, process)
        self.org.bulk.wait_for_all()
        self.result.runs[ended.partition(":")[0]] += 1
        self.result.calls += report.api_calls
        if ended.startswith("broke"):
            self.fail("errors", f"{verb} ended with {ended}")
        if process.dead or process.failed_disk:
            self._file.close_mirror()
        self.consent.after_run(verb, came_to_its_end=ended == "ok")
        before.judge(self, clean=ended == "ok")
        self.last = report
        return " ".join(filter(None, (verb, how, f"-> {ended}")))

    def _end_of_run(self, verb: str, report: RunReport, process: SimulatedProcess) -> str:
        """Let it run, and how that ended: ``ok``, ``died``, ``failed: why`` or ``broke: why``."""
        try:
            with process.running():
                self._work(verb, report, process)
        except SfsyncError as error:
            return f"failed: {error.slug}, {error.message}"
        except Exception as error:  # noqa: BLE001  what is no error for people breaks a promise
            if process.failed_disk and isinstance(error, OSError):
                return "failed: disk"
            return f"broke: {error!r}"
        return "died" if process.dead else "ok"

    def _work(self, verb: str, report: RunReport, process: SimulatedProcess) -> None:
        """What the command line does for a verb."""
        mirror = self.mirror
        with self._opened_run(mirror, report, process) as run:
            if run.dry_run:
                self._keep_plan(run)
                return
            with mirror.lock(report.run_id, verb):
                mirror.runs.begin(report.run_id, verb)
                self._do_verb(verb, run)
                self.usable = run.usable
                mirror.runs.finish(report.run_id, "ok", report.as_dict())
                process.hit("run.finished")

    @contextmanager
    def _opened_run(
        self, mirror: SqliteMirror, report: RunReport, process: SimulatedProcess
    ) -> Iterator[Run]:
        """A run of a process, with its own session at the org."""
        session = KillableSession(
            self._login(), lambda _stale: self._login(anew=True), timeouts_seconds=(10.0, 60.0)
        )
        session.process = process
        session.mount("http://", TroubledAdapter(self.troubles, self._refusing))
        org = small_org(session, by_bulk=self.scene.bulk, sleep=self._sleep)
        run = Run(
            org,
            mirror,
            self.mapping,
            example_configuration().limits,
            report,
            self._now,
            allow_mass_change=True,
            dry_run=report.dry_run,
        )
        org.on_job = partial(note_job, run)
        version = org.connection.api_version
        org.recall_guard_place(
            apart=is_asked_apart(run, version), on_apart=partial(note_asked_apart, run, version)
        )
        try:
            run.check_org(self.org.state.org_id, keep=not run.dry_run)
            yield run
        finally:
            report.api_calls = org.usage().api_calls
            session.close()

    def _do_verb(self, verb: str, run: Run) -> None:
        if verb == UNDO:
            self._undo(run)
            return
        if verb != APPLY:
            VERBS[verb](run)
            return
        if not self.plan:
            self._keep_plan(replace(run, dry_run=True))
        opened = self.plan  # the command reads the file that it has opened, whatever replaces it
        apply(run, lambda: records(opened, "plan.json"))

    def _undo(self, run: Run) -> None:
        """What was typed and is taken back on purpose is not to be found any more; nor are counters to be computed."""
        found = self.look(_LAST_WRITER)
        if not found:
            return
        [(run_id,)] = found
        writes = self.look(
            "SELECT object, person_id, salesforce_id, after FROM _outbox WHERE run_id = ?", run_id
        )
        ledger = self.people.ledger
        for name, row, record, after in writes:
            ledger.typed -= {
                value for value in json.loads(after).values() if isinstance(value, str)
            }
            ledger.unclear_rows.add((f"{name}s", row))
            ledger.unclear.add(record)
        with plan_undo(run, run_id) as undoing:
            carry_out(run, undoing)

    def _keep_plan(self, run: Run) -> None:
        """As ``diff --out``: kept only when it is complete, and nothing else is changed by it."""
        before = state_of(self)
        header = Header(self.org.state.org_id, "", self.mapping.fingerprint, self._now())
        self.plan = list(lines(header, differences(run, cost=Cost())))
        if state_of(self) != before:
            self.fail("preview", "a diff has changed something")

    def _sleep(self, _seconds: float) -> None:
        """No time is spent, but a job that runs comes to its end."""
        self.org.bulk.wait_for_all()

    def _login(self, *, anew: bool = False) -> Token:
        if self._token is None or anew:
            url, state = self.org.url, self.org.state
            self._token = Token(self.org.token(), url, f"{url}/id/{state.org_id}/{state.admin_id}")
        return self._token
