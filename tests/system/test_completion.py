"""A shell completes commands, options and values: tried in the shells themselves, as the installed command tells them to."""

import shutil
import subprocess

import pexpect
import pytest

from tests.system.workspace import SFSYNC

SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture(scope="module")
def at_work(new_workspace):
    """A mirror with runs, an open conflict and a refused row, and a profile."""
    workspace = new_workspace()
    workspace.sql(
        'INSERT INTO conflicts (object, person_id, "column", winner, rule, state, found_at)'
        " VALUES ('contact', 1, 'phone', 'held', 'manual', 'open', '2026-01-20T10:00:00Z')"
    )
    workspace.sql(
        "INSERT INTO quarantine (id, kind, code, message, quarantined_at)"
        " VALUES (41, 'row', 'STRING_TOO_LONG', 'ada@example.com', '2026-01-20T10:00:00Z')"
    )
    text = workspace.yaml.read_text(encoding="utf-8")
    workspace.yaml.write_text(f"{text}\nprofiles:\n  sandbox: {{org: {{}}}}\n", encoding="utf-8")
    return workspace


@pytest.fixture(scope="module", params=SHELLS)
def completed(request, at_work, tmp_path_factory):
    """What a shell offers for a line that is typed so far."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    home = tmp_path_factory.mktemp("home")
    environ = at_work.environ | {
        "HOME": str(home),
        "PATH": f"{SFSYNC.rpartition('/')[0]}:/usr/bin:/bin",
    }
    script = subprocess.run(
        ["sfsync", "--show-completion", shell],
        env=environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (home / "completion").write_text(script, encoding="utf-8")
    ask = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}[shell]
    return lambda line: ask(line, home / "completion", at_work.folder, environ)


def in_bash(line, script, folder, environ):
    words = " ".join(f"'{word}'" for word in line.split(" "))
    code = (
        f"source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));"
        ' _sfsync_completion sfsync; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return told(["bash", "--norc", "-c", code], folder, environ)


def in_fish(line, script, folder, environ):
    offered = told(["fish", "-c", f"source {script}; complete -C '{line}'"], folder, environ)
    return [each.partition("\t")[0] for each in offered]


def told(command, folder, environ):
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr
    return done.stdout.split("\n")[:-1]


def in_zsh(line, script, folder, environ):
    """Typed at its prompt: what it completes with is only to be had there."""
    shell = pexpect.spawn(
        "zsh", ["-f", "-i"], cwd=str(folder), env=environ | {"TERM": "dumb", "PS1": "ready> "},
        encoding="utf-8", timeout=20, dimensions=(100, 160),
    )  # fmt: skip
    try:
        shell.expect("ready> ")
        shell.sendline(
            f"autoload -Uz compinit && compinit -u -D; source {script}; zstyle ':completion:*' list-prompt ''; setopt no_beep; echo begun"
        )
        shell.expect("begun\r\n")
        shell.expect("ready> ")
        shell.send(f"{line}\t")
        shell.send("\x01print -r '\x05'\r")  # the line as it was completed, printed
        shell.expect(r"\n(sfsync [^\r\n]*)\r\n")
        return shell.match.group(1).split()
    finally:
        shell.close(force=True)


CASES = {
    "a command": ("sfsync hist", ["history"]),
    "a command of a group": ("sfsync profile us", ["use"]),
    "an option": ("sfsync pull --prof", ["--profile"]),
    "a profile": ("sfsync pull --profile san", ["sandbox"]),
    "an object": ("sfsync pull --object lea", ["lead"]),
    "an event type": ("sfsync push-activity --type unsub", ["unsubscribed"]),
    "a conflict": ("sfsync conflicts --take ", ["1"]),
    "a refusal": ("sfsync retry 4", ["41"]),
    "a side": ("sfsync conflicts --take-all loc", ["local"]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_shell_completes(completed, name):
    line, wanted = CASES[name]
    offered = completed(line)
    assert set(wanted) <= set(offered), offered
    assert "ada@example.com" not in " ".join(offered)


def test_a_run_is_offered_by_its_id(completed, at_work):
    [run] = at_work.sql("SELECT run_id FROM runs")
    assert run["run_id"] in completed(f"sfsync history {run['run_id'][:4]}")


def test_without_a_configuration_nothing_is_offered_and_nothing_said(completed, at_work):
    at_work.yaml.rename(at_work.folder / "away")
    try:
        assert "sandbox" not in completed("sfsync pull --profile san")
    finally:
        (at_work.folder / "away").rename(at_work.yaml)
