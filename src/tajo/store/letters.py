"""Dead letters: records given up on, each with where it came from, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tajo import logs
from tajo.core.errors import TajoError
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.tables import dead_letters


@dataclass(frozen=True, slots=True)
class Letter:
    """One record given up on. `subject` is an e-mail, a session, a process id."""

    id: int
    subject: str
    origin: str
    reason: str
    remedy: str
    arose_at: datetime


def add(connection: sa.Connection, subject: str, error: TajoError, now: datetime) -> None:
    """File a letter; one that is open for the same subject and origin is replaced, not doubled."""
    resolve(connection, [subject], now, origin=error.origin)
    if not erasures.load(connection).has(subject):
        connection.execute(
            sa.insert(dead_letters).values(
                subject=subject, origin=error.origin, reason=error.message, remedy=error.hint, arose_at=now
            )
        )
    logs.say_error("letter.filed", error)


def resolve(connection: sa.Connection, subjects: Iterable[str], now: datetime, *, origin: str | None = None) -> None:
    """Close the open letters of these subjects (of one origin, if given): they have been written after all."""
    for chunk in in_chunks(subjects):
        mine = dead_letters.c.subject.in_(chunk) & dead_letters.c.resolved_at.is_(None)
        if origin is not None:
            mine &= dead_letters.c.origin == origin
        connection.execute(sa.update(dead_letters).where(mine).values(resolved_at=now))


def open_letters(connection: sa.Connection, subject: str = "") -> list[Letter]:
    """Letters that nobody has dealt with, oldest first; of one subject, if given."""
    statement = sa.select(dead_letters).where(dead_letters.c.resolved_at.is_(None)).order_by(dead_letters.c.id)
    if subject:
        statement = statement.where(dead_letters.c.subject == subject)
    return [
        Letter(row.id, row.subject, row.origin, row.reason, row.remedy, row.arose_at)
        for row in connection.execute(statement)
    ]
