from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tajo.store.database import Database
from tajo.store.tables import heartbeats, notes, phones, run_people
from tajo.store.upsert import AT_ONCE, insert_new, update_each, upsert


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


NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def beat(name: str, minutes: int = 0) -> dict[str, object]:
    return {"worker": name, "at": NINE + timedelta(minutes=minutes)}


def test_only_new_rows_are_inserted_and_counted(database: Database) -> None:
    """What was there stays as it was; of two in one call the first is new. Texts and times arrive as they are."""
    assert database.write_now(insert_new, heartbeats, [beat("a"), beat("b")], "worker") == 2
    told = [beat("b", 1), beat("다"), beat("d'); --"), beat("다", 2)]
    assert database.write_now(insert_new, heartbeats, told, "worker") == 2
    assert sorted(rows(database, heartbeats)) == sorted([("a", NINE), ("b", NINE), ("다", NINE), ("d'); --", NINE)])


def test_more_rows_than_a_statement_takes_are_all_inserted(database: Database) -> None:
    many = [beat(str(number)) for number in range(2 * AT_ONCE + 1)]
    assert database.write_now(insert_new, heartbeats, many, "worker") == len(many)
    assert database.write_now(insert_new, heartbeats, many, "worker") == 0
    assert len(rows(database, heartbeats)) == len(many)


def test_each_row_gets_its_own_values(database: Database) -> None:
    """Rows that nobody named keep theirs, and a key that is not there adds none."""
    database.write_now(insert_new, heartbeats, [beat("a"), beat('"b"'), beat("c")], "worker")
    database.write_now(update_each, heartbeats, "worker", [beat('"b"', 5), beat("a", 7), beat("z", 9)])
    five, seven = (NINE + timedelta(minutes=minutes) for minutes in (5, 7))
    assert sorted(rows(database, heartbeats)) == [('"b"', five), ("a", seven), ("c", NINE)]


def test_updating_nothing_is_no_work(database: Database) -> None:
    database.write_now(update_each, heartbeats, "worker", [])
    assert rows(database, heartbeats) == []
