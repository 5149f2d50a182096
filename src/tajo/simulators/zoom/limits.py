"""Zoom's rate limits: by label for each second or minute, and the day's shared budget of the expensive labels.

Source: https://developers.zoom.us/docs/api/rate-limits/ ; the headers are from older documents and client code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from tajo.simulators.zoom.errors import ZoomError
from tajo.simulators.zoom.switches import Plan, ZoomSwitches

Label = Literal["Light", "Medium", "Heavy", "Resource-intensive"]

_WINDOW_S: dict[Label, int] = {"Light": 1, "Medium": 1, "Heavy": 1, "Resource-intensive": 60}
_PER_WINDOW: dict[Plan, dict[Label, int]] = {
    "free": {"Light": 4, "Medium": 2, "Heavy": 1, "Resource-intensive": 10},
    "pro": {"Light": 30, "Medium": 20, "Heavy": 10, "Resource-intensive": 10},
    "business": {"Light": 80, "Medium": 60, "Heavy": 40, "Resource-intensive": 20},
}
_FREE_DAILY: dict[Label, int] = {"Light": 6_000, "Medium": 2_000, "Heavy": 1_000, "Resource-intensive": 30_000}
_SHARED_DAILY: dict[Plan, int] = {"pro": 30_000, "business": 60_000}
_SHARED: tuple[Label, ...] = ("Heavy", "Resource-intensive")

PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
PER_DAY = (
    "You have reached the maximum daily rate limit for this API. "
    "Refer to the response header for details on when you can make another request."
)


@dataclass(slots=True)
class Limiter:
    """Counts the calls of the account. Days are UTC days; refused calls are not counted."""

    plan: Plan
    clock: Callable[[], datetime]
    switches: Callable[[], ZoomSwitches]
    _recent: dict[Label, deque[float]] = field(default_factory=dict)
    _today: dict[str, int] = field(default_factory=dict)
    _day: str = ""

    def admit(self, label: Label) -> dict[str, str]:
        """Count one call and return the headers that tell what remains; ZoomError 429 when nothing does."""
        now = self.clock()
        if not self.switches().rate_limits:
            return {}
        self._new_day(now)
        limit = _PER_WINDOW[self.plan][label]
        used = self._used(label, now)
        pool, daily = self._daily(label)
        if daily is not None and self._today.get(pool, 0) >= daily:
            raise ZoomError(429, 429, PER_DAY, headers=self._refusal(label, "Daily-limit", daily, now))
        if used >= limit:
            raise ZoomError(429, 429, PER_SECOND, headers=self._refusal(label, "QPS", limit, now))
        self._recent[label].append(now.timestamp())
        self._today[pool] = self._today.get(pool, 0) + 1
        return self._headers(label, "QPS", limit, limit - used - 1)

    def spend(self, label: Label, calls: int) -> None:
        """Count calls that other apps of the account made today."""
        self._new_day(self.clock())
        pool, _ = self._daily(label)
        self._today[pool] = self._today.get(pool, 0) + calls

    def _new_day(self, now: datetime) -> None:
        day = now.astimezone(UTC).date().isoformat()
        if day != self._day:
            self._day, self._today = day, {}

    def _daily(self, label: Label) -> tuple[str, int | None]:
        """The name of the budget that `label` draws on, and its size (None: without end)."""
        override = self.switches().daily_heavy_limit
        if label in _SHARED and (self.plan != "free" or override is not None):
            return "shared", _SHARED_DAILY.get(self.plan) if override is None else override
        return label, _FREE_DAILY[label] if self.plan == "free" else None

    def _used(self, label: Label, now: datetime) -> int:
        window, at = _WINDOW_S[label], now.timestamp()
        recent = self._recent.setdefault(label, deque())
        oldest = at - at % window if self.switches().window == "fixed" else at - window
        fixed = self.switches().window == "fixed"
        while recent and (recent[0] < oldest if fixed else recent[0] <= oldest):
            recent.popleft()
        return len(recent)

    def _refusal(self, label: Label, kind: str, limit: int, now: datetime) -> dict[str, str]:
        headers = self._headers(label, kind, limit, 0)
        if headers and kind == "Daily-limit":
            headers |= _retry_after(self.switches().retry_after, now)
        return headers

    def _headers(self, label: Label, kind: str, limit: int, remaining: int) -> dict[str, str]:
        if not self.switches().rate_headers:
            return {}
        return {
            "X-RateLimit-Category": label,
            "X-RateLimit-Type": kind,
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
        }


def _retry_after(form: str, now: datetime) -> dict[str, str]:
    """Until the next 00:00 UTC."""
    utc = now.astimezone(UTC)
    midnight = (utc + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    written = {
        "iso": midnight.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": str(int((midnight - utc).total_seconds()) + 1),
        "http_date": format_datetime(midnight, usegmt=True),
    }
    return {"Retry-After": written[form]} if form in written else {}
