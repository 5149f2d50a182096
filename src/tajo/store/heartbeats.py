"""Workers show that they are alive."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tajo.store.tables import heartbeats
from tajo.store.upsert import upsert


def beat(connection: sa.Connection, worker: str, now: datetime) -> None:
    upsert(connection, heartbeats, [{"worker": worker, "at": now}])


def beats(connection: sa.Connection) -> dict[str, datetime]:
    """Worker → when it last showed itself."""
    return {row.worker: row.at for row in connection.execute(sa.select(heartbeats))}
