"""What a query means, and how a wrong one is refused."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_org import soql
from local_org.api_error import ApiError
from local_org.server import LocalOrg, LocalOrgConfig

PEOPLE = [
    {
        "LastName": "Ash",
        "FirstName": "Ada",
        "Email": "Ada@Acme.example",
        "PenguinMails_Lead_Score__c": 10,
        "Birthdate": "1990-05-01",
    },
    {
        "LastName": "Birch",
        "Email": "bob@acme.example",
        "PenguinMails_Lead_Score__c": 20,
        "HasOptedOutOfEmail": True,
    },
    {"LastName": "Cedar", "Title": "100% boss_man", "PenguinMails_Lead_Score__c": 5},
    {"LastName": "O'Dell", "FirstName": "Dora", "Email": "dora@other.example"},
]


@pytest.fixture
def people(rest):
    rest.account = rest.create("Account", Name="Acme")
    rest.ids = {each["LastName"]: rest.create(**each) for each in PEOPLE}
    rest.patch(f"/sobjects/Contact/{rest.ids['Ash']}", {"AccountId": rest.account})
    return rest


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Email = 'ada@acme.EXAMPLE'", ["Ash"]),
        ("Email != 'ada@acme.example'", ["Birch", "Cedar", "O'Dell"]),
        ("Email <> null", ["Ash", "Birch", "O'Dell"]),
        ("Email = null", ["Cedar"]),
        ("Email = ''", ["Cedar"]),
        ("Email IN ('bob@acme.example', 'dora@other.example')", ["Birch", "O'Dell"]),
        ("Email NOT IN ('bob@acme.example')", ["Ash", "Cedar", "O'Dell"]),
        ("Email IN (null, 'bob@acme.example')", ["Birch", "Cedar"]),
        ("LastName LIKE '%\\'d%'", ["O'Dell"]),
        ("LastName LIKE '_sh'", ["Ash"]),
        ("Title LIKE '100\\% %'", ["Cedar"]),
        ("Title LIKE '%boss\\_man'", ["Cedar"]),
        ("Title LIKE 'boss'", []),
        ("NOT Email LIKE '%acme%'", ["Cedar", "O'Dell"]),
        ("(NOT Email = null) AND LastName > 'B'", ["Birch", "O'Dell"]),
        (
            "LastName = 'Ash' OR (LastName = 'Birch' AND HasOptedOutOfEmail = TRUE)",
            ["Ash", "Birch"],
        ),
        ("HasOptedOutOfEmail = false", ["Ash", "Cedar", "O'Dell"]),
        ("PenguinMails_Lead_Score__c >= 10", ["Ash", "Birch"]),
        ("PenguinMails_Lead_Score__c < 10.5 AND PenguinMails_Lead_Score__c != 5", ["Ash"]),
        ("PenguinMails_Lead_Score__c = null", ["O'Dell"]),
        ("PenguinMails_Lead_Score__c IN (5, 20)", ["Birch", "Cedar"]),
        ("Birthdate = 1990-05-01", ["Ash"]),
        ("Birthdate > 1990-05-01", []),
        ("CreatedDate = TODAY AND CreatedDate > YESTERDAY", ["Ash", "Birch", "Cedar", "O'Dell"]),
        ("CreatedDate < TODAY", []),
        ("CreatedDate = LAST_N_DAYS:3", ["Ash", "Birch", "Cedar", "O'Dell"]),
        ("CreatedDate = LAST_N_YEARS:1", []),
        ("CreatedDate >= THIS_YEAR", ["Ash", "Birch", "Cedar", "O'Dell"]),
        ("Birthdate < LAST_N_DAYS:10", ["Ash"]),
        ("SystemModstamp >= 2020-01-01T00:00:00Z", ["Ash", "Birch", "Cedar", "O'Dell"]),
        ("SystemModstamp > 2999-01-01T00:00:00+01:00", []),
        ("Account.Name = 'acme'", ["Ash"]),
        ("Account.Name = null", ["Birch", "Cedar", "O'Dell"]),
        ("Owner.Username LIKE 'admin%'", ["Ash", "Birch", "Cedar", "O'Dell"]),
        ("Name = 'dora o\\'dell'", ["O'Dell"]),
        ("Contact.LastName = 'Ash'", ["Ash"]),
    ],
)
def test_a_condition_finds_whom_it_describes(people, where, expected):
    found = people.names(f"SELECT LastName FROM Contact WHERE {where} ORDER BY LastName")
    assert found == expected


def test_ids_are_found_in_both_lengths_and_an_unknown_one_is_nobody(people):
    ada = people.ids["Ash"]
    assert people.names(f"SELECT LastName FROM Contact WHERE Id = '{ada[:15]}'") == ["Ash"]
    assert people.names(
        f"SELECT LastName FROM Contact WHERE Id IN ('{ada}', '0035f00000zzzzzAAA')"
    ) == ["Ash"]
    assert people.names(f"SELECT LastName FROM Contact WHERE Id > '{people.ids['Cedar']}'") == [
        "O'Dell"
    ]


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("ORDER BY LastName DESC", ["O'Dell", "Cedar", "Birch", "Ash"]),
        ("ORDER BY PenguinMails_Lead_Score__c", ["O'Dell", "Cedar", "Ash", "Birch"]),
        ("ORDER BY PenguinMails_Lead_Score__c ASC NULLS LAST", ["Cedar", "Ash", "Birch", "O'Dell"]),
        (
            "ORDER BY PenguinMails_Lead_Score__c DESC NULLS LAST",
            ["Birch", "Ash", "Cedar", "O'Dell"],
        ),
        ("ORDER BY HasOptedOutOfEmail DESC, LastName DESC", ["Birch", "O'Dell", "Cedar", "Ash"]),
        ("ORDER BY Account.Name NULLS LAST, LastName", ["Ash", "Birch", "Cedar", "O'Dell"]),
        ("ORDER BY LastName LIMIT 2", ["Ash", "Birch"]),
        ("ORDER BY LastName LIMIT 2 OFFSET 1", ["Birch", "Cedar"]),
        ("ORDER BY LastName OFFSET 3", ["O'Dell"]),
        ("ORDER BY LastName LIMIT 0", []),
    ],
)
def test_order_limit_and_offset(people, tail, expected):
    assert people.names(f"SELECT LastName FROM Contact {tail}") == expected


def test_a_record_has_its_attributes_and_the_orgs_own_spelling(people):
    record = people.query(
        "select id, lastname, account.NAME, Owner.Id from contact c where c.lastname = 'Ash'"
    )["records"][0]
    ada = people.ids["Ash"]
    assert record["attributes"] == {
        "type": "Contact",
        "url": f"/services/data/v65.0/sobjects/Contact/{ada}",
    }
    assert (record["Id"], record["LastName"]) == (ada, "Ash")
    assert record["Account"]["Name"] == "Acme"
    assert record["Account"]["attributes"]["type"] == "Account"
    assert record["Owner"]["Id"] == people.state.admin_id


def test_a_missing_parent_is_null(people):
    assert people.names("SELECT Account.Name FROM Contact WHERE LastName = 'Birch'", "Account") == [
        None
    ]


def test_values_have_rests_formats(people):
    record = people.query(
        "SELECT CreatedDate, Birthdate, PenguinMails_Lead_Score__c, HasOptedOutOfEmail, Title FROM Contact WHERE LastName = 'Ash'"
    )["records"][0]
    assert record["CreatedDate"].endswith(".000+0000")
    assert record["Birthdate"] == "1990-05-01"
    assert isinstance(record["PenguinMails_Lead_Score__c"], float)
    assert record["HasOptedOutOfEmail"] is False
    assert record["Title"] is None


def test_counting(people):
    assert people.query("SELECT COUNT() FROM Contact WHERE Email != null") == {
        "totalSize": 3,
        "done": True,
        "records": [],
    }
    record = people.query(
        "SELECT COUNT(Email), MAX(PenguinMails_Lead_Score__c) top, MIN(LastName), SUM(PenguinMails_Lead_Score__c), AVG(PenguinMails_Lead_Score__c), COUNT_DISTINCT(Email) FROM Contact"
    )["records"][0]
    assert record == {
        "attributes": {"type": "AggregateResult"},
        "expr0": 3,
        "top": 20.0,
        "expr1": "Ash",
        "expr2": 35.0,
        "expr3": 35 / 3,
        "expr4": 3,
    }


def test_grouping(people):
    query = "SELECT HasOptedOutOfEmail, COUNT(Id) n FROM Contact GROUP BY HasOptedOutOfEmail ORDER BY COUNT(Id) DESC LIMIT 1"
    assert people.query(query)["records"] == [
        {"attributes": {"type": "AggregateResult"}, "HasOptedOutOfEmail": False, "n": 3}
    ]
    assert (
        people.query(
            "SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name ORDER BY Account.Name"
        )["totalSize"]
        == 2
    )


def test_a_tasks_people_are_contacts_or_leads(people):
    lead = people.create("Lead", LastName="Elm", Company="Elm Ltd", Email="e@elm.example")
    people.create("Task", WhoId=people.ids["Ash"], Subject="to a contact")
    people.create("Task", WhoId=lead, Subject="to a lead")
    people.create("Task", Subject="to nobody")
    query = (
        "SELECT Subject, Who.Type, Who.Name, Who.Email FROM Task WHERE Who.Type {} ORDER BY Subject"
    )
    found = people.query(query.format("IN ('Contact', 'Lead')"))["records"]
    assert [(each["Who"]["Type"], each["Who"]["Name"], each["Who"]["Email"]) for each in found] == [
        ("Contact", "Ada Ash", "Ada@Acme.example"),
        ("Lead", "Elm", "e@elm.example"),
    ]
    assert people.names(query.format("= null"), "Who") == [None]
    assert people.names(
        "SELECT LastName FROM Contact WHERE Id IN (SELECT WhoId FROM Task WHERE Subject LIKE 'to a%')"
    ) == ["Ash"]
    assert (
        len(people.names("SELECT LastName FROM Contact WHERE Id NOT IN (SELECT WhoId FROM Task)"))
        == 3
    )


def test_fields_gives_them_all(people):
    record = people.query("SELECT FIELDS(ALL) FROM Contact LIMIT 1")["records"][0]
    describe = people.get("/sobjects/Contact/describe").json()
    assert list(record)[1:] == [field["name"] for field in describe["fields"]]
    custom = people.query("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 200")["records"][0]
    assert all(name.endswith("__c") for name in list(custom)[1:])
    assert (
        "PenguinMails_Id__c"
        not in people.query("SELECT FIELDS(STANDARD) FROM Contact")["records"][0]
    )


POINTED = "\n{}\n{}^\nERROR at Row:1:Column:{}\n{}"


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        (
            "SELECT Id FROM Contact WHER Email = 'x'",
            "MALFORMED_QUERY",
            "ERROR at Row:1:Column:29\nunexpected token: 'Email'",
        ),
        ("SELECT Id, FROM Contact", "MALFORMED_QUERY", "unexpected token: 'Contact'"),
        ("SELECT * FROM Contact", "MALFORMED_QUERY", "unexpected token: '*'"),
        ("SELECT Id", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        (
            "SELECT Id FROM Contact WHERE Email = 'x' AND Title = 'y' OR Title = 'z'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        (
            "SELECT Id FROM Contact WHERE Email = 'o\\k'",
            "MALFORMED_QUERY",
            "Illegal character sequence '\\k'",
        ),
        ("SELECT Id FROM Contact WHERE Email IN ()", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Contact WHERE Email IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"),
        ('SELECT Id FROM Contact WHERE Email = "x"', "MALFORMED_QUERY", "unexpected token"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1", "MALFORMED_QUERY", "FIELDS(CUSTOM)"),
        (
            "SELECT Company FROM Contact",
            "INVALID_FIELD",
            "No such column 'Company' on entity 'Contact'. If you are attempting",
        ),
        (
            "SELECT Id FROM Contact WHERE Nope = 1",
            "INVALID_FIELD",
            "No such column 'Nope' on entity 'Contact'",
        ),
        ("SELECT Id FROM Contact ORDER BY Nope", "INVALID_FIELD", "No such column 'Nope'"),
        (
            "SELECT Acount.Name FROM Contact",
            "INVALID_FIELD",
            "Didn't understand relationship 'Acount' in field path",
        ),
        (
            "SELECT Who.Company FROM Task",
            "INVALID_FIELD",
            "No such column 'Company' on entity 'Name'",
        ),
        ("SELECT Id, id FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"),
        (
            "SELECT Id FROM Contact WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        (
            "SELECT Id FROM Contact ORDER BY Description",
            "INVALID_FIELD",
            "field 'Description' can not be sorted in a query call",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01'",
            "INVALID_FIELD",
            "must be of type dateTime and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Id FROM Contact WHERE Birthdate = 2026-02-30",
            "INVALID_FIELD",
            "must be of type date",
        ),
        (
            "SELECT Id FROM Contact WHERE Email = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE HasOptedOutOfEmail = 'true'",
            "INVALID_FIELD",
            "must be of type boolean",
        ),
        ("SELECT Id FROM Contact WHERE Email = TODAY", "INVALID_FIELD", "must be of type string"),
        (
            "SELECT Id FROM Contact WHERE Id = 'abc'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: abc",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate LIKE 'x'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator",
        ),
        (
            "SELECT Id FROM Contact WHERE HasOptedOutOfEmail > true",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator",
        ),
        ("SELECT Id FROM Contakt", "INVALID_TYPE", "sObject type 'Contakt' is not supported."),
        (
            "SELECT Id FROM Contact OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ),
        (
            "SELECT LastName, COUNT(Id) FROM Contact",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated",
        ),
        (
            "SELECT SUM(LastName) FROM Contact",
            "MALFORMED_QUERY",
            "does not support aggregate operator SUM",
        ),
        (
            "SELECT Id FROM Contact WHERE Id IN (SELECT Subject FROM Task)",
            "MALFORMED_QUERY",
            "semi join",
        ),
        (
            "SELECT Id FROM Contact WHERE " + " AND ".join(["Id IN (SELECT WhoId FROM Task)"] * 3),
            "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS",
            "Maximum 2",
        ),
        (
            f"SELECT Id FROM Contact WHERE Title = '{'x' * 100_000}'",
            "MALFORMED_QUERY",
            "longer than 100000 characters",
        ),
    ],
)
def test_a_wrong_query_is_refused_in_salesforces_words(org, query, code, words):
    org.state.insert_system("Contact", {"LastName": "One"})
    with pytest.raises(ApiError) as refused:
        soql.run(org.state, query)
    assert refused.value.code == code
    assert words in refused.value.message


def test_the_refusal_points_at_the_place(rest):
    code, message = rest.refusal("SELECT Foo FROM Contact")
    assert code == "INVALID_FIELD"
    assert message.startswith(
        "\nSELECT Foo FROM Contact\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'Contact'."
    )


def test_fields_is_unknown_to_old_versions(rest):
    rest.base = "/services/data/v50.0"
    assert rest.refusal("SELECT FIELDS(STANDARD) FROM Contact")[0] == "MALFORMED_QUERY"


def test_words_of_the_language_may_be_field_names(people):
    people.create("Task", Subject="x", Type="Call")
    assert people.names("SELECT Type FROM Task WHERE Type = 'Call' ORDER BY Type", "Type") == [
        "Call"
    ]
    assert people.names("SELECT ID FROM Lead ORDER BY Status", "Id") == []


def test_space_and_line_breaks_do_not_matter(people):
    assert people.names(
        "SELECT\n\tLastName\nFROM Contact\nWHERE\nEmail\nIN\n(\n'bob@acme.example'\n)"
    ) == ["Birch"]


def test_deleted_people_and_archived_tasks_are_for_query_all(people):
    people.delete(f"/sobjects/Contact/{people.ids['Cedar']}")
    people.create("Task", Subject="old", Status="Completed", ActivityDate="2020-01-01")
    people.local("archive", {})
    assert "Cedar" not in people.names("SELECT LastName FROM Contact")
    assert people.names(
        "SELECT LastName FROM Contact WHERE IsDeleted = true", resource="queryAll"
    ) == ["Cedar"]
    assert people.names("SELECT Subject FROM Task", "Subject") == []
    assert people.names("SELECT IsArchived FROM Task", "IsArchived", "queryAll") == [True]


def test_hidden_opt_out_is_no_column(people):
    people.local("settings", {"hide_opt_out": True})
    assert people.refusal("SELECT HasOptedOutOfEmail FROM Contact")[0] == "INVALID_FIELD"
    assert "HasOptedOutOfEmail" not in people.get(f"/sobjects/Contact/{people.ids['Ash']}").json()


def test_the_users_time_zone_says_when_a_day_begins(people):
    to_midnight = 86_400 - people.state.stamp() % 86_400
    people.advance(to_midnight + 3_600)  # 01:00 UTC: still yesterday in Los Angeles
    people.create(LastName="Late")
    people.advance(8 * 3_600)
    assert "Late" not in people.names("SELECT LastName FROM Contact WHERE CreatedDate = TODAY")
    assert "Late" in people.names("SELECT LastName FROM Contact WHERE CreatedDate = YESTERDAY")


_ORG = LocalOrg(LocalOrgConfig(contacts=0, leads=0))


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_quoted_text_is_read_back_as_itself(text):
    wanted = text.strip()
    row = {"LastName": "x", "Title": wanted or None}
    for condition in (
        f"Title = {quoted(wanted)}",
        f"Title IN ('no', {quoted(wanted)})",
        f"Title IN ({quoted(wanted)}, null)",
    ):
        assert soql.holds(_ORG.state, "Contact", condition, row)
    assert not soql.holds(_ORG.state, "Contact", f"Title = {quoted(wanted + '!')}", row)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("aB%_'\\ .*"), min_size=1, max_size=12))
def test_an_escaped_like_pattern_matches_just_that_text(text):
    pattern = text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\%").replace("_", "\\_")
    assert soql.holds(
        _ORG.state, "Contact", f"Title LIKE '{pattern}'", {"LastName": "x", "Title": text}
    )
    assert not soql.holds(
        _ORG.state, "Contact", f"Title LIKE '{pattern}'", {"LastName": "x", "Title": text + "c"}
    )
    assert soql.holds(
        _ORG.state, "Contact", f"Title LIKE '%{pattern}%'", {"LastName": "x", "Title": f"c{text}c"}
    )
