import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from filelock import FileLock

from sfsync.auth.encrypted_store import EncryptedStore, SealingKey
from sfsync.auth.login import Login, Refresher, locked
from sfsync.errors import (
    GrantRevoked,
    LoginRefused,
    LoginTimedOut,
    NotLoggedIn,
    OrgUnavailable,
    OutcomeUnknown,
    TokenStoreError,
    WrongOrg,
)

ORG = "00D000000000001EAA"


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "login.lock"


@pytest.fixture
def login(grants, store, lock):
    return Login(grants, store, "default", lock)


class Browser:
    """Opens the address and comes back at once, as the org would send it."""

    def __init__(self, **fields):
        self.fields = fields or {"code": "aPrx"}
        self.pages = []
        self.threads = []

    def __call__(self, url):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.asked = asked
        back = {"state": asked["state"]} | self.fields

        def go():
            page = requests.get(asked["redirect_uri"], params=back, timeout=10)
            self.pages.append((page.status_code, page.text))

        thread = threading.Thread(target=go)
        thread.start()
        self.threads.append(thread)
        return True

    def done(self):
        for thread in self.threads:
            thread.join()
        return self.pages


def never(url):
    raise AssertionError("announced")


def log_in(login, browser, **more):
    options = {
        "ports": [0],
        "scopes": ["api", "refresh_token"],
        "announce": never,
        "open_browser": browser,
    }
    return login.interactive_login(**(options | {"deadline_seconds": 10} | more))


def test_a_login_in_the_browser_is_kept(endpoint, login, store):
    endpoint.reply()
    browser = Browser()
    token = log_in(login, browser)
    assert store.kept["default"] == token
    assert browser.done()[0][0] == 200
    form = endpoint.seen[0].form
    assert form["code"] == "aPrx"
    assert form["redirect_uri"] == browser.asked["redirect_uri"]
    assert len(form["code_verifier"]) >= 43
    assert form["code_verifier"] not in str(browser.asked)


def test_without_a_browser_the_address_is_announced(endpoint, login):
    endpoint.reply()
    browser = Browser()
    for opener in (None, lambda url: False):
        assert log_in(login, opener, announce=browser).access_token
    assert [status for status, _ in browser.done()] == [200, 200]


def test_an_address_may_be_pasted_from_another_computer(endpoint, login, store):
    endpoint.reply()
    announced = []

    def paste(seconds):
        state = parse_qs(urlsplit(announced[0]).query)["state"][0]
        return f"http://localhost:1717/callback?code=pasted&state={state}"

    log_in(login, None, announce=announced.append, paste=paste)
    assert endpoint.seen[0].form["code"] == "pasted"
    assert "default" in store.kept


def test_a_refused_exchange_shows_the_failure_page_and_keeps_nothing(endpoint, login, store):
    endpoint.reply(
        400, {"error": "invalid_grant", "error_description": "expired authorization code"}
    )
    browser = Browser()
    with pytest.raises(LoginRefused):
        log_in(login, browser)
    assert browser.done()[0][0] == 400
    assert store.kept == {}


def test_a_no_in_the_browser_asks_the_token_endpoint_nothing(endpoint, login):
    browser = Browser(error="access_denied", error_description="end-user denied authorization")
    with pytest.raises(LoginRefused, match="end-user denied"):
        log_in(login, browser)
    browser.done()
    assert endpoint.seen == []


def test_nobody_in_the_browser(login):
    with pytest.raises(LoginTimedOut):
        log_in(login, lambda url: True, deadline_seconds=0.05)


def test_a_login_to_another_org_is_ended_again(endpoint, grants, store, lock):
    endpoint.reply().reply(200, b"")
    with pytest.raises(WrongOrg, match="00D000000000001EAA"):
        log_in(Login(grants, store, "default", lock, expected_org="00D000000000009EAA"), Browser())
    assert store.kept == {}
    assert endpoint.seen[-1].path == "/services/oauth2/revoke"


