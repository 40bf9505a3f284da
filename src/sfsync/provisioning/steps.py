"""What is to be done so that an org has what a blueprint says.

What is missing is created, what is there and fits is kept, and what is there and does not fit is
reported and never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sfsync.provisioning.blueprint import SET_DESCRIPTION, SET_LABEL, SET_NAME, Blueprint, NewField
from sfsync.provisioning.by_hand import object_manager
from sfsync.provisioning.event_channel import EventChannel, ExistingChannel, missing_members
from sfsync.provisioning.existing import Existing, ExistingField, ExistingSet
from sfsync.provisioning.grants import FieldGrant, ObjectGrant


class Act(StrEnum):
    """What becomes of one part."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    DIFFERS = "differs"


class Part(StrEnum):
    """Kinds of parts, in the order they are made in."""

    FIELD = "field"
    SET = "permission set"
    OBJECT = "object permission"
    GRANT = "field permission"
    CHANNEL = "event channel"
    MEMBER = "channel member"
    ASSIGNMENT = "assignment"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One part, and what becomes of it.

    Attributes:
        name: of the part.
        detail: what it is to be, for people.
        body: what is sent, ``{name: value}``.
        id: of what is changed.
        remedy: where it differs: what a person can do.
    """

    act: Act
    part: Part
    name: str
    detail: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {
            "act": self.act.value,
            "part": self.part.value,
            "name": self.name,
            "detail": self.detail,
        }


def setup_steps(wanted: Blueprint, found: Existing) -> tuple[SetupStep, ...]:
    """What is to be done, in an order in which nothing hangs on a later step."""
    return (
        *(_field_step(new, found) for new in wanted.fields),
        _set_step(wanted, found.permission_set),
        *(_object_step(grant, found.permission_set) for grant in wanted.objects),
        *(_grant_step(grant, found.permission_set) for grant in wanted.grants),
        *_channel_steps(wanted.channel, found.channel or ExistingChannel()),
        _assignment_step(found),
    )


def todo(planned: Iterable[SetupStep]) -> list[SetupStep]:
    """Those that change something."""
    return [step for step in planned if step.act in {Act.CREATE, Act.UPDATE}]


def _field_step(new: NewField, found: Existing) -> SetupStep:
    there = {name.lower(): each for name, each in found.fields.items()}.get(new.full_name.lower())
    detail = f"{new.type_text} ({new.reason})" if new.reason else new.type_text
    if there is None:
        body = {"FullName": new.full_name, "Metadata": new.metadata()}
        return SetupStep(Act.CREATE, Part.FIELD, new.full_name, detail, body)
    wrong = _wrong(new, there)
    if not wrong:
        return SetupStep(Act.KEEP, Part.FIELD, new.full_name, detail)
    remedy = _way_to_change(new, there)
    detail = f"{wrong}; left as it is"
    return SetupStep(Act.DIFFERS, Part.FIELD, new.full_name, detail, remedy=remedy)


def _wrong(new: NewField, there: ExistingField) -> str:
    if there.type and there.type not in new.suits:
        return f"it is {there.type} in this org, and {new.type_text} is needed"
    if new.is_key and not there.external_id:
        return "it is not marked as an external id in this org"
    if new.is_key and not there.unique:
        return "it is an external id in this org, and not unique"
    return ""


def _way_to_change(new: NewField, there: ExistingField) -> str:
    way = f"{object_manager(new.table)} > Fields & Relationships > {new.label}"
    if there.type and there.type not in new.suits:
        return (
            f"Name another field in sfsync.yaml; or {way} > Change Field Type,"
            " where nothing needs it as it is."
        )
    return f"{way} > Edit: tick External ID, and Unique without regard to case."


def _set_step(wanted: Blueprint, there: ExistingSet | None) -> SetupStep:
    rights = {f"Permissions{name}": True for name in wanted.user_permissions}
    detail = "API access, edit Tasks"
    if there is None:
        body = {"Name": SET_NAME, "Label": SET_LABEL, "Description": SET_DESCRIPTION, **rights}
        return SetupStep(Act.CREATE, Part.SET, SET_NAME, detail, body)
    missing = {
        name: True
        for name in rights
        if name.removeprefix("Permissions") not in there.user_permissions
    }
    act = Act.UPDATE if missing else Act.KEEP
    return SetupStep(act, Part.SET, SET_NAME, detail, missing, there.id)


def _object_step(grant: ObjectGrant, there: ExistingSet | None) -> SetupStep:
    detail = ", ".join(_in_words(right) for right in grant.rights)
    rights = {f"Permissions{right}": True for right in grant.rights}
    kept = there.objects.get(grant.sobject) if there else None
    if kept is None:
        body = {"SobjectType": grant.sobject, **rights}
        return SetupStep(Act.CREATE, Part.OBJECT, grant.sobject, detail, body)
    grant_id, granted = kept
    missing = {name: True for name in rights if name.removeprefix("Permissions") not in granted}
    act = Act.UPDATE if missing else Act.KEEP
    return SetupStep(act, Part.OBJECT, grant.sobject, detail, missing, grant_id)


def _in_words(right: str) -> str:
    """``ViewAllRecords`` as people read it."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", right).lower()


def _grant_step(grant: FieldGrant, there: ExistingSet | None) -> SetupStep:
    detail = "read, edit" if grant.edit else "read"
    kept = there.fields.get(grant.full_name) if there else None
    rights = {"PermissionsRead": True, "PermissionsEdit": grant.edit}
    if kept is None:
        body = {"SobjectType": grant.sobject, "Field": grant.full_name, **rights}
        return SetupStep(Act.CREATE, Part.GRANT, grant.full_name, detail, body)
    grant_id, is_editable = kept
    if grant.edit and not is_editable:
        body = {"PermissionsEdit": True}
        return SetupStep(Act.UPDATE, Part.GRANT, grant.full_name, detail, body, grant_id)
    return SetupStep(Act.KEEP, Part.GRANT, grant.full_name, detail)


def _channel_steps(wanted: EventChannel | None, there: ExistingChannel) -> Iterator[SetupStep]:
    """The channel of change events, then what is on it."""
    if wanted is None:
        return
    if wanted.is_own:
        body = {"FullName": wanted.name, "Metadata": wanted.metadata}
        act = Act.KEEP if there.is_there else Act.CREATE
        yield SetupStep(act, Part.CHANNEL, wanted.name, "for sfsync listen", body)
    missing = missing_members(wanted, there)
    for name, member in wanted.members.items():
        act = Act.CREATE if name in missing else Act.KEEP
        body = {"FullName": name, "Metadata": member}
        yield SetupStep(
            act, Part.MEMBER, name, f"{member['selectedEntity']} on {wanted.name}", body
        )


def _assignment_step(found: Existing) -> SetupStep:
    detail = f"to {found.username}"
    if found.assigned:
        return SetupStep(Act.KEEP, Part.ASSIGNMENT, SET_NAME, detail)
    body = {"AssigneeId": found.user_id}
    return SetupStep(Act.CREATE, Part.ASSIGNMENT, SET_NAME, detail, body)
