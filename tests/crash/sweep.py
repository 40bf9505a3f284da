"""Die at one place, run the same command again, finish the work, and compare with the run that never died."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.crash.dying import Life, Point, points
from tests.crash.scene import End, Scene, differences, meanwhile

Command = tuple[str, ...]
WORK: tuple[Command, ...] = (("pull",), ("push",), ("push-activity", "events.jsonl"), ("sync",))
DONE = (0, 3)
DEADLY = {"die", "kill"}


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
class Undisturbed:
    """A command that nobody disturbed, and the runs after it until all was quiet.

    Attributes:
        place: where both sides stood before it.
        passed: how often it passed each place.
        end: both sides afterwards.
        wrote: what the org was made to write.
        made: what records came into being.
    """

    command: Command
    place: str
    passed: Counter[str]
    end: End
    wrote: Counter[Any]
    made: Counter[str]


class Program(Protocol):
    """Something that runs sfsync's commands against a scene."""

    def run(self, life: Life, *command: str) -> dict[str, Any] | None:
        """Run a command; its JSON document, or None where the process died."""
        ...


@dataclass
class Sweep:
    """A scene, a program, and the work it has to do.

    Attributes:
        ender: runs the commands that are to meet their end, where that is not the program itself.
        deaths: how many of the commands died.
        doubtful: how many deaths left writes, and Tasks, of which nobody knew whether they had
            arrived.
    """

    scene: Scene
    program: Program
    ender: Program | None = None
    deaths: int = 0
    doubtful: Counter[str] = field(default_factory=Counter)

    def undisturbed(self, work: Iterable[Command] = WORK) -> list[Undisturbed]:
        """Do it all once, and each command again from where it began, until all is quiet."""
        places = []
        for command in work:
            if command == ("sync",):
                meanwhile(self.scene)
            places.append((command, f"before-{command[0]}"))
            self.scene.mark(places[-1][1])
            self.run(Life(), *command)
        return [self._alone(command, place) for command, place in places]

    def _alone(self, command: Command, place: str) -> Undisturbed:
        self.scene.back(place)
        life = Life()
        TALLY.runs += 1
        (self.ender or self.program).run(life, *command)
        self.quiet()
        end, wrote = self.scene.end(), self._wrote()
        return Undisturbed(command, place, life.passed, end, wrote, self.scene.made.copy())

    def run(self, life: Life, *command: str) -> dict[str, Any] | None:
        """Run a command to its end."""
        TALLY.runs += 1
        return self.program.run(life, *command)

    def done(self, *command: str) -> None:
        """Run a command that has to do its work."""
        document = self.run(Life(), *command)
        assert document is not None
        assert document["exit_code"] in DONE, document

    def quiet(self) -> None:
        """Run on until nothing is written in the org; one run has to do, and a second one to see."""
        for _ in range(2):
            before = len(self.scene.wrote)
            self.done("sync")
            if len(self.scene.wrote) == before:
                return
        raise AssertionError(f"still writing: {self.scene.wrote[before:]}")

    def disturbed(
        self, told: Undisturbed, *ends: tuple[Point, str], then: Command | None = None
    ) -> list[str]:
        """Let a command meet its end at a point, run on, and tell how the outcome differs: not at all.

        Args:
            ends: points and acts: the first for the command, the others for the runs after it, one
            each.
            then: what is run instead of the same command again.
        """
        self.scene.back(told.place)
        for number, (point, act) in enumerate(ends):
            life = Life.until(point, act)
            TALLY.note(told.command, point, act)
            document = (self.ender or self.program).run(
                life, *((then or told.command) if number else told.command)
            )
            self.deaths += document is None
            if number and life.passed[point[0]] < point[1]:
                continue  # the rest of the work does not come by there
            assert life.passed[point[0]] >= point[1], f"{point} was never passed"
            assert (document is None) == (act in DEADLY), document
            self.scene.check_file()
            writes, tasks = self.scene.in_doubt()
            self.doubtful.update(writes=bool(writes), tasks=bool(tasks))
        self.done(*(then or told.command))
        self.quiet()
        self.scene.check_file()
        return list(self._differences(told))

    def _differences(self, told: Undisturbed) -> Iterator[str]:
        if self.scene.in_doubt() != (0, 0):
            yield f"still in doubt: {self.scene.in_doubt()}"
        yield from differences(told.end, self.scene.end())
        for name, count in self.scene.made.items():
            if count != told.made[name]:
                yield f"{name} was made {count} times, not {told.made[name]}"
        if self._wrote() != told.wrote:
            yield f"written: {self._wrote() - told.wrote}, not {told.wrote - self._wrote()}"

    def _wrote(self) -> Counter[Any]:
        """Writes by record; a Task that is sent again with its key and the same values changes nothing."""
        return Counter(
            write for write in self.scene.wrote if write[1] or not write[0].startswith("Task")
        )

    def everywhere(
        self, told: Iterable[Undisturbed], act: str = "die", *, names: str = "", every: int = 1
    ) -> dict[str, list[str]]:
        """Every command, at every point (of these names, where some are given): what went wrong where.

        Args:
            every: only each so-manieth point, for a slice.
        """
        wanted = names.split()
        places = [
            (each, point)
            for each in told
            for point in points(each.passed)
            if not wanted or point[0] in wanted
        ]
        wrong = {}
        for each, point in places[::every]:
            found = self.disturbed(each, (point, act))
            if found:
                wrong[f"{' '.join(each.command)}: {act} at {point[0]} {point[1]}"] = found
        return wrong
