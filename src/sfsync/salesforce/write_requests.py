"""Writes as sObject Collections requests, and which of them share one ``/composite`` call. Pure.

Source: REST API Developer Guide, "Use sObject Collections" and "Composite"; docs/salesforce.md §4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.salesforce import guard
from sfsync.salesforce.budget import COMPOSITE_COLLECTIONS

MAX_CALL_CHARACTERS = 4_000_000
"""About how much text one call may carry.

Salesforce does not publish its own ceiling for REST; 6 MB is usual.
"""

_REFERENCE = "@{"


@dataclass(frozen=True, slots=True)
class Request:
    """One sObject Collections request."""

    method: str
    path: str
    body: Mapping[str, Any] | None


def is_guarded(chunk: Sequence[OrgWrite]) -> bool:
    """Whether these writes, of one kind, are to be done only while their records are unchanged."""
    return chunk[0].action is OrgAction.UPDATE and bool(chunk[0].if_unmodified_since)


def kinds(writes: Iterable[OrgWrite]) -> list[list[OrgWrite]]:
    """Writes that may travel together, in order of first appearance.

    Together travel those of the same action, object and key field, guarded or not.

    Raises:
        ValueError: a write that says to do nothing, or an update without Id.
    """
    found: dict[tuple[OrgAction, str, str, bool], list[OrgWrite]] = defaultdict(list)
    for write in writes:
        if write.action is OrgAction.NONE:
            raise ValueError("a write must create, update or delete")
        if write.action is not OrgAction.CREATE and not write.salesforce_id:
            raise ValueError(f"{write.action} needs a Salesforce Id")
        key_field = write.key_field if write.action is OrgAction.CREATE else ""
        found[write.action, write.sobject, key_field, is_guarded([write])].append(write)
    return list(found.values())


def chunks(writes: Iterable[OrgWrite], size: int) -> list[list[OrgWrite]]:
    """Writes of one kind in requests of at most ``size``; no record twice in one request.

    A key that comes twice in one upsert is refused the second time, and two updates of one record
    in one request have no order. Source: docs/salesforce.md §4.
    """
    times: Counter[str] = Counter()
    turns: dict[int, list[OrgWrite]] = defaultdict(list)
    for write in writes:
        record = write.salesforce_id or write.key_value.casefold()
        if not record:
            # A create without a key is a record of its own, however often it looks the same.
            turns[0].append(write)
            continue
        turns[times[record]].append(write)
        times[record] += 1
    return [
        chunk
        for _, turn in sorted(turns.items())
        for group in _references_apart(turn)
        for chunk in batches(group, size)
    ]


def _references_apart(writes: Sequence[OrgWrite]) -> list[list[OrgWrite]]:
    """Guarded writes whose text would be taken for a reference stand apart.

    These have to travel alone, so the fewer share their request, the better.
    """
    if not is_guarded(writes):
        return [list(writes)]
    plain = [write for write in writes if not holds_reference([write])]
    marked = [write for write in writes if holds_reference([write])]
    return [plain, marked]


def calls(
    waiting: Sequence[Sequence[OrgWrite]],
    subrequests_per_call: int = COMPOSITE_COLLECTIONS,
    root: str = "/",
) -> Iterator[list[Sequence[OrgWrite]]]:
    """Which chunks share a ``/composite`` call.

    A text holding ``@{`` would be taken for a reference between subrequests, so such a chunk
    travels alone. Guarded ones leave one subrequest for their question, which names each record
    once.
    """
    together: list[Sequence[OrgWrite]] = []
    characters = 0
    for chunk in waiting:
        if holds_reference(chunk):
            yield [chunk]
            continue
        more = sum(map(len, _texts(chunk)))
        is_full = len(together) + is_guarded(chunk) >= subrequests_per_call
        is_heavy = characters + more > MAX_CALL_CHARACTERS
        if together and (is_full or is_heavy or not _shares_guard(root, [*together, chunk])):
            yield together
            together, characters = [], 0
        together.append(chunk)
        characters += more
    if together:
        yield together


def _shares_guard(root: str, together: Sequence[Sequence[OrgWrite]]) -> bool:
    """Whether one question can ask about all of these; always where none is asked."""
    if not is_guarded(together[0]):
        return True
    ids = [write.salesforce_id for chunk in together for write in chunk]
    # A record that is found twice counts once in the answer, which then seems to lack one.
    if len(set(ids)) < len(ids):
        return False
    return guard.fits(root, together)


def _texts(chunk: Iterable[OrgWrite]) -> list[str]:
    return [value for write in chunk for value in write.fields.values() if isinstance(value, str)]


def holds_reference(chunk: Iterable[OrgWrite]) -> bool:
    """Whether a text in it would be taken for a reference between subrequests."""
    return any(_REFERENCE in text for text in _texts(chunk))


def batches(writes: Sequence[OrgWrite], size: int) -> list[list[OrgWrite]]:
    """These writes, ``size`` at a time."""
    return [list(writes[start : start + size]) for start in range(0, len(writes), size)]


def request_of(chunk: Sequence[OrgWrite]) -> Request:
    """The sObject Collections request for writes of one kind, at most 200."""
    first = chunk[0]
    if first.action is OrgAction.DELETE:
        ids = ",".join(str(write.salesforce_id) for write in chunk)
        return Request("DELETE", f"composite/sobjects?ids={ids}&allOrNone=false", None)
    body = {"allOrNone": False, "records": [_record(write) for write in chunk]}
    if first.action is OrgAction.UPDATE:
        return Request("PATCH", "composite/sobjects", body)
    if first.key_field:
        return Request("PATCH", f"composite/sobjects/{first.sobject}/{first.key_field}", body)
    return Request("POST", "composite/sobjects", body)


def _record(write: OrgWrite) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": write.sobject}, **write.fields}
    if write.action is OrgAction.UPDATE:
        record["id"] = write.salesforce_id
    elif write.key_field:
        record[write.key_field] = write.key_value
    return record


def depending_on(request: Request, reference: str) -> Request:
    """The request, to be executed only where the guard's query found what is referred to."""
    body = request.body or {}
    # In each record: an org that does not follow references then writes none of them, not most.
    records = [{**record, "attributes": {"type": reference}} for record in body["records"]]
    return replace(request, body={**body, "records": records})


def subrequest(request: Request, root: str, number: int) -> dict[str, Any]:
    """A collections request inside ``/composite``.

    It inherits no header that changes behaviour, so these are set again.
    """
    inner: dict[str, Any] = {
        "method": request.method,
        "url": root + request.path,
        "referenceId": f"c{number}",
        "httpHeaders": {"Sforce-Auto-Assign": "FALSE", "Sforce-Call-Options": "client=sfsync"},
    }
    if request.body is not None:
        inner["body"] = request.body
    return inner
