"""Meetings and webinars as scheduled: details, registrants, panelists, tracking sources, registration form."""

from __future__ import annotations

from datetime import timedelta

from tajo.simulators.world import Occurrence, Registrant, Session
from tajo.simulators.zoom.call import Call, Json, utc
from tajo.simulators.zoom.errors import ZoomError
from tajo.simulators.zoom.shapes import join_url, registrant_json, registration_url

STATUSES = ("approved", "pending", "denied")


def get_meeting(call: Call) -> Json:
    """GET /meetings/{meetingId}; 400/3000 for the id of a webinar."""
    session = call.meeting()
    body = _details(call, session)
    body |= {"status": "started" if call.archive.live(session, call.now) else "waiting", "pre_schedule": False}
    if session.type == 4:
        body["pmi"] = str(session.host.pmi)
    body["settings"] |= {"waiting_room": True, "meeting_authentication": False, "auto_recording": "none"}
    return body


def get_webinar(call: Call) -> Json:
    """GET /webinars/{webinarId}"""
    session = call.webinar()
    body = _details(call, session)
    body |= {"is_simulive": False, "transition_to_live": False, "encrypted_passcode": ""}
    body["settings"] |= {"practice_session": True, "on_demand": False, "registrants_restrict_number": 0}
    return body


def _details(call: Call, session: Session) -> Json:
    body: Json = {
        "uuid": session.uuid,
        "id": session.id,
        "host_id": session.host.id,
        "host_email": session.host.email,
        "topic": session.topic,
        "type": session.type,
        "start_time": utc(session.start),
        "duration": session.minutes,
        "timezone": session.timezone,
        "agenda": session.agenda,
        "created_at": utc(session.created_at),
        "start_url": f"https://us02web.zoom.us/s/{session.id}?zak=simulated",
        "join_url": join_url(session),
        "creation_source": "web_portal",
        "settings": {
            "approval_type": session.approval_type,
            "registration_type": session.registration_type,
            "close_registration": False,
            "alternative_hosts": ";".join(session.alternative_hosts),
            "email_in_attendee_report": session.email_in_attendee_report,
            "registrants_email_notification": True,
        },
    }
    if session.start is None:
        del body["start_time"]
    if session.has_registration:
        body["registration_url"] = registration_url(session)
    if session.occurrences:
        body["occurrences"] = [_occurrence(o) for o in session.occurrences if _is_shown(call, o)]
        body["recurrence"] = {"type": 2, "repeat_interval": 1, "end_times": len(session.occurrences)}
    return body


def _is_shown(call: Call, occurrence: Occurrence) -> bool:
    """Past occurrences only on demand."""
    if call.query.get("show_previous_occurrences", "").lower() == "true":
        return True
    return occurrence.start + timedelta(minutes=occurrence.minutes) > call.now


def _occurrence(occurrence: Occurrence) -> Json:
    return {
        "occurrence_id": occurrence.id,
        "start_time": utc(occurrence.start),
        "duration": occurrence.minutes,
        "status": occurrence.status,
    }


# --- registrants ---


def meeting_registrants(call: Call) -> Json:
    """GET /meetings/{meetingId}/registrants; another code than elsewhere for the id of a webinar."""
    return _registrants(call, _meeting_with_registrants(call))


def webinar_registrants(call: Call) -> Json:
    """GET /webinars/{webinarId}/registrants; `tracking_source_id` filters, no field names the source."""
    return _registrants(call, call.webinar(), source=call.query.get("tracking_source_id", ""))


def _meeting_with_registrants(call: Call) -> Session:
    try:
        return call.meeting()
    except ZoomError as error:
        if error.code == 3000:
            raise ZoomError(400, 300, "Cannot access webinar info.") from None
        raise


def _registrants(call: Call, session: Session, source: str = "") -> Json:
    status = call.choice("status", STATUSES)
    if not session.has_registration and call.switches.registrants_without_registration == "error":
        raise ZoomError(400, 300, f"Registration has not been enabled for this {session.kind}: {session.id}.")
    items = call.archive.registrants(
        session, call.now, status=status, occurrence=call.query.get("occurrence_id", ""), source=source
    )
    return call.page("registrants", items, lambda r: registrant_json(session, r), numbered=True)


def meeting_registrant(call: Call) -> Json:
    """GET /meetings/{meetingId}/registrants/{registrantId}"""
    return _registrant(call, _meeting_with_registrants(call))


def webinar_registrant(call: Call) -> Json:
    """GET /webinars/{webinarId}/registrants/{registrantId}, with the language that lists leave out."""
    session = call.webinar()
    body = _registrant(call, session)
    found = _find(call, session)
    return body | {"language": found.language}


def _registrant(call: Call, session: Session) -> Json:
    return registrant_json(session, _find(call, session))


def _find(call: Call, session: Session) -> Registrant:
    wanted = call.args["registrant"]
    for status in STATUSES:
        for registrant in call.archive.registrants(session, call.now, status=status):
            if registrant.id == wanted:
                return registrant
    raise ZoomError(404, 3001, f"Registrant does not exist: {wanted}.")


def meeting_questions(call: Call) -> Json:
    """GET /meetings/{meetingId}/registrants/questions"""
    return _questions(_meeting_with_registrants(call))


def webinar_questions(call: Call) -> Json:
    """GET /webinars/{webinarId}/registrants/questions; 400/3000 without registration."""
    session = call.webinar()
    if not session.has_registration:
        raise ZoomError(400, 3000, f"This webinar doesn't have registration required: {session.id}.")
    return _questions(session)


def _questions(session: Session) -> Json:
    names = ("last_name", "phone", "org", "job_title", "country", "city", "industry")
    custom: list[Json] = []
    for question in session.questions:
        item: Json = {"title": question.title, "type": question.type, "required": question.required}
        if question.answers:
            item["answers"] = list(question.answers)
        custom.append(item)
    fields = [{"field_name": name, "required": name == "last_name"} for name in names]
    return {"questions": fields, "custom_questions": custom}


# --- webinars only ---


def panelists(call: Call) -> Json:
    """GET /webinars/{webinarId}/panelists, not paged."""
    session = call.webinar()
    blank = ("virtual_background_id", "name_tag_id", "name_tag_name", "name_tag_pronouns", "name_tag_description")
    items = [
        {"id": p.id, "name": p.name, "email": p.email, "join_url": join_url(session)} | dict.fromkeys(blank, "")
        for p in session.panelists
    ]
    return {"total_records": len(items), "panelists": items}


def tracking_sources(call: Call) -> Json:
    """GET /webinars/{webinarId}/tracking_sources, not paged."""
    session = call.webinar()
    items = [
        {
            "id": source.id,
            "source_name": source.name,
            "tracking_url": f"{registration_url(session)}?source_id={source.id}",
            "registration_count": sum(len(_of_source(call, session, status, source.id)) for status in STATUSES),
            "visitor_count": source.visitor_count,
        }
        for source in session.tracking_sources
    ]
    return {"total_records": len(items), "tracking_sources": items}


def _of_source(call: Call, session: Session, status: str, source: str) -> list[Registrant]:
    return call.archive.registrants(session, call.now, status=status, source=source)
