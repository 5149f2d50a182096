"""The durable engine, behind one module: DBOS runs workflows whose steps survive a kill.

A role ("sync", "serve", a worker's name) is held by one process at a time: by a lock that a kill frees, since DBOS
runs the unfinished workflows of its own role again at launch, and two of them would do the work twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial, wraps
from types import TracebackType
from typing import Any, Protocol, TypeVar

import anyio.to_thread
import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, SetWorkflowID, WorkflowStatus
from dbos import DBOSPortableJSONSerializer as Serializer  # the default one pickles

from tajo import logs
from tajo.store.database import Database, named_failures
from tajo.workflows.roles import BusyError, role_lock, taken_patiently

T = TypeVar("T")
Json = Any  # what a step returns: plain JSON, small

APPLICATION = "tajo"
APPLICATION_VERSION = "1"  # of the workflows: raise it only when running ones cannot go on with the new code
MOST_THREADS = 16


class Steps(Protocol):
    """How the parts of a run are carried out: recorded once done (durable), or just done (a dry run)."""

    async def run(self, name: str, work: Callable[..., Awaitable[Json]], *args: Json) -> Json:
        """One step."""

    async def each(
        self, name: str, work: Callable[..., Awaitable[Json]], items: Sequence[Json], *, at_once: int
    ) -> list[Json]:
        """One step an item, several at once; the results in the items' order."""


class Inline:
    """Steps that are simply done."""

    async def run(self, name: str, work: Callable[..., Awaitable[Json]], *args: Json) -> Json:
        del name
        return await work(*args)

    async def each(
        self, name: str, work: Callable[..., Awaitable[Json]], items: Sequence[Json], *, at_once: int
    ) -> list[Json]:
        del name
        return await bounded([partial(work, item) for item in items], at_once)


class Durable:
    """Steps of the workflow that is running: each result is recorded, and a step that has one is not done again."""

    async def run(self, name: str, work: Callable[..., Awaitable[Json]], *args: Json) -> Json:
        return await DBOS.run_step_async({"name": name}, _coroutine(work), *args)

    async def each(
        self, name: str, work: Callable[..., Awaitable[Json]], items: Sequence[Json], *, at_once: int
    ) -> list[Json]:
        # The ids of the steps are drawn in the items' order, whatever order they are then done in.
        drawn = [(DBOS.reserve_step(), item) for item in items]
        doing = _coroutine(work)
        return await bounded([partial(step.run_async, {"name": name}, doing, item) for step, item in drawn], at_once)


def _coroutine(work: Callable[..., Awaitable[Json]]) -> Callable[..., Any]:
    """A plain coroutine function: DBOS looks at the function to tell whether a step is one."""

    async def doing(*args: Json) -> Json:
        return await work(*args)

    return doing


