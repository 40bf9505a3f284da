"""Selecting objects for change events: channels, and what is a member of them.

Source: Tooling API, PlatformEventChannel and PlatformEventChannelMember; docs/salesforce.md §14.7.
The texts are unconfirmed: their codes and what they name count.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.change_events import (
    CAPTURED_OBJECTS,
    MOST_SELECTED,
    STANDARD_CHANNEL,
    event_name,
)
from local_org.state.org import OrgState
from local_org.state.tables import Row

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_SUFFIX = "__chn"
Metadata = Mapping[str, Any]


def select(state: OrgState, sobjects: Iterable[str]) -> None:
    """Have the changes of objects told on the standard channel, as an admin does in Setup.

    Raises:
        ValueError: for an object whose changes no org tells.
    """
    for name in sobjects:
        found = next((each for each in CAPTURED_OBJECTS if each.lower() == name.lower()), None)
        if found is None:
            known = ", ".join(CAPTURED_OBJECTS)
            raise ValueError(f"no change events for {name}; there are for: {known}")
        metadata = {"eventChannel": STANDARD_CHANNEL, "selectedEntity": event_name(found)}
        if not any(row["Metadata"] == metadata for row in _rows(state, "ChannelMember")):
            define_member(state, None, metadata, state.admin_id)


def define_channel(state: OrgState, full_name: Any, metadata: Any, user_id: str) -> str:
    """Make a channel of one's own; gives its id.

    Raises:
        ApiError: where its name is taken or none, or it is not for change events.
    """
    label = _label(metadata)
    name = str(full_name or "").removesuffix(_SUFFIX)
    if not str(full_name).endswith(_SUFFIX) or not _NAME.match(name):
        raise _wrong(f"A channel is called NAME{_SUFFIX}: {full_name}", "FullName")
    if any(row["DeveloperName"].lower() == name.lower() for row in _rows(state, "Channel")):
        raise _twice(f"There is already a channel named {full_name}")
    return _insert(
        state,
        "PlatformEventChannel",
        user_id,
        DeveloperName=name,
        MasterLabel=label,
        ChannelType="data",
        FullName=f"{name}{_SUFFIX}",
        Metadata={"channelType": "data", "label": label},
    )


def _label(metadata: Any) -> str:
    """A channel's label, where the rest of its definition is right, too."""
    given = _checked(metadata, {"channelType", "label"})
    if given.get("channelType") != "data":
        raise _wrong("channelType: change events need the type data", "ChannelType")
    if not given.get("label"):
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [label]", ["label"])
    return str(given["label"])


def rename_channel(state: OrgState, row: Row, metadata: Any, user_id: str) -> None:
    """Give a channel another label.

    Raises:
        ApiError: where the definition is not right.
    """
    label, now = _label(metadata), state.stamp()
    stamps = {"LastModifiedDate": now, "LastModifiedById": user_id, "SystemModstamp": now}
    changed = {"MasterLabel": label, "Metadata": {"channelType": "data", "label": label}}
    state.put(state.table("PlatformEventChannel"), row["Id"], {**row, **stamps, **changed})


def define_member(state: OrgState, full_name: Any, metadata: Any, user_id: str) -> str:
    """Let a channel tell an object's changes; gives the selection's id.

    Raises:
        ApiError: where the channel or the object is none, is selected already, or too many are.
    """
    with state.transaction():
        given = _checked(metadata, {"eventChannel", "selectedEntity"})
        channel, entity = str(given.get("eventChannel")), str(given.get("selectedEntity"))
        channel_id = _channel_id(state, channel)
        if entity not in {event_name(each) for each in CAPTURED_OBJECTS}:
            raise _wrong(f"Selected Entity: no change events are called {entity}", "SelectedEntity")
        own_name = f"{channel.replace('__', '_')}_{entity}"
        name = str(full_name or own_name)
        if not _NAME.match(name):
            raise _wrong(f"The name {name} is not valid", "FullName")
        members = _rows(state, "ChannelMember")
        if any(
            (row["EventChannel"], row["SelectedEntity"]) == (channel_id, entity) for row in members
        ):
            raise _twice(f"{entity} is selected on {channel} already")
        if any(row["DeveloperName"].lower() == name.lower() for row in members):
            raise _twice(f"There is already a channel member named {name}")
        if len({entity, *(row["SelectedEntity"] for row in members)}) > MOST_SELECTED:
            message = f"No more than {MOST_SELECTED} entities can be selected"
            raise ApiError("LIMIT_EXCEEDED", message, [])
        return _insert(
            state,
            "PlatformEventChannelMember",
            user_id,
            DeveloperName=name,
            EventChannel=channel_id,
            SelectedEntity=entity,
            FullName=name,
            Metadata={"eventChannel": channel, "selectedEntity": entity},
        )


DEFINE: dict[str, Callable[[OrgState, Any, Any, str], str]] = {
    "PlatformEventChannel": define_channel,
    "PlatformEventChannelMember": define_member,
}
"""How each of them is made."""


def defined(state: OrgState, sobject: str, full_name: str) -> Row | None:
    """The channel or the member of that full name, if there is one."""
    rows = state.table(sobject).rows.values()
    return next((row for row in rows if row["FullName"].lower() == full_name.lower()), None)


def remove(state: OrgState, row: Row) -> None:
    """Take a channel, with its members, or a member away."""
    with state.transaction():
        members = state.table("PlatformEventChannelMember")
        for each in [
            member["Id"] for member in members.rows.values() if member["EventChannel"] == row["Id"]
        ]:
            state.put(members, each, None)
        table = state.table_of_id(row["Id"])
        if table is not None:
            state.put(table, row["Id"], None)


def _channel_id(state: OrgState, channel: str) -> str:
    """What a member says of its channel: the standard one's name, another's id."""
    if channel == STANDARD_CHANNEL:
        return STANDARD_CHANNEL
    for row in _rows(state, "Channel"):
        if row["FullName"] == channel:
            return str(row["Id"])
    raise _wrong(f"Event Channel: there is no channel named {channel}", "EventChannel")


def _rows(state: OrgState, name: str) -> list[Row]:
    return list(state.table(f"PlatformEvent{name}").rows.values())


def _checked(metadata: Any, known: set[str]) -> Metadata:
    if not isinstance(metadata, Mapping):
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]", [])
    unknown = [name for name, value in metadata.items() if name not in known and value]
    if unknown:  # filters and enriched fields, which this org has not
        raise _wrong(f"The local org knows no {unknown[0]}", unknown[0])
    return metadata


def _insert(state: OrgState, sobject: str, user_id: str, **values: Any) -> str:
    by = {"CreatedById": user_id, "LastModifiedById": user_id}
    return state.insert_system(sobject, {**values, "ManageableState": "unmanaged", **by})


def _wrong(message: str, field: str) -> ApiError:
    return ApiError("FIELD_INTEGRITY_EXCEPTION", message, [field])


def _twice(message: str) -> ApiError:
    return ApiError("DUPLICATE_DEVELOPER_NAME", message, ["DeveloperName"])
