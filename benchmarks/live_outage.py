"""Brevo is away while thousands of events wait: how fast they go out afterwards, and what the limits say to it.

On a clock that only waiting moves: a vendor's minute takes no time. What is driven are the steps that the service's
workflows run, with their rule for when to try again. One outage is waited for: tests/faults/test_live_outage.py.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.product import REPOSITORY
from benchmarks.report import Section, Table, at_least, at_most
from benchmarks.vendors import API_KEY, ATTRIBUTES, LISTS
from tajo.brevo.api.client import BrevoClient
from tajo.config.load import from_mapping
from tajo.core.errors import TransientError
from tajo.core.facts import Kind, Occurrence, Registration, Role, Scheduled, Session, Status
from tajo.core.outcome import Outcome, Readiness
from tajo.core.roster import Person, Roster
from tajo.http import Http
from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.faults import Fault
from tajo.store import effects, rosters
from tajo.store.database import Database
from tajo.workflows import delivering, live, telling
from tajo.workflows.announcing import announce
from tajo.workflows.budgets import BrevoBudget, Gates
from tajo.workflows.progress import Counter as Progress
from tajo.workflows.services import Services

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
AWAY = timedelta(minutes=10)
REALLY_AWAY = timedelta(seconds=60)  # in real time
EVENTS_A_SECOND = 10.0  # Brevo's general tier: calls to /events, and to /events/batch where that counts as the same
ENOUGH = 0.9


class Clock:
    """Only waiting moves it. `alarms` are done when their time has come."""

    def __init__(self) -> None:
        self.now = NOW
        self.back = NOW  # when Brevo was there again
        self.alarms: list[tuple[datetime, Callable[[], None]]] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.move(self.now + timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def move(self, to: datetime) -> None:
        self.now = max(self.now, to)
        for alarm in [each for each in self.alarms if each[0] <= self.now]:
            self.alarms.remove(alarm)
            alarm[1]()


@dataclass(frozen=True, slots=True)
class Case:
    """`people` to tell that they are registered, `together` a workflow; when Brevo goes away and how calls count."""

    title: str
    people: int
    together: int
    batches: str  # the bucket of POST /events/batch
    away_after_calls: int | None  # calls about events; 0: before anything is written


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of a case, by Brevo's own record."""

    case: Case
    got: Counter[str]  # e-mail → events
    ambiguous: int
    refused: int  # 429s
    calls: list[datetime]  # of those about events that were taken
    back: datetime
    attempts: int
    took: timedelta

    @property
    def share(self) -> float:
        """Of the allowed rate, from the first to the last call after Brevo was back; 0 when there was none."""
        after = [at for at in self.calls if at >= self.back]
        span = (after[-1] - after[0]).total_seconds() if after else 0.0
        return (len(after) - 1) / span / EVENTS_A_SECOND if span else 0.0

    @property
    def missing(self) -> int:
        return self.case.people - len(self.got) - self.ambiguous


def measure(*, quick: bool = False) -> Section:
    many, singles = (400, 20) if quick else (20_000, 3_000)
    cases = [
        Case("away from the beginning", many, many, "events", 0),
        Case("away in the middle", many, many, "events", 40 if not quick else 1),
        Case("ten a session, one by one; away in the middle", singles, 10, "events", singles // 2),
        Case("100 calls an hour for batches", many, many, "other", 0),
    ]
    section = Section("live_outage", f"Brevo away for {AWAY // timedelta(minutes=1)} min, {many:,} events waiting")
    rows = []
    for case in cases:
        found = asyncio.run(_drain(case))
        if case.batches == "events":
            section.figures.append(at_least(f"{case.title}: share of the allowed rate", found.share, ENOUGH, digits=3))
        section.figures += [
            at_most(f"{case.title}: people without their event, and none in doubt", found.missing, 0),
            at_most(f"{case.title}: told twice", sum(count > 1 for count in found.got.values()), 0),
            at_most(f"{case.title}: 429s", found.refused, 1),
        ]
        rows.append(
            (case.title, f"{len(found.got):,}", found.ambiguous, len(found.calls), found.attempts, f"{found.took}")
        )
    if not quick:
        section.figures.append(
            at_most("in real time through the service, 3,000 people: checks that failed", _real(), 0)
        )
    section.tables.append(Table("Cases", ("", "told", "in doubt", "calls", "attempts", "in all"), rows))
    section.notes += [
        "in doubt: Brevo answered 503 to the call that had them, so they may have happened, and are not sent again",
        "in all: by the clock, from the first attempt to the last event, with contacts written and all waiting",
        f"{EVENTS_A_SECOND:g} calls a second are allowed; Tajo spaces them at 95 % of that",
    ]
    return section


def _real() -> int:
    """The test of the service with a full minute's outage."""
    size = {"TAJO_TEST_AWAY_S": str(REALLY_AWAY.total_seconds()), "TAJO_TEST_PEOPLE": "3000"}
    command = [sys.executable, "-m", "pytest", "tests/faults/test_live_outage.py", "-q"]
    return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **size}, check=False).returncode


