"""What is still to be made of a blueprint, and that nothing that is there is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    FieldMap,
)
from sfsync.provisioning.blueprint import SET_NAME, blueprint
from sfsync.provisioning.existing import Existing, ExistingField, ExistingSet
from sfsync.provisioning.steps import Act, Part, setup_steps, todo
from tests.unit.provisioning.samples import contact, mapping

KEYED = mapping(
    contact(FieldMap("PenguinMails_N__c", "n", FieldType.INTEGER), external_id="PenguinMails_Id__c")
)
NOTHING = Existing({}, "005U", "sync@example.com")
FIELDS = {
    "Contact.PenguinMails_N__c": ExistingField("double"),
    "Contact.penguinmails_id__c": ExistingField("string", external_id=True, unique=True),
}
ALL = frozenset({"Read", "Create", "Edit"})
SET = ExistingSet(
    "0PS1",
    frozenset({"ApiEnabled", "EditTask"}),
    {"Account": ("110A", frozenset({"Read"})), "Contact": ("110B", ALL)},
    {
        "Contact.Email": ("01kA", True),
        "Contact.PenguinMails_N__c": ("01kB", True),
        "Contact.PenguinMails_Id__c": ("01kC", True),
        "Task.Type": ("01kD", True),
    },
)
EVERYTHING = Existing(FIELDS, "005U", "sync@example.com", SET, assigned=True)


def test_a_bare_org_gets_everything_in_an_order_that_works() -> None:
    planned = setup_steps(blueprint(KEYED), NOTHING)
    assert {step.act for step in planned} == {Act.CREATE}
    parts = [step.part for step in planned]
    assert parts == sorted(parts, key=list(Part).index)
    assert [step.name for step in planned if step.part is Part.OBJECT] == ["Account", "Contact"]


def test_where_everything_is_there_nothing_is_to_be_done() -> None:
    planned = setup_steps(blueprint(KEYED), EVERYTHING)
    assert {step.act for step in planned} == {Act.KEEP}
    assert todo(planned) == []


@pytest.mark.parametrize(
    ("name", "there", "told"),
    [
        (
            "Contact.PenguinMails_N__c",
            ExistingField("string"),
            "it is string in this org, and Number(9,0) is needed",
        ),
        ("Contact.penguinmails_id__c", ExistingField("double"), "it is double in this org"),
        (
            "Contact.penguinmails_id__c",
            ExistingField("string", unique=True),
            "not marked as an external id",
        ),
        ("Contact.penguinmails_id__c", ExistingField("string", external_id=True), "not unique"),
    ],
)
def test_a_field_that_does_not_fit_is_told_and_never_changed(
    name: str, there: ExistingField, told: str
) -> None:
    planned = setup_steps(blueprint(KEYED), replace(EVERYTHING, fields={**FIELDS, name: there}))
    [differs] = [step for step in planned if step.act is not Act.KEEP]
    assert differs.act is Act.DIFFERS
    assert told in differs.detail
    assert "Setup > Object Manager > Contact" in differs.remedy
    assert todo(planned) == []


@pytest.mark.parametrize(
    ("permission_set", "part", "body"),
    [
        (
            replace(SET, user_permissions=frozenset({"ApiEnabled"})),
            Part.SET,
            {"PermissionsEditTask": True},
        ),
        (
            replace(SET, objects={**SET.objects, "Contact": ("110B", frozenset({"Read"}))}),
            Part.OBJECT,
            {"PermissionsCreate": True, "PermissionsEdit": True},
        ),
        (
            replace(SET, fields={**SET.fields, "Contact.Email": ("01kA", False)}),
            Part.GRANT,
            {"PermissionsEdit": True},
        ),
    ],
)
def test_rights_that_are_too_few_only_grow(
    permission_set: ExistingSet, part: Part, body: dict[str, bool]
) -> None:
    planned = setup_steps(blueprint(KEYED), replace(EVERYTHING, permission_set=permission_set))
    [changed] = todo(planned)
    assert (changed.act, changed.part, dict(changed.body)) == (Act.UPDATE, part, body)
    assert changed.id


def test_the_set_is_given_to_the_user_once() -> None:
    [given] = todo(setup_steps(blueprint(KEYED), replace(EVERYTHING, assigned=False)))
    assert (given.part, given.name, dict(given.body)) == (
        Part.ASSIGNMENT,
        SET_NAME,
        {"AssigneeId": "005U"},
    )
