"""Single contacts. A contact's identity is its lower-cased e-mail.

No function here takes or writes a blocklist flag: who unsubscribed stays unsubscribed, and an omitted flag is kept.
For the same reason the attribute EMAIL cannot be written (a blocklisted contact whose e-mail changes is subscribed
again); EXT_ID belongs to the customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.reading import Record, instant, nothing, number, numbers, record, records, text
from tajo.brevo.api.writing import Value, address, attribute_name, moment, page_query, segment, value_of
from tajo.core.errors import RejectedError
from tajo.http import Call

ORIGIN = "brevo.contacts"
UNWRITABLE = frozenset({"EMAIL", "EXT_ID", "ID"})


@dataclass(frozen=True, slots=True)
class ContactWrite:
    """What to write for one contact; RejectedError when Brevo could not take it.

    The e-mail becomes lower case and attribute names capitals. Lists are added to, never removed from; "" empties an
    attribute in `upsert` and `update`, in an import only when it is told so.
    """

    email: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    list_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "email", address(self.email, origin=ORIGIN))
        known = {attribute_name(name, origin=ORIGIN): value for name, value in self.attributes.items()}
        # Judged here, so that one record's bad value cannot stop the import it would have been part of.
        known = {name: value_of(value, name, origin=ORIGIN) for name, value in known.items()}
        if refused := UNWRITABLE & known.keys():
            raise RejectedError(f"{', '.join(sorted(refused))} cannot be written as an attribute", origin=ORIGIN)
        object.__setattr__(self, "attributes", MappingProxyType(known))
        object.__setattr__(self, "list_ids", tuple(int(each) for each in self.list_ids))

    def __reduce__(self) -> tuple[object, ...]:
        # A read-only view cannot be pickled; the plain mapping can.
        return (ContactWrite, (self.email, dict(self.attributes), self.list_ids))


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as Brevo has it; `email` is "" for one known by phone only.

    `email_blacklisted`: unsubscribed from all marketing mail; `list_unsubscribed`: from these lists. Attribute values
    are as Brevo gives them (dates as yyyy-mm-dd, SMS without "+").
    """

    id: int
    email: str
    email_blacklisted: bool
    list_ids: tuple[int, ...]
    list_unsubscribed: tuple[int, ...]
    attributes: Mapping[str, Any]
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContactPage:
    """One page; `count` is of all pages. Pages have no cursor: they shift while contacts are written."""

    contacts: tuple[Contact, ...]
    count: int


def upsert(write: ContactWrite) -> Call[int | None]:
    """Create or update one contact; the new contact's id, None when it existed.

    Attributes the account does not have are dropped by Brevo without a word. Clash when a phone number or another
    identifier belongs to somebody else: then nothing of the write was done.
    Source: https://developers.brevo.com/reference/create-contact
    """
    body = {"email": write.email, **_content(write), "updateEnabled": True}
    return Call(
        "POST", "/contacts", parse=_created, origin="brevo.contacts.upsert", label=limits.BARE_CONTACTS, body=body
    )


def update(write: ContactWrite, *, unlink_list_ids: Sequence[int] = ()) -> Call[None]:
    """Update a contact that exists, by e-mail; NotFound when there is none.

    It is in the generous `contacts` bucket, where `upsert` may not be.
    Source: https://developers.brevo.com/reference/update-contact
    """
    body = _content(write)
    if unlink_list_ids:
        body["unlinkListIds"] = [int(each) for each in unlink_list_ids]
    return Call(
        "PUT",
        f"/contacts/{segment(write.email, origin=ORIGIN)}",
        parse=nothing,
        origin="brevo.contacts.update",
        label=limits.CONTACTS,
        query={"identifierType": "email_id"},
        body=body,
    )


def get(email: str) -> Call[Contact]:
    """One contact by e-mail; NotFound when there is none, a plain RejectedError for an address Brevo cannot read.

    Source: https://developers.brevo.com/reference/get-contact-info
    """
    return Call(
        "GET",
        f"/contacts/{segment(email, origin=ORIGIN)}",
        parse=contact,
        origin="brevo.contacts.get",
        label=limits.CONTACTS,
        query={"identifierType": "email_id"},
    )


def delete(email: str) -> Call[None]:
    """Delete one contact by e-mail, for good: its history, and that it unsubscribed, are lost. NotFound if none.

    Source: https://developers.brevo.com/reference/delete-contact
    """
    return Call(
        "DELETE",
        f"/contacts/{segment(email, origin=ORIGIN)}",
        parse=nothing,
        origin="brevo.contacts.delete",
        label=limits.CONTACTS,
        query={"identifierType": "email_id"},
    )


def page(
    *,
    limit: int = 1000,
    offset: int = 0,
    list_id: int | None = None,
    modified_since: datetime | None = None,
    created_since: datetime | None = None,
    equals: tuple[str, str] | None = None,
    newest_first: bool = False,
) -> Call[ContactPage]:
    """One page (at most 1000) of the account's contacts, oldest first unless told.

    Oldest first, so that contacts created meanwhile come at the end and hide nobody. `equals` is (attribute, value).
    Source: https://developers.brevo.com/reference/get-contacts
    """
    query = page_query(limit, offset, most=1000, sort="desc" if newest_first else "asc")
    if list_id is not None:
        query["listIds"] = str(list_id)
    if modified_since is not None:
        query["modifiedSince"] = moment(modified_since)
    if created_since is not None:
        query["createdSince"] = moment(created_since)
    if equals is not None:
        query["filter"] = _filter(*equals)
    return Call(
        "GET", "/contacts", parse=contact_page, origin="brevo.contacts.page", label=limits.BARE_CONTACTS, query=query
    )


def contact(value: Any) -> Contact:
    """One contact out of an answer."""
    row = record(value)
    attributes = row.get("attributes")
    return Contact(
        id=number(row, "id"),
        email=text(row, "email").lower(),
        email_blacklisted=row.get("emailBlacklisted") is True,
        list_ids=numbers(row, "listIds"),
        list_unsubscribed=numbers(row, "listUnsubscribed"),
        attributes=attributes if isinstance(attributes, dict) else {},
        modified_at=instant(row, "modifiedAt"),
    )


def contact_page(value: Any) -> ContactPage:
    """A page of contacts out of an answer, of the account or of a list."""
    return ContactPage(tuple(contact(row) for row in records(value, "contacts")), number(record(value), "count"))


def _content(write: ContactWrite) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if write.attributes:
        body["attributes"] = dict(write.attributes)
    if write.list_ids:
        body["listIds"] = list(write.list_ids)
    return body


def _created(value: Any) -> int | None:
    return None if value is None else _id(record(value))


def _id(row: Record) -> int | None:
    # 201 {"id": 21} when created; an update is an empty 204, but an object without id is no reason to alarm.
    return number(row, "id") if "id" in row else None


def _filter(name: str, value: str) -> str:
    if '"' in value:
        raise ValueError("a value with a quotation mark cannot be filtered for")
    return f'equals({attribute_name(name, origin=ORIGIN)},"{value}")'
