"""The catalogue of mappable fields: their names are in users' YAML."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tajo.core.contact import Contact, Entry, fold
from tajo.core.engagement import Weights
from tajo.core.facts import Kind
from tajo.core.fields import FIELDS, Scope, Terms, catalogue, question
from tajo.core.outcome import Outcome, Readiness
from tajo.core.recordings import Recorded

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
CATALOGUE = [
    "email", "name", "first_name", "last_name", "join_time", "leave_time", "duration", "duration_minutes",
    "attended_percent", "join_count", "topic", "session_id", "session_uuid", "session_start", "host_email",
    "webinar_title", "attendance_status", "registration_source", "registered_at", "join_url", "phone", "org",
    "job_title", "country", "sessions_attended", "join_delay_minutes", "left_early", "polls_answered",
    "questions_asked", "sessions_attended_90d", "score", "share_url", "passcode",
]  # fmt: skip
PERSON = {
    "email", "name", "first_name", "last_name", "webinar_title", "phone", "org", "job_title", "country",
    "sessions_attended",
}  # fmt: skip

FULL = Entry(
    occurrence="webinar:97871060099:20260901T1400Z",
    kind=Kind.WEBINAR,
    session_id="97871060099",
    uuid="gm8s9L+PTEC+FG3sFbd1Cw==",
    topic="Autumn",
    start=TWO,
    time_zone="Asia/Seoul",
    host_email="ana@corp.example",
    held=timedelta(minutes=65),
    readiness=Readiness.FINAL,
    outcome=Outcome.ATTENDED,
    approved=True,
    name="Min Kim",
    first_name="Min",
    last_name="Kim",
    joined=TWO + timedelta(minutes=2),
    left=TWO + timedelta(minutes=60),
    present=timedelta(minutes=52),
    joins=3,
    registered_at=TWO - timedelta(days=3),
    source="newsletter",
    join_url="https://zoom.example/w/97871060099?tk=abc",
    phone="010-1234-5678",
    org="Corp",
    job_title="Baker",
    country="KR",
    answers=(("How did you hear?", "Friend"),),
    began=TWO,
    late_at=TWO + timedelta(minutes=52),
    polls_answered=1,
    questions_asked=1,
    recording=Recorded("u", "97871060099", Kind.WEBINAR, "Autumn", "https://zoom.example/s", "pw", 61, False, TWO),
)
EXPECTED: dict[str, object] = {
    "email": "kim@mail.example",
    "name": "Min Kim",
    "first_name": "Min",
    "last_name": "Kim",
    "join_time": TWO + timedelta(minutes=2),
    "leave_time": TWO + timedelta(minutes=60),
    "duration": 3120,
    "duration_minutes": 52,
    "attended_percent": 80,
    "join_count": 3,
    "topic": "Autumn",
    "session_id": "97871060099",
    "session_uuid": "gm8s9L+PTEC+FG3sFbd1Cw==",
    "session_start": TWO,
    "host_email": "ana@corp.example",
    "webinar_title": "Autumn",
    "attendance_status": "attended",
    "registration_source": "newsletter",
    "registered_at": TWO - timedelta(days=3),
    "join_url": "https://zoom.example/w/97871060099?tk=abc",
    "phone": "010-1234-5678",
    "org": "Corp",
    "job_title": "Baker",
    "country": "KR",
    "sessions_attended": 1,
    "join_delay_minutes": 2,
    "left_early": False,
    "polls_answered": 1,
    "questions_asked": 1,
    "sessions_attended_90d": 1,
    "score": 68,  # 40 for 80 % of it, 10 to the end, 8 for one poll of two, 10 for a question
    "share_url": "https://zoom.example/s",
    "passcode": "pw",
}
ZEROES = ("duration", "duration_minutes", "attended_percent", "join_count", "sessions_attended")


def contact(*entries: Entry) -> Contact:
    return fold("kim@mail.example", entries)


def value(name: str, *entries: Entry) -> object:
    return FIELDS[name].read(contact(*entries))


def bare(**more: object) -> Entry:
    """A guest of whom Zoom knows nothing but the address."""
    guest = Entry(
        occurrence="meeting:1",
        kind=Kind.MEETING,
        session_id="1",
        uuid="",
        topic="",
        start=TWO,
        time_zone="UTC",
        host_email="",
        held=timedelta(),
        readiness=Readiness.FINAL,
        outcome=Outcome.ATTENDED,
    )
    return replace(guest, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_field_of_the_contract_exists(name: str) -> None:
    assert name in FIELDS
    assert FIELDS[name].name == name
    assert FIELDS[name].meaning


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_field_has_its_value_for_somebody_of_whom_all_is_known(name: str) -> None:
    """65 minutes held, 52 present: 80 %."""
    assert value(name, FULL) == EXPECTED[name]


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_value_is_of_the_declared_type(name: str) -> None:
    types = {"text": str, "float": int | float, "date": datetime, "boolean": bool}
    assert isinstance(value(name, FULL), types[FIELDS[name].type])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_can_be_read_where_nothing_is_known(name: str) -> None:
    assert value(name, bare()) is not ...
    assert FIELDS[name].read(contact()) in (None, "", 0, "kim@mail.example")


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_an_absent_value_is_nought_for_numbers_and_empty_for_the_rest(name: str) -> None:
    assert FIELDS[name].empty == (0 if FIELDS[name].type == "float" else "")


@pytest.mark.parametrize("name", ZEROES)
def test_numbers_of_somebody_who_stayed_away_are_nought(name: str) -> None:
    away = replace(FULL, outcome=Outcome.NO_SHOW, joined=None, left=None, present=timedelta(), joins=0, approved=True)
    assert value(name, away) == 0


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_describes_the_session_changes_with_it_and_what_describes_the_person_does_not(name: str) -> None:
    assert FIELDS[name].scope is (Scope.PERSON if name in PERSON else Scope.SESSION)


def test_more_than_all_of_it_is_a_hundred_percent() -> None:
    """Somebody whose clock says 70 of 65 minutes."""
    assert value("attended_percent", replace(FULL, present=timedelta(minutes=70))) == 100


@pytest.mark.parametrize(("present_s", "percent"), [(0, 0), (19, 0), (39, 1), (1950, 50), (3881, 100), (3900, 100)])
def test_percent_is_rounded(present_s: int, percent: int) -> None:
    """Of 3,900 s: 19 s are 0.49 %, 3,881 s are 99.51 %."""
    assert value("attended_percent", replace(FULL, present=timedelta(seconds=present_s))) == percent


def test_no_percentage_of_a_session_that_took_no_time() -> None:
    assert value("attended_percent", bare(present=timedelta(minutes=5))) == 0


# Nobody is `registered` any more once a roster has settled.
READY = dict.fromkeys(Outcome, FULL.readiness) | {Outcome.REGISTERED: Readiness.COMING}


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.ATTENDED])
def test_no_percentage_for_whom_is_not_said_to_have_attended(outcome: Outcome) -> None:
    assert value("attended_percent", replace(FULL, outcome=outcome, readiness=READY[outcome])) == 0


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_status_is_the_outcomes_word(outcome: Outcome) -> None:
    assert value("attendance_status", replace(FULL, outcome=outcome, readiness=READY[outcome])) == outcome.value


def test_duration_is_in_seconds_and_duration_minutes_is_rounded() -> None:
    entry = replace(FULL, present=timedelta(minutes=51, seconds=40))
    assert (value("duration", entry), value("duration_minutes", entry)) == (3100, 52)


def test_sessions_attended_counts_those_attended() -> None:
    history = [
        replace(FULL, occurrence=str(day), start=TWO + timedelta(days=day), outcome=outcome)
        for day, outcome in enumerate([Outcome.ATTENDED, Outcome.NO_SHOW, Outcome.ATTENDED, Outcome.UNKNOWN])
    ]
    assert value("sessions_attended", *history) == 2


def test_session_fields_come_from_the_carried_session_all_at_once() -> None:
    """A newer no-show leaves nothing of the older visit behind."""
    missed = replace(
        FULL,
        occurrence="newer",
        start=TWO + timedelta(days=7),
        topic="Winter",
        outcome=Outcome.NO_SHOW,
        joined=None,
        left=None,
        present=timedelta(),
        joins=0,
        source="",
    )
    found = {name: value(name, FULL, missed) for name in ("topic", "join_time", "duration", "registration_source")}
    assert found == {"topic": "Winter", "join_time": None, "duration": 0, "registration_source": ""}


def test_a_question_is_read_by_its_title() -> None:
    field = question("  how did you hear? ")
    assert field.read(contact(FULL)) == "Friend"
    assert field.scope is Scope.PERSON
    assert question("Budget").read(contact(FULL)) == ""
    assert question("Budget").name == 'question: "Budget"'


def test_the_weights_of_the_configuration_make_the_score() -> None:
    alone = Terms(Weights(presence=100, to_the_end=0, polls=0, questions=0, repeat=0))
    assert catalogue(alone)["score"].read(contact(FULL)) == 80


def test_earlier_visits_of_the_90_days_before_count() -> None:
    """Three are enough for 15 points more; the one of 91 days ago is none of them."""
    days = [replace(FULL, occurrence=str(day), start=TWO - timedelta(days=day)) for day in (10, 20, 90, 91)]
    assert value("score", FULL, *days) == 68 + 15
    assert value("sessions_attended_90d", FULL, *days) == 4


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_recording_is_for_the_outcomes_that_are_configured(outcome: Outcome) -> None:
    entry = replace(FULL, outcome=outcome, readiness=READY[outcome])
    usual = (Outcome.ATTENDED, Outcome.NO_SHOW, Outcome.UNKNOWN)
    assert value("share_url", entry) == ("https://zoom.example/s" if outcome in usual else "")
    absentees = catalogue(Terms(recording_for=frozenset({Outcome.NO_SHOW})))
    assert bool(absentees["passcode"].read(contact(entry))) == (outcome is Outcome.NO_SHOW)


def test_a_session_without_a_recording_clears_the_link_of_the_one_before() -> None:
    newer = replace(FULL, occurrence="newer", start=TWO + timedelta(days=7), recording=None)
    assert (value("share_url", FULL, newer), value("passcode", FULL, newer)) == ("", "")


def test_terms_change_no_names_and_no_types() -> None:
    other = catalogue(Terms(Weights(presence=100), frozenset()))
    assert [(each.name, each.type) for each in other.values()] == [(each.name, each.type) for each in FIELDS.values()]
