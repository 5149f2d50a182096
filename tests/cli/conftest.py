"""A folder as a user has it, with a tajo.yml whose Zoom and Brevo are served on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.serve import serve
from tajo.simulators.world import SessionPlan, Stage, World
from tajo.simulators.zoom import ZoomSimulator, ZoomSwitches

KEY = "xkeysib-test-key"
LISTS = {15: "Meeting people", 16: "Webinar people", 17: "Webinar registrants"}
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}
TAJO = (sys.executable, "-m", "tajo.cli.main")


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout is JSON and nothing else, in one line or one a line."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that an error is."""
        lines = [line for line in self.err.splitlines() if line.strip() and not line.startswith("warning: ")]
        assert len(lines) == 1, f"{len(lines)} lines, the last: {lines[-1:]}"
        assert lines[0].startswith("tajo: "), self.err
        return lines[0]


@dataclass
class Desk:
    """Runs commands in `folder`: `tajo` in this process, `process` in one of its own."""

    folder: Path
    zoom: ZoomSimulator
    brevo: BrevoSimulator
    urls: dict[str, str]
    settings: dict[str, Any]
    plans: dict[str, SessionPlan] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)

    def configure(self, **changes: Any) -> None:
        """Write tajo.yml anew, with these keys ("connectors.zoom.enabled") changed; None takes one out."""
        for key, value in changes.items():
            *path, last = key.replace("__", ".").split(".")
            part = self.settings
            for step in path:
                part = part.setdefault(step, {})
            if value is None:
                part.pop(last, None)
            else:
                part[last] = value
        self.write(json.dumps(self.settings, ensure_ascii=False, indent=2))

    def write(self, text: str) -> None:
        (self.folder / "tajo.yml").write_text(text, encoding="utf-8")

    def tajo(self, *args: str) -> Ran:
        """One command, as its entry point runs it."""
        from tajo.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        before, sys.argv = sys.argv, ["tajo", *args]
        code: Any = None
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as stop:
            code = stop.code
        except Exception as error:  # what Python would print of it
            code = 1
            err.write("".join(traceback.format_exception(error)))
        finally:
            sys.argv = before
        return Ran(code or 0, out.getvalue(), err.getvalue())

    def process(self, *args: str | bytes, env: dict[str, str] | None = None, timeout: float = 60) -> Ran:
        ran = subprocess.run(
            [*TAJO, *args],
            cwd=self.folder,
            env=environment(env),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        encoding = (env or {}).get("PYTHONIOENCODING", "utf-8").partition(":")[0]
        return Ran(ran.returncode, ran.stdout.decode(encoding), ran.stderr.decode(encoding))

    @property
    def book(self) -> dict[str, Any]:
        """What stands in Brevo, lists and attributes of the account included."""
        contacts = {email: (dict(c.attributes), sorted(c.list_ids)) for email, c in self.brevo.contacts.items()}
        return {"contacts": contacts, "lists": dict(self.brevo.lists), "attributes": dict(self.brevo.attributes)}

    @property
    def writes(self) -> list[str]:
        """Every call to Brevo that could change something."""
        return [f"{call.method} {call.path}" for call in self.brevo.calls if call.method != "GET"]

    def files(self) -> dict[str, str]:
        """Every file in the folder by its hash."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def rows(self, *without: str) -> dict[str, list[Any]]:
        """Every row of the database, table by table."""
        connection = sqlite3.connect(self.folder / "tajo.db")
        try:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))
                for name in names
                if name not in without
            }
        finally:
            connection.close()


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZOOM_", "BREVO_", "TAJO_"))}
    return kept | {"PYTHONWARNINGS": "ignore", "NO_COLOR": "1"} | (more or {})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in, and no settings in the environment."""
    for name in list(os.environ):
        if name.startswith(("ZOOM_", "BREVO_", "TAJO_")):
            monkeypatch.delenv(name)
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


class Address:
    """An application that may be another one for each test: starting and stopping servers takes longer than most."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def addresses() -> Iterator[dict[str, tuple[Address, str]]]:
    """Both vendors' addresses on this machine."""
    with ExitStack() as stack:
        made = {vendor: Address() for vendor in ("zoom", "brevo")}
        yield {vendor: (address, stack.enter_context(serve(address))) for vendor, address in made.items()}


@pytest.fixture
def desk(folder: Path, addresses: dict[str, tuple[Address, str]]) -> Callable[..., Desk]:
    """Makes a desk, by default around the small world; `zoom`, `brevo` are switches, `attributes` and `lists` what
    Brevo has. One a test.
    """

    def make(
        world: World | None = None,
        *,
        zoom: dict[str, Any] | None = None,
        brevo: dict[str, Any] | None = None,
        attributes: dict[str, str] | None = None,
        lists: dict[int, str] | None = None,
    ) -> Desk:
        plans: dict[str, SessionPlan] = {}
        people: dict[str, Any] = {}
        if world is None:
            world, plans, people = small()
        vendor = ZoomSimulator(world, plan="business", switches=ZoomSwitches(**(zoom or {})))
        account = BrevoSimulator(api_key=KEY, switches=BrevoSwitches(**(brevo or {})))
        for number, name in (LISTS if lists is None else lists).items():
            account.add_list(number, name)
        for name, kind in (ATTRIBUTES if attributes is None else attributes).items():
            account.add_attribute(name, kind)
        (zoom_at, zoom_url), (brevo_at, brevo_url) = addresses["zoom"], addresses["brevo"]
        zoom_at.app, brevo_at.app = vendor.app, account.app
        settings = {
            "connectors": {
                "zoom": {
                    "account_id": vendor.account_id,
                    "client_id": vendor.client_id,
                    "client_secret": vendor.client_secret,
                    "plan": "business",  # its limits let tests end sooner
                    "lists": {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17},
                    "api_url": f"{zoom_url}/v2",
                    "oauth_url": f"{zoom_url}/oauth",
                }
            },
            "brevo": {"api_key": KEY, "api_url": f"{brevo_url}/v3"},
        }
        made = Desk(folder, vendor, account, {"zoom": zoom_url, "brevo": brevo_url}, settings, plans, people)
        made.configure()
        return made

    return make


def small(now: datetime | None = None) -> tuple[World, dict[str, SessionPlan], dict[str, Any]]:
    """A webinar, a meeting, and a webinar to come, with one person of each kind."""
    now = now or datetime.now(UTC)
    stage = Stage(21, now)
    names = stage.names
    people = {
        "attendee": names.person(email="kim@mail.example", first_name="민수", last_name="김", country="KR", phone=""),
        "no_show": names.person(email="lee@mail.example", phone=""),
        "panelist": names.person(email="park@mail.example", phone=""),
        "denied": names.person(email="choi@mail.example", phone=""),
        "pending": names.person(email="jung@mail.example", phone=""),
        "guest": names.person(email="guest@mail.example", phone=""),
        "coming": names.person(email="coming@mail.example", phone=""),
    }
    webinar = stage.webinar("봄 웨비나", start=now - timedelta(days=3))
    webinar.panelist(people["panelist"])
    for name in ("attendee", "no_show"):
        webinar.register(people[name])
    webinar.register(people["denied"], status="denied")
    webinar.register(people["pending"], status="pending")
    held = webinar.hold()
    held.come(people["attendee"], 2, 20)
    held.come(people["attendee"], 15, 40)
    held.come(people["panelist"], 0, 60)
    meeting = stage.meeting("Weekly", start=now - timedelta(days=2))
    meeting.hold().come(people["guest"], 0, 30)
    coming = stage.webinar("Next", start=now + timedelta(days=3))
    coming.register(people["coming"])
    return stage.world(), {"webinar": webinar, "meeting": meeting, "coming": coming}, people


# --- what takes its time ---


@pytest.fixture(scope="session")
def dead_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.fixture(scope="session", autouse=True)
def slow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dead_port: int
) -> Iterator[Callable[[str], tuple[Ran, float]]]:
    """Commands that wait for half a minute or more: they run beside all other tests. Name → (what it left, seconds)."""
    if not any(
        "slow" in getattr(item, "fixturenames", ()) and item.name in SLOW_TESTS for item in request.session.items
    ):
        yield lambda name: pytest.fail(f"{name} was not started")
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        started = {
            "silent": pool.submit(_silent, tmp_path_factory.mktemp("silent"), dead_port),
            "locked": pool.submit(_locked, tmp_path_factory.mktemp("locked")),
        }
        yield lambda name: started[name].result(timeout=150)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs beside all other tests is asked for at the end."""
    items.sort(key=lambda item: item.name in SLOW_TESTS)


SLOW_TESTS = (
    "test_a_locked_database_is_said_to_be_so",
    "test_a_sync_gives_up_after_a_minute_without_any_answer_of_zoom",
)


def _silent(folder: Path, port: int) -> tuple[Ran, float]:
    brevo = BrevoSimulator(api_key=KEY)
    for number, name in LISTS.items():
        brevo.add_list(number, name)
    for name, kind in ATTRIBUTES.items():
        brevo.add_attribute(name, kind)
    with serve(brevo.app) as url:
        zoom = {"account_id": "a", "client_id": "c", "client_secret": "s"}
        zoom |= {"api_url": f"http://127.0.0.1:{port}/v2", "oauth_url": f"http://127.0.0.1:{port}/oauth"}
        settings = {"connectors": {"zoom": zoom}, "brevo": {"api_key": KEY, "api_url": f"{url}/v3"}}
        (folder / "tajo.yml").write_text(json.dumps(settings))
        return _timed(folder, "sync", "zoom")


def _locked(folder: Path) -> tuple[Ran, float]:
    (folder / "tajo.yml").write_text("{}")
    made = "from tajo.store.database import Database\nDatabase('sqlite:///tajo.db').migrate()"
    subprocess.run([sys.executable, "-c", made], cwd=folder, env=environment(), check=True, timeout=60)
    connection = sqlite3.connect(folder / "tajo.db", isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        return _timed(folder, "connectors", "disconnect", "zoom")
    finally:
        connection.close()


def _timed(folder: Path, *args: str) -> tuple[Ran, float]:
    began = time.monotonic()
    ran = subprocess.run(
        [*TAJO, *args], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr), time.monotonic() - began
