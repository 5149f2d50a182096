"""Which sessions there are, against a simulated account: what is found is what its world holds."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.connectors.zoom.api.errors import NotReady, ScopeMissing
from tajo.connectors.zoom.discover import MONTH, Discovery, Window, everything, one
from tajo.connectors.zoom.normalise import Found
from tajo.core.facts import Instance, Kind
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage, World, backfill, month

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOTH = frozenset(Kind)
LAST_MONTH = Window(date(2026, 10, 24), date(2026, 11, 24))
TODAY = Window(NOW.date(), NOW.date())
HISTORY_SCOPE = "report:read:list_history_meetings:admin"

Held = dict[tuple[str, str], set[str]]


class Bench:
    """One simulated account and a client of it."""

    def __init__(self, sims: Any, zoom: Any) -> None:
        self.sims, self.zoom = sims, zoom

    @property
    def calls(self) -> Any:
        return self.sims.zoom.calls

    async def everything(self, window: Window, kinds: frozenset[Kind] = BOTH) -> Discovery:
        return await everything(self.zoom, window, kinds, self.sims.clock())


@pytest.fixture
def bench(simulators: Callable[..., Any], sqlite_database: Any) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_it(world: World | None = None, **options: Any) -> AsyncIterator[Bench]:
        sims = simulators(world or month(now=NOW), **options)
        async with sims.services(sqlite_database) as services:
            yield Bench(sims, services.zoom)

    return open_it


def held(found: Discovery) -> Held:
    return {(kind, number): {each.instance.uuid for each in mine} for (kind, number), mine in found.held.items()}


def of_world(world: World, window: Window, kinds: frozenset[Kind] = BOTH) -> Held:
    """All ended instances of each session of which one started or ended in the window."""
    inside: Held = {}
    for session, instance in world.instances():
        if session.kind in kinds and instance.end <= NOW:
            inside.setdefault((session.kind, str(session.id)), set())
            if instance.end >= window.start and instance.start < window.end:
                inside[session.kind, str(session.id)].add(instance.uuid)
    return {key: uuids for key, uuids in inside.items() if uuids}


def to_come(world: World, kinds: frozenset[Kind] = BOTH) -> set[tuple[str, str]]:
    return {(each.kind, str(each.session_id)) for each in world.truth if not each.ended and each.kind in kinds}


# --- the window ---


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_a_window_is_asked_for_in_pieces_of_a_month(since: date, days: int) -> None:
    """They join without gap or overlap, and reach a day further on both sides, for what ran over midnight."""
    window = Window(since, since + days * DAY)
    pieces = list(window.months())
    assert pieces[0][0] == since - DAY
    assert pieces[-1][1] == window.until + DAY
    assert all(first <= last and last - first < MONTH for first, last in pieces)
    assert all(after[0] - before[1] == DAY for before, after in pairwise(pieces))


def found_at(start: datetime, end: datetime | None) -> Found:
    return Found(Kind.MEETING, "1", Instance("u", start, end), "", "")


@pytest.mark.parametrize(
    ("start_h", "end_h", "inside"),
    [
        (-2, -1, False),
        (-1, 0, True),  # ended at midnight sharp
        (-1, 1, True),
        (0, 1, True),
        (23, 25, True),
        (24, 25, False),
        (-48, 48, True),
        (-1, None, False),  # still live, and began the day before
        (1, None, True),
    ],
)
def test_what_touches_the_day_is_of_the_day(start_h: int, end_h: int | None, inside: bool) -> None:
    """Hours from 00:00 UTC of the window's only day."""
    window = Window(date(2026, 11, 24), date(2026, 11, 24))
    end = None if end_h is None else window.start + end_h * HOUR
    assert window.covers(found_at(window.start + start_h * HOUR, end)) is inside


# --- everything ---


