"""Reading one session, against a simulated account."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.connectors.zoom import read
from tajo.connectors.zoom.api.errors import NotReady, ScopeMissing, WrongKind
from tajo.connectors.zoom.normalise import Rows
from tajo.core.errors import ContractError, TransientError
from tajo.core.facts import Instance, Kind, Role, Status
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage, World, month, webinar

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - 60 * DAY
EXPIRED = b'{"code":300,"message":"The next page token is invalid or expired."}'
REPORT_SCOPES = {"report:read:list_meeting_participants:admin", "report:read:list_webinar_participants:admin"}


class Bench:
    """One simulated account and a client of it."""

    def __init__(self, sims: Any, zoom: Any) -> None:
        self.sims, self.zoom, self.world = sims, zoom, sims.zoom.world

    def session(self, topic: str) -> Any:
        return next(s for s in self.world.sessions.values() if topic in s.topic)

    def without(self, *scopes: str) -> None:
        self.sims.zoom.scopes = self.sims.zoom.scopes - set(scopes)

    async def details(self, session: Any) -> Any:
        return await read.details(self.zoom, Kind(session.kind), str(session.id))

    async def registrants(self, session: Any, *, since: datetime = LONG_AGO) -> Any:
        return await read.registrants(self.zoom, await self.details(session), since=since, now=NOW)

    async def rows(self, session: Any, instance: Any) -> tuple[list[Any], list[int]]:
        """All rows as they come, and the pages' numbers."""
        rows, numbers = [], []
        async for page in read.participants(self.zoom, Kind(session.kind), instance.uuid):
            rows += page.items
            numbers.append(page.number)
        return rows, numbers


@pytest.fixture
def bench(simulators: Callable[..., Any], sqlite_database: Any) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_it(world: World | None = None, **options: Any) -> AsyncIterator[Bench]:
        sims = simulators(world or month(now=NOW), **options)
        async with sims.services(sqlite_database) as services:
            yield Bench(sims, services.zoom)

    return open_it


def listed(session: Any) -> list[Any]:
    """The registrants whom Zoom's lists show now: not those who cancelled."""
    return [r for r in session.registrants if r.cancelled_at is None or r.cancelled_at > NOW]


# --- details ---


async def test_details_of_every_session_that_still_exists(bench: Any) -> None:
    async with bench() as b:
        for session in b.world.sessions.values():
            known = await b.details(session)
            if session.deleted:
                assert known is None
                continue
            assert (known.session.kind, known.session.id) == (session.kind, str(session.id))
            assert (known.session.topic, known.session.time_zone) == (session.topic, session.timezone)
            assert known.session.registration_required is session.has_registration
            dates = [o for o in session.occurrences if o.status == "available"]
            assert [date.id for date in known.session.scheduled if date.id] == [o.id for o in dates]
            assert known.per_date is (session.registration_type == 2 and bool(dates))


async def test_who_runs_a_webinar(bench: Any) -> None:
    async with bench() as b:
        session = b.session("Kundentag")
        staff = dict((await b.details(session)).session.staff)
        assert staff == {
            session.host.email: Role.HOST,
            session.alternative_hosts[0]: Role.ALTERNATIVE_HOST,
            session.panelists[0].email.lower(): Role.PANELIST,
        }


async def test_a_session_that_is_gone_has_no_details(bench: Any) -> None:
    async with bench() as b:
        for kind in Kind:
            assert await read.details(b.zoom, kind, "89999999999") is None


@pytest.mark.parametrize("kind", list(Kind))
async def test_the_number_of_the_other_kind_is_told_apart(bench: Any, kind: Kind) -> None:
    """Zoom lets a meeting be turned into a webinar, and a webinar into a meeting."""
    async with bench() as b:
        other = next(s for s in b.world.sessions.values() if s.kind != kind and not s.deleted)
        with pytest.raises(WrongKind):
            await read.details(b.zoom, kind, str(other.id))


