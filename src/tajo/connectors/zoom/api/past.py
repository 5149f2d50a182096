"""Instances that took place. A numeric id would give the latest instance, so what is one instance's goes by UUID.

Source: https://developers.zoom.us/docs/api/meetings/#tag/meetings and #tag/webinars
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tajo.connectors.zoom.api.paging import Page, page_query
from tajo.connectors.zoom.api.participants import ParticipantRow, participants_page
from tajo.connectors.zoom.api.paths import id_segment, uuid_segment
from tajo.connectors.zoom.api.reading import Fields, rows, text, when, whole
from tajo.connectors.zoom.api.sessions import PastMeeting, read_past
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class PastInstance:
    """An ended instance of a series; a restart is an instance of its own. Its end is not told here."""

    uuid: str
    start_time: datetime | None


def past_meeting(meeting_uuid: str) -> Call[PastMeeting]:
    """One ended instance of a meeting; NotReady while it runs, TooOld after a year.

    Light. Scope meeting:read:past_meeting:admin, or meeting:read:admin.
    """
    return Call("GET", f"/past_meetings/{uuid_segment(meeting_uuid)}", read_past, "zoom.past.meeting", "light")


def meeting_instances(meeting_id: str) -> Call[tuple[PastInstance, ...]]:
    """All ended instances of a meeting's numeric id, at most 15 months back.

    Medium. Scope meeting:read:list_past_instances:admin, or meeting:read:admin.
    """
    path = f"/past_meetings/{id_segment(meeting_id)}/instances"
    return Call("GET", path, _meeting_instances, "zoom.past.meeting_instances", "medium")


def webinar_instances(webinar_id: str) -> Call[tuple[PastInstance, ...]]:
    """All ended instances of a webinar's numeric id.

    Light. Scope webinar:read:list_past_instances:admin, or webinar:read:admin.
    """
    path = f"/past_webinars/{id_segment(webinar_id)}/instances"
    return Call("GET", path, _webinar_instances, "zoom.past.webinar_instances", "light")


def meeting_participants(meeting_uuid: str, *, page_token: str = "") -> Call[Page[ParticipantRow]]:
    """One page of an ended meeting's participant rows; nothing for a session with a single participant.

    include_fields is sent because the registrant_id's description asks for it; that this list heeds it is
    unconfirmed. Medium. Scope meeting:read:list_past_participants:admin, or meeting:read:admin.
    """
    path = f"/past_meetings/{uuid_segment(meeting_uuid)}/participants"
    query = page_query(page_token, include_fields="registrant_id")
    return Call("GET", path, participants_page, "zoom.past.meeting_participants", "medium", query)


def webinar_participants(webinar_uuid: str, *, page_token: str = "") -> Call[Page[ParticipantRow]]:
    """One page of an ended webinar's participant rows, as `meeting_participants`.

    Medium. Scope webinar:read:list_past_participants:admin, or webinar:read:admin.
    """
    path = f"/past_webinars/{uuid_segment(webinar_uuid)}/participants"
    query = page_query(page_token, include_fields="registrant_id")
    return Call("GET", path, participants_page, "zoom.past.webinar_participants", "medium", query)


def _meeting_instances(answer: Any) -> tuple[PastInstance, ...]:
    return rows(whole(answer), "meetings", _instance)


def _webinar_instances(answer: Any) -> tuple[PastInstance, ...]:
    return rows(whole(answer), "webinars", _instance)


def _instance(fields: Fields) -> PastInstance:
    return PastInstance(text(fields, "uuid"), when(fields, "start_time"))
