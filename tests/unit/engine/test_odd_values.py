"""One senseless value stops nobody but its own row, which is named in quarantine with what to do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sfsync.config.file import load_config
from sfsync.engine.diff import Cost, differences
from sfsync.engine.run import Run
from sfsync.engine.undo import carry_out, plan_undo
from sfsync.engine.verify import verify
from sfsync.errors import OrgRefused
from sfsync.model.limits import Limits
from sfsync.model.record import SalesforceId
from sfsync.planning.planfile import Header, lines
from tests.sides import EXAMPLE, Sides, event
from tests.system.in_process import run_command_line
from tests.telling_cells import telling_cells

SENSELESS = {
    "a word": ("banana", "18 letters and digits"),
    "a prefix": ("003", "18 letters and digits"),
    "empty": ("", "18 letters and digits"),
    "fifteen": ("0035500001H9cak", "0035500001H9cakAAB"),
    "a wrong checksum": ("0035500001H9cakAAA", "0035500001H9cakAAB"),
    "another object's": ("0015500001QdQWaAAN", "003"),
    "a quote": ("003' OR Id != '0", "18 letters and digits"),
    "other digits": (
        "003\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661AAA",
        "18",
    ),
}


@pytest.fixture
def at_rest(sides: Sides) -> Sides:
    """Ada and a few odd people, agreed on both sides; a senseless Id is refused, as in Salesforce."""
    for name in ("ada", *(f"odd{at}" for at in range(len(SENSELESS)))):
        sides.org.create("Contact", LastName=name.title(), Email=f"{name}@example.com")
    sides.pull()
    fetch = sides.org.fetch

    def strict(sobject: str, fields: Sequence[str], ids: Sequence[SalesforceId]) -> Iterator[Any]:
        for each in ids:
            if len(each) not in (15, 18) or not each.isalnum() or not each.isascii():
                raise OrgRefused(f"invalid ID field: {each}", code="INVALID_QUERY_FILTER_OPERATOR")
        return fetch(sobject, fields, ids)

    sides.org.fetch = strict  # type: ignore[method-assign]
    return sides


def write_senseless_ids(sides: Sides, *, name: str = "last_name") -> dict[int, str]:
    """Each odd person gets one; what must be said of it, by row."""
    expected = {}
    for at, (value, words) in enumerate(SENSELESS.values()):
        number = sides.local(f"odd{at}@example.com", "id")
        changes = f"salesforce_id = ?, last_name = {name}"
        sides.edit(f"UPDATE contacts SET {changes} WHERE id = ?", value, number)
        expected[number] = words
    return expected


def entries(sides: Sides) -> dict[int, tuple[str, str, str]]:
    """Code, message and hint of what is in open quarantine, by row."""
    found = sides.look(
        "SELECT person_id, code, message, hint FROM quarantine"
        " WHERE state = 'open' AND kind = 'record'"
    )
    return {row[0]: row[1:] for row in found}


@pytest.mark.parametrize("how", ["push", "sync"])
def test_a_senseless_id_is_told_and_the_others_go_on(at_rest: Sides, how: str) -> None:
    at_rest.edit("UPDATE contacts SET last_name = 'Lovelace' WHERE email LIKE 'ada%'")
    expected = write_senseless_ids(at_rest, name="'X'")
    report = getattr(at_rest, how)()
    (ada,) = [
        key for key, raw in at_rest.org.records.items() if raw.get("Email") == "ada@example.com"
    ]
    assert at_rest.remote(ada, "LastName") == "Lovelace"
    found = entries(at_rest)
    assert found.keys() == expected.keys()
    for number, (code, message, hint) in found.items():
        assert code == "MALFORMED_ID"
        for part in (f"contacts {number}: salesforce_id", expected[number]):
            assert part in message, message
        assert "sfsync retry" in hint
    assert report.push["contact"].quarantined == len(expected)
    again = getattr(at_rest, how)()
    assert again.push["contact"].quarantined == 0, "told once"


def test_a_senseless_id_ends_no_complete_reading(at_rest: Sides) -> None:
    write_senseless_ids(at_rest)
    for job in (lambda: at_rest.pull(full=True), lambda: at_rest.run(verify, dry_run=True)):
        job()
        assert any("salesforce_id" in told for told in at_rest.reports[-1].warnings)


def test_a_corrected_id_goes_on(at_rest: Sides) -> None:
    """What was typed meanwhile is listed: with another Id, nothing was agreed on any more."""
    good = dict(at_rest.look("SELECT id, salesforce_id FROM contacts"))
    senseless = write_senseless_ids(at_rest, name="'New'")
    at_rest.push()
    for number in senseless:
        at_rest.edit("UPDATE contacts SET salesforce_id = ? WHERE id = ?", good[number], number)
    at_rest.sync_until_quiet()
    assert at_rest.refusals() == []
    assert [local for _, local, *_ in at_rest.conflicts()] == ["New"] * len(SENSELESS)


@pytest.mark.parametrize("column", ["first_name", "last_name", "email", "last_email_opened"])
def test_text_that_is_not_utf8_is_told_and_the_others_go_on(at_rest: Sides, column: str) -> None:
    odd = at_rest.local("odd0@example.com", "id")
    at_rest.edit(f"UPDATE contacts SET {column} = CAST(x'6361666ae9' AS TEXT) WHERE id = ?", odd)
    at_rest.edit("UPDATE contacts SET last_name = 'Lovelace' WHERE email LIKE 'ada%'")
    at_rest.sync(dry_run=True)
    at_rest.sync()
    ((number, (code, message, hint)),) = entries(at_rest).items()
    assert number == odd
    assert code == "UNREADABLE_VALUE"
    assert f"contacts {odd}: {column}" in message
    assert "UTF-8" in message
    assert "sfsync retry" in hint
    assert at_rest.local("ada@example.com", "last_name") == "Lovelace"
    assert "Lovelace" in [raw.get("LastName") for raw in at_rest.org.records.values()]


NOT_UTF8 = [
    "CAST(x'ff' AS TEXT)",
    "CAST(x'eda080' AS TEXT)",  # half of a surrogate pair
    "CAST(x'c340786e2d2dff' AS TEXT)",  # an address whose domain is in its ASCII form
]
ODD = [
    *NOT_UTF8,
    "CAST(x'00' AS TEXT)",
    "CAST(x'610062' AS TEXT)",
    "x'ff'",
    "9e999",
    "-9223372036854775808",
    "0.1",
    "''",
    "'yes'",
    "'0000-00-00'",
    "'0000-01-01T00:00:00Z'",
    "'10026-01-01T00:00:00Z'",
    "'9999-12-31T23:59:59-14:00'",
    "printf('%.*c', 5000, 'x')",
    "'#N/A'",
    "'a@xn--' || char(0)",
    "'a@xn--zzzzzzzzzzzzzzzz'",
    "NULL",
]
ACCOUNTS = {
    "objects:\n": "objects:\n  account: {sobject: Account, fields: {Name: name}}\n",
    "sync_rules:\n": """sync_rules:
  account_sync:
    direction: bidirectional
    salesforce_to_penguinmails:
      - {on: account_created, action: import_account}
      - {on: account_updated, action: update_account}
      - {on: account_deleted, action: soft_delete_account}
