"""From the inbox to facts: webhooks are opened, folded into the tables, and what has to follow is enqueued.

Folding is a function of the set of events, so doubled, late and reordered ones change nothing. Bursts (hundreds of
people joining) only touch tables; workflows are one a session, and have ids that tell doubled starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tajo.connectors.zoom.events import (
    VALIDATION,
    Deauthorized,
    Envelope,
    Event,
    ParticipantTold,
    RecordingTold,
    RegistrationTold,
    SessionTold,
    kind_of_type,
    meaning,
    open_envelope,
    read_event,
)
from tajo.core import registrations
from tajo.core.errors import ContractError, CredentialError, RejectedError
from tajo.core.facts import Instance, Kind, Registration, Session
from tajo.core.recordings import Recorded
from tajo.core.sightings import Sighting
from tajo.store import bodies, erasures, facts, inbox, letters, recordings, sightings, signins
from tajo.store.inbox import DUPLICATE, FAILED, HANDLED, IGNORED, QUARANTINED, Delivery
from tajo.workflows import leaving
from tajo.workflows.engine import FollowUp
from tajo.workflows.recording import follow_up

BATCH = 500
FOREIGN = "of another account"  # than the configured one
NO_EMAIL = "no usable e-mail: in review, no contact"


@dataclass(slots=True)
class Opened:
    """A delivery with what could be read of it; `event` is None where nothing is to be folded."""

    delivery: Delivery
    envelope: Envelope | None
    meaning: str
    event: Event | None
    state: str
    reason: str = ""
    erased: bool = False  # it tells of somebody who was erased: its body goes

    def row(self, now: datetime) -> dict[str, Any]:
        envelope = self.envelope
        return {
            "id_": self.delivery.id,
            "state": self.state,
            "reason": self.reason,
            "handled_at": now,
            "event": envelope.event[:80] if envelope else "",
            "meaning": self.meaning,
            "uuid": envelope.uuid[:64] if envelope else "",
            "participant_uuid": envelope.participant_uuid[:64] if envelope else "",
            "registrant_id": envelope.registrant_id[:64] if envelope else "",
        }


def open_delivery(delivery: Delivery) -> Opened:
    """Read a delivery: handled, ignored (nothing of ours), or quarantined (signed, and unreadable)."""
    try:
        envelope = open_envelope(delivery.body or b"")
        told = meaning(envelope)
    except ContractError as error:
        return Opened(delivery, None, "", None, QUARANTINED, error.message)
    if envelope.event == VALIDATION:
        return Opened(delivery, envelope, told, None, HANDLED)
    try:
        event = read_event(envelope)
    except ContractError as error:
        return Opened(delivery, envelope, told, None, QUARANTINED, error.message)
    if event is None:
        return Opened(delivery, envelope, told, None, IGNORED, "not an event that Tajo handles")
    return Opened(delivery, envelope, told, event, HANDLED, NO_EMAIL if _lacks_email(event) else "")


def _lacks_email(event: Event) -> bool:
    """Whether somebody registered with no address, or with what is none: known and counted, and never a contact.

    An approval or a cancellation has only to say who is meant.
    """
    return isinstance(event, RegistrationTold) and event.detailed and not event.registration.email


def drop_duplicates(opened: Sequence[Opened], known: dict[str, int]) -> None:
    """Mark deliveries that tell what another one told before; one that somebody wants again is none of them."""
    seen: dict[str, int] = {}
    for each in opened:
        if each.event is None or not each.meaning:
            continue
        first = known.get(each.meaning, seen.get(each.meaning))
        if first is not None and each.delivery.replayed_at is None:
            each.state, each.reason, each.event = DUPLICATE, f"tells the same as {first}", None
        else:
            seen[each.meaning] = each.delivery.id


@dataclass(slots=True)
class Fold:
    """Applies events to the tables of one transaction and gathers what has to follow.

    Many at once: what all of them tell of a session, an instance or its registrants is merged first and written once.
    """

    connection: sa.Connection
    settle_after: timedelta
    account_id: str = ""
    follow: dict[str, FollowUp] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)  # accounts that removed the app
    removed_at: datetime | None = None

    def __post_init__(self) -> None:
        self.removed_at = leaving.removed_at(self.connection)

    def apply(self, opened: Sequence[Opened]) -> None:
        told = [(each.event, each.delivery) for each in opened]
        self._know([event for event, _ in told])
        self._participants([event for event, _ in told if isinstance(event, ParticipantTold)])
        self._registrations([(event, delivery) for event, delivery in told if isinstance(event, RegistrationTold)])
        for each in opened:
            if isinstance(each.event, SessionTold):
                self._session(each.event, each.delivery)
            elif isinstance(each.event, RecordingTold):
                self._recording(each.event, each.delivery)
            elif isinstance(each.event, Deauthorized):
                self._deauthorized(each.event, each)
            # That the recorder started or stopped is kept and shown in the inbox; nothing follows.

    def is_of_before(self, event: Event | None) -> bool:
        """Of before the app was removed. The removal itself may be folded twice: the inbox is another file."""
        if event is None or isinstance(event, Deauthorized) or self.removed_at is None:
            return False
        return event.at <= self.removed_at

    def foreign_account(self, opened: Opened) -> str:
        """The account that the delivery is of, where it is neither the configured one nor that of who signed in.

        Every account that has installed the app signs with the same secret. A removal has a rule of its own.
        """
        told = opened.envelope.account_id[:64] if opened.envelope else ""
        if not told or not self.account_id or told == self.account_id or isinstance(opened.event, Deauthorized):
            return ""
        signed_in = signins.known(self.connection)
        return told if signed_in is None or signed_in.account_id not in ("", told) else ""

    def _then(self, follow: FollowUp, delivery: Delivery) -> None:
        """What follows, once however often it is told; a replay is a start of its own, named by its moment."""
        if delivery.replayed_at is not None:
            follow = replace(follow, id=f"{follow.id}:{delivery.replayed_at:%Y%m%dT%H%M%S%f}")
        self.follow[follow.id] = follow

    def _know(self, events: Sequence[Event | None]) -> None:
        """Sessions that nobody has read yet are known by what all webhooks together tell of them."""
        sessions: dict[tuple[Kind, str], Session] = {}
        for each in filter(None, map(_session_told, events)):
            key = (each.kind, each.id)
            sessions[key] = _both(sessions[key], each) if key in sessions else each
        for (kind, session_id), told in sessions.items():
            before = facts.load_session(self.connection, kind, session_id)
            after = _both(before, told) if before is not None else told
            if after != before and not facts.is_read(self.connection, kind, session_id):
                facts.save_session(self.connection, after, None)

    def _participants(self, told: Sequence[ParticipantTold]) -> None:
        """Somebody was there: so there was an instance, whose own webhooks may be lost, and its end is waited for."""
        sightings.add(self.connection, map(_sighting, told))
        began: dict[tuple[Kind, str, str], datetime] = {}
        for each in told:
            key = (each.kind, each.session_id, each.uuid)
            start = min(moment for moment in (each.start, each.joined, each.at) if moment is not None)
            began[key] = min(start, began.get(key, start))
        for (kind, session_id, uuid), start in began.items():
            self._instance(kind, session_id, Instance(uuid, start, None))

    def _session(self, told: SessionTold, delivery: Delivery) -> None:
        self._instance(told.kind, told.session_id, Instance(told.uuid, told.start, told.end))
        session = f"{told.kind}:{told.session_id}"
        about = (told.kind.value, told.session_id)
        if told.end is None:
            follow = FollowUp("started", f"started:{told.uuid}", session, (*about, told.uuid))
        else:
            follow = FollowUp("settle", f"settle:{told.uuid}", session, (*about, 1), self.settle_after)
        self._then(follow, delivery)

    def _instance(self, kind: Kind, session_id: str, told: Instance) -> None:
        """The first start and the last end that webhooks tell; once the report was read, its times are what counts."""
        start, end = told.start, told.end
        for known in facts.load_instances(self.connection, kind, session_id):
            if known.uuid != told.uuid:
                continue
            if known.end is not None and known.uuid in facts.readings(self.connection, kind, session_id):
                return
            start = min(start, known.start)
            end = max((each for each in (end, known.end) if each is not None), default=None)
            if (start, end) == (known.start, known.end):
                return
        facts.save_instances(self.connection, kind, session_id, [Instance(told.uuid, start, end)])

    def _registrations(self, told: Sequence[tuple[RegistrationTold, Delivery]]) -> None:
        """One workflow a batch and session: the last delivery of it names it, and takes everything before it along."""
        sessions: dict[tuple[Kind, str], list[Registration]] = {}
        for event, delivery in told:
            sessions.setdefault((event.kind, event.session_id), []).extend(_registrations_of(event))
            session = f"{event.kind}:{event.session_id}"
            for each in [each for each in self.follow.values() if (each.name, each.session) == ("registered", session)]:
                del self.follow[each.id]
            follow = FollowUp(
                "registered", f"registered:{session}:{delivery.id}", session, (event.kind.value, event.session_id)
            )
            self._then(follow, delivery)
        for (kind, session_id), found in sessions.items():
            facts.save_registrations(self.connection, kind, session_id, found)

    def _recording(self, told: RecordingTold, delivery: Delivery) -> None:
        recording = told.recording
        made = Recorded(
            uuid=recording.uuid,
            session_id=recording.id,
            kind=kind_of_type(recording.type),
            topic=recording.topic,
            share_url=recording.share_url,
            passcode=recording.passcode or recording.play_passcode,
            duration_min=recording.duration_min,
            transcript=told.transcript,
            told_at=told.at,
            start=recording.start_time,
            expires_on=recording.expires_on,
        )
        recordings.save(self.connection, made)
        if not told.transcript:
            self._then(follow_up(made), delivery)

    def _deauthorized(self, told: Deauthorized, opened: Opened) -> None:
        """The tokens are dead and the account's data has to go; `left` says whose bodies have to leave the inbox."""
        if not leaving.leave(self.connection, told, self.account_id):
            opened.state, opened.reason = IGNORED, "of another account or user, or older than what is known"
            return
        self.follow.clear()
        self.left.add(told.account_id)
        self.removed_at = told.at
        error = CredentialError(
            "the Zoom app was removed from the account: its tokens are dead",
            origin="zoom.webhook.app_deauthorized",
            hint="what was read is deleted; install the app again, then run `tajo connectors connect zoom`",
        )
        known = [each for each in letters.open_letters(self.connection, "zoom") if each.origin == error.origin]
        if all(each.arose_at < told.at for each in known):
            letters.add(self.connection, "zoom", error, told.at)


