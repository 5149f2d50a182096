"""The gates before both vendors, on a real database and a clock that only waiting moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tajo.brevo.api import limits as brevo_limits
from tajo.brevo.api.limits import RateHint
from tajo.core.budget import Bucket, Quota
from tajo.core.errors import TransientError
from tajo.store.database import Database
from tajo.workflows.budgets import LONGEST_WAIT, BrevoBudget, Gates, ZoomBudget, zoom_buckets
from tajo.workflows.progress import Counter

pytestmark = pytest.mark.anyio

TENTH = timedelta(milliseconds=100)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
BUCKET = Bucket("zoom:heavy", TENTH, title="Zoom heavy limit")


@dataclass
class Shown(Counter):
    """Remembers what the person at the screen was told."""

    told: list[tuple[str, datetime]] = field(default_factory=list)

    def waits(self, why: str, until: datetime) -> None:
        self.told.append((why, until))


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def gates(sqlite_database: Database, clock: Any, shown: Shown) -> Gates:
    return Gates(sqlite_database, shown, clock, clock.sleep)


async def times(gates: Gates, bucket: Bucket, clock: Callable[[], datetime], callers: int) -> list[datetime]:
    """When so many callers who come at once are let through."""
    passed: list[datetime] = []

    async def call() -> None:
        await gates.through(bucket)
        passed.append(clock())

    await asyncio.gather(*(call() for _ in range(callers)))
    return passed


def apart(passed: list[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(passed)]


# --- spacing ---


async def test_fifty_callers_at_once_go_one_by_one(gates: Gates, clock: Any) -> None:
    """All are let through in five seconds less one spacing, each 100 ms after the one before."""
    start = clock()
    passed = await times(gates, BUCKET, clock, 50)
    assert apart(passed) == [TENTH] * 49
    assert passed[0] == start


async def test_callers_go_in_the_order_in_which_they_came(gates: Gates) -> None:
    order: list[int] = []

    async def call(number: int) -> None:
        await gates.through(BUCKET)
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))


async def test_there_is_no_burst_after_a_stall(sqlite_database: Database, clock: Any, shown: Shown) -> None:
    """The machine sleeps for 10 s while 30 callers wait: those left are spaced anew, none are made up for."""

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if len(clock.slept) == 10:
            clock.forward(seconds=10)

    gates = Gates(sqlite_database, shown, clock, sleep)
    passed = await times(gates, BUCKET, clock, 30)
    assert min(apart(passed)) >= TENTH
    assert max(apart(passed)) >= 10 * SECOND


async def test_a_slow_caller_does_not_let_a_burst_through(gates: Gates, clock: Any) -> None:
    """Time passes between calls, too; what is not used is gone."""
    passed = []
    for pause in (0.0, 0.03, 5.0, 0.0, 0.0, 0.09):
        clock.forward(seconds=pause)
        await gates.through(BUCKET)
        passed.append(clock())
    assert min(apart(passed)) >= TENTH


async def test_two_processes_share_the_pace(sqlite_database: Database, clock: Any, shown: Shown) -> None:
    """Forty calls of two gates on one database take as long as forty of one."""
    first, second = (Gates(sqlite_database, shown, clock, clock.sleep) for _ in range(2))
    start = clock()
    passed = await asyncio.gather(times(first, BUCKET, clock, 20), times(second, BUCKET, clock, 20))
    assert 39 * TENTH <= max(map(max, passed)) - start <= 45 * TENTH


async def test_gates_do_not_wait_for_one_another(gates: Gates, clock: Any) -> None:
    await gates.push(BUCKET, clock() + 10 * MINUTE)
    start = clock()
    await gates.through(Bucket("zoom:light", TENTH))
    assert clock() == start


# --- waiting ---


async def test_a_refused_call_closes_the_gate_for_everybody(
    sqlite_database: Database, gates: Gates, clock: Any, shown: Shown
) -> None:
    other = Gates(sqlite_database, shown, clock, clock.sleep)
    until = clock() + 7 * SECOND
    await gates.push(BUCKET, until)
    passed = await times(other, BUCKET, clock, 3)
    assert passed == [until, until + TENTH, until + 2 * TENTH]
    assert ("Zoom heavy limit", until) in shown.told


async def test_a_wait_that_is_too_long_is_an_error_that_says_until_when(gates: Gates, clock: Any) -> None:
    until = clock() + LONGEST_WAIT + SECOND
    await gates.push(BUCKET, until)
    refused = await asyncio.gather(*(gates.through(BUCKET) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(error, TransientError) and error.retry_at for error in refused)
    first = refused[0]
    assert isinstance(first, TransientError)
    assert first.retry_at == until
    assert (first.origin, "Zoom heavy limit is used up" in first.line()) == ("zoom.limits", True)
    assert not clock.slept


async def test_the_longest_wait_is_waited(gates: Gates, clock: Any) -> None:
    until = clock() + LONGEST_WAIT
    await gates.push(BUCKET, until)
    assert await times(gates, BUCKET, clock, 1) == [until]


async def test_after_the_time_told_the_gate_is_open(gates: Gates, clock: Any) -> None:
    until = clock() + HOUR
    await gates.push(BUCKET, until)
    with pytest.raises(TransientError):
        await gates.through(BUCKET)
    clock.now = until + SECOND
    assert len(await times(gates, BUCKET, clock, 5)) == 5


async def test_a_used_up_quota_is_waited_for_when_it_opens_soon(gates: Gates, clock: Any) -> None:
    bucket = Bucket("brevo:other", timedelta(), (Quota("other/hour", 3, HOUR),), "Brevo other limit")
    start = clock()
    await times(gates, bucket, clock, 3)
    clock.forward(minutes=50)
    (passed,) = await times(gates, bucket, clock, 1)
    assert start + HOUR <= passed <= start + HOUR + MINUTE


async def test_a_used_up_quota_that_opens_late_is_an_error(gates: Gates, clock: Any) -> None:
    """Of 120 callers at once, 100 go and 20 are told when."""
    bucket = Bucket("brevo:other", timedelta(), (Quota("other/hour", 100, HOUR),), "Brevo other limit")
    start = clock()
    results = await asyncio.gather(*(gates.through(bucket) for _ in range(120)), return_exceptions=True)
    refused = [each for each in results if isinstance(each, TransientError)]
    assert len(refused) == 20
    assert {each.origin for each in refused} == {"brevo.limits"}
    assert all(each.retry_at and start + HOUR <= each.retry_at <= start + HOUR + MINUTE for each in refused)


async def test_a_caller_who_gives_up_blocks_nobody(gates: Gates, clock: Any) -> None:
    await gates.push(BUCKET, clock() + MINUTE)

    async def sleep_for_ever(seconds: float) -> None:
        await asyncio.Event().wait()

    patient = gates._sleep
    gates._sleep = sleep_for_ever
    waiting = asyncio.create_task(gates.through(BUCKET))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gates._sleep = patient
    assert len(await times(gates, BUCKET, clock, 2)) == 2


async def test_only_waits_that_somebody_could_wonder_about_are_shown(gates: Gates, clock: Any, shown: Shown) -> None:
    await times(gates, BUCKET, clock, 20)
    assert shown.told == []
    slow = Bucket("zoom:resource", 6 * SECOND, title="Zoom resource limit")
    start = clock()
    await times(gates, slow, clock, 2)
    assert shown.told == [("Zoom resource limit", start + 6 * SECOND)]


# --- Zoom ---


@pytest.fixture
def zoom(gates: Gates, clock: Any) -> ZoomBudget:
    return ZoomBudget(gates, plan="pro", share=0.95, account="acc", clock=clock)


async def paced(acquire: Callable[[], Any], clock: Any, calls: int) -> timedelta:
    """How long so many calls take, from the first to the last."""
    await acquire()
    start = clock()
    for _ in range(calls - 1):
        await acquire()
    return clock() - start


@pytest.mark.parametrize(
    ("plan", "label", "calls_a_second"),
    [
        ("pro", "light", 28.5),
        ("pro", "medium", 19),
        ("pro", "heavy", 9.5),
        ("pro", "resource", 9.5 / 60),
        ("free", "light", 3.8),
        ("free", "heavy", 0.95),
        ("business", "heavy", 38),
        ("business", "resource", 19 / 60),
    ],
)
async def test_zooms_labels_have_their_plans_pace(
    gates: Gates, clock: Any, plan: str, label: str, calls_a_second: float
) -> None:
    """95 % of the published limits, spaced."""
    budget = ZoomBudget(gates, plan=plan, share=0.95, account="acc", clock=clock)
    took = await paced(lambda: budget.acquire(label), clock, 11)
    assert took.total_seconds() == pytest.approx(10 / calls_a_second, rel=0.001)


def test_zooms_daily_budgets() -> None:
    """Heavy and resource-intensive calls share one on the paid plans; light and medium ones have none."""
    pro, free = zoom_buckets("pro", 0.95, "acc"), zoom_buckets("free", 0.5, "acc")
    assert [(quota.name, quota.calls, quota.daily) for quota in pro["heavy"].quotas] == [
        ("zoom:acc:heavy/day", 28_500, True)
    ]
    assert pro["resource"].quotas == pro["heavy"].quotas
    assert pro["light"].quotas == pro["medium"].quotas == ()
    assert {label: bucket.quotas[0].calls for label, bucket in free.items()} == {
        "light": 3_000,
        "medium": 1_000,
        "heavy": 500,
        "resource": 15_000,
    }


async def test_the_days_budget_ends_at_midnight_utc(gates: Gates, clock: Any) -> None:
    """A share so small that three heavy calls use the day up, whichever of the two labels they have."""
    budget = ZoomBudget(gates, plan="pro", share=3 / 30_000, account="acc", clock=clock)
    for label in ("heavy", "resource", "heavy"):
        await gates.through(Bucket(label, timedelta(), budget._buckets[label].quotas))
    with pytest.raises(TransientError) as caught:
        await budget.acquire("resource")
    assert caught.value.retry_at == datetime(2026, 11, 25, tzinfo=UTC)


async def test_zooms_refusal_holds_for_its_label_only(zoom: ZoomBudget, clock: Any) -> None:
    start = clock()
    await zoom.push("heavy", start + 2 * SECOND, daily=False)
    await zoom.acquire("light")
    assert clock() == start
    await zoom.acquire("heavy")
    assert clock() == start + 2 * SECOND


@pytest.mark.parametrize(
    ("plan", "label", "wait_s"), [("pro", "light", 0.5), ("pro", "resource", 30), ("free", "heavy", 0)]
)
async def test_nothing_left_of_a_window_is_waited_out(
    gates: Gates, clock: Any, plan: str, label: str, wait_s: float
) -> None:
    """Other apps use the account, too. Where calls are a window apart anyway, there is nothing to add."""
    budget = ZoomBudget(gates, plan=plan, share=0.95, account="acc", clock=clock)
    start = clock()
    await budget.saw_remaining(label, 1)
    await budget.saw_remaining(label, 0)
    await budget.acquire(label)
    assert (clock() - start).total_seconds() == wait_s


# --- Brevo ---


@pytest.fixture
def brevo(gates: Gates) -> BrevoBudget:
    return BrevoBudget(gates, tier="general", account="acc")


def hint(limit: int) -> RateHint:
    return RateHint(limit, remaining=5, reset_s=1.0)


@pytest.mark.parametrize(("tier", "calls_a_second"), [("general", 9.5), ("advanced", 19), ("extended", 57)])
async def test_brevos_contacts_have_their_tiers_pace(
    gates: Gates, clock: Any, tier: Any, calls_a_second: float
) -> None:
    budget = BrevoBudget(gates, tier=tier, account="acc")
    took = await paced(lambda: budget.acquire(brevo_limits.CONTACTS), clock, 20)
    assert took.total_seconds() == pytest.approx(19 / calls_a_second, rel=0.001)


async def test_brevos_hourly_calls_are_not_spaced_but_counted(brevo: BrevoBudget, clock: Any) -> None:
    start = clock()
    for _ in range(100):
        await brevo.acquire(brevo_limits.OTHER)
    assert clock() == start
    with pytest.raises(TransientError) as caught:
        await brevo.acquire(brevo_limits.OTHER)
    assert caught.value.retry_at is not None
    assert start + HOUR <= caught.value.retry_at <= start + HOUR + MINUTE


async def test_doubtful_calls_are_counted_on_the_stricter_bucket(brevo: BrevoBudget, clock: Any) -> None:
    """The bare /contacts, /processes and event batches share the hundred an hour until Brevo tells otherwise."""
    for label in list(brevo_limits.DOUBTFUL) * 25:
        await brevo.acquire(label)
    with pytest.raises(TransientError):
        await brevo.acquire(brevo_limits.OTHER)


@pytest.mark.parametrize("limit", [10, 36_000])
async def test_a_doubtful_call_moves_when_brevo_tells_its_bucket(brevo: BrevoBudget, clock: Any, limit: int) -> None:
    """By the limit of either window; only that label moves, and it is spaced from then on."""
    await brevo.saw(brevo_limits.BARE_CONTACTS, hint(limit))
    took = await paced(lambda: brevo.acquire(brevo_limits.BARE_CONTACTS), clock, 120)
    assert took.total_seconds() == pytest.approx(119 / 9.5, rel=0.001)
    for _ in range(100):  # none of the hundred was used
        await brevo.acquire(brevo_limits.PROCESSES)


async def test_a_doubtful_call_moves_back_when_brevo_says_so(brevo: BrevoBudget, clock: Any) -> None:
    await brevo.saw(brevo_limits.PROCESSES, hint(36_000))
    await brevo.saw(brevo_limits.PROCESSES, hint(100))
    start = clock()
    for _ in range(100):
        await brevo.acquire(brevo_limits.PROCESSES)
    assert clock() == start
    with pytest.raises(TransientError):
        await brevo.acquire(brevo_limits.PROCESSES)


async def test_a_limit_that_fits_no_bucket_moves_nothing(brevo: BrevoBudget, clock: Any) -> None:
    await brevo.saw(brevo_limits.PROCESSES, hint(12_345))
    await brevo.saw(brevo_limits.CONTACTS, hint(100))  # and a label that is in no doubt stays where it is
    assert await paced(lambda: brevo.acquire(brevo_limits.CONTACTS), clock, 2) > timedelta()
    for _ in range(100):
        await brevo.acquire(brevo_limits.PROCESSES)
    with pytest.raises(TransientError):
        await brevo.acquire(brevo_limits.PROCESSES)


async def test_doubtful_calls_keep_the_pace_of_the_bucket_that_they_may_belong_to(
    brevo: BrevoBudget, clock: Any
) -> None:
    """Until Brevo tells: the hour's quota of the one and the spacing of the other, else the first ones are a burst."""
    together = [brevo_limits.CONTACTS, brevo_limits.BARE_CONTACTS] * 5
    start = clock()
    for label in together:
        await brevo.acquire(label)
    assert (clock() - start).total_seconds() >= 9 / 9.5 - 0.001


async def test_brevos_refusal_is_waited_out(brevo: BrevoBudget, clock: Any) -> None:
    until = clock() + 20 * SECOND
    await brevo.push(brevo_limits.PROCESSES, until)
    await brevo.acquire(brevo_limits.OTHER)  # the same bucket
    assert clock() == until


async def test_accounts_do_not_share_their_limits(
    sqlite_database: Database, gates: Gates, brevo: BrevoBudget, clock: Any
) -> None:
    await brevo.push(brevo_limits.CONTACTS, clock() + 10 * MINUTE)
    other, start = BrevoBudget(gates, tier="general", account="other"), clock()
    await other.acquire(brevo_limits.CONTACTS)
    assert clock() == start