async def test_panelists_that_may_not_be_listed_are_left_out(bench: Any) -> None:
    async with bench() as b:
        no_plan = b'{"code":200,"message":"Webinar plan is missing."}'
        b.sims.zoom.faults.order(Fault.respond(400, no_plan), re.compile("/panelists"), times=None)
        staff = (await b.details(b.session("Kundentag"))).session.staff
        assert Role.PANELIST not in dict(staff).values()
        assert Role.HOST in dict(staff).values()


async def test_an_app_without_the_scope_is_at_fault(bench: Any) -> None:
    async with bench() as b:
        b.without("webinar:read:webinar:admin")
        with pytest.raises(ScopeMissing):
            await b.details(b.session("Kundentag"))


# --- registrants ---


async def test_registrants_of_every_session_in_every_status(bench: Any) -> None:
    """With their answers, and the tracking source that no row of theirs tells."""
    async with bench() as b:
        for session in b.world.sessions.values():
            if session.deleted or not session.has_registration or session.registration_type == 2:
                continue
            found = await b.registrants(session)
            sources = {source.id: source.name for source in session.tracking_sources}
            assert (found.dates, found.unreadable) == (("",), 0)
            assert {r.registrant_id: (r.email, r.status, r.source, r.answers) for r in found.registrations} == {
                r.id: (r.email.strip().lower(), r.status, sources.get(r.source_id, ""), r.custom_questions)
                for r in listed(session)
            }
        manual = await b.registrants(b.session("Manual approval"))
        assert {r.status for r in manual.registrations} == {Status.APPROVED, Status.PENDING, Status.DENIED}


async def test_registrants_of_each_date(bench: Any) -> None:
    """Who registered for two dates has two registrations, each of its own date."""
    async with bench() as b:
        session = b.session("Product deep dive")
        found = await b.registrants(session)
        assert found.dates == tuple(o.id for o in session.occurrences)
        assert {(r.registrant_id, r.occurrence_id) for r in found.registrations} == {
            (r.id, date) for r in session.registrants for date in r.occurrence_ids
        }
        emails = Counter(r.email for r in found.registrations)
        assert max(emails.values()) > 1


async def test_only_dates_since_are_listed(bench: Any) -> None:
    async with bench() as b:
        session = b.session("Product deep dive")
        first, second, third = session.occurrences
        assert (await b.registrants(session, since=first.start + 61 * MINUTE)).dates == (second.id, third.id)
        assert (await b.registrants(session, since=first.start + 60 * MINUTE)).dates == (first.id, second.id, third.id)
        found = await b.registrants(session, since=NOW + 30 * DAY)
        assert (found.registrations, found.dates) == ((), ())


async def test_of_a_series_with_too_many_dates_the_next_ones_are_left_for_later(bench: Any) -> None:
    """90 dates: the 20 that are past, and the 40 that come next."""
    stage = Stage(4, NOW)
    plan = stage.webinar("Daily", start=NOW - 20 * DAY, type=9, registration_type=2)
    for days in range(-20, 70):
        plan.occurs(NOW + days * DAY + HOUR)
    async with bench(stage.world()) as b:
        session = b.session("Daily")
        found = await b.registrants(session)
        assert len(found.dates) == read.MOST_DATES
        assert set(found.dates) == {o.id for o in session.occurrences[:60]}


async def test_a_date_that_was_deleted_is_not_asked_for(bench: Any) -> None:
    stage = Stage(4, NOW)
    plan = stage.webinar("Weekly", start=NOW + DAY, type=9, registration_type=2)
    kept = plan.occurs(NOW + DAY)
    plan.occurs(NOW + 8 * DAY, deleted=True)
    plan.register(stage.names.person(), dates=[kept])
    async with bench(stage.world()) as b:
        found = await b.registrants(b.session("Weekly"))
        assert kept.scheduled is not None
        assert found.dates == (kept.scheduled.id,)
        assert len(found.registrations) == 1


@pytest.mark.parametrize("switch", ["empty", "error"])
async def test_a_session_without_registration_has_no_registrants(bench: Any, switch: str) -> None:
    """Zoom answers with an empty list, or refuses the question."""
    async with bench(zoom={"registrants_without_registration": switch}) as b:
        for topic in ("Open doors", "Info call"):
            found = await b.registrants(b.session(topic))
            assert found is None or found.registrations == ()


