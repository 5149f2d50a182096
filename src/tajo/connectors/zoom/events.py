"""Webhooks as typed events: a hint and a fact, never the only source. One row an event in EVENTS.

Every event carries `at`, the time Zoom gives it (its event_ts): what is known is a function of the set of events, not
of the order in which they arrive.
Source: https://developers.zoom.us/docs/api/webhooks/ and the event reference
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tajo.connectors.zoom.api import reading
from tajo.connectors.zoom.api.reading import Fields, address, count, ident, integer, rows, section, text
from tajo.connectors.zoom.api.recordings import Recording, read_recording
from tajo.connectors.zoom.api.registrants import read_registrant
from tajo.connectors.zoom.normalise import WEBINAR_TYPES, email, registration
from tajo.core.errors import ContractError
from tajo.core.facts import Kind, Registration, Status


@dataclass(frozen=True, slots=True)
class SessionTold:
    """An instance started, or ended (`end` is known then). `duration_min` is the scheduled one, as Zoom tells it."""

    at: datetime
    kind: Kind
    session_id: str
    uuid: str
    start: datetime
    end: datetime | None
    topic: str
    type: int
    time_zone: str
    host_email: str
    duration_min: int


@dataclass(frozen=True, slots=True)
class ParticipantTold:
    """Somebody joined (`joined` is known) or left (`left` is). `key` pairs the two: one join of one device."""

    at: datetime
    kind: Kind
    session_id: str
    uuid: str
    start: datetime | None  # the instance's, where the webhook has it
    key: str
    joined: datetime | None
    left: datetime | None
    name: str
    email: str
    registrant_id: str
    customer_key: str
    user_id: str


@dataclass(frozen=True, slots=True)
class RegistrationTold:
    """Somebody registered, or was approved, denied or cancelled. `dates` are occurrence ids, empty for all dates."""

    at: datetime
    kind: Kind
    session_id: str
    topic: str
    registration: Registration
    dates: tuple[str, ...]
    detailed: bool  # the whole form is told, not just a name


@dataclass(frozen=True, slots=True)
class RecordingTold:
    """A recording, or the transcript of one, is ready."""

    at: datetime
    recording: Recording
    transcript: bool


@dataclass(frozen=True, slots=True)
class RecorderTold:
    """The recorder started or stopped; kept and shown, nothing follows from it."""

    at: datetime
    session_id: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Deauthorized:
    """The app was removed from the account: its tokens are dead, its data has to go."""

    at: datetime
    account_id: str
    user_id: str
    client_id: str


Event = SessionTold | ParticipantTold | RegistrationTold | RecordingTold | RecorderTold | Deauthorized


@dataclass(frozen=True, slots=True)
class Envelope:
    """A webhook's body, read as far as every event has it: for the inbox, and for finding one again."""

    event: str
    at: datetime | None
    uuid: str
    participant_uuid: str
    registrant_id: str
    account_id: str  # "" where the body says none
    body: Fields


def open_envelope(body: bytes) -> Envelope:
    """ContractError for bytes that are no JSON object with an event's name."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ContractError("the body is not JSON", origin="zoom.webhook") from None
    if not isinstance(answer, dict) or not text(answer, "event"):
        raise ContractError("the body names no event", origin="zoom.webhook")
    payload = _part(answer, "payload")
    subject = _part(payload, "object")
    person = _part(subject, "participant")
    return Envelope(
        event=text(answer, "event"),
        at=_told_at(answer, payload),
        uuid=text(subject, "uuid"),
        participant_uuid=text(person, "participant_uuid"),
        registrant_id=ident(_part(subject, "registrant"), "id") or text(person, "registrant_id"),
        account_id=text(payload, "account_id"),
        body=answer,
    )


def _part(fields: Fields, name: str) -> Fields:
    """An object inside, {} for whatever else stands there: an envelope is opened as far as it goes."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _told_at(answer: Fields, payload: Fields) -> datetime | None:
    """event_ts, in milliseconds; app_deauthorized has it inside, as a number or as text."""
    for fields in (answer, payload):
        ms = integer(fields, "event_ts")
        if ms is not None and 0 < ms < _MOST_MS:
            return _plausible(datetime.fromtimestamp(ms / 1000, UTC))
        if ms is None and (told := when(fields, "event_ts")) is not None:
            return told
    return None


