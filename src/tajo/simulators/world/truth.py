"""What really happened, told by the generator that made it happen and not read off the rows it left.

A client under test arrives at its own answer from Zoom's rows; the two must agree for everybody who is `identifiable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Outcome = Literal["attended", "no_show", "registered", "pending", "denied", "cancelled"]
Stay = tuple[datetime, datetime]  # [join, leave), aware UTC


@dataclass(frozen=True, slots=True)
class TruthPerson:
    """One person of one occurrence.

    `email` is lower case, None when Zoom never shows one. `present_s` is the union of the person's stays outside the
    waiting room, in seconds; `join_count` the number of those stays (a second device, a breakout room and a failover
    count as one each). `identifiable`: Zoom's API shows, at the world's `now`, enough to know who this is and what they
    did; somebody who cancelled has vanished from its lists and is not. `polls_answered` and `questions_asked` are those
    that Zoom shows with the person's address.
    """

    email: str | None
    name: str
    outcome: Outcome
    present_s: int = 0
    join_count: int = 0
    first_join: datetime | None = None
    last_leave: datetime | None = None
    staff: bool = False  # host, alternative host or panelist
    identifiable: bool = True
    registrant_ids: tuple[str, ...] = ()
    polls_answered: int = 0
    questions_asked: int = 0


@dataclass(frozen=True, slots=True)
class TruthOccurrence:
    """One occurrence: `start` as scheduled, or that of the first instance when nothing was scheduled.

    `rehearsal`: held apart from the schedule; only those who were there belong to it.
    """

    kind: Literal["meeting", "webinar"]
    session_id: int
    topic: str
    start: datetime
    instance_uuids: tuple[str, ...]
    people: tuple[TruthPerson, ...]
    ended: bool
    rehearsal: bool = False

    def person(self, email: str) -> TruthPerson:
        """The person with this e-mail in any letter case; KeyError when nobody has it."""
        for person in self.people:
            if person.email == email.lower():
                return person
        raise KeyError(email)


def union_s(stays: Iterable[Stay]) -> int:
    """Seconds covered by at least one stay."""
    total = timedelta()
    covered_to: datetime | None = None
    for join, leave in sorted(stays):
        begin = join if covered_to is None else max(join, covered_to)
        if leave > begin:
            total += leave - begin
        covered_to = leave if covered_to is None else max(covered_to, leave)
    return int(total.total_seconds())
