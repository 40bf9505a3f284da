"""A tiny HTTP server on loopback whose every answer a test scripts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sfsync.model.token import Token


@dataclass
class Answer:
    """What to send; ``announced`` is the Content-Length told, -1 for none, ``None`` for the true one."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    drip_seconds: float = 0.0


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


class Web:
    """The server: ``answers`` takes a request and gives an ``Answer``, or ``None`` to hang up."""

    def __init__(self, answers: Callable[[Asked], Answer | None]) -> None:
        self.asked: list[Asked] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                told = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, told, self.rfile.read(length))
                web.asked.append(asked)
                answer = answers(asked)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Content-Type" not in answer.headers:
                    self.send_header("Content-Type", "application/json;charset=UTF-8")
                if answer.announced != -1:
                    length = len(answer.body) if answer.announced is None else answer.announced
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self._send(answer)
                if answer.announced is not None:
                    self.close_connection = True

            def _send(self, answer: Answer) -> None:
                if not answer.drip_seconds:
                    self.wfile.write(answer.body)
                    return
                wait = threading.Event()
                try:
                    for byte in answer.body:
                        self.wfile.write(bytes([byte]))
                        wait.wait(answer.drip_seconds)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - http.server calls them so

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def token(self, access_token: str = "secret-1", *, org_id: str = "00D000000000001AAA") -> Token:
        """A login for this server."""
        return Token(access_token, self.url, f"{self.url}/id/{org_id}/005000000000001AAA")

    @contextmanager
    def serving(self) -> Iterator[Web]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join(5)
            self._server.server_close()
