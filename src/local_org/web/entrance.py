"""What every request comes through: is it meant for this computer, and the fault plan.

A connection is broken, where the plan says so, by aborting the very socket it came in on.
"""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_org.api.call import Reply
from local_org.faults import Effects, FaultPlan
from local_org.web.response import http_response

FAULT_EFFECTS = "local_org.fault_effects"
_LOOPBACK_HOST = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_MISDIRECTED = Reply(
    403,
    [
        {
            "errorCode": "FORBIDDEN",
            "message": "the local org answers to localhost and 127.0.0.1 only",
        }
    ],
)


class Entrance:
    """What every request comes through, as ASGI middleware.

    The server listens on loopback only, but a page of a stranger's can be led there under the
    stranger's own name (DNS rebinding); the Host header then gives it away.

    Args:
        app: what handles a request that goes well.
        plan: what does not.

    Attributes:
        silenced: requests that got as far as the plan lets them, and are never answered.
    """

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self._app = app
        self._plan = plan
        self.silenced = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        path = scope.get("path", "")
        if scope["type"] == "http" and not _is_meant_for_loopback(scope):
            await http_response(_MISDIRECTED, {})(scope, receive, send)
            return
        # The page and the test's own calls know no faults.
        if scope["type"] != "http" or path == "/" or path.startswith("/_local"):
            await self._app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        target = f"{path}?{unquote(query)}" if query else path
        effects = self._plan.effects(scope["method"], target)
        scope[FAULT_EFFECTS] = effects
        if effects.delay_seconds:
            await asyncio.sleep(effects.delay_seconds)
        if effects.drop:
            await _cut(scope)
            return
        await self._handle(scope, receive, send, effects)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, effects: Effects) -> None:
        if effects.lose_reply:
            await self._app(scope, receive, _send_nothing)
            await _cut(scope)
        elif effects.silent:
            if effects.silent_after_work:
                await self._app(scope, receive, _send_nothing)
            self.silenced += 1
            await _wait_until_gone(receive)
        elif effects.truncate_share is not None and effects.clean_end:
            await self._app(scope, receive, _ended_early(send, effects.truncate_share))
        elif effects.truncate_share is not None:
            await self._app(scope, receive, _shortened(send, effects.truncate_share))
            await asyncio.sleep(0.02)  # what was sent is to arrive
            await _cut(scope)
        # The API answers by itself, after its token check (``data_api``).
        elif effects.answer is not None and not scope["path"].startswith("/services/data"):
            await http_response(effects.answer, {})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_meant_for_loopback(scope: Scope) -> bool:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return len(hosts) == 1 and _LOOPBACK_HOST.fullmatch(hosts[0]) is not None


async def _send_nothing(_message: Message) -> None:
    """In place of ``send``, where no reply is to arrive."""


def _shortened(send: Send, share: float) -> Send:
    """Send part of the body, under the Content-Length of all of it."""

    async def forward(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: int(len(body) * share)], "more_body": True}
        await send(message)

    return forward


def _ended_early(send: Send, share: float) -> Send:
    """Send part of the body as if it were whole: without a Content-Length that gives it away."""

    async def forward(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: int(len(body) * share)]}
        await send(message)

    return forward


async def _wait_until_gone(receive: Receive) -> None:
    """Wait until the client has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope) -> None:
    cut: Callable[[], None] | None = scope.get("state", {}).get("cut")
    # Under a test client there is no socket to abort.
    if cut is None:
        raise ConnectionResetError("the fault plan breaks the connection")
    cut()
    await asyncio.sleep(0.01)  # until uvicorn has seen that nobody is there to answer
