"""Writes that a transaction can take back, and what it changed once it is committed.

Source: docs/salesforce.md §14.3 (several writes of a record in one transaction are one change, of
the kind of the first).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from local_org.state.tables import Row, Table, Uncommitted

ChangeType = Literal["CREATE", "UPDATE", "DELETE", "UNDELETE"]
Told = Literal["values", "gap", "nothing"]
"""What a change event says of a write: its values, only that there was one, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Write:
    """A record as it was before a write, and whether the write is told to who listens."""

    table: Table
    record_id: str
    row: Row | None
    uncommitted: Uncommitted | None
    deleted_at: int | None
    told: Told = "values"

    @classmethod
    def of(cls, table: Table, record_id: str, told: Told = "values") -> "Write":
        """A write of that record, which is about to be made."""
        return cls(
            table,
            record_id,
            table.rows.get(record_id),
            table.uncommitted.get(record_id),
            table.delete_log.get(record_id),
            told,
        )

    def take_back(self) -> None:
        """Make the record what it was."""
        self.table.put(self.record_id, self.row)
        _set_or_drop(self.table.uncommitted, self.record_id, self.uncommitted)
        _set_or_drop(self.table.delete_log, self.record_id, self.deleted_at)


def _set_or_drop(entries: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


@dataclass(frozen=True, slots=True)
class Change:
    """What a transaction did to one record.

    Args:
        sobject: the record's object.
        record_id: which.
        kind: what was done first.
        before: the record before the transaction; None where it made it.
        after: the record as it is now; None where it is gone for good.
        user_id: who wrote it last.
        told: what a change event says of it.
    """

    sobject: str
    record_id: str
    kind: ChangeType
    before: Row | None
    after: Row | None
    user_id: str = ""
    told: Told = "values"


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that is committed.

    Args:
        changes: the records it changed, in the order in which it came to them.
        visible_at: when readers see it, in seconds since 1970.
        origin: which API wrote, as change events name it; empty where none did.
    """

    changes: tuple[Change, ...]
    visible_at: float
    origin: str = ""


def commit_of(writes: Iterable[Write], now: float, origin: str = "") -> Commit:
    """What writes changed in all, taken together.

    Args:
        writes: those of one transaction, in order.
        now: the org's time, in seconds since 1970.
        origin: which API wrote.
    """
    by_record: dict[tuple[str, str], list[Write]] = {}
    for write in writes:
        by_record.setdefault((write.table.kind.name, write.record_id), []).append(write)
    changes = [found for each in by_record.values() if (found := _change(each)) is not None]
    held = (each[0].table.uncommitted.get(each[0].record_id) for each in by_record.values())
    waiting = [each.visible_at for each in held if each is not None]
    return Commit(tuple(changes), max([now, *waiting]), origin)


def _change(writes: list[Write]) -> Change | None:
    first = writes[0]
    after = first.table.rows.get(first.record_id)
    rows = [*(each.row for each in writes), after]
    kinds = (_kind(old, new) for old, new in pairwise(rows))
    kind = next((each for each in kinds if each is not None), None)
    if kind is None or (first.row is None and after is None):
        return None
    if after is None:  # whatever else was done to it, nothing is left to tell
        kind = "DELETE"
    return Change(
        first.table.kind.name,
        first.record_id,
        kind,
        first.row,
        after,
        _last_user(rows),
        _loudest([each.told for each in writes]),
    )


def _last_user(rows: list[Row | None]) -> str:
    last = next((row for row in reversed(rows) if row is not None), {})
    return str(last.get("LastModifiedById", ""))


def _loudest(told: list[Told]) -> Told:
    if "values" in told:
        return "values"
    return "gap" if "gap" in told else "nothing"


def _kind(old: Row | None, new: Row | None) -> ChangeType | None:
    """What a single write did; nothing where it emptied the recycle bin."""
    if old is None:
        return None if new is None else "CREATE"
    if new is None:
        return None if old.get("IsDeleted") else "DELETE"
    if bool(old.get("IsDeleted")) == bool(new.get("IsDeleted")):
        return "UPDATE"
    return "DELETE" if new.get("IsDeleted") else "UNDELETE"
