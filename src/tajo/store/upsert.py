"""INSERT … ON CONFLICT, the one statement that SQLite and Postgres spell alike but SQLAlchemy types apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the connection's dialect, on which `on_conflict_do_update` works."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each replacing the columns given for the row with the same primary key."""
    if not rows:
        return
    statement = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    given = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if given:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=given)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    connection.execute(statement, list(rows))


AT_ONCE = 200  # rows in one statement


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], unique: str) -> int:
    """Insert rows of equal columns, leaving out those whose `unique` column is there already; how many were new.

    On SQLite many rows are one statement. It gives the interpreter's lock away once a statement, and between the rows
    of an `executemany` each other busy thread would have its turn: hundreds of rows then take as many turns.
    """
    if connection.dialect.name != "sqlite":
        statement = insert(connection, table).on_conflict_do_nothing(index_elements=[unique])
        return len(connection.execute(statement.returning(table.c[unique]), list(rows)).all())
    names = list(rows[0])
    readers = [_for_database(table.c[name], connection.dialect) for name in names]
    new = 0
    for start in range(0, len(rows), AT_ONCE):
        chunk = rows[start : start + AT_ONCE]
        values = [read(row[name]) for row in chunk for name, read in zip(names, readers, strict=True)]
        places = ", ".join(["(" + ", ".join("?" * len(names)) + ")"] * len(chunk))
        text = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {places} ON CONFLICT ({unique}) DO NOTHING"  # noqa: S608 - names of our own tables
        new += connection.exec_driver_sql(text, tuple(values)).rowcount
    return new


def _for_database(column: sa.Column[Any], dialect: sa.Dialect) -> Callable[[Any], Any]:
    """How a value of the column is handed to the driver."""
    found: Callable[[Any], Any] | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    return found or (lambda value: value)
