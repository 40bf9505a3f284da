"""What Datasette is told of the mirror: every table for people, with columns that are there; the rest hidden."""

from __future__ import annotations

import yaml


def test_each_table_for_people_is_described_and_all_bookkeeping_hidden(workspace):
    workspace.do_in_process("config", "datasette", "--out", "datasette.yaml")
    told = yaml.safe_load((workspace.folder / "datasette.yaml").read_text(encoding="utf-8"))
    tables = told["databases"]["mirror"]["tables"]
    names = [
        row["name"] for row in workspace.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    assert sorted(tables) == sorted(names), "a table for people that is new needs a description"
    for name in names:
        table = tables[name]
        assert ("hidden" in table) == name.startswith(("_", "sqlite_"))
        columns = {row["name"] for row in workspace.sql(f'PRAGMA table_info("{name}")')}
        assert set(table.get("columns", {})) <= columns
    emails = {row["email"] for row in workspace.rows() if row["email"]}
    assert not any(email in str(told) for email in emails)


def test_without_a_file_it_is_printed(workspace):
    printed = workspace.run_in_process("config", "datasette")
    assert yaml.safe_load(printed.out) == workspace.do_in_process("config", "datasette")
