"""Runs: asked for, interrupted, taken up, done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tajo.core.errors import TajoError
from tajo.core.facts import Kind
from tajo.store import runs
from tajo.store.database import Database
from tajo.store.runs import DONE, PAUSED, RUNNING, Run

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUEST = {"since": "2026-11-01", "until": "2026-11-24", "webinar": "", "meeting": "//uuid=="}


@pytest.fixture
def run(database: Database) -> Run:
    return database.write_now(runs.start, "r1", REQUEST, NINE)


def test_a_run_starts(database: Database, run: Run) -> None:
    assert run == Run("r1", REQUEST, RUNNING, NINE, 1, None)
    assert database.read_now(runs.load, "r1") == run
    assert database.read_now(runs.unfinished) == [run]
    assert database.read_now(runs.last) == run


def test_nothing_has_run_yet(database: Database) -> None:
    assert database.read_now(runs.last) is None
    assert database.read_now(runs.unfinished) == []


def test_a_paused_run_is_taken_up_as_the_next_attempt(database: Database, run: Run) -> None:
    database.write_now(runs.end, "r1", PAUSED, {"problem": {"exit": 5}}, NINE + HOUR)
    (paused,) = database.read_now(runs.unfinished)
    assert paused == Run("r1", REQUEST, PAUSED, NINE, 1, {"problem": {"exit": 5}})
    again = database.write_now(runs.again, paused)
    assert again == Run("r1", REQUEST, RUNNING, NINE, 2, None)
    assert database.read_now(runs.load, "r1") == again


def test_unfinished_runs_come_oldest_first(database: Database, run: Run) -> None:
    database.write_now(runs.start, "r0", REQUEST, NINE + HOUR)
    database.write_now(runs.start, "r2", REQUEST, NINE - HOUR)
    database.write_now(runs.end, "r1", DONE, {}, NINE)
    assert [each.id for each in database.read_now(runs.unfinished)] == ["r2", "r0"]
    last = database.read_now(runs.last)
    assert last is not None
    assert last.id == "r0"


def test_a_session_that_was_read_stays_read(database: Database, run: Run) -> None:
    """Discovery is done again after a kill: it finds the same sessions, and what was read is not lost."""

    def add(found: dict[str, object]) -> None:
        database.write_now(runs.add_session, "r1", Kind.WEBINAR, "9", found)

    add({"uuids": ["a"]})
    assert database.read_now(runs.session, "r1", Kind.WEBINAR, "9") == ({"uuids": ["a"]}, None)
    database.write_now(runs.session_read, "r1", Kind.WEBINAR, "9", {"rows": 3}, NINE)
    add({"uuids": ["a", "b"]})
    assert database.read_now(runs.session, "r1", Kind.WEBINAR, "9") == ({"uuids": ["a", "b"]}, {"rows": 3})
    database.write_now(runs.add_session, "r1", Kind.MEETING, "9", {})
    assert database.read_now(runs.sessions, "r1") == [(Kind.MEETING, "9"), (Kind.WEBINAR, "9")]
    assert database.read_now(runs.sessions, "r2") == []


def test_people_are_noted_once(database: Database, run: Run) -> None:
    database.write_now(runs.add_people, "r1", ["lee@x.kr", "kim@x.kr", "kim@x.kr"])
    database.write_now(runs.add_people, "r1", {"kim@x.kr", "park@x.kr"})
    database.write_now(runs.add_people, "r1", [])
    assert database.read_now(runs.people, "r1") == ["kim@x.kr", "lee@x.kr", "park@x.kr"]
    assert database.read_now(runs.people, "r2") == []


@pytest.mark.parametrize(("state", "left"), [(DONE, 0), (PAUSED, 1)])
def test_a_run_that_is_done_forgets_its_working_rows(database: Database, run: Run, state: str, left: int) -> None:
    database.write_now(runs.add_session, "r1", Kind.WEBINAR, "9", {})
    database.write_now(runs.add_people, "r1", ["kim@x.kr"])
    database.write_now(runs.start, "other", REQUEST, NINE)
    database.write_now(runs.add_people, "other", ["kim@x.kr"])
    database.write_now(runs.end, "r1", state, {"outcomes": {"attended": 3}}, NINE)
    assert len(database.read_now(runs.sessions, "r1")) == left
    assert len(database.read_now(runs.people, "r1")) == left
    assert len(database.read_now(runs.people, "other")) == 1
    assert database.read_now(runs.load, "r1").summary == {"outcomes": {"attended": 3}}


def test_a_number_is_given_once(database: Database, run: Run) -> None:
    with pytest.raises(TajoError, match="refuses a statement"):
        database.write_now(runs.start, "r1", REQUEST, NINE)
