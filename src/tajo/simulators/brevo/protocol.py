"""The shape of a call and its answer: query, body, pages, dates and error bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from starlette.datastructures import Headers, QueryParams

from tajo.simulators.brevo.records import Json

_Item = TypeVar("_Item")

MISSING_API_KEY = "authentication not found in headers"
KEY_NOT_FOUND = "Key not found"
UNRECOGNISED_IP = (
    "We have detected you are using an unrecognised IP address {ip}. If you performed this action make sure to add the "
    "new IP address in this link: https://app.brevo.com/security/authorised_ips"
)


class Refusal(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """An error answer: {"code", "message"[, "metadata" or other fields]}."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"code": code, "message": message, **more}


def invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_parameter", message)


def missing(message: str) -> Refusal:
    return Refusal(400, "missing_parameter", message)


def not_found(message: str) -> Refusal:
    return Refusal(404, "document_not_found", message)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call. `path` is as sent, without /v3 and query; `names` are the decoded variable parts of it."""

    method: str
    path: str
    names: tuple[str, ...]
    query: QueryParams
    headers: Headers
    body: Any  # parsed JSON, None without a body
    size: int  # of the body, in bytes
    base_url: str  # "http://host:port", for the links of reports

    def fields(self) -> Json:
        """The body, which has to be a JSON object."""
        if not isinstance(self.body, dict):
            raise Refusal(400, "bad_request", "Input must be a valid JSON object")
        return self.body

    def id(self, index: int = 0, what: str = "id") -> int:
        """A numeric part of the path."""
        text = self.names[index]
        if not text.isascii() or not text.isdigit():
            raise invalid(f"{what} should be a valid integer")
        return int(text)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `body` None is an empty one, a str is sent as it is with `media_type`."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def content(self) -> bytes:
        if self.body is None:
            return b""
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


NO_CONTENT = Reply(204)
CREATED = Reply(201)


@dataclass(frozen=True, slots=True)
class Page:
    """limit, offset and sort of a call; the default order is newest first."""

    limit: int
    offset: int
    newest_first: bool

    def cut(self, oldest_first: Sequence[_Item]) -> list[_Item]:
        """The items of this page."""
        if not self.newest_first:
            return list(oldest_first[self.offset : self.offset + self.limit])
        end = len(oldest_first) - self.offset
        return list(oldest_first[max(end - self.limit, 0) : max(end, 0)])[::-1]


def page_of(ask: Ask, *, default: int, maximum: int, minimum: int = 0) -> Page:
    """What the query asks for; numbers out of bounds are refused."""
    limit = _number(ask, "limit", default)
    offset = _number(ask, "offset", 0)
    if not minimum <= limit <= maximum or offset < 0:
        raise Refusal(400, "out_of_range", f"limit must be between {minimum} and {maximum}, offset at least 0")
    sort = ask.query.get("sort", "desc")
    if sort not in ("asc", "desc"):
        raise invalid("sort should be asc or desc")
    return Page(limit, offset, sort == "desc")


def _number(ask: Ask, name: str, default: int) -> int:
    text = ask.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise invalid(f"{name} should be a valid integer")
    return int(text)


def many(ask: Ask, name: str) -> list[str]:
    """A repeated or comma-separated query parameter."""
    return [part for text in ask.query.getlist(name) for part in text.split(",") if part]


def many_ids(ask: Ask, name: str) -> list[int]:
    """The same, of whole numbers."""
    texts = many(ask, name)
    if not all(text.isascii() and text.isdigit() for text in texts):
        raise invalid(f"{name} should be an array of integers")
    return [int(text) for text in texts]


def integers(body: Json, name: str) -> list[int]:
    """A list of ids in a body; a scalar or texts are refused, as users found out."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise invalid(f"{name} should be an array of integers")
    return value


def flag(body: Json, name: str) -> bool | None:
    """A boolean in a body; None when it is not there."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} should be a boolean")
    return value


def text_of(body: Json, name: str) -> str:
    """A text in a body; "" when it is not there."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(f"{name} should be a string")
    return value


def texts_of(body: Json, name: str) -> list[str]:
    """A list of texts in a body; empty when it is not there."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(f"{name} should be an array of strings")
    return value


def number_of(body: Json, name: str) -> int | None:
    """An id in a body; None when it is not there."""
    value = body.get(name)
    if value is not None and type(value) is not int:
        raise invalid(f"{name} should be an integer")
    return value


def object_of(body: Json, name: str) -> Json:
    """An object in a body; empty when it is not there."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"{name} should be an object")
    return value


def required(body: Json, *names: str) -> None:
    """Refuse a body that lacks one of these."""
    for name in names:
        if body.get(name) in (None, "", []):
            raise missing(f"{name} is missing")


def moment(text: str, name: str) -> datetime:
    """A date or date-time of a query or body, as aware UTC; without a zone it is UTC."""
    # In a query an unescaped "+01:00" arrives as " 01:00", which Python's parser does not take.
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} is not a valid date") from None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def shown(at: datetime, offset_minutes: int | None) -> str:
    """A date-time as Brevo sends it, with milliseconds: 2026-01-05T10:11:12.345+01:00, or …Z for None."""
    zone = timezone(timedelta(minutes=offset_minutes or 0))
    text = at.astimezone(zone).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z" if offset_minutes is None else text


_EMAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)


def is_email(value: object) -> bool:
    """Whether it looks like an address. Disposable and dead ones pass, as with Brevo."""
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def phone_digits(value: object) -> str | None:
    """A phone number as stored: 91…, +91… and 0091… become 91…; None when it is not one.

    A national number (leading single 0) has no country code and is not accepted.
    """
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        return None
    digits = value.removeprefix("+") if value.startswith("+") else value.removeprefix("00")
    return digits if re.fullmatch(r"[1-9][0-9]{5,14}", digits) else None
