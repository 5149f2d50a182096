"""What becomes of an attribute's value on its way into a contact.

Values of the wrong type are documented as ignored; a bad date was once refused with 400 "invalid date format".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from tajo.simulators.brevo.protocol import invalid
from tajo.simulators.brevo.records import Attribute
from tajo.simulators.brevo.switches import BrevoSwitches

PHONES: Final = ("SMS", "WHATSAPP", "LANDLINE_NUMBER")


class _Ignored(Enum):
    IGNORED = "ignored"


IGNORED: Final = _Ignored.IGNORED
Converter = Callable[[Any], Any]  # gives the stored value, or IGNORED

_DATE_SHAPES: dict[str, tuple[re.Pattern[str], tuple[int, int, int]]] = {
    "y-m-d": (re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII), (1, 2, 3)),
    "d-m-y": (re.compile(r"(\d\d)-(\d\d)-(\d{4})", re.ASCII), (3, 2, 1)),
    "d/m/y": (re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII), (3, 2, 1)),
}


@lru_cache(maxsize=65536)
def _day(text: str, shapes: tuple[str, ...]) -> str | None:
    """The date as yyyy-mm-dd, if it is written in one of the shapes and exists."""
    for shape in shapes:
        pattern, (year, month, day) = _DATE_SHAPES[shape]
        if found := pattern.fullmatch(text):
            try:
                return date(int(found[year]), int(found[month]), int(found[day])).isoformat()
            except ValueError:
                return None
    return None


def api_converter(attribute: Attribute, switches: BrevoSwitches) -> Converter:
    """For values of POST and PUT /contacts and of events: native JSON types, dates as yyyy-mm-dd only."""

    def convert(value: Any) -> Any:
        stored = _from_json(attribute, value, switches, ("y-m-d",))
        if stored is IGNORED and switches.types == "strict":
            raise invalid(f"invalid {attribute.type} format")
        return stored

    return convert


def import_converter(attribute: Attribute, switches: BrevoSwitches, *, csv: bool) -> Converter:
    """For rows of an import: more date shapes, "Yes" and "No", numbers in texts; nothing is refused."""
    if attribute.type == "boolean":
        return _csv_boolean if csv or not switches.import_json_booleans else _import_boolean
    if attribute.type == "float":
        return _number
    if attribute.type == "multiple-choice":
        return lambda value: _choices(attribute, value.split(",") if isinstance(value, str) else value, None)
    shapes = switches.import_dates
    return lambda value: _from_json(attribute, value, switches, shapes)


def _from_json(attribute: Attribute, value: Any, switches: BrevoSwitches, dates: tuple[str, ...]) -> Any:
    match attribute.type:
        case "text" | "user":
            return value if isinstance(value, str) else IGNORED
        case "date":
            return (_day(value, dates) if isinstance(value, str) else None) or IGNORED
        case "float":
            return value if type(value) in (int, float) else IGNORED
        case "boolean":
            return value if isinstance(value, bool) else IGNORED
        case "multiple-choice":
            return _choices(attribute, value, switches)
        case "category":
            return _category(attribute, value, switches)
    return IGNORED  # calculated and global ones are not writable


def _choices(attribute: Attribute, value: Any, switches: BrevoSwitches | None) -> Any:
    """The known options; without switches unknown ones are always left out."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return IGNORED
    wanted = [item.strip() for item in value]
    unknown = [item for item in wanted if item not in attribute.options]
    if unknown and switches is not None and switches.unknown_option == "error":
        raise invalid(f"Invalid option for the attribute {attribute.name}")
    return [item for item in wanted if item not in unknown]


def _category(attribute: Attribute, value: Any, switches: BrevoSwitches) -> Any:
    """The stored category value, found by itself, by its text, or by its label where that is allowed."""
    if isinstance(value, bool):
        return IGNORED
    for known, label in attribute.enumeration.items():
        if value == known or str(value) == str(known) or (switches.category_labels and value == label):
            return known
    return IGNORED


def _number(value: Any) -> Any:
    if type(value) in (int, float):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value, re.ASCII):
        return float(value) if "." in value else int(value)
    return IGNORED


def _csv_boolean(value: Any) -> Any:
    return {"yes": True, "no": False}.get(value.lower(), IGNORED) if isinstance(value, str) else IGNORED


def _import_boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else _csv_boolean(value)
