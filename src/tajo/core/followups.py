"""Follow-up rules: whom a rule means, and when its mail is due. Derived from the roster, like everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tajo.core.announce import Moment, Quiet, Share
from tajo.core.conditions import Condition
from tajo.core.contact import Entry, fold
from tajo.core.engagement import left_early
from tajo.core.facts import Kind
from tajo.core.fields import Field, Terms, Value, catalogue
from tajo.core.mapping import clean
from tajo.core.outcome import Outcome, Readiness

LEFT_EARLY = "left_early"


@dataclass(frozen=True, slots=True)
class Window:
    """A daily stretch [start, end) of the clock; it may span midnight."""

    start: time
    end: time

    def holds(self, at: time) -> bool:
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign instead of single mails: `list` names its list, in which {topic} and {date} are the session's."""

    list: str
    send: bool  # else it stays a draft


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `follow_ups`. `kind` is None for recording.ready, which both kinds have.

    Due `wait` after it happened, or at the next `at` o'clock; never within `quiet`; both by the clock of the session's
    zone. `to` are outcomes, and "left_early"; empty for whoever the moment is about. `params` are (name, field).
    """

    name: str
    kind: Kind | None
    moment: Moment
    template: int
    conditions: tuple[Condition, ...] = ()
    wait: timedelta = timedelta()
    at: time | None = None
    quiet: Window | None = None
    max_age: timedelta = timedelta(hours=72)
    to: frozenset[str] = frozenset()
    params: tuple[tuple[str, Field], ...] = ()
    campaign: Campaign | None = None


def in_terms(rule: Rule, terms: Terms) -> Rule:
    """The rule with every field as the configuration fills it: a score by its weights, not by the usual ones."""
    known = catalogue(terms)
    return replace(
        rule,
        conditions=tuple(replace(each, field=known.get(each.field.name, each.field)) for each in rule.conditions),
        params=tuple((name, known.get(field.name, field)) for name, field in rule.params),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """One mail to one person, once. `subject` is the occurrence, or a registration's session."""

    rule: str
    subject: str
    email: str
    due: datetime

    @property
    def key(self) -> str:
        return key_of(self.rule, self.subject, self.email)


def key_of(rule: str, subject: str, email: str) -> str:
    """The name of one mail, which makes it happen once."""
    return f"mail:{rule}:{subject}:{email}"


@dataclass(frozen=True, slots=True)
class Meant:
    """Mails to send, and how many were left out as too old."""

    mails: tuple[Wanted, ...]
    too_old: int


def meant(
    rule: Rule,
    people: Mapping[str, Sequence[Entry]],
    occurrences: Iterable[str],
    *,
    now: datetime,
    since: datetime,
    recorded_at: datetime | None = None,
) -> Meant:
    """Everybody on these occurrences whom the rule means, each with the moment their mail is due.

    `since` is when the rule was first loaded: what happened before is never mailed by itself. `recorded_at` is when
    the recording was told; without one a recording.ready rule means nobody.
    """
    silence = Quiet(now, rule.max_age, since)
    wanted = set(occurrences)
    found: dict[str, Wanted] = {}
    too_old = 0
    for email, entries in sorted(people.items()):
        for entry in entries:
            if entry.occurrence not in wanted or not is_meant(rule, email, entries, entry):
                continue
            happened = _happened(rule, entry, recorded_at)
            if happened is None:
                continue
            if silence.is_too_old(_age_from(rule, entry, happened)):
                too_old += 1
                continue
            mail = Wanted(rule.name, subject(rule, entry), email, due(rule, happened, entry.time_zone))
            found.setdefault(mail.key, mail)
    return Meant(tuple(found.values()), too_old)


def is_meant(rule: Rule, email: str, entries: Sequence[Entry], entry: Entry) -> bool:
    """Whether the rule means this line of a roster, as it stands now."""
    if entry.excluded or (rule.kind is not None and entry.kind is not rule.kind) or not _fits(rule, entry):
        return False
    contact = replace(fold(email, entries), carried=entry)
    return all(condition.holds(contact) for condition in rule.conditions)


def _fits(rule: Rule, entry: Entry) -> bool:
    """Whether the moment came for this person, and they are among those that the rule is for."""
    if rule.moment is Moment.REGISTERED:
        return entry.approved and not entry.ended
    if rule.moment is Moment.CANCELLED:
        return entry.outcome is Outcome.CANCELLED and not entry.ended
    if not entry.ended or (entry.outcome is Outcome.NO_SHOW and entry.readiness is not Readiness.FINAL):
        return False
    if rule.moment is Moment.RECORDING_READY:
        return entry.outcome in rule.to or (LEFT_EARLY in rule.to and left_early(entry) is True)
    if entry.outcome != rule.moment.value:
        return False
    return not rule.to or entry.outcome in rule.to or (LEFT_EARLY in rule.to and left_early(entry) is True)


