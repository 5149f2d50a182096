"""Recordings that are read by the API: what is there is kept, what is not is waited for."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tajo.core.facts import Kind
from tajo.core.recordings import Recorded
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage, World, month
from tajo.store import recordings, rosters
from tajo.workflows.recording import follow_up, is_due

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALL = re.compile("/meetings/.*/recordings")
MAPPING = {"attendance_status": "ATTENDANCE_STATUS", "share_url": "RECORDING", "passcode": "RECORDING_CODE"}
A, B, C = "a@mail.example", "b@mail.example", "c@mail.example"


@pytest.fixture
def held(stage: Stage) -> World:
    """A webinar of yesterday that was restarted, both parts recorded. A came, B did not, C watched the start only."""
    plan = stage.webinar("Yesterday", start=NOW - timedelta(days=1), minutes=40)
    people = [stage.names.person(email=each, zoom_id="") for each in (A, B, C)]
    for person in people:
        plan.register(person)
    first = plan.hold(minutes=10)
    second = plan.hold(start=first.end + timedelta(minutes=5), minutes=35)
    for instance, there in ((first, (people[0], people[2])), (second, (people[0],))):
        for person in there:
            instance.come(person, 1, 9)
    first.record()
    second.record(transcript=True, kept_days=30)
    return stage.world()


def asked(b: Any) -> int:
    return sum(bool(CALL.search(call.path)) for call in b.zoom.calls)


def mapped(b: Any) -> Any:
    for name in ("RECORDING", "RECORDING_CODE"):
        b.brevo.add_attribute(name, "text")
    return b


def link(b: Any, email: str) -> Any:
    return b.brevo.contacts[email].attributes.get("RECORDING")


def the_recording(b: Any) -> Recorded | None:
    (told,) = b.database.read_now(rosters.held)
    found: Recorded | None = b.database.read_now(recordings.of_occurrence, told.instances)
    return found


# --- a sync


async def test_the_longer_of_two_parts_is_the_recording_and_its_link_is_an_attribute(bench: Any, held: World) -> None:
    """For those who came and those who did not, as `events.recording_ready` says by default."""
    (session,) = held.sessions.values()
    async with bench(held, settings={"field_mapping": MAPPING}) as b:
        summary = await mapped(b).sync()
        assert summary["recordings"] == {"read": 2, "waiting": 0}
        found = the_recording(b)
        assert found is not None
        assert (found.uuid, found.duration_min) == (session.instances[1].uuid, 35)
        assert (found.transcript, found.passcode) == (True, "a1B2c3")
        assert found.expires_on == (session.instances[1].end + timedelta(days=30)).date()
        assert {link(b, each) for each in (A, B, C)} == {found.share_url}
        assert b.brevo.contacts[A].attributes["RECORDING_CODE"] == "a1B2c3"
        assert list(b.brevo.events) == [], "a sync announces nothing"


async def test_only_the_configured_outcomes_get_the_link(bench: Any, held: World) -> None:
    settings = {"field_mapping": MAPPING, "events": {"recording_ready": ["no_show"]}}
    async with bench(held, settings=settings) as b:
        await mapped(b).sync()
        assert link(b, B)
        assert not link(b, A)


async def test_what_is_still_being_processed_is_waited_for(bench: Any, stage: Stage) -> None:
    """3301 is no error: the next sync has it."""
    plan = stage.webinar("Today", start=NOW - 5 * HOUR)
    person = stage.names.person(email=A, zoom_id="")
    plan.register(person)
    instance = plan.hold()
    instance.come(person, 0, 50)
    instance.record(ready_min=300)
    async with bench(stage.world(), settings={"field_mapping": MAPPING}) as b:
        summary = await mapped(b).sync()
        assert summary["recordings"] == {"read": 0, "waiting": 1}
        assert (summary["problems"], summary["notes"], summary["letters_arisen"]) == ([], [], 0)
        assert the_recording(b) is None
        b.clock.forward(hours=2)
        assert (await b.sync())["recordings"] == {"read": 1, "waiting": 0}
        assert link(b, A)


async def test_a_link_that_changed_is_written(bench: Any, held: World) -> None:
    async with bench(held, settings={"field_mapping": MAPPING}) as b:
        await mapped(b).sync()
        before = link(b, A)
        found = the_recording(b)
        assert found is not None
        newer = replace(found, share_url="https://zoom.example/new", told_at=b.clock() + HOUR)
        b.database.write_now(recordings.save, newer)
        await b.deliver(A)
        assert (before != link(b, A), link(b, A)) == (True, "https://zoom.example/new")


# --- what is not asked for


async def test_nothing_is_asked_for_where_the_listing_says_that_nothing_was_recorded(bench: Any) -> None:
    world = month(now=NOW)
    recorded = [i for _, i in world.instances() if i.recording is not None and i.end <= NOW]
    async with bench(world) as b:
        summary = await b.sync()
        assert asked(b) == len(recorded) == 2
        assert summary["recordings"] == {"read": 1, "waiting": 1}


async def test_recordings_that_are_switched_off_cost_no_call(bench: Any, held: World) -> None:
    async with bench(held, settings={"zoom": {"sync": {"recordings": False}}}) as b:
        assert (await b.sync())["recordings"] == {"read": 0, "waiting": 0}
        assert asked(b) == 0


@pytest.mark.parametrize(
    ("status", "body", "note"),
    [
        (400, b'{"code":4711,"message":"does not contain scopes:[cloud_recording:read:x:admin]."}', "are not read"),
        (400, b'{"code":200,"message":"No permission."}', "cannot be read"),
        (200, b"[]", "cannot be read"),
    ],
)
async def test_what_may_not_be_read_is_a_note(bench: Any, held: World, status: int, body: bytes, note: str) -> None:
    async with bench(held) as b:
        b.zoom.faults.order(Fault.respond(status, body), CALL, times=None)
        summary = await b.sync()
        assert (summary["problems"], summary["letters_arisen"]) == ([], 0)
        assert any(note in each for each in summary["notes"])
        assert summary["outcomes"]["attended"] == 2


# --- a sweep


def known(**more: Any) -> Recorded:
    return replace(Recorded("u", "97", Kind.WEBINAR, "", "", "", 0, transcript=False, told_at=NOW), **more)


def test_a_sweep_asks_ever_more_rarely_for_what_does_not_come() -> None:
    """Hourly sweeps of a week ask some ten times, not 168."""
    end, times = NOW, 0
    last: Recorded | None = None
    for hour in range(1, 169):
        if is_due(last, end, NOW + hour * HOUR):
            times += 1
            last = known(told_at=NOW + hour * HOUR)
    assert 8 <= times <= 13


def test_what_is_there_is_seen_to_have_been_told_of() -> None:
    assert is_due(known(share_url="https://zoom.example/s", told_at=NOW + HOUR), NOW, NOW + HOUR)


def test_what_follows_is_told_apart_by_the_address() -> None:
    first = follow_up(known(share_url="https://zoom.example/1"))
    assert first == follow_up(
        known(share_url="https://zoom.example/1", told_at=NOW + HOUR, expires_on=date(2027, 1, 1))
    )
    assert first.id != follow_up(known(share_url="https://zoom.example/2")).id
    assert first.arguments == ("webinar", "97", "u")
