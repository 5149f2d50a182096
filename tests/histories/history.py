"""Draws a history from a seed: who registers, comes and opts out, what becomes of the webhooks, and when we die.

Times are whole seconds, aware UTC. A history is a value: drawing it twice gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

BEGIN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUESTION = "May we send you news by e-mail?"
LISTS = {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17, "webinar_no_shows": 18}
OPT_OUTS = ("unsubscribed", "bounced", "complained", "transactional", "by hand")


@dataclass(frozen=True)
class Signup:
    """One registration. `answer` is to the question of consent, "" for none."""

    who: int
    at: datetime
    email: str  # as it was typed this time
    status: str = "approved"
    cancelled_at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True)
class Stay:
    """One row of the report. `link` is the signup by whose link they came, None without one."""

    who: int
    sitting: int
    join: datetime
    leave: datetime
    link: int | None = None
    waiting: bool = False  # never let in
    private: bool = False  # signed in with an address of their own


@dataclass(frozen=True)
class Sitting:
    """One instance: the host restarts the session, and there are two."""

    start: datetime
    end: datetime
    recorded_at: datetime | None


@dataclass
class Meeting:
    """One webinar or meeting, and what really happened in it."""

    kind: str
    start: datetime
    minutes: int
    approval: int  # 0 automatic, 1 by hand, 2 without registration
    sittings: list[Sitting] = field(default_factory=list)
    signups: list[Signup] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    strangers: list[tuple[int, datetime, datetime]] = field(default_factory=list)  # shown by a name only

    @property
    def end(self) -> datetime:
        return self.sittings[-1].end


@dataclass(frozen=True)
class Step:
    """What is done to us at a moment. Steps of webhooks are added when the world is there: see `playing`."""

    at: datetime
    what: str
    detail: Any = ""

    def line(self) -> str:
        return f"{self.at:%d %H:%M:%S} {self.what} {self.detail}".rstrip()


@dataclass
class History:
    """All that was drawn. `rates` are the shares of webhooks that are lost, doubled, late and out of order."""

    seed: int
    rng: Random
    emails: list[str]
    meetings: list[Meeting]
    consent: dict[str, Any] | None
    answers: list[str]  # of each person, the same whenever they answer
    rates: dict[str, float]
    report: dict[str, timedelta]  # Zoom's switches: how late the report is, and how long it grows
    waits: dict[str, int]  # minutes, by rule
    steps: list[Step]

    @property
    def over(self) -> datetime:
        return max(each.end for each in self.meetings)

    @property
    def crashes(self) -> int:
        return sum(step.what == "crash" for step in self.steps)


def draw(seed: int) -> History:
    rng = Random(seed)
    emails = [f"p{n}.{seed}@mail.example" for n in range(rng.randint(2, 8))]
    consent = rng.choice([None, None, "contact_only", "transactional_only", "skip"])
    answers = [rng.choice(("Yes", "Yes", "No", "")) if consent else "" for _ in emails]
    meetings = [_meeting(rng, emails, answers) for _ in range(rng.choice((1, 1, 1, 2)))]
    rough = rng.random() < 0.6
    rates = {"lost": 0.08, "doubled": 0.15, "late": 0.1, "reordered": 0.2} if rough else dict.fromkeys(RATES, 0.0)
    delays = (0, 0, 0, 5, 20, 180)
    history = History(
        seed,
        rng,
        emails,
        meetings,
        {"question": QUESTION, "on_missing": consent} if consent else None,
        answers,
        rates,
        {
            "report_delay": rng.choice(delays) * MINUTE,
            "report_settling": rng.choice((0, 0, 10, 40)) * MINUTE,
        },
        {"thanks": rng.choice((0, 30, 120)), "sorry": rng.choice((0, 0, 120)), "replay": rng.choice((0, 0, 45))},
        [],
    )
    history.steps = sorted(_steps(history), key=lambda step: step.at)
    return history


RATES = ("lost", "doubled", "late", "reordered")


# --- a session ---


def _seconds(rng: Random, first: float, last: float) -> timedelta:
    return timedelta(seconds=rng.randint(int(first), int(last)))


def _meeting(rng: Random, emails: list[str], answers: list[str]) -> Meeting:
    kind = rng.choice(("webinar", "webinar", "webinar", "meeting"))
    approval = rng.choice((0, 0, 0, 1)) if kind == "webinar" else rng.choice((0, 2))
    start = BEGIN + 21 * HOUR + _seconds(rng, 0, 4) * 3600
    made = Meeting(kind, start, rng.choice((30, 60)), approval)
    first = start + _seconds(rng, -300, 600)
    length = _seconds(rng, 600, 4500)
    made.sittings.append(_sitting(rng, first, first + length))
    if rng.random() < 0.35:
        again = made.end + _seconds(rng, 60, 3000)
        made.sittings.append(_sitting(rng, again, again + _seconds(rng, 600, 2700)))
    for who, email in enumerate(emails):
        if rng.random() < 0.85:
            _person(rng, made, who, email, answers[who])
    if rng.random() < 0.08:
        made.strangers.append((0, made.sittings[0].start + MINUTE, made.sittings[0].end - MINUTE))
    return made


def _sitting(rng: Random, start: datetime, end: datetime) -> Sitting:
    recorded = end + _seconds(rng, 300, 5400) if rng.random() < 0.65 else None
    return Sitting(start, end, recorded)


def _person(rng: Random, made: Meeting, who: int, email: str, answer: str) -> None:
    mine: list[Signup] = []
    if made.approval != 2 and rng.random() < 0.93:
        mine = list(_signups(rng, made, who, email, answer))
    links = [
        len(made.signups) + n for n, each in enumerate(mine) if each.status == "approved" and each.cancelled_at is None
    ]
    made.signups += mine
    denied = any(each.status != "approved" for each in mine)
    after = max((each.at for each in mine), default=BEGIN)
    if (not denied or links) and rng.random() < (0.7 if links or not mine else 0.1):
        made.stays += _stays(rng, made, who, links, after)


def _signups(rng: Random, made: Meeting, who: int, email: str, answer: str) -> Iterator[Signup]:
    """Once mostly; also twice, cancelled, cancelled and again, pending, denied, too late, or after the end."""
    spelled = rng.choice((email, email, email.upper(), email.title()))
    at = made.start - _seconds(rng, 900, 20 * 3600)
    way = rng.choices(("once", "twice", "cancel", "again", "pending", "denied", "during", "after"), _WAYS)[0]
    if way == "after" and made.approval == 1:
        # Not drawn: an approval that comes before its registration does not tell when that was made, and somebody who
        # registered after the end is then taken for absent for a while, which their contact keeps.
        way = "once"
    gone = at + (made.start - at) * rng.uniform(0.2, 0.9)
    gone = gone.replace(microsecond=0)
    later = gone + (made.start - gone) * rng.uniform(0.1, 0.9)
    later = later.replace(microsecond=0)
    if way == "during":
        at = made.sittings[0].start + (made.sittings[0].end - made.sittings[0].start) * rng.uniform(0.05, 0.4)
        at = at.replace(microsecond=0)
    if way == "after":
        at = made.end + _seconds(rng, 600, 7200)
    status = way if way in ("pending", "denied") else "approved"
    yield Signup(who, at, spelled, status, gone if way in ("cancel", "again") else None, answer)
    if way in ("twice", "again"):
        yield Signup(who, later, rng.choice((email, email.upper())), answer=rng.choice((answer, "")))


_WAYS = (60, 8, 8, 7, 4, 4, 5, 4)


def _stays(rng: Random, made: Meeting, who: int, links: list[int], after: datetime) -> Iterator[Stay]:
    sittings = [n for n, each in enumerate(made.sittings) if each.end - MINUTE * 3 > after]
    private = rng.random() < 0.1
    for sitting in sittings if rng.random() < 0.5 else rng.sample(sittings, min(1, len(sittings))):
        part = made.sittings[sitting]
        first, last = max(part.start, after), part.end
        if rng.random() < 0.05 and made.kind == "meeting":
            yield Stay(who, sitting, first, first + MINUTE, rng.choice(links) if links else None, waiting=True)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):  # they may overlap: devices; or not: they come back
            length = (last - first).total_seconds()
            join = first + _seconds(rng, 0, length * 0.7)
            leave = min(last, join + _seconds(rng, 60, max(61, length)))
            link = rng.choice(links) if links else None
            yield Stay(who, sitting, join, max(leave, join + MINUTE), link, private=private and link is not None)


# --- what is done to us ---


def _steps(history: History) -> Iterator[Step]:
    rng, last = history.rng, history.over + 5 * HOUR
    span = (last - BEGIN).total_seconds()
    for who in range(len(history.emails)):
        if rng.random() < 0.22:
            told = rng.choice(("webhook", "late webhook", "polling"))
            yield Step(BEGIN + _seconds(rng, 3600, span), "opts out", (who, rng.choice(OPT_OUTS), told))
    for what, most in (("sweep", 2), ("sync", 1), ("replay", 2)):
        for _ in range(rng.randint(0, most)):
            yield Step(BEGIN + _seconds(rng, 600, span), what)
    busy = [each.end + 7 * MINUTE for each in history.meetings] + [each.end for each in history.meetings]
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        at = BEGIN + _seconds(rng, 600, span) if rng.random() < 0.4 else rng.choice(busy) + _seconds(rng, -60, 1800)
        yield Step(at, "crash", (rng.randrange(40), rng.choice((5, 5, 200, 2400)), rng.random() < 0.3))
    for after in (6, 24):
        yield Step(history.over + after * HOUR + 5 * MINUTE, "sweep", "again")
