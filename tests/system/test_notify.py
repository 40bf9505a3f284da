"""Whoever watches over a schedule is told once that it fails, once that it was done in part, and once that it works again."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stamina
from filelock import FileLock

from tests.system.listener import let_listen, listening, until
from tests.system.workspace import Workspace
from tests.unit.outgoing.receivers import Receiver, always, receiving

WRITES = r"/services/data/v[0-9.]+/(composite|sobjects)"


@pytest.fixture
def workspace(new_workspace) -> Iterator[Workspace]:
    workspace = new_workspace(contacts=4, leads=0)
    workspace.do_in_process("pull")
    with stamina.set_testing(True, attempts=2, cap=True):
        yield workspace
    workspace.org.faults.clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def notify(workspace: Workspace, **section: Any) -> None:
    """The section as JSON, which YAML is too."""
    text = workspace.yaml.read_text(encoding="utf-8").split("\nnotify:")[0]
    workspace.yaml.write_text(f"{text}\nnotify: {json.dumps(section)}\n", encoding="utf-8")


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in receiver.got]


def reasons(receiver: Receiver) -> list[str]:
    return [" ".join(each["reasons"]) for each in told(receiver)]


def down(workspace: Workspace) -> None:
    workspace.org.faults.set([{"match": {"path": "/services/data"}, "fault": "unavailable"}])


def ran(workspace: Workspace, *line: str) -> int:
    return workspace.run_in_process(*line).code


def refuse(workspace: Workspace) -> None:
    """Salesforce refuses an edit."""
    refused = {"code": "STRING_TOO_LONG", "message": "too long: A title of somebody"}
    workspace.org.faults.set(
        [
            {"match": {"method": method, "path": WRITES}, "fault": "refuse_rows", "args": refused}
            for method in ("POST", "PATCH", "DELETE")
        ]
    )
    workspace.sql("UPDATE contacts SET job_title = 'A title of somebody' WHERE id = 1")


def mend(workspace: Workspace) -> None:
    workspace.org.faults.clear()
    workspace.sql("UPDATE contacts SET job_title = 'Short' WHERE id = 1")


def test_a_job_that_fails_is_partly_done_and_recovers_is_told_each_once(workspace, receiver):
    notify(workspace, webhook=receiver.url)
    assert ran(workspace, "sync") == 0
    assert receiver.got == []
    down(workspace)
    assert [ran(workspace, "sync") for _ in range(2)] == [1, 1]
    workspace.org.faults.clear()
    refuse(workspace)
    assert ran(workspace, "sync") == 3
    mend(workspace)
    assert [ran(workspace, "sync") for _ in range(2)] == [0, 0]
    assert reasons(receiver) == ["failed", "partial", "recovered"]
    first, second, third = told(receiver)
    assert (first["exit_code"], first["slug"], first["state"]) == (1, "org-unavailable", "failed")
    assert first["title"] == (
        "sfsync sync failed: The org could not be reached, or answered with a server error,"
        " after patient retries (exit code 1)"
    )
    assert (second["counts"]["quarantine"], second["hint"]) == (1, "sfsync quarantine")
    assert (third["exit_code"], third["since"]) == (0, first["at"])
    assert "A title" not in json.dumps(told(receiver))


def test_what_somebody_told_fails_for_another_reason_is_no_news(workspace, receiver):
    """Nor is it told by another command's success; `sync` does the work of `push`."""
    notify(workspace, webhook=receiver.url)
    workspace.sql("UPDATE contacts SET job_title = 'New' WHERE id = 1")
    down(workspace)
    assert ran(workspace, "push") == 1
    workspace.do_in_process("pause")
    assert ran(workspace, "push") == 7
    workspace.org.faults.clear()
    workspace.do_in_process("resume")
    assert ran(workspace, "pull") == 0
    assert reasons(receiver) == ["failed"]
    assert ran(workspace, "sync") == 0
    assert [(each["command"], each["reasons"]) for each in told(receiver)] == [
        ("push", ["failed"]),
        ("sync", ["recovered"]),
    ]


def test_a_target_that_is_down_is_told_later_of_all_that_happened_and_the_exit_code_stands(
    workspace, receiver
):
    notify(workspace, webhook=receiver.url)
    receiver.say = always(503)
    down(workspace)
    run = workspace.run_in_process("sync", "--quiet")
    assert run.code == 1
    assert "warning: notify.webhook: HTTP 503; the next run tries again" in run.err
    workspace.org.faults.clear()
    run = workspace.run_in_process("sync", "--json")
    assert (run.code, run.document["exit_code"]) == (0, 0)
    assert "notify.webhook" in run.err
    assert {each["id"] for each in told(receiver)} == {told(receiver)[0]["id"]}
    assert "2 notices of trouble could not be told yet" in workspace.run_in_process("status").out
    receiver.got.clear()
    receiver.say = always(204)
    assert [ran(workspace, "sync") for _ in range(2)] == [0, 0]
    assert reasons(receiver) == ["failed", "recovered"]


