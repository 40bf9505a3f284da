"""The web servers of ``listen``, in a thread of their own: webhooks on one address, health and metrics on another."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from sfsync.config.listen import address
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from sfsync.intake.receiver import Receiver

DRAIN_SECONDS = 5
"""How long requests under way may take once the process is asked to end."""

TURN_SECONDS = 0.0005
CONNECTIONS = 1000
KEEP_ALIVE_SECONDS = 30
BACKLOG = 1024


def listening(bind: str) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: the address is taken, or not of this machine.
    """
    host, port = address(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise UsageError(
            f"{bind} cannot be listened on: {error.strerror}",
            hint="Choose another address: listen.bind and listen.health_bind, or --bind.",
        ) from error
    opened.listen(BACKLOG)
    return opened


def at_address(opened: socket.socket) -> str:
    """Where a socket listens, whatever port it was given: ``http://127.0.0.1:8788``."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Servers:
    """Serves until it is stopped; sockets are open, and connections wait, before it starts."""

    def __init__(
        self,
        receiver: Receiver | None,
        webhooks: socket.socket | None,
        health: Starlette,
        health_socket: socket.socket,
    ) -> None:
        self._receiver = receiver
        self._loop = asyncio.new_event_loop()
        self._servers = [(_server(health), health_socket)]
        if receiver is not None and webhooks is not None:
            self._servers.append((_server(receiver.app()), webhooks))
        self._thread = threading.Thread(target=self._run, name="sfsync-web", daemon=True)

    def start(self) -> None:
        """Serve.

        Python lets a thread that computes go on for five milliseconds before another gets its turn. A tick computes
        for minutes, and each request takes several turns, so turns are shorter here.
        """
        sys.setswitchinterval(TURN_SECONDS)
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way, and keep what they brought."""
        if self._receiver is not None:
            self._receiver.closing = True
        for server, _ in self._servers:
            self._loop.call_soon_threadsafe(setattr, server, "should_exit", True)
        self._thread.join(2 * DRAIN_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        await asyncio.gather(*(server.serve(sockets=[opened]) for server, opened in self._servers))
        if self._receiver is not None:
            await self._receiver.finish()


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
