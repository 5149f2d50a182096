"""Double opt-in: Brevo asks by mail, and the contact joins its lists with the click."""

from __future__ import annotations

from collections.abc import Sequence

from tajo.brevo.api import limits
from tajo.brevo.api.reading import nothing
from tajo.brevo.api.writing import address
from tajo.http import Call

ORIGIN = "brevo.opt_in"


def ask(email: str, list_ids: Sequence[int], *, template_id: int, redirect_url: str) -> Call[None]:
    """Have Brevo ask for a confirmation. Not repeatable: each call may send a mail, and there is no key against it.

    The template must be active and fit for it (`templates.Template.is_opt_in`).
    Source: https://developers.brevo.com/reference/create-doi-contact
    """
    body = {
        "email": address(email, origin=ORIGIN),
        "includeListIds": [int(each) for each in list_ids],
        "templateId": int(template_id),
        "redirectionUrl": redirect_url,
    }
    return Call(
        "POST",
        "/contacts/doubleOptinConfirmation",
        parse=nothing,
        origin="brevo.opt_in.ask",
        label=limits.CONTACTS,
        body=body,
        repeatable=False,
    )
