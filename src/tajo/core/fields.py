"""The catalogue of fields that can be mapped to Brevo attributes: YAML, docs and dashboard read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from tajo.core import engagement
from tajo.core.contact import Contact, Entry
from tajo.core.engagement import Weights
from tajo.core.facts import Kind
from tajo.core.outcome import Outcome
from tajo.core.recordings import Recorded

# With which outcomes people get a recording's link, unless the configuration says otherwise.
RECORDING_FOR = frozenset({Outcome.ATTENDED, Outcome.NO_SHOW, Outcome.UNKNOWN})

Value = str | int | float | bool | datetime | None


class Scope(StrEnum):
    """Whether a field describes the person, or the one session that the contact carries."""

    PERSON = "person"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration decides about values: how a score is made, and who gets a recording's link."""

    weights: Weights = field(default_factory=Weights)
    recording_for: frozenset[Outcome] = RECORDING_FOR


@dataclass(frozen=True, slots=True)
class Field:
    """One mappable field. `type` is the Brevo attribute type that `tajo connectors connect` creates for it.

    `empty` is what a carried session without a value writes: 0 for numbers, "" for the rest.
    """

    name: str
    type: str  # text | float | date | boolean
    scope: Scope
    meaning: str
    read: Callable[[Contact], Value]

    @property
    def empty(self) -> Value:
        return 0 if self.type == "float" else ""


def _carried(read: Callable[[Entry], Value]) -> Callable[[Contact], Value]:
    """A field of the session that the contact carries; None where it carries none."""

    def read_it(contact: Contact) -> Value:
        return read(contact.carried) if contact.carried else None

    return read_it


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())


def _percent(entry: Entry) -> Value:
    return round(100 * engagement.share(entry))


def _delay(entry: Entry) -> Value:
    delay = engagement.join_delay(entry)
    return round(delay.total_seconds() / 60) if delay is not None else 0


def _attended_lately(contact: Contact) -> Value:
    return engagement.attended_lately(contact.carried, contact.entries) if contact.carried else None


def _score(weights: Weights) -> Callable[[Contact], Value]:
    def read_it(contact: Contact) -> Value:
        entry = contact.carried
        if entry is None:
            return None
        return engagement.score(entry, engagement.attended_before(entry, contact.entries), weights).value

    return read_it


def _recording(terms: Terms, read: Callable[[Recorded], str]) -> Callable[[Contact], Value]:
    """A field of the recording of the session that the contact carries, for those who are to see it."""

    def read_it(contact: Contact) -> Value:
        entry = contact.carried
        if entry is None:
            return None
        shown = entry.recording is not None and entry.ended and entry.outcome in terms.recording_for
        return read(entry.recording) if shown and entry.recording is not None else ""

    return read_it


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
    ("join_delay_minutes", "float", "Minutes from the session's start to the first join, rounded.", _delay),
    ("left_early", "boolean", "Whether the last leave was before 80 % of the session.", engagement.left_early),
    ("polls_answered", "float", "How many poll questions the person answered.", lambda e: e.polls_answered),
    ("questions_asked", "float", "How many questions the person asked in Q&A.", lambda e: e.questions_asked),
    ("registered_at", "date", "When the person registered. Written like join_time.", lambda e: e.registered_at),
    ("join_url", "text", "The person's own join link.", lambda e: e.join_url),
]  # fmt: skip

_PLAIN: dict[str, Field] = {
    name: Field(name, type_, Scope.PERSON, meaning, read) for name, type_, meaning, read in _PERSON
} | {name: Field(name, type_, Scope.SESSION, meaning, _carried(read)) for name, type_, meaning, read in _SESSION}


@cache
def catalogue(terms: Terms) -> Mapping[str, Field]:
    """Every field by its name, as these terms fill it; they decide about values, never about names or types."""
    settled = [
        (
            "sessions_attended_90d",
            "float",
            "How many sessions the person attended in the 90 days up to the session carried, that one included.",
            _attended_lately,
        ),
        ("score", "float", "How engaged the person was, 0–100: see `engagement`.", _score(terms.weights)),
        (
            "share_url",
            "text",
            "The link of the session's recording, for the outcomes of `events.recording_ready`.",
            _recording(terms, lambda recorded: recorded.share_url),
        ),
        (
            "passcode",
            "text",
            "The passcode of the session's recording, for the same people.",
            _recording(terms, lambda recorded: recorded.passcode),
        ),
    ]
    return _PLAIN | {name: Field(name, type_, Scope.SESSION, meaning, read) for name, type_, meaning, read in settled}


FIELDS = catalogue(Terms())


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
