"""The mapping against the org: what does not fit is told with a remedy, the rest goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.mapping.check import check_object, narrow
from sfsync.mapping.problem import Problem, Severity, errors_in
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, FieldMap, ObjectMap, OnMissing
from sfsync.model.merges import Merge

CONTACT = ObjectMap(
    name="contact",
    table="contacts",
    sobject="Contact",
    match_on="email",
    fields=(
        FieldMap("Email", "email"),
        FieldMap("LastName", "last_name", placeholder="(unknown)"),
        FieldMap("Account.Name", "company", direction=Direction.PULL),
        FieldMap(
            "PenguinMails_Total_Opens__c", "total_opens", FieldType.INTEGER, merge=Merge.COUNTER
        ),
        FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
    ),
    external_id="PenguinMails_Id__c",
    opt_out=("opted_out",),
)
FACTS = {
    facts.name: facts
    for facts in (
        FieldFacts("Email", "email", 80),
        FieldFacts("LastName", "string", 80, nillable=False, required=True),
        FieldFacts("AccountId", "reference", 18, relationship="Account"),
        FieldFacts("PenguinMails_Total_Opens__c", "double"),
        FieldFacts("HasOptedOutOfEmail", "boolean", nillable=False),
        FieldFacts("PenguinMails_Id__c", "string", 64, external_id=True, unique=True),
        FieldFacts("LeadSource", "picklist", 255, picklist=("Web", "Other")),
    )
}


def org(*without: str, **changed: FieldFacts) -> SObjectFacts:
    fields = {name: facts for name, facts in FACTS.items() if name not in without}
    return SObjectFacts("Contact", fields | changed)


def test_a_field_of_ours_that_is_missing_is_not_taken_for_one_of_salesforces() -> None:
    field = FieldMap("PenguinMails_Lead_Score__c", "lead_score", FieldType.INTEGER)
    [problem] = check_object(mapped(field), org())
    assert "Did you mean" not in problem.remedy
    misspelt = FieldMap("PenguinMails_Total_Open__c", "opens", FieldType.INTEGER)
    [problem] = check_object(mapped(misspelt), org())
    assert "Did you mean PenguinMails_Total_Opens__c?" in problem.remedy


def test_a_company_goes_up_only_where_the_link_to_its_account_may_be_written() -> None:
    linked = FieldMap("Account.Name", "company", on_missing=OnMissing.SKIP)
    fields = tuple(linked if field.column == "company" else field for field in CONTACT.fields)
    both_ways, problems = narrow(replace(CONTACT, fields=fields), org())
    assert (both_ways.linked, problems) == (linked, [])
    read_only = replace(FACTS["AccountId"], updateable=False)
    narrowed, problems = narrow(replace(CONTACT, fields=fields), org(AccountId=read_only))
    assert narrowed.linked is None
    assert narrowed.by_column["company"].direction is Direction.PULL
    assert [problem.field for problem in problems] == ["Account.Name"]
    assert "AccountId" in str(problems[0])


def mapped(*fields: FieldMap, **changes: object) -> ObjectMap:
    return replace(CONTACT, fields=CONTACT.fields + fields, **changes)


def changed(name: str, **changes: object) -> dict[str, FieldFacts]:
    return {name: replace(FACTS[name], **changes)}


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_a_mapping_that_fits_stays_as_it_is() -> None:
    assert narrow(CONTACT, org()) == (CONTACT, [])


def test_a_missing_field_is_left_out_and_org_setup_is_offered() -> None:
    narrowed, problems = narrow(CONTACT, org("PenguinMails_Total_Opens__c"))
    assert "total_opens" not in narrowed.columns
    assert str(only(problems)).startswith(
        "Contact.PenguinMails_Total_Opens__c: Contact has no such field, or hides it from this user; "
        "total_opens is not synced. Run `sfsync org setup`"
    )
    assert only(problems).severity is Severity.WARNING


def test_a_hidden_opt_out_says_what_that_means() -> None:
    narrowed, problems = narrow(CONTACT, org("HasOptedOutOfEmail"))
    assert narrowed.opt_out == ()
    assert "opt-out cannot be read or set there" in only(problems).why
    assert "field-level security" in only(problems).remedy


def test_a_near_name_is_suggested() -> None:
    problem = only(check_object(mapped(FieldMap("LeadSorce", "lead_source")), org()))
    assert problem.remedy.startswith("Did you mean LeadSource?")


def test_capital_letters_are_put_right_because_replies_use_the_orgs() -> None:
    narrowed, problems = narrow(mapped(FieldMap("leadsource", "lead_source")), org())
    assert narrowed.by_column["lead_source"].remote == "LeadSource"
    assert (only(problems).severity, only(problems).remedy) == (Severity.NOTE, "Write LeadSource.")


@pytest.mark.parametrize(
    ("createable", "updateable", "told"),
    [
        (False, False, "this user may not write it"),
        (True, False, "this user may write it only when creating a record"),
        (False, True, "this user may write it only when updating a record"),
    ],
)
def test_a_field_that_cannot_be_written_only_comes_down(
    *, createable: bool, updateable: bool, told: str
) -> None:
    facts = org(
        **changed("PenguinMails_Total_Opens__c", createable=createable, updateable=updateable)
    )
    narrowed, problems = narrow(CONTACT, facts)
    assert narrowed.by_column["total_opens"].direction is Direction.PULL
    assert only(problems).what == told


def test_a_field_that_only_goes_up_and_cannot_be_written_is_left_out() -> None:
    facts = org(**changed("LeadSource", createable=False, updateable=False))
    narrowed, problems = narrow(
        mapped(FieldMap("LeadSource", "source", direction=Direction.PUSH)), facts
    )
    assert "source" not in narrowed.columns
    assert only(problems).why == "source is not synced"


@pytest.mark.parametrize(
    ("ours", "theirs", "remedy"),
    [
        (FieldType.INTEGER, "string", "Write type: text."),
        (FieldType.BOOLEAN, "double", "Write type: number or integer."),
        (FieldType.DATE, "datetime", "Write type: datetime."),
        (FieldType.DATETIME, "date", "Write type: date."),
        (FieldType.TEXT, "boolean", "Write type: boolean."),
        (
            FieldType.TEXT,
            "address",
            "Leave it out: a compound field cannot be synced as one value.",
        ),
    ],
)
def test_a_field_of_another_type_is_left_out(ours: FieldType, theirs: str, remedy: str) -> None:
    narrowed, problems = narrow(
        mapped(FieldMap("X__c", "x", ours)), org(X__c=FieldFacts("X__c", theirs))
    )
    assert "x" not in narrowed.columns
    assert only(problems).remedy == remedy
    assert only(problems).what == f"it is {theirs} in Salesforce and {ours} in the mapping"


def test_several_values_of_a_picklist_are_a_type_of_their_own() -> None:
    facts = org(X__c=FieldFacts("X__c", "multipicklist", 4099, picklist=("News", "Offers")))
    assert check_object(mapped(FieldMap("X__c", "x", FieldType.MULTIPICKLIST)), facts) == []
    kept_as_text = only(check_object(mapped(FieldMap("X__c", "x")), facts))
    assert kept_as_text.severity is Severity.NOTE
    assert kept_as_text.remedy == "Write type: multipicklist."
    plain = org(X__c=FieldFacts("X__c", "picklist", 255))
    other = only(check_object(mapped(FieldMap("X__c", "x", FieldType.MULTIPICKLIST)), plain))
    assert other.remedy == "Write type: text."


def test_org_setup_is_not_offered_for_a_field_that_it_never_makes() -> None:
    topics = FieldMap("PenguinMails_Topics__c", "topics", FieldType.MULTIPICKLIST)
    assert "org setup" not in only(check_object(mapped(topics), org())).remedy


@pytest.mark.parametrize("theirs", ["double", "date", "datetime"])
def test_a_number_kept_as_text_is_noted(theirs: str) -> None:
    narrowed, problems = narrow(mapped(FieldMap("X__c", "x")), org(X__c=FieldFacts("X__c", theirs)))
    assert "x" in narrowed.columns
    assert only(problems).severity is Severity.NOTE


def test_a_parent_that_is_none_is_left_out() -> None:
    narrowed, problems = narrow(CONTACT, org("AccountId"))
    assert "company" not in narrowed.columns
    assert only(problems).what == "Contact has no parent called Account, or hides it from this user"


def test_a_misspelt_parent_is_suggested() -> None:
    odd = mapped(FieldMap("Acount.Name", "other", direction=Direction.PULL))
    assert only(check_object(odd, org())).remedy.startswith("Did you mean Account?")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (org("PenguinMails_Id__c"), "Contact has no such field, or hides it from this user"),
        (
            org(**changed("PenguinMails_Id__c", external_id=False)),
            "it is not marked as an external id",
        ),
        (org(**changed("PenguinMails_Id__c", createable=False)), "this user may not write it"),
    ],
)
def test_an_external_id_that_is_none_is_not_used(facts: SObjectFacts, told: str) -> None:
    narrowed, problems = narrow(CONTACT, facts)
    assert narrowed.external_id == ""
    assert only(problems).what == told
    assert "org setup" in only(problems).remedy


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (org("Email"), "cannot be read"),
        (org(**changed("Email", filterable=False)), "cannot be searched"),
    ],
)
def test_without_the_field_to_match_on_the_object_cannot_be_synced(
    facts: SObjectFacts, told: str
) -> None:
    errors = errors_in(check_object(CONTACT, facts))
    assert [(error.field, error.why) for error in errors] == [
        ("Email", "contacts cannot be synced")
    ]
    assert told in errors[0].what


def test_a_required_field_that_nobody_maps_is_told_with_the_line_to_add() -> None:
    facts = org(Home_Town__c=FieldFacts("Home_Town__c", "string", required=True, nillable=False))
    problem = only(check_object(CONTACT, facts))
    assert problem.remedy == "Add it: `Home_Town__c: {to: home_town, placeholder: …}`."
    assert problem.why == "no record can be created"


def test_a_required_field_without_a_placeholder_is_noted() -> None:
    fields = tuple(replace(field, placeholder=None) for field in CONTACT.fields)
    problem = only(check_object(replace(CONTACT, fields=fields), org()))
    assert (problem.severity, problem.field) == (Severity.NOTE, "LastName")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (changed("LastName", length=5), "the placeholder is longer than the field's 5 characters"),
        (
            changed("LastName", picklist=("Unknown", "Web"), restricted=True),
            "the placeholder '(unknown)' is not in its restricted picklist",
        ),
    ],
)
def test_a_placeholder_that_the_org_would_refuse_is_told(
    facts: dict[str, FieldFacts], told: str
) -> None:
    assert only(check_object(CONTACT, org(**facts))).what == told


def test_facts_are_kept_between_runs() -> None:
    facts = org()
    assert SObjectFacts.from_dict(facts.as_dict()) == facts


def test_a_problem_can_be_told_as_json() -> None:
    problem = only(check_object(CONTACT, org("HasOptedOutOfEmail")))
    assert problem.as_dict() | {"what": "", "why": "", "remedy": ""} == {
        "severity": "warning",
        "object": "Contact",
        "field": "HasOptedOutOfEmail",
        "what": "",
        "why": "",
        "remedy": "",
    }
