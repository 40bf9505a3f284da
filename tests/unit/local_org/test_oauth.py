"""The login side of the local org, asked the way a browser and a client ask it."""

import base64
import hashlib
import hmac
import html
import re
import time
from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette

from local_org.oauth.apps import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_SECRET, PUBLIC_CLIENT_ID, App
from local_org.oauth.endpoints import OAuth
from local_org.oauth.grants import challenge_of
from local_org.oauth.identity import JWT_GRANT
from local_org.oauth.settings import OAuthSettings
from local_org.state.clock import Clock
from local_org.state.founding import found_org
from local_org.state.org import OrgState
from local_org.state.users import add_user
from tests.unit.local_org.http_client import InProcessClient

ORIGIN = "http://localhost:8123"
CALLBACK = "http://localhost:1717/callback"
VERIFIER = "verifier-" + "v" * 60
ADMIN = "admin@penguin.example"
AUTHORIZE = "/services/oauth2/authorize"
TOKEN = "/services/oauth2/token"


class Org:
    """One org with its login side and a client that keeps cookies, as a browser does."""

    def __init__(self, **settings):
        self.now = 1_800_000_000.0
        self.state = OrgState(clock=Clock(lambda: self.now))
        found_org(self.state)
        self.oauth = OAuth(self.state, settings=OAuthSettings(**settings))
        self.app = Starlette(routes=self.oauth.routes())
        self.client = self.browser()

    def browser(self):
        return InProcessClient(self.app, base_url=ORIGIN, follow_redirects=False)

    def ask(self, browser=None, **over):
        values = {
            "response_type": "code",
            "client_id": PUBLIC_CLIENT_ID,
            "redirect_uri": CALLBACK,
            "scope": "api refresh_token",
            "state": "st=ate&1",
            "code_challenge": challenge_of(VERIFIER).decode(),
            "code_challenge_method": "S256",
            **over,
        }
        query = urlencode({name: value for name, value in values.items() if value is not None})
        return (browser or self.client).get(f"{AUTHORIZE}?{query}")

    def log_in(self, browser=None, username=ADMIN, password="penguins", **over):
        browser = browser or self.client
        page = self.ask(browser, **over)
        assert page.status_code == 200, page.text
        return browser.post(
            f"{AUTHORIZE}/login", data={**hidden(page), "username": username, "password": password}
        )

    def code(self, browser=None, **over):
        browser = browser or self.browser()
        answer = self.log_in(browser, **over)
        if answer.headers["location"].startswith(AUTHORIZE):
            page = browser.get(answer.headers["location"])
            answer = browser.post(
                f"{AUTHORIZE}/approve", data={**hidden(page), "decision": "allow"}
            )
        return sent_back(answer)["code"]

    def token(self, **form):
        return self.client.post(
            TOKEN,
            data={
                "client_id": PUBLIC_CLIENT_ID,
                **{k: v for k, v in form.items() if v is not None},
            },
        )

    def redeem(self, code, **form):
        form = {"redirect_uri": CALLBACK, "code_verifier": VERIFIER, **form}
        return self.token(grant_type="authorization_code", code=code, **form)

    def refresh(self, token, **form):
        return self.token(grant_type="refresh_token", refresh_token=token, **form)

    def full_login(self, **over):
        answer = self.redeem(self.code(**over))
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def org():
    return Org()


def hidden(page):
    found = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', page.text)
    return {name: html.unescape(value) for name, value in found}


def sent_back(answer):
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return {
        name: value[0]
        for name, value in parse_qs(urlsplit(answer.headers["location"]).query).items()
    }


def refused(answer):
    assert answer.status_code == 400, answer.text
    return answer.json()["error"], answer.json()["error_description"]


EXPIRED = ("invalid_grant", "expired access/refresh token")


# -- the browser's half


