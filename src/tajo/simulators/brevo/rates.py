"""Rate limits: which bucket a call is in, how full its windows are, and the headers that say so.

Source: developers.brevo.com/docs/api-limits and /limit-headers. One bucket per row of the table, for the whole account;
both the limit per second and the limit per hour hold. Windows slide. Refused calls do not count.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tajo.simulators.brevo.switches import BrevoSwitches, Tier

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limit:
    per_second: int | None
    per_hour: int


LIMITS: dict[Tier, dict[str, Limit]] = {
    "general": {
        "smtp_email": Limit(1000, 3_600_000),
        "smtp_emails": Limit(2, 7_200),
        "smtp": Limit(None, 300),
        "contacts": Limit(10, 36_000),
        "events": Limit(10, 36_000),
        "other": Limit(None, 100),
    },
    "advanced": {
        "smtp_email": Limit(2000, 7_200_000),
        "smtp_emails": Limit(3, 10_800),
        "smtp": Limit(None, 600),
        "contacts": Limit(20, 72_000),
        "events": Limit(20, 72_000),
        "other": Limit(None, 200),
    },
    # Where the table gives one of the two numbers only, the other is it times or by 3600.
    "extended": {
        "smtp_email": Limit(6000, 21_600_000),
        "smtp_emails": Limit(5, 18_000),
        "smtp": Limit(None, 1_800),
        "contacts": Limit(60, 216_000),
        "events": Limit(60, 216_000),
        "other": Limit(None, 600),
    },
}


def bucket_of(method: str, path: str, switches: BrevoSwitches) -> str:
    """The bucket of a call; `path` without /v3."""
    path = path.rstrip("/")
    named = {
        "POST /smtp/email": "smtp_email",
        "GET /smtp/blockedContacts": "smtp_email",
        "GET /smtp/emails": "smtp_emails",
        "POST /events": "events",
        "GET /events": switches.events_get,
        "POST /events/batch": switches.events_batch,
        "POST /contacts/import": switches.contacts_import,
    }.get(f"{method} {path}")
    if named is not None:
        return named
    if path == "/contacts":
        return switches.bare_contacts
    if path == "/processes" or path.startswith("/processes/"):
        return switches.processes
    if path.startswith("/smtp/"):
        return "smtp"
    return "contacts" if path.startswith("/contacts/") else "other"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may pass, and the three headers; reset is whole seconds to wait, not an epoch."""

    passes: bool
    headers: dict[str, str]


@dataclass(slots=True)
class _Window:
    """The times of the calls of the last `length`, oldest first."""

    length: timedelta
    times: deque[datetime] = field(default_factory=deque)

    def forget(self, now: datetime) -> None:
        while self.times and now - self.times[0] >= self.length:
            self.times.popleft()

    def headers(self, limit: int, now: datetime) -> dict[str, str]:
        """Seconds until a call leaves the window; 0 for an empty one."""
        left = (self.times[0] + self.length - now).total_seconds() if self.times else 0.0
        return {
            "x-sib-ratelimit-limit": str(limit),
            "x-sib-ratelimit-remaining": str(max(limit - len(self.times), 0)),
            "x-sib-ratelimit-reset": str(math.ceil(left)),
        }


@dataclass(slots=True)
class _Bucket:
    second: _Window = field(default_factory=lambda: _Window(SECOND))
    hour: _Window = field(default_factory=lambda: _Window(HOUR))


class RateLimiter:
    """Counts the calls of each bucket."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._buckets: dict[str, _Bucket] = {}

    def admit(self, label: str, now: datetime, switches: BrevoSwitches) -> Verdict:
        """Count one call, if there is room for it."""
        if switches.rate_limits == "off":
            return Verdict(True, {})
        limit = LIMITS[self.tier][label]
        bucket = self._buckets.setdefault(label, _Bucket())
        bucket.second.forget(now)
        bucket.hour.forget(now)
        hour_full = len(bucket.hour.times) >= limit.per_hour
        second_full = limit.per_second is not None and len(bucket.second.times) >= limit.per_second
        passes = not (hour_full or second_full)
        if passes:
            bucket.second.times.append(now)
            bucket.hour.times.append(now)
        shows_second = switches.rate_window == "second"
        if not passes and switches.rate_window_of_429 == "exceeded":
            shows_second = not hour_full
        if switches.rate_headers == "off":
            return Verdict(passes, {})
        if shows_second and limit.per_second is not None:
            return Verdict(passes, bucket.second.headers(limit.per_second, now))
        return Verdict(passes, bucket.hour.headers(limit.per_hour, now))

    def forget(self) -> None:
        """Start with empty windows."""
        self._buckets.clear()
