"""A company typed in the mirror, through the installed command and over HTTP: the Contact belongs to its Account."""

from collections.abc import Callable

import pytest

from tests.system.workspace import Workspace

POLICY = "# company: {lookup: Account.Name, on_missing: skip}"


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    """Accounts that are missing are made."""
    return new_workspace((POLICY, "company: {lookup: Account.Name, on_missing: create}"))


def account_of(workspace: Workspace, contact: str) -> str | None:
    account = workspace.record(contact)["AccountId"]
    return workspace.records("Account")[account]["Name"] if account else None


def test_names_link_to_accounts_that_are_there_and_to_new_ones(workspace: Workspace) -> None:
    first, second, third = workspace.people()[:3]
    there = workspace.create("Account", Name="Ægir & O'Hara AG")
    for contact, name in ((first, "ægir & o'hara ag"), (second, "Brand New"), (third, "Brand New")):
        workspace.sql("UPDATE contacts SET company = ? WHERE salesforce_id = ?", name, contact)
    before = len(workspace.records("Account"))
    assert workspace.do("sync")["push"]["contact"]["updated"] == 3
    assert workspace.record(first)["AccountId"] == there
    assert [account_of(workspace, each) for each in (second, third)] == ["Brand New", "Brand New"]
    assert len(workspace.records("Account")) == before + 1
    assert workspace.row(first)["company"] == "Ægir & O'Hara AG"
    with workspace.counted() as cost:
        assert workspace.do("sync")["push"]["contact"]["updated"] == 0
    assert cost["used"] <= 2


def test_a_name_that_is_not_there_is_put_aside_where_nothing_is_to_be_made(
    workspace: Workspace,
) -> None:
    workspace.configure(("on_missing: create", "on_missing: skip"))
    contact = workspace.people()[3]
    held = account_of(workspace, contact)
    workspace.sql(
        "UPDATE contacts SET company = 'Nowhere', phone = '77' WHERE salesforce_id = ?", contact
    )
    ran = workspace.run("sync", "--json")
    assert ran.code == 3, ran
    assert (workspace.record(contact)["Phone"], account_of(workspace, contact)) == ("77", held)
    [entry] = workspace.do_in_process("quarantine")["quarantine"]
    assert (entry["code"], entry["hint"]) == (
        "NO_SUCH_COMPANY",
        "Make the Account, or correct the name, then `sfsync retry`.",
    )
    workspace.create("Account", Name="Nowhere")
    workspace.do_in_process("retry")
    assert account_of(workspace, contact) == "Nowhere"
