"""The email platform beside the org: what it sends, when it tries again, and when it stops."""

import hashlib
import hmac
import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local_org.email_platform.happenings import KINDS, SPELLINGS, Campaign, Person, body, happened
from local_org.email_platform.outbox import AT_ONCE, Outbox
from local_org.email_platform.platform import EmailPlatform
from local_org.email_platform.retries import wait_before
from local_org.email_platform.settings import Habits, WebhookConfig, checked_url
from local_org.email_platform.signing import headers, new_secret
from local_org.email_platform.traffic import Traffic
from local_org.server import LocalOrg, LocalOrgConfig

SECRET = "whsec_" + "ab" * 32
ADA = Person("ada@example.com", "Ada", "Quist")
AT = 1_768_903_200.25


def clicked(number=1, at=AT):
    return happened("email.clicked", id=f"evt_{number}", at=at, person=ADA, campaign=Campaign())


# -- what is sent
def test_both_spellings_tell_the_same():
    snake, camel = (json.loads(body(clicked(), spelling)) for spelling in ("snake", "camel"))
    assert (snake["id"], snake["type"], snake["created_at"]) == (
        "evt_1",
        "email.clicked",
        "2026-01-20T10:00:00.250Z",
    )
    assert snake["data"]["contact"]["first_name"] == camel["data"]["contact"]["firstName"] == "Ada"
    assert snake["data"]["clicked_at"] == camel["data"]["clickedAt"] == camel["createdAt"]
    assert "tenantId" in camel
    assert not [key for key in (*camel, *camel["data"], *camel["data"]["contact"]) if "_" in key]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_half_a_character_is_escaped(spelling):
    odd = happened("email.sent", id="evt_1", at=AT, person=Person("a@b.example", "\ud800Zoë"))
    content = body(odd, spelling)
    assert "Zoë".encode() in content
    assert "\ud800Zoë" in json.loads(content)["data"]["contact"].values()


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_can_happen(kind):
    told = json.loads(body(happened(kind, id="evt_1", at=AT, person=ADA), "snake"))
    assert told["type"] == kind
    assert told["data"]


def test_the_signature_is_of_the_raw_body_with_the_whole_secret():
    content = body(clicked(), "snake")
    made = headers(SECRET, clicked(), content, "del_1")
    digest = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    assert made["X-PenguinMails-Signature"] == f"sha256={digest}"
    assert made["X-PenguinMails-Delivery-ID"] == "del_1"
    assert made["X-PenguinMails-Event"] == "email.clicked"
    bare = headers(SECRET, clicked(), content, "del_1", bare=True)
    assert bare["X-PenguinMails-Signature"] == digest


def test_a_new_secret_has_the_form_of_the_platform():
    secret = new_secret()
    assert (secret[:6], len(secret[6:]), int(secret[6:], 16) > 0) == ("whsec_", 64, True)
    assert secret != new_secret()


# -- when
@pytest.mark.parametrize(
    ("schedule", "waits"),
    [("2025", [1, 5, 15, 60, 1440]), ("2026", [5, 15, 60, 360, 1440])],
)
def test_a_failed_delivery_is_tried_again_five_times_on_an_accelerated_schedule(schedule, waits):
    outbox = Outbox(Habits(schedule=schedule, speed=60))
    outbox.owe(clicked(), "snake", 100.0)
    assert outbox.take(99.9) is None
    now = 100.0
    for wait in waits:
        assert outbox.answered(outbox.take(now), 500, now) == wait
        assert outbox.take(now + wait - 0.01) is None
        assert outbox.seconds_to_next(now) == pytest.approx(wait)
        now += wait
    assert outbox.answered(outbox.take(now), None, now) is None
    assert (outbox.waiting, outbox.counts["given_up"], outbox.counts["failed"]) == (0, 1, 6)


@pytest.mark.parametrize("status", [301, 401, 404, 410, 429, 500, 503, None])
def test_every_answer_but_2xx_is_tried_again(status):
    outbox = Outbox(Habits())
    outbox.owe(clicked(), "snake", 0.0)
    assert outbox.answered(outbox.take(0.0), status, 0.0) == wait_before("2026", 1, 60)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_2xx_ends_a_delivery(status):
    outbox = Outbox(Habits())
    outbox.owe(clicked(), "snake", 0.0)
    assert outbox.answered(outbox.take(0.0), status, 0.0) is None
    assert (outbox.waiting, outbox.counts["taken"]) == (0, 1)


