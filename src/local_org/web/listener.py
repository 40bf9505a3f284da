"""Listening on loopback, and an HTTP server that can break a single connection."""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; port 0 takes a free one.

    Raises:
        OSError: where the port is taken.
    """
    # IPPROTO_TCP said aloud: asyncio turns Nagle's delay off only where the socket says it is TCP.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        bound.listen(256)
    except OSError:
        bound.close()
        raise
    return bound


def new_server(app: ASGIApp) -> uvicorn.Server:
    """A server for the app, silent, with no headers of its own."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            h11_max_incomplete_event_size=1_048_576,
            timeout_graceful_shutdown=1,
        )
    )


class _Protocol(H11Protocol):
    """Tells each request how to break its own connection: ``scope["state"]["cut"]``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember, for the requests to come, whose connection it is."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "cut": transport.abort}
