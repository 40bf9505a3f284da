"""A peer for the stream: change events as Salesforce encodes them, and a small Pub/Sub server that plays a script.

Encodes by itself what sfsync decodes.
"""

from __future__ import annotations

import io
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

grpc = pytest.importorskip("grpc")
fastavro = pytest.importorskip("fastavro")

from sfsync.salesforce.change_stream.descriptor import messages  # noqa: E402

PREFIX = "sfdc.platform.eventbus.grpc."
CHANGES = (
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE",
    "GAP_OVERFLOW", "SNAPSHOT",
)  # fmt: skip
NAME = ("Salutation", "FirstName", "LastName")
ADDRESS = ("Street", "City", "State", "PostalCode", "Country")


def _header() -> dict[str, Any]:
    texts = {"type": "array", "items": "string"}
    kinds = {
        "entityName": "string",
        "recordIds": texts,
        "changeType": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGES)},
        "changeOrigin": "string",
        "transactionKey": "string",
        "sequenceNumber": "int",
        "commitTimestamp": "long",
        "commitNumber": "long",
        "commitUser": "string",
        "nulledFields": texts,
        "diffFields": texts,
        "changedFields": texts,
    }
    return {
        "type": "record",
        "name": "ChangeEventHeader",
        "fields": [{"name": name, "type": kind} for name, kind in kinds.items()],
    }


def _record(name: str, parts: Sequence[str]) -> dict[str, Any]:
    fields = [{"name": part, "type": ["null", "string"], "default": None} for part in parts]
    return {"type": "record", "name": name, "fields": fields}


@dataclass(frozen=True)
class EventShape:
    """An object's events.

    Attributes:
        fields: ``{name: Avro type, "PersonName" or "Address"}`` in their order.
        docs: what a field says of itself, where that matters.
    """

    sobject: str
    fields: Mapping[str, str]
    docs: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, Any]:
        """As GetSchema tells it: a record is described where it is first used, and named after that."""
        described: set[str] = set()
        fields: list[dict[str, Any]] = [{"name": "ChangeEventHeader", "type": _header()}]
        for name, kind in self.fields.items():
            of_type: Any = kind
            if kind in ("PersonName", "Address") and kind not in described:
                described.add(kind)
                of_type = _record(kind, NAME if kind == "PersonName" else ADDRESS)
            entry = {"name": name, "type": ["null", of_type], "default": None}
            fields.append(entry | ({"doc": self.docs[name]} if name in self.docs else {}))
        return {
            "type": "record",
            "name": f"{self.sobject}ChangeEvent",
            "namespace": "com.sforce.eventbus",
            "fields": fields,
        }

    @property
    def schema_json(self) -> str:
        return json.dumps(self.schema)

    def bitmaps(self, paths: Sequence[str]) -> list[str]:
        """``Email``, ``Name.LastName``: as the header lists changed fields."""
        names = ["ChangeEventHeader", *self.fields]
        top, parts = 0, {}
        for path in paths:
            whole, _, part = path.partition(".")
            place = names.index(whole)
            if not part:
                top |= 1 << place
                continue
            inner = NAME if self.fields[whole] == "PersonName" else ADDRESS
            parts[place] = parts.get(place, 0) | 1 << inner.index(part)
        listed = [_hex(top)] if top or not parts else []
        return listed + [f"{place}-{_hex(bits)}" for place, bits in sorted(parts.items())]

    def payload(
        self,
        change: str,
        ids: Sequence[str],
        *,
        changed: Mapping[str, Any] | None = None,
        origin: str = "",
        user: str = "005000000000001AAA",
        **header: Any,
    ) -> bytes:
        """One event; ``changed`` is ``{path: value}``, in which null is a value."""
        changed = changed or {}
        body: dict[str, Any] = dict.fromkeys(self.fields)
        for path, value in changed.items():
            whole, _, part = path.partition(".")
            if part:
                inner = NAME if self.fields[whole] == "PersonName" else ADDRESS
                body[whole] = (body[whole] or dict.fromkeys(inner)) | {part: value}
            else:
                body[whole] = value
        nulled = [path for path, value in changed.items() if value is None]
        head = {
            "entityName": self.sobject,
            "recordIds": list(ids),
            "changeType": change,
            "changeOrigin": origin,
            "transactionKey": "0000-1",
            "sequenceNumber": 1,
            "commitTimestamp": 1_768_903_200_000,
            "commitNumber": 7,
            "commitUser": user,
            "nulledFields": self.bitmaps(nulled) if nulled else [],
            "diffFields": [],
            "changedFields": self.bitmaps(list(changed)) if change == "UPDATE" else [],
        } | header
        out = io.BytesIO()
        parsed = fastavro.parse_schema(self.schema)
        fastavro.schemaless_writer(out, parsed, {"ChangeEventHeader": head, **body})
        return out.getvalue()


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return "0x" + digits.rjust(len(digits) + len(digits) % 2, "0")


