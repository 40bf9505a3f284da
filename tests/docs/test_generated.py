"""What the documentation takes from the code is fresh and complete."""

import re
import subprocess
import sys

import pytest

from tests.docs.pages import DOCS, ROOT, generator

GENERATE = generator()
FRESH = GENERATE.generated(picture=False)
COMMANDS = {name: parameters for name, _, parameters in GENERATE.commands()}


@pytest.mark.parametrize("path", FRESH, ids=lambda path: path.name)
def test_a_generated_file_is_what_make_docs_would_write(path):
    assert path.read_text(encoding="utf-8") == FRESH[path], "run: make docs"


def test_the_installed_command_prints_the_help_file():
    printed = subprocess.run(
        [sys.executable, "-m", "sfsync", "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert printed == GENERATE.HELP.read_text(encoding="utf-8")


def test_the_help_page_fits_a_terminal():
    assert max(map(len, FRESH[GENERATE.HELP].splitlines())) <= 80


def test_no_word_of_the_reference_is_missing():
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert "[OPTIONS] None" not in text
    assert "| `` |" not in text
    assert "``" not in text.replace("```", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_stands_in_the_reference_with_all_its_options(name):
    reference = FRESH[DOCS / "cli.md"]
    section = reference.partition(f"### sfsync {name}\n")[2].partition("\n### ")[0]
    shared = reference.partition("## Options of every command")[2].partition("\n## ")[0]
    assert section
    for parameter in COMMANDS[name]:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            if parameter.name != "help":
                assert f"`{option}`" in section + shared


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_its_options_say_what_they_do(name):
    for parameter in COMMANDS[name]:
        told = re.sub(r"\[.*?\]", "", parameter.help or "")
        assert told == (parameter.help or ""), (
            "rich takes square brackets for markup and swallows them"
        )
        assert told.endswith((".", "…")), f"{name} {parameter.opts}"


def test_every_exit_code_of_an_error_is_explained():
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    explained = {
        int(code) for line in re.findall(r"(?m)^\| ([\d, ]+) \|", page) for code in line.split(",")
    }
    used = {int(code) for code in re.findall(r"(?m)^\| (\d+) \| `", page)}
    assert {0, 1, 2, 3, 4, 5, 6, 7, 130, 143} <= explained
    assert used <= explained


def test_the_picture_loads_nothing_from_elsewhere():
    drawn = (DOCS / "demo.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"')\s]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in drawn
    assert len(drawn) < 64_000


def test_the_documentation_speaks_of_no_machine_of_its_writers():
    for path in [*DOCS.rglob("*.*"), *ROOT.glob("*.md")]:
        if not {"__pycache__", "_build"}.intersection(path.parts):
            assert not re.search(r"/work/|/tmp/|/root\b", path.read_text(encoding="utf-8")), path
