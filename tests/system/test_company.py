"""A company typed in the mirror, through the installed command and over HTTP: the Contact belongs to its Account."""

from collections.abc import Callable

import pytest

from tests.system.office import Office

POLICY = "# company: {lookup: Account.Name, on_missing: skip}"


@pytest.fixture(scope="module")
def office(open_one: Callable[..., Office]) -> Office:
    """Accounts that are missing are made."""
    return open_one((POLICY, "company: {lookup: Account.Name, on_missing: create}"))


def account_of(office: Office, contact: str) -> str | None:
    account = office.record(contact)["AccountId"]
    return office.records("Account")[account]["Name"] if account else None


def test_names_link_to_accounts_that_are_there_and_to_new_ones(office: Office) -> None:
    first, second, third = office.people()[:3]
    there = office.create("Account", Name="Ægir & O'Hara AG")
    for contact, name in ((first, "ægir & o'hara ag"), (second, "Brand New"), (third, "Brand New")):
        office.sql("UPDATE contacts SET company = ? WHERE salesforce_id = ?", name, contact)
    before = len(office.records("Account"))
    assert office.do("sync")["push"]["contact"]["updated"] == 3
    assert office.record(first)["AccountId"] == there
    assert [account_of(office, each) for each in (second, third)] == ["Brand New", "Brand New"]
    assert len(office.records("Account")) == before + 1
    assert office.row(first)["company"] == "Ægir & O'Hara AG"
    with office.counted() as cost:
        assert office.do("sync")["push"]["contact"]["updated"] == 0
    assert cost["used"] <= 2


def test_a_name_that_is_not_there_is_put_aside_where_nothing_is_to_be_made(office: Office) -> None:
    office.configure(("on_missing: create", "on_missing: skip"))
    contact = office.people()[3]
    held = account_of(office, contact)
    office.sql(
        "UPDATE contacts SET company = 'Nowhere', phone = '77' WHERE salesforce_id = ?", contact
    )
    ran = office.run("sync", "--json")
    assert ran.code == 3, ran
    assert (office.record(contact)["Phone"], account_of(office, contact)) == ("77", held)
    [entry] = office.do("quarantine")["quarantine"]
    assert (entry["code"], entry["hint"]) == (
        "NO_SUCH_COMPANY",
        "Make the Account, or correct the name, then `sfsync retry`.",
    )
    office.create("Account", Name="Nowhere")
    office.do("retry")
    assert account_of(office, contact) == "Nowhere"
