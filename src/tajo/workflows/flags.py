"""Brevo's flags of people, read at this moment, in as few calls as there can be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import timedelta

from tajo.brevo import schema
from tajo.brevo.api import blocklist, contacts, lists
from tajo.brevo.api.blocklist import Blocked
from tajo.brevo.api.contacts import Contact
from tajo.brevo.api.errors import NotFound
from tajo.core.errors import RejectedError, TransientError
from tajo.store import ledger
from tajo.workflows.planning import list_ids
from tajo.workflows.services import Services

PAGE = 500  # contacts of a list in one call
AT_ONCE = 10  # single reads on their way together; the budget spaces them
MOST = 1000  # contacts of the account in one call
WORTH = 50  # ours: single reads that one of those calls is worth
LAG = timedelta(minutes=5)  # ours: between our clock and Brevo's
TRIES = 3  # of reading a list that shifts under us


async def known_lists(services: Services) -> schema.Schema:
    """The account's lists, read once a process and run."""
    if services.schema is None:
        services.schema = await schema.read(services.brevo)
    return services.schema


def ours(services: Services, known: schema.Schema) -> frozenset[int]:
    """The lists that we fill, as far as there are any yet."""
    return frozenset(id_ for id_ in list_ids(services, known).values() if id_ > 0)


async def of_people(services: Services, emails: Collection[str]) -> dict[str, Contact]:
    """Their contacts as Brevo has them now; who is not in the result is no contact. E-mails in lower case.

    Read by the pages of the lists that they are on, or of those changed since we wrote them, while that takes fewer
    calls than one for each person.
    """
    unread, found = set(emails), dict[str, Contact]()
    lines = await services.database.read(ledger.load, unread)
    counts = Counter(list_id for line in lines.values() for list_id in line.lists)
    for list_id, people in counts.most_common():
        if people > 1:
            await _from_list(services, list_id, unread, found)
    bare = [email for email, line in lines.items() if not line.lists]
    await _from_recent(services, bare, unread, found)
    return found | await _singly(services, unread)


async def _singly(services: Services, emails: Collection[str]) -> dict[str, Contact]:
    waiting, found = sorted(emails), dict[str, Contact]()
    for start in range(0, len(waiting), AT_ONCE):
        read = (_single(services, email) for email in waiting[start : start + AT_ONCE])
        answers = await asyncio.gather(*read, return_exceptions=True)
        for email, answer in zip(waiting[start:], answers, strict=False):
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                found[email] = answer
    return found


async def _from_recent(services: Services, bare: Collection[str], unread: set[str], found: dict[str, Contact]) -> None:
    """Move whoever is on no list to `found` by the account's contacts that changed since we wrote them.

    That bucket may hold 100 calls an hour: a page has to be worth many single reads.
    """
    offset = 0
    since = await services.database.read(ledger.first_written, bare) if len(bare) > WORTH else None
    while since is not None:
        page = await services.brevo.send(contacts.page(modified_since=since - LAG, offset=offset))
        mine = {each.email: each for each in page.contacts if each.email in unread}
        found.update(mine)
        unread.difference_update(mine)
        offset += len(page.contacts)
        pages_left = -(-(page.count - offset) // MOST)
        if not page.contacts or pages_left <= 0 or pages_left * WORTH >= len(unread):
            return


async def members(services: Services, list_id: int, emails: Collection[str]) -> set[str]:
    """Those of these people who are on the list now."""
    unread, found = set(emails), dict[str, Contact]()
    if not await _from_list(services, list_id, unread, found):
        found |= await _singly(services, unread)
    return {email for email, contact in found.items() if email not in unread or list_id in contact.list_ids}


async def _from_list(services: Services, list_id: int, unread: set[str], found: dict[str, Contact]) -> bool:
    """Move whoever of `unread` is on the list to `found`, until the pages left cost more than single reads.

    Whether it was read to its end: then who is left is not on it.
    """
    offset = 0
    while len(unread) > 1:
        try:
            page = await services.brevo.send(lists.contacts(list_id, limit=PAGE, offset=offset))
        except NotFound:
            return True  # the list is gone
        mine = {each.email: each for each in page.contacts if each.email in unread}
        found.update(mine)
        unread.difference_update(mine)
        offset += len(page.contacts)
        pages_left = -(-(page.count - offset) // PAGE)
        if not page.contacts or pages_left <= 0:
            return True
        if pages_left >= len(unread):
            return False
    return not unread


async def _single(services: Services, email: str) -> Contact | None:
    try:
        return await services.brevo.send(contacts.get(email))
    except RejectedError:
        return None  # no contact, or an address that Brevo cannot read: nobody to write to


async def blocked(services: Services) -> list[Blocked]:
    """The whole transactional blocklist. TransientError when it changes so fast that no reading is complete."""
    for _ in range(TRIES):
        entries: list[Blocked] = []
        counts: set[int] = set()
        while True:
            page = await services.brevo.send(blocklist.page(offset=len(entries)))
            entries += page.blocked
            counts.add(page.count)
            if not page.blocked or len(entries) >= page.count:
                break
        if counts == {len(entries)}:  # else somebody was taken off meanwhile, and another may have slipped by
            return entries
    raise TransientError(
        "Brevo's list of blocked contacts could not be read completely",
        origin="brevo.blocklist.page",
        hint="it is tried again; nobody is mailed until then",
    )
