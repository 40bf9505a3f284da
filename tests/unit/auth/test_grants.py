import base64
import json
import logging
import socket
import threading
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sfsync.auth.grants import Grants
from sfsync.auth.login_host import Bearer
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

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def exchange(grants):
    return grants.exchange_code(
        "aPrx==", redirect_uri="http://localhost:1/callback", verifier="v" * 50
    )


def test_a_code_becomes_a_login(endpoint, grants, canary):
    endpoint.reply()
    token = exchange(grants)
    assert token.access_token == f"00D!{canary}"
    assert token.refresh_token == f"5Aep{canary}"
    assert token.instance_url == endpoint.url
    assert token.org_id == "00D000000000001EAA"
    assert token.issued_at == 1435269268723
    (seen,) = endpoint.seen
    assert seen.path == "/services/oauth2/token"
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen.form == {
        "grant_type": "authorization_code",
        "code": "aPrx==",
        "client_id": "3MVG9.key",
        "redirect_uri": "http://localhost:1/callback",
        "code_verifier": "v" * 50,
    }


def test_a_confidential_app_sends_its_secret_too(endpoint):
    endpoint.reply()
    exchange(Grants(endpoint.url, "key", client_secret="shh"))
    assert endpoint.seen[0].form["client_secret"] == "shh"
    assert "shh" not in repr(Grants(endpoint.url, "key", client_secret="shh"))


def test_a_refresh_keeps_the_refresh_token_where_none_comes(endpoint, grants, held):
    endpoint.reply(refresh_token=None, id=None, scope=None)
    token = grants.refresh(held)
    assert token.refresh_token == held.refresh_token
    assert token.access_token != held.access_token
    assert (token.id_url, token.scope) == (held.id_url, held.scope)


def test_a_rotated_refresh_token_and_a_moved_instance_are_taken_over(
    endpoint, grants, held, canary
):
    moved = endpoint.url.replace("127.0.0.1", "localhost")
    endpoint.reply(instance_url=moved)
    token = grants.refresh(held)
    assert token.refresh_token == f"5Aep{canary}"
    assert token.instance_url == moved


def test_a_login_without_refresh_token_is_not_even_asked_for(endpoint, grants, held):
    with pytest.raises(GrantRevoked, match="without a refresh token"):
        grants.refresh(replace(held, refresh_token=""))
    assert endpoint.seen == []


def test_a_signed_statement_says_who_for_whom_and_how_long(endpoint, grants, pem, key):
    endpoint.reply(refresh_token=None)
    token = grants.jwt_bearer(username="ada@example.com", private_key_pem=pem, now=NOW)
    assert token.refresh_token == ""
    form = endpoint.seen[0].form
    assert set(form) == {"grant_type", "assertion"}
    head, body = (
        json.loads(base64.urlsafe_b64decode(part + "=="))
        for part in form["assertion"].split(".")[:2]
    )
    assert head["alg"] == "RS256"
    assert (body["iss"], body["sub"], body["aud"]) == ("3MVG9.key", "ada@example.com", endpoint.url)
    assert body["exp"] == NOW.timestamp() + 180


@pytest.mark.parametrize(
    "text",
    ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----"],
)
def test_a_key_that_is_none_is_told_without_quoting_it(grants, text):
    with pytest.raises(LoginKeyError) as caught:
        grants.jwt_bearer(username="ada", private_key_pem=text, now=NOW)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_client_credentials_go_to_the_own_domain_only(endpoint):
    endpoint.reply(refresh_token=None, scope=None)
    assert Grants(endpoint.url, "key", client_secret="shh").client_credentials().access_token
    assert endpoint.seen[0].form == {
        "grant_type": "client_credentials",
        "client_id": "key",
        "client_secret": "shh",
    }
    with pytest.raises(ConfigError, match="does not take client credentials"):
        Grants("https://login.salesforce.com", "key", client_secret="shh").client_credentials()
    with pytest.raises(ConfigError, match="secret"):
        Grants("https://acme.my.salesforce.com", "key").client_credentials()