async def test_a_session_that_vanishes_meanwhile_has_no_registrants(bench: Any) -> None:
    async with bench() as b:
        session = b.session("봄 웨비나")
        known = await b.details(session)
        b.sims.zoom.world = b.world.with_session(replace(session, deleted=True))
        assert await read.registrants(b.zoom, known, since=LONG_AGO, now=NOW) is None


async def test_without_the_scope_for_sources_only_the_sources_are_lost(bench: Any) -> None:
    async with bench() as b:
        session = b.session("봄 웨비나")
        assert {r.source for r in (await b.registrants(session)).registrations} > {""}
        b.without("webinar:read:list_tracking_sources:admin")
        b.sims.zoom.expire_tokens()
        found = await b.registrants(session)
        assert {r.source for r in found.registrations} == {""}
        assert len(found.registrations) == len(session.registrants)


async def test_sources_nobody_used_are_not_listed(bench: Any) -> None:
    stage = Stage(4, NOW)
    plan = stage.webinar("Tracked", start=NOW + DAY)
    used, unused = plan.tracking_source("used", 9), plan.tracking_source("unused", 9)
    plan.register(stage.names.person(), source_id=used.id)
    async with bench(stage.world()) as b:
        (known,) = (await b.registrants(b.session("Tracked"))).registrations
        assert known.source == "used"
        asked = [call.query for call in b.sims.zoom.calls if "tracking_source_id" in call.query]
        assert len(asked) == 1
        assert unused.id not in asked[0]


async def test_meetings_are_not_asked_for_sources(bench: Any) -> None:
    async with bench() as b:
        await b.registrants(b.session("그룹 토론"))
        assert not [call for call in b.sims.zoom.calls if "tracking_sources" in call.path]


async def test_a_thousand_registrants_over_several_pages(bench: Any) -> None:
    """The list moves by one between two pages, and a token expires: everybody is there once."""
    world = webinar(2, now=NOW, registrants=1_000, attendees=1, rows=2)
    async with bench(world, zoom={"page_drift": True}) as b:
        expired = re.compile(r"^GET /webinars/\d+/registrants\?.*status=approved.*next_page_token=.+")
        b.sims.zoom.faults.order(Fault.respond(400, EXPIRED), expired, after=1)
        found = await b.registrants(b.session("The big webinar"))
        assert len(found.registrations) == len({r.registrant_id for r in found.registrations}) == 1_000


async def test_rows_without_id_and_address_are_counted(bench: Any) -> None:
    rows = b'{"registrants":[{"id":"","email":""},{"id":"r1","email":"kim@x.kr"},{"id":"","email":"lee@x.kr"}]}'
    async with bench() as b:
        session = b.session("Manual approval")
        b.sims.zoom.faults.order(Fault.respond(200, rows), re.compile("registrants.*status=approved"), times=1)
        found = await b.registrants(session)
        assert found.unreadable == 1
        assert {r.registrant_id for r in found.registrations if r.registered_at is None} == {"r1", "lee@x.kr"}


# --- participants ---


def facts(row: Any) -> tuple[Any, ...]:
    return (row.join_id, row.name, row.join_time, row.leave_time, row.duration_s, row.registrant_id, row.waiting)


def of_world(instance: Any) -> Counter[tuple[Any, ...]]:
    return Counter(
        (r.user_id, r.name, r.join, r.leave, r.duration_s, r.registrant_id, r.status == "in_waiting_room")
        for r in instance.rows
    )


@pytest.mark.parametrize("topic", ["봄 웨비나", "Manual approval", "그룹 토론"])
async def test_rows_of_a_report(bench: Any, topic: str) -> None:
    async with bench() as b:
        session = b.session(topic)
        for instance in session.instances:
            rows, numbers = await b.rows(session, instance)
            assert Counter(map(facts, rows)) == of_world(instance)
            assert numbers == [1]


