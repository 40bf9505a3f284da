"""What must never be seen: tokens, other people's files, and data that speaks to the terminal."""

import os
import pty
import re
import subprocess

import pytest

from tests.system.workspace import SFSYNC

EVIL = "[red]x[/red]\x1b[2J\x07"
TOLD_TO_PEOPLE = ["status", "diff", "pull", "sync", "conflicts", "quarantine", "whoami", "push"]


@pytest.fixture(scope="module")
def watched(new_workspace):
    """Everything is done under umask 000, and every secret that the org gives away is noted."""
    workspace = new_workspace(contacts=4, leads=1, log_in=False, pull=False, umask=0)
    secrets = {workspace.environ["SFSYNC_TOKEN_KEY"]}
    workspace.environ["SFSYNC_LOG_FILE"] = "sfsync.log"
    grants = workspace.org.oauth.grants

    def noting(step):
        def noted(*given, **named):
            made = step(*given, **named)
            secrets.update(
                [made] if isinstance(made, str) else [made.access_token, made.refresh_token or ""]
            )
            return made

        return noted

    grants.open, grants.refresh, grants.new_code = map(
        noting, (grants.open, grants.refresh, grants.new_code)
    )
    assert workspace.log_in("-vv").code == 0
    workspace.do("pull")
    grants.expire_access_tokens()
    ours, both = workspace.people()[:2]
    workspace.sql(
        "UPDATE contacts SET phone = ?, job_title = ? WHERE salesforce_id = ?", EVIL, EVIL, ours
    )
    workspace.sql("UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", EVIL, both)
    workspace.edit(both, Title="Theirs")
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES (?, 'Refused')", EVIL)
    told = {line: workspace.run(line, "-vv") for line in TOLD_TO_PEOPLE}
    assert {line: ran.code for line, ran in told.items() if ran.code} == {"sync": 3}
    workspace.run("pull", "--profile", "other", "-vv")
    secrets.discard("")
    return workspace, secrets, told


@pytest.mark.parametrize("line", TOLD_TO_PEOPLE)
def test_where_nobody_sits_at_a_terminal_there_are_no_escape_codes(watched, line):
    ran = watched[2][line]
    assert "\x1b" not in ran.out + ran.err
    assert ran.out + ran.err


def test_data_is_shown_as_it_is_and_neither_obeyed_nor_taken_for_markup(watched):
    shown = watched[2]["diff"].out
    assert "[red]x" in shown
    assert "\\x1b" in shown
    assert "\x07" not in shown


def test_tokens_codes_and_keys_are_never_printed(watched):
    workspace, secrets, _ = watched
    assert len(secrets) >= 4  # the key, a code, and the tokens of a login and a refresh
    said = "".join(workspace.printed)
    assert not [secret for secret in secrets if secret in said]


def test_tokens_codes_and_keys_are_in_no_file_in_clear(watched):
    workspace, secrets, _ = watched
    kept = b"".join(path.read_bytes() for path in workspace.folder.rglob("*") if path.is_file())
    assert b"_tokens" in kept
    assert not [secret for secret in secrets if secret.encode() in kept]


def test_every_file_is_for_its_owner_alone_whatever_the_umask(watched):
    workspace = watched[0]
    modes = {path.name: path.stat().st_mode & 0o777 for path in workspace.folder.iterdir()}
    assert {"sfsync.yaml", "mirror.db"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def at_a_terminal(workspace, *arguments, **environ):
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [SFSYNC, *arguments], cwd=workspace.folder, env=workspace.environ | {"TERM": "xterm-256color"} | environ,
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # the other end is closed
            pass
        finally:
            os.close(ours)
        process.wait(60)
    return shown.decode()


@pytest.mark.slow
def test_a_terminal_gets_colours(watched):
    assert re.search(r"\x1b\[[0-9;]*m", at_a_terminal(watched[0], "diff"))


@pytest.mark.parametrize(
    "line",
    [
        "pull --full",
        *(
            pytest.param(line, marks=pytest.mark.slow)
            for line in ("diff", "pull --profile other", "pull --nope")
        ),
    ],
)
def test_with_no_color_a_terminal_gets_neither_colours_nor_bars(watched, line):
    shown = at_a_terminal(watched[0], *line.split(), NO_COLOR="1")
    assert shown.strip()
    bold_and_dim = re.compile(r"\x1b\[(?:[0-4](?:;[0-4])*)?m")  # these are no colours
    assert "\x1b" not in bold_and_dim.sub("", shown)


def test_a_logout_ends_the_login_at_salesforce_and_here(new_workspace):
    workspace = new_workspace(contacts=1, leads=0, pull=False)
    assert workspace.do("logout") == {"revoked": True}
    assert workspace.org.oauth.grants.counts()["grants"] == 0
    assert workspace.run("pull").code == 4
    assert workspace.sql("SELECT * FROM _tokens") == []