async def bounded(jobs: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """All jobs, at most so many at a time. The first failure cancels the rest."""
    slots = asyncio.Semaphore(at_once)

    async def one(job: Callable[[], Awaitable[T]]) -> T:
        async with slots:
            return await job()

    tasks = [asyncio.ensure_future(one(job)) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _not_running(connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
    raise RuntimeError(f"no engine runs that {connection} could enqueue {len(wanted)} with")


class Engine:
    """DBOS, launched in the running event loop and shut down at the end of the block.

    `services` is what workflows work with; it has to be there before the launch, which goes on with unfinished ones.
    """

    services: Any = None
    enqueuing: Callable[[sa.Connection, Sequence[FollowUp]], None] = _not_running  # `enqueue` of the one that runs
    launched = False  # DBOS is one a process

    def __init__(self, database: Database, role: str, services: Any, *, live: bool = False) -> None:
        """`live`: also work on the queue of what follows from webhooks."""
        self._live = live
        self._client: DBOSClient | None = None
        self._database = database
        self._role = role
        self._services = services
        self._held = contextlib.ExitStack()
        self._pool: ThreadPoolExecutor | None = None  # the loop's own threads, before DBOS

    async def __aenter__(self) -> Engine:
        if Engine.launched:
            raise BusyError(
                "this process runs an engine already",
                origin="engine",
                hint="ask that service, with TajoClient(base_url=…), or use a process of its own",
            )
        self._held.enter_context(taken_patiently(self._database, self._role))
        Engine.launched = True
        Engine.services, Engine.enqueuing = self._services, self.enqueue
        self._pool = getattr(asyncio.get_running_loop(), "_default_executor", None)
        try:
            await self._launch()
        except BaseException:
            await self._end()
            raise
        return self

    async def _launch(self) -> None:
        _quiet()
        DBOS(config=_config(self._database, self._role, live=self._live))
        with named_failures(self._database.engine):
            DBOS.launch()
        if self._live:
            self._client = await anyio.to_thread.run_sync(open_client, self._database)
            await DBOS.register_queue_async(
                LIVE, worker_concurrency=LIVE_AT_ONCE, partition_concurrency=1, polling_interval_sec=POLL_S
            )
            await DBOS.register_queue_async(JOBS, global_concurrency=1, polling_interval_sec=POLL_S)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await anyio.to_thread.run_sync(self._client.destroy)
        await self._end()

    async def _end(self) -> None:
        await anyio.to_thread.run_sync(DBOS.destroy)
        # DBOS made its threads the loop's own, and they are gone now: whoever else uses the loop needs some.
        asyncio.get_running_loop().set_default_executor(self._pool or ThreadPoolExecutor(thread_name_prefix="asyncio"))
        Engine.services, Engine.enqueuing = None, _not_running
        Engine.launched = False
        self._held.close()

    async def begin(self, workflow_id: str, workflow: Callable[..., Coroutine[Any, Any, Json]], *args: Json) -> None:
        """Start a workflow and do not wait for it; one with this id that is there already is left alone."""
        with SetWorkflowID(workflow_id):
            await DBOS.start_workflow_async(workflow, *args)

    @property
    def client(self) -> DBOSClient:
        """For enqueuing and looking; only a live engine has one."""
        assert self._client is not None
        return self._client

    def enqueue(self, connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
        """Enqueue what follows, in the caller's transaction."""
        enqueue(self.client, connection, wanted)

    def adopt(self) -> int:
        """Let unfinished workflows of roles that nobody holds any more run again, by whoever is there; how many."""
        return sum(self._adopt_from(role) for role in self._pending().keys() - {self._role})

    def _pending(self) -> dict[str, list[WorkflowStatus]]:
        found: dict[str, list[WorkflowStatus]] = {}
        for each in self.client.list_workflows(status="PENDING", load_input=False, load_output=False):
            found.setdefault(each.executor_id or "", []).append(each)
        return found

    def _adopt_from(self, role: str) -> int:
        try:
            with role_lock(self._database, role):  # so that its holder cannot come back meanwhile
                mine = self._pending().get(role, [])
                for each in mine:
                    self.client.resume_workflow(each.workflow_id, queue_name=each.queue_name)
                return len(mine)
        except BusyError:
            return 0

    def tidy(self, before: datetime) -> int:
        """Forget workflows that ended before then; how many."""
        return _forget_ended(self.client, before)

    async def result(self, workflow_id: str, workflow: Callable[..., Coroutine[Any, Any, Json]], *args: Json) -> Json:
        """Start a workflow, or follow the one with this id that is there already; its result."""
        with named_failures(self._database.engine):
            with SetWorkflowID(workflow_id):
                handle: Any = await DBOS.start_workflow_async(workflow, *args)
            return await handle.get_result(polling_interval_sec=0.2)


def is_launched() -> bool:
    """Whether this process runs an engine: there is place for one."""
    return Engine.launched


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A workflow to start: its name, deterministic id, the session it is serialised on, its arguments, a delay.

    Without a session it is a job.
    """

    name: str
    id: str
    session: str
    arguments: tuple[Any, ...]
    delay: timedelta = timedelta()


MOST_TIDIED = 5_000  # ended workflows forgotten at a time
JOBS = "jobs"  # the queue of what a command hands to the running service: one at a time
LIVE = "live"  # the queue of everything that follows from webhooks: one at a time a session, several sessions at once
LIVE_AT_ONCE = 8
POLL_S = 0.25


def open_client(database: Database) -> DBOSClient:
    """A client of the engine's tables for enqueuing and looking; it runs nothing. They have to be there already."""
    return DBOSClient(
        system_database_url=database.url.render_as_string(hide_password=False),
        system_database_pool_size=2,
        serializer=Serializer(),
        application_name=APPLICATION,
    )


def forget_ended(database: Database, before: datetime) -> int:
    """Forget workflows that ended before then, from outside of an engine; how many."""
    client = open_client(database)
    try:
        return _forget_ended(client, before)
    finally:
        client.destroy()


def _forget_ended(client: DBOSClient, before: datetime) -> int:
    ended = client.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED"],
        completed_before=before.isoformat(),
        limit=MOST_TIDIED,
        load_input=False,
        load_output=False,
    )
    if ended:
        client.delete_workflows([each.workflow_id for each in ended])
    return len(ended)


def enqueue(client: DBOSClient, connection: sa.Connection, wanted: Sequence[FollowUp]) -> None:
    """Enqueue in the caller's transaction. One whose id is known already is the same one: nothing happens."""
    for each in wanted:
        client.enqueue_in_transaction(connection, _options(each), *each.arguments)


def current_id() -> str:
    """The id of the workflow that is running."""
    return str(DBOS.workflow_id)


def _options(each: FollowUp) -> EnqueueOptions:
    options: EnqueueOptions = {
        "queue_name": LIVE if each.session else JOBS,
        "workflow_name": each.name,
        "workflow_id": each.id,
        "app_version": APPLICATION_VERSION,
    }
    if each.session:
        options["queue_partition_key"] = each.session
    if each.delay:
        options["delay_seconds"] = each.delay.total_seconds()
    return options


def workflow(name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Mark a coroutine function as a durable workflow of this name; names outlive versions of the code."""
    durable = DBOS.workflow(name=name, max_recovery_attempts=1000)

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def told(*args: Json, **kwargs: Json) -> Json:
            try:
                return await function(*args, **kwargs)
            except Exception as error:
                logs.say_crash("workflow.crashed", error, name=name)
                raise

        return durable(told)

    return mark


def _config(database: Database, role: str, *, live: bool) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_url=database.url.render_as_string(hide_password=False),
        sys_db_pool_size=2 if database.sqlite else 5,
        application_version=APPLICATION_VERSION,
        executor_id=role,
        serializer=Serializer(),
        max_executor_threads=MOST_THREADS,
        log_level="CRITICAL",  # what goes wrong in a workflow is raised where it is awaited, and told once
        use_listen_notify=False,
        # Shutting down waits one interval out: a command should not.
        notification_listener_polling_interval_sec=0.5 if live else 0.05,
        scheduler_polling_interval_sec=30.0,
    )


def _quiet() -> None:
    """DBOS writes to its own logger; what matters of it reaches the operator as an error of ours."""
    theirs = logging.getLogger("dbos")
    theirs.setLevel(logging.CRITICAL)
    for handler in [each for each in theirs.handlers if type(each) is logging.StreamHandler]:
        theirs.removeHandler(handler)  # it holds the stderr of the moment of the import, which may be closed by now
    if not theirs.handlers:
        theirs.addHandler(logging.NullHandler())
