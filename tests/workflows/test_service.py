"""A live webinar through the whole service: webhooks in, contacts, lists and events out; on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
import copy
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbos import WorkflowStatus

from tajo import app
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.brevo import BrevoSimulator
from tajo.simulators.faults import Fault
from tajo.simulators.world import Live, ShiftedClock, live_webinar
from tajo.simulators.zoom import ZoomSimulator
from tajo.simulators.zoom.webhooks import Event, WebhookSender, WebhookSwitches, events_of, post_to
from tajo.store import effects, inbox, ledger, letters, notes, rosters, suppressions
from tajo.store.database import Database
from tajo.store.inbox import Inbox
from tajo.web.app import build
from tajo.web.metrics import Metrics
from tajo.workflows import live
from tajo.workflows.engine import Engine
from tajo.workflows.worker import Worker

pytestmark = pytest.mark.anyio

SECRET = "test-secret-token"
OPERATOR = "ops@company.example"
SETTLE = {"after": "0s", "every": "1s", "deadline": "2h"}


class Service:
    """The web side and the worker over both simulators, with a Zoom that sends to it."""

    def __init__(self, live: Live, clock: ShiftedClock, zoom: ZoomSimulator, brevo: BrevoSimulator) -> None:
        self.live, self.clock, self.zoom, self.brevo = live, clock, zoom, brevo
        self.services: Any = None
        self.worker: Any = None
        self.inbox: Any = None
        self.sender: Any = None

    @property
    def events(self) -> list[Event]:
        """All that Zoom tells of the webinar from now on, in order of time."""
        session = self.live.after.sessions[self.live.truth.session_id]
        return events_of(self.live.after, session, since=self.live.before.now)

    @property
    def everything(self) -> list[Event]:
        """What Zoom told of it before, too, with an approval of each registration."""
        session = self.live.after.sessions[self.live.truth.session_id]
        return events_of(self.live.after, session, switches=WebhookSwitches(approved_follows_automatic=True))

    async def told(self, events: list[Event]) -> None:
        """Deliver these now, in this order, and see that each was taken."""
        for event in events:
            delivery = await self.sender.send(event)
            assert delivery.status in (200, 204), delivery

    async def told_in_a_burst(self, events: list[Event]) -> None:
        """Deliver these in this order without waiting for the answers: nobody settles what is half told."""
        for delivery in await asyncio.gather(*map(self.sender.send, events)):
            assert delivery.status in (200, 204), delivery

    def afterwards(self) -> None:
        """The session is over, and Zoom has its report."""
        self.zoom.world = self.live.after
        self.clock.move(self.live.after.now)

    async def until(self, done: Callable[[], bool], *, seconds: float = 40.0) -> None:
        give_up = asyncio.get_running_loop().time() + seconds
        while not done():
            assert asyncio.get_running_loop().time() < give_up, f"not within {seconds} s: {self.so_far()}"
            await asyncio.sleep(0.05)

    def so_far(self) -> str:
        """What was told, what waits, what went wrong and what is being done."""
        told = Counter(each.name for each in self.brevo.events)
        waiting = self.inbox.database.read_now(inbox.counts)[0]
        wrong = self.services.database.read_now(letters.open_letters)
        doing = [
            (each.name, each.workflow_id, each.status, each.created_at, each.queue_name, each.executor_id)
            for each in self.under_way()
        ]
        return f"{told}, {waiting}, {wrong}, {doing}"

    def under_way(self) -> list[WorkflowStatus]:
        """What the engine has still to do."""
        found: list[WorkflowStatus] = self.worker.engine.client.list_workflows(
            status=["PENDING", "ENQUEUED", "DELAYED"]
        )
        return found

    def quiet(self) -> bool:
        """Whether nothing waits and nothing is being done.

        Asked in this order: what follows from a delivery is enqueued, at the latest, as the delivery stops waiting.
        """
        return not self.inbox.database.read_now(inbox.counts)[0].get("waiting") and not self.under_way()

    def swept(self) -> bool:
        """Whether the sweep of the start is over."""
        return bool(self.worker.engine.client.list_workflows(name="sweep")) and self.quiet()

    def sent(self, name: str = "") -> list[str]:
        """Who got events of this name, in order."""
        return sorted(each.identifiers["email_id"] for each in self.brevo.events if not name or each.name == name)

    def state(self) -> dict[str, Any]:
        """All that is in Brevo: contacts with attributes and lists, and each event as often as it is there."""
        contacts = {
            email: (dict(each.attributes), sorted(each.list_ids)) for email, each in sorted(self.brevo.contacts.items())
        }
        told: dict[tuple[str, str], list[Any]] = {}
        for each in self.brevo.events:
            told.setdefault((each.name, each.identifiers["email_id"]), []).append(each.event_properties)
        return {"contacts": contacts, "events": dict(sorted(told.items()))}

    def attended(self) -> list[str]:
        return sorted(str(p.email) for p in self.live.truth.people if p.outcome == "attended" and not p.staff)

    def absent(self) -> list[str]:
        return sorted(str(p.email) for p in self.live.truth.people if p.outcome == "no_show")


@pytest.fixture
def service(config: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the service around a live webinar."""

    @asynccontextmanager
    async def open_it(
        database: Database,
        folder: Path,
        *,
        seed: int = 5,
        now: datetime | None = None,
        connected: bool = True,
        started: bool = True,
        name: str = "serve",
        settings: dict[str, Any] | None = None,
        follow_ups: Sequence[dict[str, Any]] = (),
        tier: Any = "general",
        links: bool = False,
        top: dict[str, Any] | None = None,
        **webinar: Any,
    ) -> AsyncIterator[Service]:
        now = now or datetime.now(UTC).replace(microsecond=0)
        shown = live_webinar(seed, now=now, **{"registrants": 12, "attendees": 7} | webinar)
        clock = ShiftedClock(now)
        zoom, brevo = ZoomSimulator(shown.before, clock=clock), BrevoSimulator(clock=clock, tier=tier)
        brevo.add_template(12)
        for id_ in (15, 16, 17):
            brevo.add_list(id_, f"list {id_}")
        for attribute in ("MEETING_JOIN_DATE", "MEETING_DURATION", "WEBINAR_NAME", "ATTENDANCE_STATUS", "UTM_SOURCE"):
            kind = {"MEETING_JOIN_DATE": "date", "MEETING_DURATION": "float"}.get(attribute, "text")
            brevo.add_attribute(attribute, kind)
        mapping = {"first_name": "FIRSTNAME", "attendance_status": "ATTENDANCE_STATUS"}
        if links:
            mapping |= {"share_url": "RECORDING", "passcode": "RECORDING_CODE"}
            for attribute in ("RECORDING", "RECORDING_CODE"):
                brevo.add_attribute(attribute, "text")
        settings_ = config(
            zoom={
                "account_id": zoom.account_id,
                "client_id": zoom.client_id,
                "client_secret": zoom.client_secret,
                "api_url": "http://127.0.0.1/v2",
                "oauth_url": "http://127.0.0.1/oauth",
                "webhook": {"secret_token": SECRET},
                "settle": SETTLE,
                "schedule": "0 0 1 1 *",
                **(settings or {}),
            },
            brevo={"api_url": "http://127.0.0.1/v3", "tier": tier},
            events={"operator": OPERATOR, **({"recording_ready": ["attended", "unknown"]} if links else {})},
            follow_ups=list(follow_ups),
            **({"field_mapping": mapping} if links else {}),
            database_url=database.url.render_as_string(hide_password=False),
            **(top or {}),
        )
        box = Inbox(app.open_inbox(settings_))
        web, _ = build(database, box, secrets=lambda: [SECRET], clock=clock, metrics=Metrics())
        it = Service(shown, clock, zoom, brevo)
        it.inbox = box
        it.sender = WebhookSender(zoom, url="https://t.example/webhooks/zoom", secret=SECRET, post=post_to(web))
        try:
            async with app.services(
                settings_, database, clock=clock, zoom_app=zoom.app, brevo_app=brevo.app
            ) as services:
                services.holder, it.services = name, services
                if connected:
                    await database.write(
                        notes.put, "connector.zoom.connected_at", (now - timedelta(days=1)).isoformat()
                    )
                async with Engine(database, name, services, live=True) as engine:
                    it.worker = Worker(services, engine, box.database, name=name)
                    task = asyncio.create_task(it.worker.run()) if started else None
                    try:
                        yield it
                    finally:
                        it.worker.stop.set()
                        if task is not None:
                            await asyncio.wait_for(task, 20)
        finally:
            box.close()
            box.database.close()

    return open_it