""",
}
ENVIRON = {"SFSYNC_CLIENT_ID": "none"}
Cell = tuple[str, str]


@pytest.fixture
def three_objects(tmp_path: Path) -> Iterator[Sides]:
    """Contacts, leads and accounts, and no brake on blanking many: so much is odd here."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in ACCOUNTS.items():
        text = text.replace(old, new, 1)
    config = tmp_path / "sfsync.yaml"
    config.write_text(text, encoding="utf-8")
    mapping = load_config(config, ENVIRON).mapping
    made = Sides(tmp_path / "mirror.db", mapping=mapping, limits=Limits(max_delete=1.0))
    made.org.page = 1_000
    yield made
    made.close()


def tried_columns(sides: Sides, name: str) -> list[str]:
    """What people have in a contact, contacts alone try: a lead's are read and sent in the same way."""
    object_map = sides.mapping.objects[name]
    tried = sides.mapping.objects["contact"].columns if name == "lead" else ()
    own = [each for each in object_map.columns if each not in tried]
    return list(dict.fromkeys(["salesforce_id", "deleted_at", object_map.match_on, *own]))


def one_of_each_type(sides: Sides, name: str, columns: list[str]) -> list[str]:
    by_column = sides.mapping.objects[name].by_column
    types = {by_column[each].type if each in by_column else each: each for each in columns}
    return list(dict.fromkeys([*types.values(), sides.mapping.objects[name].match_on]))


