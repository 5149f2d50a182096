"""What Zoom said, put in and taken out again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo.core.facts import (
    Instance,
    Interaction,
    Kind,
    Registration,
    Respondent,
    Role,
    Scheduled,
    Session,
    Status,
    Stay,
)
from tajo.core.outcome import Reading
from tajo.store import facts
from tajo.store.database import Database
from tajo.store.tables import registrations

NINE = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KIM = Registration(
    registrant_id="r1",
    email="kim@example.com",
    status=Status.APPROVED,
    registered_at=NINE - timedelta(days=2, microseconds=1),
    first_name="민서 🎉",
    last_name="O'Neil; DROP TABLE",
    source="카카오톡",
    join_url="https://us02web.zoom.us/w/1?tk=a.b",
    phone="+82 10-5550-0001",
    org="Hanul & Söhne",
    job_title="팀장",
    country="KR",
    answers=(("어떻게 알게 되셨나요?", "친구"), ("Interests", "Data;Marketing")),
)
LEE = Registration("r2", "lee@example.com", Status.PENDING)


@pytest.fixture
def webinar(database: Database) -> Database:
    """A database with one webinar's registrants: Kim for all dates, Kim again and Lee for two dates each."""
    listed = [KIM] + [replace(each, occurrence_id=date) for each in (KIM, LEE) for date in ("d1", "d2")]
    save(database, listed, [], at=NINE)
    return database


def save(
    database: Database, listed: list[Registration], vanishing: list[str], *, at: datetime = NINE + 5 * MINUTE
) -> int:
    """Store a listing that was asked for at a time, complete for these dates."""
    told = [replace(each, told_at=at, detailed_at=at, listed_at=at) for each in listed]
    return database.write_now(
        lambda c: facts.save_registrations(c, Kind.WEBINAR, "9", told, vanishing=vanishing, asked_at=at)
    )


def statuses(database: Database) -> dict[tuple[str, str], Status]:
    found = database.read_now(facts.load_registrations, Kind.WEBINAR, "9")
    return {(each.registrant_id, each.occurrence_id): each.status for each in found}


# --- sessions ---


def test_a_session_comes_back_as_it_was(database: Database) -> None:
    session = Session(
        kind=Kind.WEBINAR,
        id="97871060099",
        topic="봄 웨비나 🌸 «1»",
        type=9,
        host_email="host@example.com",
        time_zone="Asia/Seoul",
        scheduled=(
            Scheduled("1756710000000", NINE, timedelta(minutes=90, microseconds=7)),
            Scheduled("1757314800000", NINE + timedelta(days=7), timedelta()),
        ),
        registration_required=True,
        staff=(("host@example.com", Role.HOST), ("p@example.com", Role.PANELIST)),
    )
    database.write_now(facts.save_session, session, NINE)
    assert database.read_now(facts.load_session, Kind.WEBINAR, session.id) == session
    moved = replace(session, topic="", scheduled=(), registration_required=None, staff=())
    database.write_now(facts.save_session, moved, NINE)
    assert database.read_now(facts.load_session, Kind.WEBINAR, session.id) == moved


def test_a_meeting_and_a_webinar_may_have_the_same_number(database: Database) -> None:
    for kind in Kind:
        database.write_now(facts.save_session, Session(kind, "1", topic=str(kind)), NINE)
    assert [database.read_now(facts.load_session, kind, "1").topic for kind in Kind] == ["meeting", "webinar"]
    assert database.read_now(facts.load_session, Kind.MEETING, "2") is None


# --- instances ---


def test_instances_come_back_in_time_order_and_their_times_move(database: Database) -> None:
    first, second = Instance("b+/=", NINE, NINE + MINUTE), Instance("//a", NINE + MINUTE, None)
    database.write_now(facts.save_instances, Kind.MEETING, "1", [second, first])
    assert database.read_now(facts.load_instances, Kind.MEETING, "1") == [first, second]
    later = replace(second, start=NINE + 2 * MINUTE, end=NINE + 9 * MINUTE)
    database.write_now(facts.save_instances, Kind.MEETING, "1", [later])
    assert database.read_now(facts.load_instances, Kind.MEETING, "1") == [first, later]
    assert database.read_now(facts.load_instances, Kind.WEBINAR, "1") == []


