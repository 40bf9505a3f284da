"""What the local org's email platform sends is what sfsync understands of PenguinMails: written apart, they agree."""

import pytest

from local_org.email_platform import signing
from local_org.email_platform.happenings import KINDS, SPELLINGS, Campaign, Person, body, happened
from sfsync.intake.sources.items import CampaignName, Skipped
from sfsync.intake.sources.penguinmails import SOURCE
from sfsync.intake.sources.proof import ForgedError, Reception
from sfsync.model.arrival import ContactEdit
from sfsync.model.event import EmailEvent, EventType

SECRET = signing.new_secret()
AT = 1_768_903_200.0
NOW = "2026-01-20T10:00:01Z"
ADA = Person("ada@example.com", "Ada", "Quist")
EVENTS = {
    "email.sent": EventType.SENT,
    "email.opened": EventType.OPENED,
    "email.clicked": EventType.CLICKED,
    "email.replied": EventType.REPLIED,
    "email.bounced": EventType.BOUNCED,
    "email.unsubscribed": EventType.UNSUBSCRIBED,
    "email.spam_reported": EventType.COMPLAINED,
    "contact.unsubscribed": EventType.UNSUBSCRIBED,
}
OTHERS = {
    "email.delivered": Skipped,
    "campaign.launched": CampaignName,
    "campaign.started": CampaignName,
    "campaign.completed": CampaignName,
    "campaign.paused": CampaignName,
    "contact.created": ContactEdit,
    "contact.updated": ContactEdit,
}


def event(kind):
    return happened(kind, id="evt_1", at=AT, person=ADA, campaign=Campaign("c-9", "Winter"))


def read(kind, spelling):
    """What sfsync makes of it, once it is proved."""
    content = body(event(kind), spelling)
    for bare in (False, True):
        headers = signing.headers(SECRET, event(kind), content, "del_1", bare=bare)
        SOURCE.verify(headers, content, (SECRET,), Reception(NOW))
    (item,) = SOURCE.read(content, now=NOW)
    return item


def test_every_type_is_looked_at_here():
    assert {*EVENTS, *OTHERS} == set(KINDS)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("kind", "type_"), EVENTS.items())
def test_an_event_arrives_as_it_happened(kind, type_, spelling):
    item = read(kind, spelling)
    assert isinstance(item, EmailEvent)
    assert (item.id, item.type, item.email, item.timestamp) == ("evt_1", type_, ADA.email, "2026-01-20T10:00:00Z")  # fmt: skip
    assert item.campaign_id == ("c-9" if kind.startswith("email.") else "")
    assert item.link == ("https://example.com/offer" if type_ is EventType.CLICKED else "")
    assert item.bounce == ("hard" if type_ is EventType.BOUNCED else "")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("kind", "expected"), OTHERS.items())
def test_what_is_no_event_of_a_person_is_understood_too(kind, expected, spelling):
    item = read(kind, spelling)
    assert isinstance(item, expected)
    if isinstance(item, CampaignName):
        assert (item.campaign_id, item.name) == ("c-9", "Winter")
    if isinstance(item, ContactEdit):
        # an update names nobody's address, but by the platform's own id
        assert item.email == (ADA.email if item.is_new else "")
        assert item.contact_id == f"penguinmails:{ADA.contact_id}"
        assert item.columns["first_name"] == "Ada"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_it_is_recognised_in_a_file(spelling):
    import json

    assert SOURCE.looks_like(json.loads(body(event("email.sent"), spelling)))


def test_another_secret_proves_nothing():
    content = body(event("email.sent"), "snake")
    headers = signing.headers(signing.new_secret(), event("email.sent"), content, "del_1")
    with pytest.raises(ForgedError):
        SOURCE.verify(headers, content, (SECRET,), Reception(NOW))
