"""Names as people write them: compared without regard to case, width, accents, spacing and order."""

from __future__ import annotations

import unicodedata
from itertools import permutations

MOST_ORDERED = 3  # words whose every order is tried
SHORTEST_WORD = 3  # signs of a single word that is a whole name: 김민수 is one, Kim is not


def words(name: str) -> tuple[str, ...]:
    """The name's words, bare of case, width, accents and punctuation.

    >>> words("Ｋｉｍ, Min-Su"), words("Zoë ÅNGSTRÖM"), words("김 민수")
    (('kim', 'min', 'su'), ('zoe', 'angstrom'), ('김', '민수'))
    """
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    bare = "".join(char for char in spread if unicodedata.category(char) != "Mn")
    kept = unicodedata.normalize("NFC", bare)
    return tuple("".join(char if char.isalnum() else " " for char in kept).split())


def forms(name: str) -> frozenset[str]:
    """The name in one piece, in every order of its words: two names that share one are written alike.

    >>> forms("민수 김") & forms("김민수")
    frozenset({'김민수'})
    """
    return forms_of(words(name))


def forms_of(parts: tuple[str, ...]) -> frozenset[str]:
    if not parts:
        return frozenset()
    if len(parts) > MOST_ORDERED:
        return frozenset({"".join(sorted(parts))})
    return frozenset("".join(order) for order in permutations(parts))


def is_whole(name: str) -> bool:
    """Whether it is a name that says who somebody is: two words, or three letters of a script that has no blanks.

    >>> is_whole("Minsu Kim"), is_whole("김민수"), is_whole("Kim"), is_whole("iPhone")
    (True, True, False, False)
    """
    parts = words(name)
    if len(parts) > 1:
        return True
    return bool(parts) and len(parts[0]) >= SHORTEST_WORD and not parts[0].isascii()
