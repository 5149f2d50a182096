"""From Zoom's rows to facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.connectors.zoom.api.participants import ParticipantRow
from tajo.connectors.zoom.api.polls import Detail, Entry
from tajo.connectors.zoom.api.recordings import read_recording
from tajo.connectors.zoom.api.registrants import Registrant
from tajo.connectors.zoom.api.reports import FeaturesUsed, HistoryRow
from tajo.connectors.zoom.api.sessions import PastMeeting, ScheduledOccurrence, SessionDetails, read_details
from tajo.connectors.zoom.api.webinars import Panelist
from tajo.connectors.zoom.normalise import (
    Found,
    Rows,
    email,
    found_in_history,
    found_in_report,
    recorded,
    registration,
    respondents,
    session,
)
from tajo.core.facts import Instance, Interaction, Kind, Registration, Respondent, Role, Scheduled, Status, Stay

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        (" Kim.Min@Example.COM\t", "kim.min@example.com"),
        ("STRASSE@ß.example", "strasse@ß.example"),
        ("", ""),
        ("iPhone", ""),
        ("@example.com", ""),
        ("kim@", ""),
        ("@", ""),
    ],
)
def test_an_address_is_lower_case_or_none(written: str, known: str) -> None:
    """Lower case and not case-folded: ß and ss are two mailboxes."""
    assert email(written) == known


# --- instances ---

HISTORY = HistoryRow(
    uuid="/a//b==",
    id="97871060099",
    type="Webinar",
    topic="봄 웨비나",
    host_name="Host",
    host_email="Host@Example.com",
    start_time=NINE,
    end_time=NINE + HOUR,
    created_at=None,
    duration_min=60,
    participants_count=3,
    features=FeaturesUsed(registration=True, record_to_cloud=False),
)
PAST = PastMeeting(
    uuid="u==",
    id="81234567890",
    type=2,
    topic="Team meeting",
    host_id="h",
    host_name="Host",
    host_email="Host@Example.com",
    start_time=NINE,
    end_time=NINE + HOUR,
    duration_min=60,
    total_minutes=120,
    participants_count=3,
    has_recording=None,
)


def test_a_row_of_the_history() -> None:
    assert found_in_history(HISTORY) == Found(
        kind=Kind.WEBINAR,
        session_id="97871060099",
        instance=Instance("/a//b==", NINE, NINE + HOUR),
        topic="봄 웨비나",
        host_email="host@example.com",
        registration=True,
        recorded=False,
        participants=3,
    )
    meeting = found_in_history(replace(HISTORY, type="Meeting", features=FeaturesUsed()))
    assert meeting is not None
    assert (meeting.kind, meeting.registration, meeting.recorded) == (Kind.MEETING, None, None)


def test_a_row_of_a_report() -> None:
    assert found_in_report(PAST) == Found(
        kind=Kind.MEETING,
        session_id="81234567890",
        instance=Instance("u==", NINE, NINE + HOUR),
        topic="Team meeting",
        host_email="host@example.com",
    )


@pytest.mark.parametrize("type_", [1, 2, 3, 4, 7, 8, 10, 0])
def test_types_of_meetings(type_: int) -> None:
    found = found_in_report(replace(PAST, type=type_))
    assert found is not None
    assert found.kind is Kind.MEETING


@pytest.mark.parametrize("type_", [5, 6, 9])
def test_types_of_webinars(type_: int) -> None:
    found = found_in_report(replace(PAST, type=type_))
    assert found is not None
    assert found.kind is Kind.WEBINAR


def test_the_call_knows_the_kind_better_than_the_type() -> None:
    found = found_in_report(replace(PAST, type=0), Kind.WEBINAR)
    assert found is not None
    assert found.kind is Kind.WEBINAR


@pytest.mark.parametrize("lacking", [{"uuid": ""}, {"id": ""}, {"start_time": None}])
def test_a_row_that_names_no_instance_is_none(lacking: dict[str, object]) -> None:
    assert found_in_history(replace(HISTORY, **lacking)) is None  # type: ignore[arg-type]
    assert found_in_report(replace(PAST, **lacking)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "minutes", "expected"),
    [
        (NINE + HOUR, 0, NINE + HOUR),
        (None, 25, NINE + 25 * MINUTE),
        (None, 0, None),
        (NINE - MINUTE, 10, NINE),
    ],
)
def test_the_end_is_told_or_counted_or_still_to_come(
    end: datetime | None, minutes: int, expected: datetime | None
) -> None:
    """And never before the start."""
    found = found_in_history(replace(HISTORY, end_time=end, duration_min=minutes))
    assert found is not None
    assert found.instance.end == expected


# --- sessions ---


def details(**fields: object) -> SessionDetails:
    answer = {"id": 97871060099, "topic": "T", "type": 5, "host_email": "Host@Example.com", "timezone": "Asia/Seoul"}
    return read_details({**answer, **fields})


def test_a_session_with_a_single_date() -> None:
    known = session(Kind.WEBINAR, details(start_time="2026-11-24T09:00:00Z", duration=90))
    assert (known.kind, known.id, known.topic, known.type) == (Kind.WEBINAR, "97871060099", "T", 5)
    assert (known.host_email, known.time_zone) == ("host@example.com", "Asia/Seoul")
    assert known.scheduled == (Scheduled("", NINE, 90 * MINUTE),)


def test_a_series_has_its_dates_in_order_and_not_the_deleted_ones() -> None:
    """A date without a length of its own has the series'; one without a start is none."""

    def date(number: str, start: datetime | None, minutes: int, status: str = "available") -> ScheduledOccurrence:
        return ScheduledOccurrence(number, start, minutes, status)

    dates = (
        date("3", NINE + 2 * HOUR, 0),
        date("2", NINE + HOUR, 45, "deleted"),
        date("1", NINE, 30),
        date("4", None, 30),
    )
    known = session(Kind.WEBINAR, replace(details(duration=60), occurrences=dates, start_time=NINE))
    assert known.scheduled == (Scheduled("1", NINE, 30 * MINUTE), Scheduled("3", NINE + 2 * HOUR, HOUR))


