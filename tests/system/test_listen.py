"""The installed command listens: signed deliveries become Tasks, each once. Killed: ``test_listen_killed``."""

from __future__ import annotations

import signal
import socket
import subprocess

import pytest
import requests

from tests.system.listener import (
    SECRET,
    Listener,
    answers,
    delivery,
    let_listen,
    listening,
    people,
    tasks_of,
    until,
)
from tests.system.workspace import SFSYNC, Workspace


@pytest.fixture(scope="module")
def workspace(new_workspace) -> Workspace:
    workspace = new_workspace(contacts=6, leads=2)
    workspace.do_in_process("pull")
    let_listen(workspace)
    return workspace


def test_a_signed_delivery_is_a_task_within_seconds_and_ends_cleanly(workspace):
    ada = people(workspace)[0]
    with listening(workspace) as listener:
        assert listener.send(delivery(1, ada)) == 200
        assert listener.send(delivery(1, ada)) == 200
        assert listener.send(delivery(2, ada), secret="whsec_wrong") == 401
        until(lambda: tasks_of(workspace, 1, 2) == [1, 0], "the Task")
        until(lambda: answers(f"{listener.health}/readyz"), "ready")
        metrics = requests.get(f"{listener.health}/metrics", timeout=5).text
        assert 'sfsync_deliveries_total{outcome="forged",source="penguinmails"} 1.0' in metrics
        status = workspace.do_in_process("status")["inbox"]["listener"]
        assert status["pid"] == listener.process.pid
        assert listener.stop() == 143
    assert workspace.do_in_process("status")["inbox"]["listener"]["pid"] is None
    assert not any(SECRET in line or ada in line for line in listener.printed)


def test_by_file_by_flag_and_by_webhook_it_is_one_event(workspace):
    bob = people(workspace)[1]
    workspace.do_in_process(
        "push-activity", "--type", "email_sent", "--email", bob, "--campaign-id", "c-7",
        "--id", "evt_10", "--at", "2026-01-20T10:00:00Z",
    )  # fmt: skip
    (workspace.folder / "dump.json").write_bytes(delivery(10, bob))
    workspace.do_in_process("push-activity", "--from", "penguinmails", "dump.json")
    with listening(workspace) as listener:
        assert listener.send(delivery(10, bob)) == 200
        until(lambda: workspace.do_in_process("status")["inbox"]["events"] == 0, "taken in")
    assert tasks_of(workspace, 10) == [1]
    assert workspace.sql("SELECT count(*) AS n FROM events WHERE id = 'evt_10'") == [{"n": 1}]


def test_a_changed_secret_is_taken_over_without_an_end(workspace):
    dora = people(workspace)[3]
    file = workspace.folder / "pm.key"
    file.touch(0o600)
    file.write_text("whsec_new\n")
    before = workspace.yaml.read_text(encoding="utf-8")
    with listening(workspace) as listener:
        changed = before.replace(
            "{secret_env: PM_SECRET}", "{secret_env: PM_SECRET, secret_file: pm.key}"
        )
        workspace.yaml.write_text(changed, encoding="utf-8")
        assert listener.send(delivery(20, dora), secret="whsec_new") == 401
        listener.process.send_signal(signal.SIGHUP)
        until(
            lambda: listener.send(delivery(20, dora), secret="whsec_new") == 200, "the new secret"
        )
        assert listener.send(delivery(21, dora)) == 200
        workspace.yaml.write_text(before + "\n  nonsense: 1\n", encoding="utf-8")
        listener.process.send_signal(signal.SIGHUP)
        until(lambda: any("is not taken over" in line for line in listener.printed), "the mistake")
        assert listener.send(delivery(22, dora), secret="whsec_new") == 200
    workspace.yaml.write_text(before, encoding="utf-8")