async def test_a_live_webinar_arrives_in_brevo_as_it_happens(
    service: Callable[..., Any], database: Database, tmp_path: Path
) -> None:
    async with service(database, tmp_path) as it:
        registered = [each for each in it.events if each.name == "webinar.registration_created"]
        soon = sorted(each.body["payload"]["object"]["registrant"]["email"].lower() for each in registered)
        await it.told(registered)
        await it.until(lambda: set(soon) <= set(it.sent("zoom_webinar_registered")))
        for email in soon:
            assert 17 in it.brevo.contacts[email].list_ids
            assert it.brevo.contacts[email].attributes["ATTENDANCE_STATUS"] == "registered"

        started = [each for each in it.events if each.name == "webinar.started"]
        it.clock.move(started[0].at)
        await it.told(started)
        await it.until(lambda: OPERATOR in it.sent("zoom_webinar_started"))
        assert set(soon) <= set(it.sent("zoom_webinar_started"))

        rest = [each for each in it.events if each not in (*registered, *started)]
        it.afterwards()
        await it.told(rest)
        await it.until(lambda: len(it.sent("zoom_recording_ready")) == len(it.attended()) + len(it.absent()) + 1)
        assert it.sent("zoom_webinar_attended") == it.attended()
        assert it.sent("zoom_webinar_no_show") == it.absent()
        assert it.sent("zoom_webinar_ended") == sorted([*it.attended(), OPERATOR])
        assert it.sent("zoom_recording_ready") == sorted([*it.attended(), *it.absent(), OPERATOR])
        recording = next(each for each in it.brevo.events if each.name == "zoom_recording_ready")
        assert recording.event_properties["share_url"].startswith("https://")
        assert recording.event_properties["passcode"]
        for person in it.live.truth.people:
            if person.outcome in ("attended", "no_show") and not person.staff:
                contact = it.brevo.contacts[str(person.email)]
                assert contact.attributes["ATTENDANCE_STATUS"] == person.outcome
                assert contact.attributes["MEETING_DURATION"] == person.present_s
                assert (16 in contact.list_ids) == (person.outcome == "attended")
        assert await database.read(letters.open_letters) == []


