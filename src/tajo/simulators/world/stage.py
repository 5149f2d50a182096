"""Builds sessions from intent: who signs up, who comes and how; rows and truth both follow from that.

stage = Stage(seed=1, now=now)
plan = stage.webinar("Spring webinar", start=now - timedelta(days=2))
kim = stage.names.person(email="kim@mail.example")
plan.register(kim)
held = plan.hold()
held.come(kim, 2, 18)       # minutes after the start
world = stage.world()
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tajo.simulators.world.model import (
    Answer,
    Instance,
    Kind,
    Occurrence,
    Panelist,
    Recording,
    Registrant,
    Row,
    Session,
    TrackingSource,
    User,
    World,
)
from tajo.simulators.world.people import Names, Person
from tajo.simulators.world.truth import Outcome, Stay, TruthOccurrence, TruthPerson, union_s

_FIRST_USER_ID, _USER_ID_STEP = 16_778_240, 1_024


class Stage:
    """A world under construction. The same seed and the same calls give the same world."""

    def __init__(self, seed: int, now: datetime) -> None:
        """`now`, aware UTC, divides what took place from what is to come."""
        self.now = now
        self.names = Names(Random(seed))
        self.rng = self.names.rng
        self.account_id = self.names.key()
        self.users: list[User] = []
        self.plans: list[SessionPlan] = []

    def user(self, email: str = "", **fields: Any) -> User:
        """A user of the account; a licensed host with the webinar add-on unless `fields` say otherwise."""
        person = self.names.person(**({"email": email} if email else {}))
        made = {"dept": "Education", "webinar_plan": True, "created_at": self.now - timedelta(days=400), **fields}
        made.setdefault("pmi", self.names.number(10, "3"))
        user = User(self.names.key(), person.email, person.first_name, person.last_name, **made)
        self.users.append(user)
        return user

    def webinar(self, topic: str, *, start: datetime | None, **fields: Any) -> SessionPlan:
        """A webinar (type 5 unless given) with automatic registration unless `fields` say otherwise."""
        fields = {"type": 5, "approval_type": 0, **fields}
        return self._plan("webinar", self.names.number(11, "9"), topic, start, fields)

    def meeting(self, topic: str, *, start: datetime | None, **fields: Any) -> SessionPlan:
        """A meeting (type 2, no registration unless given). Type 4 takes the host's personal id."""
        fields = {"type": 2, "approval_type": 2, **fields}
        host = fields.get("host") or self._host()
        number = host.pmi if fields["type"] == 4 else self.names.number(11, "8")
        return self._plan("meeting", number, topic, start, {**fields, "host": host})

    def _plan(self, kind: Kind, number: int, topic: str, start: datetime | None, fields: dict[str, Any]) -> SessionPlan:
        fields["host"] = fields.get("host") or self._host()
        fields.setdefault("created_at", (start or self.now) - timedelta(days=35))
        uuid = fields.pop("uuid", None) or self.names.uuid()
        session = Session(kind=kind, id=number, uuid=uuid, topic=topic, start=start, **fields)
        plan = SessionPlan(self, session)
        self.plans.append(plan)
        return plan

    def _host(self) -> User:
        return self.users[0] if self.users else self.user()

    def world(self) -> World:
        """The world and its truth, as they stand."""
        sessions = {plan.session.id: plan.build() for plan in self.plans}
        truth = [occurrence for plan in self.plans for occurrence in plan.truth()]
        return World(
            self.now, self.account_id, list(self.users), sessions, sorted(truth, key=lambda o: (o.start, o.session_id))
        )


@dataclass(slots=True)
class Signup:
    """A registrant, and the planned occurrences it is for (None: all)."""

    registrant: Registrant
    dates: tuple[Date, ...] | None


@dataclass(slots=True)
class Presence:
    """What one person did in one occurrence."""

    person: Person
    stays: list[Stay] = field(default_factory=list)
    staff: bool = False
    shown: bool = False  # some row, or a registration, gives the person's e-mail


