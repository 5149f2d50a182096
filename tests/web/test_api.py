"""The HTTP API: never open, one clear line for what is wrong, long work outside of the request."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tajo import logs, service
from tajo.core.errors import ConfigError, RejectedError
from tajo.simulators.faults import Fault
from tajo.store import heartbeats, letters

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


class Caller:
    """Sends requests with the right key, and gives (status, JSON)."""

    def __init__(self, http: httpx2.AsyncClient, running: service.Running, town: Any) -> None:
        self.http, self.web, self.town = http, running.web, town
        self.headers = {"authorization": f"Bearer {town.key}"}

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        sent = {"headers": self.headers, "json": body} | more
        answer = await self.http.request(method, f"/api/v1{path}", **sent)
        return answer.status_code, answer.json()

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Status and message of an error, which is one line and complete."""
        status, answer = await self(method, path, body, **more)
        error = answer.pop("error")
        assert not answer
        assert set(error) == {"kind", "exit", "message", "origin", "hint", "retry_at"}
        assert "\n" not in error["message"] + error["hint"]
        return status, error["message"]

    async def ended(self, run: str) -> Any:
        for _ in range(600):
            status, told = await self("GET", f"/runs/{run}")
            assert status == 200
            if told["summary"] is not None:
                return told
            await asyncio.sleep(0.05)
        pytest.fail("the run does not end")


