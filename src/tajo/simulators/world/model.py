"""The invented world that a simulator shows: users, sessions, registrants, instances and rows.

All times are aware UTC. Names of fields are Zoom's; what Zoom derives (counts, totals, addresses) is left to the
simulator. The world knows what will be true at any time; the simulator's clock decides how much of it may be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal

from tajo.simulators.world.truth import TruthOccurrence

Kind = Literal["meeting", "webinar"]
RowStatus = Literal["in_meeting", "in_waiting_room"]
RegistrantStatus = Literal["approved", "pending", "denied"]


@dataclass(frozen=True, slots=True)
class User:
    """A user of the account. A pending one has no id in Zoom's answers."""

    id: str
    email: str
    first_name: str
    last_name: str
    timezone: str = "Asia/Seoul"
    type: int = 2  # 1 Basic, 2 Licensed
    status: Literal["active", "inactive", "pending"] = "active"
    dept: str = ""
    pmi: int = 0
    webinar_plan: bool = False
    created_at: datetime | None = None

    @property
    def name(self) -> str:
        """As shown: Korean names family name first and in one word."""
        if not self.last_name.isascii():
            return f"{self.last_name}{self.first_name}"
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Registrant:
    """Somebody who signed up. `occurrence_ids` empty means the whole session or series."""

    id: str
    email: str
    first_name: str
    last_name: str
    create_time: datetime
    status: RegistrantStatus = "approved"
    cancelled_at: datetime | None = None  # from then on Zoom's lists leave the registrant out
    occurrence_ids: tuple[str, ...] = ()
    source_id: str = ""  # the tracking source, "" for none
    phone: str = ""
    org: str = ""
    job_title: str = ""
    country: str = ""
    city: str = ""
    industry: str = ""
    comments: str = ""
    custom_questions: tuple[tuple[str, str], ...] = ()  # (title, value)
    language: str = "ko-KR"


@dataclass(frozen=True, slots=True)
class Row:
    """One stay of one device, [join, leave); `user_id` is new for every join and names nobody."""

    user_id: str
    name: str
    email: str
    join: datetime
    leave: datetime
    participant_user_id: str = ""  # the Zoom user id of somebody signed in, "" for a guest
    registrant_id: str = ""
    customer_key: str = ""  # joins through the SDK only
    status: RowStatus = "in_meeting"
    bo_mtg_id: str = ""  # set in a breakout room
    failover: bool = False
    internal_user: bool = False
    practice: bool = False  # a webinar's practice session, before it was opened
    phone: str = ""  # joined by telephone

    @property
    def duration_s(self) -> int:
        return int((self.leave - self.join).total_seconds())


@dataclass(frozen=True, slots=True)
class Recording:
    """A cloud recording: `sets` complete file sets under one uuid, there from `completed_at` on.

    `deleted_on` is when Zoom deletes it by itself, None for never.
    """

    completed_at: datetime
    sets: int = 1
    passcode: str = "a1B2c3"
    transcript_at: datetime | None = None
    deleted_on: date | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a poll, or one question asked in Q&A with its answer. Anonymous: email ""."""

    name: str
    email: str
    question: str
    answer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Instance:
    """One time that a session took place."""

    uuid: str
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    recording: Recording | None = None
    polls: tuple[Answer, ...] = ()
    qa: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One scheduled date of a recurring session; `id` is its start in milliseconds, as Zoom writes it."""

    id: str
    start: datetime
    minutes: int
    status: Literal["available", "deleted"] = "available"


@dataclass(frozen=True, slots=True)
class Panelist:
    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class TrackingSource:
    id: str
    name: str
    visitor_count: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question of one's own on the registration form."""

    title: str
    type: Literal["short", "single_radio", "single_dropdown", "multiple"] = "short"
    required: bool = False
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A meeting or webinar as scheduled, with all that happened in it.

    `type`: meetings 1 instant, 2 scheduled, 3 recurring without time, 4 personal room, 8 recurring; webinars 5, 6, 9.
    """

    kind: Kind
    id: int
    uuid: str  # of the schedule; the instances have others
    topic: str
    type: int
    host: User
    created_at: datetime
    start: datetime | None = None  # scheduled; None for types 1, 3, 4 and 6
    minutes: int = 60
    timezone: str = "Asia/Seoul"
    agenda: str = ""
    approval_type: int = 2  # 0 automatic, 1 manual, 2 no registration
    registration_type: int = 1  # 1 once for all occurrences, 2 each, 3 chosen ones
    occurrences: tuple[Occurrence, ...] = ()
    registrants: tuple[Registrant, ...] = ()
    panelists: tuple[Panelist, ...] = ()
    alternative_hosts: tuple[str, ...] = ()  # e-mail addresses
    tracking_sources: tuple[TrackingSource, ...] = ()
    questions: tuple[Question, ...] = ()
    instances: tuple[Instance, ...] = ()
    deleted: bool = False  # gone from the schedule; what took place is still reported
    email_in_attendee_report: bool = True

    @property
    def has_registration(self) -> bool:
        return self.approval_type != 2

    @property
    def last_end(self) -> datetime | None:
        """The scheduled or real end, whichever is later; None when neither is known."""
        ends = [instance.end for instance in self.instances]
        ends += [o.start + timedelta(minutes=o.minutes) for o in self.occurrences if o.status == "available"]
        if self.start is not None:
            ends.append(self.start + timedelta(minutes=self.minutes))
        return max(ends, default=None)


@dataclass(slots=True)
class World:
    """Everything a simulated account holds, as planned at `now`, and the truth about it."""

    now: datetime
    account_id: str
    users: list[User]
    sessions: dict[int, Session]
    truth: list[TruthOccurrence] = field(default_factory=list)

    def of_kind(self, kind: Kind) -> list[Session]:
        return [session for session in self.sessions.values() if session.kind == kind]

    def instances(self) -> Iterator[tuple[Session, Instance]]:
        """All instances, oldest first."""
        pairs = [(session, instance) for session in self.sessions.values() for instance in session.instances]
        yield from sorted(pairs, key=lambda pair: pair[1].start)

    def with_session(self, session: Session) -> World:
        """This world with one session put in or changed. The truth stays: say yourself what the change makes true."""
        return replace(self, sessions={**self.sessions, session.id: session})

    def truth_of(self, session_id: int) -> list[TruthOccurrence]:
        """The occurrences of one session, oldest first."""
        return sorted((o for o in self.truth if o.session_id == session_id), key=lambda o: o.start)
