"""What several sources tell of one registration is one, in whatever order they are heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tajo.core.facts import Registration, Status
from tajo.core.registrations import merge, told

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
moments = st.sampled_from([NOON + timedelta(minutes=n) for n in range(4)])


@st.composite
def pieces(draw: st.DrawFn) -> Registration:
    """A listing, a created webhook, or one about an approval or a cancellation, with or without a link."""
    at, url = draw(moments), draw(st.sampled_from(["", "https://zoom.example/a", "https://zoom.example/b"]))
    detailed = draw(st.booleans())
    piece = Registration(
        "r1",
        "kim@mail.example",
        draw(st.sampled_from(Status)),
        org=draw(st.sampled_from(["", "O"])) if detailed else "",
        first_name=draw(st.sampled_from(["민수", "Minsu"])),
        join_url=url,
        listed_at=draw(st.sampled_from([None, at])),
    )
    return told(piece, at, detailed=detailed)


def all_of(found: tuple[Registration, ...]) -> Registration:
    first, *rest = found
    for each in rest:
        first = merge(first, each)
    return first


@given(st.lists(pieces(), min_size=1, max_size=4))
def test_the_order_changes_nothing(found: list[Registration]) -> None:
    assert len({all_of(order) for order in permutations(found)}) == 1


@given(pieces(), pieces(), pieces())
def test_it_does_not_matter_who_is_merged_first(one: Registration, two: Registration, three: Registration) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(pieces())
def test_the_same_twice_is_the_same(one: Registration) -> None:
    assert merge(one, one) == one


def test_the_link_told_last_counts_and_one_without_takes_none_away() -> None:
    bare = Registration("r1", "kim@mail.example", Status.APPROVED)
    one = told(replace(bare, join_url="https://zoom.example/z"), NOON, detailed=True)
    two = told(replace(bare, join_url="https://zoom.example/a"), NOON + timedelta(minutes=1), detailed=False)
    none = told(replace(bare, status=Status.CANCELLED), NOON + timedelta(minutes=2), detailed=False)
    assert merge(merge(one, two), none).join_url == "https://zoom.example/a"
