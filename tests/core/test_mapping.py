"""From fields to Brevo attributes: every value in the declared type, or refused by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tajo.core.contact import Contact, Entry, fold
from tajo.core.facts import Kind
from tajo.core.fields import FIELDS, Value, question
from tajo.core.mapping import Attribute, Declared, Mapped, UnfitError, attributes, clean, coerce, phone
from tajo.core.outcome import Outcome, Readiness

KIM = "kim@mail.example"
UTC_ZONE = ZoneInfo("UTC")
SEOUL = ZoneInfo("Asia/Seoul")
NEW_YORK = ZoneInfo("America/New_York")
LATE = datetime(2026, 9, 1, 15, 30, tzinfo=UTC)  # 00:30 on the 2nd in Seoul

WEBINAR = Entry(
    occurrence="webinar:1",
    kind=Kind.WEBINAR,
    session_id="1",
    uuid="uuid-1",
    topic="Autumn",
    start=LATE,
    time_zone="Asia/Seoul",
    host_email="ana@corp.example",
    held=timedelta(hours=1),
    readiness=Readiness.FINAL,
    outcome=Outcome.ATTENDED,
    approved=True,
    name="Min Kim",
    first_name="Min",
    last_name="Kim",
    joined=LATE,
    left=LATE + timedelta(minutes=45),
    present=timedelta(minutes=45),
    joins=1,
    registered_at=LATE - timedelta(days=3),
    source="newsletter",
    phone="010-1234-5678",
    country="KR",
    answers=(("Size", "11-50"),),
)
COMING = replace(
    WEBINAR,
    occurrence="webinar:2",
    topic="Winter",
    readiness=Readiness.COMING,
    outcome=Outcome.REGISTERED,
    joined=None,
    left=None,
    present=timedelta(),
    joins=0,
    source="",
)


def declared(type_: str, name: str = "ATTRIBUTE", **options: Attribute) -> Declared:
    return Declared(name, type_, options)


def written(
    value: Value, type_: str, zone: ZoneInfo = UTC_ZONE, *, options: Mapping[str, Attribute] | None = None
) -> Attribute:
    return coerce(value, Declared("ATTRIBUTE", type_, options or {}), zone)


def mapped(contact: Contact, **types: str) -> Mapped:
    """Each field mapped to the attribute of its own name in capitals."""
    mapping = [(FIELDS[name], name.upper()) for name in types]
    return attributes(contact, mapping, {name.upper(): declared(type_, name.upper()) for name, type_ in types.items()})


# --- texts


@pytest.mark.parametrize(
    "text",
    [
        "Kim Min-seo",
        "김민서",
        "O'Neil & Co",
        "Zoë Ångström",
        "👩‍👩‍👧‍👦 family",  # joined by ZWJ
        "👍🏽",
        "עברית",
        "\u202bעברית\u202c",  # with direction marks
        "العربية",
        "ไทย",
        "e\u0301",
        "{ single } %",
        "100 % {x}",
        "a/b\\c;d,e",
    ],
)
def test_letters_of_any_language_stay(text: str) -> None:
    assert clean(text) == text
    assert written(text, "text") == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("{{7*7}}", "{ {7*7}}"),
        ("{% if x %}", "{ % if x %}"),
        ("{{{x}}}", "{ { {x}}}"),
        ("{{{{", "{ { { {"),
        ("{{%", "{ { %"),
        ("a{\x00{b", "a{ {b"),
        ("<b>bold</b>", "‹b›bold‹/b›"),
        ("<>", "‹›"),
        ("tab\tline\r\nnext", "tab line  next"),
        ("bell\x07null\x00\x7f\x85", "bellnull"),
        ("\ud800half", "half"),
        ("  around  ", "around"),
        ("", ""),
    ],
)
def test_what_a_template_or_a_mail_would_run_is_broken(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


texts = st.text(st.one_of(st.sampled_from("{%}<>&' \t\r\n\x00a가"), st.characters()), max_size=20)


@given(texts)
@example("{\x00{")
@example("{\u200b{")
@example(" {{ ")
def test_no_cleaned_text_runs_or_breaks_anything(text: str) -> None:
    found = clean(text)
    assert not {"{{", "{%"} & {found[at : at + 2] for at in range(len(found))}
    assert not set("<>") & set(found)
    assert not [char for char in found if unicodedata.category(char) in ("Cc", "Cs")]
    assert found == found.strip()


@given(texts)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(categories=["L", "M", "N", "So", "Sk"]), max_size=20))
def test_letters_marks_digits_and_emoji_are_never_lost(text: str) -> None:
    assert clean(text) == text


def test_other_values_as_text() -> None:
    assert written(52, "text") == "52"
    assert written(True, "text") == "yes"
    assert written(False, "text") == "no"


def test_a_time_in_a_text_is_utc_whatever_the_sessions_zone() -> None:
    """00:30 in Seoul is 15:30 UTC on the day before."""
    local = LATE.astimezone(SEOUL)
    assert written(LATE, "text", SEOUL) == written(local, "text", SEOUL) == "2026-09-01T15:30:00Z"


# --- dates


def test_a_date_is_the_day_in_the_sessions_zone() -> None:
    """15:30 UTC is the 1st in UTC and the 2nd in Seoul."""
    assert written(LATE, "date", UTC_ZONE) == "2026-09-01"
    assert written(LATE, "date", SEOUL) == "2026-09-02"
    assert written(datetime(2026, 9, 1, 14, 59, 59, tzinfo=UTC), "date", SEOUL) == "2026-09-01"


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 8, 4, 30, tzinfo=UTC), "2026-03-07"),  # 23:30 EST, hours before clocks go forward
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), "2026-03-08"),  # 23:59 EDT, on the short day
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), "2026-03-09"),
        (datetime(2026, 11, 1, 4, 30, tzinfo=UTC), "2026-11-01"),  # 00:30 EDT, before they go back
        (datetime(2026, 11, 2, 4, 30, tzinfo=UTC), "2026-11-01"),  # 23:30 EST, on the long day
    ],
)
def test_a_date_follows_summer_time(moment: datetime, day: str) -> None:
    assert written(moment, "date", NEW_YORK) == day


@pytest.mark.parametrize("text", ["2026-09-01", " 2026-09-01 ", "2026-09-01T15:30:00Z"])
def test_a_written_date_is_a_date(text: str) -> None:
    assert written(text, "date") == "2026-09-01"


@pytest.mark.parametrize("text", ["01/09/2026", "tomorrow", "2026-02-30", "", "9"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(UnfitError, match="not a date"):
        written(text, "date")


def test_a_number_is_no_date() -> None:
    with pytest.raises(UnfitError):
        written(3120, "date")


# --- numbers


def test_numbers_stay_numbers() -> None:
    assert written(3120, "float") == 3120
    assert written(12.5, "float") == 12.5
    assert written("42", "float") == 42
    assert written(" 12.5 ", "float") == 12.5
    assert written("-3", "float") == -3
    assert written("1,234,567", "float") == 1_234_567


def test_yes_and_no_in_a_number_are_one_and_nought() -> None:
    for value, number in ((True, 1), (False, 0)):
        found = written(value, "float")
        assert (found, type(found)) == (number, int)


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e999", "about 5", "", "1 000 people", "0x10"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UnfitError, match="not a number"):
        written(text, "float")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_carry_is_refused(value: float) -> None:
    with pytest.raises(UnfitError):
        written(value, "float")


@pytest.mark.parametrize(("text", "true"), [("1,5", 1.5), ("0,75", 0.75), ("0,125", 0.125), ("1.234,56", 1234.56)])
def test_a_decimal_comma_is_read_as_one_or_refused(text: str, true: float) -> None:
    """Half the world writes 1,5 for one and a half: 15 is in no language what was answered."""
    with suppress(UnfitError):
        assert written(text, "float") == true


# --- yes and no, categories, choices


@pytest.mark.parametrize("value", ["yes", "Yes", " TRUE ", "1", "y", "예", "네", "동의합니다", True, 1])
def test_a_yes(value: Value) -> None:
    assert written(value, "boolean") is True


@pytest.mark.parametrize("value", ["no", "No", "false", "0", "n", "아니오", "아니요", False, 0])
def test_a_no(value: Value) -> None:
    assert written(value, "boolean") is False


@pytest.mark.parametrize("value", ["maybe", "yes please", "2", "", LATE])
def test_neither_yes_nor_no_is_refused(value: Value) -> None:
    with pytest.raises(UnfitError, match="neither yes nor no"):
        written(value, "boolean")


SIZES: dict[str, Attribute] = {"1-10": 1, "11-50": 2, "Größer": 3}


@pytest.mark.parametrize("value", ["11-50", " 11-50 ", "2", 2])
def test_a_category_by_label_or_number(value: Value) -> None:
    assert written(value, "category", options=SIZES) == 2


def test_a_category_in_any_case() -> None:
    assert written("GRÖSSER", "category", options=SIZES) == 3


@pytest.mark.parametrize("value", ["51-100", "", "4", "1-1"])
def test_what_the_category_does_not_have_is_refused(value: Value) -> None:
    with pytest.raises(UnfitError, match="category"):
        written(value, "category", options=SIZES)


def test_a_category_whose_label_has_an_angle_bracket() -> None:
    """Brackets are only changed in texts that go out: here the account's own number does."""
    assert written("> 1000", "category", options={"< 50": 1, "> 1000": 2}) == 2


