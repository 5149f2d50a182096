"""The roster: per occurrence, one record a person. Everything that is written anywhere is derived from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from tajo.core.attendance import Segment, moment_at, total, union
from tajo.core.contact import Entry
from tajo.core.facts import Occurrence, Registration, Respondent, Role, Status, Stay
from tajo.core.identity import Doubt, Identity, Unidentified, identify
from tajo.core.interactions import Done, attributed
from tajo.core.outcome import WITHOUT_PRESENCE, Outcome, Readiness, belonging, could_hide, without_presence
from tajo.core.registrations import latest_each

TO_THE_END = 0.8  # who leaves before this share of the session is over has left early


@dataclass(frozen=True, slots=True)
class Person:
    """One person in one occurrence.

    `segments` are their merged stays, in time order; `present` is the length of those; `joins` counts the rows.
    `registration` is the one that stands (the latest approved, else the latest), None for who came without.
    `excluded` says why nothing is written about them ("host", "domain corp.example"), "" for everybody else.
    """

    email: str
    name: str
    role: Role
    outcome: Outcome
    registration: Registration | None = None
    segments: tuple[Segment, ...] = ()
    present: timedelta = timedelta()
    joins: int = 0
    excluded: str = ""
    polls_answered: int = 0
    questions_asked: int = 0

    @property
    def joined(self) -> datetime | None:
        return self.segments[0].join if self.segments else None

    @property
    def left(self) -> datetime | None:
        return max(each.leave for each in self.segments) if self.segments else None


@dataclass(frozen=True, slots=True)
class Review:
    """Rows that could not be given to anybody: they are shown, and nothing about them is written."""

    doubt: Doubt
    name: str
    rows: int
    segments: tuple[Segment, ...]
    present: timedelta
    key: str = ""  # by what its rows have in common: see `Unidentified.key`


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody who registered for, or came to, one occurrence.

    `held` is the length of the union of the instances: what 100 % attendance means. Who leaves before `late_at` left
    early; None while nothing was held.
    """

    occurrence: Occurrence
    readiness: Readiness
    people: tuple[Person, ...]
    review: tuple[Review, ...]
    held: timedelta
    late_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide about a roster. `domains` are lower-case, without "@"."""

    exclude_hosts: bool = True
    exclude_panelists: bool = True
    exclude_domains: frozenset[str] = field(default_factory=frozenset)
    unknown_above: float = 0.10


def build(
    occurrence: Occurrence,
    registrations: Sequence[Registration],
    stays: Sequence[Stay],
    *,
    ready: Readiness,
    rules: Rules,
    respondents: Sequence[Respondent] = (),
    decided: Mapping[str, str] = MappingProxyType({}),
) -> Roster:
    """The roster of one occurrence, from all registrations of its session and the rows of its instances.

    Registrations for other dates only help to tell who a row belongs to. Whether an unidentified row could be a
    registrant depends on the report: where registration is required and the report names registrants at all, a row
    without registrant id is no registrant who used their link.

    `decided` is what people said of groups in review: key → the e-mail whose rows they are, "" for nobody's here.
    """
    present = [stay for stay in stays if not stay.waiting]
    identities, doubtful = _decided(occurrence, *identify(registrations, present), decided)
    staff = dict(occurrence.session.staff)
    belongs = belonging(occurrence)
    mine = [(each, _standing([r for r in each.registrations if belongs(r)])) for each in identities]
    mine = [(each, standing) for each, standing in mine if each.stays or standing is not None]
    hidden = _hidden(mine, doubtful, present, occurrence, rules, ready)
    people = tuple(_person(each, standing, staff, ready, rules, hidden=hidden) for each, standing in mine)
    if respondents:
        people = _with_interactions(people, attributed(respondents, [each for each, _ in mine]))
    instances = union((i.start, i.end) for i in occurrence.instances if i.end is not None)
    return Roster(
        occurrence=occurrence,
        readiness=ready,
        people=people,
        review=tuple(_review(_key(occurrence, each), each) for each in doubtful if each.stays),
        held=total(instances),
        late_at=moment_at(instances, TO_THE_END),
    )


def _with_interactions(people: tuple[Person, ...], done: Mapping[str, Done]) -> tuple[Person, ...]:
    """The people with what they did beside being there; most of them did nothing, and stay as they are."""
    return tuple(
        replace(person, polls_answered=mine.polls, questions_asked=mine.questions)
        if (mine := done.get(person.email)) is not None
        else person
        for person in people
    )


def _decided(
    occurrence: Occurrence,
    identities: list[Identity],
    doubtful: list[Unidentified],
    decided: Mapping[str, str],
) -> tuple[list[Identity], list[Unidentified]]:
    """Give groups to whom somebody said they are; those that are nobody's are neither asked for again nor hide anybody.

    After all else was settled: what one group is never changes who other rows are.
    """
    if not decided:
        return identities, doubtful
    by_email = {each.email: each for each in identities}
    left = []
    for group in doubtful:
        email = decided.get(_key(occurrence, group))
        if email is None:
            left.append(group)
        elif email:
            by_email.setdefault(email, Identity(email)).stays.extend(group.stays)
    return list(by_email.values()), left


def _key(occurrence: Occurrence, group: Unidentified) -> str:
    return group.key(f"{occurrence.session.kind}:{occurrence.session.id}", occurrence.key)


def _standing(mine: Sequence[Registration]) -> Registration | None:
    """The registration that counts: an approved one before any other, then the latest. None if there is none."""
    if len(mine) < 2:
        return mine[0] if mine else None
    return max(latest_each(mine), key=lambda r: (r.status is Status.APPROVED, _when(r), r.registrant_id))


def _when(registration: Registration) -> float:
    return registration.registered_at.timestamp() if registration.registered_at else 0.0


def _hidden(
    mine: Sequence[tuple[Identity, Registration | None]],
    doubtful: Sequence[Unidentified],
    present: Sequence[Stay],
    occurrence: Occurrence,
    rules: Rules,
    ready: Readiness,
) -> bool:
    """Whether too many registrants without a row could be among the rows that nobody could be found for."""
    would_be = sum(
        1
        for each, standing in mine
        if not each.stays
        and standing is not None
        and without_presence(standing.status, ready, hidden=False) is Outcome.NO_SHOW
    )
    named = {r.registrant_id for each, _ in mine for r in each.registrations}
    links_tell = occurrence.session.registration_required is True and any(
        stay.registrant_id or stay.user_id in named for stay in present
    )
    unidentified = [stay for each in doubtful for stay in each.stays if not stay.registrant_id]
    return not links_tell and could_hide(would_be, len(unidentified), rules.unknown_above)


def _person(
    identity: Identity,
    standing: Registration | None,
    staff: Mapping[str, Role],
    ready: Readiness,
    rules: Rules,
    *,
    hidden: bool,
) -> Person:
    segments = union((stay.join, stay.leave) for stay in identity.stays) if identity.stays else ()
    role = staff.get(identity.email, Role.ATTENDEE)
    known = standing or (identity.registrations[0] if identity.registrations else None)
    return Person(
        email=identity.email,
        name=_name(identity, known),
        role=role,
        outcome=_outcome(identity, standing, ready, hidden=hidden),
        registration=standing,
        segments=segments,
        present=total(segments),
        joins=len(identity.stays),
        excluded=_excluded(identity.email, role, rules),
    )


def _outcome(identity: Identity, standing: Registration | None, ready: Readiness, *, hidden: bool) -> Outcome:
    """Who was there attended, whatever their registration says; unless the host denied them."""
    if identity.stays and not (standing and standing.status is Status.DENIED):
        return Outcome.ATTENDED
    status = standing.status if standing else Status.APPROVED
    return without_presence(status, ready, hidden=hidden)


def _name(identity: Identity, registration: Registration | None) -> str:
    """The display name: as registered, else as it last stood in the meeting."""
    registered = f"{registration.first_name} {registration.last_name}".strip() if registration else ""
    named = [stay for stay in identity.stays if stay.name] if not registered else []
    return max(named, key=attrgetter("join", "leave", "name")).name if named else registered


def _excluded(email: str, role: Role, rules: Rules) -> str:
    if role in (Role.HOST, Role.ALTERNATIVE_HOST) and rules.exclude_hosts:
        return role.replace("_", " ")
    if role is Role.PANELIST and rules.exclude_panelists:
        return "panelist"
    domain = email.rpartition("@")[2]
    return f"domain {domain}" if domain in rules.exclude_domains else ""


def _review(key: str, each: Unidentified) -> Review:
    segments = union((stay.join, stay.leave) for stay in each.stays)
    return Review(each.doubt, each.name, len(each.stays), segments, total(segments), key)


def entries(roster: Roster) -> list[tuple[Person, Entry]]:
    """Each person with the entry that their contact is folded from.

    Before the roster has settled nobody counts as attended yet: whoever registered is still `registered`.
    """
    occurrence = roster.occurrence
    session = occurrence.session
    uuid = occurrence.instances[-1].uuid if occurrence.instances else ""
    found = []
    for person in roster.people:
        registration = person.registration
        settled = roster.readiness in (Readiness.FINAL, Readiness.OVERDUE)
        outcome = person.outcome if settled else _until_settled(person)
        entry = Entry(
            occurrence=occurrence.key,
            kind=session.kind,
            session_id=session.id,
            uuid=uuid,
            topic=session.topic,
            start=occurrence.start,
            time_zone=session.time_zone,
            host_email=session.host_email,
            held=roster.held,
            ended_at=occurrence.ended_at,
            began=occurrence.began,
            late_at=roster.late_at,
            readiness=roster.readiness,
            outcome=outcome,
            approved=registration is not None and registration.status is Status.APPROVED,
            excluded=person.excluded,
            name=person.name,
            joined=person.joined,
            left=person.left,
            present=person.present,
            joins=person.joins,
            polls_answered=person.polls_answered,
            questions_asked=person.questions_asked,
            **_given(registration),
        )
        found.append((person, entry))
    return found


def _until_settled(person: Person) -> Outcome:
    """Whoever was seen is still `registered`, or what else their registration is; a guest is unknown."""
    if person.outcome is not Outcome.ATTENDED:
        return person.outcome
    if person.registration is None:
        return Outcome.UNKNOWN
    return WITHOUT_PRESENCE.get(person.registration.status, Outcome.REGISTERED)


def _given(registration: Registration | None) -> dict[str, Any]:
    """What the registration form asked, as the entry's fields of the same names."""
    if registration is None:
        return {}
    names = "first_name last_name registered_at source join_url phone org job_title country answers"
    return {name: getattr(registration, name) for name in names.split()}
