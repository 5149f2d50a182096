"""Presence: how long somebody was there. Zoom gives one row a join; presence is the union of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of time, [join, leave), both aware UTC. Never negative: see `segment`."""

    join: datetime
    leave: datetime

    @property
    def length(self) -> timedelta:
        return self.leave - self.join


def segment(join: datetime, leave: datetime) -> Segment:
    """A stretch that ends no earlier than it starts: a clock that ran backwards makes it empty, never negative."""
    return Segment(join, leave if leave > join else join)


def merge(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Join overlapping and touching segments, in time order.

    Somebody on phone and laptop at once has two segments for the same minutes, and was present once.
    """
    merged: list[Segment] = []
    for each in sorted(segments, key=attrgetter("join")):
        if merged and each.join <= merged[-1].leave:
            if each.leave > merged[-1].leave:
                merged[-1] = Segment(merged[-1].join, each.leave)
        else:
            merged.append(each)
    return tuple(merged)


def time_present(segments: Iterable[Segment]) -> timedelta:
    """The length of the union of all segments."""
    return sum((each.length for each in merge(segments)), timedelta())