async def test_after_a_webinar_each_half_gets_its_mail_once(
    service: Callable[..., Any], database: Database, tmp_path: Path
) -> None:
    """Thanks to the attendees, the recording to those who missed it; doubled webhooks and a replay change nothing."""
    rules = [
        {
            "name": "thanks",
            "when": "webinar.attended",
            "send": {"template": 12, "params": {"minutes": "duration_minutes"}},
        },
        {"name": "replay", "when": "recording.ready", "to": ["no_show"], "send": {"template": 12}},
    ]
    async with service(database, tmp_path, follow_ups=rules) as it:
        await it.until(it.swept)
        events = it.events
        it.afterwards()
        await it.told(events + events)

        def got(rule: str) -> list[str]:
            return sorted(to for mail in it.brevo.sent_mails if rule in mail.tags for to in mail.to)

        await it.until(lambda: got("thanks") == it.attended() and got("replay") == it.absent())
        assert all(mail.params["share_url"] for mail in it.brevo.sent_mails if "replay" in mail.tags)
        ids = it.inbox.database.read_now(lambda c: inbox.ids_of(c, since=None, state=""))
        it.inbox.database.write_now(inbox.again, ids, it.clock())
        await it.until(it.quiet)
        await asyncio.sleep(6)  # a look for what is due, and more
        await it.until(it.quiet)
        assert (got("thanks"), got("replay")) == (it.attended(), it.absent())


