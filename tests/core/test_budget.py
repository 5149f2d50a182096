"""Rate limits as arithmetic: even spacing, and quotas whose count is never too low."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tajo.core.budget import Quota, free_at, spaced

NOW = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HOURLY = Quota("brevo contacts", 100, HOUR)
DAILY = Quota("zoom heavy", 30_000, timedelta(days=1), daily=True)


def counted(calls: list[datetime], grain: timedelta) -> list[tuple[datetime, int]]:
    """Calls by the grain they fall into, as the store counts them."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return list(Counter(call - (call - epoch) % grain for call in calls).items())


def test_spacing_is_even_within_the_share() -> None:
    """80 a second at full share is 12.5 ms; 10 a second at 95 % is 105.3 ms."""
    assert spaced(80, SECOND) == timedelta(milliseconds=12.5)
    assert spaced(10, SECOND, 0.95) == timedelta(microseconds=105_263)
    assert spaced(1, MINUTE, 0.5) == 2 * MINUTE


@given(st.integers(1, 500), st.floats(0.05, 1.0))
def test_no_more_calls_fit_into_a_period_than_the_limit(calls: int, share: float) -> None:
    assert spaced(calls, SECOND, share) * calls * share <= SECOND + timedelta(microseconds=calls)
    assert spaced(calls, SECOND, share) >= spaced(calls, SECOND)


def test_an_unused_quota_is_free_now() -> None:
    assert free_at([], HOURLY, NOW, grain=MINUTE) == NOW
    assert free_at([], DAILY, NOW, grain=HOUR) == NOW


def test_the_last_call_is_free_and_the_next_one_waits() -> None:
    """100 an hour, all made in the minute of 13:30: free again when that minute has left the window, at 14:31."""
    minute = NOW - 30 * MINUTE
    assert free_at([(minute, 99)], HOURLY, NOW, grain=MINUTE) == NOW
    assert free_at([(minute, 100)], HOURLY, NOW, grain=MINUTE) == NOW + 31 * MINUTE


def test_only_as_many_grains_as_needed_have_to_leave() -> None:
    """40 at 13:10, 60 at 13:40: when the first leave at 14:11, there is room."""
    counts = [(NOW - 20 * MINUTE, 60), (NOW - 50 * MINUTE, 40)]
    assert free_at(counts, HOURLY, NOW, grain=MINUTE) == NOW + 11 * MINUTE


def test_what_is_over_the_quota_has_to_leave_as_well() -> None:
    """Another process pushed it to 140: the 40 of 13:10 alone are not enough."""
    counts = [(NOW - 50 * MINUTE, 40), (NOW - 20 * MINUTE, 100)]
    assert free_at(counts, HOURLY, NOW, grain=MINUTE) == NOW + 41 * MINUTE


def test_calls_older_than_the_window_do_not_count() -> None:
    """A grain that ended exactly an hour ago is out, one that ends a second later is not."""
    assert free_at([(NOW - 61 * MINUTE, 100)], HOURLY, NOW, grain=MINUTE) == NOW
    assert free_at([(NOW - 61 * MINUTE + SECOND, 100)], HOURLY, NOW, grain=MINUTE) == NOW + SECOND


def test_the_window_slides_over_midnight() -> None:
    midnight = datetime(2026, 9, 2, tzinfo=UTC)
    assert free_at([(midnight - 10 * MINUTE, 100)], HOURLY, midnight, grain=MINUTE) == midnight + 51 * MINUTE


def test_calls_already_promised_for_later_count() -> None:
    """A slot that was handed out for 14:05 is a call."""
    assert free_at([(NOW + 5 * MINUTE, 100)], HOURLY, NOW, grain=MINUTE) == NOW + 66 * MINUTE


