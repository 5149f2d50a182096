"""A sender of webhooks that costs little: requests are written and signed beforehand, connections stay open.

It runs in a process of its own (see `own_process`); what it hands back are numbers and the digests of what was
acknowledged, so that each can be looked for afterwards.
"""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tajo.simulators.world import live_webinar
from tajo.simulators.zoom.webhooks import events_of, raw_body, sign

SECRET = "benchmark-secret-token"
ACCOUNT = "bench-account"
PATH = "/webhooks/zoom"
LONGEST_S = 300.0  # for one load


@dataclass(slots=True)
class Outcome:
    """What became of a load. Latencies in seconds, each from the moment its request was due."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)  # sha256 of the bodies, as the inbox names them
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def at(self, share: float) -> float:
        """The latency in ms that this share of the requests stayed under."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def refused(self) -> int:
        """Answers that were no 2xx; 0 stands for none at all."""
        return sum(count for status, count in self.statuses.items() if not 200 <= status < 300)


@dataclass(frozen=True, slots=True)
class Request:
    """The bytes of a request, and the digest of its body."""

    data: bytes
    digest: str


def requests(count: int, *, first: int = 0, people: int = 5_000, path: str = PATH) -> list[Request]:
    """Signed requests, each of another body: people who come to webinars (`people` each) and leave them."""
    now = datetime.now(UTC)
    timestamp = str(int(now.timestamp()))
    live = live_webinar(3, now=now, registrants=4, attendees=2)
    told = {event.name: event.body for event in events_of(live.after)}
    pair = [told["webinar.participant_joined"], told["webinar.participant_left"]]
    return [_request(_body(pair, number, people), timestamp, path) for number in range(first, first + count)]


def _body(pair: Sequence[dict[str, Any]], number: int, people: int) -> bytes:
    """Every other one is of somebody who leaves."""
    person, leaves = divmod(number, 2)
    body = copy.deepcopy(pair[leaves])
    body["payload"]["account_id"] = ACCOUNT
    session, told = person // people, body["payload"]["object"]
    told["id"], told["uuid"] = str(90_000_000_000 + session), f"bench{session:07d}AAAAAAAAAA=="
    who = told["participant"]
    who["participant_uuid"] = f"{person:08X}-0000-4000-8000-000000000000"
    who["user_id"], who["registrant_id"] = str(16_778_240 + person), f"r{person}"
    who["email"] = f"person{person}@bench.example"
    return raw_body(body)


def _request(body: bytes, timestamp: str, path: str) -> Request:
    signature = sign(body, secret=SECRET, timestamp=timestamp)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: tajo.example\r\ncontent-type: application/json; charset=utf-8\r\n"
        f"user-agent: Zoom Marketplace/1.0a\r\nx-zm-request-timestamp: {timestamp}\r\nx-zm-signature: {signature}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return Request(head.encode() + body, sha256(body).hexdigest())


class Connection(asyncio.Protocol):
    """One request at a time; says `ready` when it is connected, and when an answer came or the connection is lost."""

    def __init__(self, outcome: Outcome, ready: Callable[[Connection], None]) -> None:
        self._outcome = outcome
        self._ready = ready
        self.is_new, self.is_lost = True, False
        self._transport: asyncio.Transport | None = None
        self._asked: tuple[Request, float] | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ready(self)

    def ask(self, request: Request, due: float) -> None:
        assert self._transport is not None
        self._asked, self.is_new = (request, due), False
        self._transport.write(request.data)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._asked is None or b"\r\n\r\n" not in self._got:
            return
        (request, due), status = self._asked, int(self._got[9:12])
        self._asked, self._got = None, b""
        self._outcome.latencies.append(time.perf_counter() - due)
        self._outcome.statuses[status] += 1
        if 200 <= status < 300:
            self._outcome.acknowledged.append(request.digest)
        self._ready(self)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.is_lost = True
        if self._asked is not None:
            self._outcome.latencies.append(time.perf_counter() - self._asked[1])
            self._outcome.statuses[0] += 1
            self._asked = None
        self._ready(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """Sends requests over some connections: when each is due, or as soon as a connection is free."""

    def __init__(self, wanted: Sequence[Request], *, rate: float = 0.0, at_once: bool = False) -> None:
        """`rate` a second, 0: as fast as answers come. `at_once`: all are due at the beginning."""
        self.outcome = Outcome()
        self._left = deque(wanted)
        self._count = len(wanted)
        self._rate = rate
        self._at_once = at_once
        self._free: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._began = 0.0
        self._lanes, self._lost = 0, 0
        self._finished = asyncio.Event()

    async def run(self, port: int, connections: int) -> Outcome:
        loop, self._lanes = asyncio.get_running_loop(), connections
        made = [
            (await loop.create_connection(lambda: Connection(self.outcome, self._ready), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        used, self._began = time.process_time(), time.perf_counter()
        for connection in [self._free.popleft() for _ in range(len(self._free))]:
            self._began_with(connection)
        if self._rate:
            await self._keep_time()
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                await self._finished.wait()
        self.outcome.seconds = time.perf_counter() - self._began
        self.outcome.cpu_s = time.process_time() - used
        for connection in made:
            connection.close()
        return self.outcome

    def _began_with(self, connection: Connection) -> None:
        if self._rate:
            self._free.append(connection)
        else:
            self._ready(connection)

    def _ready(self, connection: Connection) -> None:
        if self._began and len(self.outcome.latencies) == self._count:
            self._finished.set()
        if connection.is_lost:
            self._lost += 1
            if self._lost == self._lanes:
                self._finished.set()  # nobody is there any more
            return
        if not self._began:
            self._free.append(connection)
        elif not self._rate:
            if self._left:
                connection.ask(self._left.popleft(), self._began if self._at_once else time.perf_counter())
        elif self._due:
            connection.ask(self._left.popleft(), self._due.popleft())
        else:
            self._free.append(connection)

    async def _keep_time(self) -> None:
        """A request is due at its time, whether or not a connection is free: who waits for one waits in the figures."""
        for number in range(self._count):
            due = self._began + number / self._rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            while self._free and self._free[0].is_lost:
                self._free.popleft()
            if self._free:
                self._free.popleft().ask(self._left.popleft(), due)
            else:
                self._due.append(due)


@dataclass(frozen=True, slots=True)
class Batch:
    """Which requests to send: `count` of them from number `first` on, over so many connections."""

    port: int
    first: int
    count: int
    connections: int
    path: str = PATH

    def requests(self) -> list[Request]:
        return requests(self.count, first=self.first, path=self.path)


def steady(batch: Batch, rate: float) -> Outcome:
    """So many requests a second, evenly."""
    return asyncio.run(Load(batch.requests(), rate=rate).run(batch.port, batch.connections))


def burst(batch: Batch) -> Outcome:
    """All at once."""
    return asyncio.run(Load(batch.requests(), at_once=True).run(batch.port, batch.connections))


def flood(batch: Batch) -> Outcome:
    """As many as are answered."""
    return asyncio.run(Load(batch.requests()).run(batch.port, batch.connections))


@contextmanager
def own_process() -> Iterator[Callable[..., Any]]:
    """`run(function, *args)` over there."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield lambda function, *args: pool.submit(function, *args).result()
