"""What should be known of everybody, by the world's own truth, and how far an answer is from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tajo.simulators.world import World

TOLERANCE_S = 1


@dataclass(frozen=True, slots=True)
class Known:
    """What is right about one person: their latest ended session, or one still to come.

    `outcome` is attended, no_show or registered; `present_s` is theirs in that session.
    """

    outcome: str
    present_s: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a contender says of one person: `present_s` None and `outcome` "" where it says nothing."""

    present_s: float | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """How the claims of a contender compare with the truth, in people."""

    asked: int  # who should be known
    found: int
    lost: int
    lost_who_came: int
    wrong_minutes: int  # among found people whose latest session they attended
    no_shows: int  # by the truth
    no_shows_found: int
    uninvited: tuple[str, ...] = field(default=())  # hosts, panelists, pending and denied: to be left out


def everybody(world: World) -> dict[str, Known]:
    """Lower-case e-mail → what is right: everyone whom Zoom shows, who came or may come, and is no staff there.

    The latest session that ended counts, by its start; who has none has a session to come.
    """
    known: dict[str, Known] = {}
    for occurrence in sorted(world.truth, key=lambda each: each.start):
        for person in occurrence.people:
            if person.email is None or person.staff or not person.identifiable:
                continue
            if occurrence.ended and person.outcome in ("attended", "no_show"):
                known[person.email] = Known(person.outcome, person.present_s)
            elif not occurrence.ended and person.outcome == "registered":
                known.setdefault(person.email, Known("registered", 0))
    return known


def score(right: Mapping[str, Known], claims: Mapping[str, Claim]) -> Score:
    """Compare. A claim about somebody's last session is right when it is of that session's minutes."""
    lost = [email for email in right if email not in claims]
    found = [email for email in right if email in claims]
    absent = [email for email, known in right.items() if known.outcome == "no_show"]
    return Score(
        asked=len(right),
        found=len(found),
        lost=len(lost),
        lost_who_came=sum(right[email].outcome == "attended" for email in lost),
        wrong_minutes=sum(_is_wrong(right[email], claims[email]) for email in found),
        no_shows=len(absent),
        no_shows_found=sum(email in claims and claims[email].outcome == "no_show" for email in absent),
        uninvited=tuple(sorted(set(claims) - set(right))),
    )


def _is_wrong(known: Known, claim: Claim) -> bool:
    if known.outcome != "attended":
        return False
    return claim.present_s is None or abs(claim.present_s - known.present_s) > TOLERANCE_S
