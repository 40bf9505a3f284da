"""Which objects and fields a user sees, and what they may do with them.

Three things hide a field or an object: a setting that switches fields off for everybody, the rights
of the running user (``access``), and the API spoken (the Tooling API has objects of its own). What
hides a *record* for a while, an uncommitted write, is ``tables``.

Source: docs/salesforce.md §0, §7.4, §8.3.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from local_org.schema.countries import CODE_FIELDS
from local_org.schema.sobject import SObjectType
from local_org.schema.standard_objects import OPT_OUT_FIELDS, PERSON_FIELD
from local_org.state.access import Access, is_tooling, runner
from local_org.state.settings import Settings
from local_org.state.tables import Row, Table

_RIGHTS_OBJECTS = frozenset(
    {
        "User",
        "PermissionSet",
        "PermissionSetAssignment",
        "FieldPermissions",
        "ObjectPermissions",
        "CustomField",
    }
)


class Visibility:
    """What users see and may do; worked out once, until a grant or an object changes.

    Args:
        table: gives the table of an object by name, whatever its case.
        settings: the org's switches, read anew at each call.
        lock: the org's lock, held while grants are summed up.
    """

    def __init__(
        self, table: Callable[[str], Table], settings: Settings, lock: AbstractContextManager[Any]
    ) -> None:
        self._table = table
        self._settings = settings
        self._lock = lock
        self._access: dict[str, Access] = {}
        self._views: dict[tuple[str, tuple[str, ...], str | None], SObjectType | None] = {}

    def view(self, sobject: str) -> SObjectType | None:
        """An object of the org as the running user sees it; None where it is not there for them."""
        who = runner()
        # The Tooling API has objects of its own, and none of the others. The org itself (no user)
        # sees both.
        if who.user_id is not None and is_tooling(sobject) != who.tooling:
            return None
        switched_off = self._switched_off()
        key = (sobject.lower(), switched_off, who.user_id)
        if key not in self._views:
            kind = self._table(sobject).kind.without(switched_off)
            self._views[key] = kind if who.user_id is None else self.access(who.user_id).view(kind)
        return self._views[key]

    def _switched_off(self) -> tuple[str, ...]:
        """The fields that nobody sees as the settings are now."""
        names: tuple[str, ...] = ()
        if self._settings.hide_opt_out:
            names += OPT_OUT_FIELDS
        if not self._settings.state_country_picklists:
            names += CODE_FIELDS
        if not self._settings.person_accounts:
            names += (PERSON_FIELD,)
        return names

    def access(self, user_id: str) -> Access:
        """What a user may see and do."""
        found = self._access.get(user_id)
        if found is None:
            with self._lock:
                found = self._access[user_id] = self._sum_of_grants(user_id)
        return found

    def _sum_of_grants(self, user_id: str) -> Access:
        assigned, sets = self._table("PermissionSetAssignment"), self._table("PermissionSet")
        assigned_ids = [
            assigned.rows[each]["PermissionSetId"]
            for each in assigned.indexes["AssigneeId"].find(user_id)
        ]
        set_ids = [each for each in assigned_ids if each in sets.rows]
        return Access.of(
            (sets.rows[each] for each in set_ids),
            self._granted("ObjectPermissions", set_ids),
            self._granted("FieldPermissions", set_ids),
        )

    def _granted(self, sobject: str, set_ids: list[str]) -> list[Row]:
        table = self._table(sobject)
        return [
            table.rows[each]
            for set_id in set_ids
            for each in table.indexes["ParentId"].find(set_id)
        ]

    def depends_on(self, sobject: str) -> bool:
        """Whether rights, or the shape of objects, may change with a record of that object."""
        return sobject in _RIGHTS_OBJECTS

    def forget(self) -> None:
        """Work everything out anew."""
        self._access.clear()
        self._views.clear()