@asynccontextmanager
async def receiving(town: Any, *, worker: bool = False, **settings: Any) -> AsyncIterator[Caller]:
    async with service.receiving(town.config(**settings), worker=worker) as running:
        transport = httpx2.ASGITransport(app=running.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tajo.test") as http:
            yield Caller(http, running, town)


@pytest.fixture
async def call(town: Any) -> AsyncIterator[Caller]:
    """A service that only receives."""
    async with receiving(town) as caller:
        yield caller


# --- who may ask ---

ROUTES = [
    ("GET", "/connectors"),
    ("GET", "/connectors/zoom/status"),
    ("POST", "/connectors/zoom/connect"),
    ("POST", "/connectors/zoom/disconnect"),
    ("POST", "/connectors/zoom/sync"),
    ("POST", "/connectors/zoom/webhooks"),
    ("GET", "/runs/1"),
    ("POST", "/contacts"),
    ("POST", "/why"),
    ("GET", "/events"),
    ("POST", "/events/1/replay"),
    ("GET", "/nothing"),
]
WRONG_KEYS = ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {}", "{}", "Bearer {}x", "Bearer \xe9"]


@pytest.mark.parametrize("given", WRONG_KEYS)
async def test_without_the_key_nobody_comes_in(given: str, call: Caller, town: Any) -> None:
    """On no route, whether it exists or not; and nothing was called."""
    headers = {"authorization": given.format(town.key).encode("latin-1")} if given else {}
    for method, path in ROUTES:
        status, message = await call.refused(method, path, headers=headers)
        assert (status, message) == (401, "the API key is missing or wrong")
    answer = await call.http.get("/api/v1/connectors", headers=headers)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert town.key not in answer.text
    assert list(town.brevo.calls) == []


async def test_without_a_key_of_its_own_the_service_lets_nobody_in(town: Any) -> None:
    async with receiving(town, server={"api_key": None}) as call:
        for sent in (None, "Bearer ", "Bearer None"):
            for method, path in ROUTES:
                headers = {"authorization": sent} if sent else {}
                status, message = await call.refused(method, path, headers=headers)
                assert status == 403
                assert "no TAJO_API_KEY is set" in message


async def test_with_a_key_that_is_too_short_no_service_starts(town: Any) -> None:
    with pytest.raises(ConfigError, match=r"TAJO_API_KEY\) has fewer than 16 signs") as refused:
        async with receiving(town, server={"api_key": "short"}):
            pytest.fail("it started")
    assert "openssl" in refused.value.hint


async def test_the_scheme_may_be_written_in_any_case(call: Caller, town: Any) -> None:
    status, _ = await call("GET", "/connectors", headers={"authorization": f"bearer  {town.key} "})
    assert status == 200


async def test_refusals_are_logged_once_a_minute(call: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    with logs.started(level="info"):
        for _ in range(50):
            await call("GET", "/connectors", headers={"authorization": "Bearer wrong-canary"})
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["why"] == "wrong key"
    assert "canary" not in line


# --- what is asked wrongly ---

SYNC, WEBHOOKS = "/connectors/zoom/sync", "/connectors/zoom/webhooks"
WRONG: list[tuple[str, Any, str]] = [
    (SYNC, [], "the body is no JSON object"),
    (SYNC, {"sinse": "30d"}, "the body has a key that is not known"),
    (SYNC, {"since": 30}, "since has to be text"),
    (SYNC, {"since": "soon"}, "'soon' is no day for since"),
    (SYNC, {"meeting": 5}, "meeting has to be text"),
    (SYNC, {"meeting": "1", "webinar": "2"}, "meeting and webinar were both given"),
    (SYNC, {"dry_run": "yes"}, "dry_run has to be true or false"),
    (SYNC, {"dry_run": 1}, "dry_run has to be true or false"),
    (WEBHOOKS, {}, "topic has to be text"),
    (WEBHOOKS, {"topic": "meeting.started"}, "payload has to be an object"),
    (WEBHOOKS, {"topic": "meeting.started", "payload": "x"}, "payload has to be an object"),
    (WEBHOOKS, {"topic": "x", "payload": {}, "event_ts": "now"}, "event_ts has to be a number of milliseconds"),
    (WEBHOOKS, {"topic": "x", "payload": {}, "event_ts": True}, "event_ts has to be a number of milliseconds"),
    ("/contacts", {}, "email has to be text"),
    ("/contacts", {"email": " "}, "email has to be text"),
    ("/contacts", {"email": "a@b.example\x00"}, "email has characters that no text has"),
    ("/contacts", {"email": "a@b.example", "attributes": []}, "attributes has to be an object"),
    ("/contacts", {"email": "a@b.example", "attributes": {"A": {}}}, "attributes have to be texts"),
    ("/contacts", {"email": "a@b.example", "attributes": {"A": "\ud800"}}, "attributes have to be texts"),
    ("/contacts", {"email": "a@b.example", "list_ids": 15}, "list_ids have to be numbers of lists"),
    ("/contacts", {"email": "a@b.example", "list_ids": ["15"]}, "list_ids have to be numbers of lists"),
    ("/contacts", {"email": "a@b.example", "list_ids": [True]}, "list_ids have to be numbers of lists"),
    ("/why", {"email": ["a"]}, "email has to be text"),
    ("/why", {"email": "\ud800@b.example"}, "email has characters that no text has"),
    ("/connectors/zoom/connect", {"client_secret": 5}, "client_secret has to be text"),
]


async def test_wrong_types_are_one_clear_line(call: Caller, town: Any) -> None:
    """400 each, and nothing was done."""
    for path, body, said in WRONG:
        content = json.dumps(body).encode()
        status, message = await call.refused("POST", path, None, content=content)
        assert (status, message[: len(said)]) == (400, said), (path, body)
    assert list(town.brevo.calls) == []
    assert (await call("GET", "/events"))[1] == {"events": []}


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"NaN", b'"x"', b"null"])
async def test_what_is_no_json_object_is_refused(content: bytes, call: Caller) -> None:
    status, message = await call.refused("POST", "/why", None, content=content)
    assert (status, message[:11]) == (400, "the body is")


async def test_a_body_has_an_end(call: Caller) -> None:
    status, message = await call.refused("POST", "/contacts", None, content=b" " * (1024 * 1024 + 1))
    assert (status, message) == (413, "the body has over 1048576 bytes")


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "limit=9999", "status=lost", "since=soon", "sinse=3d"])
async def test_wrong_parameters_are_refused(query: str, call: Caller) -> None:
    assert (await call.refused("GET", f"/events?{query}"))[0] == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/runs/none"), ("POST", "/events/7/replay"), ("GET", "/why"), ("DELETE", "/contacts")]
)
async def test_what_is_not_there_is_not_found(method: str, path: str, call: Caller) -> None:
    assert (await call.refused(method, path))[0] == 404


# --- connectors ---


