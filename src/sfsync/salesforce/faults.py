"""Errors of Salesforce and of the network in sfsync's words: one table, and the errors it leads to.

Everything that goes wrong between here and the org leaves this package as one of ``sfsync.errors``;
where more is known, as a subclass that says what may be done next. Refused records are values, made
in ``write_outcomes`` with the same table.

Source: docs/salesforce.md §2.4 (codes, HTTP statuses, what heals), §2.6 (duplicates), §9 (limits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sfsync.errors import BudgetSpent, GrantRevoked, OrgRefused, OrgUnavailable, SfsyncError
from sfsync.salesforce.write_answers import write_answer


class Repeat(StrEnum):
    """Whether trying again can help."""

    NEVER = "never"  # the data, the rights or the request are wrong
    LATER = "later"  # a lock, a limit of the moment, an overload: back off and send it again
    STOP = "stop"  # the day's calls are spent


@dataclass(frozen=True, slots=True)
class Fault:
    """One error code: what it means, whether it heals, and what a person can do about it."""

    meaning: str
    repeat: Repeat = Repeat.NEVER
    hint: str = ""


_CHECK = "sfsync org check tells which fields do not fit"
_RIGHTS = "ask an admin for the permission set that sfsync org setup makes"

FAULTS: Mapping[str, Fault] = {
    "INVALID_SESSION_ID": Fault("the access token has ended", Repeat.NEVER, "sfsync login"),
    "REQUEST_LIMIT_EXCEEDED": Fault(
        "the org's API calls are used up", Repeat.STOP, "wait for the 24 hours to move on"
    ),
    "API_DISABLED_FOR_ORG": Fault("this edition of Salesforce has no API", hint="ask an admin"),
    "API_CURRENTLY_DISABLED": Fault("the API is switched off", hint="ask an admin"),
    "INSUFFICIENT_ACCESS": Fault("the user lacks a permission", hint=_RIGHTS),
    "UNABLE_TO_LOCK_ROW": Fault("somebody else is writing this record or its parent", Repeat.LATER),
    "SERVER_UNAVAILABLE": Fault("the org is overloaded or under maintenance", Repeat.LATER),
    "UNKNOWN_EXCEPTION": Fault("an internal error of Salesforce"),
    "QUERY_TIMEOUT": Fault("the query took too long", Repeat.LATER),
    "EXCEEDED_ID_LIMIT": Fault("too many records in one request"),
    "DUPLICATES_DETECTED": Fault(
        "a duplicate rule found a record like this one",
        hint="link or merge the two in Salesforce, then sfsync retry",
    ),
    "DUPLICATE_VALUE": Fault(
        "another record has this value in a unique field",
        hint="look at the record named, then sfsync retry",
    ),
    "DUPLICATE_EXTERNAL_ID": Fault(
        "several records have this external id",
        hint="make it unique in Salesforce, then sfsync retry",
    ),
    "REQUIRED_FIELD_MISSING": Fault(
        "a required field is blank",
        hint="fill it in, or map it with a placeholder, then sfsync retry",
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Fault(
        "a validation rule of this org refused it", hint="change the value, then sfsync retry"
    ),
    "FIELD_INTEGRITY_EXCEPTION": Fault(
        "the values do not go together", hint="change the value, then sfsync retry"
    ),
    "INVALID_EMAIL_ADDRESS": Fault(
        "not an email address", hint="correct the address, then sfsync retry"
    ),
    "STRING_TOO_LONG": Fault("longer than the field", hint="shorten the value, then sfsync retry"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Fault(
        "not among the values of a restricted picklist",
        hint="use one of its values, then sfsync retry",
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": Fault("a number too big for the field"),
    "JSON_PARSER_ERROR": Fault("a value is not of the field's type", hint=_CHECK),
    "INVALID_FIELD": Fault("no such field, or hidden from this user", hint=_CHECK),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Fault("this user may not write the field", hint=_CHECK),
    "INVALID_TYPE": Fault("no such object, or hidden from this user", hint=_CHECK),
    "NOT_FOUND": Fault("no such record or resource"),
    "ENTITY_IS_DELETED": Fault(
        "the record is deleted", hint="restore it from the recycle bin, or pull"
    ),
    "MALFORMED_ID": Fault("not a record Id"),
    "INVALID_CROSS_REFERENCE_KEY": Fault("a record it refers to is gone, or hidden from this user"),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Fault(
        "a record it refers to may not be used by this user", hint=_RIGHTS
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": Fault("this user may not write the record", hint=_RIGHTS),
    "CANNOT_UPDATE_CONVERTED_LEAD": Fault(
        "the Lead is converted, and read-only", hint="sfsync pull"
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Fault("an Apex trigger of this org refused it"),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Fault("a flow of this org failed on it"),
    "APEX_ERROR": Fault("code of this org failed on it"),
    "TXN_SECURITY_METERING_ERROR": Fault("a security policy of this org refused it"),
    "LIMIT_EXCEEDED": Fault("too much in one request"),
    "STORAGE_LIMIT_EXCEEDED": Fault(
        "the org's data storage is full", hint="free space in the org, then sfsync retry"
    ),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Fault("another record's failure undid it", Repeat.LATER),
    "PROCESSING_HALTED": Fault("another record's failure stopped it", Repeat.LATER),
    "BATCH_PROCESSING_HALTED": Fault("another record's failure stopped it", Repeat.LATER),
    "INVALID_QUERY_LOCATOR": Fault("the query's place is lost"),
    "MALFORMED_QUERY": Fault("a query that Salesforce cannot read"),
}
"""What the codes mean; a code that is not here never heals by itself."""

_MAY_HIDE_A_LOCK = {"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"}
_RUNNING_AT_ONCE = re.compile(r"concurrent", re.IGNORECASE)
_REVOKED_FOR_GOOD = ("not valid for use with the REST API", "not attached to Agent")


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One entry of the error list that the org answers with, in its own words.

    Attributes:
        code: ``errorCode`` of a call, ``statusCode`` of a record in a collections reply.
        extra: further keys, such as ``duplicateResut``.
    """

    code: str
    message: str
    fields: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, element: object) -> ErrorEntry:
        """From one element of an error list; whatever its shape, never an exception."""
        if not isinstance(element, Mapping):
            return cls("", str(element)[:500])
        names = element.get("fields")
        return cls(
            code=_first_text(element, ("errorCode", "statusCode", "exceptionCode")),
            message=_first_text(element, ("message", "exceptionMessage")),
            fields=tuple(map(str, names)) if isinstance(names, list) else (),
            extra={
                key: value
                for key, value in element.items()
                if key.lower().startswith("duplicateresu")
            },
        )

    @property
    def repeat(self) -> Repeat:
        """Whether sending it again can help."""
        # A lock may hide inside the text of a trigger's or a flow's failure.
        if self.code in _MAY_HIDE_A_LOCK and "UNABLE_TO_LOCK_ROW" in self.message:
            return Repeat.LATER
        # A limit on requests running at once passes by itself; the day's limit does not.
        if self.code == "REQUEST_LIMIT_EXCEEDED" and _RUNNING_AT_ONCE.search(self.message):
            return Repeat.LATER
        return FAULTS.get(self.code, _UNLISTED).repeat

    def __str__(self) -> str:
        """``CODE: message``, or the message alone where the org gave no code."""
        return f"{self.code}: {self.message}" if self.code else self.message


