"""No edit is lost to a deletion, a placeholder, a column that only comes down, or the echo of our own write.

The installed command, both kinds of people; everything happens at once, and is synced together.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.system.workspace import event

TABLES = {"Contact": "contacts", "Lead": "leads"}
SCORES = {
    "Contact": ("lead_score", "PenguinMails_Lead_Score__c"),
    "Lead": ("engagement_score", "PenguinMails_Engagement_Score__c"),
}
NAMES = ("revived", "listed", "merged", "blanked", "pulled", "rounded", "gone", "waiting")
COLUMNS_DOWN = ("      Title: job_title", "      Title: {to: job_title, direction: pull}")
NUMBERS = tuple(
    (
        f"{field}: {{to: {column}, type: integer, merge: local_wins}}",
        f"{field}: {{to: {column}, type: number}}",
    )
    for column, field in SCORES.values()
)
KINDS = pytest.mark.parametrize("kind", list(TABLES))
FOR_EVER_AGO = datetime.now(UTC) - timedelta(days=3)


def address(kind, name):
    return f"{name}@{kind.lower()}.example"


def created(workspace, kind, name, **fields):
    own = {"Company": "Ice"} if kind == "Lead" else {}
    given = {"Email": address(kind, name), "LastName": "Real", "Phone": "1", "Title": "Countess"}
    return workspace.create(kind, **given | own | fields)


def edit(workspace, kind, name, assignment):
    workspace.sql(f"UPDATE {TABLES[kind]} SET {assignment} WHERE email = ?", address(kind, name))


def row(workspace, kind, name):
    [found] = workspace.sql(f"SELECT * FROM {TABLES[kind]} WHERE email = ?", address(kind, name))
    return found


def listed(workspace, kind, name):
    """The person's entries in ``sfsync conflicts``: field, here, there, who won, how it stands."""
    local_id = row(workspace, kind, name)["id"]
    return [
        (each["field"], each["local"], each["remote"], each["winner"], each["state"])
        for each in workspace.do_in_process("conflicts")["conflicts"]
        if (each["object"], each["local_id"]) == (kind.lower(), local_id)
    ]


@pytest.fixture(scope="module")
def lived(new_workspace):
    """People of both kinds, what happens to them in three stages, and what was seen in between."""
    workspace = new_workspace(COLUMNS_DOWN, *NUMBERS, contacts=0, leads=0)
    people = {(kind, name): created(workspace, kind, name) for kind in TABLES for name in NAMES}
    workspace.do_in_process("pull")
    seen = {"people": people}
    for kind in TABLES:
        at = {name: people[kind, name] for name in NAMES}
        edit(workspace, kind, "revived", "deleted_at = '2026-01-20T10:00:00Z'")
        workspace.edit(at["revived"], Phone="a rep's")
        for name in ("listed", "merged"):
            edit(workspace, kind, name, "phone = 'typed here'")
        for name in ("listed", "merged", "gone", "waiting"):
            workspace.local("delete", id=at[name])
        edit(workspace, kind, "blanked", "last_name = NULL")
        edit(workspace, kind, "pulled", "job_title = 'typed here'")
        edit(workspace, kind, "rounded", f"{SCORES[kind][0]} = 2.5")
    workspace.do("sync")
    seen["rounded"] = {kind: workspace.record(people[kind, "rounded"]) for kind in TABLES}
    for salesforce_id in people.values():
        workspace.stamp(salesforce_id, FOR_EVER_AGO)  # no reading overlaps it any more
    for kind in TABLES:
        edit(workspace, kind, "revived", "deleted_at = NULL")
        edit(workspace, kind, "gone", "phone = 'typed later'")
        edit(workspace, kind, "rounded", f"{SCORES[kind][0]} = 7.25")
    seen["diff"] = workspace.run("diff", "--json")
    workspace.push_events(
        *(
            event(what, address(kind, "waiting"), f"{kind}-{what}".lower())
            for kind in TABLES
            for what in ("email_clicked", "unsubscribed")
        )
    )
    workspace.do("sync")
    seen["status"] = workspace.run("status")
    seen["listed"] = {kind: listed(workspace, kind, "listed") for kind in TABLES}
    seen["gone"] = {kind: listed(workspace, kind, "gone") for kind in TABLES}
    for kind in TABLES:
        for name in ("listed", "merged", "gone", "waiting"):
            workspace.local("undelete", id=people[kind, name])
        workspace.edit(people[kind, "merged"], Phone="a rep's")
    workspace.do("sync")
    workspace.do("sync")
    seen["last"] = workspace.do("sync")
    return workspace, seen


@KINDS
def test_a_row_that_is_live_again_takes_what_its_record_became(lived, kind):
    workspace, seen = lived
    assert row(workspace, kind, "revived")["phone"] == "a rep's"
    assert workspace.record(seen["people"][kind, "revived"])["Phone"] == "a rep's"
    assert seen["people"][kind, "revived"] in seen["diff"].out
    assert listed(workspace, kind, "revived") == []


