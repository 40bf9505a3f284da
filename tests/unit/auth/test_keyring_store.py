import json
import os
import sys
import textwrap
import time
import traceback

import pytest

from sfsync.auth import keyring_child
from sfsync.auth.keyring_store import KeyringStore
from sfsync.errors import TokenStoreError

from .logins import CANARY, TOKEN


class FakeKeyring:
    def __init__(self):
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


def test_the_child_gets_sets_and_deletes():
    backend = FakeKeyring()
    assert keyring_child.answer({"do": "get", "name": "p"}, backend) == {"secret": None}
    assert keyring_child.answer({"do": "set", "name": "p", "secret": "s"}, backend) == {
        "secret": None
    }
    assert backend.kept == {("sfsync", "p"): "s"}
    assert keyring_child.answer({"do": "get", "name": "p"}, backend) == {"secret": "s"}
    assert keyring_child.answer({"do": "delete", "name": "p"}, backend) == {"secret": None}
    assert keyring_child.answer({"do": "delete", "name": "p"}, backend) == {"secret": None}


def test_a_failing_backend_is_told_without_its_words():
    class Broken(FakeKeyring):
        def set_password(self, service, username, password):
            raise RuntimeError(f"cannot keep {password}")

    reply = keyring_child.answer({"do": "set", "name": "p", "secret": CANARY}, Broken())
    assert "RuntimeError" in reply["problem"]
    assert CANARY not in reply["problem"]


@pytest.fixture
def plain_environ(tmp_path):
    """An environment without a desktop, whatever the machine that runs the tests has."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("keyring.backends.null.Keyring", "null.Keyring is not among"),
        (
            "keyring.backends.chainer.ChainerBackend",
            "chainer.ChainerBackend is not among|does not load",
        ),
        ("keyrings.alt.file.PlaintextKeyring", "does not load"),
        ("no.such.Keyring", "does not load"),
        ("nonsense", "does not load"),
        ("keyring.backends.fail.Keyring", "no keyring"),
        (None, "no keyring"),
    ],
)
def test_a_keyring_that_keeps_nothing_safe_is_refused_by_name(plain_environ, backend, told):
    environ = plain_environ | ({"PYTHON_KEYRING_BACKEND": backend} if backend else {})
    with pytest.raises(TokenStoreError) as caught:
        KeyringStore(environ, seconds=30).save("p", TOKEN)
    assert any(part in caught.value.message for part in told.split("|"))
    assert "SFSYNC_TOKEN_KEY_FILE" in caught.value.hint
    assert "cAnArY" not in "".join(traceback.format_exception(caught.value))


def test_a_keyring_named_in_its_own_configuration_is_held_to_the_same(plain_environ, tmp_path):
    folder = tmp_path / "config" / "python_keyring"
    folder.mkdir(parents=True)
    (folder / "keyringrc.cfg").write_text(
        "[backend]\ndefault-keyring=keyring.backends.null.Keyring\n"
    )
    with pytest.raises(TokenStoreError, match="null"):
        KeyringStore(
            plain_environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")}, seconds=30
        ).load("p")


def test_a_keyring_that_hangs_is_left_after_the_limit():
    started = time.monotonic()
    with pytest.raises(TokenStoreError, match="did not answer within"):
        KeyringStore(
            {}, seconds=0.4, command=[sys.executable, "-c", "import time; time.sleep(60)"]
        ).load("p")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("code", ["", "print('hello')", "print('[]')", "raise SystemExit(3)"])
def test_a_child_that_says_nothing_useful_is_told(code):
    with pytest.raises(TokenStoreError, match="without an answer"):
        KeyringStore({}, seconds=30, command=[sys.executable, "-c", code]).load("p")


def test_a_child_that_does_not_start_is_told():
    with pytest.raises(TokenStoreError):
        KeyringStore({}, command=["/nonexistent/python"]).load("p")


@pytest.fixture
def working_keyring(tmp_path, plain_environ):
    """A child with a file for a keyring, and a note of what it could see."""
    script = tmp_path / "child.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import json, os, pathlib, sys
            from sfsync.auth.keyring_child import answer
            place = pathlib.Path({str(tmp_path / "kept.json")!r})
            class Backend:
                def __init__(self): self.kept = json.loads(place.read_text()) if place.exists() else {{}}
                def get_password(self, s, n): return self.kept.get(n)
                def set_password(self, s, n, p): self.kept[n] = p; self.write()
                def delete_password(self, s, n): del self.kept[n]; self.write()
                def write(self): place.write_text(json.dumps(self.kept))
            pathlib.Path({str(tmp_path / "seen.json")!r}).write_text(json.dumps([sys.argv, dict(os.environ)]))
            print(json.dumps(answer(json.loads(sys.stdin.read()), Backend())))
            """
        )
    )
    environ = plain_environ | {"SFSYNC_TOKEN_KEY": CANARY}
    return KeyringStore(environ, seconds=30, command=[sys.executable, str(script)]), tmp_path


def test_a_login_goes_into_the_keyring_and_comes_back(working_keyring):
    store, folder = working_keyring
    assert store.load("p") is None
    store.save("p", TOKEN)
    assert store.load("p") == TOKEN
    seen = (folder / "seen.json").read_text()
    assert "cAnArY" not in seen
    assert "SFSYNC" not in seen
    store.delete("p")
    assert store.load("p") is None


@pytest.mark.parametrize(
    "kept",
    ["", "{", "[]", "{}", '"text"', '{"access_token": 5, "instance_url": 1, "id_url": 2}', "null"],
)
def test_what_is_no_login_of_ours_is_told(working_keyring, kept):
    store, folder = working_keyring
    (folder / "kept.json").write_text(json.dumps({"p": kept}))
    with pytest.raises(TokenStoreError, match="not a login"):
        store.load("p")
