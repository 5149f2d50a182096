"""One contact out of all their sessions: which one it carries, and which lists it belongs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tajo.core.facts import Kind
from tajo.core.outcome import Outcome, Readiness
from tajo.core.recordings import Recorded


class Membership(StrEnum):
    """The lists of the configuration, by what puts somebody on them."""

    MEETING_PARTICIPANTS = "meeting_participants"
    MEETING_REGISTRANTS = "meeting_registrants"
    WEBINAR_ATTENDEES = "webinar_attendees"
    WEBINAR_REGISTRANTS = "webinar_registrants"
    WEBINAR_NO_SHOWS = "webinar_no_shows"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one roster, with what of its session a contact needs. Times aware UTC, `time_zone` an IANA name.

    `began` is when the first instance did, `late_at` the moment before which leaving is leaving early; None while
    nothing was held. `recording` is the session's, None while there is none.
    """

    occurrence: str
    kind: Kind
    session_id: str
    uuid: str
    topic: str
    start: datetime
    time_zone: str
    host_email: str
    held: timedelta
    readiness: Readiness
    outcome: Outcome
    approved: bool = False  # an approved registration stands
    ended_at: datetime | None = None
    began: datetime | None = None
    late_at: datetime | None = None
    recording: Recorded | None = None
    excluded: str = ""
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    joined: datetime | None = None
    left: datetime | None = None
    present: timedelta = timedelta()
    joins: int = 0
    polls_answered: int = 0
    questions_asked: int = 0
    registered_at: datetime | None = None
    source: str = ""
    join_url: str = ""
    phone: str = ""
    org: str = ""
    job_title: str = ""
    country: str = ""
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def ended(self) -> bool:
        return self.readiness in (Readiness.FINAL, Readiness.OVERDUE)


@dataclass(frozen=True, slots=True)
class Contact:
    """What Brevo is to know of one person. `entries` are those that count, oldest first.

    `carried` fills all session fields: the latest session that ended, or if none did the next to come.
    """

    email: str
    entries: tuple[Entry, ...]
    carried: Entry | None
    lists: frozenset[Membership]
    stands: bool = True  # some session is a reason to be in Brevo

    @property
    def name(self) -> str:
        return self.latest("name")

    @property
    def first_name(self) -> str:
        shown = self.name if any(letter.isalpha() for letter in self.name) else ""  # a telephone's number is no name
        return self.latest("first_name") or shown

    @property
    def last_name(self) -> str:
        return self.latest("last_name")

    def latest(self, attribute: str) -> str:
        """The newest value of a person's field that is not empty: an older session never wipes out what was given."""
        values = (getattr(entry, attribute) for entry in reversed(self.entries))
        return next((value for value in values if value), "")

    def answer(self, title: str) -> str:
        """The newest answer to a registration question; `title` stripped and case-folded."""
        for entry in reversed(self.entries):
            for asked, answer in entry.answers:
                if answer and asked.strip().casefold() == title:
                    return answer
        return ""

    def last(self, kind: Kind) -> Entry | None:
        """The latest ended session of this kind; the next to come if none has ended."""
        return _carried([entry for entry in self.entries if entry.kind is kind])


TOOK_PLACE = frozenset({Outcome.ATTENDED, Outcome.NO_SHOW, Outcome.UNKNOWN})
WITHDRAWN = frozenset({Outcome.CANCELLED, Outcome.DENIED, Outcome.PENDING})


def fold(email: str, entries: Iterable[Entry]) -> Contact:
    """Everything one e-mail did, as one contact; `carried` is None where nothing may be written for the first time.

    Excluded entries (hosts, panelists, domains) do not count. Where all that is left is withdrawn (cancelled, denied,
    pending), the contact has no lists, and carries the newest of these: for somebody already in Brevo it is the
    status to write, for anybody else there is nothing to write (see `plan`).
    """
    counted = sorted((entry for entry in entries if not entry.excluded), key=lambda e: (e.start, e.occurrence))
    standing = [entry for entry in counted if _stands(entry)]
    withdrawn = [entry for entry in counted if entry.outcome in WITHDRAWN]
    carried = _carried(standing) or (withdrawn[-1] if withdrawn else None)
    return Contact(email, tuple(standing or counted), carried, _lists(standing), bool(standing))


def _stands(entry: Entry) -> bool:
    """Whether the entry is a reason to be in Brevo: a session that took place, or an approved one still to come."""
    if entry.ended:
        return entry.outcome in TOOK_PLACE
    return entry.approved


def _carried(standing: Sequence[Entry]) -> Entry | None:
    ended = [entry for entry in standing if entry.ended]
    if ended:
        return ended[-1]
    return standing[0] if standing else None


def _lists(standing: Sequence[Entry]) -> frozenset[Membership]:
    lists = set()
    for entry in standing:
        webinar = entry.kind is Kind.WEBINAR
        if entry.approved:
            lists.add(Membership.WEBINAR_REGISTRANTS if webinar else Membership.MEETING_REGISTRANTS)
        if entry.ended and entry.outcome is Outcome.ATTENDED:
            lists.add(Membership.WEBINAR_ATTENDEES if webinar else Membership.MEETING_PARTICIPANTS)
        if entry.ended and entry.outcome is Outcome.NO_SHOW and webinar:
            lists.add(Membership.WEBINAR_NO_SHOWS)
    return frozenset(lists)


def is_withdrawn(contact: Contact) -> bool:
    """Whether nothing stands: cancelled, denied or pending everywhere, left out, or not settled yet."""
    return not contact.stands
