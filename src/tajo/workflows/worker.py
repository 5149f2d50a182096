"""The worker: hands deliveries on from the inbox, runs what follows, sweeps on schedule, and shows that it is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from dbos import DBOS

from tajo import logs
from tajo.core.errors import TajoError
from tajo.store import heartbeats, inbox
from tajo.store.database import Database
from tajo.workflows import intake, live, sweep, sync  # noqa: F401 - their workflows are registered by the import
from tajo.workflows.engine import Engine, FollowUp
from tajo.workflows.services import Services

IDLE_S = 0.2  # between looks at an empty inbox
HEARTBEAT = timedelta(seconds=10)


class Worker:
    """Runs until `stop` is set. `inbox_database` is where deliveries are; on Postgres the same as the main one."""

    def __init__(self, services: Services, engine: Engine, inbox_database: Database, *, name: str) -> None:
        self._services = services
        self._engine = engine
        self._inbox = inbox_database
        self._name = name
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Drain, beat, and sweep once at start and then on schedule, until stopped."""
        if self._services.connector.sync_mode != "realtime":
            DBOS.apply_schedules(
                [
                    {
                        "schedule_name": "sweep",
                        "workflow_fn": sweep.sweep_workflow,
                        "schedule": self._services.connector.schedule,
                        "context": None,
                    }
                ]
            )
        now = self._services.clock()
        await self._engine.begin(f"sweep:{now:%Y%m%dT%H%M%S}", sweep.sweep_workflow, now.isoformat(), None)
        await asyncio.gather(self._beat(), self._drain())

    async def _beat(self) -> None:
        while not self.stop.is_set():
            await self._services.database.write(heartbeats.beat, self._name, self._services.clock())
            await self._wait(HEARTBEAT.total_seconds())

    async def _drain(self) -> None:
        while not self.stop.is_set():
            try:
                handled = await self.drain_once()
            except TajoError as error:
                logs.say_error("drain.failed", error)
                handled = 0  # the database is away or full: the inbox keeps everything until it is back
            if handled < intake.BATCH:
                await self._wait(IDLE_S)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            pass

    async def drain_once(self) -> int:
        """Hand on one batch; how many deliveries it had."""
        if not self._services.database.sqlite:
            return await self._services.database.write(self._all_in_one)
        opened, known = await self._inbox.read(intake.take)
        if opened:
            now = self._services.clock()
            intake.drop_duplicates(opened, known)
            # Two files, so two transactions: a crash between them folds the batch again, which changes nothing.
            await self._services.database.write(self._fold, opened, now)
            await self._inbox.write(inbox.mark, [each.row(now) for each in opened])
            _log(opened)
        return len(opened)

    def _all_in_one(self, connection: sa.Connection) -> int:
        """Take, fold, enqueue and mark in one transaction; rows that another worker holds are skipped."""
        opened, known = intake.take(connection)
        now = self._services.clock()
        intake.drop_duplicates(opened, known)
        self._fold(connection, opened, now)
        inbox.mark(connection, [each.row(now) for each in opened])
        _log(opened)
        return len(opened)

    def _fold(self, connection: sa.Connection, opened: Sequence[intake.Opened], now: datetime) -> None:
        intake.fold(connection, opened, settle_after=self._services.settle.after, enqueue=self._enqueue, now=now)

    def _enqueue(self, connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
        """In batch mode webhooks only fill the tables; the sweep does the rest."""
        if self._services.connector.sync_mode != "batch":
            self._engine.enqueue(connection, wanted)


def _log(opened: Sequence[intake.Opened]) -> None:
    for each in opened:
        envelope, id_ = each.envelope, each.delivery.id
        event, uuid = (envelope.event, envelope.uuid) if envelope else (None, None)
        logs.say("webhook.handled", id=id_, webhook=event, uuid=uuid or None, state=each.state)
        logs.say("webhook.body", id=id_, body=each.delivery.body)


def alive(beats: dict[str, datetime], now: datetime) -> bool:
    """Whether any worker showed itself lately."""
    return any(now - at < 3 * HEARTBEAT for at in beats.values())


def waiting_since(oldest: datetime | None, now: datetime) -> float:
    """Seconds that the oldest waiting delivery has waited; 0 when none does."""
    return (now - oldest).total_seconds() if oldest is not None else 0.0
