"""changes: what changed in the mirror, as lines that another program follows."""

import json
import signal
import threading
import time
from queue import Empty, Queue

import pytest
from filelock import FileLock

from tests.system.workspace import changed

SOON = 20.0
"""Seconds for what takes one or two on a machine that has nothing else to do."""


def lines(ran):
    assert ran.code == 0, ran.out + ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


@pytest.fixture
def mine(quiet_workspace):
    return quiet_workspace


@pytest.fixture
def end(mine):
    """Where the feed ends before the test."""
    return mine.do_in_process("status")["changes"]["latest"]


class Follower:
    """`sfsync changes --follow`, and what it has printed."""

    def __init__(self, workspace, *arguments):
        self.process = workspace.start("changes", "--follow", *arguments)
        self._lines = Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def next(self):
        return self._lines.get(timeout=SOON)

    def has_no_more(self):
        with pytest.raises(Empty):
            self._lines.get(timeout=0.6)

    def close(self):
        self.process.kill()
        self._reading.join(timeout=SOON)
        with self.process:
            pass

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(timeout=SOON)
        return self.process.returncode, self.process.stderr.read()


@pytest.fixture
def follow(mine):
    followers = []

    def start(*arguments):
        followers.append(Follower(mine, *arguments))
        return followers[-1]

    yield start
    for one in followers:
        one.close()


def test_a_first_pull_is_told_row_by_row_with_all_values(mine):
    told = lines(mine.run("changes"))
    imports = [line for line in told if line["action"] == "import" and line["object"] == "contact"]
    rows = {row["id"]: row for row in mine.rows()}
    assert sorted(line["id"] for line in imports) == sorted(rows)
    for line in imports:
        new = {column: both["new"] for column, both in line["changed"].items()}
        row = rows[line["id"]]
        assert new == {
            name: value for name, value in row.items() if value is not None and name != "id"
        }
        assert (line["origin"], bool(line["run"])) == ("salesforce", True)
    assert len({line["cursor"] for line in told}) == len(told)


def test_an_edit_by_any_tool_is_told_and_the_cursor_goes_on_after_it(mine, end):
    mine.sql("UPDATE contacts SET city = 'Bergen' WHERE id = 1")
    (line,) = lines(mine.run("changes", "--since", end))
    assert (line["object"], line["id"], line["action"]) == ("contact", 1, "update")
    assert line["changed"]["city"]["new"] == "Bergen"
    assert (line["origin"], line["run"]) == ("local", None)
    assert lines(mine.run("changes", "--since", line["cursor"])) == []


def test_what_a_pull_brings_is_told_with_its_run(mine, end):
    record = mine.rows()[0]["salesforce_id"]
    before = mine.record(record)
    mine.edit(record, Phone="+47 1")
    pulled = mine.run_in_process("pull", "--json")
    assert changed(before, mine.record(record)) == {"Phone": "+47 1"}
    (line,) = lines(mine.run("changes", "--since", end))
    assert (line["action"], line["salesforce_id"]) == ("update", record)
    assert list(line["changed"]) == ["phone"]
    assert (line["origin"], line["run"]) == ("salesforce", pulled.document["run_id"])


def test_a_sync_with_nothing_to_do_tells_nothing(mine, end):
    mine.stderr_of("sync", expect=0)
    assert lines(mine.run("changes", "--since", end)) == []


def test_undo_and_verify_repair_are_told(mine, end):
    mine.sql("UPDATE contacts SET city = 'Bergen' WHERE id = 1")
    was = mine.rows()[0]["salesforce_id"]
    pushed = mine.run_in_process("push", "--json").document["run_id"]
    assert mine.run_in_process("undo", pushed, "--yes").code == 0
    told = lines(mine.run("changes", "--since", end))
    cities = [line["changed"]["city"]["new"] for line in told if "city" in line["changed"]]
    assert cities[0] == "Bergen"
    assert cities[-1] == mine.row(was)["city"] != "Bergen"
    place = told[-1]["cursor"]
    with_guard = "UPDATE _sync SET guard = 1; UPDATE contacts SET city = 'Drift' WHERE id = 1;"
    for statement in (*with_guard.split("; "), "UPDATE _sync SET guard = 0"):
        mine.sql(statement)
    assert mine.run_in_process("verify", "--repair").code == 0
    repaired = lines(mine.run("changes", "--since", place))[-1]
    assert repaired["changed"]["city"] == {"old": "Drift", "new": cities[-1]}