def test_the_endpoint_is_failing_after_three_and_paused_after_a_hundred_failures_in_a_row():
    outbox = Outbox(Habits())
    states = []
    for number in range(101):
        outbox.owe(clicked(number), "snake", float(number))
    for number in range(100):
        outbox.answered(outbox.take(float(number)), 500, 1e9)
        states.append(outbox.endpoint.state)
    assert states == ["healthy"] * 2 + ["failing"] * 97 + ["paused"]
    assert (outbox.take(2e9), outbox.seconds_to_next(2e9), outbox.waiting) == (None, None, 101)
    outbox.endpoint.answered(well=True)  # what was under way changes nothing
    assert outbox.take(2e9) is None
    outbox.endpoint.resume()
    assert outbox.take(2e9) is not None


def test_one_success_makes_a_failing_endpoint_healthy():
    outbox = Outbox(Habits())
    for number, status in enumerate((500, 500, 500, 200)):
        outbox.owe(clicked(number), "snake", float(number))
        outbox.answered(outbox.take(float(number)), status, 1e6)
    assert (outbox.endpoint.failures, outbox.endpoint.state) == (0, "healthy")


def test_no_more_than_a_few_are_under_way_at_once():
    outbox = Outbox(Habits())
    for number in range(AT_ONCE + 1):
        outbox.owe(clicked(number), "snake", 0.0)
    taken = [outbox.take(1.0) for _ in range(AT_ONCE + 1)]
    assert (taken[-1], outbox.seconds_to_next(1.0), outbox.waiting) == (None, None, AT_ONCE + 1)
    outbox.answered(taken[0], 200, 1.0)
    assert outbox.take(1.0) is not None


# -- by itself
def beats(seed, count=2_000, **habits):
    traffic = Traffic(seed, Habits(traffic=60, **habits))
    return [traffic.next([ADA, Person("bob@example.com")]) for _ in range(count)]


def test_the_same_seed_lets_the_same_happen():
    assert beats(3) == beats(3) != beats(4)


def test_campaigns_are_launched_before_anything_is_said_of_them():
    first, second, *others = beats(3)
    assert {first.type, second.type} == {"campaign.launched"}
    assert {beat.campaign for beat in others} == {first.campaign, second.campaign}


def test_some_are_doubled_some_overtaken_and_some_late():
    drawn = beats(3, duplicates=0.1, reordered=0.1, late=0.05)
    delays = [delay for beat in drawn for delay in beat.delays]
    assert 150 < sum(len(beat.delays) == 2 for beat in drawn) < 250
    assert 150 < sum(0 < delay <= 1 for delay in delays) < 300
    assert 60 < sum(delay > 1 for delay in delays) < 150
    assert max(delays) <= 60
    assert {beat.spelling for beat in drawn} == {"snake", "camel"}
    assert {beat.spelling for beat in beats(3, spelling="camel")} == {"camel"}


def test_a_minute_holds_as_many_events_as_it_should():
    traffic = Traffic(3, Habits(traffic=120))
    assert sum(traffic.pause() for _ in range(2_000)) == pytest.approx(1_000, rel=0.1)


# -- over HTTP
class Receiver:
    """Keeps what came, and answers what it is told to; 200 once that has run out."""

    def __init__(self, answers):
        self.answers, self.came = list(answers), []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.came.append((dict(self.headers), content))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def sending(*answers, **config):
    """A platform that sends to a receiver, much faster than in earnest."""
    receiver = Receiver(answers)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,))
    thread.start()
    org = LocalOrg(LocalOrgConfig(contacts=3, leads=0))
    platform = EmailPlatform(
        WebhookConfig(receiver.url, SECRET, **{"speed": 1_000_000, **config}), org.state
    )
    platform._launched.add(Campaign().id)
    platform.start()
    try:
        yield platform, receiver
    finally:
        platform.stop()
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


def until_quiet(platform):
    """Wait until nothing is owed any more."""
    with platform._changed:
        assert platform._changed.wait_for(lambda: not platform._outbox.waiting, 20)


def test_an_event_is_sent_again_until_it_is_taken_with_one_id_and_a_delivery_id_for_each_attempt():
    with sending(503, 410, 301, 200) as (platform, receiver):
        event = platform.send("email.clicked", "ada@example.com")
        until_quiet(platform)
    attempts = platform.attempts_of(event.id)
    assert [each.status for each in attempts] == [503, 410, 301, 200]
    assert [each.attempt for each in attempts] == [1, 2, 3, 4]
    assert [each.went_well for each in attempts] == [False, False, False, True]
    assert {json.loads(content)["id"] for _, content in receiver.came} == {event.id}
    ids = {came["X-PenguinMails-Delivery-ID"] for came, _ in receiver.came}
    assert len(ids) == 4
    for came, content in receiver.came:
        digest = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
        assert came["X-PenguinMails-Signature"] == f"sha256={digest}"


