"""Presence: how long somebody was there. Zoom gives one row a join; presence is the union of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple


class Segment(NamedTuple):
    """One stretch of time, [join, leave), both aware UTC."""

    join: datetime
    leave: datetime

    @property
    def length(self) -> timedelta:
        return self.leave - self.join


def merge(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Join overlapping and touching segments, in time order.

    Somebody on phone and laptop at once has two segments for the same minutes, and was present once.
    """
    return union((each.join, each.leave) for each in segments)


def union(spans: Iterable[tuple[datetime, datetime]]) -> tuple[Segment, ...]:
    """As `merge`, from (join, leave) pairs; one that ends before it starts is empty."""
    merged: list[Segment] = []
    begin: datetime | None = None
    end: datetime | None = None
    for join, leave in sorted(spans):
        if begin is None or end is None or join > end:
            if begin is not None and end is not None:
                merged.append(Segment(begin, end))
            begin, end = join, max(join, leave)
        elif leave > end:
            end = leave
    if begin is not None and end is not None:
        merged.append(Segment(begin, end))
    return tuple(merged)


def time_present(segments: Iterable[Segment]) -> timedelta:
    """The length of the union of all segments."""
    return total(merge(segments))


def total(segments: Iterable[Segment]) -> timedelta:
    """The sum of the lengths; of segments that do not overlap, the time they cover."""
    return sum((each.leave - each.join for each in segments), timedelta())


def moment_at(segments: Iterable[Segment], share: float) -> datetime | None:
    """When this share of the time that the segments cover had passed; None for no segments. They do not overlap.

    Of 20 minutes and, after a break, 45 more, 80 % are over 32 minutes into the second.
    """
    ordered = sorted(segments)
    left = total(ordered) * share
    for segment in ordered:
        if left <= segment.length:
            return segment.join + left
        left -= segment.length
    return ordered[-1].leave if ordered else None
