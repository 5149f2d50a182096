"""Mails of follow-up rules: an effect row each, from waiting to sent. The ledger of at most one a person and rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tajo.core.followups import Wanted, key_of
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.effects import MAIL
from tajo.store.tables import effects
from tajo.store.upsert import insert_new, update_each

# The kind of these effects is MAIL; their name is the rule's.
WAITING, SENDING, SENT, UNCERTAIN, REFUSED = "waiting", "sending", "sent", "uncertain", "refused"
DRAFTED = "drafted"  # on the list of a campaign that is left as a draft; done, as what was sent is
TOO_OLD, CANCELLED, WITHDRAWN, SUPPRESSED = "too_old", "cancelled", "withdrawn", "suppressed"
ASKED = "sent on purpose"  # why a mail goes out before its hour, or after its time

_mails = sa.select(effects).where(effects.c.kind == MAIL)


@dataclass(frozen=True, slots=True)
class Kept:
    """One mail as it is kept. `at` is when it is due, or reached its state; `call` names the call it went in."""

    key: str
    rule: str
    email: str
    subject: str
    state: str
    at: datetime
    call: str
    holder: str
    body: dict[str, Any]
    why: str


def wait(connection: sa.Connection, wanted: Sequence[Wanted]) -> int:
    """Keep mails until they are due; how many are new. One that is known stays as it is, but for withdrawn ones.

    None to people who were erased.
    """
    erased = erasures.load(connection)
    rows = [_row(each) for each in wanted if not erased.has(each.email)]
    if not rows:
        return 0
    again = 0
    for chunk in in_chunks(each.key for each in wanted):
        back = sa.update(effects).where(effects.c.key.in_(chunk), effects.c.state == WITHDRAWN)
        again += connection.execute(back.values(state=WAITING)).rowcount
    return insert_new(connection, effects, rows, "key") + again


def _row(wanted: Wanted) -> dict[str, Any]:
    return {
        "key": wanted.key,
        "kind": MAIL,
        "name": wanted.rule,
        "email": wanted.email,
        "occurrence": wanted.subject,
        "state": WAITING,
        "at": wanted.due,
        "holder": "",
        "call": "",
        "why": "",
        "body": {},
    }


def due(connection: sa.Connection, now: datetime, unanswered: datetime) -> list[tuple[str, str]]:
    """(rule, subject) of all that is due, or was being sent at `unanswered` and has had no answer since."""
    ripe = sa.or_(
        sa.and_(effects.c.state == WAITING, effects.c.at <= now),
        sa.and_(effects.c.state == SENDING, effects.c.at <= unanswered),
    )
    rows = connection.execute(
        sa.select(effects.c.name, effects.c.occurrence).where(effects.c.kind == MAIL, ripe).distinct()
    )
    return sorted((row.name, row.occurrence) for row in rows)


def load(
    connection: sa.Connection, rule: str, subject: str, state: str, *, until: datetime | None = None
) -> list[Kept]:
    """A rule's mails about one subject in one state, by e-mail; with `until` only those due by then."""
    statement = _mails.where(effects.c.name == rule, effects.c.occurrence == subject, effects.c.state == state)
    if until is not None:
        statement = statement.where(effects.c.at <= until)
    return [_kept(row) for row in connection.execute(statement.order_by(effects.c.email))]


def _kept(row: Any) -> Kept:
    return Kept(
        row.key, row.name, row.email, row.occurrence, row.state, row.at, row.call, row.holder, row.body, row.why
    )


def claim(
    connection: sa.Connection, mails: Sequence[tuple[str, dict[str, Any]]], *, call: str, holder: str, now: datetime
) -> set[str]:
    """Take waiting mails, (key, parameters) each, for one call; the keys of those that still waited."""
    mine: set[str] = set()
    taken = {"state": SENDING, "call": call, "holder": holder, "at": now}
    for chunk in in_chunks(key for key, _ in mails):
        free = sa.update(effects).where(effects.c.key.in_(chunk), effects.c.state == WAITING).values(taken)
        mine |= set(connection.execute(free.returning(effects.c.key)).scalars())
    update_each(connection, effects, "key", [{"key": key, "body": body} for key, body in mails if key in mine])
    return mine


def finish(connection: sa.Connection, keys: Iterable[str], state: str, now: datetime, *, why: str = "") -> None:
    """These reached a state; `why` is kept for people to read."""
    rows = [{"key": key, "state": state, "at": now, "why": why} for key in keys]
    update_each(connection, effects, "key", rows)


