"""The grants: code exchange, refresh, signed key, client credentials, revoke, and who is logged in.

One request each and never a second one on its own: a refresh whose answer was lost may have been
spent, and under rotation presenting a spent one ends the login for good. How a request is sent is
``login_host``'s business; where tokens are kept and who may refresh is for ``login`` and
``keychain``.

Source: docs/salesforce.md §1.2-1.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from urllib.parse import urlsplit

from sfsync.errors import (
    ConfigError,
    GrantRevoked,
    LoginKeyError,
    ProtocolError,
)
from sfsync.model.token import Token, carriable

from .hosts import (
    host_of,
    is_shared_login,
    jwt_audience,
    login_origin,
    origin_of,
    trusted_url,
)
from .login_host import (
    CONNECT_SECONDS,
    READ_SECONDS,
    LoginHost,
    Reply,
    error_in,
    refused,
    text_of,
)
from .oauth_errors import LoginStep, plain

_JWT_LIFE_SECONDS = 180
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_IDENTITY_PATH = re.compile(r"/id/00D\w{12}(?:\w{3})?/005\w{12}(?:\w{3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is logged in, as the identity URL tells it.

    Source: docs/salesforce.md §1.4.
    """

    user_id: str
    org_id: str
    username: str
    display_name: str = ""
    email: str = ""
    timezone: str = ""


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
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.login = login_origin(login_url)
        self.client_id = client_id.strip()
        if not self.client_id:
            raise ConfigError(
                "org.client_id is empty", hint="Set it to the consumer key of your app."
            )
        self._client_secret = client_secret
        self._host = LoginHost(
            self.login, connect_seconds=connect_seconds, read_seconds=read_seconds
        )

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
        return self._token(LoginStep.CODE, self._with_client(form), None)

    def refresh(self, held: Token) -> Token:
        """Renew a login; the caller holds the lock and keeps the result before using it.

        Args:
            held: the login as stored. Its refresh token stays where the reply brings no new one.

        Raises:
            GrantRevoked: the login has ended, or never had a refresh token.
            OutcomeUnknown: sent, and no usable answer came: not to be repeated within this run.
            OrgUnavailable: not sent, or turned away before it counted.

        Source: docs/salesforce.md §1.5 (rotation; ``instance_url`` may change).
        """
        if not held.refresh_token:
            raise GrantRevoked(
                "The login has ended and came without a refresh token, so it cannot be renewed",
                hint="Have refresh_token among org.scopes, then run `sfsync login`.",
            )
        form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
        return self._token(LoginStep.REFRESH, self._with_client(form), held)

    def jwt_bearer(
        self, *, username: str, private_key_pem: str, now: datetime, audience: str = ""
    ) -> Token:
        """Log in by a signed statement: for servers that have no browser.

        There is no refresh: sign again.

        Args:
            username: of the Salesforce user to act as.
            private_key_pem: the RSA key whose certificate the app holds.
            now: the present; the statement holds for three minutes.
            audience: where the login host's own rule does not fit.

        Raises:
            LoginKeyError: the key cannot be used.
            LoginRefused: user, key or app do not fit together.

        Source: docs/salesforce.md §1.8 (exp at most 3-5 minutes ahead).
        """
        assertion = _signed(
            private_key_pem,
            issuer=self.client_id,
            subject=username,
            audience=audience or jwt_audience(self.login),
            issued_at=int(now.timestamp()),
        )
        return self._token(LoginStep.JWT, {"grant_type": _JWT_GRANT, "assertion": assertion}, None)

    def client_credentials(self) -> Token:
        """Log in as the app's run-as user, by id and secret. There is no refresh: ask again.

        Raises:
            ConfigError: no secret, or a login host that serves every org.
            LoginRefused: the flow is not enabled, or the secret is wrong.

        Source: docs/salesforce.md §1.8 (My Domain only).
        """
        if is_shared_login(self.login):
            raise ConfigError(
                f"{host_of(self.login)} does not take client credentials",
                hint="Set org.login_url to the org's My Domain: https://NAME.my.salesforce.com.",
            )
        if not self._client_secret:
            raise ConfigError(
                "A login with client credentials needs the app's secret",
                hint="Set SFSYNC_CLIENT_SECRET_FILE to a file that holds it (chmod 600), or "
                "SFSYNC_CLIENT_SECRET.",
            )
        return self._token(
            LoginStep.CLIENT_CREDENTIALS,
            self._with_client({"grant_type": "client_credentials"}),
            None,
        )

    def revoke(self, held: Token) -> None:
        """End a login at Salesforce.

        The refresh token ends with all its access tokens; without one, the access token does. A
        token that is dead already is as good as revoked.

        Raises:
            OrgUnavailable: no answer; the login may live on.

        Source: docs/salesforce.md §1.7.
        """
        token = held.refresh_token or held.access_token
        reply = self._host.post("/services/oauth2/revoke", {"token": token}, LoginStep.REVOKE)
        code, _ = error_in(reply)
        if reply.status != 200 and code not in {"invalid_token", "unsupported_token_type"}:
            self._refuse(reply, LoginStep.REVOKE, held.secrets())

    def identity(self, held: Token) -> Identity:
        """Who a login belongs to. Not counted among the org's API calls.

        Raises:
            GrantRevoked: the access token has ended; a refresh may help.

        Source: docs/salesforce.md §1.4 (the identity URL).
        """
        asked = trusted_url(held.id_url, self.login, "id")
        reply = self._host.get(asked, held.access_token, LoginStep.IDENTITY)
        if 300 <= reply.status < 400:
            # The login host may point to the org's own host, which is asked instead of obeyed.
            home = trusted_url(held.instance_url, self.login, "instance_url")
            asked = f"{origin_of(home)}{urlsplit(asked).path}"
            reply = self._host.get(asked, held.access_token, LoginStep.IDENTITY)
        code, _ = error_in(reply)
        # the day's calls spent is a 403 as well, and says nothing of the login
        if reply.status in {401, 403} and code != "REQUEST_LIMIT_EXCEEDED":
            raise GrantRevoked(
                "Salesforce no longer takes this access token", hint="Run `sfsync login`."
            )
        if reply.status != 200:
            self._refuse(reply, LoginStep.IDENTITY, held.secrets())
        return _identity(reply, self.login)

    # -- one request

    def _with_client(self, form: dict[str, str]) -> dict[str, str]:
        with_id = form | {"client_id": self.client_id}
        if self._client_secret:
            return with_id | {"client_secret": self._client_secret}
        return with_id

    def _token(self, step: LoginStep, form: dict[str, str], held: Token | None) -> Token:
        reply = self._host.post("/services/oauth2/token", form, step)
        if reply.status != 200:
            public = {"grant_type", "client_id"}
            self._refuse(
                reply, step, tuple(value for name, value in form.items() if name not in public)
            )
        return _token_in(reply, self.login, held)

    def _refuse(self, reply: Reply, step: LoginStep, secrets: tuple[str, ...]) -> NoReturn:
        raise refused(reply, step, host_of(self.login), secrets)


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
            "The key for the JWT login cannot be used: not an unencrypted RSA private key in PEM "
            "form",
            hint="Make one with `sfsync login --jwt-key FILE --new`.",
        )
    raise failure


