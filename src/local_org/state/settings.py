"""What an admin may change while the org runs.

Everything here can be set from Python or by ``POST /_local/settings`` with the same names.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """An admin's rule: a record for which ``when`` (a SOQL condition) holds is refused.

    Args:
        sobject: the object it guards.
        when: the condition that is an error, for example ``Title LIKE 'Intern%' AND Email = null``.
        message: what the person reads.
        field: the field the message stands at, if any.
    """

    sobject: str
    when: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class TypeReferences:
    """What an org answers that follows no reference to an earlier answer in ``attributes.type``.

    Args:
        code: the error it refuses with.
        refuses: ``record`` (each one), ``request`` (inside the call) or ``call`` (the whole of it).
        status: the HTTP status of the request or the call.
    """

    code: str
    refuses: str = "request"
    status: int = 400


@dataclass
class Settings:
    """The org's switches.

    Attributes:
        daily_api_requests: the org's limit in 24 hours.
        storage_records: how many records fit (2 KB each); None for no limit.
        duplicate_rules: whether Contact and Lead duplicate rules are active.
        duplicate_rules_block: whether they block outright (then ``allowSave`` does not help).
        lead_assignment_user_id: the active lead assignment rule gives every Lead to this user or
        queue.
        hide_opt_out: whether the opt-out fields are hidden from the API user.
        state_country_picklists: whether addresses take listed states and countries only, and have
        fields for their codes.
        person_accounts: whether Account and Contact have IsPersonAccount; none of the org's people
        is one.
        commit_delay_seconds: how long an edit in Salesforce stays invisible after its stamp.
        view_converted_leads: whether converted Leads may be edited.
        delete_log_from: seconds since 1970 before which the delete log has been trimmed; None:
        never.
        replication_lag_seconds: how far ``latestDateCovered`` stays behind.
        validation_rules: the admin's rules.
        daily_event_deliveries: how many change events may be delivered in 24 hours, all subscribers
        together.
        event_keepalive_seconds: after how long without an event an empty answer comes.
        event_idle_seconds: after how long with nothing asked for a subscription ends.
        change_event_overflow: how many changes of a transaction are told one by one; of an update
        each field counts.
        type_references: how a reference in ``attributes.type`` inside /composite is refused; None:
        it is followed.
    """

    daily_api_requests: int = 15_000
    storage_records: int | None = None
    duplicate_rules: bool = False
    duplicate_rules_block: bool = False
    lead_assignment_user_id: str | None = None
    hide_opt_out: bool = False
    state_country_picklists: bool = False
    person_accounts: bool = False
    commit_delay_seconds: float = 0.0
    view_converted_leads: bool = False
    delete_log_from: int | None = None
    replication_lag_seconds: int = 0
    validation_rules: list[ValidationRule] = field(default_factory=list)
    daily_event_deliveries: int = 10_000
    event_keepalive_seconds: float = 270.0
    event_idle_seconds: float = 70.0
    change_event_overflow: int = 100_000
    type_references: TypeReferences | None = None

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some switches by name.

        Raises:
            ValueError: for a name that is no switch.
        """
        known = {item.name for item in fields(self)}
        unknown = sorted(set(wanted) - known)
        if unknown:
            raise ValueError(
                f"no such setting: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        for name, value in wanted.items():
            setattr(self, name, _made(name, value))

    def as_dict(self) -> dict[str, Any]:
        """All switches as JSON values."""
        return asdict(self)


def _made(name: str, value: Any) -> Any:
    """A switch's value from JSON."""
    if name == "validation_rules":
        return [ValidationRule(**rule) for rule in value]
    if name == "type_references" and isinstance(value, dict):
        return TypeReferences(**value)
    return value