async def test_everything_that_was_held_and_is_to_come_is_found(bench: Any) -> None:
    """By one listing of the account, with its instances, hosts and topics, the former host's too."""
    async with bench() as b:
        found = await b.everything(LAST_MONTH)
        world = b.sims.zoom.world
        assert held(found) == of_world(world, LAST_MONTH)
        assert to_come(world) <= found.coming
        assert (found.notes, found.unreadable) == ([], 0)
        for (kind, number), mine in found.held.items():
            session = world.sessions[int(number)]
            times = {i.uuid: (i.start, i.end) for i in session.instances}
            for each in mine:
                assert (each.kind, each.session_id, each.topic) == (kind, number, session.topic)
                assert each.host_email == session.host.email
                assert each.registration is session.has_registration
                assert (each.instance.start, each.instance.end) == times[each.instance.uuid]
        assert b.calls.count(prefix="/report/history_meetings") == 2
        assert b.calls.count(prefix="/report/users") == 0


async def test_what_is_over_is_not_to_come(bench: Any) -> None:
    async with bench() as b:
        found = await b.everything(LAST_MONTH)
        over = {
            (session.kind, str(session.id))
            for session in b.sims.zoom.world.sessions.values()
            if session.start and not session.occurrences and session.last_end and session.last_end <= NOW
        }
        assert over
        assert not over & found.coming


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_kind_that_is_switched_off_is_neither_asked_for_nor_found(bench: Any, kind: Kind) -> None:
    async with bench() as b:
        only = frozenset({kind})
        found = await b.everything(LAST_MONTH, only)
        world = b.sims.zoom.world
        assert held(found) == of_world(world, LAST_MONTH, only)
        assert {each for each, _ in found.coming} == {kind}
        other = "webinars" if kind is Kind.MEETING else "meetings"
        assert not [call for call in b.calls if call.path.endswith(f"/{other}") and call.path.startswith("/v2/users/")]


async def test_a_short_window_finds_what_it_touches(bench: Any) -> None:
    async with bench() as b:
        for day in (date(2026, 11, 19), date(2026, 11, 7)):
            window = Window(day, day)
            found = await b.everything(window)
            expected = of_world(b.sims.zoom.world, window)
            assert expected
            assert set(found.held) == set(expected)
            assert all(uuids <= held(found)[key] for key, uuids in expected.items())


async def test_a_window_of_a_year_is_asked_for_by_months(bench: Any) -> None:
    """Zoom answers for a month at most, and refuses more."""
    stage = Stage(3, NOW)
    for days in (5, 100, 200, 330):
        plan = stage.meeting(f"{days} days ago", start=NOW - days * DAY)
        plan.hold().come(stage.names.person(), 0, 30)
    window = Window(NOW.date() - 340 * DAY, NOW.date())
    async with bench(stage.world()) as b:
        found = await b.everything(window)
        assert held(found) == of_world(b.sims.zoom.world, window)
        assert len(found.held) == 4
        assert b.calls.count(prefix="/report/history_meetings", status=200) == 12


