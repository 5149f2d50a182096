"""The plans' numbers, and what headers say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.connectors.zoom.api.limits import DAILY, LIMITS, Limit, daily_bucket, is_daily, remaining, retry_after

SECOND = timedelta(seconds=1)
DAILY_TEXT = "You have reached the maximum daily rate limit for this API."
SECOND_TEXT = "You have reached the maximum per-second rate limit for this API. Try again later."
MIDNIGHT = datetime(2026, 9, 2, tzinfo=UTC)


def test_the_published_numbers() -> None:
    assert LIMITS["free"]["heavy"] == Limit(1, SECOND)
    assert LIMITS["pro"]["light"] == Limit(30, SECOND)
    assert LIMITS["business"]["medium"] == Limit(60, SECOND)
    assert LIMITS["business"]["resource"] == Limit(20, timedelta(minutes=1))
    assert all(set(plan) == {"light", "medium", "heavy", "resource"} for plan in LIMITS.values())


def test_heavy_and_resource_calls_share_a_day_on_paid_plans() -> None:
    """30,000 on Pro and 60,000 on Business; on Free each label has its own."""
    assert daily_bucket("pro", "heavy") == daily_bucket("pro", "resource") == "heavy"
    assert daily_bucket("business", "light") is None
    assert (DAILY["pro"]["heavy"], DAILY["business"]["heavy"]) == (30_000, 60_000)
    for label in LIMITS["free"]:
        assert daily_bucket("free", label) == label
        assert label in DAILY["free"]


@pytest.mark.parametrize(
    "value", ["2026-09-01T12:00:30Z", "30", "Tue, 01 Sep 2026 12:00:30 GMT", "2026-09-01T14:00:30+02:00"]
)
def test_retry_after_is_read_in_all_three_forms(value: str, now: datetime) -> None:
    assert retry_after(429, {"retry-after": value}, "", now, "heavy") == now + timedelta(seconds=30)


def test_a_daily_limit_without_header_ends_at_midnight_utc(now: datetime) -> None:
    assert retry_after(429, {}, DAILY_TEXT, now, "heavy") == MIDNIGHT
    assert retry_after(429, {"x-ratelimit-type": "Daily-limit"}, "Has alcanzado…", now, "heavy") == MIDNIGHT


def test_a_per_second_limit_is_over_in_one_to_two_seconds(now: datetime) -> None:
    assert retry_after(429, {}, SECOND_TEXT, now, "light", jitter=0) == now + SECOND
    assert retry_after(429, {}, SECOND_TEXT, now, "light", jitter=1) == now + 2 * SECOND


def test_a_resource_intensive_limit_is_over_in_a_minute(now: datetime) -> None:
    assert retry_after(429, {"x-ratelimit-type": "QPS"}, SECOND_TEXT, now, "resource") == now + timedelta(minutes=1)


def test_other_answers_say_nothing_unless_the_header_does(now: datetime) -> None:
    assert retry_after(503, {}, "", now, "light") is None
    assert retry_after(503, {"retry-after": "5"}, "", now, "light") == now + 5 * SECOND


@given(st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(str))
def test_no_header_sends_us_into_the_past_or_away_for_days(value: str) -> None:
    now = datetime(2026, 9, 1, 12, tzinfo=UTC)
    at = retry_after(429, {"retry-after": value}, "", now, "light")
    assert at is not None
    assert now < at <= now + timedelta(days=1)


def test_a_long_wait_is_a_daily_one_whatever_the_language(now: datetime) -> None:
    assert is_daily({"retry-after": "2026-09-02T00:00:00Z"}, "Límite", now)
    assert not is_daily({"retry-after": "2"}, "Límite", now)
    assert not is_daily({}, SECOND_TEXT, now)


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"x-ratelimit-remaining": "7"}, 7),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-type": "QPS"}, 7),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-type": "Daily-limit"}, None),
        ({"x-ratelimit-remaining": "many"}, None),
        ({}, None),
    ],
)
def test_remaining_is_of_the_second_not_of_the_day(headers: dict[str, str], left: int | None) -> None:
    assert remaining(headers) == left
