"""The switches of the login side."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class OAuthSettings:
    """The switches of the login side; ``POST /_local/oauth/settings`` takes the same names.

    Attributes:
        auto_approve: skip the login and Allow pages.
        rotation: answer each refresh with a new refresh token, and take reuse of an old one for
        theft.
        access_token_idle_seconds: how long an unused access token lives.
        refresh_token_idle_seconds: how long an unused refresh token lives; None: until revoked.
        code_seconds: how long an authorization code waits.
        grants_per_user_and_app: how many lasting grants live side by side; a further one ends the
        oldest.
        generic_login_host: play login.salesforce.com, which refuses client credentials.
        instance_url: where the API is; None: wherever the token was asked for.
        audiences: what a JWT's ``aud`` may be, besides this server's own address.
        password: what every user without a password of their own logs in with.
        show_hint: whether the login page tells who may log in.
    """

    auto_approve: bool = False
    rotation: bool = False
    access_token_idle_seconds: float = 7200.0
    refresh_token_idle_seconds: float | None = None
    code_seconds: float = 900.0
    grants_per_user_and_app: int = 5
    generic_login_host: bool = False
    instance_url: str | None = None
    audiences: tuple[str, ...] = ("https://login.salesforce.com", "https://test.salesforce.com")
    password: str = field(default="penguins", repr=False)
    show_hint: bool = True

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some switches by name.

        Raises:
            ValueError: for a name that is no switch.
        """
        known = {item.name for item in fields(self)}
        unknown = sorted(set(wanted) - known)
        if unknown:
            raise ValueError(
                f"no such setting: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        for name, value in wanted.items():
            setattr(self, name, tuple(value) if name == "audiences" else value)

    def as_dict(self) -> dict[str, Any]:
        """All switches as JSON values, but for the password."""
        return {name: value for name, value in asdict(self).items() if name != "password"}
