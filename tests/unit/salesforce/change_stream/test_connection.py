"""A subscription over real gRPC: where it begins, how much it asks for, how it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sfsync.model.hint import Batch, StreamEnd
from sfsync.model.token import Token
from tests.pubsub import CONTACT, Hold, Message, PubSub, Refusal, grpc, serving

from sfsync.salesforce.change_stream.connection import PubSubStream  # isort: skip

ADA = "003000000000001AAA"
CHANNEL = "/data/PenguinMails_Sync__chn"
TOKEN = Token(
    "00D!token",
    "https://ada.my.salesforce.com",
    "https://h/id/00D000000000001EAA/005000000000001AAA",
)
EVENT = ("contact", CONTACT.payload("DELETE", [ADA]))


@pytest.fixture
def pubsub() -> PubSub:
    return PubSub({"contact": CONTACT.schema_json})


@pytest.fixture
def endpoint(pubsub: PubSub) -> Iterator[str]:
    with serving(pubsub) as address:
        yield address


@pytest.fixture
def stream(endpoint: str) -> Iterator[PubSubStream]:
    opened = PubSubStream(
        endpoint, CHANNEL, ["contact"], lambda: TOKEN, plaintext=True, silence_seconds=10
    )
    yield opened
    opened.close()


def batch(stream: PubSubStream) -> Batch:
    got = stream.read()
    assert isinstance(got, Batch), got
    return got


def test_it_begins_with_what_happens_from_now_on_and_says_who_asks(stream, pubsub):
    pubsub.scripts = [[Message(b"p1"), Hold()]]
    stream.open(None)
    assert batch(stream) == Batch(b"p1")
    [first] = pubsub.first
    assert (first.topic_name, first.replay_preset, first.replay_id) == (CHANNEL, 0, b"")
    [said] = pubsub.metadata
    assert (said["accesstoken"], said["instanceurl"], said["tenantid"]) == (
        "00D!token",
        "https://ada.my.salesforce.com",
        "00D000000000001EAA",
    )


def test_it_goes_on_after_a_position_and_reads_events_as_hints(stream, pubsub):
    pubsub.scripts = [[Message(b"p2", [EVENT, EVENT]), Message(b"", [EVENT]), Hold()]]
    stream.open(b"p1")
    got = batch(stream)
    assert (got.position, got.events, [hint.ids for hint in got.hints]) == (
        b"p2",
        2,
        [(ADA,), (ADA,)],
    )
    assert batch(stream).position == b"e"  # the last event's own, where nothing else is told
    assert (pubsub.first[0].replay_preset, pubsub.first[0].replay_id) == (2, b"p1")
    assert pubsub.schemas_asked == ["contact"]


def test_never_more_than_a_hundred_events_are_owed(stream, pubsub):
    held = Hold()
    pubsub.scripts = [[*(Message(b"p", [EVENT] * 30) for _ in range(20)), held]]
    stream.open(None)
    for _ in range(20):
        batch(stream)
    held.over.set()
    asked, delivered = pubsub.asked[0], 20 * 30
    assert asked[0] == 100
    assert sum(asked) - delivered <= 100
    assert all(0 < more <= 100 for more in asked)


@pytest.mark.parametrize(
    ("refusal", "end"),
    [
        (Refusal("topic.not.found", grpc.StatusCode.NOT_FOUND), StreamEnd("topic.not.found", "NOT_FOUND", "rpc-1")),
        (Refusal(), StreamEnd("", "UNAVAILABLE", "rpc-1")),
        (
            Refusal("subscription.fetch.replayid.corrupted", grpc.StatusCode.INVALID_ARGUMENT),
            StreamEnd("subscription.fetch.replayid.corrupted", "INVALID_ARGUMENT", "rpc-1"),
        ),
    ],
)  # fmt: skip
def test_an_end_says_why(stream, pubsub, refusal, end):
    pubsub.scripts = [[Message(b"p1"), refusal]]
    stream.open(None)
    batch(stream)
    assert stream.read() == end


def test_a_stream_that_ends_without_a_word_was_closed(stream, pubsub):
    pubsub.scripts = [[Message(b"p1")]]
    stream.open(None)
    batch(stream)
    assert stream.read().name == "closed"


def test_a_peer_that_is_silent_for_too_long_counts_as_gone(endpoint, pubsub):
    stream = PubSubStream(
        endpoint, CHANNEL, ["contact"], lambda: TOKEN, plaintext=True, silence_seconds=1.0
    )
    pubsub.scripts = [[Message(b"p1"), Hold()], *([[Message(b"p2"), Hold()]] * 20)]
    stream.open(None)
    batch(stream)
    assert stream.read() == StreamEnd("silent")
    for _ in range(20):  # on a busy machine the answer, too, may take longer than silence may last
        stream.open(b"p1")
        if isinstance(again := stream.read(), Batch):
            break
    assert again.position == b"p2"
    stream.close()


def test_nobody_there_is_an_end_too():
    stream = PubSubStream("127.0.0.1:1", CHANNEL, ["contact"], lambda: TOKEN, plaintext=True)
    stream.open(None)
    assert stream.read().status == "UNAVAILABLE"
    stream.close()


def test_a_schema_that_is_not_to_be_had_ends_the_stream_and_loses_nothing(stream, pubsub):
    pubsub.scripts = [[Message(b"p2", [("other", b"x")]), Hold()]]
    stream.open(b"p1")
    assert stream.read() == StreamEnd("schema.api.unavailable", "UNAVAILABLE")


def test_a_login_that_fits_into_no_header_is_never_sent(endpoint, pubsub):
    token = Token("00D!\n", "https://ada.my.salesforce.com", "https://h/id/00D000000000001EAA/005")
    stream = PubSubStream(endpoint, CHANNEL, ["contact"], lambda: token, plaintext=True)
    stream.open(None)
    assert stream.read().code == "service.auth.headers.invalid"
    assert not pubsub.metadata
    stream.close()


def test_closing_wakes_whoever_reads(stream, pubsub):
    stream.open(None)
    ends: list[object] = []
    reader = threading.Thread(target=lambda: ends.append(stream.read()))
    reader.start()
    stream.close()
    reader.join(5)
    assert isinstance(ends[0], StreamEnd)


def test_the_token_is_in_no_text_of_it(stream, pubsub):
    pubsub.scripts = [[Refusal("service.auth.error", grpc.StatusCode.UNAUTHENTICATED)]]
    stream.open(None)
    assert "token" not in repr(stream.read())