def test_a_days_quota_starts_anew_at_midnight_utc() -> None:
    used = [(NOW - 2 * HOUR, 30_000)]
    assert free_at(used, DAILY, NOW, grain=HOUR) == datetime(2026, 9, 2, tzinfo=UTC)
    assert free_at(used, DAILY, datetime(2026, 9, 1, 23, 59, 59, tzinfo=UTC), grain=HOUR) > NOW
    midnight = datetime(2026, 9, 2, tzinfo=UTC)
    assert free_at(used, DAILY, midnight, grain=HOUR) == midnight


def test_yesterdays_calls_do_not_count_against_today() -> None:
    one_to_midnight = [(datetime(2026, 8, 31, 23, tzinfo=UTC), 30_000)]
    just_after = datetime(2026, 9, 1, 0, 0, 1, tzinfo=UTC)
    assert free_at(one_to_midnight, DAILY, just_after, grain=HOUR) == just_after


def test_the_calls_of_a_day_add_up() -> None:
    hours = [(datetime(2026, 9, 1, hour, tzinfo=UTC), 3_000) for hour in range(10)]
    assert free_at(hours[:9], DAILY, NOW, grain=HOUR) == NOW
    assert free_at(hours, DAILY, NOW, grain=HOUR) > NOW


offsets = st.lists(st.integers(-7200, 300), max_size=30)
grains = st.sampled_from([SECOND, MINUTE, 7 * SECOND, timedelta(minutes=10)])


def in_window(calls: list[datetime], at: datetime, window: timedelta) -> int:
    """The true count: calls after `at - window`, those still to be made included."""
    return sum(1 for call in calls if call > at - window)


@given(offsets, st.integers(1, 12), grains)
def test_a_sliding_quota_is_never_exceeded(seconds: list[int], limit: int, grain: timedelta) -> None:
    """Against the full log: whenever a call is let through, fewer than the limit were made in the hour before."""
    calls = [NOW + each * SECOND for each in seconds]
    quota = Quota("q", limit, HOUR)
    at = free_at(counted(calls, grain), quota, NOW, grain=grain)
    assert at >= NOW
    assert in_window(calls, at, HOUR) < limit


@given(offsets, st.integers(1, 12), grains)
def test_nobody_waits_longer_than_a_grain_too_long(seconds: list[int], limit: int, grain: timedelta) -> None:
    calls = [NOW + each * SECOND for each in seconds]
    at = free_at(counted(calls, grain), Quota("q", limit, HOUR), NOW, grain=grain)
    if at > NOW:
        assert in_window(calls, at - grain - timedelta(microseconds=1), HOUR) >= limit


@given(st.lists(st.integers(0, 5400), min_size=1, max_size=60), st.integers(1, 5), grains)
def test_a_whole_run_of_calls_keeps_every_window(arrivals: list[int], limit: int, grain: timedelta) -> None:
    """Callers come, wait as told and call: in no hour are there more calls than allowed."""
    quota = Quota("q", limit, HOUR)
    made: list[datetime] = []
    clock = NOW
    for arrival in sorted(arrivals):
        clock = max(clock, NOW + arrival * SECOND)
        clock = free_at(counted(made, grain), quota, clock, grain=grain)
        assert free_at(counted(made, grain), quota, clock, grain=grain) == clock
        made.append(clock)
    for call in made:
        assert sum(1 for other in made if call - HOUR < other <= call) <= limit


@given(st.lists(st.integers(0, 3 * 86_400), max_size=30), st.integers(0, 3 * 86_400), st.integers(1, 8))
def test_a_days_quota_is_never_exceeded(seconds: list[int], now: int, limit: int) -> None:
    start = datetime(2026, 9, 1, tzinfo=UTC)
    at = start + now * SECOND
    calls = [start + each * SECOND for each in seconds if each <= now]
    free = free_at(counted(calls, HOUR), Quota("q", limit, timedelta(days=1), daily=True), at, grain=HOUR)
    today = [call for call in calls if call.date() == at.date()]
    assert free == (at if len(today) < limit else datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1))
