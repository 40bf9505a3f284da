"""A real browser logs in at the local org, and watches what happens there."""

import os
import shutil

import pytest

from local_org.server import LocalOrg, LocalOrgConfig, WebhookConfig
from tests.system.browser import open_browser
from tests.system.workspace import event

pytestmark = [pytest.mark.browser, pytest.mark.slow]
USERNAME, PASSWORD = "admin@penguin.example", "penguins"


@pytest.fixture(scope="module")
def chromium():
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is not installed, and in CI nothing may be skipped")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    with open_browser(chromium, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def workspace(new_workspace):
    return new_workspace(contacts=5, leads=2, auto_approve=False, log_in=False, pull=False)


@pytest.fixture
def logging_in(workspace):
    """``sfsync login --no-browser`` under way, and the address that it has printed."""
    process = workspace.start("login", "--no-browser", "--json", "--timeout", "60")
    try:
        url = next(line.strip() for line in process.stderr if line.startswith("http"))
        yield url, lambda: workspace.finish(process)
    finally:
        process.kill()
        process.communicate()


def enter(browser, password):
    browser.wait_for_title("Log in - local org")
    browser.type("#username", USERNAME)
    browser.type("#password", password)
    browser.click("button[type=submit]")


def test_a_person_who_denies_is_told_so_and_nobody_is_logged_in(browser, logging_in, tmp_path):
    url, finish = logging_in
    browser.open(url)
    enter(browser, PASSWORD)
    browser.wait_for_title("Allow access? - local org")
    browser.click("button[value=deny]")
    browser.wait_for_title("Not logged in - sfsync")
    browser.screenshot(tmp_path / "denied.png")
    ran = finish()
    assert (ran.code, ran.document["errors"][0]["slug"]) == (4, "login-refused")


def test_a_wrong_password_stays_on_the_page_and_says_so(browser, logging_in):
    url, _ = logging_in
    browser.open(url)
    enter(browser, "wrong")
    browser.wait_for("document.querySelector('[role=alert]')")
    assert "check your username and password" in browser.text


def test_a_person_logs_in_allows_and_lands_on_the_page_that_says_so(
    browser, workspace, logging_in, tmp_path
):
    url, finish = logging_in
    browser.open(url)
    enter(browser, PASSWORD)
    browser.wait_for_title("Allow access? - local org")
    assert "sfsync" in browser.text
    browser.screenshot(tmp_path / "allow.png")
    browser.click("button[value=allow]")
    browser.wait_for_title("Logged in - sfsync")
    assert "You are logged in" in browser.text
    browser.screenshot(tmp_path / "logged-in.png")
    ran = finish()
    assert (ran.code, ran.data["token_store"]) == (0, "database")
    assert workspace.do_in_process("whoami")["username"] == USERNAME


def test_the_watching_page_fills_up_while_sfsync_works(browser, workspace, tmp_path):
    browser.open(f"{workspace.org.url}/")
    browser.wait_for("document.querySelectorAll('#contacts tbody tr').length === 5")
    browser.wait_for("document.querySelectorAll('#leads tbody tr').length === 2")
    workspace.do_in_process("pull")
    reader = workspace.record(workspace.people()[0])
    workspace.push_events(
        event("email_sent", reader["Email"]), event("email_clicked", reader["Email"])
    )
    browser.wait_for("document.getElementById('task-count').textContent === '2'")
    browser.click("#contacts tbody button")  # last changed first: the reader
    browser.wait_for("document.querySelectorAll('#person li').length === 2")
    browser.screenshot(tmp_path / "watching.png")
    assert (
        browser.tell("document.getElementById('person-title').textContent")
        == f"{reader['Name']} (Contact)"
    )
    assert f"Email clicked by {reader['Name']}" in browser.text


def test_the_watching_page_shows_what_the_email_platform_sent_and_how_it_was_answered(
    browser, workspace, tmp_path
):
    platform = workspace.org.play_platform(WebhookConfig("http://127.0.0.1:1/hook", "whsec_ab"))
    try:
        browser.open(f"{workspace.org.url}/")
        browser.wait_for("!document.getElementById('platform-section').hidden")
        assert "Nothing was sent yet." in browser.text
        platform.send("contact.created", "<b>ada</b>@example.com")
        browser.wait_for("document.querySelectorAll('#platform tbody tr').length === 1")
        row = browser.tell("document.querySelector('#platform tbody tr').innerText")
        assert "<b>ada</b>@example.com" in row
        assert "no answer: connection refused" in row
        browser.wait_for("document.querySelector('#platform td.bad') !== null")
        browser.screenshot(tmp_path / "platform.png")
    finally:
        platform.stop()
        workspace.org.platform = None


def test_the_watching_page_shows_that_a_change_event_was_published(browser, tmp_path):
    config = LocalOrgConfig(contacts=0, leads=0, pubsub_port=0, change_events=("Contact",))
    with LocalOrg(config) as org:
        browser.open(f"{org.url}/")
        browser.wait_for("!document.getElementById('bus-section').hidden")
        assert "Nothing was published yet." in browser.text
        person = org.as_user().create("Contact", {"LastName": "Vogel"})
        browser.wait_for("document.querySelectorAll('#bus li').length === 1")
        line = browser.tell("document.querySelector('#bus li').innerText")
        assert "Contact CREATE" in line
        assert person in line
        assert "Contact: 0 of 10000 delivered" in browser.text
        browser.screenshot(tmp_path / "events.png")


def test_the_browser_has_nothing_to_complain_about_any_of_these_pages(browser):
    browser.tell("0")  # whatever it has logged has arrived
    denied = "error=access_denied"  # answered with 400, as it should be
    assert [line for line in browser.complaints if denied not in line] == []
