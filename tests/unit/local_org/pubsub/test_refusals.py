"""What calls are refused with: who calls, what may be subscribed to, and the day's allowance."""

import grpc
import pytest
import requests

from local_org.records.event_channels import select
from local_org.server import INTEGRATION_USER, LocalOrg, LocalOrgConfig
from local_org.state.users import add_user
from tests.unit.local_org.pubsub.conftest import begun
from tests.unit.local_org.pubsub.subscriber import Subscriber, code_of

CONTACTS = "/data/ContactChangeEvent"


def refused(call, *given):
    with pytest.raises(grpc.RpcError) as error:
        call(*given)
    return code_of(error.value), error.value.code()


# -- metadata


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"accesstoken": None}, "service.auth.headers.invalid"),
        ({"instanceurl": None}, "service.auth.headers.invalid"),
        ({"tenantid": None}, "service.auth.headers.invalid"),
        ({"tenantid": " "}, "service.auth.headers.invalid"),
        ({"tenantid": "00D5f0000000001"}, "service.auth.headers.invalid"),
        ({"instanceurl": "https://other.my.salesforce.com"}, "service.auth.headers.invalid"),
        ({"tenantid": "00D5f0000000009EAA"}, "service.auth.error"),
        ({"accesstoken": "00D!wrong"}, "service.auth.error"),
    ],
)
def test_every_call_checks_who_calls(org, metadata, code):
    with Subscriber(org, **metadata) as stranger:
        expected = (code, grpc.StatusCode.UNAUTHENTICATED)
        assert refused(stranger.topic, CONTACTS) == expected
        assert refused(stranger.schema, "x") == expected
        error = stranger.subscribe().ending()
        assert (code_of(error), error.code()) == expected


def test_an_ended_token_is_refused_while_a_stream_goes_on(org, subscribe):
    with Subscriber(org, accesstoken=org.token()) as subscriber:
        stream = begun(org, subscribe, of=subscriber)
        requests.post(f"{org.url}/_local/oauth/revoke-all", json={}, timeout=5).raise_for_status()
        assert refused(subscriber.topic, CONTACTS)[0] == "service.auth.error"
        person = org.as_user().create("Contact", {"LastName": "A"})
        (message,) = stream.messages(1)
        assert person.encode() in message.event.payload


# -- topics and schemas


def test_a_topic_says_its_schema(org, subscribe):
    with Subscriber(org) as subscriber:
        topic = subscriber.topic(CONTACTS)
        assert (topic.topic_name, topic.can_subscribe, topic.can_publish) == (CONTACTS, True, False)
        schema = subscriber.schema(topic.schema_id)
        assert schema.schema_id == topic.schema_id
        assert '"ContactChangeEvent"' in schema.schema_json
        assert subscriber.topic("/data/ChangeEvents").schema_id == ""


@pytest.mark.parametrize(
    "topic",
    [
        "/data/OpportunityChangeEvent",
        "/data/contactchangeevent",
        "/data/Nope__chn",
        "ContactChangeEvent",
        "/event/X__e",
    ],
)
def test_an_unknown_topic_is_not_found(org, subscribe, topic):
    with Subscriber(org) as subscriber:
        assert refused(subscriber.topic, topic) == ("topic.not.found", grpc.StatusCode.NOT_FOUND)
        assert code_of(subscriber.subscribe(topic).ending()) == "topic.not.found"


def test_blank_names_are_refused(org):
    with Subscriber(org) as subscriber:
        assert refused(subscriber.topic, "")[0] == "topic.validation.empty"
        assert code_of(subscriber.subscribe("").ending()) == "topic.validation.empty"
        assert refused(subscriber.schema, "")[0] == "schema.validation.failed"
        assert refused(subscriber.schema, "nope")[0] == "schema.meta.permission"


def test_an_object_is_told_once_it_is_selected():
    config = LocalOrgConfig(contacts=0, leads=0, pubsub_port=0)
    with LocalOrg(config) as org, Subscriber(org) as subscriber:
        assert refused(subscriber.topic, CONTACTS)[0] == "topic.not.found"
        assert not subscriber.topic("/data/ChangeEvents").schema_id
        select(org.state, ["contact", "Contact"])
        assert subscriber.topic(CONTACTS).can_subscribe
        assert len(org.state.table("PlatformEventChannelMember").rows) == 1


