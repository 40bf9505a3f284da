"""What becomes of deliveries at a listener: how many it keeps, what machines' opens do, and names that come later."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta

import pytest

from sfsync.planning.campaign_names import PATIENCE
from tests.system.listener import (
    answers,
    delivery,
    launched,
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


@pytest.mark.slow
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
    with listening(workspace) as listener:
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


def subjects(workspace: Workspace, *numbers: int) -> list[str]:
    keys = {f"evt_{number}" for number in numbers}
    tasks = [task for task in workspace.tasks() if task["PenguinMails_Event_Id__c"] in keys]
    return [task["Subject"] for task in tasks]


@pytest.mark.slow
def test_a_task_waits_for_its_campaigns_name_and_goes_by_itself_when_that_does_not_come(workspace):
    carl = people(workspace)[2]
    with listening(workspace) as listener:
        assert listener.send(delivery(21, carl, campaign="c-21")) == 200
        assert listener.send(delivery(22, carl, campaign="c-22")) == 200
        until(lambda: workspace.do_in_process("status")["tasks_held"] == 2, "two held")
        assert listener.send(launched("c-21", "March")) == 200
        until(lambda: subjects(workspace, 21) == ["Email: March"], "the named Task")
        assert workspace.do_in_process("push-activity")["activity"]["held"] == 1
        listener.process.kill()
        listener.process.wait()
    told = workspace.run_in_process("status").out
    assert "1 Task of these wait for the name of their campaign" in told
    due = datetime.now(UTC) + timedelta(seconds=8)
    heard_of = f"{due - PATIENCE:%Y-%m-%dT%H:%M:%SZ}"
    workspace.sql("UPDATE _campaigns SET learned_at = ? WHERE id = 'c-22'", heard_of)
    with listening(workspace) as listener:
        until(lambda: answers(f"{listener.health}/readyz"), "its first tick")
        assert subjects(workspace, 22) == []
        until(lambda: subjects(workspace, 22) == ["Email: c-22"], "the Task without the name")
        assert listener.send(launched("c-22", "April")) == 200
        until(lambda: workspace.do_in_process("status")["inbox"]["events"] == 0, "taken in")
    assert subjects(workspace, 21, 22) == ["Email: March", "Email: c-22"]


def contact(number: int, kind: str, **data: object) -> bytes:
    told = {"id": f"evt_{number}", "type": kind, "created_at": f"2026-01-20T10:00:{number}Z"}
    return json.dumps({**told, "data": {"contactId": "co_1", **data}}).encode()


def test_who_is_added_and_changed_at_the_platform_is_a_contact_in_salesforce(workspace):
    before = "      # The first open and click"
    rules = (
        "      - {on: contact_created, action: import_contact}",
        "      - {on: contact_updated, action: update_contact}",
        before,
    )
    workspace.configure((before, "\n".join(rules)))

    def there() -> list[tuple[str | None, str | None]]:
        return [
            (record["FirstName"], record["Phone"])
            for record in workspace.records().values()
            if record["Email"] == "new@example.com"
        ]

    with listening(workspace) as listener:
        assert listener.send(contact(32, "contact.updated", changedFields={"phone": "2"})) == 200
        added = contact(31, "contact.created", email="new@example.com", firstName="Ada", phone="1")
        assert listener.send(added) == 200
        until(lambda: there() == [("Ada", "2")], "the Contact as it was said last")
        assert listener.send(added) == 200
        until(lambda: workspace.do_in_process("status")["inbox"]["events"] == 0, "taken in")
        assert there() == [("Ada", "2")]
    story = workspace.do_in_process("explain", "new@example.com")["timeline"]
    assert {"contact_created", "contact_updated"} <= {entry["what"] for entry in story}
