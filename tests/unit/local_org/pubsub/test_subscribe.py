"""Flow control, positions and the life of a stream (docs/salesforce.md §14.5)."""

import time
from itertools import pairwise

import grpc
import pytest

from local_org.server import LocalOrg, LocalOrgConfig
from tests.unit.local_org.pubsub.conftest import begun
from tests.unit.local_org.pubsub.subscriber import Subscriber, code_of

CONTACTS = "/data/ContactChangeEvent"


def people(org, number):
    user = org.as_user()
    return [user.create("Contact", {"LastName": f"n{at}"}) for at in range(number)]


def ids(events):
    return [each.ids[0] for each in events]


# -- flow control


def test_no_more_comes_than_was_asked_for(org, subscribe):
    stream = begun(org, subscribe, CONTACTS, 3)
    made = people(org, 5)
    assert ids(stream.events(3)) == made[:3]
    assert stream.pending == 0
    assert stream.nothing()
    stream.ask(1)
    assert ids(stream.events(1)) == made[3:4]
    stream.ask(5)
    assert ids(stream.events(1)) == made[4:]
    assert stream.pending == 4


def test_requests_add_up_to_a_hundred(org, subscribe):
    org.state.settings.event_keepalive_seconds = 0.01
    stream = subscribe(CONTACTS, 60)
    stream.ask(30)
    stream.ask(30)
    while stream.pending < 100:
        stream.answer()
    people(org, 110)
    stream.events(100)
    assert stream.pending == 0
    assert stream.nothing()


def test_more_than_a_hundred_counts_as_a_hundred(org, subscribe):
    stream = begun(org, subscribe, CONTACTS, 5_000)
    people(org, 1)
    stream.event()
    assert stream.pending == 99


def test_batches_are_uneven(org, subscribe):
    after = begun(org, subscribe).latest
    people(org, 90)
    stream = subscribe(after=after)
    sizes = []
    while sum(sizes) < 90:
        sizes.append(len(stream.answer().events))
    assert len(set(sizes)) > 1


@pytest.mark.parametrize("number", [0, -1])
def test_nothing_asked_for_is_refused(org, subscribe, number):
    error = subscribe(CONTACTS, number).ending()
    assert code_of(error) == "subscription.fetch.requested.events.invalid"
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_another_topic_later_is_refused(org, stream):
    stream.ask(1, topic="/data/LeadChangeEvent")
    assert code_of(stream.ending()) == "subscription.fetch.topic.mismatch"


def test_what_counts_in_the_first_request_only_is_ignored_later(org, stream):
    stream.ask(1, topic="", replay_preset=2, replay_id=b"x" * 8)
    made = people(org, 1)
    assert ids(stream.events(1)) == made


def test_a_stream_with_nothing_asked_for_ends(org, subscribe):
    stream = begun(org, subscribe, CONTACTS, 1)
    people(org, 1)
    stream.event()
    org.state.settings.event_idle_seconds = 0.05
    assert stream.ending() is None


def test_a_subscriber_who_asks_no_more_gets_what_was_asked(org, subscribe):
    stream = begun(org, subscribe, CONTACTS, 2)
    stream._asks.put(None)
    made = people(org, 3)
    assert ids(stream.events(2)) == made[:2]
    assert stream.ending() is None


# -- quiet streams


def test_an_empty_answer_comes_with_a_position_ahead(org, stream):
    org.state.settings.event_keepalive_seconds = 0.05
    first, second = stream.answer(), stream.answer()
    assert not first.events
    assert not second.events
    assert int.from_bytes(first.latest_replay_id, "big") < int.from_bytes(
        second.latest_replay_id, "big"
    )
    assert second.pending_num_requested == 100


def test_the_position_of_an_empty_answer_misses_nothing(org, subscribe):
    org.state.settings.event_keepalive_seconds = 0.0
    stream = subscribe()
    position = stream.answer().latest_replay_id
    stream.close()
    org.state.settings.event_keepalive_seconds = 270.0
    made = people(org, 3)
    assert ids(subscribe(after=position).events(3)) == made


# -- positions


def test_custom_goes_on_behind_a_position(org, subscribe, stream):
    made = people(org, 6)
    third = stream.events(6)[2].replay_id
    assert len(third) == 8
    assert ids(subscribe(after=third).events(3)) == made[3:]


def test_positions_rise_in_uneven_steps(org, stream):
    people(org, 30)
    numbers = [int.from_bytes(each.replay_id, "big") for each in stream.events(30)]
    steps = [after - before for before, after in pairwise(numbers)]
    assert min(steps) > 0
    assert len(set(steps)) > 3


