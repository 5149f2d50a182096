"""Which instances are one date: restarts, rehearsals, series, and ids that are used again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.facts import Instance, Kind, Occurrence, Scheduled, Session
from tajo.core.occurrences import occurrences

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LATER = TWO + timedelta(days=200)
INSTANT, NO_TIME, PERSONAL_ROOM = 1, 3, 4


def held(start: datetime, length: timedelta | None = HOUR, uuid: str = "") -> Instance:
    return Instance(uuid or f"{start.isoformat()}", start, None if length is None else start + length)


def single(start: datetime = TWO, type_: int = 5) -> Session:
    return Session(Kind.WEBINAR, "97871060099", type=type_, scheduled=(Scheduled("", start, HOUR),))


def series(*starts: datetime) -> Session:
    dates = tuple(Scheduled(str(index), start, HOUR) for index, start in enumerate(starts, 1))
    return Session(Kind.WEBINAR, "97871060099", type=9, scheduled=dates)


def dated(
    session: Session, *instances: Instance, now: datetime = LATER, gap: timedelta = HOUR
) -> list[tuple[str | None, int]]:
    """Each occurrence as (the id of its scheduled date or None, how many instances it has)."""
    found = occurrences(session, instances, restart_gap=gap, now=now)
    return [(each.scheduled.id if each.scheduled else None, len(each.instances)) for each in found]


def test_a_restart_after_exactly_an_hour_is_the_same_occurrence() -> None:
    """14:00-14:30, again at 15:30:00."""
    first = held(TWO, HOUR / 2)
    assert dated(single(), first, held(TWO + HOUR * 1.5)) == [("", 2)]


def test_a_second_more_than_an_hour_is_another_one() -> None:
    """14:00-14:30, again at 15:30:01; only the first is the scheduled date."""
    first = held(TWO, HOUR / 2)
    assert dated(single(), first, held(TWO + HOUR * 1.5 + SECOND)) == [("", 1), (None, 1)]


def test_the_gap_is_measured_from_the_latest_end_so_far() -> None:
    """A long instance 14:00-17:00 with a short one inside it, and a restart at 17:50."""
    instances = [held(TWO, 3 * HOUR), held(TWO + HOUR / 2, HOUR / 4), held(TWO + HOUR * 3 + HOUR * 5 / 6)]
    assert dated(single(), *instances) == [("", 3)]


def test_a_chain_of_restarts_is_one_occurrence() -> None:
    instances = [held(TWO + timedelta(minutes=70 * n), timedelta(minutes=15)) for n in range(5)]
    assert dated(single(), *instances) == [("", 5)]


def test_the_configured_gap_counts() -> None:
    """restart_gap: 5m makes a restart after six minutes another occurrence."""
    pair = [held(TWO, HOUR / 2), held(TWO + timedelta(minutes=36), HOUR / 4)]
    assert dated(single(), *pair, gap=timedelta(minutes=5)) == [("", 1), (None, 1)]
    assert dated(single(), *pair, gap=timedelta(minutes=6)) == [("", 2)]


@pytest.mark.parametrize("type_", [INSTANT, NO_TIME, PERSONAL_ROOM])
def test_unscheduled_meetings_are_one_only_after_a_quick_restart(type_: int) -> None:
    """A gap of 10 min is a restart; 10 min and a second is another meeting in the same room."""
    room = Session(Kind.MEETING, "5638296721", type=type_)
    again = TWO + HOUR + timedelta(minutes=10)
    assert dated(room, held(TWO), held(again)) == [(None, 2)]
    assert dated(room, held(TWO), held(again + SECOND)) == [(None, 1), (None, 1)]


@pytest.mark.parametrize("type_", [INSTANT, NO_TIME, PERSONAL_ROOM])
def test_unscheduled_meetings_have_no_dates_to_come(type_: int) -> None:
    assert occurrences(single(LATER, type_), [], restart_gap=HOUR, now=TWO) == []


def test_details_that_are_gone_leave_what_was_held() -> None:
    gone = Session(Kind.MEETING, "86084701483")
    assert dated(gone, held(TWO), held(TWO + timedelta(minutes=90)), held(TWO + DAY)) == [(None, 2), (None, 1)]


def test_a_rehearsal_the_day_before_is_an_occurrence_of_its_own() -> None:
    assert dated(single(), held(TWO - DAY, HOUR / 2), held(TWO)) == [(None, 1), ("", 1)]


def test_a_rehearsal_the_day_before_leaves_the_date_to_come() -> None:
    """Only the rehearsal was held so far: the registrants' date is still there, and not held."""
    assert dated(single(), held(TWO - DAY, HOUR / 2), now=TWO - HOUR) == [(None, 1), ("", 0)]