def test_a_target_that_never_answers_holds_nothing_up_for_long(workspace, receiver, monkeypatch):
    monkeypatch.setattr("sfsync.outgoing.notifiers.DEADLINE_SECONDS", 0.3)
    over = threading.Event()

    def asleep(_got: object) -> tuple[int, dict[str, str]]:
        over.wait(20)
        return 204, {}

    receiver.say = asleep
    notify(workspace, webhook=receiver.url)
    down(workspace)
    began = time.monotonic()
    run = workspace.run_in_process("sync")
    over.set()
    assert (run.code, "no answer within" in run.err) == (1, True)
    assert time.monotonic() - began < 10


def test_whoever_does_not_wait_for_a_target_ends_no_run_thereby(workspace, receiver, monkeypatch):
    notify(workspace, webhook=receiver.url)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sfsync.outgoing.notifiers.tell_all", interrupted)
        down(workspace)
        run = workspace.run_in_process("sync")
    assert (run.code, "the next run tries again" in run.err) == (1, True)


def test_rehearsals_and_runs_that_are_left_out_are_not_told(workspace, receiver):
    notify(workspace, webhook=receiver.url, ping=receiver.url)
    down(workspace)
    assert ran(workspace, "sync", "--dry-run") == 1
    workspace.org.faults.clear()
    with FileLock(f"{workspace.mirror}.lock"):
        assert ran(workspace, "sync", "--skip-if-locked") == 0
        assert receiver.got == []
        assert ran(workspace, "sync") == 6
    assert {each.path for each in receiver.got} == {"/hook?of=sfsync", "/hook/fail?of=sfsync"}


def test_it_is_told_once_where_the_mirror_or_the_configuration_is_broken(workspace, receiver):
    notify(workspace, webhook=receiver.url)
    workspace.mirror.write_bytes(b"no database, and long enough to be one" * 100)
    assert [ran(workspace, "sync") for _ in range(2)] == [1, 1]
    (first,) = told(receiver)
    assert (first["slug"], first["counts"]) == ("mirror", {})
    workspace.configure(("direction: bidirectional", "direction: sideways"))
    assert [ran(workspace, "pull") for _ in range(2)] == [2, 2]
    assert [each["slug"] for each in told(receiver)] == ["mirror", "config"]
    assert told(receiver)[1]["title"] == (
        "sfsync pull failed: The configuration is wrong (exit code 2)"
    )


def test_each_failure_is_told_where_nothing_can_be_remembered(workspace, receiver):
    notify(workspace, webhook=receiver.url)
    Path(f"{workspace.mirror}.inbox").write_bytes(b"no database, and long enough to be one" * 100)
    down(workspace)
    runs = [workspace.run_in_process("sync") for _ in range(2)]
    assert all("what was told is not remembered" in run.err for run in runs)
    assert reasons(receiver) == ["failed", "failed"]


def test_numbers_are_told_when_they_are_crossed(workspace, receiver):
    notify(workspace, webhook=receiver.url, quarantine_over=0, on=["failed"])
    refuse(workspace)
    assert ran(workspace, "sync") == 3
    mend(workspace)
    assert ran(workspace, "sync") == 0
    refuse(workspace)
    assert ran(workspace, "sync") == 3
    assert reasons(receiver) == ["quarantine", "quarantine"]
    assert told(receiver)[0]["title"] == "1 in quarantine, more than 0"


def test_a_ping_hears_of_each_run_that_it_begins_and_how_it_ends(workspace, receiver):
    notify(workspace, ping=receiver.url)
    assert ran(workspace, "sync") == 0
    down(workspace)
    assert ran(workspace, "sync") == 1
    receiver.say = always(500)
    run = workspace.run_in_process("sync")
    assert [each.path for each in receiver.got] == [
        "/hook/start?of=sfsync",
        "/hook?of=sfsync",
        "/hook/start?of=sfsync",
        "/hook/fail?of=sfsync",
        "/hook/start?of=sfsync",
        "/hook/fail?of=sfsync",
    ]
    assert b"exit code 1" in receiver.got[3].body
    assert "notify.ping: HTTP 500" in run.err
    assert "tries again" not in run.err.split("notify.ping")[1]
    receiver.got.clear()
    assert ran(workspace, "import", "nothing.csv") == 2
    assert receiver.got == []


