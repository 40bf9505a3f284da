import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sfsync.auth.callback import read_pasted
from sfsync.auth.loopback import Listener
from sfsync.errors import AuthError, InputError, LoginRefused, LoginTimedOut, StateMismatch

STATE = "s" * 40


@pytest.fixture
def listener():
    with Listener([0], STATE, "login.salesforce.com") as opened:
        yield opened


def port_of(listener):
    return int(listener.redirect_uri.rsplit(":", 1)[1].partition("/")[0])


def ask(listener, target, *, method="GET", headers=None, address="127.0.0.1", host=None):
    connection = http.client.HTTPConnection(address, port_of(listener), timeout=5)
    try:
        connection.putrequest(method, target, skip_host=True)
        for value in (
            [host] if isinstance(host, str) else host or [f"localhost:{port_of(listener)}"]
        ):
            connection.putheader("Host", value)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


@pytest.fixture
def browser():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_the_way_back_brings_the_code_and_shows_that_it_worked(browser):
    with Listener([0], STATE, "h") as listener:
        page = browser.submit(ask, listener, f"/callback?code=aPrx%3D%3D&state={STATE}")
        assert listener.wait(5) == "aPrx=="
        listener.succeed()
    status, headers, body = page.result()
    assert status == 200
    assert "You are logged in" in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in headers["Server"]


def test_a_login_that_fails_afterwards_is_shown_as_failed(browser):
    with Listener([0], STATE, "h") as listener:
        page = browser.submit(ask, listener, f"/callback?code=c&state={STATE}")
        listener.wait(5)
    status, _, body = page.result()
    assert status == 400
    assert "You are not logged in" in body


def test_it_listens_on_loopback_only_and_on_both_kinds(listener):
    assert set(listener.addresses) == {"127.0.0.1", "::1"}
    assert listener.redirect_uri.startswith("http://localhost:")
    assert ask(listener, "/favicon.ico", address="::1")[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "null"},
    ],
)
def test_a_tab_that_comes_back_is_let_in(browser, headers):
    with Listener([0], STATE, "h") as listener:
        browser.submit(ask, listener, f"/callback?code=c&state={STATE}", headers=headers)
        assert listener.wait(5) == "c"
        listener.succeed()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Origin": "https://evil.example"},
    ],
)
def test_a_page_that_calls_from_behind_is_not(listener, headers):
    assert ask(listener, f"/callback?code=c&state={STATE}", headers=headers)[0] == 403
    with pytest.raises(LoginTimedOut):
        listener.wait(0.05)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost",
        "localhost:1",
        "127.0.0.2:{port}",
        "localhost.:{port}",
        "evil.example:{port}",
        "",
        ["localhost:{port}", "evil"],
    ],
)
def test_another_host_name_is_refused(listener, host):
    named = [
        part.format(port=port_of(listener)) for part in ([host] if isinstance(host, str) else host)
    ]
    assert ask(listener, f"/callback?code=c&state={STATE}", host=named)[0] == 421
    with pytest.raises(LoginTimedOut):
        listener.wait(0.05)


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}"]
)
def test_its_own_names_are_taken(listener, host):
    assert ask(listener, "/elsewhere", host=host.format(port=port_of(listener)))[0] == 404


@pytest.mark.parametrize(
    "query",
    [
        "code=evil&state=wrong",
        "code=evil",
        "code=evil&state=",
        f"code=evil&state={STATE}&state={STATE}",
        f"code=evil&state={STATE}x",
        "error=access_denied&state=wrong",
        "&".join(f"a{number}=1" for number in range(50)),
        "state=%ff",
    ],
)
def test_a_wrong_state_neither_completes_nor_ends_the_login(browser, query):
    with Listener([0], STATE, "h") as listener:
        status, _, body = ask(listener, f"/callback?{query}")
        assert status == 400
        assert "evil" not in body
        browser.submit(ask, listener, f"/callback?code=good&state={STATE}")
        assert listener.wait(5) == "good"
        listener.succeed()


def test_only_wrong_states_until_the_deadline_is_a_mismatch(listener):
    ask(listener, "/callback?code=evil&state=wrong")
    with pytest.raises(StateMismatch):
        listener.wait(0.05)


@pytest.mark.parametrize(
    "query",
    [
        f"state={STATE}",
        f"code=&state={STATE}",
        f"code=a&code=b&state={STATE}",
        f"code={'c' * 5000}&state={STATE}",
    ],
)
def test_a_callback_without_one_code_does_not_count(listener, query):
    assert ask(listener, f"/callback?{query}")[0] == 400
    with pytest.raises(LoginTimedOut):
        listener.wait(0.05)


