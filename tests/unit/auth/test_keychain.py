import base64
import json
import os
import sys
import textwrap
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.auth import keyring_child
from sfsync.auth.keychain import (
    EncryptedStore,
    KeyringStore,
    SealingKey,
    check_store,
    choose_store,
    find_key,
)
from sfsync.errors import TokenStoreError, UsageError
from sfsync.model.token import Token

CANARY = "cAnArY!AQ.sEcReT+/="
TOKEN = Token(
    access_token=f"00D!{CANARY}",
    refresh_token=f"5Aep{CANARY}",
    instance_url="https://acme.my.salesforce.com",
    id_url="https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA",
    scope="api refresh_token",
    issued_at=1435269268723,
)
RAW = bytes(range(32))
KEY = SealingKey(RAW, is_passphrase=False)
PASSPHRASE = SealingKey(b"correct horse battery", is_passphrase=True)


class Vault:
    def __init__(self):
        self.kept = {}

    def read(self, profile):
        return self.kept.get(profile)

    def write(self, profile, sealed):
        self.kept[profile] = sealed

    def delete(self, profile):
        self.kept.pop(profile, None)


# -- encrypted


@pytest.mark.parametrize("key", [KEY, PASSPHRASE])
def test_a_sealed_login_comes_back_and_is_not_readable(vault, key):
    EncryptedStore(vault, key).save("default", TOKEN)
    assert EncryptedStore(vault, key).load("default") == TOKEN
    assert b"cAnArY" not in vault.kept["default"]
    assert b"salesforce" not in vault.kept["default"]


def test_there_is_none_before_it_is_kept_and_after_it_is_deleted(vault):
    store = EncryptedStore(vault, KEY)
    assert store.load("default") is None
    store.delete("default")
    store.save("default", TOKEN)
    store.delete("default")
    assert store.load("default") is None


def test_sealing_twice_looks_different(vault):
    store = EncryptedStore(vault, KEY)
    store.save("a", TOKEN)
    first = vault.kept["a"]
    store.save("a", TOKEN)
    assert vault.kept["a"] != first


SEALED = Vault()
EncryptedStore(SEALED, KEY).save("default", TOKEN)
STRETCHED = Vault()
EncryptedStore(STRETCHED, PASSPHRASE).save("default", TOKEN)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 8 * len(SEALED.kept["default"]) - 1))
def test_any_changed_bit_is_noticed(bit):
    changed = bytearray(SEALED.kept["default"])
    changed[bit // 8] ^= 1 << bit % 8
    vault = Vault()
    vault.kept["default"] = bytes(changed)
    with pytest.raises(TokenStoreError):
        EncryptedStore(vault, KEY).load("default")


@pytest.mark.parametrize(
    "bit", [0, 1, 8, 8 * 17 - 1, 8 * 17, 8 * 29, -1]
)  # kind, salt, nonce, login, tag
def test_any_changed_bit_is_noticed_with_a_passphrase(bit):
    changed = bytearray(STRETCHED.kept["default"])
    bit %= 8 * len(changed)
    changed[bit // 8] ^= 1 << bit % 8
    vault = Vault()
    vault.kept["default"] = bytes(changed)
    with pytest.raises(TokenStoreError):
        EncryptedStore(vault, PASSPHRASE).load("default")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_never_crash(junk):
    vault = Vault()
    vault.kept["default"] = junk
    with pytest.raises(TokenStoreError):
        EncryptedStore(vault, KEY).load("default")


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_a_cut_login_is_noticed(length):
    vault = Vault()
    vault.kept["default"] = SEALED.kept["default"][:length]
    with pytest.raises(TokenStoreError):
        EncryptedStore(vault, KEY).load("default")


def test_a_login_does_not_open_under_another_profile_or_key(vault):
    vault.kept["other"] = SEALED.kept["default"]
    with pytest.raises(TokenStoreError, match="'other'"):
        EncryptedStore(vault, KEY).load("other")
    for key in (SealingKey(bytes(32), is_passphrase=False), PASSPHRASE):
        with pytest.raises(TokenStoreError, match="this key"):
            EncryptedStore(SEALED, key).load("default")


def test_neither_store_nor_key_show_the_key(vault):
    for shown in (repr(EncryptedStore(vault, PASSPHRASE)), repr(PASSPHRASE)):
        assert "correct horse" not in shown


# -- keys


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        RAW.hex(),
        f"  {RAW.hex()}\n",
    ],
)
def test_a_key_may_be_written_in_base64_or_hex(text):
    assert SealingKey.parse(text, "x") == KEY


