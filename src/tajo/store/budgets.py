"""Rate budgets, shared by every process on the database: when the next call may go out, and how many did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tajo.core.budget import Bucket, Quota, Slot, free_at
from tajo.store.tables import budget_counts, budgets
from tajo.store.upsert import insert

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def take(connection: sa.Connection, bucket: Bucket, now: datetime) -> Slot:
    """Take the next slot of a bucket: its time is `now`, or later.

    The slot is moved on by one statement, so two processes never get the same one. Where a quota is used up nothing
    is taken, and the time to ask again is returned.
    """
    if bucket.quotas and connection.dialect.name == "postgresql":
        # Counting and taking have to be one: SQLite's writer is alone anyway.
        for name in sorted(quota.name for quota in bucket.quotas):
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})
    for quota in bucket.quotas:
        opens = free_at(_counts(connection, quota, now), quota, now, grain=_grain(quota))
        if opens > now:
            return Slot(opens, granted=False, quota=quota.name)
    at = _advance(connection, bucket, now)
    for quota in bucket.quotas:
        _count(connection, quota, at)
    return Slot(at, granted=True)


def _advance(connection: sa.Connection, bucket: Bucket, now: datetime) -> datetime:
    moment, step = (now - _EPOCH) // _US, bucket.spacing // _US
    statement = insert(connection, budgets).values(bucket=bucket.name, next_us=moment + step)
    waiting = sa.case((budgets.c.next_us > moment, budgets.c.next_us), else_=moment)
    taken: int = connection.execute(
        statement.on_conflict_do_update(index_elements=["bucket"], set_={"next_us": waiting + step}).returning(
            budgets.c.next_us
        )
    ).scalar_one()
    return _EPOCH + (taken - step) * _US


def push(connection: sa.Connection, name: str, until: datetime) -> None:
    """Nobody may call on this bucket before `until`: the vendor said so."""
    moment = (until - _EPOCH) // _US
    statement = insert(connection, budgets).values(bucket=name, next_us=moment)
    later = sa.case((budgets.c.next_us > moment, budgets.c.next_us), else_=moment)
    connection.execute(statement.on_conflict_do_update(index_elements=["bucket"], set_={"next_us": later}))


def _grain(quota: Quota) -> timedelta:
    """How finely calls are counted: a sixtieth of the window, an hour for a day's quota."""
    return timedelta(hours=1) if quota.daily else max(quota.window / 60, timedelta(seconds=1))


def _floor(moment: datetime, grain: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % grain


def _count(connection: sa.Connection, quota: Quota, slot: datetime) -> None:
    row = {"bucket": quota.name, "grain": _floor(slot, _grain(quota)), "calls": 1}
    statement = insert(connection, budget_counts).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["bucket", "grain"], set_={"calls": budget_counts.c.calls + 1})
    )


def _counts(connection: sa.Connection, quota: Quota, now: datetime) -> list[tuple[datetime, int]]:
    since = now - quota.window - _grain(quota)
    rows = connection.execute(
        sa.select(budget_counts.c.grain, budget_counts.c.calls).where(
            budget_counts.c.bucket == quota.name, budget_counts.c.grain >= since
        )
    )
    return [(row.grain, row.calls) for row in rows]


def tidy(connection: sa.Connection, now: datetime) -> None:
    """Forget counts that no quota looks at any more."""
    connection.execute(sa.delete(budget_counts).where(budget_counts.c.grain < now - timedelta(days=2)))


def used_today(connection: sa.Connection, quota: str, now: datetime) -> int:
    """Calls counted on a daily quota since 00:00 UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = connection.execute(
        sa.select(sa.func.sum(budget_counts.c.calls)).where(
            budget_counts.c.bucket == quota, budget_counts.c.grain >= midnight
        )
    )
    return int(rows.scalar() or 0)
