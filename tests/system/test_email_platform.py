"""The local org as the email platform: what it sends to a process that listens becomes Tasks, each once."""

from __future__ import annotations

import json
import re
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from local_org.server import WebhookConfig
from tests.free_ports import free_port
from tests.system.listener import until
from tests.system.workspace import Workspace

LISTEN = """
listen:
  bind: 127.0.0.1:0
  health_bind: 127.0.0.1:0
  sources:
    penguinmails: {secret_file: penguinmails.secret}
"""


@contextmanager
def running(workspace: Workspace, *arguments: str) -> Iterator[Any]:
    process = workspace.start(*arguments)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        ended = workspace.finish(process)
        assert ended.code == 130, ended.err


def start_listening(workspace: Workspace, process: Any) -> str:
    """Its address, as the status tells it: port 0 is any free one."""

    def told() -> str:
        assert process.poll() is None, process.stderr.read()
        listener = workspace.do_in_process("status")["inbox"]["listener"]
        return listener["webhooks_at"] if listener and listener["pid"] == process.pid else ""

    return str(until(told, "listening"))


@pytest.fixture(scope="module")
def workspace(new_workspace) -> Workspace:
    workspace = new_workspace(contacts=6, leads=2)
    text = workspace.yaml.read_text(encoding="utf-8")
    workspace.yaml.write_text(text + LISTEN, encoding="utf-8")
    return workspace


def ask(org: str, path: str, body: dict[str, Any] | None = None) -> Any:
    url = f"{org}/_local/{path}"
    answer = requests.get(url, timeout=20) if body is None else requests.post(url, json=body, timeout=20)  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.slow
def test_what_the_platform_sends_is_a_task_within_seconds(workspace):
    """The five minutes of docs/webhooks.md, with an org of its own that a process serves."""
    secret = workspace.folder / "penguinmails.secret"
    secret.touch(0o600)
    secret.write_text("whsec_" + "ab" * 32)
    with running(workspace, "listen") as listening:
        url = start_listening(workspace, listening) + "/webhooks/penguinmails"
        serve = ("local-org", "--port", "0", "--contacts", "0", "--json", "--webhooks", url)
        with running(workspace, *serve, "--webhooks-secret-file", str(secret)) as serving:
            told = json.loads(serving.stdout.readline())
            assert (told["webhooks"], told["secret_in"]) == (url, str(secret))
            email = workspace.rows()[0]["email"]
            clicked = {"type": "email.clicked", "email": email, "id": "evt_1", "copies": 3}
            opened = {
                "type": "email.opened",
                "email": email,
                "id": "evt_2",
                "spelling": "camel",
                "copies": 2,
            }
            for asked in (clicked, opened):
                ask(told["url"], "platform/send", asked)
            until(lambda: ask(told["url"], "platform")["taken"] == 6, "all answered with 200")
            assert ask(told["url"], "platform/replay", {"since": "2020-01-01T00:00:00Z"}) == {"events": 3}  # fmt: skip
            until(lambda: ask(told["url"], "platform")["taken"] == 9, "replayed")
            until(lambda: len(workspace.tasks()) == 2, "the Tasks")
            until(lambda: not workspace.do_in_process("status")["inbox"]["events"], "all taken in")
            assert len(workspace.tasks()) == 2
            kept = workspace.sql("SELECT id FROM events ORDER BY id")
            assert [row["id"] for row in kept] == ["evt_1", "evt_2"]
            assert not workspace.sql("SELECT * FROM quarantine")
            sample = ("webhook", "send", "penguinmails", "--email", email)
            assert workspace.do_in_process(*sample)["url"] == url
            shown = ask(told["url"], "platform")
            assert (shown["state"], shown["failed"]) == ("healthy", 0)


TASK_EACH = ("email.sent", "email.replied", "email.bounced")
"""Types of which every event is a Task, by the example's rules."""


@pytest.mark.faults
def test_in_heavy_traffic_that_is_doubled_overtaken_and_late_and_killed_again_and_again_none_is_lost(
    new_workspace,
):
    workspace = new_workspace(contacts=60, leads=20)
    port, secret = free_port(), "whsec_" + "ab" * 32
    (workspace.folder / "penguinmails.secret").touch(0o600)
    (workspace.folder / "penguinmails.secret").write_text(secret)
    text = workspace.yaml.read_text(encoding="utf-8")
    listen = LISTEN.replace("bind: 127.0.0.1:0", f"bind: 127.0.0.1:{port}", 1)
    workspace.yaml.write_text(text + listen, encoding="utf-8")
    url = f"http://127.0.0.1:{port}/webhooks/penguinmails"
    platform = workspace.org.play_platform(WebhookConfig(url, secret, traffic=3_000, speed=600))
    platform.change({"duplicates": 0.2, "reordered": 0.2, "late": 0.1})
    try:
        for seconds in (2, 3, 4, 2):
            process = workspace.start("listen", "-q")
            start_listening(workspace, process)
            time.sleep(seconds)
            process.kill()
            workspace.finish(process)
        platform.change({"traffic": 0, "speed": 1_000})
        process = workspace.start("listen", "-q")
        start_listening(workspace, process)
        platform.resume()
        until(lambda: not platform.overview()["waiting"], "all sent", 60)
        until(lambda: not workspace.do_in_process("status")["inbox"]["events"], "taken in", 60)
        process.send_signal(signal.SIGTERM)
        assert workspace.finish(process).code == 143
    finally:
        platform.stop()
        workspace.org.platform = None
    told = [
        each
        for each in platform.happened
        if each.type.startswith("email.") and each.type != "email.delivered"
    ]
    kept = {row["id"] for row in workspace.sql("SELECT id FROM events")}
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks()]
    shown = platform.overview()
    assert (shown["given_up"], shown["failed"] > 0, len(told) > 200) == (0, True, True)
    assert kept == {each.id for each in told}
    assert len(keys) == len(set(keys))
    assert {each.id for each in told if each.type in TASK_EACH} <= set(keys)
    assert not workspace.sql("SELECT * FROM quarantine")


def test_a_secret_file_is_made_where_it_is_missing_and_told(workspace):
    path = workspace.folder / "new.secret"
    serve = ("local-org", "--port", "0", "--contacts", "0", "--webhooks", "http://127.0.0.1:9/x")
    with running(workspace, *serve, "--webhooks-secret-file", "new.secret") as serving:
        printed = [serving.stdout.readline() for _ in range(3)]
    assert "sends to http://127.0.0.1:9/x, signed with the secret in new.secret, new" in printed[2]
    assert re.fullmatch(r"whsec_[0-9a-f]{64}\n", path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in "".join(printed)


def test_a_secret_that_is_open_to_others_is_refused(workspace):
    path = workspace.folder / "open.secret"
    path.write_text("whsec_ab")
    path.chmod(0o644)
    ran = workspace.run_in_process("local-org", "--webhooks", "http://127.0.0.1:9/x", "--webhooks-secret-file", "open.secret")  # fmt: skip
    assert (ran.code, "open to others" in ran.err) == (2, True)


def test_a_sample_for_any_free_port_needs_somebody_who_listens(workspace):
    path = workspace.folder / "penguinmails.secret"
    path.touch(0o600)
    path.write_text("whsec_ab")
    ran = workspace.run_in_process("webhook", "send", "penguinmails", "--email", "ada@example.com")
    assert (ran.code, "`sfsync listen` is not running" in ran.err) == (2, True)
