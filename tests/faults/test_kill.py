"""`tajo sync` is killed again and again, at any moment: the same command goes on, and in the end all is as if it had
never been killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.serve import serve
from tajo.simulators.world import World, backfill
from tajo.simulators.zoom import ZoomSimulator

TAJO = (sys.executable, "-m", "tajo.cli.main")
SYNC = (*TAJO, "sync", "zoom", "--since", "30d", "--no-input")
LISTS = {15: "Meeting participants", 16: "Webinar attendees", 17: "Webinar registrants"}
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}
AT_ONCE = 3  # victims beside each other
LONGEST_S = 60.0  # for one run of the command

pytestmark = pytest.mark.timeout(240)

Hook = Callable[[str, int, str], float | None]


class Trap:
    """Around a vendor: kills whoever calls. `hook(line, number, moment)` gives the seconds until then, or None.

    `moment` is "before" (nothing happened yet), "done" (the work is done, the caller has no answer) or "answered".
    """

    def __init__(self, app: Any, hook: Hook, kill: Callable[[], None]) -> None:
        self.app, self.hook, self.kill = app, hook, kill
        self.calls = 0
        self.held = ""  # calls that begin so wait until `released`
        self.holds, self.released = threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        number, line = self.calls, f"{scope['method']} {scope['path']}"
        await self._strike(line, number, "before")
        await self._hold(line)
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        await self._strike(line, number, "done")
        for message in messages:
            with suppress(Exception):  # the caller may be dead by now
                await send(message)
        delay = self.hook(line, number, "answered")
        if delay is not None:
            asyncio.get_running_loop().call_later(delay, self.kill)

    async def _strike(self, line: str, number: int, moment: str) -> None:
        delay = self.hook(line, number, moment)
        if delay is not None:
            await asyncio.sleep(delay)
            self.kill()

    async def _hold(self, line: str) -> None:
        while self.held and line.startswith(self.held) and not self.released.is_set():
            self.holds.set()
            await asyncio.sleep(0.02)


@dataclass
class Site:
    """A folder with a configuration, and both vendors behind it."""

    folder: Path
    zoom: ZoomSimulator
    brevo: BrevoSimulator
    traps: dict[str, Trap]
    victim: subprocess.Popen[str] | None = None
    hook: Hook = field(default=lambda line, number, moment: None)

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            SYNC, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )
        self.victim = process
        return process

    def kill(self) -> None:
        if self.victim is not None:
            self.victim.kill()

    def sync(self) -> tuple[int, str, str]:
        """One run to its end: (exit code, stdout, stderr)."""
        process = self.start()
        try:
            out, err = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += "\nTOOK TOO LONG"
        return process.returncode, out, err

    def unfinished(self) -> int:
        """Runs in the database that are not done."""
        path = self.folder / "tajo.db"
        if not path.is_file():
            return 0
        connection = sqlite3.connect(path)
        try:
            found: int = connection.execute("SELECT count(*) FROM runs WHERE state <> 'done'").fetchone()[0]
            return found
        except sqlite3.OperationalError:  # killed before the first migration
            return 0
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """All that has to be the same, however often the run was killed."""
        connection = sqlite3.connect(self.folder / "tajo.db")
        try:
            return {
                "contacts": {
                    email: (dict(contact.attributes), sorted(contact.list_ids))
                    for email, contact in sorted(self.brevo.contacts.items())
                },
                **{name: sorted(map(repr, connection.execute(query))) for name, query in QUERIES.items()},
            }
        finally:
            connection.close()


QUERIES = {
    "ledger": "SELECT email, attributes, lists FROM ledger",
    "roster": "SELECT * FROM roster",
    "open imports": "SELECT count(*) FROM imports WHERE NOT settled",
    "import rows": "SELECT count(*) FROM import_rows",
    "working rows": "SELECT count(*) FROM stays WHERE instance LIKE '%#reading'",
    "unfinished runs": "SELECT count(*) FROM runs WHERE state <> 'done'",
    "dead letters": "SELECT subject, reason FROM dead_letters WHERE resolved_at IS NULL",
}


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZOOM_", "BREVO_", "TAJO_"))}
    return kept | {"PYTHONWARNINGS": "ignore"}


@contextmanager
def site(folder: Path, world: World, **switches: Any) -> Iterator[Site]:
    folder.mkdir(parents=True)
    zoom = ZoomSimulator(world, plan="business")
    brevo = BrevoSimulator(switches=BrevoSwitches(**{"import_queued_s": 0.3, "import_working_s": 0.3, **switches}))
    for number, name in LISTS.items():
        brevo.add_list(number, name)
    for name, kind in ATTRIBUTES.items():
        brevo.add_attribute(name, kind)
    made = Site(folder, zoom, brevo, {})
    made.traps["zoom"] = Trap(zoom.app, lambda *call: made.hook("zoom " + call[0], *call[1:]), made.kill)
    made.traps["brevo"] = Trap(brevo.app, lambda *call: made.hook("brevo " + call[0], *call[1:]), made.kill)
    with serve(made.traps["zoom"]) as zoom_url, serve(made.traps["brevo"]) as brevo_url:
        (folder / "tajo.yml").write_text(
            f"""
