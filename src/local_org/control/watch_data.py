"""What the watching page shows: the latest people, and one person's timeline."""

from typing import Any

from local_org.api_error import not_found
from local_org.schema.computed import COMPUTED
from local_org.state.org import OrgState
from local_org.state.rendering import getter, whole_record
from local_org.state.tables import Row
from local_org.timestamps import rest_text

_LATEST = 50
_SHOWN = (
    "Email",
    "PenguinMails_Lead_Score__c",
    "PenguinMails_Engagement_Score__c",
    "PenguinMails_Total_Opens__c",
    "PenguinMails_Total_Clicks__c",
    "PenguinMails_Last_Email_Opened__c",
    "PenguinMails_Last_Campaign__c",
    "PenguinMails_Unsubscribed__c",
    "HasOptedOutOfEmail",
    "LastActivityDate",
    "Company",
    "Title",
)


def overview(state: OrgState) -> dict[str, Any]:
    """The org in short: counts, API use, and the Contacts, Leads and Tasks changed last."""
    with state.lock:
        return {
            "org": state.organization["Name"],
            "now": rest_text(state.stamp()),
            "api": {"used": state.meter.used, "limit": state.settings.daily_api_requests},
            "counts": {name: _count(state, name) for name in ("Contact", "Lead", "Task")},
            "contacts": [_person_line(state, "Contact", row) for row in _latest(state, "Contact")],
            "leads": [_person_line(state, "Lead", row) for row in _latest(state, "Lead")],
            "tasks": [_task_line(state, row) for row in _latest(state, "Task")],
        }


def person(state: OrgState, record_id: str) -> dict[str, Any]:
    """One Contact or Lead with all its fields and Tasks, the newest first."""
    with state.lock:
        table = state.table_of_id(record_id)
        row = state.find(record_id)
        if table is None or row is None:
            raise not_found()
        tasks = state.table("Task")
        found = [tasks.rows[each] for each in tasks.indexes["WhoId"].find(record_id)]
        found = [each for each in found if not each.get("IsDeleted")]
        found.sort(
            key=lambda each: (each.get("ActivityDate") or "", each["CreatedDate"]), reverse=True
        )
        fields = whole_record(state.kind(table.kind.name), row, "65.0")
        return {
            "id": record_id,
            "sobject": table.kind.name,
            "name": _name(table.kind.name, row),
            "fields": {
                name: value
                for name, value in fields.items()
                if not isinstance(value, dict) and value not in {None, False, ""}
            },
            "tasks": [_task_line(state, each) for each in found],
        }


def _name(sobject: str, row: Row) -> str:
    """What a record is called; its id, where its object has no computed fields."""
    if sobject not in COMPUTED:
        return str(row["Id"])
    return str(COMPUTED[sobject]["Name"](row))


def _count(state: OrgState, sobject: str) -> int:
    table = state.table(sobject)
    return len(table.rows) - sum(1 for record_id in table.delete_log if record_id in table.rows)


def _latest(state: OrgState, sobject: str) -> list[Row]:
    table = state.table(sobject)
    rows = (table.visible(record_id) for record_id in table.modstamps.latest())
    found: list[Row] = []
    for row in rows:
        if row is not None and not row.get("IsDeleted"):
            found.append(row)
        if len(found) == _LATEST:
            break
    return found


def _person_line(state: OrgState, sobject: str, row: Row) -> dict[str, Any]:
    kind = state.kind(sobject)
    values = {
        name: whole_record(kind, row, "65.0", [field])[name]
        for name in _SHOWN
        if (field := kind.field(name))
    }
    return {
        "id": row["Id"],
        "name": COMPUTED[sobject]["Name"](row),
        "modified": rest_text(row["SystemModstamp"]),
        "converted": bool(row.get("IsConverted")),
        "values": values,
    }


def _task_line(state: OrgState, row: Row) -> dict[str, Any]:
    who = state.find(row["WhoId"]) if row.get("WhoId") else None
    sobject = "Lead" if str(row.get("WhoId")).startswith("00Q") else "Contact"
    kind = state.kind("Task")
    closed = kind.field("IsClosed")
    return {
        "id": row["Id"],
        "subject": row.get("Subject") or "",
        "description": row.get("Description") or "",
        "date": row.get("ActivityDate"),
        "status": row.get("Status"),
        "type": row.get("Type"),
        "subtype": row.get("TaskSubtype"),
        "closed": bool(closed and getter(kind, closed)(row)),
        "created": rest_text(row["CreatedDate"]),
        "event": row.get("PenguinMails_Event_Id__c"),
        "who": {"id": row["WhoId"], "name": COMPUTED[sobject]["Name"](who)} if who else None,
    }
