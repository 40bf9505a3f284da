"""explain tells one person's whole story; purge leaves none of it, in no file of the folder."""

import base64

import pytest

from tests.system.workspace import event

ADA = "ada@example.com"


def values(told, number=0):
    return told["rows"][number]["values"]


@pytest.fixture(scope="module")
def lived(new_workspace):
    """Somebody who was imported, created, changed on both sides, sent events, readdressed, merged; and a Lead that became her."""
    workspace = new_workspace(
        ("Title: job_title", "Title: {to: job_title, merge: local_wins}"), contacts=0, leads=0
    )
    file = workspace.folder / "people.csv"
    file.write_text(
        f"email,first_name,last_name,phone\n{ADA},Ada,Lovelace,555-0100\n", encoding="utf-8"
    )
    workspace.do_in_process("import", str(file))
    file.unlink()
    runs = {"create": workspace.run_in_process("push", "--json").document["run_id"]}
    [record] = workspace.people()
    workspace.edit(record, MailingCity="London", Title="Countess", Phone="555-0199")
    workspace.sql("UPDATE contacts SET job_title = 'Analyst'")
    runs["conflict"] = workspace.run_in_process("sync", "--json").document["run_id"]
    runs["event"] = workspace.push_events_in_process(
        event("email_sent", "ADA@example.com", "evt-1")
    ).document["run_id"]
    workspace.push_events_in_process(event("email_opened", ADA, "evt-2"))
    workspace.do_in_process("push")
    workspace.edit(record, Email="countess@example.com")
    runs["address"] = workspace.run_in_process("pull", "--json").document["run_id"]
    lead = workspace.create(
        "Lead", LastName="Lovelace", Company="Engines", Email="lead@example.com"
    )
    workspace.do_in_process("pull")
    workspace.local("convert", lead=lead, contact=record)
    other = workspace.create("Contact", LastName="Byron", Email="byron@example.com")
    workspace.do_in_process("pull")
    workspace.local("merge", master=record, losers=[other])
    workspace.do_in_process("pull")
    return workspace, record, lead, other, runs


@pytest.mark.parametrize(
    "name", [" Countess@Example.com", ADA, "lead@example.com", "byron@example.com", "Id", "row"]
)
def test_everybody_is_found_by_any_name_they_ever_had(lived, name):
    workspace, record, lead, other, _ = lived
    name = {"Id": record[:15], "row": "contact:1"}.get(name, name)
    rows = workspace.do_in_process("explain", name)["rows"]
    assert {row["salesforce_id"] for row in rows} == {record, lead, other}


def test_where_each_value_came_from(lived):
    workspace, *_, runs = lived
    told = workspace.do("explain", ADA)
    assert told["rows"][0]["matched"] == f"created in Salesforce by sfsync, run {runs['create']}"
    came = values(told)
    assert (came["last_name"]["how"], came["last_name"]["source"]) == ("imported", "people.csv")
    assert came["last_name"]["sent_in"] == runs["create"]
    assert (came["city"]["value"], came["city"]["how"], came["city"]["run_id"]) == (
        "London",
        "pulled",
        runs["conflict"],
    )
    assert (came["phone"]["how"], came["email"]["how"]) == ("pulled", "pulled")
    assert came["email"]["run_id"] == runs["address"]
    assert (came["job_title"]["how"], came["job_title"]["source"]) == (
        "conflict",
        "local won by local_wins",
    )
    assert (
        came["total_opens"]["value"],
        came["total_opens"]["how"],
        came["total_opens"]["source"],
    ) == (
        1,
        "event",
        "evt-2",
    )


def test_events_tasks_conflicts_and_what_lives_on_in_order(lived):
    workspace, _, lead, other, _ = lived
    told = workspace.do("explain", ADA)
    assert [one["id"] for one in told["events"]] == ["evt-1", "evt-2"]
    assert {one["task_id"] for one in told["activities"]} == {
        task["Id"] for task in workspace.tasks()
    }
    [conflict] = told["conflicts"]
    assert (conflict["local"], conflict["remote"], conflict["winner"]) == (
        "Analyst",
        "Countess",
        "local",
    )
    assert {one["salesforce_id"]: one["reason"] for one in told["links"]} == {
        lead: "converted",
        other: "merged",
    }
    times = [one["at"] for one in told["timeline"]]
    assert times == sorted(times)
    what = {one["what"] for one in told["timeline"]}
    assert {
        "imported",
        "create accepted",
        "pulled",
        "conflict",
        "email_sent",
        "activity",
        "address changed",
        "merged",
        "converted",
    } <= what
    assert told["rows"][0]["next_push"] == {}
    page = workspace.run("explain", ADA)
    assert page.code == 0
    assert "lives on in contact" in page.out


def test_what_waits_is_told(lived):
    workspace, record, *_ = lived
    workspace.sql("UPDATE contacts SET state = 'Surrey' WHERE salesforce_id = ?", record)
    told = workspace.do("explain", ADA)
    assert told["rows"][0]["next_push"] == {"state": "Surrey"}
    assert (values(told)["state"]["how"], values(told)["state"]["waits"]) == ("edited here", True)
    workspace.do_in_process("push")


