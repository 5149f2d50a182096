"""Reports: who was there, and what took place. Heavy calls on the day's budget; a Pro plan or higher.

Data can take 30 minutes after the end: until then NotReady, rows without duration, or too few rows.
Source: https://developers.zoom.us/docs/api/meetings/#tag/reports
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from tajo.connectors.zoom.api.paging import Page, page_of, page_query
from tajo.connectors.zoom.api.participants import ParticipantRow, participants_page
from tajo.connectors.zoom.api.paths import id_segment, uuid_segment
from tajo.connectors.zoom.api.reading import Fields, address, count, flag, ident, section, text, when
from tajo.connectors.zoom.api.sessions import PastMeeting, read_past
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class FeaturesUsed:
    """What an instance made use of; None where Zoom does not tell. False spares the call for what cannot exist."""

    registration: bool | None = None
    poll: bool | None = None
    meeting_questions: bool | None = None
    record_to_cloud: bool | None = None
    record_to_computer: bool | None = None
    breakout_room: bool | None = None
    waiting_room: bool | None = None
    telephone_usage: bool | None = None
    in_meeting_chat: bool | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One ended instance of the account, by its `uuid`; `id` is its series' numeric id.

    `type` is "Meeting" or "Webinar" as Zoom writes it. `duration_min` is from start to end.
    """

    uuid: str
    id: str
    type: str
    topic: str
    host_name: str
    host_email: str
    start_time: datetime | None
    end_time: datetime | None
    created_at: datetime | None
    duration_min: int
    participants_count: int
    features: FeaturesUsed

    @property
    def is_webinar(self) -> bool:
        return self.type.lower() == "webinar"


def meeting_participants(meeting_uuid: str, *, page_token: str = "") -> Call[Page[ParticipantRow]]:
    """One page of an ended meeting's participant rows, one a join, with registrant ids.

    By UUID: an id would give the latest instance. Nothing for a session with a single participant; TooOld after a
    year. Heavy. Scope report:read:list_meeting_participants:admin, or report:read:admin.
    """
    path = f"/report/meetings/{uuid_segment(meeting_uuid)}/participants"
    query = page_query(page_token, include_fields="registrant_id")
    return Call("GET", path, participants_page, "zoom.report.meeting_participants", "heavy", query)


def webinar_participants(webinar_uuid: str, *, page_token: str = "") -> Call[Page[ParticipantRow]]:
    """One page of an ended webinar's participant rows, host and panelists among them; six months back.

    Heavy. Scope report:read:list_webinar_participants:admin, or report:read:admin.
    """
    path = f"/report/webinars/{uuid_segment(webinar_uuid)}/participants"
    query = page_query(page_token, include_fields="registrant_id")
    return Call("GET", path, participants_page, "zoom.report.webinar_participants", "heavy", query)


def meeting(meeting_uuid: str) -> Call[PastMeeting]:
    """One ended instance of a meeting. Heavy: `past.past_meeting` tells the same as a light call.

    Scope report:read:meeting:admin, or report:read:admin.
    """
    return Call("GET", f"/report/meetings/{uuid_segment(meeting_uuid)}", read_past, "zoom.report.meeting", "heavy")


def webinar(webinar_uuid: str) -> Call[PastMeeting]:
    """One ended instance of a webinar: the only call by UUID that tells its end.

    Heavy. Scope report:read:webinar:admin, or report:read:admin.
    """
    return Call("GET", f"/report/webinars/{uuid_segment(webinar_uuid)}", read_past, "zoom.report.webinar", "heavy")


def history(
    since: date,
    until: date,
    *,
    kind: Literal["all", "meeting", "webinar"] = "all",
    by: Literal["start_time", "end_time"] = "end_time",
    page_token: str = "",
) -> Call[Page[HistoryRow]]:
    """One page of all ended meetings and webinars of the account, by the UTC days of their `by`, both days in.

    At most a month in one call. How soon after its end a session is listed is unconfirmed.
    Heavy. Scope report:read:list_history_meetings:admin, or report:read:admin.
    """
    query = page_query(page_token, **_days(since, until), date_type=by, meeting_type=kind)
    read = page_of("history_meetings", read_history)
    return Call("GET", "/report/history_meetings", read, "zoom.report.history", "heavy", query)


def user_meetings(
    user_id: str,
    since: date,
    until: date,
    *,
    participation: Literal["past", "pastOne", "pastJoined"] = "past",
    page_token: str = "",
) -> Call[Page[PastMeeting]]:
    """One page of the meetings and webinars that a user held on these UTC days, both in.

    At most a month in one call, within the last six. "past" has those with two or more unique participants,
    "pastOne" those with one. Heavy. Scope report:read:user:admin, or report:read:admin.
    """
    path = f"/report/users/{id_segment(user_id)}/meetings"
    query = page_query(page_token, **_days(since, until), type=participation)
    return Call("GET", path, page_of("meetings", read_past), "zoom.report.user_meetings", "heavy", query)


def _days(since: date, until: date) -> dict[str, str]:
    return {"from": f"{since:%Y-%m-%d}", "to": f"{until:%Y-%m-%d}"}


def read_history(fields: Fields) -> HistoryRow:
    used = section(fields, "feature_used")
    return HistoryRow(
        uuid=text(fields, "meeting_uuid"),
        id=ident(fields, "meeting_id"),
        type=text(fields, "type"),
        topic=text(fields, "topic"),
        host_name=text(fields, "host_display_name"),
        host_email=address(fields, "host_email"),
        start_time=when(fields, "start_time"),
        end_time=when(fields, "end_time"),
        created_at=when(fields, "create_time"),
        duration_min=count(fields, "duration"),
        participants_count=count(fields, "participants"),
        features=FeaturesUsed(**{name: flag(used, name) for name in FeaturesUsed.__slots__}),
    )
