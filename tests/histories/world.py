"""The drawn history as a simulated world, and what becomes of the webhooks that it gives rise to."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tajo.simulators.world import Question, Registrant, SessionPlan, Stage, World
from tajo.simulators.zoom.webhooks import Event, events_of

from .history import BEGIN, HOUR, MINUTE, QUESTION, History, Meeting, Step

SECOND = timedelta(seconds=1)


def staged(history: History) -> tuple[World, list[int]]:
    """The world, and the number of each drawn session in it."""
    stage = Stage(history.seed, BEGIN)
    people = [stage.names.person(email=email, phone="") for email in history.emails]
    plans = [_staged(stage, made, people) for made in history.meetings]
    stage.now = history.over + 48 * HOUR
    return stage.world(), [plan.session.id for plan in plans]


def _staged(stage: Stage, made: Meeting, people: list) -> SessionPlan:  # type: ignore[type-arg]
    open_ = stage.webinar if made.kind == "webinar" else stage.meeting
    asked = (Question(QUESTION, "single_radio", answers=("Yes", "No")),)
    plan = open_(
        f"봄 {made.kind}", start=made.start, minutes=made.minutes, approval_type=made.approval, questions=asked
    )
    registrants = [
        plan.register(
            people[each.who],
            email=each.email,
            create_time=each.at,
            status=each.status,
            cancelled_at=each.cancelled_at,
            custom_questions=((QUESTION, each.answer),) if each.answer else (),
        )
        for each in made.signups
    ]
    for number, part in enumerate(made.sittings):
        held = plan.hold(start=part.start, minutes=(part.end - part.start).total_seconds() / 60)
        for stay in (each for each in made.stays if each.sitting == number):
            link: Registrant | None = registrants[stay.link] if stay.link is not None else None
            email = f"own.{people[stay.who].email}" if stay.private else link.email if link else people[stay.who].email
            held.come(
                people[stay.who],
                (stay.join - part.start).total_seconds() / 60,
                (stay.leave - part.start).total_seconds() / 60,
                email=email,
                registrant_id=link.id if link else "",
                status="in_waiting_room" if stay.waiting else "in_meeting",
            )
        for sitting, join, leave in made.strangers:
            if sitting == number:
                minutes = [(at - part.start).total_seconds() / 60 for at in (join, leave)]
                stranger = stage.names.person(zoom_id="", phone="")
                held.come(stranger, *minutes, name="iPhone", email="", participant_user_id="", registrant_id="")
        if part.recorded_at is not None:
            held.record(ready_min=(part.recorded_at - part.end).total_seconds() / 60)
    return plan


def webhooks(history: History, world: World, numbers: list[int]) -> Iterator[Step]:
    """Each event when it comes: in time, or lost, doubled, late, out of order; a recording's link may change."""
    rng, rates = history.rng, history.rates
    for made, number in zip(history.meetings, numbers, strict=True):
        for event in events_of(world, world.sessions[number]):
            if event.name == "recording.completed" and rng.random() < 0.3:
                yield from _on_its_way(history, made, _moved(event), event.at + 20 * MINUTE)
            if rng.random() < rates["lost"]:
                yield Step(event.at, "lost", event)
                continue
            yield from _on_its_way(history, made, event, event.at)


def _on_its_way(history: History, made: Meeting, event: Event, at: datetime) -> Iterator[Step]:
    rng, rates = history.rng, history.rates
    comes = at + SECOND
    if rng.random() < rates["late"]:
        comes += timedelta(seconds=rng.randint(300, 3 * 3600))
    elif rng.random() < rates["reordered"]:
        comes += timedelta(seconds=rng.randint(1, 90))
    if "participant" in event.name:
        comes = _in_a_burst(made, comes)
    yield Step(comes, "webhook", event)
    if rng.random() < rates["doubled"]:
        yield Step(comes + timedelta(seconds=rng.choice((1, 30, 4000))), "webhook", event)


def _in_a_burst(made: Meeting, at: datetime) -> datetime:
    """Nothing follows from single joins: several are handed over together, those of the end in time."""
    later = at + (-(at - BEGIN) % (15 * MINUTE))
    ends = [part.end + 3 * SECOND for part in made.sittings if at <= part.end + 3 * SECOND]
    return min([later, *ends])


def _moved(event: Event) -> Event:
    """The same recording once more, under another address."""
    body = copy.deepcopy(event.body)
    body["payload"]["object"]["share_url"] += "-moved"
    at = event.at + 20 * MINUTE
    body["event_ts"] = int(at.timestamp() * 1000)
    return event._replace(at=at, body=body)


def shown(step: Step) -> str:
    """A step for people to read."""
    if not isinstance(step.detail, Event):
        return step.line()
    told = step.detail.body["payload"]["object"]
    who = told.get("registrant") or told.get("participant") or {}
    about = (told.get("id"), who.get("email"), who.get("id"), f"of {step.detail.at:%d %H:%M:%S}")
    return replace(step, detail=" ".join(str(each) for each in (step.detail.name, *about) if each)).line()
