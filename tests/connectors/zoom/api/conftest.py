"""A clock that only sleep moves, a Zoom that says what it is told, and a budget that writes down what it hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tajo.connectors.zoom.api.auth import TokenSource
from tajo.connectors.zoom.api.client import Attempt, ZoomClient
from tajo.http import Http, Reply

NOON = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def now() -> datetime:
    return NOON


class Clock:
    def __init__(self) -> None:
        self.now = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    raw_path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class FakeZoom:
    """An ASGI app: `token` answers /oauth/token, `api` everything else; either may raise to drop the connection."""

    api: Callable[[Asked], Answer] = field(default=lambda asked: (200, b"{}", {}))
    token: Callable[[Asked], Answer] | None = None
    asked: list[Asked] = field(default_factory=list)
    tokens: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode()))
        await asyncio.sleep(0)  # like a network: other tasks get their turn meanwhile
        asked = Asked(scope["method"], scope["raw_path"].decode(), query, headers, body)
        if asked.raw_path == "/oauth/token":
            self.tokens += 1
            status, content, extra = (self.token or self.grant)(asked)
        else:
            self.asked.append(asked)
            status, content, extra = self.api(asked)
        names = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": names})
        await send({"type": "http.response.body", "body": content})

    def grant(self, asked: Asked) -> Answer:
        answer = {"access_token": f"t{self.tokens}", "token_type": "bearer", "expires_in": 3600, "scope": "a:b c:d"}
        return 200, json.dumps(answer).encode(), {}

    def script(self, *answers: Answer) -> None:
        """Give these answers one after another, the last one for ever."""
        left: Iterator[Answer] = iter(answers)
        last = answers[-1]
        self.api = lambda asked: next(left, last)


@pytest.fixture
def zoom() -> FakeZoom:
    return FakeZoom()


@dataclass
class Heard:
    """A budget that never waits and remembers everything."""

    acquired: list[str] = field(default_factory=list)
    pushed: list[tuple[str, datetime, bool]] = field(default_factory=list)
    remaining: list[tuple[str, int]] = field(default_factory=list)

    async def acquire(self, label: str) -> None:
        self.acquired.append(label)

    async def push(self, label: str, until: datetime, *, daily: bool) -> None:
        self.pushed.append((label, until, daily))

    async def saw_remaining(self, label: str, remaining: int) -> None:
        self.remaining.append((label, remaining))


@pytest.fixture
def budget() -> Heard:
    return Heard()


@pytest.fixture
def attempts() -> list[Attempt]:
    return []


@pytest.fixture
async def tokens(zoom: FakeZoom, clock: Clock) -> AsyncIterator[TokenSource]:
    async with Http("http://127.0.0.1/oauth", app=zoom) as http:
        yield TokenSource(http, account_id="acc", client_id="cid", client_secret="s3cret", clock=clock)


@pytest.fixture
async def client(
    zoom: FakeZoom, clock: Clock, budget: Heard, tokens: TokenSource, attempts: list[Attempt]
) -> AsyncIterator[ZoomClient]:
    async with Http("http://127.0.0.1/v2", app=zoom) as http:
        yield ZoomClient(
            http,
            tokens,
            budget=budget,
            clock=clock,
            observe=attempts.append,
            sleep=clock.sleep,
            jitter=lambda: 0.5,
        )


@pytest.fixture
def answer() -> Callable[..., Answer]:
    """An answer for the fake: status, JSON value (or bytes as they are), headers."""

    def make(status: int, body: Any = None, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return status, content, {name.replace("_", "-"): value for name, value in headers.items()}

    return make


@pytest.fixture
def reply(answer: Callable[..., Answer]) -> Callable[..., Reply]:
    """The same as the value that the HTTP edge gives."""

    def make(status: int, body: Any = None, **headers: str) -> Reply:
        _, content, names = answer(status, body, **headers)
        return Reply(status, names, content)

    return make
