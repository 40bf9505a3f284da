import pytest

from sfsync.auth.encrypted_store import EncryptedStore
from sfsync.auth.keychain import check_store, choose_store
from sfsync.errors import TokenStoreError, UsageError

from .logins import KEY


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
    assert "set -C" in caught.value.hint, "a hint never destroys"
    assert "SFSYNC_TOKEN_KEY_FILE" in caught.value.hint


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
