"""The local org as a whole: all parts put together, served on loopback.

Each request passes the fault plan, then the token check, then the API. A connection is broken,
where the plan says so, by aborting the very socket it came in on.
"""

import asyncio
import gzip
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local_org.api.call import Call, Reply, error_reply
from local_org.api.router import Api, versions
from local_org.api_error import ApiError
from local_org.bulk.jobs import Bulk
from local_org.control import watch_page
from local_org.control.control_api import LocalApi
from local_org.faults import FaultPlan, Trouble
from local_org.metadata.deploy_requests import MetadataApi
from local_org.oauth.grants import OAuthSettings
from local_org.oauth.login_side import OAuth
from local_org.records.actor import Actor
from local_org.rest.composite import Composite
from local_org.rest.sobject_collections import Collections
from local_org.rest.tooling import Tooling
from local_org.schema.penguinmails_fields import Provisioned
from local_org.state import sample_data
from local_org.state.clock import Clock
from local_org.state.founding import found_org
from local_org.state.org import OrgState
from local_org.state.settings import Settings
from local_org.state.state_file import StateFile
from local_org.state.users import API_ONLY_PROFILE, add_user

INTEGRATION_USER = "integration@penguin.example"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_MOST_URI_BYTES = 16_384
_GZIP_FROM_BYTES = 1_024
_START_SECONDS = 10.0
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


@dataclass(frozen=True, slots=True)
class LocalOrgConfig:
    """How the org is to be.

    Args:
        port: where to listen; 0 takes a free one.
        seed: what the sample data is drawn from; the same number gives the same people.
        contacts: how many sample Contacts.
        leads: how many sample Leads; None for as many as fit the Contacts.
        latency_seconds: how long each API answer waits.
        faults: the fault plan to begin with, see ``faults``.
        state_file: where the org is kept between runs; None keeps it in memory only.
        auto_approve: skip the login and Allow pages.
        custom_fields: whether PenguinMails' engagement fields and its id on people exist.
        task_external_id: whether PenguinMails' external id on Task exists.
        hide_opt_out: whether the opt-out fields are hidden from the API user.
        bare: an org nobody has prepared: no PenguinMails fields (whatever the two switches above
            say), opt-out fields that are granted to nobody, no Email among the Task types, and an
            integration user, who may log in and no more (``integration@penguin.example``).
        rotate_refresh_tokens: whether each refresh gives a new refresh token.
        settings: further switches, by the names in ``settings``.
        clock: where the time comes from, in seconds since 1970.
    """

    port: int = 0
    seed: int = 7
    contacts: int = 60
    leads: int | None = None
    latency_seconds: float = 0.0
    faults: tuple[dict[str, Any], ...] = ()
    state_file: Path | None = None
    auto_approve: bool = False
    custom_fields: bool = True
    task_external_id: bool = True
    hide_opt_out: bool = False
    bare: bool = False
    rotate_refresh_tokens: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.time


class LocalOrg:
    """A running (or ready to run) local org.

    >>> org = LocalOrg(LocalOrgConfig(contacts=2, leads=1))
    >>> len(org.state.table("Contact").rows)
    2

    Args:
        config: how it is to be.
    """

    def __init__(self, config: LocalOrgConfig | None = None) -> None:
        self.config = config or LocalOrgConfig()
        self.state = _new_state(self.config)
        self._file = StateFile(self.config.state_file) if self.config.state_file else None
        if self._file is None or not self._file.load(self.state):
            _fill(self.state, self.config)
        settings = OAuthSettings(
            auto_approve=self.config.auto_approve, rotation=self.config.rotate_refresh_tokens
        )
        self.oauth = OAuth(self.state, settings=settings)
        self.faults = FaultPlan(self.config.faults, self.config.latency_seconds)
        self.api = Api(self.state)
        self.api.extend(Collections(self.state).endpoints())
        self.api.extend(Composite(self.state, self.api).endpoints())
        self.api.extend(Tooling(self.state).endpoints())
        self.api.extend(MetadataApi(self.state).endpoints())
        self.bulk = Bulk(self.state)
        self.api.extend(self.bulk.endpoints())
        self.app = _app(self)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # -- running

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._bound().getsockname()[1])

    @property
    def url(self) -> str:
        """Its address, for example ``http://127.0.0.1:8080``."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "LocalOrg":
        """Serve in a thread; back when it answers."""
        if self._file is None and self.config.state_file:
            self._file = StateFile(self.config.state_file)
        self._server = self._new_server()
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._bound()]},
            name="local-org",
            daemon=True,
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the local org did not start")
            time.sleep(0.005)
        return self

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server = self._new_server()
        try:
            self._server.run(sockets=[self._bound()])
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop serving and keep the state, if there is a file for it."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=_START_SECONDS)
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None
        self.close()

    def close(self) -> None:
        """Keep the state and let go of its file; for an org that was never started, too."""
        self.save()
        if self._file is not None:
            self._file.close()
            self._file = None

    def save(self) -> None:
        """Write what has changed to the state file, if there is one."""
        if self._file is not None:
            self._file.save(self.state)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _bound(self) -> socket.socket:
        if self._socket is None:
            self._socket = _listening(self.config.port)
        return self._socket

    def _new_server(self) -> uvicorn.Server:
        return uvicorn.Server(
            uvicorn.Config(
                self.app,
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

    # -- people

    def as_user(self, name_or_id: str | None = None) -> Actor:
        """Act as somebody in Salesforce; the org's admin if nobody is named."""
        return Actor.of(self.state, name_or_id)

    def token(self, username: str | None = None) -> str:
        """An access token without a login, for tests."""
        return self.oauth.issue(username).access_token


