"""One database, SQLite or Postgres: connecting, migrating, and running work in transactions off the event loop."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
import sqlalchemy as sa

from tajo.core.errors import ConfigError, TajoError, TransientError
from tajo.store.keys import Vault
from tajo.store.tables import metadata

T = TypeVar("T")

HEAD = "0005"  # the newest migration; a test compares it with the folder
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x7A6A6F  # Postgres advisory lock that one migrating process holds


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables that are migrated together: in which folder of `migrations`, up to which one, and where that is noted."""

    tables: sa.MetaData
    folder: str
    head: str
    version_table: str


MAIN = Schema(metadata, "versions", HEAD, "alembic_version")


class Database:
    """A pool of connections and the two ways to use one: `read` and `write`.

    Work is a function of a connection; it runs in a worker thread, in one transaction, all or nothing. A database that
    cannot be reached or is locked for 30 s is a TransientError.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: Schema = MAIN,
        every_commit: bool = False,
        patience_s: float = 30.0,
        vault: Vault | None = None,
    ) -> None:
        """`every_commit`: on SQLite each commit is on the disk when it returns; `patience_s` is waited for its lock.

        `vault` has the key that tells whose rows are kept no more: see erasures.py.
        """
        self.schema = schema
        self.vault = vault
        self.url = _url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(self.url, every_commit, patience_s) if self.sqlite else _postgres(self.url)
        self._writing = threading.Lock()  # SQLite has one writer: queue here rather than poll its lock

    async def read(self, work: Callable[..., T], *args: Any) -> T:
        return await anyio.to_thread.run_sync(self.read_now, work, *args)

    async def write(self, work: Callable[..., T], *args: Any) -> T:
        return await anyio.to_thread.run_sync(self.write_now, work, *args)

    def read_now(self, work: Callable[..., T], *args: Any) -> T:
        """`work(connection, *args)` in a transaction that is not committed."""
        with named_failures(self.engine), self._connect() as connection:
            return work(connection, *args)

    def write_now(self, work: Callable[..., T], *args: Any) -> T:
        """`work(connection, *args)` in a transaction that is committed at its end, or not at all."""
        turn = self._writing if self.sqlite else nullcontext()
        with named_failures(self.engine), turn, self._writer() as connection, connection.begin():
            return work(connection, *args)

    def _connect(self, **options: Any) -> sa.Connection:
        return self.engine.connect().execution_options(vault=self.vault, **options)

    def _writer(self) -> sa.Connection:
        return self._connect(writes=True)

    def migrate(self) -> None:
        """Bring the schema to this version; safe to call at every start, by several processes at once."""
        with named_failures(self.engine):
            if self._version() == self.schema.head:
                return
            importlib.import_module("alembic.command")  # takes longer than to migrate: not while others wait
            with self._writer() as connection, connection.begin():
                if not self.sqlite:
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                _upgrade(connection, self.schema)

    def is_current(self) -> bool:
        """Whether the schema is of this version; changes nothing."""
        with named_failures(self.engine):
            return self._version() == self.schema.head

    def refuse_newer(self) -> None:
        """ConfigError when the schema is of a newer version of Tajo than this one."""
        with named_failures(self.engine):
            version = self._version()
        if version > self.schema.head:
            raise _newer(version)

    def _version(self) -> str:
        with self.engine.connect() as connection:
            return _version(connection, self.schema) or ""

    def close(self) -> None:
        self.engine.dispose()


def existing(url: str, vault: Vault | None = None) -> Database | None:
    """The database, if it is there and of this version; nothing is created or migrated."""
    path = url.removeprefix("sqlite:///")
    if url.startswith("sqlite:///") and not Path(path).is_file():
        return None
    database = Database(url, vault=vault)
    try:
        if database.is_current():
            return database
        database.refuse_newer()
    except BaseException:
        database.close()
        raise
    database.close()
    return None


def _newer(version: str) -> ConfigError:
    return ConfigError(
        f"the database is of a newer version of Tajo ({version})",
        origin="database_url",
        hint="install that version, or point database_url elsewhere",
    )


_upgrading = threading.Lock()  # Alembic keeps its context in globals


def _version(connection: sa.Connection, schema: Schema) -> str | None:
    if not sa.inspect(connection).has_table(schema.version_table):
        return None
    column = sa.column("version_num", sa.String)
    return connection.execute(sa.select(column).select_from(sa.table(schema.version_table))).scalar()


def _upgrade(connection: sa.Connection, schema: Schema = MAIN) -> None:
    with _upgrading:
        _upgrade_alone(connection, schema)


def _upgrade_alone(connection: sa.Connection, schema: Schema) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    settings = Config()
    settings.set_main_option("script_location", _option(MIGRATIONS))
    settings.set_main_option("path_separator", "newline")
    settings.set_main_option("version_locations", _option(MIGRATIONS / schema.folder))
    settings.attributes.update(connection=connection, schema=schema)
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    version = _version(connection, schema)
    if version is not None and version not in known:
        raise _newer(version)
    command.upgrade(settings, "head")


def _option(path: Path) -> str:
    """Alembic's options are a template, in which % is special."""
    return str(path).replace("%", "%%")


