"""A subscriber of the Pub/Sub API for tests: it decodes for itself, by the specification's rules.

It shares nothing with the org but gRPC: its messages come from a description of its own, and it
reads schemas, payloads and bitmaps in its own way.
"""

import io
import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any, Self

import fastavro
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "eventbus.v1"
_TYPES = {"string": 9, "bytes": 12, "bool": 8, "int32": 5, "preset": 14}
_MESSAGES = {
    "TopicRequest": {"topic_name": "string"},
    "TopicInfo": {
        "topic_name": "string",
        "tenant_guid": "string",
        "can_publish": "bool",
        "can_subscribe": "bool",
        "schema_id": "string",
        "rpc_id": "string",
    },
    "SchemaRequest": {"schema_id": "string"},
    "SchemaInfo": {"schema_json": "string", "schema_id": "string", "rpc_id": "string"},
    "ProducerEvent": {"id": "string", "schema_id": "string", "payload": "bytes"},
    "ConsumerEvent": {"event": "ProducerEvent", "replay_id": "bytes"},
    "FetchRequest": {
        "topic_name": "string",
        "replay_preset": "preset",
        "replay_id": "bytes",
        "num_requested": "int32",
        "auth_refresh": "string",
    },
    "FetchResponse": {
        "events": "ConsumerEvent*",
        "latest_replay_id": "bytes",
        "rpc_id": "string",
        "pending_num_requested": "int32",
    },
}
PRESETS = ("LATEST", "EARLIEST", "CUSTOM")


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package=_PACKAGE, syntax="proto3")
    enum = file.enum_type.add(name="ReplayPreset")
    for number, name in enumerate(PRESETS):
        enum.value.add(name=name, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field_name, kind) in enumerate(fields.items(), 1):
            field = message.field.add(name=field_name, number=number, label=1)
            if kind.endswith("*"):
                field.label = 3
            field.type = _TYPES.get(kind, 11)
            if kind == "preset":
                field.type_name = f".{_PACKAGE}.ReplayPreset"
            elif kind not in _TYPES:
                field.type_name = f".{_PACKAGE}.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


CLASSES = _classes()


@dataclass(frozen=True)
class Event:
    """One event as a subscriber understands it."""

    id: str
    replay_id: bytes
    schema_id: str
    header: dict[str, Any]
    body: dict[str, Any]
    changed: set[str]
    nulled: set[str]
    diffed: set[str]

    @property
    def kind(self) -> str:
        return self.header["changeType"]

    @property
    def ids(self) -> list[str]:
        return self.header["recordIds"]

    @property
    def told(self) -> dict[str, Any]:
        """The body without what is null."""
        return {name: value for name, value in self.body.items() if value is not None}


class Subscriber:
    """A client of one org, as one user."""

    def __init__(self, org: Any, username: str | None = None, **metadata: str | None) -> None:
        if org.certificate is None:
            self._channel = grpc.insecure_channel(org.pubsub)
        else:
            trusted = grpc.ssl_channel_credentials(org.certificate.read_bytes())
            self._channel = grpc.secure_channel(org.pubsub, trusted)
        self._org = org
        self._username = username
        self._given = metadata
        self._schemas: dict[str, Any] = {}

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call carries, with a token of its own: the org's clock may have ended others."""
        values: dict[str, str | None] = {
            "accesstoken": self._org.token(self._username),
            "instanceurl": self._org.url,
            "tenantid": self._org.state.org_id,
            **self._given,
        }
        return tuple((name, value) for name, value in values.items() if value is not None)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, name: str, request: Any, answer: str) -> Any:
        method = self._channel.unary_unary(
            f"/{_PACKAGE}.PubSub/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=CLASSES[answer].FromString,
        )
        return method(request, metadata=self.metadata, timeout=10)

    def topic(self, name: str) -> Any:
        return self.call("GetTopic", CLASSES["TopicRequest"](topic_name=name), "TopicInfo")

    def schema(self, schema_id: str) -> Any:
        return self.call("GetSchema", CLASSES["SchemaRequest"](schema_id=schema_id), "SchemaInfo")

    def parsed(self, schema_id: str) -> Any:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = json.loads(self.schema(schema_id).schema_json)
        return self._schemas[schema_id]

    def subscribe(
        self,
        topic: str = "/data/ContactChangeEvent",
        number: int = 100,
        *,
        after: bytes | None = None,
        preset: str | None = None,
    ) -> "Stream":
        return Stream(
            self, topic, number, after, preset or ("LATEST" if after is None else "CUSTOM")
        )

    def read(self, message: Any) -> Event:
        schema = self.parsed(message.event.schema_id)
        payload = io.BytesIO(message.event.payload)
        body: Any = fastavro.schemaless_reader(payload, fastavro.parse_schema(schema), None)
        assert not payload.read(), "bytes behind the event"
        header = body.pop("ChangeEventHeader")
        names = ("changedFields", "nulledFields", "diffFields")
        sets = [_named(schema, header[name]) for name in names]
        return Event(
            message.event.id, message.replay_id, message.event.schema_id, header, body, *sets
        )


