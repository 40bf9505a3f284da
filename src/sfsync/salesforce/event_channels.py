"""Looking at an org's channels of change events, by the Tooling API.

Source: Tooling API, PlatformEventChannel, PlatformEventChannelMember; docs/salesforce.md §14.7.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sfsync.provisioning.event_channel import STANDARD_CHANNEL, ExistingChannel
from sfsync.salesforce import soql
from sfsync.salesforce.connect import Connection, page
from sfsync.salesforce.shape import shape_of


def existing_channel(connection: Connection, name: str) -> ExistingChannel:
    """What of a channel is there; one without any object on it counts as none.

    One API call; one more where there is any channel but the standard one.

    Raises:
        OrgRefused: this user may not look into the org's setup, or the org has no change events.
    """
    members = ["EventChannel", "SelectedEntity"]
    with shape_of("the org's list of event channels"):
        rows = _tooling(connection, "PlatformEventChannelMember", members)
        channels = {str(row["EventChannel"]) for row in rows}
        # a member names its channel by the Id; the standard one by its name
        key = name
        if name != STANDARD_CHANNEL and channels - {STANDARD_CHANNEL, name}:
            key = _id_of(connection, name)
        ours = {str(row["SelectedEntity"]) for row in rows if row["EventChannel"] in {key, name}}
        selected = frozenset(str(row["SelectedEntity"]) for row in rows)
        return ExistingChannel(bool(ours), frozenset(ours), selected)


def _id_of(connection: Connection, name: str) -> str:
    developer_name = soql.quoted(name.removesuffix("__chn"))
    rows = _tooling(connection, "PlatformEventChannel", ["Id"], f"DeveloperName = {developer_name}")
    return str(rows[0]["Id"]) if rows else ""


def _tooling(
    connection: Connection, sobject: str, fields: list[str], where: str = ""
) -> list[dict[str, Any]]:
    statement = soql.select(sobject, fields, where)
    return page(connection.read(f"tooling/query/?q={quote(statement, safe='')}")).records
