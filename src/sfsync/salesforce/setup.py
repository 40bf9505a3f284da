"""Making in an org what a blueprint says: custom fields by the Tooling API, the permission set by REST.

It looks before it makes, so that running it again changes nothing and an interrupted run is simply
run again. What is refused is told and the rest goes on; nothing that is there is ever changed but
the rights of our own permission set, and those only grow.

Source: salesforce-facts §8.3; Tooling API, CustomField; Object Reference, PermissionSet,
ObjectPermissions, FieldPermissions, PermissionSetAssignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from sfsync.errors import OrgRefused, ProtocolError, SfsyncError, UsageError
from sfsync.model.facts import SObjectFacts
from sfsync.provisioning.blueprint import ACTIVITY, SET_NAME, Blueprint
from sfsync.provisioning.existing import Existing, ExistingField, ExistingSet
from sfsync.provisioning.steps import Act, Part, SetupStep, todo
from sfsync.salesforce import soql
from sfsync.salesforce.budget import COLLECTION
from sfsync.salesforce.connect import Connection, page
from sfsync.salesforce.faults import CallRefused, ErrorEntry, error_entries

NO_RIGHTS: Final = "this login may not do that: it takes an administrator"
_DENIED: Final = frozenset(
    {"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
     "INVALID_TYPE", "FUNCTIONALITY_NOT_ENABLED"}
)  # fmt: skip
_THERE: Final = frozenset({"DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE", "DUPLICATES_DETECTED"})
_NO_SUCH_PERMISSION: Final = frozenset(
    {"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "FIELD_INTEGRITY_EXCEPTION"}
)

_OBJECT_RIGHTS: Final = ("Read", "Create", "Edit", "Delete")
_TYPES: Final[Mapping[str, str]] = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Time": "time",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
    "EncryptedText": "encryptedstring",
}
"""The Metadata API's field types in describe's words. Source: Metadata API Developer Guide, "Field Types"."""


class Status(StrEnum):
    """What became of a step."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one step, and why where it was not done."""

    step: SetupStep
    status: Status
    message: str = ""
    denied: bool = False

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return self.step.as_dict() | {"status": self.status.value, "message": self.message}