def test_objects_that_no_org_tells_cannot_be_selected():
    with pytest.raises(ValueError, match="no change events for User; there are for: Account"):
        LocalOrg(LocalOrgConfig(contacts=0, leads=0, pubsub_port=0, change_events=("User",)))


# -- rights


RIGHTS = ("Read", "ViewAllRecords")


@pytest.fixture(scope="module")
def guarded():
    """An org with a user who may use the API and sees nothing but what is granted to them."""
    config = LocalOrgConfig(
        contacts=1, leads=0, bare=True, pubsub_port=0, change_events=("Account", "Contact", "Task")
    )
    with LocalOrg(config) as org:
        yield org


@pytest.fixture
def grant(guarded):
    """Grants the integration user rights on an object, or fields of it; takes them away after."""
    state = guarded.state
    user_id = state.user(INTEGRATION_USER)["Id"]
    made = []

    def insert(sobject, **values):
        record_id = state.insert_system(sobject, values)
        made.append((sobject, record_id))
        return record_id

    set_id = insert("PermissionSet", Name="Some", Label="Some")
    insert("PermissionSetAssignment", AssigneeId=user_id, PermissionSetId=set_id)

    def give(sobject, *rights, fields=()):
        flags = {f"Permissions{right}": True for right in rights}
        if rights:
            insert("ObjectPermissions", ParentId=set_id, SobjectType=sobject, **flags)
        for name in fields:
            insert(
                "FieldPermissions",
                ParentId=set_id,
                SobjectType=sobject,
                Field=f"{sobject}.{name}",
                PermissionsRead=True,
            )

    yield give
    for sobject, record_id in reversed(made):
        state.put(state.table(sobject), record_id, None)


@pytest.fixture
def reader(guarded):
    with Subscriber(guarded, INTEGRATION_USER) as subscriber:
        yield subscriber


def test_without_view_all_an_objects_topic_is_refused(guarded, grant, reader):
    assert refused(reader.topic, CONTACTS)[0] == "topic.meta.permission"
    grant("Contact", "Read")
    assert reader.topic(CONTACTS).can_subscribe is False
    error = reader.subscribe().ending()
    assert code_of(error) == "subscription.topic.cannot.subscribe"
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


def test_view_all_lets_one_subscribe(guarded, grant, reader, subscribe):
    grant("Contact", *RIGHTS)
    assert reader.topic(CONTACTS).can_subscribe is True
    stream = begun(guarded, subscribe, of=reader)
    person = guarded.as_user().create("Contact", {"LastName": "A"})
    assert stream.event().ids == [person]


def test_tasks_need_view_all_data(guarded, grant, reader):
    assert code_of(reader.subscribe("/data/TaskChangeEvent").ending()) == (
        "subscription.topic.cannot.subscribe"
    )
    with Subscriber(guarded) as admin:
        assert admin.topic("/data/TaskChangeEvent").can_subscribe


def test_on_a_channel_what_one_may_not_see_is_left_out(guarded, grant, reader, subscribe):
    grant("Contact", *RIGHTS)
    stream = begun(guarded, subscribe, "/data/ChangeEvents", of=reader)
    user = guarded.as_user()
    user.create("Account", {"Name": "Hidden"})
    person = user.create("Contact", {"LastName": "A"})
    assert stream.event().ids == [person]


def test_a_right_that_is_taken_away_ends_the_stream(guarded, grant, reader, subscribe):
    grant("Contact", *RIGHTS)
    stream = begun(guarded, subscribe, of=reader)
    table = guarded.state.table("ObjectPermissions")
    (row,) = [each for each in table.rows.values() if "PermissionsModifyAllRecords" not in each]
    guarded.state.put(table, row["Id"], {**row, "PermissionsViewAllRecords": False})
    assert code_of(stream.ending()) == "subscription.topic.cannot.subscribe"


