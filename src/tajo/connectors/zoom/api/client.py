"""The client: budget, token, attempts and pages around a call. What a call is stands in the families' modules."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from tajo.connectors.zoom.api.auth import Token, Tokens
from tajo.connectors.zoom.api.errors import PageTokenExpired, RateLimited, TokenRefused, error_for
from tajo.connectors.zoom.api.limits import remaining
from tajo.connectors.zoom.api.paging import Page
from tajo.core.errors import ContractError, TajoError, TransientError
from tajo.http import Call, Http, Reply

T = TypeVar("T")

PATIENCE = timedelta(seconds=60)  # ours: so long without one answer, and Zoom is unavailable
LIMITED_TRIES = 6  # ours: so often one call is sent into a per-second limit
GARBLED_TRIES = 3  # ours: so often an answer of 200 may be cut off or no JSON
MOST_PAGES = 2_000  # ours: 600,000 rows; the largest webinar has some 50,000 people

_FIRST_DELAY_S, _LONGEST_DELAY_S, _MOST_DELAYS = 0.5, 15.0, 20


class Budget(Protocol):
    """The account's limits, shared by everything that calls Zoom."""

    async def acquire(self, label: str) -> None:
        """Wait for a slot of this label, also until a pushed one's time. A used-up day may raise RateLimited."""

    async def push(self, label: str, until: datetime, *, daily: bool) -> None:
        """Zoom said 429: no call of this label before `until` (aware UTC), for any worker."""

    async def saw_remaining(self, label: str, remaining: int) -> None:
        """Zoom said how many calls of this label are left in the current second (resource: minute)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call, for counts and logs. `status` is 0 when no answer came; `waited` is the time for its slot,
    `took` that of the request.
    """

    origin: str
    label: str
    status: int
    waited: timedelta
    took: timedelta = timedelta()


def _unobserved(attempt: Attempt) -> None: ...


