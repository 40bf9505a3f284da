"""The question that goes before writes in the same call: are these records still as they were read? Pure.

Salesforce knows no condition on a write to many records. But the requests inside one ``/composite``
call are executed in their order, one may refer to what an earlier one answered, and a reference to
nothing halts the request that holds it. So the call begins with a query that finds only records
whose stamp is no later than when they were read, and each request that writes refers to the last of
them: where one record has moved, nothing of the call is written, and the query's answer tells which
one it was. What is left is the time between two requests of one call, and a second edit within the
very second of the newest stamp: for these the query also returns the values that are about to be
replaced.

Source: REST API Developer Guide, "Composite Request Body" (``collateSubrequests`` off: executed in
the order received; a request that depends on one that failed is not executed), "Using Composite
Resources" (references into query results, ``@{ref.records[0].Id}``); salesforce-facts §4 (400
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
"""How long the query may be inside a call: under the 16,384 bytes of an address, which may count here too.

Source: salesforce-facts §3.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What the query told.

    Attributes:
        records: the unmoved ones, by Id.
        complete: whether that is all of its answer; if not, a record that is missing need not have
            moved.
    """

    records: Mapping[SalesforceId, Mapping[str, Any]]
    complete: bool

    def moved(self, writes: Sequence[OrgWrite]) -> list[OrgWrite]:
        """The writes whose record is not as it was read; empty where the answer does not tell."""
        return [
            write for write in writes if self.complete and write.salesforce_id not in self.records
        ]


def statement(chunks: Sequence[Sequence[OrgWrite]]) -> str:
    """The query for guarded updates of one object: what they are about to replace, where it has not moved."""
    writes = list(chain.from_iterable(chunks))
    fields = dict.fromkeys(
        ("Id", "SystemModstamp", *chain.from_iterable(write.fields for write in writes))
    )
    # 15 characters name a record too, and more of them fit. Source: salesforce-facts §7.5
    ids = ",".join(soql.quoted(str(write.salesforce_id)[:15]) for write in writes)
    latest = soql.stamp(max(write.if_unmodified_since for write in writes))
    return soql.select(writes[0].sobject, fields, f"Id IN ({ids}) AND SystemModstamp <= {latest}")


def address(root: str, question: str) -> str:
    """The query as an address; commas, quotes and brackets stand for themselves. Source: RFC 3986 §3.4."""
    return f"{root}query/?q={quote(question, safe=_PLAIN)}"


_PLAIN = "',()"


def fits(root: str, chunks: Sequence[Sequence[OrgWrite]]) -> bool:
    """Whether one query can ask for so many."""
    return len(address(root, statement(chunks))) <= MAX_ADDRESS


def reference(count: int) -> str:
    """What stands for the object's name in a write: there only where so many records were found."""
    return f"@{{{REFERENCE_ID}.records[{count - 1}].attributes.type}}"


def taken_literally(words: str) -> bool:
    """Whether the org speaks of our reference as of a name: it has not looked behind it."""
    return f"@{{{REFERENCE_ID}." in words


def found(answer: Any) -> Found | None:
    """The query's answer, read; ``None`` where it is none."""
    records = answer.get("records") if isinstance(answer, Mapping) else None
    if not isinstance(records, list) or not all(isinstance(each, Mapping) for each in records):
        return None
    by_id = {salesforce_id(str(each.get("Id"))): each for each in records}
    return Found(by_id, answer.get("done") is True)


def seen(write: OrgWrite, told: Found | None) -> dict[str, Any] | None:
    """What the record held just before the write, in the fields that it wrote."""
    record = told.records.get(write.salesforce_id) if told and write.salesforce_id else None
    if record is None:
        return None
    names = ("SystemModstamp", *write.fields)
    return {name: record[name] for name in names if name in record}
