"""The token endpoint: code exchange, refresh, signed key, client credentials, revoke, and who is logged in.

One request each and never a second one on its own: a refresh whose answer was lost may have been
spent, and under rotation presenting a spent one ends the login for good. Redirects are not
followed, netrc is not asked, answers are small or refused, and no exception raised here carries a
request, a token or a cause that does. Where tokens are kept and who may refresh is for ``login``
and ``keychain``.

Source: salesforce-facts §1.2-1.8; §10.3 (netrc replaces the bearer).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3.exceptions
from requests.auth import AuthBase

from sfsync.errors import (
    ConfigError,
    GrantRevoked,
    LoginKeyError,
    LoginRefused,
    OrgUnavailable,
    OutcomeUnknown,
    ProtocolError,
    SfsyncError,
)
from sfsync.model.token import Token

from .hosts import (
    host_of,
    is_loopback,
    is_shared_login,
    jwt_audience,
    login_origin,
    origin_of,
    trusted_url,
)
from .refusals import Step, plain, refusal

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
_MAX_BODY_BYTES = 1 << 20
_JWT_LIFE_SECONDS = 180
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_IDENTITY_PATH = re.compile(r"/id/00D\w{12}(?:\w{3})?/005\w{12}(?:\w{3})?", re.ASCII)
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ProxyError,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is logged in, as the identity URL tells it.

    Source: salesforce-facts §1.4.
    """

    user_id: str
    org_id: str
    username: str
    display_name: str = ""
    email: str = ""
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes = field(repr=False)
    location: str = ""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _Bearer(AuthBase):
    """Sets the bearer, or nothing: with an auth of its own a request is never given one out of netrc."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Grants:
    """One app at one login host.

    Args:
        login_url: ``org.login_url``.
        client_id: the app's consumer key.
        client_secret: only for an app that demands one; a public client sends none.
        connect_seconds: how long to wait for a connection.
        read_seconds: how long an answer may take in all.

    Raises:
        ConfigError: for a login URL that is neither https nor on loopback, or an empty client id.
    """

    def __init__(
        self,
        login_url: str,
        client_id: str,
        *,
        client_secret: str = "",
        connect_seconds: float = _CONNECT_SECONDS,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        self.login = login_origin(login_url)
        self.client_id = client_id.strip()
        if not self.client_id:
            raise ConfigError(
                "org.client_id is empty", hint="Set it to the consumer key of your app."
            )
        self._client_secret = client_secret
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds

    def __repr__(self) -> str:
        return f"Grants({self.login!r}, {self.client_id!r})"

    # -- the grants

    def exchange_code(self, code: str, *, redirect_uri: str, verifier: str) -> Token:
        """Turn the browser's code into a login.

        Args:
            code: as it came, URL-decoded.
            redirect_uri: the very one the browser was sent with.
            verifier: of this login's handshake.

        Raises:
            LoginRefused: the code is old or used, or the app's settings forbid it.
            OrgUnavailable: no answer; a code counts once, so the login has to start over.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        return self._token(Step.CODE, self._with_client(form), None)

    def refresh(self, held: Token) -> Token:
        """Renew a login; the caller holds the lock and keeps the result before using it.

        Args:
            held: the login as stored. Its refresh token stays where the reply brings no new one.

        Raises:
            GrantRevoked: the login has ended, or never had a refresh token.
            OutcomeUnknown: sent, and no usable answer came: not to be repeated within this run.
            OrgUnavailable: not sent, or turned away before it counted.

        Source: salesforce-facts §1.5 (rotation; ``instance_url`` may change).
        """
        if not held.refresh_token:
            raise GrantRevoked(
                "The login has ended and came without a refresh token, so it cannot be renewed",
                hint="Have refresh_token among org.scopes, then run `sfsync login`.",
            )
        form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
        return self._token(Step.REFRESH, self._with_client(form), held)

    def jwt_bearer(
        self, *, username: str, private_key_pem: str, now: datetime, audience: str = ""
    ) -> Token:
        """Log in by a signed statement: for servers that have no browser. There is no refresh: sign again.

        Args:
            username: of the Salesforce user to act as.
            private_key_pem: the RSA key whose certificate the app holds.
            now: the present; the statement holds for three minutes.
            audience: where the login host's own rule does not fit.

        Raises:
            LoginKeyError: the key cannot be used.
            LoginRefused: user, key or app do not fit together.

        Source: salesforce-facts §1.8 (exp at most 3-5 minutes ahead).
        """
        assertion = _signed(
            private_key_pem,
            issuer=self.client_id,
            subject=username,
            audience=audience or jwt_audience(self.login),
            issued_at=int(now.timestamp()),
        )
        return self._token(Step.JWT, {"grant_type": _JWT_GRANT, "assertion": assertion}, None)

    def client_credentials(self) -> Token:
        """Log in as the app's run-as user, by id and secret. There is no refresh: ask again.

        Raises:
            ConfigError: no secret, or a login host that serves every org.
            LoginRefused: the flow is not enabled, or the secret is wrong.

        Source: salesforce-facts §1.8 (My Domain only).
        """
        if is_shared_login(self.login):
            raise ConfigError(
                f"{host_of(self.login)} does not take client credentials",
                hint="Set org.login_url to the org's My Domain: https://NAME.my.salesforce.com.",
            )
        if not self._client_secret:
            raise ConfigError(
                "A login with client credentials needs the app's secret",
                hint="Set SFSYNC_CLIENT_SECRET_FILE to a file that holds it (chmod 600), or SFSYNC_CLIENT_SECRET.",
            )
        return self._token(
            Step.CLIENT_CREDENTIALS, self._with_client({"grant_type": "client_credentials"}), None
        )

    def revoke(self, held: Token) -> None:
        """End a login at Salesforce: the refresh token with all its access tokens, else the access token.

        A token that is dead already is as good as revoked.

        Raises:
            OrgUnavailable: no answer; the login may live on.

        Source: salesforce-facts §1.7.
        """
        token = held.refresh_token or held.access_token
        reply = self._post("/services/oauth2/revoke", {"token": token}, Step.REVOKE)
        code, _ = _error_in(reply)
        if reply.status != 200 and code not in {"invalid_token", "unsupported_token_type"}:
            self._refuse(reply, Step.REVOKE, held.secrets())

    def identity(self, held: Token) -> Identity:
        """Who a login belongs to. Not counted among the org's API calls.

        Raises:
            GrantRevoked: the access token has ended; a refresh may help.

        Source: salesforce-facts §1.4 (the identity URL).
        """
        asked = trusted_url(held.id_url, self.login, "id")
        reply = self._get(asked, held)
        if 300 <= reply.status < 400:
            home = trusted_url(held.instance_url, self.login, "instance_url")
            reply = self._get(f"{origin_of(home)}{urlsplit(asked).path}", held)
        if reply.status in {401, 403}:
            raise GrantRevoked(
                "Salesforce no longer takes this access token", hint="Run `sfsync login`."
            )
        if reply.status != 200:
            self._refuse(reply, Step.IDENTITY, held.secrets())
        return _identity(reply, self.login)

    # -- one request

    def _with_client(self, form: dict[str, str]) -> dict[str, str]:
        secret = {"client_secret": self._client_secret} if self._client_secret else {}
        return form | {"client_id": self.client_id} | secret

    def _token(self, step: Step, form: dict[str, str], held: Token | None) -> Token:
        reply = self._post("/services/oauth2/token", form, step)
        if reply.status != 200:
            secrets = tuple(
                value for name, value in form.items() if name not in {"grant_type", "client_id"}
            )
            self._refuse(reply, step, secrets)
        return _token_in(reply, self.login, held)

    def _refuse(self, reply: _Reply, step: Step, secrets: tuple[str, ...]) -> NoReturn:
        raise _refused(reply, step, host_of(self.login), secrets)

    def _post(self, path: str, form: Mapping[str, str], step: Step) -> _Reply:
        return self._send(
            step, requests.Request("POST", f"{self.login}{path}", data=dict(form), auth=_Bearer())
        )

    def _get(self, url: str, held: Token) -> _Reply:
        return self._send(
            Step.IDENTITY, requests.Request("GET", url, auth=_Bearer(held.access_token))
        )

    def _send(self, step: Step, request: requests.Request) -> _Reply:
        with requests.Session() as session:
            # Proxies and an own certificate bundle come from the environment, but not for this
            # computer.
            session.trust_env = not is_loopback(request.url)
            session.headers.update({"Accept": "application/json", "Accept-Encoding": "identity"})
            try:
                prepared = session.prepare_request(request)
                options = session.merge_environment_settings(
                    prepared.url, {}, stream=True, verify=None, cert=None
                )
                with session.send(
                    prepared,
                    timeout=(self._connect_seconds, self._read_seconds),
                    allow_redirects=False,
                    **options,
                ) as response:
                    return _Reply(
                        response.status_code,
                        self._body(response),
                        response.headers.get("Location", ""),
                    )
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as trouble:
                failure = _unreachable(trouble, step, host_of(request.url))
        raise failure  # outside of the except: the cause holds the request, and with it the secrets

    def _body(self, response: requests.Response) -> bytes:
        deadline = time.monotonic() + self._read_seconds
        body = bytearray()
        while chunk := response.raw.read1(1 << 16):
            body += chunk
            if len(body) > _MAX_BODY_BYTES or time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout("the answer is too long, or takes too long")
        return bytes(body)


