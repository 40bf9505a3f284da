"""What an org has of a blueprint, as it was found there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sfsync.provisioning.event_channel import ExistingChannel


@dataclass(frozen=True, slots=True)
class ExistingField:
    """A custom field as the org has it.

    Attributes:
        type: in describe's words; empty where it is unknown.
    """

    type: str = ""
    external_id: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True)
class ExistingSet:
    """The permission set as the org has it.

    Attributes:
        objects: ``{sobject: (Id of the ObjectPermissions, its rights)}``.
        fields: ``{full name: (Id of the FieldPermissions, whether it may be edited)}``.
    """

    id: str
    user_permissions: frozenset[str] = frozenset()
    objects: Mapping[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Existing:
    """What of a blueprint the org has.

    Attributes:
        fields: by full name, without regard to case.
        user_id: who the permission set is for.
        assigned: whether that user has it.
        channel: of change events; ``None`` where none was looked for.
    """

    fields: Mapping[str, ExistingField]
    user_id: str
    username: str
    permission_set: ExistingSet | None = None
    assigned: bool = False
    channel: ExistingChannel | None = None
