"""A mirror that is no mirror, or no longer one: told in a sentence, left as it is."""

from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing

import pytest

from tests.system.workspace import Workspace
from tests.trouble.convergence import check_convergence


def replaced(at: int, by: bytes):
    return lambda content: content[:at] + by + content[at + len(by) :]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda _: b"dear diary, " * 1000, "not an SQLite database", id="another file"),
        pytest.param(replaced(0, b"\xac"), "not an SQLite database", id="first byte"),
        pytest.param(replaced(16, b"\x77\x77"), "not an SQLite database", id="page size"),
        pytest.param(replaced(28, b"\xff\xff\xff\xff"), "damaged", id="number of pages"),
        pytest.param(replaced(44, b"\0\0\0\x09"), "mirror.db: ", id="schema format"),
        pytest.param(replaced(56, b"\0\0\0\x02"), "damaged", id="text encoding"),
        pytest.param(replaced(100, b"\xff"), "damaged", id="first page"),
        pytest.param(
            lambda content: content[: len(content) // 2], "damaged", id="second half gone"
        ),
    ],
)
def test_a_file_that_is_no_mirror_any_more_is_told_and_left_as_it_is(
    workspace: Workspace, damage, told: str
) -> None:
    content = damage(workspace.mirror.read_bytes())
    workspace.mirror.write_bytes(content)
    for command in ("status", "sync"):
        message = workspace.stderr_of(command, expect=1)
        assert told in message
        assert "try: " in message
    assert workspace.mirror.read_bytes() == content


def test_a_mirror_of_a_newer_sfsync_is_told_and_left_as_it_is(workspace: Workspace) -> None:
    with closing(sqlite3.connect(workspace.mirror)) as other:
        other.execute("PRAGMA user_version = 99")
    content = workspace.mirror.read_bytes()
    assert "newer sfsync" in workspace.stderr_of("sync", expect=1)
    assert workspace.mirror.read_bytes() == content


@pytest.mark.always
def test_an_empty_file_is_a_new_mirror_that_nobody_is_logged_in_with(workspace: Workspace) -> None:
    workspace.mirror.write_bytes(b"")
    assert "sfsync login" in workspace.stderr_of("sync", expect=4)
    assert workspace.run_in_process("login").code == 0
    check_convergence(workspace)


def test_a_mirror_that_was_lost_is_read_again_from_the_org(workspace: Workspace) -> None:
    before = {row["salesforce_id"]: row["email"] for row in workspace.rows()}
    workspace.mirror.unlink()
    assert workspace.run_in_process("login").code == 0
    check_convergence(workspace)
    assert {row["salesforce_id"]: row["email"] for row in workspace.rows()} == before


def test_no_flipped_bit_is_answered_with_a_traceback(workspace: Workspace) -> None:
    """SQLite keeps no checksums: many bits are data and pass; none may end in a bug."""
    content, chance = workspace.mirror.read_bytes(), random.Random(20)
    for _ in range(30):
        flipped = bytearray(content)
        place = chance.randrange(len(flipped))
        flipped[place] ^= 1 << chance.randrange(8)
        workspace.mirror.write_bytes(flipped)
        ran = workspace.run_in_process("status")
        assert not re.search("Traceback|does not understand", ran.err), f"byte {place}: {ran.err}"
    workspace.mirror.write_bytes(content)


def test_facts_that_were_kept_and_are_damaged_are_asked_for_again(workspace: Workspace) -> None:
    workspace.sql("UPDATE _facts SET facts = substr(facts, 2)")
    check_convergence(workspace)
