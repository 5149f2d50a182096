"""Reading one session: its details, its people, and the rows of an instance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

from tajo.connectors.zoom import normalise
from tajo.connectors.zoom.api import meetings, past, polls, recordings, reports, webinars
from tajo.connectors.zoom.api.client import ZoomClient
from tajo.connectors.zoom.api.errors import CapabilityMissing, NoRecording, NotReady, ScopeMissing, WrongKind
from tajo.connectors.zoom.api.paging import Page
from tajo.connectors.zoom.api.participants import ParticipantRow
from tajo.connectors.zoom.api.registrants import Registrant, Status
from tajo.connectors.zoom.api.webinars import Panelist
from tajo.connectors.zoom.normalise import registration, session
from tajo.core.errors import RejectedError
from tajo.core.facts import Interaction, Kind, Registration, Respondent, Session
from tajo.core.recordings import Recorded
from tajo.http import Call

STATUSES: tuple[Status, ...] = ("approved", "pending", "denied")
INVALID = "300"  # Zoom's code for an id that does not fit the call, too
MOST_DATES = 60  # ours: dates of one series whose registrants are listed one by one; the next ones first


@dataclass(frozen=True, slots=True)
class Details:
    """A session as it is scheduled. `per_date`: people register for single dates of the series."""

    session: Session
    per_date: bool


async def details(zoom: ZoomClient, kind: Kind, session_id: str) -> Details | None:
    """What is scheduled under the id, with its staff. None when the id has expired or was deleted.

    WrongKind when the id is of the other kind (Zoom lets meetings be turned into webinars).
    """
    family = webinars.webinar if kind is Kind.WEBINAR else meetings.meeting
    try:
        known = await zoom.send(family(session_id))
    except NotReady:
        return None
    except RejectedError as error:
        if error.code != INVALID or isinstance(error, WrongKind):
            raise
        raise WrongKind(
            error.message, origin=error.origin, hint=error.hint, status=error.status, code=error.code
        ) from None
    panelists: tuple[Panelist, ...] = ()
    if kind is Kind.WEBINAR:
        try:
            panelists = await zoom.send(webinars.panelists(session_id))
        except (CapabilityMissing, NotReady):
            panelists = ()
    per_date = known.registration_type in (2, 3) and bool(known.occurrences)
    return Details(session(kind, known, panelists), per_date)


@dataclass(frozen=True, slots=True)
class Listing:
    """All registrants of a session, or of these `dates` of a series ("" is all of them together).

    `unreadable` counts rows with neither id nor e-mail.
    """

    registrations: tuple[Registration, ...]
    dates: tuple[str, ...]
    unreadable: int


async def registrants(zoom: ZoomClient, details: Details, *, since: datetime, now: datetime) -> Listing | None:
    """Everybody who registered, in every status. None where the session has no registration.

    Where people register for single dates of a series, each date from `since` on is listed for itself.
    """
    known = details.session
    dates = _dates(known, since, now) if details.per_date else [""]
    try:
        sources = await _sources(zoom, known, dates)
        listed = await asyncio.gather(*(_listed(zoom, known, status, date) for date in dates for status in STATUSES))
    except (WrongKind, NotReady):
        return None
    except RejectedError as error:
        if error.code != INVALID:
            raise
        return None  # the session exists, so what is invalid is asking for registrants that it does not have
    found, unreadable = [], 0
    wanted = [date for date in dates for _ in STATUSES]
    for date, rows in zip(wanted, listed, strict=True):
        for row in rows:
            each = registration(row, occurrence_id=date, source=sources.get((date, row.id), ""))
            if each is None:
                unreadable += 1
            else:
                found.append(each)
    return Listing(tuple(found), tuple(dates), unreadable)


def _dates(known: Session, since: datetime, now: datetime) -> list[str]:
    """The series' dates from `since` on; when there are too many, the past ones and the next to come."""
    dates = [date for date in known.scheduled if date.end >= since]
    dates.sort(key=lambda date: (date.start > now, date.start))
    return [date.id for date in dates[:MOST_DATES]]


