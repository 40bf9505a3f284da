"""Change events of the local org, which reads the specification for itself: what happens there is here within seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

pytest.importorskip("grpc")

from local_org.server import LocalOrg, LocalOrgConfig
from tests.free_ports import free_port
from tests.system.listener import until
from tests.system.workspace import Workspace


class Following:
    """A listener that follows an org's change events."""

    def __init__(self, workspace: Workspace, health: int) -> None:
        self.workspace, self.health = workspace, f"http://127.0.0.1:{health}"
        self.printed: list[str] = []

    @contextmanager
    def listening(self, mode: str = "streaming", **environ: str) -> Iterator[None]:
        process = self.workspace.start("listen", "--no-webhooks", **environ)
        self.process = process
        reader = threading.Thread(target=lambda: self.printed.extend(process.stderr), daemon=True)
        reader.start()
        try:
            if mode:
                until(lambda: self.stream().get("mode") == mode, f"{mode}: {self.printed}")
            yield
        finally:
            process.kill()
            process.wait()
            reader.join(5)
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()

    def stream(self) -> dict[str, Any]:
        try:
            return dict(requests.get(f"{self.health}/readyz", timeout=5).json()["stream"])
        except requests.ConnectionError:
            return {}

    def fault(self, name: str, **more: Any) -> None:
        plan = {"faults": [{"fault": name, **more}]}
        reply = requests.post(f"{self.workspace.org.url}/_local/faults", json=plan, timeout=5)
        assert reply.status_code == 200, reply.text

    def here(self, record: str, table: str = "contacts") -> dict[str, Any]:
        found = self.workspace.sql(f"SELECT * FROM {table} WHERE salesforce_id = ?", record)
        return found[0] if found else {}

    def until_here(self, record: str, holds: Callable[[dict[str, Any]], object], what: str) -> None:
        until(
            lambda: bool(holds(self.here(record))), f"{what}: {self.here(record)} {self.stream()}"
        )

    def until_titled(self, record: str, title: str) -> None:
        self.until_here(record, lambda row: row.get("job_title") == title, title)


@pytest.fixture(scope="module")
def prepared(new_workspace) -> Workspace:
    return new_workspace(
        contacts=8, leads=4, pubsub_port=0, change_events=("Contact", "Lead"),
        settings={"event_keepalive_seconds": 1},
    )  # fmt: skip


@pytest.fixture
def following(prepared: Workspace) -> Iterator[Following]:
    workspace = prepared
    health = free_port()
    text = workspace.yaml.read_text(encoding="utf-8").partition("\nlisten:")[0]
    lines = [
        line for line in text.splitlines() if "pubsub:" not in line and "event_channel:" not in line
    ]
    text = "\n".join(lines).replace(
        "\norg:\n", f"\norg:\n  pubsub: {workspace.org.pubsub}\n  event_channel: ChangeEvents\n", 1
    )
    section = f"\nlisten: {{health_bind: '127.0.0.1:{health}', poll_seconds: 3600}}\n"
    workspace.yaml.write_text(text + section, encoding="utf-8")
    yield Following(workspace, health)
    requests.delete(f"{workspace.org.url}/_local/faults", timeout=5)


def live_contacts(workspace: Workspace) -> list[str]:
    found = workspace.sql(
        "SELECT salesforce_id FROM contacts WHERE salesforce_id IS NOT NULL AND deleted_at IS NULL ORDER BY 1"
    )
    return [row["salesforce_id"] for row in found]


