"""What the org refuses to write, and what moves along with a write."""

import pytest

from local_org.state.users import add_user


def refused(answer, status=400):
    assert answer.status_code == status, answer.text
    (only,) = answer.json()
    return only["errorCode"], only["message"], only.get("fields")


LOCKED = "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set."


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"LastName": None},
            ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
        ),
        (
            {"LastName": "  "},
            ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
        ),
        (
            {"Company": "Acme"},
            ("INVALID_FIELD", "No such column 'Company' on sobject of type Contact", None),
        ),
        ({"Name": "x"}, ("INVALID_FIELD_FOR_INSERT_UPDATE", LOCKED.format("Name"), ["Name"])),
        (
            {"IsDeleted": True, "CreatedDate": "2026-01-01T00:00:00Z"},
            (
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                LOCKED.format("IsDeleted, CreatedDate"),
                ["IsDeleted", "CreatedDate"],
            ),
        ),
        (
            {"Title": "x" * 129},
            (
                "STRING_TOO_LONG",
                f"Title: data value too large: {'x' * 129} (max length=128)",
                ["Title"],
            ),
        ),
        (
            {"Email": "not an address"},
            ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: not an address", ["Email"]),
        ),
        (
            {"Email": "two@@b.example"},
            ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: two@@b.example", ["Email"]),
        ),
        (
            {"MailingGeocodeAccuracy": "Moon"},
            (
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "Mailing Geocode Accuracy: bad value for restricted picklist field: Moon",
                ["MailingGeocodeAccuracy"],
            ),
        ),
        (
            {"PenguinMails_Lead_Score__c": 100_000},
            (
                "NUMBER_OUTSIDE_VALID_RANGE",
                "Penguin Mails Lead Score: value outside of valid range on numeric field: 100000",
                ["PenguinMails_Lead_Score__c"],
            ),
        ),
        (
            {"PenguinMails_Lead_Score__c": "many"},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of double from VALUE_STRING value many or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"Birthdate": "2026-01-20T10:00:00Z"},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of date from VALUE_STRING value 2026-01-20T10:00:00Z or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"Birthdate": "2026-02-30"},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of date from VALUE_STRING value 2026-02-30 or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"PenguinMails_Last_Email_Opened__c": "soon"},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of datetime from VALUE_STRING value soon or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"Title": 5},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"Title": {"a": 1}},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of string from START_OBJECT value { or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"HasOptedOutOfEmail": "perhaps"},
            (
                "JSON_PARSER_ERROR",
                "Cannot deserialize instance of boolean from VALUE_STRING value perhaps or request may be missing a required field at [line:1, column:2]",
                None,
            ),
        ),
        (
            {"HasOptedOutOfEmail": None},
            (
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                "Email Opt Out: value not of required type: ",
                ["HasOptedOutOfEmail"],
            ),
        ),
        (
            {"AccountId": "abc"},
            ("MALFORMED_ID", "Account ID: id value of incorrect type: abc", ["AccountId"]),
        ),
        (
            {"AccountId": "0035f0000000001AAA"},
            (
                "MALFORMED_ID",
                "Account ID: id value of incorrect type: 0035f0000000001AAA",
                ["AccountId"],
            ),
        ),
        (
            {"AccountId": "0015f0000000001AAA"},
            ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []),
        ),
        (
            {"Account": {"Name": "x"}},
            (
                "NOT_FOUND",
                "Provided external ID field does not exist or is not accessible: Name",
                None,
            ),
        ),
    ],
)
def test_what_cannot_be_a_contact(rest, fields, expected):
    answer = rest.post("/sobjects/Contact", {"LastName": "Ash", **fields})
    assert refused(answer, 404 if expected[0] == "NOT_FOUND" else 400) == expected
    assert rest.state.table("Contact").rows == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"", "no entity body"), (b"{", "Unexpected character"), (b"[]", "required to be an object")],
)
def test_a_body_that_is_no_object(rest, body, words):
    code, message, _ = refused(rest.call("POST", "/sobjects/Contact", content=body))
    assert code == "JSON_PARSER_ERROR"
    assert words in message


def test_values_are_trimmed_and_numbers_may_come_as_text(rest):
    record_id = rest.create(
        LastName=" Ash ", Title="", PenguinMails_Lead_Score__c="12", HasOptedOutOfEmail="TRUE"
    )
    record = rest.get(f"/sobjects/Contact/{record_id}").json()
    assert (
        record["LastName"],
        record["Title"],
        record["PenguinMails_Lead_Score__c"],
        record["HasOptedOutOfEmail"],
    ) == ("Ash", None, 12.0, True)


def test_unrestricted_picklists_take_anything(rest):
    record_id = rest.create(LeadSource="Carrier pigeon")
    assert rest.get(f"/sobjects/Contact/{record_id}").json()["LeadSource"] == "Carrier pigeon"


def test_lead_needs_a_company_and_task_nothing(rest):
    assert (
        refused(rest.post("/sobjects/Lead", {}))[1]
        == "Required fields are missing: [LastName, Company]"
    )
    assert rest.post("/sobjects/Task", {}).status_code == 201


