"""Both sides edited the same field: each merge (docs/configuration.md, "Merges"), and both values kept."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.system.workspace import event

MERGES = (
    ("Title: job_title", "Title: {to: job_title, merge: manual}"),
    ("Phone: phone\n      Title: {to", "Phone: {to: phone, merge: newest}\n      Title: {to"),
    ("MailingCity: city", "MailingCity: {to: city, merge: local_wins}"),
)
CASES = {  # who: field, column, before, local, remote, what both hold then, rule, winner
    "salesforce wins": ("MailingState", "state", "Base", "Ours", "Theirs", "Theirs", "salesforce_wins", "remote"),
    "local wins": ("MailingCity", "city", "Base", "Ours", "Theirs", "Ours", "local_wins", "local"),
    "newest is ours": ("Phone", "phone", "555", "1", "2", "1", "newest", "local"),
    "newest is theirs": ("Phone", "phone", "555", "1", "2", "2", "newest", "remote"),
    "counter": ("PenguinMails_Total_Opens__c", "total_opens", 10, 12, 13, 15, "counter", "both"),
    "latest is ours": (
        "PenguinMails_Last_Email_Opened__c", "last_email_opened",
        "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z", "latest", "local",
    ),
    "latest is theirs": (
        "PenguinMails_Last_Email_Opened__c", "last_email_opened",
        "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", "latest", "remote",
    ),
}  # fmt: skip
BOXES = {"HasOptedOutOfEmail", "PenguinMails_Unsubscribed__c"}
OPTED_OUT = dict.fromkeys(BOXES, True)
OPTED_IN = dict.fromkeys(BOXES, False)
ALONE = {"Title": "Base", "Phone": "555"}


def as_column(value):
    """A value of the org as the mirror writes it."""
    return value.replace(".000+0000", "Z") if isinstance(value, str) else value


@pytest.fixture(scope="module")
def settled(new_workspace):
    """Every kind of conflict at once, one a person, settled by one sync."""
    people = {name: ALONE | {case[0]: case[2]} for name, case in CASES.items()}
    people |= {
        name: dict(ALONE) for name in ("manual: ours", "manual: theirs", "clicks", "opts out here")
    }
    people |= dict.fromkeys(("taken back there", "taken back here"), ALONE | OPTED_OUT)
    made = [
        ("Contact", {"LastName": name, "Email": f"p{at}@example.com"} | fields)
        for at, (name, fields) in enumerate(people.items())
    ]
    workspace = new_workspace(*MERGES, contacts=0, leads=0, people=made)
    who = {record["LastName"]: key for key, record in workspace.records().items()}
    for name, (field, column, _, local, remote, *_) in CASES.items():
        workspace.sql(f"UPDATE contacts SET {column} = ? WHERE salesforce_id = ?", local, who[name])
        workspace.edit(who[name], **{field: remote})
    now = datetime.now(UTC)
    workspace.stamp(who["newest is ours"], now - timedelta(minutes=5))
    workspace.stamp(who["newest is theirs"], now + timedelta(minutes=5))
    for name in ("manual: ours", "manual: theirs"):
        workspace.sql("UPDATE contacts SET job_title = 'Ours' WHERE salesforce_id = ?", who[name])
        workspace.edit(who[name], Title="Theirs")
    workspace.sql(
        "UPDATE contacts SET unsubscribed = 0, opted_out = 0 WHERE salesforce_id = ?",
        who["taken back here"],
    )
    workspace.edit(who["taken back there"], **OPTED_IN)
    workspace.sql(
        "UPDATE contacts SET unsubscribed = 1 WHERE salesforce_id = ?", who["opts out here"]
    )
    workspace.edit(who["opts out here"], **OPTED_IN, Phone="556")
    told = workspace.do("sync")
    sides = {name: (workspace.row(key), workspace.record(key)) for name, key in who.items()}
    told["kept"] = len(workspace.sql("SELECT id FROM conflicts"))
    return workspace, who, told, sides


@pytest.mark.parametrize("name", CASES)
def test_both_sides_hold_what_the_merge_decides(settled, name):
    field, column, *_, expected, _, _ = CASES[name]
    here, there = settled[3][name]
    assert (here[column], as_column(there[field])) == (expected, expected)


@pytest.mark.parametrize("name", CASES)
def test_both_values_of_a_conflict_are_kept_whoever_won(settled, name):
    workspace, _, _, sides = settled
    _, column, base, local, remote, expected, rule, winner = CASES[name]
    [kept] = workspace.sql("SELECT * FROM conflicts WHERE person_id = ?", sides[name][0]["id"])
    assert {part: kept[part] for part in ("column", "base", "local", "remote", "value", "rule", "winner")} == {
        "column": column, "base": base, "local": local, "remote": remote,
        "value": expected, "rule": rule, "winner": winner,
    }  # fmt: skip


def test_the_report_counts_each_conflict_once(settled):
    told = settled[2]
    assert told["objects"]["contact"]["conflicts"] == told["kept"] == len(CASES) + 2 + 4


@pytest.mark.parametrize("name", ["taken back there", "taken back here", "opts out here"])
def test_an_opt_out_survives_a_contradicting_edit_on_either_side(settled, name):
    here, there = settled[3][name]
    assert (here["unsubscribed"], here["opted_out"]) == (1, 1)
    assert {box: there[box] for box in BOXES} == OPTED_OUT


@pytest.mark.parametrize("name", ["taken back there", "taken back here"])
def test_an_opt_out_that_somebody_took_back_is_kept_as_a_conflict(settled, name):
    workspace, _, _, sides = settled
    kept = workspace.sql('SELECT "column" FROM conflicts WHERE person_id = ?', sides[name][0]["id"])
    assert {row["column"] for row in kept} == {"unsubscribed", "opted_out"}


def test_a_field_that_a_person_decides_keeps_both_values_until_then(settled):
    for name in ("manual: ours", "manual: theirs"):
        here, there = settled[3][name]
        assert (here["job_title"], there["Title"]) == ("Ours", "Theirs")


@pytest.fixture(scope="module")
def decided(settled):
    """The open conflicts are listed, taken by a person, and carried out."""
    workspace, who, _, sides = settled
    listed = workspace.do("conflicts", "--open")["conflicts"]
    workspace.do("conflicts", "--take", str(listed[0]["id"]), "local", "--dry-run")
    assert (
        workspace.do_in_process("conflicts", "--open")["conflicts"] == listed
    )  # a dry run decides nothing
    for conflict in listed:
        side = "local" if conflict["local_id"] == sides["manual: ours"][0]["id"] else "remote"
        workspace.do("conflicts", "--take", str(conflict["id"]), side)
    left = workspace.do_in_process("conflicts", "--open")["conflicts"]
    workspace.do_in_process("sync")
    return workspace, who, listed, left


def test_open_conflicts_are_listed_with_both_values(decided):
    told = [(one["field"], one["base"], one["local"], one["remote"]) for one in decided[2]]
    assert told == [("job_title", "Base", "Ours", "Theirs")] * 2


def test_a_conflict_that_was_taken_is_open_no_longer(decided):
    assert decided[3] == []


@pytest.mark.parametrize(
    ("name", "value"), [("manual: ours", "Ours"), ("manual: theirs", "Theirs")]
)
def test_the_side_that_a_person_takes_is_carried_to_the_other(decided, name, value):
    workspace, who, _, _ = decided
    assert (workspace.row(who[name])["job_title"], workspace.record(who[name])["Title"]) == (
        value,
        value,
    )


def test_a_conflict_that_is_none_cannot_be_taken(decided):
    assert decided[0].run("conflicts", "--take", "9999", "local").code == 2


def test_a_side_that_is_none_cannot_be_taken(decided):
    assert decided[0].run("conflicts", "--take", "1", "both").code == 2


def test_clicks_counted_here_and_there_are_all_counted(decided):
    workspace, who, _, _ = decided
    workspace.edit(who["clicks"], PenguinMails_Total_Clicks__c=3)
    address = workspace.record(who["clicks"])["Email"]
    workspace.push_events_in_process(
        *(event("email_clicked", address, f"click-{at}") for at in range(2))
    )
    assert workspace.record(who["clicks"])["PenguinMails_Total_Clicks__c"] == 5.0
    assert workspace.row(who["clicks"])["total_clicks"] == 5


def test_after_all_conflicts_nothing_differs(decided):
    assert decided[0].do_in_process("diff")["records"] == []
