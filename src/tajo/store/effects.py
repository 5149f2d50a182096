"""Effects that must not happen twice: one row each, written before and after the call that makes it happen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tajo.store import erasures
from tajo.store.chunks import CHUNK, in_chunks
from tajo.store.tables import effects
from tajo.store.upsert import insert

SENDING, SENT, AMBIGUOUS, REFUSED, TOO_OLD = "sending", "sent", "ambiguous", "refused", "too_old"
MAIL = "mail"  # the kind of effects that `mails` keeps


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing to happen once. `body` is what is sent, as JSON."""

    key: str
    kind: str
    name: str
    email: str
    occurrence: str
    body: dict[str, Any]


_NAMES = [each.name for each in fields(Effect)]


def known(connection: sa.Connection, keys: Iterable[str]) -> dict[str, str]:
    """Key → state, of those that were begun."""
    found: dict[str, str] = {}
    for chunk in in_chunks(keys):
        rows = connection.execute(sa.select(effects.c.key, effects.c.state).where(effects.c.key.in_(chunk)))
        found.update(rows.all())
    return found


def begin(connection: sa.Connection, wanted: Sequence[Effect], *, holder: str, now: datetime) -> set[str]:
    """Claim effects for sending; the keys of those that nobody, in any process, had claimed before.

    Nothing happens to people who were erased.
    """
    claimed: set[str] = set()
    erased = erasures.load(connection)
    wanted = [each for each in wanted if not erased.has(each.email)]
    for start in range(0, len(wanted), CHUNK):
        rows = [
            {name: getattr(each, name) for name in _NAMES} | {"state": SENDING, "at": now, "holder": holder}
            for each in wanted[start : start + CHUNK]
        ]
        statement = insert(connection, effects).values(rows).on_conflict_do_nothing(index_elements=["key"])
        claimed |= set(connection.execute(statement.returning(effects.c.key)).scalars())
    return claimed


def finish(connection: sa.Connection, keys: Iterable[str], state: str, now: datetime) -> None:
    for chunk in in_chunks(keys):
        connection.execute(sa.update(effects).where(effects.c.key.in_(chunk)).values(state=state, at=now))


def give_back(connection: sa.Connection, keys: Iterable[str]) -> None:
    """Forget claims of which surely nothing was sent: they can be begun again."""
    for chunk in in_chunks(keys):
        connection.execute(sa.delete(effects).where(effects.c.key.in_(chunk), effects.c.state == SENDING))


def left_sending(connection: sa.Connection, holder: str, before: datetime) -> list[str]:
    """Claims from before a holder's start: it ended before it could say what became of them.

    Not those of mails, which whoever sends the rule's next ones sees to their end: see `workflows.mail_calls`.
    """
    rows = connection.execute(
        sa.select(effects.c.key)
        .where(effects.c.state == SENDING, effects.c.holder == holder, effects.c.at < before, effects.c.kind != MAIL)
        .order_by(effects.c.key)
    )
    return list(rows.scalars())


def holders(connection: sa.Connection) -> set[str]:
    """The roles in whose name something is being sent, as far as the table knows."""
    mine = sa.and_(effects.c.state == SENDING, effects.c.kind != MAIL)
    rows = connection.execute(sa.select(effects.c.holder).where(mine).distinct())
    return set(rows.scalars())


def counts(connection: sa.Connection, kind: str) -> dict[str, int]:
    """How many effects of a kind (event, mail) are in which state; marks that are nobody's do not count."""
    mine = sa.select(effects.c.state, sa.func.count()).where(effects.c.kind == kind, effects.c.email != "")
    rows = connection.execute(mine.group_by(effects.c.state))
    return dict(rows.all())


def of_person(connection: sa.Connection, email: str) -> list[dict[str, Any]]:
    """The events of one person, oldest first: for `tajo why`."""
    rows = connection.execute(
        sa.select(effects.c.name, effects.c.occurrence, effects.c.state, effects.c.at)
        .where(effects.c.email == email, effects.c.kind == "event")
        .order_by(effects.c.at, effects.c.key)
    )
    return [
        {"name": row.name, "occurrence": row.occurrence, "state": row.state, "at": row.at.isoformat()} for row in rows
    ]