async def _listed(zoom: ZoomClient, known: Session, status: Status, occurrence_id: str) -> list[Registrant]:
    family = webinars.registrants if known.kind is Kind.WEBINAR else meetings.registrants
    return await zoom.collect(
        lambda token: family(known.id, status=status, occurrence_id=occurrence_id, page_token=token),
        lambda row: row.id or row.email,
    )


async def _sources(zoom: ZoomClient, known: Session, dates: Sequence[str]) -> dict[tuple[str, str], str]:
    """(date, registrant id) → the name of the tracking source. Only webinars have them.

    No registrant row tells its source, so each source that has registrations is listed for itself. An app without
    the scope, or a plan without the feature, loses the sources only.
    """
    if known.kind is not Kind.WEBINAR:
        return {}
    try:
        sources = await zoom.send(webinars.tracking_sources(known.id))
    except (CapabilityMissing, NotReady, ScopeMissing):
        return {}
    found: dict[tuple[str, str], str] = {}
    for source in sources:
        for date in dates if source.id and source.registrations else ():
            call = partial(webinars.registrants, known.id, occurrence_id=date, tracking_source_id=source.id)
            rows = await zoom.collect(_paged(call), lambda row: row.id or row.email)
            found |= {(date, row.id): source.name for row in rows}
    return found


def _paged(call: Callable[..., Call[Page[Registrant]]]) -> Callable[[str], Call[Page[Registrant]]]:
    return lambda token: call(page_token=token)


async def respondents(zoom: ZoomClient, kind: Kind, uuid: str, what: Interaction) -> list[Respondent]:
    """Who answered polls, or asked questions, in one instance. The caller says what a refusal means."""
    entries = await zoom.send(_INTERACTIONS[kind, what](uuid))
    return normalise.respondents(uuid, what, entries)


_INTERACTIONS: Mapping[tuple[Kind, Interaction], Callable[[str], Call[tuple[polls.Entry, ...]]]] = MappingProxyType(
    {
        (Kind.MEETING, Interaction.POLL): polls.of_meeting,
        (Kind.MEETING, Interaction.QUESTION): polls.questions_of_meeting,
        (Kind.WEBINAR, Interaction.POLL): polls.of_webinar,
        (Kind.WEBINAR, Interaction.QUESTION): polls.questions_of_webinar,
    }
)


async def recording(zoom: ZoomClient, kind: Kind, session_id: str, uuid: str, now: datetime) -> Recorded | None:
    """The recording of one instance; None where there is none, or none yet: Zoom does not tell the two apart."""
    try:
        told = await zoom.send(recordings.of_session(uuid))
    except (NoRecording, NotReady):
        return None
    return replace(normalise.recorded(told, kind, session_id, now), uuid=uuid)


async def participants(
    zoom: ZoomClient, kind: Kind, uuid: str, note: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Page[ParticipantRow]]:
    """The pages of an instance's report; where the report's scope or plan is missing, of the past_* list: see `note`.

    A page with number 1 that comes again means that the listing began anew. NotReady while there is no report. Reports
    are closed to a user's sign-in.
    """
    report = reports.webinar_participants if kind is Kind.WEBINAR else reports.meeting_participants
    fallback = past.webinar_participants if kind is Kind.WEBINAR else past.meeting_participants
    if await zoom.only_me():
        note("a user's sign-in may not read reports: past participants are read, which may lack registrant ids")
    else:
        try:
            async for page in zoom.pages(lambda token: report(uuid, page_token=token)):
                yield page
            return
        except (ScopeMissing, CapabilityMissing) as error:
            note(f"{error.line()}; past participants are read instead, which may lack registrant ids")
    async for page in zoom.pages(lambda token: fallback(uuid, page_token=token)):
        yield page
