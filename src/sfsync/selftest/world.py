"""Both sides of a sync in one process: a local org behind real HTTP, a real mirror, runs of sfsync.

A world is put back to the start of a scene in a few milliseconds: the org's records from a
snapshot, the mirror's file from a copy. Clocks are the world's own, so that a schedule is the same
whenever it is played.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import stamina

from local_org.api_error import ApiError
from local_org.server import LocalOrg
from local_org.state.snapshot import Snapshot
from sfsync.engine.bulk_jobs import note_job
from sfsync.engine.pull import pull
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity
from sfsync.engine.run import Run
from sfsync.engine.sync import sync
from sfsync.engine.verify import verify
from sfsync.errors import SfsyncError
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import iso
from sfsync.model.mapping import SyncMapping
from sfsync.model.outcome import RunReport
from sfsync.model.token import Token
from sfsync.selftest import invariants
from sfsync.selftest.invariants import BrokenPromise
from sfsync.selftest.mirror_file import MirrorFile
from sfsync.selftest.people import SOBJECTS, People
from sfsync.selftest.scene_start import (
    SceneStart,
    example_configuration,
    example_mapping,
    new_org,
)
from sfsync.selftest.schedule import Scene, Schedule, Step
from sfsync.selftest.simulated_process import (
    AFTER_A_CALL,
    BEFORE_A_CALL,
    DIE,
    DISK,
    KillableSession,
    SimulatedProcess,
)
from sfsync.selftest.small_org import small_org
from sfsync.selftest.trouble import TroubledAdapter, Troubles, refusing_socket

BEGIN = datetime(2026, 1, 20, 10, tzinfo=UTC)
RUNS_TO_REST = 5
"""Runs in peace after which both sides must be at rest."""

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


@dataclass
class ScheduleResult:
    """What became of one schedule.

    Attributes:
        broken: which promises did not hold; none where all did.
        log: what every step did, in words.
        rules: how often each rule did something.
        runs: how runs ended: ``ok``, ``died``, ``failed``.
        checked: how often each promise was looked at.
    """

    schedule: Schedule
    broken: list[BrokenPromise] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    calls: int = 0


class World:
    """Two sides, people, trouble, and runs of sfsync. Use it as a context.

    Args:
        folder: where the mirror is; None for one that goes away, in memory where there is some.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._stack = ExitStack()
        self._given = folder
        self._starts: dict[Scene, SceneStart] = {}
        self._orgs: dict[str, tuple[LocalOrg, Snapshot]] = {}

    def __enter__(self) -> Self:
        stack = self._stack
        folder = self._given or Path(
            stack.enter_context(TemporaryDirectory(prefix="sfsync-selftest-", dir=_fast_folder()))
        )
        self._file = MirrorFile(folder / "mirror.db", self._now)
        self._refusing = stack.enter_context(closing(refusing_socket()))
        at_once = stamina.set_testing(True, attempts=5, cap=True)  # type: ignore[no-untyped-call, unused-ignore]
        stack.enter_context(at_once)
        stack.callback(self._file.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- beginning
    @property
    def mapping(self) -> SyncMapping:
        """What the mirror is prepared for."""
        return self._file.mapping

    def begin(self, schedule: Schedule) -> None:
        """Put everything to the start of this schedule's scene."""
        if schedule.scene not in self._starts:
            self._starts[schedule.scene] = self._prepared(schedule.scene)
        start = self._starts[schedule.scene]
        self._enter_scene(schedule.scene, start.org)
        self._file.mapping, self.usable = start.mapping, start.usable
        start.snapshot.restore(self.org.state)
        self._file.path.write_bytes(start.mirror)
        self.pass_time(2 * BETWEEN_RUNS_SECONDS)  # the mirror has pulled once
        self._begin_result(schedule)

    def _prepared(self, scene: Scene) -> SceneStart:
        """A few people, pulled, everything at rest."""
        org, untouched = self._org(scene)
        self._enter_scene(scene, org)
        untouched.restore(org.state)
        self._file.mapping = self.usable = example_mapping(keyed=scene.org != "unkeyed")
        self._file.path.unlink(missing_ok=True)
        self._begin_result(Schedule(-1, scene, ()))
        self.run("sync")
        snapshot = Snapshot.of(org.state)
        self._file.close()
        content = self._file.path.read_bytes()
        return SceneStart(org, self.mapping, self.usable, snapshot, content)

    def _org(self, scene: Scene) -> tuple[LocalOrg, Snapshot]:
        """The scene's org, which is started once, and what it holds to begin with."""
        if scene.org not in self._orgs:
            self._there = BEGIN
            org = new_org(scene, self._their_time)
            org.start()
            self._stack.callback(org.stop)
            self._orgs[scene.org] = org, Snapshot.of(org.state)
        return self._orgs[scene.org]

    def _enter_scene(self, scene: Scene, org: LocalOrg) -> None:
        self._file.close()
        self.scene, self.org = scene, org
        org.bulk.forget_jobs()
        self._here = self._there = BEGIN
        self.troubles = Troubles(org)
        self.troubles.end()

    def _begin_result(self, schedule: Schedule) -> None:
        """Nothing has happened yet."""
        self.result = ScheduleResult(schedule)
        self._process = SimulatedProcess()
        self._runs = 0
        self._token: Token | None = None
        self.people = People(
            self.org, self.look, self.edit, lambda: self.mirror, engagement=self.scene.org != "bare"
        )
        for sobject in SOBJECTS.values():
            self.people.ledger.made_there |= self.org.state.table(sobject).rows.keys()

    def _their_time(self) -> float:
        return self._there.timestamp()

    # -- the mirror
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

    # -- steps
    def do(self, step: Step) -> None:
        """Let it happen."""
        method = getattr(self.people, step.rule, None) or getattr(self, step.rule)
        line = self._tried(partial(method, **step.arguments))
        if line:
            self.result.rules[step.rule] += 1
            self.result.log.append(f"{step.rule}: {line}")

    def _tried(self, act: Callable[[], str]) -> str:
        """What came of it; what the org's own rules refuse was not done."""
        before = deepcopy(self.people.ledger)
        try:
            return act()
        except ApiError as error:
            self.people.ledger = before
            return f"refused, {error.code}"

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
        self._here = self._there + timedelta(seconds=seconds)
        return f"by {seconds} seconds"

    def their_clock_jumps(self, seconds: int) -> str:
        """The org's clock moves; back by less than the overlap that a pull reads again."""
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
        before = invariants.Before.of(self)
        report = RunReport(f"{self.result.schedule.seed}-{self._runs}", verb)
        ended = self._end_of_run(verb, report, process)
        self.org.bulk.wait_for_all()
        self.result.runs[ended.partition(":")[0]] += 1
        self.result.calls += report.api_calls
        if ended.startswith("broke"):
            self.fail("errors", f"{verb} ended with {ended}")
        if process.dead or process.failed_disk:
            self._file.close_mirror()
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
        )
        org.on_job = partial(note_job, run)
        try:
            run.check_org(self.org.state.org_id)
            mirror.runs.begin(report.run_id, verb)
            VERBS[verb](run)
            self.usable = run.usable
            mirror.runs.finish(report.run_id, "ok", report.as_dict())
            process.hit("run.finished")
        finally:
            report.api_calls = org.usage().api_calls
            session.close()

    def _sleep(self, _seconds: float) -> None:
        """No time is spent, but a job that runs comes to its end."""
        self.org.bulk.wait_for_all()

    def _login(self, *, anew: bool = False) -> Token:
        if self._token is None or anew:
            url, state = self.org.url, self.org.state
            self._token = Token(self.org.token(), url, f"{url}/id/{state.org_id}/{state.admin_id}")
        return self._token

    # -- the end
    def play(self, schedule: Schedule) -> ScheduleResult:
        """Let it all happen, come to rest in peace, and look whether every promise holds."""
        self.begin(schedule)
        for step in schedule.steps:
            self.do(step)
            if self.result.broken:
                return self._over()
        self.judge()
        return self._over()

    def _over(self) -> ScheduleResult:
        self.troubles.end()
        self.result.faults += self.troubles.occurred
        return self.result

    def judge(self) -> None:
        """Peace, a few runs, and the promises."""
        self.result.log.append("all is well, and sync runs until both sides are at rest")
        self.troubles.end()
        self.mirror.quarantine.retry()
        for _ in range(RUNS_TO_REST):
            state = invariants.state_of(self)
            self.result.log.append(f"  {self.run('sync')}")
            if self.result.broken:
                return
            if invariants.state_of(self) == state:
                break
        else:
            self.fail("rest", f"{RUNS_TO_REST} runs in peace were not enough to come to rest")
        for name, sentence in invariants.judge(self):
            self.fail(name, sentence)

    def fail(self, name: str, sentence: str) -> None:
        """A promise does not hold."""
        self.result.broken.append(BrokenPromise(name, sentence))
        self.result.log.append(f"  BROKEN {name}: {sentence}")


def _fast_folder() -> str | None:
    """Memory instead of a disk, where there is some: thousands of commits wait for it."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it, for this user alone
    try:
        TemporaryDirectory(dir=memory).cleanup()
    except OSError:
        return None
    return str(memory)
