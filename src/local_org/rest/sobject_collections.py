"""sObject Collections: up to 200 records in one call, each with its own result.

Source: docs/salesforce.md §4; REST API Developer Guide, "Use sObject Collections".
"""

from collections.abc import Callable, Iterable
from typing import Any

from local_org import ids
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError
from local_org.records import writes
from local_org.records.lookup import key_field
from local_org.rest.field_names import named_fields
from local_org.state.org import OrgState
from local_org.state.rendering import whole_record

_MOST_RECORDS = 200
_MOST_READ = 2_000
_MOST_RUNS = 10
Item = dict[str, Any]


class Collections:
    """The ``/composite/sobjects`` resources.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("POST", "/composite/sobjects", self._create),
            endpoint("PATCH", "/composite/sobjects", self._update),
            endpoint("DELETE", "/composite/sobjects", self._delete),
            endpoint("GET", "/composite/sobjects/{}", self._read_by_get),
            endpoint("POST", "/composite/sobjects/{}", self._read_by_post),
            endpoint("PATCH", "/composite/sobjects/{}/{}", self._upsert),
        ]

    def _create(self, call: Call) -> Reply:
        body = call.json_object()
        records = _records(body)
        _check_runs(records)

        def one(record: Item) -> Item:
            return _ok(writes.create(self.state, _type_of(record), record, call.writer()))

        return self._each(call, records, one, all_or_none=_all_or_none(body))

    def _update(self, call: Call) -> Reply:
        body = call.json_object()
        records = _records(body)
        _check_runs(records)

        def one(record: Item) -> Item:
            sobject = _type_of(record)
            record_id, fields = _split_id(record)
            if record_id is None:
                raise ApiError("MISSING_ARGUMENT", "Id not specified in an update call", [])
            row_id = self._existing(sobject, record_id)
            writes.update(self.state, sobject, row_id, fields, call.writer())
            return _ok(row_id)

        return self._each(call, records, one, all_or_none=_all_or_none(body))

    def _upsert(self, call: Call, sobject: str, key: str) -> Reply:
        body = call.json_object()
        records = _records(body)
        kind = self.state.kind(sobject)
        field = key_field(kind, key)
        seen: set[str] = set()

        def one(record: Item) -> Item:
            if _type_of(record).lower() != kind.name.lower():
                message = (
                    f"The type {_type_of(record)} does not match the type {kind.name}"
                    " of the request"
                )
                raise ApiError("INVALID_TYPE", message, [])
            value, fields = _taken(record, field.name)
            if value is None and field.name != "Id":
                raise ApiError("MISSING_ARGUMENT", f"{field.name} not specified", [])
            if value is not None and str(value).lower() in seen:
                raise ApiError(
                    "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [field.name]
                )
            seen.add(str(value).lower())
            try:
                done = writes.upsert(
                    self.state, kind.name, field.name, value, fields, call.writer()
                )
            except writes.SeveralMatch as several:
                found = ", ".join(several.record_ids)
                message = f"More than one record found for external id field: [{found}]"
                raise ApiError("DUPLICATE_EXTERNAL_ID", message, []) from None
            return {**_ok(done.record_id), "created": done.created}

        return self._each(call, records, one, all_or_none=_all_or_none(body))

    def _delete(self, call: Call) -> Reply:
        wanted = [each for each in call.query.get("ids", "").split(",") if each]
        _check_number(len(wanted), _MOST_RECORDS)

        def one(record: Item) -> Item:
            record_id = str(record["id"])
            table = self.state.table_of_id(record_id)
            if table is None or not ids.looks_like_id(record_id):
                raise ApiError("MALFORMED_ID", f"malformed id {record_id}", [])
            row_id = self._existing(table.kind.name, record_id)
            writes.delete(self.state, table.kind.name, row_id, call.writer())
            return _ok(row_id)

        return self._each(
            call, [{"id": each} for each in wanted], one, all_or_none=call.flag("allOrNone")
        )

    def _read_by_get(self, call: Call, sobject: str) -> Reply:
        wanted = call.query.get("ids", "").split(",")
        return self._read(call, sobject, wanted, call.query.get("fields", "").split(","))

    def _read_by_post(self, call: Call, sobject: str) -> Reply:
        body = call.json_object()
        wanted, fields = body.get("ids"), body.get("fields")
        if not isinstance(wanted, list) or not isinstance(fields, list):
            raise ApiError("JSON_PARSER_ERROR", "The lists ids and fields are required")
        return self._read(call, sobject, wanted, fields)

    def _read(self, call: Call, sobject: str, wanted: Iterable[str], names: Iterable[str]) -> Reply:
        wanted = [str(each) for each in wanted if each]
        _check_number(len(wanted), _MOST_READ)
        with self.state.lock:
            kind, table = self.state.kind(sobject), self.state.table(sobject)
            fields = named_fields(kind, [name for name in names if name])
            fields += [each for each in named_fields(kind, ["Id"]) if each not in fields]
            rows = [table.visible(ids.canonical(each)) for each in wanted]
            return Reply(
                body=[
                    None
                    if row is None or row.get("IsDeleted")
                    else whole_record(kind, row, call.version, fields)
                    for row in rows
                ]
            )

    def _existing(self, sobject: str, record_id: str) -> str:
        """The record's full id; its errors are those of a collection, which knows no 404."""
        table = self.state.table(sobject)
        full = ids.canonical(record_id)
        if not ids.looks_like_id(record_id) or not full.startswith(table.kind.key_prefix):
            message = f"{table.kind.label} ID: id value of incorrect type: {record_id}"
            raise ApiError("MALFORMED_ID", message, ["Id"])
        if full not in table.rows and full not in table.delete_log:
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        return full

    def _each(
        self, call: Call, records: list[Item], one: Callable[[Item], Item], *, all_or_none: bool
    ) -> Reply:
        """Do each record by itself, or all of them or none."""
        with self.state.transaction() as transaction:
            results = [self._one(call, index, record, one) for index, record in enumerate(records)]
            if all_or_none and not all(result["success"] for result in results):
                transaction.cancel()
                results = [_rolled_back(result) for result in results]
        return Reply(body=results)

    def _one(self, call: Call, index: int, record: Item, one: Callable[[Item], Item]) -> Item:
        try:
            call.row_fault(index)
            with self.state.transaction():
                return one(record)
        except ApiError as error:
            return _failed(error)


