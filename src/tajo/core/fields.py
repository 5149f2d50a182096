"""The catalogue of fields that can be mapped to Brevo attributes: YAML, docs and dashboard read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tajo.core.contact import Contact, Entry
from tajo.core.facts import Kind
from tajo.core.outcome import Outcome

Value = str | int | float | bool | datetime | None


class Scope(StrEnum):
    """Whether a field describes the person, or the one session that the contact carries."""

    PERSON = "person"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Field:
    """One mappable field. `type` is the Brevo attribute type that `tajo connectors connect` creates for it.

    `empty` is what a carried session without a value writes: 0 for numbers, "" for the rest.
    """

    name: str
    type: str  # text | float | date
    scope: Scope
    meaning: str
    read: Callable[[Contact], Value]

    @property
    def empty(self) -> Value:
        return 0 if self.type == "float" else ""


def _carried(read: Callable[[Entry], Value]) -> Callable[[Contact], Value]:
    """A field of the session that the contact carries; None where it carries none."""

    def field(contact: Contact) -> Value:
        return read(contact.carried) if contact.carried else None

    return field


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())


def _percent(entry: Entry) -> Value:
    if not entry.held or entry.outcome is not Outcome.ATTENDED:
        return 0
    return min(100, round(100 * entry.present / entry.held))


def _status(entry: Entry) -> Value:
    return entry.outcome.value


def _count_attended(contact: Contact) -> Value:
    return sum(1 for entry in contact.entries if entry.outcome is Outcome.ATTENDED)


def _webinar_title(contact: Contact) -> Value:
    entry = contact.last(Kind.WEBINAR)
    return entry.topic if entry else ""


_PERSON = [
    ("email", "text", "The e-mail address, in lower case: the contact's identity in Brevo.", lambda c: c.email),
    ("name", "text", "The display name, as registered or as shown in the session.", lambda c: c.name),
    ("first_name", "text", "The first name of the registration, else the display name.", lambda c: c.first_name),
    ("last_name", "text", "The last name of the registration.", lambda c: c.last_name),
    ("phone", "text", "The phone number given at registration.", lambda c: c.latest("phone")),
    ("org", "text", "The organisation given at registration.", lambda c: c.latest("org")),
    ("job_title", "text", "The job title given at registration.", lambda c: c.latest("job_title")),
    ("country", "text", "The country given at registration: two letters.", lambda c: c.latest("country")),
    ("webinar_title", "text", "The topic of the last webinar; meetings leave it alone.", _webinar_title),
    ("sessions_attended", "float", "How many sessions the person attended.", _count_attended),
]  # fmt: skip

_SESSION: list[tuple[str, str, str, Callable[[Entry], Value]]] = [
    ("join_time", "date", "The first join: a date in the session's zone, or UTC as text.", lambda e: e.joined),
    ("leave_time", "date", "When the person last left. Written like join_time.", lambda e: e.left),
    ("duration", "float", "Seconds present: the union of all stays.", lambda e: _seconds(e.present)),
    ("duration_minutes", "float", "Minutes present, rounded.", lambda e: round(e.present.total_seconds() / 60)),
    ("attended_percent", "float", "Time present as a share of the time the session was held, 0–100.", _percent),
    ("join_count", "float", "How many times a device joined: the rows of Zoom's report.", lambda e: e.joins),
    ("topic", "text", "The topic of the session.", lambda e: e.topic),
    ("session_id", "text", "The numeric id of the meeting or webinar.", lambda e: e.session_id),
    ("session_uuid", "text", "The UUID of the (last) instance that was held.", lambda e: e.uuid),
    ("session_start", "date", "When the session was scheduled, or started. Written like join_time.", lambda e: e.start),
    ("host_email", "text", "The host's e-mail address.", lambda e: e.host_email),
    ("attendance_status", "text", "registered, attended, no_show, unknown, cancelled or denied.", _status),
    ("registration_source", "text", "The name of the registration's tracking source.", lambda e: e.source),
    ("registered_at", "date", "When the person registered. Written like join_time.", lambda e: e.registered_at),
    ("join_url", "text", "The person's own join link.", lambda e: e.join_url),
]  # fmt: skip

FIELDS: dict[str, Field] = {
    name: Field(name, type_, Scope.PERSON, meaning, read) for name, type_, meaning, read in _PERSON
} | {name: Field(name, type_, Scope.SESSION, meaning, _carried(read)) for name, type_, meaning, read in _SESSION}


def question(title: str) -> Field:
    """The field for the answer to a registration question, by its title (case and spaces around it do not matter)."""
    wanted = title.strip().casefold()
    return Field(
        f'question: "{title}"',
        "text",
        Scope.PERSON,
        f"The answer to the registration question “{title}”.",
        lambda contact: contact.answer(wanted),
    )
