"""One process receives, two work, all on Postgres; one of the two is killed in the middle: the other does its work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.faults import Fault
from tajo.simulators.serve import serve
from tajo.simulators.world import Stage, World
from tajo.simulators.zoom import ZoomSimulator
from tajo.simulators.zoom.webhooks import Event, WebhookSender, events_of
from tajo.store import notes
from tajo.store.database import Database
from tajo.workflows.services import CONNECTED

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

SECRET = "test-secret-token"
LISTS = {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17}
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}
CAME, ABSENT, COMING = 20, 10, 60  # people of the webinar that is over, and who register for each of those to come
TO_COME = 3
SOON = timedelta(seconds=12)  # by then all processes are there, and have swept
WAITING = "SELECT count(*) FROM dbos.workflow_status WHERE status IN ('PENDING', 'ENQUEUED', 'DELAYED')"
UNDER_WAY = "SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = 'a'"
CLAIMED = "SELECT email, name FROM effects WHERE state = 'sending' AND holder = 'a'"


def world(now: datetime) -> World:
    """A webinar that ended a quarter of an hour ago, and three to come that people register for from now on."""
    stage = Stage(17, now)
    over = stage.webinar("Over", start=now - timedelta(minutes=60), minutes=45, created_at=now - timedelta(days=9))
    people = [stage.names.person() for _ in range(CAME + ABSENT)]
    for each in people:
        over.register(each, create_time=now - timedelta(days=2))
    held = over.hold()
    for each in people[:CAME]:
        held.come(each, 2, 40)
    for number in range(TO_COME):
        plan = stage.webinar(f"Coming {number}", start=now + timedelta(hours=5), created_at=now - timedelta(days=9))
        for _ in range(COMING):
            plan.register(stage.names.person(), create_time=now + SOON)
    return stage.world()


class Stand:
    """Both vendors, the process that receives, and two that work."""

    def __init__(self, service: Any, workers: dict[str, Any], database: Database) -> None:
        self.service, self.workers, self.database = service, workers, database
        self.world = world(datetime.now(UTC).replace(microsecond=0))
        self.zoom = ZoomSimulator(self.world)
        self.brevo = BrevoSimulator(switches=BrevoSwitches.loosest(import_queued_s=0.2, import_working_s=0.2))
        for id_ in LISTS.values():
            self.brevo.add_list(id_, f"list {id_}")
        for name, kind in ATTRIBUTES.items():
            self.brevo.add_attribute(name, kind)

    def configure(self, zoom_url: str, brevo_url: str) -> None:
        zoom = {name: getattr(self.zoom, name) for name in ("account_id", "client_id", "client_secret")} | {
            "api_url": f"{zoom_url}/v2",
            "oauth_url": f"{zoom_url}/oauth",
            "lists": LISTS,
            "settle": {"after": "0s", "every": "1s", "deadline": "2h"},
        }
        brevo = {"api_key": "xkeysib-test-key", "api_url": f"{brevo_url}/v3"}
        url = self.database.url.render_as_string(hide_password=False)
        self.service.configure(zoom=zoom, brevo=brevo, database_url=url)

    def events(self) -> list[Event]:
        """Who registers, mixed with all that is told of the one that is over."""
        registered = [each for each in events_of(self.world) if each.name == "webinar.registration_created"]
        rest = [each for each in events_of(self.world) if each not in registered]
        return [*registered[::2], *rest, *registered[1::2]]

    def ask(self, query: str) -> list[Any]:
        """Rows, as tuples."""
        return [tuple(row) for row in self.database.read_now(lambda c: c.execute(sa.text(query)).all())]

    async def until(self, done: Callable[[], object], *, seconds: float = 90.0) -> None:
        give_up = asyncio.get_running_loop().time() + seconds
        while not await asyncio.to_thread(done):
            assert asyncio.get_running_loop().time() < give_up, {each.name: each.log()[-2000:] for each in self.team}
            await asyncio.sleep(0.02)

    @property
    def team(self) -> list[Any]:
        return list(self.workers.values())

    def quiet(self) -> bool:
        """Nothing waits, nothing is being done, nothing is claimed; in this order, since each makes the next."""
        busy = ["SELECT count(*) FROM inbox WHERE state = 'waiting'", WAITING]
        return not any(self.ask(each)[0][0] for each in busy) and not self.ask(
            "SELECT key FROM effects WHERE state = 'sending'"
        )

    def people(self, topic: str) -> set[str]:
        """E-mails of a webinar's registrants."""
        (session,) = [each for each in self.world.sessions.values() if each.topic == topic]
        return {each.email.lower() for each in session.registrants}


