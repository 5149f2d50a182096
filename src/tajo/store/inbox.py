"""The inbox: every genuine webhook, kept before it is acknowledged. On SQLite a file of its own, on Postgres a table.

One writer thread: whatever arrived while the last commit was being made durable is the next batch, so thousands of
requests a second share the disk's flushes.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tajo.core.errors import TransientError
from tajo.store.database import Database
from tajo.store.tables import Moment
from tajo.store.upsert import insert_new, update_each

metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # sha256 of the body: one delivery, however often it is sent
    sa.Column("body", sa.LargeBinary),  # None after its retention
    sa.Column("headers", sa.JSON, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("handled_at", Moment),
    # What it is about, once it has been opened:
    sa.Column("event", sa.String(80), nullable=False, server_default=""),
    sa.Column("meaning", sa.String(64), nullable=False, server_default=""),
    sa.Column("uuid", sa.String(64), nullable=False, server_default=""),
    sa.Column("participant_uuid", sa.String(64), nullable=False, server_default=""),
    sa.Column("registrant_id", sa.String(64), nullable=False, server_default=""),
    sa.Index(None, "digest", unique=True),
    sa.Index(None, "state", "id"),
    sa.Index(None, "meaning"),
    sa.Index(None, "uuid"),
)

WAITING, HANDLED, DUPLICATE, IGNORED, QUARANTINED, FAILED = (
    "waiting",
    "handled",
    "duplicate",
    "ignored",
    "quarantined",
    "failed",
)

MOST_QUEUED = 20_000  # ours: requests that wait for the disk; beyond that the answer is 503, and Zoom sends again
MOST_IN_BATCH = 2_000
BUSY_S = 0.02  # ours: so soon after a batch comes the next delivery, and more are on their way:
GATHER_S = 0.004  # a moment is waited for them. A commit costs more than all else that a delivery needs.


@dataclass(frozen=True, slots=True)
class Received:
    """One genuine delivery, as it came. `state` and `event` are given where nothing is left to handle."""

    received_at: datetime
    digest: str
    body: bytes
    headers: dict[str, str]
    event: str = ""
    state: str = ""


class OverloadError(TransientError):
    """The inbox cannot take another one now; the sender has to try again."""


@dataclass(slots=True)
class _Waiting:
    item: Received
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Inbox:
    """Puts deliveries into the database in batches. `duplicates` counts deliveries that were there already."""

    def __init__(self, database: Database, *, most_queued: int = MOST_QUEUED) -> None:
        self.database = database
        self.duplicates = 0
        self.stored = 0
        self._most_queued = most_queued
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closing = False
        self._flushed = 0.0  # when the last batch was written, on the monotonic clock
        self._thread = threading.Thread(target=self._write_batches, name="inbox", daemon=True)
        self._thread.start()

    async def put(self, item: Received) -> None:
        """Return when the delivery is durable. OverloadError when it will not be: nothing was acknowledged."""
        if self._closing or self._queue.qsize() >= self._most_queued:
            raise OverloadError("the inbox is full or closing", origin="inbox")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(item, loop, done))
        await done

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._closing = True
        self._queue.put(None)
        self._thread.join(timeout=30)

    def _write_batches(self) -> None:
        while True:
            batch, more = self._next_batch()
            if batch:
                failure: Exception | None = None
                try:
                    self.database.write_now(self._insert, [each.item for each in batch])
                except Exception as error:  # whatever it is, the senders have to be told: they try again
                    failure = OverloadError(f"the inbox cannot write ({type(error).__name__})", origin="inbox")
                _tell(batch, failure)
                self._flushed = time.monotonic()
            if not more:
                return

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        if time.monotonic() - self._flushed < BUSY_S:
            time.sleep(GATHER_S)
        batch = [first]
        while len(batch) < MOST_IN_BATCH:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return batch, False
            batch.append(item)
        return batch, True

    def _insert(self, connection: sa.Connection, items: Sequence[Received]) -> None:
        rows = [
            {
                "received_at": item.received_at,
                "digest": item.digest,
                "body": item.body,
                "headers": item.headers,
                "state": item.state or WAITING,
                "event": item.event,
            }
            for item in items
        ]
        stored = insert_new(connection, inbox, rows, "digest")
        self.stored += stored
        self.duplicates += len(items) - stored


def _tell(batch: Sequence[_Waiting], failure: Exception | None) -> None:
    """Wake the requests of a batch: one call into each event loop, not one a request."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for each in batch:
        by_loop.setdefault(each.loop, []).append(each)
    for loop, mine in by_loop.items():
        loop.call_soon_threadsafe(_resolve, mine, failure)


