"""`tajo serve` is killed while webhooks come in: what it acknowledged is there, once; nobody gets an event twice."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.serve import serve
from tajo.simulators.world import Live, ShiftedClock, live_webinar
from tajo.simulators.zoom import ZoomSimulator
from tajo.simulators.zoom.webhooks import Event, WebhookSender, events_of, raw_body, sign

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

KILLS = int(os.environ.get("TAJO_TEST_KILLS", "4"))  # `python -m benchmarks live_kills` does it 50 times
PER_LIFE = 400  # acknowledged before a kill, about
SENDERS = 8
SECRET = "test-secret-token"
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}
ACCESS = {"account_id": "acc", "client_id": "cid", "client_secret": "s3cret"}
NOWHERE = {"api_url": "http://127.0.0.1:9/v2", "oauth_url": "http://127.0.0.1:9/oauth"}


# --- acknowledged is kept ---


def joins(count: int) -> Iterator[bytes]:
    """So many people who come to a webinar, each in a body of its own."""
    live = live_webinar(3, now=datetime.now(UTC), registrants=4, attendees=2)
    pattern = next(e.body for e in events_of(live.after) if e.name == "webinar.participant_joined")
    for number in range(count):
        body = copy.deepcopy(pattern)
        body["payload"]["account_id"] = ACCESS["account_id"]
        body["payload"]["object"]["participant"]["participant_uuid"] = f"{number:08X}-0000-4000-8000-000000000000"
        yield raw_body(body)


@dataclass
class Storm:
    """Bodies to send; one without an answer is sent again, as Zoom does."""

    left: deque[bytes]
    acknowledged: set[str] = field(default_factory=set)

    async def blow(self, port: int) -> None:
        await asyncio.gather(*(self._send(port) for _ in range(SENDERS)))

    async def _send(self, port: int) -> None:
        """One after the other over one connection, until nothing is left or the other end is gone."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while self.left:
                    body = self.left.popleft()
                    self.left.append(body)
                    writer.write(_request(body))
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 204"), head
                    self.acknowledged.add(sha256(body).hexdigest())
                    with contextlib.suppress(ValueError):
                        self.left.remove(body)
            finally:
                writer.close()


def _request(body: bytes) -> bytes:
    timestamp = str(int(datetime.now(UTC).timestamp()))
    signature = sign(body, secret=SECRET, timestamp=timestamp)
    return (
        f"POST /webhooks/zoom HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        f"x-zm-request-timestamp: {timestamp}\r\nx-zm-signature: {signature}\r\n\r\n"
    ).encode() + body


async def test_what_was_acknowledged_survives_any_kill(live_service: Callable[[Path], Any], tmp_path: Path) -> None:
    """Some hundred acknowledged deliveries in each life; in the end each is there once, folded into the tables."""
    bodies = list(joins(KILLS * PER_LIFE))
    storm, rng, service = Storm(deque(bodies)), random.Random(KILLS), live_service(tmp_path)
    service.configure(zoom=NOWHERE | ACCESS, brevo={"api_key": "xkeysib-test", "api_url": "http://127.0.0.1:9/v3"})
    for _ in range(KILLS):
        await asyncio.to_thread(service.start)
        before, enough = len(storm.acknowledged), rng.uniform(0.2, 1.0) * PER_LIFE
        blowing = asyncio.create_task(storm.blow(service.port))
        while not blowing.done() and len(storm.acknowledged) - before < enough:  # noqa: ASYNC110 - counted elsewhere
            await asyncio.sleep(rng.uniform(0.001, 0.02))
        service.kill()
        await blowing
        stored = {digest for (digest,) in service.inbox("SELECT digest FROM inbox")}
        assert not storm.acknowledged - stored
    await asyncio.to_thread(service.start)
    await storm.blow(service.port)
    await _quiet(service, only_inbox=True)
    assert service.stop() == 0, service.log()
    assert storm.acknowledged == {sha256(body).hexdigest() for body in bodies}
    assert service.inbox("SELECT count(*), count(DISTINCT digest) FROM inbox") == [(len(bodies), len(bodies))]
    assert service.inbox("SELECT DISTINCT state FROM inbox") == [("handled",)]
    assert service.main("SELECT count(*) FROM sightings") == [(len(bodies),)]
    for ask in (service.inbox, service.main):
        assert ask("PRAGMA integrity_check") == [("ok",)]
    assert "Traceback" not in service.log()


async def _quiet(service: Any, *, only_inbox: bool = False, seconds: float = 90.0) -> None:
    """Until nothing waits and nothing is being done, twice in a row."""
    give_up, calm = asyncio.get_running_loop().time() + seconds, 0
    while calm < 2:
        busy = (
            service.inbox("SELECT count(*) FROM inbox WHERE state = 'waiting'")[0][0] if only_inbox else service.busy()
        )
        calm = 0 if busy else calm + 1
        assert asyncio.get_running_loop().time() < give_up, f"{busy} not done: {service.log()}"
        await asyncio.sleep(0.3)


# --- the same end ---


@dataclass
class End:
    """What a webinar left: contacts with attributes and lists, how often each event is there, what stayed in doubt."""

    contacts: dict[str, Any]
    events: Counter[tuple[str, str]]
    ambiguous: set[tuple[str, str]]
    letters: list[Any]
    kills: int


