"""Presence is the union of a person's stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tajo.core.attendance import Segment, merge, time_present

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
MINUTES = st.integers(0, 120)


def stay(join: int, leave: int) -> Segment:
    """A stay by its minutes after two."""
    return Segment(TWO + timedelta(minutes=join), TWO + timedelta(minutes=leave))


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


stays = st.lists(st.builds(stay, MINUTES, MINUTES), max_size=12)


def test_two_devices_at_once_count_once() -> None:
    """Phone 0-30 and laptop 10-40 is 40 minutes present, not 60."""
    assert time_present([stay(0, 30), stay(10, 40)]) == minutes(40)


def test_a_device_within_the_stay_of_another_adds_nothing() -> None:
    assert merge([stay(0, 60), stay(20, 30), stay(20, 60)]) == (stay(0, 60),)


def test_failover_and_breakout_rows_are_stays_like_any_other() -> None:
    """Main room 0-20, breakout room 20-35 with a failover at 30, main room again 36-60: 59 minutes."""
    assert time_present([stay(0, 20), stay(20, 30), stay(30, 35), stay(36, 60)]) == minutes(59)


def test_stays_that_touch_are_one_stretch() -> None:
    assert merge([stay(0, 20), stay(20, 40)]) == (stay(0, 40),)


def test_stays_apart_stay_apart() -> None:
    assert merge([stay(21, 40), stay(0, 20)]) == (stay(0, 20), stay(21, 40))


def test_nobody_there_is_no_time() -> None:
    assert merge([]) == ()
    assert time_present([]) == timedelta()


def test_a_clock_that_ran_backwards_makes_an_empty_stay() -> None:
    """Joined 14:30, left 14:10: no time, and nothing is taken away from a true stay."""
    assert time_present([stay(30, 10)]) == timedelta()
    assert time_present([stay(30, 10), stay(40, 50)]) == minutes(10)


def test_an_empty_stay_within_another_changes_nothing() -> None:
    assert merge([stay(0, 20), stay(10, 10)]) == (stay(0, 20),)


@given(stays, st.integers(0, 120))
def test_present_iff_some_stay_covers_the_minute(segments: list[Segment], minute: int) -> None:
    now = TWO + minutes(minute)
    assert any(s.join <= now < s.leave for s in merge(segments)) == any(s.join <= now < s.leave for s in segments)


@given(stays)
def test_time_present_is_the_number_of_covered_minutes(segments: list[Segment]) -> None:
    covered = {
        minute for minute in range(121) for s in segments if s.join <= TWO + minutes(minute) < s.leave
    }  # fmt: skip
    assert time_present(segments) == minutes(len(covered))


@given(stays)
def test_merged_stretches_are_in_order_and_apart(segments: list[Segment]) -> None:
    merged = merge(segments)
    assert all(before.leave < after.join for before, after in pairwise(merged))


@given(stays, st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_rows_do_not_matter(segments: list[Segment], random: Random) -> None:
    shuffled = [*segments, *segments[:3]]
    random.shuffle(shuffled)
    assert merge(shuffled) == merge(segments)
    assert merge(merge(segments)) == merge(segments)


@given(stays, stays)
def test_one_more_stay_never_makes_it_shorter_nor_longer_than_itself(a: list[Segment], b: list[Segment]) -> None:
    both = time_present([*a, *b])
    assert max(time_present(a), time_present(b)) <= both <= time_present(a) + time_present(b)