def test_a_series_whose_dates_were_all_deleted_has_none() -> None:
    gone = ScheduledOccurrence("1", NINE, 30, "deleted")
    assert session(Kind.WEBINAR, replace(details(), occurrences=(gone,), start_time=NINE)).scheduled == ()


def test_a_session_without_a_fixed_time_has_no_date() -> None:
    assert session(Kind.MEETING, details(type=3)).scheduled == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"settings": {"approval_type": 2}}, False),
        ({"settings": {"approval_type": 0}}, True),
        ({"settings": {"approval_type": 1}}, True),
        ({"registration_url": "https://x"}, True),
    ],
)
def test_whether_people_register(fields: dict[str, object], expected: bool | None) -> None:
    assert session(Kind.MEETING, details(**fields)).registration_required is expected


def test_staff_is_whoever_runs_the_session() -> None:
    """Who is several things at once counts as the highest: the host is often invited as a panelist, too."""
    known = details(settings={"alternative_hosts": "Alt@example.com;both@example.com;"})
    panelists = [
        Panelist(str(n), "", address)
        for n, address in enumerate(["P@example.com", "both@example.com", "host@example.com", ""])
    ]
    assert session(Kind.WEBINAR, known, panelists).staff == (
        ("alt@example.com", Role.ALTERNATIVE_HOST),
        ("both@example.com", Role.ALTERNATIVE_HOST),
        ("host@example.com", Role.HOST),
        ("p@example.com", Role.PANELIST),
    )


# --- registrations ---

REGISTRANT = Registrant(
    id="r1",
    email=" Kim@Example.com ",
    status="pending",
    registered_at=NINE,
    join_url="https://x",
    first_name=" 민서 ",
    last_name="김",
    phone=" +82 10 ",
    org=" Hanul ",
    job_title="팀장 ",
    country=" KR",
    answers=(("질문", "답"),),
)


