"""Lenient reading of Brevo's answers: what we need must be there, all else may be missing, null or new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Record = Mapping[str, Any]


class Malformed(ValueError):  # noqa: N818 - it becomes a ContractError before anybody else sees it
    """An answer without a part we need; the text names our own keys only, never a value of the answer."""


def nothing(_value: Any) -> None:
    """The parser of calls whose answer says nothing beyond its status."""


def record(value: Any, what: str = "the answer") -> Record:
    """`value` as a JSON object."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not an object")
    return value


def records(value: Any, key: str) -> list[Record]:
    """The objects listed at `key`; a missing or null list is empty only where "count" shows that a page was meant."""
    row = record(value)
    listed = row.get(key)
    if listed is None and "count" in row:
        return []
    if not isinstance(listed, list):
        raise Malformed(f"no list at {key}")
    return [record(item, f"an entry of {key}") for item in listed]


def text(row: Record, key: str) -> str:
    """The text at `key`, "" when missing or null; numbers and booleans as JSON would write them."""
    value = row.get(key)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def number(row: Record, key: str) -> int:
    """The whole number at `key`, also when Brevo writes it as text or as 12.0."""
    value = optional_number(row, key)
    if value is None:
        raise Malformed(f"no number at {key}")
    return value


def optional_number(row: Record, key: str) -> int | None:
    """Like `number`, None when missing, null or no number."""
    value = row.get(key)
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def numbers(row: Record, key: str) -> tuple[int, ...]:
    """The whole numbers listed at `key`; () when missing or null."""
    listed = row.get(key)
    if not isinstance(listed, list):
        return ()
    return tuple(item for item in listed if isinstance(item, int) and not isinstance(item, bool))


def texts(row: Record, key: str) -> tuple[str, ...]:
    """The texts listed at `key`; () when missing or null."""
    listed = row.get(key)
    return tuple(str(item) for item in listed) if isinstance(listed, list) else ()


def instant(row: Record, key: str) -> datetime | None:
    """The time at `key` in UTC, None when missing or unreadable.

    Brevo writes the account's offset ("2026-01-05T10:11:12.345+01:00") or Z; a time without offset is taken as UTC.
    """
    try:
        moment = datetime.fromisoformat(text(row, key))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
