"""The inbox on real databases of both kinds: durable when acknowledged, one row a delivery, honest when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config as Alembic
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tajo import app
from tajo.core.errors import ConfigError, TransientError
from tajo.store import inbox
from tajo.store.database import MIGRATIONS, Database
from tajo.store.inbox import DUPLICATE, FAILED, HANDLED, IGNORED, WAITING, Inbox, OverloadError, Received

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SOON = timedelta(seconds=0.2)


def received(body: bytes, at: datetime = NOW, **more: Any) -> Received:
    return Received(at, sha256(body).hexdigest(), body, {"x-zm-request-id": "r1"}, **more)


@pytest.fixture
def box(inbox_database: Database) -> Iterator[Inbox]:
    opened = Inbox(inbox_database)
    yield opened
    opened.close()


def stored(database: Database) -> list[tuple[bytes | None, str]]:
    found = database.read_now(lambda c: c.execute(sa.select(inbox.inbox).order_by(inbox.inbox.c.id)).all())
    return [(row.body, row.state) for row in found]


def fill(database: Database, *states: str, at: datetime = NOW) -> list[int]:
    """Deliveries in these states, one a second; their ids."""

    def put(connection: sa.Connection) -> None:
        for number, state in enumerate(states):
            body = f'{{"event":"x","n":{number},"at":"{at}"}}'.encode()
            row = {"received_at": at + timedelta(seconds=number), "digest": sha256(body).hexdigest(), "body": body}
            connection.execute(sa.insert(inbox.inbox).values(**row, headers={}, state=state))

    before = database.read_now(inbox.ids_of)
    database.write_now(put)
    return [id_ for id_ in database.read_now(inbox.ids_of) if id_ not in before]


# --- its schema ---


def test_the_migrations_make_exactly_the_table_of_the_code(empty_url: str) -> None:
    with closing(Database(empty_url, schema=inbox.SCHEMA)) as database:
        database.migrate()
        context = {"compare_type": True, "version_table": inbox.SCHEMA.version_table}
        assert not database.read_now(
            lambda c: compare_metadata(MigrationContext.configure(c, opts=context), inbox.metadata)
        )


def _options(index: Any) -> dict[str, Any]:
    found: dict[str, Any] = index.get("dialect_options", {})
    return found


def shape(connection: sa.Connection) -> tuple[list[Any], list[Any]]:
    """The table's columns with their defaults, and its indexes with what they leave out, as the database has them."""
    looking = sa.inspect(connection)
    columns = [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in looking.get_columns("inbox")]
    indexes = [
        (each["name"], each["column_names"], bool(each["unique"]), {k: str(v) for k, v in _options(each).items()})
        for each in looking.get_indexes("inbox")
    ]
    return columns, sorted(indexes, key=str)


def test_the_migrations_give_the_columns_the_defaults_and_the_indexes_of_the_code(empty_url: str) -> None:
    with closing(Database(empty_url, schema=inbox.SCHEMA)) as database:
        database.write_now(inbox.metadata.create_all)
        meant = database.read_now(shape)
        database.write_now(inbox.metadata.drop_all)
        database.migrate()
        assert database.read_now(shape) == meant
        assert database.is_current()


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    settings = Alembic()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.set_main_option("path_separator", "newline")
    settings.set_main_option("version_locations", str(MIGRATIONS / inbox.SCHEMA.folder))
    assert ScriptDirectory.from_config(settings).get_heads() == [inbox.SCHEMA.head]


def test_both_schemas_live_in_one_database_each_with_its_own_version(database: Database) -> None:
    """On Postgres they do; a file would bear it as well."""
    beside = Database(database.url.render_as_string(hide_password=False), schema=inbox.SCHEMA)
    assert not beside.is_current()
    beside.migrate()
    assert beside.is_current()
    assert database.is_current()
    version = "UPDATE inbox_version SET version_num = '9999'"
    beside.write_now(lambda c: c.execute(sa.text(version)))
    with pytest.raises(ConfigError, match="newer version of Tajo"):
        beside.migrate()
    database.migrate()
    beside.close()


def test_the_application_puts_it_beside_the_database(config: Callable[..., Any], tmp_path: Path) -> None:
    """A second file, the owner's alone, of which nothing is made by looking."""
    settings = config(database_url=f"sqlite:///{tmp_path / 'team.db'}")
    assert app.inbox_if_any(settings) is None
    assert list(tmp_path.iterdir()) == []
    with closing(app.open_inbox(settings)) as opened:
        assert opened.is_current()
        path = tmp_path / "team-inbox.db"
        assert path.stat().st_mode & 0o777 == 0o600
        assert opened.read_now(lambda c: c.execute(sa.text("PRAGMA synchronous")).scalar()) == 2  # FULL
        assert opened.read_now(lambda c: c.execute(sa.text("PRAGMA journal_mode")).scalar()) == "wal"
    again = app.inbox_if_any(settings)
    assert again is not None
    again.close()