def test_nobody_is_told_plainly(lived):
    workspace = lived[0]
    ran = workspace.run("explain", "nobody@example.com", "--json")
    assert ran.code == 1
    assert ran.data["rows"] == []
    assert "nobody" in ran.warnings


TRACES = (
    ADA,
    "countess@example.com",
    "lead@example.com",
    "byron@example.com",
    "Lovelace",
    "555-0100",
    "555-0199",
    "Countess",
    "Analyst",
)


def spellings(text):
    """The text as bytes, in the encodings that a file may hold it in."""
    yield from (text.lower().encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
    yield base64.b64encode(text.encode()).lower().rstrip(b"=")[:-1]


@pytest.fixture(scope="module")
def purged(lived):
    workspace, record, *_ = lived
    workspace.push_events_in_process(
        event("email_clicked", "countess@example.com")
    )  # its id is made from the address
    workspace.sql("UPDATE contacts SET phone = '555-0100' WHERE salesforce_id = ?", record)
    workspace.do_in_process("push")
    before = workspace.mirror.read_bytes()
    assert b"Lovelace" in before
    dry = workspace.do("purge", "countess@example.com", "--dry-run")
    assert workspace.mirror.read_bytes() == before
    return workspace, dry, workspace.run("purge", "Countess@example.com", "--yes", "--json")


def test_no_file_of_the_folder_holds_a_trace(purged):
    workspace, dry, done = purged
    assert done.code == 0, done.out
    assert done.data["removed"] == dry["removed"]
    for file in workspace.folder.rglob("*"):
        if file.is_file() and file.name != "events.jsonl":  # handed in from there, the test's own
            content = file.read_bytes().lower()
            for trace in TRACES:
                assert not any(spelled in content for spelled in spellings(trace)), (
                    file.name,
                    trace,
                )


def test_the_record_stays_in_salesforce_and_is_told(lived, purged):
    workspace, record, *_ = lived
    assert record in purged[2].warnings
    assert workspace.record(record)["IsDeleted"] is False


def test_no_pull_import_or_event_brings_the_person_back(lived, purged):
    workspace, record, *_ = lived
    workspace.edit(record, Title="Still there")
    workspace.do_in_process("pull", "--full")
    workspace.do_in_process("sync")
    assert workspace.rows() == []
    file = workspace.folder / "again.csv"
    file.write_text("email,last_name\ncountess@example.com,Lovelace\n", encoding="utf-8")
    assert workspace.do_in_process("import", str(file))["contact"]["purged"] == 1
    workspace.push_events_in_process(event("email_opened", "countess@example.com", "late"))
    assert workspace.rows() == []
    assert "countess" not in str(workspace.sql("SELECT * FROM events"))
    assert workspace.do_in_process("verify")["contact"]["disagreements"] == 0
    assert workspace.do("purge", "countess@example.com", "--readmit")["readmitted"]
    workspace.do_in_process("pull", "--full")
    assert len(workspace.rows()) == 1


def test_an_opt_out_has_to_reach_salesforce_first(new_workspace):
    workspace = new_workspace()
    [record, *_] = workspace.people()
    email = workspace.row(record)["email"]
    workspace.sql("UPDATE contacts SET unsubscribed = 1 WHERE salesforce_id = ?", record)
    refused = workspace.run("purge", email, "--yes")
    assert refused.code == 2
    assert "not in Salesforce yet" in refused.err
    workspace.do_in_process("push")
    workspace.do("purge", email, "--yes")
    assert workspace.record(record)["HasOptedOutOfEmail"] is True
    assert workspace.run("purge", email).code == 2
    workspace.do_in_process("pause")
    assert workspace.run("purge", email, "--yes").code == 7


@pytest.mark.parametrize(
    ("sobject", "table", "required"),
    [("Contact", "contacts", {}), ("Lead", "leads", {"Company": "Ice"})],
)
def test_an_address_that_was_changed_here_is_forgotten_too(new_workspace, sobject, table, required):
    before, after = "before@example.com", "after@example.com"
    person = (sobject, {"LastName": "Ada", "Email": before, **required})
    workspace = new_workspace(contacts=0, leads=0, people=[person])
    workspace.sql(f"UPDATE {table} SET email = ?, last_name = ?", after, "x" * 100)
    assert workspace.run_in_process("push", "--json").code == 3  # the name is too long
    workspace.push_events_in_process(event("email_opened", before, "evt-1"), expect=3)
    found = workspace.do_in_process("explain", before)["rows"]
    assert [row["salesforce_id"] for row in found] == workspace.people(sobject)
    workspace.do("purge", after, "--yes")
    kept = b"".join(path.read_bytes() for path in workspace.folder.iterdir() if path.is_file())
    assert (before.encode() in kept, after.encode() in kept) == (False, False)
    workspace.push_events_in_process(event("email_replied", before, "evt-2"))
    assert len(workspace.people("Contact")) + len(workspace.people("Lead")) == 1