@pytest.mark.slow
def test_all_that_happens_in_the_org_is_here_within_seconds_and_as_a_pull_has_it(
    following: Following,
):
    workspace = following.workspace
    ada, bob, cleo, dan, *_ = live_contacts(workspace)
    lead = workspace.sql("SELECT salesforce_id FROM leads ORDER BY 1")[0]["salesforce_id"]
    with following.listening():
        workspace.edit(ada, Title="Analyst", Phone=None)
        following.until_titled(ada, "Analyst")
        assert following.here(ada)["phone"] is None
        new = workspace.create("Contact", LastName="New", Email="new@example.com")
        following.until_here(new, lambda row: row, "created")
        workspace.local("delete", id=bob)
        following.until_here(bob, lambda row: row["deleted_at"], "deleted")
        workspace.local("undelete", id=bob)
        following.until_here(bob, lambda row: row["deleted_at"] is None, "restored")
        workspace.local("merge", master=cleo, losers=[dan])
        following.until_here(dan, lambda row: row["deleted_at"], "merged")
        workspace.local("convert", lead=lead)
        until(lambda: following.here(lead, "leads").get("deleted_at"), "converted")
        until(lambda: following.stream()["hints"].get("create", 0) >= 2, "the Contact")
        assert following.stream()["oddities"].get("payload") is None
    pulled = workspace.do_in_process("pull", "--full")["objects"]
    changed = ("created", "updated", "deleted", "conflicts")
    assert not any(counts[name] for counts in pulled.values() for name in changed), pulled


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("gap", {}),
        *(
            pytest.param(name, more, marks=pytest.mark.slow)
            for name, more in (
                ("stream_drop", {}),
                ("duplicate", {}),
                ("overflow", {}),
                ("wildcard", {}),
                ("undecodable", {}),
                ("undecodable", {"schema": True}),
                ("schema_change", {}),
                ("late", {}),
                ("unavailable", {}),
                ("auth_error", {}),
            )
        ),
    ],
)
def test_the_edit_comes_whatever_the_stream_does(following: Following, fault, more):
    workspace = following.workspace
    ada = live_contacts(workspace)[0]
    title = f"After {fault} {len(more)}"
    if fault in ("unavailable", "auth_error"):
        following.fault(fault, path="Subscribe", times=1, **more)
    with following.listening():
        if fault not in ("unavailable", "auth_error"):
            following.fault(fault, times=1, **more)
        workspace.edit(ada, Title=title)
        following.until_titled(ada, title)


@pytest.mark.slow
def test_an_expired_position_is_a_full_reading(following: Following):
    workspace = following.workspace
    ada = live_contacts(workspace)[0]
    with following.listening():
        pass
    workspace.edit(ada, Title="While nobody listened")
    following.fault("expire_positions")
    with following.listening():
        following.until_titled(ada, "While nobody listened")
        assert following.stream()["ends"] == {"subscription.fetch.replayid.corrupted": 1}


@pytest.mark.slow
def test_a_stream_that_was_reset_goes_on_with_now(following: Following):
    workspace = following.workspace
    ada = live_contacts(workspace)[0]
    with following.listening():
        workspace.local("events", do="reset")
        workspace.local("events", do="drop")
        workspace.edit(ada, Title="After the reset")
        following.until_titled(ada, "After the reset")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["stream.kept", "follow.settled", "commit"])
def test_killed_it_goes_on_where_it_was(following: Following, place):
    workspace = following.workspace
    ada = live_contacts(workspace)[0]
    with following.listening():
        pass
    workspace.edit(ada, Title=f"Killed at {place}")
    with following.listening("", SFSYNC_FAILPOINTS=f"{place}=kill@{3 if place == 'commit' else 1}"):
        following.process.wait(20)
    with following.listening():
        following.until_titled(ada, f"Killed at {place}")


@pytest.mark.slow
def test_an_own_write_that_comes_back_costs_no_call(following: Following):
    workspace = following.workspace
    ada = live_contacts(workspace)[0]
    with following.listening():
        events = following.stream()["events"]
        workspace.sql("UPDATE contacts SET job_title = 'Ours' WHERE salesforce_id = ?", ada)
        workspace.do_in_process("push")
        with workspace.counted() as calls:
            until(lambda: following.stream()["events"] > events, "the echo")
            until(lambda: not workspace.sql("SELECT 1 FROM _stream_hints"), "it was known")
    assert calls["used"] == 0, calls


@pytest.mark.slow
def test_the_allowance_is_left_to_others(following: Following):
    workspace = following.workspace
    workspace.local("settings", daily_event_deliveries=1)
    try:
        with following.listening("polling"):
            assert "allowance" in following.stream()["reason"]
    finally:
        workspace.local("settings", daily_event_deliveries=10_000)


