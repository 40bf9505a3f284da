"""Writes by sObject Collections: 200 records a request, five requests in one ``/composite`` call.

So 1,000 writes cost one API call, and every record has an answer of its own. Updates that are to be
done only while nobody else has changed the record share their call with a question (``guard``), so
800 of them cost one. A request that is refused as a whole is cut up until the record that spoils it
stands alone; locked records are sent again in small batches.

Source: REST API Developer Guide, "Use sObject Collections" and "Composite"; salesforce-facts §4,
§2.4, §2.6.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sfsync.errors import ProtocolError
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.salesforce import guard
from sfsync.salesforce.budget import COLLECTION, COMPOSITE_COLLECTIONS
from sfsync.salesforce.connect import TOO_MANY, Connection, inner_answers
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry, Repeat, error_entries
from sfsync.salesforce.retry import while_locked

SMALL_COLLECTION = 25
"""Records a request when locked ones are sent again: fewer that hold each other's locks."""

MAX_CALL_CHARACTERS = 4_000_000
"""About how much text one call may carry; Salesforce's own ceiling is not told for REST, 6 MB is usual."""

MAX_CUTS = 40
"""Calls spent at most, in one go, on finding the records that spoil whole requests."""

_MOVED = "the record was changed in Salesforce while it was being written"
_REFERENCE = "@{"
_ABOUT_THE_REQUEST = {"NOT_FOUND", "INVALID_TYPE", "METHOD_NOT_ALLOWED"}
_DUPLICATE_OF = re.compile(r"record with id: ([A-Za-z0-9]{18}|[A-Za-z0-9]{15})")
_NO_SUCH_COLUMN = re.compile(r"No such column '([^']+)'")


@dataclass(frozen=True, slots=True)
class Request:
    """One sObject Collections request."""

    method: str
    path: str
    body: Mapping[str, Any] | None


