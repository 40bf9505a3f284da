"""A process that listens, for system tests: what is sent to it, and what becomes of that."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from standardwebhooks import Webhook

from tests.free_ports import free_port
from tests.system.workspace import Workspace

SECRET = "whsec_" + "ab" * 32
STANDARD_SECRET = "whsec_" + "ab" * 16
SECRETS = {"PM_SECRET": SECRET, "STANDARD_SECRET": STANDARD_SECRET}


def delivery(number: int, email: str, kind: str = "email.sent", campaign: str = "c-7") -> bytes:
    return json.dumps(
        {
            "id": f"evt_{number}",
            "type": kind,
            "created_at": "2026-01-20T10:00:00Z",
            "data": {
                "campaign_id": campaign,
                "contact": {"email": email},
            },
        }
    ).encode()


def launched(campaign: str, name: str) -> bytes:
    """The delivery that says what a campaign is called."""
    told = {"campaign_id": campaign, "name": name, "audience_size": 2}
    return json.dumps(
        {
            "id": f"evt_launched_{campaign}",
            "type": "campaign.launched",
            "created_at": "2026-01-20T09:00:00Z",
            "data": told,
        }
    ).encode()


class Listener:
    """One process that listens, and what it printed."""

    def __init__(self, workspace: Workspace, port: int, health: int, **environ: str) -> None:
        self.url, self.health = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{health}"
        self.process = workspace.start("listen", **SECRETS, **environ)
        self.printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.printed.extend(self.process.stderr)

    def send(self, body: bytes, secret: str = SECRET) -> int:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        answer = requests.post(
            f"{self.url}/webhooks/penguinmails",
            data=body,
            headers={"X-PenguinMails-Signature": f"sha256={digest}"},
            timeout=20,
        )
        return answer.status_code

    def send_standard(self, told: dict[str, Any]) -> int:
        body, at = json.dumps(told), datetime.now(UTC)
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(STANDARD_SECRET).sign("msg_1", at, body),
        }
        return requests.post(
            f"{self.url}/webhooks/standard", data=body, headers=headers, timeout=20
        ).status_code

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


def until(holds: Callable[[], Any], what: object, seconds: float = 20) -> Any:
    """What it gives, once that is true.

    Args:
        what: for the message, as it is when time is up.
    """
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def let_listen(workspace: Workspace) -> None:
    """Configure webhooks of PenguinMails, at ports of its own; the name of campaign c-7 is known."""
    text = workspace.yaml.read_text(encoding="utf-8")
    section = "\nlisten:\n  bind: 127.0.0.1:{}\n  health_bind: 127.0.0.1:{}\n  sources:\n    penguinmails: {{secret_env: PM_SECRET}}\n"
    workspace.ports = free_port(), free_port()
    workspace.yaml.write_text(text + section.format(*workspace.ports), encoding="utf-8")
    (workspace.folder / "launched.json").write_bytes(launched("c-7", "January"))
    workspace.do_in_process("push-activity", "--from", "penguinmails", "launched.json")


@contextmanager
def listening(workspace: Workspace, **environ: str) -> Iterator[Listener]:
    listener = Listener(workspace, *workspace.ports, **environ)
    try:
        until(lambda: answers(f"{listener.health}/healthz"), listener.printed)
        yield listener
    finally:
        listener.close()


def people(workspace: Workspace) -> list[str]:
    return sorted(row["email"] for row in workspace.rows() if row["email"])


def tasks_of(workspace: Workspace, *numbers: int) -> list[int]:
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks()]
    return [keys.count(f"evt_{number}") for number in numbers]
