"""Roles ("sync", "serve", a worker's name): each is held by one process at a time, by a lock that a kill frees."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from tajo.core.errors import TajoError
from tajo.store.database import Database

_HINTS = {
    "sync": "wait until it has finished; two at once would do the same work twice",
    "serve": "stop that one first; or let it run, and work beside it with `tajo worker --name second`, or only receive "
    "with `tajo serve --no-worker` on another port",
}  # every other role is a worker's name
PATIENCE_S = 0.5  # whoever only looks whether a role is free holds it for a moment


class BusyError(TajoError):
    """Another process holds the role."""


@contextlib.contextmanager
def role_lock(database: Database, role: str) -> Iterator[None]:
    """Hold a role: a lock file beside a SQLite database, an advisory lock in Postgres. BusyError says who has it."""
    path = Path(f"{database.url.database}.{role}.lock")
    with _file_lock(path, role) if database.sqlite else _advisory_lock(database, role):
        yield


@contextlib.contextmanager
def taken_patiently(database: Database, role: str) -> Iterator[None]:
    """As `role_lock`, for who stays: waits a moment in case somebody only looks whether the role is free."""
    give_up = time.monotonic() + PATIENCE_S
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(role_lock(database, role))
                break
            except BusyError:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(PATIENCE_S / 10)
        yield


def is_held(database: Database, role: str) -> bool:
    """Whether some process holds the role now."""
    try:
        with role_lock(database, role):
            return False
    except BusyError:
        return True


@contextlib.contextmanager
def _file_lock(path: Path, role: str) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _busy(role, os.pread(handle, 100, 0).decode(errors="replace").strip()) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}, tajo {version('tajo')}".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _advisory_lock(database: Database, role: str) -> Iterator[None]:
    with database.engine.connect() as connection:
        got = connection.execute(sa.text("SELECT pg_try_advisory_lock(hashtext(:name))"), {"name": f"tajo:{role}"})
        if not got.scalar():
            raise _busy(role, "")
        connection.commit()
        try:
            yield
        finally:
            connection.execute(sa.text("SELECT pg_advisory_unlock(hashtext(:name))"), {"name": f"tajo:{role}"})
            connection.commit()


def _busy(role: str, who: str) -> BusyError:
    return BusyError(
        f"another {role} is running{f' ({who})' if who else ''}",
        origin="database",
        hint=_HINTS.get(role, f"stop that one first, or give this one a name of its own: --name {role}2"),
    )
