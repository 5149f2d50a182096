"""The inbox: every genuine webhook, kept before it is acknowledged. On SQLite a file of its own, on Postgres a table.

One writer thread: whatever arrived while the last commit was being made durable is the next batch, so thousands of
requests a second share the disk's flushes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tajo.core.errors import TransientError
from tajo.store.database import Database, Schema
from tajo.store.marks import BODY, ID, NOBODY, OWN
from tajo.store.tables import Moment
from tajo.store.upsert import insert_new, update_each

metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column(
        "digest", sa.String(64), nullable=False, info=NOBODY
    ),  # sha256 of the body: one delivery, however often it is sent
    sa.Column("body", sa.LargeBinary, info=BODY),  # None after its retention
    sa.Column("headers", sa.JSON, nullable=False, info=NOBODY),
    sa.Column("state", sa.String(12), nullable=False, info=NOBODY),
    sa.Column("reason", sa.Text, nullable=False, server_default="", info=NOBODY),  # in words of ours
    sa.Column("handled_at", Moment),
    sa.Column("replayed_at", Moment),  # when somebody last wanted it handled again
    # What it is about, once it has been opened:
    sa.Column("event", sa.String(80), nullable=False, server_default="", info=NOBODY),
    sa.Column("meaning", sa.String(64), nullable=False, server_default="", info=NOBODY),
    sa.Column("uuid", sa.String(64), nullable=False, server_default="", info=NOBODY),
    sa.Column("participant_uuid", sa.String(64), nullable=False, server_default="", info=OWN),
    sa.Column("registrant_id", sa.String(64), nullable=False, server_default="", info=ID),
    sa.Index(None, "digest", unique=True),
    sa.Index(None, "state", "id"),
    sa.Index(None, "meaning"),
    sa.Index(None, "uuid"),
    # Those that still have a body: what retention looks for.
    sa.Index(
        None, "received_at", sqlite_where=sa.text("body IS NOT NULL"), postgresql_where=sa.text("body IS NOT NULL")
    ),
)

SCHEMA = Schema(metadata, "inbox", "0001", "inbox_version")

WAITING, HANDLED, DUPLICATE, IGNORED, QUARANTINED, FAILED = (
    "waiting",
    "handled",
    "duplicate",
    "ignored",
    "quarantined",
    "failed",
)
STATES = (WAITING, HANDLED, DUPLICATE, IGNORED, QUARANTINED, FAILED)

MOST_QUEUED = 20_000  # ours: requests that wait for the disk; beyond that the answer is 503, and Zoom sends again
MOST_IN_BATCH = 2_000
CHUNK = 500  # what surely fits one IN
PATIENCE = timedelta(seconds=2.5)  # ours: Zoom itself gives up after 3 s
BUSY_S = 0.02  # ours: so soon after a batch comes the next delivery, and more are on their way:
GATHER_S = 0.004  # a moment is waited for them. A commit costs more than all else that a delivery needs;
ENOUGH = 16  # unless so many wait already


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

    def __init__(self, database: Database, *, most_queued: int = MOST_QUEUED, patience: timedelta = PATIENCE) -> None:
        self.database = database
        self.duplicates = 0
        self.stored = 0
        self._most_queued = most_queued
        self._patience = patience
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closing = False
        self._flushed = 0.0  # when the last batch was written, on the monotonic clock
        self._thread = threading.Thread(target=self._write_batches, name="inbox", daemon=True)
        self._thread.start()

    async def put(self, item: Received) -> None:
        """Return when the delivery is durable; OverloadError when it is not in time.

        It may become so afterwards: the next one with its digest is a duplicate then.
        """
        if self._closing or self._queue.qsize() >= self._most_queued:
            raise OverloadError("the inbox is full or closing", origin="inbox")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(item, loop, done))
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await done
        except TimeoutError:
            raise OverloadError("the inbox is not written in time", origin="inbox") from None

    def is_busy(self) -> bool:
        """Whether deliveries come one upon the other at this moment."""
        return time.monotonic() - self._flushed < BUSY_S

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
                    stored = self.database.write_now(_insert, [each.item for each in batch])
                    self.stored += stored
                    self.duplicates += len(batch) - stored
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
        if self.is_busy() and self._queue.qsize() < ENOUGH:
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


def _insert(connection: sa.Connection, items: Sequence[Received]) -> int:
    """Keep those whose digest is not there yet; how many they were."""
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
    return insert_new(connection, inbox, rows, "digest")


def _tell(batch: Sequence[_Waiting], failure: Exception | None) -> None:
    """Wake the requests of a batch: one call into each event loop, not one a request."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for each in batch:
        by_loop.setdefault(each.loop, []).append(each)
    for loop, mine in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
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
    """A row of the inbox. `body` is None when its retention is over; `replayed_at` when nobody wanted it again."""

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
    replayed_at: datetime | None

    def told(self) -> dict[str, Any]:
        """As `tajo events list --json` and the HTTP API tell it: no body, no address."""
        return {
            "id": self.id,
            "event": self.event,
            "object_uuid": self.uuid,
            "participant_uuid": self.participant_uuid,
            "registrant_id": self.registrant_id,
            "received_at": self.received_at.isoformat(),
            "status": self.state,
            "reason": self.reason,
        }


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
        row.replayed_at,
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
    for start in range(0, len(wanted), CHUNK):
        rows = connection.execute(
            sa.select(inbox.c.meaning, sa.func.min(inbox.c.id))
            .where(inbox.c.meaning.in_(wanted[start : start + CHUNK]), inbox.c.state == HANDLED)
            .group_by(inbox.c.meaning)
        )
        found.update(rows.all())
    return found


