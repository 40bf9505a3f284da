"""Both sides of a sync in one process: a local org behind real HTTP, a real mirror, and whoever runs sfsync.

A world is put back to the start of a scene in a few milliseconds: the org's records from a
snapshot, the mirror's file from a copy. Clocks are the world's own, so that a schedule is the same
whenever it is played.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import stamina

from local_org.api_error import ApiError
from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.snapshot import Snapshot
from sfsync.config.file import example_config, load_config
from sfsync.config.sections import Config
from sfsync.engine.pull import pull
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity
from sfsync.engine.recover import note_job
from sfsync.engine.run import Run
from sfsync.engine.sync import sync
from sfsync.engine.verify import verify
from sfsync.errors import SfsyncError
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import iso
from sfsync.model.mapping import SyncMapping
from sfsync.model.merges import Merge
from sfsync.model.outcome import RunReport
from sfsync.model.token import Token
from sfsync.model.traffic import Batching
from sfsync.salesforce.bulk_jobs import Polling
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.selftest import invariants
from sfsync.selftest.invariants import Broken
from sfsync.selftest.life import AFTER_A_CALL, BEFORE_A_CALL, DIE, DISK, Life, MortalSession
from sfsync.selftest.people import ADDRESSES, SOBJECTS, UNMAPPED, People, connection_of
from sfsync.selftest.schedule import Scene, Schedule, Step
from sfsync.selftest.trouble import Troubles, Wire, closed_door

BEGIN = datetime(2026, 1, 20, 10, tzinfo=UTC)
CROWD = 230
"""More Contacts than the 200 that fit on a page."""

NEVER = 10**9
RUNS_TO_REST = 5
"""Runs in peace after which both sides must be at rest."""

BETWEEN_RUNS_SECONDS = 1_200
"""More than a pull reads again behind its watermark, so that no run makes up for what another one lost."""

VERBS: Mapping[str, Callable[[Run], object]] = {
    "pull": pull,
    "full": partial(pull, full=True),
    "push": push,
    "push_activity": push_activity,
    "sync": sync,
    "verify": partial(verify, repair=True),
}


class SmallBatches(SalesforceOrg):
    """Three writes at a time, so that a handful of people is several batches."""

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        """As ever, but small."""
        return replace(super().batching(action_count, creating=creating), size=3)


@dataclass
class Stage:
    """One scene's start, to come back to."""

    org: LocalOrg
    mapping: SyncMapping
    usable: SyncMapping
    snapshot: Snapshot
    mirror: bytes


@dataclass
class Played:
    """What became of one schedule.

    Attributes:
        broken: which promises did not hold; none where all did.
        log: what every step did, in words.
        rules: how often each rule did something.
        runs: how runs ended: ``ok``, ``died``, ``failed``.
        checked: how often each promise was looked at.
    """

    schedule: Schedule
    broken: list[Broken] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    calls: int = 0


