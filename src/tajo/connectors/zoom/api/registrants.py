"""Who signed up, and the form they filled in: the same for meetings and webinars.

Source: https://developers.zoom.us/docs/api/meetings/#tag/meetings and #tag/webinars
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tajo.connectors.zoom.api.paging import page_of
from tajo.connectors.zoom.api.reading import Fields, address, flag, ident, rows, text, texts, when, whole

Status = Literal["approved", "pending", "denied"]


@dataclass(frozen=True, slots=True)
class Registrant:
    """Somebody who signed up. Standard fields that were not asked for are "".

    `status` is "approved", "pending" or "denied"; a cancelled registrant is on no list. `join_url` is personal, and
    there for approved registrants only. `answers` are the custom questions as (title, answer) pairs, an answer is cut
    by Zoom at 128 characters. No field tells the tracking source: listing by source does.
    """

    id: str
    email: str
    status: str
    registered_at: datetime | None = None
    join_url: str = ""
    first_name: str = ""
    last_name: str = ""
    address: str = ""
    city: str = ""
    country: str = ""
    zip: str = ""
    state: str = ""
    phone: str = ""
    industry: str = ""
    org: str = ""
    job_title: str = ""
    purchasing_time_frame: str = ""
    role_in_purchase_process: str = ""
    no_of_employees: str = ""
    comments: str = ""
    language: str = ""
    answers: tuple[tuple[str, str], ...] = ()


_STANDARD = (
    *("join_url", "first_name", "last_name", "address", "city", "country", "zip", "state", "phone", "industry"),
    *("org", "job_title", "purchasing_time_frame", "role_in_purchase_process", "no_of_employees", "comments"),
    "language",
)


def read_registrant(fields: Fields) -> Registrant:
    return Registrant(
        id=ident(fields, "id"),
        email=address(fields, "email"),
        status=text(fields, "status"),
        registered_at=when(fields, "create_time"),
        answers=rows(fields, "custom_questions", _answer),
        **{name: text(fields, name) for name in _STANDARD},
    )


def _answer(fields: Fields) -> tuple[str, str]:
    value = fields.get("value")
    # A question with several choices is said to come as one text; a list would say the same.
    answer = "; ".join(texts(fields, "value")) if isinstance(value, list) else text(fields, "value")
    return text(fields, "title"), answer


registrants_page = page_of("registrants", read_registrant)


@dataclass(frozen=True, slots=True)
class Question:
    """A custom question. `type` is "short", "single_radio", "single_dropdown" or "multiple"; `choices` may be empty."""

    title: str
    type: str
    required: bool
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegistrationForm:
    """`standard` are (field name, required) pairs such as ("last_name", True); e-mail and first name always stand."""

    standard: tuple[tuple[str, bool], ...]
    custom: tuple[Question, ...]


def read_form(answer: Any) -> RegistrationForm:
    fields = whole(answer)
    return RegistrationForm(rows(fields, "questions", _standard), rows(fields, "custom_questions", _question))


def _standard(fields: Fields) -> tuple[str, bool]:
    return text(fields, "field_name"), flag(fields, "required") or False


def _question(fields: Fields) -> Question:
    return Question(
        title=text(fields, "title"),
        type=text(fields, "type"),
        required=flag(fields, "required") or False,
        choices=texts(fields, "answers"),
    )