async def test_a_session_over_midnight_is_found_by_either_day(bench: Any) -> None:
    """Held from 23:30 to 00:30 UTC; on no other day."""
    stage = Stage(3, NOW)
    plan = stage.webinar("Over midnight", start=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    plan.hold().come(stage.names.person(), 5, 50)
    async with bench(stage.world()) as b:
        for day, there in ((19, False), (20, True), (21, True), (22, False)):
            found = await b.everything(Window(date(2026, 11, day), date(2026, 11, day)))
            assert bool(found.held) is there, day


async def test_a_restart_after_midnight_keeps_the_instance_before_it(bench: Any) -> None:
    """Both instances are one session, whichever day was asked for."""
    stage = Stage(3, NOW)
    plan = stage.meeting("Restarted", start=datetime(2026, 11, 20, 22, 0, tzinfo=UTC), minutes=90)
    first = plan.hold(minutes=100)
    second = plan.hold(start=datetime(2026, 11, 21, 0, 10, tzinfo=UTC), minutes=20)
    for instance in (first, second):
        instance.come(stage.names.person(), 1, 15)
    async with bench(stage.world()) as b:
        for day in (20, 21):
            found = await b.everything(Window(date(2026, 11, day), date(2026, 11, day)))
            assert list(held(found).values()) == [{first.uuid, second.uuid}]


async def test_a_window_to_come_asks_for_no_history(bench: Any) -> None:
    async with bench() as b:
        found = await b.everything(Window(date(2026, 11, 25), date(2026, 12, 24)))
        assert found.held == {}
        assert to_come(b.sims.zoom.world) <= found.coming
        assert b.calls.count(prefix="/report/") == 0


async def test_hosts_without_a_webinar_plan_are_passed_over(bench: Any) -> None:
    async with bench(zoom={"webinar_plan": "nobody"}) as b:
        found = await b.everything(LAST_MONTH)
        assert {kind for kind, _ in found.coming} == {Kind.MEETING}


async def test_rows_that_name_nothing_are_counted(bench: Any) -> None:
    rows = [
        {"meeting_uuid": "a==", "meeting_id": 81234567890, "type": "Meeting", "start_time": "2026-11-20T09:00:00Z"},
        {"meeting_uuid": "", "meeting_id": 81234567891, "type": "Meeting", "start_time": "2026-11-20T09:00:00Z"},
        {"meeting_uuid": "b==", "type": "Meeting", "start_time": "2026-11-20T09:00:00Z"},
        {"meeting_uuid": "c==", "meeting_id": 81234567892, "type": "Meeting", "start_time": "soon"},
    ]
    body = json.dumps({"next_page_token": "", "page_size": 300, "history_meetings": rows}).encode()
    async with bench() as b:
        b.sims.zoom.faults.order(Fault.respond(200, body), "GET /report/history_meetings")
        found = await b.everything(Window(date(2026, 11, 20), date(2026, 11, 20)))
        assert held(found) == {(Kind.MEETING, "81234567890"): {"a=="}}
        assert found.unreadable == 3


async def test_a_listing_that_begins_anew_finds_nothing_twice(bench: Any) -> None:
    """The page token expires after the first 300 of 330 sessions."""
    world = backfill(5, now=NOW, sessions=330, participants=1)
    async with bench(world) as b:
        expired = b'{"code":300,"message":"The next page token is invalid or expired."}'
        b.sims.zoom.faults.order(
            Fault.respond(400, expired), re.compile(r"^GET /report/history_meetings.*next_page_token=.+")
        )
        window = Window(date(2026, 10, 28), date(2026, 11, 24))
        found = await b.everything(window)
        assert held(found) == of_world(world, window)
        assert all(len(mine) == 1 for mine in found.held.values())
        assert b.calls.count(prefix="/report/history_meetings", status=400) == 1


# --- user by user ---


async def test_without_the_scope_the_same_sessions_are_found_user_by_user(bench: Any) -> None:
    """Those of the host who has left and those where only the host was, too; and the operator is told."""
    async with bench() as b:
        b.sims.zoom.scopes = b.sims.zoom.scopes - {HISTORY_SCOPE}
        found = await b.everything(LAST_MONTH)
        assert held(found) == of_world(b.sims.zoom.world, LAST_MONTH)
        assert to_come(b.sims.zoom.world) <= found.coming
        (note,) = found.notes
        assert HISTORY_SCOPE in note
        assert "user by user" in note


@pytest.mark.parametrize("kind", list(Kind))
async def test_user_by_user_one_kind_may_be_left_out(bench: Any, kind: Kind) -> None:
    async with bench() as b:
        b.sims.zoom.scopes = b.sims.zoom.scopes - {HISTORY_SCOPE}
        found = await b.everything(LAST_MONTH, frozenset({kind}))
        assert held(found) == of_world(b.sims.zoom.world, LAST_MONTH, frozenset({kind}))


async def test_user_by_user_reaches_half_a_year_and_says_so(bench: Any) -> None:
    """Zoom refuses that report for what is older; what it does tell is not lost over it."""
    stage = Stage(3, NOW)
    for days in (5, 100, 250):
        plan = stage.meeting(f"{days} days ago", start=NOW - days * DAY)
        plan.hold().come(stage.names.person(), 0, 30)
    world = stage.world()
    recent = {(s.kind, str(s.id)) for s in world.sessions.values() if s.start and s.start > NOW - 150 * DAY}
    async with bench(world) as b:
        b.sims.zoom.scopes = b.sims.zoom.scopes - {HISTORY_SCOPE}
        found = await b.everything(Window(NOW.date() - 300 * DAY, NOW.date()))
        assert set(found.held) == recent
        assert len(found.notes) >= 1


async def test_without_both_scopes_the_access_is_at_fault(bench: Any) -> None:
    async with bench() as b:
        b.sims.zoom.scopes = b.sims.zoom.scopes - {HISTORY_SCOPE, "report:read:user:admin"}
        with pytest.raises(ScopeMissing) as caught:
            await b.everything(LAST_MONTH)
        assert caught.value.scopes == ("report:read:user:admin",)


# --- one ---


def with_instances(world: World, kind: str, least: int = 2) -> Any:
    """A session of the kind that was held several times."""
    return next(s for s in world.of_kind(kind) if len(s.instances) >= least and not s.deleted)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(Kind))
