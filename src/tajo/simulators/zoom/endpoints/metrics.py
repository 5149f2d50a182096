"""The dashboard: what sessions with one participant are read from. Business accounts only."""

from __future__ import annotations

from datetime import timedelta

from tajo.simulators.world import Row
from tajo.simulators.world.model import Kind
from tajo.simulators.zoom.archive import HALF_YEAR, Took
from tajo.simulators.zoom.call import Call, Json, minutes, utc
from tajo.simulators.zoom.errors import ZoomError, not_ended

_TYPES = ("live", "past", "pastOne")  # the default is of no use for what is over


def list_meetings(call: Call) -> Json:
    """GET /metrics/meetings"""
    return _list(call, "meeting")


def list_webinars(call: Call) -> Json:
    """GET /metrics/webinars"""
    return _list(call, "webinar")


def _list(call: Call, kind: Kind) -> Json:
    begin, end = call.dates()
    if begin < call.now - HALF_YEAR - timedelta(days=1):
        raise ZoomError(400, 300, "Only the last 6 months are available.", field="from")
    wanted = call.choice("type", _TYPES)
    took = [
        t
        for t in call.archive.ended(call.now)
        if t.session.kind == kind and begin <= t.instance.start < end and _is_meant(call, t, wanted)
    ]
    body = call.page(f"{kind}s", took, lambda t: _head(call, t))
    return {"from": begin.date().isoformat(), "to": (end - timedelta(days=1)).date().isoformat()} | body


def _is_meant(call: Call, took: Took, wanted: str) -> bool:
    return wanted != "live" and (call.archive.heads(took) < 2) == (wanted == "pastOne")


def get_meeting(call: Call) -> Json:
    """GET /metrics/meetings/{meetingId or uuid}"""
    return _head(call, _took(call, "meeting"))


def get_webinar(call: Call) -> Json:
    """GET /metrics/webinars/{webinarId or uuid}"""
    return _head(call, _took(call, "webinar"))


def meeting_participants(call: Call) -> Json:
    """GET /metrics/meetings/{meetingId or uuid}/participants"""
    return _participants(call, "meeting")


def webinar_participants(call: Call) -> Json:
    """GET /metrics/webinars/{webinarId or uuid}/participants"""
    return _participants(call, "webinar")


def _participants(call: Call, kind: Kind) -> Json:
    took = _took(call, kind)
    rows = call.archive.rows(took, call.now, call.switches)
    body = call.page("participants", rows, lambda row: _row(took, row))
    return {f"{kind}_number": str(took.session.id)} | body


def _took(call: Call, kind: Kind) -> Took:
    took = call.past_meeting() if kind == "meeting" else call.past_webinar()
    if not _is_meant(call, took, call.choice("type", _TYPES)):
        raise not_ended(kind)
    return took


def _head(call: Call, took: Took) -> Json:
    session, instance = took.session, took.instance
    return {
        "uuid": instance.uuid,
        "id": session.id,
        "topic": session.topic,
        "host": session.host.name,
        "email": session.host.email,
        "start_time": utc(instance.start),
        "end_time": utc(instance.end),
        "duration": f"{minutes(took) // 60:02d}:{minutes(took) % 60:02d}:00",
        "participants": call.archive.heads(took),
    }


def _row(took: Took, row: Row) -> Json:
    session = took.session
    staff = [panelist.email.lower() for panelist in session.panelists]
    role = "panelist" if row.email.lower() in staff else "attendee"
    stayed_to_the_end = row.leave >= took.instance.end
    body: Json = {
        "id": row.participant_user_id,
        "user_id": row.user_id,
        "participant_user_id": row.participant_user_id,
        "user_name": row.name,
        "email": row.email,
        "registrant_id": row.registrant_id,
        "customer_key": row.customer_key,
        "role": "host" if row.participant_user_id == session.host.id else role,
        "status": row.status,
        "join_time": utc(row.join),
        "leave_time": utc(row.leave),
        "leave_reason": "Host ended the meeting." if stayed_to_the_end else f"{row.name} left the meeting.",
        "device": "Phone" if row.phone else "Windows",
        "ip_address": "192.0.2.10",
        "location": "Seoul (KR)",
        "network_type": "Wifi",
        "audio_quality": "good",
        "in_room_participants": 0,
        "bo_mtg_id": row.bo_mtg_id,
        "total_jointime_cost": 3.98,
    }
    if row.phone:
        body["audio_call"] = [{"call_number": row.phone, "call_type": "call-in", "zoom_number": "18773690926"}]
    return body
