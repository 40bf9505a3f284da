"""One subscription to a channel of change events: ``ChangeStream`` by shape.

A thread of its own reads what arrives and asks for more, at most ``MOST_PENDING`` events at once and only while there is
room for them; ``read`` takes what it has read. gRPC's keepalive does not notice a peer that is frozen, so that a
subscription without any message for ``SILENCE_SECONDS`` counts as ended: Salesforce sends an empty one within 270.

Source: Pub/Sub API, "Subscribe RPC Method", "Authentication"; pubsub_api.proto.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from sfsync.model.hint import CLOSED, SILENT, Batch, Hint, StreamEnd
from sfsync.model.token import Token, carriable
from sfsync.salesforce.change_stream.decode import Decoder
from sfsync.salesforce.change_stream.descriptor import CUSTOM, LATEST, SERVICE, messages
from sfsync.salesforce.change_stream.endings import end_of, ended_quietly

MOST_PENDING: Final = 100
"""Events that may be asked for and not delivered yet. Source: pubsub_api.proto (num_requested)."""

SILENCE_SECONDS: Final = 300.0
CALL_SECONDS: Final = 30.0
MESSAGES_WAITING: Final = 2
"""Messages that are read and not taken yet; beyond that nothing more is asked for."""

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
BAD_HEADERS: Final = StreamEnd("service.auth.headers.invalid", "UNAUTHENTICATED")


@dataclass(slots=True)
class Subscription:
    """One call, and what travels on it in both directions."""

    channel: Any
    call: Any = None
    asked: queue.SimpleQueue[int] = field(default_factory=queue.SimpleQueue)
    arrived: queue.Queue[Any] = field(default_factory=lambda: queue.Queue(MESSAGES_WAITING))
    over: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        """End the call, whatever it is doing."""
        self.over.set()
        self.asked.put(0)
        if self.call is not None:
            self.call.cancel()
        self.channel.close()


class PubSubStream:
    """A channel's change events, as hints.

    Args:
        endpoint: host and port.
        channel: ``/data/PenguinMails_Sync__chn``.
        wanted: the configuration's names of the objects that are followed.
        login: the login of the moment.
        plaintext: without TLS, at an address of this machine.
        roots: the file of certificates that are trusted; those that come with requests by default.
        silence_seconds: how long without any message before the subscription counts as ended.
    """

    def __init__(
        self,
        endpoint: str,
        channel: str,
        wanted: Sequence[str],
        login: Callable[[], Token],
        *,
        plaintext: bool = False,
        roots: str = "",
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._endpoint = endpoint
        self._topic = channel
        self._login = login
        self._plaintext = plaintext
        self._roots = roots or DEFAULT_CA_BUNDLE_PATH
        self._silence_seconds = silence_seconds
        self._decoder = Decoder(wanted, self._schema_json)
        self._subscription: Subscription | None = None
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._closed = False

    def open(self, position: bytes | None) -> None:
        """Subscribe: after this position, or from now on. What goes wrong is told by ``read``."""
        self._end()
        self._metadata = _metadata(self._login())
        subscription = Subscription(self._new_channel())
        self._subscription = subscription
        if self._closed:
            subscription.end()
        worker = threading.Thread(
            target=self._carry, args=(subscription, position), name="sfsync-stream", daemon=True
        )
        worker.start()

    def read(self) -> Batch | StreamEnd:
        """The next message, or why there is none; waits for it."""
        subscription = self._subscription
        if subscription is None:
            return ended_quietly()
        try:
            arrived = subscription.arrived.get(timeout=self._silence_seconds)
        except queue.Empty:
            return StreamEnd(SILENT)
        if isinstance(arrived, StreamEnd):
            return arrived
        try:
            return self._batch(arrived)
        except grpc.RpcError as error:  # a schema could not be fetched
            return end_of(error)

    def end(self) -> None:
        """Leave the subscription; ``open`` begins another."""
        self._end()

    def close(self) -> None:
        """The same for good, from any thread: a ``read`` under way returns at once."""
        self._closed = True
        self._end()

    # -- the call --------------------------------------------------------------------------------
    def _carry(self, subscription: Subscription, position: bytes | None) -> None:
        """Read what arrives until the call ends, in a thread of its own."""
        if not self._metadata:
            _hand_over(subscription, BAD_HEADERS)
            return
        kinds = messages()
        subscribe = subscription.channel.stream_stream(
            f"{SERVICE}Subscribe",
            request_serializer=kinds.FetchRequest.SerializeToString,
            response_deserializer=kinds.FetchResponse.FromString,
        )
        try:
            subscription.call = subscribe(
                self._requests(subscription, position), metadata=self._metadata
            )
            for message in subscription.call:
                if not _hand_over(subscription, message):
                    return
                subscription.asked.put(MOST_PENDING - message.pending_num_requested)
        except grpc.RpcError as error:
            _hand_over(subscription, end_of(error))
        except ValueError:  # the channel was closed before the call began
            _hand_over(subscription, StreamEnd(CLOSED))
        else:
            _hand_over(subscription, ended_quietly())

    def _requests(self, subscription: Subscription, position: bytes | None) -> Iterator[Any]:
        """What is asked for: the first request says from where on; each later one only for how many more."""
        kinds = messages()
        yield kinds.FetchRequest(
            topic_name=self._topic,
            replay_preset=LATEST if position is None else CUSTOM,
            replay_id=position or b"",
            num_requested=MOST_PENDING,
        )
        while True:
            more = subscription.asked.get()
            if subscription.over.is_set():
                return
            if more > 0:
                yield kinds.FetchRequest(topic_name=self._topic, num_requested=more)

    def _batch(self, message: Any) -> Batch:
        hints: list[Hint] = []
        oddities: list[str] = []
        for consumed in message.events:
            decoded = self._decoder.decode(consumed.event.schema_id, consumed.event.payload)
            hints += decoded.hints
            oddities += decoded.oddities
        position = message.latest_replay_id
        if not position and message.events:
            position = message.events[-1].replay_id
        return Batch(position, tuple(hints), len(message.events), tuple(oddities))

    def _schema_json(self, schema_id: str) -> str:
        kinds = messages()
        assert self._subscription is not None  # noqa: S101  it is asked while a message is decoded
        get = self._subscription.channel.unary_unary(
            f"{SERVICE}GetSchema",
            request_serializer=kinds.SchemaRequest.SerializeToString,
            response_deserializer=kinds.SchemaInfo.FromString,
        )
        request = kinds.SchemaRequest(schema_id=schema_id)
        return str(get(request, metadata=self._metadata, timeout=CALL_SECONDS).schema_json)

    def _new_channel(self) -> Any:
        options = [
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.enable_retries", 0),  # when to try again is decided above
            ("grpc.use_local_subchannel_pool", 1),  # a dead connection is not taken up again
        ]
        if self._plaintext:
            return grpc.insecure_channel(
                self._endpoint, options=[*options, ("grpc.enable_http_proxy", 0)]
            )
        trusted = grpc.ssl_channel_credentials(Path(self._roots).read_bytes())
        return grpc.secure_channel(self._endpoint, trusted, options=options)

    def _end(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.end()
            _hand_over(subscription, ended_quietly())


def _hand_over(subscription: Subscription, item: Any) -> bool:
    """Put it where ``read`` takes it, once there is room; false where nobody reads any more."""
    while not subscription.over.is_set():
        try:
            subscription.arrived.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    with_room = not subscription.arrived.full()
    if with_room and isinstance(item, StreamEnd):
        subscription.arrived.put_nowait(item)  # whoever waits is woken
    return False


def _metadata(token: Token) -> tuple[tuple[str, str], ...]:
    """What every call carries; empty where the login does not fit into it."""
    pairs = (
        ("accesstoken", token.access_token),
        ("instanceurl", token.instance_url),
        ("tenantid", token.org_id),
    )
    return pairs if all(value and carriable(value) for _, value in pairs) else ()
