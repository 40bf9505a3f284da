"""What a Task brings with it: when it was completed, whose Account it belongs to, last activity.

Source: docs/salesforce.md §0 (LastActivityDate moves SystemModstamp, not LastModifiedDate), §7.3.
"""

from local_org import timestamps
from local_org.records.writer import Writer
from local_org.schema.sobject import SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row


def fill_in(state: OrgState, kind: SObjectType, row: Row, old: Row | None, now: int) -> None:
    """Fill in the fields of a Task that follow from others; does nothing to other objects."""
    if kind.name != "Task":
        return
    if row.get("Status") != "Completed":
        row.pop("CompletedDateTime", None)
    elif old is None or old.get("Status") != "Completed":
        row["CompletedDateTime"] = now
    account_id = _account_of(state, row)
    row.pop("AccountId", None)
    if account_id:
        row["AccountId"] = account_id


def _account_of(state: OrgState, task: Row) -> str | None:
    """The Account a Task is related to, or else that of its Contact."""
    what = task.get("WhatId")
    if isinstance(what, str) and what.startswith("001"):
        return what
    who = state.table("Contact").rows.get(task.get("WhoId") or "")
    return None if who is None else who.get("AccountId")


def move_last_activity(state: OrgState, kind: SObjectType, task: Row, writer: Writer) -> None:
    """Let a completed Task move LastActivityDate of its person and Account.

    Only to a later day, and never to one in the future. SystemModstamp moves along,
    LastModifiedDate does not.
    """
    day = task.get("ActivityDate")
    if kind.name != "Task" or task.get("Status") != "Completed" or day is None:
        return
    if str(day) > timestamps.day_of(state.stamp()):
        return
    for record_id in (task.get("WhoId"), task.get("AccountId")):
        if record_id:
            _move(state, record_id, str(day), writer)


def _move(state: OrgState, record_id: str, day: str, writer: Writer) -> None:
    table = state.table_of_id(record_id)
    row = table.rows.get(record_id) if table else None
    if table is None or row is None or row.get("LastActivityDate", "") >= day:
        return
    moved = {
        **row,
        "LastActivityDate": day,
        "SystemModstamp": max(state.stamp(), row["SystemModstamp"]),
    }
    state.put(table, row["Id"], moved, commit_delay_seconds=writer.commit_delay_seconds)
