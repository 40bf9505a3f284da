"""Where errors end: one document or one sentence for each, and its exit code."""

from __future__ import annotations

import json

import pytest

from sfsync.cli.answer import Answer
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.cli.signals import Interrupted
from sfsync.errors import ConfigError, NotLoggedIn, SfsyncError

pytestmark = pytest.mark.usefixtures("at_a_terminal")


def answered(work, *, as_json: bool = True) -> tuple[int, Cli]:
    cli = Cli("pull", as_json=as_json)
    return perform(cli, work), cli


def document(capsys: pytest.CaptureFixture[str]) -> dict:
    out = capsys.readouterr().out
    assert out.count("\n") == 1, "one document, and nothing else"
    return json.loads(out)


def test_an_answer_is_one_document_with_the_promised_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _ = answered(lambda: Answer({"n": 1}, run_id="r-1", warnings=("careful",), exit_code=3))
    told = document(capsys)
    assert code == 3
    assert list(told) == [
        "schema",
        "command",
        "status",
        "exit_code",
        "run_id",
        "data",
        "warnings",
        "errors",
    ]
    assert (told["status"], told["data"], told["warnings"]) == ("partial", {"n": 1}, ["careful"])


def raising(error: BaseException):
    def work() -> Answer:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "slug"),
    [
        (SfsyncError("it broke", hint="mend it"), 1, "failed"),
        (ConfigError("wrong", problems=("sfsync.yaml:1:1 no",)), 2, "config"),
        (NotLoggedIn("nobody", hint="sfsync login"), 4, "not-logged-in"),
        (OSError(28, "No space left on device", "mirror.db"), 1, "failed"),
        (ZeroDivisionError("a secret value"), 1, "bug"),
        (Interrupted(143), 143, "interrupted"),
    ],
)
def test_a_failure_is_one_document_too(
    error: BaseException, code: int, slug: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(raising(error))[0] == code
    told = document(capsys)
    assert (told["exit_code"], told["errors"][0]["slug"]) == (code, slug)


def test_people_get_a_sentence_and_what_to_do_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(
        raising(
            ConfigError("sfsync.yaml has a mistake", hint="look", problems=("a.yaml:1:2 Emial",))
        ),
        as_json=False,
    )
    told = capsys.readouterr().err
    assert "sfsync.yaml has a mistake" in told
    assert "a.yaml:1:2 Emial" in told
    assert "look" in told
    assert "Traceback" not in told


def test_the_text_of_a_foreign_error_may_hold_data_and_is_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered(raising(ZeroDivisionError("ada@example.com")), as_json=False)
    assert "ada@example.com" not in capsys.readouterr().err