PROGRAM = """
import json, os, sys
facts = {name: value for name, value in os.environ.items() if name.startswith("SFSYNC_")}
with open("told.jsonl", "a") as file:
    print(json.dumps({"facts": facts, "notice": json.load(sys.stdin), "words": sys.argv[1:]}), file=file)
"""


def test_a_program_gets_the_facts_and_no_secret_and_no_shell(workspace):
    script = workspace.folder / "told.py"
    script.write_text(PROGRAM, encoding="utf-8")
    words = [sys.executable, str(script), "$HOME; false"]
    notify(workspace, command=words)
    down(workspace)
    assert ran(workspace, "sync") == 1
    (line,) = (workspace.folder / "told.jsonl").read_text(encoding="utf-8").splitlines()
    got = json.loads(line)
    assert got["words"] == ["$HOME; false"]
    facts = {
        name.removeprefix("SFSYNC_NOTICE_"): value
        for name, value in got["facts"].items()
        if name.startswith("SFSYNC_NOTICE_")
    }
    assert (facts["REASONS"], facts["COMMAND"], facts["EXIT_CODE"]) == ("failed", "sync", "1")
    assert facts["TITLE"] == got["notice"]["title"]
    assert "SFSYNC_TOKEN_KEY" not in got["facts"]


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (["/no/such/program"], "cannot be started: No such file or directory"),
        ([sys.executable, "-c", "import sys; sys.exit(7)"], "exit code 7"),
    ],
)
def test_a_program_that_fails_is_a_warning(workspace, words, trouble):
    notify(workspace, command=words)
    down(workspace)
    run = workspace.run_in_process("sync")
    assert (run.code, f"notify.command: {trouble}" in run.err) == (1, True)


def test_no_program_is_run_that_anybody_may_have_named(workspace):
    notify(workspace, command=[sys.executable, "-c", "open('ran', 'w')"])
    workspace.yaml.chmod(0o666)
    down(workspace)
    run = workspace.run_in_process("sync")
    assert "notify.command: everybody may write sfsync.yaml" in run.err
    assert not (workspace.folder / "ran").exists()
    workspace.yaml.chmod(0o660)
    assert ran(workspace, "sync") == 1
    assert (workspace.folder / "ran").exists()


