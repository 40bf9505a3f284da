"""A command that is named to a person is the one that works with the same mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfsync.cli.answer import Answer, respond
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.errors import NotLoggedIn

BOTH = {"config": "--config", "profile": "--profile"}


def called(origins: dict[str, str]) -> Cli:
    return Cli("sync", config=Path("my org.yaml"), profile="eu", origins=origins)


@pytest.mark.parametrize(
    ("origins", "text", "named"),
    [
        ({"profile": "--profile"}, "Run `sfsync login`.", "Run `sfsync login --profile eu`."),
        (
            BOTH,
            "`sfsync org check`, `sfsync retry 3`",
            "`sfsync org check --config 'my org.yaml' --profile eu`, `sfsync retry --config 'my org.yaml' --profile eu 3`",
        ),
        (
            {"profile": "--profile"},
            "sfsync push-activity",
            "sfsync push-activity --profile eu",
        ),
        (BOTH, "`sfsync login --profile admin`", "`sfsync login --profile admin`"),
        (BOTH, "`sfsync init` writes sfsync.yaml", "`sfsync init` writes sfsync.yaml"),
        ({"profile": "$SFSYNC_PROFILE"}, "`sfsync login`", "`sfsync login`"),
        ({}, "`sfsync login`", "`sfsync login`"),
    ],
)
def test_a_command_that_is_named_has_the_options_that_this_one_was_called_with(
    origins: dict[str, str], text: str, named: str
) -> None:
    assert called(origins).as_called(text) == named


def test_hints_and_warnings_are_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> Answer:
        raise NotLoggedIn("nobody is logged in", hint="Run `sfsync login`.")

    perform(called({"profile": "--profile"}), work)
    respond(
        called({"profile": "--profile"}),
        Answer(exit_code=3, warnings=("2 in quarantine: see `sfsync quarantine`",)),
    )
    told = capsys.readouterr().err
    assert "Run `sfsync login --profile eu`." in told
    assert told.count("see `sfsync quarantine --profile eu`") == 1