_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_MOST_MS = int(_LAST.timestamp() * 1000)


def _plausible(at: datetime | None) -> datetime | None:
    """Times of sessions and registrations lie in this century: others are somebody's mistake, and no time at all."""
    return at if at is not None and _FIRST <= at < _LAST else None


def when(fields: Fields, name: str) -> datetime | None:
    return _plausible(reading.when(fields, name))


def read_event(envelope: Envelope) -> Event | None:
    """The typed event; None for one that we do not handle. ContractError when it lacks what it is about."""
    reader = EVENTS.get(envelope.event)
    if reader is None:
        return None
    try:
        if envelope.at is None:
            raise ContractError("the event has no time")
        return reader(envelope.at, section(envelope.body, "payload"))
    except ContractError as error:
        error.origin = error.origin or f"zoom.webhook.{envelope.event}"
        raise


def _needed(value: Any, name: str) -> Any:
    if not value:
        raise ContractError(f"the event has no {name}")
    return value


def _short(value: str, name: str, most: int) -> str:
    """An id, as long as ids are at most."""
    if len(value) > most:
        raise ContractError(f"the event's {name} has {len(value)} characters")
    return value


def _session_id(subject: Fields) -> str:
    return _short(_needed(ident(subject, "id"), "id"), "id", 32)


def _uuid(subject: Fields) -> str:
    return _short(_needed(text(subject, "uuid"), "uuid"), "uuid", 64)


def _small(value: int, name: str) -> int:
    """A type or a number of minutes."""
    if value >= 2**31:
        raise ContractError(f"the event's {name} is out of range")
    return value


def _session(kind: Kind, *, ended: bool) -> Callable[[datetime, Fields], Event]:
    def read(at: datetime, payload: Fields) -> Event:
        subject = section(payload, "object")
        start = _needed(when(subject, "start_time"), "start_time")
        return SessionTold(
            at=at,
            kind=kind,
            session_id=_session_id(subject),
            uuid=_uuid(subject),
            start=start,
            end=max(start, when(subject, "end_time") or at) if ended else None,
            topic=text(subject, "topic"),
            type=_small(count(subject, "type"), "type"),
            time_zone=text(subject, "timezone"),
            host_email=email(address(subject, "host_email")),
            duration_min=_small(count(subject, "duration"), "duration"),
        )

    return read


def _participant(kind: Kind) -> Callable[[datetime, Fields], Event]:
    def read(at: datetime, payload: Fields) -> Event:
        subject = section(payload, "object")
        person = section(subject, "participant")
        return ParticipantTold(
            at=at,
            kind=kind,
            session_id=_session_id(subject),
            uuid=_uuid(subject),
            start=when(subject, "start_time"),
            key=_needed(text(person, "participant_uuid") or ident(person, "user_id"), "participant"),
            joined=when(person, "join_time"),
            left=when(person, "leave_time"),
            name=text(person, "user_name"),
            email=email(address(person, "email")),
            registrant_id=text(person, "registrant_id"),
            customer_key=text(person, "customer_key"),
            user_id=text(person, "participant_user_id") or text(person, "id"),
        )

    return read


