"""Both sides of a sync in one process: a local org behind real HTTP, a real mirror, runs of sfsync.

A world is put back to the start of a scene in a few milliseconds: the org's records from a
snapshot, the mirror's file from a copy. Clocks are the world's own, so that a schedule is the same
whenever it is played.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import stamina

from local_org.server import LocalOrg
from local_org.state.snapshot import Snapshot
from sfsync.model.token import Token
from sfsync.selftest import invariants
from sfsync.selftest.consent_steps import ConsentSteps
from sfsync.selftest.mirror_file import MirrorFile
from sfsync.selftest.nonsense import Nonsense
from sfsync.selftest.people import SOBJECTS, People
from sfsync.selftest.runs import BETWEEN_RUNS_SECONDS
from sfsync.selftest.scene_start import (
    SceneStart,
    example_mapping,
    new_org,
)
from sfsync.selftest.schedule import Scene, Schedule, Step
from sfsync.selftest.schedule_result import ScheduleResult
from sfsync.selftest.simulated_process import (
    SimulatedProcess,
)
from sfsync.selftest.stream_runs import StreamRuns
from sfsync.selftest.stream_steps import StreamSteps
from sfsync.selftest.trouble import Troubles, refusing_socket

if TYPE_CHECKING:
    from sfsync.selftest.org_stream import Decoding, OrgStream

BEGIN = datetime(2026, 1, 20, 10, tzinfo=UTC)
RUNS_TO_REST = 5
"""Runs in peace after which both sides must be at rest."""


class World(StreamRuns):
    """Two sides, people, trouble, and runs of sfsync. Use it as a context.

    Args:
        folder: where the mirror is; None for one that goes away, in memory where there is some.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._stack = ExitStack()
        self._given = folder
        self._starts: dict[Scene, SceneStart] = {}
        self._orgs: dict[str, tuple[LocalOrg, Snapshot]] = {}
        self._decoding: Decoding | None = None

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
    def begin(self, schedule: Schedule) -> None:
        """Put everything to the start of this schedule's scene."""
        unfollowed = replace(schedule.scene, follows=False)
        if unfollowed not in self._starts:
            self._starts[unfollowed] = self._prepared(unfollowed)
        start = self._starts[unfollowed]
        self._enter_scene(schedule.scene, start.org)
        self.mapping = self._file.mapping = start.mapping
        self.usable = start.usable
        start.snapshot.restore(self.org.state)
        self._file.path.write_bytes(start.mirror)
        self.pass_time(2 * BETWEEN_RUNS_SECONDS)  # the mirror has pulled once
        self._begin_result(schedule)
        if schedule.scene.follows:
            self.following.begin(self.mirror, self._new_stream(), self.people.law)

    def _new_stream(self) -> OrgStream | None:
        """The org tells its changes from now on; nobody hears of it where the packages for that are missing."""
        if self._decoding is None:
            try:
                from sfsync.selftest.org_stream import Decoding
            except ImportError:
                return None
            self._decoding = Decoding()
        return self._decoding.stream(self.org.state)

    def _prepared(self, scene: Scene) -> SceneStart:
        """A few people, pulled, everything at rest."""
        org, untouched = self._org(scene)
        self._enter_scene(scene, org)
        untouched.restore(org.state)
        self.mapping = self._file.mapping = self.usable = example_mapping(
            keyed=scene.org != "unkeyed"
        )
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
        org.state.on_commit = None
        self._here = self._there = BEGIN
        self.troubles = Troubles(org)
        self.troubles.end()

    def _begin_result(self, schedule: Schedule) -> None:
        """Nothing has happened yet."""
        self.result = ScheduleResult(schedule)
        self._process = SimulatedProcess()
        self._runs = 0
        self.plan = []
        self._token: Token | None = None
        self.people = People(
            self.org, self.look, self.edit, lambda: self.mirror, engagement=self.scene.org != "bare"
        )
        self.consent = ConsentSteps(
            self.people,
            lambda: self.mirror,
            lambda: self.usable,
            lambda: self._here,
            lambda: self._there,
        )
        self.consent.begin()
        self.nonsense = Nonsense(self.people)
        self.following = StreamSteps(self.look, self.fail, org_id=self.org.state.org_id)
        for sobject in SOBJECTS.values():
            self.people.ledger.made_there |= self.org.state.table(sobject).rows.keys()

    def _their_time(self) -> float:
        return self._there.timestamp()

    # -- steps
    def do(self, step: Step) -> None:
        """Let it happen."""
        whose = (
            each
            for each in (self.people, self.consent, self.nonsense, self.following, self)
            if hasattr(each, step.rule)
        )
        method = getattr(next(whose), step.rule)
        line = self._tried(partial(method, **step.arguments))
        if line:
            self.result.rules[step.rule] += 1
            self.result.log.append(f"{step.rule}: {line}")
        self.consent.look()

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
        if self.following.stream is not None:
            self.result.faults += self.following.stream.occurred
        return self.result

    def judge(self) -> None:
        """Peace, a few runs, and the promises."""
        self.result.log.append("all is well, and sync runs until both sides are at rest")
        self.troubles.end()
        self.judge_following()
        if self.result.broken:
            return
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
        self.judge_verify()


def _fast_folder() -> str | None:
    """Memory instead of a disk, where there is some: thousands of commits wait for it."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it, for this user alone
    try:
        TemporaryDirectory(dir=memory).cleanup()
    except OSError:
        return None
    return str(memory)
