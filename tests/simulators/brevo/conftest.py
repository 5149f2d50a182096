"""A simulated account with a clock that tests move, and a way to call it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.serve import serve

KEY = "xkeysib-test-key"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Api:
    """Calls the simulator in process, one call at a time."""

    def __init__(self, simulator: BrevoSimulator, clock: Clock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.headers = {"api-key": KEY}

    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        return asyncio.run(self._call(method, path, json, more))

    async def _call(self, method: str, path: str, json: Any, more: dict[str, Any]) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.simulator.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://brevo.test") as client:
            url = path if path.startswith("http") else f"/v3{path}"
            return await client.request(method, url, json=json, headers=self.headers, **more)

    def get(self, path: str, **params: Any) -> Any:
        reply = self("GET", path, params=params or None)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def post(self, path: str, json: Any = None, *, status: int = 201) -> Any:
        reply = self("POST", path, json)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    def put(self, path: str, json: Any = None, *, status: int = 204) -> Any:
        reply = self("PUT", path, json)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    def delete(self, path: str, *, status: int = 204) -> Any:
        reply = self("DELETE", path)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> BrevoSimulator:
    return BrevoSimulator(clock=clock)


@pytest.fixture
def api(simulator: BrevoSimulator, clock: Clock) -> Api:
    return Api(simulator, clock)


@pytest.fixture
def served() -> Iterator[tuple[BrevoSimulator, str]]:
    """A simulator with real time on a real socket, and the base URL of its API."""
    simulator = BrevoSimulator(switches=BrevoSwitches(import_queued_s=0.02, import_working_s=0.02))
    with _serving(simulator) as url:
        yield simulator, url


@contextmanager
def _serving(simulator: BrevoSimulator) -> Iterator[str]:
    with serve(simulator.app) as url:
        yield f"{url}/v3"
