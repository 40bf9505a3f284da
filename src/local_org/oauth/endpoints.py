"""The login side of a local org: its addresses, and what the rest of the org asks of it.

``login`` is the browser's half, ``token_endpoint`` the machine's, ``grants`` remembers. Under
``/_local/oauth/`` a test may turn switches and end tokens; nothing there, or anywhere, lists a
token.

Source: docs/salesforce.md §1.1, §1.4, §1.7.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_org.oauth import identity
from local_org.oauth.apps import PUBLIC_CLIENT_ID, App, default_apps
from local_org.oauth.clients import Clients
from local_org.oauth.errors import OAuthError
from local_org.oauth.grants import Grants, Issued, Session
from local_org.oauth.http import (
    NO_STORE,
    Forbidden,
    answering,
    check_same_site,
    origin_of,
    read_credentials,
    read_json,
)
from local_org.oauth.login import Login
from local_org.oauth.settings import OAuthSettings
from local_org.oauth.token_endpoint import TokenEndpoint
from local_org.state.org import OrgState


class OAuth:
    """The login side of a local org.

    Args:
        state: the org, for its users and its clock.
        settings: the switches; may be changed while the org runs.
        apps: who may ask for tokens.
        passwords: passwords by username; everybody else has ``settings.password``.
    """

    def __init__(
        self,
        state: OrgState,
        *,
        settings: OAuthSettings | None = None,
        apps: Iterable[App] | None = None,
        passwords: dict[str, str] | None = None,
    ) -> None:
        self.settings = settings or OAuthSettings()
        self.apps = {app.client_id: app for app in (default_apps() if apps is None else apps)}
        self.passwords = {name.lower(): password for name, password in (passwords or {}).items()}
        self.grants = Grants(state.clock.seconds, self.settings, lambda: state.org_id[:15])
        self._state = state
        self._clients = Clients(state, self.settings, self.apps, self.passwords)
        self._login = Login(state, self.grants, self.settings, self.apps, self._clients.is_password)
        self._tokens = TokenEndpoint(state, self.grants, self.settings, self.apps, self._clients)

    # -- what the rest of the org asks

    def session_for(self, token: str) -> Session | None:
        """Whom an access token speaks for.

        None where it is unknown, has been idle too long, or its user is frozen.
        """
        session = self.grants.session(token)
        if session is None:
            return None
        user = self._state.user(session.user_id)
        return session if user is not None and user.get("IsActive") else None

    def register(self, app: App) -> None:
        """Add an app, or put a changed one in its place."""
        self.apps[app.client_id] = app

    def issue(
        self, username: str | None = None, client_id: str = PUBLIC_CLIENT_ID, scope: str = "api"
    ) -> Issued:
        """Log a user in without a browser or HTTP, for tests and for the built-in demo.

        Args:
            username: who; None for the org's first admin.
            client_id: for which app.
            scope: as a login would ask for it; with ``refresh_token`` it counts as one of the
                person's grants.
        """
        user = self._state.user(username or self._state.admin_id)
        if user is None:
            raise OAuthError("invalid_grant", "authentication failure")
        app = self.apps[client_id]
        session = Session(str(user["Id"]), client_id, app.granted(scope))
        return self.grants.open(session, lasting=True)

    def refuse_next(
        self, error: str, description: str, *, times: int = 1, status: int = 400
    ) -> None:
        """Let the next calls of the token endpoint fail so, whatever they ask."""
        self._tokens.errors.extend([OAuthError(error, description, status=status)] * times)

    def routes(self) -> list[Route]:
        """Every address of the login side."""
        oauth, local = "/services/oauth2", "/_local/oauth"
        either = ["GET", "POST"]
        return [
            *self._login.routes(),
            Route(f"{oauth}/token", answering(self._tokens.answer), methods=either),
            Route(f"{oauth}/revoke", answering(self._revoke), methods=either),
            Route(f"{oauth}/introspect", answering(self._introspect), methods=["POST"]),
            Route(f"{oauth}/userinfo", answering(self._userinfo), methods=either),
            Route("/id/keys", answering(self._keys), methods=["GET"]),
            Route("/id/{org_id}/{user_id}", answering(self._identity), methods=either),
            Route("/.well-known/openid-configuration", answering(self._discovery), methods=["GET"]),
            Route(f"{local}/counts", answering(self._counts), methods=["GET"]),
            Route(f"{local}/settings", answering(self._change_settings), methods=either),
            Route(f"{local}/expire", answering(self._expire), methods=["POST"]),
            Route(f"{local}/revoke-all", answering(self._revoke_all), methods=["POST"]),
            Route(f"{local}/refuse-next", answering(self._refuse_next), methods=["POST"]),
            Route(f"{local}/apps", answering(self._register), methods=["POST"]),
        ]

    # -- revoke, introspect

    async def _revoke(self, request: Request) -> Response:
        if request.method == "GET":
            form = dict(request.query_params)
        else:
            form = await read_credentials(request)
        hint = form.get("token_type_hint", "")
        if hint not in {"", "access_token", "refresh_token"}:
            raise OAuthError("unsupported_token_type", "this token type is not supported")
        self.grants.revoke(form.get("token", ""))
        return Response(status_code=200, headers=NO_STORE)

    async def _introspect(self, request: Request) -> Response:
        form = await read_credentials(request)
        app = self._clients.app(form)
        if app.secret is None:
            raise OAuthError("invalid_client", "invalid client credentials", status=401)
        found = self.grants.facts(form.get("token", ""))
        # Another app's token is not this app's business: it is answered as a dead one.
        if found is None or found[0].client_id != app.client_id:
            return JSONResponse({"active": False}, headers=NO_STORE)
        session, kind, issued_at, end = found
        user = self._state.user(session.user_id)
        reply = {
            "active": True,
            "scope": " ".join(session.scope),
            "client_id": session.client_id,
            "username": user["Username"] if user else "",
            "sub": identity.identity_url(origin_of(request), self._state.org_id, session.user_id),
            "token_type": kind,
            "iat": int(issued_at),
            "nbf": int(issued_at),
        }
        if end is not None:  # a refresh token lives until it is revoked
            reply["exp"] = int(end)
        return JSONResponse(reply, headers=NO_STORE)

    # -- who am I

    async def _identity(self, request: Request) -> Response:
        session = self._bearer(request)
        org_id, user_id = request.path_params["org_id"], request.path_params["user_id"]
        if not self._state.org_id.startswith(org_id[:15]) or len(org_id) not in {15, 18}:
            return PlainTextResponse("Wrong_Org", 403)
        user = self._state.user(user_id)
        if user is None or not str(user["Id"]).startswith(user_id[:15]):
            return PlainTextResponse("Bad_Id", 404)
        if user["Id"] != session.user_id:
            return PlainTextResponse("No_Access", 406)
        return JSONResponse(identity.identity(user, self._state.org_id, origin_of(request)))

    async def _userinfo(self, request: Request) -> Response:
        session = self._bearer(request)
        if not {"openid", "id", "full"} & set(session.scope):
            return PlainTextResponse("Missing_Scope", 403)
        user = self._state.user(session.user_id) or {}
        return JSONResponse(
            identity.userinfo(user, session.user_id, self._state.org_id, origin_of(request))
        )

    def _bearer(self, request: Request) -> Session:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "oauth"} or not token:
            raise Forbidden("Missing_OAuth_Token")
        session = self.session_for(token.strip())
        if session is None:
            raise Forbidden("Bad_OAuth_Token")
        return session

    async def _discovery(self, request: Request) -> Response:
        return JSONResponse(identity.discovery(origin_of(request)))

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": self._tokens.keys()})

    # -- for tests

    async def _counts(self, _request: Request) -> Response:
        return JSONResponse(self.grants.counts())

    async def _change_settings(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = await read_json(request)
            try:
                self.settings.change(wanted)
            except ValueError as problem:
                raise OAuthError("invalid_request", str(problem)) from problem
        return JSONResponse(self.settings.as_dict())

    async def _expire(self, request: Request) -> Response:
        check_same_site(request)
        return JSONResponse({"expired": self.grants.expire_access_tokens()})

    async def _revoke_all(self, request: Request) -> Response:
        check_same_site(request)
        self._login.forget_browsers()
        return JSONResponse({"revoked": self.grants.revoke_all()})

    async def _refuse_next(self, request: Request) -> Response:
        wanted = await read_json(request)
        times, status = int(wanted.get("times", 1)), int(wanted.get("status", 400))
        self.refuse_next(
            str(wanted["error"]), str(wanted["error_description"]), times=times, status=status
        )
        return JSONResponse({"refusals": len(self._tokens.errors)})

    async def _register(self, request: Request) -> Response:
        wanted = await read_json(request)
        for name in ("callbacks", "scopes"):
            if name in wanted:
                wanted[name] = tuple(wanted[name])
        try:
            app = self._changed_app(wanted)
        except (KeyError, TypeError) as problem:
            raise OAuthError("invalid_request", f"not an app: {problem}") from problem
        self.register(app)
        return JSONResponse({"client_id": app.client_id, "apps": list(self.apps)})

    def _changed_app(self, wanted: dict[str, Any]) -> App:
        known = self.apps.get(wanted["client_id"])
        if known is not None:
            return replace(known, **wanted)
        return App(**{"name": wanted["client_id"], **wanted})