def test_an_end_once_known_is_not_forgotten(database: Database) -> None:
    """A webhook that comes late still shows the instance as live."""
    ended = Instance("u", NINE, NINE + MINUTE)
    database.write_now(facts.save_instances, Kind.MEETING, "1", [ended])
    database.write_now(facts.save_instances, Kind.MEETING, "1", [replace(ended, end=None)])
    assert database.read_now(facts.load_instances, Kind.MEETING, "1") == [ended]


def test_moving_an_instance_keeps_what_its_report_showed(database: Database) -> None:
    database.write_now(facts.save_instances, Kind.MEETING, "1", [Instance("u", NINE, None)])
    note(database, "u", "2:ab", complete=True)
    database.write_now(facts.save_instances, Kind.MEETING, "1", [Instance("u", NINE, NINE + MINUTE)])
    assert database.read_now(facts.digest, "u") == "2:ab"
    assert database.read_now(facts.readings, Kind.MEETING, "1") == {"u": Reading(NINE, True, False)}


# --- stays ---


def stay(minute: int, **more: object) -> Stay:
    return Stay(NINE + minute * MINUTE, NINE + (minute + 1) * MINUTE, instance="u", **more)  # type: ignore[arg-type]


def test_rows_come_back_page_by_page_in_their_order(database: Database) -> None:
    """The same minute and the same name twice are two rows."""
    full = stay(
        5, name="김 🎉", email="kim@example.com", registrant_id="r", customer_key="k", user_id="z", waiting=True
    )
    pages = [[full, stay(3)], [], [stay(3), stay(1, name="iPhone")]]
    offset = 0
    for page in pages:
        database.write_now(lambda c, p=page, o=offset: facts.add_stays(c, "u", p, offset=o))
        offset += len(page)
    assert database.read_now(facts.load_stays, ["u"]) == [row for page in pages for row in page]
    assert database.read_now(facts.load_stays, ["v"]) == []
    assert database.read_now(facts.load_stays, []) == []


def test_new_rows_take_the_place_of_the_old_ones(database: Database) -> None:
    database.write_now(lambda c: facts.add_stays(c, "u", [stay(1), stay(2), stay(3)], offset=0))
    database.write_now(lambda c: facts.add_stays(c, "u#reading", [stay(9)], offset=0))
    database.write_now(facts.move_stays, "u#reading", "u")
    assert database.read_now(facts.load_stays, ["u"]) == [stay(9)]
    assert database.read_now(facts.load_stays, ["u#reading"]) == []


def test_moving_rows_that_breaks_off_changes_nothing(database: Database) -> None:
    database.write_now(lambda c: facts.add_stays(c, "u", [stay(1)], offset=0))
    database.write_now(lambda c: facts.add_stays(c, "u#reading", [stay(9)], offset=0))

    def move_and_die(connection: sa.Connection) -> None:
        facts.move_stays(connection, "u#reading", "u")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write_now(move_and_die)
    assert database.read_now(facts.load_stays, ["u"]) == [stay(1)]
    assert len(database.read_now(facts.load_stays, ["u#reading"])) == 1


times = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(st.builds(Stay, times, times, words, words, words, words, words, st.booleans(), st.just("u")), max_size=5)
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_come_back_to_the_microsecond(database: Database, rows: list[Stay]) -> None:
    database.write_now(facts.forget_stays, "u")
    database.write_now(lambda c: facts.add_stays(c, "u", rows, offset=0))
    assert database.read_now(facts.load_stays, ["u"]) == rows


# --- reads of a report ---