def test_earliest_is_all_that_is_kept():
    config = LocalOrgConfig(contacts=0, leads=0, pubsub_port=0, change_events=("Contact",))
    with LocalOrg(config) as org, Subscriber(org) as subscriber:
        made = people(org, 3)
        stream = subscriber.subscribe(preset="EARLIEST")
        assert ids(stream.events(3)) == made
        stream.close()
        org.state.advance(73 * 3600)
        late = people(org, 1)
        stream = subscriber.subscribe(preset="EARLIEST")
        assert ids(stream.events(1)) == late
        stream.close()


def refusal(subscribe, **more):
    error = subscribe(**more).ending()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    return code_of(error)


def test_custom_needs_a_position(org, subscribe):
    missing = "subscription.fetch.replayid.validation.failed"
    assert refusal(subscribe, preset="CUSTOM") == missing


def test_a_position_older_than_three_days_is_refused(org, subscribe, stream):
    people(org, 1)
    position = stream.event().replay_id
    org.state.advance(71 * 3600)
    subscribe(after=position).close()
    org.state.advance(2 * 3600)
    assert refusal(subscribe, after=position) == "subscription.fetch.replayid.corrupted"


@pytest.mark.parametrize("position", [b"\x00" * 8, b"\xff" * 8, b"short", b"\x00" * 9])
def test_a_position_of_no_stream_here_is_refused(org, subscribe, position):
    assert refusal(subscribe, after=position) == "subscription.fetch.replayid.corrupted"


def test_a_position_of_another_org_is_refused(org, subscribe):
    with LocalOrg(LocalOrgConfig(contacts=0, leads=0, pubsub_port=0)) as other:
        foreign = other.bus.log.mark(other.state.clock.seconds())
    foreign_id = foreign.to_bytes(8, "big")
    assert refusal(subscribe, after=foreign_id) == "subscription.fetch.replayid.corrupted"


def test_a_reset_stream_knows_no_position(org, subscribe, stream):
    people(org, 1)
    position = stream.event().replay_id
    org.bus.reset()
    assert stream.ending().code() is grpc.StatusCode.UNAVAILABLE
    assert refusal(subscribe, after=position) == "subscription.fetch.replayid.corrupted"
    again = begun(org, subscribe)
    made = people(org, 1)
    assert ids(again.events(1)) == made


# -- topics


def test_a_topic_brings_its_own_objects_alone(org, subscribe):
    leads = begun(org, subscribe, "/data/LeadChangeEvent")
    user = org.as_user()
    user.create("Contact", {"LastName": "A"})
    lead = user.create("Lead", {"LastName": "B", "Company": "C"})
    assert ids(leads.events(1)) == [lead]


def test_two_subscribers_get_the_same_events(org, subscribe):
    one, two = begun(org, subscribe), begun(org, subscribe)
    people(org, 5)
    seen = [[(each.id, each.replay_id) for each in stream.events(5)] for stream in (one, two)]
    assert seen[0] == seen[1]
    assert len({each for each, _ in seen[0]}) == 5


def test_a_position_outlives_the_stream_it_came_from(org, subscribe, stream):
    people(org, 1)
    position = stream.event().replay_id
    stream.close()
    made = people(org, 2)
    assert ids(subscribe(after=position).events(2)) == made


# -- the org's end


def test_stopping_the_org_ends_its_streams_at_once():
    config = LocalOrgConfig(contacts=0, leads=0, pubsub_port=0, change_events=("Contact",))
    org = LocalOrg(config).start()
    with Subscriber(org) as subscriber:
        streams = [begun(org, subscriber.subscribe) for _ in range(3)]
        began = time.monotonic()
        org.stop()
        assert time.monotonic() - began < 5
        for stream in streams:
            stream.ending()


def test_an_org_that_was_stopped_can_be_started_again():
    config = LocalOrgConfig(
        contacts=0, leads=0, pubsub_port=0, change_events=("Contact",), tls=True
    )
    org = LocalOrg(config).start()
    org.stop()
    with org, Subscriber(org) as subscriber:
        stream = begun(org, subscriber.subscribe)
        made = people(org, 1)
        assert ids(stream.events(1)) == made
        stream.close()


def test_a_taken_port_is_told():
    with LocalOrg(LocalOrgConfig(contacts=0, leads=0, pubsub_port=0)) as org:
        port = int(org.pubsub.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            LocalOrg(LocalOrgConfig(contacts=0, leads=0, pubsub_port=port)).start()
