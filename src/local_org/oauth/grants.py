"""What the org remembers of logins: codes, grants, and the tokens that belong to them.

A *grant* is one person's yes to one app. Its refresh token and all access tokens that came from it
live and die with it. Tokens are kept as SHA-256 digests only, so nothing here can be listed that
would let anybody in. HTTP is left to the other modules; time comes in as a function, because the
org has a clock of its own.

Source: docs/salesforce.md §1.2 (codes), §1.5 (idle time-out, rotation, five grants), §1.6 (texts),
§1.7 (revoke).
"""

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from local_org.oauth.apps import LASTING_SCOPES
from local_org.oauth.errors import OAuthError
from local_org.oauth.settings import OAuthSettings

# RFC 7636 ends at 128, but jsforce sends 171 (128 random bytes in base64url) and Salesforce takes
# them.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,256}\Z")
_EXPIRED_TOKEN = "expired access/refresh token"  # noqa: S105 - the text of an error
_PURGE_ABOVE = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """Whom an access token speaks for, and what it may do."""

    user_id: str
    client_id: str
    scope: tuple[str, ...]

    @property
    def may_use_api(self) -> bool:
        """Whether the REST API answers it."""
        return bool({"api", "full", "web"} & set(self.scope))


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code stands for."""

    user_id: str
    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    challenge: str | None
    nonce: str | None
    expires_at: float

    def check_verifier(self, verifier: str) -> None:
        """See that whoever redeems the code is whoever asked for it.

        Raises:
            OAuthError: where the verifier is missing, misshapen, wrong, or was never announced.
        """
        if self.challenge is None and not verifier:
            return
        if self.challenge is None or not _VERIFIER.match(verifier):
            raise OAuthError("invalid_grant", "invalid code verifier")
        if not hmac.compare_digest(challenge_of(verifier), self.challenge.encode()):
            raise OAuthError("invalid_grant", "invalid code verifier")


@dataclass(frozen=True, slots=True)
class Issued:
    """Fresh tokens, on their way out; the only place where they stand in the clear."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    session: Session
    issued_at: float


@dataclass(eq=False, slots=True)
class Grant:
    """One person's yes to one app."""

    session: Session
    created_at: float
    used_at: float
    refresh: bytes | None = None
    live: bool = True


@dataclass(slots=True)
class _Access:
    grant: Grant
    issued_at: float
    used_at: float


