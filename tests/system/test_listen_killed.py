"""`sfsync listen` is killed at each place between a delivery and its Task, for each email service: none is lost, none counts twice."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count, product
from typing import Any

import pytest
import requests

from sfsync.intake.sources.registry import NAMES
from tests.system.bounces import bounce
from tests.system.listener import Listener, until
from tests.system.workspace import SFSYNC, Workspace
from tests.unit.intake.sources.deliveries import (
    PUBLIC_URL,
    SECRETS,
    TOPIC,
    Delivery,
    certificate_of,
    delivery,
    sns_identity,
)

PLACES = {
    "listen.verified": "listen.verified@3",
    "inbox committed, not answered": "inbox.kept@3",
    "inbox committed, being answered": "listen.kept@3",
    "answered, not read": "run.begun@2",
    "events kept, not marked as taken": "activity.kept@3",
    "events kept, not handled": "inbox.taken@3",
    "events handled, no Task sent": "activity.applied",
    "Tasks sent, not settled": "activity.sent",
}
TELLING = {
    ("penguinmails", "inbox committed, not answered"),
    ("ses", "events kept, not marked as taken"),
}
SENT = 5
CELLS = [
    pytest.param(*cell, marks=() if cell in TELLING else pytest.mark.faults)
    for cell in product(NAMES, PLACES)
]
SECTION = """
listen:
  bind: 127.0.0.1:0
  health_bind: 127.0.0.1:0
  sources:
"""
OPTIONS = {"ses": f'topics: ["{TOPIC}"]', "mandrill": f"secret_env: SECRET_MANDRILL, public_url: {PUBLIC_URL}"}  # fmt: skip
STARTED_AT = 1_768_900_000
WITH_CERTIFICATE = """
import sys
from pathlib import Path
from sfsync.cli import listen_senders
listen_senders.fetched = lambda _url: Path("sns.pem").read_bytes()
from sfsync.cli.entry import main
sys.exit(main())
"""
"""Amazon's certificate lies at an https address of Amazon; here the test has it."""

numbers = count(1)


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    workspace = new_workspace(contacts=SENT, leads=0)
    entries = (f"    {name}: {{{OPTIONS.get(name, f'secret_env: SECRET_{name.upper()}')}}}\n" for name in NAMES)  # fmt: skip
    text = workspace.yaml.read_text(encoding="utf-8")
    workspace.yaml.write_text(text + SECTION + "".join(entries), encoding="utf-8")
    workspace.environ |= {
        f"SECRET_{name.upper()}": secret_of(name) for name in NAMES if name != "ses"
    }
    days = int(time.time() - STARTED_AT) // 86_400 + 365
    (workspace.folder / "sns.pem").write_bytes(certificate_of(sns_identity()[0], days))
    (workspace.folder / "with_certificate.py").write_text(WITH_CERTIFICATE)
    return workspace


def secret_of(source: str) -> str:
    if source == "sendgrid":
        return delivery(source, []).secrets[0]
    return SECRETS[source][0]


class AnyListener(Listener):
    """A process that listens to every service."""

    def __init__(self, workspace: Workspace, source: str, **environ: str) -> None:
        command = [SFSYNC, "listen"]
        if source == "ses":
            command = [sys.executable, str(workspace.folder / "with_certificate.py"), "listen"]
        self.process = workspace._start(command, environ)
        line = next(line for line in self.process.stderr if "listening at" in line)
        self.url = line.split("listening at ")[1].split("/webhooks/")[0]
        self.printed = [line]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def takes(self, sent: Delivery) -> bool:
        """Whether it answers with 200."""
        url = f"{self.url}/webhooks/{sent.source}"
        try:
            answer = requests.post(url, data=sent.body, headers=dict(sent.headers), timeout=20)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return False
        assert answer.status_code == 200, answer.text
        return True


@contextmanager
def listening(workspace: Workspace, source: str, **environ: str) -> Iterator[AnyListener]:
    listener = AnyListener(workspace, source, **environ)
    try:
        yield listener
    finally:
        listener.close()


def tasks_of(workspace: Workspace, events: list[str]) -> Mapping[str, int]:
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks()]
    return {event: keys.count(event) for event in events}


@pytest.mark.parametrize(("source", "place"), CELLS)
def test_killed_anywhere_no_delivery_is_lost_and_none_counts_twice(
    workspace: Workspace, source: str, place: str, record_property: Callable[[str, Any], None]
) -> None:
    first = next(numbers) * 1_000
    emails = sorted(row["email"] for row in workspace.rows())
    sent = [
        bounce(source, first + number, email, STARTED_AT + first + number)
        for number, email in enumerate(emails)
    ]
    with listening(workspace, source, SFSYNC_FAILPOINTS=_killing(place)) as listener:
        owed = [each for each in sent if not listener.takes(each)]
        assert listener.process.wait(20) == -signal.SIGKILL
    with listening(workspace, source) as again:
        # as services do: what was not answered once more, and now and then what was
        repeated = [*owed, sent[0]]
        assert all(again.takes(each) for each in repeated)
        until(lambda: len(ids_of(workspace, first)) == SENT, "the events")
        until(lambda: all(tasks_of(workspace, ids_of(workspace, first)).values()), "the Tasks")
        until(lambda: not workspace.do_in_process("status")["inbox"]["events"], "all taken in")
        assert again.stop() == 143
    events = ids_of(workspace, first)
    tasks = tasks_of(workspace, events)
    record_property("requests", len(sent) + len(repeated))
    record_property("lost", SENT - sum(1 for each in tasks.values() if each))
    record_property("doubled", sum(each - 1 for each in tasks.values()) + len(events) - SENT)
    assert tasks == dict.fromkeys(events, 1)
    assert len(events) == SENT
    assert not workspace.sql("SELECT * FROM quarantine")


def _killing(place: str) -> str:
    where, _, nth = PLACES[place].partition("@")
    return f"{where}=kill@{nth or 1}"


def ids_of(workspace: Workspace, first: int) -> list[str]:
    """The events of one cell, by when they happened."""
    found = workspace.sql("SELECT id, timestamp FROM events ORDER BY id")
    times = {_iso(STARTED_AT + first + number) for number in range(SENT)}
    return [row["id"] for row in found if row["timestamp"] in times]


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
