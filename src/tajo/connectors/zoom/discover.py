"""Which sessions there are: what was held in a window, and what is still to come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Literal, TypeVar

from tajo.connectors.zoom.api import past, reports, users, webinars
from tajo.connectors.zoom.api.client import ZoomClient
from tajo.connectors.zoom.api.errors import CapabilityMissing, NotReady, ScopeMissing, TooOld, WrongKind
from tajo.connectors.zoom.api.paging import Page
from tajo.connectors.zoom.api.sessions import ListedSession
from tajo.connectors.zoom.normalise import Found, email, found_in_history, found_in_report
from tajo.core.errors import RejectedError
from tajo.core.facts import Instance, Kind
from tajo.http import Call

T = TypeVar("T")

MONTH = timedelta(days=30)  # Zoom answers for at most a month at a time
DAY = timedelta(days=1)
HALF_A_YEAR = timedelta(days=180)  # how far back the report of a user's meetings reaches
PARTICIPATIONS: tuple[Literal["past", "pastOne"], ...] = ("past", "pastOne")


@dataclass(frozen=True, slots=True)
class Window:
    """UTC days, both in."""

    since: date
    until: date

    @property
    def start(self) -> datetime:
        return datetime.combine(self.since, time.min, UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.until + DAY, time.min, UTC)

    def covers(self, found: Found) -> bool:
        """Whether the instance started or ended on one of the days."""
        end = found.instance.end or found.instance.start
        return self.start <= end and found.instance.start < self.end

    def months(self) -> Iterator[tuple[date, date]]:
        """The window, a day wider on both sides for what ran over midnight, in pieces that Zoom answers for."""
        start, last = self.since - DAY, self.until + DAY
        while start <= last:
            end = min(start + MONTH - DAY, last)
            yield start, end
            start = end + DAY


@dataclass(slots=True)
class Discovery:
    """What was found: instances by session, and the ids of sessions that are still to come.

    `notes` are sentences for the operator (a missing scope that was worked around); `unreadable` counts rows that
    lacked an id or a start.
    """

    held: dict[tuple[Kind, str], list[Found]] = field(default_factory=dict)
    coming: set[tuple[Kind, str]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    unreadable: int = 0

    def add(self, found: Found | None) -> None:
        if found is None:
            self.unreadable += 1
            return
        mine = self.held.setdefault((found.kind, found.session_id), [])
        if all(each.instance.uuid != found.instance.uuid for each in mine):
            mine.append(found)

    def keep(self, wanted: Callable[[Found], bool]) -> None:
        """Drop sessions of which no instance is wanted; a session that stays keeps all of its instances."""
        self.held = {key: mine for key, mine in self.held.items() if any(wanted(each) for each in mine)}


async def everything(zoom: ZoomClient, window: Window, kinds: frozenset[Kind], now: datetime) -> Discovery:
    """All that was held in the window, by one account-wide listing, and all that is to come, host by host.

    With a user's sign-in: what that user hosted and will host.
    """
    found = Discovery()
    if window.start <= now:
        held = _held_by_me if await zoom.only_me() else _held
        await held(zoom, window, kinds, found, now)
        found.keep(lambda each: each.kind in kinds and window.covers(each))
    await _coming(zoom, kinds, found, now)
    return found


async def _held(zoom: ZoomClient, window: Window, kinds: frozenset[Kind], found: Discovery, now: datetime) -> None:
    try:
        async for row in _history(zoom, window, kinds):
            found.add(row)
    except ScopeMissing as error:
        found.notes.append(f"{error.line()}; read user by user instead, which costs more calls")
        found.held.clear()
        earliest = (now - HALF_A_YEAR).date()
        if window.since < earliest:
            found.notes.append(f"Zoom tells user by user only since {earliest}: what was before is not read")
            window = Window(max(window.since, earliest), max(window.until, earliest))
        async for row in _by_user(zoom, window):
            found.add(row)
    except CapabilityMissing as error:
        found.notes.append(f"{error.line()}; only what is still to come is read")


async def _held_by_me(
    zoom: ZoomClient, window: Window, kinds: frozenset[Kind], found: Discovery, now: datetime
) -> None:
    """What the signed-in user hosted: meetings one by one, and instances of webinars that Zoom still lists."""
    found.notes.append("signed in as a user: only sessions that this user hosts are read")
    if Kind.MEETING in kinds:
        call = partial(users.user_meetings, users.ME, listing="previous_meetings")
        for row in await zoom.collect(_paged(call), lambda row: row.uuid):
            if row.uuid and (row.start_time is None or window.start - DAY <= row.start_time < window.end):
                with suppress(NotReady, TooOld):
                    found.add(await _instance(zoom, Kind.MEETING, row.uuid))
    me = await zoom.send(users.user(users.ME))
    if Kind.WEBINAR in kinds and me.is_licensed:
        rows = await _listed(zoom, replace(me, id=users.ME), Kind.WEBINAR, listing="scheduled")
        for each in {row.id: row for row in rows if row.id}.values():
            planned = timedelta(minutes=each.duration_min)
            with suppress(NotReady, WrongKind):  # nothing held yet
                for told in await zoom.send(past.webinar_instances(each.id)):
                    found.add(_as_planned(each.id, told, planned, each.topic, me.email))
        if window.since < (now - MONTH).date():
            found.notes.append("Zoom lists a user's webinars for some 30 days: name older ones with --webinar")


def _as_planned(session_id: str, told: past.PastInstance, planned: timedelta, topic: str, host: str) -> Found | None:
    """A webinar's instance for those who may not read its report, which alone tells its end: it is taken as planned."""
    if not told.uuid or told.start_time is None:
        return None
    instance = Instance(told.uuid, told.start_time, told.start_time + planned)
    return Found(Kind.WEBINAR, session_id, instance, topic, email(host))


