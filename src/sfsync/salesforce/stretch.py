"""A stretch of stamps that was read whole, so that the overlap of two pulls need not read it again.

A record can become visible with an old stamp while a long transaction ends, so each pull reads a
little again. After a big push that little is many pages, of which nothing has changed. So the org
is asked for what such a late commit would alter: for each user how many records of the stretch they
saved last, between which stamps, and at how many. That is one row a user, in the same call as the
records stamped after the stretch.

Two saves of one record by one user may leave these numbers as they are, where the second one was
still on its way when the stretch was read. So when no late commit can come any more, the stretch is
read once more, a page with each pull, in the call that the pull makes anyway.

Source: docs/salesforce.md §6.2 (stamps and late commits); SOQL Reference, "Aggregate Functions"
(COUNT_DISTINCT, MIN and MAX of a dateTime).
"""

from __future__ import annotations

import json

from sfsync.model.traffic import Stretch
from sfsync.salesforce import soql
from sfsync.salesforce.connect import Page

_MEASURES = (
    "LastModifiedById,COUNT(Id) n,COUNT_DISTINCT(SystemModstamp) stamps"
    ",MIN(SystemModstamp) first,MAX(SystemModstamp) latest"
)
_MEASURED = ("LastModifiedById", "n", "stamps", "first", "latest")


def condition(start: str, end: str) -> str:
    """SOQL: stamped within the stretch; its end is not in it."""
    return f"SystemModstamp >= {soql.stamp(start)} AND SystemModstamp < {soql.stamp(end)}"


def measure_statement(sobject: str, start: str, end: str) -> str:
    """The query for a stretch's measure."""
    return (
        f"SELECT {_MEASURES} FROM {soql.named(sobject)}"  # noqa: S608 - names are checked, no SQL
        f" WHERE {condition(start, end)} GROUP BY LastModifiedById"
    )


def measure_of(page: Page) -> str:
    """What that query answered, to be compared; empty where it was not all of it."""
    if page.next_url:
        return ""
    groups = [[group.get(name) for name in _MEASURED] for group in page.records]
    return json.dumps(sorted(groups, key=str))


def rest_condition(stretch: Stretch) -> str:
    """SOQL: what of the stretch is still to be read once more."""
    where = condition(stretch.start, stretch.end)
    return f"{where} AND {soql.after(*stretch.reread_to)}" if stretch.reread_to else where