async def test_one_session_by_its_number(bench: Any, kind: Kind) -> None:
    """With all of its instances in the window; and its details are to be read, whether it is over or not."""
    async with bench() as b:
        session = with_instances(b.sims.zoom.world, kind)
        for window in (LAST_MONTH, None):
            found = await one(b.zoom, kind, str(session.id), window)
            assert held(found) == {(kind, str(session.id)): {i.uuid for i in session.instances if i.end <= NOW}}
            assert found.coming == {(kind, str(session.id))}
        times = {each.instance.uuid: each.instance.end for each in found.held[kind, str(session.id)]}
        assert times == {i.uuid: i.end for i in session.instances if i.end <= NOW}


async def test_of_one_session_only_the_instances_near_the_window_are_asked_for(bench: Any) -> None:
    """A series of dates a week apart: the window of one of them."""
    async with bench() as b:
        session = next(s for s in b.sims.zoom.world.of_kind("webinar") if "매주" in s.topic)
        first = session.instances[0]
        window = Window(first.start.date(), first.start.date())
        found = await one(b.zoom, Kind.WEBINAR, str(session.id), window)
        assert held(found) == {(Kind.WEBINAR, str(session.id)): {first.uuid}}
        assert b.calls.count(prefix="/report/webinars/") == 1


async def test_one_session_outside_the_window_is_not_held_in_it(bench: Any) -> None:
    async with bench() as b:
        session = with_instances(b.sims.zoom.world, "meeting")
        found = await one(b.zoom, Kind.MEETING, str(session.id), Window(date(2026, 1, 1), date(2026, 1, 2)))
        assert found.held == {}
        assert found.coming == {(Kind.MEETING, str(session.id))}


@pytest.mark.parametrize("kind", list(Kind))
async def test_one_instance_by_its_uuid(bench: Any, kind: Kind) -> None:
    """Whatever its shape: a slash in front and two inside are among them; its siblings are left alone."""
    async with bench() as b:
        pairs = [(s, i) for s, i in b.sims.zoom.world.instances() if s.kind == kind and i.end <= NOW and s.type != 4]
        assert any(i.uuid.startswith("/") or "//" in i.uuid for _, i in pairs)
        for session, instance in pairs:
            found = await one(b.zoom, kind, instance.uuid, TODAY)
            assert held(found) == {(kind, str(session.id)): {instance.uuid}}
            assert found.coming == set()


