"""Every configuration is in one shard, and moves to another one only where it has to."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.errors import UsageError
from sfsync.planning.shards import Shard, shard_of

KEYS = st.text(min_size=1, max_size=30)
COUNTS = st.integers(1, 30)


@given(key=KEYS, count=COUNTS)
@settings(deadline=None)
def test_each_key_is_in_exactly_one_shard(key: str, count: int) -> None:
    assert [Shard(number, count).has(key) for number in range(1, count + 1)].count(True) == 1


@given(key=KEYS, count=COUNTS)
@settings(deadline=None)
def test_with_one_shard_more_a_key_stays_or_goes_to_the_new_one(key: str, count: int) -> None:
    assert shard_of(key, count + 1) in {shard_of(key, count), count + 1}


def test_shards_are_about_the_same_size() -> None:
    sizes = Counter(shard_of(f"orgs/org{number}.yaml", 4) for number in range(1000))
    assert all(200 < sizes[number] < 300 for number in range(1, 5)), sizes


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4", "1/99999"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no shard"):
        Shard.parse(text)
