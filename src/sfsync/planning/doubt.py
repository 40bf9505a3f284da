"""Rows in doubt: what was written to the org for them, and whether that arrived, nobody knows. Pure.

A plan that is made beside an unanswered write would count it twice: the row still differs from its
base, and the record holds the write already. So such a row is settled first, or left out and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sfsync.model.address import match_key
from sfsync.model.change import OrgAction, RowPlan
from sfsync.model.journal import JournaledWrite
from sfsync.model.record import LocalId, Triple, Values
from sfsync.planning.unanswered import holds_all

IN_DOUBT = "a write of it was never answered; the next push or sync looks it up, and settles it"


@dataclass(frozen=True, slots=True)
class Doubt:
    """One object's unanswered writes.

    Attributes:
        rows: whose writes they are.
        match_on: the column that creates are told apart by.
        creates: match key (empty for none) -> what each create sent, by column.
    """

    rows: frozenset[LocalId] = frozenset()
    match_on: str = ""
    creates: Mapping[str, Sequence[Values]] = field(default_factory=dict)

    @classmethod
    def of(cls, writes: Iterable[JournaledWrite], match_on: str) -> Doubt:
        """From the journal's writes without an outcome."""
        rows: set[LocalId] = set()
        creates: dict[str, list[Values]] = {}
        for write in writes:
            rows.add(write.local_id)
            if write.action == OrgAction.CREATE:
                creates.setdefault(_key(write.after, match_on), []).append(write.after)
        return cls(frozenset(rows), match_on, creates)

    def concerns(self, triple: Triple) -> bool:
        """Whether this row, or a record that no row has, may show what an unanswered write did."""
        if triple.local is not None:
            return triple.local.local_id in self.rows
        if triple.remote is None:
            return False
        values = triple.remote.values
        sent = self.creates.get(_key(values, self.match_on), ())
        return any(holds_all(each, values) for each in sent)


def left_out(triple: Triple) -> RowPlan:
    """The plan of a row in doubt: nothing, and why."""
    remote, local = triple.remote, triple.local
    return RowPlan(
        triple.object,
        local.local_id if local else None,
        remote.salesforce_id if remote else None,
        skip=IN_DOUBT,
    )


def _key(values: Values, column: str) -> str:
    return match_key(str(values.get(column) or ""))
