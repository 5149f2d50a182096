"""Polls and Q&A of one ended instance, one entry a respondent. Neither is paged.

Source: https://developers.zoom.us/docs/api/meetings/#tag/polls and #tag/webinars
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tajo.connectors.zoom.api.paths import uuid_segment
from tajo.connectors.zoom.api.reading import Fields, address, rows, text, whole
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class Detail:
    """One question of a poll that was answered, or one that was asked in Q&A, with its answer.

    `poll` is Zoom's polling_id, "" in Q&A. `answer` is "" for a question that nobody has answered.
    """

    poll: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything that one respondent answered or asked; `email` is "" for anonymous ones and where it is hidden."""

    name: str
    email: str
    details: tuple[Detail, ...]


def of_meeting(meeting_uuid: str) -> Call[tuple[Entry, ...]]:
    """Answers to the polls of one ended meeting; NotReady while it runs.

    Medium. Scope meeting:read:list_poll_results:admin, or meeting:read:admin.
    """
    path = f"/past_meetings/{uuid_segment(meeting_uuid)}/polls"
    return Call("GET", path, _entries, "zoom.past.meeting_polls", "medium")


def of_webinar(webinar_uuid: str) -> Call[tuple[Entry, ...]]:
    """Answers to the polls of one ended webinar. Medium. Scope webinar:read:list_past_polls:admin, or
    webinar:read:admin.
    """
    path = f"/past_webinars/{uuid_segment(webinar_uuid)}/polls"
    return Call("GET", path, _entries, "zoom.past.webinar_polls", "medium")


def questions_of_meeting(meeting_uuid: str) -> Call[tuple[Entry, ...]]:
    """What was asked in one ended meeting's Q&A. Medium. Scope meeting:read:past_qa:admin, or meeting:read:admin."""
    return Call("GET", f"/past_meetings/{uuid_segment(meeting_uuid)}/qa", _entries, "zoom.past.meeting_qa", "medium")


def questions_of_webinar(webinar_uuid: str) -> Call[tuple[Entry, ...]]:
    """What was asked in one ended webinar's Q&A. Medium. Scope webinar:read:past_qa:admin, or webinar:read:admin."""
    return Call("GET", f"/past_webinars/{uuid_segment(webinar_uuid)}/qa", _entries, "zoom.past.webinar_qa", "medium")


def _entries(answer: Any) -> tuple[Entry, ...]:
    return rows(whole(answer), "questions", _entry)


def _entry(fields: Fields) -> Entry:
    return Entry(text(fields, "name"), address(fields, "email"), rows(fields, "question_details", _detail))


def _detail(fields: Fields) -> Detail:
    return Detail(text(fields, "polling_id"), text(fields, "question"), text(fields, "answer"))