def test_a_code_counts_once(browser):
    with Listener([0], STATE, "h") as listener:
        first = browser.submit(ask, listener, f"/callback?code=one&state={STATE}")
        assert listener.wait(5) == "one"
        assert ask(listener, f"/callback?code=two&state={STATE}")[0] == 400
        assert listener.wait(5) == "one"
        listener.succeed()
    assert first.result()[0] == 200


def test_no_is_told_with_salesforces_words_but_not_in_the_page(browser):
    with Listener([0], STATE, "login.salesforce.com") as listener:
        query = f"error=access_denied&error_description=%1b[31m<script>x</script>+no&state={STATE}"
        page = browser.submit(ask, listener, f"/callback?{query}")
        with pytest.raises(LoginRefused) as caught:
            listener.wait(5)
    assert "access_denied: [31m<script>x</script> no" in caught.value.message
    assert "\x1b" not in caught.value.message
    status, _, body = page.result()
    assert status == 400
    assert "<script" not in body


def test_nobody_comes(listener):
    with pytest.raises(LoginTimedOut) as caught:
        listener.wait(0.05)
    assert "redirect_uri_mismatch" in caught.value.hint
    assert listener.redirect_uri in caught.value.hint


def test_the_icon_is_not_there_and_changes_nothing(listener):
    status, _, body = ask(listener, "/favicon.ico")
    assert (status, body) == (404, "")


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE", "BREW"])
def test_other_methods_are_refused_without_an_echo(listener, method):
    status, _, body = ask(listener, f"/callback?code=c&state={STATE}", method=method)
    assert status == 405
    assert method not in body


def test_rubbish_is_answered_with_the_same_page(listener):
    with socket.create_connection(("127.0.0.1", port_of(listener)), timeout=5) as connection:
        connection.sendall(b"<script>alert(1)</script>\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b"alert" not in answer


def test_the_question_before_a_private_address_is_answered(listener):
    asked = {"Origin": "https://acme.my.salesforce.com", "Access-Control-Request-Method": "GET"}
    private = asked | {"Access-Control-Request-Private-Network": "true"}
    status, headers, _ = ask(listener, "/callback", method="OPTIONS", headers=private)
    assert status == 204
    assert headers["Access-Control-Allow-Private-Network"] == "true"
    assert ask(listener, "/callback", method="OPTIONS", headers=asked)[0] == 405
    assert ask(listener, "/other", method="OPTIONS", headers=private)[0] == 405


def test_a_silent_connection_does_not_keep_it_open():
    with (
        Listener([0], STATE, "h") as listener,
        socket.create_connection(("127.0.0.1", port_of(listener))),
    ):
        pass


def taken(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    holder = socket.socket(family)
    holder.bind((address, 0))
    holder.listen()
    return holder, holder.getsockname()[1]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_held_by_somebody_else_is_passed_over(address):
    holder, port = taken(address)
    with holder, Listener([port, 0], STATE, "h") as listener:
        assert port_of(listener) != port


def test_all_ports_held_names_them():
    holder, port = taken("127.0.0.1")
    with holder, pytest.raises(AuthError, match=str(port)):
        Listener([port], STATE, "h")
    with pytest.raises(AuthError, match="empty"):
        Listener([], STATE, "h")


def test_the_port_is_free_again_afterwards():
    before = set(threading.enumerate())
    with Listener([0], STATE, "h") as first:
        port = port_of(first)
    with Listener([port], STATE, "h") as second:
        assert port_of(second) == port
    assert not [one for one in threading.enumerate() if one not in before]


def test_a_pasted_address_does_as_well():
    with Listener([0], STATE, "h") as listener:
        lines = iter([None, "", f" http://localhost:1717/callback?code=aPrx%3D%3D&state={STATE}\n"])
        assert listener.wait(5, paste=lambda seconds: next(lines)) == "aPrx=="


def test_the_browser_may_come_first_though_one_could_paste(browser):
    with Listener([0], STATE, "h") as listener:
        browser.submit(ask, listener, f"/callback?code=c&state={STATE}")
        assert listener.wait(5, paste=lambda seconds: threading.Event().wait(0.01) and None) == "c"
        listener.succeed()


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        ("aPrx==", InputError),
        ("https://login.salesforce.com/services/oauth2/authorize?client_id=x", InputError),
        ("http://localhost:1717/callback", InputError),
        ("http://[::1/callback?code=1", InputError),
        (f"http://localhost:1717/callback?state={STATE}", InputError),
        ("http://localhost:1717/callback?code=c&state=other", StateMismatch),
        (f"http://localhost:1717/callback?error=access_denied&state={STATE}", LoginRefused),
    ],
)
def test_a_pasted_text_that_is_no_callback(pasted, kind):
    with pytest.raises(kind):
        read_pasted(pasted, STATE, "h")
