"""A simulated Zoom account with a clock that tests move, and a way to call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tajo.simulators.world import Session, World, month
from tajo.simulators.zoom import ZoomSimulator

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
FREE_OF_LIMITS: dict[str, Any] = {"rate_limits": False}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


class Zoom:
    """Calls the simulator in process, one call at a time, with a token that it fetches when it needs one."""

    def __init__(self, world: World, plan: Any = "pro") -> None:
        self.clock = Clock()
        self.simulator = ZoomSimulator(world, plan=plan, clock=self.clock)
        self.switch(**FREE_OF_LIMITS)
        self.token = ""

    def switch(self, **switches: Any) -> None:
        self.simulator.switches = replace(self.simulator.switches, **switches)

    def send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        async def call() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.simulator.app)
            async with httpx2.AsyncClient(transport=transport, base_url="https://api.zoom.test") as client:
                return await client.request(method, path, **request)

        return asyncio.run(call())

    def grant(self, **form: str) -> httpx2.Response:
        secrets = (self.simulator.client_id, self.simulator.client_secret)
        form = form or {"grant_type": "account_credentials", "account_id": self.simulator.account_id}
        return self.send("POST", "/oauth/token", auth=secrets, data=form)

    def get(self, path: str, **query: Any) -> httpx2.Response:
        self.token = self.token or self.grant().json()["access_token"]
        headers = {"authorization": f"Bearer {self.token}"}
        return self.send("GET", f"/v2{path}", params={k.rstrip("_"): v for k, v in query.items()}, headers=headers)

    def json(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer, which must be a 200."""
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def refusal(self, path: str, **query: Any) -> tuple[int, int]:
        """Status and code of an error answer."""
        response = self.get(path, **query)
        return response.status_code, response.json()["code"]

    def all(self, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
        """The rows of all pages."""
        rows: list[dict[str, Any]] = []
        token = ""
        while True:
            body = self.json(path, next_page_token=token, **query)
            rows += body[name]
            token = body["next_page_token"]
            if not token:
                return rows

    def session(self, topic: str) -> Session:
        return next(s for s in self.simulator.world.sessions.values() if topic in s.topic)


def twice(uuid: str) -> str:
    """Percent-encoded twice, as a uuid with a leading or doubled slash must be."""
    return quote(quote(uuid, safe=""), safe="")


@pytest.fixture(scope="session")
def world() -> World:
    return month(now=NOW)


@pytest.fixture
def zoom(world: World) -> Zoom:
    """A Pro account without rate limits, at the time for which its world was made."""
    return Zoom(world)


@pytest.fixture
def encoded() -> Callable[[str], str]:
    return twice


@pytest.fixture
def business(world: World) -> Zoom:
    return Zoom(world, plan="business")


@pytest.fixture
def account(world: World) -> Callable[..., Zoom]:
    """Makes an account of any world and plan."""
    return lambda of=world, plan="pro": Zoom(of, plan)
