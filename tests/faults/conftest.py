"""A small account on a clock that only waiting moves: `ground.sync()` is one `tajo sync`, with everything it says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from tajo.cli.display import sentences
from tajo.simulators.faults import Fault
from tajo.simulators.world import SessionPlan, Stage
from tajo.store import ledger, rosters
from tajo.store.database import Database
from tajo.workflows.request import carry_out, read_request
from tajo.workflows.sync import exit_code

BOUND_S = 60  # of real time for one sync: whatever a vendor does, it ends

Book = dict[str, tuple[dict[str, Any], frozenset[int]]]


@dataclass
class Told:
    """What one sync said: its summary and exit code, the lines shown, and how long it took by the clock."""

    summary: dict[str, Any]
    said: list[str]
    took: timedelta

    @property
    def exit(self) -> int:
        return exit_code(self.summary)

    @property
    def problem(self) -> dict[str, Any]:
        """What stopped it."""
        found: dict[str, Any] = self.summary["problem"]
        return found

    @property
    def text(self) -> str:
        """Everything that the user reads."""
        if "problem" in self.summary:
            return "\n".join([*self.said, self.problem["message"], self.problem["hint"]])
        return "\n".join([*self.said, *sentences(self.summary)])


@dataclass
class Ground:
    """Both vendors, a database and a configuration."""

    simulators: Any
    database: Database
    settings: Any
    plans: dict[str, SessionPlan] = field(default_factory=dict)

    @property
    def zoom(self) -> Any:
        return self.simulators.zoom

    @property
    def brevo(self) -> Any:
        return self.simulators.brevo

    @property
    def clock(self) -> Any:
        return self.simulators.clock

    async def sync(self, **window: Any) -> Told:
        """One sync, bounded in real time."""
        began: datetime = self.clock()
        said: list[str] = []
        request = read_request(**{"since": "30d", "until": None, **window}, now=began)
        with anyio.fail_after(BOUND_S):
            async with self.simulators.services(self.database, self.settings) as services:
                summary = await carry_out(services, request, told=said.append)
        return Told(summary, said, self.clock() - began)

    def id(self, topic: str) -> int:
        return self.plans[topic].session.id

    def uuids(self, topic: str) -> list[str]:
        return [instance.uuid for instance in self.zoom.world.sessions[self.id(topic)].instances]

    def people(self, topic: str) -> set[str]:
        """Who is to be in Brevo because of this session: seen or registered, no staff."""
        return {
            person.email
            for occurrence in self.zoom.world.truth_of(self.id(topic))
            for person in occurrence.people
            if person.email and not person.staff
        }

    @property
    def everybody(self) -> set[str]:
        return {email for topic in self.plans for email in self.people(topic)}

    def book(self) -> Book:
        """What stands in Brevo."""
        return {
            email: (dict(contact.attributes), frozenset(contact.list_ids))
            for email, contact in self.brevo.contacts.items()
        }

    def order(self, fault: Fault, match: Any = "", times: int | None = 1, after: int = 0) -> Any:
        """A fault at Zoom."""
        return self.zoom.faults.order(fault, match, times, after)

    def kept(self) -> tuple[Any, Any]:
        """Ledger and roster, without the times at which they were written."""

        def read(connection: Any) -> tuple[Any, Any]:
            emails = sorted(self.everybody)
            found = rosters.entries_of(connection, emails)
            entries = {email: sorted(mine, key=lambda entry: entry.occurrence) for email, mine in found.items()}
            return ledger.load(connection, emails), entries

        return self.database.read_now(read)

    def turn(self, vendor: str, **changes: Any) -> None:
        """Turn switches of a vendor."""
        simulator = getattr(self.simulators, vendor)
        simulator.switches = replace(simulator.switches, **changes)

    def when(self, vendor: str, match: Callable[[str, int], bool], do: Callable[[], None]) -> None:
        """Do something right before the first call for which `match(line, number)` says yes reaches the vendor."""
        simulator = getattr(self.simulators, vendor)
        simulator.app = Before(simulator.app, match, do)


class Before:
    """Around a vendor: does something before a call arrives, once."""

    def __init__(self, app: Any, match: Callable[[str, int], bool], do: Callable[[], None]) -> None:
        self.app, self.match, self.do = app, match, do
        self.calls, self.done = 0, False

    async def __call__(self, scope: Any, receive: Any, send: Callable[..., Awaitable[None]]) -> None:
        line = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"
        self.calls += 1
        if not self.done and self.match(line, self.calls):
            self.done = True
            self.do()
        await self.app(scope, receive, send)


def small(stage: Stage) -> dict[str, SessionPlan]:
    """A webinar with five registrants of whom four came, two meetings of three and two people, a coming webinar."""
    now = stage.now
    people = [stage.names.person(email=f"p{number}@mail.example", phone="") for number in range(8)]
    webinar = stage.webinar("Webinar", start=now - timedelta(days=5))
    for person in people[:5]:
        webinar.register(person)
    held = webinar.hold()
    for person in people[:4]:
        held.come(person, 2, 50)
    plans = {"Webinar": webinar}
    for topic, days, who in (("Weekly", 3, people[3:6]), ("Onboarding", 2, people[6:])):
        plans[topic] = stage.meeting(topic, start=now - timedelta(days=days))
        held = plans[topic].hold()
        for person in who:
            held.come(person, 1, 40)
    plans["Coming"] = stage.webinar("Coming", start=now + timedelta(days=4))
    plans["Coming"].register(people[0])
    return plans


def crowd(stage: Stage, topic: str = "Crowd", count: int = 620) -> dict[str, SessionPlan]:
    """One meeting with more rows than fit on two of Zoom's pages."""
    plan = stage.meeting(topic, start=stage.now - timedelta(days=4))
    held = plan.hold()
    for number in range(count):
        held.come(stage.names.person(email=f"c{number}@mail.example", phone=""), number % 7, 20 + number % 31)
    return {topic: plan}


