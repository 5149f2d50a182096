"""From Zoom's rows to facts: the one place where what Zoom means becomes what we mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from tajo.connectors.zoom.api.participants import ParticipantRow
from tajo.connectors.zoom.api.polls import Detail, Entry
from tajo.connectors.zoom.api.recordings import Recording
from tajo.connectors.zoom.api.registrants import Registrant
from tajo.connectors.zoom.api.reports import HistoryRow
from tajo.connectors.zoom.api.sessions import PastMeeting, SessionDetails
from tajo.connectors.zoom.api.webinars import Panelist
from tajo.core.facts import (
    Instance,
    Interaction,
    Kind,
    Registration,
    Respondent,
    Role,
    Scheduled,
    Session,
    Status,
    Stay,
)
from tajo.core.recordings import Recorded

WEBINAR_TYPES = frozenset({5, 6, 9})


@dataclass(frozen=True, slots=True)
class Found:
    """An instance as a listing shows it: enough to know that its session has to be read.

    `registration`, `recorded`, `polled` and `asked` (Q&A) are None where Zoom does not tell; `participants` is 0 then.
    """

    kind: Kind
    session_id: str
    instance: Instance
    topic: str
    host_email: str
    registration: bool | None = None
    recorded: bool | None = None
    polled: bool | None = None
    asked: bool | None = None
    participants: int = 0


def email(address: str) -> str:
    """An address as identity: Brevo's identity is the lower-cased e-mail. "" for what is no address at all."""
    known = address.strip().lower()
    return known if "@" in known.strip("@") else ""


def found_in_history(row: HistoryRow) -> Found | None:
    """None for a row that lacks what identifies it; the caller counts those."""
    if not row.uuid or not row.id or row.start_time is None:
        return None
    kind = Kind.WEBINAR if row.is_webinar else Kind.MEETING
    return Found(
        kind=kind,
        session_id=row.id,
        instance=Instance(row.uuid, row.start_time, _end(row.start_time, row.end_time, row.duration_min)),
        topic=row.topic,
        host_email=email(row.host_email),
        registration=row.features.registration,
        recorded=row.features.record_to_cloud,
        polled=row.features.poll,
        asked=row.features.meeting_questions if kind is Kind.MEETING else None,  # it tells of meetings' Q&A only
        participants=row.participants_count,
    )


def found_in_report(row: PastMeeting, kind: Kind | None = None) -> Found | None:
    """As `found_in_history`, from a user's report or an instance's details; `kind` where the call tells it."""
    if not row.uuid or not row.id or row.start_time is None:
        return None
    return Found(
        kind=kind or (Kind.WEBINAR if row.type in WEBINAR_TYPES else Kind.MEETING),
        session_id=row.id,
        instance=Instance(row.uuid, row.start_time, _end(row.start_time, row.end_time, row.duration_min)),
        topic=row.topic,
        host_email=email(row.host_email),
        recorded=row.has_recording,
    )


def _end(start: datetime, end: datetime | None, duration_min: int) -> datetime | None:
    """The end as told, else by the duration; None (still live) where neither is there."""
    if end is not None:
        return max(start, end)
    return start + timedelta(minutes=duration_min) if duration_min else None


def session(kind: Kind, details: SessionDetails, panelists: Sequence[Panelist] = ()) -> Session:
    """What is scheduled, with everybody who is staff there. Deleted dates of a series are no dates."""
    staff = [(email(panelist.email), Role.PANELIST) for panelist in panelists]
    staff += [(email(each), Role.ALTERNATIVE_HOST) for each in details.alternative_hosts]
    staff.append((email(details.host_email), Role.HOST))
    return Session(
        kind=kind,
        id=details.id,
        topic=details.topic,
        type=details.type,
        host_email=email(details.host_email),
        time_zone=details.timezone,
        scheduled=_scheduled(details),
        registration_required=details.has_registration,
        # Who is several things at once is the last of them: a host among the panelists is the host.
        staff=tuple(sorted({address: role for address, role in staff if address}.items())),
    )


def _scheduled(details: SessionDetails) -> tuple[Scheduled, ...]:
    if details.occurrences:
        dates = [
            Scheduled(each.id, each.start_time, timedelta(minutes=each.duration_min or details.duration_min))
            for each in details.occurrences
            if each.start_time is not None and each.status != "deleted"
        ]
        return tuple(sorted(dates, key=lambda date: date.start))
    if details.start_time is None:
        return ()
    return (Scheduled("", details.start_time, timedelta(minutes=details.duration_min)),)


