"""Lists as people have them, handed to the command: known exports, what is stated, what is told, and hints that work."""

import gzip
import json
import shlex
import subprocess

import pytest

from tests.system.workspace import SFSYNC
from tests.unit.intake.test_people_exports import CONTENTS, MAILCHIMP


@pytest.fixture(scope="module")
def workspace(new_workspace):
    return new_workspace(contacts=0, leads=0)


@pytest.fixture
def file(workspace, request):
    """A file of its own name for each test, so that quarantine tells them apart."""
    name = "".join(sign for sign in request.node.name if sign.isalnum())[:60] + ".csv"
    return workspace.folder / name


def people(workspace):
    return {row["email"]: row for row in workspace.rows("contacts")}


def open_lines(workspace, file):
    return [
        entry["message"]
        for entry in workspace.sql(
            "SELECT message FROM quarantine WHERE source = ? AND state = 'open' ORDER BY line",
            file.name,
        )
    ]


def followed(workspace, hint):
    """The command that a hint is, done as it stands."""
    command = hint.replace("sfsync", shlex.quote(SFSYNC))
    return subprocess.run(
        ["sh", "-c", command], cwd=workspace.folder, env=workspace.environ, capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.mark.parametrize("title", CONTENTS)
def test_a_known_export_comes_in_as_it_is_and_its_name_is_told(workspace, file, title):
    content = CONTENTS[title]
    if isinstance(content, str):
        file.write_text(content, encoding="utf-8")
    else:
        file.write_bytes(content)
    options = ["--encoding", "cp1252"] if isinstance(content, bytes) else []
    ran = workspace.run_in_process("import", file.name, *options)
    assert ran.code == 0, ran
    assert f"This is {title}: " in ran.err
    assert "Passed over: " in ran.err
    again = workspace.do_in_process("import", file.name, *options)
    assert again["export"] == title
    assert again["columns"]
    assert again["passed_over"]
    assert again["contact"]["created"] == again["contact"]["quarantined"] == 0
    assert people(workspace)["ada@example.com"]["last_name"] == "Lovelace"


def test_an_opt_out_in_an_export_holds_for_the_person(workspace, file):
    file.write_text(MAILCHIMP.replace("bob@", "left@"), encoding="utf-8")
    workspace.do_in_process("import", file.name)
    workspace.do_in_process("push")
    told = workspace.do_in_process("consent", "left@example.com")
    assert told["state"] == "opted_out", told
    assert people(workspace)["left@example.com"]["unsubscribed"] == 1
    assert people(workspace)["ada@example.com"]["unsubscribed"] in {0, None}


def test_a_column_is_what_is_stated_of_it(workspace, file):
    file.write_text("Work address;Given;\u00dcbrig\nmap@example.com;Map;1\n", encoding="utf-8")
    refused = workspace.run_in_process("import", file.name)
    assert refused.code == 2
    ran = workspace.run_in_process(
        "import", file.name, "--map", "Work address=email", "--map", "Given=FirstName",
        "--ignore-unknown",
    )  # fmt: skip
    assert ran.code == 0, ran
    assert "Passed over: \u00dcbrig" in ran.err
    assert people(workspace)["map@example.com"]["first_name"] == "Map"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--map", "Email"], "the file's column, = and what it is are expected"),
        (["--map", "Email=emial"], "did you mean Email?"),
        (["--map", "A=email", "--map", "B=email"], "one column can be"),
        (["--map", "Emial=email"], "did you mean Email?"),
        (["--encoding", "cp1225"], "there is no such encoding; did you mean cp12"),
        (["--timezone", "Europe/Berln"], "there is no such time zone"),
        (["--true", "no"], "that means false"),
    ],
)
def test_what_makes_no_sense_on_the_command_line_is_told(workspace, file, options, sentence):
    file.write_text("Email\nada@example.com\n", encoding="utf-8")
    assert sentence in workspace.stderr_of("import", file.name, *options, expect=2)


def test_encoding_time_zone_and_words_are_those_that_are_stated(workspace, file):
    file.write_bytes(
        "Email;last_email_opened;unsubscribed;Phone\r\nzone@example.com;2026-07-20 10:00;abgemeldet;+49\r\n;;;\r\n".encode(
            "utf-16"
        )
    )
    told = workspace.stderr_of("import", file.name, expect=2)
    assert "this is UTF-16: --encoding utf-16" in told
    ran = workspace.do_in_process(
        "import", file.name, "--encoding", "utf-16", "--timezone", "Europe/Berlin", "--true", "Abgemeldet",
    )  # fmt: skip
    assert ran["contact"]["quarantined"] == 0
    person = people(workspace)["zone@example.com"]
    assert (person["last_email_opened"], person["unsubscribed"]) == ("2026-07-20T08:00:00Z", 1)


