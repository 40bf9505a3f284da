"""The duplicate rules of Contact and Lead, which look across both.

Salesforce's standard rules match fuzzily; here two people match by the same address, or by the same
full name at the same company. The answer's shape, its misspelt key included, is Salesforce's.

Source: docs/salesforce.md §2.6.
"""

from typing import Any

from local_org.api_error import ApiError
from local_org.schema.sobject import SObjectType
from local_org.state.org import OrgState
from local_org.state.rendering import attributes
from local_org.state.tables import Row

_WATCHED = frozenset({"Email", "FirstName", "LastName", "Company", "AccountId"})
_OTHER_PERSON = {"Contact": "Lead", "Lead": "Contact"}
_VERSION = "65.0"


def check(
    state: OrgState,
    kind: SObjectType,
    row: Row,
    given: Row,
    *,
    before: Row | None,
    allow_save: bool,
) -> None:
    """Refuse a person who resembles another one.

    Args:
        state: the org.
        kind: Contact or Lead; others have no rule.
        row: the record as it would be.
        given: the fields being written.
        before: the record as it is; None on create.
        allow_save: whether an alert is to be passed over.

    Raises:
        ApiError: DUPLICATES_DETECTED.
    """
    settings = state.settings
    if not settings.duplicate_rules or kind.name not in _OTHER_PERSON:
        return
    # An edit that touches nothing the rules look at does not run them.
    if before is not None and not _is_touched(given, before):
        return
    if allow_save and not settings.duplicate_rules_block:
        return
    own_id = None if before is None else before["Id"]
    found = {
        sobject: [each for each in _matches(state, sobject, row) if each != own_id]
        for sobject in (kind.name, _OTHER_PERSON[kind.name])
    }
    if any(found.values()):
        raise _duplicates_detected(kind.name, found, may_save=not settings.duplicate_rules_block)


def _is_touched(given: Row, before: Row) -> bool:
    return any(given.get(name, before.get(name)) != before.get(name) for name in _WATCHED)


def _matches(state: OrgState, sobject: str, row: Row) -> list[str]:
    """The people with the same address, or the same name at the same Account."""
    table = state.table(sobject)
    email, account_id = row.get("Email"), row.get("AccountId")
    found = table.live_ids("Email", email) if email else []
    if sobject == "Contact" and account_id:
        colleagues = table.live_ids("AccountId", account_id)
        namesakes = [each for each in colleagues if _name(table.rows[each]) == _name(row)]
        found += [each for each in namesakes if each not in found]
    return [each for each in found if not table.rows[each].get("IsConverted")]


def _name(row: Row) -> tuple[str, str]:
    return str(row.get("FirstName") or "").lower(), str(row.get("LastName") or "").lower()


def _duplicates_detected(sobject: str, found: dict[str, list[str]], *, may_save: bool) -> ApiError:
    result = {
        "allowSave": may_save,
        "duplicateRule": f"Standard_{sobject}_Duplicate_Rule",
        "duplicateRuleEntityType": sobject,
        "errorMessage": "Use one of these records?",
        "matchResults": [
            _match_result(name, matches) for name, matches in found.items() if matches
        ],
    }
    return ApiError(
        "DUPLICATES_DETECTED", "Use one of these records?", extra={"duplicateResut": result}
    )


def _match_result(sobject: str, record_ids: list[str]) -> dict[str, Any]:
    return {
        "entityType": sobject,
        "errors": [],
        "matchEngine": "FuzzyMatchEngine",
        "matchRecords": [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {"attributes": attributes(_VERSION, sobject, each), "Id": each},
            }
            for each in record_ids
        ],
        "rule": f"Standard_{sobject}_Match_Rule_v1_0",
        "size": len(record_ids),
        "success": True,
    }
