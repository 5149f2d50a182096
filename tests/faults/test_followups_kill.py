"""`tajo follow-ups send` is killed again and again, most often around a call to Brevo: the same command goes on, and in
the end everybody got the mail, once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.core.attendance import Segment
from tajo.core.facts import Instance, Kind, Occurrence, Registration, Role, Scheduled, Session, Status
from tajo.core.outcome import Outcome, Readiness
from tajo.core.plan import Delivered
from tajo.core.roster import Person, Roster
from tajo.simulators.brevo import BrevoSimulator
from tajo.simulators.serve import serve
from tajo.simulators.world import Stage
from tajo.simulators.zoom import ZoomSimulator
from tajo.store import ledger, mails, rosters
from tajo.store.database import Database

TAJO = (sys.executable, "-m", "tajo.cli.main")
LONGEST_S = 60.0  # for one run of the command
HOUR = timedelta(hours=1)
RULE = {
    "name": "thanks",
    "when": "webinar.attended",
    "send": {"template": 12, "params": {name: "org" for name in ("one", "two", "three", "four")}},
}
PEOPLE = 240  # with 4.8 KB of parameters each: two calls
SESSIONS = tuple(str(number) for number in range(91, 100))
KILLS = 10  # a site
MAIL = "POST /v3/smtp/email"

pytestmark = pytest.mark.timeout(240)


class Moment:
    """One way to die: some time after the first call to Brevo, or around a call that sends mails. `text` tells which.

    lost: the call never reaches Brevo. late: it takes effect while the next process works. done: it took effect, and
    nobody has the answer. answered: the answer is there, what follows may not be.
    """

    def __init__(self, rng: random.Random) -> None:
        self.how = rng.choice(("time", "lost", "late", "done", "answered"))
        self.number = rng.choice((1, 1, 2))
        self.delay_s = rng.uniform(0, 1.5) if self.how == "time" else rng.choice((0.0, rng.uniform(0, 0.05)))
        self.late_s = rng.uniform(0.3, 2.5)
        where = "" if self.how == "time" else f" call {self.number}"
        self.text = f"{self.how}{where} + {self.delay_s * 1000:.0f} ms"


class Trap:
    """Around Brevo: kills whoever makes the call that the moment says."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.moment: Moment | None = None
        self.kill: Callable[[], None] = lambda: None
        self._calls = self._sent = 0  # of this life

    def arm(self, moment: Moment | None, kill: Callable[[], None]) -> None:
        self.moment, self.kill = moment, kill
        self._calls = self._sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._calls += 1
        if self._calls == 1 and self.moment is not None and self.moment.how == "time":
            asyncio.get_running_loop().call_later(self.moment.delay_s, self.kill)
        if f"{scope['method']} {scope['path']}" == MAIL:
            await self._mail(scope, await _read(receive), send)
        else:
            await self.app(scope, receive, send)

    async def _mail(self, scope: Any, body: bytes, send: Any) -> None:
        self._sent += 1
        moment, kill = self.moment, self.kill
        if moment is not None and self._sent != moment.number:
            moment = None
        how = moment.how if moment is not None else ""
        if moment is not None and how in ("lost", "late"):
            await asyncio.sleep(moment.delay_s)
            kill()
            if how == "lost":
                return
            await asyncio.sleep(moment.late_s)
        answer: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Any) -> None:
            answer.append(message)

        await self.app(scope, receive, keep)
        if moment is not None and how == "done":
            await asyncio.sleep(moment.delay_s)
            kill()
        for message in answer:
            with suppress(Exception):  # the caller may be dead by now
                await send(message)
        if moment is not None and how == "answered":
            asyncio.get_running_loop().call_later(moment.delay_s, kill)


async def _read(receive: Any) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


