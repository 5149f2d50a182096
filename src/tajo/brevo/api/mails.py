"""Transactional mails of a template, many people in one call, and the templates themselves.

A mail sent twice arrived twice: every call carries an idempotency key, which Brevo keeps for 30 minutes. Within that
time the same call may be made again; its refusal as a duplicate means that the first one arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.errors import DUPLICATE_CODES
from tajo.brevo.api.reading import number, record, records, text
from tajo.brevo.api.writing import Value, address, chunks, json_size, page_query, value_of
from tajo.http import Call

ORIGIN = "brevo.mails"
MAX_RECIPIENTS = 2000  # of one call
MAX_PARAMS_BYTES = 1_000_000  # of one call: "1000 KB", the smaller reading
KEY_LIVES = timedelta(minutes=30)  # how long Brevo knows an idempotency key
MOST_LOGGED = 1000  # entries a page of the log


@dataclass(frozen=True, slots=True)
class Mail:
    """One recipient's version of a mail. RejectedError for an address or a value that cannot be written."""

    email: str
    params: Mapping[str, Value]

    def version(self) -> dict[str, Any]:
        params = {name: value_of(value, name, origin=ORIGIN) for name, value in self.params.items()}
        to = [{"email": address(self.email, origin=ORIGIN)}]
        return {"to": to, "params": params} if params else {"to": to}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Brevo took the call; `before` says that it knew the key already: the mails went out the first time."""

    before: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A template: `html` and `subject` tell which parameters it shows, `opt_in` whether double opt-in may use it.

    `sender` is (name, e-mail).
    """

    id: int
    name: str
    active: bool
    subject: str
    html: str
    opt_in: bool
    sender: tuple[str, str] = ("", "")


def batches(mails: Iterable[Mail]) -> Iterator[tuple[Mail, ...]]:
    """The mails, in order, in as few calls as Brevo takes: 2,000 people and 1,000 KB of parameters each."""
    size = lambda mail: json_size(mail.version())  # noqa: E731 - one word
    return chunks(mails, size, max_bytes=MAX_PARAMS_BYTES, max_rows=MAX_RECIPIENTS)


def send(template_id: int, mails: Sequence[Mail], *, key: str, tags: Sequence[str]) -> Call[Accepted]:
    """Send a template to 1 to 2,000 people (see `batches`), each with parameters of their own.

    `key` (a UUID) names this call: made again with it within 30 minutes, nothing is sent twice. Whether the mails
    arrive shows in Brevo's log alone.
    Source: https://developers.brevo.com/docs/heterogenous-versions-batch-emails
    """
    if not 1 <= len(mails) <= MAX_RECIPIENTS:
        raise ValueError(f"{len(mails)} mails at once: 1 to {MAX_RECIPIENTS}")
    return TolerantCall(
        "POST",
        "/smtp/email",
        parse=lambda value: Accepted("code" in record(value)),
        origin="brevo.mails.send",
        label=limits.MAIL,
        body={
            "templateId": template_id,
            "tags": list(tags),
            "headers": {"idempotencyKey": key},
            "messageVersions": [mail.version() for mail in mails],
        },
        understands=lambda _, body: text(record(body), "code") in DUPLICATE_CODES,
    )


def template(template_id: int) -> Call[Template]:
    """One template; RejectedError (NotFound) where there is none.

    Source: https://developers.brevo.com/reference/get-smtp-template
    """
    path = f"/smtp/templates/{template_id}"
    return Call("GET", path, parse=_template, origin="brevo.mails.template", label=limits.SMTP)


def logged(template_id: int, *, offset: int = 0) -> Call[tuple[tuple[str, frozenset[str]], ...]]:
    """One page of the mails sent with a template in the last 30 days: (e-mail, tags), newest first.

    Source: https://developers.brevo.com/reference/get-transac-emails-list
    """
    query = page_query(MOST_LOGGED, offset, most=MOST_LOGGED, sort="desc") | {"templateId": str(template_id)}
    return Call("GET", "/smtp/emails", parse=_logged, origin="brevo.mails.logged", label=limits.MAIL_LOG, query=query)


def _template(value: Any) -> Template:
    row = record(value)
    sender = record(row.get("sender") or {})
    return Template(
        id=number(row, "id"),
        name=text(row, "name"),
        active=row.get("isActive") is True,
        subject=text(row, "subject"),
        html=text(row, "htmlContent"),
        opt_in=row.get("doiTemplate") is True,
        sender=(text(sender, "name"), text(sender, "email")),
    )


def _logged(value: Any) -> tuple[tuple[str, frozenset[str]], ...]:
    rows = records(value, "transactionalEmails")
    return tuple((text(row, "email").lower(), frozenset(str(tag) for tag in row.get("tags") or ())) for row in rows)