class Stage:
    """Both vendors over HTTP and a service, on one clock; it moves while the service is down."""

    def __init__(self, service: Any, live: Live) -> None:
        self.service, self.live = service, live
        self.clock = ShiftedClock(live.before.now)
        self.zoom = ZoomSimulator(live.before, clock=self.clock)
        switches = BrevoSwitches.loosest(import_queued_s=0.2, import_working_s=0.2)
        self.brevo = BrevoSimulator(clock=self.clock, switches=switches)
        for id_ in (15, 16, 17):
            self.brevo.add_list(id_, f"list {id_}")
        for name, kind in ATTRIBUTES.items():
            self.brevo.add_attribute(name, kind)
        self.kills = 0

    def configure(self, zoom_url: str, brevo_url: str) -> None:
        names = ("account_id", "client_id", "client_secret")
        zoom = {name: getattr(self.zoom, name) for name in names} | {
            "api_url": f"{zoom_url}/v2",
            "oauth_url": f"{zoom_url}/oauth",
            "lists": {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17},
            "settle": {"after": "0s", "every": "1s", "deadline": "2h"},
        }
        self.service.configure(zoom=zoom, brevo={"api_key": "xkeysib-test-key", "api_url": f"{brevo_url}/v3"})

    async def act(self, events: list[Event], at: datetime, rng: random.Random, kills: int) -> None:
        """Deliver these events at their time, while the service is killed and started again; until all is done."""
        self.clock.move(at)
        await self._start()
        self.sender = WebhookSender(self.zoom, url=self.service.url, secret=SECRET, clock=self.clock)
        delivering = asyncio.create_task(self._deliver(events, rng))
        for _ in range(kills):
            await asyncio.sleep(rng.choice((rng.uniform(0.0, 0.4), rng.uniform(0.4, 3.0))))
            self.service.kill()
            self.kills += 1
            await self._start()
        await delivering
        await _quiet(self.service)
        assert await asyncio.to_thread(self.service.stop) == 0, self.service.log()

    async def _start(self) -> None:
        ahead = (self.clock() - datetime.now(UTC)).total_seconds()
        await asyncio.to_thread(self.service.start, ahead)

    async def _deliver(self, events: list[Event], rng: random.Random) -> None:
        """Again and again until it is taken, at whatever address the service has by then."""
        for event in events:
            while True:
                self.sender.url = self.service.url
                if (await self.sender.send(event)).outcome == "delivered":
                    break
                await asyncio.sleep(0.05)
            await asyncio.sleep(rng.uniform(0, 0.03))

    def end(self) -> End:
        ambiguous = self.service.main("SELECT name, email FROM effects WHERE state IN ('ambiguous', 'sending')")
        return End(
            contacts={
                email: (dict(each.attributes), sorted(each.list_ids))
                for email, each in sorted(self.brevo.contacts.items())
            },
            events=Counter((each.name, each.identifiers["email_id"]) for each in self.brevo.events),
            ambiguous=set(ambiguous),
            letters=self.service.main("SELECT subject, reason FROM dead_letters WHERE resolved_at IS NULL"),
            kills=self.kills,
        )


async def play(service: Any, live: Live, seed: int, kills: tuple[int, int, int]) -> End:
    """The webinar in three acts: who registers, the start, and all that is told of it when it is over."""
    stage, rng = Stage(service, live), random.Random(seed)
    events = events_of(live.after, live.after.sessions[live.truth.session_id], since=live.before.now)
    soon = [each for each in events if "registration" in each.name]
    start = next(each for each in events if each.name == "webinar.started")
    rest = [each for each in events if each not in (*soon, start)]
    with serve(stage.zoom.app) as zoom_url, serve(stage.brevo.app) as brevo_url:
        stage.configure(zoom_url, brevo_url)
        await stage.act(soon, live.before.now, rng, kills[0])
        await stage.act([start], start.at, rng, kills[1])
        stage.zoom.world = live.after
        await stage.act(rest, live.after.now, rng, kills[2])
    return stage.end()


async def test_a_webinar_ends_alike_however_often_the_service_is_killed(
    live_service: Callable[[Path], Any], tmp_path: Path
) -> None:
    """60 people, 8 kills. Contacts and lists are the same; no event twice, and none missing but those in doubt."""
    now = datetime.now(UTC).replace(microsecond=0)
    live = live_webinar(5, now=now, registrants=60, attendees=40)
    folders = [tmp_path / name for name in ("calm", "killed")]
    for folder in folders:
        folder.mkdir()
    calm, killed = await asyncio.gather(
        play(live_service(folders[0]), live, 1, (0, 0, 0)), play(live_service(folders[1]), live, 2, (3, 2, 3))
    )
    assert killed.kills == 8
    assert {name for name, _ in calm.events} == {
        "zoom_webinar_registered",
        "zoom_webinar_started",
        "zoom_webinar_attended",
        "zoom_webinar_ended",
        "zoom_webinar_no_show",
        "zoom_recording_ready",
    }
    assert len(calm.contacts) == 60
    assert not calm.ambiguous
    assert killed.contacts == calm.contacts
    assert max(killed.events.values()) == 1
    assert not killed.events.keys() - calm.events.keys()
    assert calm.events.keys() - killed.events.keys() <= killed.ambiguous
    assert killed.letters == calm.letters
