"""The roster: one record a person and occurrence, and what of it a contact is folded from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.contact import Entry, fold, is_withdrawn
from tajo.core.facts import Instance, Kind, Occurrence, Registration, Role, Scheduled, Session, Status, Stay
from tajo.core.identity import Doubt
from tajo.core.outcome import Outcome, Readiness
from tajo.core.roster import Person, Roster, Rules, build, entries

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
KIM, LEE, PARK = "kim@mail.example", "lee@mail.example", "park@corp.example"
ANA, BO, EVE = "ana@corp.example", "bo@corp.example", "eve@x.example"
WEBINAR = Session(
    Kind.WEBINAR,
    "97871060099",
    topic="Autumn",
    type=5,
    host_email=ANA,
    time_zone="Asia/Seoul",
    scheduled=(Scheduled("", TWO, timedelta(hours=1)),),
    registration_required=True,
    staff=(
        (ANA, Role.HOST),
        (BO, Role.ALTERNATIVE_HOST),
        (EVE, Role.PANELIST),
    ),
)


def minute(count: float) -> datetime:
    """Minutes after two."""
    return TWO + timedelta(minutes=count)


def held(start: float, end: float | None) -> Instance:
    return Instance(f"uuid-{start:g}", minute(start), None if end is None else minute(end))


ONCE = Occurrence(WEBINAR, WEBINAR.scheduled[0], (held(0, 60),))
RESTARTED = Occurrence(WEBINAR, WEBINAR.scheduled[0], (held(0, 42), held(45, 60)))
OPEN = replace(ONCE, session=replace(WEBINAR, registration_required=None))  # nobody could tell whether it is required


def stay(join: float, leave: float, **keys: object) -> Stay:
    return Stay(minute(join), minute(leave), **keys)  # type: ignore[arg-type]


def registration(registrant_id: str, email: str, status: Status = Status.APPROVED, **given_: object) -> Registration:
    return Registration(registrant_id, email, status, **given_)  # type: ignore[arg-type]


def roster(
    registrations: Sequence[Registration] = (),
    stays: Sequence[Stay] = (),
    *,
    occurrence: Occurrence = ONCE,
    ready: Readiness = Readiness.FINAL,
    rules: Rules | None = None,
) -> Roster:
    return build(occurrence, registrations, stays, ready=ready, rules=rules or Rules())


def people(found: Roster) -> dict[str, Person]:
    return {person.email: person for person in found.people}


def outcomes(found: Roster) -> dict[str, Outcome]:
    return {person.email: person.outcome for person in found.people}


def entry_of(found: Roster, email: str) -> Entry:
    return next(entry for person, entry in entries(found) if person.email == email)


def crowd(count: int) -> list[Registration]:
    return [registration(f"r{number}", f"r{number}@mail.example") for number in range(count)]


# --- the example of the design


KIM_7 = registration("7", KIM, first_name="Min", last_name="Kim")
LEE_8 = registration("8", LEE, first_name="Su", last_name="Lee")
EXAMPLE = (
    stay(2, 20, registrant_id="7", name="Min Kim"),
    stay(15, 40, registrant_id="7", name="Min's phone"),
    stay(46, 60, registrant_id="7", name="Min Kim"),
    stay(0, 2, registrant_id="7", name="Min Kim", waiting=True),
    stay(5, 50, name="iPhone"),
)


def test_kim_lee_and_the_iphone() -> None:
    """Kim: two devices, a restart, a waiting room: 38 + 14 = 52 min of three joins. Lee stayed away. iPhone: review."""
    found = roster([KIM_7, LEE_8], EXAMPLE, occurrence=RESTARTED)
    kim, lee = people(found)[KIM], people(found)[LEE]
    assert (kim.outcome, kim.present, kim.joins) == (Outcome.ATTENDED, timedelta(minutes=52), 3)
    assert (kim.joined, kim.left) == (minute(2), minute(60))
    assert [each.length for each in kim.segments] == [timedelta(minutes=38), timedelta(minutes=14)]
    assert (lee.outcome, lee.present, lee.joins, lee.joined, lee.left) == (Outcome.NO_SHOW, timedelta(), 0, None, None)
    assert len(found.people) == 2
    assert [(each.doubt, each.name, each.rows) for each in found.review] == [(Doubt.NAME_ONLY, "iPhone", 1)]
    assert found.review[0].present == timedelta(minutes=45)


def test_the_example_as_entries() -> None:
    found = roster([KIM_7, LEE_8], EXAMPLE, occurrence=RESTARTED)
    entry = entry_of(found, KIM)
    assert entry.occurrence == "webinar:97871060099:20260901T1400Z"
    assert (entry.session_id, entry.uuid, entry.topic) == ("97871060099", "uuid-45", "Autumn")
    assert (entry.start, entry.time_zone, entry.host_email) == (TWO, "Asia/Seoul", ANA)
    assert (entry.joined, entry.left, entry.joins) == (minute(2), minute(60), 3)
    assert (entry.outcome, entry.approved, entry.name) == (Outcome.ATTENDED, True, "Min Kim")
    assert entry.held == timedelta(minutes=57)
    assert len(entries(found)) == 2


# --- presence


def test_waiting_room_rows_are_neither_presence_nor_joins_nor_review() -> None:
    """Somebody who was never let in did not attend."""
    waiting = [stay(0, 30, registrant_id="7", waiting=True), stay(0, 30, name="iPhone", waiting=True)]
    found = roster([KIM_7], waiting)
    assert outcomes(found) == {KIM: Outcome.NO_SHOW}
    assert found.review == ()


def test_a_clock_that_ran_backwards_counts_nothing() -> None:
    found = roster([KIM_7], [stay(30, 10, registrant_id="7"), stay(40, 50, registrant_id="7")])
    assert people(found)[KIM].present == timedelta(minutes=10)


def test_left_is_the_last_leave_of_any_device() -> None:
    """A laptop 0-60 and a phone 50-55."""
    found = roster([KIM_7], [stay(0, 60, registrant_id="7"), stay(50, 55, registrant_id="7")])
    assert people(found)[KIM].left == minute(60)


def test_held_is_the_union_of_the_instances() -> None:
    """0-42 and 45-60, and one that overlaps: what 100 % means is 57 min."""
    overlapping = replace(RESTARTED, instances=(*RESTARTED.instances, held(50, 60)))
    assert roster(occurrence=overlapping).held == timedelta(minutes=57)
    assert roster(occurrence=replace(ONCE, instances=()), ready=Readiness.COMING).held == timedelta()


# --- outcomes


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.APPROVED, Outcome.NO_SHOW),
        (Status.PENDING, Outcome.PENDING),
        (Status.DENIED, Outcome.DENIED),
        (Status.CANCELLED, Outcome.CANCELLED),
    ],
)
def test_everybody_who_registered_is_on_the_roster(status: Status, outcome: Outcome) -> None:
    assert outcomes(roster([registration("7", KIM, status)])) == {KIM: outcome}


def test_registered_before_it_was_held() -> None:
    coming = replace(ONCE, instances=())
    assert outcomes(roster([KIM_7], occurrence=coming, ready=Readiness.COMING)) == {KIM: Outcome.REGISTERED}


def test_who_came_without_registering_attended() -> None:
    person = people(roster([], [stay(0, 30, email=KIM, name="Kim")], occurrence=OPEN))[KIM]
    assert (person.outcome, person.registration, person.name) == (Outcome.ATTENDED, None, "Kim")


def test_who_cancelled_and_came_attended() -> None:
    found = roster([registration("7", KIM, Status.CANCELLED)], [stay(0, 30, registrant_id="7")])
    assert outcomes(found) == {KIM: Outcome.ATTENDED}


def test_who_was_denied_stays_denied() -> None:
    """Thrown out after ten minutes."""
    found = roster([registration("7", KIM, Status.DENIED)], [stay(0, 10, registrant_id="7")])
    assert outcomes(found) == {KIM: Outcome.DENIED}


def test_an_approved_registration_stands_before_any_other() -> None:
    """Cancelled once, registered again; or approved first, and a second one pending."""
    early, late = minute(-900), minute(-60)
    cancelled = registration("7", KIM, Status.CANCELLED, registered_at=late)
    approved = registration("9", KIM, registered_at=early)
    found = roster([cancelled, approved])
    assert (outcomes(found), people(found)[KIM].registration) == ({KIM: Outcome.NO_SHOW}, approved)


def test_else_the_latest_registration_stands() -> None:
    denied = registration("7", KIM, Status.DENIED, registered_at=minute(-900))
    pending = registration("9", KIM, Status.PENDING, registered_at=minute(-60))
    assert outcomes(roster([pending, denied])) == outcomes(roster([denied, pending])) == {KIM: Outcome.PENDING}


def test_who_registered_after_the_end_is_not_on_the_roster() -> None:
    assert roster([registration("7", KIM, registered_at=minute(61))]).people == ()


def test_who_registered_after_the_end_and_had_been_there_attended_without_registration() -> None:
    found = roster([registration("7", KIM, registered_at=minute(61))], [stay(0, 30, email=KIM)])
    assert (people(found)[KIM].outcome, people(found)[KIM].registration) == (Outcome.ATTENDED, None)


def test_a_registration_for_another_date_only_tells_whose_row_it_is() -> None:
    """Kim registered for next week's date and used that link today; Lee did not come."""
    next_week = Scheduled("2", TWO + timedelta(days=7), timedelta(hours=1))
    today = Scheduled("1", TWO, timedelta(hours=1))
    series = replace(WEBINAR, type=9, scheduled=(today, next_week))
    registrations = [registration("7", KIM, occurrence_id="2"), registration("8", LEE, occurrence_id="2")]
    found = roster(
        registrations, [stay(0, 30, registrant_id="7")], occurrence=Occurrence(series, today, (held(0, 60),))
    )
    assert outcomes(found) == {KIM: Outcome.ATTENDED}
    assert people(found)[KIM].registration is None


