"""Writes by sObject Collections: 200 records a request, five requests in one ``/composite`` call.

So 1,000 writes cost one API call, and every record has an answer of its own. Updates that are to be
done only while nobody else has changed the record share their call with a query (``guard``), so 800
of them cost one. A request that is refused as a whole is cut up until the record that spoils it
stands alone; locked records are sent again in small batches.

What a request looks like is ``write_requests``' business, what an answer means ``write_outcomes``'.

Source: REST API Developer Guide, "Use sObject Collections" and "Composite"; docs/salesforce.md §4,
§2.4, §2.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from sfsync.errors import ProtocolError
from sfsync.model.change import OrgWrite
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome, Unknown
from sfsync.model.record import salesforce_id
from sfsync.salesforce import guard
from sfsync.salesforce.budget import COLLECTION, COMPOSITE_COLLECTIONS
from sfsync.salesforce.connect import TOO_MANY, Connection, GuardPlace, inner_answers
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry, Repeat, error_entries
from sfsync.salesforce.guard import GuardAnswer
from sfsync.salesforce.retry import while_locked
from sfsync.salesforce.write_answers import write_answer
from sfsync.salesforce.write_outcomes import deferred, is_about_another, outcome_of, rejected
from sfsync.salesforce.write_requests import (
    batches,
    calls,
    chunks,
    depending_on,
    holds_reference,
    is_guarded,
    request_of,
    subrequest,
)

SMALL_COLLECTION = 25
"""Records a request when locked ones are sent again: fewer that hold each other's locks."""

MAX_CUTS = 40
"""Calls spent at most, in one go, on finding the records that spoil whole requests."""

_CHANGED_MESSAGE = "the record was changed in Salesforce while it was being written"
_ABOUT_THE_REQUEST = {"NOT_FOUND", "INVALID_TYPE", "METHOD_NOT_ALLOWED"}
_LOGIN_REFUSED = 401
_USER_REFUSED = {_LOGIN_REFUSED, 403}
_NOT_REACHED = 424
"""The status of a request behind a guard that failed. Source: RFC 4918 §11.4, Failed Dependency."""
_NO_SUCH_COLUMN = re.compile(r"No such column '([^']+)'")


