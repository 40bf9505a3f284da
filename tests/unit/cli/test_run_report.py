"""How a run's report is told: what was not done decides the exit code, and is one line on stderr."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.cli.answer import Answer, respond
from sfsync.cli.invocation import Cli
from sfsync.cli.run_report import report_answer
from sfsync.model.consent import Due
from sfsync.model.outcome import (
    RECORD_CHANGED,
    Accepted,
    Deferred,
    ObjectReport,
    Outcome,
    Rejected,
    RunReport,
    Unknown,
)
from sfsync.model.record import SalesforceId

DONE = Accepted(1, SalesforceId("003000000000001AAA"))
REFUSED = Rejected(2, "STRING_TOO_LONG", "too long")
UNANSWERED = Unknown(3, "the connection broke off")
LATER = Deferred(4, "UNABLE_TO_LOCK_ROW", "locked")
MOVED = Deferred(5, RECORD_CHANGED, "it was changed")


def report_of(*outcomes: Outcome) -> RunReport:
    report = RunReport("r-1", "push", push={"contact": ObjectReport()})
    for each in outcomes:
        report.count_answer(each)
        report.push["contact"].quarantined += isinstance(each, Rejected)
    report.quarantine_open = report.quarantined
    return report


@pytest.mark.parametrize(
    ("outcomes", "code", "ending"),
    [
        ((), 0, "ok"),
        ((DONE,), 0, "ok"),
        ((DONE, MOVED), 0, "ok"),
        ((MOVED,), 0, "ok"),
        ((DONE, REFUSED), 3, "partial"),
        ((REFUSED,), 3, "partial"),
        ((DONE, UNANSWERED), 3, "partial"),
        ((DONE, LATER), 3, "partial"),
        ((REFUSED, UNANSWERED), 3, "partial"),
        ((UNANSWERED,), 1, "outcome-unknown"),
        ((UNANSWERED, LATER), 1, "outcome-unknown"),
        ((LATER, MOVED), 1, "retriable"),
    ],
)
def test_what_became_of_the_writes_is_the_exit_code_and_how_the_run_ended(
    outcomes: tuple[Outcome, ...], code: int, ending: str
) -> None:
    answer = report_answer(report_of(*outcomes))
    assert (answer.exit_code, report_of(*outcomes).ending) == (code, ending)
    assert [error["slug"] for error in answer.errors] == ([ending] if code == 1 else [])


@given(
    outcomes=st.lists(st.sampled_from([DONE, REFUSED, UNANSWERED, LATER, MOVED])),
    due=st.integers(0, 2),
    quiet=st.booleans(),
    as_json=st.booleans(),
)
def test_no_run_says_that_all_is_well_while_something_is_not(
    outcomes: list[Outcome], due: int, quiet: bool, as_json: bool
) -> None:
    report = report_of(*outcomes)
    report.consent_due = Due(due, ("contact 1",) * due)
    answer = report_answer(report)
    wrong = due or any(each in outcomes for each in (REFUSED, UNANSWERED, LATER))
    assert bool(answer.exit_code) == bool(wrong)
    assert bool(answer.reason) == bool(wrong)
    assert answer.reason in "; ".join(answer.warnings)


def test_what_is_in_quarantine_from_before_is_named_and_is_no_new_failure() -> None:
    report = report_of()
    report.quarantine_open = 3
    answer = report_answer(report)
    assert (answer.exit_code, answer.warnings) == (0, ("3 in quarantine: see `sfsync quarantine`",))


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(exit_code=3, warnings=("2 in quarantine: see `sfsync quarantine`",)),
        Answer(exit_code=1, reason="the two sides differ"),
        Answer(exit_code=1, reason="the two sides differ", warnings=("1 contact in doubt",)),
        Answer(exit_code=1, outcome="declined"),
    ],
)
def test_an_exit_code_that_is_not_0_has_its_line_on_stderr_once(
    capsys: pytest.CaptureFixture[str], answer: Answer, *, quiet: bool
) -> None:
    respond(Cli("push", quiet=quiet), answer)
    told = capsys.readouterr().err
    assert told.count(answer.reason or " ".join(answer.warnings) or answer.outcome) == 1
    if quiet:
        assert told.count("\n") == 1