def test_a_login_goes_from_password_over_allow_to_the_callback_with_state(org):
    answer = org.log_in()
    assert answer.status_code == 303
    page = org.client.get(answer.headers["location"])
    assert "Manage your data through the API" in page.text
    assert ADMIN in page.text
    values = sent_back(
        org.client.post(f"{AUTHORIZE}/approve", data={**hidden(page), "decision": "allow"})
    )
    assert values["state"] == "st=ate&1"
    assert values["code"].endswith("==")


def test_deny_sends_access_denied_with_the_state(org):
    page = org.client.get(org.log_in().headers["location"])
    answer = org.client.post(f"{AUTHORIZE}/approve", data={**hidden(page), "decision": "deny"})
    values = sent_back(answer)
    assert (values["error"], values["state"]) == ("access_denied", "st=ate&1")
    assert "code" not in values


def test_a_wrong_password_or_name_shows_the_page_again_and_opens_nothing(org):
    for username, password in [
        (ADMIN, "wrong"),
        ("nobody@x.example", "penguins"),
        (ADMIN, ""),
        ("", ""),
    ]:
        answer = org.log_in(username=username, password=password)
        assert answer.status_code == 200
        assert "Please check your username" in answer.text
    assert org.oauth.grants.counts() == {"codes": 0, "grants": 0, "access_tokens": 0}


def test_a_user_may_have_a_password_of_their_own(org):
    org.oauth.passwords[ADMIN] = "own"
    assert org.log_in(password="penguins").status_code == 200
    assert org.log_in(password="own").status_code == 303


def test_auto_approve_skips_both_pages():
    org = Org(auto_approve=True)
    values = sent_back(org.ask())
    assert values["state"] == "st=ate&1"
    assert org.redeem(values["code"]).status_code == 200


def test_auto_approve_takes_the_user_hinted_at():
    org = Org(auto_approve=True)
    user_id = add_user(org.state, first_name="Bo", last_name="Rep", username="bo@penguin.example")
    code = sent_back(org.ask(login_hint="bo@penguin.example"))["code"]
    assert org.redeem(code).json()["id"].endswith(f"/{user_id}")


def test_no_state_given_means_none_sent_back():
    assert "state" not in sent_back(Org(auto_approve=True).ask(state=None))


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:1720/callback",
        "http://localhost/callback",
        "http://127.0.0.1:1717/callback",
        "http://localhost:1717/callback/",
        "http://localhost:1717/Callback",
        "https://localhost:1717/callback",
        "http://localhost:1717/callback?x=1",
    ],
)
def test_a_callback_that_is_not_registered_letter_by_letter_is_told_in_the_page_only(org, uri):
    answer = org.ask(redirect_uri=uri)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert (
        "error=redirect_uri_mismatch&error_description=redirect_uri must match configuration"
        in html.unescape(answer.text)
    )


@pytest.mark.parametrize("port", [1716, 1717, 1718, 1719, 8080])
def test_the_usual_callbacks_are_registered(port):
    uri = f"http://localhost:{port}/callback"
    answer = Org(auto_approve=True).ask(redirect_uri=uri)
    assert answer.headers["location"].startswith(f"{uri}?code=")


@pytest.mark.parametrize(
    ("over", "text"),
    [
        (
            {"client_id": "who"},
            "error=invalid_client_id&error_description=client identifier invalid",
        ),
        ({"redirect_uri": None}, "redirect_uri required"),
        ({"code_challenge": None}, "missing required code challenge"),
        ({"code_challenge_method": "plain"}, "invalid code challenge method"),
        ({"code_challenge": "short"}, "invalid code challenge"),
    ],
)
def test_a_request_that_is_wrong_in_itself_stays_in_the_page(org, over, text):
    answer = org.ask(**over)
    assert answer.status_code == 400
    assert text in html.unescape(answer.text)


