"""One contact out of all their sessions: which one it carries, and which lists it belongs on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.contact import Contact, Entry, fold, is_withdrawn
from tajo.core.facts import Kind
from tajo.core.fields import FIELDS
from tajo.core.outcome import Outcome, Readiness

KIM = "kim@mail.example"
START = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
WITHDRAWN = (Outcome.CANCELLED, Outcome.DENIED, Outcome.PENDING)


def entry(day: int, outcome: Outcome, *, kind: Kind = Kind.WEBINAR, **more: object) -> Entry:
    """A session on a day of September; it has ended unless its outcome is `registered` or the opposite is said."""
    defaults: dict[str, object] = {
        "occurrence": f"{kind}:{day}",
        "session_id": str(day),
        "uuid": f"uuid-{day}",
        "topic": f"{kind} {day}",
        "start": START + timedelta(days=day - 1),
        "time_zone": "UTC",
        "host_email": "ana@corp.example",
        "held": timedelta(hours=1),
        "readiness": Readiness.COMING if outcome is Outcome.REGISTERED else Readiness.FINAL,
        "approved": outcome in (Outcome.REGISTERED, Outcome.NO_SHOW, Outcome.UNKNOWN),
    }
    return Entry(kind=kind, outcome=outcome, **(defaults | more))  # type: ignore[arg-type]


def carried(*entries: Entry) -> str | None:
    contact = fold(KIM, entries)
    return contact.carried.topic if contact.carried else None


def lists(*entries: Entry) -> set[str]:
    return {str(each) for each in fold(KIM, entries).lists}


def webinar_title(*entries: Entry) -> object:
    return FIELDS["webinar_title"].read(fold(KIM, entries))


ATTENDED, NO_SHOW, REGISTERED = Outcome.ATTENDED, Outcome.NO_SHOW, Outcome.REGISTERED
MEETING = Kind.MEETING


# --- which session it carries


def test_the_latest_ended_session_is_carried() -> None:
    assert carried(entry(1, ATTENDED), entry(8, NO_SHOW), entry(3, ATTENDED)) == "webinar 8"


def test_a_coming_session_does_not_replace_one_that_ended() -> None:
    assert carried(entry(1, ATTENDED), entry(8, REGISTERED)) == "webinar 1"


def test_the_next_to_come_is_carried_where_none_has_ended() -> None:
    assert carried(entry(15, REGISTERED), entry(8, REGISTERED)) == "webinar 8"


def test_a_meeting_counts_like_a_webinar() -> None:
    assert carried(entry(1, ATTENDED), entry(8, ATTENDED, kind=MEETING)) == "meeting 8"


def test_the_latest_is_the_latest_by_start_not_by_end() -> None:
    """A day-long session of the 1st ends after the hour of the 2nd would; the 2nd is carried."""
    assert carried(entry(1, ATTENDED, held=timedelta(days=3)), entry(2, ATTENDED)) == "webinar 2"


def test_a_session_that_is_settling_has_not_ended_yet() -> None:
    settling = entry(8, REGISTERED, readiness=Readiness.SETTLING)
    assert carried(entry(1, ATTENDED), settling) == "webinar 1"
    assert carried(settling, entry(15, REGISTERED)) == "webinar 8"


def test_a_session_that_is_overdue_has_ended() -> None:
    overdue = entry(8, Outcome.UNKNOWN, readiness=Readiness.OVERDUE)
    assert carried(entry(1, ATTENDED), overdue) == "webinar 8"


def test_an_older_session_never_overwrites_a_newer_one() -> None:
    """Backfilling last year changes nothing of what is carried."""
    now = [entry(8, ATTENDED)]
    assert fold(KIM, [*now, entry(-300, ATTENDED)]).carried == fold(KIM, now).carried


@pytest.mark.parametrize("outcome", WITHDRAWN)
def test_a_withdrawn_session_is_not_carried_while_another_stands(outcome: Outcome) -> None:
    assert carried(entry(1, ATTENDED), entry(8, outcome)) == "webinar 1"
    assert carried(entry(8, outcome), entry(15, REGISTERED)) == "webinar 15"


def test_excluded_entries_do_not_count() -> None:
    """A panelist on the 8th, an attendee on the 1st."""
    assert carried(entry(1, ATTENDED), entry(8, ATTENDED, excluded="panelist")) == "webinar 1"
    assert carried(entry(8, ATTENDED, excluded="host")) is None
    assert lists(entry(8, ATTENDED, excluded="domain corp.example")) == set()


# --- the last webinar


def test_the_webinar_title_keeps_the_last_webinar_through_meetings() -> None:
    history = [entry(1, ATTENDED), entry(8, NO_SHOW), entry(9, ATTENDED, kind=MEETING)]
    assert carried(*history) == "meeting 9"
    assert webinar_title(*history) == "webinar 8"


def test_meetings_alone_leave_the_webinar_title_empty() -> None:
    assert webinar_title(entry(9, ATTENDED, kind=MEETING)) == ""


def test_the_webinar_title_of_somebody_who_waits_for_their_first() -> None:
    assert webinar_title(entry(9, REGISTERED), entry(15, REGISTERED)) == "webinar 9"


# --- withdrawn


@pytest.mark.parametrize("outcome", WITHDRAWN)
def test_nothing_stands_where_everything_was_withdrawn(outcome: Outcome) -> None:
    """The status of the newest is there to be written to whom we wrote before, and no list is left."""
    contact = fold(KIM, [entry(1, outcome), entry(8, outcome)])
    assert is_withdrawn(contact)
    assert contact.lists == frozenset()
    assert (contact.carried and contact.carried.topic, contact.carried and contact.carried.outcome) == (
        "webinar 8",
        outcome,
    )


@pytest.mark.parametrize("outcome", WITHDRAWN)
def test_the_pending_and_denied_of_a_coming_session_are_withdrawn_too(outcome: Outcome) -> None:
    assert is_withdrawn(fold(KIM, [entry(8, outcome, readiness=Readiness.COMING)]))


def test_nobody_is_withdrawn_while_anything_stands() -> None:
    assert not is_withdrawn(fold(KIM, [entry(1, Outcome.DENIED), entry(8, REGISTERED)]))
    assert not is_withdrawn(fold(KIM, [entry(1, ATTENDED), entry(8, Outcome.CANCELLED)]))


def test_there_is_nothing_to_write_for_whom_only_excluded_entries_are_left() -> None:
    assert is_withdrawn(fold(KIM, [entry(1, ATTENDED, excluded="host")]))
    assert is_withdrawn(fold(KIM, []))


@pytest.mark.parametrize("outcome", [REGISTERED, Outcome.UNKNOWN])
@pytest.mark.parametrize("ready", [Readiness.COMING, Readiness.SETTLING])
def test_a_guest_of_a_session_that_has_not_settled_is_nothing_to_write(outcome: Outcome, ready: Readiness) -> None:
    """Nobody registered them and nothing has ended."""
    guest = entry(8, outcome, readiness=ready, approved=False)
    assert is_withdrawn(fold(KIM, [guest]))


# --- lists


def test_who_attended_a_webinar_is_on_its_lists() -> None:
    assert lists(entry(1, ATTENDED, approved=True)) == {"webinar_attendees", "webinar_registrants"}


def test_who_came_without_registering_is_no_registrant() -> None:
    assert lists(entry(1, ATTENDED)) == {"webinar_attendees"}


def test_no_shows_are_registrants_too() -> None:
    assert lists(entry(1, NO_SHOW)) == {"webinar_no_shows", "webinar_registrants"}


def test_the_unknown_are_neither_attendees_nor_no_shows() -> None:
    assert lists(entry(1, Outcome.UNKNOWN)) == {"webinar_registrants"}


def test_approved_registrants_of_coming_webinars_are_registrants() -> None:
    assert lists(entry(8, REGISTERED)) == {"webinar_registrants"}


def test_meetings_have_their_own_lists() -> None:
    assert lists(entry(1, ATTENDED, kind=MEETING)) == {"meeting_participants"}
    assert lists(entry(8, REGISTERED, kind=MEETING)) == {"meeting_registrants"}
    assert lists(entry(1, NO_SHOW, kind=MEETING)) == {"meeting_registrants"}


def test_lists_accumulate_over_sessions() -> None:
    """Attended one webinar, missed another, came to a meeting: the carried session does not decide."""
    history = [entry(1, ATTENDED, approved=True), entry(8, NO_SHOW), entry(9, ATTENDED, kind=MEETING)]
    assert lists(*history) == {"webinar_attendees", "webinar_no_shows", "webinar_registrants", "meeting_participants"}


def test_a_cancelled_registration_leaves_the_list_only_if_no_other_stands() -> None:
    cancelled = entry(8, Outcome.CANCELLED, readiness=Readiness.COMING)
    assert lists(cancelled) == set()
    assert lists(cancelled, entry(1, NO_SHOW)) == {"webinar_no_shows", "webinar_registrants"}


def test_nobody_is_an_attendee_before_the_roster_is_settled() -> None:
    assert lists(entry(8, REGISTERED, readiness=Readiness.SETTLING)) == {"webinar_registrants"}


# --- a person's own fields


def test_the_newest_value_counts() -> None:
    contact = fold(KIM, [entry(1, ATTENDED, org="Old"), entry(8, ATTENDED, org="New")])
    assert contact.latest("org") == "New"


def test_a_newer_session_without_a_value_never_blanks_it() -> None:
    """Registered with phone and organisation, then came to a meeting as a guest."""
    guest = entry(9, ATTENDED, kind=MEETING, name="Min Kim")
    form = entry(1, ATTENDED, phone="010-1234-5678", org="Corp", first_name="Min", last_name="Kim")
    contact = fold(KIM, [form, guest])
    assert (contact.latest("phone"), contact.latest("org")) == ("010-1234-5678", "Corp")
    assert (contact.first_name, contact.last_name, contact.name) == ("Min", "Kim", "Min Kim")


def test_a_coming_registration_tells_about_the_person_too() -> None:
    contact = fold(KIM, [entry(1, ATTENDED, org="Old"), entry(8, REGISTERED, org="New")])
    assert (contact.latest("org"), contact.carried and contact.carried.topic) == ("New", "webinar 1")


def test_the_display_name_stands_in_for_the_first_name() -> None:
    assert fold(KIM, [entry(1, ATTENDED, name="Kim Min")]).first_name == "Kim Min"


def test_what_a_denied_form_says_is_not_used_while_another_session_stands() -> None:
    contact = fold(KIM, [entry(1, ATTENDED, org="Corp"), entry(8, Outcome.DENIED, org="Evil")])
    assert contact.latest("org") == "Corp"


def test_an_answer_is_found_by_its_title_whatever_its_case() -> None:
    older = entry(1, ATTENDED, answers=((" How did you hear? ", "Friend"), ("Size", "10")))
    newer = entry(8, ATTENDED, answers=(("how did you HEAR?", ""),))
    contact = fold(KIM, [older, newer])
    assert (contact.answer("how did you hear?"), contact.answer("size"), contact.answer("budget")) == (
        "Friend",
        "10",
        "",
    )


# --- properties


ended = st.sampled_from([each for each in Outcome if each is not REGISTERED])
coming = st.sampled_from([REGISTERED, Outcome.UNKNOWN, *WITHDRAWN])


@st.composite
def entry_of_any_kind(draw: st.DrawFn) -> Entry:
    """As rosters make them: `registered` only before the end, attended and no_show only after it."""
    ready = draw(st.sampled_from(list(Readiness)))
    over = ready in (Readiness.FINAL, Readiness.OVERDUE)
    outcome = draw(ended if over else coming)
    return entry(
        draw(st.integers(1, 28)),
        outcome,
        kind=draw(st.sampled_from(list(Kind))),
        excluded=draw(st.sampled_from(["", "", "host"])),
        readiness=ready,
        approved=outcome not in WITHDRAWN and (outcome in (REGISTERED, NO_SHOW) or draw(st.booleans())),
    )


entries = st.lists(entry_of_any_kind(), max_size=6, unique_by=lambda each: each.occurrence)


def started(contact: Contact) -> datetime | None:
    """When the ended session that is carried started."""
    return contact.carried.start if contact.carried and contact.carried.ended else None


@given(entries, st.randoms(use_true_random=False))
def test_the_order_in_which_sessions_are_learned_does_not_matter(found: list[Entry], random: Random) -> None:
    assert fold(KIM, random.sample(found, len(found))) == fold(KIM, found)


@given(entries, entries)
def test_lists_only_grow_with_more_sessions(some: list[Entry], more: list[Entry]) -> None:
    known = {each.occurrence for each in some}
    both = [*some, *(each for each in more if each.occurrence not in known)]
    assert fold(KIM, some).lists <= fold(KIM, both).lists


@given(entries, st.integers(1, 400))
def test_no_older_session_changes_what_is_carried_of_an_ended_one(found: list[Entry], days: int) -> None:
    contact = fold(KIM, found)
    start = started(contact)
    if start is None or is_withdrawn(contact):
        return
    older = replace(entry(1, ATTENDED), occurrence="older", start=start - timedelta(days=days))
    assert fold(KIM, [*found, older]).carried == contact.carried


@given(entries)
def test_excluded_entries_change_nothing(found: list[Entry]) -> None:
    assert fold(KIM, found) == fold(KIM, [each for each in found if not each.excluded])


@given(entries)
def test_nobody_withdrawn_is_on_a_list(found: list[Entry]) -> None:
    contact = fold(KIM, found)
    if is_withdrawn(contact):
        assert contact.lists == frozenset()