def test_a_rehearsal_has_attendees_and_no_no_shows() -> None:
    rehearsal = Occurrence(WEBINAR, None, (held(-1440, -1400),))
    found = roster([KIM_7, LEE_8], [stay(-1440, -1400, registrant_id="7")], occurrence=rehearsal)
    assert outcomes(found) == {KIM: Outcome.ATTENDED}


def test_who_was_seen_attended_and_the_rest_is_unknown_when_overdue() -> None:
    found = roster([KIM_7, LEE_8], [stay(0, 30, registrant_id="7")], ready=Readiness.OVERDUE)
    assert outcomes(found) == {KIM: Outcome.ATTENDED, LEE: Outcome.UNKNOWN}


def test_the_cancelled_stay_cancelled_when_overdue() -> None:
    assert outcomes(roster([registration("7", KIM, Status.CANCELLED)], ready=Readiness.OVERDUE)) == {
        KIM: Outcome.CANCELLED
    }


# --- who could hide among unidentified rows


@pytest.mark.parametrize("required", [None, False])
def test_a_tenth_of_unidentified_rows_leaves_no_shows_alone(required: bool | None) -> None:
    """Ten missing and one iPhone is 10 %; nine missing and one iPhone is more."""
    anyone = replace(ONCE, session=replace(WEBINAR, registration_required=required))
    guest = [stay(0, 30, name="iPhone")]
    assert set(outcomes(roster(crowd(10), guest, occurrence=anyone)).values()) == {Outcome.NO_SHOW}
    assert set(outcomes(roster(crowd(9), guest, occurrence=anyone)).values()) == {Outcome.UNKNOWN}