def test_a_registrant() -> None:
    assert registration(REGISTRANT, occurrence_id="d1", source="newsletter") == Registration(
        registrant_id="r1",
        email="kim@example.com",
        status=Status.PENDING,
        registered_at=NINE,
        occurrence_id="d1",
        first_name="민서",
        last_name="김",
        source="newsletter",
        join_url="https://x",
        phone="+82 10",
        org="Hanul",
        job_title="팀장",
        country="KR",
        answers=(("질문", "답"),),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [("approved", Status.APPROVED), ("denied", Status.DENIED), ("", Status.APPROVED), ("waitlisted", Status.APPROVED)],
)
def test_a_status_that_zoom_may_invent_later_is_a_registration(written: str, expected: Status) -> None:
    known = registration(replace(REGISTRANT, status=written))
    assert known is not None
    assert known.status is expected


def test_a_registrant_without_an_id_is_known_by_the_address() -> None:
    known = registration(replace(REGISTRANT, id=""))
    assert known is not None
    assert known.registrant_id == known.email == "kim@example.com"


def test_a_registrant_without_an_address_keeps_the_id() -> None:
    known = registration(replace(REGISTRANT, email="nobody"))
    assert known is not None
    assert (known.registrant_id, known.email) == ("r1", "")


def test_a_row_with_neither_is_none() -> None:
    assert registration(replace(REGISTRANT, id="", email="n/a")) is None


# --- rows of a report ---

INSTANCE = Instance("u==", NINE, NINE + HOUR)
ROW = ParticipantRow(
    name="Kim",
    email="Kim@Example.com",
    join_time=NINE,
    leave_time=NINE + 10 * MINUTE,
    duration_s=600,
    registrant_id="r1",
    customer_key="c1",
    participant_user_id="z1",
    join_id="16778240",
    status="in_meeting",
    breakout_id="",
    failover=False,
    internal_user=None,
)


def test_a_row_is_a_stay() -> None:
    rows = Rows(INSTANCE)
    (stay,) = rows.take([ROW])
    assert stay == Stay(
        join=NINE,
        leave=NINE + 10 * MINUTE,
        name="Kim",
        email="kim@example.com",
        registrant_id="r1",
        customer_key="c1",
        user_id="z1",
        instance="u==",
    )
    assert (rows.kept, rows.unreadable, rows.unprocessed) == (1, 0, 0)


def test_time_in_the_waiting_room_is_marked() -> None:
    (stay,) = Rows(INSTANCE).take([replace(ROW, status="in_waiting_room")])
    assert stay.waiting


def test_a_row_without_a_leave_time_lasts_as_long_as_told() -> None:
    (stay,) = Rows(INSTANCE).take([replace(ROW, leave_time=None, duration_s=90)])
    assert stay.leave == NINE + timedelta(seconds=90)


def test_nobody_leaves_before_they_join() -> None:
    (stay,) = Rows(INSTANCE).take([replace(ROW, leave_time=NINE - MINUTE)])
    assert (stay.join, stay.leave) == (NINE, NINE)


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    seoul = timezone(9 * HOUR)
    (stay,) = Rows(INSTANCE).take([replace(ROW, join_time=NINE.astimezone(seoul))])
    assert (stay.join, stay.join.utcoffset()) == (NINE, timedelta())


def test_what_is_not_there_yet_is_counted() -> None:
    """A row without a duration is not processed yet; one without a join time cannot be used at all."""
    rows = Rows(INSTANCE)
    stays = rows.take([ROW, replace(ROW, join_id="2", duration_s=0), replace(ROW, join_id="3", join_time=None)])
    assert len(stays) == 2
    assert (rows.kept, rows.unreadable, rows.unprocessed) == (2, 1, 1)


