"""After any trouble: the mirror's file is whole, and one normal run brings both sides together."""

import sqlite3
from collections import Counter
from contextlib import closing

from sfsync.config.file import load_config
from tests.faults.local_sides import differences, task_key
from tests.system.workspace import Workspace


def is_whole(workspace: Workspace) -> bool:
    """What SQLite itself says of the mirror's file."""
    with closing(sqlite3.connect(workspace.mirror)) as connection:
        return (
            connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            and not connection.execute("PRAGMA foreign_key_check").fetchall()
        )


def check_convergence(workspace: Workspace) -> None:
    """One normal run, and then nothing differs and nothing is half done, by both sides' own data."""
    assert is_whole(workspace)
    assert workspace.run_in_process("sync", "--json").code == 0
    assert workspace.run_in_process("diff", "--exit-code", "--json").code == 0, workspace.printed[
        -2:
    ]
    assert is_whole(workspace)
    for object_map in load_config(workspace.yaml, workspace.environ).mapping.objects.values():
        records = workspace.records(object_map.sobject)
        assert differences(object_map, records, workspace.rows(object_map.table)) == []
    keys = Counter(
        task_key(task) for task in workspace.tasks() if not task["IsDeleted"] and task_key(task)
    )
    assert [key for key, count in keys.items() if count > 1] == []
    assert workspace.sql(
        "SELECT count(*) AS n FROM _outbox WHERE state IN ('sending', 'unknown')"
    ) == [{"n": 0}]