def test_only_would_be_no_shows_are_counted() -> None:
    """Eleven registered, two came: nine are missing."""
    rows = [stay(0, 30, registrant_id="r0"), stay(0, 30, registrant_id="r1"), stay(0, 30, name="iPhone")]
    found = outcomes(roster(crowd(11), rows, occurrence=OPEN))
    assert list(found.values()).count(Outcome.UNKNOWN) == 9


def test_the_cancelled_do_not_hide() -> None:
    """Nine missing and one cancelled are nine."""
    registrations = [*crowd(9), registration("7", KIM, Status.CANCELLED)]
    found = outcomes(roster(registrations, [stay(0, 30, name="iPhone")], occurrence=OPEN))
    assert found[KIM] is Outcome.CANCELLED
    assert found["r0@mail.example"] is Outcome.UNKNOWN


def test_the_share_is_a_setting() -> None:
    guest = [stay(0, 30, name="iPhone")]
    found = roster(crowd(9), guest, occurrence=OPEN, rules=Rules(unknown_above=0.5))
    assert set(outcomes(found).values()) == {Outcome.NO_SHOW}


def test_where_registration_is_required_a_row_without_registrant_id_hides_nobody() -> None:
    """Lee is missing; three guests are in the room, but Kim's row shows that links are told."""
    rows = [stay(0, 30, registrant_id="7"), *(stay(0, 30, name=f"guest {number}") for number in range(3))]
    assert outcomes(roster([KIM_7, LEE_8], rows)) == {KIM: Outcome.ATTENDED, LEE: Outcome.NO_SHOW}


def test_a_report_that_names_no_registrant_at_all_tells_nothing() -> None:
    """Registration is required, but the report left the ids out: the three guests may be anybody."""
    rows = [stay(0, 30, name=f"guest {number}") for number in range(3)]
    assert outcomes(roster([KIM_7, LEE_8], rows)) == {KIM: Outcome.UNKNOWN, LEE: Outcome.UNKNOWN}