def those_within(moment: Moment) -> frozenset[str]:
    """Whom a rule's `to` may choose from what the moment is about; nobody while nothing was held yet."""
    if moment is Moment.RECORDING_READY:
        return frozenset({Outcome.ATTENDED.value, Outcome.NO_SHOW.value, Outcome.UNKNOWN.value, LEFT_EARLY})
    if moment is Moment.ATTENDED:
        return frozenset({Outcome.ATTENDED.value, LEFT_EARLY})
    return frozenset({Outcome.NO_SHOW.value}) if moment is Moment.NO_SHOW else frozenset()


def is_for_absentees(rule: Rule) -> bool:
    """Whether a rule's mail tells people that they were missed: it is for absentees and for nobody who came."""
    if rule.moment is Moment.RECORDING_READY:
        return bool(rule.to) and rule.to <= {Outcome.NO_SHOW.value}
    return rule.moment is Moment.NO_SHOW


def is_about_registering(rule: Rule) -> bool:
    return rule.moment in (Moment.REGISTERED, Moment.CANCELLED)


def subject(rule: Rule, entry: Entry) -> str:
    """What a mail is about, once a person."""
    return subject_of(rule, entry.kind, entry.session_id, entry.occurrence)


def subject_of(rule: Rule, kind: Kind, session_id: str, occurrence: str) -> str:
    """What a rule's mails about an occurrence are kept under: dates of a series are registered for together."""
    return f"{kind}:{session_id}" if is_about_registering(rule) else occurrence


def _happened(rule: Rule, entry: Entry, recorded_at: datetime | None) -> datetime | None:
    if is_about_registering(rule):
        return entry.registered_at
    if rule.moment is Moment.RECORDING_READY:
        return recorded_at
    return entry.ended_at


def _age_from(rule: Rule, entry: Entry, happened: datetime) -> datetime:
    """What is old is the session: a recording that comes days late is about a session of days ago."""
    return entry.ended_at or happened if rule.moment is Moment.RECORDING_READY else happened


def is_too_late(rule: Rule, entry: Entry, now: datetime) -> bool:
    """Whether a mail that waited may go no more: what came between (an outage, a pause) took longer than `max_age`."""
    happened = entry.ended_at if entry.ended else entry.registered_at
    return happened is not None and now - happened > rule.max_age


def due(rule: Rule, happened: datetime, zone: str) -> datetime:
    """When the mail may go, in UTC: after the wait or at the next `at`, and outside of the quiet hours.

    By the clock on the wall of the session's zone: 09:00 is 09:00 before and after the clocks change.
    """
    place = _zone(zone)
    moment = happened.astimezone(UTC) + rule.wait
    if rule.at is not None:
        moment = _next(moment, rule.at, place)
    local = moment.astimezone(place)
    if rule.quiet is not None and rule.quiet.holds(local.timetz().replace(tzinfo=None)):
        moment = _next(moment, rule.quiet.end, place)
    return moment


def _next(after: datetime, at: time, place: ZoneInfo) -> datetime:
    """The next moment at which the clock shows `at`; where it never does that day (clocks go forward), the hour after.

    >>> str(_next(datetime(2026, 9, 1, 1, 0, tzinfo=UTC), time(9), ZoneInfo("Asia/Seoul")))
    '2026-09-02 00:00:00+00:00'
    """
    day = after.astimezone(place).date()
    while True:
        moment = datetime.combine(day, at, tzinfo=place).astimezone(UTC)
        if moment > after:
            return moment
        day += timedelta(days=1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # KeyError: no such zone
        return ZoneInfo("UTC")


def list_name(campaign: Campaign, entry: Entry) -> str:
    """The name of a session's list; the date by the clock of its zone."""
    day = entry.start.astimezone(_zone(entry.time_zone)).date().isoformat()
    return campaign.list.replace("{date}", day).replace("{topic}", clean(entry.topic))[:MOST_LETTERS].strip()


MOST_LETTERS = 120  # ours: Brevo names no limit for a list's name
Param = str | int | float | bool


def params(rule: Rule, email: str, entries: Sequence[Entry], entry: Entry, share: Share | None) -> dict[str, Param]:
    """A template's parameters: those of the rule, each from its field; a recording's link and passcode besides.

    Texts stay texts: what a template would run is broken, see `core.mapping.clean`.
    """
    contact = replace(fold(email, entries), carried=entry)
    zone = _zone(entry.time_zone)
    told: dict[str, Param] = {name: _param(each.read(contact), zone) for name, each in rule.params}
    if rule.moment is Moment.RECORDING_READY:
        told |= {"share_url": share.url if share else "", "passcode": share.passcode if share else ""}
    return told


def _param(value: Value, zone: ZoneInfo) -> Param:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return clean(value) if isinstance(value, str) else value