def test_a_parameter_given_twice_is_refused(org):
    answer = org.client.get(f"{AUTHORIZE}?client_id=a&client_id=b")
    assert "parameter given twice" in answer.text


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"scope": "api cdp"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_what_the_app_may_be_told_goes_to_its_callback(org, over, error):
    values = sent_back(org.ask(**over))
    assert (values["error"], values["state"]) == (error, "st=ate&1")


def test_an_approved_app_is_not_asked_about_again_unless_the_app_wants_that(org):
    org.full_login()
    browser = org.browser()
    assert "code" in sent_back(org.log_in(browser))
    assert "code" in sent_back(org.ask(browser))
    assert org.ask(browser, prompt="login").status_code == 200
    again = org.ask(browser, prompt="consent")
    assert again.headers["location"].startswith(f"{AUTHORIZE}/approve")


def test_another_site_cannot_press_the_buttons(org):
    page = org.client.get(org.log_in().headers["location"])
    fields = hidden(page)
    wrong = [
        {**fields, "csrf": "0" * 64},
        {"request": fields["request"]},
        {**fields, "request": "other"},
    ]
    for form in wrong:
        answer = org.client.post(f"{AUTHORIZE}/approve", data={**form, "decision": "allow"})
        assert answer.status_code == 400
    stranger = org.browser().post(f"{AUTHORIZE}/approve", data={**fields, "decision": "allow"})
    assert stranger.status_code == 400
    assert org.oauth.grants.counts()["codes"] == 0


def test_the_allow_page_cannot_be_reached_without_logging_in(org):
    fields = hidden(org.ask())
    assert org.client.get(f"{AUTHORIZE}/approve?request={fields['request']}").status_code == 400
    answer = org.client.post(f"{AUTHORIZE}/approve", data={**fields, "decision": "allow"})
    assert answer.status_code == 400


def test_logging_in_changes_the_browsers_cookie(org):
    org.ask()
    before = dict(org.client.cookies)
    org.log_in()
    assert dict(org.client.cookies) != before


def test_a_login_page_left_open_too_long_has_ended(org):
    page = org.ask()
    org.now += 901
    answer = org.client.post(
        f"{AUTHORIZE}/login", data={**hidden(page), "username": ADMIN, "password": "penguins"}
    )
    assert "this login has ended" in answer.text


def test_what_comes_from_outside_is_escaped(org):
    nasty = '"><script>alert(1)</script>'
    answers = [
        org.ask(login_hint=nasty),
        org.ask(redirect_uri=nasty),
        org.log_in(username=nasty),
        org.client.get(f"{AUTHORIZE}?client_id={nasty}"),
    ]
    org.oauth.register(App("nasty", nasty))
    answers.append(org.ask(client_id="nasty"))
    for answer in answers:
        assert "<script" not in answer.text


def test_pages_cannot_be_framed_cached_or_scripted(org):
    answer = org.ask()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://localhost:1717" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "src=" not in answer.text


# -- codes


