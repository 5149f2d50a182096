"""What one person is known by, and where that occurs: which rows are theirs, and a text or JSON without them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from tajo.core.names import forms, is_whole

ERASED = "(erased)"  # stands in a text where somebody stood
LONGEST_NAME = 200  # signs; what is longer is no name, and not compared as one
SHORTEST_ID = 8  # an id that is shorter may be anything, and is not looked for in texts


@dataclass(frozen=True, slots=True)
class Traces:
    """One person: the address, ids that are theirs alone, and whole names as they were written."""

    email: str
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    forms: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        whole = frozenset(name for name in self.names if is_whole(name))
        object.__setattr__(self, "names", whole)
        object.__setattr__(self, "forms", frozenset(form for name in whole for form in forms(name)))

    def owns(self, *, email: str = "", ids: Iterable[str] = (), name: str = "") -> bool:
        """Whether a row is theirs: by its address, else by an id, else, where it has neither, by the name."""
        if email:
            return email == self.email
        if known := [each for each in ids if each]:
            return any(each in self.ids for each in known)
        return self.has_name(name)

    def has_name(self, name: str) -> bool:
        return len(name) <= LONGEST_NAME and bool(forms(name) & self.forms)

    def needles(self) -> list[str]:
        """What to look for in texts, to find those that `is_in` is worth asking for."""
        return [self.email, *sorted(self.names), *sorted(each for each in self.ids if len(each) >= SHORTEST_ID)]

    def is_in(self, text: str) -> bool:
        """Whether a text is, or mentions, the person."""
        return self._is(text) or any(pattern.search(text) for pattern in self._patterns())

    def is_named_in(self, text: str) -> bool:
        """Whether a text has their address, or is an id of theirs: names may be somebody else's."""
        return text in self.ids or bool(self._address().search(text))

    def _is(self, text: str) -> bool:
        bare = text.strip()
        return bool(bare) and (bare.lower() == self.email or bare in self.ids or self.has_name(bare))

    def without(self, value: Any) -> Any:
        """JSON without them: their records in lists, keys and texts that are theirs; the rest as it is.

        >>> Traces("a@x.example").without({"writes": [{"email": "a@x.example"}, {"email": "b@x.example"}], "n": 2})
        {'writes': [{'email': 'b@x.example'}], 'n': 2}
        """
        if isinstance(value, str):
            return self.blanked(value)
        if isinstance(value, list):
            return [self.without(each) for each in value if not self._is_of(each)]
        if isinstance(value, dict):
            return {name: self.without(inner) for name, inner in value.items() if not self.is_in(str(name))}
        return value

    def _is_of(self, item: Any) -> bool:
        """Whether an item of a list is about them: it is a text of theirs, or a record with one."""
        values: Collection[Any] = (
            item.values() if isinstance(item, dict) else item if isinstance(item, list) else (item,)
        )
        return any(isinstance(each, str) and self._is(each) for each in values)

    def blanked(self, text: str) -> str:
        """A text without them; "" where it was nothing else.

        >>> Traces("ann@x.example").blanked("asked by Ann@x.example, not joann@x.example")
        'asked by (erased), not joann@x.example'
        """
        if self._is(text):
            return ""
        for pattern in self._patterns():
            text = pattern.sub(ERASED, text)
        return text

    def _patterns(self) -> list[re.Pattern[str]]:
        """What to look for within a longer text."""
        names = [_within(name) for name in sorted(self.names, key=len, reverse=True)]
        ids = [re.escape(each) for each in sorted(self.ids) if len(each) >= SHORTEST_ID]
        return [self._address(), *(re.compile(each, re.IGNORECASE) for each in (*names, *ids))]

    def _address(self) -> re.Pattern[str]:
        """The address as a whole, not the end of a longer one."""
        return re.compile(rf"(?<![\w.+-]){re.escape(self.email)}(?![\w-]|\.\w)", re.IGNORECASE)


def _within(name: str) -> str:
    """A name within a text: as whole words, but where the script puts other words right behind it (김민수님)."""
    return rf"(?<!\w){re.escape(name)}(?!\w)" if name.isascii() else re.escape(name)
