"""What became of a registration, and when a session's roster is final."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tajo.core.facts import Occurrence, Registration, Status


class Outcome(StrEnum):
    """One person, one occurrence. ATTENDANCE_STATUS in Brevo carries these words."""

    REGISTERED = "registered"  # still to come
    PENDING = "pending"
    ATTENDED = "attended"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    DENIED = "denied"
    UNKNOWN = "unknown"  # ended, and nobody can say whether they were there


WITHOUT_PRESENCE = {
    Status.PENDING: Outcome.PENDING,
    Status.DENIED: Outcome.DENIED,
    Status.CANCELLED: Outcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Settle:
    """When an ended session counts as settled; see `settle` in the configuration."""

    after: timedelta = timedelta(minutes=1)
    every: timedelta = timedelta(minutes=5)
    deadline: timedelta = timedelta(hours=2)


class Readiness(StrEnum):
    """How far what Zoom says about an occurrence can be trusted."""

    COMING = "coming"  # not held yet, or live
    SETTLING = "settling"  # ended; the report may still change
    FINAL = "final"
    OVERDUE = "overdue"  # the deadline passed and the report never settled


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last read of one instance's report showed.

    `agree`: it gave the same rows as the read before. `complete`: the report could be read, and every row had a
    duration, or the read was made after the deadline, when what is missing will not come any more.
    """

    at: datetime
    complete: bool
    agree: bool


def readiness(
    occurrence: Occurrence, readings: Sequence[Reading | None], settle: Settle, now: datetime, *, missing: int = 0
) -> Readiness:
    """Whether no-shows may be told from attendees yet; `readings` are those of its instances, None for an unread one.

    `missing` counts people whom webhooks showed and no report has. Final when nothing is live, `settle.after` has
    passed since the later of the scheduled and the real end, every report is complete and was read twice alike, or
    once after the deadline, and nobody is missing.
    """
    over, ended = over_at(occurrence), occurrence.ended_at
    if over is None or ended is None or now < over:
        return Readiness.COMING
    late = over + settle.deadline
    settled = not missing and all(_settled(each, ended, late) for each in readings)
    if settled and now >= over + settle.after:
        return Readiness.FINAL
    return Readiness.OVERDUE if now >= late else Readiness.SETTLING


def _settled(reading: Reading | None, ended: datetime, late: datetime) -> bool:
    """Only what Zoom says after the end counts: twice alike, or once when nothing more will come."""
    return reading is not None and reading.complete and reading.at >= ended and (reading.agree or reading.at >= late)


def over_at(occurrence: Occurrence) -> datetime | None:
    """The later of the scheduled and the real end; None while an instance is live, or none was held."""
    ended = occurrence.ended_at
    if ended is None or occurrence.scheduled is None:
        return ended
    return max(ended, occurrence.scheduled.end)


def belonging(occurrence: Occurrence) -> Callable[[Registration], bool]:
    """Tells whether a registration is for this occurrence: for all dates or this one, and made before it ended.

    Nobody registered for what was not scheduled: a rehearsal, or an earlier use of the id.
    """
    ended = occurrence.ended_at
    date = occurrence.scheduled
    dates = {"", date.id} if date else {""}
    rehearsal = date is None and bool(occurrence.session.scheduled)

    def belongs(registration: Registration) -> bool:
        if rehearsal or registration.occurrence_id not in dates:
            return False
        made = registration.registered_at
        if made is None and registration.detailed_at is None:
            made = registration.told_at  # a bare approval: who registered before it is told by the registration itself
        return ended is None or made is None or made <= ended

    return belongs


def without_presence(status: Status, ready: Readiness, *, hidden: bool) -> Outcome:
    """The outcome of a registrant whom no row shows.

    `hidden` says that too many unidentified rows could be them: see `could_hide`.
    """
    if status in WITHOUT_PRESENCE:
        return WITHOUT_PRESENCE[status]
    if ready in (Readiness.COMING, Readiness.SETTLING):
        return Outcome.REGISTERED
    return Outcome.UNKNOWN if hidden or ready is Readiness.OVERDUE else Outcome.NO_SHOW


def could_hide(no_shows: int, unidentified: int, unknown_above: float) -> bool:
    """Whether more than `unknown_above` (a share) of the would-be no-shows may be among unidentified rows.

    >>> could_hide(100, 10, 0.10), could_hide(100, 11, 0.10)
    (False, True)
    """
    return no_shows > 0 and unidentified > round(unknown_above * no_shows, 9)  # 0.29 * 100 is 28.999…
