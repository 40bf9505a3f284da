"""What people get wrong when they state a consent, and consent in files that nobody can read."""

from __future__ import annotations

import json

import pytest

from tests.system.workspace import Workspace

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def asked(new_workspace) -> Workspace:
    return new_workspace(contacts=0, leads=0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["ada"], "'ada' is no address"),
        ([""], "is no address"),
        (["ada@example.com,bob@example.com"], "is no address"),
        ([ADA, "--given"], "a consent needs its source"),
        ([ADA, "--given", "--source", "  "], "a consent needs its source"),
        ([ADA, "--at", "2026-03-01"], "--at and --source go with --given"),
        ([ADA, "--source", "a form"], "--at and --source go with --given"),
        ([ADA, "--given", "--source", "a form", "--at", "someday"], "someday"),
        ([ADA, "--given", "--source", "a form", "--at", "2199-01-01"], "2199-01-01"),
    ],
)
def test_a_consent_that_makes_no_sense_is_refused_and_nothing_is_recorded(asked, line, told):
    ran = asked.run_in_process("consent", *line)
    assert (ran.code, told in ran.err, ran.out) == (2, True, ""), ran
    document = json.loads(asked.run_in_process("consent", *line, "--json").out)
    assert (document["exit_code"], document["status"]) == (2, "failed")
    assert told in document["errors"][0]["message"]
    assert asked.do_in_process("consent", ADA)["statements"] == []


def test_consent_that_nobody_can_read_is_told_with_its_place_and_the_other_lines_come_in(asked):
    file = asked.folder / "people.csv"
    file.write_text(
        f"email,last_name,unsubscribed\n{ADA},Ada,maybe\nbob@example.com,Bob,true\n"
        "cem@example.com,Cem,2\n"
    )
    ran = asked.run_in_process("import", str(file), "--object", "contact", "--json")
    assert (ran.code, ran.data["contact"]["created"], ran.data["contact"]["quarantined"]) == (
        3,
        1,
        2,
    )
    entries = asked.do_in_process("quarantine")["quarantine"]
    assert sorted(entry["message"] for entry in entries) == [
        "people.csv, line 2: unsubscribed: 'maybe' is neither true nor false; where it means true: --true maybe",
        "people.csv, line 4: unsubscribed: '2' is neither true nor false; where it means true: --true 2",
    ]
    people = {row["email"]: row["unsubscribed"] for row in asked.rows("contacts")}
    assert people == {"bob@example.com": 1}
