"""The apps that an admin registered, and the scopes they may ask for.

Source: docs/salesforce.md §1.2, §1.8.
"""

from dataclasses import dataclass, field

from local_org.oauth.errors import OAuthError

PUBLIC_CLIENT_ID = "sfsync-local"
CONFIDENTIAL_CLIENT_ID = "sfsync-local-confidential"
CONFIDENTIAL_SECRET = "local-org-secret"  # noqa: S105 - it opens made-up data
# Browsers refuse port 1719 (H.323, ERR_UNSAFE_PORT): it is registered, as an admin may do, but
# cannot be reached.
DEFAULT_CALLBACKS = tuple(
    f"http://localhost:{port}/callback" for port in (1716, 1717, 1718, 1719, 8080)
)
SCOPES = {
    "api": "Manage your data through the API",
    "refresh_token": "Stay connected until you revoke it",
    "offline_access": "Stay connected until you revoke it",
    "id": "See who you are",
    "openid": "Sign you in with your identity",
    "profile": "See your name and profile",
    "email": "See your email address",
    "web": "Open the org in a browser",
    "full": "Do everything you may do",
}
LASTING_SCOPES = frozenset({"refresh_token", "offline_access"})


@dataclass(frozen=True, slots=True)
class App:
    """An app an admin registered: who may ask for tokens, and how.

    Args:
        client_id: the consumer key.
        name: what the Allow page calls it.
        callbacks: where codes may be sent; compared character by character, port included.
        secret: the consumer secret; None for a public client, which has nobody to keep one.
        pkce_required: whether a login without a code challenge is refused.
        scopes: what may be asked for; all of it is given when nothing is asked for.
        public_key: PEM of a certificate or public key that JWT assertions are checked against.
        preauthorized: whether an admin approved the app for all users (the JWT flow needs it or an
        Allow).
        run_as: username the client-credentials flow works as; None where the flow is off.
    """

    client_id: str
    name: str
    callbacks: tuple[str, ...] = DEFAULT_CALLBACKS
    secret: str | None = field(default=None, repr=False)
    pkce_required: bool = True
    scopes: tuple[str, ...] = ("api", "refresh_token", "id", "openid", "web")
    public_key: str | None = field(default=None, repr=False)
    preauthorized: bool = False
    run_as: str | None = None

    def granted(self, asked: str) -> tuple[str, ...]:
        """The scopes of a request, in the order asked.

        Raises:
            OAuthError: invalid_scope for one the app does not have.
        """
        wanted = tuple(dict.fromkeys(asked.split())) or self.scopes
        allowed = set(self.scopes)
        if allowed & LASTING_SCOPES:  # refresh_token and offline_access mean the same
            allowed |= LASTING_SCOPES
        if not allowed.issuperset(wanted):
            raise OAuthError("invalid_scope", "the requested scope is not allowed")
        return wanted


def default_apps() -> tuple[App, ...]:
    """The two apps every local org has.

    One is public; the other keeps a secret and may use client credentials.
    """
    return (
        App(PUBLIC_CLIENT_ID, "sfsync"),
        App(
            CONFIDENTIAL_CLIENT_ID,
            "sfsync (server)",
            secret=CONFIDENTIAL_SECRET,
            run_as="admin@penguin.example",
        ),
    )
