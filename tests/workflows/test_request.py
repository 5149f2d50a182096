"""Requests handed to a running service: durable with their run, or not there at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from dbos import DBOS

from tajo.store import runs
from tajo.store.database import Database
from tajo.workflows.engine import Engine
from tajo.workflows.request import read_request, submit

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


async def test_a_request_that_is_handed_over_waits_for_the_worker(database: Database) -> None:
    """On the queue under the run's id, whoever works on it."""
    wanted = read_request(since="30d", until=None, now=NOW)
    async with Engine(database, "sync", None):
        run_id = await submit(database, wanted, NOW)
        status = await DBOS.get_workflow_status_async(f"sync:{run_id}:1")
        assert status is not None
        assert (status.name, status.queue_name, status.status) == ("sync", "jobs", "ENQUEUED")
    run = await database.read(runs.find, run_id)
    assert run is not None
    assert run.request == {"since": "2026-10-25", "until": "2026-11-24", "meeting": "", "webinar": ""}


async def test_the_same_request_is_one_run_until_it_has_ended(sqlite_database: Database) -> None:
    """Asked for twice it is the same; one that was paused is taken up as its next attempt."""
    wanted = read_request(since="30d", until=None, now=NOW)
    async with Engine(sqlite_database, "sync", None):
        run_id = await submit(sqlite_database, wanted, NOW)
        assert await submit(sqlite_database, wanted, NOW) == run_id
        await sqlite_database.write(runs.end, run_id, runs.PAUSED, {}, NOW)
        assert await submit(sqlite_database, wanted, NOW) == run_id
        assert await DBOS.get_workflow_status_async(f"sync:{run_id}:2") is not None
        await sqlite_database.write(runs.end, run_id, runs.DONE, {}, NOW)
        assert await submit(sqlite_database, wanted, NOW) != run_id