def test_an_app_needs_an_id(endpoint):
    with pytest.raises(ConfigError, match="client_id"):
        Grants(endpoint.url, " ")


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "expired access/refresh token"},
            GrantRevoked,
            "has ended",
        ),
        (
            400,
            b"error=invalid_grant&error_description=expired%20access%2Frefresh+token",
            GrantRevoked,
            "expired access",
        ),
        (
            400,
            [{"errorCode": "inactive_org", "message": "gone"}],
            LoginRefused,
            "inactive_org: gone",
        ),
        (400, b"<html><body>error=invalid_grant</body></html>", LoginRefused, "a page instead"),
        (403, b"", LoginRefused, "403"),
        (404, b"<h1>no</h1>", LoginRefused, "404"),
        (401, {"error": ["odd"], "error_description": {}}, LoginRefused, "401"),
        (400, b"\xff\xfe{", LoginRefused, "400"),
        (400, b"[" * 100_000, LoginRefused, "400"),
        (500, {"error": "server_error"}, OutcomeUnknown, "500"),
        (502, b"<html>", OutcomeUnknown, "502"),
        (503, b"<html>maintenance", OrgUnavailable, "503"),
        (429, b"", OrgUnavailable, "429"),
    ],
)
def test_every_refused_refresh_is_told_once_and_in_words(
    endpoint, grants, held, status, body, kind, told
):
    endpoint.reply(status, body)
    with pytest.raises(SfsyncError) as caught:
        grants.refresh(held)
    assert type(caught.value) is kind
    assert told in caught.value.message
    assert "<" not in caught.value.message
    assert caught.value.hint
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"access_token": null}',
        b'{"access_token": {"a": 1}}',
        b'{"access_token": "x", "token_type": "mac"}',
    ],
)
def test_an_answer_without_a_token_makes_no_sense(endpoint, grants, body):
    endpoint.reply(200, body)
    with pytest.raises(ProtocolError, match="without an access token"):
        exchange(grants)


@pytest.mark.parametrize(
    "changes",
    [
        {"instance_url": "https://evil.example"},
        {"instance_url": "http://acme.my.salesforce.com"},
        {"instance_url": None},
        {"id": "https://evil.example/id/00D000000000001EAA/005000000000001AAA"},
        {"id": None},
    ],
)
def test_a_reply_that_leads_to_strangers_is_refused(endpoint, grants, changes):
    endpoint.reply(200, endpoint.token_reply(**changes))
    with pytest.raises(ProtocolError):
        exchange(grants)


def test_a_reply_must_say_which_org_and_user_it_is_for(endpoint, grants):
    endpoint.reply(id=f"{endpoint.url}/id/nobody")
    with pytest.raises(ProtocolError, match="which org"):
        exchange(grants)


@pytest.mark.parametrize("issued_at", ["", "soon", "-5", "9" * 30, "²"])
def test_an_odd_time_of_issue_is_no_reason_to_fail(endpoint, grants, issued_at):
    endpoint.reply(issued_at=issued_at)
    assert exchange(grants).issued_at == 0


def test_redirects_are_not_followed(endpoint, grants, canary):
    endpoint.reply(302, b"", headers={"Location": f"https://evil.example/?t={canary}"})
    with pytest.raises(LoginRefused, match=r"points to evil\.example instead"):
        exchange(grants)
    assert len(endpoint.seen) == 1


def test_a_refresh_whose_answer_is_lost_is_not_sent_again(endpoint, grants, held):
    endpoint.reply(0, b"")
    with pytest.raises(OutcomeUnknown, match="no answer came"):
        grants.refresh(held)
    assert len(endpoint.seen) == 1


def test_a_code_exchange_whose_answer_is_lost_is_not_sent_again(endpoint, grants):
    endpoint.reply(0, b"")
    with pytest.raises(OrgUnavailable):
        exchange(grants)
    assert len(endpoint.seen) == 1


def test_a_host_that_is_not_there_was_never_asked(held):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        grants = Grants(f"http://127.0.0.1:{taken.getsockname()[1]}", "key")
        with pytest.raises(OrgUnavailable, match="could not be reached"):
            grants.refresh(held)