connectors:
  zoom:
    account_id: {zoom.account_id!r}
    client_id: {zoom.client_id!r}
    client_secret: {zoom.client_secret!r}
    plan: business
    lists: {{meeting_participants: 15, webinar_attendees: 16, webinar_registrants: 17}}
    api_url: {zoom_url}/v2
    oauth_url: {zoom_url}/oauth
brevo: {{api_key: xkeysib-test-key, api_url: {brevo_url}/v3}}
"""
        )
        try:
            yield made
        finally:
            if made.victim is not None and made.victim.poll() is None:
                made.victim.kill()
                made.victim.communicate()


# --- the moments ---

IMPORT = "brevo POST /v3/contacts/import"


class Moment:
    """One way to die: by time, at a call of either vendor, or around an import. Once."""

    def __init__(self, seed: int, duration_s: float, calls: int) -> None:
        rng = random.Random(seed)
        self.seed = seed
        self.fired = threading.Event()
        self.times = 2 if seed % 6 == 0 else 1
        self.after_s: float | None = None
        self.line, self.number, self.moment, self.delay = "", 0, "", 0.0
        match seed % 4:
            case 0:
                self.after_s = rng.uniform(0.3, duration_s)
                self.text = f"after {self.after_s:.2f} s"
            case 1 | 2:
                self.number = rng.randrange(1, calls + 1)
                self.moment = rng.choice(("before", "done", "answered"))
                self.delay = rng.choice((0.0, rng.uniform(0, 0.05)))
                self.text = f"at call {self.number}, {self.moment} + {self.delay * 1000:.0f} ms"
            case _:
                self.line = IMPORT
                self.number = rng.randrange(1, 4)
                self.moment = rng.choice(("done", "answered"))
                self.delay = rng.choice((0.0, rng.uniform(0, 0.02), rng.uniform(0, 5)))
                self.text = f"at import {self.number}, {self.moment} + {self.delay * 1000:.0f} ms"
        self._count = 0
        self._lock = threading.Lock()

    def hook(self, line: str, number: int, moment: str) -> float | None:
        """Counts calls of both vendors together, or imports only."""
        if self.after_s is not None or self.fired.is_set() or (self.line and line != self.line):
            return None
        with self._lock:
            self._count += moment == "before"
            if self._count < self.number or moment != self.moment or self.fired.is_set():
                return None
            self.fired.set()
        return self.delay


@dataclass
class Result:
    """What became of a victim."""

    text: str
    killed: int
    runs: list[tuple[int, str, str]]
    unfinished: list[int]
    state: dict[str, Any]
    complaints: list[str]


def ordeal(folder: Path, world: World, moment: Moment) -> Result:
    """Kill the command at the moment, then run it to its end."""
    with site(folder, world) as here:
        here.hook = moment.hook
        killed, unfinished = 0, []
        for _ in range(moment.times):
            moment.fired.clear()
            moment._count = 0
            process = here.start()
            timer = threading.Timer(moment.after_s, process.kill) if moment.after_s is not None else None
            if timer:
                timer.start()
            process.communicate(timeout=LONGEST_S)
            if timer:
                timer.cancel()
            killed += process.returncode == -signal.SIGKILL
        here.hook = lambda line, number, at: None
        runs = []
        for _ in range(3):
            unfinished.append(here.unfinished())
            runs.append(here.sync())
            if runs[-1][0] == 0:
                break
        return Result(moment.text, killed, runs, unfinished, here.state(), here.brevo.complaints())


SEEDS = tuple(range(100, 113))


def four_sessions() -> World:
    """Four sessions with 15 people each: enough for imports on several sets of lists."""
    return backfill(9, now=datetime.now(UTC) - timedelta(minutes=1), sessions=4, participants=15)


def undisturbed(folder: Path, world: World) -> tuple[dict[str, Any], float, int]:
    """What a run leaves that nobody disturbs, how long it took, how many calls it made."""
    with site(folder, world) as here:
        began = time.monotonic()
        code, _, err = here.sync()
        took = time.monotonic() - began
        assert code == 0, err
        assert here.state()["contacts"]
        return here.state(), took, here.traps["zoom"].calls + here.traps["brevo"].calls


@dataclass
class Ordeals:
    """The undisturbed run and all victims, several at once, in the background: most of a run is waiting."""

    calm: Future[tuple[dict[str, Any], float, int]]
    victims: dict[int, Future[Result]]


@pytest.fixture(scope="session")
def ordeals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeals]:
    """Set out at once; a test waits for its own."""
    folder, world = tmp_path_factory.mktemp("ordeals"), four_sessions()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calm = pool.submit(undisturbed, folder / "calm", world)

        def one(seed: int) -> Result:
            _, took, calls = calm.result(timeout=LONGEST_S)
            return ordeal(folder / str(seed), world, Moment(seed, took, calls))

        yield Ordeals(calm, {seed: pool.submit(one, seed) for seed in SEEDS})


def test_the_victims_set_out(ordeals: Ordeals) -> None:
    """First of all tests, so that the others run meanwhile; their ends are looked at last (see conftest)."""
    assert set(ordeals.victims) == set(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_sync_goes_on_to_the_same_end(seed: int, ordeals: Ordeals) -> None:
    result = ordeals.victims[seed].result(timeout=200)
    about = f"seed {seed}: killed {result.text}, {result.killed} time(s); then {[run[0] for run in result.runs]}"
    for (code, out, err), unfinished in zip(result.runs, result.unfinished, strict=True):
        assert "Traceback" not in out + err, f"{about}\n{err}"
        assert code == 0, f"{about}\n{out}\n{err}"
        assert ("goes on with" in err) == bool(unfinished), f"{about}\n{err}"
    for name, wanted in ordeals.calm.result()[0].items():
        assert result.state[name] == wanted, f"{about}: {name}"
    assert result.complaints == [], about


def test_most_victims_were_killed(ordeals: Ordeals) -> None:
    """At least twelve times in all, some between an import's acceptance and its row in the ledger."""
    done = [future.result(timeout=200) for future in ordeals.victims.values()]
    assert sum(result.killed for result in done) >= 12
    assert any("import" in result.text and result.killed for result in done)


