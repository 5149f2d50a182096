"""What the tests of the workflows share: runs, worlds, and a database that dies when it is told to."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.core.attendance import Segment
from tajo.core.facts import Instance, Kind, Occurrence, Registration, Role, Scheduled, Session, Status
from tajo.core.outcome import Outcome, Readiness
from tajo.core.roster import Person, Roster
from tajo.simulators.world import Stage, World
from tajo.store import rosters, runs
from tajo.store.database import Database
from tajo.workflows import delivering
from tajo.workflows.engine import Inline
from tajo.workflows.services import Services
from tajo.workflows.sync import synchronise

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class KilledError(BaseException):
    """The process is gone."""


class Dying(Database):
    """A database whose process is killed before one of its writes, and is well until then."""

    def __init__(self, url: str, before: int) -> None:
        super().__init__(url)
        self.left = before
        self.died = False

    async def write(self, work: Callable[..., Any], *args: Any) -> Any:
        if self.left == 0:
            self.died = True
            raise KilledError
        self.left -= 1
        return await super().write(work, *args)


@pytest.fixture
def dying() -> Callable[[str, int], Dying]:
    return Dying


class Bench:
    """Both vendors, a database, and runs on them; without the engine, whose steps are simply done."""

    def __init__(self, sims: Any, services: Services) -> None:
        self.sims, self.services, self.clock = sims, services, sims.clock
        self.zoom, self.brevo, self.database = sims.zoom, sims.brevo, services.database
        self._numbers = itertools.count(1)

    async def start(self, *, days: int = 32, **request: str) -> str:
        """A run of the last days, or of one session; its number."""
        now, number = self.clock(), f"run{next(self._numbers)}"
        asked = {"since": (now - timedelta(days=days)).date().isoformat(), "until": now.date().isoformat(), **request}
        await self.database.write(runs.start, number, asked, now)
        return number

    async def carry_out(self, number: str) -> Any:
        self.services.schema = None
        return await synchronise(self.services, Inline(), number, deliver=delivering.deliver_run)

    async def sync(self, *, days: int = 32, **request: str) -> Any:
        """A whole run; its summary."""
        return await self.carry_out(await self.start(days=days, **request))

    async def as_if_killed_before(self, write: int, work: Callable[[], Awaitable[Any]]) -> bool:
        """Do the work on a database that dies before its write of this number (from 0); whether it came so far."""
        own = self.services.database
        self.services.database = mortal = Dying(own.url.render_as_string(hide_password=False), write)
        try:
            await work()
        except KilledError:
            pass
        finally:
            self.services.database = own
            mortal.close()
        return mortal.died

    async def deliver(self, *emails: str) -> Any:
        """What a run of these people writes; its report."""
        number = await self.start()
        self.database.write_now(runs.add_people, number, emails)
        self.services.schema = None
        return await delivering.deliver_run(self.services, number)

    def contact_writes(self) -> int:
        """Calls that wrote contacts since the calls were last cleared; lists and attributes do not count."""
        written = [call for call in self.brevo.calls if call.method in ("POST", "PUT") and call.status < 400]
        return sum(
            call.path.startswith("/contacts")
            and not call.path.startswith(("/contacts/attributes", "/contacts/folders"))
            for call in written
        )


@pytest.fixture
def bench(simulators: Callable[..., Any], sqlite_database: Database) -> Callable[..., Any]:
    """Opens both vendors around a world, on a migrated database; `settings` go to the configuration."""

    @asynccontextmanager
    async def open_it(
        world: World | None = None,
        *,
        settings: dict[str, Any] | None = None,
        database: Database | None = None,
        **options: Any,
    ) -> AsyncIterator[Bench]:
        sims = simulators(world or Stage(1, NOW).world(), **options)
        async with sims.services(database or sqlite_database, sims.config(**(settings or {}))) as services:
            yield Bench(sims, services)

    return open_it


@pytest.fixture
def stage() -> Stage:
    """An empty stage at the time of the clock, to build a small world on."""
    return Stage(11, NOW)


# --- rosters, put where a reading would have put them ---

HOUR = timedelta(hours=1)


def who(
    email: str, outcome: Outcome = Outcome.ATTENDED, *, minutes: int = 40, excluded: str = "", **given: Any
) -> Person:
    """Somebody on a roster; `given` is what they said at registration."""
    status = {Outcome.DENIED: Status.DENIED, Outcome.CANCELLED: Status.CANCELLED, Outcome.PENDING: Status.PENDING}
    details = {"first_name": email.partition("@")[0], "last_name": "Kim", **given}
    registration = Registration(f"r-{email}", email, status.get(outcome, Status.APPROVED), NOW - 9 * HOUR, **details)
    came = outcome is Outcome.ATTENDED
    start = NOW - 5 * HOUR
    return Person(
        email=email,
        name=details["first_name"],
        role=Role.ATTENDEE,
        outcome=outcome,
        registration=registration,
        segments=(Segment(start, start + timedelta(minutes=minutes)),) if came else (),
        present=timedelta(minutes=minutes) if came else timedelta(),
        joins=int(came),
        excluded=excluded,
    )


def put_roster(
    database: Database,
    *people: Person,
    number: str = "9",
    kind: Kind = Kind.WEBINAR,
    ready: Readiness = Readiness.FINAL,
) -> None:
    """One webinar that ended four hours ago, with these people, in the place of what its roster was."""
    start = NOW - 5 * HOUR
    session = Session(kind, number, topic="봄 웨비나", host_email="host@example.com", time_zone="Asia/Seoul")
    occurrence = Occurrence(session, Scheduled("", start, HOUR), (Instance(f"u{number}", start, start + HOUR),))
    built = Roster(occurrence, ready, people, (), HOUR)
    database.write_now(rosters.replace, kind, number, [built])


@pytest.fixture
def person() -> Callable[..., Person]:
    return who


@pytest.fixture
def roster() -> Callable[..., None]:
    return put_roster
