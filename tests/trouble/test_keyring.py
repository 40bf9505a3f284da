"""Keyrings that are none, keep nothing, keep it in the clear, hang or go away."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from sfsync.auth.keyring_store import KeyringStore
from tests.system.workspace import Workspace

PLAIN = "keyrings.alt.file.PlaintextKeyring"
ON_DISK = """
import json, pathlib, sys
asked = json.load(sys.stdin)
file = pathlib.Path(sys.argv[1])
kept = json.loads(file.read_text()) if file.exists() else {}
if asked["do"] == "set":
    kept[asked["name"]] = asked["secret"]
elif asked["do"] == "delete":
    kept.pop(asked["name"], None)
file.write_text(json.dumps(kept))
print(json.dumps({"secret": kept.get(asked["name"]) if asked["do"] == "get" else None}))
"""


@contextmanager
def keyring(*command: str, seconds: float = 10.0) -> Iterator[None]:
    """Another program in the place of the one that talks to the keyring."""
    with mock.patch.dict(KeyringStore.__init__.__kwdefaults__, command=command, seconds=seconds):
        yield


@pytest.fixture
def stranger(workspace: Workspace) -> Iterator[Workspace]:
    """Somebody without a login, and without a key to keep one in the database; the machine may be a slow one."""
    workspace.mirror.unlink()
    del workspace.environ["SFSYNC_TOKEN_KEY"], workspace.environ["SFSYNC_TOKEN_STORE"]
    with mock.patch.dict(KeyringStore.__init__.__kwdefaults__, seconds=60.0):
        yield workspace


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("keyring.backends.null.Keyring", "not among those that keep secrets safely"),
        ("keyring.backends.fail.Keyring", "there is no keyring"),
        ("keyring.backends.chainer.ChainerBackend", "keyring"),
        ("no.such.Keyring", "does not load"),
        ("os.path", "does not load"),
        ("", "keyring"),
    ],
)
def test_a_keyring_that_keeps_nothing_safe_is_refused_before_the_browser_opens(
    stranger: Workspace, backend: str, told: str
) -> None:
    with mock.patch("webbrowser.open") as browser:
        message = stranger.stderr_of("login", expect=4, PYTHON_KEYRING_BACKEND=backend)
    assert told in message
    assert "openssl rand" in message, "how to make a key is told"
    assert not browser.called


@pytest.mark.always
def test_a_keyring_that_hangs_is_left_and_told(stranger: Workspace) -> None:
    with keyring("sleep", "60", seconds=0.2):
        told = stranger.stderr_of("login", "--token-store", "keyring", expect=4)
    assert "did not answer within 0.2 seconds" in told
    assert "locked" in told


@pytest.mark.parametrize("command", [("false",), ("true",), ("echo", "[]"), ("/no/such/program",)])
def test_a_keyring_whose_helper_dies_or_talks_rubbish_is_told(
    stranger: Workspace, command: tuple[str, ...]
) -> None:
    with keyring(*command):
        assert "The keyring cannot be used" in stranger.stderr_of(
            "login", "--token-store", "keyring", expect=4
        )


def test_a_keyring_that_does_not_work_is_no_matter_where_a_key_is_set(workspace: Workspace) -> None:
    workspace.mirror.unlink()
    del workspace.environ["SFSYNC_TOKEN_STORE"]
    with keyring("false"):
        assert workspace.run_in_process("login").code == 0
        assert "database" in workspace.run_in_process("status").out
        assert workspace.run_in_process("sync").code == 0


def test_a_keyring_that_worked_and_goes_away_is_told_and_nothing_is_lost(
    stranger: Workspace, tmp_path: Path
) -> None:
    kept = tmp_path / "keyring.json"
    with keyring(sys.executable, "-c", ON_DISK, str(kept)):
        assert stranger.run_in_process("login").code == 0, stranger.printed
        assert "keyring" in stranger.run_in_process("status").out
        assert stranger.run_in_process("pull").code == 0
    assert len(json.loads(kept.read_text())) == 1, "the probe left nothing behind"
    with keyring("false"):
        assert "The keyring cannot be used" in stranger.stderr_of("sync", expect=4)
        assert stranger.run_in_process("status").code == 0
    with keyring(sys.executable, "-c", ON_DISK, str(kept)):
        assert stranger.run_in_process("sync").code == 0
        assert stranger.run_in_process("logout").code == 0
    assert json.loads(kept.read_text()) == {}


def test_plain_text_is_never_a_place_for_a_login(stranger: Workspace, tmp_path: Path) -> None:
    """As where keyrings.alt is installed on a machine without a desktop."""
    package = tmp_path / "site" / "keyrings" / "alt"
    package.mkdir(parents=True)
    (package / "file.py").write_text(
        "import keyring.backend\n"
        "class PlaintextKeyring(keyring.backend.KeyringBackend):\n"
        "    priority = 0.5\n"
        "    def set_password(self, *_): raise SystemExit('written in the clear')\n"
        "    get_password = delete_password = set_password\n"
    )
    environ = {"PYTHONPATH": str(tmp_path / "site"), "PYTHON_KEYRING_BACKEND": PLAIN}
    assert "keep secrets safely" in stranger.stderr_of("login", expect=4, **environ)
