"""Posts messages, several at once, each within a bounded time, and only to where it may.

A host's name is resolved once, every address it leads to is looked at, and what was looked at is
what is connected to: a name that leads to this network the next moment does no harm. No redirect is
followed and no proxy is used, since both would connect to somewhere else. Of an answer only the
head counts; the rest is heard out within bounds, and forgotten.

The network has a thread of its own, so that whoever hands messages in never waits for a receiver.
Source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

import h11

from sfsync.failpoints import reach
from sfsync.model.delivery import Message, PostAnswer
from sfsync.model.web_address import WebAddress
from sfsync.outgoing.signing import signed_headers

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 15.0
"""For a whole attempt: the name, the connection, the request, the head of the answer.

Source: Standard Webhooks 1.0.0, "Request timeouts": 15 to 30 seconds.
"""

CONNECT_SECONDS: Final = 5.0
"""For one of a host's addresses."""

MOST_HEAD_BYTES: Final = 16_384
CHUNK: Final = 4_096
"""Bytes of an answer that are read at once."""

LEAVE_SECONDS: Final = 1.0
MOST_REST_BYTES: Final = 65_536
"""How long, and how far, an answer is heard out once its head is known."""

Clock = Callable[[], str]
"""Now, as ``2026-01-20T10:00:00Z``."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses that a host's name leads to."""


class NotAllowedError(Exception):
    """The address leads to where nothing may be sent."""


class Poster:
    """Posts, in a thread of its own, until it is closed.

    Args:
        now: the clock.
        agent: what it says it is, in ``User-Agent``.
        seconds: patience for one attempt.
        trust: a file of the authorities whose certificates count; those of ``requests`` where none is named.
        resolve: who is asked for a host's addresses; the system where nothing is said.
    """

    def __init__(
        self,
        now: Clock,
        *,
        agent: str = "sfsync",
        seconds: float = PATIENCE_SECONDS,
        trust: str = "",
        resolve: Resolve | None = None,
    ) -> None:
        self._now = now
        self._agent = agent
        self._seconds = seconds
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._resolve = resolve or _resolved
        self._answers: SimpleQueue[tuple[Message, PostAnswer]] = SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End, with whatever is under way: it is sent again, by whoever sends next."""
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, message: Message) -> None:
        """Begin to post; the answer comes out of ``finished``."""
        asyncio.run_coroutine_threadsafe(self._answered(message), self._loop)

    def finished(self, seconds: float) -> list[tuple[Message, PostAnswer]]:
        """What has been answered since the last call; waits so long for the first one."""
        found: list[tuple[Message, PostAnswer]] = []
        with suppress(Empty):
            found.append(
                self._answers.get(timeout=seconds) if seconds > 0 else self._answers.get_nowait()
            )
            while True:
                found.append(self._answers.get_nowait())
        return found

    # -- one message -------------------------------------------------------------------------------
    async def _answered(self, message: Message) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._posted(message)
            reach("deliver.answered")
        except Exception as error:  # noqa: BLE001  whatever it is, this attempt has failed
            answer = PostAnswer(trouble=self._trouble(error))
        _tell_post(message.to.name, answer, time.monotonic() - began)
        self._answers.put((message, answer))

    def _trouble(self, error: Exception) -> str:
        """Why there is no answer, in a few words: neither an address nor what the receiver wrote."""
        match error:
            case NotAllowedError():
                return str(error)
            case TimeoutError():
                return f"no answer within {self._seconds:.0f} s"
            case ssl.SSLCertVerificationError():
                return "its certificate does not prove that it is this host"
            case ssl.SSLError():
                return "no TLS connection"
            case ConnectionResetError() | BrokenPipeError():
                return "it ended the connection"
            case OSError():
                return "it cannot be reached"
            case h11.RemoteProtocolError():
                return "the answer is no HTTP"
            case _:
                return f"it cannot be posted to ({type(error).__name__})"

    async def _posted(self, message: Message) -> PostAnswer:
        reader, writer = await self._connected(message.to.address)
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
            writer.write(_request(connection, message, self._agent, self._now()))
            await writer.drain()
            head = await _head(connection, reader)
            await _leave(connection, reader)
        finally:
            writer.transport.abort()
        headers = {bytes(name).lower(): bytes(value) for name, value in head.headers}
        asked = headers.get(b"retry-after", b"").decode("latin-1")
        return PostAnswer(head.status_code, asked)

    # -- where to ----------------------------------------------------------------------------------
    async def _connected(
        self, address: WebAddress
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        found = await self._resolve(address.host, address.port)
        if not found:
            raise OSError(address.host)
        for each in found:
            if not address.may_be_at(each):
                raise NotAllowedError("its name leads to an address that nothing may be sent to")
        for each in found[:-1]:
            with suppress(OSError):
                return await self._opened(address, each)
        return await self._opened(address, found[-1])

    async def _opened(
        self, address: WebAddress, found: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        is_tls = address.scheme == "https"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(
                    found,
                    address.port,
                    limit=MOST_HEAD_BYTES,
                    ssl=self._tls() if is_tls else None,
                    server_hostname=address.host if is_tls else None,
                )
        except TimeoutError:
            raise ConnectionError(found) from None

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            from requests.utils import DEFAULT_CA_BUNDLE_PATH

            self._context = ssl.create_default_context(cafile=self._trust or DEFAULT_CA_BUNDLE_PATH)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context


def _tell_post(endpoint: str, answer: PostAnswer, seconds: float) -> None:
    """Log a post: neither the address nor what was sent."""
    outcome = {"status": answer.status} if answer.status else {"error": answer.trouble}
    facts = {"target": endpoint, "milliseconds": round(seconds * 1000), **outcome}
    log.info("webhook to %s -> %s, %d ms", endpoint, answer, facts["milliseconds"], extra=facts)


def _request(connection: h11.Connection, message: Message, agent: str, now: str) -> bytes:
    body = message.body.encode()
    headers = {
        "Host": message.to.address.authority,
        "User-Agent": agent,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **signed_headers(message, now),
    }
    request = h11.Request(
        method="POST", target=message.to.address.target, headers=list(headers.items())
    )
    parts = (request, h11.Data(data=body), h11.EndOfMessage())
    return b"".join(connection.send(part) or b"" for part in parts)


async def _head(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(CHUNK)
            if not data:
                raise ConnectionResetError
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            return event


async def _leave(connection: h11.Connection, reader: asyncio.StreamReader) -> None:
    """Hear the answer out, within bounds, so that the receiver sees no broken connection."""
    heard = 0
    with suppress(TimeoutError, OSError, h11.RemoteProtocolError):
        async with asyncio.timeout(LEAVE_SECONDS):
            while heard < MOST_REST_BYTES:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    data = await reader.read(CHUNK)
                    heard += len(data)
                    connection.receive_data(data)
                elif not isinstance(event, h11.Data):
                    return


async def _resolved(host: str, port: int) -> list[str]:
    import socket

    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


async def _cancel_all() -> None:
    here = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not here]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
