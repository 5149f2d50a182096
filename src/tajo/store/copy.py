"""A copy of all rows, for looking at what would happen."""

from __future__ import annotations

import sqlalchemy as sa

from tajo.store.database import Database
from tajo.store.tables import budget_counts, budgets, metadata, runs

NOT_COPIED = frozenset({budgets.name, budget_counts.name, runs.name})  # of the moment, not of the data
CHUNK = 1000


def copy_into(source: Database, target: Database) -> None:
    """Copy every table's rows into an empty database of the same version; the source is only read."""
    with source.engine.connect() as reading:
        for table in metadata.sorted_tables:
            if table.name in NOT_COPIED:
                continue
            for rows in reading.execute(sa.select(table)).mappings().partitions(CHUNK):
                target.write_now(_insert, table, [dict(row) for row in rows])


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    connection.execute(sa.insert(table), rows)
