"""Rosters, replaced and read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo.core.attendance import Segment
from tajo.core.facts import Instance, Kind, Occurrence, Registration, Role, Scheduled, Session, Status
from tajo.core.identity import Doubt
from tajo.core.outcome import Outcome, Readiness
from tajo.core.roster import Person, Review, Roster, entries
from tajo.store import rosters
from tajo.store.database import Database
from tajo.store.rosters import Line

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def person(email: str, outcome: Outcome = Outcome.ATTENDED, **more: object) -> Person:
    return Person(email=email, name=email.partition("@")[0], role=Role.ATTENDEE, outcome=outcome, **more)  # type: ignore[arg-type]


def roster(
    *people: Person, start: datetime = NINE, kind: Kind = Kind.WEBINAR, number: str = "9", **more: object
) -> Roster:
    session = Session(kind, number, topic=f"Topic {start:%H}", host_email="host@example.com", time_zone="Asia/Seoul")
    occurrence = Occurrence(session, Scheduled("", start, HOUR), (Instance(f"u{start:%H}", start, start + HOUR),))
    known = {"readiness": Readiness.FINAL, "review": (), "held": HOUR, **more}
    return Roster(occurrence=occurrence, people=people, **known)  # type: ignore[arg-type]


def put(database: Database, *built: Roster, kind: Kind = Kind.WEBINAR, number: str = "9") -> set[str]:
    return database.write_now(rosters.replace, kind, number, built)


def test_all_of_a_sessions_rosters_are_replaced_and_everybody_concerned_is_told(database: Database) -> None:
    """Lee is on no roster any more: what stands about her in Brevo has to change, so she is returned."""
    ten = NINE + HOUR
    assert put(database, roster(person("kim@x.kr"), person("lee@x.kr")), roster(start=ten)) == {"kim@x.kr", "lee@x.kr"}
    again = roster(person("kim@x.kr", Outcome.NO_SHOW), person("park@x.kr"), start=ten)
    assert put(database, again) == {"kim@x.kr", "lee@x.kr", "park@x.kr"}
    found = database.read_now(rosters.entries_of, ["kim@x.kr", "lee@x.kr", "park@x.kr"])
    assert found == {mine.email: [entry] for mine, entry in entries(again)}
    assert [held.start for held in database.read_now(rosters.held)] == [ten]
    assert put(database) == {"kim@x.kr", "park@x.kr"}
    assert database.read_now(rosters.held) == []


def test_other_sessions_keep_theirs(database: Database) -> None:
    meeting = roster(person("kim@x.kr"), kind=Kind.MEETING)
    other = roster(person("kim@x.kr"), number="10", start=NINE + HOUR)
    put(database, meeting, kind=Kind.MEETING)
    put(database, other, number="10")
    put(database, roster(person("kim@x.kr")))
    assert put(database) == {"kim@x.kr"}
    told = database.read_now(rosters.entries_of, ["kim@x.kr"])["kim@x.kr"]
    assert [(entry.kind, entry.session_id) for entry in told] == [(Kind.MEETING, "9"), (Kind.WEBINAR, "10")]


def test_a_replacement_that_breaks_off_changes_nothing(database: Database) -> None:
    put(database, roster(person("kim@x.kr")))

    def break_off(connection: object) -> None:
        rosters.replace(connection, Kind.WEBINAR, "9", [roster(person("lee@x.kr"))])  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write_now(break_off)
    assert list(database.read_now(rosters.entries_of, ["kim@x.kr", "lee@x.kr"])) == ["kim@x.kr"]


def test_somebodys_entries_come_in_time_order(database: Database) -> None:
    starts = [NINE + n * HOUR for n in (5, 1, 3)]
    put(database, *(roster(person("kim@x.kr"), start=start) for start in starts))
    told = database.read_now(rosters.entries_of, ["kim@x.kr"])["kim@x.kr"]
    assert [entry.start for entry in told] == sorted(starts)
    assert [line.entry for line in database.read_now(rosters.lines_of, "kim@x.kr")] == told


def test_thousands_of_people_are_asked_for_at_once(sqlite_database: Database) -> None:
    """More than SQLite takes parameters in one statement of an older build (999)."""
    emails = [f"p{n}@x.kr" for n in range(2_300)]
    put(sqlite_database, roster(*(person(email) for email in emails)))
    found = sqlite_database.read_now(rosters.entries_of, [*emails, "nobody@x.kr"])
    assert set(found) == set(emails)
    assert sqlite_database.read_now(rosters.entries_of, []) == {}


# --- round trips ---

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
times = st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(), timedelta(days=2))
segments = st.builds(lambda join, length: Segment(join, join + length), times, lengths)
registrations = st.builds(
    Registration,
    registrant_id=words,
    email=words,
    status=st.sampled_from(Status),
    registered_at=st.none() | times,
    first_name=words,
    last_name=words,
    source=words,
    join_url=words,
    phone=words,
    org=words,
    job_title=words,
    country=words,
    answers=st.lists(st.tuples(words, words), max_size=2).map(tuple),
)
people = st.builds(
    Person,
    email=words.filter(bool),
    name=words,
    role=st.sampled_from(Role),
    outcome=st.sampled_from(Outcome),
    registration=st.none() | registrations,
    segments=st.lists(segments, max_size=3).map(tuple),
    present=lengths,
    joins=st.integers(0, 99),
    excluded=st.sampled_from(["", "host", "domain x.kr"]),
)
reviews = st.builds(
    Review, st.sampled_from(Doubt), words, st.integers(1, 9), st.lists(segments, max_size=2).map(tuple), lengths
)


@st.composite
def any_rosters(draw: st.DrawFn) -> list[Roster]:
    """The rosters of one session's dates, which start in different minutes."""
    session = Session(Kind.MEETING, "1", topic=draw(words), time_zone=draw(words), host_email=draw(words))
    starts = draw(st.lists(times, unique_by=lambda start: f"{start:%Y%m%dT%H%M}", max_size=3))
    return [
        Roster(
            occurrence=Occurrence(
                session,
                draw(st.none() | st.just(Scheduled("d", start, HOUR))),
                (Instance(draw(words), start, draw(st.none() | st.just(start + HOUR))),),
            ),
            readiness=draw(st.sampled_from(Readiness)),
            people=tuple(draw(st.lists(people, unique_by=lambda each: each.email, max_size=4))),
            review=tuple(draw(st.lists(reviews, max_size=2))),
            held=draw(lengths),
        )
        for start in starts
    ]


