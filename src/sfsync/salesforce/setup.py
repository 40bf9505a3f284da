"""Making in an org what a blueprint says: custom fields and the permission set, step by step.

Custom fields are made by the Tooling API, the permission set by REST. What is there was looked up
before (``setup_lookup``), so that running it again changes nothing and an interrupted run is simply
run again. What is refused is a result and the rest goes on; nothing that is there is ever changed
but the rights of our own permission set, and those only grow.

Source: docs/salesforce.md §8.3; Tooling API, CustomField; Object Reference, PermissionSet,
ObjectPermissions, FieldPermissions, PermissionSetAssignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sfsync.errors import OrgRefused, ProtocolError, SfsyncError
from sfsync.provisioning.blueprint import ACTIVITY
from sfsync.provisioning.existing import Existing
from sfsync.provisioning.steps import Act, Part, SetupStep, todo
from sfsync.salesforce.budget import COLLECTION
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallRefused, ErrorEntry, error_entries

NO_RIGHTS: Final = "this login may not do that: it takes an administrator"
_DENIED: Final = frozenset(
    {"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
     "INVALID_TYPE", "FUNCTIONALITY_NOT_ENABLED"}
)  # fmt: skip
_BY_TOOLING: Final = {
    Part.FIELD: "CustomField",
    Part.CHANNEL: "PlatformEventChannel",
    Part.MEMBER: "PlatformEventChannelMember",
}
_IS_THERE: Final = frozenset({"DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE", "DUPLICATES_DETECTED"})
_NO_SUCH_PERMISSION: Final = frozenset(
    {"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "FIELD_INTEGRITY_EXCEPTION"}
)


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


def carry_out(
    connection: Connection,
    planned: Sequence[SetupStep],
    existing: Existing,
    on_result: Callable[[Result], None] = lambda _result: None,
) -> list[Result]:
    """Do what is to be done; never raises for a step that fails.

    Args:
        planned: as made by ``provisioning.steps``.
        on_result: called with each result as it is known.
    """
    permission_set = existing.permission_set
    work = _Work(connection, permission_set.id if permission_set else "")
    results: list[Result] = []
    for result in work.results(todo(planned)):
        results.append(result)
        on_result(result)
    return results


class _Work:
    """The steps of one run, with what later ones need to know of earlier ones.

    Attributes:
        _set_id: the permission set's; empty as long as there is none.
        _denied: the parts that this login may not make.
        _unmade: fields that were not made, as permissions name them.
        _lost: why nothing goes on; empty as long as it does.
    """

    def __init__(self, connection: Connection, set_id: str) -> None:
        self._connection = connection
        self._set_id = set_id
        self._denied: set[Part] = set()
        self._unmade: set[str] = set()
        self._lost = ""

    def results(self, steps: Sequence[SetupStep]) -> Iterator[Result]:
        """One after the other; field permissions many at a time, where the first of them stands."""
        grants = [step for step in steps if step.part is Part.GRANT]
        for step in steps:
            if step.part is not Part.GRANT:
                yield self._result(step)
            elif step is grants[0]:
                yield from self._grants([each for each in grants if each.act is Act.CREATE])
                yield from self._grants([each for each in grants if each.act is Act.UPDATE])

    def _result(self, step: SetupStep) -> Result:
        obstacle = self._obstacle(step)
        result = Result(step, Status.SKIPPED, obstacle) if obstacle else self._tried(step)
        if result.status is not Status.DONE:
            self._unmade.add(granted_on_task(step.name))
        if result.denied:
            self._denied.add(step.part)
        return result

    def _obstacle(self, step: SetupStep) -> str:
        """Why there is no point in trying; empty where there is."""
        if self._lost:
            return self._lost
        if step.part in self._denied:
            return NO_RIGHTS
        if step.part is Part.MEMBER and step.body["Metadata"]["eventChannel"] in self._unmade:
            return "its channel was not made"
        if step.part not in _BY_TOOLING and step.part is not Part.SET and not self._set_id:
            return "the permission set is not there"
        return ""

    def _tried(self, step: SetupStep) -> Result:
        try:
            self._send(step)
        except CallRefused as refused:
            return _refused(step, refused.entry, refused.status)
        except SfsyncError as error:
            self._lost = (
                "the run ended before it: what is there is found again when it is run again"
            )
            return Result(step, Status.FAILED, error.message)
        return Result(step, Status.DONE)

    def _send(self, step: SetupStep) -> None:
        if step.part in _BY_TOOLING:
            self._write("POST", f"tooling/sobjects/{_BY_TOOLING[step.part]}/", step.body)
        elif step.act is Act.UPDATE:
            sobject = "PermissionSet" if step.part is Part.SET else "ObjectPermissions"
            self._write("PATCH", f"sobjects/{sobject}/{step.id}", step.body)
        elif step.part is Part.SET:
            self._set_id = self._make_set(step)
        elif step.part is Part.OBJECT:
            body = {"ParentId": self._set_id, **step.body}
            self._write("POST", "sobjects/ObjectPermissions/", body)
        else:
            body = {**step.body, "PermissionSetId": self._set_id}
            self._write("POST", "sobjects/PermissionSetAssignment/", body)

    def _make_set(self, step: SetupStep) -> str:
        """Make the permission set; its Id, which all that follows refers to."""
        answer = self._write("POST", "sobjects/PermissionSet/", step.body)
        set_id = str(answer.get("id") or "") if isinstance(answer, Mapping) else ""
        if not set_id:
            raise ProtocolError("the org told no Id for the new permission set")
        return set_id

    def _write(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._connection.write(path, method=method, body=dict(body))

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
            yield from self._send_grants(ready[start : start + COLLECTION])

    def _send_grants(self, steps: Sequence[SetupStep]) -> Iterator[Result]:
        """One call for so many field permissions, all to be made or all to be changed."""
        method = "POST" if steps[0].act is Act.CREATE else "PATCH"
        body = {"allOrNone": False, "records": [self._grant_record(step) for step in steps]}
        try:
            answer = self._write(method, "composite/sobjects", body)
        except OrgRefused as refused:
            entry = ErrorEntry(refused.code, refused.message)
            for step in steps:
                yield _refused(step, entry)
            return
        except SfsyncError as error:
            for step in steps:
                yield Result(step, Status.FAILED, error.message)
            return
        items = answer if isinstance(answer, list) else []
        for number, step in enumerate(steps):
            yield _grant_result(step, items[number] if number < len(items) else None)

    def _grant_record(self, step: SetupStep) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": "FieldPermissions"}}
        if step.act is Act.CREATE:
            record["ParentId"] = self._set_id
        else:
            record["id"] = step.id
        return {**record, **step.body}


def _grant_result(step: SetupStep, item: Any) -> Result:
    """What one element of a collections reply means; ``None`` where the reply was too short."""
    if not isinstance(item, Mapping):
        return _refused(step, ErrorEntry("", "the org told no result"))
    if item.get("success") is True:
        return Result(step, Status.DONE)
    entries = error_entries(item.get("errors"))
    return _refused(step, entries[0] if entries else ErrorEntry("", "the org told no result"))


def _refused(step: SetupStep, entry: ErrorEntry, status: int = 400) -> Result:
    if entry.code in _IS_THERE or "already" in entry.message.lower():
        return Result(step, Status.DONE, "it was there already")
    # Some standard fields take no field permission: everyone may use them.
    is_standard = not step.name.endswith("__c")
    if step.part is Part.GRANT and is_standard and entry.code in _NO_SUCH_PERMISSION:
        return Result(
            step, Status.DONE, "Salesforce has no permission for this field: it needs none"
        )
    if entry.code in _DENIED or status in {401, 403}:
        return Result(step, Status.FAILED, f"{NO_RIGHTS} ({entry})", denied=True)
    return Result(step, Status.FAILED, str(entry))


def granted_on_task(full_name: str) -> str:
    """A field of Activity as permissions call it.

    >>> granted_on_task("Activity.PenguinMails_Event_Id__c")
    'Task.PenguinMails_Event_Id__c'
    """
    table, _, name = full_name.partition(".")
    return f"Task.{name}" if table == ACTIVITY else full_name