def test_a_duplicate_is_the_same_event_twice():
    with sending() as (platform, receiver):
        event = platform.send("email.opened", "ada@example.com", copies=2, spelling="camel")
        until_quiet(platform)
    first, second = (content for _, content in receiver.came)
    assert first == second
    assert json.loads(first)["id"] == event.id


def test_a_receiver_that_is_down_is_tried_again_and_then_given_up():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        org = LocalOrg(LocalOrgConfig(contacts=1, leads=0))
        platform = EmailPlatform(WebhookConfig(url, SECRET, speed=1_000_000), org.state)
        platform.start()
        event = platform.send("contact.created", "ada@example.com")
        until_quiet(platform)
        platform.stop()
    attempts = platform.attempts_of(event.id)
    assert [each.status for each in attempts] == [None] * 6
    assert attempts[-1].again_in_seconds is None
    assert attempts[0].answer == "no answer: connection refused"
    assert (platform.overview()["state"], platform.overview()["given_up"]) == ("failing", 1)


def test_a_replay_sends_a_range_of_time_again_with_the_same_ids():
    with sending() as (platform, receiver):
        opened = platform.send("email.opened", "ada@example.com")
        clicked = platform.send("email.clicked", "ada@example.com")
        until_quiet(platform)
        assert platform.replay(opened.at, clicked.at, "email.clicked") == 1
        assert platform.replay(opened.at - 10, opened.at - 5) == 0
        until_quiet(platform)
    ids = [json.loads(content)["id"] for _, content in receiver.came]
    assert sorted(ids) == sorted([opened.id, clicked.id, clicked.id])
    assert platform.overview()["events"] == 2


def test_a_paused_endpoint_gets_nothing_until_it_is_resumed():
    with sending(*[500] * 1_000) as (platform, receiver):
        for _ in range(17):
            platform.send("email.opened", "ada@example.com")
        with platform._changed:
            assert platform._changed.wait_for(
                lambda: platform._outbox.endpoint.state == "paused", 20
            )
        seen = len(receiver.came)
        event = platform.send("email.clicked", "ada@example.com")
        assert platform.overview()["waiting"] >= 1
        assert platform.attempts_of(event.id) == []
        receiver.answers.clear()  # from now on it takes what comes
        platform.resume()
        until_quiet(platform)
    assert seen >= 100
    assert platform.attempts_of(event.id)[-1].went_well
    assert platform.overview()["state"] == "healthy"


def test_traffic_is_of_the_orgs_people_and_can_be_stopped():
    with sending(traffic=6_000) as (platform, receiver):
        with platform._changed:
            assert platform._changed.wait_for(lambda: platform._outbox.counts["taken"] >= 20, 20)
        platform.change({"traffic": 0, "speed": 1_000_000})
        until_quiet(platform)
    known = {row["Email"] for row in platform._state.table("Contact").rows.values()}
    assert {each["email"] for each in platform.overview()["latest"]} - {""} <= known
    types = {json.loads(content)["type"] for _, content in receiver.came}
    assert {"campaign.launched", "email.sent"} <= types


# -- what is refused
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook", "https://127.0.0.1/hook", "http://192.0.2.1:8788/hook", "127.0.0.1:8788",
        "http://127.0.0.1.example.com/", "http://user:word@127.0.0.1:8788/", "http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://[::1", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_this_machine_is_refused(url):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:PORT|is no address"):
        LocalOrg(LocalOrgConfig(contacts=0, webhooks=WebhookConfig(url, SECRET)))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8788/hook", "http://localhost/", "http://[::1]:9/x"]
)
def test_an_address_of_this_machine_is_taken(url):
    assert checked_url(url) == url


def test_without_a_secret_nothing_is_sent():
    with pytest.raises(ValueError, match="no secret"):
        LocalOrg(LocalOrgConfig(contacts=0, webhooks=WebhookConfig("http://127.0.0.1:9/", " ")))


def test_the_secret_is_not_shown():
    assert SECRET not in repr(LocalOrgConfig(webhooks=WebhookConfig("http://127.0.0.1:9/", SECRET)))
