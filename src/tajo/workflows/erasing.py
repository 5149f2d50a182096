"""Erasing a person: what the database, the inbox and the engine hold of them, then, if wanted, the contact in Brevo.

Nothing here is one transaction: a service goes on meanwhile. First it is written down who comes in no more, so that
whatever is under way cannot bring them back; then everything is deleted, again and again until nothing is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import anyio.to_thread
import sqlalchemy as sa

from tajo.brevo.api import contacts
from tajo.brevo.api.client import BrevoClient
from tajo.brevo.api.errors import NotFound
from tajo.core.errors import TajoError, UsageError
from tajo.core.traces import Traces
from tajo.store import bodies, enginerows, erasures, personal, runs
from tajo.store.compact import compact
from tajo.store.database import Database
from tajo.store.tables import metadata

ROUNDS = 3  # of deleting: what was being written meanwhile goes in the next
LATER = "something was under way and could not be waited for: run the same command again to be sure"
OPT_OUT = "with the contact Brevo has forgotten whether it had unsubscribed; Tajo writes nothing to this address"


@dataclass
class Receipt:
    """What was erased, without saying whose it was: `person` is the beginning of the keyed hash that stays."""

    at: datetime
    person: str
    everywhere: bool
    deleted: dict[str, int] = field(default_factory=dict)  # table → rows
    changed: dict[str, int] = field(default_factory=dict)  # table → rows about something else that mentioned them
    webhooks: int = 0
    workflows: int = 0  # rows of the engine
    unreadable: bool = False  # nothing of it is left in freed pages and logs of the database's files
    brevo: str = "kept"  # kept | deleted | not there | failed
    notes: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat()}


def address(text: str) -> str:
    """An address as typed, as it is stored. UsageError for what is none."""
    email = text.strip().lower()
    if "@" not in email.strip("@") or len(email) > 320 or not email.isprintable() or " " in email:
        raise UsageError("that is no e-mail address", origin="EMAIL", hint="write it as name@example.com")
    return email


async def known(database: Database, box: Database | None, email: str) -> Traces:
    """What a person is known by, in the tables and in webhooks."""
    person = await database.read(personal.traces, email)
    return await box.read(bodies.known_by, person) if box is not None else person


async def erase(
    database: Database, box: Database | None, email: str, *, everywhere: bool, now: datetime
) -> tuple[Receipt, Traces]:
    """Erase a person here; the receipt, and what they were known by."""
    person = await known(database, box, email)
    hashed = await database.write(lambda c: erasures.remember(c, person, everywhere=everywhere, now=now))
    receipt = Receipt(now, hashed[:12], everywhere)
    deleted, changed = Counter[str](), Counter[str]()
    for _ in range(ROUNDS):
        if not await _round(database, box, person, receipt, deleted, changed):
            break
    receipt.deleted, receipt.changed = dict(deleted), dict(changed)
    databases = [each for each in (database, box) if each is not None]
    done = [await anyio.to_thread.run_sync(compact, each) for each in databases]
    receipt.unreadable = all(done)
    if not all(done) or await database.read(_is_under_way):
        receipt.notes.append(LATER)
    return receipt, person


async def _round(
    database: Database,
    box: Database | None,
    person: Traces,
    receipt: Receipt,
    deleted: Counter[str],
    changed: Counter[str],
) -> int:
    """Delete all that is there now, a table a transaction; how much it was."""
    deleted["review"] += (groups := await database.write(personal.delete_reviews, person))
    found = groups
    for table in metadata.sorted_tables:
        gone, other = await database.write(_of_table, table, person)
        deleted[table.name] += gone
        changed[table.name] += other
        found += gone + other
    rows = await database.write(enginerows.scrub, person)
    receipt.workflows += rows
    webhooks = 0
    if box is not None:
        mine = await box.read(bodies.with_something, person)
        webhooks = await box.write(bodies.forget, mine)
        receipt.webhooks += webhooks
    for counter in (deleted, changed):
        for name in [name for name, count in counter.items() if not count]:
            del counter[name]
    return found + rows + webhooks


def _of_table(connection: sa.Connection, table: sa.Table, person: Traces) -> tuple[int, int]:
    return personal.delete(connection, table, person), personal.scrub(connection, table, person)


def _is_under_way(connection: sa.Connection) -> bool:
    last = runs.last(connection)
    return last is not None and last.state == runs.RUNNING


async def erase_in_brevo(brevo: BrevoClient, email: str, receipt: Receipt) -> TajoError | None:
    """Delete the contact; what went wrong, if anything: everything here is erased by then."""
    try:
        await brevo.send(contacts.delete(email))
    except NotFound:
        receipt.brevo = "not there"
    except TajoError as error:
        receipt.brevo = "failed"
        return error
    else:
        receipt.brevo = "deleted"
        receipt.notes.append(OPT_OUT)
    return None


def lines(receipt: Receipt) -> Sequence[str]:
    """The receipt as lines of text."""
    deleted = ", ".join(f"{count} of {name}" for name, count in sorted(receipt.deleted.items())) or "nothing was there"
    said = [f"erased at {receipt.at:%Y-%m-%d %H:%M:%S} UTC, kept as the keyed hash {receipt.person}…"]
    said.append(f"  rows deleted: {deleted}")
    if receipt.changed:
        changed = ", ".join(f"{count} of {name}" for name, count in sorted(receipt.changed.items()))
        said.append(f"  taken out of rows about something else: {changed}")
    said.append(f"  webhooks without body now: {receipt.webhooks}; records of the engine: {receipt.workflows}")
    said.append(f"  Brevo: the contact is {receipt.brevo}" if receipt.brevo != "failed" else "  Brevo: see below")
    return [*said, *(f"  {note}" for note in receipt.notes)]