CONTACT = EventShape(
    "Contact",
    {
        "AccountId": "string",
        "Name": "PersonName",
        "OtherAddress": "Address",
        "MailingAddress": "Address",
        "Phone": "string",
        "Email": "string",
        "Title": "string",
        "Birthdate": "long",
        "HasOptedOutOfEmail": "boolean",
        "PenguinMails_Lead_Score__c": "double",
        "PenguinMails_Last_Email_Opened__c": "long",
        "LastModifiedDate": "long",
    },
    {"Birthdate": "Data:DateOnly", "PenguinMails_Last_Email_Opened__c": "Data:DateTime", "LastModifiedDate": "Data:DateTime"},
)  # fmt: skip
LEAD = EventShape(
    "Lead", {"Name": "PersonName", "Company": "string", "Address": "Address", "Email": "string"}
)


# -- the server ------------------------------------------------------------------------------------
@dataclass
class Message:
    """One answer of Subscribe: ``(schema id, payload)`` of its events, and the position after them."""

    position: bytes
    events: Sequence[tuple[str, bytes]] = ()


@dataclass
class Refusal:
    """The stream ends with this."""

    code: str = ""
    status: Any = grpc.StatusCode.UNAVAILABLE


@dataclass
class Hold:
    """Nothing comes, and the stream stays open until the caller leaves or this is set."""

    over: threading.Event = field(default_factory=threading.Event)


@dataclass
class Live:
    """Answers with what is put into ``told``, as it comes, until the caller leaves."""

    told: queue.Queue[Message] = field(default_factory=queue.Queue)

    def messages(self, is_active: Callable[[], bool]) -> Iterator[Message]:
        while is_active():
            with suppress(queue.Empty):
                yield self.told.get(timeout=0.02)


Script = Sequence[Message | Refusal | Hold | Live]


class PubSub:
    """Answers each Subscribe with the next script; keeps what was asked."""

    def __init__(self, schemas: Mapping[str, str]) -> None:
        self.schemas = dict(schemas)
        self.scripts: list[Script] = []
        self.first: list[Any] = []
        self.asked: list[list[int]] = []
        self.metadata: list[dict[str, str]] = []
        self.schemas_asked: list[str] = []

    def subscribe(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self.metadata.append(dict(context.invocation_metadata()))
        first = next(requests)
        self.first.append(first)
        asked = [first.num_requested]
        self.asked.append(asked)
        reader = threading.Thread(target=_note, args=(requests, asked), daemon=True)
        reader.start()
        script = self.scripts.pop(0) if self.scripts else [Hold()]
        for step in script:
            if isinstance(step, Refusal):
                pairs = [("rpc-id", "rpc-1")]
                if step.code:
                    pairs.append(("error-code", PREFIX + step.code))
                context.set_trailing_metadata(pairs)
                context.abort(step.status, "told. rpcId: rpc-1")
            elif isinstance(step, Hold):
                while context.is_active() and not step.over.wait(0.02):
                    pass
            elif isinstance(step, Live):
                for message in step.messages(context.is_active):
                    yield _answer(message, asked)
            else:
                yield _answer(step, asked)

    def get_schema(self, request: Any, context: Any) -> Any:
        self.schemas_asked.append(request.schema_id)
        if request.schema_id not in self.schemas:
            context.set_trailing_metadata([("error-code", PREFIX + "schema.api.unavailable")])
            context.abort(grpc.StatusCode.UNAVAILABLE, "told")
        return messages().SchemaInfo(
            schema_id=request.schema_id, schema_json=self.schemas[request.schema_id]
        )


def _answer(message: Message, asked: Sequence[int]) -> Any:
    return messages().FetchResponse(
        events=[
            {"event": {"schema_id": schema, "payload": payload}, "replay_id": b"e"}
            for schema, payload in message.events
        ],
        latest_replay_id=message.position,
        pending_num_requested=max(sum(asked) - len(message.events), 0),
    )


def _note(requests: Iterator[Any], asked: list[int]) -> None:
    with suppress(Exception):  # the call is over
        asked.extend(request.num_requested for request in requests)


@contextmanager
def serving(pubsub: PubSub) -> Iterator[str]:
    """The address it answers at."""
    kinds = messages()

    def handler(
        make: Callable[..., Any], call: Callable[..., Any], request: str, answer: str
    ) -> Any:
        return make(
            call,
            request_deserializer=getattr(kinds, request).FromString,
            response_serializer=getattr(kinds, answer).SerializeToString,
        )

    handlers = {
        "Subscribe": handler(grpc.stream_stream_rpc_method_handler, pubsub.subscribe, "FetchRequest", "FetchResponse"),
        "GetSchema": handler(grpc.unary_unary_rpc_method_handler, pubsub.get_schema, "SchemaRequest", "SchemaInfo"),
    }  # fmt: skip
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("eventbus.v1.PubSub", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(5)
