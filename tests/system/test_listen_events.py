"""What becomes of deliveries at a listener: the limits of its inbox."""

from __future__ import annotations

import signal

import pytest

from tests.system.listener import delivery, let_listen, listening, people, tasks_of, until
from tests.system.workspace import Workspace


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
