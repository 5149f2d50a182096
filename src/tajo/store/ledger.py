"""The ledger: what we last wrote for whom. And the imports that are under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tajo.core.mapping import PHONE_ATTRIBUTES, Attribute
from tajo.core.plan import Delivered
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.tables import import_rows, imports, ledger, phones
from tajo.store.upsert import upsert


def load(connection: sa.Connection, emails: Iterable[str]) -> dict[str, Delivered]:
    """The ledger's lines of these people: e-mail → what we last wrote."""
    found = {}
    for chunk in in_chunks(emails):
        for row in connection.execute(sa.select(ledger).where(ledger.c.email.in_(chunk))):
            found[row.email] = Delivered(row.email, row.attributes, frozenset(row.lists))
    return found


def first_written(connection: sa.Connection, emails: Iterable[str]) -> datetime | None:
    """When the one of these people was written last whose last write is longest ago; None when none was."""
    found: list[datetime] = []
    for chunk in in_chunks(emails):
        earliest = sa.select(sa.func.min(ledger.c.written_at)).where(ledger.c.email.in_(chunk))
        found += [at for at in connection.execute(earliest).scalars() if at is not None]
    return min(found, default=None)


def save(connection: sa.Connection, written: Sequence[Delivered], *, how: str, now: datetime) -> None:
    """Record what has been written; `how` names the call ("contact", "import 78")."""
    erased = erasures.load(connection)
    written = [each for each in written if not erased.has(each.email)]
    upsert(
        connection,
        ledger,
        [
            {
                "email": each.email,
                "attributes": dict(each.attributes),
                "lists": sorted(each.lists),
                "written_at": now,
                "how": how,
            }
            for each in written
        ],
    )
    _save_phones(connection, written)


def _save_phones(connection: sa.Connection, written: Sequence[Delivered]) -> None:
    for chunk in in_chunks(each.email for each in written):
        connection.execute(sa.delete(phones).where(phones.c.email.in_(chunk)))
    held = [
        {"attribute": name, "number": str(value), "email": each.email}
        for each in written
        for name, value in each.attributes.items()
        if name in PHONE_ATTRIBUTES and value != ""
    ]
    upsert(connection, phones, held)


def phone_holders(connection: sa.Connection) -> dict[tuple[str, Attribute], str]:
    """Who holds a phone number in Brevo by our doing: (attribute, number) → e-mail."""
    return {(row.attribute, row.number): row.email for row in connection.execute(sa.select(phones))}


@dataclass(frozen=True, slots=True)
class Written:
    """A ledger line as `tajo why` shows it."""

    delivered: Delivered
    at: datetime
    how: str


def written(connection: sa.Connection, email: str) -> Written | None:
    row = connection.execute(sa.select(ledger).where(ledger.c.email == email)).one_or_none()
    if row is None:
        return None
    return Written(Delivered(row.email, row.attributes, frozenset(row.lists)), row.written_at, row.how)


@dataclass(frozen=True, slots=True)
class Import:
    """An import that Brevo accepted and that is not yet known to be done. `rows` are the ledger lines it will make."""

    process_id: int
    submitted_at: datetime
    lists: frozenset[int]
    rows: tuple[Delivered, ...]


def open_import(connection: sa.Connection, each: Import) -> None:
    connection.execute(
        sa.insert(imports).values(
            process_id=each.process_id, submitted_at=each.submitted_at, lists=sorted(each.lists), settled=False
        )
    )
    erased = erasures.load(connection)
    rows = [row for row in each.rows if not erased.has(row.email)]
    if rows:
        connection.execute(
            sa.insert(import_rows),
            [
                {
                    "process_id": each.process_id,
                    "email": row.email,
                    "attributes": dict(row.attributes),
                    "join": sorted(row.lists),
                }
                for row in rows
            ],
        )


def open_imports(connection: sa.Connection) -> list[Import]:
    """Imports whose end nobody has seen yet, oldest first."""
    found = []
    rows = connection.execute(sa.select(imports).where(~imports.c.settled).order_by(imports.c.submitted_at))
    for row in rows.all():
        mine = connection.execute(
            sa.select(import_rows).where(import_rows.c.process_id == row.process_id).order_by(import_rows.c.email)
        )
        lines = tuple(Delivered(line.email, line.attributes, frozenset(line.join)) for line in mine)
        found.append(Import(row.process_id, row.submitted_at, frozenset(row.lists), lines))
    return found


def settle_import(connection: sa.Connection, process_id: int, done: Sequence[Delivered], now: datetime) -> None:
    """An import has ended: what it wrote goes to the ledger, its working rows go. Whoever sees it first records it."""
    mine = (imports.c.process_id == process_id) & ~imports.c.settled
    if connection.execute(sa.update(imports).where(mine).values(settled=True)).rowcount == 0:
        return
    save(connection, done, how=f"import {process_id}", now=now)
    connection.execute(sa.delete(import_rows).where(import_rows.c.process_id == process_id))
