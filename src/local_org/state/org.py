"""The org's state: its objects and records, behind one lock and in transactions.

This module only keeps. What a write means (validation, stamps, side effects) is ``records``; how
records are held is ``tables``, who sees what of them is ``visibility``, what a new org begins with
is ``founding``.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from local_org import ids
from local_org.api_error import ApiError
from local_org.schema.custom_fields import field_of, sobject_of
from local_org.schema.penguinmails_fields import Provisioned
from local_org.schema.sobject import Field, SObjectType
from local_org.schema.standard_objects import object_types
from local_org.state import setting_records
from local_org.state.access import Access
from local_org.state.api_meter import Meter
from local_org.state.clock import Clock
from local_org.state.commits import Commit, Told, Write, commit_of
from local_org.state.delivery_meter import DeliveryMeter
from local_org.state.settings import Settings
from local_org.state.tables import Row, Table, Uncommitted
from local_org.state.visibility import Visibility

_RECYCLE_BIN_SECONDS = 15 * 86_400


class Transaction:
    """A transaction under way."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        """Take back, at the end of the block, what was written in it."""
        self.cancelled = True


class OrgState:
    """One org: objects, records, users, settings, clock and API meter, behind one lock.

    Args:
        provisioned: what an admin has done before the org starts.
        settings: what an admin may change while the org runs.
        clock: where the time comes from.

    Attributes:
        unsaved: the records (object, id) changed since the state file was written; None where
            there is no file.
        on_commit: told of each transaction that is committed, while the lock is held; None where
            nobody listens.
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
        self.deliveries = DeliveryMeter(self.clock.seconds)
        self.unsaved: set[tuple[str, str]] | None = None
        self.on_commit: Callable[[Commit], None] | None = None
        self._undo: list[Write] | None = None
        self._origin = ""
        self._defining = False
        self._standard = object_types(email_task_type=self.provisioned.email_task_type)
        self._tables = {name: Table(kind) for name, kind in self._standard.items()}
        self._by_prefix = {table.kind.key_prefix: name for name, table in self._tables.items()}
        self._visibility = Visibility(self.table, self.settings, self.lock)
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
            before = self.stamp() - _RECYCLE_BIN_SECONDS
            for table in self._tables.values():
                old = [each for each, at in table.delete_log.items() if at < before]
                for record_id in old:
                    if record_id in table.rows:
                        self.put(table, record_id, None)

    # -- tables

    @property
    def tables(self) -> Iterable[Table]:
        """The tables of all objects."""
        self.refresh_setting_records()
        return self._tables.values()

    def table(self, sobject: str) -> Table:
        """The table of an object, whatever the case of its name and whoever is running.

        Raises:
            ApiError: 404 where there is no such object.
        """
        table = self._tables.get(sobject.lower())
        if table is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        if table.uncommitted:
            table.commit_due(self.clock.seconds())
        self._refresh_setting_records(table)
        return table

    def table_of_id(self, record_id: str) -> Table | None:
        """The table an id belongs to by its prefix, if any."""
        name = self._by_prefix.get(record_id[:3])
        return None if name is None else self.table(name)

    def refresh_setting_records(self) -> None:
        """Let the records of rules say what the settings are now."""
        for name in setting_records.SETTING_OBJECTS:
            self._refresh_setting_records(self._tables[name.lower()])

    def _refresh_setting_records(self, table: Table) -> None:
        if table.kind.name not in setting_records.SETTING_OBJECTS:
            return
        admin = self._tables["user"].rows.get(self.admin_id)
        if admin is not None:  # else the org is not founded yet
            setting_records.refresh(table, self.settings, admin)

    @contextmanager
    def defining(self) -> Iterator[None]:
        """Custom fields that are inserted inside are there from the end of the block on, all at once."""
        self._defining = True
        try:
            yield
        finally:
            self._defining = False
            self.apply_custom_fields()

    def apply_custom_fields(self) -> None:
        """Give every object the custom fields that are defined now."""
        self._visibility.forget()
        fields: dict[str, list[Field]] = {}
        for row in self._tables["customfield"].rows.values():
            field = field_of(row["DeveloperName"], row["Metadata"])
            fields.setdefault(sobject_of(row["TableEnumOrId"]), []).append(field)
        for name in ("Account", "Contact", "Lead", "Task"):
            table = self._tables[name.lower()]
            kind = self._standard[name.lower()].plus(fields.get(name, ()))
            if kind != table.kind:
                table.change_kind(kind)

    # -- what the running user sees

    def has_object(self, sobject: str) -> bool:
        """Whether the org has that object for the running user."""
        return sobject.lower() in self._tables and self._visibility.view(sobject) is not None

    def kind(self, sobject: str) -> SObjectType:
        """The object as the running user sees it: hidden fields are not there.

        Raises:
            ApiError: 404 where there is no such object, or none for them.
        """
        kind = self._visibility.view(sobject)
        if kind is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        return kind

    def access(self, user_id: str) -> Access:
        """What a user may see and do."""
        return self._visibility.access(user_id)

    def find(self, record_id: str) -> Row | None:
        """A record that is not deleted by its id, as a reader sees it."""
        full = ids.canonical(record_id)
        table = self.table_of_id(full)
        row = table.visible(full) if table else None
        return None if row is None or row.get("IsDeleted") else row

    # -- writing

    def put(
        self,
        table: Table,
        record_id: str,
        row: Row | None,
        *,
        commit_delay_seconds: float = 0.0,
        told: Told = "values",
    ) -> None:
        """Keep (or with None purge) a record, so that a transaction can undo it.

        Args:
            table: where.
            record_id: which.
            row: its new values.
            commit_delay_seconds: how long readers do not see it: its transaction is still running.
            told: what a change event says of it.
        """
        write = Write.of(table, record_id, told)
        if commit_delay_seconds > 0:
            visible_at = self.clock.seconds() + commit_delay_seconds
            table.uncommitted[record_id] = Uncommitted(visible_at, table.visible(record_id))
        elif table.uncommitted:
            table.uncommitted.pop(record_id, None)
        table.put(record_id, row)
        self._after_change(table)
        if self.unsaved is not None:
            self.unsaved.add((table.kind.name, record_id))
        if self._undo is None:
            self._committed([write])
        else:
            self._undo.append(write)

    def _committed(self, writes: list[Write]) -> None:
        if self.on_commit is not None and writes:
            self.on_commit(commit_of(writes, self.clock.seconds(), self._origin))

    def _after_change(self, table: Table) -> None:
        if not self._visibility.depends_on(table.kind.name):
            return
        if table.kind.name == "CustomField" and not self._defining:
            self.apply_custom_fields()
        self._visibility.forget()

    @contextmanager
    def transaction(self, origin: str = "") -> Iterator[Transaction]:
        """All or nothing: an exception inside, or ``cancel()``, takes back every write inside.

        Transactions nest. Writes of an inner one that went well are the outer one's to take back.

        Args:
            origin: which API writes, where the transaction around this one does not say so.
        """
        with self.lock:
            outer, self._undo = self._undo, []
            self._origin = self._origin or origin
            transaction = Transaction()
            try:
                yield transaction
            except BaseException:
                transaction.cancel()
                raise
            finally:
                done, self._undo = self._undo, outer
                if transaction.cancelled:
                    self._roll_back(done)
                elif outer is not None:
                    outer.extend(done)
                else:
                    self._committed(done)
                if outer is None:
                    self._origin = ""

    def _roll_back(self, done: list[Write]) -> None:
        for each in reversed(done):
            each.take_back()
            self._after_change(each.table)

    def insert_system(self, sobject: str, values: Row) -> str:
        """Add a record by the org itself: no validation, no rules, stamps filled in."""
        with self.lock:
            table = self.table(sobject)
            record_id = str(values.get("Id") or table.next_id())
            now = self.stamp()
            actor = self.admin_id or record_id
            stamps = {
                "CreatedDate": now,
                "CreatedById": actor,
                "LastModifiedDate": now,
                "LastModifiedById": actor,
                "SystemModstamp": now,
            }
            self.put(table, record_id, {"Id": record_id, **stamps, **values})
            return record_id

    # -- who is there

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