def test_a_rehearsal_on_the_same_day_gives_the_date_to_the_true_one() -> None:
    """Rehearsal 10:00-10:30, the webinar at 14:05."""
    rehearsal = held(TWO - 4 * HOUR, HOUR / 2)
    found = occurrences(single(), [rehearsal, held(TWO + timedelta(minutes=5))], restart_gap=HOUR, now=LATER)
    assert [(each.start, each.scheduled is None) for each in found] == [(rehearsal.start, True), (TWO, False)]


def test_instances_go_to_the_nearest_date_of_a_series() -> None:
    """Weekly at 14:00; held on time, 20 min late, and not at all; the second a week later was 15 min early."""
    weekly = series(TWO, TWO + 7 * DAY, TWO + 14 * DAY, TWO + 21 * DAY)
    late = held(TWO + 7 * DAY + timedelta(minutes=20))
    early = held(TWO + 21 * DAY - timedelta(minutes=15))
    assert dated(weekly, early, held(TWO), late) == [("1", 1), ("2", 1), ("4", 1)]


def test_of_two_runs_nearest_to_one_date_the_nearer_has_it() -> None:
    """A trial three hours before, the date, and a question hour two hours after it ended."""
    weekly = series(TWO, TWO + 7 * DAY)
    runs = [held(TWO - 3 * HOUR, HOUR / 2), held(TWO + timedelta(minutes=3)), held(TWO + 3 * HOUR)]
    assert dated(weekly, *runs, now=TWO + DAY) == [(None, 1), ("1", 1), (None, 1), ("2", 0)]


def test_a_run_that_covers_the_scheduled_start_is_the_nearest() -> None:
    """Opened at 12:30 for 14:00 and closed 15:00; a second run at 16:10."""
    found = occurrences(
        single(), [held(TWO - 1.5 * HOUR, 2.5 * HOUR, "open"), held(TWO + HOUR * 13 / 6)], restart_gap=HOUR, now=LATER
    )
    assert [each.instances[0].uuid for each in found if each.scheduled] == ["open"]


def test_a_live_instance_belongs_to_its_date() -> None:
    found = occurrences(single(), [held(TWO, None)], restart_gap=HOUR, now=TWO + HOUR / 2)
    assert [(each.live, each.scheduled is not None) for each in found] == [(True, True)]


def test_a_restart_beside_a_row_that_is_still_live_is_the_same_occurrence() -> None:
    """Zoom may tell the end of the first late: what starts within the hour is a restart of it."""
    assert dated(single(), held(TWO, None), held(TWO + HOUR / 2, None)) == [("", 2)]


def test_an_instance_whose_end_was_never_told_does_not_swallow_the_next_use_of_the_id() -> None:
    """No end was ever told for 1 June; the id is used again on 1 September: two occurrences, not one of 92 days."""
    stuck = held(TWO - 92 * DAY, None, "stuck")
    found = occurrences(single(), [stuck, held(TWO, HOUR, "true")], restart_gap=HOUR, now=LATER)
    assert [[i.uuid for i in each.instances] for each in found] == [["stuck"], ["true"]]


def test_an_instance_whose_end_was_never_told_does_not_swallow_the_next_days_of_a_series() -> None:
    """Daily at 14:00, an hour each; the first day's end was lost. 23 hours lie between, and each day has its date."""
    daily = series(*(TWO + day * DAY for day in range(4)))
    days = [held(TWO, None), *(held(TWO + day * DAY) for day in (1, 2, 3))]
    assert dated(daily, *days) == [("1", 1), ("2", 1), ("3", 1), ("4", 1)]


