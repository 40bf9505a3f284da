"""The command line as an API: one JSON document, exit codes, dry runs, the lock."""

import pytest

from tests.system.workspace import KEYS, event

COUNTS = {"created", "updated", "unchanged", "deleted", "conflicts", "quarantined"}
COSTS = {"api_calls", "bytes_in", "seconds", "transport"}


@pytest.fixture(scope="module")
def lived_in(workspace):
    """A workspace where each side has an edit of its own, not synced yet."""
    ours, theirs, both = workspace.people()[:3]
    workspace.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id = ?", ours)
    workspace.edit(theirs, Phone="theirs")
    workspace.sql("UPDATE contacts SET job_title = 'Ours' WHERE salesforce_id = ?", both)
    workspace.edit(both, Title="Theirs")
    return workspace


def state(workspace):
    """Everything on both sides, to the byte."""
    return workspace.everything(), workspace.mirror.read_bytes()


# -- looking, and trying ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def looked(lived_in):
    before = state(lived_in)
    told = lived_in.do("diff")
    return lived_in, told, before, state(lived_in)


def test_a_diff_changes_nothing_on_either_side(looked):
    _, _, before, after = looked
    assert after == before


def test_a_diff_tells_local_base_and_remote_and_who_wins_by_which_rule(looked):
    workspace, told, _, _ = looked
    both = workspace.people()[2]
    [record] = [record for record in told["records"] if record["salesforce_id"] == both]
    [field] = record["fields"]
    base = field.pop("base")
    assert base not in ("Ours", "Theirs")
    assert field == {
        "field": "job_title", "base_known": True, "local": "Ours", "remote": "Theirs", "value": "Theirs",
        "winner": "remote", "rule": "salesforce_wins", "conflict": True,
    }  # fmt: skip


def test_a_diff_tells_the_edits_of_either_side_and_what_applying_would_cost(looked):
    workspace, told, _, _ = looked
    assert {record["salesforce_id"] for record in told["records"]} == set(workspace.people()[:3])
    cost = told["cost"]
    assert (cost["org_writes"], cost["tasks"]) == (1, 0)
    assert cost["api_calls"] == told["api_calls"] + 1, "what a sync looks at, and one write"


def test_a_diff_of_one_record_tells_no_other(lived_in):
    who = lived_in.people()[0]
    told = lived_in.do("diff", who)
    assert [record["salesforce_id"] for record in told["records"]] == [who]


def test_a_diff_tells_by_its_exit_code_on_request_whether_anything_differs(lived_in):
    differ = {record["salesforce_id"] for record in lived_in.do_in_process("diff")["records"]}
    at_rest = next(one for one in lived_in.people() if one not in differ)
    assert lived_in.run("diff", "--exit-code").code == 1
    assert lived_in.run("diff", "--exit-code", at_rest).code == 0