@dataclass(slots=True, eq=False)
class Date:
    """One occurrence as planned, and the instances that make it up."""

    start: datetime
    minutes: int  # as scheduled; 0 when nobody scheduled it
    rehearsal: bool = False
    scheduled: Occurrence | None = None
    held: list[Held] = field(default_factory=list)
    presences: dict[str, Presence] = field(default_factory=dict)  # by lower-case e-mail
    asked: dict[str, list[bool]] = field(default_factory=dict)  # by lower-case e-mail: True for a poll, False for Q&A

    @property
    def end(self) -> datetime:
        """The later of the scheduled and the real end."""
        ends = [held.end for held in self.held]
        return max([*ends, self.start + timedelta(minutes=self.minutes)])


@dataclass(slots=True, eq=False)
class SessionPlan:
    """One session under construction."""

    stage: Stage
    session: Session
    dates: list[Date] = field(default_factory=list)
    signups: list[Signup] = field(default_factory=list)
    by_person: dict[str, list[Signup]] = field(default_factory=dict)  # by lower-case e-mail
    panel: list[Panelist] = field(default_factory=list)

    # --- the schedule ---

    def occurs(self, start: datetime, *, deleted: bool = False) -> Date:
        """A scheduled date of a recurring session; a deleted one never took place and is nobody's."""
        number = str(int(start.timestamp() * 1000))
        occurrence = Occurrence(number, start, self.session.minutes, "deleted" if deleted else "available")
        self.session = replace(self.session, occurrences=(*self.session.occurrences, occurrence))
        date = Date(start, self.session.minutes, scheduled=occurrence)
        if not deleted:
            self.dates.append(date)
        return date

    def date(self, start: datetime | None = None, *, rehearsal: bool = False) -> Date:
        """The single scheduled date, or one that nobody scheduled (a rehearsal, an instance without a fixed time)."""
        if start is None and not rehearsal and self.session.start is not None:
            regular = [date for date in self.dates if not date.rehearsal]
            if regular:
                return regular[0]
            start = self.session.start
        assert start is not None, "a session without a schedule needs the start of each date"
        fixed = self.session.start is not None and not rehearsal
        date = Date(start, self.session.minutes if fixed else 0, rehearsal)
        self.dates.append(date)
        return date

    # --- the people ---

    def register(
        self, person: Person, *, dates: Sequence[Date] | None = None, email: str = "", **fields: Any
    ) -> Registrant:
        """Sign `person` up; `dates` for a series with registration per date. `fields` are those of `Registrant`."""
        early = min([self.session.start or self.stage.now, self.stage.now])
        fields.setdefault("create_time", early - timedelta(minutes=self.stage.rng.randrange(90, 20_000)))
        ids = tuple(date.scheduled.id for date in dates or () if date.scheduled is not None)
        registrant = Registrant(
            id=self.stage.names.key(),
            email=email or person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            occurrence_ids=ids,
            **{**_about(person), **fields},
        )
        signup = Signup(registrant, tuple(dates) if dates is not None else None)
        self.signups.append(signup)
        self.by_person.setdefault(person.email.lower(), []).append(signup)
        return registrant

    def panelist(self, person: Person) -> Panelist:
        """Invite a panelist."""
        panelist = Panelist(self.stage.names.key(), person.name, person.email)
        self.panel.append(panelist)
        return panelist

    def tracking_source(self, name: str, visitors: int) -> TrackingSource:
        source = TrackingSource(str(self.stage.names.number(13, "5")), name, visitors)
        self.session = replace(self.session, tracking_sources=(*self.session.tracking_sources, source))
        return source

    def registrant_of(self, person: Person, date: Date) -> Registrant | None:
        """The approved registrant whose link brings `person` to `date`."""
        for signup in self.by_person.get(person.email.lower(), ()):
            registrant = signup.registrant
            live = registrant.status == "approved" and registrant.cancelled_at is None
            if live and (signup.dates is None or date in signup.dates):
                return registrant
        return None

    def ids_of(self, person: Person) -> set[str]:
        """The registrant ids of one person, of whatever status."""
        return {signup.registrant.id for signup in self.by_person.get(person.email.lower(), ())}

    # --- what happened ---

    def hold(
        self,
        *,
        date: Date | None = None,
        start: datetime | None = None,
        late_min: float = 0,
        minutes: float | None = None,
        shape: str = "",
        host_comes: bool = True,
    ) -> Held:
        """Let the session take place: at `start`, else `late_min` after the date's start; `minutes` long.

        `shape` picks an awkward uuid (see `Names.uuid`). The host is there from start to end.
        """
        date = date or self.date()
        begin = (start or date.start) + timedelta(minutes=late_min)
        end = begin + timedelta(minutes=self.session.minutes if minutes is None else minutes)
        held = Held(self, date, self.stage.names.uuid(shape), begin, end)
        date.held.append(held)
        if host_comes:
            held.host_comes()
        return held

    def build(self) -> Session:
        instances = sorted((held.build() for date in self.dates for held in date.held), key=lambda i: i.start)
        return replace(
            self.session,
            registrants=tuple(sorted((s.registrant for s in self.signups), key=lambda r: r.create_time)),
            panelists=tuple(self.panel),
            instances=tuple(instances),
        )

    def truth(self) -> list[TruthOccurrence]:
        """The truth about each date; one that is scheduled once and did not take place yet counts too."""
        if self.session.start is not None and not self.session.occurrences:
            self.date()
        return [self._truth(date) for date in self.dates]

    def _truth(self, date: Date) -> TruthOccurrence:
        ended = date.end <= self.stage.now
        people = [] if date.rehearsal else self._signed_up(date, ended)
        met = {person.email for person in people}
        people += [self._present(p, "attended", ()) for email, p in date.presences.items() if email not in met]
        people = [_with_answers(person, date.asked.get(person.email or "", [])) for person in people]
        return TruthOccurrence(
            self.session.kind,
            self.session.id,
            self.session.topic,
            min(h.start for h in date.held) if date.rehearsal else date.start,
            tuple(held.uuid for held in sorted(date.held, key=lambda h: h.start)),
            tuple(people),
            ended,
            date.rehearsal,
        )

    def _signed_up(self, date: Date, ended: bool) -> list[TruthPerson]:
        """The people registered for this date: one each, however often they registered."""
        groups: dict[str, list[Registrant]] = {}
        for signup in self.signups:
            meant = signup.dates is None or date in signup.dates
            if meant and not (ended and signup.registrant.create_time >= date.end):
                groups.setdefault(signup.registrant.email.lower(), []).append(signup.registrant)
        people = []
        for email, registrants in groups.items():
            ids = tuple(r.id for r in registrants)
            presence = date.presences.get(email)
            if presence is not None and presence.stays:
                people.append(replace(self._present(presence, "attended", ids), email=email))
                continue
            name = f"{registrants[0].first_name} {registrants[0].last_name}".strip()
            outcome = _outcome(registrants, ended, self.stage.now)
            people.append(TruthPerson(email, name, outcome, identifiable=outcome != "cancelled", registrant_ids=ids))
        return people

    def _present(self, presence: Presence, outcome: Outcome, ids: tuple[str, ...]) -> TruthPerson:
        stays = presence.stays
        return TruthPerson(
            email=presence.person.email.lower() if presence.shown else None,
            name=presence.person.name,
            outcome=outcome,
            present_s=union_s(stays),
            join_count=len(stays),
            first_join=min((join for join, _ in stays), default=None),
            last_leave=max((leave for _, leave in stays), default=None),
            staff=presence.staff,
            identifiable=presence.shown,
            registrant_ids=ids,
        )