def test_coming_dates_are_listed_until_they_end() -> None:
    """At 14:30 the date of 14:00-15:00 is still to come if nobody has started; at 15:00 it has passed."""
    weekly = series(TWO, TWO + 7 * DAY)
    assert dated(weekly, now=TWO + HOUR / 2) == [("1", 0), ("2", 0)]
    assert dated(weekly, now=TWO + HOUR) == [("2", 0)]


def test_a_date_that_passed_without_an_instance_is_no_occurrence() -> None:
    assert dated(single(), now=LATER) == []


def test_an_old_use_of_the_same_id_is_not_the_scheduled_date() -> None:
    """The webinar's id was used in March; its date in September is still to come."""
    march = held(TWO - 170 * DAY)
    assert dated(single(), march, now=TWO - DAY) == [(None, 1), ("", 0)]


def test_occurrences_are_in_time_order_and_know_their_instances_in_time_order() -> None:
    weekly = series(TWO, TWO + 7 * DAY)
    second, first = held(TWO + HOUR / 2, HOUR / 4), held(TWO, HOUR / 4)
    found = occurrences(weekly, [held(TWO + 7 * DAY), second, first], restart_gap=HOUR, now=LATER)
    assert [each.start for each in found] == [TWO, TWO + 7 * DAY]
    assert found[0].instances == (first, second)


instances = st.lists(
    st.builds(
        lambda start, length: (start, length),
        st.integers(0, 60 * 24 * 20),
        st.integers(0, 180),
    ),
    max_size=8,
).map(
    lambda pairs: [
        held(TWO + timedelta(minutes=start), timedelta(minutes=length), f"uuid-{index}")
        for index, (start, length) in enumerate(pairs)
    ]
)
sessions = st.sampled_from(
    [single(), series(TWO + DAY, TWO + 8 * DAY, TWO + 15 * DAY), Session(Kind.MEETING, "5", type=INSTANT)]
)


def allowed_gap(session: Session) -> timedelta:
    return timedelta(minutes=10) if session.type == INSTANT else HOUR


@given(sessions, instances)
def test_every_instance_is_in_exactly_one_occurrence(session: Session, held_ones: list[Instance]) -> None:
    found = occurrences(session, held_ones, restart_gap=HOUR, now=LATER)
    assert sorted(i.uuid for each in found for i in each.instances) == sorted(i.uuid for i in held_ones)


@given(sessions, instances)
def test_a_date_is_named_at_most_once(session: Session, held_ones: list[Instance]) -> None:
    found = occurrences(session, held_ones, restart_gap=HOUR, now=TWO)
    dates = [each.scheduled for each in found if each.scheduled]
    assert len(dates) == len(set(dates))
    assert set(dates) <= set(session.scheduled)


@given(sessions, instances)
def test_occurrences_are_farther_apart_than_a_restart(session: Session, held_ones: list[Instance]) -> None:
    """And within one, no two neighbours are."""
    found = [each for each in occurrences(session, held_ones, restart_gap=HOUR, now=LATER) if each.held]
    for each in found:
        end = each.instances[0].start
        for instance in each.instances:
            assert instance.start - end <= allowed_gap(session)
            end = max(end, instance.end or end)
    by_start = sorted(found, key=lambda each: each.instances[0].start)
    for before, after in pairwise(by_start):
        assert after.instances[0].start - (before.ended_at or LATER) > allowed_gap(session)


@given(sessions, instances, st.randoms(use_true_random=False))
def test_the_order_of_instances_does_not_matter(session: Session, held_ones: list[Instance], random: Random) -> None:
    shuffled = list(held_ones)
    random.shuffle(shuffled)

    def found(rows: list[Instance]) -> list[Occurrence]:
        return occurrences(session, rows, restart_gap=HOUR, now=TWO + 9 * DAY)

    assert found(shuffled) == found(held_ones)
