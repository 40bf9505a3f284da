"""The size of pages and batches, and the order in which rows are met, change nothing of the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sides import Sides, fast_folder

COLUMNS = {"job_title": "Title", "phone": "Phone", "total_clicks": "PenguinMails_Total_Clicks__c"}
edits = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.booleans(),
        st.sampled_from(list(COLUMNS)),
        st.sampled_from([None, 3, 4]),
    ),
    max_size=14,
)


@contextmanager
def six_people(order: list[int], page: int, batch: int) -> Iterator[Sides]:
    with TemporaryDirectory(dir=fast_folder()) as folder:
        sides = Sides(Path(folder) / "mirror.db")
        sides.org.page, sides.org.batch = page, batch
        try:
            for number in order:
                sides.org.create(
                    "Contact",
                    LastName=f"P{number}",
                    Email=f"p{number}@x.example",
                    Title="T",
                    Phone="1",
                )
            sides.sync()
            yield sides
        finally:
            sides.close()


def edited(sides: Sides, told: list[tuple[int, bool, str, int | None]]) -> tuple[Any, ...]:
    """People edit on both sides, a few runs follow; how both sides end."""
    for number, here, column, value in told:
        email, typed = (
            f"p{number}@x.example",
            value if column == "total_clicks" or value is None else str(value),
        )
        if here:
            sides.edit(f"UPDATE contacts SET {column} = ? WHERE email = ?", typed, email)
        else:
            [record] = [raw["Id"] for raw in sides.org.live("Contact") if raw["Email"] == email]
            sides.org.edit(record, **{COLUMNS[column]: typed})
    sides.sync(allow_mass_change=True)
    sides.sync_until_quiet(at_most=2)
    here = sides.look("SELECT email, job_title, phone, total_clicks FROM contacts ORDER BY email")
    there = sorted(
        (raw["Email"], *(str(raw.get(name)) for name in COLUMNS.values()))
        for raw in sides.org.live("Contact")
    )
    conflicts = sorted(map(repr, sides.conflicts()))
    return here, there, conflicts


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(edits, st.permutations(range(6)), st.integers(1, 4), st.integers(1, 4))
def test_small_pages_small_batches_and_another_order_end_the_same(
    told: list[tuple[int, bool, str, int | None]], order: list[int], page: int, batch: int
) -> None:
    with six_people(list(range(6)), 100, 1_000) as plain, six_people(order, page, batch) as cut:
        assert edited(cut, told) == edited(plain, told)