def _session_told(event: Event | None) -> Session | None:
    """What an event tells of its session; of a recording's or the app's nothing is needed."""
    if isinstance(event, SessionTold):
        return Session(
            event.kind,
            event.session_id,
            topic=event.topic,
            type=event.type,
            time_zone=event.time_zone or "UTC",
            host_email=event.host_email,
        )
    if isinstance(event, RegistrationTold):
        return Session(event.kind, event.session_id, topic=event.topic)
    return Session(event.kind, event.session_id) if isinstance(event, ParticipantTold) else None


def _registrations_of(event: RegistrationTold) -> list[Registration]:
    """One for each date it is for, or one for all of them."""
    registration = registrations.told(event.registration, event.at, detailed=event.detailed)
    return [replace(registration, occurrence_id=date) for date in event.dates or ("",)]


def _both(one: Session, other: Session) -> Session:
    """What two webhooks tell of a session, the same whichever came first; "UTC" is what is said for want of a zone."""
    return replace(
        one,
        topic=max(one.topic, other.topic),
        type=max(one.type, other.type),
        host_email=max(one.host_email, other.host_email),
        time_zone=max(one.time_zone, other.time_zone, key=lambda zone: (zone != "UTC", zone)),
    )


def _sighting(told: ParticipantTold) -> Sighting:
    return Sighting(
        instance=told.uuid,
        key=told.key[:64],
        joined=told.joined,
        left=told.left,
        name=told.name,
        email=told.email,
        registrant_id=told.registrant_id,
        customer_key=told.customer_key,
        user_id=told.user_id,
    )


