"""Selecting objects for change events by the Tooling API.

Source: Tooling API, PlatformEventChannel and PlatformEventChannelMember; docs/salesforce.md §14.7.
"""

from collections.abc import Callable

from local_org import ids
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import not_found
from local_org.records import event_channels
from local_org.rest.tooling import check_names, tooling_attributes
from local_org.state.access import require
from local_org.state.org import OrgState
from local_org.state.tables import Row


class EventChannels:
    """``/tooling/sobjects/PlatformEventChannel`` and ``…Member``.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [each for name in event_channels.DEFINE for each in self._endpoints_of(name)]

    def _endpoints_of(self, name: str) -> list[Endpoint]:
        path = f"/tooling/sobjects/{name}"

        def with_name(step: Callable[..., Reply]) -> Callable[..., Reply]:
            return lambda call, *parts: step(call, name, *parts)

        return [
            endpoint("POST", path, with_name(self._create)),
            endpoint("GET", f"{path}/describe", with_name(self._describe)),
            endpoint("GET", f"{path}/{{}}", with_name(self._retrieve)),
            endpoint("DELETE", f"{path}/{{}}", with_name(self._delete)),
        ]

    def _may(self, call: Call, *permissions: str) -> None:
        require(self.state.access(call.user_id), *permissions)

    def _create(self, call: Call, name: str) -> Reply:
        self._may(call, "CustomizeApplication")
        body = call.json_object()
        check_names(name, body)
        define = event_channels.DEFINE[name]
        made = define(self.state, body.get("FullName"), body.get("Metadata"), call.user_id)
        return Reply(201, {"id": made, "success": True, "errors": [], "warnings": [], "infos": []})

    def _describe(self, call: Call, name: str) -> Reply:
        self._may(call, "ViewSetup", "CustomizeApplication")
        return Reply(body=self.state.kind(name).describe(call.version))

    def _retrieve(self, call: Call, name: str, record_id: str) -> Reply:
        self._may(call, "ViewSetup", "CustomizeApplication")
        row = self._row(name, record_id)
        shown = {key: value for key, value in row.items() if not key.endswith(("Date", "stamp"))}
        return Reply(body={"attributes": tooling_attributes(call, name, row["Id"]), **shown})

    def _delete(self, call: Call, name: str, record_id: str) -> Reply:
        self._may(call, "CustomizeApplication")
        event_channels.remove(self.state, self._row(name, record_id))
        return Reply(204)

    def _row(self, name: str, record_id: str) -> Row:
        row = self.state.table(name).rows.get(ids.canonical(record_id))
        if row is None:
            raise not_found()
        return row