class World:
    """Two sides, people, trouble, and somebody who runs sfsync. Use it as a context.

    Args:
        folder: where the mirror is; None for one that goes away, in memory where there is some.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._stack = ExitStack()
        self._given = folder
        self._stages: dict[Scene, Stage] = {}
        self._orgs: dict[str, tuple[LocalOrg, Snapshot]] = {}
        self._mirror: SqliteMirror | None = None
        self._tool: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        stack = self._stack
        folder = self._given or Path(
            stack.enter_context(TemporaryDirectory(prefix="sfsync-selftest-", dir=_fast_folder()))
        )
        self.path = folder / "mirror.db"
        self._door = stack.enter_context(closing(closed_door()))
        stack.enter_context(stamina.set_testing(True, attempts=5, cap=True))  # type: ignore[no-untyped-call, unused-ignore]
        stack.callback(self._close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- beginning
    def begin(self, schedule: Schedule) -> None:
        """Put everything to the start of this schedule's scene."""
        stage = self._stage(schedule.scene)
        self._arrive(schedule.scene, stage.org)
        self.mapping, self.usable = stage.mapping, stage.usable
        stage.snapshot.restore(self.org.state)
        self.path.write_bytes(stage.mirror)
        self.pass_time(2 * BETWEEN_RUNS_SECONDS)  # the mirror has pulled once
        self.played = Played(schedule)
        self._people_begin()

    def _stage(self, scene: Scene) -> Stage:
        if scene not in self._stages:
            self._stages[scene] = self._prepared(scene)
        return self._stages[scene]

    def _prepared(self, scene: Scene) -> Stage:
        """A few people, pulled, everything at rest."""
        org, untouched = self._org(scene)
        self._arrive(scene, org)
        untouched.restore(org.state)
        self.mapping = self.usable = _mapping(keyed=scene.org != "unkeyed")
        self.path.unlink(missing_ok=True)
        self.played = Played(Schedule(-1, scene, ()))
        self._people_begin()
        self.run("sync")
        stage = Stage(org, self.mapping, self.usable, Snapshot.of(org.state), b"")
        self._close()
        return replace(stage, mirror=self.path.read_bytes())

    def _org(self, scene: Scene) -> tuple[LocalOrg, Snapshot]:
        """The scene's org, which is started once, and what it holds to begin with."""
        if scene.org not in self._orgs:
            config = LocalOrgConfig(
                contacts=CROWD if scene.org == "crowd" else 0,
                leads=0,
                custom_fields=scene.org != "bare",
                task_external_id=scene.org not in {"bare", "unkeyed"},
                clock=self._their_time,
            )
            self._there = BEGIN
            org = LocalOrg(config)
            for number in range(3):
                fields = {
                    "LastName": f"P{number}",
                    "Email": ADDRESSES[number],
                    UNMAPPED["Contact"]: "sales",
                }
                org.as_user().create("Contact", fields)
            org.as_user().create("Lead", {"LastName": "L", "Company": "Co", "Email": ADDRESSES[3]})
            org.start()
            self._stack.callback(org.stop)
            self._orgs[scene.org] = org, Snapshot.of(org.state)
        return self._orgs[scene.org]

    def _arrive(self, scene: Scene, org: LocalOrg) -> None:
        self._close()
        self.scene, self.org = scene, org
        org.bulk.forget_jobs()
        self._here = self._there = BEGIN
        self.troubles = Troubles(org)
        self.troubles.end()

    def _people_begin(self) -> None:
        self._life = Life()
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
        """The mirror as this process has it open."""
        if self._mirror is None:
            self._mirror = SqliteMirror(self.path, now=self._now, busy_seconds=1)
            self._mirror.prepare(self.mapping)
            self._life.mirror = self._mirror
        return self._mirror

    def _now(self) -> str:
        return iso(self._here)

    def look(self, sql: str, *parameters: Any) -> list[Any]:
        """Every row of a query, by another tool."""
        _ = self.mirror
        if self._tool is None:
            self._tool = connection_of(str(self.path))
        return self._tool.execute(sql, parameters).fetchall()

    def edit(self, sql: str, *parameters: Any) -> None:
        """Somebody runs a statement with another tool."""
        self.look(sql, *parameters)

    def _let_go(self) -> None:
        """The process that had the mirror open is gone."""
        if self._mirror is not None:
            self._mirror.close()
            self._mirror = None

    def _close(self) -> None:
        """Nobody has the mirror open."""
        self._let_go()
        if self._tool is not None:
            self._tool.close()
            self._tool = None

    # -- steps
    def do(self, step: Step) -> None:
        """Let it happen."""
        doer = getattr(self.people, step.rule, None) or getattr(self, step.rule)
        told = self._tried(partial(doer, **step.arguments))
        if told:
            self.played.rules[step.rule] += 1
            self.played.log.append(f"{step.rule}: {told}")

    def _tried(self, act: Callable[[], str]) -> str:
        """What came of it; what the org's own rules refuse was not done."""
        before = deepcopy(self.people.ledger)
        try:
            return act()
        except ApiError as refusal:
            self.people.ledger = before
            return f"refused, {refusal.code}"

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
        begun = self.trouble_begins(kind, calls, nth, times, rows)
        told = self.run(verb, how=f"in trouble ({begun})")
        self.troubles.end()
        return told

    def run_and_die(self, verb: str, place: str, nth: int) -> str:
        """A run that is killed at a place, if it comes there."""
        return self.run(verb, Life(acts={(place, nth): DIE}), f"to die at {place} number {nth}")

    def run_and_die_after_a_commit(self, verb: str, nth: int) -> str:
        """A run that is killed when its n-th transaction is kept."""
        return self.run(
            verb, Life(acts={("commit", nth): DIE}), f"to die after commit number {nth}"
        )

    def run_and_die_at_a_call(self, verb: str, answered: bool, nth: int) -> str:
        """A run that is killed before its n-th call to the org, or when that is answered."""
        place, told = (AFTER_A_CALL, "after") if answered else (BEFORE_A_CALL, "before")
        return self.run(verb, Life(acts={(place, nth): DIE}), f"to die {told} call number {nth}")

    def run_on_a_full_disk(self, verb: str, nth: int) -> str:
        """A run whose n-th commit is the last thing that the disk takes."""
        return self.run(
            verb, Life(acts={("commit", nth): DISK}), f"to fail after commit number {nth}"
        )

    def run_while_somebody_edits_here(self, verb: str, number: int, column: str) -> str:
        """A run whose first write is done, and not yet heard of, when somebody edits a row."""

        def act() -> None:
            row = self.people.row(number, "contacts")
            if row is not None:
                self._meanwhile(
                    self.people.type_here("contacts", row, column, self.people.new_value())
                )
                self._meanwhile(self.people.count_here(number, 1))

        return self.run(verb, Life(after_a_write=act), "while somebody edits here")

    def run_while_somebody_edits_there(self, verb: str, number: int, column: str) -> str:
        """A run that has read and planned, and is about to write, when somebody edits a record."""

        def act() -> None:
            self._there += timedelta(seconds=1)
            edit = partial(self.people.edit_there, number, "contacts", column, blank=False)
            self._meanwhile(self._tried(edit))

        return self.run(verb, Life(before_a_write=act), "while somebody edits there")

    def _meanwhile(self, told: str) -> None:
        if told:
            self.played.rules["edited in flight"] += 1
            self.played.log.append(f"  meanwhile {told}")

    # -- runs
    def run(self, verb: str, life: Life | None = None, how: str = "") -> str:
        """One run of a process of its own, and a look at what it did; how it ended."""
        self.pass_time(BETWEEN_RUNS_SECONDS)
        self._runs += 1
        life = self._life = life or Life()
        life.mirror = self._mirror
        before = invariants.Before.of(self)
        report = RunReport(f"{self.played.schedule.seed}-{self._runs}", verb)
        ended = "ok"
        try:
            with life.lived():
                self._work(verb, report, life)
            ended = "died" if life.dead else "ok"
        except SfsyncError as error:
            ended = f"failed: {error.slug}, {error.message}"
        except Exception as error:  # noqa: BLE001  whatever is no error for people is a broken promise
            ended = (
                "failed: disk"
                if life.failed_disk and isinstance(error, OSError)
                else f"broke: {error!r}"
            )
        self.org.bulk.wait_for_all()
        self.played.runs[ended.partition(":")[0]] += 1
        self.played.calls += report.api_calls
        if ended.startswith("broke"):
            self.fail("errors", f"{verb} ended with {ended}")
        if life.dead or life.failed_disk:
            self._let_go()
        before.judge(self, clean=ended == "ok")
        self.last = report
        return " ".join(filter(None, (verb, how, f"-> {ended}")))

    def _work(self, verb: str, report: RunReport, life: Life) -> None:
        mirror, session = self.mirror, self._session(life)
        org = self._org_of(session)
        run = Run(
            org,
            mirror,
            self.mapping,
            _configuration().limits,
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
            life.hit("run.finished")
        finally:
            report.api_calls = org.usage().api_calls
            session.close()

    def _session(self, life: Life) -> MortalSession:
        session = MortalSession(
            self._login(), lambda _stale: self._login(anew=True), timeouts_seconds=(10.0, 60.0)
        )
        session.life = life
        session.headers["Sforce-Query-Options"] = "batchSize=200"
        session.mount("http://", Wire(self.troubles, self._door))
        return session

    def _org_of(self, session: MortalSession) -> SalesforceOrg:
        jobs_from = 1 if self.scene.bulk else NEVER
        return SmallBatches(
            Connection(session, api_version=_configuration().org.api_version, patience=Patience(first_wait_seconds=0)),
            bulk_query_from=jobs_from,
            bulk_write_from=jobs_from,
            polling=Polling(1.0, 2.0, 30.0, 120.0),
            sleep=self._sleep,
        )  # fmt: skip

    def _sleep(self, _seconds: float) -> None:
        """Nobody waits in earnest, but a job that runs comes to its end."""
        self.org.bulk.wait_for_all()

    def _login(self, *, anew: bool = False) -> Token:
        if self._token is None or anew:
            url, state = self.org.url, self.org.state
            self._token = Token(self.org.token(), url, f"{url}/id/{state.org_id}/{state.admin_id}")
        return self._token

    # -- the end
    def play(self, schedule: Schedule) -> Played:
        """Let it all happen, come to rest in peace, and look whether every promise holds."""
        self.begin(schedule)
        for step in schedule.steps:
            self.do(step)
            if self.played.broken:
                return self._over()
        self.judge()
        return self._over()

    def _over(self) -> Played:
        self.troubles.end()
        self.played.faults += self.troubles.struck
        return self.played

    def judge(self) -> None:
        """Peace, a few runs, and the promises."""
        self.played.log.append("all is well, and sync runs until both sides are at rest")
        self.troubles.end()
        self.mirror.quarantine.retry()
        for _ in range(RUNS_TO_REST):
            state = invariants.state_of(self)
            self.played.log.append(f"  {self.run('sync')}")
            if self.played.broken:
                return
            if invariants.state_of(self) == state:
                break
        else:
            self.fail("rest", f"{RUNS_TO_REST} runs in peace were not enough to come to rest")
        for name, sentence in invariants.judge(self):
            self.fail(name, sentence)

    def fail(self, name: str, sentence: str) -> None:
        """A promise does not hold."""
        self.played.broken.append(Broken(name, sentence))
        self.played.log.append(f"  BROKEN {name}: {sentence}")


@cache
def _configuration() -> Config:
    """The example configuration: what most people will use."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sfsync.yaml"
        path.write_text(example_config(), encoding="utf-8")
        return load_config(path, {"SFSYNC_CLIENT_ID": "none"})


@cache
def _mapping(*, keyed: bool) -> SyncMapping:
    """The example's mapping, with one field to be decided by hand and one by time."""
    mapping = _configuration().mapping
    contact = mapping.objects["contact"]
    merges = {"city": Merge.MANUAL, "phone": Merge.NEWEST}
    fields = tuple(
        replace(each, merge=merges.get(each.column, each.merge)) for each in contact.fields
    )
    objects = {**mapping.objects, "contact": replace(contact, fields=fields)}
    if keyed:
        return replace(mapping, objects=objects)
    objects = {name: replace(each, external_id="") for name, each in objects.items()}
    return replace(mapping, objects=objects, activities=replace(mapping.activities, external_id=""))


def _fast_folder() -> str | None:
    """Memory instead of a disk, where there is some: thousands of commits wait for it."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it, for this user alone
    try:
        TemporaryDirectory(dir=memory).cleanup()
    except OSError:
        return None
    return str(memory)
