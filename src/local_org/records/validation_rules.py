"""An admin's validation rules: conditions for which a record is refused.

Source: docs/salesforce.md §2.4 (FIELD_CUSTOM_VALIDATION_EXCEPTION).
"""

from local_org import soql
from local_org.api_error import ApiError
from local_org.schema.sobject import SObjectType
from local_org.state.access import running
from local_org.state.org import OrgState
from local_org.state.tables import Row


def check(state: OrgState, kind: SObjectType, row: Row) -> None:
    """Refuse the record if a rule's condition holds for it.

    Raises:
        ApiError: FIELD_CUSTOM_VALIDATION_EXCEPTION with the admin's message.
    """
    for rule in state.settings.validation_rules:
        if rule.sobject.lower() != kind.name.lower():
            continue
        with running(None):  # a rule sees fields that the user does not
            broken = soql.holds(state, kind.name, rule.when, row)
        if broken:
            raise ApiError(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                rule.message,
                [rule.field] if rule.field else [],
            )
