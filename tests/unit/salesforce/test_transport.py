"""The session: what it sends, what it refuses, how it fails."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sfsync.errors import (
    BudgetSpent,
    ConfigError,
    GrantRevoked,
    NotLoggedIn,
    OrgUnavailable,
    ProtocolError,
    WrongOrg,
)
from sfsync.model.token import Token
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed, CallRefused
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession

from .web import Answer, Asked, Web

ENDED = Answer(401, b'[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]')
_QUICK = Patience(tries=3, first_wait_seconds=0.0)
Serve = Callable[[Callable[[Asked], Answer | None]], Web]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda answers: stack.enter_context(Web(answers).serving())


def no_refresh(_stale: Token) -> Token:
    raise NotLoggedIn("no login", hint="sfsync login")


def session_for(
    web: Web, refresh: Callable[[Token], Token] = no_refresh, **options: Any
) -> OrgSession:
    return OrgSession(web.token(), refresh, **options)


def get(session: OrgSession, path: str = "/services/data/v67.0/limits") -> requests.Response:
    return session.request(
        "GET", f"https://{session.token.instance_url.removeprefix('http://')}{path}"
    )


# -- what is sent ----------------------------------------------------------------------------------
def test_every_call_is_tagged_and_never_reassigns_leads(serve: Serve) -> None:
    web = serve(lambda _: Answer())
    Connection(session_for(web)).read("limits")
    sent = web.asked[0].headers
    assert sent["sforce-call-options"] == "client=sfsync"
    assert sent["sforce-auto-assign"] == "FALSE"
    assert sent["x-prettyprint"] == "0"
    assert sent["accept-encoding"] == "gzip"
    assert sent["authorization"] == "Bearer secret-1"
    assert web.asked[0].path == "/services/data/v67.0/limits"


def test_a_netrc_never_replaces_the_login(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login someone password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    web = serve(lambda _: Answer())
    session = session_for(web)
    session.trust_env = True
    Connection(session).read("limits")
    assert web.asked[0].headers["authorization"] == "Bearer secret-1"


def test_a_proxy_is_not_asked_for_an_org_on_this_computer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    web = serve(lambda _: Answer())
    assert get(session_for(web)).status_code == 200


@pytest.mark.parametrize(
    "url", ["http://org.example", "http://10.0.0.1:80", "ftp://127.0.0.1", "org.my.salesforce.com"]
)
def test_plain_http_is_for_this_computer_alone(url: str) -> None:
    with pytest.raises(ConfigError):
        OrgSession(Token("secret", url, f"{url}/id/o/u"), no_refresh)


def test_no_other_host_is_called(serve: Serve) -> None:
    web = serve(lambda _: Answer())
    other = serve(lambda _: Answer())
    session = session_for(web)
    for url in (f"{other.url}/x", "https://127.0.0.2/x", "https://evil.example/x"):
        with pytest.raises(ProtocolError):
            session.request("GET", url)
    assert web.asked == other.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_login_not_sent(serve: Serve, status: int) -> None:
    other = serve(lambda _: Answer())
    web = serve(lambda _: Answer(status, b"", {"Location": f"{other.url}/stolen"}))
    with pytest.raises(ProtocolError, match="redirected"):
        get(session_for(web))
    assert other.asked == []


# -- a login that ends -----------------------------------------------------------------------------
def renewing(web: Web) -> tuple[Callable[[Token], Token], list[str]]:
    stale: list[str] = []

    def refresh(token: Token) -> Token:
        stale.append(token.access_token)
        return web.token(f"secret-{len(stale) + 1}")

    return refresh, stale


@pytest.mark.parametrize(
    "ended",
    [
        ENDED,
        Answer(
            400, b'{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}'
        ),
        Answer(401, b"<html>please log in</html>", {"Content-Type": "text/html"}),
        Answer(401, b""),
    ],
)
def test_an_ended_session_is_renewed_once_and_the_call_replayed(
    serve: Serve, ended: Answer
) -> None:
    web = serve(
        lambda asked: Answer() if asked.headers["authorization"] == "Bearer secret-2" else ended
    )
    refresh, stale = renewing(web)
    session = session_for(web, refresh)
    connection = Connection(session)
    connection.write("sobjects/Contact", method="POST", body={"LastName": "A"})
    connection.read("limits")
    assert stale == ["secret-1"]
    assert [asked.body for asked in web.asked[:2]] == [b'{"LastName": "A"}'] * 2
    assert session.api_calls == 3


def test_a_page_with_a_403_renews_the_session_for_a_read_and_proves_nothing_about_a_write(
    serve: Serve,
) -> None:
    page = Answer(403, b"<html>please log in</html>", {"Content-Type": "text/html"})
    web = serve(
        lambda asked: Answer() if asked.headers["authorization"] == "Bearer secret-2" else page
    )
    refresh, stale = renewing(web)
    connection = Connection(session_for(web, refresh))
    with pytest.raises(CallFailed) as caught:
        connection.write("sobjects/Contact", method="POST", body={"LastName": "A"})
    assert caught.value.may_have_acted
    assert (len(web.asked), stale) == (1, [])
    connection.read("limits")
    assert stale == ["secret-1"]


def test_a_session_that_ends_for_ever_ends_the_run(serve: Serve) -> None:
    web = serve(lambda _: ENDED)
    refresh, stale = renewing(web)
    with pytest.raises(GrantRevoked) as caught:
        get(session_for(web, refresh))
    assert len(web.asked) == 2
    assert stale == ["secret-1"]
    assert caught.value.exit_code == 4
    assert "secret" not in str(caught.value)


def test_a_page_with_403_for_ever_is_told_as_a_refusal(serve: Serve) -> None:
    web = serve(lambda _: Answer(403, b"<html>nope</html>", {"Content-Type": "text/html"}))
    with pytest.raises(CallRefused) as caught:
        get(session_for(web, renewing(web)[0]))
    assert "<html" not in caught.value.message


def test_texts_that_never_heal_are_not_renewed(serve: Serve) -> None:
    words = "This session is not valid for use with the REST API"
    body = json.dumps([{"message": words, "errorCode": "INVALID_SESSION_ID"}]).encode()
    web = serve(lambda _: Answer(401, body))
    refresh, stale = renewing(web)
    with pytest.raises(GrantRevoked, match="not valid for use"):
        get(session_for(web, refresh))
    assert stale == []


def test_a_login_that_cannot_be_renewed_says_so(serve: Serve) -> None:
    web = serve(lambda _: ENDED)
    with pytest.raises(NotLoggedIn):
        get(session_for(web))


def test_a_renewed_login_for_another_org_is_refused(serve: Serve) -> None:
    web = serve(lambda _: ENDED)
    with pytest.raises(WrongOrg):
        get(session_for(web, lambda _: web.token("secret-2", org_id="00D000000000002AAA")))


def test_calls_follow_the_login_to_a_new_address(serve: Serve) -> None:
    new = serve(lambda _: Answer())
    old = serve(lambda _: ENDED)
    connection = Connection(session_for(old, lambda _: new.token("secret-2")))
    connection.read("limits")
    connection.read("limits")
    assert len(old.asked) == 1
    assert [asked.headers["authorization"] for asked in new.asked] == ["Bearer secret-2"] * 2


def test_the_login_shows_itself_nowhere(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    web = serve(lambda _: Answer(500, b"[]"))
    caplog.set_level("DEBUG")
    session = session_for(web)
    with pytest.raises(OrgUnavailable) as caught:
        get(session)
    for shown in (
        repr(session),
        repr(session.auth),
        str(caught.value),
        caught.value.hint,
        caplog.text,
    ):
        assert "secret" not in shown


# -- what comes back -------------------------------------------------------------------------------
def test_calls_bytes_usage_and_the_orgs_clock_are_kept(serve: Serve) -> None:
    headers = {"Sforce-Limit-Info": "api-usage=97/15000", "Date": "Tue, 20 Jan 2026 10:00:00 GMT"}
    packed = gzip.compress(b'{"x": "' + b"a" * 10_000 + b'"}')
    web = serve(lambda _: Answer(200, packed, {**headers, "Content-Encoding": "gzip"}))
    session = session_for(web)
    assert session.org_now() is None
    assert len(get(session).json()["x"]) == 10_000
    used = session.usage()
    assert (used.api_calls, used.bytes_in, used.used, used.limit) == (1, len(packed), 97, 15_000)
    now = session.org_now()
    assert now is not None
    assert 0 <= (now - datetime(2026, 1, 20, 10, tzinfo=UTC)).total_seconds() < 30


def test_usage_is_read_from_refusals_too(serve: Serve) -> None:
    web = serve(lambda _: Answer(404, b"[]", {"Sforce-Limit-Info": "api-usage=5/10"}))
    session = session_for(web)
    with pytest.raises(CallRefused):
        get(session)
    assert session.usage().used == 5


def test_the_reserve_is_checked_before_each_call(serve: Serve) -> None:
    web = serve(lambda _: Answer(200, b"{}", {"Sforce-Limit-Info": "api-usage=80/100"}))
    session = session_for(web, reserve=0.2)
    get(session)
    with pytest.raises(BudgetSpent):
        get(session)
    assert len(web.asked) == 1
    with session.finishing():
        get(session)
    with pytest.raises(BudgetSpent):
        get(session)


def test_the_days_limit_ends_the_run(serve: Serve) -> None:
    body = b'[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
    web = serve(lambda _: Answer(403, body))
    with pytest.raises(BudgetSpent) as caught:
        Connection(session_for(web)).read("limits")
    assert caught.value.exit_code == 5
    assert len(web.asked) == 1


# -- how it fails ----------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 503])
def test_a_page_of_html_is_trouble_and_never_shown(serve: Serve, status: int) -> None:
    web = serve(
        lambda _: Answer(
            status, b"<html>maintenance</html>", {"Content-Type": "text/html; charset=utf-8"}
        )
    )
    with pytest.raises(CallFailed) as caught:
        get(session_for(web))
    assert "<html" not in caught.value.message
    assert caught.value.may_have_acted


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"Retry-After": "2"}, 2.0),
        ({"Retry-After": "86400"}, 86_400.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        (
            {
                "Retry-After": "Tue, 20 Jan 2026 10:00:05 GMT",
                "Date": "Tue, 20 Jan 2026 10:00:00 GMT",
            },
            5.0,
        ),
        (
            {
                "Retry-After": "Tue, 20 Jan 2026 09:00:00 GMT",
                "Date": "Tue, 20 Jan 2026 10:00:00 GMT",
            },
            None,
        ),
        ({"Retry-After": "Tue, 20 Jan 2026 10:00:05 GMT", "Date": "yesterday"}, None),
    ],
)
def test_how_long_the_org_asks_us_to_wait(
    serve: Serve, told: dict[str, str], seconds: float | None
) -> None:
    web = serve(lambda _: Answer(429, b"[]", told))
    with pytest.raises(CallFailed) as caught:
        get(session_for(web))
    assert caught.value.delay_seconds == seconds
    assert not caught.value.may_have_acted


def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    session = OrgSession(Token("secret", f"http://127.0.0.1:{port}", "x/o/u"), no_refresh)
    with pytest.raises(CallFailed) as caught:
        get(session)
    assert not caught.value.may_have_acted
    assert caught.value.repeatable


def test_a_connection_that_breaks_may_have_acted(serve: Serve) -> None:
    web = serve(lambda _: None)
    with pytest.raises(CallFailed) as caught:
        get(session_for(web))
    assert caught.value.may_have_acted


def test_an_answer_that_stops_short_of_its_length_is_noticed(serve: Serve) -> None:
    web = serve(lambda _: Answer(200, b'{"x": 1', announced=500))
    with pytest.raises(CallFailed):
        get(session_for(web))


def test_an_answer_without_length_that_stops_short_is_noticed_by_its_json(serve: Serve) -> None:
    count = iter(range(9))
    web = serve(
        lambda _: (
            Answer(200, b'{"x": 1', announced=-1) if next(count) == 0 else Answer(200, b'{"x": 1}')
        )
    )
    assert Connection(session_for(web), patience=_QUICK).read("limits") == {"x": 1}
    assert len(web.asked) == 2


def test_a_silent_org_is_not_waited_for_for_ever(serve: Serve) -> None:
    web = serve(lambda _: Answer(200, b'{"x": 1}', drip_seconds=0.5))
    with pytest.raises(CallFailed, match="in time"):
        get(session_for(web, timeouts_seconds=(1.0, 0.1)))


def test_an_answer_that_trickles_is_not_waited_for_for_ever(serve: Serve) -> None:
    web = serve(lambda _: Answer(200, b"x" * 1_000, drip_seconds=0.01))
    with pytest.raises(CallFailed, match="seconds"):
        get(session_for(web, deadline_seconds=0.2))


@pytest.mark.parametrize("packed", [True, False])
def test_a_flood_is_stopped(serve: Serve, packed: bool) -> None:
    body = b"x" * 3_000_000
    answer = (
        Answer(200, gzip.compress(body), {"Content-Encoding": "gzip"})
        if packed
        else Answer(200, body)
    )
    web = serve(lambda _: answer)
    with pytest.raises(ProtocolError, match="more than"):
        get(session_for(web, max_body_bytes=1_000_000))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b'{"x": "\xff\xfe"}'),
        Answer(200, b"not gzip at all", {"Content-Encoding": "gzip"}),
        Answer(200, b'{"x": '),
        Answer(200, b""),
    ],
)
def test_garbled_answers_are_trouble(serve: Serve, answer: Answer) -> None:
    web = serve(lambda _: answer)
    with pytest.raises(CallFailed):
        Connection(session_for(web), patience=_QUICK).read("limits")


def test_a_number_beyond_all_bounds_is_refused(serve: Serve) -> None:
    web = serve(lambda _: Answer(200, b'{"x": 1.5e999}'))
    with pytest.raises(ProtocolError):
        Connection(session_for(web)).read("limits")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"records": null, "totalSize": 0, "done": true}',
        b'{"records": [], "totalSize": 0}',
        b'{"records": [], "done": true}',
        b'{"records": [[]], "totalSize": 1, "done": true}',
        b'{"records": [], "totalSize": 5, "done": false}',
        b'{"result": {"records": [], "totalSize": 0, "done": true}}',
    ],
)
def test_a_page_of_another_shape_is_refused(serve: Serve, body: bytes) -> None:
    web = serve(lambda _: Answer(200, body))
    with pytest.raises(ProtocolError, match="shape"):
        Connection(session_for(web)).query("SELECT Id FROM Contact")


def test_a_connection_that_is_not_secure_is_not_tried_again(serve: Serve) -> None:
    web = serve(lambda _: Answer())
    token = Token("secret", web.url.replace("http://", "https://"), "x/o/u")
    session = OrgSession(token, no_refresh)
    with pytest.raises(CallFailed, match="no secure connection") as caught:
        session.request("GET", f"{token.instance_url}/x")
    assert not caught.value.repeatable
    assert not caught.value.may_have_acted


def test_an_org_that_takes_fewer_queries_together_gets_them_one_by_one(serve: Serve) -> None:
    too_many = [
        {
            "errorCode": "LIMIT_EXCEEDED",
            "message": "The request can't contain more than 1 operations.",
        }
    ]
    refused = {
        "compositeResponse": [{"httpStatusCode": 400, "body": too_many, "referenceId": None}]
    }
    page = b'{"records": [{"Id": "1"}], "totalSize": 1, "done": true}'
    web = serve(
        lambda asked: Answer(200, json.dumps(refused).encode() if asked.method == "POST" else page)
    )
    pages = Connection(session_for(web)).pages(
        [f"SELECT Id FROM Contact WHERE Id = '{n}'" for n in range(7)]
    )
    assert len(list(pages)) == 7
    assert [asked.method for asked in web.asked] == ["POST"] + ["GET"] * 7
