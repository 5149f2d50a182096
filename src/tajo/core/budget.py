"""Rate limits as arithmetic: evenly spaced calls, and quotas that are counted. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `calls` in any window of `window`; `daily` ones start anew at 00:00 UTC instead of sliding.

    `name` is the counter: buckets whose quotas have the same name share it.
    """

    name: str
    calls: int
    window: timedelta
    daily: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """One budget that calls are counted on. `spacing` is the least time between two calls; 0: not spaced."""

    name: str
    spacing: timedelta
    quotas: tuple[Quota, ...] = ()
    title: str = ""  # what a person reads while waiting: "Zoom heavy limit"


@dataclass(frozen=True, slots=True)
class Slot:
    """When to call. Not `granted`: a quota is used up, nothing was taken, ask again at `at`."""

    at: datetime
    granted: bool
    quota: str = ""  # the quota that is used up


def spaced(calls: float, per: timedelta, share: float = 1.0) -> timedelta:
    """The spacing that uses `share` of a limit of `calls` per `per`, evenly, without bursts."""
    return per / (calls * share)


def free_at(counts: Iterable[tuple[datetime, int]], quota: Quota, now: datetime, *, grain: timedelta) -> datetime:
    """When a quota has room for one more call: `now`, or later.

    `counts` are (start of a grain, calls in it). A grain leaves the sliding window only when its end does, so the
    count is never too low.
    """
    if quota.daily:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        used = sum(count for start, count in counts if start >= midnight)
        return now if used < quota.calls else midnight + timedelta(days=1)
    recent = sorted((start, count) for start, count in counts if start + grain > now - quota.window)
    over = sum(count for _, count in recent) - quota.calls + 1
    for start, count in recent:
        if over <= 0:
            break
        over -= count
        if over <= 0:
            return start + grain + quota.window
    return now
