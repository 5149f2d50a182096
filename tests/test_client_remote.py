"""The SDK on a running service: the same calls, results and errors as without one, over a socket of this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tajo import (
    ConfigError,
    ContractError,
    CredentialError,
    RejectedError,
    TajoClient,
    TajoError,
    TransientError,
    UsageError,
    logs,
    service,
)
from tajo.simulators.faults import Fault
from tajo.simulators.serve import serve
from tajo.store import heartbeats, inbox
from tajo.store.database import Database

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

QUIET = {"sync_mode": "realtime", "sweep_window": "1m"}  # the sweep at the start finds nothing


class Served:
    """A service with a worker, on a port."""

    def __init__(self, url: str, running: service.Running, town: Any) -> None:
        self.url, self.web, self.town = url, running.web, town

    def client(self, key: str = "") -> TajoClient:
        return TajoClient(base_url=self.url, api_key=key or self.town.key)


async def until_alive(database: Database) -> None:
    for _ in range(500):
        if await database.read(heartbeats.beats):
            return
        await asyncio.sleep(0.02)
    pytest.fail("no worker")


@pytest.fixture
async def served(town: Any) -> AsyncIterator[Served]:
    async with service.receiving(town.config(zoom=QUIET), worker=True) as running:
        with serve(running.asgi) as url:
            await until_alive(running.web.database)
            yield Served(url, running, town)


async def test_the_documented_program(served: Served) -> None:
    """The same as without a service, to the end."""
    town = served.town
    access = {"account_id": town.zoom.account_id, "client_id": town.zoom.client_id}
    async with served.client() as tajo:
        done = await tajo.connectors.connect("zoom", **access, client_secret=town.zoom.client_secret)
        assert done["connector"] == "zoom"
        assert await tajo.connectors.list() == [{"connector": "zoom", "state": "configured"}]
        summary = await tajo.connectors.sync("zoom", since=date.today() - timedelta(days=30))
        assert (summary["created"], summary["refused"], summary["outcomes"]["attended"]) == (2, 0, 1)
        assert [each["kind"] for each in summary["occurrences"]] == ["webinar"]
        assert "writes" not in summary
        written = await tajo.contacts.sync(email="Z@Mail.Example", attributes={"FIRSTNAME": "Z"}, list_ids=[15])
        assert written == {"email": "z@mail.example", "lost": []}
        assert (await tajo.connectors.status("zoom"))["connected_at"] == done["connected_at"]
        story = await tajo.contacts.why("A@mail.example")
        assert story is not None
        assert story["written"]["attributes"]["ATTENDANCE_STATUS"] == "attended"
        assert await tajo.contacts.why("nobody@mail.example") is None
        assert await tajo.connectors.disconnect("zoom") is True
    assert set(town.brevo.contacts) == {"a@mail.example", "b@mail.example", "z@mail.example"}


async def test_a_dry_run_has_the_planned_writes(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """And is logged under the id that the API gave it."""
    async with served.client() as tajo:
        with logs.started(level="info", own_process=False):
            planned = await tajo.connectors.sync("zoom", since=datetime.now(UTC) - timedelta(days=3), dry_run=True)
    assert planned["run"].startswith("preview-")
    assert f'"run":"{planned["run"]}"' in capsys.readouterr().err
    assert {each["email"] for each in planned["writes"]} == {"a@mail.example", "b@mail.example"}
    assert served.town.brevo.contacts == {}


async def test_a_webhook_is_kept_by_the_service(served: Served) -> None:
    payload = {"object": {"id": "1", "uuid": "u=="}}
    async with served.client() as tajo:
        done = await tajo.connectors.handle_webhook("zoom", topic="meeting.sharing_started", payload=payload)
    assert done == {"kept": True, "handled_by": "service"}
    found = await served.web.inbox.database.read(inbox.one, 1)
    assert found is not None
    kept = json.loads(found[0].body or b"")
    assert (kept["event"], kept["payload"]) == ("meeting.sharing_started", payload)


async def test_errors_are_those_of_the_service(served: Served) -> None:
    """By class, with message, origin and remedy, and when to try again."""
    town = served.town
    async with served.client() as tajo:
        with pytest.raises(UsageError) as usage:
            await tajo.connectors.sync("zoom", since="soon")
        assert "soon" in usage.value.message
        with pytest.raises(UsageError):
            await tajo.connectors.sync("zoom", since=12)  # type: ignore[arg-type]
        with pytest.raises(UsageError):
            await tajo.connectors.connect("teams")
        with pytest.raises(ConfigError) as other:
            await tajo.connectors.connect("zoom", client_id="another")
        assert (other.value.origin, bool(other.value.hint)) == ("connectors.zoom.client_id", True)
        with pytest.raises(RejectedError):
            await tajo.contacts.sync(email="no address")
        with pytest.raises(TajoError) as unknown:
            await tajo.connectors.sync("zoom", meeting="86000000000")
        assert unknown.value.exit_code == 1
        town.brevo.expire_key()
        with pytest.raises(CredentialError) as refused:
            await tajo.connectors.sync("zoom")
        assert "TAJO_API_KEY" not in refused.value.line()
        town.brevo.restore()
        town.brevo.faults.order(Fault.respond(429, b"{}", headers={"x-sib-ratelimit-reset": "3600"}), times=None)
        with pytest.raises(TransientError) as later:
            await tajo.contacts.sync(email="k@mail.example")
        assert later.value.retry_at is not None
        assert later.value.retry_at > datetime.now(UTC)
    async with served.client("wrong-key-of-nobody") as tajo:
        with pytest.raises(CredentialError) as wrong:
            await tajo.connectors.status("zoom")
    assert "TAJO_API_KEY" in wrong.value.line()


def test_the_same_without_an_event_loop(town: Any) -> None:
    """A service that only receives: a sync is refused at once, not waited for."""

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        """Lets the service live in the server's own loop."""
        async with service.receiving(town.config(), worker=False) as running:
            await running.asgi(scope, receive, send)

    with serve(answers) as url, TajoClient.blocking(base_url=url, api_key=town.key) as tajo:
        assert tajo.connectors.status("zoom")["connected_at"] is None
        assert tajo.contacts.sync(email="z@mail.example")["email"] == "z@mail.example"
        with pytest.raises(TransientError):
            tajo.connectors.sync("zoom")


