"""Large plain worlds for benchmarks and back-fills."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from tajo.simulators.world.crowd import straight
from tajo.simulators.world.model import World
from tajo.simulators.world.stage import Stage


def webinar(seed: int, *, now: datetime, registrants: int, attendees: int, rows: int) -> World:
    """One webinar that ended three hours before `now`, with `rows` rows: the host's one and at least one an attendee.

    The rows beyond that are rejoins, spread evenly; each attendee's rows follow one another without overlap.
    """
    if not attendees <= registrants or not attendees < rows:
        raise ValueError("attendees must be registrants, and each needs a row beside the host's")
    stage = Stage(seed, now)
    start = (now - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    plan = stage.webinar("The big webinar", start=start, minutes=90)
    people = [stage.names.person() for _ in range(registrants)]
    for person in people:
        plan.register(person)
    held = plan.hold()
    each, more = divmod(rows - 1, attendees)
    for number, person in enumerate(people[:attendees]):
        stays = each + (number < more)
        slot = 90 / stays
        for stay in range(stays):
            held.come(person, stay * slot, stay * slot + slot * stage.rng.uniform(0.4, 0.95))
    return stage.world()


def backfill(
    seed: int,
    *,
    now: datetime,
    sessions: int,
    participants: int,
    kinds: Literal["mixed", "webinar", "meeting"] = "mixed",
) -> World:
    """`sessions` plain sessions evenly over the last 25 days, each with `participants` people beside the host.

    Webinars have registration, and one registrant in five beside these stays away; meetings have none. People come from
    a pool of four times `participants`, so most are met again.
    """
    stage = Stage(seed, now)
    pool = [stage.names.person() for _ in range(max(4 * participants, 1))]
    gap = timedelta(days=25) / max(sessions, 1)
    first = now - timedelta(days=25)
    for number in range(sessions):
        start = (first + gap * number).replace(second=0, microsecond=0)
        is_webinar = kinds == "webinar" or (kinds == "mixed" and number % 2 == 0)
        make = stage.webinar if is_webinar else stage.meeting
        plan = make(f"Session {number + 1}", start=min(start, now - timedelta(hours=2)))
        people = stage.rng.sample(pool, min(len(pool), participants + (participants // 5 if is_webinar else 0)))
        for person in people if is_webinar else ():
            plan.register(person)
        held = plan.hold()
        for person in people[:participants]:
            straight(held, person, 60, stage.rng)
    return stage.world()
