"""Every secret there is, known to the test, and everything that is printed, kept, logged or handed to a child."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock
from urllib.parse import quote, quote_plus

import pytest

from sfsync.auth.keychain import EncryptedStore, KeyringStore, SealingKey
from sfsync.auth.pkce import Handshake
from tests.system.office import event
from tests.trouble.desk import Desk, open_desk
from tests.trouble.machine import at

SECRET = "canary-client-secret-4711"
TELLING_CHILD = """
import json, os, pathlib, sys
asked = sys.stdin.read()
here = pathlib.Path("/proc/self")
with open(sys.argv[1], "ab") as file:
    file.write((here / "cmdline").read_bytes() + (here / "environ").read_bytes())
print(json.dumps({"problem": "no keyring: " + asked}))
"""


@dataclass
class Watched:
    """What was done and what may not be found in it."""

    desk: Desk
    secrets: set[str]
    logged: list[str]
    child: Path
    journal: list[bytes]

    @property
    def seen(self) -> dict[str, bytes]:
        """Everything that stays or is shown, by where."""
        files = {
            str(path.relative_to(self.desk.folder)): path.read_bytes()
            for path in self.desk.folder.rglob("*")
            if path.is_file()
        }
        return files | {
            "what was printed": "".join(self.desk.said).encode(),
            "what was logged": "\n".join(self.logged).encode(),
            "arguments and environment of children": self.child.read_bytes(),
            "journals of the database": b"".join(self.journal),
        }


def forms(secret: str) -> dict[str, bytes]:
    """The ways in which a secret could come out, whatever was in front of it where it was encoded."""
    raw = secret.encode()
    shifted = {
        f"base64 after {shift}": base64.b64encode(b"x" * shift + raw)[4 * (shift > 0) : -4].rstrip(b"=")
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
def noting(desk: Desk, secrets: set[str]) -> Iterator[None]:
    """Every code, token, verifier and state of a login is noted."""
    grants, new = desk.org.oauth.grants, Handshake.new

    def noted(step):
        def call(*given, **named):
            made = step(*given, **named)
            secrets.update([made] if isinstance(made, str) else [made.access_token, made.refresh_token or ""])
            return made

        return call

    def new_handshake() -> Handshake:
        made = new()
        secrets.add(made.verifier)
        return made

    with (
        mock.patch.multiple(
            grants, open=noted(grants.open), refresh=noted(grants.refresh), new_code=noted(grants.new_code)
        ),
        mock.patch.object(Handshake, "new", new_handshake),
    ):
        yield


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A whole life: login, whoami, pull, a rejected push, events, refreshes good and bad, crashes, logout."""
    folder, child = tmp_path_factory.mktemp("watched"), tmp_path_factory.mktemp("child") / "seen"
    logged: list[str] = []
    handler = logging.Handler()

    def note(record: logging.LogRecord) -> None:
        if record.threadName not in ("browser", "local-org"):  # the other sides, in this process here
            logged.append(record.getMessage() + str(record.exc_info or ""))

    handler.emit = note  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    with open_desk(folder, log_in=False, pull=False, rotate_refresh_tokens=True) as desk:
        desk.environ["HOME"] = str(folder)
        secrets = {desk.environ["SFSYNC_TOKEN_KEY"]}
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        journal: list[bytes] = []
        try:
            with noting(desk, secrets):
                _live(desk, child, secrets, journal)
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
        secrets.discard("")
        yield Watched(desk, secrets, logged, child, journal)


def _live(desk: Desk, child: Path, secrets: set[str], journal: list[bytes]) -> None:
    run = desk.inside
    telling = (sys.executable, "-c", TELLING_CHILD, str(child))
    with mock.patch.dict(KeyringStore.__init__.__kwdefaults__, command=telling):
        assert run("login", "-vv", SFSYNC_TOKEN_STORE="").code == 0, desk.said
        assert run("login", "--token-store", "keyring", "-vv").code == 4
    secrets.add(SECRET)
    run("login", "-vv", SFSYNC_CLIENT_SECRET=SECRET)
    assert run("login", "--json").code == 0
    for line in (["whoami", "-vv"], ["pull", "-vv"], ["status", "--json"], ["whoami", "--json"]):
        assert run(*line).code == 0, desk.said
    ours, theirs, *_ = desk.people()
    desk.sql("UPDATE contacts SET email = 'not an address' WHERE salesforce_id = ?", ours)
    desk.edit(theirs, Title="theirs")
    desk.org.oauth.grants.expire_access_tokens()
    assert run("push", "-vv").code == 3
    lines = [json.dumps(event("email_sent", "ada@b.example", "c1")), "rubbish"]
    assert run("push-activity", "-", "-vv", stdin="\n".join(lines).encode()).code == 3
    desk.org.oauth.grants.expire_access_tokens()
    with at("auth.refreshed", lambda: journal.extend(_beside(desk))):
        assert run("sync", "--json").code == 0
    with at("auth.refreshed", _break):
        desk.org.oauth.grants.expire_access_tokens()
        assert run("sync", "-vv").code == 1
    assert run("login", "--json").code == 0
    desk.org.oauth.grants.expire_access_tokens()
    sent = _held(desk)
    for fault in (
        {"error": "invalid_grant", "error_description": f"no such token: {sent} {quote(sent)}"},
        {"error": sent, "error_description": "x"},
    ):
        for line in (["sync", "-vv"], ["sync", "--json", "-vv"], ["whoami", "-vv"]):
            desk.local("oauth/refuse-next", **fault)
            assert run(*line).code == 4
    run("pull", "--profile", "other", "-vv")
    run("sync", "-vv", SFSYNC_TOKEN_KEY=base64.b64encode(b"another key of 32 bytes, exactly"[:32]).decode())
    run("logout", "--json", "-vv")


def _held(desk: Desk) -> str:
    """The refresh token that is stored, and will be sent."""
    vault = EncryptedStore(_Vault(desk), SealingKey.parse(desk.environ["SFSYNC_TOKEN_KEY"], "here"))
    [kept] = desk.sql("SELECT profile FROM _tokens WHERE profile LIKE 'default:%'")
    token = vault.load(kept["profile"])
    assert token is not None
    return token.refresh_token


class _Vault:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def read(self, profile: str) -> bytes:
        return self.desk.sql("SELECT blob FROM _tokens WHERE profile = ?", profile)[0]["blob"]


def _break() -> None:
    raise ZeroDivisionError("in the middle of a refresh")


def _beside(desk: Desk) -> list[bytes]:
    return [path.read_bytes() for path in desk.folder.iterdir() if path.name.startswith("mirror.db")]


def test_there_was_something_to_find(watched: Watched) -> None:
    assert len(watched.secrets) >= 12
    assert all(len(secret) >= 20 for secret in watched.secrets)
    seen = watched.seen
    assert b"Traceback" in seen["what was printed"], "tracebacks were printed, too"
    assert b"ZeroDivisionError" in seen["what was printed"]
    assert seen["arguments and environment of children"]
    assert b"/services/oauth2/token" in seen["what was logged"]
    assert seen["journals of the database"]
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
