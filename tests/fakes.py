"""An org in memory: Salesforce as far as the verbs can see it, with people at work in it and trouble on request.

It satisfies ``engine.ports.Org`` as ``SalesforceOrg`` does; ``tests/contract/test_both_orgs.py``
runs over both, so that it cannot drift. It has a clock of its own, in whole seconds, which only
``pass_time`` moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sfsync.errors import OrgRefused, OrgUnavailable
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.cursor import Watermark
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.mapping import ActivityMap
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.model.traffic import Batching, Changes, Usage
from sfsync.model.value_converters import rounded

Raw = dict[str, Any]
Refusal = tuple[str, str]
"""The org's code and words."""

PEOPLE = {
    "Email": "email",
    "FirstName": "string",
    "LastName": "string",
    "Phone": "phone",
    "Title": "string",
    "LeadSource": "picklist",
    "HasOptedOutOfEmail": "boolean",
    "PenguinMails_Id__c": "string",
}
SCHEMA = {
    "Contact": PEOPLE
    | {
        "AccountId": "reference",
        "MailingCity": "string",
        "MailingState": "string",
        "MailingCountry": "string",
        "PenguinMails_Lead_Score__c": "double",
        "PenguinMails_Last_Email_Opened__c": "datetime",
        "PenguinMails_Total_Opens__c": "double",
        "PenguinMails_Total_Clicks__c": "double",
        "PenguinMails_Unsubscribed__c": "boolean",
    },
    "Lead": PEOPLE
    | {
        "Company": "string",
        "City": "string",
        "State": "string",
        "Country": "string",
        "Status": "picklist",
        "Rating": "picklist",
        "PenguinMails_Engagement_Score__c": "double",
        "PenguinMails_Last_Campaign__c": "string",
        "PenguinMails_Last_Email_Opened__c": "datetime",
        "PenguinMails_Total_Opens__c": "double",
        "PenguinMails_Total_Clicks__c": "double",
    },
    "Account": {"Name": "string"},
    "Task": {
        "Subject": "combobox",
        "Description": "textarea",
        "WhoId": "reference",
        "ActivityDate": "date",
        "Status": "picklist",
        "Type": "picklist",
        "PenguinMails_Event_Id__c": "string",
    },
}
SYSTEM = {
    "Id": "id",
    "IsDeleted": "boolean",
    "SystemModstamp": "datetime",
    "CreatedDate": "datetime",
}
MERGEABLE = {"MasterRecordId": "reference"}
LEADS_OWN = {"IsConverted": "boolean", "ConvertedContactId": "reference"}
PREFIXES = {"Account": "001", "Contact": "003", "Lead": "00Q", "Task": "00T"}
REQUIRED = {
    "Account": ("Name",),
    "Contact": ("LastName",),
    "Lead": ("LastName", "Company"),
    "Task": (),
}
KEYS = ("PenguinMails_Id__c", "PenguinMails_Event_Id__c")
CARRIED_OVER = (
    "FirstName",
    "LastName",
    "Title",
    "Email",
    "Phone",
    "LeadSource",
    "PenguinMails_Id__c",
)
REFERENCE = "sfsync-ref:"
PAGE = 3
"""Records a page: few, so that a handful of people is several pages."""


@dataclass
class Trouble:
    """What is to go wrong, each until it is used up or taken back.

    Attributes:
        lost_replies: so many of the next writes are done, and their replies are lost.
        refused_requests: so many of the next requests are turned away at the door.
        deferred: a write for which this is true is put off by a lock.
        rejected: the org's code and words for a write that it does not take.
        before_apply, after_apply: called with the writes, before anything is done and after all of
            it.
    """

    lost_replies: int = 0
    refused_requests: int = 0
    deferred: Callable[[OrgWrite], bool] = lambda _write: False
    rejected: Callable[[OrgWrite], Refusal | None] = lambda _write: None
    before_apply: Callable[[Sequence[OrgWrite]], object] = lambda _writes: None
    after_apply: Callable[[Sequence[OrgWrite]], object] = lambda _writes: None


