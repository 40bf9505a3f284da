"""OAuth 2.0 as Salesforce speaks it: tokens for codes, refreshes, assertions and secrets, and what they tell.

This module is the machine's half (token, revoke, introspect, userinfo, identity, discovery) and the
door to the rest: ``oauth_login`` is the browser's half, ``oauth_grants`` remembers. What the rest
of the org asks is :meth:`OAuth.session_for`. Under ``/_local/oauth/`` a test may turn switches and
end tokens; nothing there, or anywhere, lists a token.

Source: salesforce-facts §1.1-1.8; "request not supported on this domain"
gh:pozil/pub-sub-api-node-client#58; "grant type not supported" gh:Oyatel/CometD.NET#20. Texts
marked unconfirmed there are so here.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local_org import timestamps
from local_org.oauth.grants import SCOPES, App, Grants, Issued, OAuthError, OAuthSettings, Session
from local_org.oauth.login import Login
from local_org.state.org import OrgState
from local_org.state.tables import Row

PUBLIC_CLIENT_ID = "sfsync-local"
CONFIDENTIAL_CLIENT_ID = "sfsync-local-confidential"
CONFIDENTIAL_SECRET = "local-org-secret"  # noqa: S105 - known to all: it opens made-up data on loopback
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_LONGEST_SECONDS = 300
_JWT_SKEW_SECONDS = 60
_NO_STORE = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_Form = dict[str, str]


def default_apps() -> tuple[App, ...]:
    """The two apps every local org has: a public one, and one that keeps a secret and may act on its own."""
    return (
        App(PUBLIC_CLIENT_ID, "sfsync"),
        App(
            CONFIDENTIAL_CLIENT_ID,
            "sfsync (server)",
            secret=CONFIDENTIAL_SECRET,
            run_as="admin@penguin.example",
        ),
    )


class OAuth:
    """The login side of a local org.

    Args:
        state: the org, for its people and its clock.
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
        self._login = Login(state, self.grants, self.settings, self.apps, self._is_password)
        self._refusals: list[OAuthError] = []
        self._flows: dict[str, Callable[[_Form, str], tuple[App, Issued]]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "client_credentials": self._by_client_credentials,
            "password": self._by_password,
            JWT_GRANT: self._by_assertion,
        }

    # -- what the rest of the org asks

    def session_for(self, token: str) -> Session | None:
        """Whom an access token speaks for; None where it is unknown, idle too long, or its user frozen."""
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
        """Log somebody in without a browser or HTTP, for tests and for the built-in demo.

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
        return self.grants.open(
            Session(str(user["Id"]), client_id, app.granted(scope)), lasting=True
        )

    def refuse_next(
        self, error: str, description: str, *, times: int = 1, status: int = 400
    ) -> None:
        """Let the next calls of the token endpoint fail so, whatever they ask."""
        self._refusals.extend([OAuthError(error, description, status=status)] * times)

    def routes(self) -> list[Route]:
        """Every address of the login side."""
        oauth = "/services/oauth2"
        return [
            *self._login.routes(),
            Route(f"{oauth}/token", _answering(self._token), methods=["GET", "POST"]),
            Route(f"{oauth}/revoke", _answering(self._revoke), methods=["GET", "POST"]),
            Route(f"{oauth}/introspect", _answering(self._introspect), methods=["POST"]),
            Route(f"{oauth}/userinfo", _answering(self._userinfo), methods=["GET", "POST"]),
            Route("/id/keys", _answering(self._keys), methods=["GET"]),
            Route("/id/{org_id}/{user_id}", _answering(self._identity), methods=["GET", "POST"]),
            Route(
                "/.well-known/openid-configuration", _answering(self._discovery), methods=["GET"]
            ),
            Route("/_local/oauth/counts", _answering(self._counts), methods=["GET"]),
            Route(
                "/_local/oauth/settings", _answering(self._change_settings), methods=["GET", "POST"]
            ),
            Route("/_local/oauth/expire", _answering(self._expire), methods=["POST"]),
            Route("/_local/oauth/revoke-all", _answering(self._revoke_all), methods=["POST"]),
            Route("/_local/oauth/refuse-next", _answering(self._refuse_next), methods=["POST"]),
            Route("/_local/oauth/apps", _answering(self._register), methods=["POST"]),
        ]

    # -- the token endpoint

    async def _token(self, request: Request) -> Response:
        if request.method != "POST":
            raise OAuthError("invalid_request", "must use HTTP POST")
        form = await _credentials(request)
        if self._refusals:
            raise self._refusals.pop(0)
        flow = self._flows.get(form.get("grant_type", ""))
        if flow is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        origin = _origin(request)
        app, issued = flow(form, origin)
        return JSONResponse(self._reply(app, issued, form, origin), headers=_NO_STORE)

    def _by_code(self, form: _Form, _origin: str) -> tuple[App, Issued]:
        app = self._client(form)
        code = self.grants.take_code(form.get("code", ""))
        if code.client_id != app.client_id:
            raise OAuthError("invalid_grant", "authentication failure")
        if form.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        code.check_verifier(form.get("code_verifier", ""))
        self._active(code.user_id)
        form["nonce"] = code.nonce or ""
        return app, self.grants.open(Session(code.user_id, app.client_id, code.scope), lasting=True)

    def _by_refresh_token(self, form: _Form, _origin: str) -> tuple[App, Issued]:
        app = self._client(form)
        token = form.get("refresh_token", "")
        found = self.grants.facts(token)
        if found is not None:
            self._active(found[0].user_id)
        return app, self.grants.refresh(token, app.client_id)

    def _by_client_credentials(self, form: _Form, _origin: str) -> tuple[App, Issued]:
        if self.settings.generic_login_host:
            raise OAuthError("invalid_grant", "request not supported on this domain")
        app = self._client(form)
        user = self._state.user(app.run_as) if app.run_as else None
        if app.secret is None or user is None:
            raise OAuthError("invalid_grant", "no client credentials user enabled")
        self._active(str(user["Id"]))
        return app, self.grants.open(
            Session(str(user["Id"]), app.client_id, _momentary(app.scopes)), lasting=False
        )

    def _by_password(self, form: _Form, _origin: str) -> tuple[App, Issued]:
        """Off, as in every new org: right or wrong, a password gets nothing."""
        self._client(form)
        raise OAuthError("invalid_grant", "authentication failure")

    def _by_assertion(self, form: _Form, origin: str) -> tuple[App, Issued]:
        assertion = form.get("assertion", "")
        app = self.apps.get(str(_peek(assertion).get("iss", "")))
        if app is None or app.public_key is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        claims = _verified(assertion, app.public_key)
        self._check_claims(claims, origin)
        user = self._state.user(str(claims.get("sub", "")))
        if user is None or str(claims.get("sub")).lower() != user["Username"].lower():
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        user_id = str(user["Id"])
        if not app.preauthorized and not self.grants.approved(user_id, app.client_id, ()):
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        self._active(user_id)
        return app, self.grants.open(
            Session(user_id, app.client_id, _momentary(app.scopes)), lasting=False
        )

    def _check_claims(self, claims: dict[str, Any], origin: str) -> None:
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        if not set(map(str, audiences)) & {*self.settings.audiences, origin}:
            raise OAuthError("invalid_grant", "Audience validation failed")
        now, end = self._state.clock.seconds(), claims.get("exp")
        if not isinstance(end, int | float) or end <= now - _JWT_SKEW_SECONDS:
            raise OAuthError("invalid_grant", "assertion is expired")
        if end > now + _JWT_LONGEST_SECONDS + _JWT_SKEW_SECONDS:
            raise OAuthError("invalid_grant", "assertion expires too far ahead")

    def _reply(self, app: App, issued: Issued, form: _Form, origin: str) -> dict[str, Any]:
        """What Salesforce answers: no ``expires_in``, milliseconds as text, a signature."""
        identity = self._identity_url(origin, issued.session.user_id)
        issued_at = str(int(issued.issued_at * 1000))
        key = (app.secret or app.client_id).encode()
        signed = hmac.new(key, f"{identity}{issued_at}".encode(), hashlib.sha256).digest()
        reply = {
            "access_token": issued.access_token,
            "signature": base64.b64encode(signed).decode(),
            "scope": " ".join(issued.session.scope),
            "instance_url": self.settings.instance_url or origin,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }
        if issued.refresh_token is not None:
            reply["refresh_token"] = issued.refresh_token
        if "openid" in issued.session.scope:
            reply["id_token"] = self._id_token(app, issued, identity, form.get("nonce", ""), origin)
        return reply

    def _id_token(self, app: App, issued: Issued, identity: str, nonce: str, origin: str) -> str:
        now = int(issued.issued_at)
        claims: dict[str, Any] = {
            "iss": origin,
            "sub": identity,
            "aud": app.client_id,
            "iat": now,
            "exp": now + 120,
        }
        if nonce:
            claims["nonce"] = nonce
        header = {"alg": "RS256", "kid": self._signing_key.kid or "", "typ": "JWT"}
        return jwt.encode(header, claims, self._signing_key)

    # -- revoke, introspect

    async def _revoke(self, request: Request) -> Response:
        form = (
            dict(request.query_params) if request.method == "GET" else await _credentials(request)
        )
        hint = form.get("token_type_hint", "")
        if hint not in {"", "access_token", "refresh_token"}:
            raise OAuthError("unsupported_token_type", "this token type is not supported")
        self.grants.revoke(form.get("token", ""))
        return Response(status_code=200, headers=_NO_STORE)

    async def _introspect(self, request: Request) -> Response:
        form = await _credentials(request)
        app = self._client(form)
        if app.secret is None:
            raise OAuthError("invalid_client", "invalid client credentials", status=401)
        found = self.grants.facts(form.get("token", ""))
        if found is None or found[0].client_id != app.client_id:
            return JSONResponse({"active": False}, headers=_NO_STORE)
        session, kind, issued_at, end = found
        user = self._state.user(session.user_id)
        reply = {
            "active": True,
            "scope": " ".join(session.scope),
            "client_id": session.client_id,
            "username": user["Username"] if user else "",
            "sub": self._identity_url(_origin(request), session.user_id),
            "token_type": kind,
            "iat": int(issued_at),
            "nbf": int(issued_at),
        }
        return JSONResponse(reply if end is None else {**reply, "exp": int(end)}, headers=_NO_STORE)

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
        return JSONResponse(self._person(user, _origin(request)))

    async def _userinfo(self, request: Request) -> Response:
        session = self._bearer(request)
        if not {"openid", "id", "full"} & set(session.scope):
            return PlainTextResponse("Missing_Scope", 403)
        user = self._state.user(session.user_id) or {}
        origin = _origin(request)
        return JSONResponse(
            {
                "sub": self._identity_url(origin, session.user_id),
                "user_id": session.user_id,
                "organization_id": self._state.org_id,
                "preferred_username": user.get("Username"),
                "nickname": user.get("Alias"),
                "name": _name(user),
                "email": user.get("Email"),
                "email_verified": True,
                "given_name": user.get("FirstName"),
                "family_name": user.get("LastName"),
                "zoneinfo": user.get("TimeZoneSidKey"),
                "active": bool(user.get("IsActive")),
                "user_type": "STANDARD",
                "language": user.get("LanguageLocaleKey"),
                "locale": user.get("LocaleSidKey"),
                "utcOffset": _standard_offset(user),
                "updated_at": timestamps.rest_text(user.get("LastModifiedDate", 0)),
                "urls": _urls(origin, self._state.org_id, session.user_id),
            }
        )

    def _person(self, user: Row, origin: str) -> dict[str, Any]:
        return {
            "id": self._identity_url(origin, user["Id"]),
            "asserted_user": True,
            "user_id": user["Id"],
            "organization_id": self._state.org_id,
            "username": user.get("Username"),
            "nick_name": user.get("Alias"),
            "display_name": _name(user),
            "email": user.get("Email"),
            "email_verified": True,
            "first_name": user.get("FirstName"),
            "last_name": user.get("LastName"),
            "timezone": user.get("TimeZoneSidKey"),
            "photos": {"picture": None, "thumbnail": None},
            "addr_street": None,
            "addr_city": None,
            "addr_state": None,
            "addr_country": None,
            "addr_zip": None,
            "mobile_phone": None,
            "mobile_phone_verified": False,
            "is_lightning_login_user": False,
            "status": {"created_date": None, "body": None},
            "urls": _urls(origin, self._state.org_id, user["Id"]),
            "active": bool(user.get("IsActive")),
            "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey"),
            "locale": user.get("LocaleSidKey"),
            "utcOffset": _standard_offset(user),
            "last_modified_date": timestamps.rest_text(user["LastModifiedDate"]),
            "is_app_installed": True,
        }

    # -- discovery

    async def _discovery(self, request: Request) -> Response:
        origin = _origin(request)
        oauth = f"{origin}/services/oauth2"
        return JSONResponse(
            {
                "issuer": origin,
                "authorization_endpoint": f"{oauth}/authorize",
                "token_endpoint": f"{oauth}/token",
                "revocation_endpoint": f"{oauth}/revoke",
                "userinfo_endpoint": f"{oauth}/userinfo",
                "jwks_uri": f"{origin}/id/keys",
                "introspection_endpoint": f"{oauth}/introspect",
                "introspection_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                ],
                "scopes_supported": list(SCOPES),
                "response_types_supported": ["code"],
                "grant_types_supported": [
                    "authorization_code",
                    "refresh_token",
                    "client_credentials",
                    JWT_GRANT,
                ],
                "code_challenge_methods_supported": ["S256"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                    "none",
                ],
            }
        )

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(
            {"keys": [{**self._signing_key.as_dict(private=False), "use": "sig", "alg": "RS256"}]}
        )

    # -- for tests

    async def _counts(self, _request: Request) -> Response:
        return JSONResponse(self.grants.counts())

    async def _change_settings(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = await _json(request)
            try:
                self.settings.change(wanted)
            except ValueError as problem:
                raise OAuthError("invalid_request", str(problem)) from problem
        return JSONResponse(self.settings.as_dict())

    async def _expire(self, request: Request) -> Response:
        _same_site(request)
        return JSONResponse({"expired": self.grants.expire_access_tokens()})

    async def _revoke_all(self, request: Request) -> Response:
        _same_site(request)
        self._login.forget_browsers()
        return JSONResponse({"revoked": self.grants.revoke_all()})

    async def _refuse_next(self, request: Request) -> Response:
        wanted = await _json(request)
        times, status = int(wanted.get("times", 1)), int(wanted.get("status", 400))
        self.refuse_next(
            str(wanted["error"]), str(wanted["error_description"]), times=times, status=status
        )
        return JSONResponse({"refusals": len(self._refusals)})

    async def _register(self, request: Request) -> Response:
        wanted = await _json(request)
        for name in ("callbacks", "scopes"):
            if name in wanted:
                wanted[name] = tuple(wanted[name])
        try:
            known = self.apps.get(wanted["client_id"])
            app = (
                replace(known, **wanted)
                if known
                else App(**{"name": wanted["client_id"], **wanted})
            )
        except (KeyError, TypeError) as problem:
            raise OAuthError("invalid_request", f"not an app: {problem}") from problem
        self.register(app)
        return JSONResponse({"client_id": app.client_id, "apps": list(self.apps)})

    # -- small matters

    def _client(self, form: _Form) -> App:
        """The app that asks, once it has shown the secret it should have.

        Raises:
            OAuthError: invalid_client_id or invalid_client.
        """
        app = self.apps.get(form.get("client_id", ""))
        if app is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        shown = form.get("client_secret", "")
        if not hmac.compare_digest((app.secret or "").encode(), shown.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")
        return app

    def _active(self, user_id: str) -> None:
        user = self._state.user(user_id)
        if user is None or not user.get("IsActive"):
            raise OAuthError("inactive_user", "user is inactive")

    def _bearer(self, request: Request) -> Session:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "oauth"} or not token:
            raise _Forbidden("Missing_OAuth_Token")
        session = self.session_for(token.strip())
        if session is None:
            raise _Forbidden("Bad_OAuth_Token")
        return session

    def _is_password(self, user: Row, password: str) -> bool:
        right = self.passwords.get(user["Username"].lower(), self.settings.password)
        return hmac.compare_digest(right.encode(), password.encode())

    def _identity_url(self, origin: str, user_id: str) -> str:
        return f"{origin}/id/{self._state.org_id}/{user_id}"

    @cached_property
    def _signing_key(self) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8)})


class _Forbidden(Exception):
    """A 403 whose body is one word."""


def _answering(
    step: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """The step, with what it refuses as the reply Salesforce gives."""

    async def endpoint(request: Request) -> Response:
        try:
            return await step(request)
        except OAuthError as refusal:
            body = {"error": refusal.error, "error_description": refusal.description}
            return JSONResponse(body, refusal.status, headers=_NO_STORE)
        except _Forbidden as refusal:
            return PlainTextResponse(str(refusal), 403)

    return endpoint


async def _credentials(request: Request) -> _Form:
    """The form, with client id and secret from a Basic header where they came that way."""
    async with request.form() as posted:
        form = {name: value for name, value in posted.items() if isinstance(value, str)}
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as problem:
            raise OAuthError("invalid_client", "invalid client credentials") from problem
        form |= {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
    return form


async def _json(request: Request) -> dict[str, Any]:
    _same_site(request)
    try:
        body = await request.json()
    except ValueError as problem:
        raise OAuthError("invalid_request", "the body must be JSON") from problem
    if not isinstance(body, dict):
        raise OAuthError("invalid_request", "the body must be a JSON object")
    return body


def _same_site(request: Request) -> None:
    """Keep web pages of other origins away from the test switches, whatever name they gave this address."""
    if request.url.hostname not in _LOOPBACK_NAMES:
        raise OAuthError("invalid_request", "not under that name", status=403)
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise OAuthError("invalid_request", "not from another site", status=403)
    if request.headers.get("origin", _origin(request)) != _origin(request):
        raise OAuthError("invalid_request", "not from another site", status=403)


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _momentary(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of a flow that brings no refresh token."""
    return tuple(scope for scope in scopes if scope not in {"refresh_token", "offline_access"})


