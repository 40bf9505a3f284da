"""``/_local/platform``: what somebody at the email platform asks for over HTTP."""

import json

import pytest

from local_org.email_platform.happenings import Campaign
from local_org.email_platform.platform import EmailPlatform
from local_org.email_platform.settings import WebhookConfig

SECRET = "whsec_" + "ab" * 32


@pytest.fixture
def platform(org):
    """A platform that has not begun to send."""
    org.platform = EmailPlatform(WebhookConfig("http://127.0.0.1:9/hook", SECRET), org.state)
    return org.platform


def test_an_admin_lets_the_platform_send(rest, platform):
    rest.create(LastName="Quist", FirstName="Ada", Email="ada@example.com")
    asked = {"type": "email.clicked", "email": "ADA@example.com", "copies": 2, "data": {"url": "https://example.com/x"}}  # fmt: skip
    event_id = rest.local("platform/send", asked)["id"]
    launched, event = platform.happened
    assert (launched.type, launched.data["name"]) == ("campaign.launched", "January")
    assert (event.id, event.data["contact"]["first_name"], event.data["url"]) == (event_id, "Ada", "https://example.com/x")  # fmt: skip
    assert rest.http.get("/_local/platform").json()["waiting"] == 3
    watched = rest.http.get("/_local/watch").json()["platform"]
    assert (watched["events"], watched["state"]) == (2, "healthy")


def test_a_campaign_is_launched_once_before_its_first_email(platform):
    for campaign in (Campaign("c-1", "Ice"), Campaign("c-1", "Ice"), Campaign("c-2", "Snow")):
        platform.send("email.sent", "ada@example.com", campaign=campaign)
    told = [(each.type, each.data["campaign_id"]) for each in platform.happened]
    assert told.count(("campaign.launched", "c-1")) == told.count(("campaign.launched", "c-2")) == 1
    platform.send("contact.created", "ada@example.com")
    assert len(platform.happened) == 6


def test_an_admin_replays_and_changes_settings(rest, platform):
    rest.local("platform/send", {"type": "campaign.launched", "id": "evt_7"})
    asked = {"since": "2020-01-01T00:00:00Z", "type": "campaign.launched"}
    assert rest.local("platform/replay", asked) == {"events": 1}
    told = rest.local("platform", {"traffic": 30, "spelling": "camel", "schedule": "2025"})
    assert (told["settings"]["traffic"], told["settings"]["spelling"]) == (30.0, "camel")
    assert rest.local("platform/resume", {}) == {"ok": True}
    assert SECRET not in json.dumps(told)


@pytest.mark.parametrize(
    ("path", "body_", "told"),
    [
        ("platform/send", {"type": "email.vanished", "email": "a@b.example"}, "no such type of event"),
        ("platform/send", {"email": "a@b.example"}, "missing in the body: 'type'"),
        ("platform/send", {"type": "email.sent"}, "Name an email"),
        ("platform/send", {"type": "email.sent", "email": "a@b.example", "copies": 0}, "copies are 1 to"),
        ("platform/send", {"type": "email.sent", "email": "a@b.example", "spelling": "kebab"}, "spelling is one of"),
        ("platform/send", {"type": "email.sent", "email": "a@b.example", "delay_seconds": "nan"}, "delay_seconds 0 to"),
        ("platform/send", {"type": "email.sent", "email": "a@b.example", "id": "a\nb"}, "an id is a line"),
        ("platform/send", {"type": "email.sent", "email": "a@b.example", "id": "évt"}, "an id is a line"),
        ("platform/replay", {"since": "yesterday"}, "yesterday is no time"),
        ("platform", {"trafic": 1}, "no such setting: trafic"),
        ("platform", {"traffic": -1}, "traffic is from 0"),
        ("platform", {"speed": "fast"}, "speed is a number"),
        ("platform", {"schedule": "2024"}, "schedule is one of"),
        ("platform", {"bare_signature": 1}, "true or false"),
        ("platform", {"late": 2}, "late is from 0 to 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(rest, platform, path, body_, told):
    answer = rest.http.post(f"/_local/{path}", json=body_)
    assert (answer.status_code, told in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(
    "path", ["platform/send", "platform/replay", "platform/resume", "platform"]
)
def test_an_org_without_a_platform_says_so(rest, path):
    answer = rest.http.post(f"/_local/{path}", json={"type": "email.sent"})
    assert (answer.status_code, "--webhooks" in answer.text) == (404, True)
    assert rest.http.get("/_local/watch").json()["platform"] is None
