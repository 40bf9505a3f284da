"""Looking at an org for ``sfsync org check``: a handful of calls, and nothing that is refused ends it.

Described objects and five queries share one ``/composite`` call; limits, Task statuses and the
setup's list of custom fields take one each. What this user may not ask is left out of the facts.

Source: salesforce-facts §2.1 (versions), §2.5 (limits), §4 (composite), §7.3 (TaskStatus), §8.3
(Tooling); Object Reference, DuplicateRule, AssignmentRule, PermissionSetAssignment (View Setup is
needed for most of them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from sfsync.errors import (
    AuthError,
    BudgetSpent,
    OrgRefused,
    ProtocolError,
    RetriableError,
    SfsyncError,
)
from sfsync.model.facts import OrgFacts, SObjectFacts, UserFacts
from sfsync.salesforce import soql
from sfsync.salesforce.connect import Connection, inner_answers
from sfsync.salesforce.describe import sobject_facts
from sfsync.salesforce.retry import repeat_read
from sfsync.salesforce.setup import OrgSetup

_ACCESS: Final = {
    "Contact": "DefaultContactAccess",
    "Lead": "DefaultLeadAccess",
    "Account": "DefaultAccountAccess",
}
_RIGHTS: Final = ("ModifyAllData", "ViewAllData")
_FATAL = (AuthError, BudgetSpent, RetriableError)
_NO_API = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"})
"""Where there is no point in asking further."""


def read_org_facts(
    connection: Connection,
    objects: Sequence[str],
    custom_fields: Iterable[str],
    *,
    user_id: str,
    now: Callable[[], datetime],
) -> OrgFacts:
    """What the org tells of itself.

    Args:
        objects: to be described.
        custom_fields: full names to look for in the org's setup, where hidden ones are seen too.
        now: this machine's clock.

    Raises:
        SfsyncError: it could not be reached, or refuses this login.
    """
    versions = _versions(connection)
    if versions and connection.api_version not in versions:
        return OrgFacts(versions=versions, skew=_skew(connection, now))
    described, told = _together(connection, objects, _statements(user_id))
    organization = _first(told["organization"])
    limits = _tried(lambda: connection.read("limits"))
    statuses = _tried(
        lambda: connection.query(soql.select("TaskStatus", ["ApiName", "IsClosed"])).records
    )
    existing = _tried(lambda: frozenset(OrgSetup(connection).existing(custom_fields)))
    return OrgFacts(
        asked=True,
        versions=versions,
        name=str(organization.get("Name") or ""),
        edition=str(organization.get("OrganizationType") or ""),
        is_sandbox=organization.get("IsSandbox"),
        access=_access(organization, objects),
        user=_user(told["user"], told["permissions"]),
        objects=described,
        existing=existing,
        statuses=None
        if statuses is None
        else {str(each.get("ApiName")): each.get("IsClosed") is True for each in statuses},
        duplicate_rules=None
        if told["duplicates"] is None
        else tuple(
            (str(each.get("SobjectType")), str(each.get("MasterLabel")))
            for each in told["duplicates"]
        ),
        lead_assignment=None
        if told["assignment"] is None
        else tuple(str(each.get("Name")) for each in told["assignment"]),
        api_left=_left(limits, "DailyApiRequests"),
        storage_mb=_left(limits, "DataStorageMB"),
        skew=_skew(connection, now),
    )


def _statements(user_id: str) -> dict[str, str]:
    who = soql.quoted(user_id)
    rights = [f"PermissionSet.Permissions{name}" for name in _RIGHTS]
    organization = ["Name", "OrganizationType", "IsSandbox", *_ACCESS.values()]
    people = "SobjectType IN ('Contact', 'Lead')"
    return {
        "organization": soql.select("Organization", organization),
        "user": soql.select("User", ["Username", "Profile.Name"], f"Id = {who}"),
        "permissions": soql.select("PermissionSetAssignment", rights, f"AssigneeId = {who}"),
        "duplicates": soql.select(
            "DuplicateRule", ["SobjectType", "MasterLabel"], f"IsActive = true AND {people}"
        ),
        "assignment": soql.select(
            "AssignmentRule", ["Name"], "Active = true AND SobjectType = 'Lead'"
        ),
    }


def _versions(connection: Connection) -> tuple[str, ...]:
    """Ascending; the one resource that is not counted as a call."""
    url = f"{connection.session.token.instance_url.rstrip('/')}/services/data/"
    told = repeat_read(lambda: connection.session.request("GET", url).json(), connection.patience)
    if not isinstance(told, list):
        raise ProtocolError("the org's list of API versions has not the shape of one")
    return tuple(str(each.get("version")) for each in told if isinstance(each, Mapping))


def _together(
    connection: Connection, objects: Sequence[str], statements: Mapping[str, str]
) -> tuple[dict[str, SObjectFacts], dict[str, list[dict[str, Any]] | None]]:
    """Describes and queries in one call; ``None`` for a query that is refused."""
    paths = {name: f"sobjects/{soql.named(name)}/describe" for name in objects}
    paths |= {
        name: f"query/?q={quote(statement, safe='')}" for name, statement in statements.items()
    }
    answers = _answers(connection, paths)
    described = {
        name: sobject_facts(name, body)
        for name, body in ((name, answers[name]) for name in objects)
        if body is not None
    }
    told: dict[str, list[dict[str, Any]] | None] = {}
    for name in statements:
        body = answers[name]
        told[name] = body["records"] if isinstance(body, dict) and "records" in body else None
    return described, told


def _answers(connection: Connection, paths: Mapping[str, str]) -> dict[str, Any]:
    requests = [
        {"method": "GET", "url": connection.root + path, "referenceId": f"r{number}"}
        for number, path in enumerate(paths.values())
    ]
    try:
        told = connection.read(
            "composite", method="POST", body={"allOrNone": False, "compositeRequest": requests}
        )
        found = inner_answers(told, len(requests))
    except OrgRefused:
        return {name: _tried(partial(connection.read, path)) for name, path in paths.items()}
    return {
        name: body if status == 200 else None
        for name, (status, body) in zip(paths, found, strict=True)
    }


def _tried(ask: Callable[[], Any]) -> Any:
    """The answer; ``None`` where the org would not give it to this user."""
    try:
        return ask()
    except _FATAL:
        raise
    except OrgRefused as refused:
        if refused.code in _NO_API:
            raise
        return None
    except SfsyncError:
        return None


def _first(records: list[dict[str, Any]] | None) -> Mapping[str, Any]:
    return records[0] if records else {}


def _access(organization: Mapping[str, Any], objects: Sequence[str]) -> dict[str, str]:
    """Sharing defaults of these objects; a Contact's may be its Account's."""
    told = {name: str(organization.get(column) or "") for name, column in _ACCESS.items()}
    if told["Contact"] == "ControlledByParent":
        told["Contact"] = told["Account"]
    return {name: told[name] for name in objects if told.get(name)}


def _user(
    users: list[dict[str, Any]] | None, sets: list[dict[str, Any]] | None
) -> UserFacts | None:
    if users is None and sets is None:
        return None
    user = _first(users)
    profile = user.get("Profile") if isinstance(user.get("Profile"), Mapping) else {}
    permissions = None
    if sets is not None:
        granted = [each.get("PermissionSet") or {} for each in sets]
        permissions = frozenset(
            name
            for name in _RIGHTS
            if any(each.get(f"Permissions{name}") is True for each in granted)
        )
    return UserFacts(
        str(user.get("Username") or ""), str((profile or {}).get("Name") or ""), permissions
    )


def _left(limits: Any, name: str) -> tuple[int, int] | None:
    told = limits.get(name) if isinstance(limits, Mapping) else None
    if not isinstance(told, Mapping):
        return None
    left, most = told.get("Remaining"), told.get("Max")
    return (left, most) if isinstance(left, int) and isinstance(most, int) else None


def _skew(connection: Connection, now: Callable[[], datetime]) -> timedelta | None:
    """How far this machine's clock is ahead, by the Date header of the last answer, which is whole seconds."""
    theirs = connection.session.org_now()
    return None if theirs is None else now() - theirs
