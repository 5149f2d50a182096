"""How much of a session somebody took part in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.attendance import Segment, moment_at
from tajo.core.contact import Entry
from tajo.core.engagement import (
    Reason,
    Weights,
    attended_before,
    attended_lately,
    funnel,
    join_delay,
    left_early,
    score,
    share,
)
from tajo.core.facts import Kind
from tajo.core.outcome import Outcome, Readiness

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
WEIGHTS = Weights()


def minute(count: float) -> datetime:
    return TWO + timedelta(minutes=count)


CAME = Entry(
    occurrence="webinar:97:20260901T1400Z",
    kind=Kind.WEBINAR,
    session_id="97",
    uuid="u==",
    topic="Autumn",
    start=TWO,
    time_zone="UTC",
    host_email="ana@corp.example",
    held=timedelta(minutes=60),
    readiness=Readiness.FINAL,
    outcome=Outcome.ATTENDED,
    approved=True,
    began=TWO,
    late_at=minute(48),
    joined=minute(6),
    left=minute(60),
    present=timedelta(minutes=54),
    polls_answered=1,
    questions_asked=2,
)
ABSENT = replace(CAME, outcome=Outcome.NO_SHOW, joined=None, left=None, present=timedelta(), polls_answered=0)


# --- the measures


def test_leaving_before_four_fifths_is_leaving_early() -> None:
    assert left_early(replace(CAME, left=minute(47.9))) is True
    assert left_early(replace(CAME, left=minute(48))) is False


def test_nobody_left_early_who_was_not_there_or_of_whom_nobody_can_tell() -> None:
    assert left_early(ABSENT) is None
    assert left_early(replace(CAME, late_at=None)) is None
    assert left_early(replace(CAME, readiness=Readiness.SETTLING)) is None


def test_four_fifths_are_of_the_time_that_was_held() -> None:
    """20 minutes, a break of 50, then 45 minutes: 80 % of 65 are 52, 32 minutes into the second half."""
    halves = [Segment(minute(70), minute(115)), Segment(minute(0), minute(20))]
    assert moment_at(halves, 0.8) == minute(102)
    assert moment_at([], 0.8) is None


def test_the_delay_counts_from_the_schedule_or_from_the_real_start_if_that_was_later() -> None:
    assert join_delay(CAME) == timedelta(minutes=6)
    assert join_delay(replace(CAME, began=minute(4))) == timedelta(minutes=2)
    assert join_delay(replace(CAME, began=minute(-10), joined=minute(-3))) == timedelta()
    assert join_delay(ABSENT) is None


def test_sessions_of_the_90_days_before_count_and_this_one_does_not() -> None:
    days = [replace(CAME, start=TWO - timedelta(days=day)) for day in (91, 90, 30, 0, -3)]
    absent = replace(ABSENT, start=TWO - timedelta(days=5))
    assert attended_before(CAME, [*days, absent]) == 2
    assert attended_lately(CAME, [*days, absent]) == 3


# --- the score


def test_a_score_says_what_it_was_made_of() -> None:
    """54 of 60 minutes, to the end, one of two polls, a question, one session before."""
    found = score(CAME, 1, WEIGHTS)
    assert found.reasons == (
        Reason("presence", 45, 50),
        Reason("to the end", 10, 10),
        Reason("polls", 8, 15),
        Reason("questions", 10, 10),
        Reason("came before", 5, 15),
    )
    assert found.value == 78
    assert found.version == WEIGHTS.version


def test_who_was_not_there_has_nothing() -> None:
    for entry in (ABSENT, replace(CAME, readiness=Readiness.COMING)):
        assert (score(entry, 9, WEIGHTS).value, score(entry, 9, WEIGHTS).reasons) == (0, ())


def test_a_measure_without_weight_is_no_reason() -> None:
    alone = Weights(presence=100, to_the_end=0, polls=0, questions=0, repeat=0)
    assert score(CAME, 0, alone).reasons == (Reason("presence", 90, 100),)


def test_other_weights_are_another_version() -> None:
    assert Weights().version == WEIGHTS.version
    versions = {
        WEIGHTS.version,
        replace(WEIGHTS, polls=14, repeat=16).version,
        replace(WEIGHTS, enough_polls=3).version,
    }
    assert len(versions) == 3
    assert all(version.startswith("1-") for version in versions)


weights = st.lists(st.integers(0, 100), min_size=4, max_size=4).map(
    lambda cuts: Weights(*(b - a for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 100], strict=True)))
)
entries = st.builds(
    lambda present, left, polls, questions, outcome, held: replace(
        CAME,
        outcome=outcome,
        held=timedelta(seconds=held),
        present=timedelta(seconds=present),
        left=minute(left),
        polls_answered=polls,
        questions_asked=questions,
    ),
    st.integers(0, 7200),
    st.integers(0, 70),
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from(Outcome),
    st.integers(0, 7200),
)


@given(entries, st.integers(0, 9), weights)
def test_a_score_is_within_0_and_100_and_its_reasons_add_up(entry: Entry, before: int, chosen: Weights) -> None:
    found = score(entry, before, chosen)
    assert 0 <= found.value <= 100
    assert sum(reason.points for reason in found.reasons) == found.value
    assert all(0 <= reason.points <= reason.most for reason in found.reasons)


@given(entries, st.integers(0, 9), weights, st.integers(0, 3600), st.integers(0, 3))
def test_more_of_anything_never_brings_less(entry: Entry, before: int, chosen: Weights, s: int, more: int) -> None:
    found = score(entry, before, chosen).value
    longer = replace(entry, present=entry.present + timedelta(seconds=s))
    busier = replace(entry, polls_answered=entry.polls_answered + more, questions_asked=entry.questions_asked + more)
    assert score(longer, before, chosen).value >= found
    assert score(busier, before, chosen).value >= found
    assert score(entry, before + more, chosen).value >= found


def test_all_of_everything_is_100() -> None:
    full = replace(CAME, present=timedelta(minutes=60), polls_answered=2)
    assert score(full, 3, WEIGHTS).value == 100


# --- the funnel


def test_the_funnel_of_a_session() -> None:
    """Five registered and one walked in; four came, of whom one for less than half and one left early."""
    short = replace(CAME, present=timedelta(minutes=10), joined=minute(50), polls_answered=0)
    early = replace(CAME, left=minute(40), present=timedelta(minutes=34), questions_asked=0)
    walked_in = replace(CAME, approved=False, joined=minute(0), present=timedelta(minutes=60))
    host = replace(CAME, excluded="host")
    found = funnel([CAME, short, early, walked_in, ABSENT, ABSENT, host], [78, 20, 40, 80])
    assert (found.registered, found.attended, found.walk_ins, found.half, found.to_the_end) == (5, 4, 1, 3, 3)
    assert (found.polls_answered, found.questions_asked) == (3, 10)
    assert (found.minutes, found.delay, found.scores) == (44.0, 6.0, 59.0)


def test_a_session_of_nobody_has_no_medians() -> None:
    found = funnel([], [])
    assert (found.attended, found.minutes, found.delay, found.scores) == (0, None, None, None)


@given(st.lists(entries, max_size=8))
def test_nobody_gets_further_than_they_came(found: list[Entry]) -> None:
    told = funnel(found, [])
    assert told.attended >= told.half
    assert told.attended >= told.to_the_end
    assert told.attended >= told.walk_ins


@pytest.mark.parametrize("present", [0, 30, 90])
def test_the_share_is_never_more_than_all(present: int) -> None:
    assert share(replace(CAME, present=timedelta(minutes=present))) == min(1, present / 60)
