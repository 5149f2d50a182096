"""Handing a run to the service that works on the same database, and following it from another process."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import anyio.to_thread
import sqlalchemy as sa
from dbos import DBOSClient, WorkflowHandle, WorkflowStatus

from tajo.config.model import Config
from tajo.core.errors import TajoError, TransientError
from tajo.store import heartbeats, notes, runs
from tajo.store.database import Database
from tajo.workflows.engine import FollowUp, open_client
from tajo.workflows.engine import enqueue as put
from tajo.workflows.progress import Progress
from tajo.workflows.roles import is_held
from tajo.workflows.services import utc_now

SEEN_WITHIN = timedelta(seconds=30)  # three beats: a worker that did not show itself for so long is gone
LOOK_S = 0.5
ALONE = timedelta(seconds=60)  # how long a follower waits for a service that is gone to come back
ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


def workflow_id(run: runs.Run) -> str:
    """One workflow an attempt."""
    return f"sync:{run.id}:{run.attempt}"


def alive(beats: dict[str, datetime], now: datetime) -> list[str]:
    """The workers that showed themselves lately."""
    return [worker for worker, at in beats.items() if now - at < SEEN_WITHIN]


async def at_work(database: Database, now: datetime) -> bool:
    """Whether a service or a worker runs on this database: it showed itself lately, and holds its role."""
    for worker in alive(await database.read(heartbeats.beats), now):
        if await anyio.to_thread.run_sync(is_held, database, worker):
            return True
    return False


def fingerprint(config: Config) -> str:
    """Of all settings; secrets do not count."""
    return sha256(config.model_dump_json().encode()).hexdigest()[:16]


def works_with(connection: sa.Connection, worker: str, config: Config) -> None:
    """Note down which configuration a worker was started with."""
    notes.put(connection, f"worker.{worker}.config", fingerprint(config))


async def others(database: Database, config: Config, now: datetime) -> list[str]:
    """The workers at work that were started with another configuration than this one."""
    beats = await database.read(heartbeats.beats)
    known = {worker: await database.read(notes.get, f"worker.{worker}.config") for worker in alive(beats, now)}
    mine = fingerprint(config)
    return [
        worker
        for worker, theirs in known.items()
        if theirs not in (None, mine) and await anyio.to_thread.run_sync(is_held, database, worker)
    ]


async def enqueue(database: Database, run: runs.Run) -> None:
    """Let the service carry a run out. One that is enqueued already, or runs, is left alone."""
    job = FollowUp("sync", workflow_id(run), "", (run.id,))
    client = open_client(database)
    try:
        await database.write(lambda connection: put(client, connection, [job]))
    finally:
        await anyio.to_thread.run_sync(client.destroy)


async def follow(database: Database, run: runs.Run, *, progress: Progress) -> dict[str, Any]:
    """Enqueue a run and wait for its summary. TransientError when the service goes away and does not come back."""
    await enqueue(database, run)
    client = open_client(database)
    try:
        status = await _ended(client, database, run, progress)
    finally:
        await anyio.to_thread.run_sync(client.destroy)
    if status.status != "SUCCESS":
        raise TajoError(
            f"the service could not carry the run out ({status.status.lower()})",
            origin=f"run {run.id}",
            hint="look at the service's log, then run the same command again",
        )
    summary: dict[str, Any] = status.output or {}
    return summary


async def outcome(database: Database, run: runs.Run) -> dict[str, Any] | None:
    """The whole result of a run's attempt, without the single writes; None where the engine has forgotten it."""

    def look() -> list[WorkflowStatus]:
        client = open_client(database)
        try:
            return client.list_workflows(workflow_ids=[workflow_id(run)], status="SUCCESS")
        finally:
            client.destroy()

    for each in await anyio.to_thread.run_sync(look):
        found: dict[str, Any] = each.output or {}
        return {name: value for name, value in found.items() if name != "writes"}
    return None


async def _ended(client: DBOSClient, database: Database, run: runs.Run, progress: Progress) -> WorkflowStatus:
    """The workflow's last state; meanwhile `progress` is told how far the run is."""
    job: WorkflowHandle[Any] = client.retrieve_workflow(workflow_id(run))
    seen, shown, told = utc_now(), 0, False
    while True:
        status = await anyio.to_thread.run_sync(job.get_status)
        if status.status in ENDED:
            return status
        done, total = await database.read(runs.progress, run.id)
        if total and not told:
            progress.phase("sessions", total)
            told = True
        progress.step(max(0, done - shown))
        shown = max(shown, done)
        if await at_work(database, utc_now()):
            seen = utc_now()
        elif utc_now() - seen > ALONE:
            raise TransientError(
                "the service that was doing it has stopped",
                origin="tajo serve",
                hint="start it again, or run the same command: either goes on where it stopped",
            )
        await asyncio.sleep(LOOK_S)