def _ok(record_id: str) -> Item:
    return {"id": record_id, "success": True, "errors": []}


def _failed(error: ApiError) -> Item:
    item = error.as_item()
    # A single-record call misspells the key; in a collection it is spelt right.
    if "duplicateResut" in item:
        item["duplicateResult"] = item.pop("duplicateResut")
    return {"success": False, "errors": [item]}


def _rolled_back(result: Item) -> Item:
    if not result["success"]:
        return result
    message = (
        "Record rolled back because not all records were valid"
        " and the request was using AllOrNone header"
    )
    return _failed(ApiError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, []))


def _records(body: Item) -> list[Item]:
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise ApiError("JSON_PARSER_ERROR", "The list records is required")
    _check_number(len(records), _MOST_RECORDS)
    return records


def _check_number(number: int, most: int) -> None:
    if number > most:
        message = f"record limit reached. cannot submit more than {most} records into this call"
        raise ApiError("EXCEEDED_ID_LIMIT", message)
    if number == 0:
        raise ApiError("REQUIRED_FIELD_MISSING", "At least one record or id is required", [])


def _check_runs(records: list[Item]) -> None:
    names = [str((record.get("attributes") or {}).get("type")).lower() for record in records]
    runs = sum(1 for at, name in enumerate(names) if at == 0 or names[at - 1] != name)
    if runs > _MOST_RUNS:
        message = (
            f"Cannot process more than {_MOST_RUNS} chunks of one type each:"
            " sort the records by type"
        )
        raise ApiError("LIMIT_EXCEEDED", message)


def _all_or_none(body: Item) -> bool:
    return bool(body.get("allOrNone", False))


def _type_of(record: Item) -> str:
    kind = (record.get("attributes") or {}).get("type")
    if not kind:
        raise ApiError("INVALID_TYPE", "A record needs its type in attributes", [])
    return str(kind)


def _split_id(record: Item) -> tuple[str | None, Item]:
    return _taken(record, "Id")


def _taken(record: Item, name: str) -> tuple[Any, Item]:
    """A record's value under a name, whatever its case, and the rest of the record."""
    values = [value for key, value in record.items() if key.lower() == name.lower()]
    rest = {key: value for key, value in record.items() if key.lower() != name.lower()}
    return (values[0] if values else None), rest