def _listening(port: int) -> socket.socket:
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


def _new_state(config: LocalOrgConfig) -> OrgState:
    made = config.custom_fields and not config.bare
    provisioned = Provisioned(
        engagement=made,
        person_key=made,
        event_key=config.task_external_id and not config.bare,
        opt_outs_granted=not config.bare,
        email_task_type=not config.bare,
    )
    settings = Settings(hide_opt_out=config.hide_opt_out)
    settings.change(config.settings)
    return OrgState(provisioned=provisioned, settings=settings, clock=Clock(config.clock))


def _fill(state: OrgState, config: LocalOrgConfig) -> None:
    found_org(state)
    if config.bare:
        add_user(
            state,
            first_name="Inga",
            last_name="Integration",
            username=INTEGRATION_USER,
            profile=API_ONLY_PROFILE,
        )
    leads = config.contacts * 25 // 60 if config.leads is None else config.leads
    sample_data.fill(state, contacts=config.contacts, leads=leads, seed=config.seed)


class _Protocol(H11Protocol):
    """Tells each request how to break its own connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember, for the requests to come, whose connection it is."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "cut": transport.abort}


def _app(org: LocalOrg) -> ASGIApp:
    local = LocalApi(org.state, org.faults, org.save)
    app = Starlette(
        routes=[
            *watch_page.routes(),
            *local.routes(),
            *org.oauth.routes(),
            Route("/services/data", _Data(org).versions, methods=["GET", "HEAD"]),
            Route("/services/data/{rest:path}", _Data(org).answer, methods=_METHODS),
        ]
    )
    return _Door(app, org.faults)


class _Door:
    """What every request comes through: is it meant for this computer, and the fault plan.

    The server listens on loopback only, but a page of a stranger's can be led there under the
    stranger's own name (DNS rebinding); the Host header then gives it away.

    Args:
        app: what handles a request that goes well.
        plan: what does not.
    """

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self._app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        path = scope.get("path", "")
        if scope["type"] == "http" and not _is_meant_for_loopback(scope):
            await _response(_MISDIRECTED, {})(scope, receive, send)
            return
        if scope["type"] != "http" or path == "/" or path.startswith("/_local"):
            await self._app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        trouble = self._plan.trouble(scope["method"], f"{path}?{unquote(query)}" if query else path)
        scope["local_org.trouble"] = trouble
        if trouble.delay_seconds:
            await asyncio.sleep(trouble.delay_seconds)
        if trouble.drop:
            await _cut(scope)
            return
        await self._handled(scope, receive, send, trouble)

    async def _handled(self, scope: Scope, receive: Receive, send: Send, trouble: Trouble) -> None:
        if trouble.lose_reply:
            await self._app(scope, receive, _nowhere)
            await _cut(scope)
        elif trouble.silent:
            if trouble.silent_after_work:
                await self._app(scope, receive, _nowhere)
            await _gone(receive)
        elif trouble.truncate_share is not None and trouble.clean_end:
            await self._app(scope, receive, _ended_early(send, trouble.truncate_share))
        elif trouble.truncate_share is not None:
            await self._app(scope, receive, _shortened(send, trouble.truncate_share))
            await asyncio.sleep(0.02)  # what was sent is to arrive
            await _cut(scope)
        elif trouble.answer is not None and not scope["path"].startswith("/services/data"):
            await _response(trouble.answer, {})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_meant_for_loopback(scope: Scope) -> bool:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return len(hosts) == 1 and _LOOPBACK_HOST.fullmatch(hosts[0]) is not None


async def _nowhere(_message: Message) -> None:
    """Send nothing."""


def _shortened(send: Send, share: float) -> Send:
    async def forward(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: int(len(body) * share)], "more_body": True}
        await send(message)

    return forward


def _ended_early(send: Send, share: float) -> Send:
    async def forward(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: int(len(body) * share)]}
        await send(message)

    return forward


async def _gone(receive: Receive) -> None:
    """Wait until the client has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope) -> None:
    cut: Callable[[], None] | None = scope.get("state", {}).get("cut")
    if cut is None:
        raise ConnectionResetError("the fault plan breaks the connection")
    cut()
    await asyncio.sleep(0.01)  # until uvicorn has seen that nobody is there to answer