BAD = (
    "email,phone,unsubscribed\n"
    "good@example.com,+49,ja\n"
    "nobody,,\n"
    "nobody else,,\n"
    "phone@example.com,4.91701E+11,\n"
    "word@example.com,,perhaps\n"
)


def test_bad_lines_are_in_quarantine_with_their_place_and_end_once_they_are_corrected(
    workspace, file
):
    file.write_text(BAD, encoding="utf-8")
    ran = workspace.run_in_process("import", file.name, "--json")
    assert (ran.code, ran.data["contact"]["created"], ran.data["contact"]["quarantined"]) == (
        3,
        1,
        4,
    )
    told = open_lines(workspace, file)
    assert told[0].startswith(f"{file.name}, line 3: email: 'nobody' is not one plain address")
    assert told[2].startswith(f"{file.name}, line 5: phone: '4.91701E+11' is a number whose digits")
    assert told[3].endswith(
        "'perhaps' is neither true nor false; where it means true: --true perhaps"
    )
    file.write_text(
        BAD.replace("nobody else", "else@example.com").replace("nobody", "nobody@example.com")
        .replace("4.91701E+11", "+491701234567"), encoding="utf-8",
    )  # fmt: skip
    assert (
        workspace.do_in_process("import", file.name, "--true", "perhaps")["contact"]["quarantined"]
        == 0
    )
    assert open_lines(workspace, file) == []


def test_a_dry_run_tells_the_first_of_each_kind_and_keeps_nothing(workspace, file):
    content = BAD.replace("good@", "dry@")
    file.write_text(content, encoding="utf-8")
    ran = workspace.run_in_process("import", file.name, "--dry-run")
    assert ran.code == 3
    assert f"{file.name}, line 3: email: 'nobody' is not one plain address" in " ".join(
        ran.err.split()
    )
    assert "(1 more of this kind)" in " ".join(ran.err.split())
    assert "line 4" not in ran.err
    kinds = workspace.run_in_process("import", file.name, "--dry-run", "--json").data["contact"]
    assert kinds["read"] == 1
    assert [(each["line"], each["column"], each["count"]) for each in kinds["unreadable"]] == [
        (3, "email", 2), (5, "phone", 1), (6, "unsubscribed", 1),
    ]  # fmt: skip
    assert "dry@example.com" not in people(workspace)
    assert open_lines(workspace, file) == []


def test_a_file_of_which_nothing_can_be_read_is_refused_and_leaves_nothing_behind(workspace, file):
    file.write_text("email,first_name\n" + "nobody,x\n" * 100_000, encoding="utf-8")
    told = " ".join(workspace.stderr_of("import", file.name, expect=2).split())
    assert "not one of its first 100 lines can be read (its columns: email, first_name)" in told
    assert "; line 2: email: 'nobody'" in told
    assert "Nothing of the file was taken in" in told
    assert open_lines(workspace, file) == []


def test_the_line_that_takes_an_array_apart_does_it(workspace, file):
    named = file.with_name("a list.json")
    named.write_text(
        json.dumps([{"email": "array@example.com", "company": "Ice"}]), encoding="utf-8"
    )
    ran = workspace.run_in_process("import", named.name, "--object", "lead", "--json")
    [error] = ran.document["errors"]
    elsewhere = workspace.run_in_process("import", named.name, "--config", "sfsync.yaml", "--json")
    assert "| sfsync import --config sfsync.yaml -" in elsewhere.document["errors"][0]["hint"]
    done = followed(workspace, error["hint"])
    assert done.returncode == 0, done
    assert [row["email"] for row in workspace.rows("leads")] == ["array@example.com"]


def test_the_line_that_unpacks_a_file_does_it(workspace, file):
    packed = file.with_name("packed list.csv.gz")
    packed.write_bytes(gzip.compress(b"email\npacked@example.com\n"))
    [error] = workspace.run_in_process("import", packed.name, "--json").document["errors"]
    done = followed(workspace, error["hint"])
    assert done.returncode == 0, done
    assert "packed@example.com" in people(workspace)
