"""Lists, their folders, and who is on a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.contacts import ContactPage, contact_page
from tajo.brevo.api.reading import Record, nothing, number, optional_number, record, records, text, texts
from tajo.brevo.api.writing import address, moment, page_query, whole
from tajo.http import Call

ORIGIN = "brevo.lists"
MOST_AT_ONCE = 150


@dataclass(frozen=True, slots=True)
class ContactList:
    """A list. `subscribers` is uniqueSubscribers; the older counters are being retired to 0."""

    id: int
    name: str
    folder_id: int | None
    subscribers: int


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of lists, `count` of all."""

    lists: tuple[ContactList, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; every list is in one."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class FolderPage:
    """One page of folders, `count` of all."""

    folders: tuple[Folder, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Removal:
    """Who was taken off a list, and who was not on it or does not exist; lower-cased e-mails, together all asked."""

    removed: tuple[str, ...]
    absent: tuple[str, ...]


def page(*, limit: int = 50, offset: int = 0) -> Call[ListPage]:
    """One page (at most 50) of the account's lists, oldest first.

    Source: https://developers.brevo.com/reference/get-lists
    """
    query = page_query(limit, offset, most=50, sort="asc")
    return Call("GET", "/contacts/lists", parse=_lists, origin="brevo.lists.page", label=limits.CONTACTS, query=query)


def get(list_id: int) -> Call[ContactList]:
    """One list; NotFound when there is none.

    Source: https://developers.brevo.com/reference/get-list
    """
    path = f"/contacts/lists/{int(list_id)}"
    return Call("GET", path, parse=_list, origin="brevo.lists.get", label=limits.CONTACTS)


def create(name: str, folder_id: int) -> Call[int]:
    """Create a list; its id. Names need not be unique in Brevo: a repeated call makes a second list.

    Source: https://developers.brevo.com/reference/create-list
    """
    body = {"name": _name(name), "folderId": int(folder_id)}
    return Call(
        "POST",
        "/contacts/lists",
        parse=_id,
        origin="brevo.lists.create",
        label=limits.CONTACTS,
        body=body,
        repeatable=False,
    )


def folders(*, limit: int = 50, offset: int = 0) -> Call[FolderPage]:
    """One page (at most 50) of the account's folders, oldest first.

    Source: https://developers.brevo.com/reference/get-folders
    """
    query = page_query(limit, offset, most=50, sort="asc")
    return Call(
        "GET", "/contacts/folders", parse=_folders, origin="brevo.folders.page", label=limits.CONTACTS, query=query
    )


def create_folder(name: str) -> Call[int]:
    """Create a folder; its id. A repeated call makes a second one.

    Source: https://developers.brevo.com/reference/create-folder
    """
    return Call(
        "POST",
        "/contacts/folders",
        parse=_id,
        origin="brevo.folders.create",
        label=limits.CONTACTS,
        body={"name": _name(name)},
        repeatable=False,
    )


def contacts(
    list_id: int, *, limit: int = 500, offset: int = 0, modified_since: datetime | None = None
) -> Call[ContactPage]:
    """One page (at most 500) of a list's contacts, oldest first; NotFound when there is no such list.

    Source: https://developers.brevo.com/reference/get-contacts-from-list
    """
    query = page_query(limit, offset, most=500, sort="asc")
    if modified_since is not None:
        query["modifiedSince"] = moment(modified_since)
    path = f"/contacts/lists/{int(list_id)}/contacts"
    return Call("GET", path, parse=contact_page, origin="brevo.lists.contacts", label=limits.CONTACTS, query=query)


def add(list_id: int, emails: Sequence[str]) -> Call[None]:
    """Put 1 to 150 contacts on a list, by e-mail; NotFound when there is no such list.

    Who is on it already, or is no contact, stays as they are; Brevo answers 400 when nobody was put on it.
    Source: https://developers.brevo.com/reference/add-contact-to-list
    """
    asked = tuple(dict.fromkeys(address(email, origin=ORIGIN) for email in emails))
    if not 1 <= len(asked) <= MOST_AT_ONCE:
        raise ValueError(f"{len(asked)} contacts at once: 1 to {MOST_AT_ONCE}")
    return TolerantCall(
        "POST",
        f"/contacts/lists/{int(list_id)}/contacts/add",
        parse=nothing,
        origin="brevo.lists.add",
        label=limits.CONTACTS,
        body={"emails": list(asked)},
        understands=_says_nobody_there,
    )


def remove(list_id: int, emails: Sequence[str]) -> Call[Removal]:
    """Take 1 to 150 contacts off a list, by e-mail; NotFound when there is no such list.

    When nobody of them is on it Brevo answers 400; that is read as everybody `absent`, for what was asked is so.
    Source: https://developers.brevo.com/reference/remove-contact-from-list
    """
    asked = tuple(dict.fromkeys(address(email, origin=ORIGIN) for email in emails))
    if not 1 <= len(asked) <= MOST_AT_ONCE:
        raise ValueError(f"{len(asked)} contacts at once: 1 to {MOST_AT_ONCE}")
    return TolerantCall(
        "POST",
        f"/contacts/lists/{int(list_id)}/contacts/remove",
        parse=lambda value: _removal(value, asked),
        origin="brevo.lists.remove",
        label=limits.CONTACTS,
        body={"emails": list(asked)},
        understands=_says_nobody_there,
    )


def _says_nobody_there(status: int, body: Any) -> bool:
    """The one refusal that means "nothing to do"; its code is shared with others, so the message decides."""
    row = record(body)
    said = text(row, "message").lower()
    return (
        status == 400
        and text(row, "code") == "invalid_parameter"
        and said.startswith("contact already ")
        and said.endswith("does not exist")
    )


def _removal(value: Any, asked: tuple[str, ...]) -> Removal:
    row = record(value)
    # The schema wraps in "contacts", the examples do not: both have been published. A 400 has neither.
    inner = record(row["contacts"]) if "contacts" in row else row
    removed = {email.lower() for email in texts(inner, "success")}
    return Removal(
        tuple(email for email in asked if email in removed), tuple(email for email in asked if email not in removed)
    )


def _name(name: str) -> str:
    known = whole(name).strip()
    if not known:
        raise ValueError("a name is needed")
    return known


def _id(value: Any) -> int:
    return number(record(value), "id")


def _list(value: Any) -> ContactList:
    row: Record = record(value)
    subscribers = optional_number(row, "uniqueSubscribers") or 0
    return ContactList(number(row, "id"), text(row, "name"), optional_number(row, "folderId"), subscribers)


def _lists(value: Any) -> ListPage:
    return ListPage(tuple(_list(row) for row in records(value, "lists")), number(record(value), "count"))


def _folders(value: Any) -> FolderPage:
    rows = records(value, "folders")
    found = tuple(Folder(number(row, "id"), text(row, "name")) for row in rows)
    return FolderPage(found, number(record(value), "count"))
