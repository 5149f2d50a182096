"""Brevo events that automations start from: which, to whom, and with what. Derived from the roster."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tajo.core.contact import Entry
from tajo.core.facts import Kind
from tajo.core.mapping import clean
from tajo.core.outcome import Outcome, Readiness

Property = str | int | float | bool


class Moment(StrEnum):
    """What happened; the event's name is zoom_{meeting|webinar}_{moment}, or zoom_recording_ready."""

    STARTED = "started"
    ENDED = "ended"
    REGISTERED = "registered"
    CANCELLED = "cancelled"
    ATTENDED = "attended"
    NO_SHOW = "no_show"
    RECORDING_READY = "recording_ready"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event to one contact. `key` makes it happen once: the same key is never sent twice."""

    key: str
    name: str
    email: str
    at: datetime
    properties: Mapping[str, Property]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Old sessions are quiet: what is older than `max_age`, or than the first connection, is not announced."""

    now: datetime
    max_age: timedelta
    connected_at: datetime | None

    def is_too_old(self, happened: datetime) -> bool:
        if self.connected_at is not None and happened < self.connected_at:
            return True
        return self.now - happened > self.max_age


@dataclass(frozen=True, slots=True)
class Told:
    """Announcements to make, and how many were left out as too old."""

    announcements: tuple[Announcement, ...]
    too_old: int


def event_name(kind: Kind, moment: Moment) -> str:
    if moment is Moment.RECORDING_READY:
        return "zoom_recording_ready"
    return f"zoom_{kind}_{moment}"


def of_outcomes(people: Mapping[str, Sequence[Entry]], occurrences: Iterable[str], quiet: Quiet) -> Told:
    """attended or no_show to each person, and ended to the attendees, for occurrences whose roster is final.

    One outcome a person and occurrence, ever: a correction changes attributes and lists, and announces nothing.
    """
    wanted = set(occurrences)
    found: list[Announcement] = []
    too_old = 0
    for email, entries in sorted(people.items()):
        for entry in entries:
            moment = _outcome_moment(entry)
            if entry.occurrence not in wanted or moment is None:
                continue
            if quiet.is_too_old(_ended(entry)):
                too_old += 1
                continue
            found.append(announcement(entry, email, moment, _ended(entry), topic="outcome"))
            if moment is Moment.ATTENDED:
                found.append(announcement(entry, email, Moment.ENDED, _ended(entry)))
    return Told(tuple(found), too_old)


def _outcome_moment(entry: Entry) -> Moment | None:
    """No no_show where the report never settled: nobody is told that they were missed who sat through it."""
    if entry.excluded or not entry.ended:
        return None
    if entry.outcome is Outcome.ATTENDED:
        return Moment.ATTENDED
    return Moment.NO_SHOW if entry.outcome is Outcome.NO_SHOW and entry.readiness is Readiness.FINAL else None


def _ended(entry: Entry) -> datetime:
    return entry.ended_at or entry.start


def of_registrations(people: Mapping[str, Sequence[Entry]], occurrences: Iterable[str], quiet: Quiet) -> Told:
    """registered to whoever holds an approved registration, cancelled to whoever cancelled after one we announced.

    Once a person and session: a series' dates are registered for together.
    """
    wanted = set(occurrences)
    found: dict[str, Announcement] = {}
    too_old = 0
    for email, entries in sorted(people.items()):
        for entry in entries:
            if entry.occurrence not in wanted or entry.excluded or entry.ended:
                continue
            moment = _registration_moment(entry)
            if moment is None:
                continue
            happened = entry.registered_at or quiet.now
            if moment is Moment.REGISTERED and quiet.is_too_old(happened):
                too_old += 1
                continue
            made = announcement(entry, email, moment, happened, subject=f"{entry.kind}:{entry.session_id}")
            found.setdefault(made.key, made)
    return Told(tuple(found.values()), too_old)


def _registration_moment(entry: Entry) -> Moment | None:
    if entry.outcome is Outcome.CANCELLED:
        return Moment.CANCELLED
    return Moment.REGISTERED if entry.approved else None


def of_start(people: Mapping[str, Sequence[Entry]], occurrence: str, at: datetime, quiet: Quiet) -> Told:
    """started to the registrants of one occurrence."""
    if quiet.is_too_old(at):
        return Told((), sum(_registered(entries, occurrence) is not None for entries in people.values()))
    found = [
        announcement(entry, email, Moment.STARTED, at)
        for email, entries in sorted(people.items())
        if (entry := _registered(entries, occurrence)) is not None
    ]
    return Told(tuple(found), 0)


