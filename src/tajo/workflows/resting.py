"""Rules that rest: Brevo does not let them send. Their mails wait, and the reason is kept for people to read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from tajo.core.errors import TajoError, TransientError
from tajo.store import letters, notes


def rest(connection: sa.Connection, rule: str, until: datetime, error: TajoError, now: datetime) -> None:
    notes.put(connection, f"follow_up.{rule}.paused", {"until": until.isoformat(), "why": error.line()})
    if not isinstance(error, TransientError):
        letters.add(connection, _letter(rule), error, now)


def _letter(rule: str) -> str:
    return f"follow-up {rule}"


def among(connection: sa.Connection, names: Iterable[str], now: datetime) -> set[str]:
    return {
        name for name in names if (until := reason(connection, name)) and datetime.fromisoformat(until["until"]) > now
    }


def reason(connection: sa.Connection, rule: str) -> dict[str, str] | None:
    """Why a rule rests, and until when: {"until", "why"}; None when it does not."""
    found: dict[str, str] | None = notes.get(connection, f"follow_up.{rule}.paused")
    return found


def go_on(connection: sa.Connection, rule: str, now: datetime) -> None:
    if reason(connection, rule) is not None:
        notes.forget(connection, f"follow_up.{rule}.paused")
        letters.resolve(connection, [_letter(rule)], now)