def _named(schema: Any, entries: list[str]) -> set[str]:
    """The fields of bitmaps, by name; ``Name.LastName`` for a part."""
    types: dict[str, Any] = {}
    for field in schema["fields"]:
        for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
            if isinstance(branch, dict) and branch["type"] == "record":
                types[branch["name"]] = branch
    found = set()
    for entry in entries:
        fields, prefix = schema["fields"], ""
        if "-" in entry:
            compound = fields[int(entry.split("-")[0])]
            record = next(
                each
                for each in compound["type"]
                if isinstance(each, dict) or each not in {"null", "string"}
            )
            prefix = f"{compound['name']}."
            fields = (types[record] if isinstance(record, str) else record)["fields"]
        digits = f"{int(entry.split('-')[-1], 16):b}"[::-1]
        found |= {prefix + fields[at]["name"] for at, bit in enumerate(digits) if bit == "1"}
    return found


class Stream:
    """One Subscribe stream; ``first`` is its request, further ones come by ``ask``."""

    def __init__(
        self, subscriber: Subscriber, topic: str, number: int, after: bytes | None, preset: str
    ) -> None:
        self._subscriber = subscriber
        self._topic = topic
        self._asks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.error: grpc.RpcError | None = None
        self.latest = b""
        self.pending = 0
        self._rest: list[Any] = []
        method = subscriber._channel.stream_stream(
            f"/{_PACKAGE}.PubSub/Subscribe",
            request_serializer=CLASSES["FetchRequest"].SerializeToString,
            response_deserializer=CLASSES["FetchResponse"].FromString,
        )
        self.ask(number, replay_preset=PRESETS.index(preset), replay_id=after or b"")
        self._call = method(iter(self._asks.get, None), metadata=subscriber.metadata)
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, number: int, topic: str | None = None, **more: Any) -> None:
        request = {"topic_name": self._topic if topic is None else topic, "num_requested": number}
        self._asks.put(CLASSES["FetchRequest"](**request, **more))

    def _listen(self) -> None:
        try:
            for answer in self._call:
                self._answers.put(answer)
        except grpc.RpcError as error:
            self.error = error
        self._answers.put(None)

    def answer(self, seconds: float = 5.0) -> Any:
        """The next answer; None where the stream has ended."""
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError("no answer came") from None
        if answer is not None:
            self.latest, self.pending = answer.latest_replay_id, answer.pending_num_requested
        return answer

    def messages(self, number: int, seconds: float = 5.0) -> list[Any]:
        """The next events, undecoded."""
        deadline = time.monotonic() + seconds
        while len(self._rest) < number:
            answer = self.answer(max(0.01, deadline - time.monotonic()))
            if answer is None:
                raise EOFError(f"the stream has ended: {self.error}")
            self._rest += answer.events
        found, self._rest = self._rest[:number], self._rest[number:]
        return found

    def events(self, number: int, seconds: float = 5.0) -> list[Event]:
        """The next events."""
        return [self._subscriber.read(each) for each in self.messages(number, seconds)]

    def event(self) -> Event:
        (found,) = self.events(1)
        return found

    def nothing(self, seconds: float = 0.3) -> bool:
        """Whether no event comes for so long."""
        try:
            return not self.messages(1, seconds)
        except TimeoutError:
            return True

    def ending(self, seconds: float = 5.0) -> grpc.RpcError | None:
        """Wait for the end; gives the error, if it was one."""
        while self.answer(seconds) is not None:
            pass
        return self.error

    def close(self) -> None:
        self._call.cancel()
        self._asks.put(None)


def code_of(error: Any) -> str:
    """The error code in a call's trailers, without the prefix."""
    trailers = dict(error.trailing_metadata())
    assert trailers["rpc-id"] in error.details()
    return trailers["error-code"].removeprefix("sfdc.platform.eventbus.grpc.")
