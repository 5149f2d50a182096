"""What people answered: in the registrations as they are now, and the evidence that stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tajo.core.consent import Decision, Said
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.tables import consents, registrations
from tajo.store.upsert import upsert

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # of a registration whose time Zoom did not tell
_ANSWERED = [registrations.c[name] for name in ("kind", "session_id", "occurrence_id", "email", "answers")]
_TIMES = [registrations.c[name] for name in ("registered_at", "told_at", "detailed_at", "listed_at")]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One answer of one person, and what it was taken for."""

    email: str
    said: Said
    decision: Decision


def registered(connection: sa.Connection, emails: Iterable[str]) -> dict[str, list[Said]]:
    """The answers in the stored registrations, whatever became of these: e-mail → all of them."""
    found: dict[str, list[Said]] = {}
    for chunk in in_chunks(emails):
        rows = connection.execute(sa.select(*_ANSWERED, *_TIMES).where(registrations.c.email.in_(chunk)))
        for row in rows:
            at = next((row._mapping[time] for time in _TIMES if row._mapping[time] is not None), _NEVER)
            date = f":{row.occurrence_id}" if row.occurrence_id else ""
            subject = f"{row.kind}:{row.session_id}{date}"
            found.setdefault(row.email, []).extend(
                Said(subject, at, title, answer) for title, answer in row.answers if answer
            )
    return found


def kept(connection: sa.Connection, emails: Iterable[str]) -> dict[str, list[Said]]:
    """The evidence: e-mail → what was said, also in registrations that are gone."""
    found: dict[str, list[Said]] = {}
    for chunk in in_chunks(emails):
        for row in connection.execute(sa.select(consents).where(consents.c.email.in_(chunk))):
            found.setdefault(row.email, []).append(_said(row))
    return found


def keep(connection: sa.Connection, evidence: Iterable[Evidence]) -> None:
    """Remember these, but not of people who were erased.

    An answer that Zoom corrects under the same registration takes the old one's place.
    """
    erased = erasures.load(connection)
    rows: dict[tuple[str, str, datetime], Mapping[str, Any]] = {}
    for each in evidence:
        if erased.has(each.email):
            continue
        key = (each.email, each.said.subject, each.said.said_at)
        rows[key] = {"email": each.email, **asdict(each.said), "decision": each.decision.value}
    upsert(connection, consents, list(rows.values()))


def of_person(connection: sa.Connection, email: str) -> list[Evidence]:
    """One person's answers, oldest first: for `tajo why`."""
    rows = connection.execute(
        sa.select(consents).where(consents.c.email == email).order_by(consents.c.said_at, consents.c.subject)
    )
    return [Evidence(row.email, _said(row), Decision(row.decision)) for row in rows]


def _said(row: Any) -> Said:
    return Said(row.subject, row.said_at, row.question, row.answer)