def test_a_label_goes_before_a_number() -> None:
    """Grades "10" and "3", numbered 3 and 4: whoever answered 3 means the label they saw."""
    assert written("3", "category", options={"10": 3, "3": 4}) == 4


TOPICS: dict[str, Attribute] = {"Sales": "Sales", "R&D": "R&D", "Food, Drink": "Food, Drink"}


@pytest.mark.parametrize(
    ("value", "choices"),
    [
        ("Sales", ["Sales"]),
        ("sales; r&d", ["Sales", "R&D"]),
        ("Sales,R&D", ["Sales", "R&D"]),
        ("Sales; ;", ["Sales"]),
        ("food, drink", ["Food, Drink"]),
    ],
)
def test_several_choices(value: str, choices: list[str]) -> None:
    assert written(value, "multiple-choice", options=TOPICS) == choices


def test_a_choice_whose_label_has_an_angle_bracket() -> None:
    assert written("> 1000; Sales", "multiple-choice", options=TOPICS | {"> 1000": "> 1000"}) == ["> 1000", "Sales"]


@pytest.mark.parametrize("value", ["Marketing", "Sales; Marketing", "", ";"])
def test_a_choice_that_is_no_option_refuses_the_answer(value: str) -> None:
    with pytest.raises(UnfitError, match="options"):
        written(value, "multiple-choice", options=TOPICS)


