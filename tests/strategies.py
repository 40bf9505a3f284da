"""Generated values, records and mappings for the property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    Action,
    Direction,
    FieldMap,
    ObjectMap,
    RecordEvent,
    RecordRule,
    SyncRules,
)
from sfsync.model.merges import Merge
from sfsync.model.record import Base, Local, LocalId, Remote, SalesforceId, Triple

ID = SalesforceId("003000000000001AAA")
TEXTS = st.sampled_from([None, "Ada", "Grace", "Edith"])
NUMBERS = st.sampled_from([None, 0, 1, 5, 7])
FLAGS = st.sampled_from([0, 1])
TIMES = st.sampled_from(
    [None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
)

TYPES = {
    Merge.COUNTER: (FieldType.INTEGER, NUMBERS),
    Merge.STICKY_TRUE: (FieldType.BOOLEAN, FLAGS),
    Merge.LATEST: (FieldType.DATETIME, TIMES),
}


def values_for(merge: Merge) -> st.SearchStrategy:
    return TYPES.get(merge, (FieldType.TEXT, TEXTS))[1]


def field_map(merge: Merge, direction: Direction = Direction.BOTH, column: str = "") -> FieldMap:
    kind = TYPES.get(merge, (FieldType.TEXT, TEXTS))[0]
    name = column or merge.value
    return FieldMap(f"{name.title()}__c", name, kind, direction, merge)


ALL_MERGES = tuple(Merge)
OBJECT = ObjectMap(
    "contact",
    "contacts",
    "Contact",
    "email",
    (
        FieldMap("Email", "email"),
        *(field_map(merge) for merge in Merge),
        field_map(Merge.STICKY_TRUE, column="opted_out"),
        field_map(Merge.SALESFORCE_WINS, Direction.PULL, column="company"),
        field_map(Merge.LOCAL_WINS, Direction.PUSH, column="score"),
    ),
    opt_out=(Merge.STICKY_TRUE.value, "opted_out"),
)
RULES = SyncRules(
    "contact",
    records=(
        RecordRule(RecordEvent.CREATED, Action.IMPORT),
        RecordRule(RecordEvent.UPDATED, Action.UPDATE),
        RecordRule(RecordEvent.DELETED, Action.SOFT_DELETE),
    ),
)


@st.composite
def row_values(draw: st.DrawFn) -> dict:
    values = {
        "email": draw(TEXTS),
        "company": draw(TEXTS),
        "score": draw(TEXTS),
        "opted_out": draw(FLAGS),
    }
    return values | {merge.value: draw(values_for(merge)) for merge in Merge}


@st.composite
def triples(draw: st.DrawFn, *, met: bool | None = None) -> Triple:
    has_base = draw(st.booleans()) if met is None else met
    base = Base(draw(row_values())) if has_base else None
    local = Local(
        LocalId(1),
        draw(row_values()),
        edited_at=draw(st.sampled_from(["", "2026-01-02T00:00:00Z"])),
    )
    remote = Remote(ID, draw(row_values()), modified_at="2026-01-02T00:00:00Z")
    return Triple("contact", base, local, remote)
