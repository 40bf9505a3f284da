"""gRPC's errors as ends of the stream: what Salesforce names in the trailers, else gRPC's own status.

Source: Pub/Sub API, "Handle Errors".
"""

from __future__ import annotations

from typing import Any, Final

from sfsync.model.hint import CLOSED, StreamEnd

PREFIX: Final = "sfdc.platform.eventbus.grpc."


def end_of(error: Any) -> StreamEnd:
    """Why a call ended.

    Args:
        error: a ``grpc.RpcError`` that is a call, too.
    """
    trailers = dict(error.trailing_metadata() or ())
    code = _text(trailers.get("error-code")).removeprefix(PREFIX)
    status = error.code()
    return StreamEnd(code, status.name if status is not None else "", _text(trailers.get("rpc-id")))


def ended_quietly() -> StreamEnd:
    """The server ended the stream without a word."""
    return StreamEnd(CLOSED)


def _text(value: Any) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text[:200] if text.isprintable() else ""
