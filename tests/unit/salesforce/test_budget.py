"""The day's calls: what is left, what a job needs, when to stop."""

from __future__ import annotations

import pytest

from sfsync.errors import BudgetSpent
from sfsync.model.budget import Budget
from sfsync.salesforce import budget


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("api-usage=97/15000", (97, 15_000)),
        ("api-usage=10018/100000; api-bursts=1/750", (10_018, 100_000)),
        ("per-app-api-usage=17/250(appName=x); api-usage=25/5000", (25, 5_000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
    ],
)
def test_the_orgs_own_count_is_read(header: str, told: tuple[int, int] | None) -> None:
    assert budget.usage(header) == told


def test_the_reserve_is_left_for_everyone_else() -> None:
    spent = Budget(used=12_000, limit=15_000, reserve=0.2)
    assert spent.left == 0
    with pytest.raises(BudgetSpent, match=r"12000 of its 15000 .* 20%"):
        spent.check()


def test_a_job_that_would_not_fit_is_not_begun() -> None:
    almost = Budget(used=11_990, limit=15_000, reserve=0.2)
    almost.check(10)
    with pytest.raises(BudgetSpent, match="about 11 more"):
        almost.check(11)


def test_one_run_takes_no_more_than_its_share() -> None:
    greedy = Budget(used=100, limit=1_000, per_run=0.05, spent=45)
    greedy.check(5)
    with pytest.raises(
        BudgetSpent, match=r"45 API calls, and may make 5% of the org's 1000 .* about 6 more"
    ) as caught:
        greedy.check(6)
    assert "api_per_run" in caught.value.hint


def test_an_org_that_has_not_told_its_count_is_not_held_back() -> None:
    assert Budget().left is None
    Budget().check(10_000)


def test_what_jobs_cost() -> None:
    assert budget.rest_query_calls(0) == 1
    assert budget.rest_query_calls(4_001) == 3
    assert budget.collection_calls(1_001) == 2
    assert budget.bulk_query_calls(100_001) == 1 + budget.EXPECTED_POLLS + 3
    assert 8 <= budget.bulk_ingest_calls() <= 12