@dataclass
class Site:
    """A folder with a configuration and a database, both vendors behind it, and what happened there so far."""

    folder: Path
    brevo: BrevoSimulator
    trap: Trap
    story: list[str] = field(default_factory=list)

    def send(self, session: str, moment: Moment | None = None) -> int:
        """`tajo follow-ups send`, killed at the moment if it comes so far; the exit code."""
        process = subprocess.Popen(
            (*TAJO, "follow-ups", "send", "thanks", session, "--yes", "--json"),
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.trap.arm(moment, process.kill)
        try:
            out, err = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += "\nTOOK TOO LONG"
        what = moment.text if moment is not None else "undisturbed"
        self.story.append(
            f"{session} {what}: {process.returncode} {out.strip()}{err if process.returncode > 0 else ''}"
        )
        assert "Traceback" not in err, self.told()
        assert process.returncode in (0, -signal.SIGKILL), self.told()
        return process.returncode

    def told(self) -> str:
        return "\n".join(self.story)

    def states(self, session: str) -> Counter[str]:
        database = Database(f"sqlite:///{self.folder / 'tajo.db'}")
        try:
            found: Counter[str] = Counter()
            for line in database.read_now(mails.overview, "thanks"):
                if line["subject"].startswith(f"webinar:{session}"):
                    found.update(line["mails"])
            return found
        finally:
            database.close()

    def times_mailed(self, session: str) -> Counter[int]:
        """How many people got how many mails about it: {1: 240} when all is well."""
        mailed = Counter(to for mail in list(self.brevo.sent_mails) for to in mail.to)
        return Counter(mailed[email] for email in people_of(session))

    def calls(self) -> int:
        return sum(call.method == "POST" and call.path == "/smtp/email" for call in self.brevo.calls)


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZOOM_", "BREVO_", "TAJO_"))}
    return kept | {"PYTHONWARNINGS": "ignore"}


def people_of(session: str) -> list[str]:
    return [f"p{number:03}-{session}@mail.example" for number in range(PEOPLE)]


def attendee(email: str, start: datetime) -> Person:
    """Somebody who stayed for 40 minutes, of an organisation with a name of 1.2 KB."""
    registration = Registration(f"r-{email}", email, Status.APPROVED, start - HOUR, first_name="Min", org="o" * 1200)
    stay = Segment(start, start + timedelta(minutes=40))
    return Person(
        email=email,
        name="Min",
        role=Role.ATTENDEE,
        outcome=Outcome.ATTENDED,
        registration=registration,
        segments=(stay,),
        present=timedelta(minutes=40),
        joins=1,
        excluded="",
    )


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Webinars that ended hours ago, with 240 attendees each who are in Brevo and have had no mail."""
    folder.mkdir(parents=True)
    now = datetime.now(UTC)
    zoom, brevo = ZoomSimulator(Stage(1, now).world()), BrevoSimulator(latency_s=0.01)
    brevo.add_list(16, "Webinar attendees")
    brevo.add_template(12)
    url, start = f"sqlite:///{folder / 'tajo.db'}", now - 5 * HOUR
    database = Database(url)
    try:
        database.migrate()
        for number in SESSIONS:
            emails = people_of(number)
            session = Session(Kind.WEBINAR, number, topic="봄 웨비나", host_email="host@mail.example", time_zone="UTC")
            held = Occurrence(session, Scheduled("", start, HOUR), (Instance(f"u{number}", start, start + HOUR),))
            roster = Roster(held, Readiness.FINAL, tuple(attendee(each, start) for each in emails), (), HOUR)
            database.write_now(rosters.replace, Kind.WEBINAR, number, [roster])
            for email in emails:
                brevo.add_contact(email, list_ids=[16])
            written = [Delivered(email, {}, frozenset({16})) for email in emails]
            database.write_now(lambda connection, rows: ledger.save(connection, rows, how="test", now=now), written)
    finally:
        database.close()
    trap = Trap(brevo.app)
    with serve(zoom.app) as zoom_url, serve(trap) as brevo_url:
        connector = {
            "account_id": zoom.account_id,
            "client_id": zoom.client_id,
            "client_secret": zoom.client_secret,
            "lists": {"webinar_attendees": 16},
            "api_url": f"{zoom_url}/v2",
            "oauth_url": f"{zoom_url}/oauth",
        }
        settings = {
            "connectors": {"zoom": connector},
            "brevo": {"api_key": "xkeysib-test-key", "api_url": f"{brevo_url}/v3"},
            "database_url": url,
            "follow_ups": [RULE],
        }
        (folder / "tajo.yml").write_text(json.dumps(settings))
        yield Site(folder, brevo, trap)


def ordeal(folder: Path, seed: int) -> tuple[int, str]:
    """Kill the command ten times, each time going on with the session that is not done; (kills, what happened)."""
    rng, killed = random.Random(seed), 0
    with site(folder) as here:
        here.story.append(f"seed {seed}")
        for session in SESSIONS:
            while killed < KILLS and here.send(session, Moment(rng)) == -signal.SIGKILL:
                killed += 1
            assert here.send(session) == 0, here.told()
            assert here.states(session) == {"sent": PEOPLE}, here.told()
            if killed >= KILLS:
                break
        used = SESSIONS[: SESSIONS.index(session) + 1]
        assert {each: here.times_mailed(each) for each in used} == {each: {1: PEOPLE} for each in used}, here.told()
        calls = here.calls()
        assert here.send(session) == 0
        assert here.calls() == calls, here.told()
        assert here.brevo.calls.count(status=429) == 0
        assert here.brevo.complaints() == [], here.told()
    return killed, here.told()


def test_a_killed_send_goes_on_and_mails_nobody_twice_and_everybody_once(tmp_path: Path) -> None:
    """Two sites beside each other, ten kills each. All is over within the life of a call's key: nobody is uncertain."""
    seeds = (1, 2)
    with ThreadPoolExecutor(len(seeds)) as pool:
        done = [pool.submit(ordeal, tmp_path / str(seed), seed) for seed in seeds]
        for each in done:
            killed, told = each.result(timeout=200)
            assert killed == KILLS, told