def test_fields_that_may_be_set_once_or_later_only(rest):
    task = rest.create("Task", TaskSubtype="Email")
    assert (
        refused(rest.patch(f"/sobjects/Task/{task}", {"TaskSubtype": "Call"}))[0]
        == "INVALID_FIELD_FOR_INSERT_UPDATE"
    )
    lead = {"LastName": "Elm", "Company": "Elm", "EmailBouncedReason": "550"}
    assert refused(rest.post("/sobjects/Lead", lead))[0] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    lead_id = rest.create("Lead", LastName="Elm", Company="Elm")
    assert rest.patch(f"/sobjects/Lead/{lead_id}", {"EmailBouncedReason": "550"}).status_code == 204
    assert (
        refused(rest.post("/sobjects/Task", {"TaskSubtype": "Pigeon"}))[0]
        == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    )


def test_a_lead_is_not_converted_by_its_status(rest):
    lead = rest.create("Lead", LastName="Elm", Company="Elm")
    assert (
        refused(rest.patch(f"/sobjects/Lead/{lead}", {"Status": "Closed - Converted"}))[0]
        == "FIELD_INTEGRITY_EXCEPTION"
    )


def test_unique_fields(rest):
    first = rest.create(PenguinMails_Id__c="pm-1")
    expected = (
        "DUPLICATE_VALUE",
        f"duplicate value found: PenguinMails_Id__c duplicates value on record with id: {first[:15]}",
        [],
    )
    assert (
        refused(rest.post("/sobjects/Contact", {"LastName": "x", "PenguinMails_Id__c": "PM-1"}))
        == expected
    )
    assert (
        rest.patch(f"/sobjects/Contact/{first}", {"PenguinMails_Id__c": "pm-1"}).status_code == 204
    )
    rest.create("Lead", LastName="x", Company="y", PenguinMails_Id__c="pm-1")
    rest.delete(f"/sobjects/Contact/{first}")
    rest.create(PenguinMails_Id__c="pm-1")


def test_links_by_a_foreign_key(rest):
    contact = rest.create(PenguinMails_Id__c="pm-1")
    task = rest.create(
        "Task", Who={"attributes": {"type": "Contact"}, "PenguinMails_Id__c": "pm-1"}
    )
    assert rest.get(f"/sobjects/Task/{task}").json()["WhoId"] == contact
    owned = rest.create(Owner={"Username": "admin@penguin.example"})
    assert rest.get(f"/sobjects/Contact/{owned}").json()["OwnerId"] == rest.state.admin_id
    unknown = rest.post("/sobjects/Contact", {"LastName": "x", "Owner": {"Username": "nobody"}})
    assert (
        refused(unknown)[1]
        == "Foreign key external ID: nobody not found for field Username in entity User"
    )
    assert (
        refused(rest.post("/sobjects/Task", {"Who": {"PenguinMails_Id__c": "pm-1"}}))[0]
        == "INVALID_FIELD"
    )


def test_links_to_what_is_gone(rest):
    contact = rest.create()
    rest.delete(f"/sobjects/Contact/{contact}")
    assert refused(rest.post("/sobjects/Task", {"WhoId": contact}))[0] == "ENTITY_IS_DELETED"


def test_a_leads_task_has_no_other_relation(rest):
    account = rest.create("Account", Name="Acme")
    lead = rest.create("Lead", LastName="Elm", Company="Elm")
    assert (
        refused(rest.post("/sobjects/Task", {"WhoId": lead, "WhatId": account}))[0]
        == "FIELD_INTEGRITY_EXCEPTION"
    )


def test_a_closed_task_moves_last_activity_and_modstamp_only(rest):
    account = rest.create("Account", Name="Acme")
    contact = rest.create(AccountId=account)
    before = rest.get(f"/sobjects/Contact/{contact}").json()
    rest.advance(60)
    rest.create("Task", WhoId=contact, Status="Not Started", ActivityDate="2020-01-01")
    assert rest.get(f"/sobjects/Contact/{contact}").json() == before
    task = rest.create("Task", WhoId=contact, Status="Completed", ActivityDate="2026-01-20")
    after = rest.get(f"/sobjects/Contact/{contact}").json()
    assert after["LastActivityDate"] == "2026-01-20"
    assert after["LastModifiedDate"] == before["LastModifiedDate"]
    assert after["SystemModstamp"] > before["SystemModstamp"]
    assert rest.get(f"/sobjects/Account/{account}").json()["LastActivityDate"] == "2026-01-20"
    record = rest.get(f"/sobjects/Task/{task}").json()
    assert (record["IsClosed"], record["AccountId"], record["CompletedDateTime"]) == (
        True,
        account,
        record["CreatedDate"],
    )
    rest.create("Task", WhoId=contact, Status="Completed", ActivityDate="2025-01-20")
    rest.create("Task", WhoId=contact, Status="Completed", ActivityDate="2999-01-20")
    assert rest.get(f"/sobjects/Contact/{contact}").json()["LastActivityDate"] == "2026-01-20"
    rest.patch(f"/sobjects/Task/{task}", {"Status": "In Progress"})
    assert rest.get(f"/sobjects/Task/{task}").json()["CompletedDateTime"] is None