@pytest.mark.slow
def test_setup_makes_what_listen_needs_and_a_second_one_changes_nothing(new_workspace):
    workspace = new_workspace(
        contacts=4, leads=2, pubsub_port=0, settings={"event_keepalive_seconds": 1}
    )
    workspace.configure(("\norg:\n", f"\norg:\n  pubsub: {workspace.org.pubsub}\n"))
    health = free_port()
    section = f"\nlisten: {{health_bind: '127.0.0.1:{health}', poll_seconds: 3600}}\n"
    workspace.yaml.write_text(
        workspace.yaml.read_text(encoding="utf-8") + section, encoding="utf-8"
    )
    following = Following(workspace, health)
    with following.listening("polling"):
        assert "org setup --change-events" in str(following.stream()["hint"])
    codes = {
        each["code"] for each in workspace.run_in_process("org", "check", "--json").data["findings"]
    }
    assert "events.channel" in codes
    made = workspace.do_in_process("org", "setup", "--change-events", "--yes")
    assert [each["part"] for each in made["results"]].count("channel member") == 2
    assert workspace.do_in_process("org", "setup", "--change-events", "--yes")["changed"] == 0
    codes = {
        each["code"] for each in workspace.run_in_process("org", "check", "--json").data["findings"]
    }
    assert not {code for code in codes if code.startswith("events.")}
    ada = live_contacts(workspace)[0]
    with following.listening():
        workspace.edit(ada, Title="Analyst")
        following.until_titled(ada, "Analyst")


@pytest.mark.slow
def test_an_object_whose_events_are_left_out_without_a_word_is_polled(new_workspace):
    workspace = new_workspace(
        contacts=4, leads=2, pubsub_port=0, change_events=("Lead",),
        settings={"event_keepalive_seconds": 1},
    )  # fmt: skip
    health = free_port()
    workspace.configure(
        ("\norg:\n", f"\norg:\n  pubsub: {workspace.org.pubsub}\n  event_channel: ChangeEvents\n")
    )
    section = f"\nlisten: {{health_bind: '127.0.0.1:{health}', poll_seconds: 10}}\n"
    workspace.yaml.write_text(
        workspace.yaml.read_text(encoding="utf-8") + section, encoding="utf-8"
    )
    following = Following(workspace, health)
    ada = live_contacts(workspace)[0]
    with following.listening():
        assert following.stream()["objects"] == ["lead"]
        assert any(
            "contact: its events are not on the channel" in line for line in following.printed
        )
        workspace.edit(ada, Title="Polled")
        following.until_titled(ada, "Polled")


def test_tls_is_spoken_and_only_with_somebody_whose_certificate_is_trusted():
    from sfsync.model.token import Token
    from sfsync.salesforce.change_stream.connection import PubSubStream

    org = LocalOrg(LocalOrgConfig(contacts=1, pubsub_port=0, change_events=("Contact",), tls=True))
    org.start()
    try:
        endpoint = f"localhost:{org.pubsub.rpartition(':')[2]}"
        token = Token("none", org.url, f"{org.url}/id/00D000000000001EAA/005000000000001AAA")
        ends = []
        for roots in (str(org.certificate), ""):
            stream = PubSubStream(
                endpoint, "/data/ContactChangeEvent", ["contact"], lambda: token, roots=roots
            )
            stream.open(None)
            ends.append(stream.read())
            stream.close()
    finally:
        org.stop()
    assert [end.code for end in ends] == ["service.auth.error", ""]
    assert ends[1].status == "UNAVAILABLE"


@pytest.mark.slow
def test_a_large_push_of_ours_is_not_followed_to_its_end(new_workspace):
    workspace = new_workspace(
        contacts=600, leads=2, pubsub_port=0, change_events=("Contact", "Lead"),
        settings={"event_keepalive_seconds": 1},
    )  # fmt: skip
    health = free_port()
    workspace.configure(
        ("\norg:\n", f"\norg:\n  pubsub: {workspace.org.pubsub}\n  event_channel: ChangeEvents\n")
    )
    section = f"\nlisten: {{health_bind: '127.0.0.1:{health}', poll_seconds: 10}}\n"
    workspace.yaml.write_text(
        workspace.yaml.read_text(encoding="utf-8") + section, encoding="utf-8"
    )
    following = Following(workspace, health)
    with following.listening():
        workspace.sql("UPDATE contacts SET job_title = 'No. ' || id")
        until(lambda: "large push" in str(following.stream()["reason"]), "left", 40)
        assert following.stream()["events"] < 600
        until(lambda: not workspace.sql("SELECT 1 FROM _stream_hints"), "pulled instead")