@pytest.mark.parametrize("type_", ["user", "calculated", "global", "id", ""])
def test_other_types_are_refused_by_name(type_: str) -> None:
    with pytest.raises(UnfitError, match="does not write"):
        written("x", type_)


@given(
    st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.just(LATE)),
    st.sampled_from(["text", "float", "date", "boolean", "category", "multiple-choice", "user"]),
    st.sampled_from(["", "SMS"]),
)
def test_every_value_is_written_in_its_type_or_refused_without_being_shown(value: Value, type_: str, name: str) -> None:
    expected: dict[str, type | tuple[type, ...]] = {
        "text": str,
        "float": (int, float),
        "date": str,
        "boolean": bool,
        "category": int,
        "multiple-choice": list,
    }
    attribute = Declared(name, type_, SIZES)
    try:
        found = coerce(value, attribute, SEOUL)
    except UnfitError as error:
        why = str(error)
    else:
        assert isinstance(found, str if name else expected[type_])
        assert type_ != "float" or not isinstance(found, bool)
        return
    assert why
    assert len(str(value)) < 4 or str(value) not in why


# --- phone numbers


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("010-1234-5678", "KR", "+821012345678"),
        ("010 1234 5678", "kr", "+821012345678"),
        ("02-312-3456", "KR", "+8223123456"),
        ("+82 10-1234-5678", "", "+821012345678"),
        ("+82 (0)10 1234 5678", "", "+821012345678"),
        ("+82 10 1234 5678", "US", "+821012345678"),
        ("821012345678", "", "+821012345678"),
        ("821012345678", "KR", "+821012345678"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("030 123456", "DE", "+4930123456"),
        ("0049 30 123456", "DE", "+4930123456"),
    ],
)
def test_a_phone_number_in_international_form(text: str, country: str, number: str) -> None:
    assert phone(text, country) == number


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("010-1234-5678", ""),  # local, and nobody said where
        ("12345", "KR"),
        ("+82 1", ""),
        ("call me", "KR"),
        ("", "KR"),
        ("+", ""),
        ("010-1234-5678", "Korea"),
        ("010-1234-5678", "ZZ"),
    ],
)
def test_what_is_no_phone_number_is_refused(text: str, country: str) -> None:
    with pytest.raises(UnfitError, match="phone"):
        phone(text, country)


@pytest.mark.parametrize("name", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
def test_the_accounts_phone_attributes_take_phone_numbers_whatever_their_type(name: str) -> None:
    assert coerce("010-1234-5678", declared("text", name), UTC_ZONE, country="KR") == "+821012345678"


def test_a_phone_number_in_a_plain_text_attribute_stays_as_typed() -> None:
    assert coerce("010-1234-5678", declared("text", "PHONE"), UTC_ZONE, country="KR") == "010-1234-5678"


def test_the_registrants_country_reads_a_local_number() -> None:
    contact = fold(KIM, [WEBINAR])
    assert attributes(contact, [(FIELDS["phone"], "SMS")], {"SMS": declared("text", "SMS")}).attributes == {
        "SMS": "+821012345678"
    }


# --- a whole contact


def test_dates_are_written_in_the_carried_sessions_zone_and_times_in_utc() -> None:
    found = mapped(fold(KIM, [WEBINAR]), join_time="date", leave_time="text", session_start="date")
    assert found.attributes == {
        "JOIN_TIME": "2026-09-02",
        "LEAVE_TIME": "2026-09-01T16:15:00Z",
        "SESSION_START": "2026-09-02",
    }


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "Asia"])
def test_a_zone_that_does_not_exist_is_utc(zone: str) -> None:
    found = mapped(fold(KIM, [replace(WEBINAR, time_zone=zone)]), join_time="date")
    assert found.attributes == {"JOIN_TIME": "2026-09-01"}


