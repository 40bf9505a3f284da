"""Every secret there is, known to the test, and everything that is printed, kept, logged or handed to a child."""

from __future__ import annotations

import base64
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock
from urllib.parse import quote, quote_plus

import pytest

from sfsync.auth import grants
from sfsync.auth.encrypted_store import EncryptedStore, SealingKey
from sfsync.auth.keyring_store import KeyringStore
from sfsync.auth.pkce import Handshake
from sfsync.auth.unattended import new_key
from sfsync.mirror.database import Database
from tests.system.prepared import CLIENT, open_workspace
from tests.system.workspace import Workspace, event
from tests.trouble.machine import at

pytestmark = pytest.mark.slow
SECRET = "canary-client-secret-4711"
TELLING_CHILD = """
import json, os, pathlib, sys
asked = sys.stdin.read()
here = pathlib.Path("/proc/self")
with open(sys.argv[1], "ab") as file:
    file.write((here / "cmdline").read_bytes() + (here / "environ").read_bytes())
print(json.dumps({"problem": "no keyring: " + asked}))
"""
KEEPING_CHILD = """
import json, pathlib, sys
asked = json.load(sys.stdin)
here, kept = pathlib.Path("/proc/self"), pathlib.Path(sys.argv[2])
with open(sys.argv[1], "ab") as file:
    file.write((here / "cmdline").read_bytes() + (here / "environ").read_bytes())
held = json.loads(kept.read_text()) if kept.exists() else {}
if asked["do"] == "set":
    held[asked["name"]] = asked["secret"]
kept.write_text(json.dumps(held))
print(json.dumps({"secret": held.get(asked["name"]) if asked["do"] == "get" else None}))
"""
"""A keyring that works, in a file far from everything that is looked at."""


@dataclass
class Watched:
    """What was done and what may not be found in it.

    Attributes:
        child: what the keyring's helper was started with.
        keyring: what it was given to keep.
        journal: SQLite's journal and unnamed temporary files, just before each commit.
        processes: arguments and environments of a command at work and of its children.
    """

    workspace: Workspace
    secrets: set[str]
    child: Path
    keyring: Path
    logged: list[str] = field(default_factory=list)
    journal: set[bytes] = field(default_factory=set)
    processes: list[bytes] = field(default_factory=list)

    @property
    def seen(self) -> dict[str, bytes]:
        """Everything that stays or is shown, by where."""
        files = {
            str(path.relative_to(self.workspace.folder)): path.read_bytes()
            for path in self.workspace.folder.rglob("*")
            if path.is_file()
        }
        return files | {
            "what was printed": "".join(self.workspace.printed).encode(),
            "what was logged": "\n".join(self.logged).encode(),
            "arguments and environment of children": self.child.read_bytes(),
            "arguments and environment of the command": b"".join(self.processes),
            "journals and temporary files of the database": b"".join(self.journal),
        }


def forms(secret: str) -> dict[str, bytes]:
    """The ways in which a secret could come out, whatever was in front of it where it was encoded."""
    raw = secret.encode()
    shifted = {
        f"base64 after {shift}": base64.b64encode(b"x" * shift + raw)[4 * (shift > 0) : -4].rstrip(
            b"="
        )
        for shift in range(3)
    }
    return {
        "as it is": raw,
        "url-encoded": quote(secret, safe="").encode(),
        "as a form": quote_plus(secret).encode(),
        "hex": raw.hex().encode(),
        "utf-16": secret.encode("utf-16-le"),
        "backwards": raw[::-1],
        **shifted,
    }