async def _drain(case: Case) -> Drained:
    clock = Clock()
    switches = BrevoSwitches(events_batch=case.batches, processes="contacts")  # type: ignore[arg-type]
    brevo = BrevoSimulator(api_key=API_KEY, clock=clock, switches=switches)
    for number, name in LISTS.items():
        brevo.add_list(number, name)
    for name, kind in ATTRIBUTES.items():
        brevo.add_attribute(name, kind)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'tajo.db'}")
        database.migrate()
        groups = _groups(database, case)
        attempts = 0
        async with _services(brevo, database, clock) as services:
            if case.together < case.people:  # one after the other their contacts would wait for their events
                emails = {f"person{number}@bench.example" for number in range(case.people)}
                await delivering.deliver_people(services, emails)
            _plan_outage(brevo, clock, case)
            for group in groups:
                attempts += await _until_done(services, clock, group)
        counts = database.read_now(effects.counts, "event")
        database.close()
    taken = [each for each in brevo.calls if each.path.startswith("/events") and each.status < 300]
    return Drained(
        case,
        Counter(each.identifiers["email_id"] for each in brevo.events),
        counts.get("ambiguous", 0),
        brevo.calls.count(status=429),
        [each.at for each in taken],
        clock.back,
        attempts,
        clock() - NOW,
    )


def _plan_outage(brevo: BrevoSimulator, clock: Clock, case: Case) -> None:
    """503 to everything for ten minutes, from the start or from some call about events on."""

    def back() -> None:
        brevo.faults.clear()
        clock.back = clock()

    if case.away_after_calls == 0:
        brevo.faults.order(Fault.respond(503), "", times=None)
        clock.alarms.append((NOW + AWAY, back))
        return
    inner, seen = brevo.app, 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        seen += scope["path"].startswith("/v3/events")
        if seen == case.away_after_calls:
            seen += 1
            brevo.faults.order(Fault.respond(503), "", times=None)
            clock.alarms.append((clock() + AWAY, back))
        await inner(scope, receive, send)

    brevo.app = counting  # type: ignore[assignment]


async def _until_done(services: Services, clock: Clock, session: tuple[Kind, str]) -> int:
    """As the workflow does it: contacts, then events; when Brevo is away again later. How many attempts it took."""
    for attempt in range(1, 100):
        try:
            held = await services.database.read(rosters.held, [session])
            emails = await services.database.read(rosters.emails_on, [each.key for each in held])
            await delivering.deliver_people(services, emails)
            told = await telling.of_sessions(services, emails, held, await telling.quiet(services))
            await announce(services, told.announcements)
        except TransientError as error:
            pause = timedelta(minutes=live.RETRIES[min(attempt - 1, len(live.RETRIES) - 1)])
            clock.move(max(clock() + pause, error.retry_at or clock()))
        else:
            return attempt
    raise RuntimeError("never done")


def _groups(database: Database, case: Case) -> list[tuple[Kind, str]]:
    """Webinars that are still to come, with `together` registrants each."""
    groups = []
    for first in range(0, case.people, case.together):
        number = f"9{first:09d}"
        people = [_person(each) for each in range(first, min(first + case.together, case.people))]
        database.write_now(rosters.replace, Kind.WEBINAR, number, [_roster(number, people)])
        groups.append((Kind.WEBINAR, number))
    return groups


def _person(number: int) -> Person:
    email = f"person{number}@bench.example"
    registration = Registration(f"r{number}", email, Status.APPROVED, NOW - timedelta(hours=1), first_name="가나")
    return Person(email=email, name="가나", role=Role.ATTENDEE, outcome=Outcome.REGISTERED, registration=registration)


def _roster(number: str, people: Sequence[Person]) -> Roster:
    session = Session(Kind.WEBINAR, number, topic="봄 웨비나", host_email="host@bench.example", time_zone="Asia/Seoul")
    occurrence = Occurrence(session, Scheduled("", NOW + timedelta(days=2), timedelta(hours=1)), ())
    return Roster(occurrence, Readiness.COMING, tuple(people), (), timedelta())


@asynccontextmanager
async def _services(brevo: BrevoSimulator, database: Database, clock: Clock) -> AsyncIterator[Services]:
    """What `app.services` builds, as far as Brevo goes, with every wait on the clock."""
    progress = Progress()
    settings = {
        "connectors": {"zoom": {"lists": {"webinar_attendees": 16, "webinar_registrants": 17}}},
        "brevo": {"api_key": API_KEY, "api_url": "http://127.0.0.1/v3"},
        "database_url": database.url.render_as_string(),
    }
    config = from_mapping(settings, env={})
    gates = Gates(database, progress, clock, clock.sleep)
    absent: Any = None  # nothing here asks Zoom
    async with Http(config.brevo.api_url, app=partial(_pass, brevo)) as http:
        yield Services(
            config=config,
            database=database,
            zoom=absent,
            tokens=absent,
            brevo=BrevoClient(
                http,
                API_KEY,
                budget=BrevoBudget(gates, tier=config.brevo.tier, account="bench"),
                clock=clock,
                sleep=clock.sleep,
                observe=_ignored,
            ),
            progress=progress,
            clock=clock,
            sleep=clock.sleep,
        )


async def _pass(brevo: BrevoSimulator, scope: Any, receive: Any, send: Any) -> None:
    await brevo.app(scope, receive, send)


def _ignored(attempt: Any) -> None:
    del attempt