def registration(row: Registrant, *, occurrence_id: str = "", source: str = "") -> Registration | None:
    """None for a row with neither id nor e-mail; the caller counts those."""
    address = email(row.email)
    if not row.id and not address:
        return None
    return Registration(
        registrant_id=row.id or address,
        email=address,
        status=Status(row.status) if row.status in set(Status) else Status.APPROVED,
        registered_at=row.registered_at,
        occurrence_id=occurrence_id,
        first_name=row.first_name.strip(),
        last_name=row.last_name.strip(),
        source=source,
        join_url=row.join_url,
        phone=row.phone.strip(),
        org=row.org.strip(),
        job_title=row.job_title.strip(),
        country=row.country.strip(),
        answers=row.answers,
    )


def respondents(uuid: str, what: Interaction, entries: Iterable[Entry]) -> list[Respondent]:
    """How much each respondent answered or asked in one instance; those who did nothing are left out.

    A poll's question counts once, however often it was answered: on two devices, or again. Each question asked counts.
    """
    names: dict[str, str] = {}
    details: dict[str, list[Detail]] = {}
    for n, entry in enumerate(entries):
        who = email(entry.email) or f"#{n}"  # several who are anonymous are not one
        names.setdefault(who, entry.name.strip())
        details.setdefault(who, []).extend(entry.details)
    times = {who: len(_counted(what, mine)) for who, mine in details.items()}
    return [Respondent(uuid, what, times[who], name, email(who)) for who, name in names.items() if times[who]]


def _counted(what: Interaction, details: Sequence[Detail]) -> Collection[object]:
    if what is Interaction.POLL:
        return {(each.poll, each.question) for each in details if each.answer}
    return [each for each in details if each.question]


def recorded(told: Recording, kind: Kind, session_id: str, at: datetime) -> Recorded:
    """What the API tells of an instance's recording; the instance tells its session, as an upload's type does not."""
    return Recorded(
        uuid=told.uuid,
        session_id=session_id,
        kind=kind,
        topic=told.topic,
        share_url=told.share_url,
        passcode=told.passcode or told.play_passcode,
        duration_min=told.duration_min,
        transcript=told.has_transcript,
        told_at=at,
        start=told.start_time,
        expires_on=told.expires_on,
    )


class Rows:
    """Gathers the pages of one instance's report: stays, repeats left out, and what does not fit counted.

    `digest` is the same for the same rows in any order; `unreadable` counts rows without a join time. `unprocessed`
    counts rows that have no duration although they last, `empty` those that may truly have lasted for nothing.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._seen: set[bytes] = set()
        self._sum = 0
        self.kept = 0
        self.unreadable = 0
        self.unprocessed = 0
        self.empty = 0

    def take(self, rows: Iterable[ParticipantRow]) -> list[Stay]:
        """The stays of one page. A row that a shifting list shows twice counts once."""
        found = []
        for row in rows:
            mark = blake2b(repr(row).encode(errors="replace"), digest_size=12).digest()
            if mark in self._seen:
                continue
            self._seen.add(mark)
            self._sum += int.from_bytes(mark, "big")
            stay = self._stay(row)
            if stay is None:
                self.unreadable += 1
            else:
                found.append(stay)
        self.kept += len(found)
        return found

    @property
    def digest(self) -> str:
        return f"{len(self._seen)}:{self._sum % 2**96:024x}"

    def _stay(self, row: ParticipantRow) -> Stay | None:
        if row.join_time is None:
            return None
        leave = row.leave_time
        if leave is None:
            leave = row.join_time + timedelta(seconds=row.duration_s)
        if row.duration_s == 0:
            lasts = row.leave_time is None or row.leave_time > row.join_time
            self.unprocessed += lasts
            self.empty += not lasts
        return Stay(
            join=row.join_time.astimezone(UTC),
            leave=max(row.join_time, leave),
            name=row.name,
            email=email(row.email),
            registrant_id=row.registrant_id,
            customer_key=row.customer_key,
            user_id=row.participant_user_id,
            waiting=row.waiting,
            instance=self._instance.uuid,
        )