def test_anything_else_is_a_passphrase():
    assert SealingKey.parse(" correct horse battery \n", "x") == PASSPHRASE


@pytest.mark.parametrize("text", ["", "  \n", "hunter2"])
def test_a_key_that_protects_nothing_is_refused(text):
    with pytest.raises(TokenStoreError, match=r"empty|too short"):
        SealingKey.parse(text, "SFSYNC_TOKEN_KEY")


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "token.key"
    path.write_text(base64.b64encode(RAW).decode() + "\n")
    path.chmod(0o600)
    return path


def test_the_key_comes_from_the_first_place_that_is_set(tmp_path, key_file):
    assert find_key() is None
    assert find_key(key_file=key_file) == KEY
    assert find_key(key="correct horse battery", key_file=key_file) == PASSPHRASE
    assert find_key(credentials_directory=tmp_path) is None
    (tmp_path / "sfsync-token-key").write_text(RAW.hex())
    assert find_key(credentials_directory=tmp_path) == KEY


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_key_file_open_to_others_is_refused(key_file, mode):
    key_file.chmod(mode)
    with pytest.raises(TokenStoreError, match=f"{mode:04o}") as caught:
        find_key(key_file=key_file)
    assert f"chmod 600 {key_file}" in caught.value.hint


def test_a_read_only_key_file_is_fine(key_file):
    key_file.chmod(0o400)
    assert find_key(key_file=key_file) == KEY


def test_a_key_file_of_another_user_is_refused(key_file, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(TokenStoreError, match="another user"):
        find_key(key_file=key_file)


def test_a_key_file_that_cannot_be_read_is_told(tmp_path, key_file):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(TokenStoreError, match="cannot be read"):
            find_key(key_file=path)
    key_file.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(TokenStoreError, match="not text"):
        find_key(key_file=key_file)


def test_a_device_is_no_key_file():
    with pytest.raises(TokenStoreError, match="not a file"):
        find_key(key_file=Path("/dev/null"))


# -- the keyring


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


# -- choosing


class Broken:
    name = "keyring"

    def __init__(self):
        self.asked = 0

    def load(self, profile):
        self.asked += 1
        raise TokenStoreError("The keyring cannot be used: it hangs")

    save = delete = lambda self, *args: self.load("")


@pytest.fixture
def encrypted(vault):
    return EncryptedStore(vault, KEY)


def test_the_wanted_place_is_taken_and_no_other(store, encrypted):
    assert choose_store("keyring", keyring=store, database=lambda: encrypted) is store
    assert choose_store("database", keyring=store, database=lambda: encrypted) is encrypted
    with pytest.raises(TokenStoreError, match="hangs"):
        choose_store("keyring", keyring=Broken(), database=lambda: encrypted)
    with pytest.raises(TokenStoreError, match="no key is set") as caught:
        choose_store("database", keyring=store, database=lambda: None)
    assert "export SFSYNC_TOKEN_KEY_FILE" in caught.value.hint


def test_an_unknown_place_is_wrong_usage(store):
    with pytest.raises(UsageError, match="'file'"):
        choose_store("file", keyring=store, database=lambda: None)


def test_else_the_first_that_works(store, encrypted):
    assert choose_store(None, keyring=store, database=lambda: encrypted) is store
    assert choose_store("", keyring=Broken(), database=lambda: encrypted) is encrypted


def test_nothing_works_says_how_to_make_one_work():
    with pytest.raises(TokenStoreError, match="it hangs; and no key") as caught:
        choose_store(None, keyring=Broken(), database=lambda: None)
    assert "openssl rand -base64 32" in caught.value.hint


def test_a_bad_key_does_not_matter_to_who_uses_the_keyring(store):
    def bad():
        raise TokenStoreError("bad key")

    assert choose_store(None, keyring=store, database=bad) is store


def test_a_place_is_tried_before_it_is_chosen_and_left_clean(store, encrypted, vault):
    choose_store("keyring", keyring=store, database=lambda: None)
    choose_store("database", keyring=store, database=lambda: encrypted)
    assert store.saves == 1
    assert store.kept == {}
    assert vault.kept == {}


def test_a_proven_place_need_not_be_tried_again():
    broken = Broken()
    assert choose_store("keyring", keyring=broken, database=lambda: None, probe=False) is broken
    assert broken.asked == 0


def test_a_place_that_forgets_is_refused(store):
    store.forgetful = True
    with pytest.raises(TokenStoreError, match="does not give back"):
        check_store(store)