def mark(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record what became of deliveries: rows of id_, state, reason, handled_at, event, meaning, uuid, …"""
    renamed = [{"id" if name == "id_" else name: value for name, value in row.items()} for row in rows]
    update_each(connection, inbox, "id", renamed)


def again(connection: sa.Connection, ids: Iterable[int], now: datetime) -> int:
    """Let deliveries be handled once more, also those that were duplicates; how many of them still have their body."""
    done, wanted = 0, list(ids)
    for start in range(0, len(wanted), CHUNK):
        mine = inbox.c.id.in_(wanted[start : start + CHUNK]) & inbox.c.body.is_not(None)
        done += connection.execute(
            sa.update(inbox).where(mine).values(state=WAITING, reason="", replayed_at=now)
        ).rowcount
    return done


def forget_bodies(connection: sa.Connection, before: datetime) -> int:
    """Forget the bodies of deliveries received before a time (aware UTC), and nothing else of them; how many.

    One that nobody has handled yet keeps its body: without it, it would be lost.
    """
    old = (inbox.c.received_at < before) & inbox.c.body.is_not(None) & (inbox.c.state != WAITING)
    return connection.execute(sa.update(inbox).where(old).values(body=None)).rowcount


_TOLD = [column if column is not inbox.c.body else sa.null().label("body") for column in inbox.c]


def listed(
    connection: sa.Connection, *, since: datetime | None = None, state: str = "", limit: int | None = None
) -> list[Delivery]:
    """Deliveries, newest first, without their bodies."""
    statement = sa.select(*_TOLD).where(_chosen(since, state)).order_by(inbox.c.id.desc()).limit(limit)
    return [_delivery(row) for row in connection.execute(statement)]


def ids_of(connection: sa.Connection, *, since: datetime | None = None, state: str = "") -> list[int]:
    """The ids of deliveries, oldest first."""
    return list(connection.execute(sa.select(inbox.c.id).where(_chosen(since, state)).order_by(inbox.c.id)).scalars())


def _chosen(since: datetime | None, state: str) -> sa.ColumnElement[bool]:
    chosen: sa.ColumnElement[bool] = sa.true()
    if since is not None:
        chosen &= inbox.c.received_at >= since
    if state:
        chosen &= inbox.c.state == state
    return chosen


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


def forget_account(connection: sa.Connection, account_id: str, why: str) -> int:
    """Drop the bodies of an account's deliveries ("" is everybody's) and what they were about; how many.

    Those that nobody has handled yet are ignored for the given reason.
    """
    nothing = {"body": None, "uuid": "", "participant_uuid": "", "registrant_id": "", "meaning": ""}
    forgotten = last = 0
    while True:
        statement = sa.select(inbox.c.id, inbox.c.body, inbox.c.state).where(inbox.c.body.is_not(None))
        statement = statement.where(inbox.c.id > last).order_by(inbox.c.id).limit(500)
        if connection.dialect.name == "postgresql":
            statement = statement.with_for_update(skip_locked=True)  # what another worker holds it folds, and ignores
        rows = connection.execute(statement).all()
        if not rows:
            return forgotten
        last = rows[-1].id
        mine = [row for row in rows if _is_of(row.body, account_id)]
        forgotten += len(mine)
        waits = [row.id for row in mine if row.state == WAITING]
        connection.execute(sa.update(inbox).where(inbox.c.id.in_([row.id for row in mine])).values(nothing))
        connection.execute(sa.update(inbox).where(inbox.c.id.in_(waits)).values(state=IGNORED, reason=why))


def _is_of(body: bytes, account_id: str) -> bool:
    try:
        told = json.loads(body)
        payload = told.get("payload") if isinstance(told, dict) else None
    except (ValueError, RecursionError):
        return not account_id
    return not account_id or (isinstance(payload, dict) and payload.get("account_id") == account_id)


def last_of(connection: sa.Connection, event: str, state: str) -> datetime | None:
    """When the newest delivery of this event that is in this state came."""
    mine = (inbox.c.event == event) & (inbox.c.state == state)
    found: datetime | None = connection.execute(sa.select(sa.func.max(inbox.c.received_at)).where(mine)).scalar()
    return found
