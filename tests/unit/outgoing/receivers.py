"""Receivers on loopback, as strangers write them: they verify with the libraries of the two specifications."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

Answer = tuple[int, Mapping[str, str]]
Say = Callable[["Got"], Answer]


@dataclass(frozen=True)
class Got:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """What it says; both libraries have to agree that it is signed."""
        told = Webhook(secret).verify(self.body, self.headers)
        svix = {
            name.replace("webhook-", "svix-"): value
            for name, value in self.headers.items()
            if name.startswith("webhook-")
        }
        SvixWebhook(secret).verify(self.body, svix)
        return told


@dataclass
class Receiver:
    """Takes what comes; answers 204 until it is told otherwise."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    say: Say = lambda _got: (204, {})

    def told(self) -> list[Any]:
        return [each.verified() for each in self.got]

    def wait_for(self, count: int, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < end, f"{len(self.got)} of {count} came"
            time.sleep(0.02)


def always(status: int, **headers: str) -> Say:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _got: (status, named)


@contextmanager
def receiving(say: Say | None = None) -> Iterator[Receiver]:
    receiver = Receiver()
    if say is not None:
        receiver.say = say

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Got(self.path, headers, body)
            receiver.got.append(got)
            status, more = receiver.say(got)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook?of=sfsync"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
