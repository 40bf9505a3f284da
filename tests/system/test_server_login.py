"""Logins for servers: by a signed key and by the app's secret, against an org that checks every signature."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from local_org.oauth.apps import App
from sfsync.auth.unattended import new_key
from sfsync.cli import clock
from tests.system.prepared import CLIENT, open_workspace
from tests.system.workspace import Workspace
from tests.telling_cells import telling_cells

SECRET = "the-secret-of-the-app-0815"
WHO = "admin@penguin.example"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def own_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key whose certificate the app holds."""
    key = tmp_path_factory.mktemp("keys") / "sync.pem"
    new_key(key, "sfsync", NOW)
    return key


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, own_key: Path) -> Iterator[Workspace]:
    with open_workspace(
        tmp_path_factory.mktemp("workspace"), log_in=False, pull=False
    ) as workspace:
        yield workspace


@pytest.fixture(autouse=True)
def usual_app(workspace: Workspace, own_key: Path) -> App:
    """The app holds the certificate and has a secret; everybody is permitted."""
    app = replace(
        workspace.org.oauth.apps[CLIENT],
        public_key=own_key.with_name("sync.crt").read_text(),
        preauthorized=True,
        run_as=WHO,
    )
    workspace.org.oauth.register(app)
    return app


def by_key(workspace: Workspace, key: Path, *more: str, username: str = WHO) -> Any:
    return workspace.run_in_process(
        "login", "--jwt-key", str(key), "--username", username, "--json", *more
    )


def first_error(ran: Any) -> dict[str, Any]:
    return ran.document["errors"][0]


# -- the key ---------------------------------------------------------------------------------------
def test_a_server_logs_in_by_its_key_and_works_without_anybody(
    workspace: Workspace, own_key: Path
) -> None:
    ran = by_key(workspace, own_key)
    assert (ran.code, ran.data["login"]) == (0, "jwt")
    assert workspace.run_in_process("sync").code == 0
    assert workspace.run_in_process("whoami", "--json").data["username"] == WHO


def test_a_login_by_key_that_has_ended_is_signed_anew(workspace: Workspace, own_key: Path) -> None:
    by_key(workspace, own_key)
    workspace.org.oauth.grants.expire_access_tokens()
    ran = workspace.run_in_process("sync", "--json")
    assert ran.code == 0, ran


def test_a_key_that_is_gone_is_told_at_the_next_renewal_and_heals_when_it_is_back(
    workspace: Workspace, own_key: Path
) -> None:
    by_key(workspace, own_key)
    away = own_key.with_suffix(".away")
    own_key.rename(away)
    workspace.org.oauth.grants.expire_access_tokens()
    ran = workspace.run_in_process("sync", "--json")
    away.rename(own_key)
    assert (ran.code, first_error(ran)["slug"]) == (4, "login-key")
    assert str(own_key) in first_error(ran)["message"]
    assert workspace.run_in_process("sync").code == 0


def test_the_key_is_in_no_file_but_its_own(workspace: Workspace, own_key: Path) -> None:
    by_key(workspace, own_key)
    body = own_key.read_text().splitlines()[1]
    assert all(
        body.encode() not in path.read_bytes()
        for path in workspace.folder.rglob("*")
        if path.is_file()
    )


def written(key: Path, private: Any, password: bytes | None = None) -> None:
    """Another private key in the file's place."""
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))


