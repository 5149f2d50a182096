"""People register for a coming webinar: how long until each is in Brevo, and on the list of its registrants.

Two webinars: for one of them people register evenly, for the other all at the same moment.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.live_load import PATH, SECRET
from benchmarks.live_service import Service, running
from benchmarks.product import Installation
from benchmarks.report import Section, at_most, told
from benchmarks.vendors import Account, Pair, Vendors, brevo_calls, refused
from tajo.simulators.world import Stage, World
from tajo.simulators.zoom.webhooks import Event, WebhookSender, events_of

ASKED_S = 5.0
RATE = 5.0  # a second
STEADY, BURST = 300, 200
BEFORE = 50  # had registered for each webinar before the service started
LEAD = timedelta(seconds=25)  # until the first one registers: the service is there by then, and has swept
LIST = 17
LOOK_S = 0.02
LONGEST_S = 180.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many register evenly, and how many at once so long after the last of those."""

    steady: int = STEADY
    burst: int = BURST
    pause: timedelta = timedelta(seconds=30)


@dataclass(slots=True)
class Case:
    """Moments by e-mail, on the wall clock: the 204 of each webhook, the contact on its list, its event."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    listed: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)

    def waited(self, arrived: dict[str, float]) -> list[float]:
        """Seconds from the 204 of those who arrived, in order."""
        return sorted(arrived[email] - at for email, at in self.acknowledged.items() if email in arrived)


def measure(*, quick: bool = False) -> Section:
    size = Size(10, 30, timedelta(seconds=10)) if quick else Size()
    section = Section("live_registrations", f"{RATE:g} registrations a second, and {size.burst} at once, into Brevo")
    arguments = {"now": datetime.now(UTC).replace(microsecond=0), "size": size}
    with Vendors(Account(coming, arguments)) as vendors, tempfile.TemporaryDirectory() as name:
        installation = Installation(Path(name), vendors, webhook={"secret_token": SECRET})
        installation.connect()
        with running(installation.folder) as service:
            steady, burst = asyncio.run(_play(vendors, service, coming(**arguments)))
            service.stop()
        calls = vendors.ask(brevo_calls)
    for title, case in ((f"{RATE:g} a second", steady), (f"{size.burst} at once", burst)):
        section.figures += _figures(title, case)
    section.figures.append(at_most("Brevo calls that a limit refused", refused(calls), 0))
    section.figures.append(told("Brevo calls in all", len(calls)))
    section.notes += [
        "from the 204 of a person's webhook until the contact is in Brevo and on the list of registrants",
        f"all of a case register for one webinar; {BEFORE} had registered for it before",
        "Brevo's imports take 2 s here; its general tier allows 10 contacts and 10 events a second",
    ]
    return section


def _figures(title: str, case: Case) -> list[Any]:
    listed, heard = case.waited(case.listed), case.waited(case.told)
    lost = len(case.acknowledged) - len(listed)
    return [
        at_most(f"{title}: 95 % of people within", at(listed, 0.95), ASKED_S, " s", digits=1),
        told(f"{title}: half of them", at(listed, 0.5), " s", digits=1),
        told(f"{title}: the last one", at(listed, 1.0), " s", digits=1),
        at_most(f"{title}: acknowledged, and not on the list", lost, 0, more=f"of {len(case.acknowledged)}"),
        told(f"{title}: 95 % of their events within", at(heard, 0.95), " s", digits=1),
    ]


def at(ordered: Sequence[float], share: float) -> float:
    """The value that this share of them stays within; endless where there is none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def coming(*, now: datetime, size: Size) -> World:
    """Both webinars, in three hours, with those who will register after the service has started."""
    stage = Stage(11, now)
    begin = now + LEAD
    moments = [begin + timedelta(seconds=number / RATE) for number in range(size.steady)]
    together = [moments[-1] + size.pause] * size.burst
    for topic, register_at in (("Evenly", moments), ("At once", together)):
        plan = stage.webinar(topic, start=now + timedelta(hours=3), created_at=now - timedelta(days=30))
        for _ in range(BEFORE):
            plan.register(stage.names.person(), create_time=now - timedelta(days=2))
        for moment in register_at:
            plan.register(stage.names.person(), create_time=moment)
    return stage.world()


async def _play(vendors: Vendors, service: Service, world: World) -> tuple[Case, Case]:
    """Send each webhook at its time, and watch Brevo until everybody is there."""
    await asyncio.to_thread(_swept, service)
    cases, events = (Case(), Case()), _registering(world)
    sender = WebhookSender(world, url=f"http://127.0.0.1:{service.port}{PATH}", secret=SECRET)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch(vendors, cases, len(events)))
        for event in events:
            await asyncio.sleep(max(0.0, event.at.timestamp() - time.time()))
            tasks.create_task(_register(sender, event, cases[event.body["payload"]["object"]["topic"] == "At once"]))
    return cases


def _registering(world: World) -> list[Event]:
    """Who registers from now on, in order of time."""
    return [event for event in events_of(world) if "registration_created" in event.name and event.at > world.now]


async def _register(sender: WebhookSender, event: Event, case: Case) -> None:
    delivery = await sender.send(event)
    if delivery.status == 204:
        case.acknowledged[event.body["payload"]["object"]["registrant"]["email"].lower()] = time.time()


async def _watch(vendors: Vendors, cases: tuple[Case, Case], people: int) -> None:
    """Note when each of them is on the list, and when the event is there."""
    until = time.time() + LONGEST_S + people / RATE
    listed: dict[str, float] = {}
    heard: dict[str, float] = {}
    while time.time() < until and not _complete(cases, people):
        for moments, arrived in zip((listed, heard), await asyncio.to_thread(vendors.ask, _arrived), strict=True):
            now = time.time()
            for email in arrived:
                moments.setdefault(email, now)
        for case in cases:
            case.listed = {email: listed[email] for email in case.acknowledged if email in listed}
            case.told = {email: heard[email] for email in case.acknowledged if email in heard}
        await asyncio.sleep(LOOK_S)


def _complete(cases: tuple[Case, Case], people: int) -> bool:
    return all(sum(map(len, part)) == people for part in ([c.listed for c in cases], [c.told for c in cases]))


def _arrived(pair: Pair) -> tuple[list[str], list[str]]:
    """Whose contact is on the list, and who got an event."""
    contacts = list(pair.brevo.contacts.items())
    told = [each.identifiers["email_id"] for each in pair.brevo.events if each.name == "zoom_webinar_registered"]
    return [email for email, contact in contacts if LIST in contact.list_ids], told


def _swept(service: Service) -> None:
    """Until the sweep of the start is over."""
    until = time.monotonic() + LEAD.total_seconds()
    with closing(sqlite3.connect(service.folder / "tajo.db", timeout=30)) as connection:
        while time.monotonic() < until:
            states = [state for (state,) in connection.execute("SELECT status FROM workflow_status")]
            if states and not {"PENDING", "ENQUEUED", "DELAYED"} & set(states):
                return
            time.sleep(0.1)
    raise RuntimeError(f"the sweep of the start is not over: {states}")
