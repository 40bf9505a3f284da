"""Looking at what an org has of a blueprint: its custom fields and our permission set.

Source: docs/salesforce.md §8.3; Tooling API, CustomField; Object Reference, PermissionSet,
ObjectPermissions, FieldPermissions, PermissionSetAssignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from sfsync.errors import UsageError
from sfsync.model.facts import SObjectFacts
from sfsync.provisioning.blueprint import ACTIVITY, SET_NAME, Blueprint
from sfsync.provisioning.existing import Existing, ExistingField, ExistingSet
from sfsync.salesforce import soql
from sfsync.salesforce.connect import Connection, page
from sfsync.salesforce.event_channels import existing_channel
from sfsync.salesforce.shape import shape_of

_OBJECT_RIGHTS: Final = ("Read", "Create", "Edit", "Delete", "ViewAllRecords")
_TYPES: Final[Mapping[str, str]] = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Time": "time",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
    "EncryptedText": "encryptedstring",
}
"""The Metadata API's field types in describe's words.

Source: Metadata API Developer Guide, "Field Types".
"""


class SetupLookup:
    """One org's setup, as far as the user who is logged in may see it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def custom_field_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Which of these custom fields the org has: ``{full name: Id}``. One API call.

        It has them whoever may see them.

        Args:
            names: ``Contact.PenguinMails_Id__c``; fields of Task are asked for on Activity, where
                they live.

        Raises:
            OrgRefused: this user may not look into the org's setup.
        """
        wanted = {name.lower() for name in names}
        if not wanted:
            return {}
        tables = sorted({name.partition(".")[0] for name in names})
        developer_names = sorted({name.partition(".")[2].removesuffix("__c") for name in names})
        statement = soql.select(
            "CustomField",
            ["Id", "DeveloperName", "NamespacePrefix", "TableEnumOrId"],
            f"TableEnumOrId IN ({_listed(tables)}) AND DeveloperName IN "
            f"({_listed(developer_names)})",
        )
        answer = page(self._connection.read(f"tooling/query/?q={quote(statement, safe='')}"))
        with shape_of("the org's list of custom fields"):
            ids = {
                f"{record['TableEnumOrId']}.{record['DeveloperName']}__c": str(record["Id"])
                for record in answer.records
                # A field of a package is another field, whatever its name.
                if not record.get("NamespacePrefix")
            }
        # The query asked for every name on every table.
        return {name: field_id for name, field_id in ids.items() if name.lower() in wanted}

    def existing(
        self,
        wanted: Blueprint,
        described: Mapping[str, SObjectFacts],
        field_ids: Mapping[str, str],
        *,
        username: str = "",
        user_id: str = "",
    ) -> Existing:
        """What of a blueprint is there, and who the permission set is for.

        Args:
            described: what this user sees of the org's objects.
            field_ids: as ``custom_field_ids`` gives them.
            username: whose the permission set is to be; without it, the user's with ``user_id``.

        Raises:
            UsageError: there is no such user.
            OrgRefused: this user may not look into the org's setup.
        """
        with shape_of("the org's description of its setup"):
            user = self._user(username, user_id)
            user_id = str(user["Id"])
            permission_set = self._permission_set(wanted)
            assigned = self._is_assigned(permission_set, user_id)
            fields = {
                new.full_name: self._field(new.full_name, described, field_ids)
                for new in wanted.fields
                if _id_of(new.full_name, field_ids)
            }
            there = (
                existing_channel(self._connection, wanted.channel.name) if wanted.channel else None
            )
            return Existing(fields, user_id, str(user["Username"]), permission_set, assigned, there)

    def _user(self, username: str, user_id: str) -> Mapping[str, Any]:
        who = f"Id = {soql.quoted(user_id)}"
        if username:
            who = f"Username = {soql.quoted(username)}"
        users = self._records("User", ["Id", "Username", "IsActive"], who)
        if not users:
            raise UsageError(
                f"this org has no user {username or user_id}", hint="Name a username: --user"
            )
        if users[0].get("IsActive") is False:
            raise UsageError(f"the user {users[0]['Username']} is deactivated in this org")
        return users[0]

    def _is_assigned(self, permission_set: ExistingSet | None, user_id: str) -> bool:
        if permission_set is None:
            return False
        theirs = f"AssigneeId = {soql.quoted(user_id)}"
        ours = f"PermissionSetId = {soql.quoted(permission_set.id)}"
        return bool(self._records("PermissionSetAssignment", ["Id"], f"{theirs} AND {ours}"))

    def _permission_set(self, wanted: Blueprint) -> ExistingSet | None:
        rights = [f"Permissions{name}" for name in wanted.user_permissions]
        named = f"Name = {soql.quoted(SET_NAME)} AND NamespacePrefix = null"
        sets = self._records("PermissionSet", ["Id", *rights], named)
        if not sets:
            return None
        ours = f"ParentId = {soql.quoted(str(sets[0]['Id']))}"
        object_rights = [f"Permissions{name}" for name in _OBJECT_RIGHTS]
        objects = self._records("ObjectPermissions", ["Id", "SobjectType", *object_rights], ours)
        fields = self._records("FieldPermissions", ["Id", "Field", "PermissionsEdit"], ours)
        given = frozenset(
            name for name in wanted.user_permissions if sets[0].get(f"Permissions{name}") is True
        )
        return ExistingSet(
            str(sets[0]["Id"]),
            given,
            {
                str(record["SobjectType"]): (str(record["Id"]), _rights_of(record))
                for record in objects
            },
            {
                str(record["Field"]): (str(record["Id"]), record.get("PermissionsEdit") is True)
                for record in fields
            },
        )

    def _field(
        self, full_name: str, described: Mapping[str, SObjectFacts], field_ids: Mapping[str, str]
    ) -> ExistingField:
        """From the describe where this user sees the field, else from the setup."""
        table, _, name = full_name.partition(".")
        facts = described.get("Task" if table == ACTIVITY else table)
        visible = facts.fields.get(name) if facts else None
        if visible is not None:
            return ExistingField(visible.type, visible.external_id, visible.unique)
        field_id = _id_of(full_name, field_ids)
        answer = self._connection.read(f"tooling/sobjects/CustomField/{field_id}")
        metadata = answer.get("Metadata") if isinstance(answer, Mapping) else None
        if not isinstance(metadata, Mapping):
            return ExistingField()
        kind = str(metadata.get("type") or "")
        return ExistingField(
            _TYPES.get(kind, kind.lower()),
            metadata.get("externalId") is True,
            metadata.get("unique") is True,
        )

    def _records(self, sobject: str, fields: Sequence[str], where: str) -> list[dict[str, Any]]:
        statement = soql.select(sobject, fields, where)
        return [record for each in self._connection.pages([statement]) for record in each.records]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(soql.quoted(name) for name in names)


def _id_of(full_name: str, field_ids: Mapping[str, str]) -> str:
    """The Id of a field, without regard to case; empty where the org does not have it."""
    for name, field_id in field_ids.items():
        if name.lower() == full_name.lower():
            return field_id
    return ""


def _rights_of(record: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in _OBJECT_RIGHTS if record.get(f"Permissions{name}") is True)