@pytest.mark.parametrize(
    ("make", "told", "hint"),
    [
        (lambda key: key.unlink(), "No such file", "--new"),
        (lambda key: key.chmod(0o640), "open to others (mode 0640)", "chmod 600"),
        (lambda key: key.write_text("hello"), "holds nothing where a private key", "--new"),
        (lambda key: key.write_bytes(b"\xff\xfe\x00"), "not text", "--new"),
        (
            lambda key: key.write_text(key.read_text().replace("M", "A")), "damaged", "--new",
        ),
        (
            lambda key: key.write_bytes(key.with_name("k.crt").read_bytes()), "a certificate", "name that file",
        ),
        (
            lambda key: written(key, rsa.generate_private_key(65537, 2048), b"x"),
            "under a passphrase", "openssl pkey -in",
        ),
        (lambda key: written(key, ed25519.Ed25519PrivateKey.generate()), "not RSA", "--new"),
        (lambda key: written(key, rsa.generate_private_key(65537, 1024)), "1024 bits", "--new"),
        (lambda key: (key.unlink(), key.mkdir()), "cannot be read: Is a directory", ""),
    ],
    ids=[
        "gone", "open", "rubbish", "binary", "damaged", "certificate", "passphrase", "ed25519", "short", "folder",
    ],
)  # fmt: skip
def test_a_file_that_is_no_usable_key_is_told_and_nothing_is_sent(
    workspace: Workspace, tmp_path: Path, make: Callable[[Path], object], told: str, hint: str
) -> None:
    key = tmp_path / "k.pem"
    new_key(key, "x", NOW)
    make(key)
    if key.is_file() and told != "open to others (mode 0640)":
        key.chmod(0o600)
    with mock.patch("sfsync.auth.login_host.LoginHost._send", side_effect=AssertionError("sent")):
        ran = by_key(workspace, key)
    assert (ran.code, first_error(ran)["slug"]) == (4, "login-key")
    assert told in first_error(ran)["message"]
    assert hint in first_error(ran)["hint"]


def test_a_key_that_the_app_does_not_hold_is_refused_and_the_login_before_holds(
    workspace: Workspace, own_key: Path, tmp_path: Path
) -> None:
    by_key(workspace, own_key)
    new_key(tmp_path / "other.pem", "x", NOW)
    ran = by_key(workspace, tmp_path / "other.pem")
    assert (ran.code, first_error(ran)["slug"]) == (4, "login-refused")
    assert "certificate" in first_error(ran)["hint"]
    workspace.org.oauth.grants.expire_access_tokens()
    assert workspace.run_in_process("whoami").code == 0


def test_a_wrong_audience_is_told(workspace: Workspace, own_key: Path) -> None:
    ran = by_key(workspace, own_key, "--audience", "https://elsewhere.example")
    assert ran.code == 4
    assert "another login host" in first_error(ran)["message"]


def test_a_statement_of_a_clock_that_is_behind_is_told(workspace: Workspace, own_key: Path) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with mock.patch.object(clock, "local_now", return_value=an_hour_ago):
        ran = by_key(workspace, own_key)
    assert ran.code == 4
    assert "clock" in first_error(ran)["message"] + first_error(ran)["hint"]


def test_a_user_that_nobody_permitted_is_told(
    workspace: Workspace, own_key: Path, usual_app: App
) -> None:
    workspace.org.oauth.register(replace(usual_app, preauthorized=False))
    ran = by_key(workspace, own_key, username="nobody@penguin.example")
    assert ran.code == 4
    assert "not approved for that user" in first_error(ran)["message"]


def test_a_new_key_is_closed_and_its_certificate_is_what_the_app_needs(
    workspace: Workspace, usual_app: App, tmp_path: Path
) -> None:
    key = tmp_path / "fresh.pem"
    made = workspace.run_in_process("login", "--jwt-key", str(key), "--new", "--json").data
    assert key.stat().st_mode & 0o777 == 0o600
    assert made["certificate"] == str(tmp_path / "fresh.crt")
    assert "admin" in made["next"][0]
    workspace.org.oauth.register(
        replace(usual_app, public_key=Path(made["certificate"]).read_text())
    )
    assert by_key(workspace, key).code == 0


def test_a_key_that_is_there_is_never_overwritten(workspace: Workspace, own_key: Path) -> None:
    before = own_key.read_bytes()
    said = workspace.stderr_of("login", "--jwt-key", str(own_key), "--new", expect=4)
    assert "is there already" in said
    assert own_key.read_bytes() == before


