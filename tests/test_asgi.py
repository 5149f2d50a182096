"""The service within a server of one's own: mounted or alone, it lives as long as the server's lifespan."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tajo import ConfigError, TajoClient, asgi_app, verify_zoom_webhook
from tajo.store import heartbeats
from tajo.workflows.engine import BusyError, is_launched

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

QUIET = {"sync_mode": "realtime", "sweep_window": "1m", "settle": {"after": "0s", "every": "1s", "deadline": "1s"}}


@asynccontextmanager
async def calling(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://own.test") as http:
        yield http


async def eventually(true: Callable[[], Any]) -> None:
    for _ in range(600):
        found = true()
        if await found if isinstance(found, Awaitable) else found:
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never comes true")


def signed(body: bytes, secret: str = "hush") -> dict[str, str]:
    now = str(int(time.time()))
    signature = "v0=" + hmac.new(secret.encode(), f"v0:{now}:".encode() + body, sha256).hexdigest()
    return {"x-zm-request-timestamp": now, "x-zm-signature": signature, "content-type": "application/json"}


def ended(town: Any) -> bytes:
    """Zoom's webhook that the town's webinar is over."""
    session = town.zoom.world.of_kind("webinar")[0]
    held = session.instances[0]
    about = {"id": str(session.id), "uuid": held.uuid, "topic": session.topic, "type": 5, "timezone": "UTC"}
    about |= {"start_time": f"{held.start:%Y-%m-%dT%H:%M:%SZ}", "end_time": f"{held.end:%Y-%m-%dT%H:%M:%SZ}"}
    stamp = int(held.end.timestamp() * 1000)
    return json.dumps({"event": "webinar.ended", "event_ts": stamp, "payload": {"object": about}}).encode()


async def test_mounted_below_a_path(town: Any) -> None:
    """The outer application's own routes stay; a webhook is kept, and what follows is done."""
    mine = asgi_app(town.config(zoom=QUIET))

    async def hello(_: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")

    outer = Starlette(routes=[Route("/", hello), Mount("/tajo", app=mine)], lifespan=mine.lifespan)
    async with calling(outer) as http:
        assert (await http.get("/tajo/healthz")).status_code == 503
        async with outer.router.lifespan_context(outer):
            assert (await http.get("/")).text == "hello"
            assert (await http.get("/tajo/healthz")).text == "ok\n"
            key = {"authorization": f"Bearer {town.key}"}
            assert (await http.get("/tajo/api/v1/connectors", headers=key)).status_code == 200
            body = ended(town)
            answer = await http.post("/tajo/webhooks/zoom", content=body, headers=signed(body))
            assert answer.status_code == 204
            forged = await http.post("/tajo/webhooks/zoom", content=body, headers=signed(body, "another"))
            assert forged.status_code == 401
            assert is_launched()
        assert (await http.get("/tajo/healthz")).status_code == 503
    assert not is_launched()


async def test_what_follows_from_a_webhook_is_done(town: Any) -> None:
    mine = asgi_app(town.config(zoom=QUIET))
    async with mine.lifespan(), calling(mine) as http:
        body = ended(town)
        assert (await http.post("/webhooks/zoom", content=body, headers=signed(body))).status_code == 204
        await eventually(lambda: set(town.brevo.contacts) == {"a@mail.example", "b@mail.example"})


async def test_it_serves_by_itself_with_a_servers_lifespan(town: Any) -> None:
    """The lifespan protocol as a server speaks it."""
    mine = asgi_app(town.config(), worker=False)
    said: list[Any] = []
    stop = asyncio.Event()
    asked = iter([None, stop])

    async def receive() -> Any:
        if (wait := next(asked)) is not None:
            await wait.wait()
            return {"type": "lifespan.shutdown"}
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    living = asyncio.create_task(mine({"type": "lifespan"}, receive, send))
    await eventually(lambda: said == ["lifespan.startup.complete"])
    async with calling(mine) as http:
        assert (await http.get("/healthz")).status_code == 200
        stop.set()
        await living
        assert (await http.get("/healthz")).status_code == 503
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_service_that_cannot_start_tells_the_server_why(town: Any) -> None:
    mine = asgi_app(town.config(zoom={"webhook": {}}))
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message)

    await mine({"type": "lifespan"}, receive, send)
    assert [each["type"] for each in said] == ["lifespan.startup.failed"]
    assert "secret_token" in said[0]["message"]


def test_the_configuration_is_checked_when_it_is_made(tmp_path: Any) -> None:
    for wrong in ({"conectors": {}}, tmp_path / "nowhere.yml"):
        with pytest.raises(ConfigError):
            asgi_app(wrong)