class OrgSetup:
    """One org's setup, by the rights of the user who is logged in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- looking
    def existing(self, names: Iterable[str]) -> dict[str, str]:
        """Which of these custom fields the org has, whoever may see them: ``{full name: Id}``. One API call.

        Args:
            names: ``Contact.PenguinMails_Id__c``; fields of Task are asked for on Activity, where
                they live.

        Raises:
            OrgRefused: this user may not look into the org's setup.
        """
        wanted = {name.lower() for name in names}
        if not wanted:
            return {}
        tables = sorted({name.partition(".")[0] for name in names})
        developer = sorted({name.partition(".")[2].removesuffix("__c") for name in names})
        statement = soql.select(
            "CustomField",
            ["Id", "DeveloperName", "NamespacePrefix", "TableEnumOrId"],
            f"TableEnumOrId IN ({_listed(tables)}) AND DeveloperName IN ({_listed(developer)})",
        )
        told = page(self._connection.read(f"tooling/query/?q={quote(statement, safe='')}"))
        ids = {
            f"{record['TableEnumOrId']}.{record['DeveloperName']}__c": str(record["Id"])
            for record in told.records
            if not record.get("NamespacePrefix")
        }
        return {name: each for name, each in ids.items() if name.lower() in wanted}

    def found(
        self,
        wanted: Blueprint,
        described: Mapping[str, SObjectFacts],
        existing: Mapping[str, str],
        *,
        username: str = "",
        user_id: str = "",
    ) -> Existing:
        """What of a blueprint is there, and who the permission set is for.

        Args:
            described: what this user sees of the org's objects.
            existing: as told by ``existing``.
            username: whose the permission set is to be; without it, the user's with ``user_id``.

        Raises:
            UsageError: there is no such user.
            OrgRefused: this user may not look into the org's setup.
        """
        who = f"Username = {soql.quoted(username)}" if username else f"Id = {soql.quoted(user_id)}"
        users = self._records("User", ["Id", "Username", "IsActive"], who)
        if not users:
            raise UsageError(
                f"this org has no user {username or user_id}", hint="Name a username: --user"
            )
        if users[0].get("IsActive") is False:
            raise UsageError(f"the user {users[0]['Username']} is deactivated in this org")
        permission_set = self._permission_set(wanted)
        user = str(users[0]["Id"])
        assigned = permission_set is not None and bool(
            self._records(
                "PermissionSetAssignment",
                ["Id"],
                f"AssigneeId = {soql.quoted(user)} AND PermissionSetId = {soql.quoted(permission_set.id)}",
            )
        )
        fields = {
            new.full_name: self._field(new.full_name, described, existing)
            for new in wanted.fields
            if _in(existing, new.full_name)
        }
        return Existing(fields, user, str(users[0]["Username"]), permission_set, assigned)

    def _permission_set(self, wanted: Blueprint) -> ExistingSet | None:
        rights = [f"Permissions{name}" for name in wanted.user_permissions]
        named = f"Name = {soql.quoted(SET_NAME)} AND NamespacePrefix = null"
        sets = self._records("PermissionSet", ["Id", *rights], named)
        if not sets:
            return None
        ours = f"ParentId = {soql.quoted(str(sets[0]['Id']))}"
        allowed = [f"Permissions{name}" for name in _OBJECT_RIGHTS]
        objects = self._records("ObjectPermissions", ["Id", "SobjectType", *allowed], ours)
        fields = self._records("FieldPermissions", ["Id", "Field", "PermissionsEdit"], ours)
        return ExistingSet(
            str(sets[0]["Id"]),
            frozenset(name.removeprefix("Permissions") for name in rights if sets[0].get(name) is True),
            {
                str(record["SobjectType"]): (str(record["Id"]), _rights_of(record))
                for record in objects
            },
            {
                str(record["Field"]): (str(record["Id"]), record.get("PermissionsEdit") is True)
                for record in fields
            },
        )  # fmt: skip

    def _field(
        self, full_name: str, described: Mapping[str, SObjectFacts], existing: Mapping[str, str]
    ) -> ExistingField:
        """From the describe where this user sees the field, else from the setup."""
        table, _, name = full_name.partition(".")
        facts = described.get("Task" if table == ACTIVITY else table)
        seen = facts.fields.get(name) if facts else None
        if seen is not None:
            return ExistingField(seen.type, seen.external_id, seen.unique)
        told = self._connection.read(f"tooling/sobjects/CustomField/{_in(existing, full_name)}")
        metadata = told.get("Metadata") if isinstance(told, Mapping) else None
        if not isinstance(metadata, Mapping):
            return ExistingField()
        kind = str(metadata.get("type") or "")
        return ExistingField(
            _TYPES.get(kind, kind.lower()),
            metadata.get("externalId") is True,
            metadata.get("unique") is True,
        )

    def _records(self, sobject: str, fields: Sequence[str], where: str) -> list[dict[str, Any]]:
        statement = soql.select(sobject, fields, where)
        return [record for told in self._connection.pages([statement]) for record in told.records]

    # -- doing
    def carry_out(
        self,
        planned: Sequence[SetupStep],
        found: Existing,
        tell: Callable[[Result], None] = lambda _result: None,
    ) -> list[Result]:
        """Do what is to be done; never raises for a step that fails.

        Args:
            planned: as made by ``provision.steps``.
            tell: called with each result as it is known.
        """
        work = _Work(self._connection, found.permission_set.id if found.permission_set else "")
        results: list[Result] = []
        for result in work.results(todo(planned)):
            results.append(result)
            tell(result)
        return results


class _Work:
    """The steps of one run, with what later ones need to know of earlier ones."""

    def __init__(self, connection: Connection, set_id: str) -> None:
        self._connection = connection
        self._set_id = set_id
        self._denied: set[Part] = set()
        self._unmade: set[str] = set()
        self._lost = ""

    def results(self, steps: Sequence[SetupStep]) -> Iterator[Result]:
        """One after the other; field permissions many at a time."""
        for step in steps:
            if step.part is not Part.GRANT:
                yield self._one(step)
            elif step is next(each for each in steps if each.part is Part.GRANT):
                for act in (Act.CREATE, Act.UPDATE):
                    yield from self._grants(
                        [each for each in steps if each.part is Part.GRANT and each.act is act]
                    )

    def _one(self, step: SetupStep) -> Result:
        reason = self._obstacle(step)
        result = Result(step, Status.SKIPPED, reason) if reason else self._tried(step)
        if result.status is not Status.DONE:
            self._unmade.add(granted_on_task(step.name))
        if result.denied:
            self._denied.add(step.part)
        return result

    def _obstacle(self, step: SetupStep) -> str:
        if self._lost:
            return self._lost
        if step.part in self._denied:
            return NO_RIGHTS
        if step.part not in {Part.FIELD, Part.SET} and not self._set_id:
            return "the permission set is not there"
        return ""

    def _tried(self, step: SetupStep) -> Result:
        try:
            self._send(step)
        except CallRefused as refused:
            return self._refused(step, refused.entry, refused.status)
        except SfsyncError as error:
            self._lost = (
                "the run ended before it: what is there is found again when it is run again"
            )
            return Result(step, Status.FAILED, error.message)
        return Result(step, Status.DONE)

    def _send(self, step: SetupStep) -> None:
        if step.part is Part.FIELD:
            self._write("POST", "tooling/sobjects/CustomField/", step.body)
        elif step.act is Act.UPDATE:
            sobject = "PermissionSet" if step.part is Part.SET else "ObjectPermissions"
            self._write("PATCH", f"sobjects/{sobject}/{step.id}", step.body)
        elif step.part is Part.SET:
            told = self._write("POST", "sobjects/PermissionSet/", step.body)
            self._set_id = str(told.get("id") or "") if isinstance(told, Mapping) else ""
            if not self._set_id:
                raise ProtocolError("the org told no Id for the new permission set")
        elif step.part is Part.OBJECT:
            self._write(
                "POST", "sobjects/ObjectPermissions/", {"ParentId": self._set_id, **step.body}
            )
        else:
            body = {**step.body, "PermissionSetId": self._set_id}
            self._write("POST", "sobjects/PermissionSetAssignment/", body)

    def _write(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._connection.write(path, method=method, body=dict(body))

    def _refused(self, step: SetupStep, entry: ErrorEntry, status: int = 400) -> Result:
        told = f"{entry.code}: {entry.message}" if entry.code else entry.message
        if entry.code in _THERE or "already" in entry.message.lower():
            return Result(step, Status.DONE, "it was there already")
        if (
            step.part is Part.GRANT
            and entry.code in _NO_SUCH_PERMISSION
            and not step.name.endswith("__c")
        ):
            return Result(
                step, Status.DONE, "Salesforce has no permission for this field: it needs none"
            )
        if entry.code in _DENIED or status in {401, 403}:
            return Result(step, Status.FAILED, f"{NO_RIGHTS} ({told})", denied=True)
        return Result(step, Status.FAILED, told)

    # -- field permissions
    def _grants(self, steps: Sequence[SetupStep]) -> Iterator[Result]:
        ready = []
        for step in steps:
            reason = self._obstacle(step)
            if step.name in self._unmade:
                reason = "its field was not made"
            if reason:
                yield Result(step, Status.SKIPPED, reason)
            else:
                ready.append(step)
        for start in range(0, len(ready), COLLECTION):
            yield from self._granted(ready[start : start + COLLECTION])

    def _granted(self, steps: Sequence[SetupStep]) -> Iterator[Result]:
        creates = steps[0].act is Act.CREATE
        records = [
            {
                "attributes": {"type": "FieldPermissions"},
                **({"ParentId": self._set_id} if creates else {"id": step.id}),
                **step.body,
            }
            for step in steps
        ]
        try:
            told = self._write(
                "POST" if creates else "PATCH",
                "composite/sobjects",
                {"allOrNone": False, "records": records},
            )
        except OrgRefused as refused:
            entry = ErrorEntry(refused.code, refused.message)
            for step in steps:
                yield self._refused(step, entry)
            return
        except SfsyncError as error:
            for step in steps:
                yield Result(step, Status.FAILED, error.message)
            return
        answers = told if isinstance(told, list) else []
        for number, step in enumerate(steps):
            answer = answers[number] if number < len(answers) else None
            if isinstance(answer, Mapping) and answer.get("success") is True:
                yield Result(step, Status.DONE)
            else:
                first = error_entries(answer.get("errors") if isinstance(answer, Mapping) else None)
                yield self._refused(
                    step, first[0] if first else ErrorEntry("", "the org told no result")
                )


def granted_on_task(full_name: str) -> str:
    """A field of Activity as permissions call it.

    >>> granted_on_task("Activity.PenguinMails_Event_Id__c")
    'Task.PenguinMails_Event_Id__c'
    """
    table, _, name = full_name.partition(".")
    return f"Task.{name}" if table == ACTIVITY else full_name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(soql.quoted(name) for name in names)


def _in(existing: Mapping[str, str], full_name: str) -> str:
    return next((each for name, each in existing.items() if name.lower() == full_name.lower()), "")


def _rights_of(record: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in _OBJECT_RIGHTS if record.get(f"Permissions{name}") is True)
