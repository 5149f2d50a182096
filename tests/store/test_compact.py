"""What was deleted is in no file any more; and where others hold a lock, it is said so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from tajo.store.compact import compact, empty_log
from tajo.store.database import Database
from tajo.store.tables import notes

CANARY = "canary-of-this-test"


def fill(database: Database) -> None:
    """Rows with the canary, deleted by a connection that does not overwrite what it frees."""
    rows = [{"name": f"n{n}", "value": CANARY * 50} for n in range(200)]
    database.write_now(lambda c: c.execute(sa.insert(notes), rows))
    with closing(sqlite3.connect(database.url.database or "")) as other:
        other.execute("PRAGMA secure_delete=OFF")
        other.execute("DELETE FROM notes")
        other.commit()


def files_with(database: Database) -> list[str]:
    folder = Path(database.url.database or "").parent
    return sorted(path.name for path in folder.iterdir() if CANARY.encode() in path.read_bytes())


def test_nothing_is_left_in_the_files(sqlite_database: Database) -> None:
    fill(sqlite_database)
    assert files_with(sqlite_database)
    assert compact(sqlite_database) is True
    assert files_with(sqlite_database) == []
    assert sqlite_database.write_now(lambda c: c.execute(sa.select(sa.func.count()).select_from(notes)).scalar()) == 0


def test_emptying_the_log_alone(sqlite_database: Database) -> None:
    fill(sqlite_database)
    assert empty_log(sqlite_database) is True
    assert (Path(f"{sqlite_database.url.database}-wal")).stat().st_size == 0


def test_somebody_who_writes_keeps_it_from_being_done(sqlite_database: Database) -> None:
    """It gives up in time, and works when they are done; the database is as usable as before."""
    fill(sqlite_database)
    with closing(sqlite3.connect(sqlite_database.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert compact(sqlite_database, patience_s=0.1) is False
        other.execute("ROLLBACK")
    assert compact(sqlite_database) is True
    assert files_with(sqlite_database) == []


def test_somebody_who_reads_keeps_the_log_from_being_emptied(sqlite_database: Database) -> None:
    with closing(sqlite3.connect(sqlite_database.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM notes").fetchone()
        fill(sqlite_database)
        assert compact(sqlite_database, patience_s=0.2) is False
        assert empty_log(sqlite_database, patience_s=0.1) is False
        other.execute("COMMIT")
    assert empty_log(sqlite_database) is True


def test_a_server_is_vacuumed(postgres_database: Database) -> None:
    assert compact(postgres_database) is True
    assert empty_log(postgres_database) is True
