"""Who is this person: one match, none, or several. Pure.

The ladder (docs/configuration.md, "objects"): the stored Salesforce Id, else the external id, else the address. A
Contact goes before a Lead. A Salesforce Id grows with time, so of several matches the largest is
the newest record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sfsync.model.mapping import OnMultiple

Match = TypeVar("Match")


@dataclass(frozen=True, slots=True)
class Choice(Generic[Match]):
    """The one chosen, or ``None`` with how many there were."""

    chosen: Match | None
    count: int

    @property
    def several(self) -> bool:
        """Whether nobody was chosen because there were several."""
        return self.chosen is None and self.count > 1


def choose(
    matches: Sequence[Match], on_multiple: OnMultiple, *, ids: Sequence[str]
) -> Choice[Match]:
    """Pick one of several matches, as the mapping says.

    Args:
        ids: what orders the matches by age, one for each: their Salesforce Ids.

    >>> choose(["ada", "other"], OnMultiple.OLDEST, ids=["003A", "003B"]).chosen
    'ada'
    >>> choose(["ada", "other"], OnMultiple.QUARANTINE, ids=["003A", "003B"]).several
    True
    """
    if not matches:
        return Choice(None, 0)
    if len(matches) == 1:
        return Choice(matches[0], 1)
    if on_multiple is OnMultiple.QUARANTINE:
        return Choice(None, len(matches))
    by_age = [
        match for _, match in sorted(zip(ids, matches, strict=True), key=lambda pair: pair[0])
    ]
    return Choice(by_age[-1 if on_multiple is OnMultiple.NEWEST else 0], len(matches))