async def _history(zoom: ZoomClient, window: Window, kinds: frozenset[Kind]) -> AsyncIterator[Found | None]:
    for since, until in window.months():
        call = partial(reports.history, since, until, kind=_only(kinds))
        async for page in zoom.pages(_paged(call)):
            for row in page.items:
                yield found_in_history(row)


def _only(kinds: frozenset[Kind]) -> Literal["all", "meeting", "webinar"]:
    if kinds == {Kind.MEETING}:
        return "meeting"
    return "webinar" if kinds == {Kind.WEBINAR} else "all"


async def _by_user(zoom: ZoomClient, window: Window) -> AsyncIterator[Found | None]:
    """The fall-back: what each user held, those left alone in a session included; inactive users held some, too."""
    for user in [*await _users(zoom, "active"), *await _users(zoom, "inactive")]:
        for since, until in window.months():
            for which in PARTICIPATIONS:
                call = partial(reports.user_meetings, user.id, since, until, participation=which)
                async for page in zoom.pages(_paged(call)):
                    for row in page.items:
                        yield found_in_report(row)


def _paged(call: Callable[..., Call[Page[T]]]) -> Callable[[str], Call[Page[T]]]:
    """A listing's call as a function of its page token."""
    return lambda token: call(page_token=token)


async def _users(zoom: ZoomClient, status: Literal["active", "inactive"]) -> list[users.User]:
    rows = await zoom.collect(_paged(partial(users.list_users, status=status)), lambda user: user.id)
    return [user for user in rows if user.id]


async def _coming(zoom: ZoomClient, kinds: frozenset[Kind], found: Discovery, now: datetime) -> None:
    """Unexpired webinars and meetings of every active user whose (last) date is not over.

    The account-wide listing of upcoming events tells neither kind nor numeric id, so each host is asked.
    """
    for user in await _hosts(zoom):
        if Kind.MEETING in kinds:
            rows = await _listed(zoom, user, Kind.MEETING)
            found.coming |= {(Kind.MEETING, row.id) for row in rows if row.id and _may_come(row, now)}
        if Kind.WEBINAR in kinds and user.is_licensed:
            rows = await _listed(zoom, user, Kind.WEBINAR)
            found.coming |= {(Kind.WEBINAR, row.id) for row in rows if row.id and _may_come(row, now)}


async def _hosts(zoom: ZoomClient) -> list[users.User]:
    """Everybody who may host, under the id that calls name them by."""
    if await zoom.only_me():
        return [replace(await zoom.send(users.user(users.ME)), id=users.ME)]
    return await _users(zoom, "active")


async def _listed(
    zoom: ZoomClient, user: users.User, kind: Kind, *, listing: Literal["scheduled", "upcoming"] = "upcoming"
) -> list[ListedSession]:
    family: Callable[..., Call[Page[ListedSession]]] = (
        users.user_webinars if kind is Kind.WEBINAR else users.user_meetings
    )
    try:
        call = partial(family, user.id, listing=listing)
        return await zoom.collect(_paged(call), lambda row: (row.id, row.start_time))
    except RejectedError:
        return []  # no webinar plan, no right to host, or gone meanwhile: nothing of theirs can come


def _may_come(row: ListedSession, now: datetime) -> bool:
    """Not over yet; a series is listed by its first date, so only its details can tell."""
    if row.type in (8, 9) or row.start_time is None:
        return True
    return row.start_time + timedelta(minutes=row.duration_min) > now


async def one(zoom: ZoomClient, kind: Kind, ident: str, window: Window | None) -> Discovery:
    """One session by numeric id, or one instance by UUID, with every instance of its id in the window.

    NotReady when Zoom knows no such session.
    """
    found = Discovery()
    if not ident.isdigit():
        only = await _instance(zoom, kind, ident)
        found.add(only)
        return found
    listing = past.webinar_instances(ident) if kind is Kind.WEBINAR else past.meeting_instances(ident)
    try:
        instances = await zoom.send(listing)
    except (NotReady, WrongKind):
        instances = ()  # nothing held yet, or no such session: its details will tell
    planned = await _planned(zoom, ident) if kind is Kind.WEBINAR and await zoom.only_me() else None
    for each in instances:
        near = window is None or each.start_time is None or (window.start - DAY <= each.start_time < window.end + DAY)
        if near and each.uuid:
            try:
                if planned is not None:
                    found.add(_as_planned(ident, each, planned, "", ""))
                else:
                    found.add(await _instance(zoom, kind, each.uuid))
            except NotReady:
                # Held, and its report is not there yet: as good as live.
                start = each.start_time
                if start is not None:
                    found.add(Found(kind, ident, Instance(each.uuid, start, None), "", ""))
            except TooOld as error:
                found.notes.append(error.line())
    if window is not None:
        found.keep(window.covers)
    found.coming.add((kind, ident))
    return found


async def _planned(zoom: ZoomClient, webinar_id: str) -> timedelta:
    """How long a webinar is planned to take; an hour where Zoom does not know it any more."""
    try:
        return timedelta(minutes=(await zoom.send(webinars.webinar(webinar_id))).duration_min or 60)
    except NotReady:
        return timedelta(hours=1)


async def _instance(zoom: ZoomClient, kind: Kind, uuid: str) -> Found | None:
    call = reports.webinar(uuid) if kind is Kind.WEBINAR else past.past_meeting(uuid)
    return found_in_report(await zoom.send(call), kind)