@dataclass
class FakeOrg:
    """One org, seen by one user.

    Attributes:
        now: its clock.
        hidden: fields that this user may not see, ``("Contact", "Title")``.
        out_of_sight: records that this user may not see.
        scales: field -> digits that it keeps after the point of a number; the rest is rounded away.
        calls: what it was asked, by the port's words: ``apply``, ``fetch``...
        written: every write that changed something, in order.
    """

    now: datetime = datetime(2026, 1, 20, 10, tzinfo=UTC)
    records: dict[SalesforceId, Raw] = field(default_factory=dict)
    hidden: set[tuple[str, str]] = field(default_factory=set)
    out_of_sight: set[str] = field(default_factory=set)
    scales: dict[str, int] = field(default_factory=dict)
    trouble: Trouble = field(default_factory=Trouble)
    calls: list[str] = field(default_factory=list)
    written: list[OrgWrite] = field(default_factory=list)
    page: int = PAGE
    batch: int = 1_000

    # -- people at work in it ----------------------------------------------------------------------
    def pass_time(self, seconds: float = 60) -> None:
        self.now += timedelta(seconds=seconds)

    def create(self, sobject: str, **fields: Any) -> SalesforceId:
        return self._save(
            self._new_id(sobject), {"_sobject": sobject, "CreatedDate": self._stamp()}, fields
        )

    def edit(self, record: str, **fields: Any) -> None:
        self._save(SalesforceId(record), self.records[SalesforceId(record)], fields)

    def edit_behind(self, record: str, **fields: Any) -> None:
        """Seen from now on, with the stamp that the record had: a long transaction, or the very same second."""
        self.edit_slowly(
            record, at=self.records[SalesforceId(record)]["SystemModstamp"], **fields
        )()

    def edit_slowly(self, record: str, at: str = "", **fields: Any) -> Callable[[], None]:
        """Saved now, inside a long transaction: the returned function commits it, with the stamp of now."""
        at = at or self._stamp()

        def commit() -> None:
            self.edit(record, **fields)
            self.records[SalesforceId(record)]["SystemModstamp"] = at

        return commit

    def delete(self, record: str) -> None:
        self.edit(record, IsDeleted=True)
        for task in self._tasks_of(record):
            self.edit(task, IsDeleted=True)

    def undelete(self, record: str) -> None:
        self.edit(record, IsDeleted=False, MasterRecordId=None)

    def purge(self, record: str) -> None:
        """Out of the recycle bin: no query finds it again."""
        del self.records[SalesforceId(record)]

    def merge(self, master: str, *losers: str, **fields: Any) -> None:
        for loser in losers:
            self._move_tasks(loser, master)
            self.edit(loser, IsDeleted=True, MasterRecordId=master)
        self.edit(master, **fields)

    def convert(self, lead: str, contact: str | None = None) -> SalesforceId:
        carried = {
            name: value
            for name in CARRIED_OVER
            if (value := self.records[SalesforceId(lead)].get(name))
        }
        if contact is None:
            contact = self.create("Contact", **carried)
        else:
            there = self.records[SalesforceId(contact)]
            self.edit(
                contact, **{name: value for name, value in carried.items() if not there.get(name)}
            )
        self._move_tasks(lead, contact)
        self.edit(lead, IsConverted=True, ConvertedContactId=contact)
        return SalesforceId(contact)

    def live(self, sobject: str) -> list[Raw]:
        """Its live records, converted Leads aside."""
        found = [raw for raw in self.records.values() if raw["_sobject"] == sobject]
        return [raw for raw in found if not raw.get("IsDeleted") and not raw.get("IsConverted")]

    def _save(self, record: SalesforceId, kept: Raw, fields: Raw) -> SalesforceId:
        clean = {name: _as_saved(kept["_sobject"], name, value) for name, value in fields.items()}
        for name, scale in self.scales.items():
            if clean.get(name) is not None:
                clean[name] = rounded(clean[name], scale)
        self.records[record] = {**kept, **clean, "Id": record, "SystemModstamp": self._stamp()}
        return record

    def _new_id(self, sobject: str) -> SalesforceId:
        self._made = getattr(self, "_made", 0) + 1
        return salesforce_id(f"{PREFIXES[sobject]}{self._made:012d}")

    def _tasks_of(self, record: str) -> list[SalesforceId]:
        return [each for each, raw in self.records.items() if raw.get("WhoId") == record]

    def _move_tasks(self, old: str, new: str) -> None:
        for task in self._tasks_of(old):
            self.edit(task, WhoId=new)

    def _stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    # -- what the verbs ask ------------------------------------------------------------------------
    def describe(self, sobject: str) -> SObjectFacts:
        self._called("describe")
        fields = [
            FieldFacts(
                name,
                kind,
                createable=name not in _system(sobject),
                updateable=name not in _system(sobject),
                scale=self.scales.get(name),
                nillable=name not in REQUIRED[sobject],
                external_id=name in KEYS,
                id_lookup=name in {"Id", "Email", *KEYS},
                unique=name in KEYS,
                required=name in REQUIRED[sobject],
                relationship="Account" if name == "AccountId" else "",
            )
            for name, kind in (_system(sobject) | SCHEMA[sobject]).items()
            if (sobject, name) not in self.hidden
        ]
        return SObjectFacts(sobject, {each.name: each for each in fields})

    def changed_since(
        self, sobject: str, fields: Sequence[str], since: str | None, known: object = None
    ) -> Changes:
        self._called("changed_since")
        self._refuse_unknown(sobject, fields)
        found = [
            raw
            for raw in self._seen(sobject)
            if (
                not raw.get("IsDeleted")
                if since is None
                else _moment(raw["SystemModstamp"]) >= since
            )
        ]
        found.sort(key=lambda raw: (raw["SystemModstamp"], raw["Id"]))
        told = self._told(sobject, found, fields)
        pages = (told[start : start + self.page] for start in range(0, len(told), self.page))
        return Changes(pages, Watermark(self.now), len(found), "rest")

    def fetch(
        self, sobject: str, fields: Sequence[str], ids: Sequence[SalesforceId]
    ) -> Iterator[Sequence[Raw]]:
        if ids:
            self._called("fetch")
            self._refuse_unknown(sobject, fields)
            wanted = set(ids)
            yield self._told(
                sobject, [raw for raw in self._seen(sobject) if raw["Id"] in wanted], fields
            )

    def find(
        self, sobject: str, fields: Sequence[str], by: str, keys: Sequence[str]
    ) -> Iterator[Sequence[Raw]]:
        wanted = {key.casefold() for key in keys if key.strip()}
        if wanted:
            self._called("find")
            self._refuse_unknown(sobject, [*fields, by])
            found = [
                raw
                for raw in self._seen(sobject)
                if not raw.get("IsDeleted") and str(raw.get(by) or "").casefold() in wanted
            ]
            yield self._told(sobject, found, fields)

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        return Batching("collections", self.batch)

    def finish_job(self, job_id: str) -> None:
        raise AssertionError("there are no Bulk jobs here")

    def find_tasks(
        self,
        activities: ActivityMap,
        keys: Sequence[str],
        who_ids: Sequence[SalesforceId],
        since: str,
    ) -> dict[str, SalesforceId]:
        if not keys:
            return {}
        self._called("find_tasks")
        who = activities.who_field
        found: dict[str, SalesforceId] = {}
        for raw in self._seen("Task"):
            if activities.external_id:
                told = str(raw.get(activities.external_id) or "")
            elif (who and raw.get(who) not in who_ids) or _moment(raw["CreatedDate"]) < since:
                continue
            else:
                told = _reference(raw)
            if told in keys:
                found.setdefault(told, raw["Id"])
        return found

    def usage(self) -> Usage:
        return Usage(len(self.calls), 0)

    def _called(self, name: str) -> None:
        if self.trouble.refused_requests:
            self.trouble.refused_requests -= 1
            raise OrgUnavailable("the org is not to be reached")
        self.calls.append(name)

    def _refuse_unknown(self, sobject: str, fields: Iterable[str]) -> None:
        known = _system(sobject) | SCHEMA[sobject]
        for name in fields:
            if ("." not in name and name not in known) or (sobject, name) in self.hidden:
                message = f"INVALID_FIELD: No such column '{name}' on entity '{sobject}'"
                raise OrgRefused(message, code="INVALID_FIELD")

    def _seen(self, sobject: str) -> list[Raw]:
        return [
            raw
            for record, raw in self.records.items()
            if raw["_sobject"] == sobject and record not in self.out_of_sight
        ]

    def _told(self, sobject: str, found: Iterable[Raw], fields: Sequence[str]) -> list[Raw]:
        names = dict.fromkeys(("Id", "SystemModstamp", *fields))
        kinds = _system(sobject) | SCHEMA[sobject]
        return [
            {name: self._value(raw, name, kinds.get(name, "")) for name in names} for raw in found
        ]

    def _value(self, raw: Raw, name: str, kind: str) -> Any:
        """A field's value; of a parent's name, the parent's."""
        if name == "Account.Name" and raw.get("AccountId"):
            return self.records[raw["AccountId"]].get("Name")
        return raw.get(name, False if kind == "boolean" else None)

    # -- what they do ------------------------------------------------------------------------------
    def apply(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        if not writes:
            return []
        self._called("apply")
        self.trouble.before_apply(writes)
        latest = max(write.if_unmodified_since for write in writes)
        outcomes = [self._apply_unmoved(write, latest) for write in writes]
        self.trouble.after_apply(writes)
        if self.trouble.lost_replies:
            self.trouble.lost_replies -= 1
            return [Unknown(write.ref, "no answer came") for write in writes]
        return outcomes

    def _apply_unmoved(self, write: OrgWrite, latest: str) -> Outcome:
        """As the real one does: of the writes that travel together, the latest reading counts for all."""
        if not write.if_unmodified_since or write.action is not OrgAction.UPDATE:
            return self._apply(write)
        (raw,) = [raw for raw in self._seen(write.sobject) if raw["Id"] == write.salesforce_id] or [
            None
        ]
        if raw is None or raw.get("IsDeleted") or _moment(raw["SystemModstamp"]) > latest:
            return Deferred(write.ref, RECORD_CHANGED, "the record was changed meanwhile")
        (seen,) = self._told(write.sobject, [raw], list(write.fields))
        outcome = self._apply(write)
        return replace(outcome, seen=seen) if isinstance(outcome, Accepted) else outcome

    def _apply(self, write: OrgWrite) -> Outcome:
        if self.trouble.deferred(write):
            return Deferred(write.ref, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")
        refusal = self.trouble.rejected(write) or self._refused_fields(write)
        if refusal:
            return Rejected(write.ref, *refusal)
        if write.action is OrgAction.CREATE:
            return self._create(write)
        return self._change(write, write.salesforce_id or SalesforceId(""))

    def _create(self, write: OrgWrite) -> Outcome:
        there = [
            raw["Id"]
            for raw in self.records.values()
            if write.key_field
            and raw["_sobject"] == write.sobject
            and not raw.get("IsDeleted")
            and str(raw.get(write.key_field) or "").casefold() == write.key_value.casefold()
        ]
        if there:
            return self._change(write, there[0])
        missing = [name for name in REQUIRED[write.sobject] if not write.fields.get(name)]
        if missing:
            return Rejected(
                write.ref, "REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}"
            )
        key = {write.key_field: write.key_value} if write.key_field else {}
        made = self.create(write.sobject, **write.fields, **key)
        self.written.append(write)
        return Accepted(write.ref, made, created=True)

    def _change(self, write: OrgWrite, record: SalesforceId) -> Outcome:
        raw = self.records.get(record)
        if raw is None or record in self.out_of_sight:
            return Rejected(write.ref, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if write.action is OrgAction.DELETE:
            if not raw.get("IsDeleted"):
                self.delete(record)
                self.written.append(write)
            return Accepted(write.ref, record)
        if raw.get("IsDeleted"):
            return Rejected(write.ref, "ENTITY_IS_DELETED", "entity is deleted")
        if raw.get("IsConverted"):
            return Rejected(
                write.ref, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"
            )
        if any(name in write.fields and not write.fields[name] for name in REQUIRED[write.sobject]):
            return Rejected(write.ref, "REQUIRED_FIELD_MISSING", "Required fields are missing")
        self.edit(record, **write.fields)
        self.written.append(write)
        return Accepted(write.ref, record)

    def _refused_fields(self, write: OrgWrite) -> Refusal | None:
        for name, value in write.fields.items():
            if name not in SCHEMA[write.sobject] or (write.sobject, name) in self.hidden:
                return (
                    "INVALID_FIELD",
                    f"No such column '{name}' on sobject of type {write.sobject}",
                )
            if name == "Email" and value and "@" not in value:
                return "INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {value}"
            if SCHEMA[write.sobject][name] == "boolean" and not isinstance(value, bool):
                return "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{name}: value not of required type"
            if name == "WhoId":
                who = self.records.get(value)
                if who is None:
                    return "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
                if who.get("IsDeleted"):
                    return "ENTITY_IS_DELETED", "entity is deleted"
                if who.get("IsConverted"):
                    return "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"
        return None


def _system(sobject: str) -> dict[str, str]:
    own = LEADS_OWN if sobject == "Lead" else {}
    return SYSTEM | own | ({} if sobject == "Task" else MERGEABLE)


def _as_saved(sobject: str, name: str, value: Any) -> Any:
    """Text without blanks at its ends, a blank as null, a number with a decimal point."""
    if isinstance(value, str):
        return value.strip() or None
    if SCHEMA[sobject].get(name) == "double" and value is not None:
        return float(value)
    return value


def _moment(stamp: str) -> str:
    return f"{stamp[:19]}Z"


def _reference(raw: Raw) -> str:
    lines = str(raw.get("Description") or "").splitlines()
    return next(
        (line.removeprefix(REFERENCE).strip() for line in lines if line.startswith(REFERENCE)), ""
    )