def test_a_row_that_a_shifting_list_shows_twice_counts_once() -> None:
    """Between two pages the list moved by one; two joins in the same second have different ids and are two."""
    rows = Rows(INSTANCE)
    second = replace(ROW, join_id="16779264")
    assert len(rows.take([ROW, second])) == 2
    assert len(rows.take([second, replace(ROW, join_id="16780288")])) == 1
    assert rows.kept == 3
    assert rows.digest.startswith("3:")


def test_a_report_without_rows_has_the_digest_of_none() -> None:
    assert Rows(INSTANCE).digest == f"0:{0:024x}"


some_rows = st.lists(
    st.builds(
        lambda number, seconds, name: replace(ROW, join_id=str(number), duration_s=seconds, name=name),
        st.integers(0, 5),
        st.sampled_from([0, 60]),
        st.sampled_from(["Kim", "김 🎉", "half \ud800"]),
    ),
    max_size=12,
)


@given(some_rows, st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_digest_is_of_the_rows_and_not_of_their_order_or_pages(
    rows: list[ParticipantRow], random: object, size: int
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Rows(INSTANCE), Rows(INSTANCE)
    one.take(rows)
    for start in range(0, len(shuffled), size):
        other.take(shuffled[start : start + size])
    assert (one.digest, one.kept, one.unprocessed) == (other.digest, other.kept, other.unprocessed)
    assert one.kept == len(set(rows))


@given(some_rows.filter(bool))
def test_any_change_changes_the_digest(rows: list[ParticipantRow]) -> None:
    before, longer, fewer = Rows(INSTANCE), Rows(INSTANCE), Rows(INSTANCE)
    distinct = list(dict.fromkeys(rows))
    before.take(distinct)
    longer.take([*distinct[:-1], replace(distinct[-1], leave_time=NINE + 11 * MINUTE)])
    fewer.take(distinct[:-1])
    assert len({before.digest, longer.digest, fewer.digest}) == 3


# --- polls, Q&A, recordings


def test_a_poll_question_counts_once_and_every_question_asked_counts() -> None:
    """On two devices, under two letter cases of the address, with one answer left open."""
    again = Detail("p1", "How?", "Well")
    entries = [
        Entry("Kim", "Kim@Mail.example", (again, Detail("p1", "When?", ""))),
        Entry("Kim (phone)", "kim@mail.example", (again, Detail("p2", "How?", "Badly"))),
    ]
    assert respondents("u", Interaction.POLL, entries) == [
        Respondent("u", Interaction.POLL, 2, "Kim", "kim@mail.example")
    ]
    assert respondents("u", Interaction.QUESTION, entries) == [
        Respondent("u", Interaction.QUESTION, 4, "Kim", "kim@mail.example")
    ]


def test_several_who_are_anonymous_are_not_one() -> None:
    nobody = Entry("Anonymous Attendee", "", (Detail("p1", "How?", "Well"),))
    assert [each.times for each in respondents("u", Interaction.POLL, [nobody, nobody, Entry("Lee", "", ())])] == [1, 1]


def test_a_recording_is_of_the_session_that_its_instance_is_of() -> None:
    """An upload tells type 99 and no passcode that people type."""
    told = read_recording(
        {
            "uuid": "u==",
            "id": 1,
            "type": 99,
            "duration": 61,
            "share_url": "https://zoom.example/s",
            "recording_play_passcode": "play",
            "auto_delete": True,
            "auto_delete_date": "2026-12-01",
            "recording_files": [{"file_type": "MP4"}, {"file_type": "TRANSCRIPT"}],
        }
    )
    found = recorded(told, Kind.WEBINAR, "97", NINE)
    assert (found.kind, found.session_id, found.passcode, found.duration_min) == (Kind.WEBINAR, "97", "play", 61)
    assert (found.transcript, found.expires_on, found.told_at) == (True, date(2026, 12, 1), NINE)
    stays = read_recording({"auto_delete": False, "auto_delete_date": "2026-12-01"})
    assert recorded(stays, Kind.WEBINAR, "97", NINE).expires_on is None