def ended_now(stage: Stage) -> dict[str, SessionPlan]:
    """A meeting that has ended ten minutes ago."""
    plan = stage.meeting("Just now", start=stage.now - timedelta(minutes=70))
    held = plan.hold()
    held.come(stage.names.person(email="late@mail.example", phone=""), 0, 30)
    return {"Just now": plan}


def many(stage: Stage) -> dict[str, SessionPlan]:
    """A webinar and a meeting with so many people that they are written by import, with phone numbers."""
    people = [
        stage.names.person(email=f"m{number}@mail.example", phone=f"+82 10-5550-{1000 + number}")
        for number in range(36)
    ]
    webinar = stage.webinar("Big webinar", start=stage.now - timedelta(days=6))
    for person in people[:30]:
        webinar.register(person)
    held = webinar.hold()
    for person in people[:22]:
        held.come(person, 1, 55)
    meeting = stage.meeting("Big meeting", start=stage.now - timedelta(days=2))
    held = meeting.hold()
    for person in people[18:]:
        held.come(person, 3, 33)
    return {"Big webinar": webinar, "Big meeting": meeting}


BUILDERS = {"small": small, "crowd": crowd, "ended_now": ended_now, "many": many}


@pytest.fixture
def ground(simulators: Callable[..., Any], clock: Any, sqlite_database: Database) -> Callable[..., Ground]:
    """Makes the ground with these groups of sessions (see BUILDERS); `zoom` and `brevo` are switches."""

    def make(*builders: str, config: dict[str, Any] | None = None, **switches: Any) -> Ground:
        return _ground(simulators, clock, sqlite_database, builders, config, switches)

    return make


_UNDISTURBED: dict[str, tuple[Book, Any]] = {}


@pytest.fixture
def undisturbed(simulators: Callable[..., Any], tmp_path: Path, clock: Any, migrated: Any) -> Any:
    """What a run on identical vendors leaves when nothing goes wrong: (Brevo's book, ledger and roster)."""

    async def run(*builders: str, config: dict[str, Any] | None = None, **switches: Any) -> tuple[Book, Any]:
        key = repr((builders, config, switches))
        if key not in _UNDISTURBED:
            path = tmp_path / "undisturbed.db"
            shutil.copyfile(migrated(), path)
            database = Database(f"sqlite:///{path}")
            try:
                here = _ground(simulators, type(clock)(), database, builders, config, switches)
                told = await here.sync()
                assert told.exit == 0, told.text
                _UNDISTURBED[key] = here.book(), here.kept()
            finally:
                database.close()
        return _UNDISTURBED[key]

    return run


