"""The org's state: its clock, its records with their indexes, and who may undo what.

Rows are plain dictionaries that are never changed in place: a write puts a new one, so whoever
holds an old one (an open query cursor, a rollback) keeps it. Only values that are there are kept; a
missing key is null. What a write means (validation, stamps, side effects) is ``writes``; this
module only keeps.

Source: salesforce-facts §6.1-6.4 (stamps, visibility, delete log), §7.5 (ids).
"""

import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_org import ids
from local_org.api_error import ApiError
from local_org.schema.admin_objects import GRANTED_OBJECTS, SYSTEM_PERMISSIONS
from local_org.schema.countries import CODE_FIELDS
from local_org.schema.custom_fields import field_of, metadata_of, sobject_of, table_of
from local_org.schema.sobject import Field, SObjectType
from local_org.schema.standard_objects import (
    LEAD_STATUSES,
    OPT_OUT_FIELDS,
    PERSON_FIELD,
    TASK_STATUSES,
    Provisioned,
    custom_fields,
    object_types,
)
from local_org.state.access import Access, is_tooling, permissionable, runner
from local_org.state.api_meter import Meter
from local_org.state.settings import Settings

Row = dict[str, Any]
_BIN_SECONDS = 15 * 86_400
_INDEXED = {
    "Account": ("Name",),
    "Contact": ("Email", "AccountId"),
    "Lead": ("Email", "ConvertedContactId"),
    "Task": ("WhoId", "AccountId"),
    "User": ("Username", "Email"),
    "PermissionSetAssignment": ("AssigneeId", "PermissionSetId"),
    "FieldPermissions": ("ParentId",),
    "ObjectPermissions": ("ParentId",),
}
_DECIDING = frozenset(
    {
        "User",
        "PermissionSet",
        "PermissionSetAssignment",
        "FieldPermissions",
        "ObjectPermissions",
        "CustomField",
    }
)
_OF_SETTINGS = frozenset({"DuplicateRule", "AssignmentRule"})
ADMIN_PROFILE = "System Administrator"
API_ONLY_PROFILE = "Minimum Access - API Only Integrations"


class Index:
    """Ids by one field's value, without regard to case. Most values belong to a single record."""

    def __init__(self) -> None:
        self._ids: dict[str, str | list[str]] = {}

    def add(self, value: str, record_id: str) -> None:
        """Note that a record has that value."""
        key = value.lower()
        held = self._ids.get(key)
        if held is None:
            self._ids[value if key == value else key] = (
                record_id  # one string for both, where they are equal
            )
        elif isinstance(held, str):
            self._ids[key] = [held, record_id]
        else:
            held.append(record_id)

    def remove(self, value: str, record_id: str) -> None:
        """Forget that a record had that value."""
        key = value.lower()
        held = self._ids.get(key)
        if held == record_id:
            del self._ids[key]
        elif isinstance(held, list) and record_id in held:
            held.remove(record_id)

    def find(self, value: str) -> list[str]:
        """The records with that value."""
        held = self._ids.get(value.lower())
        if held is None:
            return []
        return [held] if isinstance(held, str) else list(held)