@dataclass(slots=True, eq=False)
class Held:
    """One instance under construction."""

    plan: SessionPlan
    date: Date
    uuid: str
    start: datetime
    end: datetime
    rows: list[Row] = field(default_factory=list)
    recording: Recording | None = None
    polls: list[Answer] = field(default_factory=list)
    qa: list[Answer] = field(default_factory=list)

    def come(self, person: Person, join_min: float, leave_min: float, *, staff: bool = False, **row: Any) -> Row:
        """`person` is there from `join_min` to `leave_min` minutes after the start; `row` overrides fields of the row.

        Somebody registered comes by their link: the row has their registrant id and registered e-mail. Others show
        their e-mail unless `row` says email="". A stay in the waiting room (status="in_waiting_room") is no presence.
        """
        registrant = None if staff else self.plan.registrant_of(person, self.date)
        made = Row(
            user_id=str(_FIRST_USER_ID + _USER_ID_STEP * len(self.rows)),
            name=row.pop("name", person.name),
            email=row.pop("email", registrant.email if registrant else person.email),
            join=self._at(join_min),
            leave=self._at(leave_min),
            registrant_id=row.pop("registrant_id", registrant.id if registrant else ""),
            participant_user_id=row.pop("participant_user_id", person.zoom_id),
            internal_user=person.internal,
            **row,
        )
        self.rows.append(made)
        self._remember(person, made, staff)
        return made

    def _remember(self, person: Person, row: Row, staff: bool) -> None:
        key = person.email.lower()
        presence = self.date.presences.get(key) or Presence(person)
        presence.staff = presence.staff or staff
        own_link = row.registrant_id != "" and row.registrant_id in self.plan.ids_of(person)
        presence.shown = presence.shown or own_link or row.email.lower() == key
        if row.status == "in_meeting":
            presence.stays.append((row.join, row.leave))
        if presence.stays:  # somebody only ever in the waiting room was not there
            self.date.presences[key] = presence

    def host_comes(self) -> None:
        """The host, a few minutes early, to the end."""
        minutes = (self.end - self.start).total_seconds() / 60
        self.come(as_person(self.plan.session.host), 0, minutes, staff=True)

    def record(
        self, *, sets: int = 1, ready_min: float = 40, transcript: bool = False, kept_days: int | None = None
    ) -> None:
        """A cloud recording, ready `ready_min` minutes after the end; the transcript half an hour later.

        With `kept_days` Zoom deletes it so many days after the session.
        """
        ready = self.end + timedelta(minutes=ready_min)
        goes = (self.end + timedelta(days=kept_days)).date() if kept_days is not None else None
        transcript_at = ready + timedelta(minutes=30) if transcript else None
        self.recording = Recording(ready, sets, transcript_at=transcript_at, deleted_on=goes)

    def ask(
        self, person: Person | None, question: str, answer: str, *, minute: float, poll: bool = True, shown: bool = True
    ) -> None:
        """An answer to a poll, or (poll=False) a question with its answer; person None is anonymous.

        Without `shown` Zoom has the person's name, and hides the address.
        """
        name, email = (person.name, person.email if shown else "") if person else ("Anonymous Attendee", "")
        if email:
            self.date.asked.setdefault(email.lower(), []).append(poll)
        (self.polls if poll else self.qa).append(Answer(name, email, question, answer, self._at(minute)))

    def build(self) -> Instance:
        rows = tuple(sorted(self.rows, key=lambda r: (r.join, r.user_id)))
        return Instance(self.uuid, self.start, self.end, rows, self.recording, tuple(self.polls), tuple(self.qa))

    def _at(self, minute: float) -> datetime:
        return self.start + timedelta(seconds=round(minute * 60))


def as_person(user: User) -> Person:
    """A user of the account as somebody who joins sessions."""
    return Person(user.first_name, user.last_name, user.email, zoom_id=user.id, internal=True)


def _with_answers(person: TruthPerson, asked: Sequence[bool]) -> TruthPerson:
    return replace(person, polls_answered=sum(asked), questions_asked=len(asked) - sum(asked)) if asked else person


def _about(person: Person) -> dict[str, str]:
    names = ("phone", "org", "job_title", "country", "city", "industry")
    return {name: getattr(person, name) for name in names}


def _outcome(registrants: Iterable[Registrant], ended: bool, now: datetime) -> Outcome:
    """Of somebody who was not there: the best of their registrations counts."""
    live = [r for r in registrants if r.cancelled_at is None or r.cancelled_at > now]
    statuses = {r.status for r in live}
    if "approved" in statuses:
        return "no_show" if ended else "registered"
    if "pending" in statuses:
        return "pending"
    return "denied" if live else "cancelled"
