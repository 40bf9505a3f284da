"""Event files that are odd or broken: the good lines are done, each bad one is told with its place, nothing is lost."""

from __future__ import annotations

import codecs
import gzip
import json
import os
import threading
from itertools import count

import pytest

from tests.system.workspace import Workspace, event
from tests.trouble.convergence import check_convergence

NUMBER = count()


def line(email: str, **changed: object) -> str:
    return json.dumps(event("email_sent", email, f"odd-{next(NUMBER)}") | changed)


BAD = {
    "nested too deeply": ("[" * 100_000, "is nested too deeply"),
    "objects nested too deeply": ('{"a":' * 50_000, "is nested too deeply"),
    "half a character": ('{"campaign_name": "\\ud800"}', "campaign_name: holds half a character"),
    "half a character in the id": ('{"id": "\\udc00"}', "id: holds half a character"),
    "a number that is none": ('{"id": NaN}', "NaN is no JSON number"),
    "a number of 5000 digits": (f'{{"id": {"9" * 5000}}}', "too large"),
    "a time of 400 digits": (f'{{"timestamp": {"9" * 400}}}', "neither seconds nor milliseconds"),
    "a time beyond all bounds": ('{"timestamp": 1e400}', "neither seconds nor milliseconds"),
    "a field of a megabyte": (json.dumps({"campaign_name": "x" * 1_000_000}), "longer than 32000 characters"),
    "a line of two megabytes": (json.dumps({"campaign_name": "x" * 2_000_000}), "longer than 1024 KiB"),
    "a key that stands there twice": ('{"id": "a", "id": "b"}', "'id' stands here twice"),
    "a NUL character": ('{"id": "a\0b"}', "holds a NUL character"),
    "a bell in the id": ('{"id": "a\\u0007b"}', "id: holds control characters"),
    "an object where text belongs": ('{"email": {"a": 1}}', "email: expected text"),
    "a list": ("[1, 2]", "expected an object"),
    "a mere word": ('"x"', "expected an object"),
    "the year 10000": ('{"timestamp": "10000-01-01T00:00:00Z"}', "is not a time"),
    "the last moment of all": ('{"timestamp": "9999-12-31T23:59:59-14:00"}', "no time of our calendar"),
    "the end of time": ('{"timestamp": "9999-12-31T23:59:59Z"}', "in the future"),
    "the first moment of all": ('{"timestamp": "0001-01-01T00:00:00+14:00"}', "no time of our calendar"),
    "a leap second": ('{"timestamp": "2016-12-31T23:59:60Z"}', "is not a time"),
    "the 29th of February of no leap year": ('{"timestamp": "2025-02-29T10:00:00Z"}', "is not a time"),
    "a day without a time": ('{"timestamp": "2026-01-20"}', "has no time of day"),
    "a time without a zone": ('{"timestamp": "2026-01-20T10:00:00"}', "has no time zone"),
    "an id of 256 characters": (json.dumps({"id": "x" * 256}), "id: longer than 255"),
    "an address with an escape": ('{"email": "a\\u001b[31m@b.example"}', "is not one plain address"),
    "two addresses": ('{"email": "a@b.example, c@d.example"}', "is not one plain address"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_costs_itself_alone_and_is_told_with_its_place(
    workspace: Workspace, name: str
) -> None:
    bad, told = BAD[name]
    email = workspace.rows()[0]["email"]
    if bad.startswith("{") and bad.endswith("}") and "\0" not in bad:
        whole = json.dumps(
            {
                key: value
                for key, value in event("email_sent", email).items()
                if f'"{key}"' not in bad
            }
        )
        bad = f"{bad[:-1]}, {whole[1:]}"
    good = [line(email), line(email)]
    (workspace.folder / "odd.jsonl").write_text(
        "\n".join((good[0], bad, good[1], "")), encoding="utf-8"
    )
    workspace.stderr_of("push-activity", "odd.jsonl", expect=3)
    [entry] = workspace.sql("SELECT message FROM quarantine")
    assert entry["message"].startswith("odd.jsonl, line 2: ")
    assert told in entry["message"]
    ids = [json.loads(each)["id"] for each in good]
    assert (
        len(workspace.sql("SELECT id FROM events WHERE id IN (?, ?) AND state = 'handled'", *ids))
        == 2
    )
    assert (
        workspace.run_in_process("push-activity", "odd.jsonl", "--json").data["activity"][
            "duplicates"
        ]
        == 2
    )


@pytest.mark.parametrize(
    "campaign",
    [
        "x" * 32_000,
        "🐧" * 100,
        "\u202eevil\u2066",
        "a\u2028b\x85c",
        "a\uffff\ufffe",
        "@{ref.id}",
        "=1+1",
        "{{{",
        "\t",
    ],
    ids=lambda text: text[:5].encode("ascii", "backslashreplace").decode(),
)
def test_an_odd_name_is_a_name(workspace: Workspace, campaign: str) -> None:
    workspace.push_events_in_process(
        json.loads(line(workspace.rows()[0]["email"], campaign_name=campaign))
    )
    check_convergence(workspace)


@pytest.mark.always
def test_a_file_that_is_still_being_written_is_read_again_without_counting_twice(
    workspace: Workspace,
) -> None:
    email = workspace.rows()[0]["email"]
    lines = [line(email) for _ in range(3)]
    file, text = workspace.folder / "growing.jsonl", "\n".join(lines) + "\n"
    file.write_text(text[:-40])
    assert "still being written" in "".join(_messages(workspace, "growing.jsonl", expect=3))
    file.write_text(text)
    activity = workspace.run_in_process("push-activity", "growing.jsonl", "--json").data["activity"]
    assert (activity["events"], activity["duplicates"]) == (1, 2)


def test_a_half_written_csv_is_read_again_without_counting_twice(workspace: Workspace) -> None:
    email = workspace.rows()[0]["email"]
    text = "id,type,email,timestamp\n" + "".join(
        f"growing-{n},email_sent,{email},2026-01-20T10:00:00Z\n" for n in range(3)
    )
    file = workspace.folder / "growing.csv"
    file.write_text(text[:-30])
    assert "still being written" in "".join(_messages(workspace, "growing.csv", expect=3))
    file.write_text(text)
    assert (
        workspace.run_in_process("push-activity", "growing.csv", "--json").data["activity"][
            "events"
        ]
        == 1
    )


def _messages(workspace: Workspace, name: str, *, expect: int) -> list[str]:
    workspace.stderr_of("push-activity", name, expect=expect)
    return [row["message"] for row in workspace.sql("SELECT message FROM quarantine")]


def test_a_packed_file_is_told_with_the_way_to_unpack_it(workspace: Workspace) -> None:
    (workspace.folder / "events.jsonl.gz").write_bytes(gzip.compress(line("a@b.example").encode()))
    assert "gunzip -c" in workspace.stderr_of("push-activity", "events.jsonl.gz", expect=2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfei\0d\0", "UTF-16"),
        (b"PK\x03\x04", "spreadsheet"),
        (b"SQLite format 3\0", "SQLite database"),
        (b"type;mail\nemail_sent;a@b.example\n", "names no column"),
        (b'[{"type": "email_sent"}]', "jq -c"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_file_of_another_kind_is_told(workspace: Workspace, content: bytes, told: str) -> None:
    (workspace.folder / "events").write_bytes(content)
    assert told in workspace.stderr_of("push-activity", "events", expect=2).replace("\n", " ")
    assert workspace.sql("SELECT * FROM events") == []


def test_a_pipe_with_a_name_a_byte_order_mark_and_windows_line_ends(workspace: Workspace) -> None:
    email = workspace.rows()[0]["email"]
    pipe = workspace.folder / "pipe"
    os.mkfifo(pipe)
    content = codecs.BOM_UTF8 + f"{line(email)}\r\n{line(email)}\r\n".encode()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    activity = workspace.run_in_process("push-activity", "pipe", "--json").data["activity"]
    writer.join()
    assert (activity["events"], activity["tasks"]) == (2, 2)


@pytest.mark.always
def test_the_same_events_by_every_way_are_the_same_events(workspace: Workspace) -> None:
    one = json.loads(line(workspace.rows()[0]["email"]))
    workspace.push_events_in_process(one, one)
    workspace.push_events_in_process(one)
    csv = ",".join(one) + "\n" + ",".join(one.values()) + "\n"
    assert workspace.run_in_process("push-activity", "-", stdin=csv.encode()).code == 0
    assert len(workspace.sql("SELECT * FROM activities WHERE event_id = ?", one["id"])) == 1
