"""An occurrence's name, its start, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tajo.core.facts import Instance, Kind, Occurrence, Scheduled, Session

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEBINAR = Session(Kind.WEBINAR, "97871060099", type=5)
DATE = Scheduled("", TWO, HOUR)


def held(uuid: str, start: int, end: int | None) -> Instance:
    """An instance by its minutes after two; no end: live."""
    return Instance(uuid, TWO + timedelta(minutes=start), None if end is None else TWO + timedelta(minutes=end))


def test_an_occurrence_is_named_by_kind_id_and_start() -> None:
    assert Occurrence(WEBINAR, DATE).key == "webinar:97871060099:20260901T1400Z"


def test_the_name_stays_when_the_host_starts_early_late_or_twice() -> None:
    """Scheduled for 14:00; started 13:52, or 14:07 and again 14:46."""
    coming = Occurrence(WEBINAR, DATE)
    early = Occurrence(WEBINAR, DATE, (held("a", -8, 60),))
    twice = Occurrence(WEBINAR, DATE, (held("a", 7, 40), held("b", 46, 60)))
    assert coming.key == early.key == twice.key


def test_what_nobody_scheduled_is_named_by_when_it_started() -> None:
    instant = Occurrence(Session(Kind.MEETING, "5638296721", type=1), None, (held("a", 3, 60),))
    assert instant.start == TWO + timedelta(minutes=3)
    assert instant.key == "meeting:5638296721:20260901T1403Z"


def test_a_date_ends_after_its_duration() -> None:
    assert Scheduled("1788271200000", TWO, timedelta(minutes=90)).end == TWO + timedelta(minutes=90)


def test_a_coming_date_is_not_held_not_live_and_not_over() -> None:
    coming = Occurrence(WEBINAR, DATE)
    assert (coming.held, coming.live, coming.ended_at) == (False, False, None)


def test_one_live_instance_keeps_the_whole_occurrence_from_being_over() -> None:
    restarted = Occurrence(WEBINAR, DATE, (held("a", 0, 40), held("b", 46, None)))
    assert (restarted.held, restarted.live, restarted.ended_at) == (True, True, None)


def test_over_when_the_last_instance_ended_whatever_their_order() -> None:
    over = Occurrence(WEBINAR, DATE, (held("a", 0, 70), held("b", 5, 20)))
    assert over.ended_at == TWO + timedelta(minutes=70)
    assert not over.live


def test_facts_do_not_change() -> None:
    with pytest.raises(AttributeError):
        DATE.id = "other"  # type: ignore[misc]
