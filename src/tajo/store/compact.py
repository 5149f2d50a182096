"""Making what was deleted unreadable: freed pages, and the write-ahead log, still have the bytes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa

from tajo.core.errors import TransientError
from tajo.store.database import Database, named_failures

PATIENCE_S = 10.0  # ours: others read and write meanwhile, each for a moment
MOMENT_MS = 20  # while the log is emptied nobody can write: rather tried again than waited for


def compact(database: Database, *, patience_s: float = PATIENCE_S) -> bool:
    """Write the database anew without what was deleted, and empty its log; False where others did not let it in time.

    On Postgres the rows' room is given back for others; its own write-ahead log and backups are the server's.
    """
    try:
        with named_failures(database.engine):
            return _sqlite(database, patience_s) if database.sqlite else _postgres(database)
    except (TransientError, sqlite3.OperationalError):  # the raw connection's own word for a lock
        return False


def empty_log(database: Database, *, patience_s: float = 1.0) -> bool:
    """Empty a SQLite database's write-ahead log: what was deleted stays in it until it is written over."""
    if not database.sqlite:
        return True
    try:
        with named_failures(database.engine), _waiting(database, MOMENT_MS) as cursor:
            return _truncated(cursor, time.monotonic() + patience_s)
    except (TransientError, sqlite3.OperationalError):
        return False


@contextmanager
def _waiting(database: Database, ms: int) -> Iterator[Any]:
    """A cursor outside of any transaction, which waits so long for others."""
    with closing(database.engine.raw_connection()) as raw:
        cursor = raw.cursor()
        before = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout={ms}")
        try:
            yield cursor
        finally:
            cursor.execute(f"PRAGMA busy_timeout={before}")


def _sqlite(database: Database, patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    with _waiting(database, round(patience_s * 1000)) as cursor:
        cursor.execute("VACUUM")
    with _waiting(database, MOMENT_MS) as cursor:
        return _truncated(cursor, until)


def _truncated(cursor: Any, until: float) -> bool:
    """Whether the log is empty: not while somebody still reads what was before."""
    while True:
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.05)


def _postgres(database: Database) -> bool:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM"))
    return True