def test_an_assignment_rule_takes_leads_unless_told_not_to(rest):
    somebody = add_user(
        rest.state, first_name="Rita", last_name="Rep", username="rita@penguin.example"
    )
    rest.local("settings", {"lead_assignment_user_id": somebody})
    lead = {"LastName": "Elm", "Company": "Elm"}
    off = {"Sforce-Auto-Assign": "FALSE"}
    kept = rest.post("/sobjects/Lead", lead, headers=off).json()["id"]
    taken = rest.post("/sobjects/Lead", lead).json()["id"]
    owners = [rest.get(f"/sobjects/Lead/{each}").json()["OwnerId"] for each in (kept, taken)]
    assert owners == [rest.state.admin_id, somebody]
    rest.patch(f"/sobjects/Lead/{kept}", {"Title": "x"}, headers=off)
    assert rest.get(f"/sobjects/Lead/{kept}").json()["OwnerId"] == rest.state.admin_id
    rest.patch(f"/sobjects/Lead/{kept}", {"Title": "y"})
    assert rest.get(f"/sobjects/Lead/{kept}").json()["OwnerId"] == somebody


def test_duplicate_rules(rest):
    first = rest.create(LastName="Ash", Email="ada@b.example")
    twin = {"LastName": "Ash", "Email": "ADA@b.example"}
    rest.local("settings", {"duplicate_rules": True})
    answer = rest.post("/sobjects/Contact", twin)
    (only,) = answer.json()
    assert (answer.status_code, only["errorCode"], only["message"]) == (
        400,
        "DUPLICATES_DETECTED",
        "Use one of these records?",
    )
    result = only["duplicateResut"]
    assert (result["allowSave"], result["duplicateRule"]) == (
        True,
        "Standard_Contact_Duplicate_Rule",
    )
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    lead = rest.post("/sobjects/Lead", {**twin, "Company": "Acme"})
    assert lead.json()[0]["duplicateResut"]["matchResults"][0]["entityType"] == "Contact"
    item = rest.post(
        "/composite/sobjects", {"records": [{"attributes": {"type": "Contact"}, **twin}]}
    ).json()[0]
    assert item["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    assert item["errors"][0]["duplicateResult"]["allowSave"] is True
    allowed = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    assert rest.post("/sobjects/Contact", twin, headers=allowed).status_code == 201
    rest.local("settings", {"duplicate_rules_block": True})
    assert rest.post("/sobjects/Contact", twin, headers=allowed).status_code == 400
    assert rest.patch(f"/sobjects/Contact/{first}", {"Title": "x"}).status_code == 204
    assert rest.patch(f"/sobjects/Contact/{first}", {"FirstName": "Ada"}).status_code == 400


def test_duplicates_by_name_at_one_account(rest):
    account = rest.create("Account", Name="Acme")
    rest.create(FirstName="Ada", LastName="Ash", AccountId=account)
    rest.local("settings", {"duplicate_rules": True})
    assert (
        refused_code(
            rest.post(
                "/sobjects/Contact", {"FirstName": "ada", "LastName": "ash", "AccountId": account}
            )
        )
        == "DUPLICATES_DETECTED"
    )
    assert (
        rest.post("/sobjects/Contact", {"FirstName": "ada", "LastName": "ash"}).status_code == 201
    )


def refused_code(answer):
    return answer.json()[0]["errorCode"]


def test_a_validation_rule_of_the_admin(rest):
    rule = {
        "sobject": "Contact",
        "when": "Title LIKE 'Intern%' AND Email = null",
        "message": "Interns need an address",
        "field": "Email",
    }
    rest.local("settings", {"validation_rules": [rule]})
    expected = ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Interns need an address", ["Email"])
    assert refused(rest.post("/sobjects/Contact", {"LastName": "x", "Title": "Intern"})) == expected
    record_id = rest.create(Title="Intern", Email="i@b.example")
    assert refused(rest.patch(f"/sobjects/Contact/{record_id}", {"Email": None})) == expected


def test_a_full_org_takes_no_more(rest):
    rest.local("settings", {"storage_records": 1})
    record_id = rest.create()
    assert refused(rest.post("/sobjects/Contact", {"LastName": "x"})) == (
        "STORAGE_LIMIT_EXCEEDED",
        "storage limit exceeded",
        [],
    )
    assert rest.patch(f"/sobjects/Contact/{record_id}", {"Title": "x"}).status_code == 204


def test_what_is_not_for_writing(rest):
    status = rest.query("SELECT Id FROM TaskStatus LIMIT 1")["records"][0]["Id"]
    for answer in (
        rest.post("/sobjects/TaskStatus", {}),
        rest.patch(f"/sobjects/TaskStatus/{status}", {}),
        rest.delete(f"/sobjects/TaskStatus/{status}"),
    ):
        assert refused(answer)[0] == "INSUFFICIENT_ACCESS_OR_READONLY"
