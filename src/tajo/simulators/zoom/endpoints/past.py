"""What took place: past meetings and webinars, and the reports on single ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tajo.simulators.world import Session
from tajo.simulators.zoom.archive import HALF_YEAR, Took, nearest
from tajo.simulators.zoom.call import Call, Json, minutes, utc
from tajo.simulators.zoom.errors import ZoomError, no_session, not_ended
from tajo.simulators.zoom.shapes import past_row, poll_entries, registrant_json, report_row

INSTANCES_KEPT = timedelta(days=456)  # fifteen months


def past_meeting(call: Call) -> Json:
    """GET /past_meetings/{meetingId or uuid}"""
    took = call.past_meeting()
    return summary(call, took) | {
        "host_id": took.session.host.id,
        "source": "Zoom",
        "has_meeting_summary": False,
    }


def report_meeting(call: Call) -> Json:
    """GET /report/meetings/{meetingId or uuid}"""
    return _report(call, call.past_meeting(ready=True))


def report_webinar(call: Call) -> Json:
    """GET /report/webinars/{webinarId or uuid}"""
    return _report(call, call.past_webinar(ready=True))


def _report(call: Call, took: Took) -> Json:
    return summary(call, took) | {"tracking_fields": [], "custom_keys": []}


def summary(call: Call, took: Took) -> Json:
    """The head of an instance: `duration` and `total_minutes` in minutes, `participants_count` in rows."""
    session, instance = took.session, took.instance
    rows = call.archive.rows(took, call.now, call.switches)
    return {
        "uuid": instance.uuid,
        "id": session.id,
        "type": session.type,
        "topic": session.topic,
        "user_name": session.host.name,
        "user_email": session.host.email,
        "start_time": utc(instance.start),
        "end_time": utc(instance.end),
        "duration": minutes(took),
        "total_minutes": sum(row.duration_s for row in rows) // 60,
        "participants_count": len(rows),
        "dept": session.host.dept,
    }


# --- instances ---


def meeting_instances(call: Call) -> Json:
    """GET /past_meetings/{meetingId}/instances: ended ones of the last fifteen months, no paging, no end time."""
    return {"meetings": _instances(call, _by_id(call, "meeting"))}


def webinar_instances(call: Call) -> Json:
    """GET /past_webinars/{webinarId}/instances"""
    session = _by_id(call, "webinar")
    call.needs_webinar_plan(session.host)
    return {"webinars": _instances(call, session)}


def _by_id(call: Call, kind: str) -> Session:
    ref = call.args["ref"]
    session = call.archive.world.sessions.get(int(ref)) if ref.isdecimal() else None
    if session is None or session.kind != kind or session.deleted:
        raise no_session(kind, ref)
    return call.permitted(session)


def _instances(call: Call, session: Session) -> list[Json]:
    return [
        {"uuid": instance.uuid, "start_time": utc(instance.start)}
        for instance in session.instances
        if instance.end <= call.now < instance.end + INSTANCES_KEPT
    ]


# --- participants ---


def report_meeting_participants(call: Call) -> Json:
    """GET /report/meetings/{meetingId or uuid}/participants"""
    return _rows(call, call.past_meeting(ready=True), report_row, fields_known=True)


def report_webinar_participants(call: Call) -> Json:
    """GET /report/webinars/{webinarId or uuid}/participants: the last six months only."""
    took = call.past_webinar(ready=True)
    if call.switches.webinar_report_months < 12 and call.now - took.instance.end > HALF_YEAR:
        raise ZoomError(400, 300, "The report is available for the last 6 months only.")
    return _rows(call, took, report_row, fields_known=True)


def past_meeting_participants(call: Call) -> Json:
    """GET /past_meetings/{meetingId or uuid}/participants"""
    return _rows(call, call.past_meeting(ready=True), past_row, fields_known=call.switches.include_fields_on_past)


def past_webinar_participants(call: Call) -> Json:
    """GET /past_webinars/{webinarId or uuid}/participants"""
    return _rows(call, call.past_webinar(ready=True), past_row, fields_known=call.switches.include_fields_on_past)


def _rows(call: Call, took: Took, shape: Callable[..., Json], *, fields_known: bool) -> Json:
    rows = call.archive.rows(took, call.now, call.switches)
    if call.archive.heads(took) < 2:
        if call.switches.single_participant == "error":
            raise not_ended(took.session.kind)
        if call.switches.single_participant == "empty":
            rows = []
    asked = "registrant_id" in call.query.get("include_fields", "").split(",")
    zero = call.archive.settling(took, call.now, call.switches)
    return call.page(
        "participants",
        rows,
        lambda row: shape(took.session, row, zero=zero, with_registrant=fields_known and asked, switches=call.switches),
    )


def absentees(call: Call) -> Json:
    """GET /past_webinars/{webinarId or uuid}/absentees: registrants, under that name; 400/3000 without registration."""
    took = call.past_webinar(ready=True)
    session = took.session
    if not session.has_registration:
        raise ZoomError(400, 3000, f"This webinar doesn't have registration required: {took.instance.uuid}.")
    if wanted := call.query.get("occurrence_id", ""):
        took = _instance_of(call, session, wanted)
    items = call.archive.absentees(took, call.now)
    return call.page("registrants", items, lambda r: registrant_json(session, r), numbered=True)


def _instance_of(call: Call, session: Session, number: str) -> Took:
    """The latest ended instance of one occurrence."""
    occurrence = call.archive.occurrence(session, number)
    took = [Took(session, i) for i in session.instances if i.end <= call.now]
    of_it = [t for t in took if nearest(t) == occurrence]
    if not of_it:
        raise not_ended("webinar")
    return of_it[-1]


# --- polls, questions and answers ---


def meeting_polls(call: Call) -> Json:
    """GET /past_meetings/{meetingId}/polls"""
    return _answers(call.past_meeting(ready=True))


def meeting_qa(call: Call) -> Json:
    """GET /past_meetings/{meetingId}/qa"""
    return _answers(call.past_meeting(ready=True), qa=True)


def webinar_polls(call: Call) -> Json:
    """GET /past_webinars/{webinarId}/polls and /report/webinars/{webinarId}/polls"""
    return _answers(call.past_webinar(ready=True))


def webinar_qa(call: Call) -> Json:
    """GET /past_webinars/{webinarId}/qa and /report/webinars/{webinarId}/qa"""
    return _answers(call.past_webinar(ready=True), qa=True)


def _answers(took: Took, *, qa: bool = False) -> Json:
    instance = took.instance
    return {
        "id": took.session.id,
        "uuid": instance.uuid,
        "start_time": utc(instance.start),
        "questions": poll_entries(instance.qa if qa else instance.polls, qa=qa),
    }