def test_hidden_fields_stand_in_the_schema_and_in_no_event(guarded, grant, reader, subscribe):
    grant("Contact", *RIGHTS, fields=("Title",))
    stream = begun(guarded, subscribe, of=reader)
    user = guarded.as_user()
    fields = {"LastName": "A", "Title": "Dr", "Email": "a@x.example", "MailingCity": "Ulm"}
    person = user.create("Contact", fields)
    user.edit(person, {"Title": "Prof", "Email": None, "MailingCity": "Bonn"})
    user.edit(person, {"Email": "b@x.example"})
    created, edited, hidden = stream.events(3)
    assert {"Email", "MailingAddress"} <= set(created.body)
    assert not {"Email", "MailingAddress"} & set(created.told)
    assert (created.told["Title"], created.told["Name"]["LastName"]) == ("Dr", "A")
    assert (edited.changed, edited.nulled) == ({"Title", "LastModifiedDate"}, set())
    assert (hidden.changed, set(hidden.told)) == ({"LastModifiedDate"}, {"LastModifiedDate"})
    with Subscriber(guarded) as admin:
        again = begun(guarded, subscribe, of=admin)
        user.edit(person, {"Email": "c@x.example"})
        assert again.event().told["Email"] == "c@x.example"


def test_a_switch_hides_the_opt_out_from_events_too(org, stream):
    org.state.settings.hide_opt_out = True
    org.as_user().create("Contact", {"LastName": "A"})
    event = stream.event()
    assert "HasOptedOutOfEmail" in event.body
    assert "HasOptedOutOfEmail" not in event.told


def test_who_may_not_use_the_api_is_refused(org):
    add_user(org.state, first_name="No", last_name="Body", username="no@penguin.example")
    row = org.state.user("no@penguin.example")
    set_ids = org.state.table("PermissionSetAssignment").indexes["AssigneeId"].find(row["Id"])
    for each in set_ids:
        org.state.put(org.state.table("PermissionSetAssignment"), each, None)
    with Subscriber(org, "no@penguin.example") as nobody:
        assert refused(nobody.topic, CONTACTS)[0] == "service.auth.error"


# -- the allowance


def limits(org):
    headers = {"Authorization": f"Bearer {org.token()}"}
    reply = requests.get(f"{org.url}/services/data/v66.0/limits", headers=headers, timeout=5)
    return reply.json()["DailyDeliveredPlatformEvents"]


def test_deliveries_count_for_each_subscriber(org, subscribe):
    streams = [begun(org, subscribe), begun(org, subscribe)]
    for at in range(3):
        org.as_user().create("Contact", {"LastName": f"n{at}"})
    for stream in streams:
        stream.events(3)
    assert limits(org) == {"Max": 10_000, "Remaining": 9_994}


def test_a_used_allowance_ends_streams_and_refuses_new_ones(org, subscribe):
    org.state.settings.daily_event_deliveries = 2
    stream = begun(org, subscribe)
    user = org.as_user()
    made = [user.create("Contact", {"LastName": f"n{at}"}) for at in range(3)]
    assert [each.ids[0] for each in stream.events(2)] == made[:2]
    error = stream.ending()
    assert code_of(error) == "subscription.limit.exceeded"
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert code_of(subscribe().ending()) == "subscription.limit.exceeded"
    assert limits(org)["Remaining"] == 0
    org.state.advance(25 * 3600)
    assert limits(org)["Remaining"] == 2
    begun(org, subscribe)


# -- TLS


def test_with_tls_nothing_is_served_in_the_clear():
    config = LocalOrgConfig(
        contacts=0, leads=0, pubsub_port=0, change_events=("Contact",), tls=True
    )
    with LocalOrg(config) as org:
        assert b"BEGIN CERTIFICATE" in org.certificate.read_bytes()
        with Subscriber(org) as subscriber:
            assert subscriber.topic(CONTACTS).can_subscribe
            plain = grpc.insecure_channel(org.pubsub)
            subscriber._channel.close()
            subscriber._channel = plain
            with pytest.raises(grpc.RpcError) as error:
                subscriber.topic(CONTACTS)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        kept = org.certificate
    assert not kept.exists()