# --- keeping ---


@pytest.mark.anyio
async def test_what_was_put_is_there_when_put_returns(box: Inbox, inbox_url: str) -> None:
    """Another connection, as another process would have, sees the body byte by byte, with its headers and its time."""
    body = b'{"event":"x",\xff\x00 "\xea\xb9\x80"}'
    await box.put(received(body))
    with closing(Database(inbox_url, schema=inbox.SCHEMA)) as other:
        found = other.read_now(inbox.one, 1) or other.read_now(lambda c: inbox.one(c, inbox.ids_of(c)[0]))
    assert found is not None
    delivery, headers = found
    assert (delivery.body, delivery.received_at, delivery.state) == (body, NOW, WAITING)
    assert headers == {"x-zm-request-id": "r1"}


@pytest.mark.anyio
async def test_the_same_bytes_are_one_delivery_however_often_they_come(box: Inbox, inbox_database: Database) -> None:
    """Five times one body and twice another one, some of them in one batch: two rows, five duplicates."""
    await asyncio.gather(
        *(box.put(received(b"one", NOW + timedelta(seconds=n))) for n in range(4)), box.put(received(b"two"))
    )
    await box.put(received(b"one"))
    await box.put(received(b"two"))
    assert sorted(body or b"" for body, _ in stored(inbox_database)) == [b"one", b"two"]
    assert (box.stored, box.duplicates) == (2, 5)


