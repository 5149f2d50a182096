"""What happened, as typed values: the only thing that rosters are built from.

Times are aware UTC, durations are timedeltas, e-mail addresses are stripped and case-folded, "" means "not given".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What Zoom calls the thing people join."""

    MEETING = "meeting"
    WEBINAR = "webinar"


class Status(StrEnum):
    """A registration's state. Zoom lists the first three; a cancelled registrant vanishes from its lists."""

    APPROVED = "approved"
    PENDING = "pending"
    DENIED = "denied"
    CANCELLED = "cancelled"


class Role(StrEnum):
    """What a person is in a session; everybody who is no staff is an attendee."""

    ATTENDEE = "attendee"
    HOST = "host"
    ALTERNATIVE_HOST = "alternative_host"
    PANELIST = "panelist"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One scheduled date. `id` is Zoom's occurrence_id in a series, "" for a session with a single date."""

    id: str
    start: datetime
    duration: timedelta

    @property
    def end(self) -> datetime:
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class Session:
    """What is scheduled under one numeric id: a single date, or a series of them.

    `type` is Zoom's (1 instant, 2 scheduled, 3 recurring without time, 4 personal room, 8 recurring; webinars 5, 6, 9).
    `scheduled` is empty where there is no fixed time. `staff` holds (e-mail, role) pairs. `time_zone` is an IANA name.
    `registration_required` is None where nobody could tell (details gone).
    """

    kind: Kind
    id: str
    topic: str = ""
    type: int = 0
    host_email: str = ""
    time_zone: str = "UTC"
    scheduled: tuple[Scheduled, ...] = ()
    registration_required: bool | None = None
    staff: tuple[tuple[str, Role], ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """One that took place, by its UUID. `end` is None while it is live."""

    uuid: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """One row of a participants report: one join of one device, [join, leave).

    `user_id` is Zoom's participant_user_id, the account somebody was signed in to; Zoom's own "user_id" is per join
    and identifies nobody. `waiting` marks time in the waiting room, which is not presence.
    """

    join: datetime
    leave: datetime
    name: str = ""
    email: str = ""
    registrant_id: str = ""
    customer_key: str = ""
    user_id: str = ""
    waiting: bool = False
    instance: str = ""


class Interaction(StrEnum):
    """What people do in a session that Zoom lists person by person."""

    POLL = "poll"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Respondent:
    """How many polls somebody answered, or questions somebody asked, in one instance; as Zoom names them.

    `email` is "" for anonymous answers, and where Zoom shows none. What was answered or asked is not kept.
    """

    instance: str
    what: Interaction
    times: int
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """One registrant of a session. `occurrence_id` is "" when the registration stands for all of its dates.

    `answers` are (question title, answer) pairs; `source` is the name of the tracking source. `told_at` is when the
    status was told (a webhook's time, or when a listing was asked for), `detailed_at` when the details were; None for
    a registration of which only a name is known; `listed_at` when a listing last had it; `linked_at` when the join link
    was told.
    """

    registrant_id: str
    email: str
    status: Status
    registered_at: datetime | None = None
    occurrence_id: str = ""
    first_name: str = ""
    last_name: str = ""
    source: str = ""
    join_url: str = ""
    phone: str = ""
    org: str = ""
    job_title: str = ""
    country: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    told_at: datetime | None = None
    detailed_at: datetime | None = None
    listed_at: datetime | None = None
    linked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a session: what is scheduled, and every instance that was held for it.

    `scheduled` is None for what nobody scheduled (an instant meeting, a rehearsal the day before): it has attendees
    but no registrants of its own. `instances` are in time order and empty while the date is still to come.
    """

    session: Session
    scheduled: Scheduled | None
    instances: tuple[Instance, ...] = field(default=())

    @property
    def start(self) -> datetime:
        """When it was to start; when it did, if nobody scheduled it."""
        return self.scheduled.start if self.scheduled else self.instances[0].start

    @property
    def key(self) -> str:
        """Its name everywhere: "webinar:97871060099:20260901T1400Z", with seconds if it did not begin on the minute."""
        start = f"{self.start:%Y%m%dT%H%M}" + (f"{self.start:%S}" if self.start.second else "")
        return f"{self.session.kind}:{self.session.id}:{start}Z"

    @property
    def held(self) -> bool:
        return bool(self.instances)

    @property
    def live(self) -> bool:
        return any(instance.end is None for instance in self.instances)

    @property
    def began(self) -> datetime | None:
        """When the first instance did; None while none was held."""
        return self.instances[0].start if self.instances else None

    @property
    def ended_at(self) -> datetime | None:
        """When the last instance ended; None while one is live or none was held."""
        ends = [instance.end for instance in self.instances]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None
