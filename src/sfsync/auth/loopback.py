"""Waiting for the browser to come back: a one-shot listener on this computer, with a deadline.

It listens on 127.0.0.1 and ::1 alike, since ``localhost`` may be either to a browser and a port
held on one of them only could be taken by another program on the other. Only a callback with this
login's state counts; others get an error page and the waiting goes on, so that a stray or hostile
request can neither complete nor end the login. The page a person sees is sent when it is known
whether the login worked.

Source: docs/salesforce.md §1.3 (literal ``localhost``, exact port, mismatch seen only in the
browser); RFC 8252.
"""

from __future__ import annotations

import errno
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

from sfsync.errors import AuthError, InputError, LoginTimedOut, SfsyncError, StateMismatch

from .callback import CALLBACK_PATH, read_callback, read_pasted, redirect_uri
from .pages import HEADERS, LOGGED_IN, NOT_LOGGED_IN

DEFAULT_DEADLINE_SECONDS = 180.0
_HANDLER_SECONDS = 5.0
_RESULT_SECONDS = 90.0
_LAST_PAGE_SECONDS = 2.0
_POLL_SECONDS = 0.02  # how soon a server notices that it is to stop
_PASTE_SECONDS = 0.2
_NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENODEV})

Paste = Callable[[float], str | None]
"""Waits at most that many seconds for a line a person may paste; gives it, or None."""


