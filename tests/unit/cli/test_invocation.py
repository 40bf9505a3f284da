"""A command that is named to a person is the one that works with the same mirror."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from rich.text import Text
from typer.main import get_command

import sfsync
from sfsync.cli.answer import Answer, respond
from sfsync.cli.app import app
from sfsync.cli.called import COMMANDS
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.errors import NotLoggedIn

SOURCES = Path(sfsync.__file__).parent
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
        (
            BOTH,
            "`sfsync org setup --profile admin --user U`",
            "`sfsync org setup --config 'my org.yaml' --profile admin --user U`",
        ),
        (BOTH, "`sfsync init` writes one", "`sfsync init --config 'my org.yaml'` writes one"),
        (BOTH, "sfsync reads it, then syncs", "sfsync reads it, then syncs"),
        ({"profile": "$SFSYNC_PROFILE"}, "`sfsync login`", "`sfsync login --profile eu`"),
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


def test_what_a_command_prints_names_commands_so_and_leaves_data_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli = called({"profile": "--profile"})
    cli.out.print("see `sfsync conflicts`")
    cli.out.print(Text("Subject: `sfsync login`"))
    cli.inform("then sfsync retry")
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "see `sfsync conflicts --profile eu`",
        "Subject: `sfsync login`",
    ]
    assert told.err.splitlines() == ["then sfsync retry --profile eu"]


WITHOUT_A_CONFIGURATION = {"demo", "fleet", "local-org", "selftest"}


def test_every_command_that_works_with_a_mirror_is_known_to_hints() -> None:
    assert set(COMMANDS) | WITHOUT_A_CONFIGURATION == set(commands_of(get_command(app)))


def commands_of(group, before: str = ""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_every_command_that_a_message_names_is_one() -> None:
    named = {
        match
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in re.findall(r"`sfsync ([a-z][a-z-]*(?: [a-z-]+)?)", node.value)
    }
    known = {*COMMANDS, *WITHOUT_A_CONFIGURATION, "config"}
    strange = [each for each in named if each not in known and each.split()[0] not in known]
    assert named
    assert not strange