async def test_what_a_killed_worker_has_begun_another_finishes(
    live_service: Callable[[Path], Any],
    live_worker: Callable[[Path, str], Any],
    postgres_database: Database,
    tmp_path: Path,
) -> None:
    """180 register and a webinar of 30 has ended, while one worker of two dies with events claimed and work begun.

    In the end each contact and each event is there once; in doubt is no more than the call that it was making.
    """
    workers = {name: live_worker(tmp_path, name) for name in ("a", "b")}
    stand = Stand(live_service(tmp_path), workers, postgres_database)
    with serve(stand.zoom.app) as zoom_url, serve(stand.brevo.app) as brevo_url:
        stand.configure(zoom_url, brevo_url)
        connected = stand.world.now - timedelta(days=1)
        await postgres_database.write(notes.put, CONNECTED, connected.isoformat())
        await asyncio.to_thread(stand.service.start, 0.0, "--no-worker")
        for each in stand.team:
            each.start()
        await stand.until(lambda: all(each.works() for each in stand.team))
        await stand.until(lambda: datetime.now(UTC) > stand.world.now + SOON and stand.quiet())
        stand.brevo.faults.order(Fault.slow(0.5), "POST /events", times=None)
        sender = WebhookSender(stand.zoom, url=stand.service.url, secret=SECRET)
        delivered = asyncio.create_task(sender.send_all(stand.events()))
        begun, claimed = await killed_in_the_middle(stand)
        assert {each.outcome for each in await delivered} == {"delivered"}
        stand.brevo.faults.clear()
        await stand.until(stand.quiet)
        finished = dict(stand.ask("SELECT workflow_uuid, executor_id || ' ' || status FROM dbos.workflow_status"))
        assert {finished[each] for each in begun} == {"b SUCCESS"}
        assert await asyncio.to_thread(workers["b"].stop) == 0
        assert await asyncio.to_thread(stand.service.stop) == 0
    everybody_is_there_once(stand, claimed)
    for said in (workers["a"].log(), workers["b"].log(), stand.service.log()):
        assert "Traceback" not in said


async def killed_in_the_middle(stand: Stand) -> tuple[set[str], set[tuple[str, str]]]:
    """Kill the worker a while it makes a call about events; which workflows it had begun, and what it had claimed."""
    await stand.until(lambda: stand.ask(CLAIMED))
    stand.workers["a"].kill()
    begun, claimed = {each for (each,) in stand.ask(UNDER_WAY)}, set(stand.ask(CLAIMED))
    assert begun
    assert claimed
    return begun, claimed


def everybody_is_there_once(stand: Stand, claimed: set[tuple[str, str]]) -> None:
    """By Brevo's own record, and by ours."""
    over, coming = stand.people("Over"), [stand.people(f"Coming {number}") for number in range(TO_COME)]
    assert set(stand.brevo.contacts) == over.union(*coming)
    assert {email for email, each in stand.brevo.contacts.items() if 17 in each.list_ids} == over.union(*coming)
    assert len([each for each in stand.brevo.contacts.values() if 16 in each.list_ids]) == CAME
    told = Counter((each.identifiers["email_id"], each.name) for each in stand.brevo.events)
    assert set(told.values()) == {1}
    in_doubt = set(stand.ask("SELECT email, name FROM effects WHERE state = 'ambiguous'"))
    assert in_doubt == claimed
    assert set(stand.ask("SELECT DISTINCT state FROM effects")) == {("sent",), ("ambiguous",)}
    wanted = {(email, "zoom_webinar_registered") for email in set().union(*coming)}
    assert wanted - set(told) <= in_doubt
    outcomes = [key for key in {*told, *in_doubt} if key[1] in ("zoom_webinar_attended", "zoom_webinar_no_show")]
    assert sorted(email for email, _ in outcomes) == sorted(over)
    assert stand.ask("SELECT DISTINCT state FROM inbox") == [("handled",)]
