"""INSERT … ON CONFLICT, the one statement that SQLite and Postgres spell alike but SQLAlchemy types apart."""

from __future__ import annotations

import json
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
    """Insert rows (of equal columns) whose `unique` column is not there yet; how many they were.

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
        text = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {places}"  # noqa: S608 - names of our own tables
        new += connection.exec_driver_sql(f"{text} ON CONFLICT ({unique}) DO NOTHING", tuple(values)).rowcount
    return new


def update_each(connection: sa.Connection, table: sa.Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set columns of the row with each `key`; all `rows` have the same columns, of text, numbers and times.

    As in `insert_new` one statement on SQLite, for the same reason.
    """
    if not rows:
        return
    names = [name for name in rows[0] if name != key]
    if connection.dialect.name != "sqlite":
        statement = (
            sa.update(table)
            .where(table.c[key] == sa.bindparam("its_key"))
            .values({name: sa.bindparam(f"new_{name}") for name in names})
        )
        fresh = [{"its_key": row[key], **{f"new_{name}": row[name] for name in names}} for row in rows]
        connection.execute(statement, fresh)
        return
    readers = {name: _for_database(table.c[name], connection.dialect) for name in (key, *names)}
    told = json.dumps([[read(row[name]) for name, read in readers.items()] for row in rows])
    changes = ", ".join(f"{name} = json_extract(told.value, '$[{at}]')" for at, name in enumerate(names, start=1))
    text = f"UPDATE {table.name} SET {changes} FROM json_each(?) AS told"  # noqa: S608 - names of our own tables
    connection.exec_driver_sql(f"{text} WHERE {table.name}.{key} = json_extract(told.value, '$[0]')", (told,))


def _for_database(column: sa.Column[Any], dialect: sa.Dialect) -> Callable[[Any], Any]:
    """How a value of the column is handed to the driver."""
    found: Callable[[Any], Any] | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    return found or (lambda value: value)