def _signed(pem: str, *, issuer: str, subject: str, audience: str, issued_at: int) -> str:
    from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
    from joserfc.jwk import RSAKey

    try:
        return str(
            sign_jwt_bearer_assertion(
                RSAKey.import_key(pem),
                issuer=issuer,
                audience=audience,
                subject=subject,
                issued_at=issued_at,
                expires_in=_JWT_LIFE_SECONDS,
                alg="RS256",
            )
        )
    except Exception:  # noqa: BLE001  whatever the libraries raise may quote the key
        failure = LoginKeyError(
            "The key for the JWT login cannot be used: not an unencrypted RSA private key in PEM form",
            hint="Make one with `sfsync login --jwt-key FILE --new`.",
        )
    raise failure


def _token_in(reply: _Reply, login: str, held: Token | None) -> Token:
    """The login that a token reply holds, with what it leaves out taken from the one before."""
    content = reply.json()
    fields = content if isinstance(content, dict) else {}
    access_token = _text(fields, "access_token")
    if not access_token or _text(fields, "token_type", "Bearer").lower() != "bearer":
        raise ProtocolError(
            f"{host_of(login)} answered a login without an access token",
            hint="Check org.login_url; if a proxy is between, it may have answered instead.",
        )
    before = held or Token(access_token="", instance_url="", id_url="")
    id_url = trusted_url(_text(fields, "id", before.id_url), login, "id")
    if not _IDENTITY_PATH.fullmatch(urlsplit(id_url).path):
        raise ProtocolError(
            f"{host_of(login)} answered a login without saying which org and user it is for"
        )
    instance_url = trusted_url(
        _text(fields, "instance_url", before.instance_url), login, "instance_url"
    )
    issued_at = _text(fields, "issued_at")
    return Token(
        access_token=access_token,
        refresh_token=_text(fields, "refresh_token", before.refresh_token),
        instance_url=origin_of(instance_url),
        id_url=id_url,
        scope=plain(_text(fields, "scope", before.scope)),
        issued_at=int(issued_at) if issued_at.isdecimal() and len(issued_at) < 20 else 0,
    )


