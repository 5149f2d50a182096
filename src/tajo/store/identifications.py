"""Groups of rows that nobody could be found for, and what somebody decided about them: facts, like what Zoom says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from tajo.core.errors import UsageError
from tajo.core.facts import Kind
from tajo.core.outcome import Outcome
from tajo.core.suggestions import Candidate
from tajo.store import erasures
from tajo.store.tables import identifications, occurrences, review, roster
from tajo.store.upsert import upsert

ACCEPT, REJECT = "accept", "reject"
COULD_BE = (Outcome.NO_SHOW, Outcome.UNKNOWN, Outcome.REGISTERED, Outcome.CANCELLED)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one occurrence that have something in common, and belong to nobody who can be written to."""

    key: str
    kind: Kind
    session_id: str
    occurrence: str
    topic: str
    start: datetime
    name: str
    doubt: str
    rows: int
    present: timedelta


def open_groups(connection: sa.Connection, session_id: str = "") -> list[Group]:
    """Groups that nobody has decided about, in time order; of one session, if given."""
    told = sa.select(
        review, occurrences.c.kind, occurrences.c.session_id, occurrences.c.topic, occurrences.c.start
    ).join_from(review, occurrences, review.c.occurrence == occurrences.c.key)
    if session_id:
        told = told.where(occurrences.c.session_id == session_id)
    rows = connection.execute(told.order_by(occurrences.c.start, review.c.occurrence, review.c.n))
    return [
        Group(
            row.key,
            Kind(row.kind),
            row.session_id,
            row.occurrence,
            row.topic,
            row.start,
            row.name,
            row.doubt,
            row.rows,
            row.present,
        )
        for row in rows
    ]


def candidates(connection: sa.Connection, occurrence: str) -> list[Candidate]:
    """The occurrence's registrants of whom no row shows that they were there."""
    rows = connection.execute(
        sa.select(roster.c.email, roster.c.name)
        .where(
            roster.c.occurrence == occurrence,
            roster.c.joins == 0,
            roster.c.excluded == "",
            roster.c.outcome.in_(COULD_BE),
        )
        .order_by(roster.c.email)
    )
    return [Candidate(row.email, row.name) for row in rows]


def session_of(connection: sa.Connection, key: str) -> tuple[Kind, str] | None:
    """The session of a group that is open or was decided about; None where there is no such group."""
    for statement in (
        sa.select(occurrences.c.kind, occurrences.c.session_id)
        .join_from(review, occurrences, review.c.occurrence == occurrences.c.key)
        .where(review.c.key == key),
        sa.select(identifications.c.kind, identifications.c.session_id).where(identifications.c.key == key),
    ):
        if row := connection.execute(statement.limit(1)).one_or_none():
            return Kind(row.kind), row.session_id
    return None


def decide(connection: sa.Connection, kind: Kind, session_id: str, key: str, email: str, now: datetime) -> None:
    """Keep whose a group's rows are ("": nobody's here), in the place of what was decided before.

    UsageError for somebody who was erased.
    """
    if email and erasures.load(connection).has(email):
        raise UsageError(
            "this person was erased", origin="people accept", hint="if that is over, run `tajo erase --undo` first"
        )
    row = {
        "kind": kind,
        "session_id": session_id,
        "key": key,
        "decision": ACCEPT if email else REJECT,
        "email": email,
        "decided_at": now,
    }
    upsert(connection, identifications, [row])


def load(connection: sa.Connection, kind: Kind, session_id: str) -> dict[str, str]:
    """Key → the e-mail whose rows the group is, "" for nobody's."""
    mine = (identifications.c.kind == kind) & (identifications.c.session_id == session_id)
    rows = connection.execute(sa.select(identifications.c.key, identifications.c.email).where(mine))
    return {row.key: row.email for row in rows}
