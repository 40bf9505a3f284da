"""Which objects' changes are told on which topic: what an admin has selected.

``ChangeEvents`` is the standard channel; what is selected there has a topic of its own, too.

Source: docs/salesforce.md §14.2, §14.7.
"""

from collections.abc import Iterator

from local_org.schema.change_events import CAPTURED_OBJECTS, STANDARD_CHANNEL, event_name
from local_org.state.org import OrgState


def selections(state: OrgState) -> Iterator[tuple[str, str]]:
    """Every selection: the channel's name and the object."""
    objects = {event_name(sobject): sobject for sobject in CAPTURED_OBJECTS}
    channels = state.table("PlatformEventChannel").rows
    for row in state.table("PlatformEventChannelMember").rows.values():
        channel = channels.get(row["EventChannel"])
        name = row["EventChannel"] if channel is None else channel["FullName"]
        yield name, objects[row["SelectedEntity"]]


def selected(state: OrgState) -> frozenset[str]:
    """The objects whose changes are told on any channel."""
    with state.lock:
        return frozenset(sobject for _, sobject in selections(state))


def entities_of(state: OrgState, topic: str) -> frozenset[str] | None:
    """The objects whose events come on a topic; None where there is no such topic.

    Args:
        state: the org.
        topic: for example ``/data/ContactChangeEvent``; its case counts.
    """
    name = topic.removeprefix("/data/")
    if name == topic:
        return None
    with state.lock:
        channels = state.table("PlatformEventChannel").rows.values()
        members: dict[str, set[str]] = {row["FullName"]: set() for row in channels}
        members[STANDARD_CHANNEL] = set()
        for channel, sobject in selections(state):
            members[channel].add(sobject)
    for sobject in members[STANDARD_CHANNEL]:
        members[event_name(sobject)] = {sobject}
    found = members.get(name)
    return None if found is None else frozenset(found)


def is_single(topic: str) -> bool:
    """Whether a topic is one object's own."""
    return topic.endswith("ChangeEvent")