def test_the_token_reply_has_salesforces_shape(org):
    answer = org.redeem(org.code())
    assert "no-store" in answer.headers["cache-control"]
    reply = answer.json()
    assert set(reply) == {
        "access_token",
        "refresh_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    }
    assert reply["access_token"].startswith(f"{org.state.org_id[:15]}!AQ")
    assert reply["refresh_token"].startswith("5Aep")
    assert reply["issued_at"] == "1800000000000"
    assert reply["instance_url"] == ORIGIN
    assert reply["id"] == f"{ORIGIN}/id/{org.state.org_id}/{org.state.admin_id}"
    assert reply["scope"] == "api refresh_token"
    assert reply["token_type"] == "Bearer"


def test_without_the_refresh_token_scope_there_is_no_refresh_token(org):
    assert "refresh_token" not in org.full_login(scope="api")


def test_no_scope_asked_means_all_the_app_has(org):
    reply = org.full_login(scope=None)
    assert reply["scope"].split() == ["api", "refresh_token", "id", "openid", "web"]


def test_openid_brings_an_id_token_signed_with_the_published_key(org):
    code = org.code(scope="openid api", nonce="n-1")
    reply = org.redeem(code).json()
    keys = KeySet.import_key_set(org.client.get("/id/keys").json())
    claims = jwt.decode(reply["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["aud"] == PUBLIC_CLIENT_ID
    assert claims["sub"] == reply["id"]
    assert claims["nonce"] == "n-1"


def test_a_code_is_good_once(org):
    code = org.code()
    assert org.redeem(code).status_code == 200
    assert refused(org.redeem(code)) == ("invalid_grant", "expired authorization code")


def test_a_code_waits_a_quarter_of_an_hour(org):
    code = org.code()
    org.now += 901
    assert refused(org.redeem(code)) == ("invalid_grant", "expired authorization code")


@pytest.mark.parametrize("verifier", ["x" * 60, "", "short", None, VERIFIER + "!"])
def test_a_stolen_code_without_its_verifier_is_worthless(org, verifier):
    code = org.code()
    assert refused(org.redeem(code, code_verifier=verifier)) == (
        "invalid_grant",
        "invalid code verifier",
    )
    assert refused(org.redeem(code)) == ("invalid_grant", "expired authorization code")


def test_the_callback_at_the_token_endpoint_must_be_the_same(org):
    answer = org.redeem(org.code(), redirect_uri="http://localhost:1718/callback")
    assert refused(answer)[0] == "redirect_uri_mismatch"


def test_a_code_belongs_to_the_app_that_asked(org):
    answer = org.redeem(
        org.code(), client_id=CONFIDENTIAL_CLIENT_ID, client_secret=CONFIDENTIAL_SECRET
    )
    assert refused(answer) == ("invalid_grant", "authentication failure")


def test_a_confidential_app_needs_its_secret_and_its_verifier(org):
    def attempt(**form):
        code = org.code(client_id=CONFIDENTIAL_CLIENT_ID)
        return org.redeem(code, client_id=CONFIDENTIAL_CLIENT_ID, **form)

    assert refused(attempt()) == ("invalid_client", "invalid client credentials")
    assert refused(attempt(client_secret="wrong")) == (
        "invalid_client",
        "invalid client credentials",
    )
    assert (
        refused(attempt(client_secret=CONFIDENTIAL_SECRET, code_verifier=None))[0]
        == "invalid_grant"
    )
    reply = attempt(client_secret=CONFIDENTIAL_SECRET).json()
    signed = hmac.new(
        CONFIDENTIAL_SECRET.encode(), f"{reply['id']}{reply['issued_at']}".encode(), hashlib.sha256
    )
    assert base64.b64decode(reply["signature"]) == signed.digest()


def test_a_public_app_has_no_secret_to_show(org):
    assert refused(org.redeem(org.code(), client_secret="guess"))[0] == "invalid_client"


def test_an_app_without_required_pkce_may_leave_it_out_but_not_invent_it(org):
    org.oauth.register(App("plain", "plain", pkce_required=False))
    without = {"client_id": "plain", "code_challenge": None, "code_challenge_method": None}
    assert org.redeem(org.code(**without), client_id="plain", code_verifier=None).status_code == 200
    assert refused(org.redeem(org.code(**without), client_id="plain"))[1] == "invalid code verifier"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "device_code"}, ("unsupported_grant_type", "grant type not supported")),
        ({}, ("unsupported_grant_type", "grant type not supported")),
        (
            {"grant_type": "refresh_token", "client_id": "who"},
            ("invalid_client_id", "client identifier invalid"),
        ),
        ({"grant_type": "refresh_token", "refresh_token": "no"}, EXPIRED),
        (
            {"grant_type": "password", "username": ADMIN, "password": "penguins"},
            ("invalid_grant", "authentication failure"),
        ),
    ],
)
def test_token_errors_are_400_in_salesforces_words(org, form, error):
    assert refused(org.token(**form)) == error


