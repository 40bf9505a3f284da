"""What a login in the browser starts from: verifier, challenge, state and the address to open.

Pure but for the randomness; nothing here is sent or kept. The verifier stays in memory until the
code is exchanged, so a stolen code alone is worth nothing.

Source: RFC 7636; docs/salesforce.md §1.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

_VERIFIER_CHARACTERS = 96
_STATE_CHARACTERS = 48


@dataclass(frozen=True, slots=True)
class Handshake:
    """One login's secrets: made for it, used once, never kept.

    Attributes:
        verifier: what proves at the exchange that the code was asked for here.
        state: what proves at the callback that the browser was sent from here; 285 bits.
    """

    verifier: str = field(repr=False)
    state: str = field(repr=False)

    @classmethod
    def new(cls) -> Handshake:
        """Fresh random values, from the system's generator."""
        return cls(
            verifier=generate_token(_VERIFIER_CHARACTERS), state=generate_token(_STATE_CHARACTERS)
        )

    @property
    def challenge(self) -> str:
        """The verifier's S256 challenge.

        >>> Handshake("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "").challenge
        'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
        """
        return str(create_s256_code_challenge(self.verifier))


def authorization_url(
    login: str,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Sequence[str],
    handshake: Handshake,
    prompt: str = "login",
    login_hint: str = "",
) -> str:
    """The address to open in the browser.

    Args:
        login: the login host's origin.
        client_id: the app's consumer key.
        redirect_uri: must be registered on the app in exactly this form, port included.
        scopes: such as ``("api", "refresh_token")``.
        handshake: this login's state and verifier.
        prompt: ``login`` asks for the password even where the browser has a session, so that nobody
            logs in as whoever used the browser last; empty to leave it to Salesforce.
        login_hint: a username to fill in.
    """
    return str(
        prepare_grant_uri(
            f"{login}/services/oauth2/authorize",
            client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=list(scopes),
            state=handshake.state,
            code_challenge=handshake.challenge,
            code_challenge_method="S256",
            prompt=prompt or None,
            login_hint=login_hint or None,
        )
    )