def note(database: Database, uuid: str, digest: str, *, complete: bool, at: datetime = NINE) -> None:
    database.write_now(lambda c: facts.note_reading(c, uuid, digest=digest, complete=complete, problem="", now=at))


def test_two_reads_agree_when_their_rows_are_the_same(database: Database) -> None:
    instance = Instance("u", NINE, NINE + MINUTE)
    database.write_now(facts.save_instances, Kind.MEETING, "1", [instance, replace(instance, uuid="unread")])
    told = []
    for minute, (digest, complete) in enumerate([("3:aa", False), ("3:ab", True), ("3:ab", True), ("4:ab", True)]):
        note(database, "u", digest, complete=complete, at=NINE + minute * MINUTE)
        told.append(database.read_now(facts.readings, Kind.MEETING, "1"))
    expected = [(False, False), (True, False), (True, True), (True, False)]
    assert told == [{"u": Reading(NINE + n * MINUTE, c, a)} for n, (c, a) in enumerate(expected)]


def test_a_report_that_could_not_be_read_agrees_with_nothing(database: Database) -> None:
    database.write_now(facts.save_instances, Kind.MEETING, "1", [Instance("u", NINE, NINE + MINUTE)])
    for digest in ("", "", "3:aa"):
        note(database, "u", digest, complete=bool(digest))
        assert not database.read_now(facts.readings, Kind.MEETING, "1")["u"].agree


@pytest.mark.parametrize(("digest", "counts"), [("", False), ("0:000", False), ("10:000", True), ("1:ab", True)])
def test_only_a_report_with_rows_counts_as_read(database: Database, digest: str, counts: bool) -> None:
    database.write_now(facts.save_instances, Kind.MEETING, "1", [Instance("u", NINE, None)])
    note(database, "u", digest, complete=True)
    assert database.read_now(facts.digest, "u") == (digest if counts else "")
    assert database.read_now(facts.digest, "unheard of") == ""


# --- registrations ---


def test_registrants_come_back_as_they_were(webinar: Database) -> None:
    found = webinar.read_now(facts.load_registrations, Kind.WEBINAR, "9")
    kim, lee = (replace(each, told_at=NINE, detailed_at=NINE, listed_at=NINE) for each in (KIM, LEE))
    assert {(each.registrant_id, each.occurrence_id): each for each in found} == {
        ("r1", ""): kim,
        ("r1", "d1"): replace(kim, occurrence_id="d1"),
        ("r1", "d2"): replace(kim, occurrence_id="d2"),
        ("r2", "d1"): replace(lee, occurrence_id="d1"),
        ("r2", "d2"): replace(lee, occurrence_id="d2"),
    }
    assert webinar.read_now(facts.load_registrations, Kind.MEETING, "9") == []


def test_whoever_vanished_has_cancelled_for_the_dates_given_and_no_others(webinar: Database) -> None:
    """d1 was listed anew and nobody is on it; d2 was not listed, and the registration for all dates stands."""
    assert save(webinar, [], ["d1"]) == 1
    assert statuses(webinar) == {
        ("r1", ""): Status.APPROVED,
        ("r1", "d1"): Status.CANCELLED,
        ("r1", "d2"): Status.APPROVED,
        ("r2", "d1"): Status.PENDING,
        ("r2", "d2"): Status.PENDING,
    }
    assert save(webinar, [], ["d1"]) == 0  # counted once


def test_nobody_vanishes_from_a_date_that_is_over(webinar: Database) -> None:
    assert save(webinar, [], []) == 0
    assert Status.CANCELLED not in statuses(webinar).values()


def test_the_registration_for_all_dates_vanishes_by_its_own_listing(webinar: Database) -> None:
    assert save(webinar, [replace(KIM, registrant_id="r9")], [""]) == 1
    assert statuses(webinar)["r1", ""] is Status.CANCELLED
    assert statuses(webinar)["r9", ""] is Status.APPROVED