def test_a_login_that_cannot_be_kept_is_ended_again(endpoint, login, store):
    endpoint.reply().reply(200, b"")
    store.fail_saves = {1}
    with pytest.raises(TokenStoreError):
        log_in(login, Browser())
    assert endpoint.seen[-1].path == "/services/oauth2/revoke"


def test_a_server_login_is_kept_too(endpoint, login, grants, store, held):
    token = login.server_login(lambda: replace(held, refresh_token=""))
    assert store.kept["default"] == token
    assert login.current() == token


def test_short_and_long_org_ids_are_the_same_org(grants, store, lock, held):
    store.kept["default"] = held
    assert Login(grants, store, "default", lock, expected_org=ORG[:15]).current() == held
    with pytest.raises(WrongOrg):
        Login(grants, store, "default", lock, expected_org="00D000000000002").current()


def test_who_is_not_logged_in_is_told_so(login):
    for ask in (login.current, login.logout, login.whoami, lambda: login.refresher().fresh("x")):
        with pytest.raises(NotLoggedIn, match="'default'"):
            ask()


def test_whoami_renews_a_login_that_has_ended(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(401, b"").reply().reply(
        200, {"user_id": "005", "organization_id": "00D", "username": "ada"}
    )
    assert login.whoami().username == "ada"
    assert store.kept["default"].access_token != held.access_token


def test_logout_revokes_and_forgets(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(200, b"")
    assert login.logout()
    assert store.kept == {}


def test_logout_forgets_even_where_salesforce_cannot_be_asked(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(503, b"")
    assert not login.logout()
    assert store.kept == {}


# -- renewing


def test_a_stale_login_is_renewed_and_kept_before_it_is_used(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(refresh_token="5Aep.rotated")
    token = login.refresher()(held.access_token)
    assert store.kept["default"] == token
    assert token.refresh_token == "5Aep.rotated"


def test_what_somebody_else_renewed_is_used(endpoint, login, store, held):
    store.kept["default"] = held
    assert login.refresher().fresh("an older one") == held
    assert endpoint.seen == []


def test_a_login_that_ended_stays_for_status_to_tell(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(
        400, {"error": "invalid_grant", "error_description": "expired access/refresh token"}
    )
    with pytest.raises(GrantRevoked):
        login.refresher().fresh(held.access_token)
    assert store.kept["default"] == held


def test_a_lost_answer_leaves_the_login_for_the_next_run(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(0, b"")
    with pytest.raises(OutcomeUnknown):
        login.refresher().fresh(held.access_token)
    assert store.kept["default"] == held
    assert len(endpoint.seen) == 1


def test_a_store_that_cannot_be_written_is_found_before_the_refresh_token_is_spent(
    endpoint, login, store, held
):
    store.kept["default"] = held
    store.fail_saves = {1}
    with pytest.raises(TokenStoreError):
        login.refresher().fresh(held.access_token)
    assert endpoint.seen == []


def test_keeping_a_rotated_login_is_tried_twice(endpoint, login, store, held):
    store.kept["default"] = held
    store.fail_saves = {2}
    endpoint.reply(refresh_token="5Aep.rotated")
    login.refresher().fresh(held.access_token)
    assert store.kept["default"].refresh_token == "5Aep.rotated"


def test_a_renewed_login_of_another_org_is_refused(endpoint, login, store, held):
    store.kept["default"] = held
    endpoint.reply(id=f"{endpoint.url}/id/00D000000000009EAA/005000000000001AAA")
    with pytest.raises(WrongOrg):
        login.refresher().fresh(held.access_token)
    assert store.kept["default"] == held


def test_a_login_without_refresh_token_signs_again(login, store, held):
    short = replace(held, refresh_token="")
    store.kept["default"] = short
    signed = replace(short, access_token="signed again")
    assert login.refresher(lambda before: signed).fresh(held.access_token) == signed
    assert store.saves == 1


def test_another_process_that_holds_the_lock_is_waited_for_and_then_told(store, lock, held):
    refresher = Refresher(store, "default", lock, lambda before: before, lock_seconds=0.1)
    with FileLock(lock), pytest.raises(OrgUnavailable, match="Another sfsync"):
        refresher.fresh("x")


def test_that_another_process_is_waited_for_is_told_while_it_waits(store, lock, held, caplog):
    refresher = Refresher(store, "default", lock, lambda before: before, lock_seconds=0.1)
    with caplog.at_level("INFO", logger="sfsync"), FileLock(lock), pytest.raises(OrgUnavailable):
        refresher.fresh("x")
    [told] = caplog.records
    assert "another sfsync is renewing the login" in told.getMessage()
    assert told.wait_seconds == 0.1


def test_a_lock_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenStoreError, match="lock"), locked(tmp_path / "file" / "lock", 1):
        pass


def test_the_lock_is_closed_to_others(lock):
    with locked(lock, 1):
        assert lock.stat().st_mode & 0o777 == 0o600


class Rotating:
    """Renews as Salesforce does with rotation: a refresh token counts once, a second use ends everything."""

    def __init__(self):
        self.valid = "r0"
        self.refreshes = 0
        self.lock = threading.Lock()

    def __call__(self, held):
        with self.lock:
            if held.refresh_token != self.valid:
                raise GrantRevoked("a used refresh token came again")
            self.refreshes += 1
            self.valid = f"r{self.refreshes}"
            renewed = replace(held, access_token=f"a{self.refreshes}", refresh_token=self.valid)
        time.sleep(0.001)
        return renewed


def test_threads_that_renew_at_once_spend_each_refresh_token_once(store, lock, held):
    rotating = Rotating()
    store.kept["default"] = replace(held, access_token="a0", refresh_token="r0")
    for number in range(20):
        refresher = [Refresher(store, "default", lock, rotating) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            fresh = list(pool.map(lambda each, stale=f"a{number}": each.fresh(stale), refresher))
        assert {token.access_token for token in fresh} == {f"a{number + 1}"}
    assert rotating.refreshes == 20


RACER = """
    import pathlib, sys
    from sfsync.auth.grants import Grants
    from sfsync.auth.encrypted_store import EncryptedStore, SealingKey
    from sfsync.auth.login import Refresher
    url, folder, rounds = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    class Vault:
        def read(self, profile): return (folder / profile).read_bytes()
        def write(self, profile, sealed):
            (folder / "new").write_bytes(sealed)
            (folder / "new").replace(folder / profile)
    store = EncryptedStore(Vault(), SealingKey(bytes(32), is_passphrase=False))
    refresher = Refresher(store, "default", folder / "lock", Grants(url, "key").refresh)
    stale = store.load("default").access_token
    for _ in range(rounds):
        stale = refresher.fresh(stale).access_token
    print(stale)
"""


def test_processes_that_renew_at_once_spend_each_refresh_token_once(endpoint, tmp_path, held):
    class Vault:
        def write(self, profile, sealed):
            (tmp_path / profile).write_bytes(sealed)

    EncryptedStore(Vault(), SealingKey(bytes(32), is_passphrase=False)).save(
        "default", replace(held, refresh_token="r0", access_token="a0")
    )
    used = []

    def rotate(seen):
        used.append(seen.form["refresh_token"])
        number = len(used)
        endpoint.replies.clear()
        endpoint.reply(refresh_token=f"r{number}", access_token=f"a{number}")

    endpoint.on_request = rotate
    endpoint.reply()
    script = tmp_path / "racer.py"
    script.write_text(textwrap.dedent(RACER))
    racers = [
        subprocess.Popen(
            [sys.executable, script, endpoint.url, tmp_path, "25"], stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    ended = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert used == [f"r{number}" for number in range(len(used))]
    assert len(used) >= 25
    assert f"a{len(used)}".encode() in {line.strip() for line in ended}