def give_back(connection: sa.Connection, keys: Iterable[str], due: datetime) -> None:
    """Claims of which surely nothing was sent wait again."""
    update_each(
        connection,
        effects,
        "key",
        [{"key": key, "state": WAITING, "call": "", "holder": "", "at": due} for key in keys],
    )


def cancel(connection: sa.Connection, rule: str, subject: str, now: datetime, *, why: str) -> int:
    """Nothing of the rule goes out about the subject, now or later; how many mails waited.

    A row without an address keeps that, also for people whom a correction brings later.
    """
    waiting = [each.key for each in load(connection, rule, subject, WAITING)]
    mark = _row(Wanted(rule, subject, "", now)) | {"state": CANCELLED, "why": why}
    insert_new(connection, effects, [mark], "key")
    finish(connection, [*waiting, mark["key"]], CANCELLED, now, why=why)
    return len(waiting)


def withhold(connection: sa.Connection, wanted: Sequence[Wanted], now: datetime, *, why: str) -> int:
    """These go out by no rule: rows in the place of mails that are not there yet. One that waits already stays."""
    erased = erasures.load(connection)
    rows = [_row(each) | {"state": CANCELLED, "at": now, "why": why} for each in wanted if not erased.has(each.email)]
    return insert_new(connection, effects, rows, "key") if rows else 0


def is_cancelled(connection: sa.Connection, rule: str, subject: str) -> bool:
    key = key_of(rule, subject, "")
    return connection.execute(sa.select(effects.c.key).where(effects.c.key == key)).first() is not None


def ask(connection: sa.Connection, wanted: Sequence[Wanted], now: datetime) -> int:
    """Let these go out as soon as may be, whatever their hour and age: somebody asks for them. How many wait now.

    Cancelled and outdated ones, too; who got the mail, or may have got it, gets none.
    """
    wait(connection, wanted)
    done = 0
    for chunk in in_chunks(each.key for each in wanted):
        open_ = effects.c.state.in_((WAITING, WITHDRAWN, TOO_OLD, CANCELLED, SUPPRESSED))
        asked = sa.update(effects).where(effects.c.key.in_(chunk), open_)
        done += connection.execute(asked.values(state=WAITING, at=now, why=ASKED)).rowcount
    for rule, subject in {(each.rule, each.subject) for each in wanted}:
        mark = key_of(rule, subject, "")
        connection.execute(sa.delete(effects).where(effects.c.key == mark))
    return done


def overview(connection: sa.Connection, rule: str = "", subject: str = "") -> list[dict[str, Any]]:
    """By rule and subject: how many mails are in which state, and when the first that waits is due.

    `cancelled` says that nothing more goes out about the subject, also where no mail had been kept yet.
    """
    mark = effects.c.email == ""
    first = sa.func.min(sa.case((effects.c.state == WAITING, effects.c.at)))
    statement = (
        sa.select(
            effects.c.name,
            effects.c.occurrence,
            effects.c.state,
            mark.label("mark"),
            sa.func.count().label("mails"),
            first.label("due"),
        )
        .where(effects.c.kind == MAIL)
        .group_by(effects.c.name, effects.c.occurrence, effects.c.state, "mark")
        .order_by(effects.c.occurrence, effects.c.name, effects.c.state)
    )
    if rule:
        statement = statement.where(effects.c.name == rule)
    if subject:
        statement = statement.where(effects.c.occurrence == subject)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in connection.execute(statement):
        line = found.setdefault(
            (row.name, row.occurrence),
            {"rule": row.name, "subject": row.occurrence, "due": None, "mails": {}, "cancelled": False},
        )
        if row.mark:
            line["cancelled"] = True
            continue
        line["mails"][row.state] = row.mails
        line["due"] = line["due"] or row.due
    return list(found.values())


def of_person(connection: sa.Connection, email: str) -> list[dict[str, Any]]:
    """One person's mails, oldest first: for `tajo why`. `at` is when a mail is due, or reached its state."""
    statement = _mails.where(effects.c.email == email).order_by(effects.c.at, effects.c.key)
    return [
        {"rule": each.rule, "subject": each.subject, "state": each.state, "at": each.at.isoformat(), "why": each.why}
        for each in map(_kept, connection.execute(statement))
    ]
