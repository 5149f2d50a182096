"""Writing contacts: one by one, or many in an import. A bad field costs the field, not the person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tajo.brevo.api import contacts, imports, lists
from tajo.brevo.api.client import BrevoClient
from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.api.errors import Clash, NotFound
from tajo.core.errors import RejectedError
from tajo.core.mapping import PHONE_ATTRIBUTES, Attribute
from tajo.core.plan import Change, Delivered, Listing, Operation

FEW = 20  # up to so many people are written one by one, more by import


@dataclass(frozen=True, slots=True)
class Written:
    """What Brevo took for one person. `lost` are attributes that it refused: (attribute, why)."""

    attributes: Mapping[str, Attribute]
    lost: tuple[tuple[str, str], ...] = ()


async def write(brevo: BrevoClient, operation: Operation, before: Delivered | None) -> Written:
    """Write one contact. RejectedError when Brevo takes nothing of it.

    A phone number or another identifier that clashes, or that Brevo calls invalid, is left out and the rest written.
    Who is suppressed is only ever updated, NotFound where there is no contact: a new one would be subscribed.
    """
    wanted = _attributes(operation)
    lost: list[tuple[str, str]] = []
    while True:
        try:
            await _send(brevo, operation, wanted)
        except NotFound:
            if operation.change is not Change.CHANGED or operation.listing is Listing.SUPPRESSED:
                raise
            # Deleted in Brevo meanwhile: created again, with all that we know.
            operation = _anew(operation, before)
            wanted = {name: value for name, value in _attributes(operation).items() if name not in dict(lost)}
        except RejectedError as error:
            culprits = _culprits(error, wanted)
            if not culprits:
                raise
            lost += [(name, error.message) for name in culprits]
            wanted = {name: value for name, value in wanted.items() if name not in culprits}
        else:
            return Written(wanted, tuple(lost))


def _attributes(operation: Operation) -> dict[str, Attribute]:
    """A new contact has nothing to clear: "" is written only where something may stand."""
    if operation.change is not Change.CREATED:
        return dict(operation.attributes)
    return {name: value for name, value in operation.attributes.items() if value != ""}


def _culprits(error: RejectedError, wanted: Collection[str]) -> set[str]:
    """Which attributes to try without: those that a clash names, else all phone numbers."""
    named = set(error.identifiers) & set(wanted) if isinstance(error, Clash) else set()
    return named or set(wanted) & PHONE_ATTRIBUTES


def _anew(operation: Operation, before: Delivered | None) -> Operation:
    attributes = {**(before.attributes if before else {}), **operation.attributes}
    lists = operation.join | ((before.lists if before else frozenset()) - operation.leave)
    if operation.listing is not Listing.ALLOWED:
        lists = frozenset()
    return Operation(operation.email, Change.CREATED, attributes, join=lists, listing=operation.listing)


async def _send(brevo: BrevoClient, operation: Operation, wanted: Mapping[str, Attribute]) -> None:
    """Update whom we wrote before, in the generous bucket, and who is suppressed; create the others."""
    write_ = ContactWrite(operation.email, wanted, tuple(sorted(operation.join)))
    if operation.change is Change.CHANGED or operation.listing is Listing.SUPPRESSED:
        await brevo.send(contacts.update(write_, unlink_list_ids=sorted(operation.leave)))
    else:
        await brevo.send(contacts.upsert(write_))


def batches(
    operations: Sequence[Operation], before: Mapping[str, Delivered], everyone: int
) -> list[tuple[frozenset[int], tuple[ContactWrite, ...]]]:
    """The imports to make: one for each distinct set of lists to join, cut where it would be over 8 MB.

    Who joins none goes on the list `everyone`, since Brevo takes no import without one: putting them on a list they
    are supposed to be on already could undo what somebody took them off by hand. A row carries all that we know, so
    that somebody who was deleted in Brevo meanwhile is created as a whole.
    """
    groups: dict[frozenset[int], list[ContactWrite]] = {}
    for operation in operations:
        target = operation.join or frozenset({everyone})
        known = before[operation.email].attributes if operation.email in before else {}
        values = {name: value for name, value in known.items() if value != ""} | _attributes(operation)
        groups.setdefault(target, []).append(ContactWrite(operation.email, values))
    return [
        (target, chunk)
        for target, rows in sorted(groups.items(), key=lambda group: sorted(group[0]))
        for chunk in imports.chunks(rows)
    ]


async def submit(brevo: BrevoClient, rows: Sequence[ContactWrite], target: Collection[int]) -> int:
    """Start an import in which "" clears an attribute; its process id."""
    return await brevo.send(imports.start(rows, sorted(target), empty_contacts_attributes=True))


async def processes(brevo: BrevoClient, wanted: Collection[int]) -> dict[int, imports.Process]:
    """The state of these processes: all by one call, those that are too old for it one by one."""
    page = await brevo.send(imports.processes())
    found = {each.id: each for each in page.processes if each.id in wanted}
    for process_id in sorted(set(wanted) - set(found)):
        try:
            found[process_id] = await brevo.send(imports.process(process_id))
        except NotFound:
            found[process_id] = imports.Process(process_id, "", "failed", {})
    return found


async def members(brevo: BrevoClient, list_id: int) -> set[str]:
    """Every e-mail on a list, 500 a call."""
    found: set[str] = set()
    offset = 0
    while True:
        page = await brevo.send(lists.contacts(list_id, offset=offset))
        found |= {each.email for each in page.contacts}
        offset += len(page.contacts)
        if not page.contacts or offset >= page.count:
            return found


async def leave(brevo: BrevoClient, list_id: int, emails: Sequence[str]) -> None:
    """Take people off a list, 150 a call; who is not on it is where they should be."""
    for start in range(0, len(emails), lists.MOST_AT_ONCE):
        await brevo.send(lists.remove(list_id, emails[start : start + lists.MOST_AT_ONCE]))


async def arrived(brevo: BrevoClient, wanted: Delivered) -> list[str]:
    """Read a contact back: names of attributes that are not there, "lists" among them; everything if it is missing."""
    try:
        contact = await brevo.send(contacts.get(wanted.email))
    except NotFound:
        return ["the whole contact"]
    absent = [
        name
        for name, value in wanted.attributes.items()
        if value != "" and name not in PHONE_ATTRIBUTES and not _equal(contact.attributes.get(name), value)
    ]
    return absent + (["lists"] if not wanted.lists <= set(contact.list_ids) else [])


def _equal(there: object, value: Attribute) -> bool:
    """Brevo gives back what it was given, up to the type: 5 as 5.0, a category by label, a date with a time."""
    if there is None:
        return False
    if isinstance(value, bool) or isinstance(there, bool):
        return str(there).lower() in ({"true", "yes"} if value else {"false", "no"})
    if isinstance(value, int | float) and isinstance(there, int | float):
        return float(value) == float(there)
    if isinstance(value, str) and isinstance(there, str):
        return there.strip().startswith(value.strip())  # a date comes back with a time
    return True  # a category's label for its number, choices in another order: that they are there is what matters