@pytest.mark.anyio
async def test_what_arrives_while_the_disk_is_busy_is_one_commit(inbox_database: Database) -> None:
    """A first commit that waits for somebody else's lock, 300 deliveries behind it: two commits more at most."""
    commits = 0

    def count(connection: Any) -> None:
        nonlocal commits
        commits += 1

    sa.event.listen(inbox_database.engine, "commit", count)
    held, go = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> None:
        if not inbox_database.sqlite:
            connection.execute(sa.text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        held.set()
        go.wait(10)

    holding = asyncio.create_task(inbox_database.write(hold))
    await asyncio.to_thread(held.wait, 10)
    box = Inbox(inbox_database, patience=timedelta(seconds=20))
    puts = [asyncio.create_task(box.put(received(b"%d" % n))) for n in range(300)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in puts)
    go.set()
    await asyncio.gather(holding, *puts)
    box.close()
    assert len(stored(inbox_database)) == 300
    assert commits <= 1 + 3  # the holder's; a first small batch, and the rest


@pytest.mark.anyio
async def test_closing_writes_what_is_queued_and_takes_nothing_more(inbox_database: Database) -> None:
    box = Inbox(inbox_database)
    puts = [asyncio.create_task(box.put(received(b"%d" % n))) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.to_thread(box.close)
    await asyncio.gather(*puts)
    assert len(stored(inbox_database)) == 50
    with pytest.raises(OverloadError):
        await box.put(received(b"late"))
    assert len(stored(inbox_database)) == 50


# --- when it cannot ---


@contextlib.contextmanager
def locked(database: Database) -> Iterator[None]:
    """Somebody else holds the database: a backup, a migration."""
    if database.sqlite:
        with closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with database.engine.connect() as connection:
        connection.execute(sa.text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()


@pytest.mark.anyio
async def test_a_locked_database_is_told_within_the_senders_patience(inbox_database: Database) -> None:
    """It is an OverloadError, which is a TransientError, and the next one is kept when the lock is gone."""
    box = Inbox(inbox_database, patience=SOON)
    with locked(inbox_database):
        with pytest.raises(OverloadError) as caught:
            await box.put(received(b"kept later, or not"))
        assert isinstance(caught.value, TransientError)
    box.close()
    again = Inbox(inbox_database)
    await again.put(received(b"afterwards"))
    again.close()
    assert (b"afterwards", WAITING) in stored(inbox_database)


@pytest.mark.anyio
async def test_a_lock_that_lasts_a_second_ends_the_wait_of_the_file_itself(
    config: Callable[..., Any], tmp_path: Path
) -> None:
    """As the application opens it: no request waits for the whole of its patience."""
    with closing(app.open_inbox(config())) as database:
        assert database.read_now(lambda c: c.execute(sa.text("PRAGMA busy_timeout")).scalar()) == 1000
        database.read_now(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=20"))
        box = Inbox(database, patience=timedelta(seconds=60))
        with locked(database), pytest.raises(OverloadError):
            await box.put(received(b"one"))
        await box.put(received(b"one"))
        box.close()
        assert stored(database) == [(b"one", WAITING)]


@pytest.mark.anyio
async def test_a_full_disk_is_told_and_counts_nothing(config: Callable[..., Any]) -> None:
    """The file may not grow: every sender of the batch is told, and when there is room again all is well."""
    with closing(app.open_inbox(config())) as database:
        pages = database.read_now(lambda c: c.execute(sa.text("PRAGMA page_count")).scalar())
        database.read_now(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}"))
        box = Inbox(database)
        results = await asyncio.gather(*(box.put(received(b"%d" % n * 5000)) for n in range(5)), return_exceptions=True)
        assert [type(each) for each in results] == [OverloadError] * 5
        assert (box.stored, box.duplicates, stored(database)) == (0, 0, [])
        database.read_now(lambda c: c.exec_driver_sql("PRAGMA max_page_count=100000"))
        await box.put(received(b"1" * 5000))
        assert (box.stored, box.duplicates) == (1, 0)
        box.close()


@pytest.mark.anyio
async def test_more_than_the_queue_holds_is_refused_at_once(inbox_database: Database) -> None:
    """Room for five: of twenty at most those five and the batch that is being written are taken; the rest hear no."""
    box = Inbox(inbox_database, most_queued=5, patience=timedelta(seconds=20))
    with locked(inbox_database):
        puts = [asyncio.create_task(box.put(received(b"%d" % n))) for n in range(20)]
        await asyncio.sleep(0.05)
        refused = [each for each in puts if each.done()]
        assert len(refused) >= 9
        assert all(isinstance(each.exception(), OverloadError) for each in refused)
        if inbox_database.sqlite:
            for each in puts:
                each.cancel()
    results = await asyncio.gather(*puts, return_exceptions=True)
    box.close()
    kept = {int(body or b"-1") for body, _ in stored(inbox_database)}
    acknowledged = {number for number, result in enumerate(results) if result is None}
    assert acknowledged <= kept


@pytest.mark.anyio
async def test_a_request_that_hangs_up_hurts_nobody_else(box: Inbox, inbox_database: Database) -> None:
    with locked(inbox_database):
        gone = asyncio.create_task(box.put(received(b"gone")))
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    await box.put(received(b"here"))
    assert (b"here", WAITING) in stored(inbox_database)


def test_a_closed_event_loop_does_not_end_the_writer(inbox_database: Database) -> None:
    """Its request is gone with it; the next loop's request is kept."""
    box = Inbox(inbox_database)

    async def and_leave() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await box.put(received(b"left behind"))

    with locked(inbox_database):
        asyncio.run(and_leave())
    asyncio.run(box.put(received(b"next")))
    box.close()
    assert (b"next", WAITING) in stored(inbox_database)


# --- handing on ---


def test_waiting_ones_are_handed_on_oldest_first(inbox_database: Database) -> None:
    ids = fill(inbox_database, WAITING, HANDLED, WAITING, WAITING)
    assert [each.id for each in inbox_database.read_now(inbox.waiting, 2)] == [ids[0], ids[2]]


def test_two_workers_never_hold_the_same_delivery(postgres_database: Database) -> None:
    beside = Database(postgres_database.url.render_as_string(hide_password=False), schema=inbox.SCHEMA)
    beside.migrate()
    ids = fill(beside, *[WAITING] * 6)
    with beside.engine.connect() as one, beside.engine.connect() as other:
        first = [each.id for each in inbox.waiting(one, 4)]
        second = [each.id for each in inbox.waiting(other, 4)]
    beside.close()
    assert (first, second) == (ids[:4], ids[4:])


def test_what_became_of_a_delivery_is_recorded(inbox_database: Database) -> None:
    (id_,) = fill(inbox_database, WAITING)
    row = {"id_": id_, "state": HANDLED, "reason": "", "handled_at": NOW, "event": "x", "meaning": "m" * 64}
    row |= {"uuid": "u", "participant_uuid": "p", "registrant_id": "r"}
    inbox_database.write_now(inbox.mark, [row])
    inbox_database.write_now(inbox.mark, [])
    (found,) = inbox_database.read_now(inbox.listed)
    assert (found.state, found.event, found.uuid, found.participant_uuid, found.registrant_id, found.handled_at) == (
        HANDLED,
        "x",
        "u",
        "p",
        "r",
        NOW,
    )
    assert inbox_database.read_now(inbox.known_meanings, ["m" * 64, "n" * 64]) == {"m" * 64: id_}
    assert inbox_database.read_now(inbox.told_of, "u", "x")
    assert not inbox_database.read_now(inbox.told_of, "u", "y")


def test_only_what_was_handled_makes_another_one_a_duplicate(inbox_database: Database) -> None:
    """What failed told nobody anything: the next one that tells the same is handled. Also for very many at once."""
    ids = fill(inbox_database, HANDLED, HANDLED, FAILED, DUPLICATE, IGNORED)
    rows = [{"id_": id_, "meaning": meaning} for id_, meaning in zip(ids, "aabcd", strict=True)]
    inbox_database.write_now(inbox.mark, rows)
    asked = ["a", "b", "c", "d", *(str(n) for n in range(2000))]
    assert inbox_database.read_now(inbox.known_meanings, asked) == {"a": ids[0]}


# --- looking and replaying ---


def test_listing_is_newest_first_without_bodies_and_by_time_state_and_number(inbox_database: Database) -> None:
    ids = fill(inbox_database, HANDLED, FAILED, HANDLED, WAITING)

    def listed(**chosen: Any) -> list[int]:
        return [each.id for each in inbox_database.read_now(lambda c: inbox.listed(c, **chosen))]

    assert listed() == ids[::-1]
    assert listed(limit=2) == [ids[3], ids[2]]
    assert listed(state=HANDLED) == [ids[2], ids[0]]
    assert listed(since=NOW + timedelta(seconds=1), state=HANDLED) == [ids[2]]
    assert listed(since=NOW + timedelta(seconds=9)) == []
    assert {each.body for each in inbox_database.read_now(inbox.listed)} == {None}
    assert inbox_database.read_now(lambda c: inbox.ids_of(c, since=NOW, state=HANDLED)) == [ids[0], ids[2]]


def test_counts_and_the_oldest_that_waits(inbox_database: Database) -> None:
    assert inbox_database.read_now(inbox.counts) == ({}, None)
    fill(inbox_database, HANDLED, WAITING, WAITING, FAILED)
    states, oldest = inbox_database.read_now(inbox.counts)
    assert states == {HANDLED: 1, WAITING: 2, FAILED: 1}
    assert oldest == NOW + timedelta(seconds=1)


def test_there_is_no_other_one(inbox_database: Database) -> None:
    assert inbox_database.read_now(inbox.one, 4711) is None


def test_replaying_lets_wait_again_and_notes_the_moment(inbox_database: Database) -> None:
    ids = fill(inbox_database, HANDLED, DUPLICATE, FAILED, HANDLED)
    later = NOW + timedelta(hours=1)
    assert inbox_database.write_now(inbox.again, [*ids[:3], 4711], later) == 3
    found = inbox_database.read_now(inbox.waiting, 10)
    assert [(each.id, each.replayed_at) for each in found] == [(id_, later) for id_ in ids[:3]]


def test_very_many_are_replayed_at_once(inbox_database: Database) -> None:
    """More ids than one statement takes (32,766 on SQLite, 65,535 on Postgres)."""
    fill(inbox_database, HANDLED)
    assert inbox_database.write_now(inbox.again, range(70_000), NOW) == 1


# --- retention ---


def test_bodies_are_forgotten_after_their_time_and_nothing_else_is(inbox_database: Database) -> None:
    """Received on the 24th of November and kept for 30 days: there on the 24th of December, gone a moment later."""
    kept = timedelta(days=30)
    states = (HANDLED, DUPLICATE, FAILED, IGNORED)
    ids = fill(inbox_database, *states)
    young = fill(inbox_database, HANDLED, at=NOW + timedelta(days=1))
    before = inbox_database.read_now(inbox.listed)

    def forget(now: datetime) -> int:
        return inbox_database.write_now(inbox.forget_bodies, now - kept)

    assert forget(NOW + kept) == 0
    assert all(body for body, _ in stored(inbox_database))
    assert forget(NOW + kept + timedelta(seconds=1)) == 1
    assert forget(NOW + kept + timedelta(hours=1)) == 3
    assert forget(NOW + kept + timedelta(hours=1)) == 0
    assert [body is None for body, _ in stored(inbox_database)] == [True] * 4 + [False]
    assert inbox_database.read_now(inbox.listed) == before
    assert inbox_database.write_now(inbox.again, [*ids, *young], NOW) == 1


def test_a_body_that_nobody_has_handled_yet_is_not_forgotten(inbox_database: Database) -> None:
    """The workers were off for a month: what came is handled first."""
    fill(inbox_database, WAITING)
    assert inbox_database.write_now(inbox.forget_bodies, NOW + timedelta(days=365)) == 0
    assert stored(inbox_database)[0][0] is not None


def test_what_was_forgotten_is_in_no_file(config: Callable[..., Any], tmp_path: Path) -> None:
    """SQLite overwrites it: neither the database nor its log has the bytes any more."""
    secret = b"canary-7f3a-" + b"x" * 5000
    settings = config()
    with closing(app.open_inbox(settings)) as database:
        database.write_now(
            lambda c: c.execute(
                sa.insert(inbox.inbox).values(received_at=NOW, digest="d", body=secret, headers={}, state=HANDLED)
            )
        )
        assert database.write_now(inbox.forget_bodies, NOW + timedelta(days=1)) == 1
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    assert not [path for path in tmp_path.iterdir() if b"canary-7f3a" in path.read_bytes()]
