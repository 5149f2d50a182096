"""How much of a session somebody took part in: measures, a score from 0 to 100, and the session's funnel.

All of it is derived from the entries of rosters whenever it is wanted, so nothing of it grows stale; what a score was
made by is its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from hashlib import blake2b
from statistics import median

from tajo.core.contact import Entry
from tajo.core.outcome import Outcome

FORMULA = 1  # of `score`: another one is another version, whatever the weights
RECENT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Weights:
    """How many points each measure brings at most, together 100; and how much of it is enough for all of them.

    `presence` is for the share of the session, `to_the_end` for not leaving early, `repeat` for the sessions attended
    in the 90 days before.
    """

    presence: int = 50
    to_the_end: int = 10
    polls: int = 15
    questions: int = 10
    repeat: int = 15
    enough_polls: int = 2
    enough_questions: int = 1
    enough_sessions: int = 3

    @property
    def version(self) -> str:
        """The same for the same formula and weights, another one otherwise: "1-5c1d0e9a"."""
        told = repr((FORMULA, astuple(self))).encode()
        return f"{FORMULA}-{blake2b(told, digest_size=4).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Reason:
    """What one measure brought: `points` of at most `most`."""

    word: str
    points: int
    most: int


@dataclass(frozen=True, slots=True)
class Score:
    """A score with what it was made of; the reasons' points add up to it."""

    value: int
    reasons: tuple[Reason, ...]
    version: str


def attended(entry: Entry) -> bool:
    return entry.ended and entry.outcome is Outcome.ATTENDED


def share(entry: Entry) -> float:
    """The part of the session that the person was there, 0 to 1."""
    return min(1.0, entry.present / entry.held) if entry.held and entry.outcome is Outcome.ATTENDED else 0.0


def left_early(entry: Entry) -> bool | None:
    """Whether the last leave was before 80 % of the session; None for who was not there, or where nobody can tell."""
    if not attended(entry) or entry.left is None or entry.late_at is None:
        return None
    return entry.left < entry.late_at


def join_delay(entry: Entry) -> timedelta | None:
    """How long after the session began the person first came; None for who was not there.

    It began when it was scheduled, or when it really did if that was later: nobody is late for who is late.
    """
    if not attended(entry) or entry.joined is None:
        return None
    began = max(entry.start, entry.began or entry.start)
    return max(timedelta(), entry.joined - began)


def attended_before(entry: Entry, entries: Iterable[Entry]) -> int:
    """How many sessions the person attended in the 90 days before this one began."""
    return sum(entry.start - RECENT <= other.start < entry.start and attended(other) for other in entries)


def attended_lately(entry: Entry, entries: Iterable[Entry]) -> int:
    """How many in the 90 days up to this one, itself among them: as of the session, so that time changes nothing."""
    return sum(entry.start - RECENT <= other.start <= entry.start and attended(other) for other in entries)


def score(entry: Entry, before: int, weights: Weights) -> Score:
    """How engaged somebody was in one session, after `before` others; 0 without reasons for who was not there.

    Every part is rounded by itself, so what is shown adds up. More of anything never brings less.
    """
    if not attended(entry):
        return Score(0, (), weights.version)
    parts = (
        ("presence", share(entry), weights.presence),
        ("to the end", float(left_early(entry) is False), weights.to_the_end),
        ("polls", _part(entry.polls_answered, weights.enough_polls), weights.polls),
        ("questions", _part(entry.questions_asked, weights.enough_questions), weights.questions),
        ("came before", _part(before, weights.enough_sessions), weights.repeat),
    )
    reasons = tuple(Reason(word, int(part * most + 0.5), most) for word, part, most in parts if most)
    return Score(sum(reason.points for reason in reasons), reasons, weights.version)


def _part(count: int, enough: int) -> float:
    return min(1.0, count / enough)


# --- a session as a whole ---


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many of a session's people got how far; nobody who is left out counts.

    `walk_ins` are those of `attended` who had no registration that stands. `half` were there for half of it or more,
    `to_the_end` did not leave early. `minutes` and `delay` are medians over the attended, None without any; `scores`
    is the median of theirs.
    """

    registered: int
    attended: int
    walk_ins: int
    half: int
    to_the_end: int
    polls_answered: int
    questions_asked: int
    minutes: float | None
    delay: float | None
    scores: float | None


def funnel(entries: Sequence[Entry], scores: Sequence[int]) -> Funnel:
    """The funnel of one occurrence; `scores` are those of its people who attended."""
    people = [entry for entry in entries if not entry.excluded]
    came = [entry for entry in people if attended(entry)]
    delays = [delay for entry in came if (delay := join_delay(entry)) is not None]
    return Funnel(
        registered=sum(entry.approved for entry in people),
        attended=len(came),
        walk_ins=sum(not entry.approved for entry in came),
        half=sum(share(entry) >= 0.5 for entry in came),
        to_the_end=sum(left_early(entry) is False for entry in came),
        polls_answered=sum(entry.polls_answered for entry in people),
        questions_asked=sum(entry.questions_asked for entry in people),
        minutes=_median([entry.present.total_seconds() / 60 for entry in came]),
        delay=_median([delay.total_seconds() / 60 for delay in delays]),
        scores=_median(scores),
    )


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None
