"""Each fault of the stream, as a subscriber meets it (docs/local-org.md, "Trouble on request")."""

import time
from pathlib import Path

import fastavro
import grpc
import pytest

from local_org.faults import CALLS, EVENTS
from tests.unit.local_org.pubsub.conftest import begun
from tests.unit.local_org.pubsub.subscriber import code_of

NTH = {"nth": [2]}


def plan(org, fault, *, args=None, **when):
    org.faults.set([{"fault": fault, "args": args or {}, **when}])


def people(org, number):
    user = org.as_user()
    with org.state.transaction():
        return [user.create("Contact", {"LastName": f"n{at}"}) for at in range(number)]


def ids(events):
    return [each.ids[0] for each in events]


# -- of calls


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("auth_error", "service.auth.error", "UNAUTHENTICATED"),
        ("limit", "subscription.limit.exceeded", "RESOURCE_EXHAUSTED"),
        ("unavailable", "service.unavailable", "UNAVAILABLE"),
        ("stream_error", "subscription.internal.error", "INTERNAL"),
    ],
)
def test_a_call_is_refused(org, subscribe, subscriber, fault, code, status):
    plan(org, fault, times=1)
    error = subscribe().ending()
    assert (code_of(error), error.code().name) == (code, status)
    begun(org, subscribe)


def test_a_call_is_refused_with_any_code(org, subscribe, subscriber):
    args = {"code": "service.tenant.license", "message": "No licence."}
    plan(org, "stream_error", args=args, match={"method": "GetTopic"})
    with pytest.raises(grpc.RpcError) as error:
        subscriber.topic("/data/ContactChangeEvent")
    assert code_of(error.value) == "service.tenant.license"
    assert error.value.details().startswith("No licence. rpcId: ")
    begun(org, subscribe)


def test_a_fault_can_be_one_topics(org, subscribe):
    plan(org, "auth_error", match={"method": "Subscribe", "path": "LeadChangeEvent"})
    begun(org, subscribe)
    assert code_of(subscribe("/data/LeadChangeEvent").ending()) == "service.auth.error"


def test_what_is_a_subscriptions_alone_is_not_used_up_by_other_calls(
    org, subscribe, subscriber, stream
):
    people(org, 1)
    position = stream.event().replay_id
    plan(org, "expire_positions", times=1)
    subscriber.topic("/data/ContactChangeEvent")
    assert code_of(subscribe(after=position).ending()) == "subscription.fetch.replayid.corrupted"


def test_an_expired_position_is_refused_and_later_ones_are_not(org, subscribe, stream):
    people(org, 1)
    position = stream.event().replay_id
    plan(org, "expire_positions", times=1)
    error = subscribe(after=position).ending()
    assert code_of(error) == "subscription.fetch.replayid.corrupted"
    begun(org, subscribe, after=position)


def test_a_stream_that_begins_anew_knows_no_position(org, subscribe, stream):
    people(org, 1)
    position = stream.event().replay_id
    plan(org, "reset_stream", times=1)
    error = subscribe(after=position).ending()
    assert code_of(error) == "subscription.fetch.replayid.corrupted"
    assert stream.ending().code() is grpc.StatusCode.UNAVAILABLE
    begun(org, subscribe)


# -- of events


def test_a_stream_breaks_before_an_event_and_goes_on_from_the_position(org, subscribe, stream):
    plan(org, "stream_drop", **NTH)
    made = people(org, 3)
    (first,) = stream.events(1)
    error = stream.ending()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "error-code" not in dict(error.trailing_metadata())
    assert ids([first, *subscribe(after=first.replay_id).events(2)]) == made


def test_a_stream_ends_with_an_error_in_the_middle(org, stream):
    plan(org, "stream_drop", args={"code": "service.auth.error"}, **NTH)
    people(org, 2)
    stream.event()
    assert code_of(stream.ending()) == "service.auth.error"


def test_a_silent_stream_stays_open(org, stream):
    org.state.settings.event_keepalive_seconds = 0.05
    plan(org, "stream_silent", **NTH)
    people(org, 2)
    stream.event()
    assert stream.nothing()
    assert stream.error is None