@contextmanager
def noting(workspace: Workspace, secrets: set[str]) -> Iterator[None]:
    """Every code, token, verifier and state of a login is noted."""
    grants, new = workspace.org.oauth.grants, Handshake.new

    def noted(step):
        def call(*given, **named):
            made = step(*given, **named)
            secrets.update(
                [made] if isinstance(made, str) else [made.access_token, made.refresh_token or ""]
            )
            return made

        return call

    def new_handshake() -> Handshake:
        made = new()
        secrets.add(made.verifier)
        return made

    with (
        mock.patch.multiple(
            grants,
            open=noted(grants.open),
            refresh=noted(grants.refresh),
            new_code=noted(grants.new_code),
        ),
        mock.patch.object(Handshake, "new", new_handshake),
    ):
        yield


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A whole life: login, whoami, pull, a rejected push, events, refreshes good and bad, crashes, logout."""
    folder, elsewhere = tmp_path_factory.mktemp("watched"), tmp_path_factory.mktemp("child")
    logged: list[str] = []
    handler = logging.Handler()

    def note(record: logging.LogRecord) -> None:
        if record.threadName not in (
            "browser",
            "local-org",
        ):  # the other sides, in this process here
            logged.append(record.getMessage() + str(record.exc_info or ""))

    handler.emit = note  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    with open_workspace(folder, log_in=False, pull=False, rotate_refresh_tokens=True) as workspace:
        workspace.environ |= {"HOME": str(folder), "TMPDIR": str(folder / "tmp")}
        (folder / "tmp").mkdir()
        secrets = {workspace.environ["SFSYNC_TOKEN_KEY"]}
        watched = Watched(
            workspace, secrets, elsewhere / "seen", elsewhere / "keyring.json", logged
        )
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with (
                noting(workspace, secrets),
                before_each_commit(watched),
                mock.patch.object(tempfile, "tempdir", str(folder / "tmp")),
            ):
                _live(watched)
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
        secrets.discard("")
        yield watched


@contextmanager
def before_each_commit(watched: Watched) -> Iterator[None]:
    """What lies beside the mirror in the middle of each transaction is kept, what has no name any more, too."""
    commit = Database._commit

    def noted(database: Database) -> None:
        for path in watched.workspace.folder.glob("*.db-*"):
            watched.journal.add(path.read_bytes())
        for handle in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if "etilqs" in str(handle.readlink()):  # as SQLite calls its temporary files
                    watched.journal.add(handle.read_bytes())
        commit(database)

    with mock.patch.object(Database, "_commit", noted):
        yield


def _live(watched: Watched) -> None:
    workspace, secrets, run = watched.workspace, watched.secrets, watched.workspace.run_in_process
    for code, *child in (
        (4, TELLING_CHILD, str(watched.child)),
        (0, KEEPING_CHILD, str(watched.child), str(watched.keyring)),
    ):
        with mock.patch.dict(
            KeyringStore.__init__.__kwdefaults__, command=(sys.executable, "-c", *child)
        ):
            assert run("login", "-vv", SFSYNC_TOKEN_STORE="").code == 0, workspace.printed
            assert run("login", "--token-store", "keyring", "-vv").code == code
            workspace.org.oauth.grants.expire_access_tokens()
            run("whoami", "-vv", SFSYNC_TOKEN_STORE="keyring")
    secrets.add(SECRET)
    run("login", "-vv", SFSYNC_CLIENT_SECRET=SECRET)
    assert run("login", "--json").code == 0
    for line in (["whoami", "-vv"], ["pull", "-vv"], ["status", "--json"], ["whoami", "--json"]):
        assert run(*line).code == 0, workspace.printed
    ours, theirs, *_ = workspace.people()
    workspace.sql("UPDATE contacts SET email = 'not an address' WHERE salesforce_id = ?", ours)
    workspace.edit(theirs, Title="theirs")
    workspace.org.oauth.grants.expire_access_tokens()
    assert run("push", "-vv").code == 3
    lines = [json.dumps(event("email_sent", "ada@b.example", "c1")), "rubbish"]
    assert run("push-activity", "-", "-vv", stdin="\n".join(lines).encode()).code == 3
    workspace.org.oauth.grants.expire_access_tokens()
    assert run("sync", "--json").code == 0
    workspace.org.oauth.grants.expire_access_tokens()
    _as_a_process(watched)
    with at("auth.refreshed", _break):
        workspace.org.oauth.grants.expire_access_tokens()
        assert run("sync", "-vv").code == 1
    assert run("login", "--json").code == 0
    workspace.org.oauth.grants.expire_access_tokens()
    sent = _held(workspace)
    for fault in (
        {"error": "invalid_grant", "error_description": f"no such token: {sent} {quote(sent)}"},
        {"error": sent, "error_description": "x"},
    ):
        for line in (["sync", "-vv"], ["sync", "--json", "-vv"], ["whoami", "-vv"]):
            workspace.local("oauth/refuse-next", **fault)
            assert run(*line).code == 4
    _without_a_browser(watched)
    assert run("login", "--json").code == 0, workspace.printed[-2:]
    run("pull", "--profile", "other", "-vv")
    run(
        "sync",
        "-vv",
        SFSYNC_TOKEN_KEY=base64.b64encode(b"another key of 32 bytes, exactly"[:32]).decode(),
    )
    run("logout", "--json", "-vv")


def _without_a_browser(watched: Watched) -> None:
    """Logins by a key and by the app's secret, good and bad; key and secret lie outside of what is looked at."""
    workspace, run = watched.workspace, watched.workspace.run_in_process
    key = watched.child.with_name("sync.pem")
    certificate = new_key(key, "canary", datetime.now(UTC))
    watched.secrets.update(
        line for line in key.read_text().splitlines() if len(line) > 20 and "-" not in line
    )
    secret = watched.child.with_name("secret")
    secret.touch(0o600)
    secret.write_text(SECRET)
    usual = workspace.org.oauth.apps[CLIENT]
    app = replace(
        usual,
        public_key=certificate.read_text(),
        preauthorized=True,
        run_as="admin@penguin.example",
    )
    workspace.org.oauth.register(app)
    signed = grants._signed

    def noted(*given: str, **named: object) -> str:
        made = signed(*given, **named)
        watched.secrets.add(made)
        return made

    by_key = ["login", "--jwt-key", str(key), "-vv", "--username", "admin@penguin.example"]
    with mock.patch.object(grants, "_signed", noted):
        assert run(*by_key).code == 0, workspace.printed[-2:]
        workspace.org.oauth.grants.expire_access_tokens()
        assert run("sync", "-vv").code in (0, 3), workspace.printed[-2:]
        assert run(*by_key, "--audience", "https://elsewhere.example").code == 4
        workspace.org.oauth.grants.expire_access_tokens()
        with at("auth.refreshed", _break):
            assert run("whoami", "-vv").code == 1
        key.chmod(0o644)
        assert run("whoami", "-vv").code == 4
        key.chmod(0o600)
        key.write_text(key.read_text()[:-200])
        assert run("whoami", "-vv").code == 4
    workspace.org.oauth.register(replace(app, secret=SECRET))
    by_secret = ["login", "--client-credentials", "-vv"]
    for environ in ({"SFSYNC_CLIENT_SECRET": SECRET}, {"SFSYNC_CLIENT_SECRET_FILE": str(secret)}):
        assert run(*by_secret, **environ).code == 0, workspace.printed[-2:]
        workspace.org.oauth.grants.expire_access_tokens()
        assert run("whoami", "--json", **environ).code == 0
        assert run("config", "show", "--origin", **environ).code == 0
        assert run("profile", "list", "--json", **environ).code == 0
    workspace.org.oauth.register(replace(app, secret="another secret altogether"))
    assert run(*by_secret, SFSYNC_CLIENT_SECRET=SECRET).code == 4
    workspace.org.oauth.register(usual)