class _Data:
    """Everything under ``/services/data``: tokens, limits and headers around the API.

    Args:
        org: the org.
    """

    def __init__(self, org: LocalOrg) -> None:
        self._org = org
        self._state = org.state

    async def versions(self, request: Request) -> Response:
        """Which versions there are: open to all, not counted."""
        return _response(Reply(body=versions()), dict(request.headers), {"Date": self._date()})

    async def answer(self, request: Request) -> Response:
        """Handle one API request."""
        if not request.path_params["rest"]:
            return await self.versions(request)
        reply = await self._reply(request)
        headers = {"Date": self._date()}
        if reply.status != 401:
            limit = self._state.settings.daily_api_requests
            headers["Sforce-Limit-Info"] = f"api-usage={self._state.meter.used}/{limit}"
        path, query = request.url.path, unquote(request.url.query)
        self._state.meter.note(request.method, path, query, reply.status)
        return _response(reply, dict(request.headers), headers)

    def _date(self) -> str:
        return formatdate(self._state.clock.seconds(), usegmt=True)

    async def _reply(self, request: Request) -> Reply:
        try:
            _check_size(request)
            user_id = self._user(request)
            call = await _call(request, user_id)
            self._spend()
        except ApiError as error:
            return error_reply(error)
        trouble: Trouble = request.scope["local_org.trouble"]
        if trouble.answer is not None:
            return trouble.answer
        reply = self._org.api.dispatch(call)
        if call.method not in {"GET", "HEAD"}:
            self._org.save()
        return reply

    def _user(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        session = (
            self._org.oauth.session_for(token.strip())
            if scheme.lower() in {"bearer", "oauth"}
            else None
        )
        if session is None:
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        if not session.may_use_api:
            raise ApiError(
                "INVALID_SESSION_ID",
                "This session is not valid for use with the REST API",
                status=401,
            )
        return session.user_id

    def _spend(self) -> None:
        meter = self._state.meter
        if meter.used >= self._state.settings.daily_api_requests:
            raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        meter.count()


def _check_size(request: Request) -> None:
    uri = len(request.scope.get("raw_path", b"")) + len(request.scope.get("query_string", b"")) + 1
    if uri > _MOST_URI_BYTES:
        raise ApiError("URI_TOO_LONG", "The URI is longer than 16,384 bytes", status=414)
    headers = sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
    if uri + headers > _MOST_URI_BYTES:
        raise ApiError(
            "REQUEST_HEADER_TOO_LARGE", "URI and headers are longer than 16,384 bytes", status=431
        )


async def _call(request: Request, user_id: str) -> Call:
    raw = await request.body()
    if request.headers.get("content-encoding", "").lower() == "gzip":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError):
            raise ApiError(
                "JSON_PARSER_ERROR", "The body is not the gzip its Content-Encoding says"
            ) from None
    trouble: Trouble = request.scope["local_org.trouble"]
    return Call(
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        query=dict(
            parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        ),
        headers={name.lower(): value for name, value in request.headers.items()},
        raw=raw,
        user_id=user_id,
        row_fault=trouble.row_fault,
        job_fault=trouble.job_fault,
    )


def _response(reply: Reply, asked: dict[str, str], more: dict[str, str] | None = None) -> Response:
    content = reply.content()
    headers = {**reply.headers, **(more or {})}
    if content:
        headers["Content-Type"] = reply.content_type
    if len(content) >= _GZIP_FROM_BYTES and "gzip" in asked.get("accept-encoding", ""):
        content = gzip.compress(content, compresslevel=1, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, status_code=reply.status, headers=headers)