async def test_a_session_that_is_still_to_come(bench: Any) -> None:
    async with bench() as b:
        session = next(s for s in b.sims.zoom.world.of_kind("webinar") if not s.instances)
        found = await one(b.zoom, Kind.WEBINAR, str(session.id), TODAY)
        assert (found.held, found.coming) == ({}, {(Kind.WEBINAR, str(session.id))})


async def test_a_number_that_nobody_has_is_left_to_its_details(bench: Any) -> None:
    async with bench() as b:
        found = await one(b.zoom, Kind.MEETING, "89999999999", TODAY)
        assert (found.held, found.coming) == ({}, {(Kind.MEETING, "89999999999")})


@pytest.mark.parametrize("kind", list(Kind))
async def test_the_number_of_the_other_kind_holds_nothing(bench: Any, kind: Kind) -> None:
    async with bench() as b:
        other = Kind.WEBINAR if kind is Kind.MEETING else Kind.MEETING
        session = with_instances(b.sims.zoom.world, other)
        assert (await one(b.zoom, kind, str(session.id), LAST_MONTH)).held == {}


async def test_a_uuid_that_nobody_has_is_not_found(bench: Any) -> None:
    async with bench() as b:
        for kind in Kind:
            with pytest.raises(NotReady):
                await one(b.zoom, kind, "nobody/has+this==", TODAY)


async def test_an_instance_of_over_a_year_ago_is_noted(bench: Any) -> None:
    """Zoom still lists it and tells no more of it; the others are found."""
    stage = Stage(3, NOW)
    plan = stage.meeting("Office hours", start=None, type=3, created_at=NOW - 500 * DAY)
    old, recent = (plan.hold(date=plan.date(NOW - days * DAY), minutes=30) for days in (400, 3))
    for instance in (old, recent):
        instance.come(stage.names.person(), 1, 20)
    number = str(plan.session.id)
    async with bench(stage.world()) as b:
        found = await one(b.zoom, Kind.MEETING, number, Window(NOW.date() - 440 * DAY, NOW.date()))
        assert held(found) == {(Kind.MEETING, number): {recent.uuid}}
        (note,) = found.notes
        assert "year" in note


async def test_a_report_that_is_not_ready_yet_stops_nothing(bench: Any) -> None:
    """A webinar's second date ended ten minutes ago and Zoom's report takes thirty: the first date is still found."""
    stage = Stage(3, NOW)
    plan = stage.webinar("Weekly", start=NOW - 7 * DAY, type=9)
    dates = [plan.occurs(start) for start in (NOW - 7 * DAY, NOW - 40 * timedelta(minutes=1))]
    first = plan.hold(date=dates[0], minutes=30)
    second = plan.hold(date=dates[1], minutes=30)
    for instance in (first, second):
        instance.come(stage.names.person(), 1, 20)
    number = str(plan.session.id)
    async with bench(stage.world(), zoom={"report_delay": 30 * timedelta(minutes=1)}) as b:
        found = await one(b.zoom, Kind.WEBINAR, number, LAST_MONTH)
        assert first.uuid in held(found)[Kind.WEBINAR, number]
        assert found.coming == {(Kind.WEBINAR, number)}


# --- gathering ---


def test_an_instance_is_gathered_once() -> None:
    found = Discovery()
    each = found_at(NOW, None)
    for again in (each, replace(each, topic="moved"), None):
        found.add(again)
    assert found.held == {(Kind.MEETING, "1"): [each]}
    assert found.unreadable == 1


def test_a_session_is_kept_with_all_of_its_instances() -> None:
    found = Discovery()
    near, far = found_at(NOW, None), replace(found_at(NOW - DAY, None), instance=Instance("v", NOW - DAY, None))
    other = replace(far, session_id="2")
    for each in (near, far, other):
        found.add(each)
    found.keep(lambda each: each.instance.start == NOW)
    assert found.held == {(Kind.MEETING, "1"): [near, far]}
