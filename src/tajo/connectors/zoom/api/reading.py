"""Reading Zoom's JSON: lenient about fields, strict about shapes.

Zoom's specification marks almost no field as required; null, "" and absent all occur and mean the same. A field of
the wrong type is read as its empty value. A list that is no list, or an object that is no object, is ContractError
(without an origin: the client adds the call's).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from tajo.core.errors import ContractError

T = TypeVar("T")
Fields = Mapping[str, Any]

_MOST_DIGITS = 18  # what surely fits a signed 64-bit integer


def whole(answer: Any) -> Fields:
    """The answer as an object."""
    if not isinstance(answer, dict):
        raise ContractError(f"the answer is no object but {_kind(answer)}")
    return answer


def section(fields: Fields, name: str) -> Fields:
    """An object inside; empty when not given."""
    value = fields.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise ContractError(f"{name} is no object but {_kind(value)}")
    return value


def rows(fields: Fields, name: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
    """A list of objects, each read by `read`; empty when not given."""
    value = fields.get(name)
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        raise ContractError(f"{name} is no list but {_kind(value)}")
    for row in value:
        if not isinstance(row, dict):
            raise ContractError(f"{name} holds no object but {_kind(row)}")
    return tuple(read(row) for row in value)


def texts(fields: Fields, name: str) -> tuple[str, ...]:
    """A list of texts, blank ones left out; empty when not given."""
    value = fields.get(name)
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        raise ContractError(f"{name} is no list but {_kind(value)}")
    cleaned = (_clean(entry) for entry in value if isinstance(entry, str))
    return tuple(entry for entry in cleaned if entry.strip())


def text(fields: Fields, name: str) -> str:
    """A text as Zoom wrote it, "" when not given. Without NUL and half surrogates, which no database stores."""
    value = fields.get(name)
    return _clean(value) if isinstance(value, str) else ""


def address(fields: Fields, name: str) -> str:
    """An e-mail address without surrounding blanks, in Zoom's own case; "" when not given or hidden."""
    return text(fields, name).strip()


def ident(fields: Fields, name: str) -> str:
    """An id as text: one field is a number in one answer and a string in the next. "" when not given.

    >>> ident({"id": 97763643886}, "id"), ident({"id": "977 6364 3886"}, "id")
    ('97763643886', '97763643886')
    """
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return "".join(text(fields, name).split())


def integer(fields: Fields, name: str) -> int | None:
    """A whole number, also where Zoom writes it as a string or as 12.0; None when not given."""
    value = fields.get(name)
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = value.strip()
        plain = digits.isascii() and digits.removeprefix("-").isdigit()
        value = int(digits) if plain and len(digits) <= _MOST_DIGITS else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) < 10**_MOST_DIGITS:
        return value
    return None


def count(fields: Fields, name: str) -> int:
    """A number of things, seconds or minutes: never negative, 0 when not given."""
    return max(0, integer(fields, name) or 0)


def flag(fields: Fields, name: str) -> bool | None:
    """True or False; None when not given, which is not the same as False."""
    value = fields.get(name)
    return value if isinstance(value, bool) else None


def when(fields: Fields, name: str) -> datetime | None:
    """A point in time as aware UTC; None when not given, blank or unreadable (also Zoom's local MM/DD/YYYY)."""
    value = fields.get(name)
    return moment(value) if isinstance(value, str) else None


def moment(value: str) -> datetime | None:
    """An ISO 8601 time as aware UTC, None if it is none. Without an offset it is UTC, as all of Zoom's times are.

    >>> moment("2026-09-01T14:00:03.66Z")
    datetime.datetime(2026, 9, 1, 14, 0, 3, 660000, tzinfo=datetime.timezone.utc)
    """
    try:
        read = datetime.fromisoformat(value.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: year 1 or 9999, moved across the edge by its offset
        return None


def _clean(value: str) -> str:
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _kind(value: Any) -> str:
    return type(value).__name__
