"""Double opt-ins: who was asked, and who has confirmed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tajo.core.consent import CLICK, CLICKED, Decision, Said
from tajo.store import consents as evidence
from tajo.store.chunks import in_chunks
from tajo.store.consents import Evidence
from tajo.store.effects import AMBIGUOUS, SENT
from tajo.store.tables import consents, effects

KIND = "opt_in"


def key(email: str) -> str:
    """Of the effect: once a person, whatever for."""
    return f"doi:{email}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody whom Brevo asked, or may have asked, to confirm that they go on these lists."""

    email: str
    lists: frozenset[int]
    at: datetime


def waiting(connection: sa.Connection, since: datetime, among: Collection[str] | None = None) -> list[Asked]:
    """Those asked since then who have not confirmed, or those among some people."""
    statement = sa.select(effects.c.email, effects.c.body, effects.c.at).where(
        effects.c.kind == KIND, effects.c.state.in_((SENT, AMBIGUOUS)), effects.c.at >= since
    )
    chunks = [None] if among is None else list(in_chunks(among))
    found: list[Asked] = []
    for chunk in chunks:
        mine = statement if chunk is None else statement.where(effects.c.email.in_(chunk))
        found += [Asked(row.email, frozenset(row.body["lists"]), row.at) for row in connection.execute(mine)]
    done = _confirmed(connection, [each.email for each in found])
    return [each for each in found if each.email not in done]


def _confirmed(connection: sa.Connection, emails: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in in_chunks(emails):
        mine = sa.select(consents.c.email).where(consents.c.subject == CLICK, consents.c.email.in_(chunk))
        found |= set(connection.execute(mine).scalars())
    return found


def confirm(connection: sa.Connection, emails: Iterable[str], now: datetime) -> None:
    """Put on record that these people confirmed."""
    clicked = Said(CLICK, now, CLICK, CLICKED)
    evidence.keep(connection, [Evidence(email, clicked, Decision.YES) for email in emails])
