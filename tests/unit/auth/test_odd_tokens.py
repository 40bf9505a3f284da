"""A token that no header can carry is refused where it comes in, and where an older one is kept."""

from __future__ import annotations

import json

import pytest

from sfsync.auth.grants import _token_in
from sfsync.auth.login_host import Reply
from sfsync.auth.token_store import packed, unpacked
from sfsync.errors import ProtocolError, TokenStoreError
from sfsync.model.token import Token

LOGIN = "https://login.salesforce.com"
ID = f"{LOGIN}/id/00D000000000001EAA/005000000000001AAA"
UNCARRIABLE = [
    "00D!a\r\nX-Evil: 1",
    "00D!a\n",
    "00D!\u20ac",
    "00D!\u00e9",
    "00D!\ud800",
    "00D!\x00",
    "00D!\x7f",
]


@pytest.mark.parametrize("part", ["access_token", "refresh_token"])
@pytest.mark.parametrize("token", UNCARRIABLE)
def test_a_token_that_no_request_can_carry_is_refused_at_login(token: str, part: str) -> None:
    fields = {"access_token": "00D!good", "instance_url": LOGIN, "id": ID, part: token}
    with pytest.raises(ProtocolError, match="no request can carry") as caught:
        _token_in(Reply(200, json.dumps(fields).encode()), LOGIN, None)
    assert token not in str(caught.value)


@pytest.mark.parametrize("token", UNCARRIABLE)
def test_one_that_is_kept_already_asks_for_a_new_login(token: str) -> None:
    for kept in (Token(token, LOGIN, ID), Token("00D!good", LOGIN, ID, refresh_token=token)):
        with pytest.raises(TokenStoreError) as caught:
            unpacked(packed(kept), "the keyring")
        assert caught.value.exit_code == 4
        assert "sfsync login" in caught.value.hint


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "7", "null", '{"access_token": 7}'])
def test_what_is_kept_and_no_login_asks_for_one(text: str) -> None:
    with pytest.raises(TokenStoreError):
        unpacked(text, "the keyring")