# -- the secret ------------------------------------------------------------------------------------
@pytest.fixture
def secret_app(workspace: Workspace, usual_app: App) -> App:
    app = replace(usual_app, secret=SECRET)
    workspace.org.oauth.register(app)
    return app


def places(folder: Path, place: str) -> dict[str, str]:
    """The secret in one of its three places."""
    file = folder / "sfsync-client-secret"
    file.touch(0o600)
    file.write_text(SECRET + "\n")
    return {
        "variable": {"SFSYNC_CLIENT_SECRET": SECRET},
        "file": {"SFSYNC_CLIENT_SECRET_FILE": str(file)},
        "credential": {"CREDENTIALS_DIRECTORY": str(folder)},
    }[place]


@pytest.mark.parametrize("place", ["variable", "file", "credential"])
def test_a_server_logs_in_by_the_apps_secret_and_renews_by_it(
    workspace: Workspace, secret_app: App, tmp_path: Path, place: str
) -> None:
    environ = places(tmp_path, place)
    ran = workspace.run_in_process("login", "--client-credentials", "--json", **environ)
    assert (ran.code, ran.data["login"]) == (0, "client-credentials")
    workspace.org.oauth.grants.expire_access_tokens()
    assert workspace.run_in_process("sync", **environ).code == 0
    workspace.org.oauth.grants.expire_access_tokens()
    without = workspace.run_in_process("sync", "--json")
    assert (without.code, first_error(without)["slug"]) == (2, "config")
    assert "SFSYNC_CLIENT_SECRET_FILE" in first_error(without)["hint"]


def test_a_wrong_secret_is_told_and_not_shown(workspace: Workspace, secret_app: App) -> None:
    ran = workspace.run_in_process(
        "login", "--client-credentials", "--json", "-vv", SFSYNC_CLIENT_SECRET="wrong-secret-4711"
    )
    assert ran.code == 4
    assert "secret is wrong" in first_error(ran)["message"]
    assert "wrong-secret-4711" not in ran.out + ran.err


def test_a_file_of_the_secret_that_is_open_to_others_is_refused(
    workspace: Workspace, secret_app: App, tmp_path: Path
) -> None:
    environ = places(tmp_path, "file")
    Path(environ["SFSYNC_CLIENT_SECRET_FILE"]).chmod(0o644)
    said = workspace.stderr_of("login", "--client-credentials", expect=2, **environ)
    assert "open to others" in said


@pytest.mark.parametrize("host", ["https://login.salesforce.com", "https://test.salesforce.com"])
def test_a_host_that_serves_every_org_is_refused_before_anything_is_sent(
    workspace: Workspace, tmp_path: Path, host: str
) -> None:
    (tmp_path / "sfsync.yaml").write_text(
        workspace.yaml.read_text().replace(workspace.org.url, host)
    )
    other = replace(workspace, folder=tmp_path)
    with mock.patch("sfsync.auth.login_host.LoginHost._send", side_effect=AssertionError("sent")):
        said = other.stderr_of("login", "--client-credentials", expect=2)
    assert "My Domain" in said


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--jwt-key k --client-credentials", "different ways"),
        ("--jwt-key k --no-browser --username u", "different ways"),
        ("--client-credentials --no-browser", "different ways"),
        ("--username u", "goes with --jwt-key"),
        ("--client-credentials --audience https://x", "goes with --jwt-key"),
        ("--new", "goes with --jwt-key"),
        ("--jwt-key k", "needs --username"),
        ("--jwt-key k --username u --audience nowhere", "is no address"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    workspace: Workspace, options: str, told: str
) -> None:
    assert told in workspace.stderr_of("login", *options.split(), expect=2)


