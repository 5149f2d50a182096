"""Meetings and webinars as they are scheduled and as they were held: shapes that both kinds share.

Source: https://developers.zoom.us/docs/api/meetings/#tag/meetings and #tag/webinars
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tajo.connectors.zoom.api.reading import (
    Fields,
    address,
    count,
    flag,
    ident,
    integer,
    rows,
    section,
    text,
    when,
    whole,
)


@dataclass(frozen=True, slots=True)
class ScheduledOccurrence:
    """One date of a series. `id` is Zoom's occurrence_id; `status` is "available" or "deleted"."""

    id: str
    start_time: datetime | None
    duration_min: int
    status: str


@dataclass(frozen=True, slots=True)
class SessionDetails:
    """What is scheduled under one numeric id; its parts of the other kind are None or empty.

    `type`: meetings 1 instant, 2 scheduled, 3 recurring without fixed time, 4 personal room, 8 recurring, 10 screen
    share; webinars 5, 6 recurring without fixed time, 9 recurring; 0 not told. `uuid` is not that of the instance that
    takes place. `start_time` is None where there is no fixed time; `timezone` is an IANA name or "".
    `approval_type`: 0 automatic, 1 by hand, 2 no registration, None not told. `registration_type`, for a series:
    1 once for all dates, 2 for each date, 3 once for chosen dates. `alternative_hosts` are e-mail addresses.
    """

    id: str
    uuid: str
    host_id: str
    host_email: str
    topic: str
    type: int
    status: str
    start_time: datetime | None
    duration_min: int
    timezone: str
    created_at: datetime | None
    join_url: str
    registration_url: str
    approval_type: int | None
    registration_type: int | None
    alternative_hosts: tuple[str, ...]
    occurrences: tuple[ScheduledOccurrence, ...]
    practice_session: bool | None
    on_demand: bool | None
    is_simulive: bool | None

    @property
    def has_registration(self) -> bool | None:
        """Whether people register; None where Zoom does not tell."""
        if self.registration_url:
            return True
        return None if self.approval_type is None else self.approval_type in (0, 1)


def read_details(answer: Any) -> SessionDetails:
    fields = whole(answer)
    settings = section(fields, "settings")
    return SessionDetails(
        id=ident(fields, "id"),
        uuid=text(fields, "uuid"),
        host_id=text(fields, "host_id"),
        host_email=address(fields, "host_email"),
        topic=text(fields, "topic"),
        type=count(fields, "type"),
        status=text(fields, "status"),
        start_time=when(fields, "start_time"),
        duration_min=count(fields, "duration"),
        timezone=text(fields, "timezone"),
        created_at=when(fields, "created_at"),
        join_url=text(fields, "join_url"),
        registration_url=text(fields, "registration_url"),
        approval_type=integer(settings, "approval_type"),
        registration_type=integer(settings, "registration_type"),
        alternative_hosts=_addresses(text(settings, "alternative_hosts")),
        occurrences=rows(fields, "occurrences", _occurrence),
        practice_session=flag(settings, "practice_session"),
        on_demand=flag(settings, "on_demand"),
        is_simulive=flag(fields, "is_simulive"),
    )


def _occurrence(fields: Fields) -> ScheduledOccurrence:
    return ScheduledOccurrence(
        id=ident(fields, "occurrence_id"),
        start_time=when(fields, "start_time"),
        duration_min=count(fields, "duration"),
        status=text(fields, "status"),
    )


def _addresses(listed: str) -> tuple[str, ...]:
    """Zoom writes "a@x.example;b@x.example", and has accepted commas."""
    return tuple(part.strip() for part in re.split("[;,]", listed) if part.strip())


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A meeting or webinar in a user's list. A recurring one may stand once, or once for each date."""

    id: str
    uuid: str
    host_id: str
    topic: str
    type: int
    start_time: datetime | None
    duration_min: int
    timezone: str
    created_at: datetime | None


def read_listed(fields: Fields) -> ListedSession:
    return ListedSession(
        id=ident(fields, "id"),
        uuid=text(fields, "uuid"),
        host_id=text(fields, "host_id"),
        topic=text(fields, "topic"),
        type=count(fields, "type"),
        start_time=when(fields, "start_time"),
        duration_min=count(fields, "duration"),
        timezone=text(fields, "timezone"),
        created_at=when(fields, "created_at"),
    )


@dataclass(frozen=True, slots=True)
class PastMeeting:
    """One instance that took place, of a meeting or (in reports) a webinar.

    `id` is its series' numeric id, `uuid` its own; `type` as in SessionDetails, also 0 and 7. `duration_min` is from
    start to end, `total_minutes` the sum over its participants, whose number counts rows in some answers.
    `has_recording` is told by the report of a user's meetings only, else None.
    """

    uuid: str
    id: str
    type: int
    topic: str
    host_id: str
    host_name: str
    host_email: str
    start_time: datetime | None
    end_time: datetime | None
    duration_min: int
    total_minutes: int
    participants_count: int
    has_recording: bool | None


def read_past(answer: Any) -> PastMeeting:
    fields = whole(answer)
    return PastMeeting(
        uuid=text(fields, "uuid"),
        id=ident(fields, "id"),
        type=count(fields, "type"),
        topic=text(fields, "topic"),
        host_id=text(fields, "host_id"),
        host_name=text(fields, "user_name"),
        host_email=address(fields, "user_email"),
        start_time=when(fields, "start_time"),
        end_time=when(fields, "end_time"),
        duration_min=count(fields, "duration"),
        total_minutes=count(fields, "total_minutes"),
        participants_count=count(fields, "participants_count"),
        has_recording=flag(fields, "has_recording"),
    )
