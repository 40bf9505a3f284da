"""``/_local``: what a person or an admin does in Salesforce, and what a test wants to know.

No token is needed and nothing counts against the API limit. Bodies are JSON objects
(``Content-Type: application/json``); an error has the shape of the REST API's. ``user`` (id,
username or email; the admin where left out) and ``commit_delay_seconds`` may stand in every body
that writes.

- ``POST /_local/create``: ``{"sobject", "fields"}``; answers ``{"id"}``.
- ``POST /_local/edit``: ``{"id", "fields"}``; answers ``{"ok": true}``.
- ``POST /_local/delete``, ``/undelete``, ``/purge``: ``{"id"}`` or ``{"ids": []}``.
- ``POST /_local/merge``: ``{"master", "losers": [], "fields"?}``.
- ``POST /_local/convert``: ``{"lead", "contact"?, "account"?}``; answers
  ``{"contact", "account"}``.
- ``POST /_local/archive``: ``{}``, archives old closed Tasks; answers ``{"archived"}``.
- ``GET|POST|DELETE /_local/faults``: ``{"faults": [], "latency_seconds"?}``, see ``faults``;
  answers the plan in force.
- ``GET|POST /_local/settings``: ``{name: value}``, see ``settings``; answers all settings.
- ``GET|POST /_local/clock``: ``{"advance_seconds"}``; answers ``{"now", "offset_seconds"}``.
- ``GET /_local/calls``: answers ``{"used", "by_path", "calls", "limit"}``.
- ``POST /_local/calls/reset``: ``{}``.
- ``GET /_local/dump?sobject=&query=``: every record, deleted ones too, or what the SOQL finds, as
  ``{name: [record]}``.
- ``/_local/platform``: the email platform, see ``platform_control``.
- ``GET|POST /_local/events``: ``{"do": "reset" | "drop"}``, see ``event_control``; answers what was
  published and how much was delivered.
- ``GET /_local/watch`` and ``GET /_local/person/ID``: what the page shows.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_org import ids, soql
from local_org.api.versions import NEWEST_VERSION
from local_org.api_error import ApiError
from local_org.control import watch_data
from local_org.control.event_control import EventControl
from local_org.control.platform_control import Body, PlatformControl
from local_org.email_platform.platform import EmailPlatform
from local_org.faults import FaultPlan
from local_org.records.actor import Actor
from local_org.state.org import OrgState
from local_org.state.rendering import whole_record

if TYPE_CHECKING:
    from local_org.events.bus import Bus

_VERSION = f"{NEWEST_VERSION}.0"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ControlApi:
    """The ``/_local`` addresses.

    Args:
        state: the org.
        faults: its fault plan.
        save: what keeps the state after a change.
        platform: gives the email platform beside the org, if there is one.
        bus: its event bus, where it has one.
    """

    def __init__(
        self,
        state: OrgState,
        faults: FaultPlan,
        save: Callable[[], None],
        platform: Callable[[], EmailPlatform | None],
        bus: "Bus | None" = None,
    ) -> None:
        self.state = state
        self.events = EventControl(state, bus)
        self.faults = faults
        self.save = save
        self.platform = PlatformControl(platform, state)

    def routes(self) -> list[Route]:
        """The addresses, see the module."""
        posts: dict[str, Callable[[Body], Any]] = {
            "create": self._create,
            "edit": self._edit,
            "delete": self._delete,
            "undelete": self._undelete,
            "purge": self._purge,
            "merge": self._merge,
            "convert": self._convert,
            "archive": self._archive,
            "calls/reset": self._reset_calls,
            **self.platform.posts(),
        }
        both: dict[str, tuple[Callable[[Request], Any], Callable[[Body], Any]]] = {
            "faults": (self._faults, self._set_faults),
            "settings": (self._settings, self._change_settings),
            "clock": (self._clock, self._advance),
            "events": (self.events.show, self.events.act),
            "platform": (lambda _: self.platform.overview(), self.platform.change),
        }
        gets: dict[str, Callable[[Request], Any]] = {
            "calls": self._calls,
            "dump": self._dump,
            "watch": self._watch,
            "person/{id}": self._person,
        }
        return [
            *(
                Route(f"/_local/{name}", self._posting(step), methods=["POST"])
                for name, step in posts.items()
            ),
            *(
                Route(f"/_local/{name}", self._getting(step), methods=["GET"])
                for name, step in gets.items()
            ),
            *(
                Route(f"/_local/{name}", self._getting(read), methods=["GET"])
                for name, (read, _) in both.items()
            ),
            *(
                Route(f"/_local/{name}", self._posting(step), methods=["POST"])
                for name, (_, step) in both.items()
            ),
            Route("/_local/faults", self._getting(self._clear_faults), methods=["DELETE"]),
        ]

    def _getting(self, step: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return _reply(request, lambda: step(request))

        return endpoint

    def _posting(self, step: Callable[[Body], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not request.headers.get("content-type", "").startswith("application/json"):
                return _error("UNSUPPORTED_MEDIA_TYPE", "the body must be application/json", 415)
            try:
                body = await request.json()
            except ValueError as error:
                return _error("JSON_PARSER_ERROR", str(error), 400)
            if not isinstance(body, dict):
                return _error("JSON_PARSER_ERROR", "the body must be a JSON object", 400)
            reply = _reply(request, lambda: step(body))
            self.save()
            return reply

        return endpoint

    # -- people

    def _actor(self, body: Body) -> Actor:
        delay = body.get("commit_delay_seconds")
        return Actor.of(
            self.state,
            body.get("user"),
            commit_delay_seconds=None if delay is None else float(delay),
        )

    def _create(self, body: Body) -> Any:
        return {"id": self._actor(body).create(str(body["sobject"]), body.get("fields") or {})}

    def _edit(self, body: Body) -> Any:
        self._actor(body).edit(_id(body["id"]), body.get("fields") or {})

    def _delete(self, body: Body) -> Any:
        for each in _ids(body):
            self._actor(body).delete(each)

    def _undelete(self, body: Body) -> Any:
        for each in _ids(body):
            self._actor(body).undelete(each)

    def _purge(self, body: Body) -> Any:
        for each in _ids(body):
            self._actor(body).purge(each)

    def _merge(self, body: Body) -> Any:
        losers = [_id(each) for each in body["losers"]]
        self._actor(body).merge(_id(body["master"]), losers, body.get("fields"))

    def _convert(self, body: Body) -> Any:
        contact, account = body.get("contact"), body.get("account")
        done = self._actor(body).convert(
            _id(body["lead"]),
            contact_id=_id(contact) if contact else None,
            account_id=_id(account) if account else None,
        )
        return {"contact": done.contact_id, "account": done.account_id}

    def _archive(self, body: Body) -> Any:
        return {"archived": self._actor(body).archive_tasks()}

    # -- admins and tests

    def _plan(self) -> dict[str, Any]:
        plan = [fault.as_dict() for fault in self.faults.faults]
        return {"faults": plan, "latency_seconds": self.faults.latency_seconds}

    def _faults(self, _request: Request) -> Any:
        return self._plan()

    def _set_faults(self, body: Body) -> Any:
        if "faults" in body:
            self.faults.set(body["faults"])
        if "latency_seconds" in body:
            self.faults.latency_seconds = float(body["latency_seconds"])
        return self._plan()

    def _clear_faults(self, _request: Request) -> Any:
        self.faults.clear()
        return self._plan()

    def _settings(self, _request: Request) -> Any:
        return self.state.settings.as_dict()

    def _change_settings(self, body: Body) -> Any:
        with self.state.lock:
            self.state.settings.change(body)
            return self.state.settings.as_dict()

    def _time(self) -> dict[str, Any]:
        return {
            "now": self.state.now().isoformat(),
            "offset_seconds": self.state.clock.offset_seconds,
        }

    def _clock(self, _request: Request) -> Any:
        return self._time()

    def _advance(self, body: Body) -> Any:
        self.state.advance(float(body["advance_seconds"]))
        return self._time()

    def _calls(self, _request: Request) -> Any:
        return {**self.state.meter.as_dict(), "limit": self.state.settings.daily_api_requests}

    def _reset_calls(self, _body: Body) -> Any:
        self.state.meter.reset()

    def _dump(self, request: Request) -> Any:
        query = request.query_params.get("query")
        if query:
            result = soql.run(self.state, query, everything=True)
            return {result.kind.name: result.page(0, result.total, _VERSION)}
        wanted = request.query_params.get("sobject")
        with self.state.lock:
            tables = [self.state.table(wanted)] if wanted else list(self.state.tables)
            return {
                table.kind.name: [
                    whole_record(table.kind, row, _VERSION) for row in table.rows.values()
                ]
                for table in tables
            }

    # -- the page

    def _watch(self, _request: Request) -> Any:
        beside = {"platform": self.platform.overview_if_any(), "bus": self.events.overview_if_any()}
        return {**watch_data.overview(self.state), **beside}

    def _person(self, request: Request) -> Any:
        return watch_data.person(self.state, _id(request.path_params["id"]))


def _reply(request: Request, step: Callable[[], Any]) -> Response:
    if not _from_here(request):
        return _error("FORBIDDEN", "this is for pages and programs of this computer", 403)
    try:
        body = step()
    except ApiError as error:
        return JSONResponse([error.as_rest()], status_code=error.status)
    except KeyError as error:
        return _error("MISSING_ARGUMENT", f"missing in the body: {error}", 400)
    except (TypeError, ValueError) as error:
        return _error("INVALID_ARGUMENT", str(error), 400)
    return JSONResponse({"ok": True} if body is None else body)


def _from_here(request: Request) -> bool:
    """Whether no foreign web page is behind the request."""
    if request.url.hostname not in _LOOPBACK:
        return False
    origin = request.headers.get("origin")
    # Programs send no Origin; this server's own page sends its own.
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _error(code: str, message: str, status: int) -> Response:
    return JSONResponse([{"errorCode": code, "message": message}], status_code=status)


def _id(text: Any) -> str:
    return ids.canonical(str(text))


def _ids(body: Body) -> list[str]:
    wanted = body["ids"] if "ids" in body else [body["id"]]
    return [_id(each) for each in wanted]
