"""The HTTP side of ``listen``: deliveries of email services, proved, kept durably, and only then acknowledged.

What a delivery means is not looked at here, so that an acknowledgement waits for one commit of the inbox and nothing
else. The answers are chosen for what services make of them: trouble of ours is a 503 that is tried again, never a 4xx,
which some services take for a reason to discard. Source: docs/webhooks.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sfsync.errors import SfsyncError
from sfsync.failpoints import reach
from sfsync.intake.sources.items import ConfirmSubscription
from sfsync.intake.sources.proof import SECRET_HEADERS, ForgedError, Reception
from sfsync.intake.sources.source import Source

BODY_SECONDS: Final = 10.0
"""How long a sender may take for its body; the most patient service gives up after 30."""

RETRY_AFTER_SECONDS: Final = 30
KEPT_HEADERS: Final = ("content-type", "user-agent")
"""Beside those of the signature."""

COMMIT_TOGETHER: Final = 200
"""Deliveries that one commit keeps, where so many come at once."""


class Counts(Protocol):
    """Takes note of what became of deliveries."""

    def delivery(self, source: str, outcome: str) -> None:
        """One more: ``kept``, ``forged``, ``refused``, ``unavailable``, ``confirmed``."""
        ...

    def acknowledged(self, seconds: float) -> None:
        """How long one took from its last byte to its answer."""
        ...


@dataclass(frozen=True, slots=True)
class Sender:
    """An email service that may send, with what proves it.

    Attributes:
        reception: everything but the time, which is filled in.
    """

    source: Source
    secrets: Sequence[str] = ()
    reception: Reception = field(default_factory=lambda: Reception(""))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery that was proved.

    Attributes:
        headers: in small letters, those that are needed to look at it again.
    """

    source: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Takes deliveries in.

    Attributes:
        senders: by name; replaced as a whole when the configuration is read again.
        keep: keeps deliveries durably, all or none; called in one thread of its own. Raises ``SfsyncError``.
        confirm: fetches the address that confirms a subscription; called in a thread.
        now: the clock.
        on_kept: called after deliveries are durable.
        closing: nothing more is taken in.
    """

    senders: Mapping[str, Sender]
    keep: Callable[[Sequence[Delivery]], None]
    now: Callable[[], str]
    counts: Counts
    confirm: Callable[[str], object] = lambda _url: None
    on_kept: Callable[[], None] = lambda: None
    max_body: int = 1024 * 1024
    body_seconds: float = BODY_SECONDS
    closing: bool = False
    _waiting: list[tuple[Delivery, asyncio.Future[None]]] = field(default_factory=list)
    _committing: asyncio.Task[None] | None = None
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "sfsync-inbox")
    )

    def app(self) -> Starlette:
        """The web application."""
        path = "/webhooks/{source}"
        return Starlette(
            routes=[
                Route(path, self._deliver, methods=["POST"]),
                # some services look whether anybody is there before they are set up; GET says nothing
                Route(path, _is_there, methods=["HEAD"]),
            ]
        )

    async def _deliver(self, request: Request) -> Response:
        name = str(request.path_params["source"])
        if self.closing:
            return self._answer(name, 503, "unavailable", "shutting down; try again")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            return self._answer(name, 415, "refused", "send the body without a content encoding")
        try:
            async with asyncio.timeout(self.body_seconds):
                body = await self._body(request)
        except TimeoutError:
            return self._answer(name, 408, "refused", "the body took too long")
        except ClientDisconnect:
            return self._answer(name, 408, "refused", "the sender went away")
        if body is None:
            return self._answer(name, 413, "refused", f"larger than {self.max_body} bytes")
        began = asyncio.get_running_loop().time()
        answer = await self._proved(name, request.headers, body)
        self.counts.acknowledged(asyncio.get_running_loop().time() - began)
        return answer

    async def _body(self, request: Request) -> bytes | None:
        """The whole body; ``None`` where it is too large, however large it says it is."""
        pieces, size = list[bytes](), 0
        async for piece in request.stream():
            size += len(piece)
            if size > self.max_body:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    async def _proved(self, name: str, headers: Mapping[str, str], body: bytes) -> Response:
        sender = self.senders.get(name)
        if sender is None:
            return self._answer("unknown", 404, "refused", "no such source is configured")
        try:
            if sender.source.needs_topics:
                # may fetch a certificate; the others only compute, quicker than a thread is woken
                await asyncio.to_thread(self._verify, sender, headers, body)
            else:
                self._verify(sender, headers, body)
        except ForgedError as error:
            return self._answer(name, 401, "forged", error.reason)
        except Exception as error:  # noqa: BLE001  whatever keeps us from proving it is our trouble
            _log.warning("%s: a delivery could not be proved: %s", name, type(error).__name__)
            return self._answer(name, 503, "unavailable", "it cannot be proved now; try again")
        reach("listen.verified")
        if await self._confirmed(sender, body):
            return self._answer(name, 200, "confirmed", "")
        kept = _kept_headers(sender.source, headers)
        try:
            await self._durable(Delivery(name, kept, body))
        except SfsyncError as error:
            _log.warning("%s: a delivery could not be kept: %s", name, error.message)
            return self._answer(name, 503, "unavailable", "it cannot be kept now; try again")
        return self._answer(name, 200, "kept", "")

    def _verify(self, sender: Sender, headers: Mapping[str, str], body: bytes) -> None:
        given = sender.reception
        reception = Reception(self.now(), given.public_url, given.topics, given.certificate)
        sender.source.verify(headers, body, sender.secrets, reception)

    async def _confirmed(self, sender: Sender, body: bytes) -> bool:
        """Whether the service only asked to confirm a subscription, which was done."""
        if not sender.source.needs_topics:
            return False
        for item in sender.source.read(body, now=self.now()):
            if isinstance(item, ConfirmSubscription):
                await asyncio.to_thread(self.confirm, item.url)
                return True
        return False

    # -- durable -----------------------------------------------------------------------------------
    async def _durable(self, delivery: Delivery) -> None:
        """Return once the delivery is kept; those that come at once are kept by one commit.

        Raises:
            SfsyncError: it cannot be kept.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, kept))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())
        await kept

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            some, self._waiting = (
                self._waiting[:COMMIT_TOGETHER],
                self._waiting[COMMIT_TOGETHER:],
            )
            error: BaseException | None = None
            try:
                await loop.run_in_executor(
                    self._thread, self.keep, [delivery for delivery, _ in some]
                )
            except SfsyncError as failed:
                error = failed
            except Exception as failed:  # noqa: BLE001  whoever waits is told, and tries again
                error = SfsyncError(type(failed).__name__)
            for _, kept in some:
                if kept.done():
                    continue  # the sender has gone
                if error is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(error)
            if error is None:
                reach("listen.kept")
                self.on_kept()

    async def finish(self) -> None:
        """Take nothing more in, and wait until all that waits is kept."""
        self.closing = True
        if self._committing is not None:
            with suppress(asyncio.CancelledError):
                await self._committing
        self._thread.shutdown()

    # -- answers -----------------------------------------------------------------------------------
    def _answer(self, source: str, status: int, outcome: str, reason: str) -> Response:
        self.counts.delivery(source if source in self.senders else "unknown", outcome)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
        content = {"error": reason} if reason else {"status": outcome}
        return JSONResponse(content, status, headers)


def _kept_headers(source: Source, headers: Mapping[str, str]) -> dict[str, str]:
    """What it takes to look at a delivery again, in small letters; never a secret itself."""
    wanted = [
        name for name in (*source.signature_headers, *KEPT_HEADERS) if name not in SECRET_HEADERS
    ]
    return {name.lower(): headers[name] for name in wanted if name in headers}


async def _is_there(_request: Request) -> Response:
    return Response(status_code=200)


_log = logging.getLogger("sfsync.listen")