@pytest.mark.slow
def test_a_socket_that_the_service_manager_opened_is_used(workspace):
    emil = people(workspace)[4]
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        port = opened.getsockname()[1]
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
            " os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
            f" os.execv({SFSYNC!r}, [{SFSYNC!r}, 'listen'])"
        )
        process = subprocess.Popen(
            ["python3", "-c", script, str(opened.fileno())],
            cwd=workspace.folder, env=workspace.environ | {"PM_SECRET": SECRET},
            pass_fds=[opened.fileno()], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            listener = Listener.__new__(Listener)
            listener.url = f"http://127.0.0.1:{port}"
            # it waits in the socket until the process is there: nobody is refused
            assert listener.send(delivery(30, emil)) == 200
            until(lambda: tasks_of(workspace, 30) == [1], "the Task")
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_systemd_is_told(workspace, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        path = str(tmp_path / "notify")
        told.bind(path)
        told.settimeout(20)
        with listening(workspace, NOTIFY_SOCKET=path, WATCHDOG_USEC="1000000") as listener:
            seen = ""
            while "READY=1" not in seen or "WATCHDOG=1" not in seen:
                seen += told.recv(4096).decode() + "\n"
            listener.stop()
            while "STOPPING=1" not in seen:
                seen += told.recv(4096).decode() + "\n"


def test_without_its_secret_it_does_not_begin(workspace):
    ran = workspace.run_in_process("listen")
    assert ran.code == 2
    assert "$PM_SECRET is not set" in ran.err


def test_an_address_that_is_taken_is_told(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = workspace.run_in_process("listen", "--bind", bind, PM_SECRET=SECRET)
    assert (ran.code, f"{bind} cannot be listened on" in ran.err) == (2, True)


def test_once_does_what_waits_and_ends(workspace):
    fay = people(workspace)[5]
    (workspace.folder / "once.json").write_bytes(delivery(40, fay))
    ran = workspace.run_in_process("push-activity", "--from", "penguinmails", "once.json")
    assert ran.code == 0
    assert workspace.run_in_process("listen", "--once").code == 0
    assert tasks_of(workspace, 40) == [1]


def test_a_sample_is_signed_sent_looked_at_and_handed_in_again(workspace):
    ada = people(workspace)[0]
    shown = workspace.run_in_process(
        "webhook", "send", "penguinmails", "--email", ada, "--dry-run", "--json", PM_SECRET=SECRET
    ).data
    (workspace.folder / "sample.json").write_text(shown["body"], encoding="utf-8")
    headers = [f"{name}: {value}" for name, value in shown["headers"].items()]
    options = [option for header in headers for option in ("-H", header)]
    proved = workspace.run_in_process(
        "webhook", "verify", "penguinmails", "sample.json", *options, "--json", PM_SECRET=SECRET
    )
    assert (proved.code, proved.data["proved"], proved.data["events"][0]["email"]) == (0, True, ada)
    forged = workspace.run_in_process(
        "webhook", "verify", "penguinmails", "sample.json", *options, PM_SECRET="whsec_another"
    )
    assert (forged.code, SECRET in forged.out + forged.err) == (1, False)
    nobody = workspace.run_in_process(
        "webhook", "send", "penguinmails", "--email", ada, PM_SECRET=SECRET
    )
    assert (nobody.code, "Is `sfsync listen` running?" in nobody.err) == (1, True)
    with listening(workspace):
        sent = workspace.run_in_process(
            "webhook", "send", "penguinmails", "--email", ada, "--id", "evt_50", PM_SECRET=SECRET
        )
        assert sent.code == 0, sent.err
        until(lambda: tasks_of(workspace, 50) == [1], "the Task")
    assert workspace.do_in_process("webhook", "replay", "--dry-run")["deliveries"] >= 1
    again = workspace.do_in_process("webhook", "replay", "--from", "penguinmails")["deliveries"]
    ran = workspace.do_in_process("push-activity")["activity"]
    assert (ran["events"], ran["duplicates"]) == (0, again)
    assert tasks_of(workspace, 50) == [1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (("send", "sendgrit", "--email", "a@b.c"), "did you mean sendgrid"),
        (("send", "sendgrid", "--email", "a@b.c"), "sendgrid is not configured"),
        (("replay", "--from", "nobody"), "no such email service"),
        (("verify", "penguinmails", "missing.json"), "missing.json cannot be read"),
        (("verify", "penguinmails", "sfsync.yaml", "-H", "nonsense"), "has no name and value"),
    ],
)
def test_a_mistake_with_webhooks_is_wrong_usage(workspace, line, told):
    ran = workspace.run_in_process("webhook", *line, PM_SECRET=SECRET)
    assert (ran.code, told in ran.err) == (2, True), ran.err