def _peek(assertion: str) -> dict[str, Any]:
    """The claims of an assertion, not yet believed: they only say whose key to check it with."""
    try:
        payload = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError) as problem:
        raise OAuthError("invalid_grant", "invalid assertion") from problem
    if not isinstance(claims, dict):
        raise OAuthError("invalid_grant", "invalid assertion")
    return claims


def _verified(assertion: str, public_key: str) -> dict[str, Any]:
    """The claims of an assertion that the key's owner signed with RS256."""
    try:
        return dict(jwt.decode(assertion, _rsa_key(public_key), algorithms=["RS256"]).claims)
    except (JoseError, ValueError) as problem:
        raise OAuthError("invalid_grant", "invalid assertion") from problem


def _rsa_key(pem: str) -> RSAKey:
    if "BEGIN CERTIFICATE" in pem:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return RSAKey.import_key(pem)


def _name(user: Row) -> str:
    return " ".join(user[name] for name in ("FirstName", "LastName") if user.get(name))


def _standard_offset(user: Row) -> int:
    """Milliseconds the user's winter time is ahead of UTC."""
    winter = datetime(2026, 1, 1, tzinfo=ZoneInfo(user.get("TimeZoneSidKey") or "UTC"))
    offset = (winter.utcoffset() or timedelta()) - (winter.dst() or timedelta())
    return int(offset.total_seconds() * 1000)


def _urls(origin: str, org_id: str, user_id: str) -> dict[str, str]:
    data = f"{origin}/services/data/v{{version}}"
    return {
        "enterprise": f"{origin}/services/Soap/c/{{version}}/{org_id[:15]}",
        "metadata": f"{origin}/services/Soap/m/{{version}}/{org_id[:15]}",
        "partner": f"{origin}/services/Soap/u/{{version}}/{org_id[:15]}",
        "rest": f"{data}/",
        "sobjects": f"{data}/sobjects/",
        "search": f"{data}/search/",
        "query": f"{data}/query/",
        "recent": f"{data}/recent/",
        "tooling_rest": f"{data}/tooling/",
        "profile": f"{origin}/{user_id}",
    }
