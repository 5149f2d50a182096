"""Mail templates: whether one can be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.reading import number, record, text
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class Template:
    """A template. `is_opt_in` is Brevo's doiTemplate: fit to ask for a double opt-in."""

    id: int
    name: str
    is_active: bool
    is_opt_in: bool


def get(template_id: int) -> Call[Template]:
    """One template; NotFound when there is none.

    Source: https://developers.brevo.com/reference/get-smtp-template
    """
    path = f"/smtp/templates/{int(template_id)}"
    return Call("GET", path, parse=_template, origin="brevo.templates.get", label=limits.SMTP)


def _template(value: Any) -> Template:
    row = record(value)
    return Template(number(row, "id"), text(row, "name"), row.get("isActive") is True, row.get("doiTemplate") is True)