def _registration(kind: Kind, status: Status | None) -> Callable[[datetime, Fields], Event]:
    """`status` is what the event's name says; None: what its registrant says (created: approved or pending)."""

    def read(at: datetime, payload: Fields) -> Event:
        subject = section(payload, "object")
        person = section(subject, "registrant")
        told = read_registrant(person)
        source = text(section(person, "tracking_source"), "source_name")
        found = registration(told, source=source)
        if found is None:
            raise ContractError("the event has no registrant")
        _short(found.registrant_id, "registrant", 400)
        _short(found.email, "e-mail", 320)
        dates = tuple(_short(date, "occurrence", 32) for date in rows(subject, "occurrences", _date) if date)
        known = Status(told.status) if told.status in set(Status) else Status.APPROVED
        return RegistrationTold(
            at=at,
            kind=kind,
            session_id=_session_id(subject),
            topic=text(subject, "topic"),
            registration=_with(found, status or known, at if status is None else None),
            dates=dates,
            detailed=status is None,
        )

    return read


def _date(occurrence: Fields) -> str:
    return ident(occurrence, "occurrence_id")


def _with(found: Registration, status: Status, registered_at: datetime | None) -> Registration:
    return replace(found, status=status, registered_at=_plausible(found.registered_at) or registered_at)


def _recording(*, transcript: bool) -> Callable[[datetime, Fields], Event]:
    def read(at: datetime, payload: Fields) -> Event:
        subject = section(payload, "object")
        recording = read_recording(subject)
        _uuid(subject)
        _short(recording.id, "id", 32)
        _small(recording.duration_min, "duration")
        return RecordingTold(at, recording, transcript)

    return read


def _recorder(at: datetime, payload: Fields) -> Event:
    subject = section(payload, "object")
    return RecorderTold(at, ident(subject, "id"), _uuid(subject))


def _deauthorized(at: datetime, payload: Fields) -> Event:
    # What was read of the account is deleted for it: never for an event that does not say of which account it is.
    account_id = _needed(text(payload, "account_id"), "account_id")
    return Deauthorized(at, account_id, text(payload, "user_id"), text(payload, "client_id"))


def _of_both(make: Callable[[Kind], Callable[[datetime, Fields], Event]], name: str) -> dict[str, Any]:
    return {f"{kind}.{name}": make(kind) for kind in Kind}


EVENTS: Mapping[str, Callable[[datetime, Fields], Event]] = {
    **_of_both(lambda kind: _session(kind, ended=False), "started"),
    **_of_both(lambda kind: _session(kind, ended=True), "ended"),
    **_of_both(_participant, "participant_joined"),
    **_of_both(_participant, "participant_left"),
    **_of_both(lambda kind: _registration(kind, None), "registration_created"),
    **_of_both(lambda kind: _registration(kind, Status.APPROVED), "registration_approved"),
    **_of_both(lambda kind: _registration(kind, Status.DENIED), "registration_denied"),
    **_of_both(lambda kind: _registration(kind, Status.CANCELLED), "registration_cancelled"),
    "recording.started": _recorder,
    "recording.stopped": _recorder,
    "recording.completed": _recording(transcript=False),
    "recording.transcript_completed": _recording(transcript=True),
    "app_deauthorized": _deauthorized,
}

VALIDATION = "endpoint.url_validation"
SUBSCRIBED = tuple(EVENTS)  # what an operator ticks in the Marketplace; validation comes by itself

_RECORDING_SECRETS = frozenset({"password", "recording_play_passcode"})


def meaning(envelope: Envelope) -> str:
    """The same for two deliveries that tell the same: sha256 over the parsed body without what changes by itself.

    A recording's addresses, passcodes and download token are other ones in every delivery. No other event loses a
    field: two bodies that differ in anything about a person are never one. ContractError for a body that is nested
    deeper than can be followed.
    """
    body: Any = envelope.body
    try:
        if envelope.event.startswith("recording."):
            body = _without_secrets({name: value for name, value in body.items() if name != "download_token"})
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise ContractError("the body is nested too deep", origin="zoom.webhook") from None
    return sha256(canonical.encode()).hexdigest()


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_secrets(inner)
            for name, inner in value.items()
            if name not in _RECORDING_SECRETS and not name.endswith("_url")
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def kind_of_type(type_: int) -> Kind:
    """What a recording's numeric type says its session is."""
    return Kind.WEBINAR if type_ in WEBINAR_TYPES else Kind.MEETING
