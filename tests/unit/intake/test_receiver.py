"""The receiver: what is proved and durable is acknowledged, and every other answer is one the sender can act on."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from sfsync.errors import InboxFull
from sfsync.intake.receiver import Delivery, Receiver, Sender
from sfsync.intake.sources.proof import Reception
from sfsync.intake.sources.registry import SOURCES

NOW = "2026-11-23T12:00:00Z"
SECRET, OLD_SECRET = "whsec_" + "ab" * 32, "whsec_" + "cd" * 32
PATH = "/webhooks/penguinmails"
BODY = json.dumps({"id": "evt_1", "type": "email.opened", "data": {}}).encode()


@dataclass
class Kept:
    """Where deliveries are kept, and what was counted."""

    deliveries: list[Delivery] = field(default_factory=list)
    commits: int = 0
    trouble: Exception | None = None
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def keep(self, some: Sequence[Delivery]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.commits += 1
        self.deliveries += some

    def delivery(self, source: str, outcome: str) -> None:
        self.outcomes[source, outcome] += 1

    def acknowledged(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def receiver(kept: Kept) -> Receiver:
    senders = {"penguinmails": Sender(SOURCES["penguinmails"], (SECRET, OLD_SECRET))}
    return Receiver(senders, kept.keep, lambda: NOW, kept, max_body=2000, body_seconds=0.2)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-PenguinMails-Signature": f"sha256={digest}", "X-Secret-Thing": "not kept"}


async def _send(receiver: Receiver, *requests: dict[str, Any]) -> list[httpx2.Response]:
    transport = httpx2.ASGITransport(receiver.app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return list(
            await asyncio.gather(
                *(client.request(**{"method": "POST", "url": PATH} | each) for each in requests)
            )
        )


def send(receiver: Receiver, **request: Any) -> httpx2.Response:
    return asyncio.run(_send(receiver, request))[0]


def test_a_proved_delivery_is_kept_as_it_came_and_then_acknowledged(receiver, kept) -> None:
    answer = send(receiver, content=BODY, headers=signed(BODY))
    assert (answer.status_code, answer.json()) == (200, {"status": "kept"})
    [delivery] = kept.deliveries
    assert (delivery.source, delivery.body) == ("penguinmails", BODY)
    assert delivery.headers["x-penguinmails-signature"].startswith("sha256=")
    assert "x-secret-thing" not in delivery.headers
    assert kept.outcomes == {("penguinmails", "kept"): 1}


def test_a_password_that_proves_a_delivery_is_not_kept_with_it(kept) -> None:
    senders = {"postmark": Sender(SOURCES["postmark"], ("user:password",))}
    receiver = Receiver(senders, kept.keep, lambda: NOW, kept)
    answer = send(
        receiver, url="/webhooks/postmark", content=b"{}",
        headers={"Authorization": "Basic dXNlcjpwYXNzd29yZA==", "X-Webhook-Token": "user:password"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert "dXNl" not in repr(kept.deliveries)
    assert "password" not in repr(kept.deliveries)


def test_either_of_two_secrets_proves_it_while_one_is_replaced(receiver, kept) -> None:
    assert send(receiver, content=BODY, headers=signed(BODY, OLD_SECRET)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-PenguinMails-Signature": "sha256=" + "0" * 64},
        {"X-PenguinMails-Signature": "ü"},
        signed(BODY + b" "),
        signed(BODY, "whsec_" + "ef" * 32),
    ],
)
def test_a_forged_delivery_changes_nothing_and_is_counted(receiver, kept, headers) -> None:
    headers = {name: value.encode("utf-8") for name, value in headers.items()}
    answer = send(receiver, content=BODY, headers=headers)
    assert answer.status_code == 401
    assert SECRET not in answer.text
    assert (kept.deliveries, kept.outcomes) == ([], {("penguinmails", "forged"): 1})


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{no json", b"[]" * 100, b'"text"'])
def test_what_is_proved_and_means_nothing_is_kept_all_the_same(receiver, kept, body) -> None:
    assert send(receiver, content=body, headers=signed(body)).status_code == 200
    assert [delivery.body for delivery in kept.deliveries] == [body]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"url": "/webhooks/nobody"}, 404),
        ({"url": "/webhooks/sendgrid"}, 404),  # known, and not configured
        ({"url": "/"}, 404),
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"method": "HEAD", "content": None}, 200),
        ({"content": b"x" * 2001}, 413),
        ({"headers": {"Content-Encoding": "gzip"}}, 415),
    ],
)
def test_every_other_request_has_its_answer(receiver, kept, request_, status) -> None:
    assert send(receiver, **{"content": BODY} | request_).status_code == status
    assert kept.deliveries == []


def test_a_body_that_is_larger_than_it_says_is_not_read_to_its_end(receiver) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10**6:
            sent += 1000
            yield b"x" * 1000

    answer = send(receiver, content=endless(), headers=signed(b""))
    assert answer.status_code == 413


def test_a_slow_sender_is_told(receiver, kept) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    receive = slow()

    async def asgi_receive() -> dict[str, Any]:
        piece = await anext(receive)
        return {"type": "http.request", "body": piece, "more_body": True}

    sent: list[dict[str, Any]] = []

    async def asgi_send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "server": ("test", 80), "root_path": "",
    }  # fmt: skip
    asyncio.run(receiver.app()(scope, asgi_receive, asgi_send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("trouble", [InboxFull("full"), OSError("disk"), RuntimeError("bug")])
def test_our_own_trouble_is_a_503_that_is_tried_again(receiver, kept, trouble) -> None:
    kept.trouble = trouble
    answer = send(receiver, content=BODY, headers=signed(BODY))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert kept.outcomes == {("penguinmails", "unavailable"): 1}
    kept.trouble = None
    assert send(receiver, content=BODY, headers=signed(BODY)).status_code == 200


def test_nothing_is_taken_in_while_it_ends(receiver, kept) -> None:
    receiver.closing = True
    answer = send(receiver, content=BODY, headers=signed(BODY))
    assert (answer.status_code, kept.deliveries) == (503, [])


def test_two_hundred_at_once_are_each_kept_once_by_few_commits(receiver, kept) -> None:
    bodies = [json.dumps({"id": f"evt_{number}"}).encode() for number in range(200)]
    requests = [{"content": body, "headers": signed(body)} for body in bodies]
    answers = asyncio.run(_send(receiver, *requests))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(delivery.body for delivery in kept.deliveries) == sorted(bodies)
    assert kept.commits < 50
    assert len(kept.seconds) == 200


def test_a_certificate_that_cannot_be_had_is_our_trouble(kept) -> None:
    def unreachable(_url: str) -> bytes:
        raise OSError("no network")

    topic = "arn:aws:sns:eu-west-1:123456789012:mail"
    reception = Reception("", topics=(topic,), certificate=unreachable)
    receiver = Receiver(
        {"ses": Sender(SOURCES["ses"], (), reception)}, kept.keep, lambda: NOW, kept
    )
    message = {
        "Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": "{}", "Timestamp": NOW,
        "SignatureVersion": "2", "Signature": "AAAA",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem",
    }  # fmt: skip
    answer = send(receiver, url="/webhooks/ses", content=json.dumps(message).encode())
    assert answer.status_code == 503
    assert kept.deliveries == []


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert SECRET not in caplog.text
    assert "@" not in caplog.text
