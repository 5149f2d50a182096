"""An office: a folder with a tajo.yml, both simulators on real sockets behind it, and `tajo` run in this process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tajo import TajoClient
from tajo.cli.main import main
from tajo.simulators.brevo import BrevoSimulator
from tajo.simulators.serve import serve
from tajo.simulators.world import Stage, World
from tajo.simulators.zoom import ZoomSimulator

CREDENTIALS = ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "BREVO_API_KEY")
OTHERS = ("TAJO_CONFIG", "TAJO_API_KEY", "ZOOM_WEBHOOK_SECRET", "ZOOM_VERIFICATION_TOKEN")
TAJO_YML = """\
connectors:
  zoom:
    account_id: "${ZOOM_ACCOUNT_ID}"
    client_id: "${ZOOM_CLIENT_ID}"
    client_secret: "${ZOOM_CLIENT_SECRET}"
    lists: {meeting_participants: 15, webinar_attendees: 16, webinar_registrants: 17}
    plan: business  # closer calls: the simulated account is on Pro, and these few stay within it
"""
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Office:
    """Where a user sits: the folder, the accounts, and the commands that are typed there."""

    folder: Path
    now: datetime
    zoom: ZoomSimulator
    brevo: BrevoSimulator
    run: Callable[..., Ran]
    setenv: Callable[[str, str], None]
    stack: ExitStack
    addresses: str = field(default="")

    def write(self, text: str) -> None:
        """A tajo.yml of this text, followed by the simulators' addresses."""
        (self.folder / "tajo.yml").write_text(text + self.addresses, encoding="utf-8")


def small_world(now: datetime) -> World:
    """A webinar five hours ago and a meeting four hours ago: of five registrants three came, and a guest."""
    stage = Stage(3, now)
    stage.user("host@example.com")
    webinar = stage.webinar("Spring webinar", start=now - timedelta(hours=5), minutes=60)
    source = webinar.tracking_source("newsletter", 9)
    people = [stage.names.person(email=f"{name}@example.com") for name in ("ana", "ben", "chae", "dan", "eun")]
    for person in people:
        webinar.register(person, source_id=source.id)
    held = webinar.hold()
    for person in people[:3]:
        held.come(person, 2, 50)
    meeting = stage.meeting("Open meeting", start=now - timedelta(hours=4), minutes=60).hold()
    meeting.come(people[0], 0, 30)
    meeting.come(stage.names.person(zoom_id=""), 5, 20, name="iPhone", email="")
    return stage.world()


class Line:
    """An address that stays while who answers there changes: servers are slow to start and stop."""

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def lines() -> Iterator[tuple[tuple[Line, str], tuple[Line, str]]]:
    """Zoom's and Brevo's line, each with its address."""
    zoom, brevo = Line(), Line()
    with serve(zoom) as zoom_url, serve(brevo) as brevo_url:
        yield (zoom, zoom_url), (brevo, brevo_url)


@pytest.fixture(scope="session")
def used_database(lines: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database after one sync of an account in which nothing takes place: making one takes a second."""
    (zoom_line, zoom_url), (brevo_line, brevo_url) = lines
    stage = Stage(1, datetime.now(UTC))
    stage.user("nobody@example.com")
    zoom, brevo = ZoomSimulator(stage.world()), BrevoSimulator()
    zoom_line.app, brevo_line.app = zoom.app, brevo.app
    path = tmp_path_factory.mktemp("used") / "tajo.db"
    credentials = {"account_id": zoom.account_id, "client_id": zoom.client_id, "client_secret": zoom.client_secret}
    addresses = {"api_url": f"{zoom_url}/v2", "oauth_url": f"{zoom_url}/oauth"}
    configuration = {
        "connectors": {"zoom": {**credentials, **addresses}},
        "field_mapping": {"first_name": "FIRSTNAME"},
        "brevo": {"api_key": "xkeysib-test-key", "api_url": f"{brevo_url}/v3"},
        "database_url": f"sqlite:///{path}",
    }
    with redirect_stderr(StringIO()), TajoClient.blocking(config=configuration) as tajo:
        tajo.connectors.sync("zoom", since="1d")
    return path


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Any, used_database: Path) -> Iterator[Office]:
    """A working installation: credentials in the environment, lists 15 to 17 and the attributes in Brevo."""
    now = datetime.now(UTC)
    zoom, brevo = ZoomSimulator(small_world(now)), BrevoSimulator()
    for number, name in {15: "Meeting participants", 16: "Webinar attendees", 17: "Webinar registrants"}.items():
        brevo.add_list(number, name)
    for name, kind in ATTRIBUTES.items():
        brevo.add_attribute(name, kind)
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)
    values = (zoom.account_id, zoom.client_id, zoom.client_secret, "xkeysib-test-key")
    for name, value in zip(CREDENTIALS, values, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(used_database, tmp_path / "tajo.db")

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["tajo", *words])
        # Not capsys: the engine keeps the first stderr that it sees, and pytest closes its own.
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stopped:
            main()
        return Ran(int(stopped.value.code or 0), out.getvalue(), err.getvalue())

    (zoom_line, zoom_url), (brevo_line, brevo_url) = lines
    zoom_line.app, brevo_line.app = zoom.app, brevo.app
    with ExitStack() as stack:
        made = Office(tmp_path, now, zoom, brevo, run, monkeypatch.setenv, stack)
        made.addresses = (
            f"connectors: {{zoom: {{api_url: '{zoom_url}/v2', oauth_url: '{zoom_url}/oauth'}}}}\n"
            f"brevo: {{api_url: '{brevo_url}/v3'}}\n"
        )
        made.write(TAJO_YML)
        yield made