Enqueue = Callable[[sa.Connection, Sequence[FollowUp]], None]


def _subject(opened: Opened) -> str:
    return f"event {opened.delivery.id}"


def _give_up(connection: sa.Connection, opened: Opened, error: Exception, now: datetime) -> None:
    opened.state, opened.reason = FAILED, f"could not be folded ({type(error).__name__})"
    letter = RejectedError(
        opened.reason,
        origin=f"zoom.webhook.{opened.envelope.event[:80] if opened.envelope else ''}",
        hint=f"look at `tajo events show {opened.delivery.id}`, then replay it",
    )
    letters.add(connection, _subject(opened), letter, now)


def fold(
    connection: sa.Connection,
    opened: Sequence[Opened],
    *,
    settle_after: timedelta,
    enqueue: Enqueue,
    now: datetime,
    account_id: str = "",
) -> set[str]:
    """Fold a batch and enqueue what follows, in one transaction. An event that cannot be folded fails alone.

    `account_id` is the configured one. Returns the accounts that removed the app: see `mark`.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('tajo:fold'))"))
    folding = Fold(connection, settle_after, account_id)
    told = [each for each in opened if each.event is not None]
    told = _without_erased(connection, opened, told)
    removals = [each for each in told if isinstance(each.event, Deauthorized)]
    failed = _fold_those_that_can_be(folding, removals)
    for each in told:
        if folding.is_of_before(each.event):
            each.state, each.reason = IGNORED, leaving.REMOVED  # however late it comes
        elif foreign := folding.foreign_account(each):
            each.state, each.reason = IGNORED, f"{FOREIGN} ({foreign})"
    rest = [each for each in told if not isinstance(each.event, Deauthorized) and each.state != IGNORED]
    failed += _fold_those_that_can_be(folding, rest)
    for each, error in failed:
        _give_up(connection, each, error, now)
    replayed = [_subject(each) for each in told if each.delivery.replayed_at is not None and each.state != FAILED]
    letters.resolve(connection, replayed, now)
    enqueue(connection, list(folding.follow.values()))
    return folding.left


def _without_erased(connection: sa.Connection, opened: Sequence[Opened], told: Sequence[Opened]) -> list[Opened]:
    """Leave out what tells of people who were erased; a session's own event is folded, without whom it mentions."""
    erased = erasures.load(connection)
    for each in opened if erased else ():
        person = _person_of(each.event)
        if person is not None and erased.of(person):
            each.state, each.event, each.erased = IGNORED, None, True
        elif erased.are_in(each.delivery.body or b"", names=person is None):
            each.erased = True
    return [each for each in told if each.event is not None]


