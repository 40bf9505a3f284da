"""The token endpoint: tokens for codes, refresh tokens, assertions and secrets.

Source: docs/salesforce.md §1.2-1.8; "request not supported on this domain"
gh:pozil/pub-sub-api-node-client#58; "grant type not supported" gh:Oyatel/CometD.NET#20. Texts
marked unconfirmed there are so here.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import cached_property
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_org.oauth.apps import LASTING_SCOPES, App
from local_org.oauth.assertions import unverified_claims, verified_claims
from local_org.oauth.clients import Clients
from local_org.oauth.errors import OAuthError
from local_org.oauth.grants import Grants, Issued, Session
from local_org.oauth.http import NO_STORE, Form, origin_of, read_credentials
from local_org.oauth.identity import JWT_GRANT, identity_url
from local_org.oauth.settings import OAuthSettings
from local_org.state.org import OrgState

_JWT_LONGEST_SECONDS = 300
_JWT_SKEW_SECONDS = 60
_ID_TOKEN_SECONDS = 120


class TokenEndpoint:
    """``/services/oauth2/token``.

    Args:
        state: the org, for its users and its clock.
        grants: where codes and tokens are kept.
        settings: the switches.
        apps: the registered apps by client id.
        clients: checks who asks.

    Attributes:
        errors: what the next calls are answered with, whatever they ask; for tests.
    """

    def __init__(
        self,
        state: OrgState,
        grants: Grants,
        settings: OAuthSettings,
        apps: dict[str, App],
        clients: Clients,
    ) -> None:
        self.errors: list[OAuthError] = []
        self._state = state
        self._grants = grants
        self._settings = settings
        self._apps = apps
        self._clients = clients
        self._flows: dict[str, Callable[[Form, str], tuple[App, Issued]]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "client_credentials": self._by_client_credentials,
            "password": self._by_password,
            JWT_GRANT: self._by_assertion,
        }

    async def answer(self, request: Request) -> Response:
        """Handle one request.

        Raises:
            OAuthError: where there are no tokens for it.
        """
        if request.method != "POST":
            raise OAuthError("invalid_request", "must use HTTP POST")
        form = await read_credentials(request)
        if self.errors:
            raise self.errors.pop(0)
        flow = self._flows.get(form.get("grant_type", ""))
        if flow is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        origin = origin_of(request)
        app, issued = flow(form, origin)
        return JSONResponse(self._reply(app, issued, form, origin), headers=NO_STORE)

    # -- the flows

    def _by_code(self, form: Form, _origin: str) -> tuple[App, Issued]:
        app = self._clients.app(form)
        code = self._grants.take_code(form.get("code", ""))
        if code.client_id != app.client_id:
            raise OAuthError("invalid_grant", "authentication failure")
        if form.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        code.check_verifier(form.get("code_verifier", ""))
        self._clients.check_active(code.user_id)
        form["nonce"] = code.nonce or ""
        session = Session(code.user_id, app.client_id, code.scope)
        return app, self._grants.open(session, lasting=True)

    def _by_refresh_token(self, form: Form, _origin: str) -> tuple[App, Issued]:
        app = self._clients.app(form)
        token = form.get("refresh_token", "")
        found = self._grants.facts(token)
        if found is not None:
            self._clients.check_active(found[0].user_id)
        return app, self._grants.refresh(token, app.client_id)

    def _by_client_credentials(self, form: Form, _origin: str) -> tuple[App, Issued]:
        if self._settings.generic_login_host:
            raise OAuthError("invalid_grant", "request not supported on this domain")
        app = self._clients.app(form)
        user = self._state.user(app.run_as) if app.run_as else None
        if app.secret is None or user is None:
            raise OAuthError("invalid_grant", "no client credentials user enabled")
        return app, self._open_without_refresh(app, str(user["Id"]))

    def _by_password(self, form: Form, _origin: str) -> tuple[App, Issued]:
        """Off, as in every new org: right or wrong, a password gets nothing."""
        self._clients.app(form)
        raise OAuthError("invalid_grant", "authentication failure")

    def _by_assertion(self, form: Form, origin: str) -> tuple[App, Issued]:
        assertion = form.get("assertion", "")
        app = self._apps.get(str(unverified_claims(assertion).get("iss", "")))
        if app is None or app.public_key is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        claims = verified_claims(assertion, app.public_key)
        self._check_claims(claims, origin)
        user = self._state.user(str(claims.get("sub", "")))
        # A user is found by id and email, too; an assertion names the username.
        if user is None or str(claims.get("sub")).lower() != user["Username"].lower():
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        user_id = str(user["Id"])
        if not app.preauthorized and not self._grants.approved(user_id, app.client_id, ()):
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        return app, self._open_without_refresh(app, user_id)

    def _check_claims(self, claims: dict[str, Any], origin: str) -> None:
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        if not set(map(str, audiences)) & {*self._settings.audiences, origin}:
            raise OAuthError("invalid_grant", "Audience validation failed")
        now, end = self._state.clock.seconds(), claims.get("exp")
        if not isinstance(end, int | float) or end <= now - _JWT_SKEW_SECONDS:
            raise OAuthError("invalid_grant", "assertion is expired")
        if end > now + _JWT_LONGEST_SECONDS + _JWT_SKEW_SECONDS:
            raise OAuthError("invalid_grant", "assertion expires too far ahead")

    def _open_without_refresh(self, app: App, user_id: str) -> Issued:
        """Begin a grant of a flow that brings no refresh token: the app asks anew each time."""
        self._clients.check_active(user_id)
        scope = tuple(each for each in app.scopes if each not in LASTING_SCOPES)
        return self._grants.open(Session(user_id, app.client_id, scope), lasting=False)

    # -- the reply

    def _reply(self, app: App, issued: Issued, form: Form, origin: str) -> dict[str, Any]:
        """What Salesforce answers: no ``expires_in``, milliseconds as text, a signature."""
        identity = identity_url(origin, self._state.org_id, issued.session.user_id)
        issued_at = str(int(issued.issued_at * 1000))
        key = (app.secret or app.client_id).encode()
        signed = hmac.new(key, f"{identity}{issued_at}".encode(), hashlib.sha256).digest()
        reply = {
            "access_token": issued.access_token,
            "signature": base64.b64encode(signed).decode(),
            "scope": " ".join(issued.session.scope),
            "instance_url": self._settings.instance_url or origin,
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
            "exp": now + _ID_TOKEN_SECONDS,
        }
        if nonce:
            claims["nonce"] = nonce
        header = {"alg": "RS256", "kid": self._signing_key.kid or "", "typ": "JWT"}
        return jwt.encode(header, claims, self._signing_key)

    def keys(self) -> list[dict[str, Any]]:
        """The public keys that identity tokens are signed with."""
        return [{**self._signing_key.as_dict(private=False), "use": "sig", "alg": "RS256"}]

    @cached_property
    def _signing_key(self) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8)})
