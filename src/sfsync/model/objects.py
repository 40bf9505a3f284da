"""The registry of objects: everything that tells one of Salesforce's objects from another stands in its entry.

An entry that lacks an attribute is a ``TypeError`` when this module is imported. To add an object:
add its entry, in the order that ``OBJECTS`` explains. One whose rows are people also needs a column
in ``contact_segments``, which takes a step of ``mirror.migrations``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

PERSON_NAME: Final = ("FirstName", "LastName")
"""The fields that a person is called by, of every object whose records are people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How a record of one object becomes one of another, and stays behind read-only.

    Source: docs/salesforce.md §6.4.

    Attributes:
        object: what it becomes, by the configuration's name.
        flag: the field that is true once it is converted.
        successor: the field that holds the Id of the record it became.
    """

    object: str
    flag: str
    successor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKind:
    """One entry. No attribute has a default, so that a new object cannot forget one.

    Attributes:
        name: the configuration's key; its rules are ``NAME_sync``.
        sobject: Salesforce's name of it.
        prefix: how the Ids of its records begin. Source: docs/salesforce.md §7.5.
        table: its table in the mirror.
        is_people: whether a row is a person. Only to people do events belong; only people have
            opt-outs and segments, are made where an event's person is missing, and can be purged.
        noun: what a row is, for sentences.
        many: the same of several.
        match_on: the column that recognises a row where the configuration states none.
        matched_by: what such a column holds, for sentences.
        conversion: how its records become another object's; ``None`` where they do not.
        parent: the object that its records belong to: seeing them hangs on seeing that one, and a
            row may be linked to it by its name. Empty where there is none.
        sharing: the field of Organization that says who sees its records.
        addresses: how the names of the parts of each of its addresses begin: ``Mailing`` of
            ``MailingCity``.
        seen_by_all: fields that Salesforce requires, so that no permission can hide them.
    """

    name: str
    sobject: str
    prefix: str
    table: str
    is_people: bool
    noun: str
    many: str
    match_on: str
    matched_by: str
    conversion: Conversion | None
    parent: str
    sharing: str
    addresses: tuple[str, ...]
    seen_by_all: frozenset[str]

    @property
    def parent_name(self) -> str:
        """The parent's name as a field, ``Account.Name``; empty where it has no parent."""
        return f"{self.parent}.Name" if self.parent else ""

    def survivor_object(self, *, converted: bool) -> str:
        """The object of what a record ends in: its own by a merge, the other one by a conversion."""
        if converted and self.conversion is not None:
            return self.conversion.object
        return self.name


_ENTRIES: Final = (
    ObjectKind(
        name="account",
        sobject="Account",
        prefix="001",
        table="accounts",
        is_people=False,
        noun="account",
        many="accounts",
        match_on="name",
        matched_by="name",
        conversion=None,
        parent="",
        sharing="DefaultAccountAccess",
        addresses=("Billing", "Shipping"),
        seen_by_all=frozenset(),
    ),
    ObjectKind(
        name="contact",
        sobject="Contact",
        prefix="003",
        table="contacts",
        is_people=True,
        noun="person",
        many="people",
        match_on="email",
        matched_by="address",
        conversion=None,
        parent="Account",
        sharing="DefaultContactAccess",
        addresses=("Mailing", "Other"),
        seen_by_all=frozenset(),
    ),
    ObjectKind(
        name="lead",
        sobject="Lead",
        prefix="00Q",
        table="leads",
        is_people=True,
        noun="person",
        many="people",
        match_on="email",
        matched_by="address",
        conversion=Conversion(object="contact", flag="IsConverted", successor="ConvertedContactId"),
        parent="",
        sharing="DefaultLeadAccess",
        addresses=("",),
        seen_by_all=frozenset({"Company", "Status"}),
    ),
)

OBJECTS: Final = MappingProxyType({kind.name: kind for kind in _ENTRIES})
"""By name, in the order in which they are pulled, pushed and searched.

A parent goes before those that are linked to it by its name. Of people, the one that another is
converted to goes first: an address that both have is a Contact's.
"""

BY_SOBJECT: Final = MappingProxyType({kind.sobject: kind for kind in _ENTRIES})
"""The same by Salesforce's name."""


def event_name(sobject: str) -> str:
    """What an object's change events are called.

    >>> event_name("Contact"), event_name("Invoice__c")
    ('ContactChangeEvent', 'Invoice__ChangeEvent')
    """
    if sobject.endswith("__c"):
        return f"{sobject.removesuffix('c')}ChangeEvent"
    return f"{sobject}ChangeEvent"


SYSTEM_FIELDS: Final = ("Id", "IsDeleted", "MasterRecordId", "SystemModstamp")
"""Fields that sfsync reads of every record for itself, so that no mapping may name them."""

OWN_COLUMNS: Final = ("id", "salesforce_id", "deleted_at")
"""The mirror's own columns of every mapped table, so that no mapping may name them."""