def test_what_is_sent_has_the_shape_that_the_documentation_shows(workspace, receiver):
    page = (Path(__file__).parents[2] / "docs" / "notify.md").read_text(encoding="utf-8")
    shown = json.loads(page.split("```json\n")[1].split("```")[0])
    notify(workspace, webhook=receiver.url)
    refuse(workspace)
    assert ran(workspace, "sync") == 3
    (sent,) = told(receiver)
    assert sorted(sent) == sorted(shown)
    assert {name: type(value) for name, value in sent.items()} == {
        name: type(value) for name, value in shown.items()
    }
    assert sent["run"]["objects"]["contact"]["quarantined"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Apprise itself
def test_apprise_tells_each_of_its_addresses_once(workspace, receiver):
    pytest.importorskip("apprise")
    address = receiver.url.removeprefix("http://").split("?")[0]
    secret = workspace.folder / "notify.urls"
    secret.write_text(f"# ops\njson://{address}\njsons://127.0.0.1:1/s3cret\n", encoding="utf-8")
    secret.chmod(0o600)
    notify(workspace, apprise={"secret_file": "notify.urls"})
    down(workspace)
    run = workspace.run_in_process("sync")
    assert "notify.apprise-2: it was not taken; the next run tries again" in run.err
    assert "s3cret" not in run.err
    assert ran(workspace, "sync") == 1
    (only,) = told(receiver)
    assert only["type"] == "failure"
    assert only["title"].startswith("sfsync sync failed")


def test_apprise_without_its_addresses_is_a_warning(workspace):
    notify(workspace, apprise={"secret_env": "NOTIFY_URLS"})
    down(workspace)
    run = workspace.run_in_process("sync")
    assert (run.code, "warning: notify.apprise: $NOTIFY_URLS is not set" in run.err) == (1, True)


def test_an_address_that_is_a_secret_may_stand_elsewhere(workspace, receiver):
    kept = workspace.folder / "hook.url"
    kept.write_text(receiver.url + "\n", encoding="utf-8")
    kept.chmod(0o600)
    places = {"webhook": {"secret_file": "hook.url"}, "ping": {"secret_env": "PING_URL"}}
    notify(workspace, **places)
    down(workspace)
    run = workspace.run_in_process("sync", PING_URL="http://ops.example/s3cret")
    assert (run.code, reasons(receiver)) == (1, ["failed"])
    assert "notify.ping: is not https" in run.err
    assert "s3cret" not in run.err
    assert "warning: notify.ping: $PING_URL is not set" in workspace.run_in_process("sync").err


def test_no_name_or_address_or_value_of_anybody_is_told(workspace, receiver):
    notify(workspace, webhook=receiver.url, ping=receiver.url)
    refuse(workspace)
    assert ran(workspace, "sync") == 3
    assert ran(workspace, "import", "ada@example.com") == 2
    sent = b"".join(each.body for each in receiver.got).decode()
    for row in workspace.sql("SELECT * FROM contacts"):
        values = [
            row[name] for name in ("email", "last_name", "job_title", "salesforce_id", "phone")
        ]
        assert not [value for value in values if value and value in sent]
    assert "ada@example.com" not in sent


def test_a_profile_that_nobody_knows_leaves_no_file_behind(workspace, receiver):
    notify(workspace, webhook=receiver.url)
    before = sorted(workspace.folder.iterdir())
    assert ran(workspace, "sync", "--profile", "sandbx") == 2
    assert sorted(workspace.folder.iterdir()) == before
    assert receiver.got == []


def let_others_send(workspace: Workspace) -> None:
    """As it is once a process that died had its time."""
    with closing(sqlite3.connect(f"{workspace.mirror}.inbox")) as inbox, inbox:
        [(note,)] = inbox.execute("SELECT value FROM notes WHERE name = 'notices'")
        watch = json.loads(note)
        for each in watch["waiting"]:
            assert each["held_until"]
            each["held_until"] = ""
        inbox.execute("UPDATE notes SET value = ? WHERE name = 'notices'", [json.dumps(watch)])


def test_killed_before_the_answer_it_is_told_again_under_the_same_id(workspace, receiver):
    notify(workspace, webhook=receiver.url)
    workspace.configure(("direction: bidirectional", "direction: sideways"))
    over = threading.Event()

    def asleep(_got: object) -> tuple[int, dict[str, str]]:
        over.wait(20)
        return 204, {}

    receiver.say = asleep
    process = workspace.start("sync")
    receiver.wait_for(1)
    process.kill()
    workspace.finish(process)
    over.set()
    assert [ran(workspace, "sync"), len(receiver.got)] == [2, 1]  # another may still be at it
    let_others_send(workspace)
    assert [ran(workspace, "sync") for _ in range(2)] == [2, 2]
    first, second = told(receiver)
    assert first == second


@pytest.mark.slow
def test_of_processes_that_fail_at_once_one_tells(workspace, receiver):
    notify(workspace, webhook=receiver.url)
    workspace.configure(("direction: bidirectional", "direction: sideways"))
    processes = [workspace.start("sync") for _ in range(6)]
    assert [workspace.finish(each).code for each in processes] == [2] * 6
    assert reasons(receiver) == ["failed"]


def test_a_sample_is_sent_and_each_answer_shown(workspace, receiver):
    run = workspace.run_in_process("notify", "test")
    assert (run.code, "names nobody to tell" in run.err) == (2, True)
    notify(workspace, webhook=receiver.url, command=["/no/such/program"])
    run = workspace.run_in_process("notify", "test", "--json")
    assert (run.code, "command: cannot be started" in run.err) == (1, True)
    assert {each["target"]: each["taken"] for each in run.data["targets"]} == {
        "webhook": True,
        "command": False,
    }
    assert reasons(receiver) == ["test"]
    run = workspace.run_in_process("notify", "test", "webhook")
    assert (run.code, "it was taken" in run.out) == (0, True)
    run = workspace.run_in_process("notify", "test", "webhok")
    assert (run.code, "did you mean webhook?" in run.err) == (2, True)


# -- a listener
@pytest.mark.slow
def test_a_listener_tells_when_trouble_begins_and_ends_and_not_every_tick(workspace, receiver):
    let_listen(workspace)
    notify(workspace, webhook=receiver.url)
    down(workspace)
    with listening(workspace) as listener:
        until(lambda: receiver.got, "it is told")
        workspace.org.faults.clear()
        until(lambda: len(receiver.got) == 2, "and that it is over", seconds=60)
        assert listener.stop() == 143
    assert [(each["command"], *each["reasons"]) for each in told(receiver)] == [
        ("listen", "failed"),
        ("listen", "recovered"),
    ]