def _held(workspace: Workspace) -> str:
    """The refresh token that is stored, and will be sent."""
    vault = EncryptedStore(
        _Vault(workspace), SealingKey.parse(workspace.environ["SFSYNC_TOKEN_KEY"], "here")
    )
    [kept] = workspace.sql("SELECT profile FROM _tokens WHERE profile LIKE 'default:%'")
    token = vault.load(kept["profile"])
    assert token is not None
    return token.refresh_token


class _Vault:
    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def read(self, profile: str) -> bytes:
        return self.workspace.sql("SELECT blob FROM _tokens WHERE profile = ?", profile)[0]["blob"]


def _break() -> None:
    raise ZeroDivisionError("in the middle of a refresh")


def _as_a_process(watched: Watched) -> None:
    """Look at a command as anybody on the machine could, at each of its calls to the org."""
    door = watched.workspace.org.app
    app = door._app
    given = watched.workspace.environ[
        "SFSYNC_TOKEN_KEY"
    ].encode()  # the command's own environment holds it by design

    async def looked_at(scope, receive, send) -> None:
        if scope["path"].startswith("/services"):
            watched.processes.append(_shown(process.pid).replace(given, b""))
        await app(scope, receive, send)

    door._app = looked_at
    try:
        process = watched.workspace.start("sync", "-vv")
        assert watched.workspace.finish(process).code == 0
    finally:
        door._app = app


def _shown(pid: int) -> bytes:
    """What /proc shows of a process and of its children."""
    shown = b""
    for who in (pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
        shown += b"".join(
            Path(f"/proc/{who}/{what}").read_bytes() for what in ("cmdline", "environ")
        )
    return shown


def test_there_was_something_to_find(watched: Watched) -> None:
    assert len(watched.secrets) >= 12
    assert all(len(secret) >= 20 for secret in watched.secrets)
    seen = watched.seen
    assert b"Traceback" in seen["what was printed"], "tracebacks were printed, too"
    assert b"ZeroDivisionError" in seen["what was printed"]
    assert seen["arguments and environment of children"]
    assert "refresh_token" in watched.keyring.read_text(), (
        "the helper was given real logins to keep"
    )
    assert b"-vv" in seen["arguments and environment of the command"]
    assert [path.name for path in (watched.workspace.folder / "tmp").iterdir()] == []
    assert b"/services/oauth2/token" in seen["what was logged"]
    assert b"SQLite format 3" in seen["journals and temporary files of the database"]
    assert b"_tokens" in seen["mirror.db"]


@pytest.mark.parametrize("form", forms("x" * 12))
def test_no_secret_is_printed_kept_logged_or_handed_to_a_child(watched: Watched, form: str) -> None:
    found = [
        f"{secret[:6]}… in {where}"
        for where, content in watched.seen.items()
        for secret in sorted(watched.secrets)
        if forms(secret)[form] in content
    ]
    assert found == []
