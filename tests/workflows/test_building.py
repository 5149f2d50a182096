"""From stored facts to stored rosters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from tajo.core.facts import Instance, Kind, Registration, Scheduled, Session, Status, Stay
from tajo.core.outcome import Outcome, Readiness, Settle
from tajo.core.roster import Rules
from tajo.store import facts, rosters
from tajo.store.database import Database
from tajo.workflows.building import rebuild

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEBINAR = Session(
    Kind.WEBINAR, "9", type=5, topic="T", scheduled=(Scheduled("", NINE, HOUR),), registration_required=True
)


def build(
    database: Database, *, now: datetime = NINE + DAY, gap: timedelta = HOUR, kind: Kind = Kind.WEBINAR
) -> set[str]:
    return database.write_now(lambda c: rebuild(c, kind, "9", rules=Rules(), settle=Settle(), restart_gap=gap, now=now))


def put(database: Database, session: Session, *spans: tuple[float, float | None]) -> None:
    """The session, with instances from minute to minute after nine, each read once after the deadline."""
    database.write_now(facts.save_session, session, NINE)
    found = [
        Instance(f"u{n}", NINE + start * MINUTE, None if end is None else NINE + end * MINUTE)
        for n, (start, end) in enumerate(spans)
    ]
    database.write_now(facts.save_instances, session.kind, session.id, found)
    for each in found:
        read = partial(facts.note_reading, digest="1:a", complete=True, problem="", now=NINE + 5 * HOUR)
        database.write_now(read, each.uuid)


def come(database: Database, uuid: str, email: str, start: float, end: float) -> None:
    stay = Stay(NINE + start * MINUTE, NINE + end * MINUTE, email=email, name=email)
    database.write_now(lambda c: facts.add_stays(c, uuid, [stay], offset=int(start)))


def told(database: Database) -> list[rosters.Held]:
    return database.read_now(rosters.held)


def test_a_session_that_nobody_knows_has_no_rosters(database: Database) -> None:
    assert build(database) == set()


def test_facts_become_a_roster(database: Database) -> None:
    """Kim came twice, over a restart; Lee registered and did not."""
    put(database, WEBINAR, (0, 30), (40, 70))
    people = [Registration(f"r{email}", email, Status.APPROVED) for email in ("kim@x.kr", "lee@x.kr")]
    database.write_now(lambda c: facts.save_registrations(c, Kind.WEBINAR, "9", people, vanishing=()))
    come(database, "u0", "kim@x.kr", 5, 30)
    come(database, "u1", "kim@x.kr", 40, 60)
    assert build(database) == {"kim@x.kr", "lee@x.kr"}
    (held,) = told(database)
    assert (held.key, held.held, held.readiness) == ("webinar:9:20261124T0900Z", HOUR, Readiness.FINAL)
    assert held.outcomes == {Outcome.ATTENDED: 1, Outcome.NO_SHOW: 1}
    (entry,) = database.read_now(rosters.entries_of, ["kim@x.kr"])["kim@x.kr"]
    assert (entry.present, entry.joins, entry.uuid) == (45 * MINUTE, 2, "u1")


def test_building_again_gives_the_same(database: Database) -> None:
    put(database, WEBINAR, (0, 60))
    come(database, "u0", "kim@x.kr", 5, 30)
    first = build(database), told(database), database.read_now(rosters.entries_of, ["kim@x.kr"])
    assert (build(database), told(database), database.read_now(rosters.entries_of, ["kim@x.kr"])) == first


def test_an_instance_that_was_never_read_keeps_the_roster_open(database: Database) -> None:
    put(database, WEBINAR, (0, 30))
    unread = Instance("unread", NINE + 40 * MINUTE, NINE + 60 * MINUTE)
    database.write_now(facts.save_instances, Kind.WEBINAR, "9", [unread])
    build(database, now=NINE + 90 * MINUTE)
    assert [held.readiness for held in told(database)] == [Readiness.SETTLING]
    build(database)
    assert [held.readiness for held in told(database)] == [Readiness.OVERDUE]


def test_a_live_session_is_still_to_come(database: Database) -> None:
    put(database, WEBINAR, (0, None))
    build(database, now=NINE + 20 * MINUTE)
    assert [held.readiness for held in told(database)] == [Readiness.COMING]


def test_who_is_on_a_roster_no_more_is_returned_all_the_same(database: Database) -> None:
    put(database, WEBINAR, (0, 60))
    come(database, "u0", "kim@x.kr", 5, 30)
    build(database)
    database.write_now(facts.forget_stays, "u0")
    assert build(database) == {"kim@x.kr"}
    assert database.read_now(rosters.entries_of, ["kim@x.kr"]) == {}


def test_two_runs_that_begin_in_the_same_minute_are_two(database: Database) -> None:
    """With restart_gap 0m the second of them is a session of its own; the configuration allows that."""
    meeting = Session(Kind.MEETING, "9", type=3)
    put(database, meeting, (0, 0.2), (0.5, 30))
    come(database, "u1", "kim@x.kr", 5, 30)
    assert build(database, gap=timedelta(), kind=Kind.MEETING) == {"kim@x.kr"}
    assert len(told(database)) == 2


def test_thousands_of_rows_are_built_at_once(sqlite_database: Database) -> None:
    put(sqlite_database, WEBINAR, (0, 60))
    rows = [Stay(NINE, NINE + MINUTE, email=f"p{n % 2_000}@x.kr", name="n") for n in range(4_000)]
    sqlite_database.write_now(lambda c: facts.add_stays(c, "u0", rows, offset=0))
    assert len(build(sqlite_database)) == 2_000
