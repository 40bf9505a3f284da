import base64
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.auth.encrypted_store import EncryptedStore, SealingKey, find_key
from sfsync.errors import TokenStoreError

from .logins import KEY, PASSPHRASE, RAW, TOKEN, Vault


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
