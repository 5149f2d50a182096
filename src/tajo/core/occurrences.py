"""Which instances belong to which date: a host who restarts makes a second instance, not a second session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tajo.core.facts import Instance, Occurrence, Scheduled, Session

INSTANT_GAP = timedelta(minutes=10)  # ours: these types are reused at any time, so only a quick restart is one
UNSCHEDULED_TYPES = frozenset({1, 3, 4})  # instant, recurring without time, personal room
# Ours: a run that is further from its date than this is a rehearsal, or an old use of the id.
NAMED_WITHIN = timedelta(hours=12)
USUAL = timedelta(hours=1)  # ours: how long a session without a scheduled length lasts


def occurrences(
    session: Session, instances: Sequence[Instance], *, restart_gap: timedelta, now: datetime
) -> list[Occurrence]:
    """The session's dates in time order: those that were held, and those still to come.

    Instances with at most `restart_gap` between them are one. Where dates are scheduled, each date goes to the run of
    instances nearest to it; a run that is nearest to no date (a rehearsal the day before) is an occurrence of its own,
    without registrants. A date that has passed without an instance is left out: nothing was held.
    """
    gap = min(restart_gap, INSTANT_GAP) if session.type in UNSCHEDULED_TYPES else restart_gap
    length = session.scheduled[0].duration if session.scheduled else USUAL
    runs = _runs(instances, gap, length)
    dates = () if session.type in UNSCHEDULED_TYPES else session.scheduled
    named = _nearest(runs, dates)
    found = [Occurrence(session, named.get(index), tuple(run)) for index, run in enumerate(runs)]
    taken = set(named.values())
    coming = [Occurrence(session, date) for date in dates if date not in taken and date.end > now]
    return sorted(found + coming, key=lambda occurrence: occurrence.start)


def _runs(instances: Sequence[Instance], gap: timedelta, length: timedelta) -> list[list[Instance]]:
    """Instances in time order, cut where more than `gap` lies between one's end and the next one's start.

    One whose end was never told, and that was followed by another, lasted for `length`: only the last can be live.
    """
    runs: list[list[Instance]] = []
    end: datetime | None = None
    for instance in sorted(instances, key=lambda i: (i.start, i.uuid)):
        if end is not None and instance.start - end <= gap:
            runs[-1].append(instance)
        else:
            runs.append([instance])
            end = None
        ended = instance.end or instance.start + length
        end = ended if end is None else max(end, ended)
    return runs


def _nearest(runs: list[list[Instance]], dates: Sequence[Scheduled]) -> dict[int, Scheduled]:
    """Run index → its date. A date names at most one run, the closest; each run asks for its closest date only."""
    claims: dict[Scheduled, tuple[timedelta, int]] = {}
    for index, run in enumerate(runs):
        reach = [(_distance(run, date), date) for date in dates]
        distance, date = min(reach, key=lambda pair: pair[0], default=(timedelta.max, None))
        if date is None or distance > NAMED_WITHIN:
            continue
        if date not in claims or distance < claims[date][0]:
            claims[date] = (distance, index)
    return {index: date for date, (_, index) in claims.items()}


def _distance(run: list[Instance], date: Scheduled) -> timedelta:
    """How far a run lies from a date: nothing if it covers the scheduled start, else the gap to it."""
    first = run[0].start
    last = max((instance.end or first for instance in run), default=first)
    if first <= date.start <= last:
        return timedelta()
    return min(abs(first - date.start), abs(last - date.start))
