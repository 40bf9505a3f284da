"""The installed command tells endpoints what changed: signed, at least once, whatever it is killed at, and no secret is shown."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest
import requests

from tests.system.listener import delivery, let_listen, listening, people, tasks_of, until
from tests.system.workspace import Workspace
from tests.telling_cells import telling_cells
from tests.unit.outgoing.receivers import NEW_SECRET, SECRET, Receiver, always, receiving

SECTION = """
webhooks:
  endpoints:
    crm-copy: {{url: "{url}", secret_env: [HOOK_SECRET, HOOK_SECRET_NEW], types: [contact.*]}}
"""


@pytest.fixture
def workspace(new_workspace) -> Iterator[Workspace]:
    workspace = new_workspace(contacts=4, leads=0)
    workspace.do_in_process("pull")
    workspace.environ |= {"HOOK_SECRET": SECRET, "HOOK_SECRET_NEW": NEW_SECRET}
    yield workspace
    kept = [path.read_bytes() for path in workspace.folder.rglob("*") if path.is_file()]
    shown = "".join(workspace.printed).encode()
    for secret in (SECRET, NEW_SECRET):
        assert not any(secret.encode() in each for each in (*kept, shown))


@pytest.fixture
def receiver(workspace) -> Iterator[Receiver]:
    with receiving() as receiver:
        let_listen(workspace)
        text = workspace.yaml.read_text(encoding="utf-8")
        workspace.yaml.write_text(text + SECTION.format(url=receiver.url), encoding="utf-8")
        yield receiver


def rename(workspace: Workspace, number: int, phone: str) -> None:
    workspace.sql(f"UPDATE contacts SET phone = '{phone}' WHERE id = {number}")


def phones(receiver: Receiver) -> list[str]:
    found = [each["data"]["changed"].get("phone", {}).get("new") for each in receiver.told()]
    return [each for each in found if each]


def test_sync_tells_what_it_and_others_changed(workspace, receiver):
    assert workspace.do_in_process("sync")["webhooks"]["delivered"] == 0
    rename(workspace, 1, "+44 1")
    told = workspace.do_in_process("sync")["webhooks"]
    assert (told["delivered"], told["waiting"]) == (1, 0)
    (got,) = receiver.got
    message = got.verified(SECRET)
    assert message == got.verified(NEW_SECRET)
    assert message["type"] == "contact.updated"
    assert message["data"]["changed"]["phone"]["new"] == "+44 1"
    assert got.id == message["data"]["cursor"]
    lines = workspace.run_in_process("changes").out.splitlines()
    assert json.loads(lines[-1]) == message["data"]


def test_what_cannot_be_delivered_waits_and_is_told_and_the_sync_is_done(workspace, receiver):
    workspace.do_in_process("sync")
    receiver.say = always(503)
    rename(workspace, 1, "+44 2")
    ran = workspace.run_in_process("sync", "--json")
    assert (ran.code, ran.data["webhooks"]["waiting"]) == (0, 1)
    assert "webhook crm-copy has failed since" in ran.warnings
    status = workspace.run_in_process("status")
    assert "HTTP 503" in status.err
    (state,) = workspace.do_in_process("webhook", "endpoints")["endpoints"]
    assert (state["waiting"], state["last_answer"], state["state"]) == (1, "HTTP 503", "active")
    receiver.say = always(410)
    workspace.do_in_process("webhook", "resume", "crm-copy")
    assert "is stopped" in workspace.run_in_process("sync").err
    receiver.say = always(200)
    assert workspace.do_in_process("webhook", "resume", "crm-copy")["waiting"] == 1
    assert workspace.do_in_process("sync")["webhooks"]["delivered"] == 1
    assert len({each.id for each in receiver.got}) == 1


def test_an_endpoint_that_no_run_has_seen_is_new_and_no_trouble(workspace, receiver):
    ran = workspace.run_in_process("webhook", "endpoints", "--json")
    assert [each["state"] for each in ran.data["endpoints"]] == ["new"]
    assert ran.document["warnings"] == []


def test_a_rehearsal_sends_nothing(workspace, receiver):
    workspace.do_in_process("sync")
    rename(workspace, 1, "+44 3")
    assert "webhooks" not in workspace.do_in_process("sync", "--dry-run")
    assert not receiver.got


def test_a_sample_is_sent_and_its_answer_shown(workspace, receiver):
    assert workspace.do_in_process("webhook", "test", "crm-copy")["taken"]
    assert receiver.told() == [
        {"type": "sfsync.test", "timestamp": receiver.told()[0]["timestamp"], "data": {}}
    ]
    receiver.say = always(401)
    ran = workspace.run_in_process("webhook", "test", "crm-copy")
    assert (ran.code, "HTTP 401" in ran.err) == (1, True)


@pytest.mark.parametrize("line", [("test", "crm-cop"), ("resume", "crm-cop")])
def test_an_unknown_endpoint_is_wrong_usage(workspace, receiver, line):
    ran = workspace.run_in_process("webhook", *line)
    assert (ran.code, "did you mean crm-copy" in ran.err) == (2, True)


def test_a_secret_of_another_form_is_refused_without_being_shown(workspace, receiver):
    ran = workspace.run_in_process("webhook", "test", "crm-copy", HOOK_SECRET="not-a-secret")
    assert (ran.code, "whsec_ and base64" in ran.err) == (2, True)
    assert "not-a-secret" not in ran.out + ran.err
    ran = workspace.run_in_process("sync", HOOK_SECRET="not-a-secret")
    assert (ran.code, "webhooks were not sent" in ran.err) == (0, True)


def test_a_listener_tells_within_seconds_and_a_receiver_that_sleeps_holds_nothing_up(
    workspace, receiver
):
    with listening(workspace) as listener:
        until(lambda: workspace.do_in_process("status")["webhooks"] != [], "it is known")
        rename(workspace, 1, "+44 4")
        until(lambda: phones(receiver) == ["+44 4"], "told")

        def asleep(_got: object) -> tuple[int, dict[str, str]]:
            time.sleep(8)
            return 200, {}

        receiver.say = asleep
        rename(workspace, 2, "+44 5")
        until(lambda: len(receiver.got) == 2, "it is asked")
        began = time.monotonic()
        assert listener.send(delivery(1, people(workspace)[0])) == 200
        until(lambda: tasks_of(workspace, 1) == [1], "the Task")
        assert time.monotonic() - began < 6
        until(
            lambda: (
                'sfsync_outgoing_webhooks_total{endpoint="crm-copy",outcome="delivered"} 1.0'
                in requests.get(f"{listener.health}/metrics", timeout=5).text
            ),
            "counted",
        )
        assert listener.stop() == 143
    workspace.printed += listener.printed
    assert not any("hook?" in line for line in listener.printed)


PLACES = ("deliver.queued", "deliver.answered", "deliver.settled")


@pytest.mark.parametrize("place", telling_cells(PLACES, ("deliver.answered",)))
def test_killed_anywhere_every_change_is_told_with_its_id(workspace, receiver, place):
    workspace.do_in_process("sync")
    for number in (1, 2, 3):
        rename(workspace, number, f"+44 {number}")
    killed = workspace.run("sync", SFSYNC_FAILPOINTS=f"{place}=kill")
    assert killed.code == -signal.SIGKILL
    before = [each.id for each in receiver.got]
    workspace.do_in_process("sync")
    ids = {each.id: each.verified()["data"]["changed"]["phone"]["new"] for each in receiver.got}
    assert sorted(ids.values()) == ["+44 1", "+44 2", "+44 3"]
    if place == "deliver.answered":
        assert before
        assert len(receiver.got) > 3  # again, with the same id


@pytest.mark.slow
def test_a_listener_that_is_killed_tells_again_and_a_new_endpoint_is_told_after_a_reload(
    workspace, receiver
):
    with listening(workspace, SFSYNC_FAILPOINTS="deliver.answered=kill") as listener:
        until(lambda: workspace.do_in_process("status")["webhooks"] != [], "it is known")
        rename(workspace, 1, "+44 6")
        assert listener.process.wait(20) == -signal.SIGKILL
    with listening(workspace) as listener:
        receiver.wait_for(2)
        assert len({each.id for each in receiver.got}) == 1
        text = workspace.yaml.read_text(encoding="utf-8")
        second = f'    second: {{url: "{receiver.url}", secret_env: HOOK_SECRET_NEW}}\n'
        workspace.yaml.write_text(
            text.replace("  endpoints:\n", f"  endpoints:\n{second}"), encoding="utf-8"
        )
        listener.process.send_signal(signal.SIGHUP)
        until(lambda: len(workspace.do_in_process("status")["webhooks"]) == 2, "both are known")
        rename(workspace, 2, "+44 7")
        receiver.wait_for(4)
        one, other = receiver.got[-2:]
        assert one.id == other.id
        assert sum("+44 7" in each.body.decode() for each in (one, other)) == 2
        receiver.say = always(500)
        rename(workspace, 3, "+44 8")
        until(lambda: any("crm-copy fails" in line for line in listener.printed), "told")
        receiver.say = always(200)
        until(lambda: any("crm-copy takes" in line for line in listener.printed), "told again")
