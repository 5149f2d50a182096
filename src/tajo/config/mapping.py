"""Which field goes into which Brevo attribute: the `field_mapping` block."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, model_serializer
from pydantic_core import InitErrorDetails, ValidationError

from tajo.config.values import Kind, refuse

DEFAULT_FIELDS: Mapping[str, str] = {
    "email": "email",
    "first_name": "FIRSTNAME",
    "last_name": "LASTNAME",
    "join_time": "MEETING_JOIN_DATE",
    "duration": "MEETING_DURATION",
    "webinar_title": "WEBINAR_NAME",
    "attendance_status": "ATTENDANCE_STATUS",
    "registration_source": "UTM_SOURCE",
}

# EMAIL is who the contact is, EXT_ID is the customer's own key: neither is ours to fill.
_NOT_OURS = {"EMAIL": "it is who the contact is", "EXT_ID": "it is your own key for the contact"}
_QUESTION = re.compile(r"""question:\s*(?P<quote>["']?)(?P<title>.+?)(?P=quote)\s*""")


class FieldMapping(BaseModel):
    """Field name → Brevo attribute, and title of a registration question → Brevo attribute."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    fields: Mapping[str, str] = DEFAULT_FIELDS
    questions: Mapping[str, str] = {}

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {**self.fields, **({"question": dict(self.questions)} if self.questions else {})}


class _Reader:
    """Collects everything wrong with one block, so that all of it is reported at once."""

    def __init__(self, known: Collection[str] | None) -> None:
        self._known = known
        self._taken: dict[str, str] = {}
        self.errors: list[InitErrorDetails] = []
        self.fields: dict[str, str] = {}
        self.questions: dict[str, str] = {}

    def complain(self, loc: tuple[str, ...], text: str) -> None:
        self.errors.append(InitErrorDetails(type=refuse(text), loc=loc, input=None))

    def read(self, block: Mapping[str, Any]) -> None:
        for loc, title, value in _entries(block):
            if title is not None:
                self._question(loc, title, value)
            elif loc[0] == "question":
                self.complain(loc, 'must hold the titles of questions: question: {"<title>": ATTRIBUTE}')
            else:
                self._field(loc, value)

    def _question(self, loc: tuple[str, ...], title: str, value: Any) -> None:
        if not title.strip():
            self.complain(loc, "must name a question by its title")
        elif title.strip().casefold() in {known.strip().casefold() for known in self.questions}:
            self.complain(loc, "is the same question a second time")
        elif value is not None and (attribute := self._attribute(loc, value)):
            self.questions[title] = attribute

    def _field(self, loc: tuple[str, ...], value: Any) -> None:
        (name,) = loc
        if self._known is not None and name not in self._known:
            near = difflib.get_close_matches(name, list(self._known), 1)
            self.complain(loc, "is no field" + (f", did you mean {near[0]}?" if near else ""))
        elif value is None:
            return
        elif name == "email":
            if not isinstance(value, str) or value.strip().upper() != "EMAIL":
                self.complain(loc, "must be email: the address is the contact itself, not an attribute of it")
            self.fields[name] = "email"
        elif attribute := self._attribute(loc, value):
            self.fields[name] = attribute

    def _attribute(self, loc: tuple[str, ...], value: Any) -> str:
        """The attribute's name, "" after a complaint."""
        if not isinstance(value, str):
            self.complain(loc, "must be the name of a Brevo attribute, such as FIRSTNAME")
            return ""
        name = value.strip()
        right = re.sub(r"[^A-Z0-9_]+", "_", name.upper()).strip("_")
        if not re.fullmatch(r"[A-Z0-9_]+", name):
            advice = f": write {right}" if right else ""
            self.complain(loc, f"must be in capital letters, digits and underscores{advice}")
        elif name in _NOT_OURS:
            self.complain(loc, f"must not fill {name}: {_NOT_OURS[name]}")
        elif (other := self._taken.setdefault(name, loc[-1])) != loc[-1]:
            self.complain(loc, f"fills {name}, which {other[:60]!r} fills already")
        else:
            return name
        return ""


def _entries(block: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str | None, Any]]:
    """Each entry as (where it stands, title if it is a question, value), in both spellings of a question."""
    for key, value in block.items():
        if key == "question" and isinstance(value, Mapping):
            for title, attribute in value.items():
                yield (key, title), title, attribute
        elif match := _QUESTION.fullmatch(key):
            yield (key,), match["title"], value
        elif key != "question" or value is not None:
            yield (key,), None, value


def _read(block: Any, info: ValidationInfo) -> FieldMapping:
    """The block, checked. `known_fields` in the validation context are the names to check against."""
    if isinstance(block, FieldMapping):
        return block
    if not isinstance(block, Mapping):
        raise refuse("must be a group of lines such as first_name: FIRSTNAME")
    reader = _Reader((info.context or {}).get("known_fields"))
    reader.read(block)
    if reader.errors:
        _raise(reader.errors)
    return FieldMapping(fields=reader.fields, questions=reader.questions)


def _raise(errors: list[InitErrorDetails]) -> NoReturn:
    raise ValidationError.from_exception_data("field_mapping", errors, hide_input=True)


Mapped = Annotated[FieldMapping, BeforeValidator(_read), Kind("field: ATTRIBUTE")]