async def test_connecting(call: Caller, town: Any) -> None:
    assert await call("GET", "/connectors") == (200, [{"connector": "zoom", "state": "configured"}])
    assert (await call("GET", "/connectors/zoom/status"))[1]["connected_at"] is None
    status, done = await call("POST", "/connectors/zoom/connect", {"client_secret": town.zoom.client_secret})
    assert (status, done["connector"]) == (200, "zoom")
    assert (await call("GET", "/connectors/zoom/status"))[1]["connected_at"] == done["connected_at"]
    assert await call("POST", "/connectors/zoom/disconnect") == (200, {"disconnected": True})
    assert await call("POST", "/connectors/zoom/disconnect") == (200, {"disconnected": False})


async def test_other_credentials_than_the_services_are_not_taken_over(call: Caller) -> None:
    status, message = await call.refused("POST", "/connectors/zoom/connect", {"client_id": "of-somebody-else"})
    assert (status, message) == (409, "the service has another client_id, or none")


async def test_what_a_vendor_refuses_is_not_the_callers_fault(call: Caller, town: Any) -> None:
    """502 for the service's credentials at the vendor: 401 and 403 would mean the caller's key."""
    town.brevo.expire_key()
    assert (await call.refused("POST", "/connectors/zoom/connect"))[0] == 502


async def test_a_service_without_zoom_says_what_is_missing(town: Any) -> None:
    async with receiving(town, zoom={"enabled": False}) as call:
        assert await call("GET", "/connectors") == (200, [{"connector": "zoom", "state": "disabled"}])
        assert (await call.refused("POST", "/connectors/zoom/connect"))[0] == 409


# --- people ---


async def test_a_contact(call: Caller, town: Any) -> None:
    body = {"email": "K@Mail.Example", "attributes": {"FIRSTNAME": "민수", "SHOE": 43}, "list_ids": [15]}
    status, done = await call("POST", "/contacts", body)
    assert (status, done["email"], [name for name, _ in done["lost"]]) == (200, "k@mail.example", ["SHOE"])
    contact = town.brevo.contacts["k@mail.example"]
    assert (contact.attributes, contact.list_ids) == ({"FIRSTNAME": "민수"}, {15})


async def test_a_contact_that_brevo_refuses(call: Caller, town: Any) -> None:
    assert (await call.refused("POST", "/contacts", {"email": "no address"}))[0] == 422
    assert (await call.refused("POST", "/contacts", {"email": "a@b.example", "list_ids": [999]}))[0] == 422
    town.brevo.faults.order(Fault.respond(429, b"{}", headers={"x-sib-ratelimit-reset": "3600"}), times=None)
    status, answer = await call("POST", "/contacts", {"email": "a@b.example"})
    assert (status, answer["error"]["exit"]) == (503, 5)


async def test_a_story(call: Caller) -> None:
    assert await call("POST", "/why", {"email": "nobody@mail.example"}) == (200, {"story": None})
    error = RejectedError("Brevo does not take it", origin="brevo.contacts")
    await call.web.database.write(letters.add, "k@mail.example", error, datetime.now(UTC))
    status, told = await call("POST", "/why", {"email": " K@mail.example"})
    assert (status, told["story"]["dead_letters"][0]["reason"]) == (200, "Brevo does not take it")


# --- the inbox ---


async def test_a_webhook_that_somebody_else_verified(call: Caller) -> None:
    """Kept as a delivery, durably, and shown without what is in it."""
    payload = {"object": {"id": "1", "topic": "김민수"}}
    assert await call("POST", WEBHOOKS, {"topic": "meeting.started", "payload": payload}) == (202, {"kept": True})
    stamped = {"topic": "meeting.ended", "payload": payload, "event_ts": 1764000000000}
    for _ in range(3):
        assert (await call("POST", WEBHOOKS, stamped))[0] == 202
    status, told = await call("GET", "/events?limit=5&status=waiting&since=1h")
    assert status == 200
    assert [each["id"] for each in told["events"]] == [2, 1]
    assert "김민수" not in json.dumps(told, ensure_ascii=False)
    assert await call("POST", "/events/1/replay") == (200, {"replayed": 1})