async def test_times_and_odd_values_go_as_json_has_them(served: Served) -> None:
    at = datetime(2026, 9, 1, 14, 2, tzinfo=UTC)
    async with served.client() as tajo:
        attributes = {"MEETING_JOIN_DATE": at, "UTM_SOURCE": None, "MEETING_DURATION": 1.5}
        await tajo.contacts.sync(email="k@mail.example", attributes=attributes, list_ids=(15, 16))
    contact = served.town.brevo.contacts["k@mail.example"]
    assert contact.attributes == {"MEETING_JOIN_DATE": "2026-09-01", "MEETING_DURATION": 1.5}
    assert contact.list_ids == {15, 16}


# --- what is not the service ---


async def answer(status: int, body: bytes) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (502, b"<html>bad gateway</html>", TransientError),
        (503, b"", TransientError),
        (403, b"<html>proxy</html>", CredentialError),
        (404, b"<html>not here</html>", ContractError),
        (404, b'{"error": "text"}', ContractError),
        (301, b"", ContractError),
        (200, b"<html>hello</html>", ContractError),
    ],
)
async def test_something_else_at_the_address(status: int, body: bytes, error: type[TajoError]) -> None:
    with serve(await answer(status, body)) as url:
        async with TajoClient(base_url=url, api_key="a-key-of-sixteen") as tajo:
            with pytest.raises(error) as caught:
                await tajo.connectors.status("zoom")
    assert type(caught.value) is error
    assert "a-key-of-sixteen" not in caught.value.line()


async def test_nobody_at_the_address() -> None:
    async with TajoClient(base_url="http://127.0.0.1:9", api_key="a-key-of-sixteen") as tajo:
        with pytest.raises(TransientError):
            await tajo.connectors.status("zoom")


# --- making one ---


async def test_the_key_may_come_from_the_environment(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAJO_API_KEY", "a-key-of-sixteen")
    async with TajoClient(base_url="http://127.0.0.1:9"):
        pass
    monkeypatch.delenv("TAJO_API_KEY")
    with pytest.raises(ConfigError) as caught:
        TajoClient(base_url="http://127.0.0.1:9")
    assert "TAJO_API_KEY" in caught.value.line()


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "http://tajo.example", "api_key": "a-key"},
        {"base_url": "https://tajo.example", "api_key": "a key"},
        {"base_url": "https://tajo.example", "api_key": "키"},
        {"base_url": "https://tajo.example", "api_key": "a-key", "config": {}},
        {"base_url": "https://tajo.example", "api_key": "a-key", "brevo_api_key": "xkeysib-1"},
    ],
    ids=["not https", "blank", "not ASCII", "config", "brevo_api_key"],
)
def test_what_cannot_be_meant_is_said_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        TajoClient(**wrong)
    assert caught.value.hint
