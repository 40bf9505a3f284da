"""The apps and users that may log in, as the endpoints check them."""

import hmac

from local_org.oauth.apps import App
from local_org.oauth.errors import OAuthError
from local_org.oauth.http import Form
from local_org.oauth.settings import OAuthSettings
from local_org.state.org import OrgState
from local_org.state.tables import Row


class Clients:
    """Who may log in, and how they show that they are who they say.

    Args:
        state: the org, for its users.
        settings: the switches.
        apps: the registered apps by client id; may be changed while the org runs.
        passwords: by username in lower case; everybody else has ``settings.password``.
    """

    def __init__(
        self,
        state: OrgState,
        settings: OAuthSettings,
        apps: dict[str, App],
        passwords: dict[str, str],
    ) -> None:
        self._state = state
        self._settings = settings
        self._apps = apps
        self._passwords = passwords

    def app(self, form: Form) -> App:
        """The app that asks, once it has shown the secret it should have.

        Raises:
            OAuthError: invalid_client_id or invalid_client.
        """
        app = self._apps.get(form.get("client_id", ""))
        if app is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        shown = form.get("client_secret", "")
        if not hmac.compare_digest((app.secret or "").encode(), shown.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")
        return app

    def check_active(self, user_id: str) -> None:
        """Refuse a user who is frozen or gone.

        Raises:
            OAuthError: inactive_user.
        """
        user = self._state.user(user_id)
        if user is None or not user.get("IsActive"):
            raise OAuthError("inactive_user", "user is inactive")

    def is_password(self, user: Row, password: str) -> bool:
        """Whether that is the user's password."""
        right = self._passwords.get(user["Username"].lower(), self._settings.password)
        return hmac.compare_digest(right.encode(), password.encode())
