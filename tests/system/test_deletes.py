"""Deletes never spread by surprise: soft ones only, and a brake before too many."""

import pytest

NOTHING_DELETED = "SELECT * FROM contacts WHERE deleted_at IS NOT NULL"


@pytest.fixture(scope="module")
def followed(open_one):
    """A few things end in Salesforce, and a few rows here; then a sync."""
    office = open_one(contacts=8, leads=1)
    edited, undeleted, dropped, softened, loser, master, *_ = office.people()
    lead = office.people("Lead")[0]
    office.local("delete", id=undeleted)
    office.do("pull")
    was_deleted = office.row(undeleted)["deleted_at"]
    office.local("undelete", id=undeleted)
    office.sql("UPDATE contacts SET phone = 'typed here' WHERE salesforce_id = ?", edited)
    office.local("delete", id=edited)
    office.sql("DELETE FROM contacts WHERE salesforce_id = ?", dropped)
    office.sql(
        "UPDATE contacts SET deleted_at = '2026-01-20T00:00:00Z' WHERE salesforce_id = ?", softened
    )
    office.sql(
        "UPDATE contacts SET unsubscribed = 1, total_opens = 4 WHERE salesforce_id = ?", loser
    )
    office.local("merge", master=master, losers=[loser])
    contact = office.local("convert", lead=lead)["contact"]
    told = office.do("sync")
    people = {
        "edited": edited, "undeleted": undeleted, "dropped": dropped, "softened": softened,
        "loser": loser, "master": master, "lead": lead, "contact": contact,
    }  # fmt: skip
    return office, people, was_deleted, told


def test_a_record_deleted_there_is_soft_deleted_here_and_comes_back_with_an_undelete(followed):
    office, people, was_deleted, _ = followed
    assert was_deleted
    assert office.row(people["undeleted"])["deleted_at"] is None


def test_what_was_typed_into_a_row_whose_record_is_deleted_is_kept_as_a_conflict(followed):
    office, people, _, _ = followed
    row = office.row(people["edited"])
    assert row["deleted_at"]
    kept = office.sql('SELECT "column", local FROM conflicts WHERE person_id = ?', row["id"])
    assert kept == [{"column": "phone", "local": "typed here"}]


@pytest.mark.parametrize("who", ["dropped", "softened"])
def test_a_row_deleted_here_leaves_its_record_in_salesforce(followed, who):
    office, people, _, _ = followed
    assert office.record(people[who])["IsDeleted"] is False


def test_a_merged_record_is_soft_deleted_and_what_it_was_owed_goes_to_its_survivor(followed):
    office, people, _, _ = followed
    assert office.row(people["loser"])["deleted_at"]
    here, there = office.row(people["master"]), office.record(people["master"])
    assert (here["unsubscribed"], there["PenguinMails_Unsubscribed__c"], there["HasOptedOutOfEmail"]) == (
        1, True, True,
    )  # fmt: skip
    assert (here["total_opens"], there["PenguinMails_Total_Opens__c"]) == (4, 4.0)


def test_a_converted_lead_is_soft_deleted_and_its_contact_is_here(followed):
    office, people, _, _ = followed
    assert office.row(people["lead"])["deleted_at"]
    assert office.row(people["contact"])["deleted_at"] is None


# -- the brake -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def braked(open_one):
    """21 records vanish in Salesforce at once; the limit is 20."""
    office = open_one(contacts=40, leads=0)
    office.local("delete", ids=office.people()[:21])
    before, rows = office.everything(), office.rows()
    runs = {command: office.run(command, "--json") for command in ("pull", "sync")}
    between = office.everything() == before, office.rows() == rows
    allowed = office.run("pull", "--allow-mass-change", "--json")
    return office, runs, between, allowed


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
    office = braked[0]
    states = {
        run["command"]: run["status"]
        for run in office.sql("SELECT command, status FROM runs ORDER BY started_at")
    }
    assert states["sync"] == "unsafe-plan"


def test_a_mass_change_that_somebody_allows_goes_through(braked):
    office, _, _, allowed = braked
    assert (allowed.code, allowed.data["objects"]["contact"]["deleted"]) == (0, 21)
    assert len(office.sql(NOTHING_DELETED)) == 21


@pytest.fixture(scope="module")
def blanked(open_one):
    """21 phone numbers are blanked here at once, then one is put back."""
    office = open_one(contacts=40, leads=0)
    office.sql("UPDATE contacts SET phone = NULL WHERE id <= 21")
    before, rows = office.everything(), office.rows()
    stopped = office.run("push", "--json")
    between = office.everything() == before, office.rows() == rows
    [one] = [row for row in before["Contact"] if row["Id"] == rows[0]["salesforce_id"]]
    office.sql("UPDATE contacts SET phone = ? WHERE id = 1", one["Phone"])
    office.do("push")
    return office, stopped, between


def test_too_many_blanks_stop_a_push_with_exit_code_7_and_nothing_sent(blanked):
    _, stopped, between = blanked
    assert (stopped.code, between) == (7, (True, True))


def test_as_many_as_the_limit_allows_go_through(blanked):
    phones = [record["Phone"] for record in blanked[0].records().values()]
    assert phones.count(None) == 20