def test_the_token_endpoint_takes_posted_forms_only(org):
    assert refused(org.client.get(TOKEN)) == ("invalid_request", "must use HTTP POST")
    assert (
        refused(org.client.post(TOKEN, json={"grant_type": "refresh_token"}))[0]
        == "unsupported_grant_type"
    )


# -- refreshing and lifetimes


def test_a_refresh_answers_no_refresh_token_and_the_old_one_stays_good(org):
    token = org.full_login()["refresh_token"]
    replies = [org.refresh(token).json() for _ in range(3)]
    assert all("refresh_token" not in reply for reply in replies)
    assert len({reply["access_token"] for reply in replies}) == 3
    assert all(org.oauth.session_for(reply["access_token"]) for reply in replies)


def test_rotation_answers_a_successor_and_the_old_one_is_dead(org):
    org.oauth.settings.rotation = True
    first = org.full_login()["refresh_token"]
    second = org.refresh(first).json()["refresh_token"]
    third = org.refresh(second).json()["refresh_token"]
    assert len({first, second, third}) == 3


def test_using_a_rotated_token_again_ends_the_whole_family(org):
    org.oauth.settings.rotation = True
    other = org.full_login()
    login = org.full_login()
    renewed = org.refresh(login["refresh_token"]).json()
    assert refused(org.refresh(login["refresh_token"])) == EXPIRED
    assert refused(org.refresh(renewed["refresh_token"])) == EXPIRED
    assert org.oauth.session_for(renewed["access_token"]) is None
    assert org.oauth.session_for(login["access_token"]) is None
    assert org.oauth.session_for(other["access_token"]) is not None


def test_a_refresh_token_belongs_to_its_app(org):
    token = org.full_login()["refresh_token"]
    form = {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_SECRET}
    assert refused(org.refresh(token, **form)) == EXPIRED
    assert org.refresh(token).status_code == 200


def test_a_confidential_app_refreshes_with_its_secret_in_form_or_header(org):
    code = org.code(client_id=CONFIDENTIAL_CLIENT_ID)
    secret = {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_SECRET}
    token = org.redeem(code, **secret).json()["refresh_token"]
    assert org.refresh(token, **secret).status_code == 200
    basic = org.client.post(
        TOKEN,
        data={"grant_type": "refresh_token", "refresh_token": token},
        auth=(CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_SECRET),
    )
    assert basic.status_code == 200
    assert refused(org.refresh(token, client_id=CONFIDENTIAL_CLIENT_ID))[0] == "invalid_client"


def test_use_extends_an_access_tokens_life_and_idling_ends_it(org):
    token = org.full_login()["access_token"]
    for _ in range(5):
        org.now += 7000
        assert org.oauth.session_for(token).user_id == org.state.admin_id
    org.now += 7200
    assert org.oauth.session_for(token) is None


def test_an_idle_refresh_token_can_expire():
    org = Org(refresh_token_idle_seconds=100)
    token = org.full_login()["refresh_token"]
    org.now += 90
    assert org.refresh(token).status_code == 200
    org.now += 100
    assert refused(org.refresh(token)) == EXPIRED


def test_a_sixth_login_ends_the_oldest(org):
    logins = [org.full_login() for _ in range(6)]
    assert refused(org.refresh(logins[0]["refresh_token"])) == EXPIRED
    assert org.oauth.session_for(logins[0]["access_token"]) is None
    assert all(org.refresh(login["refresh_token"]).status_code == 200 for login in logins[1:])


def test_another_app_does_not_count_towards_the_five(org):
    first = org.full_login()
    for _ in range(5):
        org.oauth.issue(client_id=CONFIDENTIAL_CLIENT_ID, scope="api refresh_token")
    assert org.refresh(first["refresh_token"]).status_code == 200


def test_a_frozen_user_is_out(org):
    login = org.full_login()
    table = org.state.table("User")
    table.put(org.state.admin_id, {**table.rows[org.state.admin_id], "IsActive": False})
    assert org.oauth.session_for(login["access_token"]) is None
    assert refused(org.refresh(login["refresh_token"]))[0] == "inactive_user"


