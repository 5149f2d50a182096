"""From fields to Brevo attributes: every value in the type the account declares, or refused by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from tajo.core.contact import Contact
from tajo.core.fields import Field, Scope, Value

Attribute = str | int | float | bool | list[str]
PHONE_ATTRIBUTES = frozenset({"SMS", "WHATSAPP", "LANDLINE_NUMBER"})  # unique in an account, and checked by Brevo


@dataclass(frozen=True, slots=True)
class Declared:
    """An attribute as the Brevo account declares it. `options` maps a category's or choice's label to its value."""

    name: str
    type: str  # text | date | float | boolean | category | multiple-choice | …
    options: Mapping[str, Attribute]


class UnfitError(ValueError):
    """The value cannot be written to an attribute of this type; the text says why, without the value."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A contact's attributes, and the fields that could not be written: (attribute, why)."""

    attributes: dict[str, Attribute]
    refused: tuple[tuple[str, str], ...]


def attributes(contact: Contact, mapping: Sequence[tuple[Field, str]], schema: Mapping[str, Declared]) -> Mapped:
    """The attributes to have in Brevo, in the types of `schema`.

    Session fields are written all at once, empty ones included, so that no value of an older session stays behind.
    A person's field is left out where it is empty: it never wipes out what a form once said. A value that does not
    fit costs its own field only.
    """
    written: dict[str, Attribute] = {}
    refused: list[tuple[str, str]] = []
    if contact.carried is None:
        return Mapped(written, ())  # nothing to tell: what an earlier session wrote stays
    zone = _zone(contact.carried.time_zone)
    for field, name in mapping:
        declared = schema.get(name)
        if field.name == "email" or declared is None:
            continue  # the e-mail is the identity itself; an attribute that does not exist is reported by `check`
        value = field.read(contact)
        empty = value is None or value == ""
        if empty and field.scope is Scope.PERSON:
            continue
        try:
            written[name] = (
                _nothing(declared, field) if empty else coerce(value, declared, zone, country=contact.latest("country"))
            )
        except UnfitError as error:
            refused.append((name, str(error)))
    return Mapped(written, tuple(refused))


def coerce(value: Value, declared: Declared, zone: ZoneInfo, *, country: str = "") -> Attribute:
    """One value in the attribute's declared type; UnfitError where there is no honest way.

    Dates are written in `zone` as yyyy-mm-dd, the only form Brevo's API takes; in a text attribute a time is UTC.
    """
    if declared.name in PHONE_ATTRIBUTES:
        return phone(str(value), country)
    writer = _WRITERS.get(declared.type)
    if writer is None:
        raise UnfitError(f"Tajo does not write attributes of the type {declared.type}")
    return writer(value, declared, zone)


def _nothing(declared: Declared, field: Field) -> Attribute:
    """What an absent session value is written as: 0, no, or "" for the rest (Brevo clears the attribute)."""
    if declared.type == field.type == "boolean":
        return False
    return 0 if declared.type == "float" and field.type == "float" else ""


def _text(value: Value, _: Declared, __: ZoneInfo) -> Attribute:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(str(value))


def _number(value: Value, _: Declared, __: ZoneInfo) -> Attribute:
    if isinstance(value, bool | int):
        return int(value)
    try:
        number = float(_decimal(str(value).strip()))
    except ValueError:
        raise UnfitError("not a number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise UnfitError("not a number")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _decimal(text: str) -> str:
    """A number as people write it, as Python reads it: 1,234.5 and 1.234,5 are the same, 1,5 is one and a half."""
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        return text.replace(",", "")
    if re.fullmatch(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+", text):
        return text.replace(".", "").replace(",", ".")
    return text


def _date(value: Value, _: Declared, zone: ZoneInfo) -> Attribute:
    if isinstance(value, datetime):
        return value.astimezone(zone).date().isoformat()
    try:
        return date.fromisoformat(str(value).strip()[:10]).isoformat()
    except ValueError:
        raise UnfitError("not a date (yyyy-mm-dd)") from None


_YES = frozenset({"yes", "true", "1", "y", "예", "네", "동의", "동의합니다"})
_NO = frozenset({"no", "false", "0", "n", "아니오", "아니요"})


def _boolean(value: Value, _: Declared, __: ZoneInfo) -> Attribute:
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise UnfitError("neither yes nor no")


def _category(value: Value, declared: Declared, _: ZoneInfo) -> Attribute:
    wanted = _bare(str(value)).casefold()
    for label, number in declared.options.items():
        if wanted == label.casefold():
            return number
    for number in declared.options.values():
        if wanted == str(number).casefold():
            return number
    raise UnfitError("not one of the category's values")


def _choices(value: Value, declared: Declared, _: ZoneInfo) -> Attribute:
    """Zoom joins several answers into one text; each part has to be one of the attribute's options."""
    known = {label.casefold(): label for label in declared.options}
    whole = _bare(str(value)).casefold()
    parts = (
        [whole] if whole in known else [part.strip().casefold() for part in re.split(r"[;,]", whole) if part.strip()]
    )
    if not parts or any(part not in known for part in parts):
        raise UnfitError("not among the attribute's options")
    return [known[part] for part in parts]


_WRITERS = {
    "text": _text,
    "float": _number,
    "date": _date,
    "boolean": _boolean,
    "category": _category,
    "multiple-choice": _choices,
}


def clean(text: str) -> str:
    """Text that stays text wherever Brevo shows it, in any language.

    Control characters go; "{{" and "{%" are broken by a space, since Brevo's templates would run them; angle brackets
    become ‹ and ›. Letters, apostrophes and & stay as they are.

    >>> clean("Kim {{7*7}} <b>O'Neil & Co</b>")
    "Kim { {7*7}} ‹b›O'Neil & Co‹/b›"
    """
    broken = re.sub(r"\{(?=[{%])", "{ ", _bare(text))
    return broken.replace("<", "‹").replace(">", "›")


def _bare(text: str) -> str:
    """Text without control characters and surrounding blanks."""
    spaced = "".join(" " if char in "\t\r\n" else char for char in text)
    return "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cs")).strip()


def phone(text: str, country: str) -> str:
    """A number in the form Brevo takes everywhere, +821012345678; `country` (two letters) reads a local number.

    A local number without a country is refused: guessing one would write to a stranger.
    """
    region = country.upper() if len(country) == 2 else None
    dialled = re.sub(r"^00", "+", text.strip())
    if region is None and re.fullmatch(r"[1-9]\d{10,14}", re.sub(r"[\s().-]", "", dialled)):
        dialled = f"+{dialled}"  # too long for a local number: the country's code is there, the plus is not
    try:
        number = phonenumbers.parse(dialled, region)
    except phonenumbers.NumberParseException:
        raise UnfitError("not a valid phone number") from None
    if not phonenumbers.is_valid_number(number):
        raise UnfitError("not a valid phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
