"""The second listener: gRPC on loopback, in the clear or under a certificate of its own."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from local_org.events.bus import Bus
from local_org.faults import FaultPlan
from local_org.oauth.grants import Session
from local_org.pubsub.certificate import Certificate
from local_org.pubsub.service import PubSubService

_MOST_CALLS = 64
_GRACE_SECONDS = 0.5


def new_listener(
    bus: Bus,
    faults: FaultPlan,
    session_for: Callable[[str], Session | None],
    *,
    port: int,
    tls: bool,
) -> "PubSubListener":
    """The listener of an org.

    Args:
        bus: its event bus.
        faults: its fault plan.
        session_for: says whom a token speaks for.
        port: where it listens; 0 takes a free one.
        tls: whether it proves itself with a certificate.
    """
    service = PubSubService(bus, faults, session_for)
    return PubSubListener(service, port, tls=tls)


class PubSubListener:
    """Serves the Pub/Sub API on 127.0.0.1.

    Args:
        service: the API.
        port: where; 0 takes a free one.
        tls: whether it proves itself with a certificate, made anew at each start.
    """

    def __init__(self, service: PubSubService, port: int, *, tls: bool) -> None:
        self._service = service
        self._wanted_port = port
        self._tls = tls
        self._certificate: Certificate | None = None
        self._server: Any = None
        self._port: int | None = None

    @property
    def address(self) -> str:
        """Where it listens, for example ``127.0.0.1:7443``.

        Raises:
            OSError: where the port is taken.
        """
        if self._port is None:
            self._bind()
        return f"127.0.0.1:{self._port}"

    @property
    def certificate_file(self) -> Path | None:
        """The certificate that a client has to trust; None without TLS."""
        if self._port is None:
            self._bind()
        return self._certificate.file if self._certificate else None

    def start(self) -> None:
        """Serve, in threads of its own."""
        if self._port is None:
            self._bind()
        self._service.start()
        self._server.start()

    def stop(self) -> None:
        """End all streams, and listen no more."""
        self._service.stop()
        if self._server is not None:
            self._server.stop(_GRACE_SECONDS).wait()
            self._server = self._port = None
        if self._certificate is not None:
            self._certificate.remove()
            self._certificate = None

    def _bind(self) -> None:
        pool = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="local-org-pubsub")
        options = [("grpc.so_reuseport", 0)]
        self._server = grpc.server(pool, options=options)
        self._server.add_generic_rpc_handlers((self._service.handler(),))
        address = f"127.0.0.1:{self._wanted_port}"
        try:
            if not self._tls:
                self._port = self._server.add_insecure_port(address)
            else:
                self._certificate = made = Certificate.new()
                credentials = grpc.ssl_server_credentials([(made.key, made.chain)])
                self._port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) from error