async def test_nobody_is_written_or_told_of_before_they_have_confirmed(
    service: Callable[..., Any], database: Database, tmp_path: Path
) -> None:
    """Nobody is asked at registration: Brevo asks once. One of those who come confirms, and one opts out after it."""
    page = {"template": 12, "redirect_url": "https://example.com/thanks"}
    consent = {"consent": {"on_missing": "double_opt_in", "double_opt_in": page}}
    async with service(database, tmp_path, top=consent) as it:
        it.brevo.add_template(12, html="{{ params.DOIurl }} <p>yes</p>", tag="optin")
        registered = [each for each in it.events if each.name == "webinar.registration_created"]
        soon = sorted(each.body["payload"]["object"]["registrant"]["email"].lower() for each in registered)
        await it.told(registered)
        await it.until(lambda: set(soon) <= {each.email for each in it.brevo.opt_ins})
        await it.until(it.quiet)
        assert dict(it.brevo.contacts) == {}
        assert it.sent() == []

        clicked = [email for email in it.attended() if email in {each.email for each in it.brevo.opt_ins}][:2]
        for email in clicked:
            it.brevo.click_opt_in(email)
        it.brevo.unsubscribe(clicked[1])
        await database.write(
            suppressions.add, [Suppression(clicked[1], Reason.UNSUBSCRIBED, Source.WEBHOOK, it.clock())]
        )
        rest = [each for each in it.events if each not in registered]
        it.afterwards()
        await it.told(rest)
        await it.until(lambda: clicked[0] in it.sent("zoom_recording_ready") and it.quiet())
        assert sorted(it.brevo.contacts) == sorted({*clicked, OPERATOR})
        assert it.brevo.contacts[clicked[0]].attributes["ATTENDANCE_STATUS"] == "attended"
        assert it.brevo.contacts[clicked[0]].list_ids == {16, 17}
        assert it.brevo.contacts[clicked[1]].list_ids == {17}
        assert set(it.sent()) == {clicked[0], OPERATOR}
        asked = Counter(each.to[0] for each in it.brevo.sent_mails)
        assert set(asked.values()) == {1}
        assert it.brevo.complaints() == []
        assert await database.read(letters.open_letters) == []