def _url(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "the database address cannot be read",
            origin="database_url",
            hint="write sqlite:///tajo.db or postgresql://user:password@host/name",
        ) from None
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        if (parsed.database or "").startswith("file:") or parsed.query:
            raise ConfigError(
                "SQLite's file: addresses and their options cannot be used",
                origin="database_url",
                hint="write sqlite:///tajo.db, a plain path",
            )
        return parsed
    raise ConfigError(
        f"{parsed.get_backend_name()} is no database Tajo can use",
        origin="database_url",
        hint="use sqlite or postgresql",
    )


def _sqlite(url: sa.URL, every_commit: bool, patience_s: float) -> sa.Engine:
    """WAL, so that reading never waits for writing; NORMAL, so that only a power cut can lose the last commits.

    That is enough but for the inbox: what is lost is read from Zoom again, or written to Brevo again, the same.
    """
    path = Path(url.database or "")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}", origin="database_url", hint="create it first")
    _see_to(path)
    engine = sa.create_engine(url, connect_args={"timeout": patience_s, "check_same_thread": False}, pool_size=5)

    @sa.event.listens_for(engine, "connect")
    def prepare(raw: Any, _: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, see below
        _into_wal(raw, patience_s)
        for pragma in (
            f"synchronous={'FULL' if every_commit else 'NORMAL'}",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            raw.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # IMMEDIATE: a writer takes its place at once instead of failing half-way.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _into_wal(raw: Any, patience_s: float) -> None:
    """Switching the journal does not wait for other connections by itself; once switched it is a word and no more."""
    until = time.monotonic() + patience_s
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


_creating = threading.Lock()


def _see_to(path: Path) -> None:
    """The file is there, its owner's alone where it is made here, and may be written; else ConfigError.

    A file that is there is never opened but by SQLite: to close any descriptor of it drops all POSIX locks that this
    process has on it, and then another process takes the -wal away from under SQLite.
    Source: https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    try:
        with _creating, contextlib.suppress(FileExistsError):  # nobody here has it open before it is closed
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))  # a link that leads nowhere
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ConfigError(
            f"the database file {path} cannot be opened ({error.strerror})",
            origin="database_url",
            hint="check the folder's permissions, or point database_url elsewhere",
        ) from None


def _postgres(url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, pool_size=10, pool_pre_ping=True)


def _is_no_database(error: BaseException | None) -> bool:
    """SQLite's word for a file that is something else."""
    return isinstance(error, sa.exc.DatabaseError) and "not a database" in str(error)


class named_failures:  # noqa: N801 - reads as a phrase: with named_failures(engine)
    """Turn the database's own failures into ours: no statement, no value and no password in the message."""

    def __init__(self, engine: sa.Engine) -> None:
        self.backend = engine.url.get_backend_name()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError | sa.exc.ProgrammingError):
            # A fault of ours. The database's own words quote the row: they are not repeated.
            raise TajoError(
                f"the {self.backend} database refuses a statement ({type(error).__name__})", origin="database"
            ) from None
        if isinstance(error, sa.exc.OperationalError | sa.exc.InternalError) or _is_no_database(error):
            orig = getattr(error, "orig", None)
            reason = str(orig).splitlines()[0][:200] if orig else "no reason given"
            raise TransientError(
                f"the {self.backend} database does not work: {reason}",
                origin="database",
                hint="see that it runs, is writable and has room, then run the command again",
            ) from None
