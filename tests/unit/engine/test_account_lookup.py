"""A company typed in the mirror: the Contact is linked to the Account of that name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.mapping import Direction, OnMissing
from tests.sides import MAPPING, Sides, with_object

ADA = "ada@x.example"


def linking(on_missing: OnMissing) -> object:
    fields = tuple(
        replace(field, direction=Direction.BOTH, on_missing=on_missing)
        if field.remote == "Account.Name"
        else field
        for field in MAPPING.objects["contact"].fields
    )
    return with_object(MAPPING, "contact", fields=fields)


@pytest.fixture
def skipping(sides: Sides) -> Sides:
    """Both sides know Ada; names that no Account bears are put aside."""
    sides.reopen(linking(OnMissing.SKIP))  # type: ignore[arg-type]
    sides.org.create("Contact", LastName="A", Email=ADA)
    sides.sync()
    return sides


@pytest.fixture
def creating(skipping: Sides) -> Sides:
    """The same, and such Accounts are made."""
    skipping.reopen(linking(OnMissing.CREATE))  # type: ignore[arg-type]
    skipping.sync()
    return skipping


def accounts(sides: Sides) -> list[str]:
    return [raw["Name"] for raw in sides.org.live("Account")]


def of_ada(sides: Sides) -> str | None:
    """The name of Ada's Account, as the org has it."""
    [ada] = [raw for raw in sides.org.live("Contact") if raw["Email"] == ADA]
    return sides.remote(ada["AccountId"], "Name") if ada.get("AccountId") else None


def type_company(sides: Sides, name: str | None) -> None:
    sides.edit("UPDATE contacts SET company = ? WHERE email = ?", name, ADA)


def test_a_name_that_one_account_bears_links_to_it_whatever_its_capitals(skipping: Sides) -> None:
    skipping.org.create("Account", Name="Acme AG")
    type_company(skipping, "  acme ag")
    skipping.sync()
    assert of_ada(skipping) == "Acme AG"
    assert skipping.local(ADA, "company") == "Acme AG", "spelled as the org spells it"
    assert skipping.conflicts() == []
    skipping.sync_until_quiet(at_most=1)


def test_a_name_that_nobody_bears_is_put_aside_once_and_the_rest_of_the_row_goes(
    skipping: Sides,
) -> None:
    type_company(skipping, "Nowhere Ltd")
    skipping.edit("UPDATE contacts SET phone = '5' WHERE email = ?", ADA)
    report = skipping.sync()
    assert report.push["contact"].quarantined == 1
    assert skipping.refusals() == ["NO_SUCH_COMPANY"]
    assert of_ada(skipping) is None
    assert [raw["Phone"] for raw in skipping.org.live("Contact")] == ["5"]
    assert skipping.local(ADA, "company") == "Nowhere Ltd", "what was typed stays"
    again = skipping.sync()
    assert (again.quarantined, accounts(skipping)) == (0, [])


def test_once_the_account_is_there_a_retry_links_it(skipping: Sides) -> None:
    type_company(skipping, "Late GmbH")
    skipping.sync()
    skipping.org.create("Account", Name="Late GmbH")
    skipping.mirror.quarantine.retry()
    skipping.sync()
    assert of_ada(skipping) == "Late GmbH"
    assert skipping.refusals() == []


def test_a_name_that_several_bear_is_never_guessed(creating: Sides) -> None:
    creating.org.create("Account", Name="Twin")
    creating.org.create("Account", Name="twin")
    type_company(creating, "Twin")
    creating.sync()
    assert creating.refusals() == ["SEVERAL_COMPANIES"]
    assert of_ada(creating) is None


def test_an_account_is_made_once_for_all_who_name_it(creating: Sides) -> None:
    type_company(creating, "New Co")
    creating.edit(
        "INSERT INTO contacts (email, last_name, company) VALUES ('b@x.example', 'B', 'NEW CO')"
    )
    creating.sync()
    assert accounts(creating) == ["New Co"]
    assert {raw["AccountId"] for raw in creating.org.live("Contact")} == {
        raw["Id"] for raw in creating.org.live("Account")
    }
    creating.sync_until_quiet(at_most=2)
    assert accounts(creating) == ["New Co"]


def test_an_account_whose_reply_was_lost_is_found_not_made_again(creating: Sides) -> None:
    type_company(creating, "Lost Reply Inc")
    creating.org.trouble.lost_replies = 1
    report = creating.sync()
    assert any("not linked to a company now" in warning for warning in report.warnings)
    assert creating.refusals() == [], "nothing to decide: the next run goes on"
    creating.sync()
    assert (accounts(creating), of_ada(creating)) == (["Lost Reply Inc"], "Lost Reply Inc")


def test_an_account_that_the_org_refuses_is_told_in_its_words(creating: Sides) -> None:
    creating.org.trouble.rejected = lambda write: (
        ("DUPLICATES_DETECTED", "You're creating a duplicate")
        if write.sobject == "Account"
        else None
    )
    type_company(creating, "Refused")
    creating.sync()
    [(code, message)] = creating.look("SELECT code, message FROM quarantine")
    assert code == "DUPLICATES_DETECTED"
    assert "You're creating a duplicate" in message


def test_two_who_chose_another_company_are_a_conflict_with_both_names_kept(skipping: Sides) -> None:
    there = skipping.org.create("Account", Name="Theirs")
    skipping.org.create("Account", Name="Ours")
    type_company(skipping, "Ours")
    [ada] = skipping.org.live("Contact")
    skipping.org.edit(ada["Id"], AccountId=there)
    skipping.sync()
    assert (of_ada(skipping), skipping.local(ADA, "company")) == ("Theirs", "Theirs")
    assert [row[:3] for row in skipping.conflicts()] == [("company", "Ours", "Theirs")]


def test_a_company_taken_away_here_unlinks_the_record(skipping: Sides) -> None:
    skipping.org.create("Account", Name="Past")
    type_company(skipping, "Past")
    skipping.sync()
    type_company(skipping, None)
    skipping.sync()
    assert of_ada(skipping) is None
    skipping.sync_until_quiet(at_most=1)


def test_a_dry_run_makes_no_account(creating: Sides) -> None:
    type_company(creating, "Only Thought Of")
    creating.push(dry_run=True)
    assert accounts(creating) == []


def test_many_names_take_one_question_for_some_hundred(skipping: Sides) -> None:
    for number in range(40):
        skipping.org.create("Account", Name=f"Co {number}")
        skipping.edit(
            "INSERT INTO contacts (email, last_name, company) VALUES (?, 'N', ?)",
            f"n{number}@x.example",
            f"co {number}",
        )
    skipping.org.calls.clear()
    skipping.push()
    assert skipping.org.calls.count("find") == 2, "the people by address, their companies by name"
    assert sum(bool(raw.get("AccountId")) for raw in skipping.org.live("Contact")) == 40
