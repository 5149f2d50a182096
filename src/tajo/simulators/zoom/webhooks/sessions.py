"""Sessions that begin and end, and people who come and go: object.id is a text in all of these.

Source: events of accounts in use; https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tajo.simulators.world import Instance, Row, Session, World
from tajo.simulators.zoom.call import utc
from tajo.simulators.zoom.webhooks.event import Event, Json, lifecycle, live, shortly
from tajo.simulators.zoom.webhooks.switches import WebhookSwitches

_STARTED_AFTER = timedelta(milliseconds=120)
_ENDED_AFTER = timedelta(milliseconds=1_500)  # after everybody's leaving
_FAILOVER = "left the meeting. Reason : left the meeting with Unknown Failover Reason"


def instance_events(world: World, session: Session, instance: Instance, switches: WebhookSwitches) -> Iterator[Event]:
    """started, ended, and between them a pair of events for each row."""
    started, ended = instance.start + _STARTED_AFTER, instance.end + _ENDED_AFTER
    begun, over = _head(session, instance), _head(session, instance, ended=True)
    yield lifecycle(f"{session.kind}.started", started, {"account_id": world.account_id, "object": begun})
    following = _following(instance)
    for row in instance.rows:
        if switches.practice_session_rows or not row.practice:
            yield from _row_events(world, Stay(session, instance, row, following.get(row.user_id)), switches)
    yield lifecycle(f"{session.kind}.ended", ended, {"account_id": world.account_id, "object": over})


def _head(session: Session, instance: Instance, *, ended: bool = False) -> Json:
    """`duration` as scheduled. A webinar that was never opened was a practice session only."""
    end: Json = {"end_time": utc(instance.end)} if ended else {}
    if ended and session.kind == "webinar":
        end["practice_session"] = bool(instance.rows) and all(row.practice for row in instance.rows)
    return {
        "duration": session.minutes,
        "start_time": utc(instance.start),
        "timezone": session.timezone,
        **end,
        "topic": session.topic,
        "id": str(session.id),
        "type": session.type,
        "uuid": instance.uuid,
        "host_id": session.host.id,
        "host_email": session.host.email,
    }


@dataclass(frozen=True, slots=True)
class Stay:
    """A row in its place; `after` is the same person's stay that begins where this one ends."""

    session: Session
    instance: Instance
    row: Row
    after: Row | None


def _following(instance: Instance) -> dict[str, Row]:
    """For each user_id the stay in the session that its person went on to, if any."""
    begun = {(_person(row), row.join): row for row in instance.rows if row.status == "in_meeting"}
    found = {row.user_id: begun.get((_person(row), row.leave)) for row in instance.rows}
    return {user_id: after for user_id, after in found.items() if after is not None and after.user_id != user_id}


def _person(row: Row) -> tuple[str, str, str]:
    return row.name, row.registrant_id, row.participant_user_id


def _row_events(world: World, stay: Stay, switches: WebhookSwitches) -> Iterator[Event]:
    row, key = stay.row, f"{stay.instance.uuid}{stay.row.user_id}"
    came, went = shortly(row.join, f"{key}+"), shortly(row.leave, f"{key}-")
    prefix = f"{stay.session.kind}.participant_"
    for suffix in _suffixes(row, switches):
        yield _event(world, stay, f"{prefix}joined{suffix}", came, _joined(stay))
        if suffix == "_waiting_room" and stay.after is not None:
            admitted = {name: value for name, value in _joined(stay).items() if name != "join_time"}
            yield _event(world, stay, f"{prefix}admitted", went, admitted)
        yield _event(world, stay, f"{prefix}left{suffix}", went, _left(stay))


def _suffixes(row: Row, switches: WebhookSwitches) -> tuple[str, ...]:
    if row.status == "in_waiting_room":
        return ("_waiting_room",)
    if not row.bo_mtg_id:
        return ("",)
    return {"plain": ("",), "own": ("_breakout_room",), "both": ("", "_breakout_room")}[switches.breakout_rooms]


def _event(world: World, stay: Stay, name: str, at: datetime, participant: Json) -> Event:
    session, instance = stay.session, stay.instance
    body: Json = {
        "uuid": instance.uuid,
        "participant": participant,
        "id": str(session.id),
        "type": session.type,
        "topic": session.topic,
        "host_id": session.host.id,
        "duration": session.minutes,
        "start_time": utc(instance.start),
        "timezone": session.timezone,
    }
    return live(name, at, {"account_id": world.account_id, "object": body})


def _joined(stay: Stay) -> Json:
    row = stay.row
    body = _who(row) | {"join_time": utc(row.join), "email": row.email} | _phone(row)
    return body | {"participant_uuid": participant_uuid(stay.instance, row)}


def _left(stay: Stay) -> Json:
    """Without join_time."""
    row, who = stay.row, _who(stay.row)
    body: Json = {"customer_key": who.pop("customer_key")} if row.customer_key else {}
    body |= {"leave_time": utc(row.leave)} | who
    body |= {"leave_reason": _reason(stay), "email": row.email} | _phone(row)
    return body | {"private_ip": who["public_ip"], "participant_uuid": participant_uuid(stay.instance, row)}


def _who(row: Row) -> Json:
    """Guests have empty ids; registrant_id is missing for people signed in who came without a registration."""
    body: Json = {"customer_key": row.customer_key} if row.customer_key else {}
    body |= {"public_ip": _address(row), "user_id": row.user_id, "user_name": row.name}
    if row.registrant_id or not row.participant_user_id:
        body["registrant_id"] = row.registrant_id
    return body | {"participant_user_id": row.participant_user_id, "id": row.participant_user_id}


def _phone(row: Row) -> Json:
    return {"phone_number": row.phone} if row.phone else {}


def _address(row: Row) -> str:
    """Out of the block for documentation, the same for all devices of one name."""
    return f"203.0.113.{1 + zlib.crc32(row.name.encode()) % 254}"


def participant_uuid(instance: Instance, row: Row) -> str:
    """The same in both events of one stay, new for each join; in capitals."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{instance.uuid} {row.user_id}")).upper()


def _reason(stay: Stay) -> str:
    row = stay.row
    if row.status == "in_waiting_room":
        return "Leave waiting room."
    if stay.after is not None and stay.after.failover:
        return _FAILOVER
    return "Host ended the meeting." if row.leave >= stay.instance.end else f"{row.name} left the meeting."