async def test_without_the_reports_scope_the_other_list_tells_the_same(bench: Any) -> None:
    """Times in fractions of a second there; Zoom may or may not name registrants in it."""
    async with bench(zoom={"include_fields_on_past": True, "webinar_time_fractions": True}) as b:
        b.without(*REPORT_SCOPES)
        for topic in ("봄 웨비나", "그룹 토론"):
            session = b.session(topic)
            rows, _ = await b.rows(session, session.instances[0])
            assert Counter(map(facts, rows)) == of_world(session.instances[0])
        assert b.sims.zoom.calls.count(prefix="/past_webinars/", status=200) == 1
        assert b.sims.zoom.calls.count(prefix="/past_meetings/", status=200) == 1


async def test_on_a_free_account_there_is_neither(bench: Any) -> None:
    """And the error says what the plan lacks."""
    async with bench(plan="free") as b:
        session = b.session("그룹 토론")
        with pytest.raises(Exception, match="plan"):
            await b.rows(session, session.instances[0])


async def test_pages_come_one_by_one(bench: Any) -> None:
    """2,000 rows on seven pages of 300."""
    world = webinar(2, now=NOW, registrants=100, attendees=100, rows=2_000)
    async with bench(world) as b:
        session = b.session("The big webinar")
        rows, numbers = await b.rows(session, session.instances[0])
        assert numbers == [1, 2, 3, 4, 5, 6, 7]
        assert Counter(map(facts, rows)) == of_world(session.instances[0])


async def test_a_listing_that_begins_anew_says_so_by_its_first_page(bench: Any) -> None:
    """The token for the fourth page is too old: page 1 comes again, and from there all pages."""
    world = webinar(2, now=NOW, registrants=100, attendees=100, rows=2_000)
    async with bench(world) as b:
        b.sims.zoom.faults.order(Fault.respond(400, EXPIRED), re.compile("participants.*next_page_token=.+"), after=2)
        session = b.session("The big webinar")
        rows, numbers = await b.rows(session, session.instances[0])
        assert numbers == [1, 2, 3, 1, 2, 3, 4, 5, 6, 7]
        assert Counter(map(facts, rows[900:])) == of_world(session.instances[0])


async def test_a_listing_that_never_keeps_its_token_ends(bench: Any) -> None:
    world = webinar(2, now=NOW, registrants=100, attendees=100, rows=1_000)
    async with bench(world) as b:
        expired = re.compile("participants.*next_page_token=.+")
        b.sims.zoom.faults.order(Fault.respond(400, EXPIRED), expired, times=None)
        session = b.session("The big webinar")
        with pytest.raises(TransientError):
            await b.rows(session, session.instances[0])


async def test_a_list_that_shifts_between_pages_gives_each_row_once(bench: Any) -> None:
    world = webinar(2, now=NOW, registrants=100, attendees=100, rows=1_000)
    async with bench(world, zoom={"page_drift": True}) as b:
        session = b.session("The big webinar")
        instance = session.instances[0]
        rows = Rows(Instance(instance.uuid, instance.start, instance.end))
        pages = [rows.take(page.items) async for page in read.participants(b.zoom, Kind.WEBINAR, instance.uuid)]
        assert rows.kept == sum(map(len, pages)) == 1_000


@pytest.mark.parametrize("fault", [Fault("repeat_page_token"), Fault("endless_pages")])
async def test_a_listing_in_a_circle_is_the_vendors_fault(bench: Any, fault: Fault) -> None:
    world = webinar(2, now=NOW, registrants=100, attendees=100, rows=1_000)
    async with bench(world) as b:
        b.sims.zoom.faults.order(fault, re.compile("participants"), times=None)
        session = b.session("The big webinar")
        with pytest.raises(ContractError, match="circle"):
            await b.rows(session, session.instances[0])


async def test_a_report_that_is_not_ready(bench: Any) -> None:
    async with bench(zoom={"report_delay": 2 * HOUR}) as b:
        session = b.session("오늘의 웨비나")
        with pytest.raises(NotReady):
            await b.rows(session, session.instances[0])
