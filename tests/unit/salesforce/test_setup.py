"""Carrying out a plan in an org: what is refused is told, what hangs on it is left, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sfsync.errors import AuthError, BudgetSpent, UsageError
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import ActivityMap, FieldMap, MissingPerson, ObjectMap, SyncMapping
from sfsync.provisioning.blueprint import SET_NAME, blueprint, custom_fields
from sfsync.provisioning.existing import Existing, ExistingField, ExistingSet
from sfsync.provisioning.steps import Act, Part, setup_steps
from sfsync.salesforce.connect import Page
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry
from sfsync.salesforce.setup import NO_RIGHTS, Result, Status, carry_out
from sfsync.salesforce.setup_lookup import SetupLookup

LEAD = ObjectMap(
    "lead", "leads", "Lead", "email",
    (FieldMap("Email", "email"), FieldMap("PenguinMails_N__c", "n", FieldType.INTEGER)),
    external_id="PenguinMails_Id__c",
)  # fmt: skip
MAPPING = SyncMapping(
    {"lead": LEAD},
    ActivityMap(fields=(("Type", "Email"),), missing_person=MissingPerson.QUARANTINE),
)
WANTED = blueprint(MAPPING)
BARE = Existing({}, "005U", "sync@example.com")
Rule = Callable[[str, str, dict[str, Any]], Any]


def refused(code: str, message: str = "no", status: int = 400) -> CallRefused:
    return CallRefused(status, ErrorEntry(code, message))


class Wire:
    """Stands in for ``Connection`` where only writes matter: each is kept, and answered by a rule or plainly."""

    def __init__(self, rule: Rule = lambda *_: None) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self._rule = rule

    def write(self, path: str, *, method: str, body: dict[str, Any]) -> Any:
        self.sent.append((method, path, body))
        told = self._rule(method, path, body)
        if isinstance(told, Exception):
            raise told
        if told is not None:
            return told
        if path == "composite/sobjects":
            return [{"id": "01k", "success": True, "errors": []} for _ in body["records"]]
        return {"id": "0PS1", "success": True, "errors": []}


def carried_out(rule: Rule = lambda *_: None, found: Existing = BARE) -> tuple[Wire, list[Result]]:
    wire = Wire(rule)
    return wire, carry_out(wire, setup_steps(WANTED, found), found)  # type: ignore[arg-type]


def told(results: list[Result], status: Status) -> dict[str, str]:
    return {
        f"{each.step.part}:{each.step.name}": each.message
        for each in results
        if each.status is status
    }


def test_everything_is_made_in_few_calls_and_in_order() -> None:
    wire, results = carried_out()
    assert told(results, Status.DONE).keys() == {
        "field:Lead.PenguinMails_N__c",
        "field:Lead.PenguinMails_Id__c",
        f"permission set:{SET_NAME}",
        "object permission:Lead",
        *(f"field permission:{name}" for name in ("Lead.Email", "Lead.PenguinMails_N__c", "Lead.PenguinMails_Id__c", "Task.Type")),
        f"assignment:{SET_NAME}",
    }  # fmt: skip
    assert [path for _, path, _ in wire.sent] == [
        "tooling/sobjects/CustomField/",
        "tooling/sobjects/CustomField/",
        "sobjects/PermissionSet/",
        "sobjects/ObjectPermissions/",
        "composite/sobjects",
        "sobjects/PermissionSetAssignment/",
    ]
    key = wire.sent[0][2]
    assert key["FullName"] == "Lead.PenguinMails_Id__c"
    assert (key["Metadata"]["externalId"], key["Metadata"]["unique"]) == (True, True)
    assert wire.sent[3][2]["ParentId"] == wire.sent[5][2]["PermissionSetId"] == "0PS1"
    assert {record["ParentId"] for record in wire.sent[4][2]["records"]} == {"0PS1"}
    assert wire.sent[5][2]["AssigneeId"] == "005U"


def test_each_result_is_told_as_it_is_known() -> None:
    heard: list[Result] = []
    wire = Wire()
    results = carry_out(wire, setup_steps(WANTED, BARE), BARE, heard.append)  # type: ignore[arg-type]
    assert heard == results


def test_without_rights_one_try_of_each_kind_is_enough() -> None:
    def rule(_method: str, path: str, _body: dict[str, Any]) -> Any:
        return refused("INSUFFICIENT_ACCESS", status=403) if path.startswith("tooling/") else None

    wire, results = carried_out(rule)
    assert sum(path.startswith("tooling/") for _, path, _ in wire.sent) == 1
    assert NO_RIGHTS in told(results, Status.FAILED)["field:Lead.PenguinMails_Id__c"]
    assert any(each.denied for each in results)
    left = told(results, Status.SKIPPED)
    assert left["field:Lead.PenguinMails_N__c"] == NO_RIGHTS
    assert left["field permission:Lead.PenguinMails_Id__c"] == "its field was not made"
    done = told(results, Status.DONE)
    assert {"field permission:Lead.Email", f"assignment:{SET_NAME}"} <= done.keys()


def test_without_the_permission_set_nothing_of_it_is_tried() -> None:
    wire, results = carried_out(
        lambda _m, path, _b: refused("LIMIT_EXCEEDED") if path.endswith("PermissionSet/") else None
    )
    assert told(results, Status.FAILED) == {f"permission set:{SET_NAME}": "LIMIT_EXCEEDED: no"}
    assert set(told(results, Status.SKIPPED).values()) == {"the permission set is not there"}
    assert [path for _, path, _ in wire.sent][-1] == "sobjects/PermissionSet/"


@pytest.mark.parametrize("code", ["DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"])
def test_what_somebody_made_meanwhile_is_there(code: str) -> None:
    _, results = carried_out(
        lambda _m, path, _b: refused(code) if path.startswith("tooling/") else None
    )
    assert told(results, Status.FAILED) == told(results, Status.SKIPPED) == {}
    assert "it was there already" in told(results, Status.DONE).values()


@pytest.mark.parametrize(
    "failure", [CallFailed("the connection broke off"), BudgetSpent("spent"), AuthError("ended")]
)
def test_a_connection_that_is_lost_ends_the_run_and_what_was_done_is_told(
    failure: Exception,
) -> None:
    wire, results = carried_out(
        lambda _m, path, _b: failure if path.endswith("ObjectPermissions/") else None
    )
    assert len(told(results, Status.DONE)) == 3
    assert list(told(results, Status.FAILED)) == ["object permission:Lead"]
    assert "run again" in told(results, Status.SKIPPED)[f"assignment:{SET_NAME}"]
    assert wire.sent[-1][1] == "sobjects/ObjectPermissions/"


def answers(**errors: tuple[str, str]) -> Rule:
    """A collection's answers, some refused, by the field's name without its object."""

    def rule(_method: str, path: str, body: dict[str, Any]) -> Any:
        if path != "composite/sobjects":
            return None
        told = []
        for record in body["records"]:
            code, message = errors.get(record["Field"].partition(".")[2], ("", ""))
            error = [{"statusCode": code, "message": message, "fields": ["Field"]}]
            told.append({"success": not code, "errors": error if code else []})
        return told

    return rule


def test_a_standard_field_that_takes_no_permission_needs_none() -> None:
    _, results = carried_out(answers(Type=("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value")))
    assert told(results, Status.FAILED) == {}
    assert "it needs none" in told(results, Status.DONE)["field permission:Task.Type"]


def test_a_custom_field_that_is_refused_is_a_failure_and_the_others_are_done() -> None:
    _, results = carried_out(
        answers(PenguinMails_N__c=("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value"))
    )
    assert list(told(results, Status.FAILED)) == ["field permission:Lead.PenguinMails_N__c"]
    assert "field permission:Lead.Email" in told(results, Status.DONE)


def test_an_answer_that_is_too_short_leaves_nothing_unsaid() -> None:
    _, results = carried_out(lambda _m, path, _b: [] if path == "composite/sobjects" else None)
    assert {each.message for each in results if each.step.part is Part.GRANT} == {
        "the org told no result"
    }


def test_rights_that_are_too_few_are_changed_in_place() -> None:
    there = ExistingSet(
        "0PS9",
        frozenset({"ApiEnabled"}),
        {"Lead": ("110L", frozenset({"Read"}))},
        {"Lead.Email": ("01kE", False)},
    )
    wire, results = carried_out(found=Existing({}, "005U", "x", there, assigned=True))
    assert told(results, Status.FAILED) == told(results, Status.SKIPPED) == {}
    patched = {path: body for method, path, body in wire.sent if method == "PATCH"}
    assert patched["sobjects/PermissionSet/0PS9"] == {"PermissionsEditTask": True}
    assert patched["sobjects/ObjectPermissions/110L"] == {
        "PermissionsCreate": True,
        "PermissionsEdit": True,
    }
    [record] = patched["composite/sobjects"]["records"]
    assert (record["id"], record["PermissionsEdit"]) == ("01kE", True)
    assert not any("Assignment" in path for _, path, _ in wire.sent)


# -- from the first look to the second run


class Side(Wire):
    """As ``Wire``, and it keeps what is made, so that it can be looked at again."""

    def __init__(self, rule: Rule = lambda *_: None) -> None:
        super().__init__(rule)
        self.rows: dict[str, list[dict[str, Any]]] = {
            "User": [{"Id": "005U", "Username": "sync@example.com", "IsActive": True}]
        }
        self.asked: list[str] = []

    def write(self, path: str, *, method: str, body: dict[str, Any]) -> Any:
        told = super().write(path, method=method, body=body)
        if path == "composite/sobjects":
            for record, answer in zip(body["records"], told, strict=True):
                if answer["success"]:
                    self._keep("FieldPermissions", record)
        else:
            self._keep(path.rstrip("/").split("/")[-1], body)
        return told

    def _keep(self, sobject: str, body: dict[str, Any]) -> None:
        kept = self.rows.setdefault(sobject, [])
        kept.append(
            {**body, "Id": "0PS1" if sobject == "PermissionSet" else f"{sobject}{len(kept)}"}
        )

    def read(self, path: str, **_: Any) -> Any:
        self.asked.append(path)
        if path.startswith("tooling/query"):
            return self._answer(
                [self._listed(row["FullName"]) for row in self.rows.get("CustomField", [])]
            )
        number = int(path.rpartition("CustomField")[2])
        return self.rows["CustomField"][number]

    def _listed(self, full_name: str) -> dict[str, Any]:
        table, _, name = full_name.partition(".")
        number = [row["FullName"] for row in self.rows["CustomField"]].index(full_name)
        return {
            "Id": f"CustomField{number}",
            "DeveloperName": name.removesuffix("__c"),
            "NamespacePrefix": None,
            "TableEnumOrId": table,
        }

    @staticmethod
    def _answer(records: list[dict[str, Any]]) -> dict[str, Any]:
        return {"totalSize": len(records), "done": True, "records": records}

    def pages(self, statements: list[str]) -> Iterator[Page]:
        for statement in statements:
            sobject = statement.partition(" FROM ")[2].partition(" ")[0]
            rows = self.rows.get(sobject, [])
            if sobject == "User":
                rows = [
                    row for row in rows if row["Id"] in statement or row["Username"] in statement
                ]
            yield Page(rows, len(rows), "")


def looked(side: Side, username: str = "") -> Existing:
    lookup = SetupLookup(side)  # type: ignore[arg-type]
    field_ids = lookup.custom_field_ids(custom_fields(MAPPING))
    return lookup.existing(WANTED, {}, field_ids, username=username, user_id="005U")


def test_a_second_run_finds_everything_and_sends_nothing() -> None:
    side = Side()
    first = looked(side)
    assert (first.permission_set, first.assigned, first.fields) == (None, False, {})
    assert {each.status for each in carry_out(side, setup_steps(WANTED, first), first)} == {
        Status.DONE
    }  # type: ignore[arg-type]
    sent = len(side.sent)
    second = looked(side)
    assert second.assigned
    assert carry_out(side, setup_steps(WANTED, second), second) == []  # type: ignore[arg-type]
    assert len(side.sent) == sent


def test_an_interrupted_run_is_finished_by_the_next() -> None:
    broken: dict[str, Exception] = {
        "sobjects/ObjectPermissions/": CallFailed("the connection broke off")
    }
    side = Side(lambda _m, path, _b: broken.get(path))
    before = looked(side)
    carry_out(side, setup_steps(WANTED, before), before)  # type: ignore[arg-type]
    broken.clear()
    after = looked(side)
    results = carry_out(side, setup_steps(WANTED, after), after)  # type: ignore[arg-type]
    assert {each.step.part for each in results} == {Part.OBJECT, Part.GRANT, Part.ASSIGNMENT}
    assert {each.status for each in results} == {Status.DONE}
    assert len(side.rows["CustomField"]) == 2


def test_a_field_that_nobody_here_may_see_is_looked_at_in_the_setup() -> None:
    side = Side()
    side._keep("CustomField", {"FullName": "Lead.PenguinMails_N__c", "Metadata": {"type": "Text"}})
    found = looked(side)
    assert found.fields == {"Lead.PenguinMails_N__c": ExistingField("string")}
    [differs] = [step for step in setup_steps(WANTED, found) if step.act is Act.DIFFERS]
    assert differs.detail.startswith("it is string in this org")


def test_a_field_of_a_package_with_the_same_name_is_another_field() -> None:
    side = Side()
    side._keep(
        "CustomField", {"FullName": "Lead.PenguinMails_N__c", "Metadata": {"type": "Number"}}
    )
    listed = side._listed
    side._listed = lambda name: listed(name) | {"NamespacePrefix": "acme"}  # type: ignore[method-assign]
    assert looked(side).fields == {}


def test_the_set_is_for_the_named_user_who_has_to_be_there_and_active() -> None:
    side = Side()
    side.rows["User"].append({"Id": "005B", "Username": "bo@example.com", "IsActive": False})
    assert looked(side).username == "sync@example.com"
    with pytest.raises(UsageError, match="deactivated"):
        looked(side, "bo@example.com")
    with pytest.raises(UsageError, match=r"no user nobody@example\.com"):
        looked(side, "nobody@example.com")
