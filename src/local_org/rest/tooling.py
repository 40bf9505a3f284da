"""The Tooling API, as far as setting up goes: queries, and CustomField by REST.

Source: Tooling API, "REST Resources", CustomField (docs/salesforce.md §8.3): a POST answers 201 with
``warnings`` and ``infos`` beside what a record's answer has.
"""

from typing import Any

from local_org import ids, soql
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError, not_found
from local_org.records import field_definitions
from local_org.state.access import require
from local_org.state.org import OrgState
from local_org.state.rendering import attributes
from local_org.state.tables import Row

_OBJECTS = ("CustomField", "PlatformEventChannel", "PlatformEventChannelMember")


class Tooling:
    """The ``/tooling`` resources.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("GET", "/tooling/query", self._query),
            endpoint("GET", "/tooling/sobjects", self._list),
            endpoint("POST", "/tooling/sobjects/CustomField", self._create),
            endpoint("GET", "/tooling/sobjects/CustomField/describe", self._describe),
            endpoint("GET", "/tooling/sobjects/CustomField/{}", self._retrieve),
            endpoint("PATCH", "/tooling/sobjects/CustomField/{}", self._update),
            endpoint("DELETE", "/tooling/sobjects/CustomField/{}", self._delete),
        ]

    def _may(self, call: Call, *permissions: str) -> None:
        require(self.state.access(call.user_id), *permissions)

    def _query(self, call: Call) -> Reply:
        self._may(call, "ViewSetup", "CustomizeApplication")
        text = call.query.get("q")
        if text is None:
            raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
        result = soql.run(self.state, text, user_id=call.user_id, version=call.version)
        records = result.page(0, result.total, call.version)
        for each in records:
            if "url" in each.get("attributes", {}):  # a group has none
                record_id = each["attributes"]["url"].rpartition("/")[2]
                each["attributes"] = tooling_attributes(call, result.kind.name, record_id)
            if "FullName" in each or "Metadata" in each:
                _check_single(records)
        body = {"size": len(records), "totalSize": result.total, "done": True, "queryLocator": None}
        return Reply(body={**body, "entityTypeName": result.kind.name, "records": records})

    def _list(self, call: Call) -> Reply:
        self._may(call, "ViewSetup", "CustomizeApplication")
        kinds = [self.state.kind(name).summary(call.version) for name in _OBJECTS]
        return Reply(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": kinds})

    def _describe(self, call: Call) -> Reply:
        self._may(call, "ViewSetup", "CustomizeApplication")
        return Reply(body=self.state.kind("CustomField").describe(call.version))

    def _create(self, call: Call) -> Reply:
        self._may(call, "CustomizeApplication")
        body = call.json_object()
        check_names("CustomField", body)
        made = field_definitions.define(
            self.state, body.get("FullName"), body.get("Metadata"), call.user_id
        )
        return Reply(201, {"id": made, "success": True, "errors": [], "warnings": [], "infos": []})

    def _retrieve(self, call: Call, record_id: str) -> Reply:
        self._may(call, "ViewSetup", "CustomizeApplication")
        row = self._row(record_id)
        shown = {
            name: value for name, value in row.items() if not name.endswith(("Date", "Modstamp"))
        }
        return Reply(
            body={
                "attributes": tooling_attributes(call, "CustomField", row["Id"]),
                "NamespacePrefix": None,
                **shown,
                "FullName": field_definitions.full_name(row),
            }
        )

    def _update(self, call: Call, record_id: str) -> Reply:
        self._may(call, "CustomizeApplication")
        body = call.json_object()
        check_names("CustomField", body)
        row = self._row(record_id)
        wanted = body.get("FullName")
        if wanted is not None and str(wanted).lower() != field_definitions.full_name(row).lower():
            raise ApiError(
                "FIELD_INTEGRITY_EXCEPTION", "The name of a field stays as it is", ["FullName"]
            )
        metadata = body.get("Metadata")  # checked there, whatever it is
        field_definitions.redefine(self.state, row, metadata, call.user_id)
        return Reply(204)

    def _delete(self, call: Call, record_id: str) -> Reply:
        self._may(call, "CustomizeApplication")
        field_definitions.remove(self.state, self._row(record_id))
        return Reply(204)

    def _row(self, record_id: str) -> Row:
        row = self.state.table("CustomField").rows.get(ids.canonical(record_id))
        if row is None:
            raise not_found()
        return row


def tooling_attributes(call: Call, sobject: str, record_id: str) -> dict[str, str]:
    """The ``attributes`` of a record of the Tooling API."""
    found = attributes(call.version, sobject, record_id)
    return {**found, "url": found["url"].replace("/sobjects/", "/tooling/sobjects/")}


def check_names(sobject: str, body: dict[str, Any]) -> None:
    """Refuse a body that has more than a definition.

    Raises:
        ApiError: INVALID_FIELD.
    """
    for name in body:
        if name not in {"FullName", "Metadata", "attributes"}:
            raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject}")


def _check_single(records: list[Any]) -> None:
    """Source: Tooling API, "Metadata" and "FullName" can be asked for one record at a time."""
    if len(records) > 1:
        raise ApiError(
            "MALFORMED_QUERY",
            "When retrieving results with Metadata or FullName fields, the query qualifications"
            " must specify no more than one row for retrieval.",
        )