class ModstampLog:
    """Which records were stamped when, so that "changed since" need not read everything.

    An entry stays when a later one supersedes it; readers check the row. It is rebuilt when most is
    stale.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[int, str]] = []

    def add(self, stamp: int, record_id: str) -> None:
        """Note a stamp; nearly always the latest so far."""
        entry = (stamp, record_id)
        if not self._entries or entry >= self._entries[-1]:
            self._entries.append(entry)
        else:
            insort(self._entries, entry)

    def since(self, stamp: int) -> Iterator[str]:
        """Ids stamped at or after a moment, each once, in order of their last stamp there."""
        tail = self._entries[bisect_left(self._entries, (stamp, "")) :]
        return reversed(dict.fromkeys(record_id for _, record_id in reversed(tail)))

    def latest(self) -> Iterator[str]:
        """Ids by their last stamp, the newest first, each once."""
        seen: set[str] = set()
        for _, record_id in reversed(self._entries):
            if record_id not in seen:
                seen.add(record_id)
                yield record_id

    def compact(self, rows: dict[str, Row]) -> None:
        """Drop superseded entries once they outnumber the rows."""
        if len(self._entries) > 2 * len(rows) + 1000:
            self._entries = sorted(
                (row["SystemModstamp"], record_id) for record_id, row in rows.items()
            )


@dataclass(frozen=True, slots=True)
class Veil:
    """What readers still see of a record whose last write is not committed yet."""

    visible_at: float
    before: Row | None


class Table:
    """The records of one object."""

    def __init__(self, kind: SObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.modstamps = ModstampLog()
        self.delete_log: dict[str, int] = {}
        self.veils: dict[str, Veil] = {}
        self.last_number = 0
        self.indexes: dict[str, Index] = {name: Index() for name in _indexed(kind)}

    def become(self, kind: SObjectType) -> None:
        """Take on further fields, or lose some with all their values."""
        lost = {item.name for item in self.kind.fields} - {item.name for item in kind.fields}
        self.kind = kind
        self.indexes = {name: index for name, index in self.indexes.items() if name not in lost}
        for record_id, row in self.rows.items():
            if not lost.isdisjoint(row):
                self.rows[record_id] = {
                    name: value for name, value in row.items() if name not in lost
                }
        for name in _indexed(kind) - self.indexes.keys():
            self.indexes[name] = index = Index()
            for record_id, row in self.rows.items():
                if row.get(name) is not None:
                    index.add(str(row[name]), record_id)

    def put(self, record_id: str, row: Row | None) -> None:
        """Set (or, with None, remove) a record, keeping the indexes right."""
        old = self.rows.get(record_id)
        for name, index in self.indexes.items():
            before = None if old is None else old.get(name)
            after = None if row is None else row.get(name)
            if before != after:
                if before is not None:
                    index.remove(str(before), record_id)
                if after is not None:
                    index.add(str(after), record_id)
        if row is None:
            self.rows.pop(record_id, None)
            return
        self.rows[record_id] = row
        if old is None or old["SystemModstamp"] != row["SystemModstamp"]:
            self.modstamps.add(row["SystemModstamp"], record_id)
            self.modstamps.compact(self.rows)

    def next_id(self) -> str:
        """A fresh record id."""
        self.last_number += 1
        return ids.make(self.kind.key_prefix, self.last_number)

    def lift_veils(self, now: float) -> None:
        """Let what has been committed by now be seen."""
        for record_id in [key for key, veil in self.veils.items() if veil.visible_at <= now]:
            del self.veils[record_id]

    def seen(self, record_id: str) -> Row | None:
        """The record as a reader sees it, deleted ones included."""
        veil = self.veils.get(record_id)
        return self.rows.get(record_id) if veil is None else veil.before

    def scan(self) -> Iterable[Row]:
        """All records as a reader sees them, deleted ones included."""
        if not self.veils:
            return list(self.rows.values())
        seen = (self.seen(record_id) for record_id in self.rows)
        return [row for row in seen if row is not None]

    def among(self, record_ids: Iterable[str]) -> Iterable[Row]:
        """Those of the records a reader sees."""
        wanted = dict.fromkeys(record_ids)
        wanted.update(dict.fromkeys(self.veils))
        seen = (self.seen(record_id) for record_id in wanted)
        return [row for row in seen if row is not None]


def _indexed(kind: SObjectType) -> set[str]:
    keys = {item.name for item in kind.fields if (item.is_key or item.unique) and item.name != "Id"}
    return keys | set(_INDEXED.get(kind.name, ()))


class Clock:
    """The org's own time: the real one, moved ahead at will."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self.offset_seconds = 0.0

    def seconds(self) -> float:
        """Seconds since 1970, with their fraction."""
        return self._source() + self.offset_seconds

    def advance(self, seconds: float) -> None:
        """Move the org's time ahead (or back)."""
        self.offset_seconds += seconds


