"""Which of several recordings is the session's, and what is known after something more was told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tajo.core.facts import Kind
from tajo.core.recordings import Recorded, chosen, merged

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = Recorded("u1==", "97", Kind.WEBINAR, "봄", "https://zoom.example/1", "p1", 60, False, NOON, NOON)

minutes = st.integers(0, 5).map(lambda m: NOON + timedelta(minutes=m))
tellings = st.builds(
    lambda at, url, duration, transcript, start, day, uuid: Recorded(
        uuid, "97", Kind.WEBINAR, "봄", url, f"p{url}", duration, transcript, at, start, day
    ),
    minutes,
    st.sampled_from(["", "a", "b"]),
    st.integers(0, 3),
    st.booleans(),
    st.none() | minutes,
    st.none() | st.integers(1, 3).map(lambda d: date(2026, 12, d)),
    st.sampled_from(["u1==", "u2==", "u3=="]),
)


def test_the_longest_is_chosen_and_of_equally_long_ones_the_earliest() -> None:
    """The host restarted twice: 10, 60 and again 60 minutes were recorded."""
    short = replace(HOUR, uuid="u0==", duration_min=10, start=NOON - timedelta(minutes=15))
    again = replace(HOUR, uuid="u2==", start=NOON + timedelta(minutes=70))
    assert chosen([again, short, HOUR]) == HOUR
    assert chosen([short]) == short


def test_what_has_no_address_is_no_recording() -> None:
    assert chosen([]) is None
    assert chosen([replace(HOUR, share_url="")]) is None


def test_the_passcode_is_not_printed() -> None:
    assert "p1" not in repr(HOUR)


@given(st.lists(tellings, max_size=6), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(found: list[Recorded], random: Random) -> None:
    shuffled = random.sample(found, len(found))
    first, second = chosen(found), chosen(shuffled)
    assert (first is None) == all(not each.share_url for each in found)
    if first is not None and second is not None:
        assert first.duration_min == second.duration_min == max(e.duration_min for e in found if e.share_url)
        assert (first.start, first.uuid) == (second.start, second.uuid)


@given(st.lists(tellings.map(lambda each: replace(each, uuid="u1==")), min_size=1, max_size=6), st.randoms())
def test_what_is_known_does_not_depend_on_the_order_of_telling(found: list[Recorded], random: Random) -> None:
    known = reduce(merged, found)
    assert reduce(merged, random.sample(found, len(found))) == known
    assert known.transcript == any(each.transcript for each in found)
    assert bool(known.share_url) == any(each.share_url for each in found)
