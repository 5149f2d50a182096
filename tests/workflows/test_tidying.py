"""Retention: raw bodies go when their time is over, by the worker's clock and by a plain sync's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.config.load import load
from tajo.store import inbox
from tajo.store.database import Database
from tajo.workflows.engine import Engine
from tajo.workflows.tidying import WORKFLOWS_KEPT, tidy
from tajo.workflows.worker import Worker

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


def put(box: Database, at: datetime, *states: str) -> None:
    """Webhooks of these states, received then; the odd one out is replayed."""
    rows = [
        {"received_at": at, "digest": f"{at}{n}", "body": b"raw-canary", "headers": {}, "state": state}
        for n, state in enumerate(states)
    ]
    box.write_now(lambda c: c.execute(sa.insert(inbox.inbox), rows))


def with_body(box: Database) -> list[str]:
    there = sa.select(inbox.inbox.c.state).where(inbox.inbox.c.body.is_not(None)).order_by(inbox.inbox.c.id)
    return list(box.read_now(lambda c: c.execute(there).scalars()))


async def test_bodies_go_after_thirty_days_by_the_clock(
    bench: Callable[..., Any], sqlite_database: Database, inbox_url: str
) -> None:
    """Handled, duplicate, ignored, quarantined, failed and replayed ones; one that waits keeps its body."""
    box = Database(inbox_url, schema=inbox.SCHEMA)
    box.migrate()
    async with bench() as b, Engine(sqlite_database, "serve", b.services, live=True) as engine:
        worker = Worker(b.services, engine, box, name="serve")
        put(box, b.clock(), *inbox.STATES)
        box.write_now(inbox.again, [2], b.clock())  # replayed, and handled again
        box.write_now(lambda c: c.execute(sa.update(inbox.inbox).where(inbox.inbox.c.id == 2).values(state="handled")))
        b.clock.forward(days=29, hours=23)
        put(box, b.clock(), "handled")
        await worker._tidy()
        assert len(with_body(box)) == 7
        b.clock.forward(hours=2)
        await worker._tidy()
        assert with_body(box) == ["waiting", "handled"]
        b.clock.forward(days=30)
        await worker._tidy()
        assert with_body(box) == ["waiting"]
        assert len(box.read_now(inbox.listed)) == 7
    box.close()


async def test_the_setting_says_how_long(bench: Callable[..., Any], sqlite_database: Database, inbox_url: str) -> None:
    box = Database(inbox_url, schema=inbox.SCHEMA)
    box.migrate()
    async with bench(settings={"retention": {"raw_payloads": "2d"}}) as b:
        put(box, b.clock() - 2 * DAY - timedelta(seconds=1), "handled")
        put(box, b.clock() - 2 * DAY + timedelta(seconds=1), "handled")
        await tidy(b.services, box, lambda _: None)
        assert len(with_body(box)) == 1
    box.close()


async def test_workflows_are_forgotten_after_a_week(bench: Callable[..., Any]) -> None:
    async with bench() as b:
        asked: list[datetime] = []
        await tidy(b.services, None, asked.append)
        assert asked == [b.clock() - WORKFLOWS_KEPT]


def test_the_default_is_thirty_days(tmp_path: Any) -> None:
    (tmp_path / "tajo.yml").write_text("{}")
    assert load(tmp_path / "tajo.yml", env={}).retention.raw_payloads == 30 * DAY