async def test_one_worker_a_database_and_a_process(town: Any) -> None:
    """A second one is refused; one that only receives is not."""
    first, second = (asgi_app(town.config(zoom=QUIET)) for _ in range(2))
    async with first.lifespan():
        with pytest.raises(BusyError):
            async with second.lifespan():
                pass
        async with asgi_app(town.config(), worker=False).lifespan():
            pass


async def test_the_worker_shows_itself(town: Any) -> None:
    mine = asgi_app(town.config(zoom=QUIET))
    async with mine.lifespan(), calling(mine) as http:

        async def is_ready() -> bool:
            return (await http.get("/readyz")).status_code == 200

        await eventually(is_ready)


# --- the pieces for those who verify themselves ---


def test_the_verifier_is_pure() -> None:
    body = b'{"event":"meeting.started"}'
    headers = signed(body)
    about = {"signature": headers["x-zm-signature"], "timestamp": headers["x-zm-request-timestamp"]}
    now = datetime.now(UTC)
    assert verify_zoom_webhook(body, **about, secret="hush", now=now)
    assert not verify_zoom_webhook(body, **about, secret="another", now=now)
    assert not verify_zoom_webhook(body + b" ", **about, secret="hush", now=now)


# --- a program with its own route: handle_webhook without a service ---


def mapping(town: Any) -> dict[str, Any]:
    """The town's configuration as a program gives it."""
    config = town.config(zoom=QUIET)
    zoom = config.connectors.zoom
    access = {"account_id": zoom.account_id, "client_id": zoom.client_id, "client_secret": town.zoom.client_secret}
    mine = {**QUIET, **access, "plan": "business", "api_url": zoom.api_url, "oauth_url": zoom.oauth_url}
    mine["lists"] = {"webinar_attendees": 16, "webinar_registrants": 17}
    return {
        "connectors": {"zoom": mine},
        "brevo": {"api_key": config.require("brevo.api_key"), "api_url": config.brevo.api_url},
        "field_mapping": dict(config.mapping_for("zoom").fields),
        "database_url": config.require("database_url"),
    }


async def test_a_client_does_what_follows_while_it_is_open(town: Any) -> None:
    """Durable when it returns; contacts are written in the background; syncs of the same client go on working."""
    told = json.loads(ended(town))
    async with TajoClient(config=mapping(town)) as tajo:
        hand = {"topic": told["event"], "payload": told["payload"], "event_ts": told["event_ts"]}
        assert await tajo.connectors.handle_webhook("zoom", **hand) == {"kept": True, "handled_by": "client"}
        assert await tajo.connectors.handle_webhook("zoom", **hand) == {"kept": True, "handled_by": "client"}
        await eventually(lambda: set(town.brevo.contacts) == {"a@mail.example", "b@mail.example"})
        summary = await tajo.connectors.sync("zoom", since="30d")
        assert (summary["created"], summary["changed"] + summary["unchanged"]) == (0, 2)
    assert not is_launched()


async def test_beside_a_service_the_client_leaves_it_to_that(town: Any) -> None:
    told = json.loads(ended(town))
    mine = asgi_app(town.config(zoom=QUIET))
    async with mine.lifespan(), TajoClient(config=mapping(town)) as tajo:
        done = await tajo.connectors.handle_webhook("zoom", topic=told["event"], payload=told["payload"])
        assert done == {"kept": True, "handled_by": "later"}  # by the engine of this same process
        await eventually(lambda: set(town.brevo.contacts) == {"a@mail.example", "b@mail.example"})
        await until_alive(tajo.database(tajo.config()))
        assert (await tajo.connectors.sync("zoom"))["created"] == 0  # done by that service, too


async def until_alive(database: Any) -> None:
    async def beats() -> bool:
        return "serve" in await database.read(heartbeats.beats)

    await eventually(beats)


async def test_a_webhook_of_no_session_changes_nothing(town: Any) -> None:
    async with TajoClient(config=mapping(town)) as tajo:
        for topic, payload in (("meeting.sharing_started", {}), ("webinar.ended", {"object": {}}), ("", {})):
            assert (await tajo.connectors.handle_webhook("zoom", topic=topic, payload=payload))["kept"]
    assert town.brevo.contacts == {}


async def test_beats_are_of_the_worker(town: Any) -> None:
    async with TajoClient(config=mapping(town)) as tajo:
        await tajo.connectors.handle_webhook("zoom", topic="meeting.sharing_started", payload={})
        await until_alive(tajo.database(tajo.config()))
