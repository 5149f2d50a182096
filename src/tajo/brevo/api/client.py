"""Sending calls to Brevo: the key, the budget, and which failures are worth another try."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.errors import RateLimited, TooEarly, body_of, error_for
from tajo.brevo.api.limits import RateHint, hint
from tajo.brevo.api.reading import Malformed, Record
from tajo.core.errors import ContractError, CredentialError, TajoError, TransientError
from tajo.http import Call, Http, Reply

T = TypeVar("T")

PATIENCE = timedelta(seconds=60)  # ours: silence that long ends the call
FIRST_DELAY = timedelta(milliseconds=500)
LONGEST_DELAY = timedelta(seconds=15)
MOST_REFUSALS = 5  # 429s in a row for one call, then the caller waits, not we


class Budget(Protocol):
    """The account's limits, shared by all who call Brevo for it; labels are those of `limits`."""

    async def acquire(self, label: str) -> None:
        """Return when a call of this label may be made, and count it."""

    async def push(self, label: str, until: datetime) -> None:
        """Let no call of this label go before `until` (aware UTC): Brevo refused one."""

    async def saw(self, label: str, hint: RateHint) -> None:
        """Learn from what an answer's headers said."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as made, for counts and logs: no body, no address. `status` is 0 when no answer came.

    `failure` is the error's class name, "" for success.
    """

    origin: str
    label: str
    status: int
    took: timedelta
    failure: str = ""


class BrevoClient:
    """Sends calls to one Brevo account.

    `http` has the base URL (https://api.brevo.com/v3); `clock` gives aware UTC; `sleep` waits so many seconds;
    `observe` is told of every attempt; `jitter` gives a number in [0, 1). CredentialError for a key that cannot be one.
    """

    def __init__(
        self,
        http: Http,
        api_key: str,
        *,
        budget: Budget,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        observe: Callable[[Attempt], None],
        patience: timedelta = PATIENCE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._headers = {"api-key": _key(api_key), "accept": "application/json"}
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._observe = observe
        self._patience = patience
        self._jitter = jitter

    async def send(self, call: Call[T]) -> T:
        """The call's typed result, or the error that says what to do next.

        Refused by a limit: the label is pushed and the call tried again when the budget lets it, unless that is
        more than `patience` away (RateLimited). Without an answer: tried again with growing delay for `patience`,
        then TransientError. A call that is not repeatable is tried again only when it surely was not done; else
        TransientError(ambiguous=True) at once.
        """
        refusals, silences, silent = 0, 0, timedelta()
        while True:
            await self._budget.acquire(call.label)
            started = self._clock()
            try:
                return await self._attempt(call, started)
            except RateLimited as error:
                refusals, silences, silent = refusals + 1, 0, timedelta()  # a 429 is an answer
                await self._budget.push(call.label, error.retry_at)
                if refusals >= MOST_REFUSALS or error.retry_at - self._clock() > self._patience:
                    raise
            except TransientError as error:
                if error.ambiguous and not call.repeatable:
                    raise
                delay = backoff(silences, self._jitter())
                silences, silent = silences + 1, silent + (self._clock() - started) + delay
                if silent > self._patience:
                    raise self._given_up(call, error) from None
                await self._sleep(delay.total_seconds())

    async def _attempt(self, call: Call[T], started: datetime) -> T:
        status, failure = 0, ""
        try:
            reply = await self._http.send(
                call.method,
                call.path,
                origin=call.origin,
                query=call.query,
                headers=self._headers,
                body=call.body,
            )
            status = reply.status
            if (seen := hint(reply.headers)) is not None:
                await self._budget.saw(call.label, seen)
            return result(call, reply, self._clock())
        except TajoError as error:
            failure = type(error).__name__
            raise
        finally:
            self._observe(Attempt(call.origin, call.label, status, self._clock() - started, failure))

    def _given_up(self, call: Call[Any], last: TransientError) -> TransientError:
        if isinstance(last, TooEarly):
            return last  # that is an answer, and says more
        seconds = int(self._patience.total_seconds())
        return TransientError(
            f"Brevo gave no answer for {seconds} s",
            origin=call.origin,
            hint=f"the last try: {last.message}",
            ambiguous=last.ambiguous,
        )


def result(call: Call[T], reply: Reply, now: datetime) -> T:
    """The typed value of an answer; the error that any other status means, ContractError for an unknown shape."""
    if 200 <= reply.status < 300:
        return _parsed(call, reply.json(call.origin) if reply.body.strip() else None)
    body = body_of(reply)
    if body is not None and _understands(call, reply.status, body):
        return _parsed(call, body)
    raise error_for(call, reply, now)


def _understands(call: Call[Any], status: int, body: Record) -> bool:
    return isinstance(call, TolerantCall) and call.understands(status, body)


def backoff(failures: int, jitter: float) -> timedelta:
    """How long to wait after so many failures before this one: 0.5 s, 1 s, 2 s … 15 s, each halved at most by jitter.

    >>> backoff(0, 0.0), backoff(2, 0.0), backoff(99, 1.0)
    (datetime.timedelta(microseconds=250000), datetime.timedelta(seconds=1), datetime.timedelta(seconds=15))
    """
    full = min(FIRST_DELAY * float(2 ** min(failures, 10)), LONGEST_DELAY)
    return full * (0.5 + jitter / 2)


def _parsed(call: Call[T], value: Any) -> T:
    try:
        return call.parse(value)
    except Malformed as error:
        problem = str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = type(error).__name__  # its text could quote the answer
    raise ContractError(
        f"Brevo's answer has an unknown shape: {problem}",
        origin=call.origin,
        hint="Brevo may have changed its API; look for an update of Tajo",
    )


def _key(api_key: str) -> str:
    """The key fit for a header; Brevo does not document its form, so only what no header can carry is refused."""
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise CredentialError(
            "the Brevo API key is empty or has characters no key has",
            origin="brevo",
            hint="copy it again; it begins with xkeysib-",
        )
    return key
