"""The messages of the Pub/Sub API, as far as a subscriber needs them.

A table of the published protocol (CC0) instead of generated stubs: those work only with the version of protobuf that
made them. The classes live in a pool of their own, so that another client in the same process does not meet them.

Source: github forcedotcom/pub-sub-api, pubsub_api.proto (package eventbus.v1).
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE: Final = "eventbus.v1"
SERVICE: Final = f"/{PACKAGE}.PubSub/"
LATEST, CUSTOM = 0, 2
"""Of the enumeration ReplayPreset. EARLIEST (1) is not here: it would have the org deliver everything that it keeps,
out of an allowance that all its clients share."""

_MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "TopicRequest": (("topic_name", 1, "string"),),
    "TopicInfo": (
        ("topic_name", 1, "string"),
        ("tenant_guid", 2, "string"),
        ("can_publish", 3, "bool"),
        ("can_subscribe", 4, "bool"),
        ("schema_id", 5, "string"),
        ("rpc_id", 6, "string"),
    ),
    "SchemaRequest": (("schema_id", 1, "string"),),
    "SchemaInfo": (
        ("schema_json", 1, "string"),
        ("schema_id", 2, "string"),
        ("rpc_id", 3, "string"),
    ),
    "EventHeader": (("key", 1, "string"), ("value", 2, "bytes")),
    "ProducerEvent": (
        ("id", 1, "string"),
        ("schema_id", 2, "string"),
        ("payload", 3, "bytes"),
        ("headers", 4, "EventHeader*"),
    ),
    "ConsumerEvent": (("event", 1, "ProducerEvent"), ("replay_id", 2, "bytes")),
    "FetchRequest": (
        ("topic_name", 1, "string"),
        ("replay_preset", 2, "ReplayPreset"),
        ("replay_id", 3, "bytes"),
        ("num_requested", 4, "int32"),
    ),
    "FetchResponse": (
        ("events", 1, "ConsumerEvent*"),
        ("latest_replay_id", 2, "bytes"),
        ("rpc_id", 3, "string"),
        ("pending_num_requested", 4, "int32"),
    ),
}
"""Message -> its fields: name, number, type; ``*`` for repeated ones."""

_PRESETS: Final = (("LATEST", 0), ("EARLIEST", 1), ("CUSTOM", 2))
_TYPES: Final = {"string": 9, "bool": 8, "bytes": 12, "int32": 5}
"""Numbers of the types, as in descriptor.proto."""

_MESSAGE_TYPE, _ENUM_TYPE, _OPTIONAL, _REPEATED = 11, 14, 1, 3


@cache
def messages() -> Any:
    """The classes, by their names."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return SimpleNamespace(
        **{
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
            for name in _MESSAGES
        }
    )


def _file() -> Any:
    described = descriptor_pb2.FileDescriptorProto(
        name="sfsync/pubsub_api.proto", package=PACKAGE, syntax="proto3"
    )
    presets = described.enum_type.add(name="ReplayPreset")
    for name, number in _PRESETS:
        presets.value.add(name=name, number=number)
    for name, fields in _MESSAGES.items():
        message = described.message_type.add(name=name)
        for field_name, number, kind in fields:
            _add_field(message, field_name, number, kind)
    return described


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    label = _REPEATED if kind.endswith("*") else _OPTIONAL
    kind = kind.rstrip("*")
    if kind in _TYPES:
        message.field.add(name=name, number=number, label=label, type=_TYPES[kind])
        return
    of_type = _MESSAGE_TYPE if kind in _MESSAGES else _ENUM_TYPE
    message.field.add(
        name=name, number=number, label=label, type=of_type, type_name=f".{PACKAGE}.{kind}"
    )
