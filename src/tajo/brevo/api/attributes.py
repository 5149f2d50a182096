"""The contact attributes of an account: Brevo drops values of attributes that it does not have, so we look first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tajo.brevo.api import limits
from tajo.brevo.api.reading import Record, nothing, record, records, text, texts
from tajo.brevo.api.writing import attribute_name
from tajo.http import Call

ORIGIN = "brevo.attributes"
LONGEST_LABEL = 200

Kind = Literal["text", "date", "float", "boolean", "category"]


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a category attribute: `value` is what is written, `label` what people see."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as declared. `category`: normal, category, transactional, calculated, global, or a newer word.

    `type`: text, date, float, boolean, multiple-choice …; "" for calculated ones. `options` belong to category
    attributes, `choices` to multiple-choice ones.
    """

    name: str
    category: str
    type: str
    options: tuple[Option, ...] = ()
    choices: tuple[str, ...] = ()


def every() -> Call[tuple[Attribute, ...]]:
    """All attributes of the account; Brevo has no call for one.

    Source: https://developers.brevo.com/reference/get-attributes
    """
    return Call(
        "GET", "/contacts/attributes", parse=_attributes, origin="brevo.attributes.every", label=limits.CONTACTS
    )


def create(name: str, kind: Kind, *, labels: Sequence[str] = ()) -> Call[None]:
    """Create a normal attribute, or with `labels` a category attribute whose values are 1, 2, …

    A plain RejectedError when it exists; the type of one that exists cannot be changed. Not repeated blindly: a
    second try after a lost answer would be refused although the first one worked.
    Source: https://developers.brevo.com/reference/create-attribute
    """
    if (kind == "category") != bool(labels):
        raise ValueError("a category attribute has labels, and only a category attribute has them")
    if any(not label or len(label) > LONGEST_LABEL for label in labels):
        raise ValueError(f"a label has 1 to {LONGEST_LABEL} characters")
    body: dict[str, Any] = {"type": kind}
    if labels:
        body["enumeration"] = [{"value": at, "label": label} for at, label in enumerate(labels, start=1)]
    category = "category" if labels else "normal"
    return Call(
        "POST",
        f"/contacts/attributes/{category}/{attribute_name(name, origin=ORIGIN)}",
        parse=nothing,
        origin="brevo.attributes.create",
        label=limits.CONTACTS,
        body=body,
        repeatable=False,
    )


def _attributes(value: Any) -> tuple[Attribute, ...]:
    return tuple(_attribute(row) for row in records(value, "attributes"))


def _attribute(row: Record) -> Attribute:
    listed = row.get("enumeration")
    return Attribute(
        name=str(row["name"]),
        category=text(row, "category"),
        type=text(row, "type"),
        options=tuple(_option(record(each)) for each in listed) if isinstance(listed, list) else (),
        choices=texts(row, "multiCategoryOptions"),
    )


def _option(row: Record) -> Option:
    # Since 2026-05-01 "value" is 0 for values that are not numbers; "valueStr" has the true one.
    # https://developers.brevo.com/changelog/2026/5/1
    return Option(text(row, "valueStr") or text(row, "value"), text(row, "label"))
