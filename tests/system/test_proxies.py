"""A proxy or certificates that a variable names and that do not work: the variable is named, and no password."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sfsync.auth.login_host import LoginHost
from sfsync.auth.oauth_errors import LoginStep
from sfsync.errors import OrgUnavailable, SfsyncError
from sfsync.model.network_settings import has_password, shown
from sfsync.model.token import Token
from sfsync.salesforce.transport import OrgSession

HOST = "acme.my.salesforce.com"
VARIABLES = [
    name for each in ("https_proxy", "http_proxy", "all_proxy", "no_proxy") for name in (each, each.upper())
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@contextmanager
def proxy_that_answers(status):
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            if status == 200:
                self.send_response(status)
                self.end_headers()
            else:
                self.send_error(status)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask_the_org():
    token = Token(access_token="00D", instance_url=f"https://{HOST}", id_url="")
    with OrgSession(token, lambda stale: stale) as session:
        session.request("GET", f"https://{HOST}/services/data/")


def ask_the_login_host():
    LoginHost(f"https://{HOST}").post("/services/oauth2/token", {}, LoginStep.CODE)


CALLS = pytest.mark.parametrize("ask", [ask_the_org, ask_the_login_host])


def refused(ask):
    with pytest.raises(OrgUnavailable) as caught:
        ask()
    return caught.value


@CALLS
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_wants_a_password_is_named_with_its_variable(monkeypatch, ask, variable):
    with proxy_that_answers(407) as address:
        monkeypatch.setenv(variable, f"http://{address}")
        error = refused(ask)
    assert (
        f"the proxy http://{address} (from ${variable}) asks for a name and a password"
        in error.message
    )
    assert "http://NAME:PASSWORD@HOST:PORT" in error.hint


@CALLS
def test_a_password_that_the_proxy_does_not_take_is_not_shown(monkeypatch, ask):
    with proxy_that_answers(407) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:s3cret@{address}")
        error = refused(ask)
    assert f"the proxy http://{address} (from $HTTPS_PROXY) does not take" in error.message
    assert "s3cret" not in error.message + error.hint


@CALLS
def test_a_proxy_that_forbids_the_org_is_named(monkeypatch, ask):
    with proxy_that_answers(403) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        assert f"(from $HTTPS_PROXY) does not connect to {HOST} (HTTP 403)" in refused(ask).message


@CALLS
def test_a_proxy_that_is_down_is_named(monkeypatch, ask):
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:s3cret@127.0.0.1:9")
    error = refused(ask)
    assert "the proxy http://127.0.0.1:9 (from $HTTPS_PROXY) cannot be reached" in error.message
    assert "NO_PROXY" in error.hint


@CALLS
def test_certificates_that_do_not_fit_are_named_with_their_variable(monkeypatch, tmp_path, ask):
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with proxy_that_answers(200) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        with pytest.raises(SfsyncError) as caught:
            ask()
    assert f"$REQUESTS_CA_BUNDLE ({tmp_path / 'ca.pem'})" in caught.value.hint


@pytest.mark.parametrize(
    ("proxy", "told", "secret"),
    [
        ("http://proxy:3128", "http://proxy:3128", False),
        ("proxy:3128", "proxy:3128", False),
        ("http://a:b@proxy:3128", "http://proxy:3128", True),
        ("a:b@proxy:3128", "proxy:3128", True),
        ("http://a:b@c@proxy", "http://proxy", True),
        ("socks5h://a@proxy", "socks5h://proxy", True),
    ],
)
def test_a_proxys_password_is_known_as_one(proxy, told, secret):
    assert (shown(proxy), has_password(proxy)) == (told, secret)


@pytest.mark.parametrize("command", ["login", "pull", "whoami"])
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_named_with_their_variable(
    quiet_workspace, command, variable
):
    url = quiet_workspace.org.url
    quiet_workspace.configure((f"login_url: {url}", f"login_url: https://{HOST}"))
    quiet_workspace.sql("UPDATE _notes SET value = ? WHERE name = 'login_url'", f"https://{HOST}")
    ran = quiet_workspace.run_in_process(command, "--json", **{variable: "/no/such.pem"})
    [error] = ran.document["errors"]
    assert (ran.code, error["slug"]) == (2, "config")
    assert error["message"] == f"${variable} names /no/such.pem, which is not there"
