"""Selecting objects by the Tooling API, and what ``/_local`` and the page tell of change events."""

import pytest
import requests

from local_org.server import INTEGRATION_USER, LocalOrg, LocalOrgConfig
from tests.unit.local_org.pubsub.conftest import begun
from tests.unit.local_org.pubsub.subscriber import Subscriber

MEMBER = "PlatformEventChannelMember"
CHANNEL = "PlatformEventChannel"


@pytest.fixture(scope="module")
def bare_org():
    config = LocalOrgConfig(contacts=0, leads=0, bare=True, pubsub_port=0)
    with LocalOrg(config) as org:
        yield org


@pytest.fixture
def tooling(bare_org):
    """Calls the Tooling API; gives status and body."""

    def call(method, path, body=None, username=None):
        headers = {"Authorization": f"Bearer {bare_org.token(username)}"}
        url = f"{bare_org.url}/services/data/v66.0/tooling{path}"
        reply = requests.request(method, url, json=body, headers=headers, timeout=5)
        return reply.status_code, reply.json() if reply.content else None

    yield call
    for name in (MEMBER, CHANNEL):
        table = bare_org.state.table(name)
        for each in list(table.rows):
            bare_org.state.put(table, each, None)


def query(tooling, soql):
    status, body = tooling("GET", f"/query?q={soql}")
    assert status == 200, body
    return [
        {key: value for key, value in row.items() if key != "attributes"} for row in body["records"]
    ]


def member(entity="ContactChangeEvent", channel="ChangeEvents", **more):
    return {"Metadata": {"eventChannel": channel, "selectedEntity": entity}, **more}


def sync_channel(tooling):
    body = {"FullName": "Sync__chn", "Metadata": {"channelType": "data", "label": "Sync"}}
    return tooling("POST", f"/sobjects/{CHANNEL}", body)


def test_an_admin_selects_an_object(bare_org, tooling):
    status, made = tooling(
        "POST", f"/sobjects/{MEMBER}", member(FullName="ChangeEvents_ContactChangeEvent")
    )
    assert status == 201
    assert (made["success"], made["id"][:3], made["warnings"]) == (True, "0v8", [])
    found = query(tooling, f"SELECT DeveloperName, EventChannel, SelectedEntity FROM {MEMBER}")
    assert found == [
        {
            "DeveloperName": "ChangeEvents_ContactChangeEvent",
            "EventChannel": "ChangeEvents",
            "SelectedEntity": "ContactChangeEvent",
        }
    ]
    (counted,) = query(tooling, f"SELECT COUNT_DISTINCT(SelectedEntity) n FROM {MEMBER}")
    assert counted["n"] == 1
    with Subscriber(bare_org) as subscriber:
        assert subscriber.topic("/data/ContactChangeEvent").can_subscribe
    status, shown = tooling("GET", f"/sobjects/{MEMBER}/{made['id']}")
    assert (status, shown["Metadata"]["eventChannel"]) == (200, "ChangeEvents")
    assert tooling("DELETE", f"/sobjects/{MEMBER}/{made['id']}")[0] == 204
    assert query(tooling, f"SELECT Id FROM {MEMBER}") == []


def test_a_channel_of_ones_own_brings_its_members(bare_org, tooling):
    status, made = sync_channel(tooling)
    assert (status, made["id"][:3]) == (201, "0YL")
    for name in ("Lead", "Contact"):
        assert (
            tooling("POST", f"/sobjects/{MEMBER}", member(f"{name}ChangeEvent", "Sync__chn"))[0]
            == 201
        )
    names = query(
        tooling, f"SELECT DeveloperName, EventChannel FROM {MEMBER} ORDER BY DeveloperName"
    )
    assert [each["DeveloperName"] for each in names] == [
        "Sync_chn_ContactChangeEvent",
        "Sync_chn_LeadChangeEvent",
    ]
    assert {each["EventChannel"] for each in names} == {made["id"]}
    with Subscriber(bare_org) as subscriber:
        stream = begun(bare_org, subscriber.subscribe, "/data/Sync__chn")
        user = bare_org.as_user()
        person = user.create("Contact", {"LastName": "A"})
        user.create("Account", {"Name": "B"})
        lead = user.create("Lead", {"LastName": "C", "Company": "D"})
        assert [each.ids for each in stream.events(2)] == [[person], [lead]]
        stream.close()
    assert tooling("DELETE", f"/sobjects/{CHANNEL}/{made['id']}")[0] == 204
    assert query(tooling, f"SELECT Id FROM {MEMBER}") == []


