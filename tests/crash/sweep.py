"""Kill a command at one point, run it again, finish the work, and compare with the run that was not killed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.crash.killable import KillPlan, Point, points
from tests.crash.scene import FinalState, Scene, change_both_sides, differences

Command = tuple[str, ...]
WORK: tuple[Command, ...] = (("pull",), ("push",), ("push-activity", "events.jsonl"), ("sync",))
DONE = (0, 3)
DEADLY = {"simulated kill", "kill"}


@dataclass
class Tally:
    """What was tried, for the line at the end.

    Attributes:
        runs: how often a command was run.
        ends: how often one met its end, by act.
        points: where.
    """

    runs: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    points: set[str] = field(default_factory=set)

    def note(self, command: Command, point: Point, act: str) -> None:
        """A command is to meet its end."""
        self.runs += 1
        self.ends[act] += 1
        self.points.add(f"{command[0]} {point[0]} {point[1]}")

    def taken(self) -> dict[str, Any]:
        """All of it as plain values; it begins anew."""
        told = {"runs": self.runs, "ends": dict(self.ends), "points": sorted(self.points)}
        self.runs, self.ends, self.points = 0, Counter(), set()
        return told

    def add(self, told: dict[str, Any]) -> None:
        """What another process tried."""
        self.runs += told["runs"]
        self.ends.update(told["ends"])
        self.points.update(told["points"])

    def __str__(self) -> str:
        acts = ", ".join(f"{act} {count}" for act, count in sorted(self.ends.items()))
        return f"{len(self.points)} points, {self.ends.total()} ends ({acts}), {self.runs} runs"


TALLY = Tally()


@dataclass(frozen=True)
class Reference:
    """A command that nobody disturbed, and the runs after it until all was quiet.

    Attributes:
        checkpoint: where both sides stood before it.
        passed: how often it passed each place.
        final_state: both sides afterwards.
        writes: what the org was made to write.
        created: what records came into being.
    """

    command: Command
    checkpoint: str
    passed: Counter[str]
    final_state: FinalState
    writes: Counter[Any]
    created: Counter[str]


class Program(Protocol):
    """Something that runs sfsync's commands against a scene."""

    def run(self, plan: KillPlan, *command: str) -> dict[str, Any] | None:
        """Run a command; its JSON document, or None where it was killed."""
        ...


@dataclass
class Sweep:
    """A scene, a program, and the work it has to do.

    Attributes:
        killable: runs the commands that are to be interrupted, where that is not the program itself.
        kills: how many of the commands were killed.
        unsettled: how many kills left writes, and Tasks, whose outcome was unknown.
    """

    scene: Scene
    program: Program
    killable: Program | None = None
    kills: int = 0
    unsettled: Counter[str] = field(default_factory=Counter)

    def record_references(self, work: Iterable[Command] = WORK) -> list[Reference]:
        """Do it all once, and each command again from where it began, until all is quiet."""
        places = []
        for command in work:
            if command == ("sync",):
                change_both_sides(self.scene)
            places.append((command, f"before-{command[0]}"))
            self.scene.checkpoint(places[-1][1])
            self.run(KillPlan(), *command)
        return [self._reference_of(command, place) for command, place in places]

    def _reference_of(self, command: Command, place: str) -> Reference:
        self.scene.restore(place)
        plan = KillPlan()
        TALLY.runs += 1
        (self.killable or self.program).run(plan, *command)
        self.run_until_quiet()
        end, wrote = self.scene.final_state(), self._wrote()
        return Reference(command, place, plan.passed, end, wrote, self.scene.created.copy())

    def run(self, plan: KillPlan, *command: str) -> dict[str, Any] | None:
        """Run a command to its end."""
        TALLY.runs += 1
        return self.program.run(plan, *command)

    def run_to_success(self, *command: str) -> None:
        """Run a command that has to do its work."""
        document = self.run(KillPlan(), *command)
        assert document is not None
        assert document["exit_code"] in DONE, document

    def run_until_quiet(self) -> None:
        """Run on until nothing is written in the org; one run has to do, and a second one to see."""
        for _ in range(2):
            before = len(self.scene.writes)
            self.run_to_success("sync")
            if len(self.scene.writes) == before:
                return
        raise AssertionError(f"still writing: {self.scene.writes[before:]}")

    def check_interrupted(
        self, reference: Reference, *ends: tuple[Point, str], then: Command | None = None
    ) -> list[str]:
        """Let a command meet its end at a point, run on, and tell how the outcome differs: not at all.

        Args:
            ends: points and acts: the first for the command, the others for the runs after it, one
            each.
            then: what is run instead of the same command again.
        """
        self.scene.restore(reference.checkpoint)
        for number, (point, act) in enumerate(ends):
            plan = KillPlan.until(point, act)
            TALLY.note(reference.command, point, act)
            document = (self.killable or self.program).run(
                plan, *((then or reference.command) if number else reference.command)
            )
            self.kills += document is None
            if number and plan.passed[point[0]] < point[1]:
                continue  # the rest of the work does not come by there
            assert plan.passed[point[0]] >= point[1], f"{point} was never passed"
            assert (document is None) == (act in DEADLY), document
            self.scene.check_file()
            writes, tasks = self.scene.unsettled_counts()
            self.unsettled.update(writes=bool(writes), tasks=bool(tasks))
        self.run_to_success(*(then or reference.command))
        self.run_until_quiet()
        self.scene.check_file()
        return list(self._differences(reference))

    def _differences(self, reference: Reference) -> Iterator[str]:
        if self.scene.unsettled_counts() != (0, 0):
            yield f"still in doubt: {self.scene.unsettled_counts()}"
        yield from differences(reference.final_state, self.scene.final_state())
        for name, count in self.scene.created.items():
            if count != reference.created[name]:
                yield f"{name} was made {count} times, not {reference.created[name]}"
        if self._wrote() != reference.writes:
            yield f"written: {self._wrote() - reference.writes}, not {reference.writes - self._wrote()}"

    def _wrote(self) -> Counter[Any]:
        """Writes by record; a Task that is sent again with its key and the same values changes nothing."""
        return Counter(
            write for write in self.scene.writes if write[1] or not write[0].startswith("Task")
        )

    def check_everywhere(
        self,
        references: Iterable[Reference],
        act: str = "simulated kill",
        *,
        names: str = "",
        every: int = 1,
    ) -> dict[str, list[str]]:
        """Every command, at every point (of these names, where some are given): what went wrong where.

        Args:
            every: only each so-manieth point, for a slice.
        """
        wanted = names.split()
        places = [
            (each, point)
            for each in references
            for point in points(each.passed)
            if not wanted or point[0] in wanted
        ]
        wrong = {}
        for each, point in places[::every]:
            found = self.check_interrupted(each, (point, act))
            if found:
                wrong[f"{' '.join(each.command)}: {act} at {point[0]} {point[1]}"] = found
        return wrong
