from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tajo.core.budget import Bucket
from tajo.core.errors import RejectedError
from tajo.core.facts import Instance, Kind, Registration, Session, Status, Stay
from tajo.core.plan import Delivered
from tajo.store import budgets, facts, ledger, letters, notes, runs
from tajo.store.copy import NOT_COPIED, copy_into
from tajo.store.database import Database
from tajo.store.tables import metadata

NINE = datetime(2026, 11, 24, 9, 0, 0, 7, tzinfo=UTC)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    made.migrate()
    yield made
    made.close()


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    tables = [table for table in metadata.sorted_tables if table.name not in NOT_COPIED]
    return {
        table.name: sorted(
            (tuple(row) for row in database.read_now(lambda c, t=table: c.execute(sa.select(t)).all())), key=str
        )
        for table in tables
    }


def fill(connection: sa.Connection) -> None:
    facts.save_session(connection, Session(Kind.WEBINAR, "9", topic="봄 🌸", registration_required=None), NINE)
    facts.save_instances(connection, Kind.WEBINAR, "9", [Instance("u", NINE, None)])
    rows = [Stay(NINE, NINE + timedelta(microseconds=n), name="김", waiting=n == 1) for n in range(1_500)]
    facts.add_stays(connection, "u", rows, offset=0)
    registered = Registration("r", "kim@x.kr", Status.APPROVED, answers=(("질문", "답"),))
    facts.save_registrations(connection, Kind.WEBINAR, "9", [registered], vanishing=())
    ledger.save(
        connection, [Delivered("kim@x.kr", {"SMS": "+8210", "N": 1.5}, frozenset({1}))], how="contact", now=NINE
    )
    ledger.open_import(connection, ledger.Import(7, NINE, frozenset({1}), (Delivered("a@x.kr", {}, frozenset()),)))
    letters.add(connection, "kim@x.kr", RejectedError("no", origin="brevo"), NINE)
    notes.put(connection, "connected", NINE.isoformat())
    runs.start(connection, "r1", {}, NINE)
    budgets.take(connection, Bucket("b", timedelta(seconds=1)), NINE)


def test_a_copy_has_every_row_and_none_of_the_moment(database: Database, target: Database) -> None:
    """Runs under way and rate limits are of the moment: a preview must not take them up or wait for them."""
    database.write_now(fill)
    before = everything(database)
    copy_into(database, target)
    assert everything(target) == before == everything(database)
    assert len(before["stays"]) == 1_500
    assert target.read_now(runs.unfinished) == []
    slot = target.write_now(budgets.take, Bucket("b", timedelta(seconds=1)), NINE)
    assert slot.at == NINE


def test_an_empty_database_has_an_empty_copy(database: Database, target: Database) -> None:
    copy_into(database, target)
    assert not any(everything(target).values())


def test_notes_are_kept_by_name(database: Database) -> None:
    assert database.read_now(notes.get, "connected") is None
    for value in ({"at": "2026-11-24"}, False):
        database.write_now(notes.put, "connected", value)
        assert database.read_now(notes.get, "connected") == value
    database.write_now(notes.forget, "connected")
    assert database.read_now(notes.get, "connected") is None