class Listener:
    """An open callback server; a context manager that closes it whatever happens.

    Args:
        ports: to try in this order; those of ``org.redirect_ports``.
        state: this login's.
        host: the login host, for messages.

    Raises:
        AuthError: every port is taken.
    """

    def __init__(self, ports: Sequence[int], state: str, host: str) -> None:
        self._exchange = _Exchange(state, host)
        self._servers = _bind_first(ports, self._exchange)
        self._port: int = self._servers[0].server_address[1]
        self._exchange.open_for(self._port)
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def redirect_uri(self) -> str:
        """The callback to send the browser to."""
        return redirect_uri(self._port)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses it listens on."""
        return tuple(str(server.server_address[0]) for server in self._servers)

    def wait(
        self, deadline_seconds: float = DEFAULT_DEADLINE_SECONDS, paste: Paste | None = None
    ) -> str:
        """The code, when the browser has come back.

        Args:
            deadline_seconds: how long to wait in all.
            paste: waits at most the given seconds for a line that a person may paste, and gives it
                or None.

        Raises:
            LoginTimedOut: nobody came.
            StateMismatch: only callbacks of other logins came.
            LoginRefused: Salesforce, or the person, said no.
            InputError: what was pasted is no callback.
        """
        deadline = time.monotonic() + deadline_seconds
        while (seconds_left := deadline - time.monotonic()) > 0:
            # Where a person may paste, the waiting is done by ``paste``.
            if self._exchange.arrived.wait(0 if paste else min(seconds_left, 1.0)):
                return self._exchange.code()
            pasted = paste(min(seconds_left, _PASTE_SECONDS)) if paste else None
            if pasted and pasted.strip():
                return read_pasted(pasted, self._exchange.state, self._exchange.host)
        raise self._exchange.timed_out(deadline_seconds, self.redirect_uri)

    def succeed(self) -> None:
        """Let the browser show that the login worked."""
        self._exchange.settle(worked=True)

    def close(self) -> None:
        """Stop listening; a browser that still waits is shown that the login failed."""
        self._exchange.settle(worked=False)
        if self._exchange.arrived.is_set():
            self._exchange.page_sent.wait(_LAST_PAGE_SECONDS)
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Exchange:
    """What the threads of the server and the login's own thread share.

    A server's thread leaves the callback here and waits until the login is known to have worked or
    failed, because only then can it send the page.
    """

    def __init__(self, state: str, host: str) -> None:
        self.state = state
        self.host = host
        self.arrived = threading.Event()
        self.page_sent = threading.Event()
        self.hosts: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._outcome: str | SfsyncError | None = None
        self._mismatch: StateMismatch | None = None
        self._settled = threading.Event()
        self._worked = False

    def __repr__(self) -> str:
        return "_Exchange()"

    def open_for(self, port: int) -> None:
        self.hosts = frozenset({f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"})

    def settle(self, *, worked: bool) -> None:
        if not self._settled.is_set():
            self._worked = worked
            self._settled.set()

    def code(self) -> str:
        if isinstance(self._outcome, SfsyncError):
            raise self._outcome
        return self._outcome or ""

    def timed_out(self, seconds: float, callback: str) -> SfsyncError:
        if self._mismatch:
            return self._mismatch
        return LoginTimedOut(
            f"The browser did not come back within {seconds:.0f} seconds",
            hint="If it shows redirect_uri_mismatch, register this callback on the app, exactly "
            "so: "
            f"{callback}. Else run `sfsync login` again.",
        )

    def receive(self, query: str, show: Callable[[bool], None]) -> None:
        """Take a callback, wait until the login has worked or failed, and show that.

        Args:
            query: what the browser brings.
            show: sends the page; the listener stays open until the one that counts is sent.
        """
        if not self._takes(query):
            show(False)
            return
        self.arrived.set()
        self._settled.wait(_RESULT_SECONDS)
        try:
            show(self._worked)
        finally:
            self.page_sent.set()

    def _takes(self, query: str) -> bool:
        """Whether this is the callback that counts. There is one at most."""
        try:
            outcome: str | SfsyncError = read_callback(query, self.state, self.host)
        except StateMismatch as mismatch:
            # Another login's: the waiting goes on. It is reported where no other came in time.
            self._mismatch = mismatch
            return False
        except InputError:
            return False
        except SfsyncError as refused:
            # Salesforce, or the person, said no: that ends the login.
            outcome = refused
        with self._lock:
            first = self._outcome is None
            if first:
                self._outcome = outcome
            return first


class _Handler(BaseHTTPRequestHandler):
    """Answers one request; every answer is one of the two pages, or empty."""

    timeout = _HANDLER_SECONDS

    @property
    def _exchange(self) -> _Exchange:
        return cast(_Server, self.server).exchange

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if not self._is_for_us():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST)
        elif path != CALLBACK_PATH:
            self._answer(HTTPStatus.NOT_FOUND, empty=path == "/favicon.ico")
        elif not self._is_navigation():
            self._answer(HTTPStatus.FORBIDDEN)
        else:
            self._exchange.receive(
                query,
                lambda worked: self._answer(HTTPStatus.OK if worked else HTTPStatus.BAD_REQUEST),
            )

    def do_OPTIONS(self) -> None:
        """Browsers may ask before they let a public page lead to a private address.

        Source: docs/salesforce.md §1.3 (the Salesforce CLI answers it too).
        """
        asks = self.headers.get("Access-Control-Request-Private-Network") == "true"
        if not (self._is_for_us() and asks and self.path.partition("?")[0] == CALLBACK_PATH):
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED)
            return
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Methods", "GET")
        self.send_header("Access-Control-Allow-Private-Network", "true")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses gets the same page: its own would quote the request."""
        del message, explain
        self.close_connection = True
        # http.server says "not implemented" to a method without a handler.
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._answer(HTTPStatus(code))

    def version_string(self) -> str:
        return "sfsync"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the request line holds the code."""

    def _is_for_us(self) -> bool:
        hosts = self.headers.get_all("Host") or []
        return len(hosts) == 1 and hosts[0].lower() in self._exchange.hosts

    def _is_navigation(self) -> bool:
        """Whether it is a person's tab coming back.

        The redirect is cross-site, but it is a top-level navigation.
        """
        mode = self.headers.get("Sec-Fetch-Mode")
        if mode is None:
            # An older browser: a script of another page would send that page's origin.
            return self.headers.get("Origin") in {None, "null"}
        if mode != "navigate":
            return False
        return self.headers.get("Sec-Fetch-Dest", "document") == "document"

    def _answer(self, status: HTTPStatus, *, empty: bool = False) -> None:
        page = LOGGED_IN if status == HTTPStatus.OK else NOT_LOGGED_IN
        body = b"" if empty else page.encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Elsewhere it frees a port that lingers; on Windows it would let others share a port that is in
    # use.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, address: str, port: int, exchange: _Exchange) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.exchange = exchange
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Without http.server's look-up of this computer's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a browser may go away, and a traceback would show the request."""


def _bind_first(ports: Sequence[int], exchange: _Exchange) -> list[_Server]:
    for port in ports:
        servers = _bind_both(port, exchange)
        if servers:
            return servers
    problem = "org.redirect_ports is empty"
    if ports:
        problem = f"No port for the browser's way back is free: {', '.join(map(str, ports))}"
    raise AuthError(
        problem,
        hint="Close the program that uses one of them, or add another port to org.redirect_ports "
        "and its "
        "callback http://localhost:PORT/callback to the app.",
    )


def _bind_both(port: int, exchange: _Exchange) -> list[_Server]:
    """Servers on both loopback addresses; none at all where either is taken."""
    try:
        servers = [_Server("127.0.0.1", port, exchange)]
    except OSError:
        return []
    if not socket.has_ipv6:
        return servers
    try:
        servers.append(_Server("::1", servers[0].server_address[1], exchange))
    except OSError as error:
        if error.errno in _NO_IPV6:
            return servers
        # Another program has the port on the other address.
        servers[0].server_close()
        return []
    return servers
