"""Requests handed to a running service: durable with their run, or not there at all."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio
import pytest
from dbos import DBOS

from tajo.store import runs
from tajo.store.database import Database
from tajo.workflows.engine import Engine
from tajo.workflows.request import follow, read_request, submit

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


async def test_a_request_that_is_handed_over_waits_for_the_worker(database: Database) -> None:
    """On the queue under the run's id, whoever works on it."""
    wanted = read_request(since="30d", until=None, now=NOW)
    async with Engine(database, "sync", None):
        run_id = await submit(database, wanted, NOW)
        status = await DBOS.get_workflow_status_async(f"sync:{run_id}:1")
        assert status is not None
        assert (status.name, status.queue_name, status.status) == ("sync", "live", "ENQUEUED")
    run = await database.read(runs.find, run_id)
    assert run is not None
    assert run.request == {"since": "2026-10-25", "until": "2026-11-24", "meeting": "", "webinar": ""}


async def test_following_ends_with_the_summary(sqlite_database: Database) -> None:
    await sqlite_database.write(runs.start, "r1", {}, NOW)
    async with anyio.create_task_group() as group:

        async def end() -> None:
            await anyio.sleep(0.05)
            await sqlite_database.write(runs.end, "r1", runs.DONE, {"created": 2}, NOW)

        group.start_soon(end)
        assert await follow(sqlite_database, "r1", every_s=0.01) == {"created": 2}
