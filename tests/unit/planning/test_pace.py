"""How often what the stream names is read, and the hour that the brake looks back on."""

from __future__ import annotations

from sfsync.planning.damage_hour import DamageHour
from sfsync.planning.pace import Pace
from sfsync.planning.safety import Damage

NOW = "2026-01-20T10:00:00Z"


def readings(pace: Pace, *, until: float, calls: int = 1, calls_left: int | None = 80_000) -> int:
    """How many readings there are where changes never end, looked at ten times a second."""
    count, now = 0, 0.0
    while now < until:
        if pace.is_due(now):
            pace.read(now, calls=calls, calls_left=calls_left)
            count += 1
        now += 0.1
    return count


def test_a_change_after_a_quiet_time_is_read_at_once_and_so_are_the_next_few():
    pace = Pace()
    assert pace.is_due(0)
    pace.read(0, calls=1, calls_left=80_000)
    assert not pace.is_due(0.5)
    assert pace.is_due(1.0)
    assert readings(Pace(), until=10) == 10


def test_a_minute_of_changes_takes_twenty_calls():
    assert 15 <= readings(Pace(), until=60) <= 20
    assert 7 <= readings(Pace(), until=60, calls=2) <= 11


def test_a_day_of_changes_takes_half_of_what_is_left_at_most():
    assert readings(Pace(), until=86_400, calls=2, calls_left=10_000) * 2 <= 5_000 + 250


def test_an_edit_every_ten_seconds_is_read_at_once_for_an_hour_though_calls_are_few():
    pace = Pace()
    for number in range(360):
        now = 10.0 * number
        assert pace.is_due(now)
        pace.read(now, calls=1, calls_left=12_000)


def test_where_hardly_any_call_is_left_it_reads_once_a_minute():
    assert readings(Pace(), until=1200, calls_left=10) <= 10 + 20


def test_what_could_not_be_applied_is_left_for_a_minute():
    pace = Pace()
    pace.hold(100)
    assert not pace.is_due(159)
    assert pace.is_due(160)


def test_what_is_older_than_an_hour_no_longer_counts():
    kept = [
        ["2026-01-20T08:59:59Z", 9, 9],
        ["2026-01-20T09:00:01Z", 2, 1],
        ["2027-01-01T00:00:00Z", 5, 5],
    ]
    hour = DamageHour.of(kept, NOW)
    assert hour.damage == Damage(2, 1)
    assert hour.with_more(Damage(1, 0), NOW).damage == Damage(3, 1)
    assert hour.with_more(Damage(), NOW) is hour
