"""The messages of the Pub/Sub API, made from their description here: no generated code.

Source: docs/salesforce.md §14.1; github forcedotcom/pub-sub-api, pubsub_api.proto (CC0-1.0).
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "eventbus.v1"
SERVICE = f"{_PACKAGE}.PubSub"
LATEST, EARLIEST, CUSTOM = 0, 1, 2
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "bool": _FIELD.TYPE_BOOL,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
}
_ENUMS = {
    "ErrorCode": ("UNKNOWN", "PUBLISH", "COMMIT"),
    "ReplayPreset": ("LATEST", "EARLIEST", "CUSTOM"),
}
_MESSAGES: dict[str, tuple[str, ...]] = {
    "TopicRequest": ("string topic_name",),
    "TopicInfo": (
        "string topic_name",
        "string tenant_guid",
        "bool can_publish",
        "bool can_subscribe",
        "string schema_id",
        "string rpc_id",
    ),
    "SchemaRequest": ("string schema_id",),
    "SchemaInfo": ("string schema_json", "string schema_id", "string rpc_id"),
    "EventHeader": ("string key", "bytes value"),
    "ProducerEvent": (
        "string id",
        "string schema_id",
        "bytes payload",
        "EventHeader* headers",
    ),
    "ConsumerEvent": ("ProducerEvent event", "bytes replay_id"),
    "Error": ("ErrorCode code", "string msg"),
    "PublishResult": ("bytes replay_id", "Error error", "string correlation_key"),
    "FetchRequest": (
        "string topic_name",
        "ReplayPreset replay_preset",
        "bytes replay_id",
        "int32 num_requested",
        "string auth_refresh",
    ),
    "FetchResponse": (
        "ConsumerEvent* events",
        "bytes latest_replay_id",
        "string rpc_id",
        "int32 pending_num_requested",
    ),
    "PublishRequest": ("string topic_name", "ProducerEvent* events", "string auth_refresh"),
    "PublishResponse": ("PublishResult* results", "string schema_id", "string rpc_id"),
}
"""Each message's fields, numbered from 1 on in the order given; ``*`` for repeated ones."""


def _file() -> descriptor_pb2.FileDescriptorProto:
    described = descriptor_pb2.FileDescriptorProto(
        name="local_org/pubsub_api.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, values in _ENUMS.items():
        enum = described.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = described.message_type.add(name=name)
        for number, declared in enumerate(fields, 1):
            _add_field(message, declared, number)
    return described


def _add_field(message: Any, declared: str, number: int) -> None:
    kind, name = declared.split()
    repeated = kind.endswith("*")
    kind = kind.rstrip("*")
    field = message.field.add(name=name, number=number)
    field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _FIELD.TYPE_ENUM if kind in _ENUMS else _FIELD.TYPE_MESSAGE
    field.type_name = f".{_PACKAGE}.{kind}"


# A pool of its own: a client in the same process may describe the same names.
_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


TopicRequest = _message("TopicRequest")
TopicInfo = _message("TopicInfo")
SchemaRequest = _message("SchemaRequest")
SchemaInfo = _message("SchemaInfo")
ProducerEvent = _message("ProducerEvent")
ConsumerEvent = _message("ConsumerEvent")
FetchRequest = _message("FetchRequest")
FetchResponse = _message("FetchResponse")
PublishRequest = _message("PublishRequest")
PublishResponse = _message("PublishResponse")


def replay_id(position: int) -> bytes:
    """A position as it travels: eight bytes, the most significant first."""
    return position.to_bytes(8, "big")
