from __future__ import annotations

import sqlalchemy as sa

from tajo.store.database import Database
from tajo.store.tables import notes, phones, run_people
from tajo.store.upsert import upsert


def rows(database: Database, table: sa.Table) -> list[tuple[object, ...]]:
    return [tuple(row) for row in database.read_now(lambda c: c.execute(sa.select(table)).all())]


def test_a_row_is_put_in_or_replaces_the_one_with_its_key(database: Database) -> None:
    database.write_now(upsert, notes, [{"name": "a", "value": 1}, {"name": "b", "value": 2}])
    database.write_now(upsert, notes, [{"name": "b", "value": [3]}, {"name": "c", "value": None}])
    assert sorted(rows(database, notes), key=str) == [("a", 1), ("b", [3]), ("c", None)]


def test_only_the_columns_given_are_replaced(database: Database) -> None:
    """Of two rows with the same key in one call the later one counts."""
    first = {"attribute": "SMS", "number": "1", "email": "a@x.kr"}
    database.write_now(upsert, phones, [first, {**first, "email": "b@x.kr"}])
    assert rows(database, phones) == [("SMS", "1", "b@x.kr")]


def test_rows_that_are_nothing_but_a_key_may_come_again(database: Database) -> None:
    row = {"run": "r", "email": "a@x.kr"}
    for _ in range(2):
        database.write_now(upsert, run_people, [row, row])
    assert rows(database, run_people) == [("r", "a@x.kr")]


def test_no_rows_are_no_work(database: Database) -> None:
    database.write_now(upsert, notes, [])
    assert rows(database, notes) == []
