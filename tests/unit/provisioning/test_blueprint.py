"""What a mapping needs in an org, and what of it is still to be made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sfsync.config.file import example_config, load_config
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    ActivityMap,
    Direction,
    FieldMap,
    MissingPerson,
    ObjectMap,
    OnLocalDelete,
    OnMissing,
    SyncMapping,
    SyncRules,
)
from sfsync.model.merges import Merge
from sfsync.provisioning.blueprint import SET_NAME, blueprint, custom_fields, objects_of
from sfsync.provisioning.by_hand import by_hand
from sfsync.provisioning.existing import Existing, ExistingField, ExistingSet
from sfsync.provisioning.grants import permission_name
from sfsync.provisioning.steps import Act, Part, setup_steps, todo

CONTACT = ObjectMap("contact", "contacts", "Contact", "email", (FieldMap("Email", "email"),))
LEAD = ObjectMap("lead", "leads", "Lead", "email", (FieldMap("Email", "email"),))
TASK = ActivityMap(
    fields=(("Type", "Email"), ("Subject", "x")), missing_person=MissingPerson.QUARANTINE
)


def mapping(*objects: ObjectMap, activities: ActivityMap = TASK, **rules: SyncRules) -> SyncMapping:
    return SyncMapping({each.name: each for each in objects}, activities, rules)


def contact(*fields: FieldMap, **changes: object) -> ObjectMap:
    return replace(CONTACT, fields=(*CONTACT.fields, *fields), **changes)


def one_field(field: FieldMap) -> dict[str, object]:
    [new] = blueprint(mapping(contact(field))).fields
    return new.metadata()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SyncMapping:
    path = tmp_path_factory.mktemp("config") / "sfsync.yaml"
    path.write_text(example_config(), encoding="utf-8")
    return load_config(Path(path), {"SFSYNC_CLIENT_ID": "3MVG9"}).mapping


# -- fields


def test_the_example_needs_one_set_on_both_and_a_key_for_each(example: SyncMapping) -> None:
    wanted = blueprint(example)
    names = {
        table: {new.name for new in wanted.fields if new.table == table}
        for table in ("Contact", "Lead")
    }
    shared = {
        "PenguinMails_Total_Opens__c",
        "PenguinMails_Total_Clicks__c",
        "PenguinMails_Last_Email_Opened__c",
    }
    assert shared <= names["Lead"] <= names["Contact"]
    assert [new.full_name for new in wanted.fields if new.is_key] == [
        "Activity.PenguinMails_Event_Id__c",
        "Contact.PenguinMails_Id__c",
        "Lead.PenguinMails_Id__c",
    ]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (FieldType.TEXT, {"type": "Text", "length": 255, "unique": False, "required": False}),
        (FieldType.INTEGER, {"type": "Number", "precision": 9, "scale": 0, "unique": False, "required": False}),
        (FieldType.NUMBER, {"type": "Number", "precision": 18, "scale": 4, "unique": False, "required": False}),
        (FieldType.BOOLEAN, {"type": "Checkbox", "defaultValue": "false"}),
        (FieldType.DATE, {"type": "Date", "required": False}),
        (FieldType.DATETIME, {"type": "DateTime", "required": False}),
    ],
)  # fmt: skip
def test_a_columns_type_is_a_fields(kind: FieldType, told: dict[str, object]) -> None:
    made = one_field(FieldMap("PenguinMails_New_Thing__c", "new_thing", kind))
    assert made == {
        "label": "PenguinMails New Thing",
        "description": "Kept by sfsync: new_thing.",
        "externalId": False,
        **told,
    }
    assert list(made) == sorted(made)


TOPICS = FieldMap("PenguinMails_Topics__c", "topics", FieldType.MULTIPICKLIST)


@pytest.mark.parametrize("existing", [None, [], ["Contact.PenguinMails_Topics__c"]])
def test_a_field_whose_values_no_mapping_has_is_never_made(existing: list[str] | None) -> None:
    wanted = blueprint(mapping(contact(TOPICS)), existing=existing)
    assert (wanted.fields, wanted.unknown_fields) == ((), ())
    opened = "Contact.PenguinMails_Topics__c" in {grant.full_name for grant in wanted.grants}
    assert opened is (existing != [])


def test_a_field_whose_values_no_mapping_has_is_left_to_a_person_until_it_is_there() -> None:
    mapped = mapping(contact(TOPICS))
    there = {"PenguinMails_Topics__c": FieldFacts("PenguinMails_Topics__c", "multipicklist")}
    for facts, left in (({}, 1), (there, 0)):
        told = [each.what for each in by_hand(mapped, {"Contact": SObjectFacts("Contact", facts)})]
        assert len([what for what in told if "PenguinMails_Topics__c" in what]) == left
    assert "of the type multipicklist" in by_hand(mapped)[0].what


def test_a_counter_begins_at_nought() -> None:
    made = one_field(FieldMap("PenguinMails_N__c", "n", FieldType.INTEGER, merge=Merge.COUNTER))
    assert made["defaultValue"] == "0"


def test_a_key_is_unique_without_regard_to_case() -> None:
    [new] = blueprint(mapping(contact(external_id="Any_Key__c"))).fields
    made = new.metadata()
    assert (made["externalId"], made["unique"], made["caseSensitive"], made["length"]) == (
        True,
        True,
        False,
        255,
    )


def test_a_key_that_is_mapped_too_is_made_once_as_a_key() -> None:
    [new] = blueprint(
        mapping(contact(FieldMap("PenguinMails_Id__c", "key"), external_id="PenguinMails_Id__c"))
    ).fields
    assert new.is_key


def test_a_leads_fields_are_made_on_contact_too_and_the_reason_is_told() -> None:
    lead = replace(
        LEAD, fields=(*LEAD.fields, FieldMap("PenguinMails_Score__c", "score", FieldType.INTEGER))
    )
    twin, own = blueprint(mapping(CONTACT, lead)).fields
    assert (twin.full_name, own.full_name) == (
        "Contact.PenguinMails_Score__c",
        "Lead.PenguinMails_Score__c",
    )
    assert (twin.kind, twin.precision, twin.reason) == (
        own.kind,
        own.precision,
        "so that converting a Lead can carry it over",
    )
    assert own.reason == ""
    assert "Contact.PenguinMails_Score__c" not in {
        grant.full_name for grant in blueprint(mapping(CONTACT, lead)).grants
    }


@pytest.mark.parametrize("name", ["ns__Region__c", "Title", "Account.Name"])
def test_fields_of_packages_and_standard_ones_are_never_made(name: str) -> None:
    assert blueprint(mapping(contact(FieldMap(name, "x")))).fields == ()


def test_an_orgs_own_field_is_never_made_only_opened_and_told_where_it_is_missing() -> None:
    mapped = mapping(contact(FieldMap("Regoin__c", "region")))
    assert custom_fields(mapped) == ["Contact.Regoin__c"]
    offline, missing, there = (
        blueprint(mapped),
        blueprint(mapped, {}, []),
        blueprint(mapped, {}, ["Contact.Regoin__c"]),
    )
    assert offline.fields == missing.fields == there.fields == ()
    assert missing.unknown_fields == ("Contact.Regoin__c",)
    opened = [
        ["Contact.Regoin__c" in {grant.full_name for grant in each.grants}]
        for each in (offline, missing, there)
    ]
    assert opened == [[True], [False], [True]]


# -- rights


def rights(wanted: SyncMapping) -> dict[str, tuple[str, ...]]:
    return {grant.sobject: grant.rights for grant in blueprint(wanted).objects}


def test_reading_a_contact_takes_reading_accounts_first() -> None:
    told = rights(mapping(CONTACT))
    assert list(told) == ["Account", "Contact"]
    assert told == {"Account": ("Read",), "Contact": ("Read", "Create", "Edit")}


def test_what_only_comes_down_is_only_read() -> None:
    rules = SyncRules("lead", Direction.PULL)
    assert rights(mapping(LEAD, lead=rules)) == {"Lead": ("Read",)}
    grants = blueprint(mapping(LEAD, lead=rules)).grants
    assert [grant.edit for grant in grants if grant.sobject == "Lead"] == [False]


def test_deleting_is_allowed_only_where_it_is_wanted() -> None:
    told = rights(mapping(replace(LEAD, on_local_delete=OnLocalDelete.DELETE)))
    assert told == {"Lead": ("Read", "Create", "Edit", "Delete")}


def test_someone_missing_is_made_even_where_nothing_else_is_pushed() -> None:
    activities = replace(TASK, missing_person=MissingPerson.CREATE_LEAD)
    told = rights(mapping(LEAD, activities=activities, lead=SyncRules("lead", Direction.PULL)))
    assert told == {"Lead": ("Read", "Create", "Edit")}


@pytest.mark.parametrize(
    ("on_missing", "account"), [(OnMissing.SKIP, ("Read",)), (OnMissing.CREATE, ("Read", "Create"))]
)
def test_a_company_that_goes_up_takes_the_link_and_maybe_a_new_account(
    on_missing: OnMissing, account: tuple[str, ...]
) -> None:
    mapped = mapping(contact(FieldMap("Account.Name", "company", on_missing=on_missing)))
    assert rights(mapped)["Account"] == account
    assert {grant.full_name: grant.edit for grant in blueprint(mapped).grants}[
        "Contact.AccountId"
    ] is True
    assert ("Account" in objects_of(mapped)) is (on_missing is OnMissing.CREATE)


def test_tasks_are_a_right_of_the_user() -> None:
    wanted = blueprint(mapping(CONTACT))
    assert "Task" not in {grant.sobject for grant in wanted.objects}
    assert "EditTask" in wanted.user_permissions


@pytest.mark.parametrize(
    ("field", "opened", "edit"),
    [
        (FieldMap("MailingCity", "city"), "Contact.MailingAddress", True),
        (
            FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN),
            "Contact.HasOptedOutOfEmail",
            True,
        ),
        (FieldMap("Account.Name", "company", direction=Direction.PULL), "Contact.AccountId", False),
        (FieldMap("Boss__r.Name", "boss", direction=Direction.PULL), "Contact.Boss__c", False),
        (FieldMap("Phone", "phone", direction=Direction.PULL), "Contact.Phone", False),
    ],
)
def test_exactly_the_mapped_fields_are_opened(field: FieldMap, opened: str, edit: bool) -> None:
    grants = {grant.full_name: grant.edit for grant in blueprint(mapping(contact(field))).grants}
    assert grants == {"Contact.Email": True, opened: edit, "Task.Type": True}


@pytest.mark.parametrize("name", ["LastName", "FirstName", "Name", "OwnerId"])
def test_what_everybody_sees_needs_no_permission(name: str) -> None:
    assert permission_name("Contact", name) == ""


def test_a_field_of_activity_is_opened_on_task() -> None:
    activities = replace(TASK, external_id="PenguinMails_Event_Id__c")
    wanted = blueprint(mapping(CONTACT, activities=activities))
    assert [new.full_name for new in wanted.fields] == ["Activity.PenguinMails_Event_Id__c"]
    assert "Task.PenguinMails_Event_Id__c" in {grant.full_name for grant in wanted.grants}


def test_a_required_field_of_the_org_takes_no_permission_and_a_formula_only_one_to_read() -> None:
    fields = {
        "HasOptedOutOfEmail": FieldFacts("HasOptedOutOfEmail", "boolean", permissionable=False),
        "Region__c": FieldFacts("Region__c", "string", permissionable=False),
        "Score__c": FieldFacts("Score__c", "double", calculated=True),
    }
    mapped = mapping(contact(*(FieldMap(name, name.lower()) for name in fields)))
    facts = {"Contact": SObjectFacts("Contact", fields)}
    grants = blueprint(mapped, facts, ["Contact.Score__c", "Contact.Region__c"]).grants
    assert {grant.full_name: grant.edit for grant in grants if grant.sobject == "Contact"} == {
        "Contact.Email": True,
        "Contact.HasOptedOutOfEmail": True,
        "Contact.Score__c": False,
    }


# -- steps

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


# -- by hand


def test_what_only_an_admin_can_do_is_told_with_the_way_there(example: SyncMapping) -> None:
    told = {each.where: each.what for each in by_hand(example)}
    assert (
        "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields > Contact" in told
    )
    assert any("Email Opt Out" in what for what in told.values())
    assert not any("External Client App" in where for where in told)
    assert any("External Client App" in each.where for each in by_hand(example, app=True))


@pytest.mark.parametrize(
    ("values", "told"), [(("Call", "Email"), False), (("Call", "E-Mail"), True), ((), False)]
)
def test_a_task_type_that_the_org_lacks_is_left_to_an_admin(
    example: SyncMapping, values: tuple[str, ...], told: bool
) -> None:
    facts = {
        "Task": SObjectFacts("Task", {"Type": FieldFacts("Type", "picklist", 255, picklist=values)})
    }
    assert any("Task's Type" in each.what for each in by_hand(example, facts)) is told