_UNLISTED = Fault("")


class CallFailed(OrgUnavailable):
    """A call brought no usable answer.

    Args:
        may_have_acted: the org may have received and executed it.
        repeatable: another try can help.
        delay_seconds: how long the org asked us to wait; ``None`` where it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        may_have_acted: bool = True,
        repeatable: bool = True,
        delay_seconds: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint or "the next run goes on from here")
        self.may_have_acted = may_have_acted
        self.repeatable = repeatable
        self.delay_seconds = delay_seconds


class CallRefused(OrgRefused):
    """The org refused a whole call; nothing of it was done.

    Attributes:
        status: the HTTP status, or that of the request inside ``/composite``.
        entry: the first error, in the org's own words.
    """

    def __init__(self, status: int, entry: ErrorEntry, *, what: str = "the call") -> None:
        fault = FAULTS.get(entry.code, _UNLISTED)
        reason = str(entry) or f"HTTP {status}"
        super().__init__(f"Salesforce refused {what}: {reason}", code=entry.code, hint=fault.hint)
        self.status = status
        self.entry = entry


def error_entries(body: object) -> tuple[ErrorEntry, ...]:
    """The errors of a reply's body, in whatever shape it has: a list, one object, or nothing."""
    if isinstance(body, list):
        return tuple(ErrorEntry.read(element) for element in body)
    if isinstance(body, Mapping) and body:
        return (ErrorEntry.read(body),)
    return ()


