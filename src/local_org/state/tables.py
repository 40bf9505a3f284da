"""The records of one object, with their indexes, their delete log, and writes not yet committed.

Rows are plain dictionaries that are never changed in place: a write puts a new one, so whoever
holds an old one (an open query cursor, a rollback) keeps it. A row holds only what has a value; a
missing key is null.

Source: docs/salesforce.md §6.1-6.4 (stamps, visibility, delete log), §7.5 (ids).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from local_org import ids
from local_org.schema.sobject import SObjectType

Row = dict[str, Any]
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
class Uncommitted:
    """What readers still see of a record whose last write is not committed yet.

    Args:
        visible_at: when the write is committed, in seconds since 1970.
        before: the record until then; None where the write creates it.
    """

    visible_at: float
    before: Row | None


class Table:
    """The records of one object.

    Attributes:
        kind: the object, with every field it has at present.
        rows: all records as last written, those in the recycle bin included.
        modstamps: which records were stamped when.
        delete_log: when each record was deleted; it outlives the record.
        uncommitted: the records whose last write readers do not see yet.
        last_number: how many ids were given.
        indexes: by field.
    """

    def __init__(self, kind: SObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.modstamps = ModstampLog()
        self.delete_log: dict[str, int] = {}
        self.uncommitted: dict[str, Uncommitted] = {}
        self.last_number = 0
        self.indexes: dict[str, Index] = {name: Index() for name in _indexed(kind)}

    def change_kind(self, kind: SObjectType) -> None:
        """Take on further fields, or lose some with all their values."""
        lost = {item.name for item in self.kind.fields} - {item.name for item in kind.fields}
        self.kind = kind
        self.indexes = {name: index for name, index in self.indexes.items() if name not in lost}
        self._drop_values(lost)
        for name in _indexed(kind) - self.indexes.keys():
            self.indexes[name] = self._new_index(name)

    def _drop_values(self, lost: set[str]) -> None:
        for record_id, row in self.rows.items():
            if not lost.isdisjoint(row):
                self.rows[record_id] = {
                    name: value for name, value in row.items() if name not in lost
                }

    def _new_index(self, name: str) -> Index:
        index = Index()
        for record_id, row in self.rows.items():
            if row.get(name) is not None:
                index.add(str(row[name]), record_id)
        return index

    def put(self, record_id: str, row: Row | None) -> None:
        """Set (or, with None, remove) a record, keeping the indexes right."""
        old = self.rows.get(record_id)
        self._index(record_id, old or {}, row or {})
        if row is None:
            self.rows.pop(record_id, None)
            return
        self.rows[record_id] = row
        if old is None or old["SystemModstamp"] != row["SystemModstamp"]:
            self.modstamps.add(row["SystemModstamp"], record_id)
            self.modstamps.compact(self.rows)

    def _index(self, record_id: str, old: Row, new: Row) -> None:
        for name, index in self.indexes.items():
            before, after = old.get(name), new.get(name)
            if before == after:
                continue
            if before is not None:
                index.remove(str(before), record_id)
            if after is not None:
                index.add(str(after), record_id)

    def restore(self, rows: dict[str, Row], delete_log: dict[str, int], last_number: int) -> None:
        """Hold these records and no others, all of them committed."""
        self.rows, self.delete_log, self.last_number = {}, dict(delete_log), last_number
        self.modstamps, self.uncommitted = ModstampLog(), {}
        self.indexes = {name: Index() for name in self.indexes}
        for record_id, row in sorted(rows.items(), key=lambda item: item[1]["SystemModstamp"]):
            self.put(record_id, row)

    def next_id(self) -> str:
        """A fresh record id."""
        self.last_number += 1
        return ids.make(self.kind.key_prefix, self.last_number)

    # -- what readers see

    def commit_due(self, now: float) -> None:
        """Let readers see what has been committed by now."""
        due = [key for key, write in self.uncommitted.items() if write.visible_at <= now]
        for record_id in due:
            del self.uncommitted[record_id]

    def visible(self, record_id: str) -> Row | None:
        """The record as a reader sees it, deleted ones included."""
        write = self.uncommitted.get(record_id)
        return self.rows.get(record_id) if write is None else write.before

    def visible_rows(self) -> Iterable[Row]:
        """All records as a reader sees them, deleted ones included."""
        if not self.uncommitted:  # by far the most frequent case, and a million rows feel it
            return list(self.rows.values())
        found = (self.visible(record_id) for record_id in self.rows)
        return [row for row in found if row is not None]

    def visible_among(self, record_ids: Iterable[str]) -> Iterable[Row]:
        """Those of the records that a reader sees, and every record with an uncommitted write.

        The ids come from an index, which knows values as last written. A record with an
        uncommitted write may match by the value that readers still see, so it is always among
        them; the caller tests each row.
        """
        wanted = dict.fromkeys(record_ids)
        wanted.update(dict.fromkeys(self.uncommitted))
        found = (self.visible(record_id) for record_id in wanted)
        return [row for row in found if row is not None]

    def live_ids(self, field: str, value: str) -> list[str]:
        """The records not deleted that have this value in an indexed field."""
        found = self.indexes[field].find(value)
        return [record_id for record_id in found if not self.rows[record_id].get("IsDeleted")]


def _indexed(kind: SObjectType) -> set[str]:
    keys = {item.name for item in kind.fields if (item.is_key or item.unique) and item.name != "Id"}
    return keys | set(_INDEXED.get(kind.name, ()))