# --- one at a time, and stopping by hand ---


def tiny() -> World:
    """Two sessions of four people: written singly, in no time."""
    return backfill(9, now=datetime.now(UTC) - timedelta(minutes=1), sessions=2, participants=4)


def test_a_second_sync_is_told_who_runs_and_does_nothing(tmp_path: Path) -> None:
    with site(tmp_path / "site", tiny()) as here:
        zoom, brevo = here.traps["zoom"], here.traps["brevo"]
        zoom.held = "GET /v2/report/history_meetings"
        first = here.start()
        assert zoom.holds.wait(30)
        before = zoom.calls, brevo.calls
        second = subprocess.run(
            SYNC, cwd=here.folder, capture_output=True, text=True, timeout=30, check=False, env=environment()
        )
        assert first.poll() is None
        assert (zoom.calls, brevo.calls) == before
        assert second.returncode == 1, second.stderr
        assert second.stdout == ""
        assert len(second.stderr.strip().splitlines()) == 1, second.stderr
        assert f"process {first.pid}" in second.stderr
        zoom.released.set()
        out, err = first.communicate(timeout=LONGEST_S)
        assert first.returncode == 0, out + err


@pytest.mark.parametrize("held", ["GET /v2/report/history_meetings", "GET /v2/report/meetings/"])
def test_interrupting_ends_with_130_and_the_same_command_goes_on(held: str, tmp_path: Path) -> None:
    with site(tmp_path / "site", tiny()) as here:
        zoom = here.traps["zoom"]
        zoom.held = held
        process = here.start()
        assert zoom.holds.wait(30)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=15)
        finally:
            zoom.released.set()
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert out == ""
        assert "the same command goes on" in err
        zoom.held = ""
        code, out, err = here.sync()
        assert code == 0, err
        assert "goes on with" in err
        assert set(here.brevo.contacts) == {
            person.email for date in here.zoom.world.truth for person in date.people if not person.staff
        }
        assert here.state()["unfinished runs"] == ["(0,)"]


# --- no room ---


@pytest.mark.parametrize("kilobytes", [100, 300, 560])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(kilobytes: int, tmp_path: Path) -> None:
    """No file may grow beyond that: while the database is made, while the engine's tables are, in the middle of it."""

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, resource.RLIM_INFINITY))

    with site(tmp_path / "site", four_sessions()) as here:
        ran = subprocess.run(
            SYNC,
            cwd=here.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
            env=environment(),
            preexec_fn=little_room,
        )
        assert "Traceback" not in ran.stderr, ran.stderr.splitlines()[-1]
        assert ran.returncode == 5, ran.stderr
        (line,) = [line for line in ran.stderr.splitlines() if not line.startswith("goes on")]
        assert "database" in line
        assert " — " in line
        code, _, err = here.sync()
        assert code == 0, err
        assert set(here.brevo.contacts) == {
            person.email for date in here.zoom.world.truth for person in date.people if not person.staff
        }