def _identity(reply: _Reply, login: str) -> Identity:
    content = reply.json()
    if (
        not isinstance(content, dict)
        or not content.get("user_id")
        or not content.get("organization_id")
    ):
        raise ProtocolError(f"{host_of(login)} did not say who is logged in")
    return Identity(
        user_id=plain(_text(content, "user_id")),
        org_id=plain(_text(content, "organization_id")),
        username=plain(_text(content, "username")),
        display_name=plain(_text(content, "display_name")),
        email=plain(_text(content, "email")),
        timezone=plain(_text(content, "timezone")),
    )


def _text(fields: Mapping[str, Any], name: str, default: str = "") -> str:
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else default


def _error_in(reply: _Reply) -> tuple[str, str]:
    """OAuth's error and description out of JSON, a form or REST's list; two empty texts for a page."""
    content = reply.json()
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return _text(content[0], "errorCode"), _text(content[0], "message")
    if isinstance(content, dict):
        return _text(content, "error"), _text(content, "error_description")
    if b"error=" in reply.body and b"<" not in reply.body:
        fields = dict(parse_qsl(reply.text.strip()))
        return fields.get("error", ""), fields.get("error_description", "")
    return "", ""


def _refused(reply: _Reply, step: Step, host: str, secrets: tuple[str, ...]) -> SfsyncError:
    code, description = (plain(part, hide=secrets) for part in _error_in(reply))
    if reply.status >= 500 or reply.status in {408, 425, 429}:
        kind = (
            OutcomeUnknown
            if step is Step.REFRESH and reply.status not in {429, 503}
            else OrgUnavailable
        )
        return kind(
            f"{step} failed: {host} answered {reply.status}", hint="Try again in a few minutes."
        )
    if 300 <= reply.status < 400:
        target = urlsplit(reply.location).hostname or "another address"
        return LoginRefused(
            f"{step} failed: {host} points to {plain(target)} instead of answering",
            hint="Set org.login_url to the address that answers for this org, such as its My Domain.",
        )
    if code:
        return refusal(code, description, step=step, host=host)
    return LoginRefused(
        f"{step} failed: {host} answered {reply.status} with a page instead of a reply",
        hint="Check org.login_url; if a proxy is between, it may have answered instead.",
    )


def _unreachable(trouble: Exception, step: Step, host: str) -> SfsyncError:
    """What a failed request means, told without its cause: that one holds the request."""
    reason = getattr(trouble.args[0], "reason", None) if trouble.args else None
    if isinstance(trouble, requests.exceptions.SSLError):
        return ProtocolError(
            f"{step} failed: the certificate of {host} cannot be trusted",
            hint="Behind a company proxy, set REQUESTS_CA_BUNDLE to its certificate file; else do not log in there.",
        )
    if isinstance(trouble, requests.exceptions.ConnectTimeout) or isinstance(reason, _NEVER_SENT):
        return OrgUnavailable(
            f"{step} failed: {host} could not be reached",
            hint="Check the network and org.login_url.",
        )
    if step is Step.REFRESH:
        return OutcomeUnknown(
            f"{step} failed: {host} took the request and no answer came",
            hint="The next run tries again; if Salesforce had renewed it already, `sfsync login` is needed.",
        )
    return OrgUnavailable(
        f"{step} failed: {host} took the request and no answer came", hint="Run the command again."
    )