def _resolve(batch: Sequence[_Waiting], failure: Exception | None) -> None:
    for each in batch:
        if not each.done.done():
            if failure is None:
                each.done.set_result(None)
            else:
                each.done.set_exception(failure)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the inbox. `body` is None when its retention is over."""

    id: int
    received_at: datetime
    body: bytes | None
    state: str
    reason: str
    event: str
    uuid: str
    participant_uuid: str
    registrant_id: str
    handled_at: datetime | None


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        row.id,
        row.received_at,
        row.body,
        row.state,
        row.reason,
        row.event,
        row.uuid,
        row.participant_uuid,
        row.registrant_id,
        row.handled_at,
    )


def waiting(connection: sa.Connection, limit: int) -> list[Delivery]:
    """The oldest deliveries that nobody has handled yet; on Postgres locked, and without those somebody else holds."""
    statement = sa.select(inbox).where(inbox.c.state == WAITING).order_by(inbox.c.id).limit(limit)
    if connection.dialect.name == "postgresql":
        statement = statement.with_for_update(skip_locked=True)
    return [_delivery(row) for row in connection.execute(statement)]


def known_meanings(connection: sa.Connection, meanings: Iterable[str]) -> dict[str, int]:
    """Meaning → the first delivery that told it, of those already handled."""
    found: dict[str, int] = {}
    wanted = sorted(set(meanings))
    for start in range(0, len(wanted), 500):
        rows = connection.execute(
            sa.select(inbox.c.meaning, sa.func.min(inbox.c.id))
            .where(inbox.c.meaning.in_(wanted[start : start + 500]), inbox.c.state == HANDLED)
            .group_by(inbox.c.meaning)
        )
        found.update(rows.all())
    return found


def mark(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record what became of deliveries: rows of id_, state, reason, handled_at, event, meaning, uuid, …"""
    renamed = [{"id" if name == "id_" else name: value for name, value in row.items()} for row in rows]
    update_each(connection, inbox, "id", renamed)


def again(connection: sa.Connection, ids: Sequence[int]) -> int:
    """Let deliveries be handled once more; how many of them still have their body."""
    found = connection.execute(
        sa.update(inbox).where(inbox.c.id.in_(list(ids)), inbox.c.body.is_not(None)).values(state=WAITING, reason="")
    )
    return found.rowcount


def listed(
    connection: sa.Connection, *, since: datetime | None = None, state: str = "", limit: int | None = None
) -> list[Delivery]:
    """Deliveries, newest first."""
    statement = sa.select(inbox).order_by(inbox.c.id.desc())
    if since is not None:
        statement = statement.where(inbox.c.received_at >= since)
    if state:
        statement = statement.where(inbox.c.state == state)
    if limit is not None:
        statement = statement.limit(limit)
    return [_delivery(row) for row in connection.execute(statement)]


def one(connection: sa.Connection, id_: int) -> tuple[Delivery, dict[str, str]] | None:
    """A delivery with its headers."""
    row = connection.execute(sa.select(inbox).where(inbox.c.id == id_)).one_or_none()
    return (_delivery(row), dict(row.headers)) if row is not None else None


def counts(connection: sa.Connection) -> tuple[dict[str, int], datetime | None]:
    """How many deliveries are in which state, and when the oldest waiting one came."""
    states: dict[str, int] = dict(
        connection.execute(sa.select(inbox.c.state, sa.func.count()).group_by(inbox.c.state)).all()
    )
    oldest = connection.execute(sa.select(sa.func.min(inbox.c.received_at)).where(inbox.c.state == WAITING)).scalar()
    return states, oldest


def forget_bodies(connection: sa.Connection, before: datetime) -> int:
    """Forget the bodies of deliveries that were received before then; how many."""
    found = connection.execute(
        sa.update(inbox)
        .where(inbox.c.received_at < before, inbox.c.body.is_not(None), inbox.c.state != WAITING)
        .values(body=None)
    )
    return found.rowcount
