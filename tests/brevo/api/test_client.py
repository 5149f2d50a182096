"""What the client does with answers and silence, over ASGI and real sockets on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.brevo.api import account, contacts, events, imports, lists
from tajo.brevo.api.client import Attempt, BrevoClient, backoff
from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.api.errors import NotFound, RateLimited, TooEarly
from tajo.brevo.api.events import EventWrite
from tajo.brevo.api.limits import RateHint
from tajo.core.errors import ContractError, CredentialError, RejectedError, TransientError
from tajo.http import Http

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEY = "xkeysib-test"
WRITE = ContactWrite("ada+1@x.eu", {"FIRSTNAME": "Ada"}, (7,))
EVENT = EventWrite("zoom_webinar_attended", "ada@x.eu", START)


@dataclass
class World:
    """Time that passes only by waiting, a budget that keeps its word, and what was observed."""

    now: datetime = START
    sleeps: list[float] = field(default_factory=list)
    acquired: list[str] = field(default_factory=list)
    pushed: list[tuple[str, float]] = field(default_factory=list)
    hints: list[tuple[str, RateHint]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    until: dict[str, datetime] = field(default_factory=dict)

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += timedelta(seconds=seconds)

    async def acquire(self, label: str) -> None:
        self.acquired.append(label)
        self.now = max(self.now, self.until.get(label, self.now))

    async def push(self, label: str, until: datetime) -> None:
        self.pushed.append((label, (until - START).total_seconds()))
        self.until[label] = until

    async def saw(self, label: str, hint: RateHint) -> None:
        self.hints.append((label, hint))

    def client(self, http: Http) -> BrevoClient:
        return BrevoClient(
            http,
            KEY,
            budget=self,
            clock=self.clock,
            sleep=self.sleep,
            observe=self.attempts.append,
            jitter=lambda: 1.0,
        )


@dataclass
class Script:
    """An ASGI app that gives the answers in order, the last one for ever, and keeps what it was asked."""

    answers: list[tuple[int, Any, dict[str, str]]]
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.asked.append({**scope, "body": body, "names": dict(scope["headers"])})
        status, content, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        raw = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": raw})


def script(*answers: tuple[int, Any] | tuple[int, Any, dict[str, str]]) -> Script:
    return Script([(answer[0], answer[1], answer[2] if len(answer) == 3 else {}) for answer in answers])


@asynccontextmanager
async def talking(world: World, app: Any) -> AsyncIterator[BrevoClient]:
    async with Http("http://127.0.0.1", app=app) as http:
        yield world.client(http)


@asynccontextmanager
async def hanging_up() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server on this machine that reads a request and hangs up: nobody knows whether it was done."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def closed_port() -> str:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


async def test_a_call_goes_out_with_the_key_and_comes_back_typed() -> None:
    world, app = World(), script((201, {"id": 21}))
    async with talking(world, app) as brevo:
        assert await brevo.send(contacts.upsert(WRITE)) == 21
    asked = app.asked[0]
    assert asked["names"][b"api-key"] == KEY.encode()
    assert json.loads(asked["body"])["email"] == "ada+1@x.eu"
    assert world.acquired == ["bare_contacts"]


async def test_a_plus_in_an_address_arrives_as_a_plus() -> None:
    world, app = World(), script((204, None))
    async with talking(world, app) as brevo:
        await brevo.send(contacts.update(WRITE))
    assert app.asked[0]["raw_path"] == b"/contacts/ada%2B1%40x.eu"
    assert app.asked[0]["path"] == "/contacts/ada+1@x.eu"


async def test_the_budget_learns_from_every_answer() -> None:
    headers = {"X-Sib-RateLimit-Limit": "100", "x-sib-ratelimit-remaining": "7", "x-sib-ratelimit-reset": "300"}
    world = World()
    async with talking(
        world, script((404, {"code": "invalid_parameter", "message": "processId is invalid"}, headers))
    ) as b:
        with pytest.raises(NotFound):
            await b.send(imports.process(1))
    assert world.hints == [("processes", RateHint(100, 7, 300.0))]


async def test_a_refusal_by_the_limit_waits_for_all_and_goes_again() -> None:
    """Also for an event: what was refused was surely not done."""
    for call in (contacts.update(WRITE), events.post(EVENT)):
        world, app = World(), script((429, b"slow down", {"x-sib-ratelimit-reset": "12"}), (204, None))
        async with talking(world, app) as brevo:
            await brevo.send(call)
        assert world.pushed == [(call.label, 12.0)]
        assert world.now == START + timedelta(seconds=12)
        assert len(app.asked) == 2


async def test_a_limit_that_never_ends_is_handed_back() -> None:
    world, app = World(), script((429, None))
    async with talking(world, app) as brevo:
        with pytest.raises(RateLimited) as caught:
            await brevo.send(contacts.update(WRITE))
    assert len(app.asked) == 5
    assert caught.value.retry_at == world.now + timedelta(seconds=1)


async def test_a_wait_beyond_a_minute_is_the_callers() -> None:
    world, app = World(), script((429, None, {"x-sib-ratelimit-reset": "1800"}))
    async with talking(world, app) as brevo:
        with pytest.raises(RateLimited) as caught:
            await brevo.send(account.get())
    assert len(app.asked) == 1
    assert world.pushed == [("other", 1800.0)]
    assert caught.value.retry_at == START + timedelta(minutes=30)


async def test_a_failing_server_is_asked_again_with_growing_delay() -> None:
    world, app = World(), script((503, None), (500, b"<html>"), (524, b""), (202, {"processId": 78}))
    async with talking(world, app) as brevo:
        assert await brevo.send(imports.start([WRITE], [7])) == 78
    assert world.sleeps == [0.5, 1.0, 2.0]
    assert [attempt.status for attempt in world.attempts] == [503, 500, 524, 202]


async def test_a_minute_of_silence_ends_the_call() -> None:
    world, app = World(), script((503, None))
    async with talking(world, app) as brevo:
        with pytest.raises(TransientError, match="Brevo gave no answer for 60 s") as caught:
            await brevo.send(contacts.update(WRITE))
    assert sum(world.sleeps) <= 60
    assert len(app.asked) == 8
    assert caught.value.exit_code == 5
    assert "503" in caught.value.hint


async def test_waiting_for_the_budget_is_not_silence() -> None:
    """Two hours in the queue between two failures: still patient."""
    world, app = World(), script((503, None), (204, None))
    world.until["contacts"] = START + timedelta(hours=2)
    async with talking(world, app) as brevo:
        await brevo.send(contacts.update(WRITE))
    assert len(app.asked) == 2


async def test_an_event_without_an_answer_is_not_sent_again() -> None:
    for failing in (script((503, None)), script((502, b"<html>"))):
        world = World()
        async with talking(world, failing) as brevo:
            with pytest.raises(TransientError) as caught:
                await brevo.send(events.post(EVENT))
        assert caught.value.ambiguous
        assert len(failing.asked) == 1
        assert world.sleeps == []


async def test_an_event_whose_connection_broke_is_not_sent_again() -> None:
    world = World()
    async with hanging_up() as (url, seen), Http(url) as http:
        with pytest.raises(TransientError) as caught:
            await world.client(http).send(events.post(EVENT))
    assert caught.value.ambiguous
    assert len(seen) == 1


async def test_a_contact_whose_connection_broke_is_sent_again() -> None:
    world = World()
    async with hanging_up() as (url, seen), Http(url) as http:
        with pytest.raises(TransientError, match="no answer for 60 s"):
            await world.client(http).send(contacts.update(WRITE))
    assert len(seen) == 8
    assert {attempt.status for attempt in world.attempts} == {0}


async def test_an_event_that_never_left_is_tried_again_and_not_ambiguous() -> None:
    world = World()
    async with Http(await closed_port()) as http:
        with pytest.raises(TransientError, match="no answer for 60 s") as caught:
            await world.client(http).send(events.post(EVENT))
    assert not caught.value.ambiguous
    assert len(world.attempts) == 8


async def test_an_answer_that_does_not_unpack_is_no_answer() -> None:
    world, app = World(), script((200, b"not gzip", {"content-encoding": "gzip"}), (204, None))
    async with talking(world, app) as brevo:
        await brevo.send(contacts.update(WRITE))
    assert [attempt.status for attempt in world.attempts] == [0, 204]


async def test_too_early_comes_again_and_says_so_in_the_end() -> None:
    world, app = World(), script((425, {"code": "account_in_process", "message": "wait"}), (204, None))
    async with talking(world, app) as brevo:
        assert await brevo.send(contacts.upsert(WRITE)) is None
    async with talking(World(), script((425, None))) as brevo:
        with pytest.raises(TooEarly):
            await brevo.send(contacts.upsert(WRITE))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_the_key_follows_no_redirect(status: int) -> None:
    world, app = World(), script((status, None, {"location": "https://evil.example/v3/account"}))
    async with talking(world, app) as brevo:
        with pytest.raises(ContractError):
            await brevo.send(account.get())
    assert len(app.asked) == 1


@pytest.mark.parametrize("body", [b"<html>captive portal</html>", b'{"id": "ada@x.eu"}', b"[]", b"{}x", None])
async def test_a_success_that_cannot_be_read_breaks_the_contract(body: bytes | None) -> None:
    async with talking(World(), script((200, body))) as brevo:
        with pytest.raises(ContractError) as caught:
            await brevo.send(lists.create("N", 1))
    assert "ada@x.eu" not in caught.value.line()
    assert caught.value.__cause__ is None


async def test_refusals_are_not_repeated() -> None:
    for status, error in ((400, RejectedError), (401, CredentialError), (402, CredentialError), (403, CredentialError)):
        world, app = World(), script((status, {"code": "x", "message": "y"}))
        async with talking(world, app) as brevo:
            with pytest.raises(error):
                await brevo.send(contacts.update(WRITE))
        assert len(app.asked) == 1


async def test_a_batch_refused_event_by_event_is_a_result_and_as_a_whole_an_error() -> None:
    failed = {"status": "failed", "successful_events": 0, "errors": [{"eventIndex": [0], "message": "no"}]}
    async with talking(World(), script((400, failed), (400, {"code": "invalid_parameter", "message": "no"}))) as brevo:
        assert (await brevo.send(events.post_batch([EVENT]))).failures == ((0, "no"),)
        with pytest.raises(RejectedError):
            await brevo.send(events.post_batch([EVENT]))


async def test_attempts_tell_codes_and_times_but_no_one_and_no_key() -> None:
    world = World()
    said = {"code": "invalid_parameter", "message": "bad address ada+1@x.eu"}
    async with talking(world, script((503, None), (400, said))) as brevo:
        with pytest.raises(RejectedError) as caught:
            await brevo.send(contacts.update(WRITE))
        told = repr(world.attempts) + caught.value.line() + repr(brevo)
    assert [(attempt.status, attempt.failure) for attempt in world.attempts] == [
        (503, "TransientError"),
        (400, "RejectedError"),
    ]
    assert "x.eu" not in told
    assert KEY not in told


@pytest.mark.parametrize("key", ["", " ", "xkey sib", "xkeysib-\nx", "ключ"])
async def test_a_key_that_can_be_none_is_refused_before_anything_is_sent(key: str) -> None:
    world = World()
    async with Http("http://127.0.0.1", app=script((200, {}))) as http:
        with pytest.raises(CredentialError) as caught:
            BrevoClient(http, key, budget=world, clock=world.clock, sleep=world.sleep, observe=world.attempts.append)
    assert not key.strip() or key not in caught.value.line()


async def test_a_key_with_a_line_end_around_it_is_taken() -> None:
    world, app = World(), script((200, {"email": "ops@x.eu"}))
    async with Http("http://127.0.0.1", app=app) as http:
        brevo = BrevoClient(
            http, f" {KEY}\n", budget=world, clock=world.clock, sleep=world.sleep, observe=world.attempts.append
        )
        await brevo.send(account.get())
    assert app.asked[0]["names"][b"api-key"] == KEY.encode()


def test_delays_grow_to_a_bound_and_jitter_halves_them_at_most() -> None:
    seconds = [backoff(at, 1.0).total_seconds() for at in range(8)]
    assert seconds == [0.5, 1, 2, 4, 8, 15, 15, 15]
    assert [backoff(at, 0.0).total_seconds() * 2 for at in range(8)] == seconds