def test_a_report_that_puts_registrant_ids_in_the_accounts_place_names_registrants_too() -> None:
    """As two tests above, in the shape of older reports."""
    rows = [stay(0, 30, user_id="7"), *(stay(0, 30, name=f"guest {number}") for number in range(3))]
    assert outcomes(roster([KIM_7, LEE_8], rows)) == {KIM: Outcome.ATTENDED, LEE: Outcome.NO_SHOW}


def test_the_link_of_a_registrant_who_is_listed_no_more_hides_nobody() -> None:
    rows = [stay(0, 30, registrant_id="gone", name="Somebody")]
    assert outcomes(roster([LEE_8], rows, occurrence=OPEN)) == {LEE: Outcome.NO_SHOW}


def test_waiting_room_rows_hide_nobody() -> None:
    rows = [stay(0, 30, name="iPhone", waiting=True)]
    assert outcomes(roster([LEE_8], rows, occurrence=OPEN)) == {LEE: Outcome.NO_SHOW}


# --- staff and exclusions


def test_staff_are_on_the_roster_with_their_role_and_excluded() -> None:
    rows = [stay(0, 60, email=email) for email in (ANA, BO, EVE, KIM)]
    found = people(roster([], rows))
    assert {email: (person.role, person.excluded) for email, person in found.items()} == {
        ANA: (Role.HOST, "host"),
        BO: (Role.ALTERNATIVE_HOST, "alternative host"),
        EVE: (Role.PANELIST, "panelist"),
        KIM: (Role.ATTENDEE, ""),
    }
    assert all(person.outcome is Outcome.ATTENDED for person in found.values())


def test_hosts_and_panelists_are_excluded_each_by_its_own_setting() -> None:
    rows = [stay(0, 60, email=email) for email in (ANA, BO, EVE)]
    hosts_in = people(roster([], rows, rules=Rules(exclude_hosts=False)))
    panelists_in = people(roster([], rows, rules=Rules(exclude_panelists=False)))
    assert [person.excluded for person in hosts_in.values()] == ["", "", "panelist"]
    assert [person.excluded for person in panelists_in.values()] == ["host", "alternative host", ""]


def test_a_domain_is_excluded_with_everybody_in_it() -> None:
    rules = Rules(exclude_hosts=False, exclude_domains=frozenset({"corp.example"}))
    registrations = [registration("7", PARK), registration("8", "park@notcorp.example"), LEE_8]
    found = people(roster(registrations, [stay(0, 60, email=ANA)], rules=rules))
    assert {email: person.excluded for email, person in found.items()} == {
        PARK: "domain corp.example",
        "park@notcorp.example": "",
        LEE: "",
        ANA: "domain corp.example",
    }


def test_a_host_who_registered_is_still_the_host() -> None:
    found = people(roster([registration("7", ANA)], [stay(0, 60, registrant_id="7")]))
    assert (found[ANA].role, found[ANA].excluded) == (Role.HOST, "host")


# --- names


def test_the_name_is_the_registered_one() -> None:
    found = people(roster([KIM_7], [stay(0, 30, registrant_id="7", name="iPad von Kim")]))
    assert found[KIM].name == "Min Kim"


def test_a_single_registered_name_has_no_stray_space() -> None:
    assert people(roster([registration("7", KIM, first_name="Min")]))[KIM].name == "Min"


def test_without_registered_name_it_is_the_last_that_was_shown() -> None:
    rows = [stay(0, 30, email=KIM, name="iPhone"), stay(31, 50, email=KIM, name="Min Kim"), stay(51, 60, email=KIM)]
    assert people(roster([], rows, occurrence=OPEN))[KIM].name == "Min Kim"


def test_the_last_name_shown_is_the_last_in_time_whatever_the_row_was_known_by() -> None:
    """Signed in as "Min Kim" to the end; a tablet without account left at half time as "iPad"."""
    rows = [
        stay(0, 10, email=KIM, user_id="u1", name="Kim"),
        stay(5, 30, email=KIM, name="iPad"),
        stay(40, 60, email=KIM, user_id="u1", name="Min Kim"),
    ]
    assert people(roster([], rows, occurrence=OPEN))[KIM].name == "Min Kim"


# --- entries


def test_nobody_attended_before_the_roster_is_settled() -> None:
    for ready in (Readiness.COMING, Readiness.SETTLING):
        found = roster([KIM_7], [stay(0, 30, registrant_id="7")], ready=ready)
        assert entry_of(found, KIM).outcome is Outcome.REGISTERED


def test_only_an_approved_registration_is_approved() -> None:
    registrations = [
        registration("1", "a@x.example"),
        registration("2", "b@x.example", Status.PENDING),
        registration("3", "c@x.example", Status.DENIED),
        registration("4", "d@x.example", Status.CANCELLED),
    ]
    found = entries(roster(registrations, [stay(0, 9, email="e@x.example")]))
    assert {person.email[0]: entry.approved for person, entry in found} == {
        "a": True,
        "b": False,
        "c": False,
        "d": False,
        "e": False,
    }


