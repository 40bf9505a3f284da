"""explain tells one person's whole story; purge leaves none of it, in no file of the folder."""

import base64

import pytest

from tests.system.office import event

ADA = "ada@example.com"


def values(told, number=0):
    return told["rows"][number]["values"]


@pytest.fixture(scope="module")
def lived(open_one):
    """Somebody who was imported, created, changed on both sides, sent events, readdressed, merged; and a Lead that became her."""
    office = open_one(
        ("Title: job_title", "Title: {to: job_title, merge: local_wins}"), contacts=0, leads=0
    )
    file = office.folder / "people.csv"
    file.write_text(
        f"email,first_name,last_name,phone\n{ADA},Ada,Lovelace,555-0100\n", encoding="utf-8"
    )
    office.do("import", str(file))
    file.unlink()
    runs = {"create": office.run("push", "--json").document["run_id"]}
    [record] = office.people()
    office.edit(record, MailingCity="London", Title="Countess", Phone="555-0199")
    office.sql("UPDATE contacts SET job_title = 'Analyst'")
    runs["conflict"] = office.run("sync", "--json").document["run_id"]
    runs["event"] = office.hand_in(event("email_sent", "ADA@example.com", "evt-1")).document[
        "run_id"
    ]
    office.hand_in(event("email_opened", ADA, "evt-2"))
    office.do("push")
    office.edit(record, Email="countess@example.com")
    runs["address"] = office.run("pull", "--json").document["run_id"]
    lead = office.create("Lead", LastName="Lovelace", Company="Engines", Email="lead@example.com")
    office.do("pull")
    office.local("convert", lead=lead, contact=record)
    other = office.create("Contact", LastName="Byron", Email="byron@example.com")
    office.do("pull")
    office.local("merge", master=record, losers=[other])
    office.do("pull")
    return office, record, lead, other, runs


@pytest.mark.parametrize(
    "name", [" Countess@Example.com", ADA, "lead@example.com", "byron@example.com", "Id", "row"]
)
def test_everybody_is_found_by_any_name_they_ever_had(lived, name):
    office, record, lead, other, _ = lived
    name = {"Id": record[:15], "row": "contact:1"}.get(name, name)
    rows = office.do("explain", name)["rows"]
    assert {row["salesforce_id"] for row in rows} == {record, lead, other}


def test_where_each_value_came_from(lived):
    office, *_, runs = lived
    told = office.do("explain", ADA)
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
    office, _, lead, other, _ = lived
    told = office.do("explain", ADA)
    assert [one["id"] for one in told["events"]] == ["evt-1", "evt-2"]
    assert {one["task_id"] for one in told["activities"]} == {task["Id"] for task in office.tasks()}
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
    page = office.run("explain", ADA)
    assert page.code == 0
    assert "lives on in contact" in page.out


def test_what_waits_is_told(lived):
    office, record, *_ = lived
    office.sql("UPDATE contacts SET state = 'Surrey' WHERE salesforce_id = ?", record)
    told = office.do("explain", ADA)
    assert told["rows"][0]["next_push"] == {"state": "Surrey"}
    assert (values(told)["state"]["how"], values(told)["state"]["waits"]) == ("edited here", True)
    office.do("push")


def test_nobody_is_told_plainly(lived):
    office = lived[0]
    ran = office.run("explain", "nobody@example.com", "--json")
    assert ran.code == 0
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
    office, record, *_ = lived
    office.hand_in(
        event("email_clicked", "countess@example.com")
    )  # its id is made from the address
    office.sql("UPDATE contacts SET phone = '555-0100' WHERE salesforce_id = ?", record)
    office.do("push")
    before = office.mirror.read_bytes()
    assert b"Lovelace" in before
    dry = office.do("purge", "countess@example.com", "--dry-run")
    assert office.mirror.read_bytes() == before
    return office, dry, office.run("purge", "Countess@example.com", "--yes", "--json")


def test_no_file_of_the_folder_holds_a_trace(purged):
    office, dry, done = purged
    assert done.code == 0, done.out
    assert done.data["removed"] == dry["removed"]
    for file in office.folder.rglob("*"):
        if file.is_file() and file.name != "events.jsonl":  # handed in from there, the test's own
            content = file.read_bytes().lower()
            for trace in TRACES:
                assert not any(spelled in content for spelled in spellings(trace)), (
                    file.name,
                    trace,
                )


def test_the_record_stays_in_salesforce_and_is_told(lived, purged):
    office, record, *_ = lived
    assert record in purged[2].warnings
    assert office.record(record)["IsDeleted"] is False


def test_no_pull_import_or_event_brings_the_person_back(lived, purged):
    office, record, *_ = lived
    office.edit(record, Title="Still there")
    office.do("pull", "--full")
    office.do("sync")
    assert office.rows() == []
    file = office.folder / "again.csv"
    file.write_text("email,last_name\ncountess@example.com,Lovelace\n", encoding="utf-8")
    assert office.do("import", str(file))["contact"]["purged"] == 1
    office.hand_in(event("email_opened", "countess@example.com", "late"))
    assert office.rows() == []
    assert "countess" not in str(office.sql("SELECT * FROM events"))
    assert office.do("verify")["contact"]["disagreements"] == 0
    assert office.do("purge", "countess@example.com", "--readmit")["readmitted"]
    office.do("pull", "--full")
    assert len(office.rows()) == 1


def test_an_opt_out_has_to_reach_salesforce_first(open_one):
    office = open_one()
    [record, *_] = office.people()
    email = office.row(record)["email"]
    office.sql("UPDATE contacts SET unsubscribed = 1 WHERE salesforce_id = ?", record)
    refused = office.run("purge", email, "--yes")
    assert refused.code == 2
    assert "not in Salesforce yet" in refused.err
    office.do("push")
    office.do("purge", email, "--yes")
    assert office.record(record)["HasOptedOutOfEmail"] is True
    assert office.run("purge", email).code == 2
    office.do("pause")
    assert office.run("purge", email, "--yes").code == 7