async def test_who_registers_while_others_are_imported_is_written_meanwhile(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    """49 register at once, and importing them takes Brevo half a minute; the 50th is there before them."""
    async with service(sqlite_database, tmp_path, registrants=250, attendees=2) as it:
        await it.until(it.swept)
        it.brevo.switches = replace(it.brevo.switches, import_queued_s=15.0, import_working_s=15.0)
        *crowd, last = [each for each in it.events if each.name == "webinar.registration_created"]
        people = [each.body["payload"]["object"]["registrant"]["email"].lower() for each in (*crowd, last)]
        it.clock.move(last.at)
        await asyncio.gather(*(it.told([each]) for each in crowd))

        def on_their_way() -> set[str]:
            return {row.email for each in sqlite_database.read_now(ledger.open_imports) for row in each.rows}

        await it.until(lambda: set(people[:-1]) <= on_their_way() | set(it.brevo.contacts))
        imported = on_their_way() - set(it.brevo.contacts)
        await it.told([last])
        await it.until(lambda: people[-1] in it.brevo.contacts)
        assert imported
        assert not imported & set(it.brevo.contacts)
        it.clock.move(it.clock() + timedelta(seconds=40))
        await it.until(lambda: set(people) <= set(it.sent("zoom_webinar_registered")) and it.quiet())
        assert max(Counter(it.sent("zoom_webinar_registered")).values()) == 1
        assert {17 in it.brevo.contacts[email].list_ids for email in people} == {True}


async def test_a_recording_told_after_the_deadline_waits_for_the_report(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    """All webhooks come two hours late, those of who came not at all: nobody hears of it as somebody who was missed."""
    late = {"settle": SETTLE | {"after": "3s"}}
    async with service(sqlite_database, tmp_path, settings=late) as it:
        await it.until(it.swept)
        it.afterwards()
        names = ("webinar.ended", "webinar.registration_created", "recording.completed")
        await it.told(sorted((e for e in it.events if e.name in names), key=lambda each: names.index(each.name)))
        await it.until(lambda: OPERATOR in it.sent("zoom_recording_ready") and it.quiet())
        told = {e.identifiers["email_id"]: e for e in it.brevo.events if e.name == "zoom_recording_ready"}
        assert {told[email].event_properties["outcome"] for email in it.attended()} == {"attended"}
        assert {told[email].event_properties["outcome"] for email in it.absent()} == {"no_show"}


@pytest.mark.timeout(480)
async def test_any_order_with_any_doubles_ends_alike(
    service: Callable[..., Any], migrated: Callable[..., Any], tmp_path: Path
) -> None:
    """All that Zoom tells of a webinar, as it happened and then in 20 orders with doubles, each through a service.

    12 register and 2 more cancel; 7 come, some of them twice; it is recorded. The same is in Brevo and on the rosters.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    ends: dict[int | None, dict[str, Any]] = {}
    for seed in (None, *range(ORDERS)):
        folder = tmp_path / f"order-{seed}"
        folder.mkdir()
        shutil.copyfile(migrated(), folder / "tajo.db")
        database = Database(f"sqlite:///{folder / 'tajo.db'}")
        async with service(database, folder, now=now, cancelled=2, tier="extended") as it:
            await it.until(it.swept)
            events = in_some_order(it.everything, seed)
            it.afterwards()
            await it.told_in_a_burst(events)
            await it.until(it.quiet)
            ends[seed] = ended_as(it) | {"rosters": kept(database, it)}
        database.close()
    assert {name for name, _ in ends[None]["events"]} == AFTERWARDS
    for seed, end in ends.items():
        assert end == ends[None], f"the order of seed {seed} ends differently: {difference(ends[None], end)}"


ORDERS = 20
AFTERWARDS = {"zoom_webinar_attended", "zoom_webinar_no_show", "zoom_webinar_ended", "zoom_recording_ready"}
TOLD = {
    *(f"webinar.registration_{what}" for what in ("created", "approved", "cancelled")),
    *(f"webinar.{what}" for what in ("started", "participant_joined", "participant_left", "ended")),
    *(f"recording.{what}" for what in ("started", "stopped", "completed", "transcript_completed")),
}


def in_some_order(events: list[Event], seed: int | None) -> list[Event]:
    """As they happened, or with up to as many doubles in the order of a seed."""
    assert {each.name for each in events} == TOLD
    joined = Counter(e.body["payload"]["object"]["participant"]["email"] for e in events if e.name.endswith("joined"))
    assert max(joined.values()) > 1, "nobody comes back"
    if seed is None:
        return events
    rng = random.Random(seed)
    told = events + rng.choices(events, k=rng.randrange(len(events)))
    rng.shuffle(told)
    return told


def ended_as(it: Service) -> dict[str, Any]:
    """All that is in Brevo, without what was told of a moment, and without a recording's link.

    That it began, or that somebody registered, is told if nothing later was known by then: of those events it is only
    asked that nobody got one twice. The link is the one that was known: the recording's, or its transcript's.
    """
    state = it.state()
    assert {len(each) for each in state["events"].values()} == {1}
    told = {key: dict(each[0]) for key, each in state["events"].items() if key[0] in AFTERWARDS}
    for (name, _), properties in told.items():
        assert (name == "zoom_recording_ready") == ("share_url" in properties)
        properties.pop("share_url", None)
    return state | {"events": told}


def difference(one: Any, other: Any) -> Any:
    """What is not the same in both, as deep as they are mappings."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one, other
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return {name: difference(one.get(name), other.get(name)) for name in names}


def kept(database: Database, it: Service) -> Any:
    """Everybody's lines on the rosters, and what there is to know of the session itself."""
    session = ("webinar", str(it.live.truth.session_id))
    return (
        database.read_now(rosters.entries_of, sorted(str(person.email) for person in it.live.truth.people)),
        database.read_now(rosters.held, [session]),
    )


async def test_a_recording_that_no_webhook_told_of_is_found_by_the_sweep(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    """Those who came are told once and have its link, those who did not have neither; a newer link only replaces it."""
    async with service(sqlite_database, tmp_path, started=False, links=True) as it:
        it.afterwards()
        task = asyncio.create_task(it.worker.run())
        try:
            await it.until(lambda: OPERATOR in it.sent("zoom_recording_ready") and it.swept())
            assert it.sent("zoom_recording_ready") == sorted([*it.attended(), OPERATOR])
            links = {email: it.brevo.contacts[email].attributes for email in it.attended()}
            assert all(each["RECORDING"].startswith("https://") for each in links.values())
            assert {each["RECORDING_CODE"] for each in links.values()} == {"a1B2c3"}
            assert not any(it.brevo.contacts[email].attributes.get("RECORDING") for email in it.absent())

            first = {each["RECORDING"] for each in links.values()}
            (completed,) = (each for each in it.events if each.name == "recording.completed")
            again = {**completed.body, "event_ts": int(it.clock().timestamp() * 1000) + 1000}
            await it.told([completed._replace(body=again)])
            await it.until(
                lambda: first.isdisjoint(it.brevo.contacts[e].attributes["RECORDING"] for e in it.attended())
            )
            await it.until(it.quiet)
            assert it.sent("zoom_recording_ready") == sorted([*it.attended(), OPERATOR])
        finally:
            it.worker.stop.set()
            await asyncio.wait_for(task, 20)


async def test_what_webhooks_missed_is_found_by_the_sweep_and_counted(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    async with service(sqlite_database, tmp_path, started=False, recorded=False) as it:
        it.afterwards()
        it.clock.move(it.live.after.now + timedelta(hours=3))
        task = asyncio.create_task(it.worker.run())
        await it.until(lambda: it.sent("zoom_webinar_attended") == it.attended())
        await it.until(lambda: it.sent("zoom_webinar_no_show") == it.absent())
        await it.until(lambda: (sqlite_database.read_now(notes.get, "recovered") or 0) > 0)
        # The webinar itself, and those who registered after the connection.
        assert sqlite_database.read_now(notes.get, "recovered") >= 1 + 2
        it.worker.stop.set()
        await asyncio.wait_for(task, 20)


async def test_old_sessions_are_quiet(service: Callable[..., Any], sqlite_database: Database, tmp_path: Path) -> None:
    """A service that is connected only after the webinar writes its people and announces nothing."""
    async with service(sqlite_database, tmp_path, started=False, connected=False, recorded=False) as it:
        it.afterwards()
        it.clock.move(it.live.after.now + timedelta(hours=3))
        task = asyncio.create_task(it.worker.run())
        await it.until(lambda: set(it.attended()) <= set(it.brevo.contacts))
        await it.until(lambda: sqlite_database.read_now(notes.get, "recovered") is not None)
        assert it.brevo.events == []
        it.worker.stop.set()
        await asyncio.wait_for(task, 20)


async def test_events_of_a_dead_holder_are_parked_and_never_sent_again(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    async with service(sqlite_database, tmp_path, started=False, recorded=False) as it:
        email = it.attended()[0]
        claim = effects.Effect(f"event:outcome:x:{email}", "event", "zoom_webinar_attended", email, "1", {})
        at = it.clock()
        await sqlite_database.write(lambda c: effects.begin(c, [claim], holder="gone", now=at))
        task = asyncio.create_task(it.worker.run())
        await it.until(lambda: sqlite_database.read_now(effects.counts, "event").get("ambiguous") == 1)
        it.worker.stop.set()
        await asyncio.wait_for(task, 20)


async def test_a_replayed_event_changes_nothing_twice(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    async with service(sqlite_database, tmp_path, recorded=False) as it:
        it.afterwards()
        await it.told(it.events)
        await it.until(lambda: it.sent("zoom_webinar_no_show") == it.absent() and it.quiet())
        before = it.state()
        handled = [row.id for row in it.inbox.database.read_now(inbox.listed)]
        it.inbox.database.write_now(inbox.again, handled, it.clock())
        await it.until(it.quiet)
        assert it.state() == before


async def test_two_workers_on_postgres_do_the_work_once(
    service: Callable[..., Any], postgres_database: Database, tmp_path: Path
) -> None:
    async with service(postgres_database, tmp_path, recorded=False) as it:
        second = Worker(replace(it.services), it.worker.engine, it.inbox.database, name="serve")
        it.afterwards()
        draining = asyncio.create_task(second.drain())
        await it.told(it.events)
        await it.until(lambda: it.sent("zoom_webinar_no_show") == it.absent())
        assert it.sent("zoom_webinar_attended") == it.attended()
        assert max(Counter((e.name, e.identifiers["email_id"]) for e in it.brevo.events).values()) == 1
        second.stop.set()
        await draining


async def test_what_never_works_is_a_dead_letter(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    """The last attempt, with a key that Brevo does not take: nothing is given up in silence."""
    async with service(sqlite_database, tmp_path, started=False) as it:
        it.brevo.faults.order(Fault.respond(401), times=None)
        about = ("webinar", str(it.live.truth.session_id), live.MOST_ATTEMPTS)
        await it.worker.engine.begin("registered:last", live.registered_workflow, *about)
        await it.until(lambda: any("in vain" in each.reason for each in sqlite_database.read_now(letters.open_letters)))
        await it.until(it.quiet)


async def test_a_schedule_ends_with_the_mode_that_wanted_it(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    for mode, names in (("hybrid", ["sweep"]), ("realtime", [])):
        async with service(sqlite_database, tmp_path, settings={"sync_mode": mode}) as it:
            schedules = it.worker.engine.client.list_schedules
            await it.until(lambda schedules=schedules, names=names: [s["schedule_name"] for s in schedules()] == names)


def test_our_own_waits_are_as_long_as_was_asked_for_and_failures_wait_longer_each_time() -> None:
    settling, failed = {"again_in_s": 300.0}, {"again_in_s": 60.0, "error": "TransientError"}
    assert {live.pause_after(settling, attempt) for attempt in (1, 5, 78)} == {timedelta(minutes=5)}
    minutes = [live.pause_after(failed, attempt) // timedelta(minutes=1) for attempt in (1, 2, 3, 7, 78)]
    assert minutes == [1, 2, 5, 60, 60]
    assert live.pause_after(failed | {"again_in_s": 7200.0}, 1) == timedelta(hours=2)


async def test_a_family_that_is_switched_off_is_neither_read_nor_written(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    off = {"sync": {"participants": True, "webinars": False, "recordings": False}}
    async with service(sqlite_database, tmp_path, settings=off) as it:
        await it.until(it.swept)
        it.zoom.calls.clear()
        it.afterwards()
        await it.told(it.events)
        await it.until(it.quiet)
        assert list(it.zoom.calls) == []
        assert it.brevo.contacts == {}
        assert it.brevo.events == []


async def test_a_registration_for_a_deleted_webinar_is_asked_for_once(
    service: Callable[..., Any], sqlite_database: Database, tmp_path: Path
) -> None:
    """Zoom does not know the webinar any more when the webhook is handled: there is nothing to come, and no trouble."""
    async with service(sqlite_database, tmp_path, settings={"sync_mode": "realtime"}) as it:
        await it.until(it.swept)
        registered = [each for each in it.events if each.name == "webinar.registration_created"]
        body = copy.deepcopy(registered[0].body)
        body["payload"]["object"]["id"] = 99_000_000_001
        it.zoom.calls.clear()
        await it.told([registered[0]._replace(body=body)])
        await it.until(lambda: it.zoom.calls.count(prefix="/webinars/99000000001") == 1 and it.quiet())
        assert sqlite_database.read_now(letters.open_letters) == []
