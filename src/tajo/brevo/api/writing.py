"""Strict writing to Brevo: what it would refuse, misread or drop in silence is refused here, by name.

A value that cannot be written is the record's fault (RejectedError); a call that cannot be meant is ours (ValueError).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from tajo.core.errors import RejectedError

R = TypeVar("R")

Value = str | int | float | bool | Sequence[str]
"""An attribute's value; a date is the text yyyy-mm-dd, the choices of a multiple-choice attribute a tuple."""

_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")
_ATTRIBUTE = re.compile(r"[A-Z0-9_]+")


def address(email: str, *, origin: str) -> str:
    """The e-mail as Brevo's identity: trimmed and lower-cased; RejectedError when it cannot be one.

    Lower case, not case-folded: folding would turn ß into ss, which is another mailbox. Brevo judges the rest.
    """
    known = email.strip().lower()
    if not _ADDRESS.fullmatch(known) or not known.isprintable():
        raise RejectedError(
            "the e-mail address is not one", origin=origin, hint="correct it where the person registered"
        )
    return known


def segment(email: str, *, origin: str) -> str:
    """The e-mail as one segment of a path, "+" and "@" encoded: left bare, "+" could be read as a space."""
    return quote(address(email, origin=origin), safe="")


def attribute_name(name: str, *, origin: str) -> str:
    """The attribute's name in capitals, as Brevo demands; RejectedError for anything but letters, digits and _."""
    known = name.strip().upper()
    if not _ATTRIBUTE.fullmatch(known):
        raise RejectedError(f"{name!r} cannot be the name of an attribute", origin=origin)
    return known


def value_of(value: Value, name: str, *, origin: str) -> str | int | float | bool | list[str]:
    """The value as it goes into JSON; RejectedError for infinities, NaN and what is no attribute value."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return [whole(item) for item in value]
    raise RejectedError(f"{name}: a {type(value).__name__} like this cannot be written", origin=origin)


def whole(text: str) -> str:
    """The text with half surrogate pairs, which no UTF-8 body can carry, as "?".

    Names cut in the middle of an emoji reach us from JSON like this.
    """
    return text.encode("utf-8", "replace").decode()


def moment(when: datetime) -> str:
    """An aware time as Brevo's filters and events take it: 2026-01-05T09:11:12.345Z."""
    if when.tzinfo is None:
        raise ValueError("a time without zone would be read in the account's zone")
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page_query(limit: int, offset: int, *, most: int, sort: str = "") -> dict[str, str]:
    """The paging part of a query; ValueError beyond the endpoint's maximum, which Brevo refuses with 400."""
    if not 1 <= limit <= most or offset < 0:
        raise ValueError(f"a page of {limit} from {offset}: at most {most}, from 0")
    query = {"limit": str(limit), "offset": str(offset)}
    return {**query, "sort": sort} if sort else query


def json_size(value: Mapping[str, Any]) -> int:
    """How many bytes the value takes in a body, serialised exactly as `tajo.http` does."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def chunks(
    rows: Iterable[R], size: Callable[[R], int], *, max_bytes: int, max_rows: int | None = None
) -> Iterator[tuple[R, ...]]:
    """The rows in order, in as few runs as fit: each run's JSON array, brackets and commas included, ≤ `max_bytes`.

    `size` is a row's own bytes. A row that is too large even alone is a RejectedError.
    """
    run: list[R] = []
    used = 2  # the brackets
    for row in rows:
        need = size(row)
        if need + 2 > max_bytes:
            raise RejectedError(f"one record of {need} bytes, more than a whole request may have", origin="brevo")
        if run and (used + 1 + need > max_bytes or len(run) == max_rows):
            yield tuple(run)
            run, used = [], 2
        used += need + (1 if run else 0)
        run.append(row)
    if run:
        yield tuple(run)