@given(any_rosters())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_what_was_built(database: Database, built: list[Roster]) -> None:
    """Every entry, role, stay and count, whatever the language, to the microsecond."""
    put(database, *built, kind=Kind.MEETING, number="1")
    wanted: dict[str, list[Line]] = {}
    for each in sorted(built, key=lambda roster: roster.occurrence.start):
        for mine, entry in entries(each):
            wanted.setdefault(mine.email, []).append(Line(entry, mine.role, mine.segments))
    found = database.read_now(rosters.entries_of, wanted)
    assert found == {email: [line.entry for line in lines] for email, lines in wanted.items()}
    for email, lines in wanted.items():
        assert database.read_now(rosters.lines_of, email) == lines
    for told, each in zip(
        database.read_now(rosters.held), sorted(built, key=lambda each: each.occurrence.start), strict=True
    ):
        assert (told.held, told.readiness, told.in_review) == (each.held, each.readiness, len(each.review))
        assert told.excluded + sum(told.outcomes.values()) == len(each.people)


# --- counting ---


def test_each_occurrence_in_numbers(database: Database) -> None:
    """Excluded people are counted apart, and rows in review by their groups."""
    unknown = Review(Doubt.NAME_ONLY, "iPhone", 7, (Segment(NINE, NINE + MINUTE),), MINUTE)
    full = roster(
        person("a@x.kr"),
        person("b@x.kr"),
        person("c@x.kr", Outcome.NO_SHOW),
        person("d@x.kr", excluded="host"),
        person("e@x.kr", Outcome.DENIED, excluded="domain x.kr"),
        review=(unknown, replace(unknown, doubt=Doubt.AMBIGUOUS)),
    )
    empty = roster(start=NINE + HOUR, readiness=Readiness.OVERDUE, held=timedelta())
    put(database, full, empty)
    first, second = database.read_now(rosters.held)
    assert (first.key, first.kind, first.topic, first.start) == (
        "webinar:9:20261124T0900Z",
        Kind.WEBINAR,
        "Topic 09",
        NINE,
    )
    assert (first.held, first.readiness) == (HOUR, Readiness.FINAL)
    assert first.outcomes == {Outcome.ATTENDED: 2, Outcome.NO_SHOW: 1}
    assert (first.excluded, first.in_review) == (2, 2)
    assert (second.key, second.topic, second.start) == ("webinar:9:20261124T1000Z", "Topic 10", NINE + HOUR)
    assert (second.held, second.readiness) == (timedelta(), Readiness.OVERDUE)
    assert (second.outcomes, second.excluded, second.in_review) == ({}, 0, 0)
    assert database.read_now(rosters.held, [(Kind.WEBINAR, "9"), (Kind.MEETING, "1")]) == [first, second]
    assert database.read_now(rosters.held, [(Kind.MEETING, "9")]) == []
    assert database.read_now(rosters.held, []) == []