@pytest.mark.parametrize("nobody", ["nobody", "999999", "0035f00000ZZZZZAAA"])
def test_a_diff_of_a_row_that_is_not_there_is_wrong_usage(lived_in, nobody):
    ran = lived_in.run_in_process("diff", nobody)
    assert ran.code == 2
    assert f"there is no row '{nobody}'" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["pull"], ["pull", "--full"], ["push"], ["sync"], ["import", "people.csv"],
        ["push-activity", "--type", "unsubscribed", "--email", "new@example.com"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_dry_run_changes_nothing_on_either_side(lived_in, arguments):
    (lived_in.folder / "people.csv").write_text("email,last_name\nnew@example.com,New\n")
    before = lived_in.everything(), lived_in.rows("contacts"), lived_in.rows("leads")
    lived_in.do(*arguments, "--dry-run")
    after = lived_in.everything(), lived_in.rows("contacts"), lived_in.rows("leads")
    assert after == before


def test_a_dry_run_tells_what_would_be_done(lived_in):
    told = lived_in.do("sync", "--dry-run")
    assert told["dry_run"] is True
    assert told["push"]["contact"]["updated"] == 1


# -- documents -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def synced(looked):
    """The same workspace, once the edits are synced; and the document of that run."""
    workspace = looked[0]
    ran = workspace.run("sync", "--json")
    return workspace, ran.document


def test_a_run_is_told_as_one_document_with_the_promised_keys(synced):
    document = synced[1]
    assert list(document) == KEYS
    assert (document["command"], document["status"], document["exit_code"]) == ("sync", "ok", 0)
    assert document["run_id"]


def test_a_run_tells_counts_for_each_object_and_what_it_cost(synced):
    data = synced[1]["data"]
    assert set(data["objects"]) == {"contact", "lead"}
    assert all(set(counts) >= COUNTS for counts in data["objects"].values())
    assert set(data) >= COSTS
    assert data["api_calls"] > 0
    assert data["bytes_in"] > 0


def test_a_run_of_events_tells_events_tasks_and_duplicates(synced):
    workspace = synced[0]
    told = workspace.push_events(
        event("email_sent", workspace.record(workspace.people()[0])["Email"])
    ).data
    assert set(told["activity"]) >= {"events", "tasks", "duplicates", "quarantined"}


def test_the_run_is_in_the_mirrors_runs_under_the_same_id(synced):
    workspace, document = synced
    assert workspace.sql(
        "SELECT command, status FROM runs WHERE run_id = ?", document["run_id"]
    ) == [{"command": "sync", "status": "ok"}]


@pytest.mark.parametrize(
    ("line", "code", "slug"),
    [
        ("pull --nope", 2, "usage"),
        ("pul", 2, "usage"),
        ("import", 2, "usage"),
        ("import missing.csv", 2, "input"),
        ("status --config missing.yaml", 2, "config"),
        ("init", 2, "usage"),
        ("pull --profile other", 2, "usage"),
        ("whoami --profile ../other", 2, "usage"),
    ],
)
def test_a_failure_is_one_document_too(synced, line, code, slug):
    ran = synced[0].run(*line.split(), "--json")
    document = ran.document
    assert list(document) == KEYS
    assert (ran.code, document["exit_code"], document["status"]) == (code, code, "failed")
    assert document["errors"][0]["slug"] == slug
    assert document["errors"][0]["message"]


def test_without_json_a_failure_is_told_on_stderr_with_what_to_try(synced):
    ran = synced[0].run("pull", "--profile", "other")
    assert (ran.code, ran.out) == (2, "")
    assert "sfsync login --profile other" in ran.err
    assert "Traceback" not in ran.err


def test_quiet_says_nothing_where_all_is_well(synced):
    ran = synced[0].run("sync", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_spent_budget_ends_in_exit_code_5_with_the_first_answer_that_tells_it(synced):
    workspace = synced[0]
    workspace.local("settings", daily_api_requests=5)
    workspace.configure(("api_per_run: 25% ", "api_per_run: 100% "))
    with workspace.counted() as calls:
        codes = [workspace.run("pull", "--full", "--json").code for _ in range(3)]
    workspace.local("settings", daily_api_requests=15_000)
    workspace.configure(("api_per_run: 100% ", "api_per_run: 25% "))
    assert codes == [0, 0, 5]
    assert calls["used"] == 5


@pytest.fixture(scope="module")
def paused(synced):
    """Writing is switched off, and on again."""
    workspace = synced[0]
    workspace.sql("UPDATE contacts SET city = 'Paused' WHERE id = 1")
    workspace.do_in_process("pause")
    before = workspace.everything()
    runs = {
        line: workspace.run(*line.split(), "--json")
        for line in ("push", "sync", "diff", "push --dry-run")
    }
    untouched = workspace.everything() == before
    workspace.do_in_process("resume")
    workspace.do_in_process("push")
    return workspace, runs, untouched


@pytest.mark.parametrize("line", ["push", "sync"])
def test_a_paused_mirror_writes_nothing_and_ends_in_exit_code_7(paused, line):
    _, runs, untouched = paused
    assert (runs[line].code, runs[line].document["errors"][0]["slug"], untouched) == (
        7,
        "paused",
        True,
    )


@pytest.mark.parametrize("line", ["diff", "push --dry-run"])
def test_a_paused_mirror_may_be_looked_at(paused, line):
    assert paused[1][line].code == 0


def test_after_resume_what_waited_is_sent(paused):
    workspace = paused[0]
    assert workspace.record(workspace.rows()[0]["salesforce_id"])["MailingCity"] == "Paused"


# -- status ----------------------------------------------------------------------------------------
def test_status_is_content_with_a_run_that_is_young_enough(synced):
    assert synced[0].run("status", "--max-age", "2h", "--json").code == 0


def test_status_exits_1_where_the_last_good_run_is_too_old(synced):
    workspace = synced[0]
    kept = workspace.sql("SELECT run_id, started_at, finished_at FROM runs")
    workspace.sql(
        "UPDATE runs SET started_at = '2020-01-01T00:00:00Z', finished_at = '2020-01-01T00:00:00Z'"
    )
    ran = workspace.run("status", "--max-age", "2h", "--json")
    for run in kept:
        workspace.sql(
            "UPDATE runs SET started_at = ?, finished_at = ? WHERE run_id = ?",
            run["started_at"], run["finished_at"], run["run_id"],
        )  # fmt: skip
    assert (ran.code, ran.document["status"]) == (1, "stale")
    assert "2h" in ran.warnings


def test_status_asks_nobody_but_the_mirror(synced):
    with synced[0].counted() as calls:
        synced[0].do("status")
    assert calls["used"] == 0


# -- the lock --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def locked(synced):
    """A pull that hangs on a slow answer, and what others get meanwhile; then it is killed."""
    workspace = synced[0]
    slow = {"match": {"path": "/query"}, "fault": "slow", "args": {"seconds": 30}}
    workspace.local("faults", faults=[slow])
    hanging = workspace.start("pull")
    try:
        while not workspace.org.faults.faults[0].seen:  # until its request has arrived
            assert hanging.poll() is None
        runs = {
            "pull": workspace.run("pull", "--json"),
            "skip": workspace.run("sync", "--skip-if-locked", "--json"),
        }
    finally:
        hanging.kill()
        workspace.finish(hanging)
        workspace.local("faults", faults=[])
    runs["after"] = workspace.run("pull", "--json")
    return runs


def test_a_run_beside_another_ends_in_exit_code_6_and_names_the_other(locked):
    ran = locked["pull"]
    assert (ran.code, ran.document["errors"][0]["slug"]) == (6, "mirror-busy")
    assert "`pull` holds the lock" in ran.document["errors"][0]["message"]


def test_cron_is_told_zero_where_another_run_is_at_work(locked):
    assert (locked["skip"].code, locked["skip"].data) == (0, {"skipped": True})


def test_a_killed_run_leaves_no_lock_behind(locked):
    assert locked["after"].code == 0


# -- import and init -------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def imported(new_workspace):
    """People from a CSV and from JSON lines, some of them unreadable; then a push."""
    workspace = new_workspace(contacts=2, leads=0)
    known = workspace.record(workspace.people()[0])["Email"]
    (workspace.folder / "people.csv").write_text(
        "email,first_name,LastName,lead_score\n"
        f"{known.upper()},Changed,,\n"
        'new@example.com,Nina,"New, the first",7\n'
        "long@example.com,Long,L,1,and,more\n"
        "bad@example.com,Bad,B,many\n"
    )
    (workspace.folder / "leads.jsonl").write_text(
        '{"email": "lead@example.com", "company": "Ice"}\n{broken\n'
    )
    runs = {
        "csv": workspace.run("import", "people.csv", "--json"),
        "again": workspace.run("import", "people.csv", "--json"),
        "jsonl": workspace.run("import", "leads.jsonl", "--object", "lead", "--json"),
    }
    workspace.do_in_process("push")
    return workspace, runs, known


@pytest.mark.parametrize(
    ("run", "name", "counts"),
    [
        ("csv", "contact", {"created": 1, "updated": 1, "unchanged": 0, "quarantined": 2}),
        ("again", "contact", {"created": 0, "updated": 0, "unchanged": 2, "quarantined": 2}),
        ("jsonl", "lead", {"created": 1, "updated": 0, "unchanged": 0, "quarantined": 1}),
    ],
)
def test_an_import_takes_what_it_can_read_and_tells_the_rest_by_exit_code_3(
    imported, run, name, counts
):
    ran = imported[1][run]
    assert (ran.code, ran.data[name]) == (3, counts)


def test_an_imported_person_reaches_salesforce_with_the_next_push(imported):
    workspace, _, known = imported
    people = {
        record["Email"]: record
        for record in [*workspace.records().values(), *workspace.records("Lead").values()]
    }
    new = people["new@example.com"]
    assert (new["FirstName"], new["LastName"], new["PenguinMails_Lead_Score__c"]) == (
        "Nina",
        "New, the first",
        7.0,
    )
    assert people["lead@example.com"]["Company"] == "Ice"
    assert people[known]["FirstName"] == "Changed"


def test_rows_that_cannot_be_read_are_in_quarantine_with_line_and_column(imported):
    told = [entry["message"] for entry in imported[0].do_in_process("quarantine")["quarantine"]]
    assert any(message.startswith("people.csv, line 4") for message in told)
    assert any(message.startswith("people.csv, line 5: lead_score") for message in told)
    assert any(message.startswith("leads.jsonl, line 2") for message in told)


def test_init_never_overwrites_unless_it_is_told_to(imported):
    workspace = imported[0]
    before = workspace.yaml.read_bytes()
    assert workspace.run("init").code == 2
    assert workspace.yaml.read_bytes() == before
    assert workspace.run("init", "--force").code == 0
    assert workspace.yaml.read_bytes() != before


def test_every_mistake_in_the_configuration_is_told_with_file_line_and_column(imported):
    workspace = imported[0]
    right = ('api_version: "66.0"', "merge: counter}")
    wrong = ("api_version: seven", "merge: sum}")
    text = workspace.yaml.read_text()
    expected = []
    for old, new in zip(right, wrong, strict=True):
        text = text.replace(old, new, 1)
        before = text[: text.index(new) + new.index(new.split()[1].strip("}"))]
        expected.append(
            f"wrong.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rindex(chr(10))} "
        )
    (workspace.folder / "wrong.yaml").write_text(text)
    ran = workspace.run("status", "--config", "wrong.yaml", "--json", SFSYNC_CLIENT_ID="x")
    told = ran.document["errors"][0]["problems"]
    assert (ran.code, len(told)) == (2, 2)
    assert [line.startswith(place) for line, place in zip(told, expected, strict=True)] == [
        True,
        True,
    ], told
