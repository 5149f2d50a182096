"""The vendors' limits, held over the shared database: one queue per bucket in a process, one row for all processes."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from tajo import logs
from tajo.brevo.api import limits as brevo_limits
from tajo.connectors.zoom.api import limits as zoom_limits
from tajo.core.budget import Bucket, Quota, spaced
from tajo.core.errors import TransientError
from tajo.store import budgets
from tajo.store.database import Database
from tajo.workflows.progress import Progress

TITLES = {brevo_limits.OTHER: "other calls (100 an hour)", brevo_limits.MAIL: "mails"}
LONGEST_WAIT = timedelta(minutes=15)  # ours: a longer wait ends the run, which can be resumed when it is over
LATE = timedelta(milliseconds=15)  # ours: how late a timer may fire and be made up for
MOST_REMEMBERED = 100  # calls of a bucket: more than any label has in a second
SHOWN_WAIT = timedelta(seconds=1)  # shorter waits are the ordinary spacing of calls
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Gates:
    """One gate a bucket: callers go through one by one, never closer together than the bucket's spacing.

    The slot is taken from the database just before it is due, so that a stalled process spaces its calls anew instead
    of sending those that piled up at once.
    """

    def __init__(
        self,
        database: Database,
        progress: Progress,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._progress = progress
        self._clock = clock
        self._sleep = sleep
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[str, datetime] = {}
        self._went: dict[str, deque[datetime]] = defaultdict(lambda: deque(maxlen=MOST_REMEMBERED))

    def lately(self, bucket: Bucket, window: timedelta) -> int:
        """How many calls of this process went out in the last `window`."""
        since = self._clock() - window
        return sum(moment > since for moment in self._went[bucket.name])

    async def through(self, bucket: Bucket) -> None:
        """Return when a call may go out. TransientError with `retry_at` when that is too far away to wait for."""
        async with self._locks[bucket.name]:
            while True:
                slot = await self._database.write(budgets.take, bucket, self._clock())
                await self._until(slot.at, bucket)
                if slot.granted:
                    break
            last = self._last.get(bucket.name)
            if last is not None:
                await self._until(last + bucket.spacing, bucket)
            now = self._clock()
            due = slot.at if last is None else max(slot.at, last + bucket.spacing)
            # A timer that fires a little late does not make every later call late, too; a stall does.
            self._last[bucket.name] = due if now - due <= min(bucket.spacing / 4, LATE) else now
            self._went[bucket.name].append(now)

    async def _until(self, moment: datetime, bucket: Bucket) -> None:
        wait = moment - self._clock()
        if wait > LONGEST_WAIT:
            raise TransientError(
                f"the {bucket.title} is used up until {moment:%Y-%m-%d %H:%M} UTC",
                origin="zoom.limits" if bucket.name.startswith("zoom:") else "brevo.limits",
                hint="run the same command again then: it goes on where it stopped",
                retry_at=moment,
            )
        if wait > timedelta(0):
            if wait > SHOWN_WAIT:
                self._progress.waits(bucket.title, moment)
                logs.say("vendor.waits", why=bucket.title, seconds=round(wait.total_seconds(), 1))
            await self._sleep(wait.total_seconds())

    async def push(self, bucket: Bucket, until: datetime) -> None:
        """Close the gate for every process until then: the vendor refused a call."""
        self._progress.waits(bucket.title, until)
        await self._database.write(budgets.push, bucket.name, until)


class ZoomBudget:
    """Zoom's limits for a plan, by label, and the day's budget that heavy and resource-intensive calls share."""

    def __init__(self, gates: Gates, *, plan: str, share: float, account: str, clock: Callable[[], datetime]) -> None:
        self._gates = gates
        self._clock = clock
        self._buckets = zoom_buckets(plan, share, account)
        self._limits = zoom_limits.LIMITS[plan]

    async def acquire(self, label: str) -> None:
        await self._gates.through(self._buckets[label])

    async def push(self, label: str, until: datetime, *, daily: bool) -> None:
        del daily  # the row that is pushed holds for both
        await self._gates.push(self._buckets[label], until)

    async def saw_remaining(self, label: str, remaining: int) -> None:
        """Other apps use the same limits: when they left nothing in this second, the next one is waited for.

        Where our own calls used it up, their pace is right as it is.
        """
        if remaining == 0:
            bucket = self._buckets[label]
            window = timedelta(minutes=1) if label == "resource" else timedelta(seconds=1)
            ours = self._gates.lately(bucket, window) >= self._limits[label].calls - 1
            if not ours and bucket.spacing < window / 2:
                await self._gates.push(bucket, self._clock() + window / 2)


def zoom_buckets(plan: str, share: float, account: str) -> Mapping[str, Bucket]:
    """Label → bucket. The names carry the account: one database may serve several."""
    buckets = {}
    for label, limit in zoom_limits.LIMITS[plan].items():
        daily = zoom_limits.daily_bucket(plan, label)
        quotas: tuple[Quota, ...] = ()
        if daily is not None:
            calls = int(zoom_limits.DAILY[plan][daily] * share)
            quotas = (Quota(f"zoom:{account}:{daily}/day", calls, DAY, daily=True),)
        title = f"Zoom {label} limit"
        buckets[label] = Bucket(f"zoom:{account}:{label}", spaced(limit.calls, limit.per, share), quotas, title)
    return buckets


class BrevoBudget:
    """Brevo's limits for a tier, by bucket. Seconds are spaced, hours are counted over the sliding hour."""

    SHARE = 0.95  # of the calls a second: both clocks may drift a little

    def __init__(
        self, gates: Gates, *, tier: brevo_limits.Tier, account: str, told: dict[str, str] | None = None
    ) -> None:
        self._gates = gates
        self._tier = tier
        self._account = account
        self._told = told if told is not None else {}

    async def acquire(self, label: str) -> None:
        for bucket in self._buckets(label):
            await self._gates.through(bucket)

    async def push(self, label: str, until: datetime) -> None:
        for bucket in self._buckets(label):
            await self._gates.push(bucket, until)

    async def saw(self, label: str, hint: brevo_limits.RateHint) -> None:
        """An answer to a doubtful call tells which bucket it is counted on."""
        if label in brevo_limits.DOUBTFUL:
            told = brevo_limits.told_by(label, hint, self._tier)
            if told is not None:
                self._told[label] = told

    def _buckets(self, label: str) -> list[Bucket]:
        """The bucket of a call; while nobody said which, both that it may belong to: one's quota, the other's pace."""
        if label not in brevo_limits.DOUBTFUL:
            return [self._bucket(label)]
        told = self._told.get(label)
        if told is not None:
            return [self._bucket(told)]
        return [self._bucket(brevo_limits.OTHER), self._bucket(brevo_limits.DOUBTFUL[label])]

    def _bucket(self, label: str) -> Bucket:
        limit = brevo_limits.LIMITS[self._tier][label]
        spacing = spaced(limit.per_second, timedelta(seconds=1), self.SHARE) if limit.per_second else timedelta(0)
        name = f"brevo:{self._account}:{label}"
        quota = Quota(f"{name}/hour", limit.per_hour, HOUR)
        return Bucket(name, spacing, (quota,), f"Brevo limit for {TITLES.get(label, label)}")
