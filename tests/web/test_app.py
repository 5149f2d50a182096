"""Health, readiness and figures of the service."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.core.errors import ContractError
from tajo.core.followups import Wanted
from tajo.core.suppression import Reason, Source, Suppression
from tajo.store import heartbeats, inbox, letters, mails, notes, suppressions

EVENT = b'{"event":"meeting.teleported"}'


async def get(front: Any, path: str, method: str = "GET") -> Any:
    return await front.ask(method=method, path=path)


async def ready(front: Any) -> tuple[int, dict[str, str]]:
    answer = await get(front, "/readyz")
    assert answer.headers["content-type"] == "application/json"
    return answer.status, json.loads(answer.body)


def beat(front: Any) -> None:
    front.database.write_now(heartbeats.beat, "serve", front.clock())


@pytest.mark.anyio
async def test_the_process_answers(front: Any) -> None:
    answer = await get(front, "/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")


@pytest.mark.anyio
async def test_health_asks_no_database(front: Any) -> None:
    """A locked or broken database is no reason to kill the process."""
    front.database.close()
    front.inbox.database.close()
    front.web.database = front.web.inbox = None
    assert (await get(front, "/healthz")).status == 200


@pytest.mark.anyio
async def test_ready_with_a_worker_that_beats(front: Any) -> None:
    beat(front)
    assert await ready(front) == (200, {"database": "ok", "worker": "ok"})


@pytest.mark.anyio
async def test_not_ready_without_a_worker_for_thirty_seconds(front: Any) -> None:
    status, found = await ready(front)
    assert (status, found["database"]) == (503, "ok")
    assert "no worker" in found["worker"]
    beat(front)
    front.clock.forward(seconds=29)
    assert (await ready(front))[0] == 200
    front.clock.forward(seconds=2)
    assert (await ready(front))[0] == 503


@pytest.mark.anyio
async def test_not_ready_when_it_stops_and_says_so(front: Any) -> None:
    beat(front)
    front.web.close()
    status, found = await ready(front)
    assert status == 503
    assert set(found.values()) - {"ok"}
    assert (await get(front, "/healthz")).status == 200


@pytest.mark.anyio
@pytest.mark.parametrize("table", ["alembic_version", "inbox_version"])
async def test_not_ready_with_a_schema_of_another_version(front: Any, table: str) -> None:
    beat(front)
    database = front.database if table == "alembic_version" else front.inbox.database
    change = "UPDATE {} SET version_num = '{}'"
    version = database.read_now(lambda c: c.execute(sa.text(f"SELECT version_num FROM {table}")).scalar_one())
    database.write_now(lambda c: c.execute(sa.text(change.format(table, "9999"))))
    status, found = await ready(front)
    assert (status, found["database"]) == (503, "not migrated")
    database.write_now(lambda c: c.execute(sa.text(change.format(table, version))))
    assert (await ready(front))[0] == 200


@pytest.mark.anyio
async def test_not_ready_while_the_inbox_cannot_be_written(front: Any) -> None:
    """It needs the lock; on Postgres, where there is no such lock, the table."""
    beat(front)
    database = front.inbox.database
    if database.sqlite:
        with closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            status, found = await ready(front)
            other.execute("ROLLBACK")
    else:
        database.write_now(lambda c: c.execute(sa.text("ALTER TABLE inbox RENAME TO away")))
        status, found = await ready(front)
        database.write_now(lambda c: c.execute(sa.text("ALTER TABLE away RENAME TO inbox")))
    assert status == 503
    assert found["database"] != "ok"
    assert (await ready(front))[0] == 200


@pytest.mark.anyio
async def test_asking_whether_it_is_ready_changes_no_delivery(front: Any) -> None:
    await front.deliver(EVENT)
    before = front.kept()
    await ready(front)
    assert front.kept() == before


@pytest.mark.anyio
async def test_the_figures(front: Any) -> None:
    """Deliveries by state, how long the oldest waits, letters, and what was refused and why."""
    await front.deliver(EVENT)
    await front.ask(EVENT)
    front.clock.forward(seconds=90)
    front.database.write_now(letters.add, "kim@mail.example", ContractError("odd", origin="zoom"), front.clock())
    front.database.write_now(notes.put, "recovered", 3)
    front.database.write_now(mails.wait, [Wanted("thanks", "o", "kim@mail.example", front.clock())])
    front.database.write_now(lambda c: mails.cancel(c, "gone", "o", front.clock(), why="by hand"))
    left = Suppression("kim@mail.example", Reason.UNSUBSCRIBED, Source.POLL, front.clock())
    front.database.write_now(suppressions.add, [left])
    answer = await get(front, "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for name, value in {
        "tajo_database_up": 1,
        "tajo_webhooks_received_total": 1,
        'tajo_webhooks_refused_total{status="401",why="forged"}': 1,
        'tajo_inbox_deliveries{state="waiting"}': 1,
        "tajo_inbox_oldest_waiting_seconds": 90,
        "tajo_dead_letters": 1,
        'tajo_mails{state="waiting"}': 1,
        "tajo_suppressed": 1,
        "tajo_workflows_under_way": 0,
        "tajo_recovered_by_sweep": 3,
    }.items():
        assert await front.figure(name) == value, name
    assert b"kim@" not in answer.body
    assert b'state="cancelled"' not in answer.body


@pytest.mark.anyio
async def test_unknown_events_are_counted(front: Any) -> None:
    await front.deliver(EVENT)
    (id_,) = front.inbox.database.read_now(inbox.ids_of)
    front.inbox.database.write_now(inbox.mark, [{"id_": id_, "state": "ignored"}])
    assert await front.figure('tajo_inbox_deliveries{state="ignored"}') == 1
    assert await front.figure("tajo_inbox_oldest_waiting_seconds") == 0


@pytest.mark.anyio
async def test_figures_say_so_when_a_database_is_away(front: Any) -> None:
    front.inbox.database.write_now(inbox.metadata.drop_all)
    assert (await get(front, "/metrics")).status == 200
    assert await front.figure("tajo_database_up") == 0
    front.inbox.database.write_now(inbox.metadata.create_all)


@pytest.mark.anyio
async def test_the_clock_standing_behind_makes_no_negative_age(front: Any) -> None:
    await front.deliver(EVENT)
    front.clock.now -= timedelta(minutes=1)
    assert await front.figure("tajo_inbox_oldest_waiting_seconds") <= 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/webhooks",
        "/webhooks/zoom/",
        "/webhooks/zoom/x",
        "/webhooks/ZOOM",
        "//webhooks/zoom",
        "/healthz/",
        "/docs",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_other_paths_are_not_found_and_never_redirected(front: Any, path: str, method: str) -> None:
    """A redirect would lose a delivery without a sound: Zoom follows none and does not try again."""
    answer = await front.ask(EVENT, front.signed(EVENT), method=method, path=path)
    assert answer.status == 404
    assert "location" not in answer.headers


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_what_is_looked_at_takes_nothing(front: Any, path: str) -> None:
    beat(front)
    for method in ("POST", "PUT", "DELETE"):
        answer = await get(front, path, method)
        assert answer.status == 405
        assert "GET" in answer.headers["allow"]
    assert (await get(front, path, "HEAD")).status == 200


@pytest.mark.anyio
async def test_many_at_once(front: Any) -> None:
    beat(front)
    answers = await asyncio.gather(
        *(get(front, path) for path in ("/readyz", "/metrics", "/healthz") for _ in range(20))
    )
    assert {each.status for each in answers} == {200}