def test_fields_the_carried_session_lacks_become_nought_or_empty() -> None:
    types = {"join_time": "date", "leave_time": "text", "duration": "float", "registration_source": "text"}
    found = mapped(fold(KIM, [COMING]), **types, join_count="float", attended_percent="float")
    assert found.attributes == {
        "JOIN_TIME": "",
        "LEAVE_TIME": "",
        "DURATION": 0,
        "REGISTRATION_SOURCE": "",
        "JOIN_COUNT": 0,
        "ATTENDED_PERCENT": 0,
    }
    assert found.refused == ()


def test_a_persons_empty_field_is_left_out() -> None:
    """It never wipes out what a form once said."""
    guest = replace(WEBINAR, phone="", country="", first_name="", last_name="", name="", answers=())
    found = mapped(fold(KIM, [guest]), last_name="text", phone="text", first_name="text", country="text")
    assert found.attributes == {}


def test_a_meeting_leaves_the_webinar_title_alone() -> None:
    meeting = replace(WEBINAR, kind=Kind.MEETING)
    assert mapped(fold(KIM, [meeting]), webinar_title="text", topic="text").attributes == {"TOPIC": "Autumn"}


def test_the_e_mail_is_the_identity_and_no_attribute() -> None:
    assert mapped(fold(KIM, [WEBINAR]), email="text", last_name="text").attributes == {"LAST_NAME": "Kim"}


def test_an_attribute_the_account_does_not_have_is_not_written() -> None:
    assert attributes(fold(KIM, [WEBINAR]), [(FIELDS["topic"], "MISSING")], {}) == Mapped({}, ())


def test_a_value_that_does_not_fit_costs_its_own_field_only() -> None:
    found = mapped(fold(KIM, [replace(WEBINAR, phone="call me")]), last_name="text", phone="float", topic="text")
    assert found.attributes == {"LAST_NAME": "Kim", "TOPIC": "Autumn"}
    assert [name for name, _ in found.refused] == ["PHONE"]


def test_why_a_value_was_refused_never_shows_it() -> None:
    found = attributes(
        fold(KIM, [replace(WEBINAR, phone="secret 123")]), [(FIELDS["phone"], "SMS")], {"SMS": declared("text", "SMS")}
    )
    assert "secret" not in str(found.refused)


def test_an_answer_in_a_category() -> None:
    found = attributes(
        fold(KIM, [WEBINAR]), [(question("size"), "SIZE")], {"SIZE": Declared("SIZE", "category", SIZES)}
    )
    assert found.attributes == {"SIZE": 2}


def test_two_fields_in_two_attributes_of_one_contact() -> None:
    """The page's own mapping."""
    types = {"name": "text", "duration": "float", "webinar_title": "text", "attendance_status": "text"}
    assert mapped(fold(KIM, [WEBINAR]), **types).attributes == {
        "NAME": "Min Kim",
        "DURATION": 2700,
        "WEBINAR_TITLE": "Autumn",
        "ATTENDANCE_STATUS": "attended",
    }


def test_nothing_is_written_about_whom_only_excluded_entries_are_left() -> None:
    """A panelist now: what an earlier session wrote is left as it is, not overwritten with nothing."""
    found = mapped(
        fold(KIM, [replace(WEBINAR, excluded="panelist")]), topic="text", duration="float", sessions_attended="float"
    )
    assert found.attributes == {}


# --- yes or no of a session


def test_leaving_early_is_yes_or_no_in_either_type() -> None:
    """14:30 is before 80 % of the session, 14:50 is after it."""
    early = replace(WEBINAR, late_at=LATE + timedelta(minutes=48))
    late = replace(early, left=LATE + timedelta(minutes=50))
    for entry, as_boolean, as_text in ((early, True, "yes"), (late, False, "no")):
        assert mapped(fold(KIM, [entry]), left_early="boolean").attributes == {"LEFT_EARLY": as_boolean}
        assert mapped(fold(KIM, [entry]), left_early="text").attributes == {"LEFT_EARLY": as_text}


def test_who_has_not_been_there_has_left_nothing_behind() -> None:
    assert mapped(fold(KIM, [COMING]), left_early="boolean").attributes == {"LEFT_EARLY": False}
    assert mapped(fold(KIM, [COMING]), left_early="text").attributes == {"LEFT_EARLY": ""}
