"""What people did with the emails of a campaign, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sfsync.model.event import EventType


class Measure(StrEnum):
    """What is counted. What machines opened or clicked is apart from what people did."""

    SENT = "sent"
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    BOUNCED = "bounced"
    OPTED_OUT = "opted_out"
    MACHINE_OPENED = "machine_opened"
    MACHINE_CLICKED = "machine_clicked"


MEASURES: Mapping[EventType, Measure] = {
    EventType.SENT: Measure.SENT,
    EventType.OPENED: Measure.OPENED,
    EventType.CLICKED: Measure.CLICKED,
    EventType.REPLIED: Measure.REPLIED,
    EventType.BOUNCED: Measure.BOUNCED,
    EventType.UNSUBSCRIBED: Measure.OPTED_OUT,
    EventType.COMPLAINED: Measure.OPTED_OUT,
}
"""What an event of each type counts as. A consent that is given again is none of these."""

MACHINE_MEASURES: Mapping[EventType, Measure] = {
    EventType.OPENED: Measure.MACHINE_OPENED,
    EventType.CLICKED: Measure.MACHINE_CLICKED,
}
"""What it counts as where a machine did it, for types where that is another thing."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened, and to how many addresses.

    Attributes:
        people: addresses, each once. Those of purged people are not known, and not counted.
    """

    events: int = 0
    people: int = 0


NOTHING = Count()


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign's engagement in a period, or that of several together.

    Attributes:
        id: as the email platform calls it; empty for events that name none.
        name: the last that was learned; empty where none was.
        counts: what is not there is zero.
        by_day: ``{"2026-01-20": {SENT: 12}}``, in events; days are those of UTC.
    """

    id: str
    name: str
    counts: Mapping[Measure, Count] = field(default_factory=dict)
    by_day: Mapping[str, Mapping[Measure, int]] = field(default_factory=dict)

    def count(self, measure: Measure) -> Count:
        """How much there is of this."""
        return self.counts.get(measure, NOTHING)

    def rate(self, measure: Measure) -> float | None:
        """The share of the people who were sent an email, 0..1.

        ``None`` where fewer were sent one than did this: what was sent lies before the period, or was never told.

        >>> Campaign("c", "", {Measure.SENT: Count(9, 8), Measure.OPENED: Count(5, 2)}).rate(Measure.OPENED)
        0.25
        """
        sent, did = self.count(Measure.SENT).people, self.count(measure).people
        return did / sent if sent >= did and sent else None


@dataclass(frozen=True, slots=True)
class Engagement:
    """All campaigns of a period.

    Attributes:
        campaigns: the biggest, by what was sent, then by all that happened.
        rest: all others together; ``None`` where there are none.
        total: all together. A person of two campaigns is one person here.
        number: how many campaigns there are.
        later: events that say they lie in the future: counted nowhere else.
    """

    campaigns: tuple[Campaign, ...]
    rest: Campaign | None
    total: Campaign
    number: int
    later: int = 0