def odd_rows(sides: Sides, name: str) -> dict[int, Cell]:
    """Rows with one odd cell, some with a record, some new; and Ada, whose name is edited. By row id."""
    object_map = sides.mapping.objects[name]
    label = "name" if name == "account" else "last_name"
    columns = tried_columns(sides, name)
    whole = one_of_each_type(sides, name, columns)
    cells = [  # columns of one type share the values: one has them all, the others every second
        (column, value)
        for at, column in enumerate(columns)
        for value in (ODD if column in whole else ODD[at % 2 :: 2])
    ]
    for at in ("ada", *range(len(cells))):
        fields = {
            object_map.match_on: f"odd{at}@example.com",
            "company": "Acme",
            label: f"Odd {at}",
        }
        known = object_map.by_column
        record = {known[key].remote: fields[key] for key in fields.keys() & known.keys()}
        record.pop("Account.Name", None)
        sides.org.create(object_map.sobject, **record)
    sides.pull()
    odd: dict[int, Cell] = {}
    (ada, *ids) = [row[0] for row in sides.look(f"SELECT id FROM {object_map.table} ORDER BY id")]
    with sides.foreign() as tool:
        tool.execute(f"UPDATE {object_map.table} SET {label} = 'Lovelace' WHERE id = {ada}")
        for number, (column, value) in zip(ids, cells, strict=True):
            edited = dict.fromkeys([label], "'Edited'") | {column: value}
            given = ", ".join(f"{key} = {text}" for key, text in edited.items())
            with suppress(sqlite3.IntegrityError):  # a STRICT table refuses much by itself
                tool.execute(f"UPDATE {object_map.table} SET {given} WHERE id = {number}")
                odd[number] = (column, value)
        for column in whole:
            for value in ODD:
                made = {object_map.match_on: f"'new{len(odd)}'", label: "'New'", column: value}
                with suppress(sqlite3.IntegrityError):
                    inserted = tool.execute(
                        f"INSERT INTO {object_map.table} ({', '.join(made)})"
                        f" VALUES ({', '.join(made.values())})"
                    )
                    odd[inserted.lastrowid or 0] = (column, value)
    return odd


@pytest.mark.parametrize("name", telling_cells(["contact", "lead", "account"], ["account"]))
def test_no_value_in_any_column_ends_a_run(three_objects: Sides, name: str) -> None:
    sides = three_objects
    odd = odd_rows(sides, name)

    def diff(run: Run) -> None:
        header = Header("org", "mirror", "mapping", "2026-01-20T10:00:00Z")
        "".join(lines(header, differences(run, cost=Cost())))

    def undo(run: Run) -> None:
        with plan_undo(run, pushed) as undoing:
            carry_out(run, undoing)

    sides.run(diff, dry_run=True)
    pushed = sides.push().run_id
    assert "Lovelace" in [value for raw in sides.org.records.values() for value in raw.values()]
    assert_told(sides, odd)
    sides.push_activity(event(1, "odd1@example.com"), event(2, "\ufffd"), event(3, "yes"))
    sides.sync()
    sides.pull(full=True)
    sides.run(verify, dry_run=True)
    sides.run(undo)
    for number in list(odd)[::9]:
        json.dumps(sides.mirror.person_history.of(f"{name}:{number}"))
    json.dumps([report.as_dict() for report in sides.reports])
    sides.close()
    in_the_command_line(sides, name, odd)


