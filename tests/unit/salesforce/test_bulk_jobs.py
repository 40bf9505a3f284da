"""How often a Bulk job is asked for its state."""

from __future__ import annotations

from sfsync.salesforce.bulk_jobs import Polling


def test_gaps_between_questions_grow() -> None:
    gaps = list(Polling(0.25, 2, 30, 120).gaps())
    assert gaps[:4] == [0.25, 0.5, 1.0, 2.0]
    assert max(gaps) == 30
    assert len(gaps) < 15
