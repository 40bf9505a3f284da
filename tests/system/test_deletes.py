"""Deletes never spread by surprise: soft ones only, and a brake before too many."""

import pytest

NOTHING_DELETED = "SELECT * FROM contacts WHERE deleted_at IS NOT NULL"


@pytest.fixture(scope="module")
def followed(new_workspace):
    """A few things end in Salesforce, and a few rows here; then a sync."""
    workspace = new_workspace(contacts=8, leads=1)
    edited, undeleted, dropped, softened, loser, master, *_ = workspace.people()
    lead = workspace.people("Lead")[0]
    workspace.local("delete", id=undeleted)
    workspace.do_in_process("pull")
    was_deleted = workspace.row(undeleted)["deleted_at"]
    workspace.local("undelete", id=undeleted)
    workspace.sql("UPDATE contacts SET phone = 'typed here' WHERE salesforce_id = ?", edited)
    workspace.local("delete", id=edited)
    workspace.sql("DELETE FROM contacts WHERE salesforce_id = ?", dropped)
    workspace.sql(
        "UPDATE contacts SET deleted_at = '2026-01-20T00:00:00Z' WHERE salesforce_id = ?", softened
    )
    workspace.sql(
        "UPDATE contacts SET unsubscribed = 1, total_opens = 4 WHERE salesforce_id = ?", loser
    )
    workspace.local("merge", master=master, losers=[loser])
    contact = workspace.local("convert", lead=lead)["contact"]
    told = workspace.do("sync")
    people = {
        "edited": edited, "undeleted": undeleted, "dropped": dropped, "softened": softened,
        "loser": loser, "master": master, "lead": lead, "contact": contact,
    }  # fmt: skip
    return workspace, people, was_deleted, told


def test_a_record_deleted_there_is_soft_deleted_here_and_comes_back_with_an_undelete(followed):
    workspace, people, was_deleted, _ = followed
    assert was_deleted
    assert workspace.row(people["undeleted"])["deleted_at"] is None


def test_what_was_typed_into_a_row_whose_record_is_deleted_is_kept_as_a_conflict(followed):
    workspace, people, _, _ = followed
    row = workspace.row(people["edited"])
    assert row["deleted_at"]
    kept = workspace.sql('SELECT "column", local FROM conflicts WHERE person_id = ?', row["id"])
    assert kept == [{"column": "phone", "local": "typed here"}]


@pytest.mark.parametrize("who", ["dropped", "softened"])
def test_a_row_deleted_here_leaves_its_record_in_salesforce(followed, who):
    workspace, people, _, _ = followed
    assert workspace.record(people[who])["IsDeleted"] is False


def test_a_merged_record_is_soft_deleted_and_what_it_was_owed_goes_to_its_survivor(followed):
    workspace, people, _, _ = followed
    assert workspace.row(people["loser"])["deleted_at"]
    here, there = workspace.row(people["master"]), workspace.record(people["master"])
    assert (here["unsubscribed"], there["PenguinMails_Unsubscribed__c"], there["HasOptedOutOfEmail"]) == (
        1, True, True,
    )  # fmt: skip
    assert (here["total_opens"], there["PenguinMails_Total_Opens__c"]) == (4, 4.0)


def test_a_converted_lead_is_soft_deleted_and_its_contact_is_here(followed):
    workspace, people, _, _ = followed
    assert workspace.row(people["lead"])["deleted_at"]
    assert workspace.row(people["contact"])["deleted_at"] is None


# -- the brake -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def braked(new_workspace):
    """21 records vanish in Salesforce at once; the limit is 20."""
    workspace = new_workspace(contacts=40, leads=0)
    workspace.local("delete", ids=workspace.people()[:21])
    before, rows = workspace.everything(), workspace.rows()
    runs = {command: workspace.run(command, "--json") for command in ("pull", "sync")}
    between = workspace.everything() == before, workspace.rows() == rows
    allowed = workspace.run("pull", "--allow-mass-change", "--json")
    return workspace, runs, between, allowed


@pytest.mark.parametrize("command", ["pull", "sync"])
def test_too_many_deletes_stop_the_run_with_exit_code_7(braked, command):
    ran = braked[1][command]
    [error] = ran.document["errors"]
    assert (ran.code, ran.document["exit_code"], error["slug"]) == (7, 7, "unsafe-plan")
    assert "21" in error["message"]
    assert "--allow-mass-change" in error["hint"]


def test_a_stopped_run_applies_nothing_on_either_side(braked):
    assert braked[2] == (True, True)


def test_a_stopped_run_is_not_the_last_good_one(braked):
    workspace = braked[0]
    states = {
        run["command"]: run["status"]
        for run in workspace.sql("SELECT command, status FROM runs ORDER BY started_at")
    }
    assert states["sync"] == "unsafe-plan"


def test_a_mass_change_that_somebody_allows_goes_through(braked):
    workspace, _, _, allowed = braked
    assert (allowed.code, allowed.data["objects"]["contact"]["deleted"]) == (0, 21)
    assert len(workspace.sql(NOTHING_DELETED)) == 21


@pytest.fixture(scope="module")
def blanked(new_workspace):
    """21 phone numbers are blanked here at once, then one is put back."""
    workspace = new_workspace(contacts=40, leads=0)
    workspace.sql("UPDATE contacts SET phone = NULL WHERE id <= 21")
    before, rows = workspace.everything(), workspace.rows()
    stopped = workspace.run("push", "--json")
    between = workspace.everything() == before, workspace.rows() == rows
    [one] = [row for row in before["Contact"] if row["Id"] == rows[0]["salesforce_id"]]
    workspace.sql("UPDATE contacts SET phone = ? WHERE id = 1", one["Phone"])
    workspace.do("push")
    return workspace, stopped, between


def test_too_many_blanks_stop_a_push_with_exit_code_7_and_nothing_sent(blanked):
    _, stopped, between = blanked
    assert (stopped.code, between) == (7, (True, True))


def test_as_many_as_the_limit_allows_go_through(blanked):
    phones = [record["Phone"] for record in blanked[0].records().values()]
    assert phones.count(None) == 20