def test_an_entry_has_all_that_the_form_asked() -> None:
    form = {
        "first_name": "Min",
        "last_name": "Kim",
        "registered_at": minute(-900),
        "source": "newsletter",
        "join_url": "https://zoom.example/w/1?tk=abc",
        "phone": "010-1234-5678",
        "org": "Corp",
        "job_title": "Baker",
        "country": "KR",
        "answers": (("How did you hear?", "Friend"),),
    }
    entry = entry_of(roster([registration("7", KIM, **form)]), KIM)
    assert {name: getattr(entry, name) for name in form} == form


def test_excluded_people_have_an_entry_that_says_so() -> None:
    found = roster([], [stay(0, 60, email=ANA)])
    assert entry_of(found, ANA).excluded == "host"


def test_a_coming_date_has_no_uuid_and_was_not_held() -> None:
    found = roster([KIM_7], occurrence=replace(ONCE, instances=()), ready=Readiness.COMING)
    assert (entry_of(found, KIM).uuid, entry_of(found, KIM).held) == ("", timedelta())


@pytest.mark.parametrize("ready", [Readiness.COMING, Readiness.SETTLING])
def test_a_guest_is_not_written_while_the_session_runs(ready: Readiness) -> None:
    """Came without registering: nothing has ended, nothing is to come, and "registered" is not true of them."""
    found = roster([], [stay(0, 30, email=KIM)], occurrence=OPEN, ready=ready)
    assert is_withdrawn(fold(KIM, [entry_of(found, KIM)]))


@pytest.mark.parametrize("ready", [Readiness.COMING, Readiness.SETTLING])
def test_nothing_is_written_about_the_pending_even_if_a_row_shows_them(ready: Readiness) -> None:
    found = roster([registration("7", KIM, Status.PENDING)], [stay(0, 30, email=KIM)], ready=ready)
    assert is_withdrawn(fold(KIM, [entry_of(found, KIM)]))


# --- nobody is lost


row = st.builds(
    lambda join, length, **keys: stay(join, join + length, **keys),
    join=st.integers(0, 60),
    length=st.integers(-5, 30),
    name=st.sampled_from(["", "iPhone", "Kim"]),
    email=st.sampled_from(["", KIM, LEE, ANA]),
    registrant_id=st.sampled_from(["", "", "7", "8", "gone"]),
    customer_key=st.sampled_from(["", "", "c1"]),
    user_id=st.sampled_from(["", "u1", "7"]),
    waiting=st.sampled_from([False, False, True]),
)
forms = st.lists(
    st.builds(
        lambda id_, email, status, at: registration(id_, email, status, registered_at=minute(at)),
        st.sampled_from("789"),
        st.sampled_from([KIM, LEE, PARK]),
        st.sampled_from(list(Status)),
        st.integers(-100, 100),
    ),
    max_size=4,
)


@given(forms, st.lists(row, max_size=10), st.sampled_from(list(Readiness)))
def test_rows_of_people_and_rows_in_review_are_all_rows(
    registrations: list[Registration], rows: list[Stay], ready: Readiness
) -> None:
    found = roster(registrations, rows, ready=ready)
    counted = sum(person.joins for person in found.people) + sum(each.rows for each in found.review)
    assert counted == sum(1 for each in rows if not each.waiting)


@given(forms, st.lists(row, max_size=10), st.sampled_from(list(Readiness)))
def test_every_record_agrees_with_itself(registrations: list[Registration], rows: list[Stay], ready: Readiness) -> None:
    found = roster(registrations, rows, ready=ready)
    assert len(people(found)) == len(found.people)
    for person in found.people:
        assert person.registration is not None or person.joins
        assert person.present == sum((each.length for each in person.segments), timedelta())
        assert person.present >= timedelta()
        assert (person.joins == 0) == (person.joined is None) == (person.left is None)
        if person.outcome in (Outcome.NO_SHOW, Outcome.UNKNOWN, Outcome.CANCELLED, Outcome.PENDING):
            assert person.joins == 0
        if person.outcome is Outcome.NO_SHOW:
            assert ready is Readiness.FINAL


@given(forms, st.lists(row, max_size=8))
def test_everybody_who_registered_in_time_is_on_the_roster(registrations: list[Registration], rows: list[Stay]) -> None:
    found = people(roster(registrations, rows))
    for each in registrations:
        if each.registered_at is not None and each.registered_at <= minute(60):
            assert each.email in found
