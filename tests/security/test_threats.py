"""Somebody means harm: with a stolen code, a forged reply, a planted link, a value that would be a query."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import requests

from sfsync.auth.grants import Grants
from sfsync.auth.pkce import Handshake
from sfsync.errors import LoginRefused
from tests.system.prepared import CLIENT, open_workspace
from tests.system.workspace import Workspace, event
from tests.trouble.convergence import check_convergence

# -- the login


def test_a_stolen_code_is_worth_nothing_without_its_verifier(workspace: Workspace) -> None:
    """Somebody reads the way back of a login, and is faster."""
    stolen: list[str] = []
    exchange = Grants.exchange_code

    def overheard(self: Grants, code: str, *, redirect_uri: str, verifier: str):
        stolen.append(code)
        for guess in ("", "x" * 64, Handshake.new().verifier):
            with pytest.raises(LoginRefused):
                exchange(self, code, redirect_uri=redirect_uri, verifier=guess)
        return exchange(self, code, redirect_uri=redirect_uri, verifier=verifier)

    with mock.patch.object(Grants, "exchange_code", overheard):
        ran = workspace.run_in_process("login")
    assert stolen
    assert ran.code == 4, "a code that somebody tried is used up for everybody"
    assert "sfsync login" in ran.err


def test_without_any_verifier_the_org_gives_no_token(workspace: Workspace) -> None:
    [callback] = workspace.org.oauth.apps[CLIENT].callbacks
    handshake = Handshake.new()
    asked = requests.get(
        f"{workspace.org.url}/services/oauth2/authorize",
        params={
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": callback,
            "state": handshake.state,
            "code_challenge": "a" * 43,
            "code_challenge_method": "S256",
        },
        allow_redirects=False,
        timeout=5,
    )
    code = asked.headers["location"].split("code=")[1].split("&")[0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "client_id": CLIENT,
    }
    got = requests.post(f"{workspace.org.url}/services/oauth2/token", data=form, timeout=5)
    assert got.status_code == 400
    assert "access_token" not in got.json()


@pytest.fixture
def leading_astray(workspace: Workspace) -> Iterator[Workspace]:
    """An org, or somebody between, whose token replies name another address for the calls."""
    settings = workspace.org.oauth.settings
    with mock.patch.object(settings, "instance_url", "https://attacker.example"):
        yield workspace


def test_a_login_that_names_a_strangers_address_is_not_kept(leading_astray: Workspace) -> None:
    leading_astray.sql("DELETE FROM _tokens")
    told = leading_astray.stderr_of("login", expect=1)
    assert "attacker.example" in told
    assert "not sent there" in told
    assert leading_astray.sql("SELECT * FROM _tokens") == []
    leading_astray.stderr_of("sync", expect=4)


def test_a_renewed_login_that_names_a_strangers_address_is_not_used(
    leading_astray: Workspace,
) -> None:
    leading_astray.org.oauth.grants.expire_access_tokens()
    before = leading_astray.sql("SELECT blob FROM _tokens")
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def noted(host: str, *given, **named):
        asked.append(host)
        return look_up(host, *given, **named)

    with mock.patch("socket.getaddrinfo", noted):
        assert "attacker.example" in leading_astray.stderr_of("sync", expect=1)
    assert set(asked) == {"127.0.0.1"}
    assert len(leading_astray.sql("SELECT blob FROM _tokens")) == len(before)


@pytest.mark.parametrize(
    "url",
    [
        "http://login.salesforce.com",
        "https://user:pass@login.salesforce.com",
        "ftp://127.0.0.1",
        "http://10.0.0.1",
    ],
)
def test_a_login_address_that_would_give_the_login_away_is_refused(
    workspace: Workspace, url: str
) -> None:
    workspace.configure((workspace.org.url, url))
    told = workspace.stderr_of("login", expect=2)
    assert "sfsync.yaml:" in told
    assert "pass@" not in told


def test_places_to_die_at_are_refused_where_the_org_is_a_real_one(workspace: Workspace) -> None:
    for url in (
        "https://login.salesforce.com",
        "https://127.0.0.1.evil.example",
        "https://localhost.evil.example",
    ):
        text = workspace.yaml.read_text()
        workspace.configure((workspace.org.url, url))
        told = workspace.stderr_of("sync", expect=2, SFSYNC_FAILPOINTS="commit=kill")
        assert "SFSYNC_FAILPOINTS" in told
        workspace.yaml.write_text(text)


# -- values


HOSTILE = [
    "o'hara@b.example",
    "a'OR'1'='1@b.example",
    "x'OR(Email!='')OR(Email='@b.example",
    "back\\slash@b.example",
    "back\\'quote@b.example",
    "%@b.example",
    "___@b.example",
    "{0}@b.example",
    "ünï@b.example",
]


def test_no_address_is_a_query(tmp_path: Path) -> None:
    """Each event goes to the one who has that very address, and to nobody else."""
    with open_workspace(tmp_path, pull=False) as workspace:
        people = {}
        for number, email in enumerate(HOSTILE):
            made = requests.post(
                f"{workspace.org.url}/_local/create",
                json={"sobject": "Contact", "fields": {"LastName": f"P{number}", "Email": email}},
                timeout=5,
            )
            if made.ok:
                people[email] = made.json()["id"]
        assert len(people) >= 6
        before = workspace.records("Contact")
        workspace.push_events_in_process(
            *(event("email_sent", email, f"h{n}") for n, email in enumerate(people))
        )
        assert workspace.records("Contact").keys() == before.keys(), "everybody was found"
        assert sorted(task["WhoId"] for task in workspace.tasks()) == sorted(people.values())


VALUES = [
    "O'Hara",
    '"; DROP',
    "\\'",
    "@{NewContact.id}",
    "@{q0}",
    "{contact_name}",
    "${HOME}",
    "=1+1",
    "<b>&amp;",
    "a\nb",
    "🐧\u0301",
    "null",
    "#N/A",
]


def test_every_value_arrives_as_it_was_typed(workspace: Workspace) -> None:
    workspace.stderr_of("pull", expect=0)
    who = workspace.people()[0]
    for value in VALUES:
        workspace.sql("UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", value, who)
        assert workspace.run_in_process("push").code == 0, workspace.printed[-2:]
        assert workspace.record(who)["Title"] == value
    check_convergence(workspace)
    assert workspace.row(who)["job_title"] == VALUES[-1]


def test_a_campaigns_name_is_no_template_and_no_formula(workspace: Workspace) -> None:
    email = workspace.rows()[3]["email"]
    for number, name in enumerate(
        ["{contact_id}", "@{ref.id}", "${SFSYNC_TOKEN_KEY}", "=HYPERLINK(1)", "{{x}}"]
    ):
        workspace.push_events_in_process(
            event("email_sent", email, f"name{number}", campaign_name=name)
        )
        [sent] = workspace.sql("SELECT task_id FROM activities WHERE event_id = ?", f"name{number}")
        assert name in workspace.records("Task")[sent["task_id"]]["Subject"]


# -- files


@pytest.mark.parametrize(
    "evil",
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/name:os.system",
        "!!python/object/new:subprocess.Popen [['touch', 'pwned']]",
        "&a [*a, *a]",
    ],
)
def test_a_configuration_runs_nothing(workspace: Workspace, evil: str) -> None:
    workspace.yaml.write_text(
        f"org: {evil}\n" + workspace.yaml.read_text().replace("\norg:", "\nother:", 1)
    )
    told = workspace.stderr_of("status", expect=2)
    assert "sfsync.yaml:1:" in told
    assert not (workspace.folder / "pwned").exists()


def test_a_bomb_of_aliases_costs_nothing(workspace: Workspace) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    workspace.yaml.write_text(f"a0: &a0 x\n{levels}")
    assert "aliases are not read" in workspace.stderr_of("status", expect=2)


@pytest.mark.parametrize("name", ["mirror.db.lock", "mirror.db.login.lock"])
def test_a_link_planted_where_a_lock_will_be_harms_nothing(
    workspace: Workspace, tmp_path_factory, name: str
) -> None:
    victim = tmp_path_factory.mktemp("victim") / "precious"
    victim.write_text("precious")
    victim.chmod(0o644)
    (workspace.folder / name).symlink_to(victim)
    workspace.org.oauth.grants.expire_access_tokens()
    ran = workspace.run_in_process("sync")
    assert ran.code in (0, 1, 4)
    assert "Traceback" not in ran.err
    assert victim.read_text() == "precious"
    assert victim.stat().st_mode & 0o777 == 0o644


def test_a_link_planted_where_the_mirror_will_be_is_refused(
    workspace: Workspace, tmp_path_factory
) -> None:
    victim = tmp_path_factory.mktemp("victim") / "precious"
    workspace.mirror.unlink()
    workspace.mirror.symlink_to(victim)
    assert "not your file" in workspace.stderr_of("status", expect=1)
    assert not victim.exists()
    victim.write_text("precious")


def test_a_key_file_that_others_can_read_is_refused(workspace: Workspace) -> None:
    key = workspace.folder / "token.key"
    key.write_text(workspace.environ.pop("SFSYNC_TOKEN_KEY"))
    workspace.environ["SFSYNC_TOKEN_KEY_FILE"] = str(key)
    key.chmod(0o600)
    assert workspace.run_in_process("whoami").code == 0
    for mode in (0o644, 0o640, 0o606):
        key.chmod(mode)
        assert "token.key" in workspace.stderr_of("whoami", expect=4)


def test_another_profiles_sealed_login_does_not_open(workspace: Workspace) -> None:
    assert workspace.run_in_process("login", "--profile", "second").code == 0, workspace.printed
    [own] = workspace.sql("SELECT blob FROM _tokens")
    second = workspace.folder / "mirror-second.db"
    with mock.patch.object(Workspace, "mirror", second):
        workspace.sql("UPDATE _tokens SET blob = ?", own["blob"])
    assert "does not open with this key" in workspace.stderr_of(
        "sync", "--profile", "second", expect=4
    )


# -- what a page of a stranger's could do to the local org


@pytest.mark.parametrize(
    "path", ["/", "/_local/dump", "/_local/watch", "/services/oauth2/authorize", "/services/data/"]
)
def test_a_page_that_was_led_here_under_its_own_name_reads_nothing(
    shared_workspace: Workspace, path: str
) -> None:
    for host in (
        "attacker.example",
        f"attacker.example:{shared_workspace.org.port}",
        "127.0.0.1.attacker.example",
    ):
        answer = requests.get(
            f"{shared_workspace.org.url}{path}", headers={"Host": host}, timeout=5
        )
        assert answer.status_code == 403
        assert "attacker" not in answer.text


def test_the_local_org_listens_on_loopback_alone(shared_workspace: Workspace) -> None:
    assert shared_workspace.org._bound().getsockname()[0] == "127.0.0.1"


def test_json_output_is_ascii_and_one_line_whatever_the_data(workspace: Workspace) -> None:
    workspace.sql(
        "UPDATE contacts SET job_title = ?",
        "a\n\u2028\x1b[2J\ud83d".encode("utf-8", "replace").decode(),
    )
    out = workspace.run_in_process("diff", "--json").out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out)["data"]["records"]