def _ground(
    simulators: Callable[..., Any],
    clock: Any,
    database: Database,
    builders: Sequence[str],
    config: dict[str, Any] | None,
    switches: dict[str, Any],
) -> Ground:
    stage = Stage(5, clock.now)
    plans: dict[str, SessionPlan] = {}
    for name in builders or ("small",):
        plans |= BUILDERS[name](stage)
    made = simulators(stage.world(), at=clock, **switches)
    return Ground(made, database, made.config(**(config or {})), plans)


# --- the service as a process ---

SECRET = "test-secret-token"
STARTS_WITHIN_S = 60.0

# The command line on a clock that is so many seconds ahead; engine, database and signatures all see that time.
AHEAD = """
import sys, time, time_machine
time_machine.travel(time.time() + float(sys.argv.pop(1)), tick=True).start()
from tajo.cli.main import main
main()
"""


def launched(folder: Path, log_name: str, *command: str) -> subprocess.Popen[bytes]:
    """Python with this command, in the folder, without settings from the environment; what it says is appended."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZOOM_", "BREVO_", "TAJO_"))}
    with (folder / log_name).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=kept | {"PYTHONWARNINGS": "ignore"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


@dataclass
class LiveWorker:
    """`tajo worker --name NAME` in a service's folder, with a log of its own."""

    folder: Path
    name: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = launched(self.folder, f"{self.name}.log", "-m", "tajo.cli.main", "worker", "--name", self.name)

    def works(self) -> bool:
        """Whether it said so; it has to be running still."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        return f'"event":"service.started","role":"{self.name}"' in self.log()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert self.process.wait(30) == -signal.SIGKILL, self.log()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text()


@dataclass
class LiveService:
    """A folder, and at most one process of `tajo serve` at a time that serves it."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/zoom"

    def configure(self, *, zoom: dict[str, Any], brevo: dict[str, Any], **more: Any) -> None:
        connector = {"webhook": {"secret_token": SECRET}, "schedule": "0 0 1 1 *", **zoom}
        settings = {"connectors": {"zoom": connector}, "brevo": brevo, **more}
        settings.setdefault("database_url", f"sqlite:///{self.folder / 'tajo.db'}")
        (self.folder / "tajo.yml").write_text(json.dumps(settings))

    def start(self, ahead_s: float = 0.0, *options: str) -> None:
        """Start it, and wait until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = ("-m", "tajo.cli.main") if not ahead_s else ("-c", AHEAD, str(ahead_s))
        self.process = launched(self.folder, "log", *command, "serve", "--port", str(self.port), *options)
        until = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, f"does not answer: {self.log()}"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert self.process.wait(30) == -signal.SIGKILL, self.log()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def end(self) -> None:
        """Whatever became of the test."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return (self.folder / "log").read_text()[-4000:]

    def inbox(self, query: str) -> list[tuple[Any, ...]]:
        return self._ask("tajo-inbox.db", query)

    def main(self, query: str) -> list[tuple[Any, ...]]:
        return self._ask("tajo.db", query)

    def _ask(self, name: str, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.folder / name, timeout=30)
        try:
            return list(connection.execute(query))
        finally:
            connection.close()

    def busy(self) -> int:
        """Deliveries that wait, and workflows that do or are not done."""
        (waiting,) = self.inbox("SELECT count(*) FROM inbox WHERE state = 'waiting'")[0]
        (open_,) = self.main("SELECT count(*) FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED', 'DELAYED')")[
            0
        ]
        return int(waiting) + int(open_)


@pytest.fixture
def live_service() -> Iterator[Callable[[Path], LiveService]]:
    """Makes services on folders; whatever becomes of the test, their processes end."""
    made: list[LiveService] = []

    def make(folder: Path) -> LiveService:
        made.append(LiveService(folder))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def live_worker() -> Iterator[Callable[[Path, str], LiveWorker]]:
    """Makes workers by folder and name; whatever becomes of the test, their processes end."""
    made: list[LiveWorker] = []

    def make(folder: Path, name: str) -> LiveWorker:
        made.append(LiveWorker(folder, name))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Killed runs go on beside all other tests: they set out first, and are looked at last."""
    last = ("test_a_killed_sync_goes_on", "test_most_victims_were_killed")
    items.sort(key=lambda item: (item.name != "test_the_victims_set_out", item.name.startswith(last)))