def test_limit_and_object_choose_lines(mine):
    everything = lines(mine.run("changes"))
    assert lines(mine.run("changes", "--limit", "3")) == everything[:3]
    leads = lines(mine.run("changes", "--object", "lead"))
    assert leads == [line for line in everything if line["object"] == "lead"] != []
    after = lines(mine.run("changes", "--since", everything[2]["cursor"], "--limit", "2"))
    assert after == everything[3:5]


def test_json_and_quiet_change_nothing(mine):
    plain = mine.run("changes", "--limit", "2")
    assert mine.run("changes", "--limit", "2", "--json", "--quiet").out == plain.out


def test_now_is_the_end(mine, end):
    assert lines(mine.run("changes", "--since", "now")) == []
    mine.sql("UPDATE contacts SET city = 'Bergen' WHERE id = 1")
    assert lines(mine.run("changes", "--since", "now")) == []


def test_no_lock_is_waited_for_and_no_login_needed(mine):
    mine.sql("DELETE FROM _tokens")
    with FileLock(f"{mine.mirror}.lock", timeout=0):
        assert mine.run_in_process("push").code in (4, 6)
        assert lines(mine.run("changes", "--limit", "1"))


# -- followed
def test_follow_tells_of_an_edit_soon_and_is_stopped_cleanly(mine, follow, end):
    follower = follow("--since", end)
    mine.sql("UPDATE contacts SET city = 'Bergen' WHERE id = 1")
    assert follower.next()["changed"]["city"]["new"] == "Bergen"
    began = time.monotonic()
    mine.sql("UPDATE contacts SET city = 'Oslo' WHERE id = 1")
    line = follower.next()
    assert time.monotonic() - began < 5
    assert line["changed"]["city"] == {"old": "Bergen", "new": "Oslo"}
    code, err = follower.stop()
    assert code == 143
    assert "Traceback" not in err
    mine.sql("UPDATE contacts SET city = 'Moss' WHERE id = 1")
    again = follow("--since", line["cursor"])
    assert again.next()["changed"]["city"] == {"old": "Oslo", "new": "Moss"}
    again.has_no_more()
    assert again.stop(signal.SIGINT)[0] == 130


def test_follow_ends_after_so_many_lines(mine, follow, end):
    follower = follow("--since", end, "--limit", "2")
    mine.sql("UPDATE contacts SET city = 'Bergen' WHERE id <= 3")
    assert [follower.next()["id"], follower.next()["id"]] == [1, 2]
    assert follower.process.wait(timeout=SOON) == 0


def test_follow_does_not_outlive_its_reader(mine, end):
    with mine.start("changes", "--follow", "--since", end) as process:
        process.stdout.close()
        try:
            assert process.wait(timeout=SOON) == 1
            assert process.stderr.read() == ""
        finally:
            process.kill()


# -- refused
def test_a_cursor_that_is_too_old_says_where_to_go_on(mine, end):
    mine.configure(("  # keep_changes_rows: 1000000 ", "  keep_changes_rows: 2 "))
    mine.sql("UPDATE contacts SET city = 'Bergen'")
    mine.stderr_of("push", expect=0)
    assert len(lines(mine.run("changes"))) >= 2
    latest = mine.do_in_process("status")["changes"]["latest"]
    ran = mine.run("changes", "--since", end)
    assert (ran.code, ran.out) == (1, "")
    assert "not kept any more" in ran.err
    assert f"--since {latest}" in ran.err
    (error,) = mine.run("changes", "--since", end, "--json").document["errors"]
    assert (error["slug"], error["cursor"]) == ("cursor-gone", latest)
    assert lines(mine.run("changes", "--since", latest)) == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--since", "yesterday"], 2, "'yesterday' is no cursor"),
        (["--since", "c1-0-7"], 1, "another mirror"),
        (["--object", "contakt"], 2, "did you mean contact?"),
        (["--limit", "0"], 2, "--limit"),
    ],
)
def test_what_makes_no_sense_is_refused(mine, arguments, code, told):
    ran = mine.run("changes", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert told in ran.err
