"""What a run did not do is told: by its exit code, on stderr, in the history, to monitoring."""

from __future__ import annotations

import pytest

from tests.system.workspace import Workspace

CREATES = {"match": {"method": "PATCH", "path": r"composite/sobjects"}, "fault": "lose_reply"}


@pytest.fixture
def workspace(quiet_workspace: Workspace) -> Workspace:
    return quiet_workspace


def test_a_push_without_one_answer_has_failed(workspace: Workspace) -> None:
    workspace.new_contact("unheard")
    workspace.sql("UPDATE runs SET finished_at = '2026-01-20T10:00:00Z'")
    good = workspace.do_in_process("status")["last_good_run"]
    workspace.org.faults.set([CREATES])
    ran = workspace.run_in_process("push", "--json")
    assert (ran.code, ran.document["status"]) == (1, "failed")
    assert ran.document["errors"][0]["slug"] == "outcome-unknown"
    workspace.org.faults.clear()
    last = workspace.do_in_process("history")["runs"][0]
    assert last["status"] == "outcome-unknown"
    assert workspace.do_in_process("status")["last_good_run"] == good, "monitoring sees no new one"
    workspace.stderr_of("sync", expect=0)
    assert workspace.do_in_process("diff")["records"] == []


def test_after_a_refusal_nothing_says_that_all_is_well(workspace: Workspace) -> None:
    workspace.new_contact("refused", job_title="t" * 500)
    told = workspace.stderr_of("sync", "--quiet", expect=3)
    assert told == "1 in quarantine: see `sfsync quarantine`\n"
    for verb in ("push", "sync", "pull", "push-activity"):
        ran = workspace.run_in_process(verb)
        assert ran.code == 0, "nothing new"
        assert "1 in quarantine: see `sfsync quarantine`" in ran.err
        assert "both sides are as they should be" not in ran.out
    ran = workspace.run_in_process("diff", "--exit-code")
    assert (ran.code, "No differences." in ran.out) == (1, False)
    assert "1 row in quarantine" in workspace.stderr_of("diff", "--exit-code", "--quiet", expect=1)
    assert workspace.run_in_process("status", "--max-quarantine", "1").code == 0
    assert "1 in quarantine" in workspace.stderr_of(
        "status", "--max-quarantine", "0", "--quiet", expect=1
    )
    workspace.sql("DELETE FROM contacts WHERE last_name = 'refused'")
    assert workspace.run_in_process("diff", "--exit-code").code == 0
