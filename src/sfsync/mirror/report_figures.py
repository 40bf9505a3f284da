"""Figures for ``sfsync report``: counted by SQL, a pass over the events of the period for each kind of sum. Reads only."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import literal
from sfsync.model.engagement import (
    MACHINE_MEASURES,
    MEASURES,
    Campaign,
    Count,
    Engagement,
    Measure,
)


@dataclass(frozen=True, slots=True)
class Period:
    """What a report is about.

    Attributes:
        since, until: its first and its last second, ``2026-01-20T10:00:00Z``.
        objects: only events, conflicts and refusals of these; all where none is named.
    """

    since: str
    until: str
    objects: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """For SQL. Fractions of the first second are later than it, and sort before its ``Z``."""
        return {
            "since": self.since.removesuffix("Z"),
            "until": self.until,
            "objects": json.dumps(self.objects),
        }


def _case(machine: int, measures: Mapping[Any, Measure]) -> str:
    return "".join(
        f" WHEN type = '{literal(kind.value)}' AND machine >= {machine} THEN '{measure.value}'"
        for kind, measure in measures.items()
    )


_MEASURE = f"CASE{_case(1, MACHINE_MEASURES)}{_case(0, MEASURES)} END"
"""SQL: what an event counts as; null for nothing."""

_KEY = "iif(campaign_id = '', 'name ' || campaign_name, 'id ' || campaign_id)"
"""SQL: events of one campaign share it. Where a platform names campaigns and has no ids, the name tells them apart."""

_OF_OBJECTS = "(:objects = '[]' OR object IN (SELECT value FROM json_each(:objects)))"

_COUNTED = (
    f"SELECT {_KEY} AS key, {_MEASURE} AS measure, substr(timestamp, 1, 10) AS day, match_key,"
    " campaign_id, campaign_name FROM events"
    f" WHERE timestamp >= :since AND timestamp <= :until AND {_OF_OBJECTS}"
)

_BIGGEST = (
    "SELECT key, campaign_id, coalesce(nullif((SELECT name FROM _campaigns WHERE id = campaign_id), ''),"
    " max(campaign_name)), count(*) OVER ()"
    f" FROM ({_COUNTED}) WHERE measure IS NOT NULL GROUP BY key"
    f" ORDER BY sum(measure = '{Measure.SENT.value}') DESC, count(*) DESC, key LIMIT :most"
)
_REST = "rest"
_GROUPED = (
    f"SELECT iif(key IN (SELECT value FROM json_each(:keys)), key, '{_REST}') AS part,"
    f" measure, day, match_key FROM ({_COUNTED}) WHERE measure IS NOT NULL"
)
_BY_PART = (
    "SELECT part, measure, count(*), count(DISTINCT nullif(match_key, ''))"
    f" FROM ({_GROUPED}) GROUP BY part, measure"
)
_TOGETHER = (
    "SELECT measure, count(*), count(DISTINCT nullif(match_key, ''))"
    f" FROM ({_COUNTED}) WHERE measure IS NOT NULL GROUP BY measure"
)
_BY_DAY = f"SELECT part, day, measure, count(*) FROM ({_GROUPED}) GROUP BY part, day, measure"

Days = dict[str, dict[Measure, int]]


class ReportFigures:
    """What happened in a period, and how things are."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    # -- engagement --------------------------------------------------------------------------------
    def engagement(self, period: Period, *, most: int) -> Engagement:
        """What people did with emails, by campaign.

        Args:
            most: so many campaigns one by one; the rest together.
        """
        given = period.parameters | {"most": most}
        biggest = self._database.rows(_BIGGEST, given)
        number = biggest[0][3] if biggest else 0
        given["keys"] = json.dumps([key for key, *_ in biggest])
        counts = self._counts(given)
        days = self._days(given)
        campaigns = tuple(
            Campaign(campaign, name, counts[key], days[key]) for key, campaign, name, _ in biggest
        )
        rest = Campaign("", "", counts[_REST], days[_REST]) if number > len(biggest) else None
        return Engagement(campaigns, rest, self._total(given, days), number, self._later(given))

    def _counts(self, given: Mapping[str, Any]) -> dict[str, dict[Measure, Count]]:
        found: dict[str, dict[Measure, Count]] = defaultdict(dict)
        for part, measure, events, people in self._database.rows(_BY_PART, given):
            found[part][Measure(measure)] = Count(events, people)
        return found

    def _days(self, given: Mapping[str, Any]) -> dict[str, Days]:
        found: dict[str, Days] = defaultdict(lambda: defaultdict(dict))
        for part, day, measure, events in self._database.rows(_BY_DAY, given):
            found[part][day][Measure(measure)] = events
        return found

    def _total(self, given: Mapping[str, Any], parts: Mapping[str, Days]) -> Campaign:
        counts = {
            Measure(measure): Count(events, people)
            for measure, events, people in self._database.rows(_TOGETHER, given)
        }
        days: Days = defaultdict(dict)
        for part in parts.values():
            for day, measures in part.items():
                for measure, events in measures.items():
                    days[day][measure] = days[day].get(measure, 0) + events
        return Campaign("", "", counts, days)

    def _later(self, given: Mapping[str, Any]) -> int:
        return int(
            self._database.value(
                f"SELECT count(*) FROM events WHERE timestamp > :until AND {_OF_OBJECTS}", given
            )
        )

    # -- what waits for people ---------------------------------------------------------------------
    def conflicts(self, period: Period, *, limit: int) -> tuple[list[int], int, int]:
        """Conflicts that are open, and those that were found in the period.

        Returns:
            The numbers of so many of them, open ones first and the latest first; how many are open; how many
            there are in all.
        """
        where = (
            "FROM conflicts WHERE (state = 'open' OR found_at BETWEEN :since AND :until)"
            f" AND {_OF_OBJECTS}"
        )
        given = period.parameters | {"limit": limit}
        found = self._database.rows(
            f"SELECT id {where} ORDER BY state = 'open' DESC, id DESC LIMIT :limit", given
        )
        counts = self._database.row(
            f"SELECT count(*) FILTER (WHERE state = 'open'), count(*) {where}", given
        )
        is_open, in_all = counts or (0, 0)
        return [number for (number,) in found], is_open, in_all

    def quarantine_causes(self, period: Period) -> list[dict[str, Any]]:
        """What is in open quarantine, by the reason, the most frequent first."""
        found = self._database.rows(
            "SELECT code, count(*), min(quarantined_at), max(quarantined_at), max(hint)"
            f" FROM quarantine WHERE state = 'open' AND {_OF_OBJECTS}"
            " GROUP BY code ORDER BY count(*) DESC, code",
            period.parameters,
        )
        return [
            {
                "code": code,
                "entries": entries,
                "oldest_at": oldest,
                "latest_at": latest,
                "hint": hint,
            }
            for code, entries, oldest, latest, hint in found
        ]

    def quarantined(self, period: Period, *, limit: int) -> list[int]:
        """The numbers of so many entries in open quarantine, the latest first."""
        found = self._database.rows(
            f"SELECT id FROM quarantine WHERE state = 'open' AND {_OF_OBJECTS}"
            " ORDER BY quarantined_at DESC, id DESC LIMIT :limit",
            period.parameters | {"limit": limit},
        )
        return [number for (number,) in found]

    # -- consent, API calls ------------------------------------------------------------------------
    def consent(self, period: Period) -> dict[str, Any]:
        """How many addresses are opted out and consented, and what was said in the period, by where it came from."""
        said = self._database.rows(
            "SELECT state, source, count(*) FROM consent WHERE since >= :since AND since <= :until"
            " GROUP BY state, source ORDER BY state, source",
            period.parameters,
        )
        return {
            "opted_out": self._addresses("_opted_out"),
            "consented": self._addresses("_consented"),
            "said": [
                {"state": state, "source": source, "statements": number}
                for state, source, number in said
            ],
        }

    def _addresses(self, table: str) -> int:
        return int(self._database.value(f"SELECT count(DISTINCT address_key) FROM {table}"))

    def calls_by_day(self, period: Period) -> dict[str, tuple[int, int]]:
        """API calls and runs by the day (of UTC) on which the run began."""
        found = self._database.rows(
            "SELECT substr(started_at, 1, 10), coalesce(sum(iif(json_valid(report),"
            " json_extract(report, '$.api_calls'), 0)), 0), count(*) FROM runs"
            " WHERE started_at >= :since AND started_at <= :until GROUP BY 1 ORDER BY 1",
            period.parameters,
        )
        return {day: (int(calls), runs) for day, calls, runs in found}
