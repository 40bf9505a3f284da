"""Plans kept in a nameless file while all of them are counted and shown: memory stays flat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from sfsync.model.change import RowPlan
from sfsync.model.plan_json import full_plan_to_json, plan_from_json


class PlanSpool:
    """Plans in the order they were added; gone when closed."""

    def __init__(self) -> None:
        # Closed at the end of the block.
        self._file = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, plan: RowPlan) -> None:
        """Keep one more."""
        self._file.write(json.dumps(full_plan_to_json(plan)) + "\n")
        self.count += 1

    def __iter__(self) -> Iterator[RowPlan]:
        self._file.seek(0)
        for line in self._file:
            yield plan_from_json(json.loads(line))
