"""The installed command follows change events: an edit in the org is a row within seconds, whatever the stream does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.free_ports import free_port
from tests.pubsub import CONTACT, LEAD, Live, Message, PubSub, Refusal, grpc, serving
from tests.system.listener import until
from tests.system.workspace import Workspace

TOPIC = "/data/ChangeEvents"


class Followed:
    """A listener, the stream that it follows, and the org."""

    def __init__(self, workspace: Workspace, pubsub: PubSub, health: int) -> None:
        self.workspace, self.pubsub = workspace, pubsub
        self.health = f"http://127.0.0.1:{health}"
        self.printed: list[str] = []
        self.live = Live()
        self.number = 0

    @contextmanager
    def listening(self, *arguments: str, **environ: str) -> Iterator[None]:
        process = self.workspace.start("listen", "--no-webhooks", *arguments, **environ)
        reader = threading.Thread(target=lambda: self.printed.extend(process.stderr), daemon=True)
        reader.start()
        self.process = process
        try:
            yield
        finally:
            process.kill()
            process.wait()
            reader.join(5)
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()

    def begin(self, *before: Message | Refusal) -> None:
        """What the next subscription plays: after that it is live."""
        self.live = Live()
        self.pubsub.scripts.append([*before, self.live])

    def tell(self, *events: tuple[str, bytes]) -> None:
        self.number += 1
        self.live.told.put(Message(f"p{self.number}".encode(), events))

    def edited(self, record: str, **fields: object) -> None:
        """An edit in the org, and its event."""
        self.workspace.edit(record, **fields)
        self.tell(("contact", CONTACT.payload("UPDATE", [record], changed=fields)))

    def stream(self) -> dict[str, object]:
        try:
            return dict(requests.get(f"{self.health}/readyz", timeout=5).json()["stream"])
        except requests.ConnectionError:
            return {"mode": "not there"}

    def has_pulled(self) -> bool:
        try:
            told = requests.get(f"{self.health}/readyz", timeout=5).json()
        except requests.ConnectionError:
            return False
        return bool(told["last_tick_at"])

    def until_mode(self, mode: str) -> None:
        until(lambda: self.stream()["mode"] == mode, f"{mode}: {self.stream()} {self.printed}")

    def title(self, record: str) -> object:
        return self.workspace.row(record)["job_title"]


@pytest.fixture
def followed(new_workspace) -> Iterator[Followed]:
    workspace = new_workspace(contacts=6, leads=2, pubsub_port=0, change_events=("Contact", "Lead"))
    workspace.do_in_process("pull")
    pubsub = PubSub({"contact": CONTACT.schema_json, "lead": LEAD.schema_json})
    with serving(pubsub) as endpoint:
        health = free_port()
        text = workspace.yaml.read_text(encoding="utf-8")
        text = text.replace(
            "\norg:\n", f"\norg:\n  pubsub: {endpoint}\n  event_channel: ChangeEvents\n", 1
        )
        section = f"\nlisten: {{health_bind: '127.0.0.1:{health}', poll_seconds: 3600}}\n"
        workspace.yaml.write_text(text + section, encoding="utf-8")
        yield Followed(workspace, pubsub, health)


def contacts(workspace: Workspace) -> list[str]:
    return sorted(row["salesforce_id"] for row in workspace.rows() if row["salesforce_id"])


def test_an_edit_in_the_org_is_a_row_within_seconds(followed: Followed) -> None:
    workspace = followed.workspace
    ada, bob, *_ = contacts(workspace)
    followed.begin(Message(b"p0"))
    with followed.listening():
        followed.until_mode("streaming")
        followed.edited(ada, Title="Analyst")
        until(lambda: followed.title(ada) == "Analyst", "the row")
        workspace.local("delete", id=bob)
        followed.tell(("contact", CONTACT.payload("DELETE", [bob])))
        until(lambda: workspace.row(bob)["deleted_at"] is not None, "the deletion")
        metrics = requests.get(f"{followed.health}/metrics", timeout=5).text
        assert 'sfsync_stream_hints_total{kind="update"} 1.0' in metrics
        assert 'sfsync_stream_mode{mode="streaming"} 1.0' in metrics
        assert workspace.do_in_process("status")["inbox"]["listener"]["stream"]["mode"] in (
            "connecting",
            "streaming",
        )
        followed.process.send_signal(signal.SIGTERM)
        assert followed.process.wait(20) == 143
    [first] = followed.pubsub.first
    assert (first.topic_name, first.replay_preset) == (TOPIC, 0)


def test_killed_it_goes_on_from_the_stored_position(followed: Followed) -> None:
    ada = contacts(followed.workspace)[0]
    followed.begin(Message(b"p0"))
    with followed.listening(SFSYNC_FAILPOINTS="stream.kept=kill@2"):
        until(lambda: bool(followed.pubsub.first), "the stream")
        until(followed.has_pulled, "the first pull")  # from here on only the stream brings edits
        followed.edited(ada, Title="Analyst")
        assert followed.process.wait(20) == -9
    assert followed.title(ada) != "Analyst"
    followed.begin()
    with followed.listening():
        until(lambda: followed.title(ada) == "Analyst", "the row")
        until(lambda: len(followed.pubsub.first) == 2, "the stream, again")
    assert [(each.replay_preset, each.replay_id) for each in followed.pubsub.first] == [
        (0, b""),
        (2, b"p1"),
    ]


@pytest.mark.slow
def test_an_expired_position_is_read_in_full_and_followed_from_now_on(followed: Followed) -> None:
    ada = contacts(followed.workspace)[0]
    followed.begin(Message(b"p0"))
    with followed.listening():
        followed.until_mode("streaming")
    followed.workspace.edit(ada, Title="Meanwhile")
    corrupted = "subscription.fetch.replayid.corrupted"
    followed.pubsub.scripts.append([Refusal(corrupted, grpc.StatusCode.INVALID_ARGUMENT)])
    followed.begin(Message(b"p9"))
    with followed.listening():
        until(lambda: followed.title(ada) == "Meanwhile", "the row")
        followed.until_mode("streaming")
    assert [each.replay_preset for each in followed.pubsub.first] == [0, 2, 0]  # never 1


@pytest.mark.slow
def test_a_stream_that_breaks_off_is_taken_up_again(followed: Followed) -> None:
    ada = contacts(followed.workspace)[0]
    followed.pubsub.scripts.append([Message(b"p0"), Refusal()])
    followed.begin(Message(b"p1"))
    with followed.listening():
        until(lambda: len(followed.pubsub.first) == 2, "again")
        followed.until_mode("streaming")
        followed.edited(ada, Title="Analyst")
        until(lambda: followed.title(ada) == "Analyst", "the row")
        assert followed.stream()["ends"] == {"unavailable": 1}


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("topic.not.found", grpc.StatusCode.NOT_FOUND, "sfsync org setup --change-events"),
        ("service.tenant.license", grpc.StatusCode.PERMISSION_DENIED, "not licensed"),
    ],
)
def test_an_org_without_change_events_is_polled_and_that_is_told_once(followed, code, status, told):
    followed.pubsub.scripts.append([Refusal(code, status)])
    with followed.listening():
        followed.until_mode("polling")
        until(lambda: any(told in line for line in followed.printed), str(followed.printed))
        ready = requests.get(f"{followed.health}/readyz", timeout=5)
        until(
            lambda: requests.get(f"{followed.health}/readyz", timeout=5).status_code == 200,
            ready.text,
        )
    assert sum("polling instead" in line for line in followed.printed) == 1


@pytest.mark.slow
def test_a_login_that_ended_is_renewed_and_the_stream_goes_on(followed: Followed) -> None:
    followed.pubsub.scripts.append([Refusal("service.auth.error", grpc.StatusCode.UNAUTHENTICATED)])
    followed.begin(Message(b"p0"))
    with followed.listening():
        followed.until_mode("streaming")
    tokens = [said["accesstoken"] for said in followed.pubsub.metadata]
    assert len(set(tokens)) == 2
    assert not any(token in line for line in followed.printed for token in tokens)


def test_what_cannot_be_read_is_read_by_the_api(followed: Followed) -> None:
    ada = contacts(followed.workspace)[0]
    followed.begin(Message(b"p0"))
    with followed.listening():
        followed.until_mode("streaming")
        followed.workspace.edit(ada, Title="Analyst")
        followed.tell(("contact", b"\xff\x00nonsense"))
        until(lambda: followed.title(ada) == "Analyst", "the row")
        assert followed.stream()["oddities"] == {"payload": 1}


def test_without_a_stream_it_polls(followed: Followed) -> None:
    with followed.listening("--no-stream"):
        until(lambda: bool(followed.printed), "it runs")
        until(lambda: followed.stream()["mode"] == "off", "off")
    assert followed.pubsub.first == []


@pytest.mark.slow
def test_edits_here_go_up_while_changes_there_are_followed(followed: Followed) -> None:
    text = followed.workspace.yaml.read_text(encoding="utf-8")
    followed.workspace.yaml.write_text(text.replace("poll_seconds: 3600", "poll_seconds: 10"))
    ada = contacts(followed.workspace)[0]
    followed.begin(Message(b"p0"))
    with followed.listening():
        followed.until_mode("streaming")
        followed.workspace.sql(
            "UPDATE contacts SET job_title = 'Here' WHERE salesforce_id = ?", ada
        )
        until(lambda: followed.workspace.record(ada)["Title"] == "Here", "sent", 30)
        until(lambda: _ticks(followed) >= 2, "settled", 30)
        before = _ticks(followed)
        with followed.workspace.counted() as calls:
            until(lambda: _ticks(followed) > before, "a tick with nothing to do", 30)
    assert calls["used"] == 0, calls


def _ticks(followed: Followed) -> float:
    text = requests.get(f"{followed.health}/metrics", timeout=5).text
    lines = [
        line
        for line in text.splitlines()
        if line.startswith("sfsync_ticks_total{") and "follow" in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.mark.slow
def test_a_configuration_that_is_read_again_takes_the_stream_up_again(followed: Followed) -> None:
    ada = contacts(followed.workspace)[0]
    followed.begin(Message(b"p0"))
    with followed.listening():
        followed.until_mode("streaming")
        followed.begin(Message(b"p0"))
        followed.process.send_signal(signal.SIGHUP)
        until(lambda: len(followed.pubsub.first) == 2, "again")
        followed.until_mode("streaming")
        followed.edited(ada, Title="Analyst")
        until(lambda: followed.title(ada) == "Analyst", "the row")
    assert [each.replay_id for each in followed.pubsub.first] == [b"", b"p0"]
