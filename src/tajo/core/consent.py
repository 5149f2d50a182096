"""Consent: what somebody answered at registration, and what that allows. Attending alone is no consent."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CLICK = "double opt-in"  # the question, where the answer was a click on Brevo's confirmation mail
CLICKED = "confirmed"


class Decision(StrEnum):
    YES = "yes"
    NO = "no"


class OnMissing(StrEnum):
    """What becomes of people who were not asked, or did not answer."""

    CONTACT_ONLY = "contact_only"
    SKIP = "skip"
    DOUBLE_OPT_IN = "double_opt_in"
    TRANSACTIONAL_ONLY = "transactional_only"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer to one question. `subject` is where it was given: a session and its date, or CLICK."""

    subject: str
    said_at: datetime
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be done for one person; `why` says it in words where something may not.

    `asks`: nothing before they have confirmed, and they are asked to.
    """

    contact: bool
    lists: bool
    mails: bool
    why: str = ""
    asks: bool = False


EVERYTHING = Allowed(contact=True, lists=True, mails=True)
REFUSED = Allowed(contact=True, lists=False, mails=False, why="no consent: answered no")
_MISSING = {
    OnMissing.CONTACT_ONLY: Allowed(contact=True, lists=False, mails=False, why="no consent: no answer"),
    OnMissing.SKIP: Allowed(contact=False, lists=False, mails=False, why="no consent: no answer, nothing is written"),
    OnMissing.DOUBLE_OPT_IN: Allowed(
        contact=False, lists=False, mails=False, why="no consent: double opt-in not confirmed", asks=True
    ),
    OnMissing.TRANSACTIONAL_ONLY: Allowed(
        contact=True, lists=False, mails=True, why="no consent: no answer, transactional mail only"
    ),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The `consent:` block. `question` is "" where Zoom asks none; `yes` are the words that mean yes."""

    question: str
    yes: tuple[str, ...]
    on_missing: OnMissing

    def decide(self, said: Said) -> Decision | None:
        """What the answer means; None where it is none, or one to another question."""
        if said.question == CLICK and said.subject == CLICK:
            return Decision.YES if said.answer == CLICKED else None
        asked, answer = folded(said.question), folded(said.answer)
        if not answer or not self.question or asked != folded(self.question):
            return None
        return Decision.YES if answer in {folded(word) for word in self.yes} else Decision.NO

    def allowed(self, said: Iterable[Said]) -> Allowed:
        """By the latest answer; of two at the same moment a no counts. The order of `said` does not matter."""
        decided = [(each.said_at, decision is Decision.NO) for each in said if (decision := self.decide(each))]
        if not decided:
            return _MISSING[self.on_missing]
        return REFUSED if max(decided)[1] else EVERYTHING


def folded(text: str) -> str:
    """Titles and answers are compared so: however they are cased, blanks around them, and accents composed or not."""
    return unicodedata.normalize("NFC", text).strip().casefold()