def challenge_of(verifier: str) -> bytes:
    """The S256 challenge of a PKCE verifier.

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    b'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


class Grants:
    """All codes, grants and tokens of one org.

    Args:
        now: the org's clock, in seconds since 1970.
        settings: the switches, read anew at each call.
        token_prefix: what access tokens begin with (the org's 15-character id).
    """

    def __init__(
        self, now: Callable[[], float], settings: OAuthSettings, token_prefix: Callable[[], str]
    ) -> None:
        self._now = now
        self._settings = settings
        self._prefix = token_prefix
        self._lock = threading.RLock()
        self._codes: dict[bytes, Code] = {}
        self._grants: list[Grant] = []
        self._by_refresh: dict[bytes, Grant] = {}
        self._access: dict[bytes, _Access] = {}

    # -- codes

    def new_code(self, code: Code) -> str:
        """Keep what a code stands for and give the code; it holds ``==``, as Salesforce's do."""
        text = f"aPrx{secrets.token_urlsafe(58)}=="
        with self._lock:
            self._codes = {
                key: held for key, held in self._codes.items() if held.expires_at > self._now()
            }
            self._codes[digest(text)] = code
        return text

    def take_code(self, text: str) -> Code:
        """Take a code out, whatever becomes of it: it is good for one try.

        Raises:
            OAuthError: for a code that is unknown, used or too old.
        """
        with self._lock:
            code = self._codes.pop(digest(text), None)
        if code is None or code.expires_at <= self._now():
            raise OAuthError("invalid_grant", "expired authorization code")
        return code

    # -- grants

    def open(self, session: Session, *, lasting: bool) -> Issued:
        """Begin a grant.

        Args:
            session: who, for which app, with which scopes.
            lasting: whether the flow may bring a refresh token (it comes if the scopes ask for it).
        """
        now = self._now()
        grant = Grant(session, now, now)
        refresh: str | None = None
        with self._lock:
            if lasting and LASTING_SCOPES & set(session.scope):
                self._make_room(session)
                refresh = self._new_refresh(grant)
                self._grants.append(grant)
            return Issued(self._new_access(grant), refresh, session, now)

    def refresh(self, token: str, client_id: str) -> Issued:
        """Trade a refresh token for an access token and, under rotation, for its successor.

        Raises:
            OAuthError: invalid_grant; a token rotated away also ends its whole grant.
        """
        now = self._now()
        with self._lock:
            grant = self._by_refresh.get(digest(token))
            if grant is None or grant.session.client_id != client_id:
                raise OAuthError("invalid_grant", _EXPIRED_TOKEN)
            if grant.refresh != digest(token) or self._idle_too_long(grant, now):
                self._end(grant)
            if not grant.live:
                raise OAuthError("invalid_grant", _EXPIRED_TOKEN)
            grant.used_at = now
            successor = self._new_refresh(grant) if self._settings.rotation else None
            return Issued(self._new_access(grant), successor, grant.session, now)

    def approved(self, user_id: str, client_id: str, scope: Iterable[str]) -> bool:
        """Whether the person said yes to the app for at least these scopes, and it still stands."""
        wanted = set(scope)
        with self._lock:
            return any(
                grant.session.user_id == user_id
                and grant.session.client_id == client_id
                and wanted <= set(grant.session.scope)
                for grant in self._grants
            )

    def revoke(self, token: str) -> None:
        """End a token: a refresh token takes its access tokens along, an access token only itself.

        Raises:
            OAuthError: invalid_token for one that is not alive.
        """
        key = digest(token)
        with self._lock:
            grant = self._by_refresh.get(key)
            if grant is not None and grant.live:
                self._end(grant)
            elif self._access.pop(key, None) is None:
                raise OAuthError("invalid_token", "invalid token")

    # -- sessions

    def session(self, token: str) -> Session | None:
        """Whom a living access token speaks for; asking counts as use."""
        with self._lock:
            access = self._living(digest(token))
            if access is None:
                return None
            access.used_at = self._now()
            return access.grant.session

    def facts(self, token: str) -> tuple[Session, str, float, float | None] | None:
        """A token's session, kind, issue time and end; None for a dead one.

        Asking does not count as use.
        """
        with self._lock:
            access = self._living(digest(token))
            if access is not None:
                end = access.used_at + self._settings.access_token_idle_seconds
                return access.grant.session, "access_token", access.issued_at, end
            grant = self._by_refresh.get(digest(token))
            if grant is None or not grant.live or grant.refresh != digest(token):
                return None
            return grant.session, "refresh_token", grant.created_at, None

    # -- for tests

    def expire_access_tokens(self) -> int:
        """End every access token at once, as a long idle time would; gives how many."""
        with self._lock:
            count = len(self._access)
            self._access.clear()
            return count

    def revoke_all(self) -> int:
        """End every grant and token, as an admin may in Setup; gives how many grants."""
        with self._lock:
            ended = list(self._grants)
            for grant in ended:
                self._end(grant)
            self._access.clear()
            return len(ended)

    def counts(self) -> dict[str, int]:
        """How many codes, grants and access tokens are alive."""
        with self._lock:
            return {
                "codes": sum(code.expires_at > self._now() for code in self._codes.values()),
                "grants": len(self._grants),
                "access_tokens": sum(self._living(key) is not None for key in list(self._access)),
            }

    # -- within the lock

    def _make_room(self, session: Session) -> None:
        mine = [
            grant
            for grant in self._grants
            if (grant.session.user_id, grant.session.client_id)
            == (session.user_id, session.client_id)
        ]
        for grant in mine[: max(0, len(mine) + 1 - self._settings.grants_per_user_and_app)]:
            self._end(grant)

    def _end(self, grant: Grant) -> None:
        grant.live = False
        if grant in self._grants:
            self._grants.remove(grant)
        self._access = {
            key: access for key, access in self._access.items() if access.grant is not grant
        }

    def _new_refresh(self, grant: Grant) -> str:
        text = f"5Aep861{secrets.token_urlsafe(58)}"
        grant.refresh = digest(text)
        self._by_refresh[grant.refresh] = grant
        return text

    def _new_access(self, grant: Grant) -> str:
        if len(self._access) > _PURGE_ABOVE:
            self._access = {key: held for key, held in self._access.items() if self._living(key)}
        text = f"{self._prefix()}!AQ{secrets.token_urlsafe(66)}"
        self._access[digest(text)] = _Access(grant, self._now(), self._now())
        return text

    def _living(self, key: bytes) -> _Access | None:
        access = self._access.get(key)
        if access is None or not access.grant.live:
            return None
        idle = self._now() - access.used_at
        return access if idle < self._settings.access_token_idle_seconds else None

    def _idle_too_long(self, grant: Grant, now: float) -> bool:
        limit = self._settings.refresh_token_idle_seconds
        return limit is not None and now - grant.used_at >= limit