@KINDS
def test_an_edit_of_a_row_whose_record_is_deleted_is_listed_and_sent_once_it_is_restored(
    lived, kind
):
    workspace, seen = lived
    assert seen["listed"][kind] == [("phone", "typed here", None, "remote", "decided")]
    assert seen["gone"][kind] == [("phone", "typed later", None, "remote", "decided")]
    assert "hold edits" in seen["status"].out
    for name, phone in {"listed": "typed here", "gone": "typed later"}.items():
        assert workspace.record(seen["people"][kind, name])["Phone"] == phone
        assert row(workspace, kind, name)["phone"] == phone
    assert [each[-1] for each in listed(workspace, kind, "listed")] == ["settled"]


@KINDS
def test_an_edit_of_a_restored_record_is_merged_with_theirs(lived, kind):
    workspace, seen = lived
    assert row(workspace, kind, "merged")["phone"] == "a rep's"
    assert workspace.record(seen["people"][kind, "merged"])["Phone"] == "a rep's"
    assert ("phone", "typed here", "a rep's", "remote", "decided") in listed(
        workspace, kind, "merged"
    )


@KINDS
def test_a_blanked_last_name_gives_way_to_the_name_there(lived, kind):
    workspace, seen = lived
    assert workspace.record(seen["people"][kind, "blanked"])["LastName"] == "Real"
    assert row(workspace, kind, "blanked")["last_name"] == "Real"
    assert listed(workspace, kind, "blanked") == [("last_name", None, "Real", "remote", "decided")]


@KINDS
def test_an_edit_of_a_column_that_only_comes_down_is_put_back_and_listed(lived, kind):
    workspace, seen = lived
    assert workspace.record(seen["people"][kind, "pulled"])["Title"] == "Countess"
    assert row(workspace, kind, "pulled")["job_title"] == "Countess"
    assert listed(workspace, kind, "pulled") == [
        ("job_title", "typed here", "Countess", "remote", "decided")
    ]


@KINDS
def test_a_rounded_value_that_comes_back_beats_no_later_edit(lived, kind):
    workspace, seen = lived
    column, field = SCORES[kind]
    assert seen["rounded"][kind][field] == 3
    assert workspace.record(seen["people"][kind, "rounded"])[field] == 7
    assert row(workspace, kind, "rounded")[column] == 7
    assert listed(workspace, kind, "rounded") == []


@KINDS
def test_events_of_somebody_deleted_go_on_once_they_are_restored(lived, kind):
    workspace, seen = lived
    record = workspace.record(seen["people"][kind, "waiting"])
    assert (record["HasOptedOutOfEmail"], record["PenguinMails_Total_Clicks__c"]) == (True, 1)
    assert row(workspace, kind, "waiting")["unsubscribed"] == 1
    assert len(workspace.records(kind)) == len(NAMES)
    assert len(workspace.tasks(record["Id"])) == 1


def test_in_the_end_nothing_is_left_to_do(lived):
    for counts in lived[1]["last"]["objects"].values():
        assert (counts["updated"], counts["conflicts"], counts["deleted"]) == (0, 0, 0)


def test_import_says_which_columns_are_not_sent(lived):
    workspace, _ = lived
    people = "email,last_name,job_title\nnew@file.example,New,Queen\n"
    ran = workspace.run("import", "-", stdin=people)
    assert ran.code == 0
    assert "job_title: only read from Salesforce" in ran.err


# -- deleted here, edited there --------------------------------------------------------------------
@pytest.fixture(scope="module")
def deleting(new_workspace):
    workspace = new_workspace(
        ("    on_local_delete: keep", "    on_local_delete: delete"),
        ("    sobject: Lead\n", "    sobject: Lead\n    on_local_delete: delete\n"),
        contacts=0,
        leads=0,
    )
    people = {
        (kind, name): created(workspace, kind, name)
        for kind in TABLES
        for name in ("edited", "plain")
    }
    workspace.do_in_process("pull")
    for kind in TABLES:
        workspace.edit(people[kind, "edited"], Phone="a rep's")
        for name in ("edited", "plain"):
            edit(workspace, kind, name, "deleted_at = '2026-01-20T10:00:00Z'")
    workspace.do("push")
    return workspace, people


@KINDS
def test_a_record_that_was_edited_there_is_not_deleted_for_a_row_deleted_here(deleting, kind):
    workspace, people = deleting
    kept = workspace.record(people[kind, "edited"])
    assert (kept["IsDeleted"], kept["Phone"]) == (False, "a rep's")
    here = row(workspace, kind, "edited")
    assert (here["deleted_at"], here["phone"]) == (None, "a rep's")
    assert [(each[0], each[3]) for each in listed(workspace, kind, "edited")] == [
        ("deleted_at", "remote")
    ]
    assert workspace.record(people[kind, "plain"])["IsDeleted"]
