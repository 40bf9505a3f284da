"""An admin's validation rules: conditions for which a record is refused.

Source: salesforce-facts §2.4 (FIELD_CUSTOM_VALIDATION_EXCEPTION).
"""

from .access import running
from .objects import OrgState, Row
from .refusal import Refusal
from .schema import SObjectType


def check(state: OrgState, kind: SObjectType, row: Row) -> None:
    """Refuse the record if a rule's condition holds for it.

    Raises:
        Refusal: FIELD_CUSTOM_VALIDATION_EXCEPTION with the admin's message.
    """
    from . import soql  # the language needs the records, the records their rules

    for rule in state.settings.validation_rules:
        if rule.sobject.lower() != kind.name.lower():
            continue
        with running(None):  # a rule sees fields that the user does not
            broken = soql.holds(state, kind.name, rule.when, row)
        if broken:
            raise Refusal(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                rule.message,
                [rule.field] if rule.field else [],
            )
