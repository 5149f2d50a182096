"""Small facts by name: when a connector was connected."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tajo.store.tables import notes
from tajo.store.upsert import upsert


def put(connection: sa.Connection, name: str, value: Any) -> None:
    upsert(connection, notes, [{"name": name, "value": value}])


def get(connection: sa.Connection, name: str) -> Any:
    """The value, None when there is none."""
    return connection.execute(sa.select(notes.c.value).where(notes.c.name == name)).scalar()


def forget(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.delete(notes).where(notes.c.name == name))