@pytest.fixture
def dripping():
    """A server that answers one byte at a time, for ever."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    stop.set()
    thread.join()
    server.close()


def test_an_answer_that_drips_is_given_up(dripping, held):
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        Grants(dripping, "key", read_seconds=0.3).refresh(held)
    assert time.monotonic() - started < 2


def test_a_huge_answer_is_given_up(endpoint, grants):
    endpoint.reply(200, b"x" * (2 << 20))
    with pytest.raises(OrgUnavailable):
        exchange(grants)


def test_revoking_sends_the_refresh_token(endpoint, grants, held):
    endpoint.reply(200, b"")
    grants.revoke(held)
    assert endpoint.seen[0].path == "/services/oauth2/revoke"
    assert endpoint.seen[0].form == {"token": held.refresh_token}


def test_revoking_what_is_dead_is_done_already(endpoint, grants, held):
    endpoint.reply(400, {"error": "invalid_token"})
    grants.revoke(replace(held, refresh_token=""))
    assert endpoint.seen[0].form == {"token": held.access_token}


def test_revoking_that_fails_is_told(endpoint, grants, held):
    endpoint.reply(503, b"")
    with pytest.raises(OrgUnavailable):
        grants.revoke(held)


def test_identity_is_asked_with_the_bearer(endpoint, grants, held):
    endpoint.reply(
        200,
        {
            "user_id": "005",
            "organization_id": "00D",
            "username": "ada\x1b[1m@example.com",
            "email": None,
        },
    )
    who = grants.identity(held)
    assert (who.user_id, who.org_id, who.username, who.email) == (
        "005",
        "00D",
        "ada[1m@example.com",
        "",
    )
    assert endpoint.seen[0].headers["Authorization"] == f"Bearer {held.access_token}"
    assert endpoint.seen[0].path == "/id/00D000000000001EAA/005000000000001AAA"


def test_an_identity_url_that_redirects_is_asked_at_the_instance(endpoint, grants, held):
    endpoint.reply(302, b"", headers={"Location": "https://evil.example"})
    endpoint.reply(200, {"user_id": "005", "organization_id": "00D"})
    assert grants.identity(held).user_id == "005"
    assert len(endpoint.seen) == 2


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", GrantRevoked),
        (403, b"Bad_OAuth_Token", GrantRevoked),
        (500, b"", OrgUnavailable),
        (200, b"[]", ProtocolError),
    ],
)
def test_identity_that_fails(endpoint, grants, held, status, body, kind):
    endpoint.reply(status, body)
    with pytest.raises(kind):
        grants.identity(held)


def test_the_bearer_is_not_sent_to_a_stranger(endpoint, grants, held):
    with pytest.raises(ProtocolError):
        grants.identity(replace(held, id_url="https://evil.example/id/00D/005"))


def test_netrc_never_replaces_the_bearer(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login mallory password guess\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with requests.Session() as session:
        asked = session.prepare_request(
            requests.Request("GET", "https://acme.my.salesforce.com", auth=Bearer("T"))
        )
        posted = session.prepare_request(
            requests.Request("POST", "https://login.salesforce.com", auth=Bearer())
        )
    assert asked.headers["Authorization"] == "Bearer T"
    assert "Authorization" not in posted.headers


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            400,
            {
                "error": "invalid_grant",
                "error_description": "bad token 5Aep.old.cAnArY!AQ.sEcReT+/=",
            },
        ),
        (400, b"error=odd&error_description=5Aep.old.cAnArY%21AQ.sEcReT%2B%2F%3D"),
        (
            200,
            {
                "access_token": "cAnArY!AQ.sEcReT+/=",
                "id": "https://evil.example",
                "instance_url": "x",
            },
        ),
        (200, b"cAnArY!AQ.sEcReT+/="),
        (0, b""),
        (500, b"cAnArY!AQ.sEcReT+/="),
    ],
)
def test_no_secret_gets_into_errors_or_logs(endpoint, grants, held, status, body, canary, caplog):
    caplog.set_level(logging.DEBUG)
    endpoint.reply(status, body)
    with pytest.raises(SfsyncError) as caught:
        grants.refresh(held)
    error = caught.value
    told = (
        "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + caplog.text
    )
    assert canary not in told
    assert "cAnArY" not in told
    assert error.__cause__ is None
    assert error.__context__ is None