def assert_told(sides: Sides, odd: dict[int, Cell]) -> None:
    """Each text that is not UTF-8 is in quarantine, by its row and column; when a row ended only informs."""
    told = dict(sides.look("SELECT person_id, message FROM quarantine WHERE kind = 'record'"))
    for number, (column, value) in odd.items():
        if value in NOT_UTF8 and column != "deleted_at":
            assert f" {number}: {column}" in told.get(number, ""), (column, value)


def in_the_command_line(sides: Sides, name: str, odd: dict[int, Cell]) -> None:
    """What asks the mirror alone, as people run it."""
    addresses = ["odd1@example.com", "\ufffd", "yes", "a@xn--zzzzzzzzzzzzzzzz"]
    people = "".join(f"{{'email': '{each}', 'name': '{each}'}}\n" for each in addresses)
    ran = [
        ("status", "--json"),
        ("quarantine", "--json"),
        ("conflicts",),
        ("import", "-", "--object", name, "--ignore-unknown"),
        *[("explain", f"{name}:{number}") for number in list(odd)[:: len(odd) // 4]],
        ("explain", addresses[0]),
        ("purge", addresses[0], "--yes", "--lose-opt-out"),
    ]
    for arguments in ran:
        code, out, err = run_command_line(
            arguments,
            folder=sides.path.parent,
            environ=ENVIRON | {"HOME": str(sides.path.parent)},
            stdin=people.replace("'", '"').encode(),
            browse=print,
        )
        # a file in which some are no addresses is taken in in part
        expected = 3 if arguments[0] == "import" and name != "account" else 0
        assert code == expected, (arguments, code, out, err)


ODD_FROM_ORG = [
    "x" * 3_000,
    "\ud800",
    "a\x00b",
    10**400,
    -0.0,
    True,
    "yes",
    {"deep": [1]},
    [],
    "0000-00-00",
    "10026-01-01T00:00:00.000+0000",
    "2026-13-45T99:99:99.000+0000",
    "",
    None,
]


@pytest.mark.parametrize("name", ["contact", "lead"])
def test_no_value_of_a_record_ends_a_pull(sides: Sides, name: str) -> None:
    object_map = sides.mapping.objects[name]
    mapped = [field.remote for field in object_map.fields]
    fields = ["SystemModstamp", "IsDeleted", "MasterRecordId", "IsConverted", *mapped]
    needed = {"LastName": "Odd"} | ({"Company": "Acme"} if name == "lead" else {})
    cells = {
        sides.org.create(object_map.sobject, **needed, Email=f"odd{at}@example.com"): cell
        for at, cell in enumerate(product(fields, ODD_FROM_ORG))
    }
    told = sides.org._told

    def garbled(sobject: str, found: Iterable[Any], asked: Sequence[str]) -> list[Any]:
        records = told(sobject, found, asked)
        for raw in records:
            field, value = cells.get(raw["Id"], ("", None))
            if field in raw:
                raw[field] = value
        return records

    sides.org._told = garbled  # type: ignore[method-assign]
    sides.org.page = 1_000
    sides.limits = Limits(max_delete=1.0)
    ada = sides.org.create(object_map.sobject, **needed, Email="ada@example.com")
    sides.pull()
    sides.edit(f"UPDATE {object_map.table} SET last_name = 'Lovelace' WHERE email LIKE 'ada%'")
    sides.sync()
    assert sides.remote(ada, "LastName") == "Lovelace"
    sides.pull(full=True)


def test_rows_without_a_record_are_paged_by_their_index(at_rest: Sides) -> None:
    asked: list[str] = []
    database = at_rest.mirror.rows._database
    database.connection.set_trace_callback(asked.append)
    list(at_rest.mirror.rows.unlinked("contact"))
    database.connection.set_trace_callback(None)
    (query,) = [sql for sql in asked if "salesforce_id IS NULL" in sql]
    plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {query}")]
    assert plan[0].startswith("SEARCH r USING INDEX"), plan


@pytest.mark.parametrize("year", [1970, 9999])
def test_a_clock_that_is_far_off_does_no_harm(sides: Sides, year: int) -> None:
    ada, bob = (
        sides.org.create("Contact", LastName=name, Email=f"{name}@example.com")
        for name in ("ada", "bob")
    )
    ahead = sides.org.now - datetime(year, 1, 1, tzinfo=UTC)
    sides.now -= ahead
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '1' WHERE email LIKE 'ada%'")
    sides.org.edit(bob, Phone="2")
    sides.push_activity(event(1, "ada@example.com"))
    sides.sync()
    sides.run(verify, dry_run=True)
    assert (sides.remote(ada, "Phone"), sides.local("bob@example.com", "phone")) == ("1", "2")

    sides.now += ahead
    sides.edit("UPDATE contacts SET phone = '3' WHERE email LIKE 'ada%'")
    sides.org.edit(bob, Phone="4")
    sides.push_activity(event(1, "ada@example.com"), event(2, "bob@example.com"))
    sides.sync_until_quiet()
    assert (sides.remote(ada, "Phone"), sides.local("bob@example.com", "phone")) == ("3", "4")
    assert len(sides.tasks()) == 2
    assert sides.refusals() == sides.conflicts() == []


def test_a_task_is_never_put_on_a_stranger_whose_id_another_objects_row_has(sides: Sides) -> None:
    sides.org.create("Lead", LastName="Ada", Company="C", Email="ada@example.com")
    bob = sides.org.create("Contact", LastName="Bob", Email="bob@example.com")
    sides.pull()
    sides.edit("UPDATE leads SET salesforce_id = ?", bob)
    sides.push_activity(event(1, "ada@example.com"))
    assert not sides.org.live("Task")
    idle = sides.sync()
    assert (idle.activity.waiting, idle.api_calls) == (1, 2)


def test_a_row_with_an_unreadable_value_whose_record_is_gone_costs_no_call_a_run(
    sides: Sides,
) -> None:
    ada = sides.org.create("Contact", LastName="Ada", Email="ada@example.com")
    sides.pull()
    sides.org.purge(ada)
    sides.edit("UPDATE contacts SET unsubscribed = 1, job_title = CAST(x'ff' AS TEXT)")
    sides.sync()
    sides.sync()
    assert sides.sync().api_calls == 2


@pytest.mark.parametrize("answer", ["answered", "lost"])
def test_a_task_of_a_row_with_a_senseless_id_waits_until_it_is_corrected(
    sides: Sides, answer: str
) -> None:
    ada = sides.org.create("Contact", LastName="Ada", Email="ada@example.com")
    bob = sides.org.create("Contact", LastName="Bob", Email="bob@example.com")
    sides.pull()
    sides.org.trouble.lost_replies = 0 if answer == "answered" else 1
    sides.edit("UPDATE contacts SET salesforce_id = 'banana' WHERE salesforce_id = ?", ada)
    for _ in range(2):
        sides.push_activity(event(1, "ada@example.com"), event(2, "bob@example.com"))
    assert [task["WhoId"] for task in sides.org.live("Task")] == [bob]
    sides.edit("UPDATE contacts SET salesforce_id = ? WHERE salesforce_id = 'banana'", ada)
    sides.mirror.quarantine.retry()
    sides.sync_until_quiet()
    assert sorted(task["WhoId"] for task in sides.org.live("Task")) == [ada, bob]
