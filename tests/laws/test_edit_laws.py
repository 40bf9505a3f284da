"""No value that a person typed is lost without an entry: under deletions, restores and revivals, in any order of runs.

A value is accounted for where both sides held it at some time, where the same person's side typed
over it, or where it is among the conflicts. When everything is live again and quiet, there is no
other way for a value to be gone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sfsync.model.mapping import OnLocalDelete
from sfsync.model.merges import Merge
from tests.sides import MAPPING, Sides, fast_folder, with_merge, with_object

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
PROFILE = settings(
    max_examples=600 if LONG else 20,
    deadline=None,
    database=None,
    derandomize=not LONG,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TYPED = {
    "contacts": {
        "job_title": "Title",
        "phone": "Phone",
        "city": "MailingCity",
        "last_name": "LastName",
    },
    "leads": {"job_title": "Title", "phone": "Phone", "city": "City", "last_name": "LastName"},
}
COLUMNS = tuple(TYPED["contacts"])
OBJECTS = {"contacts": ("contact", "Contact"), "leads": ("lead", "Lead")}


def _mapping(table: str, *, deletes: bool):
    name = OBJECTS[table][0]
    mapping = with_merge(MAPPING, name, "phone", Merge.NEWEST)
    mapping = with_merge(mapping, name, "city", Merge.LOCAL_WINS)
    policy = OnLocalDelete.DELETE if deletes else OnLocalDelete.KEEP
    return with_object(mapping, name, on_local_delete=policy)


@dataclass
class World:
    """One person on both sides, and what became of each value that was typed.

    Attributes:
        open: values that are still to be accounted for.
    """

    sides: Sides
    table: str
    open: set[str] = field(default_factory=set)
    typed: int = 0

    def __post_init__(self) -> None:
        own = {"Company": "Engines"} if self.table == "leads" else {}
        self.record = self.sides.org.create(
            OBJECTS[self.table][1], Email="ada@x.example", LastName="Lovelace", **own
        )
        self.sides.sync_until_quiet()

    # -- what people do ----------------------------------------------------------------------------
    def edit_here(self, column: str) -> None:
        self.open.discard(self.here(column))
        self.sides.edit(f"UPDATE {self.table} SET {column} = ?", self._value())

    def blank_here(self, column: str) -> None:
        self.open.discard(self.here(column))
        self.sides.edit(f"UPDATE {self.table} SET {column} = NULL")

    def edit_there(self, column: str) -> None:
        if self.is_deleted_there:
            return
        self.open.discard(self.there(column))
        self.sides.org.edit(self.record, **{TYPED[self.table][column]: self._value()})

    def delete_here(self, _: str) -> None:
        self.sides.edit(
            f"UPDATE {self.table} SET deleted_at = '2026-01-20T10:00:00Z' WHERE deleted_at IS NULL"
        )

    def revive_here(self, _: str) -> None:
        self.sides.edit(f"UPDATE {self.table} SET deleted_at = NULL")

    def delete_there(self, _: str) -> None:
        if not self.is_deleted_there:
            self.sides.org.delete(self.record)

    def undelete_there(self, _: str) -> None:
        if self.is_deleted_there:
            self.sides.org.undelete(self.record)

    # -- runs --------------------------------------------------------------------------------------
    def sync(self, _: str) -> None:
        self.sides.sync()

    def push(self, _: str) -> None:
        self.sides.push()

    def pull(self, _: str) -> None:
        self.sides.pull()

    def wait(self, _: str) -> None:
        """So long that no reading overlaps what was before."""
        self.sides.pass_time(7_200)

    # -- what is to see ----------------------------------------------------------------------------
    @property
    def is_deleted_there(self) -> bool:
        return bool(self.sides.remote(self.record, "IsDeleted"))

    def here(self, column: str) -> str:
        return self.sides.one(f"SELECT {column} FROM {self.table}")

    def there(self, column: str) -> str:
        return self.sides.remote(self.record, TYPED[self.table][column])

    def account(self) -> None:
        """What both sides hold has arrived; what is among the conflicts is kept."""
        for column in COLUMNS:
            if self.here(column) == self.there(column):
                self.open.discard(self.here(column))
        for local, remote in self.sides.look("SELECT local, remote FROM conflicts"):
            self.open -= {local, remote}

    def _value(self) -> str:
        self.typed += 1
        value = f"v{self.typed}"
        self.open.add(value)
        return value


PEOPLE = (
    "edit_here",
    "edit_here",
    "edit_there",
    "blank_here",
    "delete_here",
    "revive_here",
    "delete_there",
    "undelete_there",
)
RUNS = ("sync", "sync", "push", "pull", "wait")
steps = st.lists(
    st.tuples(st.sampled_from([*PEOPLE, *RUNS]), st.sampled_from(COLUMNS)), max_size=14
)


@pytest.mark.timeout(0 if LONG else 120)
@PROFILE
@given(steps, st.sampled_from(sorted(TYPED)), st.booleans(), st.booleans())
@example(
    [("delete_there", ""), ("sync", ""), ("wait", ""), ("edit_here", "phone")],
    "leads",
    False,
    False,
)
@example([("delete_here", ""), ("edit_there", "phone")], "contacts", True, True)
@example(
    [("delete_here", ""), ("sync", ""), ("edit_there", "phone"), ("sync", ""), ("wait", "")],
    "contacts",
    False,
    False,
)
@example(
    [("edit_here", "phone"), ("delete_there", ""), ("push", ""), ("edit_here", "city")],
    "contacts",
    False,
    True,
)
def test_no_typed_value_is_lost_without_an_entry(
    history: Sequence[tuple[str, str]], table: str, deletes: bool, push_first: bool
) -> None:
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        sides = Sides(Path(folder) / "mirror.db", mapping=_mapping(table, deletes=deletes))
        try:
            world = World(sides, table)
            for name, column in history:
                step: Callable[[str], None] = getattr(world, name)
                step(column)
                world.account()
            _come_to_rest(world, push_first=push_first)
            assert not world.open
            for column in COLUMNS:
                assert world.here(column) == world.there(column)
        finally:
            sides.close()


def _come_to_rest(world: World, *, push_first: bool) -> None:
    """Everything is live again, and a few runs find nothing left to do."""
    sides = world.sides
    world.undelete_there("")
    for _ in range(2):
        world.revive_here("")
        if push_first:
            sides.push()
            world.account()
        sides.sync()
        world.account()
        world.undelete_there("")
    world.revive_here("")
    sides.sync_until_quiet()
    world.account()
