"""People who sign up, are let in or refused, and cancel: object.id is a number in all of these.

A cancelled registration is told of here only; the API's lists just leave it out.
Source: https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tajo.simulators.world import Registrant, Session, World
from tajo.simulators.zoom.call import utc
from tajo.simulators.zoom.shapes import registrant_json, registration_url
from tajo.simulators.zoom.webhooks.event import Event, Json, shortly, signup
from tajo.simulators.zoom.webhooks.switches import WebhookSwitches

DECIDED_AFTER = timedelta(minutes=10)  # ours: how long the host takes; the world does not know
_FORM = (
    *("id", "first_name", "last_name", "email", "address", "city", "country", "zip", "state", "phone", "industry"),
    *("org", "job_title", "purchasing_time_frame", "role_in_purchase_process", "no_of_employees", "comments"),
    *("custom_questions", "status", "join_url"),
)


def registration_events(world: World, session: Session, switches: WebhookSwitches) -> Iterator[Event]:
    """What happened to each registrant, in order of time for each."""
    for registrant in session.registrants:
        yield _created(world, session, registrant)
        yield from _decided(world, session, registrant, switches)
        if registrant.cancelled_at is not None:
            yield _cancelled(world, session, registrant, registrant.cancelled_at)


def _created(world: World, session: Session, registrant: Registrant) -> Event:
    """With the whole form, and the status that a registration had at first."""
    waits = session.approval_type == 1 or registrant.status == "pending"
    listed = registrant_json(session, replace(registrant, status="pending" if waits else "approved"))
    person = {name: listed[name] for name in _FORM if name in listed}
    at = shortly(registrant.create_time, registrant.id, least_ms=100)
    return _event(world, session, registrant, "created", at, person, {})


def _decided(world: World, session: Session, registrant: Registrant, switches: WebhookSwitches) -> Iterator[Event]:
    by_hand = session.approval_type == 1 or switches.approved_follows_automatic
    if registrant.status == "pending" or (registrant.status == "approved" and not by_hand):
        return
    takes = DECIDED_AFTER if session.approval_type == 1 else timedelta(0)
    if registrant.cancelled_at is not None:
        takes = min(takes, (registrant.cancelled_at - registrant.create_time) / 2)
    person = _short(session, registrant)
    if registrant.status == "approved":
        person["join_url"] = registrant_json(session, registrant)["join_url"]
    operator = {"operator": session.host.email, "operator_id": session.host.id}
    at = shortly(registrant.create_time + takes, registrant.id, least_ms=1_100)
    yield _event(world, session, registrant, registrant.status, at, person, operator)


def _cancelled(world: World, session: Session, registrant: Registrant, at: datetime) -> Event:
    """By the registrants themselves: no operator_id."""
    at = shortly(at, registrant.id, least_ms=2_100)
    operator = {"operator": registrant.email}
    return _event(world, session, registrant, "cancelled", at, _short(session, registrant), operator)


def _short(session: Session, registrant: Registrant) -> Json:
    listed = registrant_json(session, registrant)
    return {name: listed[name] for name in ("id", "first_name", "last_name", "email")}


def _event(
    world: World, session: Session, registrant: Registrant, what: str, at: datetime, person: Json, operator: Json
) -> Event:
    person |= _source(session, registrant)
    if session.kind == "meeting" and what in ("created", "approved"):
        person["participant_pin_code"] = registrant_json(session, registrant)["participant_pin_code"]
    body: Json = {
        "uuid": session.uuid,
        "id": session.id,
        "host_id": session.host.id,
        "topic": session.topic,
        "type": session.type,
        "start_time": utc(session.start),
        "duration": session.minutes,
        "timezone": session.timezone,
        "occurrences": _occurrences(session, registrant),
        "registrant": person,
    }
    body = {name: value for name, value in body.items() if value or name not in ("start_time", "occurrences")}
    payload: Json = {"account_id": world.account_id, **operator, "object": body}
    return signup(f"{session.kind}.registration_{what}", at, payload)


def _occurrences(session: Session, registrant: Registrant) -> list[Json]:
    """Of a series: the dates that the registration is for."""
    return [
        {"occurrence_id": occurrence.id, "start_time": utc(occurrence.start)}
        for occurrence in session.occurrences
        if occurrence.status == "available"
        and (not registrant.occurrence_ids or occurrence.id in registrant.occurrence_ids)
    ]


def _source(session: Session, registrant: Registrant) -> Json:
    """Where the registrant came from, if the link says so; webinars only."""
    for source in session.tracking_sources if session.kind == "webinar" else ():
        if source.id == registrant.source_id:
            url = f"{registration_url(session)}?source_id={source.id}"
            return {"tracking_source": {"id": source.id, "source_name": source.name, "tracking_url": url}}
    return {}