def _person_of(event: Event | None) -> erasures.Row | None:
    """Whom an event is about, if it is about somebody."""
    if isinstance(event, ParticipantTold):
        return event
    return event.registration if isinstance(event, RegistrationTold) else None


def mark(connection: sa.Connection, opened: Sequence[Opened], left: Iterable[str], now: datetime) -> None:
    """Record in the inbox what became of a batch, and drop the bodies of the accounts and people that left."""
    inbox.mark(connection, [each.row(now) for each in opened])
    bodies.forget(connection, [each.delivery.id for each in opened if each.erased])
    for account_id in left:
        inbox.forget_account(connection, account_id, leaving.REMOVED)


def _fold_those_that_can_be(folding: Fold, some: Sequence[Opened]) -> list[tuple[Opened, Exception]]:
    """All of them at once; where that fails each half by itself, down to those at fault, which are returned."""
    if not some:
        return []
    before = (dict(folding.follow), set(folding.left), folding.removed_at)
    try:
        with folding.connection.begin_nested():
            folding.apply(some)
    except (sa.exc.OperationalError, sa.exc.InternalError):
        raise  # the database's fault: the whole batch is folded when it works again
    except Exception as error:  # whatever one event does, all others are folded
        folding.follow, folding.left, folding.removed_at = before
        if len(some) == 1:
            return [(some[0], error)]
        middle = len(some) // 2
        return [
            *_fold_those_that_can_be(folding, some[:middle]),
            *_fold_those_that_can_be(folding, some[middle:]),
        ]
    return []


def take(connection: sa.Connection) -> tuple[list[Opened], dict[str, int]]:
    """The next batch out of the inbox, opened, with what was told before."""
    opened = [open_delivery(delivery) for delivery in inbox.waiting(connection, BATCH)]
    return opened, inbox.known_meanings(connection, (each.meaning for each in opened if each.meaning))
