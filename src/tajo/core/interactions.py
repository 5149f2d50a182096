"""Whose answers to polls, and whose questions, are whose.

An address tells; a name alone identifies nobody, as everywhere. What belongs to nobody is counted, and written nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tajo.core.facts import Interaction, Respondent
from tajo.core.identity import Identity


@dataclass(slots=True)
class Done:
    """What one person did beside being there."""

    polls: int = 0
    questions: int = 0

    def add(self, each: Respondent) -> None:
        if each.what is Interaction.POLL:
            self.polls += each.times
        else:
            self.questions += each.times


def attributed(respondents: Iterable[Respondent], people: Sequence[Identity]) -> dict[str, Done]:
    """E-mail of a person → what they did in all instances.

    The address is a person's own, or one that was shown on one person's rows only (an account they were signed in to).
    """
    owners = _owners(people, {each.email for each in respondents})
    found: dict[str, Done] = {}
    for each in respondents:
        owner = owners.get(each.email, "")
        if owner:
            found.setdefault(owner, Done()).add(each)
    return found


def _owners(people: Sequence[Identity], wanted: set[str]) -> Mapping[str, str]:
    """Address → the one person it means; only of `wanted` addresses, which are few beside the rows of a session."""
    wanted = wanted - {""}
    own = {person.email: person.email for person in people if person.email in wanted}
    shown: dict[str, set[str]] = {}
    if left := wanted - own.keys():
        for person in people:
            for stay in person.stays:
                if stay.email in left:
                    shown.setdefault(stay.email, set()).add(person.email)
    return own | {address: min(those) for address, those in shown.items() if len(those) == 1}
