"""What a command tells of its work: -v, --log-file, why it waits, and which run failed."""

import json
import logging
import re
import stat
import sys
from contextlib import redirect_stdout
from io import StringIO

import pytest

from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.cli.signals import Interrupted
from sfsync.cli.telling import telling

LATER = {"match": {"path": "/query"}, "nth": 1, "fault": "rate_limited", "args": {"retry_after": 1}}


def lines_of(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def told(new_workspace):
    """A pull that has to wait once, with every way to tell of it."""
    workspace = new_workspace()
    workspace.org.faults.add(LATER)
    ran = workspace.run_in_process("pull", "--full", "-v", "--json", "--log-file", "sfsync.log")
    workspace.org.faults.clear()
    assert ran.code == 0, ran.err
    return workspace, ran


def test_each_request_is_told_with_its_outcome_and_duration(told):
    workspace, ran = told
    assert re.search(r"GET /services/data/v\d+\.0/query/ -> 200, \d+ ms", ran.err)
    requests = [line for line in lines_of(workspace.folder / "sfsync.log") if "status" in line]
    assert {200, 429} == {line["status"] for line in requests}
    assert all(line["milliseconds"] >= 0 and line["method"] and line["path"] for line in requests)


def test_each_wait_is_told_with_its_reason(told):
    workspace, ran = told
    assert "HTTP 429" in ran.err
    assert "; again in 1.0 s" in ran.err
    [wait] = [line for line in lines_of(workspace.folder / "sfsync.log") if "wait_seconds" in line]
    assert wait["wait_seconds"] == 1.0


def test_each_line_of_the_log_has_its_time_its_command_and_the_run(told):
    workspace, ran = told
    lines = lines_of(workspace.folder / "sfsync.log")
    assert {line["command"] for line in lines} == {"pull"}
    assert lines[0]["time"].endswith("Z")
    assert lines[-1]["run_id"] == ran.document["run_id"]
    assert lines[-1]["exit_code"] == 0


def test_stdout_is_one_document_all_the_same(told):
    assert told[1].document["status"] == "ok"


def test_the_log_is_the_users_own(told):
    mode = (told[0].folder / "sfsync.log").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_neither_values_nor_addresses_of_records_are_told(told):
    workspace, ran = told
    log = (workspace.folder / "sfsync.log").read_text(encoding="utf-8")
    values = {str(value) for row in workspace.rows() for value in (row["email"], row["last_name"])}
    assert values
    assert not [value for value in values if value in log + ran.err]


def test_a_log_is_gone_on_with(quiet_workspace):
    for _ in range(2):
        quiet_workspace.stderr_of("pull", "--log-file", "sfsync.log", expect=0)
    lines = lines_of(quiet_workspace.folder / "sfsync.log")
    assert len([line for line in lines if "exit_code" in line]) == 2


def test_a_log_that_is_rotated_away_is_begun_anew(tmp_path):
    file = tmp_path / "sfsync.log"
    with telling(Cli("listen", log_file=file, quiet=True)):
        logging.getLogger("sfsync.listen").warning("before")
        file.rename(tmp_path / "sfsync.log.1")
        logging.getLogger("sfsync.listen").warning("after")
    assert "after" in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "before" in (tmp_path / "sfsync.log.1").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("no/such/folder.log", "No such file or directory"),
        (".", "Is a directory"),
        ("sfsync.yaml", "is no log of JSON lines"),
        ("mirror.db", "is no log of JSON lines"),
    ],
)
def test_a_log_that_cannot_be_written_is_told_and_nothing_is_done(quiet_workspace, file, reason):
    ran = quiet_workspace.run_in_process("pull", "--log-file", file, "--json")
    assert ran.code == 2
    assert ran.document["errors"][0]["slug"] == "usage"
    assert reason in ran.document["errors"][0]["message"]


def test_a_full_disk_ends_the_log_and_not_the_run(quiet_workspace):
    ran = quiet_workspace.run_in_process("pull", "--log-file", "/dev/full")
    assert ran.code == 0
    assert ran.err.count("the log cannot be written") == 1
    assert "Traceback" not in ran.err


def test_a_person_at_a_terminal_sees_why_it_waits_without_asking(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    cli = Cli("pull")
    with cli.err.capture() as seen, telling(cli):
        log = logging.getLogger("sfsync.salesforce.retry")
        log.info("the org is busy; again in 8.0 s", extra={"wait_seconds": 8.0})
        log.info("a lock; again in 0.5 s", extra={"wait_seconds": 0.5})
        log.info("GET / -> 200", extra={"status": 200})
    [line] = seen.get().splitlines()
    assert "the org is busy; again in 8.0 s" in line


def test_without_a_terminal_and_without_v_nothing_is_told(quiet_workspace):
    quiet_workspace.org.faults.add(LATER)
    assert "trying again" not in quiet_workspace.stderr_of("pull", "--full", expect=0)


def test_a_failed_run_is_named(quiet_workspace):
    quiet_workspace.org.faults.add({"match": {"path": "/query"}, "fault": "unavailable"})
    ran = quiet_workspace.run_in_process("pull", "--json")
    [run] = quiet_workspace.sql("SELECT run_id FROM runs WHERE status != 'ok'")
    assert ran.code == 1
    assert ran.document["run_id"] == run["run_id"]


def test_a_run_that_never_began_is_not_named(quiet_workspace):
    quiet_workspace.sql("DELETE FROM _tokens")
    ran = quiet_workspace.run_in_process("pull", "--json")
    assert (ran.code, ran.document["run_id"]) == (4, None)


def test_a_warning_is_told_beside_a_log_file_too(tmp_path, capsys):
    with telling(Cli("listen", log_file=tmp_path / "sfsync.log")):
        logging.getLogger("sfsync.listen").warning("a delivery could not be proved")
        logging.getLogger("sfsync.listen").info("no news")
    assert capsys.readouterr().err == "a delivery could not be proved\n"


def test_an_interrupted_run_is_named():
    cli = Cli("pull", as_json=True, run_id="r-7")

    def work():
        raise Interrupted(130)

    with redirect_stdout(StringIO()) as told:
        assert perform(cli, work) == 130
    assert json.loads(told.getvalue())["run_id"] == "r-7"