@dataclass(slots=True)
class _Round:
    """What one pass over the chunks leaves to do.

    Attributes:
        locked: writes refused for a lock; ``words`` has the org's own for each.
        halted: writes that were not done because another record of their call had moved.
    """

    locked: list[OrgWrite] = field(default_factory=list)
    words: dict[int, ErrorEntry] = field(default_factory=dict)
    halted: list[OrgWrite] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one request was answered, and what the question before it told of its records."""

    chunk: Sequence[OrgWrite]
    status: int
    body: Any
    told: guard.Found | None = None


class Collections:
    """Applies writes of one kind (see ``kinds``) and appends what became of each to ``outcomes``.

    What is known stays known: where a call raises, the writes that have no outcome yet were not
        executed.
    """

    def __init__(self, connection: Connection, outcomes: list[Outcome]) -> None:
        self._connection = connection
        self._outcomes = outcomes
        self._cuts_left = MAX_CUTS

    def apply(self, writes: Sequence[OrgWrite]) -> None:
        """Send them all.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable, OrgRefused: a call that certainly did nothing;
                the writes without outcome are still to be done.
        """
        waiting = chunks(writes, COLLECTION)
        left = _Round()

        def send(_number: int) -> bool:
            nonlocal waiting, left
            left = self._send(waiting)
            waiting = chunks(left.locked, SMALL_COLLECTION)
            return bool(left.locked)

        while_locked(send, self._connection.patience)
        self._outcomes += [
            Deferred(write.ref, left.words[write.ref].code, left.words[write.ref].message)
            for write in left.locked
        ]

    def _send(self, waiting: Sequence[Sequence[OrgWrite]]) -> _Round:
        left = _Round()
        while waiting:
            for together in calls(
                waiting, self._connection.subrequests_per_call, self._connection.root
            ):
                for answer in self._call(together):
                    self._settle(answer, left)
            waiting, left.halted = chunks(left.halted, COLLECTION), []
        return left

    def _call(self, together: Sequence[Sequence[OrgWrite]]) -> Iterable[_Answer]:
        """One API call: what each chunk was answered; nothing where the reply was lost."""
        guarded = is_guarded(together[0])
        if len(together) + guarded > self._connection.subrequests_per_call and len(together) > 1:
            return (answer for chunk in together for answer in self._call([chunk]))
        try:
            if guarded and (
                self._connection.subrequests_per_call == 1 or _holds_reference(together[0])
            ):
                return self._asked_apart(together[0])
            if len(together) == 1 and not guarded:
                return [_Answer(together[0], *self._alone(request_of(together[0])))]
            return self._composite(together, guarded=guarded)
        except CallRefused as refused:
            if refused.code != TOO_MANY or len(together) + guarded == 1:
                raise
            self._connection.subrequests_per_call = 1
            return self._call(together)
        except CallFailed as failure:
            if not failure.may_have_acted:
                raise
            lost = [write for chunk in together for write in chunk]
            self._outcomes += [Unknown(write.ref, failure.message) for write in lost]
            return []

    def _alone(self, request: Request) -> tuple[int, Any]:
        try:
            return 200, self._connection.write(
                request.path, method=request.method, body=request.body
            )
        except CallRefused as refused:
            if refused.status in {401, 403}:
                raise
            return _told_of(refused)

    def _asked_apart(self, chunk: Sequence[OrgWrite]) -> list[_Answer]:
        """The question in a call of its own, and then the writes to what has not moved.

        For an org that takes one request a call, and for texts that a call would take for a
        reference.
        """
        try:
            pages = list(self._connection.pages([guard.statement([chunk])]))
        except CallRefused as refused:
            if refused.status in {401, 403}:
                raise
            return [_Answer(chunk, *_told_of(refused))]
        told = {salesforce_id(str(each["Id"])): each for page in pages for each in page.records}
        found = guard.Found(told, complete=True)
        self._put_off(found.moved(chunk))
        rest = [write for write in chunk if write.salesforce_id in told]
        return [_Answer(rest, *self._alone(request_of(rest)), found)] if rest else []

    def _put_off(self, moved: Iterable[OrgWrite]) -> None:
        self._outcomes += [Deferred(write.ref, RECORD_CHANGED, _MOVED) for write in moved]

    def _composite(self, together: Sequence[Sequence[OrgWrite]], *, guarded: bool) -> list[_Answer]:
        root = self._connection.root
        requests = [request_of(chunk) for chunk in together]
        inner: list[dict[str, Any]] = []
        if guarded:
            question = guard.address(root, guard.statement(together))
            inner.append({"method": "GET", "url": question, "referenceId": guard.REFERENCE_ID})
            last = guard.reference(sum(map(len, together)))
            requests = [_depending(request, last) for request in requests]
        inner += [_subrequest(request, root, number) for number, request in enumerate(requests)]
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": inner}
        answer = self._connection.write("composite", method="POST", body=body)
        try:
            answers = inner_answers(answer, len(inner))
        except ProtocolError as error:
            raise CallFailed(error.message, repeatable=False) from error
        if not guarded:
            return [_Answer(chunk, *each) for chunk, each in zip(together, answers, strict=True)]
        asked, *answers = answers
        told = guard.found(asked[1]) if asked[0] == 200 else None
        unexplained = told and not (told.complete and len(told.records) < sum(map(len, together)))
        if unexplained and any(_is_halted(*each) for each in answers):
            self._connection.subrequests_per_call = (
                1  # its answer came in parts: from now on the question is asked apart
            )
        return [
            _Answer(chunk, *(_undone(*asked) if told is None and _is_halted(*each) else each), told)
            for chunk, each in zip(together, answers, strict=True)
        ]

    def _settle(self, answer: _Answer, left: _Round) -> None:
        """Keep what became of one request's writes."""
        chunk, status, body = answer.chunk, answer.status, answer.body
        if status == 200 and isinstance(body, list | None):
            self._settle_each(answer, body or [], left)
            return
        if answer.told is not None and _is_halted(status, body):
            self._halt(answer, answer.told, left)
            return
        told = error_entries(body)
        entry = told[0] if told else ErrorEntry("", f"HTTP {status}")
        if guard.taken_literally(entry.message) and self._connection.subrequests_per_call > 1:
            self._ask_apart_from_now_on(chunk, left)
            return
        if entry.repeat is Repeat.LATER or status == 503:
            self._keep_locked(chunk, entry, left)
        elif status in {401, 403}:
            self._outcomes += [Deferred(write.ref, entry.code, entry.message) for write in chunk]
        elif status < 400 or status >= 500:
            self._outcomes += [
                Unknown(write.ref, f"{entry.code} {entry.message}".strip()) for write in chunk
            ]
        else:
            self._cut(chunk, entry, left)

    def _ask_apart_from_now_on(self, writes: Iterable[OrgWrite], left: _Round) -> None:
        """This org does not follow references where guards put them: nothing of these writes was done."""
        self._connection.subrequests_per_call = 1
        left.halted += writes

    def _halt(self, answer: _Answer, told: guard.Found, left: _Round) -> None:
        """Nothing of the request was done, since a record of its call had moved: put that off, send the rest."""
        moved = told.moved(answer.chunk)
        self._put_off(moved)
        refs = {write.ref for write in moved}
        rest = [write for write in answer.chunk if write.ref not in refs]
        if self._cuts_left > 0:
            self._cuts_left -= 1
            left.halted += rest
        else:
            self._put_off(rest)

    def _settle_each(self, answer: _Answer, items: Sequence[Any], left: _Round) -> None:
        chunk = answer.chunk
        lost = ""
        if len(items) != len(chunk):
            lost = "the org answered for another number of records than were sent"
        elif any(map(_about_another, chunk, items)):
            lost = "the org answered for other records than were sent, or in another order"
        if lost:
            self._outcomes += [Unknown(write.ref, lost) for write in chunk]
            return
        for write, item in zip(chunk, items, strict=True):
            outcome = outcome_of(write, item)
            if isinstance(outcome, ErrorEntry):
                self._keep_locked([write], outcome, left)
            elif isinstance(outcome, Accepted):
                self._outcomes.append(replace(outcome, seen=guard.seen(write, answer.told)))
            elif isinstance(outcome, Rejected) and guard.taken_literally(outcome.message):
                self._ask_apart_from_now_on([write], left)
            else:
                self._outcomes.append(outcome)

    def _keep_locked(self, chunk: Iterable[OrgWrite], entry: ErrorEntry, left: _Round) -> None:
        for write in chunk:
            left.locked.append(write)
            left.words[write.ref] = entry

    def _cut(self, chunk: Sequence[OrgWrite], entry: ErrorEntry, left: _Round) -> None:
        """A whole request was refused, and nothing of it done: find the records that spoil it."""
        spoilt = _spoilt_by(chunk, entry)
        self._outcomes += [_rejected(write, entry) for write in spoilt]
        refs = {write.ref for write in spoilt}
        rest = [write for write in chunk if write.ref not in refs]
        if not rest:
            return
        if self._cuts_left <= 0:
            self._outcomes += [Deferred(write.ref, entry.code, entry.message) for write in rest]
            return
        self._cuts_left -= 1
        size = len(rest) if spoilt else -(-len(rest) // COMPOSITE_COLLECTIONS)
        for together in calls(
            _batches(rest, size), self._connection.subrequests_per_call, self._connection.root
        ):
            for answer in self._call(together):
                self._settle(answer, left)


def is_guarded(chunk: Sequence[OrgWrite]) -> bool:
    """Whether these writes, which are of one kind, are to be done only while their records have not moved."""
    return chunk[0].action is OrgAction.UPDATE and bool(chunk[0].if_unmodified_since)


def kinds(writes: Iterable[OrgWrite]) -> list[list[OrgWrite]]:
    """Writes that may travel together: the same action, object, key field and whether they are guarded.

    In order of first appearance.

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
    """Writes of one kind in requests of at most ``size``; the same record never twice in one request.

    A key that comes twice in one upsert is refused the second time, and two updates of one record
    in one request have no order. Source: salesforce-facts §4.
    """
    seen: Counter[str] = Counter()
    rounds: dict[int, list[OrgWrite]] = defaultdict(list)
    for write in writes:
        record = write.salesforce_id or write.key_value.casefold()
        rounds[seen[record] if record else 0].append(write)
        seen[record] += 1
    return [
        chunk
        for _, each in sorted(rounds.items())
        for some in _apart(each)
        for chunk in _batches(some, size)
    ]


def _apart(writes: Sequence[OrgWrite]) -> list[list[OrgWrite]]:
    """Guarded writes whose text would be taken for a reference stand apart, so that few have to travel alone."""
    if not is_guarded(writes):
        return [list(writes)]
    marked = [write for write in writes if _holds_reference([write])]
    refs = {write.ref for write in marked}
    return [[write for write in writes if write.ref not in refs], marked]


def calls(
    waiting: Sequence[Sequence[OrgWrite]], room: int = COMPOSITE_COLLECTIONS, root: str = "/"
) -> Iterator[list[Sequence[OrgWrite]]]:
    """Which chunks share a ``/composite`` call.

    A text holding ``@{`` would be taken for a reference between subrequests, so such a chunk
    travels alone. Guarded ones leave room for their question, which names each record once.
    """
    together: list[Sequence[OrgWrite]] = []
    weight = 0
    for chunk in waiting:
        heavy = sum(map(len, _texts(chunk)))
        if _holds_reference(chunk):
            yield [chunk]
            continue
        full = len(together) + is_guarded(chunk) >= room or weight + heavy > MAX_CALL_CHARACTERS
        if together and (
            full or (is_guarded(chunk) and not _one_question(root, [*together, chunk]))
        ):
            yield together
            together, weight = [], 0
        together.append(chunk)
        weight += heavy
    if together:
        yield together


def _texts(chunk: Iterable[OrgWrite]) -> list[str]:
    return [value for write in chunk for value in write.fields.values() if isinstance(value, str)]


def _holds_reference(chunk: Iterable[OrgWrite]) -> bool:
    return any(_REFERENCE in text for text in _texts(chunk))


def _one_question(root: str, together: Sequence[Sequence[OrgWrite]]) -> bool:
    ids = [write.salesforce_id for chunk in together for write in chunk]
    return len(set(ids)) == len(ids) and guard.fits(root, together)


def _depending(request: Request, last: str) -> Request:
    """The request, to be executed only where the question found all records."""
    first, *others = (request.body or {})["records"]
    records = [{**first, "attributes": {"type": last}}, *others]
    return replace(request, body={**(request.body or {}), "records": records})


def _undone(status: int, body: Any) -> tuple[int, Any]:
    """What a question that failed means for the writes behind it: they are not done, whatever the reason."""
    return (status if 400 <= status < 500 else 503), body


def _told_of(refused: CallRefused) -> tuple[int, Any]:
    return refused.status, [{"errorCode": refused.entry.code, "message": refused.entry.message}]


def _is_halted(status: int, body: Any) -> bool:
    told = error_entries(body)
    return status == 400 and bool(told) and told[0].code == guard.HALTED


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


def outcome_of(write: OrgWrite, item: Any) -> Outcome | ErrorEntry:
    """What one element of a collections reply means; a ``ErrorEntry`` where it may be sent again."""
    if not isinstance(item, Mapping) or not isinstance(item.get("success"), bool):
        return Unknown(write.ref, "the org's answer for this record makes no sense")
    if item.get("success") is True:
        record_id = item.get("id") or write.salesforce_id
        if not record_id:
            return Unknown(write.ref, "the org did it, and did not say to which record")
        created = item.get("created", write.action is OrgAction.CREATE) is True
        return Accepted(write.ref, salesforce_id(str(record_id)), created=created)
    told = error_entries(item.get("errors"))
    entry = told[0] if told else ErrorEntry("", "refused without a reason")
    if entry.repeat is Repeat.LATER:
        return entry
    if (
        write.action is OrgAction.DELETE
        and entry.code == "ENTITY_IS_DELETED"
        and write.salesforce_id
    ):
        return Accepted(write.ref, write.salesforce_id)
    return _rejected(write, entry)


def _about_another(write: OrgWrite, item: Any) -> bool:
    """Whether a result names another record than the write does; one of a create names none beforehand."""
    told = item.get("id") if isinstance(item, Mapping) and item.get("success") is True else None
    return bool(told and write.salesforce_id and salesforce_id(str(told)) != write.salesforce_id)


def matched_id(entry: ErrorEntry, sobject: str) -> SalesforceId | None:
    """The one record of this object that a duplicate refusal names; ``None`` for none or several.

    A duplicate rule on Contact may match Leads; these are not the same person's record to link to.
    The key is misspelt ``duplicateResut`` in REST; either spelling is read.

    Source: salesforce-facts §2.6 (shape), §2.4 (DUPLICATE_VALUE's text).
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


def _record(write: OrgWrite) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": write.sobject}, **write.fields}
    if write.action is OrgAction.UPDATE:
        record["id"] = write.salesforce_id
    elif write.key_field:
        record[write.key_field] = write.key_value
    return record


def _subrequest(request: Request, root: str, number: int) -> dict[str, Any]:
    """A collections request inside ``/composite``, which inherits no header that changes behaviour."""
    told: dict[str, Any] = {
        "method": request.method,
        "url": root + request.path,
        "referenceId": f"c{number}",
        "httpHeaders": {"Sforce-Auto-Assign": "FALSE", "Sforce-Call-Options": "client=sfsync"},
    }
    return told if request.body is None else {**told, "body": request.body}


def _rejected(write: OrgWrite, entry: ErrorEntry) -> Rejected:
    return Rejected(
        write.ref, entry.code, entry.message, entry.fields, matched_id(entry, write.sobject)
    )


def _spoilt_by(chunk: Sequence[OrgWrite], entry: ErrorEntry) -> list[OrgWrite]:
    """The writes that are known to be what a refusal of the whole request is about; may be none."""
    if len(chunk) == 1 or entry.code in _ABOUT_THE_REQUEST:
        return list(chunk)
    column = _NO_SUCH_COLUMN.search(entry.message)
    return [write for write in chunk if column and column[1] in write.fields]


def _batches(writes: Sequence[OrgWrite], size: int) -> list[list[OrgWrite]]:
    return [list(writes[start : start + size]) for start in range(0, len(writes), size)]
