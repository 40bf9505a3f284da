"""Looking at an org for ``sfsync org check``: a handful of calls, none of which has to succeed.

Described objects and five queries share one ``/composite`` call; limits, Task statuses and the
setup's list of custom fields take one each. What this user may not ask is left out of the facts.

Source: docs/salesforce.md §2.1 (versions), §2.5 (limits), §4 (composite), §7.3 (TaskStatus), §8.3
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
from sfsync.model.facts import EventFacts, OrgFacts, SObjectFacts, UserFacts
from sfsync.model.objects import OBJECTS
from sfsync.provisioning.event_channel import ExistingChannel
from sfsync.salesforce import soql
from sfsync.salesforce.connect import Connection, answer_of, inner_answers, page
from sfsync.salesforce.describe import sobject_facts
from sfsync.salesforce.event_channels import existing_channel
from sfsync.salesforce.retry import repeat_read
from sfsync.salesforce.setup_lookup import SetupLookup
from sfsync.salesforce.shape import shape_of

_ACCESS: Final = {kind.sobject: kind.sharing for kind in OBJECTS.values()}
_RIGHTS: Final = ("ModifyAllData", "ViewAllData")
_DELIVERED: Final = "DailyDeliveredPlatformEvents"
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
    channel: str = "",
) -> OrgFacts:
    """What the org tells of itself.

    Args:
        objects: to be described.
        custom_fields: full names to look for in the org's setup, where hidden ones are seen too.
        now: this machine's clock.
        channel: of change events; empty where nobody follows them.

    Raises:
        SfsyncError: it could not be reached, or refuses this login.
    """
    versions = _versions(connection)
    if versions and connection.api_version not in versions:
        return OrgFacts(versions=versions, skew=_skew(connection, now))
    described, answers = _together(connection, objects, _statements(user_id))
    limits = _tried(lambda: connection.read("limits"))
    statuses = _tried(
        lambda: connection.query(soql.select("TaskStatus", ["ApiName", "IsClosed"])).records
    )
    existing = _tried(lambda: frozenset(SetupLookup(connection).custom_field_ids(custom_fields)))
    events = event_facts(connection, channel, user_id, limits) if channel else None
    with shape_of("the org's description of itself"):
        organization = _first(answers["organization"])
        return OrgFacts(
            asked=True,
            versions=versions,
            name=str(organization.get("Name") or ""),
            edition=str(organization.get("OrganizationType") or ""),
            is_sandbox=organization.get("IsSandbox"),
            access=_access(organization, objects),
            user=_user(answers["user"], answers["permissions"]),
            objects=described,
            existing=existing,
            statuses=_statuses(statuses),
            duplicate_rules=_duplicate_rules(answers["duplicates"]),
            lead_assignment=_names(answers["assignment"]),
            api_left=_remaining(limits, "DailyApiRequests"),
            storage_mb=_remaining(limits, "DataStorageMB"),
            events=events,
            skew=_skew(connection, now),
        )


def event_facts(
    connection: Connection, channel: str, user_id: str, limits: Any = None
) -> EventFacts:
    """What there is of a channel of change events, and whether this user is told all that comes on it.

    Three or four API calls; one less with what ``limits`` answered.

    Raises:
        SfsyncError: the org could not be reached, or refuses this login.
    """
    if limits is None:
        limits = _tried(lambda: connection.read("limits"))
    left = _remaining(limits, _DELIVERED)
    there: ExistingChannel | None = _tried(lambda: existing_channel(connection, channel))
    if there is None:
        return EventFacts(delivered_left=left)
    view_all = _viewed_whole(connection, user_id) if there.is_there else None
    return EventFacts(there.is_there, there.members, there.selected, view_all, left)


def _viewed_whole(connection: Connection, user_id: str) -> frozenset[str] | None:
    """Objects of which this user may view all records; ``None`` where the org would not say."""
    sets = soql.select(
        "PermissionSetAssignment", ["PermissionSetId"], f"AssigneeId = {soql.quoted(user_id)}"
    )
    granted = soql.select(
        "ObjectPermissions",
        ["SobjectType"],
        f"PermissionsViewAllRecords = true AND ParentId IN ({sets})",
    )
    records = _tried(lambda: connection.query(granted).records)
    with shape_of("the org's list of permissions"):
        return None if records is None else frozenset(str(each["SobjectType"]) for each in records)


def delivered_events(connection: Connection) -> tuple[int, int] | None:
    """``(delivered, of)``: events that the org has delivered to all its clients in 24 hours, and may. One API call.

    Raises:
        SfsyncError: it could not be asked.

    Source: REST API Developer Guide, "List Org Limits" (DailyDeliveredPlatformEvents); minutes late.
    """
    left = _remaining(connection.read("limits"), _DELIVERED)
    return None if left is None else (left[1] - left[0], left[1])


def _statements(user_id: str) -> dict[str, str]:
    who = soql.quoted(user_id)
    rights = [f"PermissionSet.Permissions{name}" for name in _RIGHTS]
    organization = ["Name", "OrganizationType", "IsSandbox", *_ACCESS.values()]
    ours = f"SobjectType IN ({', '.join(soql.quoted(name) for name in _ACCESS)})"
    return {
        "organization": soql.select("Organization", organization),
        "user": soql.select("User", ["Username", "Profile.Name"], f"Id = {who}"),
        "permissions": soql.select("PermissionSetAssignment", rights, f"AssigneeId = {who}"),
        "duplicates": soql.select(
            "DuplicateRule", ["SobjectType", "MasterLabel"], f"IsActive = true AND {ours}"
        ),
        "assignment": soql.select(
            "AssignmentRule", ["Name"], "Active = true AND SobjectType = 'Lead'"
        ),
    }


def _versions(connection: Connection) -> tuple[str, ...]:
    """The API versions that the org has, ascending; not counted as a call."""
    url = f"{connection.session.token.instance_url.rstrip('/')}/services/data/"
    answer = repeat_read(
        lambda: answer_of(lambda: connection.session.request("GET", url).json()),
        connection.patience,
    )
    if not isinstance(answer, list):
        raise ProtocolError("the org's list of API versions has not the shape of one")
    return tuple(str(each.get("version")) for each in answer if isinstance(each, Mapping))


def _together(
    connection: Connection, objects: Sequence[str], statements: Mapping[str, str]
) -> tuple[dict[str, SObjectFacts], dict[str, list[dict[str, Any]] | None]]:
    """Describes and queries in one call; ``None`` for a query that is refused."""
    paths = {name: f"sobjects/{soql.named(name)}/describe" for name in objects}
    for name, statement in statements.items():
        paths[name] = f"query/?q={quote(statement, safe='')}"
    bodies = _bodies(connection, paths)
    described = {
        name: sobject_facts(name, bodies[name]) for name in objects if bodies[name] is not None
    }
    records: dict[str, list[dict[str, Any]] | None] = {}
    for name in statements:
        records[name] = None if bodies[name] is None else page(bodies[name]).records
    return described, records


def _bodies(connection: Connection, paths: Mapping[str, str]) -> dict[str, Any]:
    """What each path answers, ``None`` where it is refused: in one call where the org lets it."""
    requests = [
        {"method": "GET", "url": connection.root + path, "referenceId": f"r{number}"}
        for number, path in enumerate(paths.values())
    ]
    try:
        body = {"allOrNone": False, "compositeRequest": requests}
        answer = connection.read("composite", method="POST", body=body)
        answers = inner_answers(answer, len(requests))
    except OrgRefused:
        # Whatever it refuses of the whole, it may give one by one.
        return {name: _tried(partial(connection.read, path)) for name, path in paths.items()}
    bodies = {}
    for name, (status, body) in zip(paths, answers, strict=True):
        if not status:
            raise ProtocolError("the org's answer to a composite call has not the shape of one")
        bodies[name] = body if status == 200 else None
    return bodies


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
    access = {name: str(organization.get(column) or "") for name, column in _ACCESS.items()}
    for kind in OBJECTS.values():
        if kind.parent and access[kind.sobject] == "ControlledByParent":
            access[kind.sobject] = access[kind.parent]
    return {name: access[name] for name in objects if access.get(name)}


def _user(
    users: list[dict[str, Any]] | None, sets: list[dict[str, Any]] | None
) -> UserFacts | None:
    if users is None and sets is None:
        return None
    user = _first(users)
    profile = user.get("Profile")
    profile_name = profile.get("Name") if isinstance(profile, Mapping) else None
    return UserFacts(str(user.get("Username") or ""), str(profile_name or ""), _permissions(sets))


def _permissions(sets: list[dict[str, Any]] | None) -> frozenset[str] | None:
    """Which of the rights asked for any of these assigned permission sets gives."""
    if sets is None:
        return None
    granted = [each.get("PermissionSet") or {} for each in sets]
    return frozenset(
        name for name in _RIGHTS if any(each.get(f"Permissions{name}") is True for each in granted)
    )


def _statuses(records: list[dict[str, Any]] | None) -> dict[str, bool] | None:
    """``{Task status: whether it is a closed one}``."""
    if records is None:
        return None
    return {str(each.get("ApiName")): each.get("IsClosed") is True for each in records}


def _duplicate_rules(records: list[dict[str, Any]] | None) -> tuple[tuple[str, str], ...] | None:
    """``(sObject, name)`` of each active rule."""
    if records is None:
        return None
    return tuple((str(each.get("SobjectType")), str(each.get("MasterLabel"))) for each in records)


def _names(records: list[dict[str, Any]] | None) -> tuple[str, ...] | None:
    if records is None:
        return None
    return tuple(str(each.get("Name")) for each in records)


def _remaining(limits: Any, name: str) -> tuple[int, int] | None:
    """``(what remains, the maximum)`` of a limit; ``None`` where the org did not say."""
    limit = limits.get(name) if isinstance(limits, Mapping) else None
    if not isinstance(limit, Mapping):
        return None
    remaining, maximum = limit.get("Remaining"), limit.get("Max")
    if not isinstance(remaining, int) or not isinstance(maximum, int):
        return None
    return remaining, maximum


def _skew(connection: Connection, now: Callable[[], datetime]) -> timedelta | None:
    """How far this machine's clock is ahead, by the last answer's Date header in whole seconds."""
    theirs = connection.session.org_now()
    return None if theirs is None else now() - theirs