def _token_in(reply: Reply, login: str, held: Token | None) -> Token:
    """The login that a token reply holds, with what it leaves out taken from the one before."""
    content = reply.json()
    fields = content if isinstance(content, dict) else {}
    access_token = text_of(fields, "access_token")
    if not access_token or text_of(fields, "token_type", "Bearer").lower() != "bearer":
        raise ProtocolError(
            f"{host_of(login)} answered a login without an access token",
            hint="Check org.login_url; if a proxy is between, it may have answered instead.",
        )
    if not carriable(access_token) or not carriable(text_of(fields, "refresh_token")):
        raise ProtocolError(
            f"{host_of(login)} answered a login with a token that no request can carry: it holds "
            "line ends, or letters that are not ASCII",
            hint="Check org.login_url; if a proxy is between, it may have answered instead.",
        )
    before = held or Token(access_token="", instance_url="", id_url="")
    id_url = trusted_url(text_of(fields, "id", before.id_url), login, "id")
    if not _IDENTITY_PATH.fullmatch(urlsplit(id_url).path):
        raise ProtocolError(
            f"{host_of(login)} answered a login without saying which org and user it is for"
        )
    instance_url = trusted_url(
        text_of(fields, "instance_url", before.instance_url), login, "instance_url"
    )
    return Token(
        access_token=access_token,
        refresh_token=text_of(fields, "refresh_token", before.refresh_token),
        instance_url=origin_of(instance_url),
        id_url=id_url,
        scope=plain(text_of(fields, "scope", before.scope)),
        issued_at=_milliseconds(text_of(fields, "issued_at")),
    )


def _milliseconds(text: str) -> int:
    """A time as the host writes it; 0 where that makes no sense."""
    if text.isdecimal() and len(text) < 20:
        return int(text)
    return 0


def _identity(reply: Reply, login: str) -> Identity:
    content = reply.json()
    fields = content if isinstance(content, dict) else {}
    if not fields.get("user_id") or not fields.get("organization_id"):
        raise ProtocolError(f"{host_of(login)} did not say who is logged in")
    return Identity(
        user_id=plain(text_of(fields, "user_id")),
        org_id=plain(text_of(fields, "organization_id")),
        username=plain(text_of(fields, "username")),
        display_name=plain(text_of(fields, "display_name")),
        email=plain(text_of(fields, "email")),
        timezone=plain(text_of(fields, "timezone")),
    )
