"""Figures of a report, counted by SQL, are those that counting one by one gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfsync.mirror.report_figures import Period
from sfsync.model.engagement import MACHINE_MEASURES, MEASURES, Campaign, Count, Measure
from sfsync.model.event import EmailEvent, EventType
from tests.ready_mirror import write_ready_mirror
from tests.sides import fast_folder
from tests.unit.mirror.samples import mapping, open_mirror

PERIOD = Period("2026-01-02T00:00:00Z", "2026-01-20T10:00:00Z")
TIMES = [
    "2026-01-01T23:59:59Z", "2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.500Z",
    "2026-01-03T12:00:00Z", "2026-01-20T10:00:00Z", "2026-01-20T10:00:01Z", "2027-01-01T00:00:00Z",
]  # fmt: skip
CAMPAIGNS = [
    ("", ""),
    ("", "c-1"),
    ("c-1", ""),
    ("c-1", "January"),
    ("c-2", "x"),
    ("c-3", "=1+1"),
    ("id c-1", ""),
]

events = st.builds(
    lambda kind, person, time, campaign, machine: (kind, person, time, campaign, machine),
    st.sampled_from(list(EventType)),
    st.integers(0, 3),
    st.sampled_from(TIMES),
    st.sampled_from(CAMPAIGNS),
    st.booleans(),
)


def told(
    number: int, kind: EventType, person: int, time: str, campaign: tuple[str, str], machine: bool
) -> EmailEvent:
    return EmailEvent(
        f"e{number}", kind, f"P{person}@example.com", time, *campaign, is_machine=machine
    )


def measure_of(event: EmailEvent) -> Measure | None:
    if event.is_machine and event.type in MACHINE_MEASURES:
        return MACHINE_MEASURES[event.type]
    return MEASURES.get(event.type)


def is_counted(event: EmailEvent) -> bool:
    at = event.timestamp.removesuffix("Z")
    return "2026-01-02T00:00:00" <= at <= "2026-01-20T10:00:00" and measure_of(event) is not None


def counted(events: Sequence[EmailEvent]) -> dict[Measure, Count]:
    by_measure = defaultdict(list)
    for event in events:
        by_measure[measure_of(event)].append(event.email)
    return {
        measure: Count(len(emails), len(set(emails)))
        for measure, emails in by_measure.items()
        if measure
    }


def by_day(events: Sequence[EmailEvent]) -> dict[str, dict[Measure, int]]:
    days: dict[str, dict[Measure, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        measure = measure_of(event)
        assert measure
        days[event.timestamp[:10]][measure] += 1
    return {day: dict(measures) for day, measures in days.items()}


def agrees(campaign: Campaign, events: Sequence[EmailEvent]) -> None:
    assert campaign.counts == counted(events)
    assert {day: dict(found) for day, found in campaign.by_day.items()} == by_day(events)


@settings(max_examples=60, deadline=None)
@example([], 1)
@given(st.lists(events, max_size=25), st.integers(1, 4))
def test_counting_in_sets_is_counting_one_by_one(
    happened: list[tuple[EventType, int, str, tuple[str, str], bool]], most: int
) -> None:
    events = [told(number, *facts) for number, facts in enumerate(happened)]
    with TemporaryDirectory(dir=fast_folder()) as folder:
        path = Path(folder) / "mirror.db"
        write_ready_mirror(path, mapping())
        with open_mirror(path) as mirror:
            mirror.events.keep(events, source="test")
            found = mirror.report_figures.engagement(PERIOD, most=most)
    in_period = [event for event in events if is_counted(event)]
    groups: dict[tuple[str, str], list[EmailEvent]] = defaultdict(list)
    for event in in_period:
        groups[event.campaign_id, "" if event.campaign_id else event.campaign_name].append(event)

    assert found.number == len(groups)
    assert len(found.campaigns) == min(most, len(groups))
    agrees(found.total, in_period)
    for campaign in found.campaigns:
        key = (campaign.id, "" if campaign.id else campaign.name)
        agrees(campaign, groups.pop(key))
    rest = [event for group in groups.values() for event in group]
    assert (found.rest is None) == (not groups)
    if found.rest:
        agrees(found.rest, rest)
    sent = [each.count(Measure.SENT).events for each in found.campaigns]
    assert sent == sorted(sent, reverse=True)
    assert (
        max(
            (counted(group).get(Measure.SENT, Count()).events for group in groups.values()),
            default=0,
        )
        <= sent[-1]
        if sent
        else True
    )
    assert found.later == sum(event.timestamp > PERIOD.until for event in events)