# -- one org for each profile ----------------------------------------------------------------------
@pytest.mark.parametrize("way", ["browser", "jwt", "client-credentials"])
def test_another_orgs_login_is_refused_however_it_is_made(
    workspace: Workspace, own_key: Path, secret_app: App, tmp_path: Path, way: str
) -> None:
    assert (
        workspace.run_in_process("login", "--client-credentials", SFSYNC_CLIENT_SECRET=SECRET).code
        == 0
    )
    with open_workspace(tmp_path, log_in=False, pull=False, seed=8) as there:
        app = replace(secret_app, callbacks=there.org.oauth.apps[CLIENT].callbacks)
        there.org.oauth.register(app)
        there.org.state.org_id = "00D000000000009EAA"
        there.environ |= {
            "SFSYNC_CLIENT_SECRET": SECRET,
            "SFSYNC_TOKEN_KEY": workspace.environ["SFSYNC_TOKEN_KEY"],
        }
        (there.mirror).write_bytes(workspace.mirror.read_bytes())
        options = {
            "browser": ["--timeout", "20"],
            "jwt": ["--jwt-key", str(own_key), "--username", WHO],
            "client-credentials": ["--client-credentials"],
        }[way]
        ran = there.run_in_process("login", "--json", *options)
        assert (ran.code, first_error(ran)["slug"]) == (4, "wrong-org"), ran
        assert there.org.oauth.grants.counts()["access_tokens"] == 0, (
            "and what was given is handed back"
        )


# -- how long it lasts -----------------------------------------------------------------------------
@pytest.fixture
def browser_workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path, pull=False) as workspace:
        yield workspace


def renewed(workspace: Workspace, days: int) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    workspace.sql("UPDATE _notes SET value = ? WHERE name = 'login_renewed_at'", at)


def test_a_login_that_nobody_renews_is_warned_about_after_twenty_days(
    browser_workspace: Workspace,
) -> None:
    workspace = browser_workspace
    renewed(workspace, 19)
    assert workspace.run_in_process("status", "--json").document["warnings"] == []
    renewed(workspace, 20)
    told = workspace.run_in_process("status", "--json")
    assert told.data["login_idle_days"] == 20
    assert "20 days ago" in told.warnings
    assert "last renewed 20 days ago" in workspace.run_in_process("status").out


def test_a_run_renews_a_login_that_is_always_in_use_before_it_ends_for_idleness(
    browser_workspace: Workspace,
) -> None:
    workspace = browser_workspace
    with mock.patch.object(
        workspace.org.oauth.grants, "refresh", wraps=workspace.org.oauth.grants.refresh
    ) as refresh:
        renewed(workspace, 6)
        assert workspace.run_in_process("pull").code == 0
        assert refresh.call_count == 0
        renewed(workspace, 7)
        assert workspace.run_in_process("pull").code == 0
        assert workspace.run_in_process("pull").code == 0
        assert refresh.call_count == 1
    assert (
        json.loads(workspace.run_in_process("status", "--json").out)["data"]["login_idle_days"] == 0
    )


def test_a_login_host_that_is_down_does_not_stop_a_run_whose_session_holds(
    browser_workspace: Workspace,
) -> None:
    workspace = browser_workspace
    renewed(workspace, 8)
    workspace.local(
        "oauth/refuse-next", error="unknown_error", error_description="retry your request"
    )
    assert workspace.run_in_process("pull").code == 0


@pytest.mark.parametrize("call", telling_cells([3, 5, 6], [5]))
def test_a_login_that_ends_while_the_next_page_is_read_ahead_is_renewed(
    tmp_path: Path, call: int
) -> None:
    with open_workspace(tmp_path, pull=False, contacts=4500) as workspace:
        grants = workspace.org.oauth.grants
        session, asked = grants.session, []

        def ends_at_that_call(token: str) -> Any:
            asked.append(token)
            if len(asked) == call:
                grants.expire_access_tokens()
            return session(token)

        with mock.patch.object(grants, "session", ends_at_that_call):
            ran = workspace.run_in_process("pull", "--json")
        assert ran.code == 0, ran
        assert ran.data["pull"]["contact"]["created"] == 4500
