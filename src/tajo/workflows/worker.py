"""The worker: hands deliveries on from the inbox, runs what follows, sweeps on schedule, and shows that it is alive."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import anyio.to_thread
import sqlalchemy as sa
from dbos import DBOS, ScheduleInput

from tajo import logs
from tajo.core.errors import TajoError
from tajo.store import heartbeats, inbox
from tajo.store.database import Database
from tajo.workflows import connecting, followups, identifying, intake, jobs, live, sweep, sync, tidying  # noqa: F401 - the engine has to know all workflows
from tajo.workflows.announcing import release
from tajo.workflows.engine import Engine, FollowUp
from tajo.workflows.services import Services

IDLE_S = 0.2  # between looks at an empty inbox
MARKED_AT_ONCE = 50  # deliveries; meanwhile no new one can be kept, and its sender waits
SWEEP = "sweep"  # the schedule's name
HEARTBEAT = timedelta(seconds=10)
TIDY = timedelta(hours=1)
MAILS = timedelta(seconds=5)  # between looks for follow-ups that are due


class Worker:
    """Runs until `stop` is set. `inbox_database` is where deliveries are; on Postgres the same as the main one.

    While `receiving` (deliveries come into this very process) it rests as long as it works: they come first.
    """

    def __init__(
        self,
        services: Services,
        engine: Engine,
        inbox_database: Database,
        *,
        name: str,
        receiving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._services = services
        self.engine = engine
        self._inbox = inbox_database
        self._name = name
        self._receiving = receiving
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Drain, beat, and sweep once at start and then on schedule, until stopped."""
        await connecting.note_connected(self._services)
        await followups.load(self._services)
        await self._services.database.write(jobs.works_with, self._name, self._services.config)
        self._schedule()
        now = self._services.clock()
        await self.engine.begin(f"sweep:{now:%Y%m%dT%H%M%S}", sweep.sweep_workflow, now.isoformat(), None)
        await asyncio.gather(
            self._every(HEARTBEAT, self._beat),
            self._every(TIDY, self._tidy),
            self._every(MAILS, self._mails),
            self.drain(),
        )

    def _schedule(self) -> None:
        """In realtime mode nothing is scheduled, nor is what another mode had scheduled before."""
        if self._services.connector.sync_mode == "realtime":
            DBOS.delete_schedule(SWEEP)
            return
        sweeps: ScheduleInput = {
            "schedule_name": SWEEP,
            "workflow_fn": sweep.sweep_workflow,
            "schedule": self._services.connector.schedule,
            "context": None,
        }
        DBOS.apply_schedules([sweeps])

    async def _every(self, span: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        """Do it again and again. A database that is away is asked again the next time."""
        while not self.stop.is_set():
            with contextlib.suppress(TajoError):
                await work()
            await self._wait(span.total_seconds())

    async def _beat(self) -> None:
        """Show that this worker lives, and take over what dead ones left."""
        await self._services.database.write(heartbeats.beat, self._name, self._services.clock())
        await anyio.to_thread.run_sync(self.engine.adopt)
        await release(self._services)

    async def _mails(self) -> None:
        """Start what sends follow-ups that are due."""
        if self._services.config.follow_ups:
            await followups.enqueue_due(self._services)

    async def _tidy(self) -> None:
        """What is past its retention goes."""
        await tidying.tidy(self._services, self._inbox, self.engine.tidy)

    async def drain(self) -> None:
        """Hand deliveries on until stopped."""
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                handled = await self.drain_once()
            except TajoError as error:
                logs.say_error("drain.failed", error)
                handled = 0  # the database is away or full: the inbox keeps everything until it is back
            rest = time.monotonic() - began if self._receiving() else 0.0
            await self._wait(rest if handled == intake.BATCH else max(rest, IDLE_S))

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
            left = await self._services.database.write(self._fold, opened, now)
            for start in range(0, len(opened), MARKED_AT_ONCE):
                last = start + MARKED_AT_ONCE >= len(opened)
                some = opened[start : start + MARKED_AT_ONCE]
                await self._inbox.write(intake.mark, some, left if last else (), now)
            _log(opened)
        return len(opened)

    def _all_in_one(self, connection: sa.Connection) -> int:
        """Take, fold, enqueue and mark in one transaction; rows that another worker holds are skipped."""
        opened, known = intake.take(connection)
        now = self._services.clock()
        intake.drop_duplicates(opened, known)
        left = self._fold(connection, opened, now)
        intake.mark(connection, opened, left, now)
        _log(opened)
        return len(opened)

    def _fold(self, connection: sa.Connection, opened: Sequence[intake.Opened], now: datetime) -> set[str]:
        return intake.fold(
            connection,
            opened,
            settle_after=self._services.settle.after,
            enqueue=self._enqueue,
            now=now,
            account_id=self._services.connector.account_id or "",
        )

    def _enqueue(self, connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
        """In batch mode webhooks only fill the tables; the sweep does the rest."""
        if self._services.connector.sync_mode != "batch":
            self.engine.enqueue(connection, wanted)


def _log(opened: Sequence[intake.Opened]) -> None:
    for each in opened:
        envelope, id_ = each.envelope, each.delivery.id
        event, uuid = (envelope.event, envelope.uuid) if envelope else (None, None)
        logs.say("webhook.handled", id=id_, webhook=event, uuid=uuid or None, state=each.state)
        if each.state == inbox.QUARANTINED:
            logs.say("webhook.quarantined", id=id_, why=each.reason)
        if each.reason.startswith(intake.FOREIGN):
            logs.say_seldom("webhook.foreign", id=id_, why=intake.FOREIGN)  # or the account id is not what it should be
        logs.say("webhook.body", id=id_, body=each.delivery.body)


def waiting_since(oldest: datetime | None, now: datetime) -> float:
    """Seconds that the oldest waiting delivery has waited; 0 when none does."""
    return (now - oldest).total_seconds() if oldest is not None else 0.0
