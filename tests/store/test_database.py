"""Connecting, migrating and failing, on real databases of both kinds."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config as Alembic
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import tajo.store
from tajo.core.errors import ConfigError, TajoError, TransientError
from tajo.store.database import HEAD, Database, _upgrade
from tajo.store.tables import ledger, metadata, notes

MIGRATIONS = Path(tajo.store.__file__).parent / "migrations"


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def put_note(connection: sa.Connection, name: str, value: object = 1) -> None:
    connection.execute(sa.insert(notes).values(name=name, value=value))


def count_notes(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(notes)).scalar_one()


def plain(error: BaseException, *secrets: str) -> str:
    """The error's line, which has to be one line that tells none of these."""
    assert isinstance(error, TajoError)
    line = error.line()
    assert "\n" not in line
    assert error.hint
    assert not [secret for secret in (*secrets, "s3cret", "[SQL:", "[parameters:") if secret in line]
    return line


# --- migrating ---


def test_an_empty_database_becomes_this_version_and_stays_it(empty_url: str) -> None:
    with opened(empty_url) as database:
        assert not database.is_current()
        database.migrate()
        assert database.is_current()
        database.write_now(put_note, "kept")
        database.migrate()
        assert database.read_now(count_notes) == 1
    with opened(empty_url) as again:
        again.migrate()
        assert again.read_now(count_notes) == 1


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    settings = Alembic()
    settings.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(settings).get_heads() == [HEAD]


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    def difference(connection: sa.Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert database.read_now(difference) == []


def columns(connection: sa.Connection) -> dict[tuple[str, str], tuple[str, object, object]]:
    """(table, column) → its type, whether it may be empty, and its default, as the database has them."""
    looking = sa.inspect(connection)
    return {
        (table, column["name"]): (str(column["type"]), column["nullable"], column["default"])
        for table in metadata.tables
        for column in looking.get_columns(table)
    }


def test_the_migrations_give_the_columns_the_defaults_of_the_code(empty_url: str) -> None:
    """Compared by what the database makes of both, since Alembic misreads the default '' of SQLite."""
    with opened(empty_url) as database:
        database.write_now(metadata.create_all)
        meant = database.read_now(columns)
        database.write_now(metadata.drop_all)
        database.migrate()
        assert database.read_now(columns) == meant


MIGRATE = """
    import sys
    from tajo.store.database import Database

    database = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    database.migrate()
    print(database.is_current(), flush=True)
    sys.stdin.readline()
"""


def test_processes_that_migrate_at_once_do_not_meet(empty_url: str, script: Callable[..., Any]) -> None:
    """Three of them, let go at the same moment."""
    processes = [script(MIGRATE, empty_url) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    # All stay until the last one is done: whoever opens a SQLite file while its only user closes it may find it locked.
    assert [process.stdout.readline() for process in processes] == ["True\n"] * 3
    assert [process.communicate(timeout=60) for process in processes] == [("", "")] * 3


def test_threads_that_migrate_at_once_do_not_meet(empty_url: str) -> None:
    gate, failures = threading.Barrier(4), []

    def migrate() -> None:
        with opened(empty_url) as database:
            gate.wait()
            try:
                database.migrate()
            except Exception as error:
                failures.append(error)
            gate.wait()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_newer_database_is_refused(database: Database) -> None:
    database.write_now(lambda c: c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(ConfigError) as caught:
        database.migrate()
    assert "newer version of Tajo (9999)" in plain(caught.value)
    assert caught.value.origin == "database_url"


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    """It breaks off after the tables are made; the next one begins with an empty database."""

    def and_die(connection: sa.Connection) -> None:
        _upgrade(connection)
        raise KeyboardInterrupt

    with opened(empty_url) as database:
        with pytest.raises(KeyboardInterrupt):
            database.write_now(and_die)
        assert database.read_now(lambda c: sa.inspect(c).get_table_names()) == []
        database.migrate()
        assert database.is_current()


# --- files ---


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """A process that would share its files with everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_to_all")
def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """0600, and so are the files that SQLite puts beside it."""
    with opened(f"sqlite:///{tmp_path / 'tajo.db'}") as database:
        database.migrate()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes.pop("tajo.db") == 0o600
    assert set(modes.values()) <= {0o600}


def test_a_relative_path_is_a_file_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///tajo.db") as database:
        database.migrate()
    assert (tmp_path / "tajo.db").is_file()


def test_a_link_that_leads_nowhere_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "tajo.db").symlink_to(tmp_path / "gone" / "tajo.db")
    with pytest.raises(ConfigError) as caught:
        Database(f"sqlite:///{tmp_path / 'tajo.db'}")
    assert "cannot be opened" in plain(caught.value)


# --- one file, opened more than once by one process ---

LOOK = """
    import sys
    import sqlalchemy as sa
    from tajo.store.database import Database
    from tajo.store.tables import notes

    database = Database(sys.argv[1])
    print(database.read_now(lambda c: sorted(c.execute(sa.select(notes.c.name)).scalars())))
    database.close()
"""


def looked(script: Callable[..., Any], url: str) -> str:
    """What another process finds, which opens the database and closes it."""
    out, err = script(LOOK, url).communicate(timeout=60)
    assert err == ""
    return str(out).strip()


def deleted_files() -> list[str]:
    """Files that this process has open and that have no name any more."""
    held = [os.readlink(each) for each in Path("/proc/self/fd").glob("*") if each.is_symlink()]
    return [each for each in held if ".db" in each and each.endswith(" (deleted)")]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")
def test_a_second_database_on_the_file_costs_the_first_one_nothing(sqlite_url: str, script: Callable[..., Any]) -> None:
    """POSIX drops a process's locks on a file when it closes any descriptor of it: the -wal would be taken away."""
    with opened(sqlite_url) as first:
        first.write_now(put_note, "before")
        with opened(sqlite_url) as second:
            second.write_now(put_note, "second")
        with opened(sqlite_url):
            pass  # not even used
        assert looked(script, sqlite_url) == "['before', 'second']"
        assert deleted_files() == []
        first.write_now(put_note, "after")
        assert looked(script, sqlite_url) == "['after', 'before', 'second']"


# --- reading and writing ---


def test_a_write_is_all_or_nothing(database: Database) -> None:
    def half(connection: sa.Connection) -> None:
        put_note(connection, "half")
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        database.write_now(half)
    assert database.read_now(count_notes) == 0


def test_what_a_read_does_is_not_kept(database: Database) -> None:
    database.read_now(put_note, "tried")
    assert database.read_now(count_notes) == 0


@pytest.mark.anyio
async def test_a_hundred_writers_at_once_all_write(database: Database) -> None:
    await asyncio.gather(*(database.write(put_note, f"note {n}") for n in range(100)))
    counts = await asyncio.gather(*(database.read(count_notes) for _ in range(20)))
    assert set(counts) == {100}


def test_reading_goes_on_while_somebody_writes(database: Database) -> None:
    def write_slowly(connection: sa.Connection) -> int:
        put_note(connection, "unfinished")
        return database.read_now(count_notes)

    assert database.write_now(write_slowly) == 0
    assert database.read_now(count_notes) == 1


def test_values_come_back_in_any_language(database: Database) -> None:
    told = {"이름": "김민서 🎉", "b": [1, 2.5, None, True, "“quoted”; -- DROP"]}
    database.write_now(put_note, "웨비나", told)
    assert database.read_now(lambda c: c.execute(sa.select(notes.c.value)).scalar_one()) == told


# --- failures are ours, in one line, without password or values ---


def impatient(database: Database) -> None:
    """Let the pool's only connection wait 20 ms for a lock instead of 30 s."""
    database.read_now(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=20"))


def test_a_locked_file(sqlite_database: Database) -> None:
    impatient(sqlite_database)
    with closing(sqlite3.connect(sqlite_database.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError) as caught:
            sqlite_database.write_now(put_note, "ada@example.com")
        other.execute("ROLLBACK")
    assert "locked" in plain(caught.value, "ada@")
    sqlite_database.write_now(put_note, "afterwards")


def test_a_file_that_may_not_be_written(sqlite_database: Database) -> None:
    sqlite_database.read_now(lambda c: c.exec_driver_sql("PRAGMA query_only=ON"))
    with pytest.raises(TransientError) as caught:
        sqlite_database.write_now(put_note, "ada@example.com")
    assert "readonly" in plain(caught.value, "ada@")


def test_a_server_that_may_not_be_written(postgres_url: str) -> None:
    read_only = f"{postgres_url}&options=-cdefault_transaction_read_only%3Don"
    with opened(read_only) as database, pytest.raises(TransientError) as caught:
        database.write_now(put_note, "ada@example.com")
    assert "read-only" in plain(caught.value, "ada@")


def test_a_server_that_is_not_there() -> None:
    with opened("postgresql://tajo:s3cret@127.0.0.1:1/tajo") as database:
        for use in (database.migrate, database.is_current, lambda: database.read_now(count_notes)):
            with pytest.raises(TransientError) as caught:
                use()
            assert "refused" in plain(caught.value)


def test_a_server_without_that_database(postgres: Any) -> None:
    with opened(postgres.url("nowhere").replace("tajo@", "tajo:s3cret@")) as database, pytest.raises(TajoError) as e:
        database.migrate()
    assert "does not exist" in plain(e.value)


def test_a_connection_that_breaks_is_made_again(postgres: Any, postgres_url: str) -> None:
    """The server restarts between two commands of a service that lives on."""
    with opened(postgres_url) as database:
        database.write_now(put_note, "before")
        own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        postgres._admin.execute(own, (database.url.database,))
        database.write_now(put_note, "after")
        assert database.read_now(count_notes) == 2


def test_a_connection_that_breaks_in_the_middle_is_our_error(postgres: Any, postgres_url: str) -> None:
    with opened(postgres_url) as database:

        def broken(connection: sa.Connection) -> None:
            pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            postgres._admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
            put_note(connection, "ada@example.com")

        with pytest.raises(TransientError) as caught:
            database.write_now(broken)
        plain(caught.value, "ada@")
        assert database.read_now(count_notes) == 0


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Database(f"sqlite:///{tmp_path}/nowhere/tajo.db")
    assert "nowhere" in plain(caught.value)


def test_a_folder_in_the_files_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Database(f"sqlite:///{tmp_path}")
    plain(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "tajo.db").write_text("connectors: {}\n" * 100)
    with opened(f"sqlite:///{tmp_path / 'tajo.db'}") as database, pytest.raises(TajoError) as caught:
        database.migrate()
    assert "not a database" in plain(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://tajo:s3cret@db.example.com/tajo",
        "tajo:s3cret@db.example.com/tajo",
        "oracle+s3cret://x",
        "sqlite://",
        "",
        "postgresql://tajo:s3cret@db.example.com:port/tajo",
        "postgresql://tajo:s3cret/with@slashes:in/it@db.example.com/tajo",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database(url)
    plain(caught.value)
    assert caught.value.origin == "database_url"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_each_way_to_write_postgres_that_the_configuration_takes(scheme: str, config: Callable[..., Any]) -> None:
    url = config(database_url=f"{scheme}://tajo:s3cret@db.example.com/tajo").require("database_url")
    with opened(url) as database:
        assert database.url.drivername == "postgresql+psycopg"
        assert not database.sqlite


def test_a_refused_row_tells_no_values(database: Database) -> None:
    """Whatever the database objects to, e-mail addresses stay out of messages and so of logs."""
    row = {"email": "ada@example.com", "attributes": {}, "lists": [], "written_at": None, "how": "contact"}
    with pytest.raises(Exception) as caught:
        database.write_now(lambda c: c.execute(sa.insert(ledger), [row]))
    assert "ada@example.com" not in str(caught.value)