def test_tokens_are_kept_as_digests_only(org):
    login = org.full_login()
    for token in (login["access_token"], login["refresh_token"]):
        assert token not in repr(vars(org.oauth.grants))


# -- revoking and asking


def test_revoking_the_refresh_token_ends_its_access_tokens(org):
    login = org.full_login()
    more = org.refresh(login["refresh_token"]).json()["access_token"]
    answer = org.client.post("/services/oauth2/revoke", data={"token": login["refresh_token"]})
    assert (answer.status_code, answer.text) == (200, "")
    assert org.oauth.session_for(login["access_token"]) is None
    assert org.oauth.session_for(more) is None
    assert refused(org.refresh(login["refresh_token"])) == EXPIRED


def test_revoking_an_access_token_leaves_the_refresh_token(org):
    login = org.full_login()
    assert (
        org.client.post(
            "/services/oauth2/revoke", data={"token": login["access_token"]}
        ).status_code
        == 200
    )
    assert org.oauth.session_for(login["access_token"]) is None
    assert org.refresh(login["refresh_token"]).status_code == 200


def test_revoking_nothing_known_is_an_invalid_token(org):
    assert (
        refused(org.client.post("/services/oauth2/revoke", data={"token": "x"}))[0]
        == "invalid_token"
    )
    hinted = org.client.post(
        "/services/oauth2/revoke", data={"token": "x", "token_type_hint": "id_token"}
    )
    assert refused(hinted)[0] == "unsupported_token_type"


def test_introspection_tells_a_confidential_app_about_its_own_tokens(org):
    secret = {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_SECRET}
    token = org.oauth.issue(client_id=CONFIDENTIAL_CLIENT_ID).access_token

    def ask(token, **form):
        return org.client.post("/services/oauth2/introspect", data={"token": token, **form})

    told = ask(token, **secret).json()
    assert told["active"] is True
    assert told["username"] == ADMIN
    assert told["exp"] == told["iat"] + 7200
    assert ask("nonsense", **secret).json() == {"active": False}
    assert ask(org.full_login()["access_token"], **secret).json() == {"active": False}
    assert ask(token, client_id=PUBLIC_CLIENT_ID).status_code == 401


def test_the_identity_url_tells_who_and_where(org):
    login = org.full_login()
    bearer = {"authorization": f"Bearer {login['access_token']}"}
    person = org.client.get(login["id"], headers=bearer).json()
    assert person["organization_id"] == org.state.org_id
    assert person["user_id"] == org.state.admin_id
    assert person["username"] == ADMIN
    assert person["utcOffset"] == -28800000
    assert person["urls"]["rest"] == f"{ORIGIN}/services/data/v{{version}}/"
    assert person["last_modified_date"].endswith(".000+0000")


def test_the_identity_url_needs_the_right_token_and_org(org):
    login = org.full_login()
    bearer = {"authorization": f"Bearer {login['access_token']}"}
    answers = [
        org.client.get(login["id"]),
        org.client.get(login["id"], headers={"authorization": "Bearer no"}),
        org.client.get(f"/id/00D000000000062AAA/{org.state.admin_id}", headers=bearer),
        org.client.get(f"/id/{org.state.org_id}/005000000000000AAA", headers=bearer),
    ]
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (403, "Missing_OAuth_Token"),
        (403, "Bad_OAuth_Token"),
        (403, "Wrong_Org"),
        (404, "Bad_Id"),
    ]


def test_userinfo_needs_an_identity_scope(org):
    def ask(scope):
        token = org.oauth.issue(scope=scope).access_token
        return org.client.get(
            "/services/oauth2/userinfo", headers={"authorization": f"Bearer {token}"}
        )

    assert ask("api").status_code == 403
    told = ask("api openid").json()
    assert told["preferred_username"] == ADMIN
    assert told["organization_id"] == org.state.org_id


