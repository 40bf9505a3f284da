"""``sfsync local-org --change-events``: where it serves, what it needs, what it refuses."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_org.server import LocalOrg, LocalOrgConfig, MissingExtra
from tests.unit.local_org.pubsub.conftest import begun
from tests.unit.local_org.pubsub.subscriber import Subscriber

CONTACTS = "/data/ContactChangeEvent"


@pytest.fixture(scope="module")
def workspace(new_workspace):
    return new_workspace(log_in=False, pull=False)


def test_it_tells_where_its_events_are(workspace, at_a_terminal):
    serve = (
        "local-org",
        "--port",
        "0",
        "--contacts",
        "0",
        "--tls",
        "--change-events",
        "contact,Lead",
    )
    process = workspace.start(*serve, "--json")
    try:
        told = json.loads(process.stdout.readline())
        assert set(told) == {"url", "pubsub", "certificate"}
        assert told["pubsub"].startswith("127.0.0.1:")
        assert "BEGIN CERTIFICATE" in Path(told["certificate"]).read_text(encoding="ascii")
    finally:
        process.send_signal(signal.SIGINT)
        assert workspace.finish(process).code == 130


@pytest.mark.slow
def test_people_are_told_too(workspace, at_a_terminal):
    process = workspace.start("local-org", "--port", "0", "--contacts", "0", "--pubsub-port", "0")
    try:
        lines = [process.stdout.readline() for _ in range(3)]
    finally:
        process.send_signal(signal.SIGINT)
        workspace.finish(process)
    assert lines[2].startswith("Its Pub/Sub API at 127.0.0.1:")
    assert lines[2].rstrip().endswith("without TLS")


def refusal(workspace, *options):
    ran = workspace.run_in_process("local-org", "--port", "0", *options, "--json")
    (error,) = ran.document["errors"]
    return ran.code, error


def test_what_it_cannot_do_is_said(workspace):
    code, error = refusal(workspace, "--change-events", "User")
    assert (code, error["message"]) == (
        2,
        "no change events for User; there are for: Account, Contact, Lead, Task",
    )
    code, error = refusal(workspace, "--tls")
    assert (code, error["hint"]) == (2, "Add --pubsub-port 0.")
    with LocalOrg(LocalOrgConfig(contacts=0, pubsub_port=0)) as org:
        port = org.pubsub.rpartition(":")[2]
        code, error = refusal(workspace, "--pubsub-port", port)
    assert (code, error["message"]) == (2, f"port {port} cannot be used: Address already in use")
    assert "--pubsub-port" in error["hint"]


def test_without_the_extra_it_says_what_to_install(workspace, monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    for name in [each for each in sys.modules if each.startswith("local_org.pubsub")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        MissingExtra, match=r"change events need grpc: pip install 'sfsync\[realtime\]'"
    ):
        LocalOrg(LocalOrgConfig(contacts=0, pubsub_port=0))
    code, error = refusal(workspace, "--change-events", "Contact")
    assert (code, error["hint"]) == (2, "pip install 'sfsync[realtime]'")


def test_an_org_that_tells_nothing_loads_nothing_for_it():
    script = (
        "import sys; from local_org.server import LocalOrg, LocalOrgConfig;"
        "LocalOrg(LocalOrgConfig(contacts=0));"
        "print(sorted({'grpc', 'google', 'fastavro'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_what_was_selected_is_kept_in_the_state_file(tmp_path):
    config = LocalOrgConfig(
        contacts=0, pubsub_port=0, change_events=("Contact",), state_file=tmp_path / "org.db"
    )
    LocalOrg(config).close()
    with LocalOrg(config) as org, Subscriber(org) as subscriber:
        assert len(org.state.table("PlatformEventChannelMember").rows) == 1
        stream = begun(org, subscriber.subscribe, CONTACTS)
        person = org.as_user().create("Contact", {"LastName": "A"})
        assert stream.event().ids == [person]
        stream.close()
