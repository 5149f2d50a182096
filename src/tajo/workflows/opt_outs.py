"""Learning of opt-outs: by asking Brevo before each run, and by what its webhooks tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from tajo.brevo.api import contacts
from tajo.brevo.api.contacts import Contact
from tajo.brevo.webhook import Told
from tajo.core.errors import TajoError
from tajo.core.suppression import Suppression, of_block, of_flags
from tajo.store import notes, opt_ins, suppressions
from tajo.workflows import flags
from tajo.workflows.services import Services

CURSOR = "brevo.opt_outs"  # the note: since when contacts are read, and how far
AT_ONCE = 20  # ours: pages of 1000 contacts of one poll; their bucket may hold 100 calls an hour
PAGE = 1000
_EVER = datetime(1970, 1, 1, tzinfo=UTC)  # a webhook about a click counts however long ago somebody was asked
OVERLAP = timedelta(minutes=10)  # ours: between our clock and Brevo's, and until a change shows


async def poll(services: Services, *, pages: int = AT_ONCE) -> int:
    """Ask Brevo who opted out since the last time, everybody at the first; how many were new on our list.

    Contacts are read a part at a time, and the next poll goes on: an account may have more of them than an hour
    allows. Where Brevo does not let it be read the run goes on: an account that may not send may have its contacts
    written all the same, and before a mail everybody is asked about anyway.
    """
    new = 0
    for ask in (_blocked, partial(_changed_contacts, pages=pages)):
        try:
            new += await ask(services)
        except TajoError as error:
            services.note(f"who opted out could not be read from Brevo this time: {error.line()}")
    return new


async def _blocked(services: Services) -> int:
    now = services.clock()
    told = [of_block(each.email, each.code, each.at, now) for each in await flags.blocked(services)]
    return await services.database.write(suppressions.add, told)


async def _changed_contacts(services: Services, *, pages: int) -> int:
    cursor = await services.database.read(notes.get, CURSOR) or {}
    since = datetime.fromisoformat(cursor["since"]) if cursor.get("since") else None
    began = datetime.fromisoformat(cursor["began"]) if cursor.get("began") else services.clock()
    offset = int(cursor.get("offset", 0))
    ours = flags.ours(services, await flags.known_lists(services))
    new = 0
    for _ in range(pages):
        page = await services.brevo.send(contacts.page(modified_since=since, offset=offset, limit=PAGE))
        offset += len(page.contacts)
        done = not page.contacts or offset >= page.count
        # Half a page back: whoever was deleted meanwhile has moved the others up.
        follow = _next(began - OVERLAP) if done else _next(since, began, max(0, offset - PAGE // 2))
        found = _opted_out(page.contacts, ours, services.clock())
        new += await services.database.write(_remember, found, follow)
        if done:
            break
    return new


def _next(since: datetime | None, began: datetime | None = None, offset: int = 0) -> dict[str, Any]:
    return {
        "since": since.isoformat() if since else None,
        "began": began.isoformat() if began else None,
        "offset": offset,
    }


def _opted_out(page: Sequence[Contact], ours: frozenset[int], now: datetime) -> list[Suppression]:
    found: list[Suppression] = []
    for each in page:
        left, at = frozenset(each.list_unsubscribed), each.modified_at or now
        one = of_flags(each.email, blocklisted=each.email_blacklisted, left=left, ours=ours, at=at)
        found += [one] if one and each.email else []
    return found


def _remember(connection: sa.Connection, found: Sequence[Suppression], cursor: dict[str, Any]) -> int:
    notes.put(connection, CURSOR, cursor)
    return suppressions.add(connection, found)


def take_in(connection: sa.Connection, told: Told, now: datetime) -> None:
    """Put on record what a webhook told. Doubled and reordered ones change nothing."""
    suppressions.add(connection, told.suppressions)
    asked = {each.email: each.lists for each in opt_ins.waiting(connection, _EVER, [j.email for j in told.joined])}
    opt_ins.confirm(connection, [j.email for j in told.joined if asked.get(j.email, frozenset()) & j.list_ids], now)