class Unit:
    """A transaction under way."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        """Take back, at the end of the block, what was written in it."""
        self.cancelled = True


class OrgState:
    """One org: objects, records, users, settings, clock and API meter, behind one lock.

    Args:
        provisioned: which PenguinMails fields exist.
        settings: what an admin may change while the org runs.
        clock: where the time comes from.
    """

    def __init__(
        self,
        *,
        provisioned: Provisioned | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock or Clock()
        self.settings = settings or Settings()
        self.provisioned = provisioned or Provisioned()
        self.meter = Meter(self.clock.seconds)
        self.extras: dict[str, Any] = {}
        self.dirty: set[tuple[str, str]] | None = None
        self._undo: list[tuple[Table, str, Row | None, Veil | None, int | None]] | None = None
        self._standard = object_types(self.provisioned)
        self._tables = {name: Table(kind) for name, kind in self._standard.items()}
        self._by_prefix = {table.kind.key_prefix: name for name, table in self._tables.items()}
        self._access: dict[str, Access] = {}
        self._visible: dict[tuple[str, tuple[str, ...], str | None], SObjectType | None] = {}
        self.org_id = ""
        self.admin_id = ""

    # -- time

    def now(self) -> datetime:
        """The org's time, UTC."""
        return datetime.fromtimestamp(self.clock.seconds(), UTC)

    def stamp(self) -> int:
        """The org's time in whole seconds, as it goes into a record."""
        return int(self.clock.seconds())

    def advance(self, seconds: float) -> None:
        """Move the org's time ahead; what has been in the recycle bin for 15 days is gone then."""
        with self.lock:
            self.clock.advance(seconds)
            before = self.stamp() - _BIN_SECONDS
            for table in self._tables.values():
                for record_id in [
                    each
                    for each, at in table.delete_log.items()
                    if at < before and each in table.rows
                ]:
                    self.put(table, record_id, None)

    # -- objects

    @property
    def tables(self) -> Iterable[Table]:
        """The tables of all objects."""
        for name in _OF_SETTINGS:
            self._show_rules(self._tables[name.lower()])
        return self._tables.values()

    def table(self, sobject: str) -> Table:
        """The table of an object, whatever the case of its name.

        Raises:
            ApiError: INVALID_TYPE style 404 where there is no such object.
        """
        table = self._tables.get(sobject.lower())
        if table is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        if table.veils:
            table.lift_veils(self.clock.seconds())
        if table.kind.name in _OF_SETTINGS:
            self._show_rules(table)
        return table

    def _show_rules(self, table: Table) -> None:
        """Let the records of the org's rules say what its settings are."""
        settings = self.settings
        admin = self._tables["user"].rows.get(self.admin_id)
        if admin is None:  # the org is not founded yet
            return
        if table.kind.name == "DuplicateRule":
            rules = [
                {
                    "SobjectType": name,
                    "DeveloperName": f"Standard_{name}_Duplicate_Rule",
                    "MasterLabel": f"Standard {name} Duplicate Rule",
                    "IsActive": settings.duplicate_rules,
                }
                for name in ("Contact", "Lead")
            ]
        else:
            active = settings.lead_assignment_user_id is not None
            rules = [{"Name": "Standard", "SobjectType": "Lead", "Active": active}]
        for number, rule in enumerate(rules, 1):
            record_id = ids.make(table.kind.key_prefix, number)
            if {**table.rows.get(record_id, {}), **rule} != table.rows.get(record_id):
                stamp = admin["CreatedDate"]
                stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), stamp)
                people = dict.fromkeys(("CreatedById", "LastModifiedById"), self.admin_id)
                table.put(record_id, {"Id": record_id, **stamps, **people, **rule})

    def has_object(self, sobject: str) -> bool:
        """Whether the org has that object, for whoever runs what is going on."""
        return sobject.lower() in self._tables and self._view(sobject) is not None

    def kind(self, sobject: str) -> SObjectType:
        """The object as whoever runs what is going on may see it: hidden fields are not there.

        Raises:
            ApiError: 404 where there is no such object, or none for them.
        """
        kind = self._view(sobject)
        if kind is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        return kind

    def _view(self, sobject: str) -> SObjectType | None:
        who = runner()
        switched_off = self._switched_off()
        key = (sobject.lower(), switched_off, who.user_id)
        if who.user_id is not None and is_tooling(sobject) != who.tooling:
            return None
        if key not in self._visible:
            full = self.table(sobject).kind.without(switched_off)
            self._visible[key] = (
                full if who.user_id is None else self.access(who.user_id).view(full)
            )
        return self._visible[key]

    def _switched_off(self) -> tuple[str, ...]:
        """The fields that nobody sees as the settings are now."""
        settings = self.settings
        return (
            *(OPT_OUT_FIELDS if settings.hide_opt_out else ()),
            *(() if settings.state_country_picklists else CODE_FIELDS),
            *(() if settings.person_accounts else (PERSON_FIELD,)),
        )

    def access(self, user_id: str) -> Access:
        """What a user may see and do; worked out once, until a grant changes."""
        found = self._access.get(user_id)
        if found is None:
            with self.lock:
                found = self._access[user_id] = self._worked_out(user_id)
        return found

    def _worked_out(self, user_id: str) -> Access:
        assigned, sets = self.table("PermissionSetAssignment"), self.table("PermissionSet")
        ids_of_sets = [
            assigned.rows[each]["PermissionSetId"]
            for each in assigned.indexes["AssigneeId"].find(user_id)
        ]
        live = [each for each in ids_of_sets if each in sets.rows]

        def granted(sobject: str) -> list[Row]:
            table = self.table(sobject)
            return [
                table.rows[each] for one in live for each in table.indexes["ParentId"].find(one)
            ]

        return Access.of(
            (sets.rows[each] for each in live),
            granted("ObjectPermissions"),
            granted("FieldPermissions"),
        )

    def _moved(self, table: Table) -> None:
        """Take note that a record changed on which rights or the objects' shape may depend."""
        if table.kind.name in _DECIDING:
            if table.kind.name == "CustomField":
                self.reshape()
            self._access.clear()
            self._visible.clear()

    def reshape(self) -> None:
        """Give every object the custom fields that are defined now."""
        self._access.clear()
        self._visible.clear()
        fields: dict[str, list[Field]] = {}
        for row in self._tables["customfield"].rows.values():
            made = field_of(row["DeveloperName"], row["Metadata"])
            fields.setdefault(sobject_of(row["TableEnumOrId"]), []).append(made)
        for name in ("Account", "Contact", "Lead", "Task"):
            table = self._tables[name.lower()]
            kind = self._standard[name.lower()].plus(fields.get(name, ()))
            if kind != table.kind:
                table.become(kind)

    def table_of_id(self, record_id: str) -> Table | None:
        """The table an id belongs to by its prefix, if any."""
        name = self._by_prefix.get(record_id[:3])
        return None if name is None else self.table(name)

    def find(self, record_id: str) -> Row | None:
        """A live record by its id, as a reader sees it."""
        full = ids.canonical(record_id)
        table = self.table_of_id(full)
        row = table.seen(full) if table else None
        return None if row is None or row.get("IsDeleted") else row

    # -- writing

    def put(
        self, table: Table, record_id: str, row: Row | None, *, hidden_for: float = 0.0
    ) -> None:
        """Keep (or with None purge) a record, so that a transaction can undo it.

        Args:
            table: where.
            record_id: which.
            row: its new values.
            hidden_for: seconds until readers see it: its transaction is still running.
        """
        before = table.rows.get(record_id)
        if self._undo is not None:
            veil, logged = table.veils.get(record_id), table.delete_log.get(record_id)
            self._undo.append((table, record_id, before, veil, logged))
        if hidden_for > 0:
            known = table.veils.get(record_id)
            seen = known.before if known else before
            table.veils[record_id] = Veil(self.clock.seconds() + hidden_for, seen)
        elif table.veils:
            table.veils.pop(record_id, None)
        table.put(record_id, row)
        self._moved(table)
        if self.dirty is not None:
            self.dirty.add((table.kind.name, record_id))

    @contextmanager
    def transaction(self) -> Iterator["Unit"]:
        """All or nothing: an exception inside, or ``cancel()``, takes back every write made inside."""
        with self.lock:
            outer, self._undo = self._undo, []
            unit = Unit()
            try:
                yield unit
            except BaseException:
                unit.cancel()
                raise
            finally:
                done, self._undo = self._undo, outer
                if unit.cancelled:
                    self._roll_back(done)
                elif outer is not None:
                    outer.extend(done)

    def _roll_back(
        self, undo: list[tuple[Table, str, Row | None, Veil | None, int | None]]
    ) -> None:
        for table, record_id, row, veil, logged in reversed(undo):
            table.put(record_id, row)
            self._moved(table)
            _restore(table.veils, record_id, veil)
            _restore(table.delete_log, record_id, logged)

    def insert_system(self, sobject: str, values: Row) -> str:
        """Add a record by the org itself: no validation, no rules, stamps filled in."""
        with self.lock:
            table = self.table(sobject)
            record_id = values.get("Id") or table.next_id()
            now = self.stamp()
            actor = self.admin_id or record_id
            base = {
                "CreatedDate": now,
                "CreatedById": actor,
                "LastModifiedDate": now,
                "LastModifiedById": actor,
                "SystemModstamp": now,
            }
            self.put(table, record_id, {"Id": record_id, **base, **values})
            return str(record_id)

    # -- people

    def add_user(
        self,
        *,
        first_name: str,
        last_name: str,
        username: str,
        email: str | None = None,
        profile: str = ADMIN_PROFILE,
    ) -> str:
        """Add somebody who may log in; gives the user's id.

        Args:
            first_name: theirs.
            last_name: theirs.
            username: what they log in as.
            email: their address; the username where left out.
            profile: the name of their profile, which says what they may do.
        """
        profile_id = self.profile(profile)
        user_id = self.insert_system(
            "User",
            {
                "ProfileId": profile_id,
                "FirstName": first_name,
                "LastName": last_name,
                "Username": username,
                "Email": email or username,
                "Alias": (first_name[:1] + last_name)[:8].lower(),
                "IsActive": True,
                "TimeZoneSidKey": "America/Los_Angeles",
                "LocaleSidKey": "en_US",
                "LanguageLocaleKey": "en_US",
                "EmailEncodingKey": "UTF-8",
                "UserType": "Standard",
            },
        )
        self.assign_profile(user_id, profile_id)
        return user_id

    def profile(self, name: str) -> str:
        """The id of a profile; made, with its own permission set, where it is not there yet."""
        with self.lock:
            rows = self.table("Profile").rows.values()
            found = next((row["Id"] for row in rows if row["Name"] == name), None)
            return str(found) if found else self._new_profile(name)

    def _new_profile(self, name: str) -> str:
        allowed = SYSTEM_PERMISSIONS if name == ADMIN_PROFILE else ("ApiEnabled",)
        permissions = {f"Permissions{each}": True for each in allowed}
        made = self.insert_system("Profile", {"Name": name, "UserType": "Standard", **permissions})
        own = {"Name": f"X{made[:15]}", "Label": made, "IsOwnedByProfile": True, "ProfileId": made}
        self.insert_system("PermissionSet", {**own, **permissions})
        return made

    def set_of_profile(self, profile_id: str) -> str:
        """The permission set that holds a profile's grants."""
        rows = self.table("PermissionSet").rows.values()
        return str(next(row["Id"] for row in rows if row.get("ProfileId") == profile_id))

    def assign_profile(self, user_id: str, profile_id: str) -> None:
        """Give a user the permission set of their profile, in place of that of another."""
        with self.lock:
            sets, assigned = self.table("PermissionSet"), self.table("PermissionSetAssignment")
            for each in assigned.indexes["AssigneeId"].find(user_id):
                if sets.rows[assigned.rows[each]["PermissionSetId"]].get("IsOwnedByProfile"):
                    self.put(assigned, each, None)
            own = self.set_of_profile(profile_id)
            self.insert_system(
                "PermissionSetAssignment", {"AssigneeId": user_id, "PermissionSetId": own}
            )

    def users(self) -> list[Row]:
        """Everybody who may log in, in order of arrival."""
        with self.lock:
            return [row for row in self.table("User").rows.values() if row.get("IsActive")]

    def user(self, name_or_id: str) -> Row | None:
        """A user by id, username or email."""
        with self.lock:
            table = self.table("User")
            row = table.rows.get(ids.canonical(name_or_id))
            if row is not None:
                return row
            for index in table.indexes.values():
                found = index.find(name_or_id)
                if found:
                    return table.rows[found[0]]
            return None

    @property
    def organization(self) -> Row:
        """The org's own record."""
        return self.table("Organization").rows[self.org_id]

    def found(self, name: str = "Penguin Trading (local org)") -> None:
        """Set up a bare org: its own record, its first admin, its value sets."""
        with self.lock:
            self.admin_id = self.add_user(
                first_name="Ida", last_name="Admin", username="admin@penguin.example"
            )
            self.equip()
            self.org_id = self.insert_system("Organization", _organization(name))
            for order, label in enumerate(TASK_STATUSES, 1):
                self.insert_system(
                    "TaskStatus", _value(label, order, IsClosed=label == "Completed")
                )
            for order, label in enumerate(LEAD_STATUSES, 1):
                self.insert_system(
                    "LeadStatus", _value(label, order, IsConverted=label == "Closed - Converted")
                )

    def equip(self) -> None:
        """Define the custom fields, and give all people who have no profile the admin's, with all it may see."""
        with self.lock:
            profile = self.profile(ADMIN_PROFILE)
            for user in self.users():
                if "ProfileId" not in user:
                    self.put(self.table("User"), user["Id"], {**user, "ProfileId": profile})
                    self.assign_profile(user["Id"], profile)
            self._define_fields()
            self._grant_all(self.set_of_profile(profile))
            for name in _OF_SETTINGS:
                self._show_rules(self._tables[name.lower()])

    def _define_fields(self) -> None:
        """The custom fields the org begins with, as an admin would find them defined."""
        for sobject, made in custom_fields(self.provisioned).items():
            for item in made:
                self.insert_system(
                    "CustomField",
                    {
                        "DeveloperName": item.name.removesuffix("__c"),
                        "TableEnumOrId": table_of(sobject),
                        "ManageableState": "unmanaged",
                        "Metadata": metadata_of(item),
                    },
                )

    def _grant_all(self, set_id: str) -> None:
        """What the admin's profile may see: everything, the opt-outs only where the org says so."""
        hidden = () if self.provisioned.opt_outs_granted else OPT_OUT_FIELDS
        rights = {
            "PermissionsRead": True,
            "PermissionsCreate": True,
            "PermissionsEdit": True,
            "PermissionsDelete": True,
        }
        every = {"PermissionsViewAllRecords": True, "PermissionsModifyAllRecords": True}
        for sobject in (*GRANTED_OBJECTS, "Task"):
            if sobject != "Task":
                self.insert_system(
                    "ObjectPermissions",
                    {"ParentId": set_id, "SobjectType": sobject, **rights, **every},
                )
            for name in permissionable(self.table(sobject).kind):
                if name not in hidden:
                    self.insert_system("FieldPermissions", field_grant(set_id, sobject, name))


def field_grant(set_id: str, sobject: str, name: str, *, editable: bool = True) -> Row:
    """A row of FieldPermissions."""
    return {
        "ParentId": set_id,
        "SobjectType": sobject,
        "Field": f"{sobject}.{name}",
        "PermissionsRead": True,
        "PermissionsEdit": editable,
    }


def _restore(held: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        held.pop(key, None)
    else:
        held[key] = value


def _organization(name: str) -> Row:
    return {
        "Name": name,
        "OrganizationType": "Developer Edition",
        "IsSandbox": False,
        "InstanceName": "LOCAL",
        "PrimaryContact": "Ida Admin",
        "Country": "US",
        "DefaultLocaleSidKey": "en_US",
        "TimeZoneSidKey": "America/Los_Angeles",
        "LanguageLocaleKey": "en_US",
        "DefaultContactAccess": "ControlledByParent",
        "DefaultLeadAccess": "ReadEditTransfer",
        "DefaultAccountAccess": "Edit",
    }


def _value(label: str, order: int, **closing: bool) -> Row:
    return {
        "MasterLabel": label,
        "ApiName": label,
        "SortOrder": order,
        "IsDefault": order == 1,
        **closing,
    }
