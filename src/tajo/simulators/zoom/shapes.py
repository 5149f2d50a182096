"""The JSON of the things that several endpoints show: registrants, rows, answers, addresses."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from tajo.simulators.world import Answer, Registrant, Row, Session
from tajo.simulators.zoom.call import Json, utc
from tajo.simulators.zoom.switches import ZoomSwitches


def join_url(session: Session, registrant: Registrant | None = None) -> str:
    """The public address of a session, or the personal one of a registrant."""
    letter = "w" if registrant is not None and session.kind == "webinar" else "j"
    token = f"?tk={registrant.id}.simulated" if registrant is not None else ""
    return f"https://us02web.zoom.us/{letter}/{session.id}{token}"


def registration_url(session: Session) -> str:
    page = "webinar" if session.kind == "webinar" else "meeting"
    return f"https://us02web.zoom.us/{page}/register/WN_{session.id}"


def registrant_json(session: Session, registrant: Registrant) -> Json:
    """A registrant as in lists. Fields of the form that were left empty are ""; only approved ones have a join_url."""
    body: Json = {
        "id": registrant.id,
        "email": registrant.email,
        "first_name": registrant.first_name,
        "last_name": registrant.last_name,
        "address": "",
        "city": registrant.city,
        "country": registrant.country,
        "zip": "",
        "state": "",
        "phone": registrant.phone,
        "industry": registrant.industry,
        "org": registrant.org,
        "job_title": registrant.job_title,
        "purchasing_time_frame": "",
        "role_in_purchase_process": "",
        "no_of_employees": "",
        "comments": registrant.comments,
        "custom_questions": [{"title": title, "value": value} for title, value in registrant.custom_questions],
        "status": registrant.status,
        "create_time": utc(registrant.create_time),
    }
    if registrant.status == "approved":
        body["join_url"] = join_url(session, registrant)
    if session.kind == "meeting":
        body["participant_pin_code"] = zlib.crc32(registrant.id.encode()) % 1_000_000
    return body


def report_row(session: Session, row: Row, *, zero: bool, with_registrant: bool, switches: ZoomSwitches) -> Json:
    """One stay as the reports show it, `duration` in seconds (0 while the report settles).

    Guests have id "" and no participant_user_id at all; customer_key is there for joins through the SDK only;
    registrant_id only if asked for, and not at all in sessions without registration.
    """
    guest_id = row.registrant_id if switches.id_is_registrant_id_for_guests else ""
    body: Json = {
        "id": row.participant_user_id or guest_id,
        "user_id": row.user_id,
        "name": row.name,
        "user_email": row.email,
        "join_time": utc(row.join),
        "leave_time": utc(row.leave),
        "duration": 0 if zero else row.duration_s,
        "failover": row.failover,
        "status": row.status,
    }
    if row.participant_user_id:
        body |= {"participant_user_id": row.participant_user_id, "bo_mtg_id": row.bo_mtg_id}
    elif row.bo_mtg_id:
        body["bo_mtg_id"] = row.bo_mtg_id
    if row.customer_key:
        body["customer_key"] = row.customer_key
    if with_registrant and session.has_registration:
        body["registrant_id"] = row.registrant_id
    return body


def past_row(session: Session, row: Row, *, zero: bool, with_registrant: bool, switches: ZoomSwitches) -> Json:
    """One stay as past_meetings and past_webinars show it: fewer fields, but internal_user."""
    body = report_row(session, row, zero=zero, with_registrant=with_registrant, switches=switches)
    for name in ("participant_user_id", "bo_mtg_id", "customer_key"):
        body.pop(name, None)
    body["internal_user"] = row.internal_user
    if session.kind == "webinar" and switches.webinar_time_fractions:
        body["join_time"] = body["join_time"].replace("Z", ".00Z")
        body["leave_time"] = body["leave_time"].replace("Z", ".00Z")
    return body


def poll_entries(answers: Sequence[Answer], *, qa: bool = False) -> list[Json]:
    """One entry for each respondent, in order of their first answer."""
    grouped: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        grouped.setdefault((answer.email, answer.name), []).append(answer)
    return [
        {"email": email, "name": name, "question_details": [_detail(a, qa=qa) for a in given]}
        for (email, name), given in grouped.items()
    ]


def _detail(answer: Answer, *, qa: bool) -> Json:
    detail: Json = {"question": answer.question, "answer": answer.answer}
    if not qa:
        detail |= {"polling_id": f"{zlib.crc32(answer.question.encode()):08x}", "date_time": utc(answer.at)}
    return detail
