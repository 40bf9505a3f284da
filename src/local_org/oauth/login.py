"""The browser's half of a login: ``/authorize``, password, Allow, and the code at the callback.

A login under way is kept here and tied to the browser by a cookie; forms carry a token made from
both, so that no other site can press Allow. Errors of the request itself are shown, never sent on:
an address that is not registered must not learn anything. Trading the code for tokens is
``token_endpoint``'s business.

Source: docs/salesforce.md §1.2 and §1.3; the text "missing required code challenge" is quoted in
several public repositories' set-up notes.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local_org.oauth import pages
from local_org.oauth.apps import App
from local_org.oauth.errors import OAuthError
from local_org.oauth.grants import Code, Grants
from local_org.oauth.http import read_form
from local_org.oauth.identity import full_name
from local_org.oauth.settings import OAuthSettings
from local_org.state.org import OrgState
from local_org.state.tables import Row

_LIFE_SECONDS = 900.0
_MOST_PENDING = 200
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_ONCE = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


@dataclass(slots=True)
class PendingLogin:
    """A login under way."""

    app: App
    redirect_uri: str
    scope: tuple[str, ...]
    state: str | None
    challenge: str | None
    nonce: str | None
    prompt: frozenset[str]
    hint: str
    browser: str
    begun_at: float
    user_id: str | None = None


class PageError(OAuthError):
    """An error to be shown here: the address to send it to is unknown or not registered."""

    def __init__(
        self, error: str, description: str, advice: str, listed: tuple[str, ...] = ()
    ) -> None:
        super().__init__(error, description)
        self.advice = advice
        self.listed = listed


class Login:
    """The pages of ``/services/oauth2/authorize``.

    Args:
        state: the org, for its people and its clock.
        grants: where codes are kept.
        settings: the switches.
        apps: the registered apps by client id, as they are at the time of a request.
        check_password: whether that is the user's password.
    """

    def __init__(
        self,
        state: OrgState,
        grants: Grants,
        settings: OAuthSettings,
        apps: Mapping[str, App],
        check_password: Callable[[Row, str], bool],
    ) -> None:
        self._state = state
        self._grants = grants
        self._settings = settings
        self._apps = apps
        self._check_password = check_password
        self._key = secrets.token_bytes(32)
        self._cookie = f"local_org_{secrets.token_hex(4)}"
        self._pending: dict[str, PendingLogin] = {}
        self._signed_in: dict[str, tuple[str, float]] = {}

    def routes(self) -> list[Route]:
        """The addresses a browser meets."""
        base = "/services/oauth2/authorize"
        return [
            Route(base, self._with_error_pages(self._authorize), methods=["GET"]),
            Route(f"{base}/login", self._with_error_pages(self._log_in), methods=["POST"]),
            Route(f"{base}/approve", self._with_error_pages(self._show_approve), methods=["GET"]),
            Route(f"{base}/approve", self._with_error_pages(self._decide), methods=["POST"]),
        ]

    def forget_browsers(self) -> None:
        """Log every browser out."""
        self._signed_in.clear()
        self._pending.clear()

    # -- steps

    async def _authorize(self, request: Request) -> Response:
        browser = request.cookies.get(self._cookie) or secrets.token_urlsafe(32)
        pending, error = self._read(request, browser)
        if error is not None:
            return _send_back(
                pending, {"error": error.error, "error_description": error.description}
            )
        if self._settings.auto_approve:
            return self._send_code(pending, self._user_for(pending.hint)["Id"])
        key = self._keep(pending)
        user_id = self._signed_in_user(browser)
        if user_id and "login" not in pending.prompt:
            pending.user_id = user_id
            return self._go_on(key, pending)
        return self._with_cookie(self._login_page(key, pending, pending.hint), browser)

    async def _log_in(self, request: Request) -> Response:
        form = await read_form(request)
        key, pending = self._resume(request, form, "login")
        user = self._state.user(form.get("username", ""))
        username = form.get("username", "").strip()
        known = (
            user is not None
            and user["Username"].lower() == username.lower()
            and user.get("IsActive")
        )
        if user is None or not known or not self._check_password(user, form.get("password", "")):
            return self._login_page(
                key,
                pending,
                username,
                "Please check your username and password: nobody here has that pair.",
            )
        self._pending.pop(key)
        pending.browser = secrets.token_urlsafe(32)
        pending.user_id = str(user["Id"])
        self._signed_in[pending.browser] = (pending.user_id, self._now())
        return self._with_cookie(self._go_on(self._keep(pending), pending), pending.browser)

    async def _show_approve(self, request: Request) -> Response:
        key, pending = self._resume(request, request.query_params, None)
        user = self._state.user(pending.user_id or "")
        if user is None:
            raise _gone()
        return pages.approve_page(
            app=pending.app.name,
            person=full_name(user),
            username=user["Username"],
            scopes=pending.scope,
            hidden={"request": key, "csrf": self._csrf(pending.browser, key, "approve")},
            callback=pending.redirect_uri,
        )

    async def _decide(self, request: Request) -> Response:
        form = await read_form(request)
        key, pending = self._resume(request, form, "approve")
        if pending.user_id is None:
            raise _gone()
        self._pending.pop(key)
        if form.get("decision") != "allow":
            return _send_back(
                pending,
                {"error": "access_denied", "error_description": "end-user denied authorization"},
            )
        return self._send_code(pending, pending.user_id)

    # -- reading the request

    def _read(self, request: Request, browser: str) -> tuple[PendingLogin, OAuthError | None]:
        """The login asked for, and an error of it that may be sent to the app."""
        query = request.query_params
        twice = [name for name in _ONCE if len(query.getlist(name)) > 1]
        if twice:
            raise PageError(
                "invalid_request", f"parameter given twice: {twice[0]}", "Each stands once."
            )
        app = self._apps.get(query.get("client_id", ""))
        if app is None:
            raise PageError(
                "invalid_client_id",
                "client identifier invalid",
                "No app with this client id is registered here. These are:",
                tuple(self._apps),
            )
        pending = PendingLogin(
            app=app,
            redirect_uri=_callback(app, query.get("redirect_uri")),
            scope=app.scopes,
            state=query.get("state"),
            challenge=_challenge(app, query),
            nonce=query.get("nonce"),
            prompt=frozenset(query.get("prompt", "").split()),
            hint=query.get("login_hint", ""),
            browser=browser,
            begun_at=self._now(),
        )
        try:
            pending.scope = _scope_of_code_request(app, query)
        except OAuthError as error:
            return pending, error
        return pending, None

    def _resume(
        self, request: Request, values: Mapping[str, Any], form: str | None
    ) -> tuple[str, PendingLogin]:
        """The login a later step belongs to, once it is sure that this browser takes that step."""
        key = str(values.get("request", ""))
        pending = self._pending.get(key)
        browser = request.cookies.get(self._cookie, "")
        if pending is None or self._now() - pending.begun_at > _LIFE_SECONDS:
            raise _gone()
        if not hmac.compare_digest(pending.browser.encode(), browser.encode()):
            raise _gone()
        if form and not hmac.compare_digest(
            self._csrf(browser, key, form).encode(), str(values.get("csrf", "")).encode()
        ):
            raise _gone()
        return key, pending

    # -- going on

    def _go_on(self, key: str, pending: PendingLogin) -> Response:
        agreed = self._grants.approved(pending.user_id or "", pending.app.client_id, pending.scope)
        if agreed and "consent" not in pending.prompt:
            self._pending.pop(key, None)
            return self._send_code(pending, pending.user_id or "")
        return RedirectResponse(
            f"/services/oauth2/authorize/approve?{urlencode({'request': key})}", 303
        )

    def _send_code(self, pending: PendingLogin, user_id: str) -> Response:
        code = Code(
            user_id=user_id,
            client_id=pending.app.client_id,
            redirect_uri=pending.redirect_uri,
            scope=pending.scope,
            challenge=pending.challenge,
            nonce=pending.nonce,
            expires_at=self._now() + self._settings.code_seconds,
        )
        return _send_back(pending, {"code": self._grants.new_code(code)})

    def _login_page(
        self, key: str, pending: PendingLogin, username: str, problem: str | None = None
    ) -> Response:
        hints = self._settings.show_hint
        return pages.login_page(
            app=pending.app.name,
            hidden={"request": key, "csrf": self._csrf(pending.browser, key, "login")},
            username=username,
            problem=problem,
            people=[user["Username"] for user in self._state.users()] if hints else [],
            password_hint=self._settings.password if hints else None,
            callback=pending.redirect_uri,
        )

    def _keep(self, pending: PendingLogin) -> str:
        oldest = self._now() - _LIFE_SECONDS
        fresh = [(key, held) for key, held in self._pending.items() if held.begun_at > oldest]
        self._pending = dict(fresh[-_MOST_PENDING:])
        key = secrets.token_urlsafe(24)
        self._pending[key] = pending
        return key

    def _with_cookie(self, response: Response, browser: str) -> Response:
        response.set_cookie(
            self._cookie, browser, path="/services/oauth2/authorize", httponly=True, samesite="lax"
        )
        return response

    def _csrf(self, browser: str, key: str, form: str) -> str:
        return hmac.new(self._key, f"{browser}|{key}|{form}".encode(), hashlib.sha256).hexdigest()

    def _signed_in_user(self, browser: str) -> str | None:
        user_id, at = self._signed_in.get(browser, ("", 0.0))
        fresh = self._now() - at < self._settings.access_token_idle_seconds
        user = self._state.user(user_id) if user_id and fresh else None
        return user_id if user is not None and user.get("IsActive") else None

    def _user_for(self, hint: str) -> Row:
        user = self._state.user(hint) if hint else None
        return user if user is not None and user.get("IsActive") else self._state.users()[0]

    def _now(self) -> float:
        return self._state.clock.seconds()

    def _with_error_pages(self, step: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """The step, with what it refuses as a page."""

        async def endpoint(request: Request) -> Response:
            try:
                response: Response = await step(request)
            except PageError as error:
                response = pages.error_page(
                    error.error, error.description, advice=error.advice, listed=error.listed
                )
            response.headers["Cache-Control"] = "no-store"
            return response

        return endpoint


def _callback(app: App, redirect_uri: str | None) -> str:
    if not redirect_uri:
        raise PageError("invalid_request", "redirect_uri required", "Say where to come back to.")
    if redirect_uri not in app.callbacks:
        raise PageError(
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
            f"The app wants to come back to {redirect_uri}, which is not registered for it. "
            "These addresses are, and they are compared letter by letter, port included:",
            app.callbacks,
        )
    return redirect_uri


def _challenge(app: App, query: Mapping[str, str]) -> str | None:
    challenge = query.get("code_challenge") or None
    if challenge is None and app.pkce_required:
        raise PageError(
            "invalid_request",
            "missing required code challenge",
            "This app must use PKCE with method S256.",
        )
    if challenge is not None and query.get("code_challenge_method", "S256") != "S256":
        raise PageError("invalid_request", "invalid code challenge method", "Only S256 is taken.")
    if challenge is not None and not _CHALLENGE.match(challenge):
        raise PageError(
            "invalid_request", "invalid code challenge", "An S256 challenge has 43 characters."
        )
    return challenge


def _scope_of_code_request(app: App, query: Mapping[str, str]) -> tuple[str, ...]:
    if query.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response type not supported")
    return app.granted(query.get("scope", ""))


def _gone() -> PageError:
    return PageError(
        "invalid_request",
        "this login has ended",
        "It was finished, took too long, or began in another browser. Start again from the app.",
    )


def _send_back(pending: PendingLogin, values: dict[str, str]) -> Response:
    """To the app's callback, with the state it gave."""
    if pending.state is not None:
        values = {**values, "state": pending.state}
    parts = urlsplit(pending.redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(values)) if part)
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302)
