"""What the org's answer for one record means for its write, by collections and by Bulk. Pure.

Source: docs/salesforce.md §2.4 (codes), §2.6 (duplicates), §4 (collections replies).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.salesforce.faults import ErrorEntry, Repeat, error_entries

_DUPLICATE_OF = re.compile(r"record with id: ([A-Za-z0-9]{18}|[A-Za-z0-9]{15})")


def outcome_of(write: OrgWrite, item: Any) -> Outcome | ErrorEntry:
    """What one element of a collections reply means; an ``ErrorEntry`` to be sent again."""
    if not isinstance(item, Mapping) or not isinstance(item.get("success"), bool):
        return Unknown(write.ref, "the org's answer for this record makes no sense")
    if item["success"]:
        created = item.get("created", write.action is OrgAction.CREATE) is True
        return accepted(write, item.get("id"), created=created)
    entries = error_entries(item.get("errors"))
    entry = entries[0] if entries else ErrorEntry("", "refused without a reason")
    if entry.repeat is Repeat.LATER:
        return entry
    return refused(write, entry)


def accepted(write: OrgWrite, record_id: Any, *, created: bool) -> Accepted | Unknown:
    """The org did it. Where its answer lacks the Id, the write's own is taken."""
    known = record_id or write.salesforce_id
    if not known:
        return Unknown(write.ref, "the org did it, and did not say to which record")
    return Accepted(write.ref, salesforce_id(str(known)), created=created)


def refused(write: OrgWrite, entry: ErrorEntry) -> Accepted | Rejected:
    """The org refused it for good."""
    is_gone = entry.code == "ENTITY_IS_DELETED"
    if write.action is OrgAction.DELETE and is_gone and write.salesforce_id:
        # Deleted by another user: what the write asked for is so.
        return Accepted(write.ref, write.salesforce_id)
    return rejected(write, entry)


def rejected(write: OrgWrite, entry: ErrorEntry) -> Rejected:
    """A refusal that trying again does not mend, with the record it names for a duplicate."""
    matched = matched_id(entry, write.sobject)
    return Rejected(write.ref, entry.code, entry.message, entry.fields, matched)


def deferred(write: OrgWrite, entry: ErrorEntry) -> Deferred:
    """Certain not to have been done, for this reason."""
    return Deferred(write.ref, entry.code, entry.message)


def is_about_another(write: OrgWrite, item: Any) -> bool:
    """Whether a result names another record than the write does; a create names none beforehand."""
    if not isinstance(item, Mapping) or item.get("success") is not True:
        return False
    if not item.get("id") or not write.salesforce_id:
        return False
    return salesforce_id(str(item["id"])) != write.salesforce_id


def matched_id(entry: ErrorEntry, sobject: str) -> SalesforceId | None:
    """The one record of this object that a duplicate error names; ``None`` for none or several.

    A duplicate rule on Contact may match Leads; these are not the same person's record to link to.
    The key is misspelt ``duplicateResut`` in REST; either spelling is read.

    Source: docs/salesforce.md §2.6 (shape), §2.4 (DUPLICATE_VALUE's text).
    """
    if entry.code == "DUPLICATE_VALUE":
        found = _DUPLICATE_OF.search(entry.message)
        return salesforce_id(found[1]) if found else None
    ids = {
        salesforce_id(str(record["Id"]))
        for result in entry.extra.values()
        for record in _matched_records(result)
        if record.get("Id") and _type_of(record) in {sobject, ""}
    }
    return ids.pop() if len(ids) == 1 else None


def _matched_records(result: Any) -> Iterator[Mapping[str, Any]]:
    matches = result.get("matchResults") if isinstance(result, Mapping) else None
    for match in matches or ():
        for matched in match.get("matchRecords") or ():
            record = matched.get("record")
            if isinstance(record, Mapping):
                yield record


def _type_of(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type", "")) if isinstance(attributes, Mapping) else ""
