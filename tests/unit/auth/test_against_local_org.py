"""The whole login against the local org: both were written from the facts, neither from the other."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local_org.oauth.apps import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_SECRET, PUBLIC_CLIENT_ID, App
from local_org.server import LocalOrg, LocalOrgConfig
from sfsync.auth.callback import redirect_uri
from sfsync.auth.grants import Grants
from sfsync.auth.login import Login
from sfsync.errors import GrantRevoked, LoginRefused


@pytest.fixture(scope="module")
def org():
    config = LocalOrgConfig(contacts=1, leads=1, auto_approve=True, rotate_refresh_tokens=True)
    with LocalOrg(config) as running:
        app = running.oauth.apps[PUBLIC_CLIENT_ID]
        running.oauth.register(replace(app, callbacks=tuple(redirect_uri(port) for port in PORTS)))
        yield running


PORTS = range(17171, 17191)


@pytest.fixture
def login(org, store, tmp_path):
    return Login(Grants(org.url, PUBLIC_CLIENT_ID), store, "default", tmp_path / "lock")


def log_in(login):
    threads = []

    def browser(url):
        threads.append(threading.Thread(target=lambda: requests.get(url, timeout=10)))
        threads[-1].start()
        return True

    try:
        return login.interactive_login(
            ports=PORTS,
            scopes=("api", "refresh_token"),
            announce=print,
            open_browser=browser,
            deadline_seconds=10,
        )
    finally:
        for thread in threads:
            thread.join()


def test_log_in_ask_who_renew_and_log_out(org, login, store):
    token = log_in(login)
    assert token.org_id == org.state.org_id
    assert login.whoami().org_id == org.state.org_id
    org.oauth.grants.expire_access_tokens()
    assert login.whoami().username
    renewed = store.kept["default"]
    assert renewed.access_token != token.access_token
    assert renewed.refresh_token != token.refresh_token  # rotated, and kept
    assert login.refresher().fresh(token.access_token) == renewed
    assert login.logout()
    assert org.oauth.session_for(renewed.access_token) is None
    with pytest.raises(GrantRevoked, match="has ended"):
        Grants(org.url, PUBLIC_CLIENT_ID).refresh(renewed)


def test_an_unregistered_callback_is_seen_in_the_browser_only(org, login):
    shown = []
    with pytest.raises(Exception, match="did not come back") as caught:
        login.interactive_login(
            ports=[0],
            scopes=("api",),
            announce=lambda url: shown.append(requests.get(url, timeout=10).text),
            deadline_seconds=0.2,
        )
    assert "redirect_uri_mismatch" in shown[0]
    assert "redirect_uri_mismatch" in caught.value.hint


def test_a_scope_the_app_does_not_have(login):
    with pytest.raises(LoginRefused, match="invalid_scope"):
        login.interactive_login(
            ports=PORTS,
            scopes=("full",),
            announce=lambda url: threading.Thread(target=requests.get, args=(url,)).start(),
            deadline_seconds=10,
        )


def test_an_app_that_acts_on_its_own(org):
    grants = Grants(org.url, CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_SECRET)
    token = grants.client_credentials()
    assert token.refresh_token == ""
    assert grants.identity(token).username == "admin@penguin.example"
    with pytest.raises(LoginRefused, match="secret is wrong"):
        Grants(org.url, CONFIDENTIAL_CLIENT_ID, client_secret="wrong").client_credentials()


def test_a_signed_key(org):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    org.oauth.register(App("server", "server", public_key=public.decode(), preauthorized=True))
    grants, now = Grants(org.url, "server"), datetime.now(UTC)
    token = grants.jwt_bearer(username="admin@penguin.example", private_key_pem=pem, now=now)
    assert grants.identity(token).username == "admin@penguin.example"
    with pytest.raises(LoginRefused, match="not approved"):
        grants.jwt_bearer(username="nobody@penguin.example", private_key_pem=pem, now=now)
    with pytest.raises(LoginRefused, match="another login host"):
        grants.jwt_bearer(
            username="admin@penguin.example",
            private_key_pem=pem,
            now=now,
            audience="https://evil.example",
        )