def session_ended(status: int, body: object) -> bool:
    """Whether a reply says that a new access token is needed.

    Raises:
        GrantRevoked: where the text says that no new token will help.

    Source: docs/salesforce.md §2.4 (texts that never heal), jsforce.
    """
    entries = error_entries(body)
    if any(text in entry.message for entry in entries for text in _REVOKED_FOR_GOOD):
        raise GrantRevoked(
            f"Salesforce refuses this login for good: {entries[0].message}",
            hint="check the app's policies in Salesforce, then sfsync login",
        )
    # Bulk answers 400 ``InvalidSessionId`` where REST answers 401 ``INVALID_SESSION_ID``.
    codes = {entry.code.upper().replace("_", "") for entry in entries}
    if "INVALIDSESSIONID" in codes:
        return True
    if status == 401:
        return True
    # A 403 without an error list (an HTML page) may be just that, and is worth one new token.
    return status == 403 and not entries


def error_of(
    status: int,
    body: object,
    *,
    what: str = "the call",
    writing: bool = False,
    delay_seconds: float | None = None,
) -> SfsyncError:
    """The error for a reply that is not a success.

    Args:
        body: the parsed JSON, or ``None`` where it was none (an HTML page is never shown).
        writing: the call was a write, so that only a proof that nothing was done is a refusal; see
            ``write_answers``.
        delay_seconds: what Retry-After asked for.

    Source: docs/salesforce.md §2.4 (SERVER_UNAVAILABLE, REQUEST_LIMIT_EXCEEDED).
    """
    entries = error_entries(body)
    first = entries[0] if entries else ErrorEntry("", "")
    detail = f": {first}" if first.code else ""
    nothing_done = write_answer(status, first.code).nothing_done
    # The day's limit is a 403; a 429 is a proxy's, and passes by itself.
    if first.repeat is Repeat.STOP and nothing_done and status != 429:
        return BudgetSpent(
            f"the org's API calls of the last 24 hours are used up{detail}",
            hint="wait for the 24 hours to move on; the next run goes on from here",
        )
    if _is_overload(status, first):
        return CallFailed(
            f"the org cannot take {what} now (HTTP {status}){detail}",
            may_have_acted=not nothing_done,
            delay_seconds=delay_seconds,
        )
    if status >= 500 or status in {408, 420}:
        return CallFailed(
            f"the org failed on {what} (HTTP {status}){detail}",
            hint="see status.salesforce.com; the next run goes on from here",
            delay_seconds=delay_seconds,
        )
    if first.repeat is Repeat.LATER:
        return CallFailed(
            f"the org refused {what} for now{detail}", may_have_acted=not nothing_done
        )
    if not entries:
        first = ErrorEntry("", f"HTTP {status}, with a page that is not from its API")
    if writing and not nothing_done:
        return CallFailed(f"no answer from the org itself to {what}: {first}", repeatable=False)
    return CallRefused(status, first, what=what)


def _is_overload(status: int, first: ErrorEntry) -> bool:
    """Whether the org, or what stands before it, has too much to do: 503, 429, a 403 that heals."""
    if status in {429, 503}:
        return True
    return status == 403 and first.repeat is Repeat.LATER


def _first_text(element: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The value of the first of these keys that holds something; empty where none does."""
    for key in keys:
        if element.get(key):
            return str(element[key])
    return ""
