"""The local org's change events, read by a subscriber that nobody here wrote: npm's salesforce-pubsub-api-client.

It learned of Salesforce how schemas, payloads and bitmaps are to be read; if it understands the
local org, that is no misreading shared with sfsync. It is used as it is, over TLS.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local_org.server import LocalOrg, LocalOrgConfig

CLIENT = Path(__file__).parent / "pubsub"
CREATED, EDITED = 600, 398


@pytest.fixture(scope="module")
def org():
    config = LocalOrgConfig(
        contacts=0, leads=0, pubsub_port=0, change_events=("Contact",), tls=True
    )
    with LocalOrg(config) as running:
        yield running


@pytest.fixture(scope="module")
def read(org):
    """Reads so many events from the beginning, or from behind a position; skipped without Node, failed in CI."""
    missing = "Node.js is not installed" if shutil.which("node") is None else ""
    if not missing and not (CLIENT / "node_modules").is_dir():
        missing = "the subscriber is not installed: run npm ci in tests/system/pubsub"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing}, and in CI nothing may be skipped")
    if missing:
        pytest.skip(missing)

    def run(number, **more):
        given = {
            "url": org.url.replace("http://", "https://"),  # it takes no other
            "pubsub": org.pubsub,
            "accessToken": org.token(),
            "organizationId": org.state.org_id,
            "topic": "/data/ContactChangeEvent",
            "number": number,
            **more,
        }
        done = subprocess.run(
            ["node", str(CLIENT / "client.mjs")],
            input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        # Until it knows a schema, the client asks for it at each event, and hands these over in any order.
        return sorted(json.loads(done.stdout), key=lambda event: event["replayId"])

    return run


@pytest.fixture(scope="module")
def made(org):
    """A thousand events: people made, edited in many ways, one deleted, one back."""
    user = org.as_user()
    people = [
        user.create(
            "Contact",
            {
                "LastName": f"n{at}",
                "Email": f"n{at}@x.example",
                "MailingCity": "Ulm",
                "Title": "Dr",
            },
        )
        for at in range(CREATED)
    ]
    for at, person in enumerate(people[:EDITED]):
        user.edit(person, _edit(at))
    user.delete(people[0])
    user.undelete(people[0])
    return people


def _edit(at):
    kinds = (
        {"Title": f"Prof {at}", "Email": None},
        {"LastName": f"m{at}", "FirstName": "Ada"},
        {"MailingCity": "Bonn", "MailingStreet": None, "HasOptedOutOfEmail": True},
        {"PenguinMails_Total_Opens__c": at + 1},
    )
    return kinds[at % 4]


CHANGED = (
    {"Title", "Email"},
    {"Name.LastName", "Name.FirstName"},
    {"MailingAddress.City", "HasOptedOutOfEmail"},
    {"PenguinMails_Total_Opens__c"},
)


@pytest.fixture(scope="module")
def events(read, made):
    return read(1_000)


@pytest.mark.node
def test_a_foreign_subscriber_reads_a_thousand_events(events, made):
    assert len({each["id"] for each in events}) == 1_000
    kinds = [each["header"]["changeType"] for each in events]
    assert kinds == ["CREATE"] * CREATED + ["UPDATE"] * EDITED + ["DELETE", "UNDELETE"]
    assert [each["header"]["recordIds"] for each in events[:CREATED]] == [[each] for each in made]
    assert events[3]["told"]["Email"] == "n3@x.example"
    assert events[3]["told"]["Name"]["LastName"] == "n3"
    assert events[3]["told"]["MailingAddress"]["City"] == "Ulm"
    for at, event in enumerate(events[CREATED:-2]):
        header = event["header"]
        assert set(header["changedFields"]) == CHANGED[at % 4] | {"LastModifiedDate"}
        assert header["nulledFields"] == (["Email"] if at % 4 == 0 else [])
    assert events[CREATED]["told"]["Title"] == "Prof 0"
    assert events[CREATED + 3]["told"]["PenguinMails_Total_Opens__c"] == 4
    assert events[-2]["told"] == {}


@pytest.mark.node
def test_a_foreign_subscriber_goes_on_from_a_position(read, events):
    again = read(5, replayId=events[994]["replayId"])
    assert [each["id"] for each in again] == [each["id"] for each in events[995:]]
