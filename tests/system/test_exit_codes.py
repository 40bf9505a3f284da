"""What every verb answers in every situation, held to the table of the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stamina
from filelock import FileLock

from tests.docs.pages import generator
from tests.system.prepared import GRANTS, Checkpoint, PreparedWorkspaces
from tests.system.workspace import KEYS, CommandResult, Workspace, event
from tests.telling_cells import telling_cells

PEOPLE = 24
"""More than a few deletions are always allowed of."""

TABLE = generator().exit_codes

WRITES = r"/services/data/v[0-9.]+/(composite|sobjects|tooling/sobjects)"
ORG = r"/services/data|/oauth2/(token|revoke|userinfo)|/id/"


def edited(workspace: Workspace) -> None:
    """Two contacts and a lead, which go up in two calls."""
    workspace.sql("UPDATE contacts SET job_title = 'Done' WHERE id <= 2")
    workspace.sql("UPDATE leads SET job_title = 'Done' WHERE id = 1")


def edited_there(workspace: Workspace) -> None:
    for who in workspace.people()[:2]:
        workspace.edit(who, Title="Theirs")


def planned(workspace: Workspace) -> None:
    edited(workspace)
    workspace.do_in_process("diff", "--out", "plan.json")


def planned_nothing(workspace: Workspace) -> None:
    workspace.do_in_process("diff", "--out", "plan.json")


def pushed(workspace: Workspace) -> None:
    edited(workspace)
    workspace.stderr_of("push", expect=0)


def refused(workspace: Workspace) -> None:
    edited(workspace)
    workspace.org.faults.set(FAULTS["all refused"])
    workspace.stderr_of("push", expect=3)
    workspace.org.faults.clear()


def blanked(workspace: Workspace) -> None:
    workspace.sql("UPDATE contacts SET phone = NULL")


def blanked_there(workspace: Workspace) -> None:
    for who in workspace.people():
        workspace.edit(who, Phone=None)


def planned_blanks(workspace: Workspace) -> None:
    blanked(workspace)
    workspace.configure(("max_delete: 10%", "max_delete: 100%"))
    workspace.do_in_process("diff", "--out", "plan.json")
    workspace.configure(("max_delete: 100%", "max_delete: 10%"))


def pushed_phones(workspace: Workspace) -> None:
    """What an undo would blank."""
    blanked(workspace)
    workspace.stderr_of("push", "--allow-mass-change", expect=0)
    workspace.sql("UPDATE contacts SET phone = '+1 555 0100'")
    workspace.stderr_of("push", expect=0)


def opted_out(workspace: Workspace) -> None:
    workspace.push_events_in_process(event("unsubscribed", address(workspace)))


def asking_for_too_new_a_version(workspace: Workspace) -> None:
    workspace.configure(('api_version: "66.0"', 'api_version: "999.0"'))


def logged_out(workspace: Workspace) -> None:
    workspace.do_in_process("logout")


def paused(workspace: Workspace) -> None:
    workspace.do_in_process("pause")


def as_it_is(_workspace: Workspace) -> None:
    """Nothing is to be prepared."""


Preparation = Callable[[Workspace], None]

NOTHING_TO_DO: dict[str, Preparation] = {"apply": planned_nothing, "logout": logged_out}

SOMETHING_TO_DO: dict[str, Preparation] = {
    "sync": edited,
    "push": edited,
    "pull": edited_there,
    "diff": edited,
    "diff --exit-code": edited,
    "apply": planned,
    "undo": pushed,
    "retry": refused,
    "verify": edited_there,
    "verify --repair": edited_there,
    "quarantine --ignore": refused,
    "consent --given": opted_out,
    "resume": paused,
    "looking": refused,
}

TOO_MUCH_TO_DO: dict[str, Preparation] = {
    "sync": blanked,
    "push": blanked,
    "retry": blanked,
    "diff": blanked,
    "diff --exit-code": blanked,
    "pull": blanked_there,
    "verify": blanked_there,
    "verify --repair": blanked_there,
    "apply": planned_blanks,
    "undo": pushed_phones,
}


def preparation(command: str, situation: str) -> Preparation:
    if situation == "nothing to do":
        return NOTHING_TO_DO.get(command, as_it_is)
    if situation == "brake":
        return TOO_MUCH_TO_DO[command]
    if situation == "done" and command in ("org check", "doctor"):
        return asking_for_too_new_a_version
    return SOMETHING_TO_DO.get(command, as_it_is)


# -- the command lines
def address(workspace: Workspace, number: int = 1) -> str:
    return str(workspace.sql("SELECT email FROM contacts WHERE id = ?", number)[0]["email"])


def last_run(workspace: Workspace) -> str:
    newest = "SELECT run_id FROM runs ORDER BY started_at DESC, rowid DESC"
    return str(workspace.sql(newest)[0]["run_id"])


def events(workspace: Workspace) -> bytes:
    """Tasks for two people, and an opt-out: two calls."""
    told = [event("email_replied", address(workspace, number)) for number in (1, 2)]
    told.append(event("unsubscribed", address(workspace, 3)))
    return "".join(json.dumps(each) + "\n" for each in told).encode()


GOOD, BAD = b"ada@new.example,Ada\n", b"nobody@new.example,\xff\n"
ROWS = {"nothing to do": b"", "partly refused": GOOD + BAD, "all refused": BAD}


ARGUMENTS: dict[str, tuple[str, ...]] = {
    "import": ("import", "-"),
    "apply": ("apply", "plan.json"),
    "org setup": ("org", "setup", "--yes"),
    "login": ("login", "--timeout", "5"),
    "profile add": ("profile", "add", "another", "--dry-run"),
    "profile remove": ("profile", "remove", "default", "--yes"),
    "profile use": ("profile", "use", "default"),
    "quarantine --ignore": ("quarantine", "--ignore", "1"),
    "schedule": ("schedule", "cron"),
}
"""Of the commands that take other words than their name."""


def arguments(workspace: Workspace, command: str, situation: str) -> tuple[str, ...]:
    idle = situation == "nothing to do"
    match command:
        case "push-activity":
            return (command,) if idle else (command, "-")
        case "undo":
            return (command, last_run(workspace), "--yes")
        case "consent --given":
            return ("consent", address(workspace), "--given", "--source", "a form")
        case "consent" | "explain":
            return (command, address(workspace))
        case "purge":
            return (command, "nobody@new.example" if idle else address(workspace), "--yes")
    return ARGUMENTS.get(command, tuple(command.split()))


def standard_input(workspace: Workspace, command: str, situation: str) -> bytes:
    if command == "push-activity" and situation != "nothing to do":
        return events(workspace)
    if command == "import":
        return b"email,last_name\n" + ROWS.get(situation, GOOD)
    return b""


# -- the situations
def faults(name: str, nth: tuple[int, ...] = (), **args: Any) -> list[dict[str, Any]]:
    """The same for every way to write."""
    return [
        {"match": {"method": method, "path": WRITES}, "nth": nth, "fault": name, "args": args}
        for method in ("POST", "PATCH", "DELETE")
    ]


TOO_LONG = {"code": "STRING_TOO_LONG", "message": "too long"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "partly refused": faults("refuse_rows", rows=[0], **TOO_LONG),
    "all refused": faults("refuse_rows", **TOO_LONG),
    "some unanswered": faults("lose_reply", nth=(1,))[:1],
    "all unanswered": faults("lose_reply"),
    "budget spent": [{"match": {"path": ORG}, "fault": "request_limit"}],
    "org down": [{"match": {"path": ORG}, "fault": "unavailable"}],
}
SETUP_FAULTS = FAULTS | {
    "partly refused": faults("status", nth=(1,), status=400, **TOO_LONG),
    "all refused": faults("status", status=400, **TOO_LONG),
}
"""Setup is written one part at a time."""


def ran_in(workspace: Workspace, command: str, situation: str, *options: str) -> CommandResult:
    """Run a command while something is so."""
    words = arguments(workspace, command, situation)
    stdin = standard_input(workspace, command, situation)
    with happening(workspace, command, situation):
        return workspace.run_in_process(*words, *options, stdin=stdin)


@contextmanager
def happening(workspace: Workspace, command: str, situation: str) -> Iterator[None]:
    plan = SETUP_FAULTS if command == "org setup" else FAULTS
    workspace.org.faults.set(plan.get(situation, []))
    with ExitStack() as until_the_end:
        until_the_end.callback(workspace.org.faults.clear)
        if situation == "login ended":
            for name in GRANTS:
                getattr(workspace.org.oauth.grants, name).clear()
        if situation == "paused":
            workspace.do_in_process("pause")
        if situation == "locked":
            until_the_end.enter_context(FileLock(f"{workspace.mirror}.lock"))
        yield


WHY = {
    "partly refused": "quarantine|could not be done",
    "all refused": "quarantine|could not be done",
    "some unanswered": "had no answer|could not be done",
    "all unanswered": "had no answer|could not be done",
    "budget spent": "last 24 hours|could not be asked",
    "locked": "holds the lock",
    "paused": "sfsync is paused",
    "brake": "the limit is",
    "login ended": "revoked|no longer takes",
    "org down": "503|had no answer|could not be asked",
}
DIFFERENT = "the two sides differ|Mirror and org disagree"
OTHERWISE = {
    ("org check", "done"): r"999\.0",
    ("doctor", "done"): r"999\.0",
    ("logout", "nothing to do"): "not logged in",
    ("quarantine --ignore", "nothing to do"): "not in quarantine: 1",
    ("import", "all refused"): "no line of it can be read",
}


# -- the test
@dataclass
class Scenes:
    """Copies of a workspace in any state that was prepared once."""

    folder: Path
    first: Workspace
    bare: Workspace
    known: dict[tuple[bool, Preparation], Checkpoint] = field(default_factory=dict)
    made: int = 0

    def scene(self, prepare: Preparation, *, bare: bool) -> Workspace:
        workspace = self.bare if bare else self.first
        if (bare, as_it_is) not in self.known:
            self.known[bare, as_it_is] = Checkpoint.of(workspace, self._new())
        if (bare, prepare) not in self.known:
            copy = self.known[bare, as_it_is].restore(workspace, self._new())
            prepare(copy)
            self.known[bare, prepare] = Checkpoint.of(copy, self._new())
        return self.known[bare, prepare].restore(workspace, self._new())

    def _new(self) -> Path:
        self.made += 1
        folder = self.folder / str(self.made)
        folder.mkdir()
        return folder


@pytest.fixture(scope="module")
def scenes(
    prepared_workspaces: PreparedWorkspaces, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenes]:
    def new() -> Path:
        return tmp_path_factory.mktemp("workspace")

    with (
        stamina.set_testing(True, attempts=2, cap=True),
        prepared_workspaces.lend(new(), contacts=PEOPLE, leads=2) as first,
        prepared_workspaces.lend(
            new(), contacts=0, leads=0, custom_fields=False, pull=False
        ) as bare,
    ):
        first.stderr_of("org", "setup", "--yes", expect=0)
        first.stderr_of("sync", expect=0)
        yield Scenes(new(), first, bare)


CELLS = [
    (command, situation, code)
    for command, codes in TABLE.CODES.items()
    for situation, code in zip(TABLE.SITUATIONS, codes.split(), strict=True)
    if code != TABLE.CANNOT_BE
]


def first_of_each_kind() -> list[tuple[str, str, str]]:
    """One cell at least of each command, and of each way in which a situation ends one."""
    first: dict[object, tuple[str, str, str]] = {}
    for command, situation, code in CELLS:
        first.setdefault(command, (command, situation, code))
        first.setdefault((situation, code), (command, situation, code))
    return list(first.values())


@pytest.mark.parametrize(
    ("command", "situation", "code"), telling_cells(CELLS, first_of_each_kind())
)
def test_a_verb_in_a_situation_ends_as_the_table_says_and_tells_why(
    scenes: Scenes, command: str, situation: str, code: str
) -> None:
    bare = command == "org setup" and situation != "nothing to do"
    workspace = scenes.scene(preparation(command, situation), bare=bare)
    ran = ran_in(workspace, command, situation, "--json")
    check(ran, int(code))
    if ran.code:
        why = OTHERWISE.get((command, situation), WHY.get(situation, DIFFERENT))
        differs = ran.code == 1 and command in ("diff --exit-code", "verify")
        if differs and situation != "org down":
            why = DIFFERENT
        assert re.search(why, ran.err), ran.err


def check(ran: CommandResult, code: int) -> None:
    """One whole document on stdout; on stderr a reason where there is one to tell."""
    assert ran.code == code, ran.out + ran.err
    assert ran.out.count("\n") == 1
    assert list(ran.document) == KEYS
    assert ran.document["exit_code"] == code
    assert (ran.document["status"] in ("ok", "different")) or code
    assert ran.document["status"] != "ok" or not code
    assert bool(ran.err.strip()) == bool(code), ran.err
    assert "Traceback" not in ran.err
    assert "does not understand" not in ran.err


@pytest.mark.parametrize(
    "situation",
    ["done", "budget spent", "locked", "paused", "login ended", "org down"],
)
def test_what_only_looks_is_content_in_each_situation(scenes: Scenes, situation: str) -> None:
    workspace = scenes.scene(preparation("looking", situation), bare=False)
    with happening(workspace, "looking", situation):
        for command in TABLE.LOOKING:
            words = arguments(workspace, command, situation)
            check(workspace.run_in_process(*words, "--json"), 0)


@pytest.mark.parametrize(("command", "situation", "code"), CELLS[2:12:3])
def test_for_people_and_with_quiet_there_is_a_reason_as_well(
    scenes: Scenes, command: str, situation: str, code: str
) -> None:
    for option in ([], ["--quiet"]):
        workspace = scenes.scene(preparation(command, situation), bare=False)
        ran = ran_in(workspace, command, situation, *option)
        assert ran.code == int(code)
        assert re.search(WHY[situation], ran.err)
        assert not (option and ran.out)


def test_every_command_is_in_the_table_or_stands_apart() -> None:
    named = {name for name, _, _ in generator().commands()}
    told = {*TABLE.LOOKING, *TABLE.APART, *(name.split(" --")[0] for name in TABLE.CODES)}
    assert told == named
