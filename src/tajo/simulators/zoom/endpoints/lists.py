"""Account-wide and per-user lists of what took place or is to come: the reports without an id in the path."""

from __future__ import annotations

from datetime import datetime, timedelta

from tajo.simulators.world import Session
from tajo.simulators.zoom.archive import HALF_YEAR, Took
from tajo.simulators.zoom.call import Call, Json, minutes, utc
from tajo.simulators.zoom.endpoints.past import summary
from tajo.simulators.zoom.errors import ZoomError


def user_meetings(call: Call) -> Json:
    """GET /report/users/{userId}/meetings: meetings and webinars with at least two participants (pastOne: one)."""
    user = call.user()
    begin, end = call.dates()
    if begin < call.now - HALF_YEAR - timedelta(days=1):
        raise ZoomError(400, 300, "Only the last 6 months are available.", field="from")
    kind = call.choice("type", ("past", "pastOne", "pastJoined"))
    took = [
        t
        for t in call.archive.ended(call.now - call.switches.report_delay)
        if begin <= t.instance.start < end and _is_meant(call, t, user.id, kind)
    ]
    body = call.page("meetings", took, lambda t: _user_meeting(call, t))
    return {"from": begin.date().isoformat(), "to": (end - timedelta(days=1)).date().isoformat()} | body


def _is_meant(call: Call, took: Took, user_id: str, kind: str) -> bool:
    if kind == "pastJoined":
        return any(row.participant_user_id == user_id for row in took.instance.rows)
    alone = call.archive.heads(took) < 2
    return took.session.host.id == user_id and alone == (kind == "pastOne")


def _user_meeting(call: Call, took: Took) -> Json:
    body = summary(call, took)
    del body["dept"]
    return body | {
        "source": "Zoom",
        "custom_keys": [],
        "session_key": "",
        "schedule_time": took.session.created_at.strftime("%m/%d/%Y %H:%M"),
        "join_time": took.instance.start.strftime("%m/%d/%Y %H:%M"),
        "leave_time": took.instance.end.strftime("%m/%d/%Y %H:%M"),
        "host_organization": "",
        "host_name": took.session.host.name,
        "has_screen_share": False,
        "has_recording": took.instance.recording is not None,
        "has_chat": False,
        "meeting_encryption_status": 1,
        "participants_count_my_account": sum(row.internal_user for row in took.instance.rows),
    }


def history_meetings(call: Call) -> Json:
    """GET /report/history_meetings: every ended instance of the account, with uuid; no totals in the envelope."""
    begin, end = call.dates()
    by_end = call.choice("date_type", ("start_time", "end_time")) == "end_time"
    kind = call.choice("meeting_type", ("all", "meeting", "webinar"))
    search = call.query.get("search_key", "").lower()
    took = [
        t
        for t in call.archive.ended(call.now - call.switches.report_delay)
        if begin <= (t.instance.end if by_end else t.instance.start) < end
        and kind in ("all", t.session.kind)
        and (call.switches.history_lists_one_person or call.archive.heads(t) >= 2)
        and (not search or search in (t.session.topic.lower(), str(t.session.id)))
    ]
    body = call.page("history_meetings", took, lambda t: _history(call, t))
    for name in ("page_count", "total_records"):
        body.pop(name, None)
    return body


def _history(call: Call, took: Took) -> Json:
    session, instance = took.session, took.instance
    rows = call.archive.rows(took, call.now, call.switches)
    heads = call.archive.heads(took)
    return {
        "meeting_uuid": instance.uuid,
        "meeting_id": session.id,
        "type": "Webinar" if session.kind == "webinar" else "Meeting",
        "topic": session.topic,
        "host_display_name": session.host.name,
        "host_email": session.host.email,
        "start_time": utc(instance.start),
        "end_time": utc(instance.end),
        "create_time": utc(session.created_at),
        "participants": len(rows),
        "duration": minutes(took),
        "total_participant_minutes": sum(row.duration_s for row in rows) // 60,
        "unique_viewers": heads,
        "max_concurrent_views": heads,
        "department": session.host.dept,
        "group": [],
        "source": "Zoom",
        "tracking_fields": [],
        "custom_fields": [],
        "feature_used": {
            "registration": session.has_registration,
            "poll": bool(instance.polls),
            "record_to_cloud": instance.recording is not None,
            "breakout_room": any(row.bo_mtg_id for row in instance.rows),
            "telephone_usage": any(row.phone for row in instance.rows),
            "waiting_room": any(row.status == "in_waiting_room" for row in instance.rows),
            "in_meeting_chat": False,
        },
    }


def upcoming_events(call: Call) -> Json:
    """GET /report/upcoming_events: a hint only, without kind and numeric id."""
    begin, end = call.dates()
    kind = call.choice("type", ("all", "meeting", "webinar"))
    coming = [
        (session, start)
        for session in call.archive.world.sessions.values()
        for start in _starts(session)
        if not session.deleted and kind in ("all", session.kind) and max(begin, call.now) <= start < end
    ]
    body = call.page("upcoming_events", sorted(coming, key=lambda c: c[1]), _event)
    for name in ("page_count", "total_records"):
        body.pop(name, None)
    return {"from": begin.date().isoformat(), "to": (end - timedelta(days=1)).date().isoformat()} | body


def _starts(session: Session) -> list[datetime]:
    if session.occurrences:
        return [o.start for o in session.occurrences if o.status == "available"]
    return [session.start] if session.start is not None else []


def _event(event: tuple[Session, datetime]) -> Json:
    session, start = event
    return {
        "id": session.uuid,
        "topic": session.topic,
        "host_id": session.host.id,
        "host_name": session.host.name,
        "start_time": utc(start),
        "dept": session.host.dept,
    }


def report_users(call: Call) -> Json:
    """GET /report/users: hosts that held something in the time, and how much."""
    begin, end = call.dates()
    held: dict[str, list[Took]] = {}
    for took in call.archive.ended(call.now - call.switches.report_delay):
        if begin <= took.instance.start < end:
            held.setdefault(took.session.host.id, []).append(took)
    rows = [
        {
            "id": took[0].session.host.id,
            "email": took[0].session.host.email,
            "user_name": took[0].session.host.name,
            "type": took[0].session.host.type,
            "dept": took[0].session.host.dept,
            "meetings": len(took),
            "participants": sum(len(t.instance.rows) for t in took),
            "meeting_minutes": sum(minutes(t) for t in took),
        }
        for took in held.values()
    ]
    return call.page("users", rows, lambda row: row, numbered=True)