@pytest.mark.parametrize("since", ["2000-01-01", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00%2B09:00", "90m", "9999d"])
async def test_since_when(since: str, call: Caller) -> None:
    await call("POST", WEBHOOKS, {"topic": "meeting.started", "payload": {}})
    assert len((await call("GET", f"/events?since={since}"))[1]["events"]) == 1
    assert (await call("GET", "/events?since=2100-01-01"))[1] == {"events": []}


# --- syncs ---


async def test_a_sync_runs_outside_of_the_request(town: Any) -> None:
    """Answered at once with the run's id; who asks for the run sees it end."""
    async with receiving(town, worker=True, zoom={"sync_mode": "realtime", "sweep_window": "1m"}) as call:
        for _ in range(200):
            if await call.web.database.read(heartbeats.beats):
                break
            await asyncio.sleep(0.02)
        status, begun = await call("POST", SYNC, {"since": "30d"})
        assert (status, list(begun)) == (202, ["run"])
        told = await call.ended(begun["run"])
        assert (told["state"], told["summary"]["created"]) == ("done", 2)
        assert set(town.brevo.contacts) == {"a@mail.example", "b@mail.example"}
        town.brevo.expire_key()
        _, begun = await call("POST", SYNC, {})
        told = await call.ended(begun["run"])
        assert (told["state"], told["summary"]["problem"]["exit"]) == ("paused", 4)


async def test_without_a_worker_no_sync_is_taken(call: Caller) -> None:
    """Else it would wait for nobody knows how long."""
    status, message = await call.refused("POST", SYNC, {})
    assert (status, message) == (503, "no worker has shown itself for 30 s")


async def test_a_dry_run_needs_no_worker_and_writes_nothing(call: Caller, town: Any) -> None:
    status, begun = await call("POST", SYNC, {"dry_run": True})
    assert status == 202
    summary = (await call.ended(begun["run"]))["summary"]
    assert {each["email"] for each in summary["writes"]} == {"a@mail.example", "b@mail.example"}
    assert town.brevo.contacts == {}
    assert (await call("GET", "/connectors/zoom/status"))[1]["last_run"] is None


def held_files() -> list[str]:
    """What this process has open."""
    return [os.readlink(each) for each in Path("/proc/self/fd").glob("*") if each.is_symlink()]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")
async def test_a_dry_run_leaves_the_service_its_database(call: Caller, script: Callable[..., Any]) -> None:
    """A dry run opens the database once more. A command that is the next one to leave must not think it is the last."""
    _, begun = await call("POST", SYNC, {"dry_run": True})
    await call.ended(begun["run"])
    url = call.town.config().require("database_url")
    command = script("import sys; from tajo.store.database import existing; existing(sys.argv[1]).close()", url)
    assert await asyncio.to_thread(command.communicate) == ("", "")
    held = held_files()
    assert {each.rpartition("/")[2] for each in held if "tajo.db-wal" in each} == {"tajo.db-wal"}  # not "… (deleted)"


async def test_a_dry_run_that_fails_tells_why(call: Caller, town: Any) -> None:
    town.brevo.expire_key()
    _, begun = await call("POST", SYNC, {"dry_run": True})
    assert (await call.ended(begun["run"]))["summary"]["problem"]["exit"] == 4


async def test_dry_runs_are_few_and_the_last_ones_are_kept(call: Caller, town: Any) -> None:
    town.zoom.faults.order(Fault.slow(3), "GET /report", times=None)
    answers = [await call("POST", SYNC, {"dry_run": True}) for _ in range(11)]
    assert [status for status, _ in answers] == [202] * 10 + [503]


# --- what nobody expected ---


async def test_an_unexpected_error_is_answered_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    """500, and the log has the class and the place."""

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("kim@mail.example")

    with logs.started(level="info"):
        transport = httpx2.ASGITransport(app=service.Guarded(breaks))
        async with httpx2.AsyncClient(transport=transport, base_url="http://tajo.test") as http:
            answer = await http.get("/")
    assert (answer.status_code, answer.text) == (500, "something unexpected went wrong\n")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["error"], line["where"][0].split(":")[-1]) == ("service.crashed", "KeyError", "breaks")
