"""Conditions of a follow-up rule: a field of the catalogue, compared. Nothing that is written is ever run as code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from unicodedata import normalize

from tajo.core.contact import Contact
from tajo.core.fields import Field, Value

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_YES = frozenset({"true", "yes", "예"})
_NO = frozenset({"false", "no", "아니요"})
_COMPARED = re.compile(r"(>=|<=|!=|>|<|=)?\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison: `>=`, `<=`, `>` and `<` with a number; `=`, `!=` with a number, yes, no or a glob (`제품*`)."""

    sign: str
    wanted: str

    def holds(self, value: Value) -> bool:
        if self.sign in _COMPARISONS:
            return not isinstance(value, str | datetime | None) and _COMPARISONS[self.sign](value, float(self.wanted))
        return self._is_like(value) is (self.sign == "=")

    def _is_like(self, value: Value) -> bool:
        if isinstance(value, bool):
            return _plain(self.wanted) == ("yes" if value else "no")
        if isinstance(value, int | float):
            return is_number(self.wanted) and float(self.wanted) == value
        text = value.isoformat() if isinstance(value, datetime) else value or ""
        return fnmatchcase(_plain(text), _plain(self.wanted))


@dataclass(frozen=True, slots=True)
class Condition:
    """One line below `if`: true when any of its comparisons is."""

    field: Field
    any_of: tuple[Comparison, ...]

    def holds(self, contact: Contact) -> bool:
        value = self.field.read(contact)
        return any(each.holds(value) for each in self.any_of)


def comparison(field: Field, written: str | int | float | bool) -> Comparison:
    """A comparison as somebody wrote it: ">= 50", "!= 0", "제품*", 50, true. ValueError says what is wrong with it.

    >>> from tajo.core.fields import FIELDS
    >>> comparison(FIELDS["attended_percent"], ">= 50")
    Comparison(sign='>=', wanted='50')
    """
    text = ("yes" if written else "no") if isinstance(written, bool) else str(written).strip()
    found = _COMPARED.fullmatch(text)
    sign, wanted = (found[1] or "=", found[2].strip()) if found else ("=", text)
    if sign in _COMPARISONS:
        if field.type != "float":
            raise ValueError(f"compares {field.name} with {sign}, but it is no number")
        if not is_number(wanted):
            raise ValueError(f'must be a number after {sign}, such as "{sign} 50"')
    elif field.type == "float" and not is_number(wanted):
        raise ValueError(f'must be a comparison such as ">= 50": {field.name} is a number')
    return Comparison(sign, _answer(field, wanted) if field.type == "boolean" else wanted)


def _answer(field: Field, wanted: str) -> str:
    """ "yes" or "no", however it was written: anything else would hold for nobody, and nobody would notice."""
    for answer, words in (("yes", _YES), ("no", _NO)):
        if _plain(wanted) in words:
            return answer
    raise ValueError(f"must be true or false, yes or no, 예 or 아니요: {field.name} has no other values")


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,6})?", text) is not None


def _plain(text: str) -> str:
    """The same text however it was typed: Korean syllables may come composed or in pieces."""
    return normalize("NFC", text).casefold().strip()
