"""The gate of the API, ``/services/data``: tokens, limits and headers around each call.

Source: docs/salesforce.md §2.1, §2.4, §2.5, §9.
"""

import gzip
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_org.api.call import Call, Reply, error_reply
from local_org.api.router import Router
from local_org.api.versions import versions
from local_org.api_error import ApiError
from local_org.faults import Effects
from local_org.oauth.endpoints import OAuth
from local_org.state.org import OrgState
from local_org.web.entrance import FAULT_EFFECTS
from local_org.web.response import http_response

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_MOST_URI_BYTES = 16_384


class DataApi:
    """Everything under ``/services/data``.

    Args:
        state: the org.
        oauth: says whom a token speaks for.
        router: handles a call that is let through.
        save: keeps the state after a call that may have changed it.
    """

    def __init__(
        self, state: OrgState, oauth: OAuth, router: Router, save: Callable[[], None]
    ) -> None:
        self._state = state
        self._oauth = oauth
        self._router = router
        self._save = save

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/services/data", self._versions, methods=["GET", "HEAD"]),
            Route("/services/data/{rest:path}", self._answer, methods=_METHODS),
        ]

    async def _versions(self, request: Request) -> Response:
        """Which versions there are: open to all, not counted."""
        reply = Reply(body=versions())
        return http_response(reply, dict(request.headers), {"Date": self._date()})

    async def _answer(self, request: Request) -> Response:
        """Handle one API request."""
        if not request.path_params["rest"]:
            return await self._versions(request)
        reply = await self._reply(request)
        headers = {"Date": self._date()}
        if reply.status != 401:  # an unknown caller learns nothing of the org
            limit = self._state.settings.daily_api_requests
            headers["Sforce-Limit-Info"] = f"api-usage={self._state.meter.used}/{limit}"
        path, query = request.url.path, unquote(request.url.query)
        self._state.meter.note(request.method, path, query, reply.status)
        return http_response(reply, dict(request.headers), headers)

    def _date(self) -> str:
        return formatdate(self._state.clock.seconds(), usegmt=True)

    async def _reply(self, request: Request) -> Reply:
        try:
            _check_size(request)
            user_id = self._user(request)
            call = await _read_call(request, user_id)
            self._count()
        except ApiError as error:
            return error_reply(error)
        effects: Effects = request.scope[FAULT_EFFECTS]
        if effects.answer is not None and not effects.answer_after_work:
            return effects.answer
        reply = self._router.dispatch(call)
        if call.method not in {"GET", "HEAD"}:
            self._save()
        return effects.answer or reply

    def _user(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        known_scheme = scheme.lower() in {"bearer", "oauth"}
        session = self._oauth.session_for(token.strip()) if known_scheme else None
        if session is None:
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        if not session.may_use_api:
            raise ApiError(
                "INVALID_SESSION_ID",
                "This session is not valid for use with the REST API",
                status=401,
            )
        return session.user_id

    def _count(self) -> None:
        """Count the call, unless there are none left for today."""
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


async def _read_call(request: Request, user_id: str) -> Call:
    effects: Effects = request.scope[FAULT_EFFECTS]
    query = request.scope["query_string"].decode("latin-1")
    return Call(
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        raw=_unzipped(request, await request.body()),
        user_id=user_id,
        row_fault=effects.row_fault,
        job_fault=effects.job_fault,
    )


def _unzipped(request: Request, raw: bytes) -> bytes:
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError):
        raise ApiError(
            "JSON_PARSER_ERROR", "The body is not the gzip its Content-Encoding says"
        ) from None
