"""Killed at any instant, the next run finishes the job: nothing is half-applied, nothing is sent twice.

The whole of it is ``make crash``; what runs always is a fixed slice of the same, and the slices
differ by org.
"""

import gc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from sfsync import failpoints
from tests.crash.conftest import BARE
from tests.crash.killable import KillableProgram, points, small_steps
from tests.crash.scene import Scene
from tests.crash.sweep import Reference, Sweep

pytestmark = [
    pytest.mark.timeout(
        3_600, method="thread"
    ),  # a run that is told to stop has a timer of its own
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # a killed run closes no files
]

ORGS = {"keys": {}, "no keys": BARE, "bulk": {}}
IN_DOUBT = "push.journaled push.sent activity.marked activity.sent call.answered"


@dataclass
class Case:
    sweep: Sweep
    references: list[Reference]


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ORGS],
)
def case(request: pytest.FixtureRequest, open_scene: Callable[..., Scene]) -> Iterator[Case]:
    """All the work, done once without any disturbance, on each kind of org."""
    scene = open_scene(**ORGS[request.param])
    with small_steps():
        sweep = Sweep(scene, KillableProgram(scene, bulk=request.param == "bulk"))
        yield Case(sweep, sweep.record_references())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def sizes(slice_of: dict[str, int], whole_of: dict[str, int] | None = None) -> pytest.MarkDecorator:
    """A slice for every day, by kind of org, and the whole of it for ``make crash``, or a good part."""
    whole = pytest.param(whole_of or dict.fromkeys(ORGS, 1), marks=pytest.mark.crash, id="whole")
    return pytest.mark.parametrize("every", [pytest.param(slice_of, id="slice"), whole])


@pytest.fixture
def step(request: pytest.FixtureRequest, every: dict[str, int]) -> int:
    """Each so-manieth point is taken."""
    return every[request.node.callspec.params["case"]]


def test_the_work_passes_every_named_place_and_leaves_nothing_to_do(case: Case) -> None:
    passed = {name for reference in case.references for name in reference.passed}
    elsewhere = {"doubt.looked_up"} | {
        name
        for name in failpoints.NAMES
        if name.startswith(("auth.", "listen.", "stream.", "follow.", "deliver."))
    }
    by_bulk = {name for name in failpoints.NAMES if name.startswith("bulk.")}
    bulk = case.sweep.program.bulk

    assert passed == (failpoints.NAMES - elsewhere - (set() if bulk else by_bulk))
    assert all(reference.writes for reference in case.references), (
        "every command has something to write in the org"
    )
    assert max(case.references[-2].created.values()) == 1


@pytest.mark.always
@pytest.mark.parametrize("case", ["keys"], indirect=True)
def test_killed_where_something_is_in_doubt_nothing_is_sent_twice(case: Case) -> None:
    """A slice for every change."""
    assert not case.sweep.check_everywhere(case.references, names=IN_DOUBT, every=7)
    assert case.sweep.kills


@sizes({"keys": 13, "no keys": 12, "bulk": 59})
def test_a_process_killed_at_any_place_is_as_if_it_had_never_been(case: Case, step: int) -> None:
    wrong = case.sweep.check_everywhere(case.references, every=step)

    assert not wrong
    assert case.sweep.kills
    assert case.sweep.unsettled["writes"]
    assert case.sweep.unsettled["tasks"]


@sizes({"keys": 7, "no keys": 5, "bulk": 61})
def test_an_answer_that_never_comes_is_looked_up_and_not_repeated(case: Case, step: int) -> None:
    case.sweep.unsettled.clear()

    assert not case.sweep.check_everywhere(
        case.references, "lose", names="call.answered", every=step
    )
    if step == 1:
        assert case.sweep.unsettled["writes"]
        assert case.sweep.unsettled["tasks"]


@sizes({"keys": 31, "no keys": 37, "bulk": 151}, {"keys": 1, "no keys": 2, "bulk": 3})
@pytest.mark.parametrize("act", ["disk", "term"])
def test_a_disk_that_fails_and_a_signal_lose_nothing(case: Case, step: int, act: str) -> None:
    named = " ".join(sorted(failpoints.NAMES))

    assert not case.sweep.check_everywhere(case.references, act, names=named, every=step)


@sizes({"keys": 151, "no keys": 97, "bulk": 997}, {"keys": 5, "no keys": 5, "bulk": 23})
def test_a_run_that_dies_while_it_makes_good_an_earlier_death_is_made_good_too(
    case: Case, step: int
) -> None:
    wrong, number = {}, 0
    for reference in case.references:
        for first in points(reference.passed):
            for second in (
                ("doubt.looked_up", 1),
                *((name, nth) for name in ("call.begun", "call.answered") for nth in range(1, 5)),
            ):
                number += 1
                if first[0] in IN_DOUBT.split() and number % step == 0:
                    found = case.sweep.check_interrupted(
                        reference, (first, "simulated kill"), (second, "simulated kill")
                    )
                    wrong |= {(reference.command, first, second): found} if found else {}

    assert not wrong


@sizes({"keys": 29, "no keys": 23, "bulk": 197}, {"keys": 1, "no keys": 2, "bulk": 5})
def test_whatever_verb_comes_next_the_end_is_the_same(case: Case, step: int) -> None:
    wrong, number = {}, 0
    for reference in case.references:
        for point in points(reference.passed):
            for then in (("pull",), ("push-activity",), ("sync",)):
                number += 1
                if (
                    reference.command[0] != "pull"
                    and point[0] in IN_DOUBT.split()
                    and number % step == 0
                ):
                    found = case.sweep.check_interrupted(
                        reference, (point, "simulated kill"), then=then
                    )
                    wrong |= {(reference.command, point, then): found} if found else {}

    assert not wrong