def test_discovery_names_the_endpoints(org):
    told = org.client.get("/.well-known/openid-configuration").json()
    assert told["token_endpoint"] == f"{ORIGIN}{TOKEN}"
    assert told["code_challenge_methods_supported"] == ["S256"]


# -- flows without a browser


KEY = RSAKey.generate_key(2048)


def assertion(org, key=KEY, algorithm="RS256", **claims):
    now = int(org.now)
    body = {
        "iss": "robot",
        "sub": ADMIN,
        "aud": "https://login.salesforce.com",
        "exp": now + 180,
        **claims,
    }
    return jwt.encode({"alg": algorithm}, body, key, algorithms=[algorithm])


def with_robot(org, **over):
    pem = KEY.raw_value.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    org.oauth.register(
        App("robot", "robot", **{"public_key": pem.decode(), "preauthorized": True, **over})
    )


def test_a_signed_assertion_brings_an_access_token_and_no_refresh_token(org):
    with_robot(org)
    reply = org.token(grant_type=JWT_GRANT, assertion=assertion(org), client_id=None).json()
    assert "refresh_token" not in reply
    assert org.oauth.session_for(reply["access_token"]).user_id == org.state.admin_id


def test_the_key_may_come_as_a_certificate(org):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "robot")])
    certificate = (
        x509.CertificateBuilder(name, name, KEY.raw_value.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1))
        .not_valid_after(datetime(2036, 1, 1))
        .sign(KEY.raw_value, hashes.SHA256())
    )
    with_robot(org, public_key=certificate.public_bytes(Encoding.PEM).decode())
    assert org.token(grant_type=JWT_GRANT, assertion=assertion(org)).status_code == 200


def test_this_servers_own_address_is_an_audience(org):
    with_robot(org)
    assert org.token(grant_type=JWT_GRANT, assertion=assertion(org, aud=ORIGIN)).status_code == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://evil.example"}, ("invalid_grant", "Audience validation failed")),
        ({"aud": None}, ("invalid_grant", "Audience validation failed")),
        ({"sub": "who@x.example"}, ("invalid_grant", "user hasn't approved this consumer")),
        ({"exp": 1_799_999_000}, ("invalid_grant", "assertion is expired")),
        ({"exp": 1_800_003_600}, ("invalid_grant", "assertion expires too far ahead")),
        ({"iss": "who"}, ("invalid_client_id", "client identifier invalid")),
        ({"iss": PUBLIC_CLIENT_ID}, ("invalid_client_id", "client identifier invalid")),
    ],
)
def test_an_assertion_with_wrong_claims_is_refused(org, claims, error):
    with_robot(org)
    assert refused(org.token(grant_type=JWT_GRANT, assertion=assertion(org, **claims))) == error


def test_an_assertion_signed_by_somebody_else_is_refused(org):
    with_robot(org)
    forged = assertion(org, key=RSAKey.generate_key(2048))
    head, body, signature = assertion(org).split(".")
    unsigned = ".".join(
        [base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("="), body, ""]
    )
    bent = ".".join([head, body, signature[:-6] + "AAAAAA"])
    for bad in (forged, unsigned, bent, assertion(org, algorithm="RS512"), "nonsense", "a.b.c", ""):
        assert refused(org.token(grant_type=JWT_GRANT, assertion=bad)) == (
            "invalid_grant",
            "invalid assertion",
        )


def test_an_app_not_approved_for_the_user_gets_nothing_until_they_allow_it_once(org):
    with_robot(org, preauthorized=False)
    answer = org.token(grant_type=JWT_GRANT, assertion=assertion(org))
    assert refused(answer) == ("invalid_grant", "user hasn't approved this consumer")
    org.code(client_id="robot")
    org.oauth.issue(client_id="robot", scope="api refresh_token")
    assert org.token(grant_type=JWT_GRANT, assertion=assertion(org)).status_code == 200


