"""The engine's own rows: it records what steps return, and people may occur in that.

Its tables are found in the database, not listed here: an update of the engine may bring others.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from tajo.core.traces import Traces
from tajo.store import inbox
from tajo.store.personal import mentions
from tajo.store.tables import metadata

WORKFLOW = "workflow_uuid"
STATUS = "workflow_status"  # the engine's table of them
NAMING = frozenset({WORKFLOW, "parent_workflow_id", "deduplication_id", "queue_partition_key", "destination_uuid"})


def scrub(connection: sa.Connection, person: Traces) -> int:
    """Take the person out of everything that is recorded of workflows; how many rows were changed or deleted.

    A workflow whose very name has the person is about nobody else: it is deleted as a whole.
    """
    tables = _tables(connection)
    changed = 0
    for table in tables:
        for row in _rows(connection, table, person):
            hit = {name for name, value in row.items() if isinstance(value, str) and person.is_in(value)}
            if hit & NAMING and row.get(WORKFLOW) is not None:
                changed += _forget(connection, tables, row[WORKFLOW])
            else:
                changed += _change(connection, table, row, person)
    return changed


def under_way(connection: sa.Connection) -> int:
    """How many workflows are running, or wait to run; 0 where the engine has no tables yet."""
    schema = "dbos" if connection.dialect.name == "postgresql" else None
    if not sa.inspect(connection).has_table(STATUS, schema=schema):
        return 0
    table = sa.table(STATUS, sa.column("status"), schema=schema)
    open_ = table.c.status.in_(("PENDING", "ENQUEUED", "DELAYED"))
    return connection.execute(sa.select(sa.func.count()).select_from(table).where(open_)).scalar_one()


def _tables(connection: sa.Connection) -> list[sa.Table]:
    schema = "dbos" if connection.dialect.name == "postgresql" else None
    ours = {*metadata.tables, *inbox.metadata.tables}
    looking = sa.inspect(connection)
    names = [name for name in looking.get_table_names(schema=schema) if name not in ours]
    found = sa.MetaData()
    return [sa.Table(name, found, schema=schema, autoload_with=connection, resolve_fks=False) for name in sorted(names)]


def _rows(connection: sa.Connection, table: sa.Table, person: Traces) -> list[dict[str, Any]]:
    texts = [each for each in table.columns if isinstance(each.type, sa.String | sa.JSON)]
    if not texts:
        return []
    return [dict(row) for row in connection.execute(sa.select(table).where(mentions(texts, person))).mappings()]


def _its(table: sa.Table, row: dict[str, Any]) -> sa.ColumnElement[bool]:
    keys = list(table.primary_key) or [each for each in table.columns if isinstance(each.type, sa.String)]
    return sa.and_(*(key == row[key.name] for key in keys))


def _forget(connection: sa.Connection, tables: list[sa.Table], workflow_id: str) -> int:
    gone = 0
    for table in tables:
        for name in (WORKFLOW, "destination_uuid"):
            if name in table.c:
                gone += connection.execute(sa.delete(table).where(table.c[name] == workflow_id)).rowcount
    return gone


def _change(connection: sa.Connection, table: sa.Table, row: dict[str, Any], person: Traces) -> int:
    new = {}
    for column in table.columns:
        value = row[column.name]
        if value is None or column.primary_key or not isinstance(column.type, sa.String | sa.JSON):
            continue
        after = person.without(value) if isinstance(column.type, sa.JSON) else _without(value, person)
        if after != value:
            new[column.name] = after
    if new:
        connection.execute(sa.update(table).where(_its(table, row)).values(new))
    return int(bool(new))


def _without(text: str, person: Traces) -> str:
    """What a workflow or a step took or gave is JSON; other texts (errors) are changed as texts."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return person.blanked(text)
    changed = person.without(value)
    return text if changed == value else json.dumps(changed)
