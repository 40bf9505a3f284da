"""Every example in the documentation is true: commands parse, configurations load, events are taken, SQL runs.

Shell lines are run in ``test_examples_run``.
"""

import io
import json
import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from local_org.faults import read_fault
from sfsync.cli.app import app
from sfsync.config.file import example_config, load_config
from sfsync.intake.event_files import read_events
from sfsync.mirror.store import SqliteMirror
from sfsync.model.arrival import Unreadable
from tests.docs.pages import DOCS, PAGES, ROOT, SITE, all_blocks, blocks
from tests.systemd import verified

NOW = "2026-02-01T00:00:00Z"
APP = get_command(app)


# -- all of them -----------------------------------------------------------------------------------
TRIED = frozenset({"sh", "yaml", "json", "jsonl", "csv", "python", "sql", "ini"})


def is_usage(block):
    """The generated line above a command's options; it is held against the commands where it is made."""
    return (
        block.page.name == "cli.md"
        and block.text.startswith("sfsync ")
        and "[OPTIONS]" in block.text
    )


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_a_block_is_tried_or_says_why_not(block):
    if block.language == "text":
        assert block.reason or is_usage(block), "write <!-- not run: the reason --> before it"
    else:
        assert block.language in TRIED or block.language.startswith("{"), (
            "no test knows this language"
        )
        assert not block.reason, "it is run all the same: make it text"


# -- commands --------------------------------------------------------------------------------------
def sfsync_lines(text):
    """The arguments of each ``sfsync …`` in some shell lines."""
    for line in text.splitlines():
        for part in re.split(r"&&|\||;", line.partition("#")[0]):
            words = shlex.split(re.sub(r">>?\s*\S+", "", part))
            if words and Path(words[0]).name == "sfsync":
                yield words[1:]


def parse(arguments):
    """Have the application take the command line apart, and do nothing."""
    context = APP.make_context("sfsync", list(arguments), resilient_parsing=not arguments)
    if arguments and not arguments[0].startswith("-"):
        command = APP.get_command(context, arguments[0])
        assert command is not None, f"no command {arguments[0]}"
        if isinstance(command, TyperGroup):
            group, arguments = (
                command.make_context(arguments[0], [], parent=context, resilient_parsing=True),
                arguments[1:],
            )
            command = command.get_command(group, arguments[0])
            assert command is not None, f"no command {arguments[0]}"
        command.make_context(arguments[0], list(arguments[1:]), parent=context)


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_shell_lines_parse_and_their_commands_exist(block):
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    for arguments in sfsync_lines(block.text):
        parse(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_running_text_exist(page):
    known = {*APP.list_commands(None), "pause"}  # the switch that an error already speaks of
    for name in re.findall(r"`sfsync ([a-z][a-z-]*)", page.read_text(encoding="utf-8")):
        assert name in known


@pytest.mark.parametrize("heading", ["Try it", "Test it"])
def test_the_readme_has_its_two_lines_where_ci_looks_for_them(heading):
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    fenced = re.search(r"```sh\n(.*?)\n```", section, re.DOTALL)
    assert fenced is not None
    assert fenced[1].startswith("python3 -m venv .venv && ")
    assert "\n" not in fenced[1]


# -- configuration ---------------------------------------------------------------------------------
class Words(yaml.SafeLoader):
    """YAML in which ``on`` is a word, as in sfsync.yaml."""


Words.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if first not in "oOyYnN" or not tag.endswith("bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def merged(example, fragment):
    if not (isinstance(example, dict) and isinstance(fragment, dict)):
        return fragment
    return {**example, **{key: merged(example.get(key), value) for key, value in fragment.items()}}


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_configurations_load(block, tmp_path):
    fragment = yaml.load(block.text, Words)
    whole = fragment if {"org", "objects"} <= set(fragment) else None
    document = whole or merged(yaml.load(example_config(), Words), fragment)
    path = tmp_path / "sfsync.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    load_config(path, {"SFSYNC_CLIENT_ID": "3MVG9", "HOME": str(tmp_path)})


# -- events, JSON, Python --------------------------------------------------------------------------
@pytest.mark.parametrize("block", blocks("jsonl", "csv"), ids=str)
def test_events_are_taken(block):
    events = list(read_events(io.BytesIO(block.text.encode()), now=NOW))
    assert events
    assert not any(isinstance(event, Unreadable) for event in events), events


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json_and_fault_plans_are_understood(block):
    document = json.loads(block.text)
    for line in document if isinstance(document, list) else ():
        read_fault(line)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block):
    exec(compile(block.text, str(block), "exec"), {})


# -- the mirror ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def mirror_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "sfsync.yaml").write_text(example_config(), encoding="utf-8")
    config = load_config(folder / "sfsync.yaml", {"SFSYNC_CLIENT_ID": "3MVG9"})
    with SqliteMirror(config.mirror_path, now=lambda: NOW) as mirror:
        mirror.prepare(config.mapping)
    with closing(sqlite3.connect(config.mirror_path)) as database, database:
        database.execute(
            "INSERT INTO contacts (email, last_name) VALUES ('ada@example.com', 'Lovelace')"
        )
    return config.mirror_path


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_sql_runs(block, mirror_file):
    with closing(sqlite3.connect(mirror_file)) as database, database:
        database.execute(block.text)


def test_every_table_and_column_for_people_is_described(mirror_file):
    page = (DOCS / "mirror.md").read_text(encoding="utf-8")
    with closing(sqlite3.connect(mirror_file)) as database:
        names = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for name in names:
            if name.startswith(("_", "sqlite_")):
                continue
            assert f"`{name}`" in page or f"\n## {name}\n" in page
            for column in database.execute(f"PRAGMA table_info({name})"):
                assert column[1].startswith("_") or f"`{column[1]}`" in page, f"{name}.{column[1]}"


# -- links -----------------------------------------------------------------------------------------
def anchors(page):
    """What each heading of a page can be linked by."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_resolve(page):
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_every_page_is_in_the_index():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name in SITE or f"({page.name})" in index


def test_every_page_that_the_program_names_exists():
    for path in [ROOT / "config.example.yaml", *(ROOT / "src").rglob("*.py")]:
        for named in re.findall(r"docs/[a-z-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / named).exists(), f"{path} names {named}"


def test_every_custom_field_of_the_example_is_among_those_to_set_up():
    page = (DOCS / "setup.md").read_text(encoding="utf-8")
    for field in set(re.findall(r"\w+__c\b", example_config())):
        assert f"`{field}`" in page


# -- units -----------------------------------------------------------------------------------------
def test_units_pass_systemds_own_check(tmp_path):
    units = [block for block in blocks("ini") if block.page.name == "webhooks.md"]
    assert len(units) == 2
    folder = tmp_path / "units"
    folder.mkdir()
    for block in units:
        name = block.text.splitlines()[0].removeprefix("# ")
        (folder / name).write_text(block.text, encoding="utf-8")
    told = verified(folder, "--user")
    assert (told.returncode, told.stderr) == (0, "")