def test_other_sessions_registrants_do_not_vanish(webinar: Database) -> None:
    for kind, number in ((Kind.MEETING, "9"), (Kind.WEBINAR, "10")):
        webinar.write_now(lambda c, k=kind, n=number: facts.save_registrations(c, k, n, [KIM], vanishing=[]))
    save(webinar, [], [""])
    for kind, number in ((Kind.MEETING, "9"), (Kind.WEBINAR, "10")):
        assert webinar.read_now(facts.load_registrations, kind, number) == [KIM]


def test_who_registers_again_is_back(webinar: Database) -> None:
    save(webinar, [], [""])
    assert save(webinar, [KIM], [""], at=NINE + 6 * MINUTE) == 0
    assert statuses(webinar)["r1", ""] is Status.APPROVED


def test_a_listing_that_was_asked_for_before_does_not_undo_what_came_after(webinar: Database) -> None:
    """Kim registered again while the list was on its way: she is not on it, and has not cancelled."""
    save(webinar, [replace(KIM, occurrence_id="d1")], [], at=NINE + 7 * MINUTE)
    assert save(webinar, [], ["d1"], at=NINE + 6 * MINUTE) == 0
    assert statuses(webinar)["r1", "d1"] is Status.APPROVED


def test_who_is_approved_or_denied_later_changes(webinar: Database) -> None:
    approved = [replace(LEE, occurrence_id="d1", status=Status.APPROVED, join_url="https://x")]
    save(webinar, [*approved, replace(KIM, occurrence_id="d1", status=Status.DENIED)], ["d1"])
    assert statuses(webinar)["r2", "d1"] is Status.APPROVED
    assert statuses(webinar)["r1", "d1"] is Status.DENIED


def test_somebody_who_was_approved_while_the_lists_were_read_may_be_on_two(database: Database) -> None:
    """The list of the approved was read before, the list of the pending after; one row, and no failure."""
    assert save(database, [KIM, replace(KIM, status=Status.PENDING)], [""]) == 0
    assert list(statuses(database)) == [("r1", "")]


def test_a_registrant_without_an_id_and_with_a_long_address_is_kept(database: Database) -> None:
    """The address stands in for the id, and an address may have 254 characters."""
    address = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 58}.kr"
    assert len(address) == 254
    save(database, [Registration(address, address, Status.APPROVED)], [])
    assert [each.email for each in database.read_now(facts.load_registrations, Kind.WEBINAR, "9")] == [address]


def test_thousands_of_registrants_are_stored(sqlite_database: Database) -> None:
    listed = [replace(LEE, registrant_id=f"r{n}", email=f"p{n}@example.com") for n in range(4_000)]
    save(sqlite_database, listed, [""])
    counted = sa.select(sa.func.count()).select_from(registrations)
    assert sqlite_database.read_now(lambda c: c.execute(counted).scalar_one()) == 4_000


# --- who answered and asked


def test_each_reading_of_polls_replaces_those_of_its_instance_and_kind(database: Database) -> None:
    poll, question = Interaction.POLL, Interaction.QUESTION
    first = [Respondent("u", poll, 2, "김", "kim@x.kr"), Respondent("u", poll, 1, "Anonymous Attendee")]
    asked = [Respondent("u", question, 1, "이", "lee@x.kr")]
    other = [Respondent("v", poll, 5, "박", "park@x.kr")]
    for uuid, what, found in (("u", poll, first), ("u", question, asked), ("v", poll, other)):
        database.write_now(facts.save_respondents, uuid, what, found)
    assert database.read_now(facts.load_respondents, ["u"]) == first + asked
    database.write_now(facts.save_respondents, "u", poll, first[:1])
    assert database.read_now(facts.load_respondents, ["v", "u"]) == first[:1] + asked + other
    database.write_now(facts.save_respondents, "u", poll, [])
    assert database.read_now(facts.load_respondents, ["u"]) == asked
