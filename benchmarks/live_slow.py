"""Clients that hold a connection and send nearly nothing, while a good one asks again and again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.live_load import Connection, Outcome, Request, requests

EVERY_S = 0.5  # a slow client sends a byte
PROBE_S = 0.02
KINDS = ("slow headers", "slow body", "idle")


@dataclass(slots=True)
class Slowness:
    """What became of slow clients: seconds after which each was closed, and what a good client met meanwhile."""

    closed: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    open: Counter[str] = field(default_factory=Counter)
    probe: Outcome = field(default_factory=Outcome)


class SlowClient(asyncio.Protocol):
    """Sends a beginning at once, then a byte at a time."""

    def __init__(self, kind: str, request: Request, result: Slowness) -> None:
        head, _, _ = request.data.partition(b"\r\n\r\n")
        self._first = {"slow headers": head[:40], "slow body": head + b"\r\n\r\n{", "idle": b""}[kind]
        self._kind = kind
        self._result = result
        self._began = time.perf_counter()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._first:
            transport.write(self._first)
            self._drip()

    def _drip(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"x")
            asyncio.get_running_loop().call_later(EVERY_S, self._drip)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self._transport is not None:
            self._result.closed[self._kind].append(time.perf_counter() - self._began)
            self._transport = None

    def give_up(self) -> None:
        """Still open at the end."""
        if self._transport is not None:
            self._result.open[self._kind] += 1
            transport, self._transport = self._transport, None
            transport.abort()


def besiege(port: int, count: int, seconds: float) -> Slowness:
    """`count` clients of each kind, and a good one, for so long."""
    return asyncio.run(_besiege(port, count, seconds))


async def _besiege(port: int, count: int, seconds: float) -> Slowness:
    result, loop = Slowness(), asyncio.get_running_loop()
    good = requests(int(seconds / PROBE_S), first=9_000_000)
    slow: list[SlowClient] = []
    probing = asyncio.create_task(_probe(port, good, result.probe))
    for number in range(count * len(KINDS)):
        kind = KINDS[number % len(KINDS)]
        _, client = await loop.create_connection(
            lambda kind=kind: SlowClient(kind, good[0], result),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        slow.append(client)
    await probing
    for client in slow:
        client.give_up()
    await asyncio.sleep(0)
    return result


async def _probe(port: int, good: list[Request], outcome: Outcome) -> None:
    """A connection for each request, as Zoom has it."""
    loop = asyncio.get_running_loop()
    for request in good:
        answered = asyncio.Event()
        began = time.perf_counter()

        def ready(connection: Connection, request: Request = request, answered: asyncio.Event = answered) -> None:
            if connection.is_new:
                connection.ask(request, began)  # noqa: B023 - called before the next one begins
            else:
                answered.set()

        _, connection = await loop.create_connection(lambda ready=ready: Connection(outcome, ready), "127.0.0.1", port)  # type: ignore[misc]
        await answered.wait()
        connection.close()
        await asyncio.sleep(max(0.0, began + PROBE_S - time.perf_counter()))
