import re
from urllib.parse import parse_qs, urlsplit

from sfsync.auth.pkce import Handshake, authorization_url


def url_of(handshake, **more):
    url = authorization_url(
        "https://login.salesforce.com",
        client_id="3MVG9.key",
        redirect_uri="http://localhost:1717/callback",
        scopes=("api", "refresh_token"),
        handshake=handshake,
        **more,
    )
    return url, {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


def test_the_address_asks_for_a_code_with_a_challenge():
    handshake = Handshake.new()
    url, fields = url_of(handshake, login_hint="ada@example.com")
    assert url.startswith("https://login.salesforce.com/services/oauth2/authorize?")
    assert fields == {
        "response_type": "code",
        "client_id": "3MVG9.key",
        "redirect_uri": "http://localhost:1717/callback",
        "scope": "api refresh_token",
        "state": handshake.state,
        "code_challenge": handshake.challenge,
        "code_challenge_method": "S256",
        "prompt": "login",
        "login_hint": "ada@example.com",
    }


def test_the_verifier_is_not_in_the_address():
    handshake = Handshake.new()
    assert handshake.verifier not in url_of(handshake)[0]


def test_prompt_and_hint_may_be_left_out():
    fields = url_of(Handshake.new(), prompt="")[1]
    assert "prompt" not in fields
    assert "login_hint" not in fields


def test_every_login_has_its_own_secrets_of_the_permitted_form():
    made = [Handshake.new() for _ in range(50)]
    assert (
        len({handshake.verifier for handshake in made} | {handshake.state for handshake in made})
        == 100
    )
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", handshake.verifier) for handshake in made)


def test_a_handshake_does_not_show_itself():
    handshake = Handshake.new()
    assert handshake.verifier not in repr(handshake)
    assert handshake.state not in repr(handshake)
