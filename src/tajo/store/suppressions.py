"""The suppression list. It is added to and never taken from: no code lifts what somebody asked for.

Of people who were erased it keeps what they asked for under their keyed hash (see erasures.py), in place of the
address: somebody whose erasure is undone still gets no mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from tajo.core.suppression import Reason, Source, Suppression
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.erasures import Erased
from tajo.store.tables import suppressions
from tajo.store.upsert import insert

AT_ONCE = 500  # rows of one statement


def add(connection: sa.Connection, found: Iterable[Suppression]) -> int:
    """Remember these; how many were new. What is known stays as it was first seen."""
    erased = erasures.load(connection)
    rows = [_row(_hidden(each, erased)) for each in found if each.email]
    new = 0
    for start in range(0, len(rows), AT_ONCE):
        statement = insert(connection, suppressions).values(rows[start : start + AT_ONCE])
        statement = statement.on_conflict_do_nothing(index_elements=["email", "reason"])
        new += len(connection.execute(statement.returning(suppressions.c.email)).all())
    return new


def _hidden(each: Suppression, erased: Erased) -> Suppression:
    email = each.email.strip().lower()
    return replace(each, email=erased.hash("email", email), evidence="") if erased.has(email) else each


def _row(each: Suppression) -> dict[str, object]:
    return {
        "email": each.email.strip().lower(),
        "reason": each.reason.value,
        "source": each.source.value,
        "at": each.at,
        "evidence": each.evidence[:200],
    }


def among(connection: sa.Connection, emails: Iterable[str]) -> dict[str, str]:
    """Those of these people who are suppressed: e-mail (lower case) → why, the first reason there was."""
    found: dict[str, tuple[datetime, str]] = {}
    for chunk in in_chunks(email.strip().lower() for email in emails):
        rows = connection.execute(
            sa.select(suppressions.c.email, suppressions.c.at, suppressions.c.reason).where(
                suppressions.c.email.in_(chunk)
            )
        )
        for email, at, reason in rows:
            found[email] = min(found.get(email, (at, reason)), (at, reason))
    return {email: reason for email, (_, reason) in found.items()}


def of_person(connection: sa.Connection, email: str) -> list[Suppression]:
    """Everything that suppresses one person, oldest first: for `tajo why`."""
    rows = connection.execute(
        sa.select(suppressions).where(suppressions.c.email == email).order_by(suppressions.c.at, suppressions.c.reason)
    )
    return [Suppression(row.email, Reason(row.reason), Source(row.source), row.at, row.evidence) for row in rows]


def count(connection: sa.Connection) -> int:
    """How many people are suppressed."""
    return connection.execute(sa.select(sa.func.count(suppressions.c.email.distinct()))).scalar_one()
