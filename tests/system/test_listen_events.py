"""What becomes of deliveries at a listener: how many it keeps, and what machines' opens do."""

from __future__ import annotations

import signal

import pytest

from tests.system.listener import (
    STANDARD_SECRET,
    delivery,
    let_listen,
    listening,
    people,
    tasks_of,
    until,
)
from tests.system.workspace import Workspace

AT = "2026-01-20T10:00:00Z"


@pytest.fixture(scope="module")
def workspace(new_workspace) -> Workspace:
    workspace = new_workspace(contacts=4, leads=1)
    workspace.do_in_process("pull")
    let_listen(workspace)
    return workspace


def test_beyond_its_configured_limit_the_inbox_takes_nothing_until_the_limit_is_raised(workspace):
    ada = people(workspace)[0]
    large = [delivery(number, ada) + b" " * 700_000 for number in (1, 2)]
    workspace.configure(("  # inbox_bytes: 1073741824 ", "  inbox_bytes: 1048576 "))
    workspace.do_in_process("pause")  # nothing is taken in, so nothing makes room
    with listening(workspace) as listener:
        assert [listener.send(body) for body in large] == [200, 503]
        assert workspace.do_in_process("status")["inbox"]["events"] == 1
        workspace.configure(("  inbox_bytes: 1048576 ", "  inbox_bytes: 2097152 "))
        listener.process.send_signal(signal.SIGHUP)
        until(lambda: listener.send(large[1]) == 200, "room for the second")
        workspace.do_in_process("resume")
        until(lambda: tasks_of(workspace, 1, 2) == [1, 1], "the Tasks")


def test_machines_opens_are_left_out_and_told_by_explain(workspace):
    bob = people(workspace)[1]
    workspace.configure(
        ("  # machine_events: ignore ", "  machine_events: ignore "),
        ("  sources:\n", "  sources:\n    standard: {secret_env: STANDARD_SECRET}\n"),
    )
    opens = "SELECT total_opens FROM contacts WHERE email = ?"
    [before] = workspace.sql(opens, bob)
    with listening(workspace, STANDARD_SECRET=STANDARD_SECRET) as listener:
        for number, is_machine in ((11, True), (12, False), (13, True)):
            told = {"email": bob, "id": f"evt_{number}", "machine": is_machine}
            kind = "unsubscribed" if number == 13 else "email_opened"
            assert listener.send_standard({"type": kind, "timestamp": AT, "data": told}) == 200
        until(lambda: tasks_of(workspace, 11, 12) == [0, 1], "the Task")
        until(lambda: any("1 left_out" in line for line in listener.printed), "told in the log")
    [after] = workspace.sql(opens, bob)
    assert (after["total_opens"] or 0) - (before["total_opens"] or 0) == 1
    story = workspace.do_in_process("explain", bob)["timeline"]
    assert any("evt_11 (handled: left out: a machine's)" in entry["detail"] for entry in story)
    [consent] = workspace.do_in_process("consent", bob)["statements"]
    assert (consent["state"], consent["reason"]) == ("opted_out", "evt_13")
