"""Zoom's rate limits as data, and what its headers say about them.

Limits hold for an account, all of its users and all of its apps together. No call tells an app the plan.
Source: https://developers.zoom.us/docs/api/rate-limits/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from tajo.connectors.zoom.api.reading import moment

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so long a time."""

    calls: int
    per: timedelta


def _plan(light: int, medium: int, heavy: int, resource_a_minute: int) -> Mapping[str, Limit]:
    return MappingProxyType(
        {
            "light": Limit(light, SECOND),
            "medium": Limit(medium, SECOND),
            "heavy": Limit(heavy, SECOND),
            "resource": Limit(resource_a_minute, MINUTE),
        }
    )


# plan → label → limit. "business" stands for Business, Education, Enterprise and Partner.
LIMITS: Mapping[str, Mapping[str, Limit]] = MappingProxyType(
    {"free": _plan(4, 2, 1, 10), "pro": _plan(30, 20, 10, 10), "business": _plan(80, 60, 40, 20)}
)

# plan → daily bucket → calls a UTC day. Light and medium calls have no daily limit on a paid plan.
DAILY: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "free": MappingProxyType({"light": 6_000, "medium": 2_000, "heavy": 1_000, "resource": 30_000}),
        "pro": MappingProxyType({"heavy": 30_000}),
        "business": MappingProxyType({"heavy": 60_000}),
    }
)

_IN_PLACE = timedelta(minutes=2)  # ours: a wait longer than this is a daily one, whatever else it is called
_SOON = timedelta(seconds=1)


def daily_bucket(plan: str, label: str) -> str | None:
    """The daily budget that a call with this label draws on, None if there is none.

    Heavy and resource-intensive calls share one on the paid plans.
    """
    if plan == "free":
        return label
    return "heavy" if label in ("heavy", "resource") else None


def is_daily(headers: Mapping[str, str], body_message: str, now: datetime) -> bool:
    """Whether a 429 is about the day's budget. Header names are in lower case.

    The message may be in the account's language, and the headers are not on Zoom's current page: each is enough.
    """
    if "daily" in headers.get("x-ratelimit-type", "").lower() or "daily" in body_message.lower():
        return True
    wait = _header_time(headers, now)
    return wait is not None and wait - now > _IN_PLACE


def retry_after(
    status: int, headers: Mapping[str, str], body_message: str, now: datetime, label: str, *, jitter: float = 0.5
) -> datetime | None:
    """When the call may be sent again, aware UTC; None where neither the header nor a limit says.

    `Retry-After` is an ISO date-time at Zoom, and only with the daily limit; seconds and HTTP dates are read too.
    Without it a daily limit ends at 00:00 UTC, a per-second one in 1 to 2 s (`jitter` 0 to 1), and that of the
    resource-intensive calls, which is per minute, in 60 s. Never in the past, nor later than a day from now.
    """
    told = _header_time(headers, now)
    if told is not None:
        return min(max(told, now + _SOON), now + DAY)
    if status != 429:
        return None
    if is_daily(headers, body_message, now):
        return next_day(now)
    return now + (MINUTE if label == "resource" else SECOND * (1 + jitter))


def next_day(now: datetime) -> datetime:
    """The next 00:00 UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + DAY


def remaining(headers: Mapping[str, str]) -> int | None:
    """How many calls are left in the current second or minute, None where Zoom does not say.

    What is left of a day is not told here: a day's budget is counted, and its end is a 429 of its own.
    """
    if "daily" in headers.get("x-ratelimit-type", "").lower():
        return None
    value = headers.get("x-ratelimit-remaining", "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _header_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        # Longer than a day is read as a day; a number of twenty digits is no timedelta.
        return now + (timedelta(seconds=int(value)) if len(value) < 7 else DAY)
    return moment(value) or _http_date(value)


def _http_date(value: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