def _registered(entries: Sequence[Entry], occurrence: str) -> Entry | None:
    return next((e for e in entries if e.occurrence == occurrence and e.approved and not e.excluded), None)


@dataclass(frozen=True, slots=True)
class Share:
    """A recording as people get to see it: the link, and the passcode they type ("" where it needs none)."""

    url: str
    passcode: str


def of_recording(
    people: Mapping[str, Sequence[Entry]],
    occurrence: str,
    share: Share,
    outcomes: Collection[str],
    at: datetime,
    quiet: Quiet,
) -> Told:
    """recording_ready to everybody on one occurrence's roster with one of these outcomes; `at` is when it was told."""
    found: list[Announcement] = []
    too_old = 0
    for email, entries in sorted(people.items()):
        entry = next((each for each in entries if each.occurrence == occurrence and not each.excluded), None)
        if entry is None or entry.outcome not in outcomes:
            continue
        if quiet.is_too_old(_ended(entry)):
            too_old += 1
        else:
            made = announcement(entry, email, Moment.RECORDING_READY, at)
            found.append(replace(made, properties={**made.properties, **_shared(share)}))
    return Told(tuple(found), too_old)


def _shared(share: Share) -> Mapping[str, Property]:
    return {"share_url": share.url} | ({"passcode": share.passcode} if share.passcode else {})


@dataclass(frozen=True, slots=True)
class Subject:
    """The occurrence that the operator is told of; `ended_at` is None while it is live."""

    key: str
    kind: Kind
    session_id: str
    uuid: str
    topic: str
    start: datetime
    ended_at: datetime | None
    held: timedelta
    host_email: str
    outcomes: Mapping[Outcome, int]


def to_operator(
    subject: Subject, moment: Moment, operator: str, at: datetime, quiet: Quiet, share: Share | None = None
) -> Told:
    """started, ended or recording_ready to one fixed contact, so that a plain meeting can start an automation.

    The operator is nobody's registrant: what was old is not counted.
    """
    if not operator or quiet.is_too_old(subject.ended_at or at):
        return Told((), 0)
    told: dict[str, Property] = {
        "session_kind": subject.kind.value,
        "session_id": subject.session_id,
        "session_uuid": subject.uuid,
        "topic": clean(subject.topic),
        "start": _utc(subject.start),
        "host_email": subject.host_email,
    }
    if subject.ended_at is not None:
        told["minutes"] = round(subject.held.total_seconds() / 60)
        told["attended"] = subject.outcomes.get(Outcome.ATTENDED, 0)
        told["no_shows"] = subject.outcomes.get(Outcome.NO_SHOW, 0)
    told |= _shared(share) if share is not None else {}
    made = Announcement(
        key=f"event:{moment}:{subject.key}:{operator}",
        name=event_name(subject.kind, moment),
        email=operator,
        at=at,
        properties={name: value for name, value in told.items() if value != ""},
    )
    return Told((made,), 0)


def together(told: Iterable[Told]) -> Told:
    """Several as one; of two with the same key the first stays."""
    parts = list(told)
    found = {each.key: each for part in reversed(parts) for each in reversed(part.announcements)}
    return Told(tuple(reversed(found.values())), sum(part.too_old for part in parts))


def announcement(
    entry: Entry, email: str, moment: Moment, at: datetime, *, topic: str = "", subject: str = ""
) -> Announcement:
    """One announcement. The key is the moment, or a `topic` that several moments share, of an occurrence or subject."""
    return Announcement(
        key=f"event:{topic or moment}:{subject or entry.occurrence}:{email}",
        name=event_name(entry.kind, moment),
        email=email,
        at=at,
        properties=properties(entry),
    )


def properties(entry: Entry) -> dict[str, Property]:
    """What every event carries, flat; times are UTC as text, empty values are left out."""
    seconds = entry.present.total_seconds()
    held = entry.held.total_seconds()
    told: dict[str, Property] = {
        "session_kind": entry.kind.value,
        "session_id": entry.session_id,
        "session_uuid": entry.uuid,
        "topic": clean(entry.topic),
        "start": _utc(entry.start),
        "outcome": entry.outcome.value,
        "minutes": round(seconds / 60),
        "percent": min(100, round(100 * seconds / held)) if held else 0,
        "join_count": entry.joins,
        "source": clean(entry.source),
        "join_url": entry.join_url,
        "host_email": entry.host_email,
    }
    if entry.joined is not None:
        told["joined"] = _utc(entry.joined)
    if entry.registered_at is not None:
        told["registered"] = _utc(entry.registered_at)
    return {name: value for name, value in told.items() if value != ""}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
