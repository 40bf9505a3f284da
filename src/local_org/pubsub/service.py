"""The Pub/Sub API's calls: GetTopic, GetSchema, Subscribe. It publishes nothing for others.

Source: docs/salesforce.md §14.1, §14.2, §14.5.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from local_org.events.bus import Bus
from local_org.events.channels import entities_of, is_single
from local_org.events.layout import Layout
from local_org.faults import FaultPlan
from local_org.oauth.grants import Session
from local_org.pubsub.caller import user_of
from local_org.pubsub.messages import (
    SERVICE,
    FetchRequest,
    PublishRequest,
    PublishResponse,
    SchemaInfo,
    SchemaRequest,
    TopicInfo,
    TopicRequest,
)
from local_org.pubsub.outgoing import may_subscribe, named_refusal
from local_org.pubsub.refusals import Refused, abort, new_rpc_id
from local_org.pubsub.subscription import CALL_FAULTS, Subscription


class PubSubService:
    """The service of one org.

    Args:
        bus: its event bus.
        faults: its fault plan.
        session_for: says whom a token speaks for.
    """

    def __init__(
        self, bus: Bus, faults: FaultPlan, session_for: Callable[[str], Session | None]
    ) -> None:
        self._bus = bus
        self._faults = faults
        self._session_for = session_for
        self._streams: set[Subscription] = set()
        self._stopped = threading.Event()

    def handler(self) -> Any:
        """What grpc serves."""
        calls = {
            "GetTopic": _unary(self._get_topic, TopicRequest, TopicInfo),
            "GetSchema": _unary(self._get_schema, SchemaRequest, SchemaInfo),
            "Publish": _unary(self._publish, PublishRequest, PublishResponse),
            "Subscribe": grpc.stream_stream_rpc_method_handler(
                self._subscribe,
                request_deserializer=FetchRequest.FromString,
                response_serializer=lambda message: message.SerializeToString(),
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, calls)

    def start(self) -> None:
        """Let streams begin."""
        self._stopped.clear()

    def stop(self) -> None:
        """End every stream."""
        self._stopped.set()
        for stream in list(self._streams):
            stream.wake()

    # -- calls

    def _get_topic(self, request: Any, context: Any) -> Any:
        rpc_id = new_rpc_id()
        try:
            return self._topic_info(request.topic_name, context, rpc_id)
        except Refused as refused:
            abort(context, refused, rpc_id)

    def _topic_info(self, topic: str, context: Any, rpc_id: str) -> Any:
        user_id = self._user(context, "GetTopic", topic)
        if not topic:
            raise Refused("topic.validation.empty")
        state = self._bus.state
        with state.lock:
            entities = entities_of(state, topic)
            if entities is None:
                raise Refused("topic.not.found")
            single = next(iter(entities)) if is_single(topic) else None
            if single is not None and "Read" not in state.access(user_id).rights(single):
                raise Refused("topic.meta.permission")
            return TopicInfo(
                topic_name=topic,
                tenant_guid=f"core/local/{state.org_id}",
                can_publish=False,
                can_subscribe=single is None or may_subscribe(state, single, user_id),
                schema_id="" if single is None else self._bus.layout(single).schema_id,
                rpc_id=rpc_id,
            )

    def _get_schema(self, request: Any, context: Any) -> Any:
        rpc_id = new_rpc_id()
        try:
            self._user(context, "GetSchema", request.schema_id)
            layout = self._layout(request.schema_id)
        except Refused as refused:
            abort(context, refused, rpc_id)
        return SchemaInfo(schema_json=layout.schema_json, schema_id=layout.schema_id, rpc_id=rpc_id)

    def _publish(self, request: Any, context: Any) -> Any:
        rpc_id = new_rpc_id()
        try:
            self._user(context, "Publish", request.topic_name)
        except Refused as refused:
            abort(context, refused, rpc_id)
        abort(context, Refused("topic.meta.permission"), rpc_id)  # change events are the org's own

    def _layout(self, schema_id: str) -> Layout:
        if not schema_id:
            raise Refused("schema.validation.failed")
        layout = self._bus.schema(schema_id)
        if layout is None:
            raise Refused("schema.meta.permission")
        return layout

    def _subscribe(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        rpc_id = new_rpc_id()
        try:
            user_id = user_of(context, self._bus.state, self._session_for)
            stream = Subscription(
                self._bus,
                self._faults,
                user_id,
                rpc_id,
                requests,
                lambda: context.is_active() and not self._stopped.is_set(),
            )
            context.add_callback(stream.wake)
            self._streams.add(stream)
            try:
                yield from stream.responses()
            finally:
                self._streams.discard(stream)
        except Refused as refused:
            abort(context, refused, rpc_id)

    def _user(self, context: Any, call: str, about: str) -> str:
        user_id = user_of(context, self._bus.state, self._session_for)
        for fault in self._faults.of_call(call, about):
            if fault.fault in CALL_FAULTS:
                raise named_refusal(fault, CALL_FAULTS[fault.fault])
        return user_id


def _unary(call: Callable[[Any, Any], Any], request: Any, _response: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
