"""The records that say what the org's settings are: DuplicateRule and AssignmentRule.

An admin reads these rules by SOQL; here they are switched in ``Settings``. So their records are
brought up to date each time their tables are asked for.

Source: Object Reference, DuplicateRule, AssignmentRule.
"""

from local_org import ids
from local_org.state.settings import Settings
from local_org.state.tables import Row, Table

SETTING_OBJECTS = frozenset({"DuplicateRule", "AssignmentRule"})


def refresh(table: Table, settings: Settings, admin: Row) -> None:
    """Let the records of one of the SETTING_OBJECTS say what the settings are."""
    for number, rule in enumerate(_rules(table.kind.name, settings), 1):
        record_id = ids.make(table.kind.key_prefix, number)
        known = table.rows.get(record_id)
        if known is None or {**known, **rule} != known:
            table.put(record_id, {"Id": record_id, **_stamps(admin), **rule})


def _rules(sobject: str, settings: Settings) -> list[Row]:
    if sobject == "AssignmentRule":
        active = settings.lead_assignment_user_id is not None
        return [{"Name": "Standard", "SobjectType": "Lead", "Active": active}]
    return [
        {
            "SobjectType": name,
            "DeveloperName": f"Standard_{name}_Duplicate_Rule",
            "MasterLabel": f"Standard {name} Duplicate Rule",
            "IsActive": settings.duplicate_rules,
        }
        for name in ("Contact", "Lead")
    ]


def _stamps(admin: Row) -> Row:
    stamp, admin_id = admin["CreatedDate"], admin["Id"]
    return {
        "CreatedDate": stamp,
        "LastModifiedDate": stamp,
        "SystemModstamp": stamp,
        "CreatedById": admin_id,
        "LastModifiedById": admin_id,
    }
