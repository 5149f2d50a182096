"""/contacts/lists and /contacts/folders, and who is in a list.

Source: developers.brevo.com/reference/create-list, add-contact-to-list, remove-contact-from-list, create-folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.contact_queries import contact_json, since_filters
from tajo.simulators.brevo.protocol import (
    NO_CONTENT,
    Ask,
    Refusal,
    Reply,
    invalid,
    not_found,
    number_of,
    page_of,
    required,
    text_of,
)
from tajo.simulators.brevo.records import Contact, ContactList, Folder, Json

MAX_CONTACTS = 150  # of one add or remove
NOTHING_ADDED = "Contact already in list and/or does not exist"
NOTHING_REMOVED = "Contact already removed from list and/or does not exist"


# Lists


def get_lists(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=10, maximum=50)
    return _lists_reply(account, page.cut(list(account.lists.values())), len(account.lists))


def get_folder_lists(account: Account, ask: Ask) -> Reply:
    folder = _folder(account, ask)
    page = page_of(ask, default=10, maximum=50)
    found = [entry for entry in account.lists.values() if entry.folder_id == folder.id]
    return _lists_reply(account, page.cut(found), len(found))


def _lists_reply(account: Account, entries: list[ContactList], count: int) -> Reply:
    sizes = _sizes(account)
    return Reply(200, {"count": count, "lists": [list_json(entry, sizes[entry.id]) for entry in entries]})


def _sizes(account: Account) -> Counter[int]:
    return Counter(id for contact in account.book for id in contact.list_ids)


def list_json(entry: ContactList, size: int) -> Json:
    """totalSubscribers and totalBlacklisted are being retired to 0; uniqueSubscribers is the size."""
    return {
        "id": entry.id,
        "name": entry.name,
        "folderId": entry.folder_id,
        "uniqueSubscribers": size,
        "totalSubscribers": 0,
        "totalBlacklisted": 0,
    }


def create_list(account: Account, ask: Ask) -> Reply:
    body = ask.fields()
    required(body, "name", "folderId")
    name, folder_id = text_of(body, "name"), _known_folder(account, body)
    id = account.next_id("list")
    account.lists[id] = ContactList(id, name, folder_id or 0, account.now())
    return Reply(201, {"id": id})


def get_list(account: Account, ask: Ask) -> Reply:
    entry = _list(account, ask)
    more = {"createdAt": account.shown(entry.created_at), "dynamicList": False, "campaignStats": []}
    return Reply(200, {**list_json(entry, _sizes(account)[entry.id]), **more})


def update_list(account: Account, ask: Ask) -> Reply:
    entry = _list(account, ask)
    body = ask.fields()
    name, folder_id = text_of(body, "name"), _known_folder(account, body)
    entry.name, entry.folder_id = name or entry.name, folder_id or entry.folder_id
    return NO_CONTENT


def _known_folder(account: Account, body: Json) -> int | None:
    folder_id = number_of(body, "folderId")
    if folder_id is not None and folder_id not in account.folders:
        raise invalid("Folder ID does not exist")
    return folder_id


def delete_list(account: Account, ask: Ask) -> Reply:
    _drop(account, _list(account, ask).id)
    return NO_CONTENT


def _drop(account: Account, list_id: int) -> None:
    del account.lists[list_id]
    for contact in account.book:
        contact.list_ids.discard(list_id)
        contact.list_unsubscribed.discard(list_id)


def _list(account: Account, ask: Ask) -> ContactList:
    entry = account.lists.get(ask.id(what="listId"))
    if entry is None:
        raise not_found("List ID does not exist")
    return entry


# Folders


def get_folders(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=10, maximum=50)
    sizes = _folder_sizes(account)
    folders = [folder_json(folder, sizes[folder.id]) for folder in page.cut(list(account.folders.values()))]
    return Reply(200, {"count": len(account.folders), "folders": folders})


def get_folder(account: Account, ask: Ask) -> Reply:
    folder = _folder(account, ask)
    return Reply(200, folder_json(folder, _folder_sizes(account)[folder.id]))


def _folder_sizes(account: Account) -> Counter[int]:
    sizes: Counter[int] = Counter()
    for contact in account.book:
        sizes.update({account.lists[id].folder_id for id in contact.list_ids if id in account.lists})
    return sizes


def folder_json(folder: Folder, size: int) -> Json:
    return {
        "id": folder.id,
        "name": folder.name,
        "uniqueSubscribers": size,
        "totalSubscribers": 0,
        "totalBlacklisted": 0,
    }


def create_folder(account: Account, ask: Ask) -> Reply:
    body = ask.fields()
    required(body, "name")
    name = text_of(body, "name")
    id = account.next_id("folder")
    account.folders[id] = Folder(id, name)
    return Reply(201, {"id": id})


def update_folder(account: Account, ask: Ask) -> Reply:
    folder = _folder(account, ask)
    body = ask.fields()
    required(body, "name")
    folder.name = text_of(body, "name")
    return NO_CONTENT


def delete_folder(account: Account, ask: Ask) -> Reply:
    """Its lists go with it; the contacts stay."""
    folder = _folder(account, ask)
    for entry in [entry for entry in account.lists.values() if entry.folder_id == folder.id]:
        _drop(account, entry.id)
    del account.folders[folder.id]
    return NO_CONTENT


def _folder(account: Account, ask: Ask) -> Folder:
    folder = account.folders.get(ask.id(what="folderId"))
    if folder is None:
        raise not_found("Folder ID does not exist")
    return folder


# Who is in a list


def get_list_contacts(account: Account, ask: Ask) -> Reply:
    entry = _list(account, ask)
    page = page_of(ask, default=50, maximum=500)
    keep = since_filters(ask)
    found = [
        contact
        for contact in account.book.all_seen(account.now())
        if entry.id in contact.list_ids and all(test(contact) for test in keep)
    ]
    shown = [contact_json(account, contact) for contact in page.cut(found)]
    return Reply(200, {"contacts": shown, "count": len(found)})


def add_contacts(account: Account, ask: Ask) -> Reply:
    """Contacts that are absent or in the list already are in `failure`; 400 when that is all of them."""
    entry = _list(account, ask)

    def add(contact: Contact) -> bool:
        if entry.id in contact.list_ids:
            return False
        account.book.touch(contact, account.now())
        return bool(account.add_to_lists(contact, [entry.id]))

    return _each(account, ask.fields(), add, NOTHING_ADDED)


def remove_contacts(account: Account, ask: Ask) -> Reply:
    entry = _list(account, ask)
    body = ask.fields()
    if body.get("all") is True:
        return _remove_all(account, entry.id)

    def remove(contact: Contact) -> bool:
        if entry.id not in contact.list_ids:
            return False
        account.book.touch(contact, account.now())
        contact.list_ids.discard(entry.id)
        return True

    return _each(account, body, remove, NOTHING_REMOVED)


def _each(account: Account, body: Json, act: Callable[[Contact], bool], nothing: str) -> Reply:
    kinds = [kind for kind in ("emails", "ids", "extIds") if body.get(kind) is not None]
    if len(kinds) != 1:
        raise invalid("Pass exactly one of emails, ids or extIds")
    items = body[kinds[0]]
    wanted = int if kinds[0] == "ids" else str
    if not isinstance(items, list) or not items or not all(type(item) is wanted for item in items):
        raise invalid(f"{kinds[0]} should be an array that is not empty")
    if len(items) > MAX_CONTACTS:
        raise Refusal(400, "out_of_range", f"A maximum of {MAX_CONTACTS} {kinds[0]} can be passed")
    success: list[Any] = []
    failure: list[Any] = []
    for item in items:
        contact = _named(account, kinds[0], item)
        (success if contact is not None and act(contact) else failure).append(item)
    if not success:
        raise invalid(nothing)
    return _reply(account, {"success": success, "failure": failure})


def _named(account: Account, kind: str, item: Any) -> Contact | None:
    if kind == "ids":
        return account.book.by_id(item)
    return account.book.by_email.get(item.lower()) if kind == "emails" else account.book.owner("ext_id", item)


def _reply(account: Account, result: Json) -> Reply:
    return Reply(201, {"contacts": result} if account.switches.list_reply == "wrapped" else result)


def _remove_all(account: Account, list_id: int) -> Reply:
    """Empties the list in the background."""
    # The documented process names have none for this job.
    switches = account.switches
    process = account.new_process("LIST_EXPORT", switches.import_queued_s, switches.import_working_s)

    def work() -> Iterator[None]:
        for index, contact in enumerate(account.members(list_id)):
            account.book.touch(contact, account.now())
            contact.list_ids.discard(list_id)
            if index % 500 == 499:
                yield

    account.start(process, work)
    total = len(account.members(list_id))
    return _reply(account, {"success": [], "failure": [], "total": total, "processId": process.id})
