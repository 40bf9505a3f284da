"""``status --metrics``: what Prometheus' own parser reads there, and a file that is replaced as a whole."""

from __future__ import annotations

import json
import stat

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.workspace import Workspace, event


@pytest.fixture(scope="module")
def workspace(new_workspace) -> Workspace:
    workspace = new_workspace(contacts=4, leads=2)
    workspace.do_in_process("pull")
    workspace.sql("UPDATE contacts SET job_title = 'New' WHERE id = 1")
    line = json.dumps(event("email_sent", "nobody at all")) + "\n"
    good = json.dumps(event("email_sent", "somebody@else.example")) + "\n"
    workspace.run_in_process("push-activity", "-", stdin=(line + good).encode())
    workspace.sql("UPDATE contacts SET job_title = 'New' WHERE id = 2")
    return workspace


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            found.setdefault(each.name, []).append((dict(each.labels), each.value))
    return found


def test_what_status_knows_is_there_as_numbers(workspace):
    ran = workspace.run_in_process("status", "--metrics")
    assert ran.code == 0
    found = samples(ran.out)
    state = workspace.do_in_process("status")
    rows = {labels["object"]: value for labels, value in found["sfsync_rows"]}
    edited = {labels["object"]: value for labels, value in found["sfsync_edited_rows"]}
    for each in state["objects"]:
        assert (rows[each["object"]], edited[each["object"]]) == (each["rows"], each["edited"])
    assert edited["contact"] > 0
    for name, key in (("quarantined", "quarantined"), ("conflicts_open", "conflicts_open")):
        assert found[f"sfsync_{name}"][0][1] == state[key]
    codes = {labels["code"]: value for labels, value in found["sfsync_quarantined_by_code"]}
    assert sum(codes.values()) == state["quarantined"] > 0
    assert found["sfsync_last_good_run_timestamp_seconds"][0][1] > 1_700_000_000
    assert found["sfsync_paused"][0][1] == 0
    assert found["sfsync_last_run_timestamp_seconds"][0][0]["command"] == "push-activity"
    whose = {(labels["profile"], labels["mirror"]) for each in found.values() for labels, _ in each}
    assert whose == {("default", str(workspace.mirror))}
    assert "@" not in ran.out


def test_a_file_is_replaced_as_a_whole_and_may_be_read_by_the_collector(workspace):
    file = workspace.folder / "sfsync.prom"
    file.write_text("old", encoding="utf-8")
    ran = workspace.run_in_process("status", "--metrics", "--out", str(file), "--max-age", "1d")
    assert (ran.code, str(file) in ran.out) == (0, True)
    assert "sfsync_rows" in samples(file.read_text(encoding="utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [each.name for each in workspace.folder.glob("*.part")] == []
    ran = workspace.run_in_process("status", "--metrics", "--max-quarantine", "0", "--quiet")
    assert (ran.code, "in quarantine" in ran.err) == (1, True)


def test_a_mirror_without_any_run_has_metrics(new_workspace):
    workspace = new_workspace(pull=False, log_in=False, contacts=0, leads=0)
    found = samples(workspace.run_in_process("status", "--metrics").out)
    assert found["sfsync_last_good_run_timestamp_seconds"][0][1] == 0
    assert "sfsync_last_run_seconds" not in found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (("status", "--out", "x.prom"), "--out is for --metrics"),
        (("status", "--metrics", "--json"), "both want stdout"),
    ],
)
def test_options_that_contradict_one_another(workspace, line, told):
    ran = workspace.run_in_process(*line)
    assert (ran.code, told in ran.err) == (2, True)
