"""The kinds of value a setting can have, each read from what people write in YAML or in the environment.

Used by every part of the model, the connectors' own parts too, so this module imports none of them.
"""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

_Amount = TypeVar("_Amount", float, timedelta)

REFUSED = "refused"  # the type of our own validation errors: their text is ready to be shown
LONGEST = timedelta(days=3650)  # ours: far beyond any sense, and far below what datetime arithmetic can hold


def refuse(text: str) -> PydanticCustomError:
    """A validation error whose text follows the key: "must be a duration such as 60m".

    Text only, never the value: it may be a secret that landed in the wrong key.
    """
    return PydanticCustomError(REFUSED, "{text}", {"text": text})


@dataclass(frozen=True, slots=True)
class Kind:
    """How the reference calls the type of an annotated field."""

    words: str


class Expanded(str):
    """Text that came out of a `${NAME}`: unlike text in the file it could not be written as a number."""

    __slots__ = ()


class Part(BaseModel):
    """One group of settings: frozen, closed, and with every key optional to write."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_the_empty(cls, data: Any) -> Any:
        """A key with nothing behind it is as good as absent; unknown ones stay, to be refused."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


def one_line(text: str) -> str:
    """The text without blanks around it; control characters and line breaks are refused."""
    stripped = text.strip()
    if not stripped:
        raise refuse("must not be blank")
    if not stripped.isprintable():
        raise refuse("must be one line without control characters")
    return stripped


class Secret(SecretStr):
    """Text that shows as `***` in every printed form; `get_secret_value()` is the text."""

    def _display(self) -> str:
        return "***"


class DatabaseUrl(Secret):
    """A database URL that shows without user, password and query."""

    def _display(self) -> str:
        scheme, _, rest = self.get_secret_value().partition("://")
        login, at, place = rest.rpartition("@")
        if "?" in login:  # a question mark in the password, or a query with an @: nobody can tell what is safe
            return f"{scheme}://***"
        return f"{scheme}://{'***@' if at else ''}{place.partition('?')[0]}"


def _revealed(value: Any) -> Any:
    # A program may hand over pydantic's own SecretStr; ours is made of its text.
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _credential(secret: Secret) -> Secret:
    text = one_line(secret.get_secret_value())
    if not text.isascii():
        raise refuse("must be plain ASCII letters, digits and signs: it goes into a request header")
    return Secret(text)


def _database_url(secret: DatabaseUrl) -> DatabaseUrl:
    text = one_line(secret.get_secret_value())
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite":
        if len(rest) < 2 or not rest.startswith("/") or rest.startswith("/:memory:"):
            raise refuse("must name a file: sqlite:///tajo.db")
    elif scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not rest:
        raise refuse("must start with sqlite:/// or postgresql://")
    return DatabaseUrl(text)


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhd]){1,4}")


def parse_duration(value: Any) -> timedelta:
    """A duration such as "60m", "7d" or "1h30m".

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(value, timedelta):
        total = value
    elif isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        parts = re.findall(r"([0-9]+)([smhd])", value)
        total = timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in parts))
    else:
        raise refuse("must be a duration: a number and s, m, h or d, such as 60m or 7d")
    if not timedelta() <= total <= LONGEST:
        raise refuse(f"must be from 0s to {LONGEST.days}d")
    return total


def format_duration(value: timedelta) -> str:
    """The duration as one would write it, in its largest whole unit.

    >>> format_duration(timedelta(minutes=90)), format_duration(timedelta(days=3))
    ('90m', '3d')
    """
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0) if seconds else "s"
    return f"{seconds // _SECONDS[unit]}{unit}"


def parse_share(value: Any) -> float:
    """A share of a whole, as "10%" or 0.1.

    >>> parse_share("10%"), parse_share(0.1)
    (0.1, 0.1)
    """
    share = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        share = float(value) if abs(value) <= 1 else math.nan
    elif isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?\s*%", value.strip()):
        share = float(value.strip().rstrip("% ")) / 100
    elif isinstance(value, str) and re.fullmatch(r"[01](\.[0-9]{1,6})?", value.strip()):
        share = float(value)
    if not 0 <= share <= 1:
        raise refuse("must be a share: a percentage such as 10%, or a number from 0 to 1")
    return share


def _more_than_nothing(value: _Amount) -> _Amount:
    if not value:
        raise refuse("must be more than 0")
    return value


def _no_truth(value: Any) -> Any:
    # Python counts True as 1, and pydantic with it; nobody who writes `port: true` means 1.
    if isinstance(value, bool):
        raise refuse("must be a whole number, not true or false")
    return value


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _web_address(text: str) -> str:
    """The address without a slash at its end: https, or http to this machine."""
    text = one_line(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise refuse("must be a web address such as https://api.example.com") from None
    if parts.scheme not in {"http", "https"} or not host or " " in text:
        raise refuse("must be a web address such as https://api.example.com")
    if parts.scheme == "http" and not _is_loopback(host):
        raise refuse("must start with https:// (http:// is for localhost only)")
    if parts.username is not None or parts.query or parts.fragment:
        raise refuse("must have no user, query or fragment")
    return text.rstrip("/")


def _email(text: str) -> str:
    text = one_line(text)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise refuse("must be an e-mail address")
    return text.lower()


def _domain(text: str) -> str:
    text = one_line(text).lower().removeprefix("@")
    if not re.fullmatch(r"[^@\s/:.]+(\.[^@\s/:.]+)+", text):
        raise refuse("must be a domain such as example.com")
    return text


Number = Annotated[int, BeforeValidator(_no_truth), Kind("whole number")]
Text = Annotated[str, AfterValidator(one_line), Kind("text")]
Email = Annotated[str, AfterValidator(_email), Kind("e-mail address")]
Domain = Annotated[str, AfterValidator(_domain), Kind("domains")]
WebAddress = Annotated[str, AfterValidator(_web_address), Kind("web address")]
_masked = PlainSerializer(str, return_type=str, when_used="json-unless-none")
Credential = Annotated[Secret, BeforeValidator(_revealed), AfterValidator(_credential), _masked, Kind("secret")]
Database = Annotated[
    DatabaseUrl, BeforeValidator(_revealed), AfterValidator(_database_url), _masked, Kind("database URL")
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json-unless-none"),
    Kind("duration"),
]
PositiveDuration = Annotated[Duration, AfterValidator(_more_than_nothing)]
Share = Annotated[float, BeforeValidator(parse_share), Kind("share")]
PositiveShare = Annotated[Share, AfterValidator(_more_than_nothing)]
