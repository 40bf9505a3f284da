"""An org whose change events can be subscribed to, and a stream of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.settings import Settings
from tests.unit.local_org.pubsub.subscriber import Stream, Subscriber

SELECTED = ("Account", "Contact", "Lead", "Task")


@pytest.fixture(scope="module")
def running_org() -> Iterator[LocalOrg]:
    config = LocalOrgConfig(contacts=3, leads=2, pubsub_port=0, change_events=SELECTED)
    with LocalOrg(config) as org:
        yield org


@pytest.fixture
def org(running_org: LocalOrg) -> Iterator[LocalOrg]:
    """The module's org; what a test switches is switched back."""
    yield running_org
    running_org.faults.clear()
    running_org.state.settings.change(Settings().as_dict())
    running_org.state.deliveries.reset()


@pytest.fixture(scope="module")
def subscriber(running_org: LocalOrg) -> Iterator[Subscriber]:
    with Subscriber(running_org) as subscriber:
        yield subscriber


@pytest.fixture
def subscribe(subscriber: Subscriber) -> Iterator[Callable[..., Stream]]:
    """Begins a stream, by default with what comes, and is there once the org knows it."""
    streams: list[Stream] = []

    def begin(topic: str = "/data/ContactChangeEvent", number: int = 100, **more: Any) -> Stream:
        stream = more.pop("of", subscriber).subscribe(topic, number, **more)
        streams.append(stream)
        return stream

    yield begin
    for stream in streams:
        stream.close()


@pytest.fixture
def stream(org: LocalOrg, subscribe: Callable[..., Stream]) -> Stream:
    """A stream of Contacts that has begun."""
    return begun(org, subscribe)


def begun(org: LocalOrg, subscribe: Callable[..., Stream], *args: Any, **more: Any) -> Stream:
    """A stream that the org has begun: what is changed from now on comes on it."""
    org.state.settings.event_keepalive_seconds = 0.0
    stream = subscribe(*args, **more)
    assert not stream.answer().events
    org.state.settings.event_keepalive_seconds = 270.0
    return stream
