"""Counts as the data of a report: what ``--json`` gives and the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfsync.model.engagement import Campaign, Engagement, Measure
from sfsync.report.periods import Steps


def engagement_data(engagement: Engagement, steps: Steps) -> dict[str, Any]:
    """Engagement, in all and by campaign, each with its course over time."""
    rest = engagement.rest
    return {
        "total": campaign_data(engagement.total, steps),
        "campaigns": [campaign_data(each, steps) for each in engagement.campaigns],
        "rest": campaign_data(rest, steps) if rest else None,
        "campaign_count": engagement.number,
        "rest_count": engagement.number - len(engagement.campaigns),
        "later_events": engagement.later,
    }


def campaign_data(campaign: Campaign, steps: Steps) -> dict[str, Any]:
    """One campaign: ``{"sent": {"events": 3, "people": 2, "rate": None}, …, "over_time": {"sent": [1, 2, 0]}}``."""
    return {
        "id": campaign.id,
        "name": campaign.name,
        "counts": {measure.value: _count_data(campaign, measure) for measure in Measure},
        "over_time": {
            measure.value: steps.folded(
                {day: counts.get(measure, 0) for day, counts in campaign.by_day.items()}
            )
            for measure in Measure
        },
    }


def _count_data(campaign: Campaign, measure: Measure) -> dict[str, Any]:
    count = campaign.count(measure)
    rate = None if measure is Measure.SENT else campaign.rate(measure)
    return {"events": count.events, "people": count.people, "rate": rate}


def api_data(by_day: Mapping[str, tuple[int, int]], steps: Steps) -> dict[str, Any]:
    """API calls and runs over time."""
    calls = steps.folded({day: calls for day, (calls, _) in by_day.items()})
    runs = steps.folded({day: runs for day, (_, runs) in by_day.items()})
    most = max(by_day.items(), key=lambda each: each[1][0], default=("", (0, 0)))
    return {
        "calls": sum(calls),
        "runs": sum(runs),
        "most_calls_a_day": most[1][0],
        "most_calls_on": most[0] or None,
        "over_time": {"calls": calls, "runs": runs},
    }
