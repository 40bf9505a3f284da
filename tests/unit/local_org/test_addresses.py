"""Orgs whose admin has switched on state and country picklists, or person accounts."""

import pytest

CODES = {"MailingStateCode", "MailingCountryCode"}


@pytest.fixture
def listed(rest):
    rest.local("settings", {"state_country_picklists": True})
    return rest


def fields(rest, sobject="Contact"):
    return {
        each["name"]: each for each in rest.get(f"/sobjects/{sobject}/describe").json()["fields"]
    }


def refused(answer):
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()
    return error["errorCode"], error["message"], error["fields"]


def address(rest, record_id):
    told = rest.get(f"/sobjects/Contact/{record_id}").json()
    return [told[f"Mailing{part}"] for part in ("Country", "CountryCode", "State", "StateCode")]


def test_the_codes_are_fields_only_while_the_lists_are_on(rest):
    assert not CODES & fields(rest).keys()
    rest.local("settings", {"state_country_picklists": True})
    assert fields(rest).keys() >= CODES
    assert {"StateCode", "CountryCode"} <= fields(rest, "Lead").keys()
    rest.create(MailingCountry="Canada")
    assert rest.names("SELECT MailingCountryCode FROM Contact", "MailingCountryCode") == ["CA"]
    rest.local("settings", {"state_country_picklists": False})
    assert rest.refusal("SELECT MailingCountryCode FROM Contact")[0] == "INVALID_FIELD"
    assert (
        rest.post("/sobjects/Contact", {"LastName": "A", "MailingCountryCode": "CA"}).status_code
        == 400
    )


def test_a_name_brings_its_code_and_a_code_its_name(listed):
    by_name = listed.create(MailingCountry="united states", MailingState="Texas")
    assert address(listed, by_name) == ["United States", "US", "Texas", "TX"]
    by_code = listed.create(MailingCountryCode="CA", MailingStateCode="QC")
    assert address(listed, by_code) == ["Canada", "CA", "Quebec", "QC"]
    compound = listed.get(f"/sobjects/Contact/{by_code}").json()["MailingAddress"]
    assert (compound["stateCode"], compound["countryCode"]) == ("QC", "CA")
    assert listed.patch(f"/sobjects/Contact/{by_code}", {"MailingState": None}).status_code == 204
    assert address(listed, by_code) == ["Canada", "CA", None, None]
    assert (
        listed.patch(f"/sobjects/Contact/{by_code}", {"MailingState": "Ontario"}).status_code == 204
    )
    assert address(listed, by_code)[2:] == ["Ontario", "ON"]


@pytest.mark.parametrize(
    ("values", "words", "field"),
    [
        ({"MailingCountry": "USA"}, "There's a problem with this country", "MailingCountry"),
        ({"MailingState": "Texas"}, "must be specified before specifying a state", "MailingState"),
        (
            {"MailingCountry": "Canada", "MailingState": "Texas"},
            "doesn't recognize the state",
            "MailingState",
        ),
        (
            {"MailingCountry": "Spain", "MailingState": "Madrid"},
            "doesn't recognize the state",
            "MailingState",
        ),
        ({"MailingCountryCode": "ZZ"}, "isn't an available country", "MailingCountryCode"),
        (
            {"MailingCountryCode": "US", "MailingStateCode": "QC"},
            "isn't an available state",
            "MailingStateCode",
        ),
    ],
)
def test_what_is_on_no_list_is_refused(listed, values, words, field):
    code, message, at = refused(listed.post("/sobjects/Contact", {"LastName": "A", **values}))
    assert (code, at) == ("FIELD_INTEGRITY_EXCEPTION", [field])
    assert words in message


def test_a_state_does_not_outlive_its_country(listed):
    made = listed.create(MailingCountry="Canada", MailingState="Ontario")
    told = refused(listed.patch(f"/sobjects/Contact/{made}", {"MailingCountry": "Spain"}))
    assert "doesn't recognize the state" in told[1]
    assert address(listed, made)[0] == "Canada"


def test_what_stood_there_before_stays_until_it_is_written(rest):
    made = rest.create(MailingCountry="USA")
    rest.local("settings", {"state_country_picklists": True})
    assert rest.patch(f"/sobjects/Contact/{made}", {"Title": "Head of Ice"}).status_code == 204
    assert address(rest, made) == ["USA", None, None, None]


def test_person_accounts_have_a_field_that_nobody_writes(rest):
    assert "IsPersonAccount" not in {**fields(rest), **fields(rest, "Account")}
    made = rest.create()
    rest.local("settings", {"person_accounts": True})
    for sobject in ("Contact", "Account"):
        seen = fields(rest, sobject)["IsPersonAccount"]
        assert (seen["type"], seen["createable"], seen["updateable"]) == ("boolean", False, False)
    assert rest.get(f"/sobjects/Contact/{made}").json()["IsPersonAccount"] is False
    assert len(rest.names("SELECT LastName FROM Contact WHERE IsPersonAccount = false")) == 1
    told = refused(rest.patch(f"/sobjects/Contact/{made}", {"IsPersonAccount": True}))
    assert told[0] == "INVALID_FIELD_FOR_INSERT_UPDATE"
