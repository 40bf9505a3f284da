"""The query that goes before writes in the same call: are these records as they were read? Pure.

Salesforce knows no condition on a write to many records. But the requests inside one ``/composite``
call are executed in their order, one may refer to what an earlier one answered, and a reference to
nothing halts the request that holds it. So the call begins with a query that finds only records
whose stamp is no later than when they were read, and each record that is written refers to the last
of them: where one record has changed, nothing of the call is written, and the query's answer tells
which one it was. What is left is the time between two requests of one call, and a second edit
within the very second of the newest stamp: for these the query also returns the values that are
about to be replaced. An org that does not follow such a reference is asked in a call of its own.

Source: REST API Developer Guide, "Composite Request Body" (``collateSubrequests`` off: executed in
the order received; a request that depends on one that failed is not executed), "Using Composite
Resources" (references into query results, ``@{ref.records[0].Id}``); docs/salesforce.md §4 (400
PROCESSING_HALTED).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import quote

from sfsync.model.change import OrgWrite
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.salesforce import soql

REFERENCE_ID = "guard"
HALTED = "PROCESSING_HALTED"

MAX_ADDRESS = 15_500
"""How long the query may be inside a call.

Under the 16,384 bytes of an address, which may count here too. Source: docs/salesforce.md §3.
"""

_NOT_ESCAPED = "',()"


@dataclass(frozen=True, slots=True)
class GuardAnswer:
    """What the query answered.

    Attributes:
        records: the unchanged ones, by Id.
        complete: whether that is all of its answer; if not, a record that is missing need not have
            changed.
    """

    records: Mapping[SalesforceId, Mapping[str, Any]]
    complete: bool

    def unchanged(self, writes: Sequence[OrgWrite]) -> list[OrgWrite]:
        """The writes whose record is as it was read."""
        return [write for write in writes if write.salesforce_id in self.records]

    def changed(self, writes: Sequence[OrgWrite]) -> list[OrgWrite]:
        """The writes whose record is not as it was read; empty where the answer is incomplete."""
        if not self.complete:
            return []
        return [write for write in writes if write.salesforce_id not in self.records]


def statement(chunks: Sequence[Sequence[OrgWrite]]) -> str:
    """The query for guarded updates of one object.

    It asks for the values that they are about to replace, of the records that have not changed.
    """
    writes = list(chain.from_iterable(chunks))
    written = chain.from_iterable(write.fields for write in writes)
    fields = dict.fromkeys(("Id", "SystemModstamp", *written))
    # 15 characters name a record too, and more of them fit. Source: docs/salesforce.md §7.5
    ids = ",".join(soql.quoted(str(write.salesforce_id)[:15]) for write in writes)
    latest = soql.stamp(max(write.if_unmodified_since for write in writes))
    return soql.select(writes[0].sobject, fields, f"Id IN ({ids}) AND SystemModstamp <= {latest}")


def address(root: str, query: str) -> str:
    """The query as an address; commas, quotes and brackets stay as they are.

    Source: RFC 3986 §3.4.
    """
    return f"{root}query/?q={quote(query, safe=_NOT_ESCAPED)}"


def subrequest(root: str, chunks: Sequence[Sequence[OrgWrite]]) -> dict[str, str]:
    """The query as the first request inside a ``/composite`` call."""
    url = address(root, statement(chunks))
    return {"method": "GET", "url": url, "referenceId": REFERENCE_ID}


def fits(root: str, chunks: Sequence[Sequence[OrgWrite]]) -> bool:
    """Whether one query can ask for so many."""
    return len(address(root, statement(chunks))) <= MAX_ADDRESS


def reference(count: int) -> str:
    """What stands for the object's name in a write: it resolves only where so many were found."""
    return f"@{{{REFERENCE_ID}.records[{count - 1}].attributes.type}}"


def read_answer(body: Any) -> GuardAnswer | None:
    """The query's answer; ``None`` where it has not the shape of one."""
    records = body.get("records") if isinstance(body, Mapping) else None
    if not isinstance(records, list) or not all(isinstance(each, Mapping) for each in records):
        return None
    by_id = {salesforce_id(str(each.get("Id"))): each for each in records}
    return GuardAnswer(by_id, body.get("done") is True)


def values_before(write: OrgWrite, answer: GuardAnswer | None) -> dict[str, Any] | None:
    """What the record held just before the write, in the written fields; ``None``: unknown."""
    if answer is None or not write.salesforce_id:
        return None
    record = answer.records.get(write.salesforce_id)
    if record is None:
        return None
    names = ("SystemModstamp", *write.fields)
    return {name: record[name] for name in names if name in record}
