"""A tiny token endpoint over HTTP, and places to keep logins in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sfsync.auth.grants import Grants
from sfsync.errors import TokenStoreError
from sfsync.model.token import Token

ORG = "00D000000000001EAA"
USER = "005000000000001AAA"
CANARY = "cAnArY!AQ.sEcReT+/="


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Endpoint:
    """What it was asked, and what it answers: (status, body, headers); the last one is repeated."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    replies: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    on_request: Callable[[Seen], None] = lambda seen: None

    def reply(
        self,
        status: int = 200,
        body: Any = None,
        /,
        headers: dict[str, str] | None = None,
        **changes,
    ):
        if body is None:
            body = self.token_reply(**changes)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies.append((status, raw, headers or {"Content-Type": "application/json"}))
        return self

    def token_reply(self, **changes: Any) -> dict[str, Any]:
        reply = {
            "access_token": f"00D!{CANARY}",
            "refresh_token": f"5Aep{CANARY}",
            "scope": "refresh_token api",
            "instance_url": self.url,
            "id": f"{self.url}/id/{ORG}/{USER}",
            "token_type": "Bearer",
            "issued_at": "1435269268723",
            "signature": "c2ln",
        }
        return {name: value for name, value in (reply | changes).items() if value is not None}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.do_POST()

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            seen = Seen(self.command, urlsplit(self.path).path, dict(self.headers), form)
            state.seen.append(seen)
            state.on_request(seen)
            status, raw, headers = (
                state.replies.pop(0) if len(state.replies) > 1 else state.replies[0]
            )
            if status == 0:
                self.connection.close()
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def grants(endpoint: Endpoint) -> Grants:
    return Grants(endpoint.url, "3MVG9.key", connect_seconds=2, read_seconds=2)


@pytest.fixture
def held(endpoint: Endpoint) -> Token:
    return Token(
        access_token=f"00D!old.{CANARY}",
        refresh_token=f"5Aep.old.{CANARY}",
        instance_url=endpoint.url,
        id_url=f"{endpoint.url}/id/{ORG}/{USER}",
        scope="refresh_token api",
        issued_at=1,
    )


class MemoryStore:
    """Keeps logins in memory; can be told to fail."""

    name = "keyring"

    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}
        self.saves = 0
        self.fail_saves: set[int] = set()
        self.forgetful = False

    def load(self, profile: str) -> Token | None:
        return self.kept.get(profile)

    def save(self, profile: str, token: Token) -> None:
        self.saves += 1
        if self.saves in self.fail_saves:
            raise TokenStoreError("no space")
        if not self.forgetful:
            self.kept[profile] = replace(token)

    def delete(self, profile: str) -> None:
        self.kept.pop(profile, None)


class MemoryVault:
    """The mirror's part, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def read(self, profile: str) -> bytes | None:
        return self.kept.get(profile)

    def write(self, profile: str, sealed: bytes) -> None:
        self.kept[profile] = sealed

    def delete(self, profile: str) -> None:
        self.kept.pop(profile, None)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def new_store() -> type[MemoryStore]:
    return MemoryStore


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
def new_vault() -> type[MemoryVault]:
    return MemoryVault


@pytest.fixture
def canary() -> str:
    return CANARY