def test_a_stream_is_silent_for_a_while(org, stream):
    plan(org, "stream_silent", args={"seconds": 0.2}, **NTH)
    made = people(org, 2)
    began = time.monotonic()
    assert ids(stream.events(2)) == made
    assert time.monotonic() - began > 0.15


def test_late_events_keep_their_order(org, stream):
    plan(org, "late", args={"seconds": 0.2}, **NTH)
    made = people(org, 3)
    began = time.monotonic()
    assert ids(stream.events(3)) == made
    assert time.monotonic() - began > 0.15


def test_a_duplicate_has_its_id_and_a_later_position(org, subscribe, stream):
    plan(org, "duplicate", times=1, **NTH)
    made = people(org, 3)
    events = stream.events(4)
    assert ids(events) == [*made, made[1]]
    assert events[1].id == events[3].id
    assert events[2].replay_id < events[3].replay_id
    assert ids(subscribe(after=events[2].replay_id).events(1)) == [made[1]]


def test_two_events_change_places_in_one_answer(org, stream):
    plan(org, "reorder", nth=[2])
    made = people(org, 4)
    answers = []
    while sum(len(each.events) for each in answers) < 4:
        answers.append(stream.answer())
    events = [stream._subscriber.read(each) for answer in answers for each in answer.events]
    assert ids(events) == [made[0], made[2], made[1], made[3]]
    assert events[1].replay_id > events[2].replay_id
    for answer in (each for each in answers if each.events):
        assert answer.latest_replay_id == max(each.replay_id for each in answer.events)


def test_an_event_that_none_follows_comes_all_the_same(org, stream):
    plan(org, "reorder", args={"seconds": 0.1}, nth=[1])
    made = people(org, 1)
    assert ids(stream.events(1)) == made


def test_a_gap_has_ids_and_no_values(org, stream):
    plan(org, "gap", **NTH)
    made = people(org, 2)
    _, event = stream.events(2)
    assert (event.kind, event.ids, event.told) == ("GAP_CREATE", [made[1]], {})
    assert not event.changed


def test_an_overflow_has_not_even_ids(org, stream):
    plan(org, "overflow", **NTH)
    people(org, 2)
    _, event = stream.events(2)
    assert (event.kind, event.ids) == ("GAP_OVERFLOW", ["000000000000000AAA"])


def test_a_wildcard_means_every_record(org, stream):
    plan(org, "wildcard", **NTH)
    people(org, 2)
    _, event = stream.events(2)
    assert (event.kind, event.ids, event.told) == ("UPDATE", ["003*"], {})


def test_a_payload_that_cannot_be_decoded(org, stream, subscriber):
    plan(org, "undecodable", **NTH)
    people(org, 3)
    first, broken, third = stream.messages(3)
    subscriber.read(first)
    with pytest.raises((EOFError, IndexError, ValueError, fastavro.schema.SchemaParseException)):
        subscriber.read(broken)
    subscriber.read(third)


def test_a_schema_that_nobody_knows(org, stream, subscriber):
    plan(org, "undecodable", args={"schema": True}, **NTH)
    people(org, 2)
    _, broken = stream.messages(2)
    with pytest.raises(grpc.RpcError) as error:
        subscriber.schema(broken.event.schema_id)
    assert code_of(error.value) == "schema.meta.permission"


def test_every_fault_of_the_stream_has_its_test():
    text = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in CALLS | EVENTS if f'"{name}"' not in text} == set()


# The last one: the org's schema stays changed.
def test_a_schema_changes_in_the_middle_of_the_stream(org, stream):
    plan(org, "schema_change", args={"field": "Pronouns", "position": 2}, **NTH)
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A"})
    user.edit(person, {"Title": "Dr"})
    before, after = stream.events(2)
    user.edit(person, {"Title": "Prof"})
    later = stream.event()
    assert before.schema_id != after.schema_id == later.schema_id
    assert list(after.body)[1] == "Pronouns"
    assert (after.told["Title"], after.changed) == ("Dr", {"Title", "LastModifiedDate"})
    assert (later.told["Title"], later.changed) == ("Prof", {"Title", "LastModifiedDate"})