def test_client_credentials_work_as_the_named_user_without_a_refresh_token(org):
    reply = org.client.post(
        TOKEN,
        data={"grant_type": "client_credentials"},
        auth=(CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_SECRET),
    ).json()
    assert "refresh_token" not in reply
    assert reply["instance_url"] == ORIGIN
    assert org.oauth.session_for(reply["access_token"]).may_use_api


def test_client_credentials_need_the_secret_an_app_that_may_and_the_orgs_own_host(org):
    def ask(**form):
        return refused(org.token(grant_type="client_credentials", **form))

    secret = {"client_id": CONFIDENTIAL_CLIENT_ID, "client_secret": CONFIDENTIAL_SECRET}
    assert ask(client_id=CONFIDENTIAL_CLIENT_ID)[0] == "invalid_client"
    assert ask() == ("invalid_grant", "no client credentials user enabled")
    org.oauth.settings.generic_login_host = True
    assert ask(**secret) == ("invalid_grant", "request not supported on this domain")


# -- switches for tests


def test_all_access_tokens_can_be_expired_at_once(org):
    login = org.full_login()
    assert org.client.post("/_local/oauth/expire").json() == {"expired": 1}
    assert org.oauth.session_for(login["access_token"]) is None
    assert org.refresh(login["refresh_token"]).status_code == 200


def test_switches_are_turned_over_http_and_counts_tell_no_token(org):
    login = org.full_login()
    told = org.client.post("/_local/oauth/settings", json={"rotation": True}).json()
    assert told["rotation"] is True
    assert "password" not in told
    assert "refresh_token" in org.refresh(login["refresh_token"]).json()
    counts = org.client.get("/_local/oauth/counts")
    assert counts.json() == {"codes": 0, "grants": 1, "access_tokens": 2}
    wrong = org.client.post("/_local/oauth/settings", json={"rotate": True})
    assert "no such setting: rotate" in refused(wrong)[1]


def test_everything_can_be_revoked_as_an_admin_would(org):
    login = org.full_login()
    assert org.client.post("/_local/oauth/revoke-all").json() == {"revoked": 1}
    assert org.oauth.session_for(login["access_token"]) is None
    assert refused(org.refresh(login["refresh_token"])) == EXPIRED


def test_the_next_token_calls_can_be_made_to_fail(org):
    login = org.full_login()
    body = {"error": "rate_limit_exceeded", "error_description": "too many logins", "times": 2}
    org.client.post("/_local/oauth/refuse-next", json=body)
    answers = [org.refresh(login["refresh_token"]).status_code for _ in range(3)]
    assert answers == [400, 400, 200]


def test_an_app_can_be_registered_over_http():
    org = Org(auto_approve=True)
    org.client.post(
        "/_local/oauth/apps", json={"client_id": "mine", "callbacks": ["http://localhost:9999/cb"]}
    )
    answer = org.ask(client_id="mine", redirect_uri="http://localhost:9999/cb")
    assert answer.headers["location"].startswith("http://localhost:9999/cb?code=")
    assert (
        refused(org.client.post("/_local/oauth/apps", json={"client": "x"}))[0] == "invalid_request"
    )


def test_web_pages_of_others_cannot_reach_the_switches(org):
    rebound = {"host": "evil.example:8123", "origin": "http://evil.example:8123"}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, rebound):
        assert org.client.post("/_local/oauth/expire", headers=headers).status_code == 403
        assert (
            org.client.post("/_local/oauth/settings", json={}, headers=headers).status_code == 403
        )


def test_the_instance_may_live_at_another_address_than_the_login(org):
    org.oauth.settings.instance_url = "http://127.0.0.1:9000"
    assert org.full_login()["instance_url"] == "http://127.0.0.1:9000"


def test_the_org_clock_rules_not_the_wall(org):
    assert abs(org.now - time.time()) > 1_000_000
    assert org.full_login()["issued_at"] == "1800000000000"