@dataclass(slots=True)
class _Unsent:
    """The writes that one pass over the chunks leaves to be sent again.

    Attributes:
        locked: refused for a lock; ``lock_errors`` has the org's own entry for each, by ref.
        halted: not done, because another record of their call had changed, or because the guard is
            to be asked apart.
    """

    locked: list[OrgWrite] = field(default_factory=list)
    lock_errors: dict[int, ErrorEntry] = field(default_factory=dict)
    halted: list[OrgWrite] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one request was answered, and what the guard before it found of its records.

    Attributes:
        inside: the guard was asked inside the same call.
    """

    chunk: Sequence[OrgWrite]
    status: int
    body: Any
    guard_answer: GuardAnswer | None = None
    inside: bool = False


class CollectionWriter:
    """Applies writes of one kind (see ``kinds``) and appends what became of each to ``outcomes``.

    What is known stays known: where a call raises, the writes that have no outcome yet were not
    executed.
    """

    def __init__(self, connection: Connection, outcomes: list[Outcome]) -> None:
        self._connection = connection
        self._outcomes = outcomes
        self._cuts_left = MAX_CUTS
        self._refused_inside: set[int] = set()

    def apply(self, writes: Sequence[OrgWrite]) -> None:
        """Send them all.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable, OrgRefused: a call that certainly did nothing;
                the writes without outcome are still to be done.
        """
        waiting = chunks(writes, COLLECTION)
        unsent = _Unsent()

        def send(_number: int) -> bool:
            nonlocal waiting, unsent
            unsent = self._send_until_none_halts(waiting)
            waiting = chunks(unsent.locked, SMALL_COLLECTION)
            return bool(unsent.locked)

        while_locked(send, self._connection.patience)
        self._outcomes += [
            deferred(write, unsent.lock_errors[write.ref]) for write in unsent.locked
        ]

    # -- sending
    def _send_until_none_halts(self, waiting: Sequence[Sequence[OrgWrite]]) -> _Unsent:
        """Send these, and again those that only the change of another record kept from being done.

        Returns:
            The locked ones.
        """
        unsent = _Unsent()
        while waiting:
            self._send_and_settle(waiting, unsent)
            waiting, unsent.halted = chunks(unsent.halted, COLLECTION), []
        return unsent

    def _send_and_settle(self, waiting: Sequence[Sequence[OrgWrite]], unsent: _Unsent) -> None:
        connection = self._connection
        for together in calls(waiting, connection.subrequests_per_call, connection.root):
            for answer in self._call(together):
                self._settle(answer, unsent)

    def _call(self, together: Sequence[Sequence[OrgWrite]]) -> Iterable[_Answer]:
        """One API call: what each chunk was answered; nothing where the reply was lost."""
        subrequests = len(together) + is_guarded(together[0])
        if subrequests > self._connection.subrequests_per_call and len(together) > 1:
            # The org took fewer than expected since these were put together: one call for each.
            return (answer for chunk in together for answer in self._call([chunk]))
        try:
            return self._cheapest_call(together)
        except CallRefused as refused:
            if self._is_inside(together) and self._may_be_the_reference(refused.status, refused):
                self._ask_apart(chain.from_iterable(together))
                return self._call(together)
            if refused.code != TOO_MANY or subrequests == 1:
                raise
            # Nothing was done. From now on this org gets its requests one by one.
            self._connection.subrequests_per_call = 1
            return self._call(together)
        except CallFailed as failure:
            if not failure.may_have_acted:
                raise
            # Whether it was done is unknown; the other calls go on, ``recover`` looks these up.
            lost = chain.from_iterable(together)
            self._outcomes += [Unknown(write.ref, failure.message) for write in lost]
            return []

    def _cheapest_call(self, together: Sequence[Sequence[OrgWrite]]) -> list[_Answer]:
        first = together[0]
        if not is_guarded(first):
            if len(together) == 1:
                return [self._alone(first)]
            return self._composite(together)
        if self._is_inside(together):
            return self._guarded_composite(together)
        return self._guarded_apart(together)

    def _is_inside(self, together: Sequence[Sequence[OrgWrite]]) -> bool:
        """Whether these writes are guarded, by a question inside their own call."""
        connection = self._connection
        if not is_guarded(together[0]) or connection.subrequests_per_call == 1:
            return False
        if connection.guard_place is GuardPlace.APART:
            return False
        # Inside a call, its text would be taken for a reference to the guard.
        if holds_reference(together[0]):
            return False
        return all(write.ref not in self._refused_inside for chunk in together for write in chunk)

    def _alone(self, chunk: Sequence[OrgWrite], found: GuardAnswer | None = None) -> _Answer:
        """One collections request as a call of its own."""
        request = request_of(chunk)
        try:
            body = self._connection.write(request.path, method=request.method, body=request.body)
        except CallRefused as refused:
            return _refused_as_answer(refused, chunk, found)
        return _Answer(chunk, 200, body, found)

    def _guarded_apart(self, together: Sequence[Sequence[OrgWrite]]) -> list[_Answer]:
        """The guard's query in a call of its own, and then the writes to what has not changed.

        For an org that takes one request a call or follows no reference to the guard, and for texts
        that a call would take for a reference.
        """
        try:
            pages = list(self._connection.pages([guard.statement(together)]))
        except CallRefused as refused:
            return [_refused_as_answer(refused, chunk) for chunk in together]
        by_id = {salesforce_id(str(each["Id"])): each for page in pages for each in page.records}
        found = GuardAnswer(by_id, complete=True)
        self._defer_changed(chain.from_iterable(map(found.changed, together)))
        unchanged = [chunk for chunk in map(found.unchanged, together) if chunk]
        if len(unchanged) > 1:
            return [replace(each, guard_answer=found) for each in self._composite(unchanged)]
        return [self._alone(chunk, found) for chunk in unchanged]

    def _composite(self, together: Sequence[Sequence[OrgWrite]]) -> list[_Answer]:
        """Several collections requests in one call."""
        root = self._connection.root
        inner = [subrequest(request_of(chunk), root, n) for n, chunk in enumerate(together)]
        answers = self._post_composite(inner)
        return [
            _Answer(chunk, status, body)
            for chunk, (status, body) in zip(together, answers, strict=True)
        ]

    def _guarded_composite(self, together: Sequence[Sequence[OrgWrite]]) -> list[_Answer]:
        """The guard's query and the requests that depend on what it finds, in one call."""
        root = self._connection.root
        reference = guard.reference(sum(map(len, together)))
        inner = [guard.subrequest(root, together)]
        for number, chunk in enumerate(together):
            inner.append(subrequest(depending_on(request_of(chunk), reference), root, number))
        (guard_status, guard_body), *answers = self._post_composite(inner)
        found = guard.read_answer(guard_body) if guard_status == 200 else None
        if found is None:
            # What it halted shares its fate.
            failure = _not_done(guard_status), guard_body
            answers = [failure if _is_halted(*answer) else answer for answer in answers]
        elif any(_is_halted(*answer) for answer in answers):
            self._ask_apart_if_unexplained(found, together)
        if any(map(_was_executed, answers)):
            self._connection.guard_was_followed()
        return [
            _Answer(chunk, status, body, found, inside=True)
            for chunk, (status, body) in zip(together, answers, strict=True)
        ]

    def _ask_apart_if_unexplained(
        self, found: GuardAnswer, together: Sequence[Sequence[OrgWrite]]
    ) -> None:
        """Requests were halted: a complete answer that lacks a record is the reason.

        Any other answer came in parts, so that the reference was to a later part, or was not
        followed: the query goes in a call of its own.
        """
        writes = list(chain.from_iterable(together))
        if not found.complete:
            self._connection.guard_place = GuardPlace.APART
        elif len(found.records) >= len(writes):
            self._ask_apart(writes)

    def _post_composite(self, inner: Sequence[Any]) -> list[tuple[int, Any]]:
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": inner}
        answer = self._connection.write("composite", method="POST", body=body)
        try:
            return inner_answers(answer, len(inner))
        except CallRefused as refused:
            if write_answer(refused.status, refused.code).nothing_done:
                raise
            raise CallFailed(refused.message, repeatable=False) from refused
        except ProtocolError as error:
            # The org has received the writes, so that they are unknown rather than not done.
            raise CallFailed(error.message, repeatable=False) from error

    # -- settling
    def _settle(self, answer: _Answer, unsent: _Unsent) -> None:
        """Keep what became of one request's writes."""
        chunk, status, body = answer.chunk, answer.status, answer.body
        if answer.inside and self._may_be_the_reference(status, body):
            self._ask_apart(chunk)
            unsent.halted += chunk
            return
        if status == 200 and (body is None or isinstance(body, list)):
            self._settle_each(answer, body or [], unsent)
            return
        if answer.inside and answer.guard_answer is not None and _is_halted(status, body):
            self._settle_halted(chunk, answer.guard_answer, unsent)
            return
        entries = error_entries(body)
        entry = entries[0] if entries else ErrorEntry("", f"HTTP {status}")
        if status == _NOT_REACHED:
            self._keep_locked(chunk, entry, unsent)
        elif not write_answer(status, entry.code).nothing_done:
            self._settle_unknown(answer, entry)
        elif entry.repeat is Repeat.LATER:
            self._keep_locked(chunk, entry, unsent)
        elif status in _USER_REFUSED:
            self._outcomes += [deferred(write, entry) for write in chunk]
        else:
            self._settle_refused(chunk, entry, unsent)

    def _settle_unknown(self, answer: _Answer, entry: ErrorEntry) -> None:
        """No refusal: the work may have been done all the same."""
        message = f"{entry.code} {entry.message}".strip()
        self._outcomes += [Unknown(write.ref, message) for write in answer.chunk]
        if answer.inside and self._connection.guard_place is GuardPlace.UNTRIED:
            # Perhaps this org fails on the reference: else these would be in doubt for ever.
            self._connection.guard_belongs_apart(proven=False)

    # -- where the guard is asked
    def _may_be_the_reference(self, status: int, answer: Any) -> bool:
        """Whether a request with its guard inside was refused, and it may be for the reference.

        Nothing of it was done. Whatever the org says then, it may be that it follows no reference
        where guards put it; unless it has followed one in this run.
        """
        if self._connection.guard_place is not GuardPlace.UNTRIED:
            return False
        if isinstance(answer, CallRefused):
            return status != _LOGIN_REFUSED and answer.code != TOO_MANY
        if status == 200:
            return _each_failed(answer)
        if status in (_LOGIN_REFUSED, _NOT_REACHED) or _is_halted(status, answer):
            return False
        entries = error_entries(answer)
        return write_answer(status, entries[0].code if entries else "").nothing_done

    def _ask_apart(self, writes: Iterable[OrgWrite]) -> None:
        """Nothing of these writes was done: they are sent again, behind a question of its own."""
        self._refused_inside.update(write.ref for write in writes)

    def _settle_halted(
        self, chunk: Sequence[OrgWrite], found: GuardAnswer, unsent: _Unsent
    ) -> None:
        """Nothing of the request was done, since a record of its call had changed.

        Those that changed are deferred, the rest is sent again.
        """
        changed = found.changed(chunk)
        self._defer_changed(changed)
        rest = _without(chunk, changed)
        if self._cuts_left > 0:
            self._cuts_left -= 1
            unsent.halted += rest
        else:
            self._defer_changed(rest)

    def _defer_changed(self, writes: Iterable[OrgWrite]) -> None:
        self._outcomes += [
            Deferred(write.ref, RECORD_CHANGED, _CHANGED_MESSAGE) for write in writes
        ]

    def _keep_locked(self, chunk: Iterable[OrgWrite], entry: ErrorEntry, unsent: _Unsent) -> None:
        for write in chunk:
            unsent.locked.append(write)
            unsent.lock_errors[write.ref] = entry

    def _settle_each(self, answer: _Answer, items: Sequence[Any], unsent: _Unsent) -> None:
        """The request was executed: each record has an answer of its own, by position."""
        mismatch = _mismatch(answer.chunk, items)
        if mismatch:
            self._outcomes += [Unknown(write.ref, mismatch) for write in answer.chunk]
            return
        for write, item in zip(answer.chunk, items, strict=True):
            outcome = outcome_of(write, item)
            if isinstance(outcome, ErrorEntry):
                self._keep_locked([write], outcome, unsent)
            elif isinstance(outcome, Accepted):
                seen = guard.values_before(write, answer.guard_answer)
                self._outcomes.append(replace(outcome, seen=seen))
                if write.ref in self._refused_inside:
                    # The same write, but for the reference.
                    self._connection.guard_belongs_apart(proven=True)
            else:
                self._outcomes.append(outcome)

    def _settle_refused(
        self, chunk: Sequence[OrgWrite], entry: ErrorEntry, unsent: _Unsent
    ) -> None:
        """A whole request was refused, and nothing of it done: find the records that spoil it."""
        spoiling = _spoiling(chunk, entry)
        self._outcomes += [rejected(write, entry) for write in spoiling]
        rest = _without(chunk, spoiling)
        if not rest:
            return
        if self._cuts_left <= 0:
            self._outcomes += [deferred(write, entry) for write in rest]
            return
        self._cuts_left -= 1
        # Where the culprits are known, the rest fits in one request again; else it is cut in five.
        size = len(rest) if spoiling else -(-len(rest) // COMPOSITE_COLLECTIONS)
        self._send_and_settle(batches(rest, size), unsent)


def _mismatch(chunk: Sequence[OrgWrite], items: Sequence[Any]) -> str:
    """Why these answers cannot be those to the chunk's writes; empty where they can."""
    if len(items) != len(chunk):
        return "the org answered for another number of records than were sent"
    if any(map(is_about_another, chunk, items)):
        return "the org answered for other records than were sent, or in another order"
    return ""


def _spoiling(chunk: Sequence[OrgWrite], entry: ErrorEntry) -> list[OrgWrite]:
    """The writes that are known to be why a whole request was refused; may be none."""
    if len(chunk) == 1 or entry.code in _ABOUT_THE_REQUEST:
        return list(chunk)
    column = _NO_SUCH_COLUMN.search(entry.message)
    if column is None:
        return []
    return [write for write in chunk if column[1] in write.fields]


def _without(chunk: Iterable[OrgWrite], settled: Iterable[OrgWrite]) -> list[OrgWrite]:
    refs = {write.ref for write in settled}
    return [write for write in chunk if write.ref not in refs]


def _refused_as_answer(
    refused: CallRefused, chunk: Sequence[OrgWrite], found: GuardAnswer | None = None
) -> _Answer:
    """A refused call as the answer that the same request would have had inside ``/composite``.

    Raises:
        CallRefused: the login or the user was refused, which no other request would change.
    """
    if refused.status in _USER_REFUSED:
        raise refused
    entry = {"errorCode": refused.entry.code, "message": refused.entry.message}
    return _Answer(chunk, refused.status, [entry], found)


def _not_done(guard_status: int) -> int:
    """The status of writes behind a guard that failed: refused as it was, or to be tried later."""
    if 400 <= guard_status < 500:
        return guard_status
    # Whatever became of the query, the writes that depend on it were not done.
    return _NOT_REACHED


def _is_halted(status: int, body: Any) -> bool:
    entries = error_entries(body)
    return status == 400 and bool(entries) and entries[0].code == guard.HALTED


def _each_failed(items: Any) -> bool:
    """Whether a request was executed, and not one of its records was written."""
    if not isinstance(items, list) or not items:
        return False
    return all(isinstance(each, dict) and each.get("success") is False for each in items)


def _was_executed(answer: tuple[int, Any]) -> bool:
    """Whether a request was executed, and one of its records written."""
    status, items = answer
    return status == 200 and isinstance(items, list) and not _each_failed(items)
