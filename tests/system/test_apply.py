"""diff --out and apply: a plan is kept, and carried out as it stands or not at all."""

import json
import stat

import pytest

from tests.system.office import changed


@pytest.fixture
def planned(open_one):
    """Edits on both sides, somebody new on each, and the plan for them."""
    office = open_one()
    one, two, three, four, *_ = office.people()
    office.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id IN (?, ?)", one, two)
    office.edit(three, Title="Theirs")
    office.edit(four, Title="Theirs")
    office.edit(one, MailingCity="There")
    office.sql("INSERT INTO contacts (email, last_name) VALUES ('new@example.com', 'New')")
    office.create("Contact", LastName="Came", Email="came@example.com")
    told = office.do("diff", "--out", "plan.json", "--limit", "1")
    assert told["not_shown"] == 5
    return office, (one, two, three, four)


def test_a_plan_is_private_json_and_does_what_a_sync_would_do(planned):
    office, (one, *_) = planned
    plan = office.folder / "plan.json"
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert len(json.loads(plan.read_text())["records"]) == 6
    mirror, org = office.mirror.read_bytes(), office.records()
    dry = office.do("apply", "plan.json", "--dry-run")
    assert (dry["push"]["contact"]["updated"], dry["push"]["contact"]["created"]) == (2, 1)
    assert (office.mirror.read_bytes(), office.records()) == (mirror, org)
    done = office.do("apply", "plan.json")
    assert (done["pull"], done["push"]) == (dry["pull"], dry["push"])
    assert done["plan"]["moved"] == 0
    assert changed(org[one], office.record(one)) == {"Phone": "ours"}
    assert office.row(one)["city"] == "There"
    assert {"new@example.com", "came@example.com"} <= {
        row["email"] for row in office.rows() if row["salesforce_id"]
    }
    after, rows = office.records(), office.rows()
    again = office.do("apply", "plan.json")
    assert again["plan"]["done"] == again["plan"]["planned"] == 6
    assert (office.records(), office.rows()) == (after, rows)
    told = office.do("sync")
    assert not any(told["push"]["contact"][what] for what in ("created", "updated"))
    settled = [
        row for row in rows if row["email"] != "new@example.com"
    ]  # a new record's defaults come down
    assert [row for row in office.rows() if row["email"] != "new@example.com"] == settled


def test_what_moved_since_on_either_side_is_left_and_told_field_by_field(planned):
    office, (one, two, three, four) = planned
    office.edit(one, Title="moved there")
    office.sql("UPDATE contacts SET city = 'moved here' WHERE salesforce_id = ?", three)
    somebody = office.create("Contact", LastName="New", Email="NEW@example.com")
    org = office.records()
    ran = office.run("apply", "plan.json", "--json")
    assert ran.code == 3
    assert ran.data["plan"]["moved"] == 3
    told = {(each["side"], each["what"], each["now"]) for each in ran.data["plan"]["fields"]}
    assert ("salesforce", "job_title", "moved there") in told
    assert ("mirror", "city", "moved here") in told
    assert ("salesforce", "record", "present") in told
    now = office.records()
    assert changed(org[one], now[one]) == {}
    assert changed(org[two], now[two]) == {"Phone": "ours"}
    assert office.row(four)["job_title"] == "Theirs"
    assert office.row(three)["job_title"] != "Theirs"
    assert set(now) == set(org)
    assert somebody in now


@pytest.fixture(scope="module")
def kept(open_one):
    office = open_one()
    for record in office.people()[:2]:
        office.edit(record, Title="Theirs")
    office.do("diff", "--out", "plan.json")
    return office, (office.folder / "plan.json").read_text()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("Theirs", "Mine", 1), "edited.json:2"),
        (lambda text: "".join(text.splitlines(True)[:1] + text.splitlines(True)[2:]), "edited.json:2"),
        (lambda text: "".join(text.splitlines(True)[:-1]), "ends too early"),
        (lambda text: text.replace('"count": 2', '"count": 3'), "edited.json:4"),
        (lambda text: json.dumps(json.loads(text), indent=1), "edited.json:1"),
        (lambda text: text.replace("sfsync-plan/1", "sfsync-plan/9"), "sfsync-plan/9"),
        (lambda text: "", "edited.json:1"),
        (lambda text: text.replace('"org_id": "00D', '"org_id": "00X', 1), "another org"),
    ],
)  # fmt: skip
def test_a_file_that_was_changed_is_refused_with_its_place(kept, change, told):
    office, text = kept
    (office.folder / "edited.json").write_text(change(text))
    mirror = office.rows()
    ran = office.run("apply", "edited.json", "--json")
    assert ran.code == 2, ran.out
    assert told in ran.document["errors"][0]["message"]
    assert office.rows() == mirror


def test_a_plan_for_another_mapping_is_refused_and_pause_holds(kept):
    office, _ = kept
    office.do("pause")
    assert office.run("apply", "plan.json").code == 7
    office.do("resume")
    office.configure(("Title: job_title", "Title: {to: job_title, merge: local_wins}"))
    ran = office.run("apply", "plan.json")
    assert ran.code == 2
    assert "another mapping" in ran.err
    assert office.run("apply", "nothing.json").code == 2
