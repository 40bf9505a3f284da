"""Starting and stopping, keeping the org in a file, sample data, and the command."""

import os
import subprocess
import sys

import pytest
import requests

from local_org import __main__ as command
from local_org.server import LocalOrg, LocalOrgConfig


def test_start_answer_stop():
    org = LocalOrg(LocalOrgConfig(contacts=1, leads=0))
    with org:
        assert org.url == f"http://127.0.0.1:{org.port}"
        assert requests.get(f"{org.url}/services/data/", timeout=5).status_code == 200
        url = org.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_a_taken_port_is_an_error():
    with (
        LocalOrg(LocalOrgConfig(contacts=0)) as org,
        pytest.raises(OSError, match="Address already in use"),
    ):
        LocalOrg(LocalOrgConfig(contacts=0, port=org.port)).start()


def test_the_state_outlives_the_process(tmp_path):
    file = tmp_path / "org.db"
    with LocalOrg(LocalOrgConfig(contacts=4, leads=2, state_file=file)) as org:
        base, headers = f"{org.url}/services/data/v65.0", {"Authorization": f"Bearer {org.token()}"}
        made = requests.post(
            f"{base}/sobjects/Contact",
            json={"LastName": "Kept", "Email": "kept@b.example"},
            headers=headers,
            timeout=5,
        ).json()["id"]
        gone = next(iter(org.state.table("Lead").rows))
        requests.delete(f"{base}/sobjects/Lead/{gone}", headers=headers, timeout=5)
        purged = list(org.state.table("Lead").rows)[1]
        requests.post(f"{org.url}/_local/purge", json={"id": purged}, timeout=5)
        requests.post(
            f"{org.url}/_local/settings",
            json={
                "duplicate_rules": True,
                "validation_rules": [{"sobject": "Lead", "when": "Title = 'x'", "message": "no"}],
            },
            timeout=5,
        )
        requests.post(f"{org.url}/_local/clock", json={"advance_seconds": 99}, timeout=5)
        before = {table.kind.name: dict(table.rows) for table in org.state.tables}
        org_id = org.state.org_id
    again = LocalOrg(LocalOrgConfig(contacts=4, leads=2, state_file=file))
    assert {table.kind.name: dict(table.rows) for table in again.state.tables} == before
    assert again.state.org_id == org_id
    assert again.state.settings.duplicate_rules is True
    assert again.state.settings.validation_rules[0].message == "no"
    assert again.state.clock.offset_seconds == 99
    assert set(again.state.table("Lead").delete_log) == {gone, purged}
    assert again.state.table("Contact").indexes["Email"].find("kept@b.example") == [made]
    assert again.as_user().create("Contact", {"LastName": "New"}) not in before["Contact"]
    again.stop()


def people(**more):
    state = LocalOrg(LocalOrgConfig(**more)).state
    return [
        (row["FirstName"], row["LastName"], row["Email"])
        for row in state.table("Contact").rows.values()
    ]


def test_sample_people_are_the_same_for_the_same_number():
    assert people(contacts=30) == people(contacts=30)
    assert people(contacts=30) != people(contacts=30, seed=8)


def test_sample_people_are_safe_and_whole():
    org = LocalOrg(LocalOrgConfig(contacts=2_000))
    contacts, leads = org.state.table("Contact").rows, org.state.table("Lead").rows
    assert (len(contacts), len(leads), len(org.state.table("Account").rows)) == (2_000, 833, 500)
    rows = [*contacts.values(), *leads.values()]
    addresses = [row["Email"] for row in rows]
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith(".example") and len(address) <= 80 for address in addresses)
    assert all(row["CreatedDate"] <= row["SystemModstamp"] < org.state.stamp() for row in rows)
    assert len({row["OwnerId"] for row in rows}) == 3
    for table in (org.state.table("Contact"), org.state.table("Lead")):
        lengths = {field.name: field.length for field in table.kind.fields if field.length}
        assert all(
            len(value) <= lengths[name]
            for row in table.rows.values()
            for name, value in row.items()
            if name in lengths
        )


def test_provisioning_is_a_choice():
    org = LocalOrg(
        LocalOrgConfig(contacts=0, custom_fields=False, task_external_id=False, hide_opt_out=True)
    )
    names = {
        sobject: {field.name for field in org.state.kind(sobject).fields}
        for sobject in ("Contact", "Lead", "Task")
    }
    assert not any(name.startswith("PenguinMails") for each in names.values() for name in each)
    assert "HasOptedOutOfEmail" not in names["Contact"]
    assert "HasOptedOutOfEmail" not in names["Lead"]


def test_the_command_serves_until_interrupted(tmp_path):
    faults = tmp_path / "faults.json"
    faults.write_text('{"faults": [{"fault": "status", "match": {"path": "limits"}}]}')
    arguments = [
        "--port",
        "0",
        "--size",
        "2",
        "--faults",
        str(faults),
        "--state",
        str(tmp_path / "org.db"),
        "--no-task-external-id",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "local_org", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        line = process.stdout.readline()
        url = line.split()[3]
        assert requests.get(f"{url}/services/data/", timeout=5).status_code == 200
        assert (
            requests.get(f"{url}/_local/faults", timeout=5).json()["faults"][0]["fault"] == "status"
        )
        process.terminate()
        process.wait(timeout=10)
    assert (tmp_path / "org.db").exists()


def test_the_command_tells_of_a_taken_port(capsys):
    with LocalOrg(LocalOrgConfig(contacts=0)) as org:
        assert command.main(["--port", str(org.port), "--size", "0"]) == 1
    assert "--port 0 takes a free one" in capsys.readouterr().err


def test_time_comes_from_wherever_it_is_told_to():
    org = LocalOrg(LocalOrgConfig(contacts=1, leads=0, clock=lambda: 1_768_903_200.0))
    assert org.state.now().isoformat() == "2026-01-20T10:00:00+00:00"


def test_the_command_explains_itself(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for option in (
        "--port",
        "--seed",
        "--size",
        "--latency",
        "--faults",
        "--state",
        "--auto-approve",
        "--no-custom-fields",
        "--no-task-external-id",
        "--hide-opt-out",
        "--rotate-refresh-tokens",
    ):
        assert option in told


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "testserver",
        "0.0.0.0",
        "[::2]",
        "",
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/_local/dump", "/services/data/", "/services/oauth2/authorize"]
)
def test_a_strangers_name_for_this_computer_is_turned_away(rest, host, path):
    answer = rest.http.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()[0]["errorCode"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8700", "localhost:8700", "LocalHost", "[::1]:8700"]
)
def test_this_computers_own_names_are_let_in(rest, host):
    assert rest.http.get("/", headers={"Host": host}).status_code == 200
