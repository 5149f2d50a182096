"""Which registrants an attendee may be whom Zoom shows by a name only. Somebody decides: nothing here writes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from tajo.core.names import forms, forms_of, words

MOST = 3  # suggestions a name; and a word that more people have says nothing of one of them
CLOSE, ALIKE = 0.85, 0.7  # ours: shares of equal signs
SHORTEST_SHARED = 2  # signs of a word that two names share
SHORTEST_ALIKE = 5  # letters; what is shorter is like too many names
NO_NAMES = frozenset(
    {"iphone", "ipad", "galaxy", "android", "phone", "guest", "user", "zoom", "room", "pc", "mac", "s", "의", "님"}
)


class Confidence(StrEnum):
    """How much a name is like a registrant's, best first."""

    SAME = "same name"
    CLOSE = "close"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registrant of whom nothing shows that they were there."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody whom a name may mean."""

    email: str
    name: str
    confidence: Confidence


def suggest(shown: str, candidates: Sequence[Candidate]) -> tuple[Suggestion, ...]:
    """The likeliest registrants for a name as it was shown in a session, at most three, the best first.

    >>> kim = Candidate("minsu.kim@mail.example", "김민수")
    >>> [each.confidence.value for name in ("민수 김", "Minsu Kim", "iPhone") for each in suggest(name, [kim])]
    ['same name', 'close']
    """
    mine = tuple(word for word in words(shown) if word not in NO_NAMES)
    if not mine:
        return ()
    common = Counter(word for each in candidates for word in set(_all_words(each)))
    rated = []
    for each in candidates:
        shared = {word for word in _shared(mine, each) if common[word] <= MOST}
        confidence, score = _confidence(mine, forms(shown), each, shared)
        if confidence is not None:
            rated.append((list(Confidence).index(confidence), -score, each.email, each.name, confidence))
    return tuple(Suggestion(email, name, sure) for _, _, email, name, sure in sorted(rated)[:MOST])


def _confidence(
    mine: tuple[str, ...], shown: frozenset[str], each: Candidate, shared: set[str]
) -> tuple[Confidence | None, float]:
    own, known, local = forms_of(mine), forms(each.name), forms_of(_local(each.email))
    if (own | shown) & known:
        return Confidence.SAME, 1.0
    score = max(_likeness(own, known), _likeness(own, local))
    if own & local or score >= CLOSE:
        return Confidence.CLOSE, score
    if shared or score >= ALIKE:
        return Confidence.PERHAPS, score
    return None, score


def _likeness(some: Iterable[str], others: Iterable[str]) -> float:
    """The share of equal signs of the two that are most alike."""
    best = 0.0
    for one in some:
        if one.isascii() and len(one) < SHORTEST_ALIKE:
            continue
        for other in others:
            matcher = SequenceMatcher(None, one, other, autojunk=False)
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
                best = max(best, matcher.ratio())
    return best


def _shared(mine: tuple[str, ...], each: Candidate) -> set[str]:
    return {word for word in set(mine) & set(_all_words(each)) if len(word) >= SHORTEST_SHARED}


def _all_words(each: Candidate) -> tuple[str, ...]:
    return (*words(each.name), *_local(each.email))


def _local(email: str) -> tuple[str, ...]:
    """The words before the @, without numbers: minsu.kim82@ is minsu and kim."""
    return words(re.sub(r"\d+", " ", email.partition("@")[0]))
