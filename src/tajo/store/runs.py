"""Runs of `tajo sync`: what was asked for, which sessions are read, and whom they concern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tajo.core.facts import Kind
from tajo.store import erasures
from tajo.store.tables import run_people, run_sessions, runs
from tajo.store.upsert import upsert

RUNNING, PAUSED, DONE = "running", "paused", "done"


@dataclass(frozen=True, slots=True)
class Run:
    """One request and how far it is. `attempt` counts the workflows that worked on it."""

    id: str
    request: Mapping[str, Any]
    state: str
    started_at: datetime
    attempt: int
    summary: Mapping[str, Any] | None


def _run(row: sa.Row[Any]) -> Run:
    return Run(row.id, row.request, row.state, row.started_at, row.attempt, row.summary)


def start(connection: sa.Connection, run_id: str, request: Mapping[str, Any], now: datetime) -> Run:
    connection.execute(
        sa.insert(runs).values(id=run_id, request=dict(request), state=RUNNING, started_at=now, attempt=1)
    )
    return Run(run_id, request, RUNNING, now, 1, None)


def start_once(connection: sa.Connection, run_id: str, request: Mapping[str, Any], now: datetime) -> None:
    """Start a run whose id says which it is; one that was started before goes on."""
    if connection.execute(sa.select(runs.c.id).where(runs.c.id == run_id)).scalar() is None:
        start(connection, run_id, request, now)


def unfinished(connection: sa.Connection) -> list[Run]:
    """Syncs that were killed or paused, oldest first. A sweep that stopped is not taken up: the next one sees more."""
    rows = connection.execute(sa.select(runs).where(runs.c.state != DONE).order_by(runs.c.started_at))
    return [run for run in map(_run, rows) if not run.request.get("sweep")]


def load(connection: sa.Connection, run_id: str) -> Run:
    return _run(connection.execute(sa.select(runs).where(runs.c.id == run_id)).one())


def find(connection: sa.Connection, run_id: str) -> Run | None:
    """The run, None where there is none."""
    row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
    return _run(row) if row else None


def again(connection: sa.Connection, run: Run) -> Run:
    """Take up a paused run: the next attempt."""
    connection.execute(
        sa.update(runs).where(runs.c.id == run.id).values(state=RUNNING, attempt=run.attempt + 1, summary=None)
    )
    return Run(run.id, run.request, RUNNING, run.started_at, run.attempt + 1, None)


def end(connection: sa.Connection, run_id: str, state: str, summary: Mapping[str, Any], now: datetime) -> None:
    """Close an attempt; a run that is done forgets its working rows."""
    connection.execute(
        sa.update(runs).where(runs.c.id == run_id).values(state=state, summary=dict(summary), ended_at=now)
    )
    if state == DONE:
        for table in (run_sessions, run_people):
            connection.execute(sa.delete(table).where(table.c.run == run_id))


def last(connection: sa.Connection) -> Run | None:
    row = connection.execute(sa.select(runs).order_by(runs.c.started_at.desc()).limit(1)).one_or_none()
    return _run(row) if row else None


def add_session(connection: sa.Connection, run_id: str, kind: Kind, session_id: str, found: Mapping[str, Any]) -> None:
    """A session to read in this run. One that has been read stays read."""
    told = dict(found)
    if host := told.get("host_email"):
        told["host_email"] = erasures.load(connection).address(host)
    upsert(connection, run_sessions, [{"run": run_id, "kind": kind, "id": session_id, "found": told}])


def sessions(connection: sa.Connection, run_id: str) -> list[tuple[Kind, str]]:
    rows = connection.execute(
        sa.select(run_sessions.c.kind, run_sessions.c.id)
        .where(run_sessions.c.run == run_id)
        .order_by(run_sessions.c.kind, run_sessions.c.id)
    )
    return [(Kind(row.kind), row.id) for row in rows]


def session(
    connection: sa.Connection, run_id: str, kind: Kind, session_id: str
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What the listing said of a session, and the result of reading it; None while it has not been read."""
    row = connection.execute(
        sa.select(run_sessions.c.found, run_sessions.c.result, run_sessions.c.read_at).where(
            run_sessions.c.run == run_id, run_sessions.c.kind == kind, run_sessions.c.id == session_id
        )
    ).one()
    return row.found, row.result if row.read_at is not None else None


def session_read(
    connection: sa.Connection, run_id: str, kind: Kind, session_id: str, result: Mapping[str, Any], now: datetime
) -> None:
    connection.execute(
        sa.update(run_sessions)
        .where(run_sessions.c.run == run_id, run_sessions.c.kind == kind, run_sessions.c.id == session_id)
        .values(read_at=now, result=dict(result))
    )


def progress(connection: sa.Connection, run_id: str) -> tuple[int, int]:
    """How many of a run's sessions have been read, and how many there are."""
    row = connection.execute(
        sa.select(sa.func.count(run_sessions.c.read_at), sa.func.count()).where(run_sessions.c.run == run_id)
    ).one()
    return int(row[0]), int(row[1])


def add_people(connection: sa.Connection, run_id: str, emails: Iterable[str]) -> None:
    """People whose contacts this run may change."""
    erased = erasures.load(connection)
    rows = [{"run": run_id, "email": email} for email in sorted(set(emails)) if not erased.has(email)]
    upsert(connection, run_people, rows)


def people(connection: sa.Connection, run_id: str) -> list[str]:
    rows = connection.execute(
        sa.select(run_people.c.email).where(run_people.c.run == run_id).order_by(run_people.c.email)
    )
    return list(rows.scalars())
