from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tajo.simulators.world import Live, MovedClock, Stage, live_webinar, take_place, union_s
from tajo.simulators.zoom.webhooks import Reply, WebhookSender, events_of


@pytest.fixture
def now(world: Any) -> datetime:
    found: datetime = world.now
    return found


@pytest.fixture
def live(now: datetime) -> Live:
    return live_webinar(4, now=now, cancelled=2)


def test_before_the_webinar_there_are_registrants_and_nothing_of_the_future(live: Live, now: datetime) -> None:
    (session,) = live.before.sessions.values()
    assert session.instances == ()
    assert session.start == now + timedelta(minutes=15)
    assert len(session.registrants) == 24 + 2
    assert all(registrant.create_time < now for registrant in session.registrants)
    assert {person.outcome for person in live.before.truth[0].people} == {"registered"}


def test_afterwards_twenty_of_thirty_were_there(live: Live) -> None:
    (session,) = live.after.sessions.values()
    outcomes = Counter(person.outcome for person in live.truth.people if not person.staff)
    assert outcomes == {"attended": 20, "no_show": 10, "cancelled": 2}
    assert live.truth.ended
    assert live.truth.instance_uuids == (session.instances[0].uuid,)
    assert session.id == live.truth.session_id == next(iter(live.before.sessions))


def test_the_same_seed_gives_the_same_webinar(now: datetime) -> None:
    assert live_webinar(4, now=now) == live_webinar(4, now=now)
    assert live_webinar(4, now=now) != live_webinar(5, now=now)
    with pytest.raises(ValueError, match="registrants"):
        live_webinar(4, now=now, registrants=3)


def test_the_api_shows_the_webinar_before_during_and_after(live: Live, account: Callable[..., Any]) -> None:
    """Its report comes half an hour after the end, its recording after 40 minutes."""
    zoom = account(live.before)
    zoom.switch(report_delay=timedelta(minutes=30), token_lifetime_s=10**5)
    session = live.after.sessions[live.truth.session_id]
    instance = session.instances[0]
    registrants, report = f"/webinars/{session.id}/registrants", f"/report/webinars/{session.id}/participants"
    assert zoom.json(registrants)["total_records"] == 26
    assert zoom.refusal(report) == (404, 3001)
    zoom.simulator.world = live.after
    assert zoom.json(registrants)["total_records"] == 26
    zoom.clock.now = instance.start
    assert zoom.json(registrants)["total_records"] == 30
    assert zoom.refusal(report) == (404, 3001)
    zoom.clock.now = instance.end
    assert len(zoom.json(f"/past_webinars/{session.id}/instances")["webinars"]) == 1
    assert zoom.refusal(report) == (404, 3001)
    zoom.clock.forward(minutes=30)
    assert zoom.json(report)["total_records"] == len(instance.rows)
    assert zoom.refusal(f"/meetings/{session.id}/recordings") == (404, 3301)
    zoom.clock.forward(minutes=10)
    assert zoom.json(f"/meetings/{session.id}/recordings")["recording_count"] == 3


def test_the_world_afterwards_looks_like_the_one_before_until_it_happens(
    live: Live, account: Callable[..., Any]
) -> None:
    shown = []
    for world in (live.before, live.after):
        zoom = account(world)
        session = next(iter(world.sessions.values()))
        paths = (f"/users/{session.host.id}/webinars", f"/webinars/{session.id}", f"/webinars/{session.id}/registrants")
        shown.append([zoom.json(path) for path in paths])
        assert zoom.json(f"/past_webinars/{session.id}/instances")["webinars"] == []
    assert shown[0] == shown[1]


class Listener:
    """Adds up the stays of each registrant from the events alone."""

    def __init__(self, clock: MovedClock) -> None:
        self.clock = clock
        self.at: dict[str, list[datetime]] = {}
        self.times: dict[str, dict[str, str]] = {}
        self.registrant: dict[str, str] = {}

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        event = json.loads(body)
        self.at.setdefault(event["event"], []).append(self.clock())
        person = event["payload"]["object"].get("participant", {})
        stay = self.times.setdefault(person.get("participant_uuid", ""), {})
        stay |= {name: person[name] for name in ("join_time", "leave_time") if name in person}
        if person.get("registrant_id"):
            self.registrant[person["participant_uuid"]] = person["registrant_id"]
        return Reply(204)

    def seconds(self) -> dict[str, int]:
        stays: dict[str, list[tuple[datetime, datetime]]] = {}
        for uuid, registrant in self.registrant.items():
            join, leave = (datetime.fromisoformat(self.times[uuid][name]) for name in ("join_time", "leave_time"))
            stays.setdefault(registrant, []).append((join, leave))
        return {registrant: union_s(found) for registrant, found in stays.items()}


def test_a_played_webinar_tells_who_was_there_for_how_long(live: Live, now: datetime) -> None:
    """Real time: a few hundredths of a second for an hour and three quarters."""
    clock = MovedClock(now)
    listener = Listener(clock)
    sender = WebhookSender(live.after, url="https://r.example/", secret="s", clock=clock, post=listener)
    session = live.after.sessions[live.truth.session_id]
    asyncio.run(sender.play(session, speed=200_000, since=now, move=clock.move))
    assert {d.outcome for d in sender.deliveries} == {"delivered"}
    assert len(listener.at["webinar.registration_created"]) == 6
    assert len(listener.at["webinar.registration_cancelled"]) == 2
    assert listener.at["webinar.started"][0] < listener.at["webinar.ended"][0] < listener.at["recording.completed"][0]
    wanted = {person.registrant_ids[0]: person.present_s for person in live.truth.people if person.registrant_ids}
    assert listener.seconds() == {id: seconds for id, seconds in wanted.items() if seconds}


def test_any_coming_session_of_a_stage_can_take_place(now: datetime) -> None:
    """A weekly meeting: one date is over, the next one happens, the third is still to come."""
    stage = Stage(2, now)
    plan = stage.meeting("Sprechstunde 상담", start=now - timedelta(days=6), type=8, approval_type=0)
    dates = [plan.occurs(now + timedelta(days=days)) for days in (-6, 1, 8)]
    people = [stage.names.person() for _ in range(6)]
    for person in people:
        plan.register(person)
    take_place(plan, people[:2], date=dates[0])
    before = stage.world()
    after = take_place(plan, people[2:], date=dates[1], late_min=3, minutes=30, recorded=True)
    ended = [[o.ended for o in world.truth_of(plan.session.id)] for world in (before, after)]
    assert ended == [[True, False, False], [True, True, False]]
    assert after.now == dates[1].start + timedelta(hours=2, minutes=33)
    assert before.now == now
    new = {e.name for e in events_of(after, since=now)}
    assert {"meeting.started", "meeting.participant_joined", "meeting.ended", "recording.completed"} <= new
    assert not {e.name for e in events_of(before, since=now)}


def test_a_moved_clock_never_goes_back(now: datetime) -> None:
    clock = MovedClock(now)
    clock.move(now + timedelta(hours=1))
    clock.move(now)
    assert clock() == now + timedelta(hours=1)