@pytest.mark.parametrize(
    ("sobject", "body", "code"),
    [
        (MEMBER, member("UserChangeEvent"), "FIELD_INTEGRITY_EXCEPTION"),
        (MEMBER, member(channel="Nope__chn"), "FIELD_INTEGRITY_EXCEPTION"),
        (MEMBER, {"FullName": "x"}, "REQUIRED_FIELD_MISSING"),
        (MEMBER, member(FullName="a b"), "FIELD_INTEGRITY_EXCEPTION"),
        (MEMBER, {**member(), "SelectedEntity": "x"}, "INVALID_FIELD"),
        (
            MEMBER,
            {"Metadata": {**member()["Metadata"], "filterExpression": "Title = 'x'"}},
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            CHANNEL,
            {"FullName": "Sync", "Metadata": {"channelType": "data", "label": "x"}},
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            CHANNEL,
            {"FullName": "S__chn", "Metadata": {"channelType": "event", "label": "x"}},
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            CHANNEL,
            {"FullName": "S__chn", "Metadata": {"channelType": "data"}},
            "REQUIRED_FIELD_MISSING",
        ),
    ],
)
def test_what_is_no_selection_is_refused(tooling, sobject, body, code):
    status, told = tooling("POST", f"/sobjects/{sobject}", body)
    assert (status, told[0]["errorCode"]) == (400, code)


def test_nothing_is_selected_twice(tooling):
    assert tooling("POST", f"/sobjects/{MEMBER}", member())[0] == 201
    status, told = tooling("POST", f"/sobjects/{MEMBER}", member(FullName="Another"))
    assert (status, told[0]["errorCode"]) == (400, "DUPLICATE_DEVELOPER_NAME")
    sync_channel(tooling)
    assert sync_channel(tooling)[1][0]["errorCode"] == "DUPLICATE_DEVELOPER_NAME"


def test_so_many_objects_can_be_selected_on_all_channels_together(tooling, monkeypatch):
    monkeypatch.setattr("local_org.records.event_channels.MOST_SELECTED", 2)
    assert sync_channel(tooling)[0] == 201
    for entity, channel in (
        ("Contact", "ChangeEvents"),
        ("Contact", "Sync__chn"),
        ("Lead", "Sync__chn"),
    ):
        assert (
            tooling("POST", f"/sobjects/{MEMBER}", member(f"{entity}ChangeEvent", channel))[0]
            == 201
        )
    status, told = tooling("POST", f"/sobjects/{MEMBER}", member("TaskChangeEvent"))
    assert (status, told[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")


def test_it_takes_a_right_to_select_and_to_look(tooling):
    for method, path, body in (
        ("POST", f"/sobjects/{MEMBER}", member()),
        ("GET", f"/query?q=SELECT Id FROM {MEMBER}", None),
        ("GET", f"/sobjects/{MEMBER}/describe", None),
    ):
        assert tooling(method, path, body, INTEGRATION_USER)[0] == 403


def test_the_tooling_api_describes_what_it_has(tooling):
    _, listed = tooling("GET", "/sobjects")
    assert {CHANNEL, MEMBER, "CustomField"} == {each["name"] for each in listed["sobjects"]}
    _, described = tooling("GET", f"/sobjects/{MEMBER}/describe")
    names = {each["name"] for each in described["fields"]}
    assert {"DeveloperName", "EventChannel", "SelectedEntity", "FullName", "Metadata"} <= names


# -- /_local


def control(org, body=None):
    method = "GET" if body is None else "POST"
    reply = requests.request(method, f"{org.url}/_local/events", json=body, timeout=5)
    return reply.status_code, reply.json()


def test_the_other_hand_tells_what_was_published(org, stream):
    person = org.as_user().create("Contact", {"LastName": "A"})
    event = stream.event()
    status, told = control(org)
    assert (status, told["delivered"], told["limit"], told["subscribers"]) == (200, 1, 10_000, 1)
    assert told["selected"] == ["Account", "Contact", "Lead", "Task"]
    latest = told["latest"][0]
    assert (latest["object"], latest["type"], latest["ids"]) == ("Contact", "CREATE", [person])
    assert latest["position"] == int.from_bytes(event.replay_id, "big")
    page = requests.get(f"{org.url}/_local/watch", timeout=5).json()
    assert page["bus"]["latest"][0] == latest


def test_the_other_hand_breaks_streams_and_begins_anew(org, subscribe, stream):
    person = org.as_user().create("Contact", {"LastName": "A"})
    position = stream.event().replay_id
    assert control(org, {"do": "drop"})[0] == 200
    assert stream.ending().code().name == "UNAVAILABLE"
    again = begun(org, subscribe, after=position)
    assert control(org, {"do": "reset"})[1]["latest"] == []
    assert again.ending().code().name == "UNAVAILABLE"
    assert control(org, {"do": "dance"}) == (
        400,
        [{"errorCode": "INVALID_ARGUMENT", "message": "do: reset or drop, not dance"}],
    )
    assert person


def test_an_org_without_change_events_says_so():
    with LocalOrg(LocalOrgConfig(contacts=0, leads=0)) as org:
        assert (org.pubsub, org.certificate, org.state.on_commit) == (None, None, None)
        status, told = control(org)
        assert (status, "--change-events" in told[0]["message"]) == (400, True)
        assert requests.get(f"{org.url}/_local/watch", timeout=5).json()["bus"] is None
