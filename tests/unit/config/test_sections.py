"""Every section is read strictly: a surprise is a message with its place, never a setting."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sfsync.model.limits import Limits
from tests.unit.config.files import EXAMPLE, SMALLEST, load, problems_of

LOGIN = "https://login.salesforce.com\n"
MISTAKES = [
    ("org:\n", "orgs:\n", ["org: missing: say which Salesforce org (login_url, client_id)",
                           "orgs: no such key here; did you mean org?"]),
    ("  client_id: ${SFSYNC_CLIENT_ID}\n", "", ["client_id: missing in org"]),
    ("${SFSYNC_CLIENT_ID}", "5", ["client_id: expected text, found 5"]),
    ("${SFSYNC_CLIENT_ID}", "''", ["client_id: empty: the consumer key of the app in Salesforce belongs here"]),
    (
        "org:\n",
        "org:\n  client_secret: hunter2\n",
        [("client_secret: a secret does not belong in this file; set the environment variable "
         "SFSYNC_CLIENT_SECRET instead")],
    ),
    (
        "org:\n",
        "org:\n  password: hunter2\n",
        ["password: a secret does not belong in this file; sfsync login asks for what it needs"],
    ),
    (LOGIN, "http://login.salesforce.com\n", ["login_url: http would send the login in the clear; write https://"]),
    (LOGIN, "login.salesforce.com\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "https://\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "https://x:99999\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "ftp://x\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "'https://a b'\n", ["login_url: not an address like https://login.salesforce.com"]),
    (LOGIN, "https://u:p@x.com\n", [("login_url: a user or password does not belong in the address; sfsync login "
                                    "asks for what it needs")]),
    (LOGIN, "https://x.com/services\n", ["login_url: only the address of the host is needed, without a path"]),
    ("[1717, 1718, 1716]", "[]", ["redirect_ports: empty: at least one port is needed for the login's way back"]),
    ("[1717, 1718, 1716]", "[0, 65536, true, 01717, x, 1e3]", [
        "redirect_ports: expected a port from 1 to 65535, found 0",
        "redirect_ports: expected a port from 1 to 65535, found 65536",
        "redirect_ports: expected a port from 1 to 65535, found true",
        "redirect_ports: expected a port from 1 to 65535, found '01717'",
        "redirect_ports: expected a port from 1 to 65535, found 'x'",
        "redirect_ports: expected a port from 1 to 65535, found 1000.0",
    ]),
    ("[1717, 1718, 1716]", "[1717, 1717]", ["redirect_ports: 1717 stands here twice"]),
    ("[1717, 1718, 1716]", "", ["redirect_ports: expected a port from 1 to 65535, found nothing"]),
    ("[api, refresh_token]", "[refresh_token]", [("scopes: without api nothing can be read or written; write [api, "
                                                 "refresh_token]")]),
    ("[api, refresh_token]", "[api, 'a b']", ["scopes: 'a b' is no scope; one like api, refresh_token is expected"]),
    ("[api, refresh_token]", "5", ["scopes: expected a list like [api, refresh_token], found 5"]),
    ('"66.0"', "v66", ["api_version: expected a version like \"66.0\", found 'v66'"]),
    ('"66.0"', '"66.5"', ["api_version: expected a version like \"66.0\", found '66.5'"]),
    ('"66.0"', "30.0", ["api_version: 30.0 is too old: sfsync needs 52.0 or later"]),
    ('"66.0"', "true", ['api_version: expected a version like "66.0", found true']),
    ("org:\n", "org:\n  pubsub: 127.0.0.1\n", ["pubsub: expected a host and a port like api.pubsub.salesforce.com:7443, found '127.0.0.1'"]),
    ("org:\n", "org:\n  pubsub: 'a b:1'\n", ["pubsub: expected a host and a port like api.pubsub.salesforce.com:7443, found 'a b:1'"]),
    ("org:\n", "org:\n  pubsub: x.com:99999\n", ["pubsub: expected a host and a port like api.pubsub.salesforce.com:7443, found 'x.com:99999'"]),
    ("org:\n", "org:\n  pubsub: localhost:7443\n", ["pubsub: write this machine's address: 127.0.0.1:7443"]),
    ("org:\n", "org:\n  event_channel: ContactChangeEvent\n", ["event_channel: expected a channel like PenguinMails_Sync__chn, or ChangeEvents, found 'ContactChangeEvent'"]),
    ("path: mirror.db ", "pth: mirror.db ", ["pth: no such key here; did you mean path?"]),
    ("path: mirror.db ", "path: ':memory:' ", ["path: expected a file's path, found ':memory:'"]),
    ("path: mirror.db ", "path: file:x.db ", ["path: expected a file's path, found 'file:x.db'"]),
    ("path: mirror.db ", "path: '' ", ["path: expected a file's path, found ''"]),
    ("path: mirror.db ", "path: . ", ["path: '.' is a folder; a file is expected, like ./mirror.db"]),
    ("max_delete: 10%", "max_delete: 10", ["max_delete: expected a share like 10%, found 10"]),
    ("max_delete: 10%", "max_delete: 101%", ["max_delete: expected a share like 10%, found '101%'"]),
    ("max_delete: 10%", "max_delete: -1%", ["max_delete: expected a share like 10%, found '-1%'"]),
    ("max_delete: 10%", "max_delete: 10%\n  max_change: 50", ["max_change: expected a share like 10%, found 50"]),
    ("max_delete: 10%", "max_delete: {percent: lots}", ["percent: expected a share like 10%, found 'lots'"]),
    ("max_delete: 10%", "max_delete: {at_least: 5}", ["percent: missing in max_delete"]),
    ("max_delete: 10%", "max_delete: {percent: 5, at_leest: 1}", ["at_leest: no such key here; did you mean at_least?"]),
    ("max_delete: 10%", "max_delete: {percent: 5, at_least: -1}", ["at_least: expected a number of rows, found -1"]),
    ("overlap: 15m", "overlap: 15", ["overlap: expected a time like 15m, 90s or 2h, found 15"]),
    ("overlap: 15m", "overlap: m15", ["overlap: expected a time like 15m, 90s or 2h, found 'm15'"]),
    ("overlap: 15m", "overlap: ''", ["overlap: expected a time like 15m, 90s or 2h, found ''"]),
    ("overlap: 15m", "overlap: 8d", ["overlap: '8d' is too long: at most 7d"]),
    ("api_reserve: 20%", "api_reserve: 100%", ["api_reserve: 100% would leave no call for sfsync"]),
    ("api_per_run: 25%", "api_per_run: 0%", ["api_per_run: 0% would leave no call for sfsync"]),
    ("api_reserve: 20%", "api_reserv: 20%", ["api_reserv: no such key here; did you mean api_reserve?"]),
    ("limits:\n", "limit:\n", ["limit: no such key here; did you mean limits?"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert old in EXAMPLE
    problems = problems_of(tmp_path, EXAMPLE.replace(old, new, 1))
    assert [problem.split(" ", 1)[1] for problem in problems] == told
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize(
    "section", ["org", "mirror", "objects", "activities", "sync_rules", "limits"]
)
def test_a_section_left_empty_is_told_with_its_place(tmp_path: Path, section: str) -> None:
    text = "".join(f"{line}\n" for line in SMALLEST.splitlines() if not line.startswith(section))
    problems = problems_of(tmp_path, f"{text}{section}:\n")
    assert any(f" {section}: expected keys with values" in problem for problem in problems)


def test_the_smallest_file_takes_every_default(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST)
    assert config.org.login_url == "https://login.salesforce.com"
    assert config.org.redirect_ports == (1717, 1718, 1716)
    assert config.org.scopes == ("api", "refresh_token")
    assert config.limits == Limits()
    assert config.mirror_path == tmp_path / "mirror.db"
    assert config.source == tmp_path / "sfsync.yaml"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://Acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
        (" https://test.salesforce.com ", "https://test.salesforce.com"),
    ],
)
def test_login_addresses_are_kept_as_origins(tmp_path: Path, given: str, kept: str) -> None:
    text = SMALLEST.replace("{client_id: abc}", f"{{client_id: abc, login_url: '{given}'}}")
    assert load(tmp_path, text).org.login_url == kept


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("scopes: api  refresh_token api", "scopes", ("api", "refresh_token")),
        ("scopes: [full, refresh_token]", "scopes", ("full", "refresh_token")),
        ("redirect_ports: 8080", "redirect_ports", (8080,)),
        ("redirect_ports: ['8080', 8081]", "redirect_ports", (8080, 8081)),
        ("api_version: 66.0", "api_version", "66.0"),
        ("api_version: 68", "api_version", "68.0"),
    ],
)
def test_other_ways_to_write_the_same(
    tmp_path: Path, line: str, attribute: str, value: object
) -> None:
    text = SMALLEST.replace("{client_id: abc}", f"{{client_id: abc, {line}}}")
    assert getattr(load(tmp_path, text).org, attribute) == value


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("max_delete: 2.5%", Limits(max_delete=0.025)),
        ("max_delete: {percent: 50%, at_least: 0}", Limits(max_delete=0.5, max_delete_rows=0)),
        ("max_delete: {percent: 5}", Limits(max_delete=0.05)),
        ("max_change: 50%", Limits(max_change=0.5)),
        ("overlap: 1h30m", Limits(overlap=timedelta(minutes=90))),
        ("overlap: 0s", Limits(overlap=timedelta())),
        ("overlap: 7d", Limits(overlap=timedelta(days=7))),
        ("api_reserve: 0%", Limits(api_reserve=0.0)),
        ("api_per_run: 100%", Limits(api_per_run=1.0)),
        ("inbox_events: 1000", Limits(inbox_events=1000)),
        ("inbox_bytes: 1048576", Limits(inbox_bytes=1_048_576)),
        ("keep_deliveries_days: 1", Limits(keep_deliveries_days=1)),
    ],
)
def test_limits(tmp_path: Path, line: str, limits: Limits) -> None:
    assert load(tmp_path, f"{SMALLEST}limits: {{{line}}}\n").limits == limits


def test_an_inbox_has_room_for_every_delivery_that_is_let_in(tmp_path: Path) -> None:
    lines = "limits: {inbox_bytes: 1048576}\nlisten: {max_body: 1048577}\n"
    [told] = problems_of(tmp_path, SMALLEST + lines)
    assert told.startswith("3:")
    assert "inbox_bytes: a delivery may have 1048577 bytes (listen.max_body)" in told


@pytest.mark.parametrize(
    ("line", "least"),
    [
        ("inbox_events: 999", 1_000),
        ("inbox_bytes: 1000", 1_048_576),
        ("keep_deliveries_days: 0", 1),
    ],
)
def test_a_limit_that_is_too_small_is_told(tmp_path: Path, line: str, least: int) -> None:
    [told] = problems_of(tmp_path, f"{SMALLEST}limits: {{{line}}}\n")
    assert f"expected a number from {least} on" in told


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("data/m.db", "{folder}/data/m.db"),
        ("~/m.db", "/home/ada/m.db"),
        ("/var/lib/m.db", "/var/lib/m.db"),
    ],
)
def test_the_mirrors_path_is_relative_to_the_file(tmp_path: Path, given: str, kept: str) -> None:
    config = load(tmp_path, f"{SMALLEST}mirror: {{path: {given}}}\n", {"HOME": "/home/ada"})
    assert str(config.mirror_path) == kept.format(folder=tmp_path)
