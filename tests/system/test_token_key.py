"""The key of a login in the database: found by itself, named where it is missing, never destroyed by a hint."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def at_home(new_workspace, tmp_path_factory):
    """A person with a home folder and no variable for a key, who is told how to make one, and does."""
    workspace = new_workspace(log_in=False, pull=False)
    del workspace.environ["SFSYNC_TOKEN_KEY"]
    workspace.environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    refused = workspace.run_in_process("login", "--json")
    assert refused.code == 4
    [line] = [
        line.strip()
        for line in refused.document["errors"][0]["hint"].splitlines()
        if line.startswith("  ")
    ]
    assert followed(line, workspace).returncode == 0
    workspace.log_in_in_process()
    return workspace, line


def followed(line, workspace):
    """A person copies the hint's line into a shell."""
    return subprocess.run(
        ["sh", "-c", line], env=workspace.environ, capture_output=True, text=True, check=False
    )


def key_of(workspace):
    return Path(workspace.environ["HOME"]) / ".config" / "sfsync" / "token.key"


def test_the_key_is_found_in_its_usual_place_without_any_variable(at_home):
    workspace, _ = at_home
    assert workspace.run_in_process("pull").code == 0


def test_a_hint_that_is_followed_again_keeps_the_key(at_home):
    workspace, line = at_home
    before = key_of(workspace).read_bytes()
    assert followed(line, workspace).returncode != 0
    assert key_of(workspace).read_bytes() == before


@pytest.fixture
def without_key(at_home):
    workspace, _ = at_home
    key = key_of(workspace)
    key.rename(key.with_name("elsewhere"))
    yield workspace
    key.with_name("elsewhere").rename(key)


def test_a_missing_key_is_named_and_no_other_is_offered(without_key):
    ran = without_key.run_in_process("pull", "--json")
    [error] = ran.document["errors"]
    assert (ran.code, error["slug"]) == (4, "token-store")
    assert f"in {key_of(without_key)}" in error["message"]
    assert "openssl" not in error["hint"]
    named = without_key.environ | {
        "SFSYNC_TOKEN_KEY_FILE": str(key_of(without_key).with_name("elsewhere"))
    }
    assert without_key.run_in_process("pull", **named).code == 0


def test_another_key_is_told_from_the_one_it_was_kept_with(without_key):
    ran = without_key.run_in_process("pull", SFSYNC_TOKEN_KEY="07" * 32)
    assert ran.code == 4
    assert "in SFSYNC_TOKEN_KEY; it was kept with key" in ran.err
    assert "0707" not in ran.err


def test_a_key_beside_the_mirror_is_not_taken_by_itself(at_home):
    workspace, _ = at_home
    folder = key_of(workspace).parent
    beside = workspace.copied(folder)
    assert "lies beside the mirror" in beside.stderr_of("pull", expect=4)
    named = {"SFSYNC_TOKEN_KEY_FILE": str(key_of(workspace))}
    assert beside.run_in_process("pull", **named).code == 0, "whoever names it has chosen so"
