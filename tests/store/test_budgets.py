"""Rate budgets that all processes on a database share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo.core.budget import Bucket, Quota, Slot
from tajo.store import budgets
from tajo.store.database import Database
from tajo.store.tables import budget_counts
from tajo.store.tables import budgets as budget_rows

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TENTH = timedelta(milliseconds=100)
BUCKET = Bucket("zoom:light", TENTH)


def hourly(calls: int, name: str = "hour") -> Quota:
    return Quota(name, calls, HOUR)


def daily(calls: int) -> Quota:
    return Quota("heavy/day", calls, timedelta(days=1), daily=True)


def take(database: Database, bucket: Bucket, now: datetime) -> Slot:
    return database.write_now(budgets.take, bucket, now)


# --- spacing ---


def test_slots_follow_one_another_at_the_spacing(database: Database) -> None:
    """Ten callers at once get slots 100 ms apart, from now on."""
    slots = [take(database, BUCKET, NOON) for _ in range(10)]
    assert slots == [Slot(NOON + n * TENTH, granted=True) for n in range(10)]


def test_what_was_not_used_is_not_made_up_for(database: Database) -> None:
    """After a quiet minute the first slot is now and the next one a spacing later: no burst."""
    take(database, BUCKET, NOON)
    later = NOON + MINUTE
    assert [take(database, BUCKET, later).at for _ in range(3)] == [later, later + TENTH, later + 2 * TENTH]


def test_a_bucket_without_spacing_lets_everybody_through(database: Database) -> None:
    assert {take(database, Bucket("other", timedelta()), NOON).at for _ in range(5)} == {NOON}


def test_buckets_do_not_wait_for_one_another(database: Database) -> None:
    take(database, BUCKET, NOON)
    assert take(database, replace(BUCKET, name="zoom:heavy"), NOON).at == NOON


def test_a_push_moves_everybody_on(database: Database) -> None:
    take(database, BUCKET, NOON)
    database.write_now(budgets.push, BUCKET.name, NOON + 5 * SECOND)
    slots = [take(database, BUCKET, NOON).at for _ in range(2)]
    assert slots == [NOON + 5 * SECOND, NOON + 5 * SECOND + TENTH]


def test_a_push_never_moves_back(database: Database) -> None:
    for seconds in (5, 2):
        database.write_now(budgets.push, BUCKET.name, NOON + seconds * SECOND)
    assert take(database, BUCKET, NOON).at == NOON + 5 * SECOND


def test_a_push_of_an_unknown_bucket_holds_for_its_first_call(database: Database) -> None:
    database.write_now(budgets.push, "new", NOON + SECOND)
    assert take(database, Bucket("new", timedelta()), NOON).at == NOON + SECOND


def spaced(slots: list[datetime]) -> bool:
    ordered = sorted(slots)
    return all(later - earlier >= TENTH for earlier, later in pairwise(ordered))


def test_threads_never_get_the_same_slot(database: Database) -> None:
    """Eight at once, each on a connection of its own."""
    slots: list[datetime] = []

    def work() -> None:
        slots.extend(take(database, BUCKET, NOON).at for _ in range(15))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slots) == [NOON + n * TENTH for n in range(120)]


TAKE = """
    import json, sys
    from datetime import datetime, timedelta
    from tajo.core.budget import Bucket, Quota
    from tajo.store import budgets
    from tajo.store.database import Database

    database, now = Database(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    bucket = Bucket("zoom:light", timedelta(milliseconds=100), (Quota("hour", 60, timedelta(hours=1)),))
    print("ready", flush=True)
    sys.stdin.readline()
    slots = [database.write_now(budgets.take, bucket, now) for _ in range(40)]
    print(json.dumps([slot.at.isoformat() for slot in slots if slot.granted]))
"""


def test_processes_never_get_the_same_slot_and_share_the_quota(database_url: str, script: Callable[..., Any]) -> None:
    """Two processes ask for 40 each of an hour's 60: 60 slots, all apart."""
    processes = [script(TAKE, database_url, NOON.isoformat()) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in processes]
    slots = [datetime.fromisoformat(at) for line in said for at in json.loads(line)]
    assert spaced(slots)
    assert len(slots) == 60


# --- quotas ---


def test_a_quota_counts_over_the_sliding_hour(database: Database) -> None:
    """Three an hour: after calls at 12:00, 12:20 and 12:40 the next is free when the first has left the hour."""
    bucket = Bucket("brevo:other", timedelta(), (hourly(3),))
    for minutes in (0, 20, 40):
        assert take(database, bucket, NOON + minutes * MINUTE).granted
    refused = take(database, bucket, NOON + 45 * MINUTE)
    assert (refused.granted, refused.quota) == (False, "hour")
    assert NOON + HOUR <= refused.at <= NOON + HOUR + MINUTE  # counted by the minute, never too few
    assert take(database, bucket, refused.at) == Slot(refused.at, granted=True)
    assert not take(database, bucket, refused.at).granted


def test_a_refusal_takes_nothing(database: Database) -> None:
    bucket = Bucket("brevo:other", MINUTE, (hourly(1),))
    take(database, bucket, NOON)
    until = {take(database, bucket, NOON + 5 * MINUTE).at for _ in range(10)}
    assert len(until) == 1
    assert take(database, bucket, until.pop()).granted


@given(st.lists(st.integers(0, 45), min_size=5, max_size=25), st.integers(1, 4))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_hour_has_more_than_its_calls(sqlite_database: Database, minutes: list[int], calls: int) -> None:
    """Callers come after any pauses; whoever is refused comes again at the time told, and is then let through."""
    sqlite_database.write_now(lambda c: [c.execute(sa.delete(table)) for table in (budget_counts, budget_rows)])
    bucket, now, granted = Bucket("brevo:other", timedelta(), (hourly(calls),)), NOON, []
    for pause in minutes:
        now += pause * MINUTE + pause * SECOND
        slot = take(sqlite_database, bucket, now)
        if not slot.granted:
            assert now < slot.at <= now + HOUR + MINUTE
            now = slot.at
            assert take(sqlite_database, bucket, now).granted
        granted.append(now)
    for first in granted:
        assert sum(first <= each < first + HOUR for each in granted) <= calls


def test_a_daily_quota_starts_anew_at_midnight_utc(database: Database) -> None:
    bucket = Bucket("zoom:heavy", timedelta(), (daily(2),))
    for moment in (NOON - 11 * HOUR, NOON + 11 * HOUR):
        assert take(database, bucket, moment).granted
    refused = take(database, bucket, NOON + 12 * HOUR - SECOND)
    assert refused == Slot(NOON + 12 * HOUR, granted=False, quota="heavy/day")
    assert database.read_now(budgets.used_today, "heavy/day", NOON) == 2
    assert take(database, bucket, refused.at).granted
    assert database.read_now(budgets.used_today, "heavy/day", refused.at) == 1


def test_buckets_share_a_quota_by_its_name(database: Database) -> None:
    """Zoom's heavy and resource-intensive calls draw on one daily budget."""
    heavy, resource = (Bucket(f"zoom:{name}", timedelta(), (daily(3),)) for name in ("heavy", "resource"))
    assert [take(database, each, NOON).granted for each in (heavy, resource, heavy)] == [True] * 3
    assert [take(database, each, NOON).granted for each in (heavy, resource)] == [False] * 2
    other = Bucket("zoom:other", timedelta(), (replace(daily(3), name="another/day"),))
    assert take(database, other, NOON).granted


def test_the_quota_that_is_used_up_decides(database: Database) -> None:
    """Nothing is counted on the one that still has room."""
    bucket = Bucket("both", timedelta(), (hourly(5), daily(1)))
    assert take(database, bucket, NOON).granted
    for _ in range(9):
        assert take(database, bucket, NOON).quota == "heavy/day"
    only_hourly = replace(bucket, quotas=(hourly(5),))
    assert [take(database, only_hourly, NOON).granted for _ in range(5)] == [True] * 4 + [False]


def test_threads_do_not_take_more_than_the_quota(database: Database) -> None:
    """Eight threads ask ten times each for an hour's twenty calls."""
    bucket, granted = Bucket("brevo:other", timedelta(), (hourly(20),)), []
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        granted.extend(take(database, bucket, NOON).granted for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 20


def test_old_counts_are_tidied_away(database: Database) -> None:
    bucket = Bucket("brevo:other", timedelta(), (hourly(9), daily(9)))
    for moment in (NOON - timedelta(days=3), NOON - HOUR, NOON):
        take(database, bucket, moment)
    database.write_now(budgets.tidy, NOON)
    counted = database.read_now(lambda c: c.execute(sa.select(budget_counts.c.grain)).scalars().all())
    assert min(counted) >= NOON - timedelta(days=2)
    assert len(counted) == 4


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_spacing_of_microseconds_does_not_drift(database: Database, limit: int) -> None:
    """30 calls a second are 33,333 µs apart; a thousand of them end within a second of what is due."""
    bucket = Bucket("fine", timedelta(microseconds=33_333))
    slots = [take(database, bucket, NOON).at for _ in range(min(limit, 60))]
    assert slots[-1] - slots[0] == (len(slots) - 1) * bucket.spacing
