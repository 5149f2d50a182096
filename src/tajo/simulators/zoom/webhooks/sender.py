"""Delivers events to one address as Zoom does: signed, at least once, in no promised order, with three retries."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal, Protocol

from tajo.simulators.world import Instance, Session, World
from tajo.simulators.zoom.webhooks import deliveries
from tajo.simulators.zoom.webhooks.deliveries import Delivery, Mail, Validation
from tajo.simulators.zoom.webhooks.event import Event, Json, twin
from tajo.simulators.zoom.webhooks.events import events_of
from tajo.simulators.zoom.webhooks.switches import WebhookSwitches
from tajo.simulators.zoom.webhooks.wire import (
    Post,
    Reply,
    carry,
    headers_of,
    post_over_http,
    raw_body,
    request_id,
)


class Account(Protocol):
    """What a sender needs of a `ZoomSimulator`."""

    clock: Callable[[], datetime]

    @property
    def world(self) -> World: ...
    @property
    def client_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Letter:
    """A body on its way, and which attempt comes next."""

    event: str
    body: bytes
    request_id: str
    attempt: int = 0


class WebhookSender:
    """One subscription's deliveries.

    Only waiting moves time: retries, late events and the validation every 72 hours happen in `tick`, by `clock`.
    `deliveries` records every attempt, `lost` what was never sent, `validation` the state of the address. `wants`
    (None: everything) picks the events that the subscription is for. For one event loop at a time.
    """

    def __init__(
        self,
        source: Account | World,
        *,
        url: str,
        secret: str,
        clock: Callable[[], datetime] | None = None,
        post: Post | None = None,
        seed: int = 0,
        switches: WebhookSwitches | None = None,
        client_id: str = "",
        wants: Callable[[Event], bool] | None = None,
    ) -> None:
        """`clock` returns aware UTC (the simulator's, else the real time); `post` carries a request (by HTTP)."""
        self.source = source
        self.url = url
        self.secret = secret
        self.clock = clock or (_real_clock if isinstance(source, World) else source.clock)
        self.post = post or post_over_http()
        self.switches = switches or WebhookSwitches()
        self.client_id = client_id or ("simulated-client-id" if isinstance(source, World) else source.client_id)
        self.wants = wants
        self.deliveries: list[Delivery] = []
        self.lost: list[Event] = []
        self.validation = Validation()
        self._rng = Random(seed)
        self._queue: list[tuple[datetime, int, _Letter]] = []
        self._queued = 0

    @property
    def world(self) -> World:
        return self.source if isinstance(self.source, World) else self.source.world

    @property
    def mails(self) -> list[Mail]:
        """What Zoom wrote to the app's owner."""
        return self.validation.mails

    @property
    def disabled(self) -> bool:
        """Nothing is sent any more, until `validate` succeeds."""
        return self.validation.disabled

    @property
    def next_due(self) -> datetime | None:
        """When the next retry or late event is due."""
        return self._queue[0][0] if self._queue else None

    def selected(self, *, event: str = "", outcome: str = "", attempt: int | None = None) -> list[Delivery]:
        """The deliveries of an event name, an outcome, an attempt."""
        return [
            d
            for d in self.deliveries
            if (not event or d.event == event)
            and (not outcome or d.outcome == outcome)
            and (attempt is None or d.attempt == attempt)
        ]

    # --- sending ---

    async def send(self, event: Event) -> Delivery:
        """One event, now and whatever the switches say of losses; retries follow in `tick`."""
        return await self._attempt(self._letter(event.name, event.body))

    async def send_all(self, events: Iterable[Event] | None = None) -> list[Delivery]:
        """All of them now (None: what happened in the world until now), with the switches' order, losses and doubles.

        Returns the first attempts; late events are queued for `tick`.
        """
        chosen = events_of(self.world, until=self.clock(), switches=self.switches) if events is None else events
        letters = self._on_the_way(chosen)
        if self.switches.shuffled:
            self._rng.shuffle(letters)
        return await self._send_together(letters, None)

    async def tick(self, now: datetime | None = None) -> list[Delivery]:
        """What is due at `now` (the clock's time): retries and late events, then the validation."""
        now = now or self.clock()
        due: list[_Letter] = []
        while self._queue and self._queue[0][0] <= now:
            due.append(heapq.heappop(self._queue)[2])
        done = await self._send_together(due, now)
        while (check := self.validation.due) is not None and check <= now:
            await self._revalidate(check, now)
        return done

    async def finish(self, move: Callable[[datetime], object]) -> list[Delivery]:
        """Let time go on, by `move`, from one due time to the next until nothing is left to send."""
        done: list[Delivery] = []
        while (due := self.next_due) is not None:
            move(due)
            done += await self.tick(due)
        return done

    async def play(
        self,
        what: Session | Instance | Iterable[Event],
        *,
        speed: float = 60.0,
        registrations: bool = True,
        since: datetime | None = None,
        move: Callable[[datetime], object] | None = None,
        longest_wait_s: float = 5.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> list[Delivery]:
        """Send the events one after the other with their distances in time, `speed` seconds of the world in one.

        Only those `since` then. `move` sets a clock to each event's time before it is sent (it must bear times before
        its own). No wait is longer than `longest_wait_s`. Slow answers hold nothing up. Retries and late events go out
        when `clock` says so; those still due at the end are left to `tick` or `finish`. Returns all that was attempted.
        """
        if isinstance(what, Session | Instance):
            what = events_of(self.world, what, registrations=registrations, switches=self.switches)
        events = sorted((e for e in what if since is None or e.at >= since), key=lambda e: e.at)
        begin, before = len(self.deliveries), since or min((e.at for e in events), default=None)
        async with asyncio.TaskGroup() as tasks:
            for event in events:
                assert before is not None
                await sleep(min((event.at - before).total_seconds() / speed, longest_wait_s))
                before = event.at
                if move is not None:
                    move(event.at)
                now = self.clock()
                for letter in self._on_the_way([event]):
                    tasks.create_task(self._attempt(letter, now))
                tasks.create_task(self.tick(now))
                await asyncio.sleep(0)  # those under way set out before time goes on
        return self.deliveries[begin:]

    # --- validation ---

    async def validate(self, plain_token: str = "") -> bool:
        """Validate the address by hand; success enables it again and counts the 72 hours from now."""
        passed = await self._challenge(self.clock(), plain_token)
        if passed:
            self.validation.passed(self.clock())
        return passed

    async def _revalidate(self, due: datetime, now: datetime) -> None:
        self.validation.begin(due)
        if await self._challenge(now):
            self.validation.passed(due)
        else:
            self.validation.failed(now)

    async def _challenge(self, now: datetime, token: str = "") -> bool:
        token = token or deliveries.plain_token(self._rng)
        letter = self._letter(deliveries.VALIDATION, deliveries.challenge(token, now))
        headers, reply = await self._carry(letter, now, self.secret if self.switches.validation_signed else "")
        met = deliveries.is_met(reply, token, self.secret)
        reason = "" if met else reply.reason or "the answer is not the expected one"
        self._record(letter, now, headers, reply, "delivered" if met else "dropped", reason)
        return met

    # --- one attempt ---

    def _letter(self, name: str, body: Json) -> _Letter:
        return _Letter(name, raw_body(body, self.switches.json), request_id(self._rng))

    def _on_the_way(self, events: Iterable[Event]) -> list[_Letter]:
        """The letters to send now; late ones are queued, lost ones noted."""
        now_ones: list[_Letter] = []
        switches, chance = self.switches, self._rng.random
        for event in events:
            if self.wants is not None and not self.wants(event):
                continue
            lost, late, double = (chance() < switches.drop_rate, chance() < switches.late_rate, chance())
            if lost or event.name in switches.lost_events:
                self.lost.append(event)
                continue
            letters = [self._letter(event.name, event.body)] * (2 if double < switches.duplicate_rate else 1)
            if switches.twin_recordings and event.name == "recording.completed":
                letters.append(self._letter(event.name, twin(event).body))
            if late:
                for letter in letters:
                    self._put(self.clock() + switches.late_by, letter)
            else:
                now_ones += letters
        return now_ones

    async def _send_together(self, letters: list[_Letter], now: datetime | None) -> list[Delivery]:
        """As many at once as the switch says; each worker's results together."""
        left = iter(letters)

        async def work() -> list[Delivery]:
            return [await self._attempt(letter, now) for letter in left]

        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(work()) for _ in range(min(self.switches.concurrency, len(letters)))]
        return [delivery for worker in workers for delivery in worker.result()]

    async def _attempt(self, letter: _Letter, now: datetime | None = None) -> Delivery:
        now = now or self.clock()
        if self.disabled:
            return self._record(letter, now, {}, Reply(0), "dropped", "subscription disabled")
        headers, reply = await self._carry(letter, now, self.secret)
        if reply.is_success:
            return self._record(letter, now, headers, reply, "delivered", "")
        reason = reply.reason or f"HTTP {reply.status}"
        waits = self.switches.retry_after
        if not reply.is_retried or letter.attempt >= len(waits):
            return self._record(letter, now, headers, reply, "dropped", reason)
        self._put(now + waits[letter.attempt], replace(letter, attempt=letter.attempt + 1))
        return self._record(letter, now, headers, reply, "to_be_retried", reason)

    async def _carry(self, letter: _Letter, now: datetime, secret: str) -> tuple[dict[str, str], Reply]:
        """Sign with a fresh timestamp and post."""
        stamp = now + timedelta(seconds=self.switches.timestamp_skew_s)
        headers = headers_of(
            letter.body,
            secret=secret,
            timestamp=str(int(stamp.timestamp())),
            id=letter.request_id,
            client_id=self.client_id,
            rng=self._rng,
            switches=self.switches,
        )
        return headers, await carry(self.post, self.url, letter.body, headers, self.switches.timeout_s)

    def _put(self, due: datetime, letter: _Letter) -> None:
        self._queued += 1
        heapq.heappush(self._queue, (due, self._queued, letter))

    def _record(
        self,
        letter: _Letter,
        now: datetime,
        headers: dict[str, str],
        reply: Reply,
        outcome: Literal["delivered", "to_be_retried", "dropped"],
        reason: str,
    ) -> Delivery:
        delivery = Delivery(
            now,
            letter.event,
            letter.attempt,
            reply.status,
            outcome,
            reason,
            reply.code,
            letter.request_id,
            self.url,
            letter.body,
            headers,
        )
        self.deliveries.append(delivery)
        return delivery


def _real_clock() -> datetime:
    return datetime.now(UTC)
