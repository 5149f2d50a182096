"""Sessions that are still to come and then take place, for tests and demonstrations that run through the event.

A simulator shows as much of a world as its clock has reached, so the world after the session may be shown from the
beginning; the world before it is for those who want to be sure that nothing of the future is in it.

before, after, truth = live_webinar(7, now=now)
clock = MovedClock(now)
zoom = ZoomSimulator(before, clock=clock)
...                                             # what is to come can be read: registrants, no report
zoom.world = after
await sender.play(after.sessions[truth.session_id], since=now, move=clock.move)
clock.move(after.now)                           # the report is there, and `truth` is what it must lead to
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tajo.simulators.world.crowd import USUAL, Way, attend
from tajo.simulators.world.model import World
from tajo.simulators.world.people import Person
from tajo.simulators.world.stage import Date, SessionPlan, Stage
from tajo.simulators.world.truth import TruthOccurrence

_AFTERWARDS = timedelta(hours=2)  # from the end of the session to the `now` of the world after it


class MovedClock:
    """Stands still until it is moved, and never goes back."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, to: datetime) -> None:
        self.now = max(self.now, to)


class ShiftedClock:
    """Goes on as the real time does, and can be moved forward."""

    def __init__(self, now: datetime) -> None:
        self._ahead = now - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move(self, to: datetime) -> None:
        self._ahead = max(self._ahead, to - datetime.now(UTC))


class Live(NamedTuple):
    """The account before and after one session, and the truth about it afterwards."""

    before: World
    after: World
    truth: TruthOccurrence


def take_place(
    plan: SessionPlan,
    people: Sequence[Person],
    *,
    date: Date | None = None,
    late_min: float = 0,
    minutes: float | None = None,
    ways: tuple[Way, ...] = USUAL,
    recorded: bool = False,
) -> World:
    """Let a coming session of a stage happen, `people` being there; the world two hours after its end.

    Take `stage.world()` before, for what there was until then. `minutes` None: as long as planned.
    """
    held = plan.hold(date=date, late_min=late_min, minutes=minutes)
    attend(held, people, ways)
    if recorded:
        held.record(ready_min=40, transcript=True)
    plan.stage.now = max(plan.stage.now, held.end + _AFTERWARDS)
    return plan.stage.world()


def live_webinar(
    seed: int,
    *,
    now: datetime,
    registrants: int = 30,
    attendees: int = 20,
    minutes: int = 45,
    starts_in: timedelta = timedelta(minutes=15),
    cancelled: int = 0,
    recorded: bool = True,
) -> Live:
    """A webinar that begins `starts_in` after `now`, with automatic approval.

    Of the `registrants` every fifth signs up only between `now` and the start; `attendees` of them come, some late, on
    two devices or more than once. `cancelled` more people signed up before and cancel before the start.
    """
    if attendees > registrants:
        raise ValueError("attendees must be registrants")
    stage = Stage(seed, now)
    start = (now + starts_in).replace(second=0, microsecond=0)
    plan = stage.webinar("라이브 웨비나: live", start=start, minutes=minutes, created_at=now - timedelta(days=30))
    plan.tracking_source("뉴스레터", 40)
    source = plan.session.tracking_sources[0].id
    people = [stage.names.person() for _ in range(registrants)]
    soon = people[::5]
    for person in people:
        if person not in soon:
            plan.register(person, source_id=source if stage.rng.random() < 0.5 else "")
    leaving = [stage.names.person() for _ in range(cancelled)]
    for number, person in enumerate(leaving, start=1):
        plan.register(person, cancelled_at=now + (start - now) * number / (cancelled + 1))
    before = stage.world()
    for number, person in enumerate(soon, start=1):
        plan.register(person, source_id=source, create_time=now + (start - now) * number / (len(soon) + 1))
    after = take_place(plan, stage.rng.sample(people, attendees), recorded=recorded)
    (truth,) = after.truth_of(plan.session.id)
    return Live(before, after, truth)
