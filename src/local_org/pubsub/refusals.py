"""What a call of the Pub/Sub API is refused with: a gRPC status, and a code in the trailers.

Source: docs/salesforce.md §14.6. Of the statuses only INVALID_ARGUMENT for a position is confirmed.
"""

import uuid
from typing import Any, NoReturn

import grpc

PREFIX = "sfdc.platform.eventbus.grpc."
_STATUS = grpc.StatusCode
_REFUSALS: dict[str, tuple[grpc.StatusCode, str]] = {
    "concurrent.client.limit.exceeded": (
        _STATUS.RESOURCE_EXHAUSTED,
        "The maximum number of concurrent clients is exceeded.",
    ),
    "schema.api.unavailable": (_STATUS.UNAVAILABLE, "The schema is temporarily unavailable."),
    "schema.meta.permission": (_STATUS.PERMISSION_DENIED, "The schema cannot be accessed."),
    "schema.validation.failed": (_STATUS.INVALID_ARGUMENT, "The schema ID is blank."),
    "service.auth.error": (_STATUS.UNAUTHENTICATED, "An authentication exception occurred."),
    "service.auth.headers.invalid": (
        _STATUS.UNAUTHENTICATED,
        "An authentication header is missing or its value is not valid.",
    ),
    "service.tenant.license": (_STATUS.PERMISSION_DENIED, "The org is not licensed."),
    "service.protection.triggered": (_STATUS.RESOURCE_EXHAUSTED, "There are too many requests."),
    "service.unavailable": (_STATUS.UNAVAILABLE, "The service is unavailable."),
    "subscription.fetch.overflow": (
        _STATUS.FAILED_PRECONDITION,
        "More events were requested than were read.",
    ),
    "subscription.fetch.replay.repeated": (
        _STATUS.INTERNAL,
        "An event had a lower replay ID than the event before it.",
    ),
    "subscription.fetch.replayid.corrupted": (
        _STATUS.INVALID_ARGUMENT,
        "The Replay ID validation failed. Ensure that the Replay ID is valid.",
    ),
    "subscription.fetch.replayid.validation.failed": (
        _STATUS.INVALID_ARGUMENT,
        "The Replay ID is required when the replay preset is CUSTOM.",
    ),
    "subscription.fetch.request.invalid": (
        _STATUS.INVALID_ARGUMENT,
        "The fetch request is not valid.",
    ),
    "subscription.fetch.requested.events.invalid": (
        _STATUS.INVALID_ARGUMENT,
        "The number of requested events must be greater than zero.",
    ),
    "subscription.fetch.topic.mismatch": (
        _STATUS.INVALID_ARGUMENT,
        "The topic name is not the one of the first request.",
    ),
    "subscription.internal.error": (_STATUS.INTERNAL, "An internal error occurred."),
    "subscription.limit.exceeded": (
        _STATUS.RESOURCE_EXHAUSTED,
        "You have exceeded the event delivery limit for your org.",
    ),
    "subscription.topic.cannot.subscribe": (
        _STATUS.PERMISSION_DENIED,
        "The user is not permitted to subscribe to the topic.",
    ),
    "topic.api.unavailable": (_STATUS.UNAVAILABLE, "The topic is temporarily unavailable."),
    "topic.meta.permission": (_STATUS.PERMISSION_DENIED, "The topic cannot be accessed."),
    "topic.not.found": (_STATUS.NOT_FOUND, "The topic does not exist."),
    "topic.validation.empty": (_STATUS.INVALID_ARGUMENT, "The topic name is blank."),
}


class Refused(Exception):
    """A call that is refused, or a stream that ends.

    Args:
        code: what its trailers say, without the prefix; None for a connection that just breaks.
        status: the gRPC status; None for the code's own.
        message: the text; None for the code's own.
    """

    def __init__(
        self,
        code: str | None,
        status: grpc.StatusCode | None = None,
        message: str | None = None,
    ) -> None:
        own = _REFUSALS.get(code or "", (_STATUS.UNAVAILABLE, "The connection is lost."))
        self.code = code
        self.status = status or own[0]
        self.message = message or own[1]
        super().__init__(self.message)


def status_named(name: str | None) -> grpc.StatusCode | None:
    """The gRPC status of that name, such as ``UNAVAILABLE``.

    Raises:
        ValueError: where there is none.
    """
    if name is None:
        return None
    found = {status.name: status for status in _STATUS}.get(name.upper())
    if found is None:
        raise ValueError(f"no such gRPC status: {name}")
    return found


def new_rpc_id() -> str:
    """The id of a call, which an error names."""
    return str(uuid.uuid4())


def abort(context: Any, refused: Refused, rpc_id: str) -> NoReturn:
    """End a call with a refusal."""
    message = refused.message
    if refused.code is not None:
        context.set_trailing_metadata((("error-code", PREFIX + refused.code), ("rpc-id", rpc_id)))
        message = f"{message} rpcId: {rpc_id}"
    context.abort(refused.status, message)
    raise AssertionError("abort raises")