class ZoomClient:
    """Sends calls. `clock` tells aware UTC; `sleep` takes seconds; `jitter` gives 0 to 1. For one event loop."""

    def __init__(
        self,
        http: Http,
        tokens: Tokens,
        *,
        budget: Budget,
        clock: Callable[[], datetime],
        observe: Callable[[Attempt], None] = _unobserved,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._budget = budget
        self._clock = clock
        self._observe = observe
        self._sleep = sleep
        self._jitter = jitter
        self._patience = patience

    async def send(self, call: Call[T]) -> T:
        """The call's parsed answer, or the error that says what happens next.

        A refused token is renewed once. A per-second limit is waited out a few times, a daily one raises at once.
        A GET without an answer, or answered by a fault, is repeated with growing delay until `patience` is over.
        """
        tries = _Tries(call, self._patience, self._clock)
        while True:
            await self._acquire(call, tries)
            token: Token | None = None
            try:
                token = await self._tokens.token()
                return await self._once(call, token, tries)
            except TokenRefused as error:
                tries.renew(error)
                if token is not None:
                    self._tokens.invalidate(token)
            except RateLimited as error:
                await self._back_off(call, error, tries)
            except PageTokenExpired:
                raise
            except (TransientError, GarbledError) as error:
                await self._sleep(tries.delay(error, self._jitter()))

    async def only_me(self) -> bool:
        """Whether the token is a user's: then "me" is the only user there is, and reports are closed."""
        return (await self._tokens.token()).level == "user"

    async def pages(self, make: Callable[[str], Call[Page[T]]]) -> AsyncIterator[Page[T]]:
        """The pages of a listing, numbered from 1, one in memory at a time. `make` gives the call for a page token.

        When a token expires the listing begins anew, once: a page with number 1 comes again, and whoever gathers
        pages drops what it had. ContractError for a listing in a circle (a token or the first page comes twice) and
        for one without end.
        """
        restarted = False
        walk = _Walk()
        while True:
            call = make(walk.token)
            try:
                page = await self.send(call)
            except PageTokenExpired:
                if restarted:
                    raise
                restarted, walk = True, _Walk()
                continue
            walk.arrive(page.items, call.origin)
            yield replace(page, number=walk.number)
            if not page.next_token:
                return
            walk.follow(page.next_token, call.origin)

    async def collect(self, make: Callable[[str], Call[Page[T]]], key: Callable[[T], Hashable]) -> list[T]:
        """A whole listing, one item for each key: between two pages a list may shift and tell an item twice.

        The later of two items counts. For what fits in memory; rows of participants are walked with `pages`.
        """
        found: dict[Hashable, T] = {}
        async for page in self.pages(make):
            if page.number == 1:
                found.clear()
            found.update((key(item), item) for item in page.items)
        return list(found.values())

    async def _acquire(self, call: Call[T], tries: _Tries) -> None:
        asked = self._clock()
        await self._budget.acquire(call.label)
        tries.slot(self._clock() - asked)

    async def _once(self, call: Call[T], token: Token, tries: _Tries) -> T:
        headers = {"authorization": f"Bearer {token.value}"}
        status, started = 0, self._clock()
        try:
            reply = await self._http.send(
                call.method, call.path, origin=call.origin, query=call.query, headers=headers, body=call.body
            )
            status = reply.status
        finally:
            took = self._clock() - started
            self._observe(Attempt(call.origin, call.label, status, tries.waited, took))
        left = remaining(reply.headers)
        if left is not None:
            await self._budget.saw_remaining(call.label, left)
        if not 200 <= status < 300:
            raise error_for(call, reply, self._clock(), jitter=self._jitter())
        return _parsed(call, reply, self._clock())

    async def _back_off(self, call: Call[T], error: RateLimited, tries: _Tries) -> None:
        if error.retry_at is not None:
            await self._budget.push(call.label, error.retry_at, daily=error.daily)
        tries.limit(error)


class GarbledError(ContractError):
    """A success whose body is no JSON: a proxy, or an answer cut off; worth another try before it is an alarm."""


def _parsed(call: Call[T], reply: Reply, now: datetime) -> T:
    if not reply.body.strip():
        return _read(call, None)
    try:
        answer = reply.json(call.origin)
    except ContractError as error:
        meant = error_for(call, reply, now)
        if isinstance(meant, TransientError):
            raise meant from None
        raise GarbledError(error.message, origin=error.origin, hint=error.hint) from None
    return _read(call, answer)


def _read(call: Call[T], answer: object) -> T:
    try:
        return call.parse(answer)
    except ContractError as error:
        error.origin = error.origin or call.origin  # parsers know the field, not the call
        raise


class _Tries:
    """How often one call was tried, and whether it may be tried again."""

    def __init__(self, call: Call[T], patience: timedelta, clock: Callable[[], datetime]) -> None:
        self._may_repeat = call.method == "GET" and call.repeatable
        self._origin = call.origin
        self._patience = patience
        self._clock = clock
        self._silent_since = clock()
        self._delays = 0
        self._limited = 0
        self._garbled = 0
        self._renewed = False
        self.waited = timedelta(0)

    def slot(self, waited: timedelta) -> None:
        """A slot was had after `waited`: waiting for our own budget is not Zoom's silence."""
        self.waited = waited
        self._silent_since += waited

    def renew(self, error: TokenRefused) -> None:
        """One new token for a refused one; a second refusal is final."""
        if self._renewed:
            raise error
        self._renewed = True
        self._answered()

    def limit(self, error: RateLimited) -> None:
        """A limit was hit: raises when it is the day's, or when it does not end."""
        self._limited += 1
        if error.daily or self._limited >= LIMITED_TRIES:
            raise error
        self._answered()

    def delay(self, error: TajoError, jitter: float) -> float:
        """Seconds until the next attempt after a fault; raises when there is to be none."""
        if isinstance(error, GarbledError):
            self._garbled += 1
        if not self._may_repeat or self._garbled >= GARBLED_TRIES:
            raise error
        now = self._clock()
        left = (self._silent_since + self._patience - now).total_seconds()
        told = error.retry_at if isinstance(error, TransientError) else None
        wait_s = (told - now).total_seconds() if told else 0.0
        if left <= 0 or wait_s > left or self._delays >= _MOST_DELAYS:
            raise self._given_up(error, told) from error
        grown = min(_FIRST_DELAY_S * 2.0**self._delays, _LONGEST_DELAY_S) * (0.5 + jitter / 2)
        self._delays += 1
        return min(max(grown, wait_s), left)

    def _answered(self) -> None:
        self._silent_since = self._clock()

    def _given_up(self, error: TajoError, retry_at: datetime | None) -> TransientError:
        return TransientError(
            f"Zoom gave no answer for {self._patience.total_seconds():.0f} s (last: {error.message})",
            origin=self._origin,
            hint="nothing is lost; the same command goes on from here",
            retry_at=retry_at,
        )


class _Walk:
    """Where a listing is: the token of the next page, how many were read, and the tokens seen."""

    def __init__(self) -> None:
        self.token = ""
        self.number = 0
        self._seen: set[str] = set()
        self._first: tuple[object, ...] = ()

    def arrive(self, items: tuple[object, ...], origin: str) -> None:
        """Count a page, unless it is the first one over again: no two rows of a listing are alike."""
        self.number += 1
        if self.number == 1:
            self._first = items
        elif items and items == self._first:
            raise ContractError(f"page {self.number} is page 1 again: the listing runs in a circle", origin=origin)

    def follow(self, token: str, origin: str) -> None:
        """Go on with the next page's token, unless that leads nowhere."""
        if token in self._seen:
            raise ContractError("a page token came twice: the listing runs in a circle", origin=origin)
        if self.number >= MOST_PAGES:
            raise ContractError(f"a listing of over {MOST_PAGES} pages", origin=origin)
        self._seen.add(token)
        self.token = token
