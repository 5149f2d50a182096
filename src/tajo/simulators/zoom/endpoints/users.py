"""Users, and what each of them has scheduled."""

from __future__ import annotations

from datetime import datetime, timedelta

from tajo.simulators.world import Instance, Session, User
from tajo.simulators.zoom.archive import HALF_YEAR
from tajo.simulators.zoom.call import Call, Json, utc
from tajo.simulators.zoom.shapes import join_url


def list_users(call: Call) -> Json:
    """GET /users: active ones unless `status` says otherwise."""
    status = call.choice("status", ("active", "inactive", "pending"))
    users = [user for user in call.archive.world.users if user.status == status]
    extra = call.query.get("include_fields", "")
    return call.page("users", users, lambda u: _user(u, extra), max_size=call.switches.users_page_max, numbered=True)


def get_user(call: Call) -> Json:
    """GET /users/{userId}"""
    user = call.user()
    return _user(user, "") | {"account_id": call.archive.world.account_id, "language": "ko-KR", "phone_number": ""}


def _user(user: User, extra: str) -> Json:
    body: Json = {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "display_name": user.name,
        "email": user.email,
        "type": user.type,
        "role_id": "2",
        "pmi": user.pmi,
        "timezone": user.timezone,
        "verified": 1,
        "dept": user.dept,
        "status": user.status,
        "created_at": utc(user.created_at),
        "user_created_at": utc(user.created_at),
        "last_login_time": utc(user.created_at),
        "last_client_version": "6.5.1(win)",
        "group_ids": [],
        "im_group_ids": [],
        "employee_unique_id": "",
    }
    if user.status == "pending":  # nobody yet: no id, no names
        for name in ("id", "first_name", "last_name", "display_name", "pmi", "last_login_time"):
            del body[name]
    if extra == "custom_attributes":
        body["custom_attributes"] = []
    if extra == "host_key":
        body["host_key"] = "123456"
    return body


def list_meetings(call: Call) -> Json:
    """GET /users/{userId}/meetings: no instant ones, none whose id expired."""
    user = call.user()
    kinds = ("scheduled", "live", "upcoming", "upcoming_meetings", "previous_meetings")
    kind = call.choice("type", kinds)
    sessions = call.archive.listed(call.archive.hosted(user), "meeting", call.now)
    if kind == "scheduled":
        return call.page("meetings", [_item(s) for s in sessions], _same, numbered=True)
    if kind == "live":
        live = [_instance_item(s, i) for s in sessions if (i := call.archive.live(s, call.now)) is not None]
        return call.page("meetings", live, _same, numbered=True)
    if kind == "previous_meetings":
        past = [(s, i) for s in sessions for i in s.instances if i.end <= call.now < i.end + HALF_YEAR]
        return call.page("meetings", past, lambda pair: _instance_item(*pair), numbered=True)
    return call.page("meetings", [item for s in sessions for item in _upcoming(call, s)], _same, numbered=True)


def list_webinars(call: Call) -> Json:
    """GET /users/{userId}/webinars: 400/200 for a host without the webinar add-on."""
    user = call.user()
    call.needs_webinar_plan(user)
    sessions = call.archive.listed(call.archive.hosted(user), "webinar", call.now)
    if call.choice("type", ("scheduled", "upcoming")) == "upcoming":
        return call.page("webinars", [item for s in sessions for item in _upcoming(call, s)], _same, numbered=True)
    return call.page("webinars", sessions, _item, numbered=True)


def _same(item: Json) -> Json:
    return item


def _upcoming(call: Call, session: Session) -> list[Json]:
    """Once for a single session, once for each coming occurrence of a recurring one."""
    if session.occurrences:
        coming = [o for o in session.occurrences if o.status == "available" and _ahead(call, o.start, o.minutes)]
        return [_item(session) | {"start_time": utc(o.start), "duration": o.minutes} for o in coming]
    if session.start is None or _ahead(call, session.start, session.minutes):
        return [_item(session)]
    return []


def _ahead(call: Call, start: datetime, length_min: int) -> bool:
    return start + timedelta(minutes=length_min) > call.now


def _instance_item(session: Session, instance: Instance) -> Json:
    return _item(session) | {"uuid": instance.uuid, "start_time": utc(instance.start)}


def _item(session: Session) -> Json:
    body: Json = {
        "uuid": session.uuid,
        "id": session.id,
        "host_id": session.host.id,
        "topic": session.topic,
        "type": session.type,
        "start_time": utc(session.start),
        "duration": session.minutes,
        "timezone": session.timezone,
        "agenda": session.agenda[:250],
        "created_at": utc(session.created_at),
        "join_url": join_url(session),
    }
    if session.start is None:
        del body["start_time"]
    if session.kind == "webinar":
        body["is_simulive"] = False
    return body
