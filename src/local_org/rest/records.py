"""One record by its id or by a key: create, retrieve, update, upsert, delete.

Source: docs/salesforce.md §2.2, §2.3; REST API Developer Guide, the resource pages named there.
"""

from local_org import ids
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError, entity_is_deleted, not_found
from local_org.records import writes
from local_org.records.lookup import key_field, live_row, matching_ids
from local_org.rest.field_names import named_fields
from local_org.schema.sobject import SObjectType
from local_org.state.org import OrgState
from local_org.state.rendering import record_url, whole_record
from local_org.state.tables import Row


class Records:
    """``/sobjects/NAME`` and below.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("POST", "/sobjects/{}", self._create),
            endpoint("POST", "/sobjects/{}/Id", self._create),
            endpoint("GET", "/sobjects/{}/{}", self._retrieve),
            endpoint("PATCH", "/sobjects/{}/{}", self._update),
            endpoint("DELETE", "/sobjects/{}/{}", self._delete),
            endpoint("GET", "/sobjects/{}/{}/{}", self._retrieve_by_key),
            endpoint("PATCH", "/sobjects/{}/{}/{}", self._upsert),
            endpoint("DELETE", "/sobjects/{}/{}/{}", self._delete_by_key),
        ]

    # -- by id

    def _create(self, call: Call, sobject: str) -> Reply:
        body = call.json_object()
        call.row_fault(0)
        record_id = writes.create(self.state, sobject, body, call.writer())
        name = self.state.kind(sobject).name
        location = record_url(call.version, name, record_id)
        return Reply(201, {"id": record_id, "success": True, "errors": []}, {"Location": location})

    def _retrieve(self, call: Call, sobject: str, record_id: str) -> Reply:
        with self.state.lock:
            kind = self.state.kind(sobject)
            return self._shown(call, kind, self._seen(sobject, record_id))

    def _seen(self, sobject: str, record_id: str) -> Row:
        """The record as a reader sees it.

        Raises:
            ApiError: NOT_FOUND, or ENTITY_IS_DELETED.
        """
        table = self.state.table(sobject)
        row = table.visible(ids.canonical(record_id))
        if row is None:
            # Created by a transaction that is not committed yet: not there for readers.
            if ids.canonical(record_id) in table.rows:
                raise not_found()
            return live_row(table, record_id)  # raises: it is in no table
        if row.get("IsDeleted"):
            raise entity_is_deleted()
        return row

    def _shown(self, call: Call, kind: SObjectType, row: Row) -> Reply:
        changed = int(row["LastModifiedDate"])
        since = call.time_in("if-modified-since")
        if since is not None and changed <= since:
            return Reply(304)
        unless = call.time_in("if-unmodified-since")
        if unless is not None and changed > unless:
            return Reply(412)
        names = call.query.get("fields")
        fields = named_fields(kind, names.split(",")) if names else None
        return Reply(body=whole_record(kind, row, call.version, fields))

    def _update(self, call: Call, sobject: str, record_id: str) -> Reply:
        body = call.json_object()
        call.row_fault(0)
        unless = call.time_in("if-unmodified-since")
        since = call.time_in("if-modified-since")
        with self.state.transaction():
            row = live_row(self.state.table(sobject), record_id)
            if since is not None and row["LastModifiedDate"] <= since:
                return Reply(304)
            if unless is not None and row["LastModifiedDate"] > unless:
                return Reply(412)
            writes.update(self.state, sobject, record_id, body, call.writer())
        return Reply(204)

    def _delete(self, call: Call, sobject: str, record_id: str) -> Reply:
        call.row_fault(0)
        writes.delete(self.state, sobject, record_id, call.writer())
        return Reply(204)

    # -- by a key

    def _by_key(self, sobject: str, key: str, value: str) -> list[str]:
        field = key_field(self.state.kind(sobject), key)
        return matching_ids(self.state, sobject, field, value)

    def _several(self, call: Call, sobject: str, record_ids: list[str]) -> Reply:
        name = self.state.kind(sobject).name
        return Reply(300, [record_url(call.version, name, each) for each in record_ids])

    def _retrieve_by_key(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        with self.state.lock:
            found = self._by_key(sobject, key, value)
            if len(found) > 1:
                return self._several(call, sobject, found)
            if not found:
                raise not_found()
            return self._shown(call, self.state.kind(sobject), self._seen(sobject, found[0]))

    def _upsert(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        body = call.json_object()
        call.row_fault(0)
        if any(name.lower() == key.lower() for name in body):
            raise ApiError(
                "INVALID_FIELD", f"The {key} field should not be specified in the sobject data."
            )
        try:
            done = writes.upsert(
                self.state,
                sobject,
                key,
                value,
                body,
                call.writer(),
                update_only=call.flag("updateOnly"),
            )
        except writes.SeveralMatch as several:
            return self._several(call, sobject, several.record_ids)
        answer = {"id": done.record_id, "success": True, "errors": [], "created": done.created}
        if done.created:
            name = self.state.kind(sobject).name
            location = record_url(call.version, name, done.record_id)
            return Reply(201, answer, {"Location": location})
        # Until API version 45 an update by key answered nothing.
        if float(call.version) < 46:
            return Reply(204)
        return Reply(200, answer)

    def _delete_by_key(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        with self.state.lock:
            found = self._by_key(sobject, key, value)
            if len(found) > 1:
                return self._several(call, sobject, found)
            if not found:
                raise not_found()
            return self._delete(call, sobject, found[0])
