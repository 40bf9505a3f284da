"""Logging in, staying logged in, logging out: where browser, token endpoint and token store meet.

One law: whatever changes the stored login does so under one lock, shared by every process of a
profile, and keeps the new login before it is used. Under refresh-token rotation anything less
ends in two processes logging each other out.

Source: docs/salesforce.md §1.5 (rotation); docs/reliability.md, "Ended at any moment".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sfsync.errors import (
    GrantRevoked,
    NotLoggedIn,
    OrgUnavailable,
    SfsyncError,
    TokenStoreError,
    WrongOrg,
)
from sfsync.failpoints import reach
from sfsync.model.token import Token

from .grants import Grants, Identity
from .hosts import host_of
from .loopback import DEFAULT_DEADLINE_SECONDS, Listener, Paste
from .token_store import TokenStore

log = logging.getLogger(__name__)

LOCK_SECONDS = 90.0

Renew = Callable[[Token], Token]
"""Makes a new login out of the stored one: a refresh, or signing again."""

Kept = Callable[[Token], None]
"""Called with a login once it is kept; must not fail."""


class Refresher:
    """Renews the stored login, one process and thread at a time.

    Args:
        store: where the login is kept.
        profile: whose login.
        lock_path: a file in a folder of the user's own; the same for every process of the profile.
        renew: ``Grants.refresh``, or for logins without refresh token one that signs again.
        lock_seconds: how long to wait for another process that is renewing.
        kept: called with each renewed login once it is kept.
    """

    def __init__(
        self,
        store: TokenStore,
        profile: str,
        lock_path: Path,
        renew: Renew,
        *,
        lock_seconds: float = LOCK_SECONDS,
        kept: Kept = lambda _token: None,
    ) -> None:
        self._store = store
        self._profile = profile
        self._lock_path = lock_path
        self._renew = renew
        self._lock_seconds = lock_seconds
        self._kept = kept

    def __call__(self, stale_access_token: str) -> Token:
        """As ``fresh``, so that it can be handed on as a plain function."""
        return self.fresh(stale_access_token)

    def fresh(self, stale_access_token: str) -> Token:
        """A login that is newer than the one that was refused.

        Args:
            stale_access_token: the one that got a 401. If the store meanwhile holds another,
                another process has renewed it, and that one is handed back without a request.

        Raises:
            NotLoggedIn: there is no login to renew.
            GrantRevoked: it has ended.
            OutcomeUnknown, OrgUnavailable: it could not be renewed now.
            TokenStoreError: a renewed login could not be kept.
            WrongOrg: the renewed login belongs to another org.
        """
        with locked(self._lock_path, self._lock_seconds):
            held = _held(self._store, self._profile)
            if held.access_token != stale_access_token:
                return held
            if held.refresh_token:
                # A store that cannot be written is better found out before the refresh token is
                # spent.
                self._store.save(self._profile, held)
            renewed = self._renew(held)
            reach("auth.refreshed")
            refuse_other_org(renewed, held.org_id)
            self._keep(renewed)
            reach("auth.refresh_stored")
            self._kept(renewed)
            return renewed

    def _keep(self, renewed: Token) -> None:
        try:
            self._store.save(self._profile, renewed)
        except SfsyncError:
            # Once more: the refresh token that it came from is spent, so that a login which is not
            # kept here cannot be renewed again.
            self._store.save(self._profile, renewed)


class Login:
    """The login of one profile.

    Args:
        grants: the app at its login host.
        store: where the login is kept, chosen and probed by ``keychain.choose_store``.
        profile: whose login.
        lock_path: shared with ``Refresher``.
        expected_org: the org this profile was first used with; empty if none yet.
        renew: for logins without refresh token; signs or asks again.
        kept: called with each login, new or renewed, once it is kept.
    """

    def __init__(
        self,
        grants: Grants,
        store: TokenStore,
        profile: str,
        lock_path: Path,
        *,
        expected_org: str = "",
        renew: Renew | None = None,
        kept: Kept = lambda _token: None,
    ) -> None:
        self._grants = grants
        self._store = store
        self._profile = profile
        self._lock_path = lock_path
        self._expected_org = expected_org
        self._renew = renew or grants.refresh
        self._kept = kept

    def interactive_login(
        self,
        *,
        ports: Sequence[int],
        scopes: Sequence[str],
        announce: Callable[[str], None],
        open_browser: Callable[[str], bool] | None = None,
        paste: Paste | None = None,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        prompt: str = "login",
        login_hint: str = "",
    ) -> Token:
        """Log in with the browser; the login is kept when this returns.

        Args:
            ports: to try in turn for the way back.
            scopes: to ask for.
            announce: gets the address where no browser could be opened.
            open_browser: opens an address and says whether it could; None for ``--no-browser``.
            paste: for a browser on another computer: see ``Listener.wait``.
            deadline_seconds: how long to wait for the browser.
            prompt: see ``pkce.authorization_url``.
            login_hint: a username to fill in.

        Raises:
            AuthError: no port is free, the browser did not come back, or the login was refused.
            WrongOrg: it is another org than the profile's.
        """
        # Imported here alone: every other command starts faster without it.
        from .pkce import Handshake, authorization_url

        handshake = Handshake.new()
        with Listener(ports, handshake.state, host_of(self._grants.login)) as listener:
            url = authorization_url(
                self._grants.login,
                client_id=self._grants.client_id,
                redirect_uri=listener.redirect_uri,
                scopes=scopes,
                handshake=handshake,
                prompt=prompt,
                login_hint=login_hint,
            )
            if open_browser is None or not open_browser(url):
                announce(url)
            code = listener.wait(deadline_seconds, paste)
            reach("auth.code_received")
            token = self._grants.exchange_code(
                code, redirect_uri=listener.redirect_uri, verifier=handshake.verifier
            )
            reach("auth.token_received")
            self._keep(token)
            reach("auth.token_stored")
            listener.succeed()
        return token

    def server_login(self, sign: Callable[[], Token]) -> Token:
        """Log in without a browser; the login is kept when this returns.

        Args:
            sign: ``Grants.jwt_bearer`` or ``Grants.client_credentials``, with its arguments.
        """
        token = sign()
        self._keep(token)
        return token

    def current(self) -> Token:
        """The stored login.

        Raises:
            NotLoggedIn: there is none.
            WrongOrg: it belongs to another org than the profile's.
        """
        token = _held(self._store, self._profile)
        refuse_other_org(token, self._expected_org)
        return token

    def refresher(self, renew: Renew | None = None) -> Refresher:
        """What renews this login.

        Args:
            renew: for logins without refresh token; signs again.
        """
        return Refresher(
            self._store, self._profile, self._lock_path, renew or self._renew, kept=self._kept
        )

    def whoami(self, renew: Renew | None = None) -> Identity:
        """Who is logged in, after renewing the login if need be."""
        token = self.current()
        try:
            return self._grants.identity(token)
        except GrantRevoked:
            return self._grants.identity(self.refresher(renew).fresh(token.access_token))

    def logout(self) -> bool:
        """End the login at Salesforce and forget it here.

        Returns:
            Whether Salesforce confirmed; False if it could not be asked, so that the login may
            still be valid there.

        Raises:
            NotLoggedIn: there is none.
        """
        with locked(self._lock_path, LOCK_SECONDS):
            held = _held(self._store, self._profile)
            revoked = self._revoked(held)
            self._store.delete(self._profile)
            return revoked

    def _keep(self, token: Token) -> None:
        """Keep a new login; what cannot be kept, or is of another org, is ended again."""
        try:
            refuse_other_org(token, self._expected_org)
            with locked(self._lock_path, LOCK_SECONDS):
                self._store.save(self._profile, token)
                self._kept(token)
        except SfsyncError:
            self._revoked(token)
            raise

    def _revoked(self, token: Token) -> bool:
        try:
            self._grants.revoke(token)
        except SfsyncError:
            return False
        return True


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Hold the profile's login lock; the system frees it when a process dies.

    Raises:
        OrgUnavailable: another process has held it all that time.
        TokenStoreError: the lock's file cannot be opened.
    """
    lock = FileLock(path, timeout=seconds, mode=0o600)
    try:
        _acquire(lock, seconds)
    except Timeout:
        raise OrgUnavailable(
            f"Another sfsync has been renewing the login for {seconds:.0f} seconds",
            hint="Try again later.",
        ) from None
    except OSError as error:
        raise TokenStoreError(
            f"The lock of the login, {path}, cannot be taken: {error.strerror}",
            hint="The folder must be there and yours to write in.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def refuse_other_org(token: Token, expected_org: str) -> None:
    """Stop where a login is for another org.

    Args:
        token: the login.
        expected_org: an org id of 15 or 18 characters; empty where any will do.

    Raises:
        WrongOrg: they differ.
    """
    if expected_org and token.org_id[:15] != expected_org[:15]:
        raise WrongOrg(
            f"This login is for org {token.org_id}, but the profile belongs to org {expected_org}",
            hint="Log in to that org, or use another --profile for this one.",
        )


def _held(store: TokenStore, profile: str) -> Token:
    token = store.load(profile)
    if token is None:
        raise NotLoggedIn(
            f"Profile {profile.partition(':')[0]!r} is not logged in", hint="Run `sfsync login`."
        )
    return token


def _acquire(lock: FileLock, seconds: float) -> None:
    """Take the lock; that another process keeps it waiting is told.

    Raises:
        Timeout: another process has held it all that time.
        OSError: its file cannot be opened.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info(
            "another sfsync is renewing the login; waiting for it, %.0f s at most",
            seconds,
            extra={"wait_seconds": seconds},
        )
        lock.acquire()
