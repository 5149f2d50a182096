"""Every command while `tajo serve` runs on the same database: each does what it says, and nothing is done twice."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from tajo.cli.main import tajo
from tajo.simulators.zoom.webhooks import events_of, raw_body, sign
from tajo.store import notes
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.workflows.services import CONNECTED

SECRET = "simulated-secret-token"


@dataclass(frozen=True)
class Beside:
    """A command as it is typed, its exit code, and something that it says on stdout or stderr."""

    typed: str
    code: int
    says: str


COMMANDS = (
    Beside("check", 0, "Zoom"),
    Beside("plan zoom", 0, "nothing was written"),
    Beside("sync zoom --dry-run", 0, "nothing was written"),
    Beside("sync zoom", 0, "the running service does it"),
    Beside("sync zoom --with-events --no-input", 0, "Brevo events to send: none left"),
    Beside("why kim@mail.example", 0, "outcome: attended"),
    Beside("why nobody@mail.example", 1, "nobody with the address"),
    Beside("people review", 0, "nobody is in review"),
    Beside("people accept 0123456789 lee@mail.example", 1, "there is no group 0123456789"),
    Beside("people reject 0123456789", 1, "there is no group 0123456789"),
    Beside("export-person lee@mail.example", 0, "no_show"),
    Beside("erase lee@mail.example --yes", 0, "of effects"),
    Beside("sync zoom", 0, "erased: 1"),
    Beside("why lee@mail.example", 1, "nobody with the address"),
    Beside("engagement recompute --dry-run --json", 0, '"dry_run": true'),  # knows who was erased, in its copy too
    Beside("erase --undo lee@mail.example", 0, "1 erasure undone"),
    Beside("events list", 0, "webinar.registration_created"),
    Beside("events show 1", 0, "webinar.registration_created"),
    Beside("events show 99", 1, "there is no event 99"),
    Beside("events replay 1", 0, "1 will be handled again"),
    Beside("engagement session 1", 1, "no session of that number"),
    Beside("engagement recompute --dry-run", 0, ""),
    Beside("engagement recompute", 0, ""),
    Beside("follow-ups list", 0, "no follow-ups are configured"),
    Beside("follow-ups preview thanks 1", 1, "there is no follow-up 'thanks'"),
    Beside("follow-ups cancel thanks 1", 1, "there is no follow-up 'thanks'"),
    Beside("follow-ups send thanks 1 --yes", 1, "there is no follow-up 'thanks'"),
    Beside("keys show", 0, "from tajo.key: "),
    Beside("keys rotate", 0, "1 stored secrets"),
    Beside("connectors list", 0, "configured"),
    Beside("connectors status zoom", 0, "connected since"),
    Beside("connectors connect zoom", 0, "address for webhooks"),
    Beside("init", 0, "kept tajo.yml"),
    Beside("serve --port 0", 1, "another serve is running (process {serve}, tajo"),
    Beside("serve", 1, "another serve is running (process {serve}, tajo"),
    Beside("serve --port 0", 1, "stop that one first; or let it run, and work beside it with `tajo worker --name"),
    Beside("serve --no-worker", 1, "is in use by another program"),
    Beside("worker --name second", 1, "another second is running (process {second}, tajo"),
    Beside("worker --name second", 1, "stop that one first, or give this one a name of its own: --name second2"),
    Beside("worker --name serve", 1, "another serve is running (process {serve}, tajo"),
    Beside("connectors disconnect zoom", 0, "zoom is disconnected"),
)
EXCEPTIONS = {
    "demo": "brings its own accounts and its own database",
    "simulate": "is the vendors, and has no database",
}


def leaves() -> list[str]:
    """Every command as it is typed."""
    found: list[str] = []
    context = click.Context(tajo)
    for name in tajo.list_commands(context):
        command = tajo.get_command(context, name)
        inner = command.commands if isinstance(command, click.Group) else [""]
        found += [f"{name} {each}".strip() for each in inner]
    return found


@pytest.mark.parametrize("command", leaves())
def test_each_command_is_tried_beside_a_service_or_has_a_reason(command: str) -> None:
    tried = any(f"{each.typed} ".startswith(f"{command} ") for each in COMMANDS)
    assert tried != (command in EXCEPTIONS)


@dataclass
class Running:
    """A desk with a service that has nothing left to do, and a worker beside it."""

    here: Any
    pids: dict[str, int]

    def quiet(self) -> bool:
        busy = {
            "tajo-inbox.db": "SELECT count(*) FROM inbox WHERE state = 'waiting'",
            "tajo.db": "SELECT count(*) FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED', 'DELAYED')",
        }
        return not any(self._ask(name, query) for name, query in busy.items())

    def swept(self) -> bool:
        """Both have, at their start."""
        query = "SELECT count(*) FROM workflow_status WHERE name = 'sweep' AND status = 'SUCCESS'"
        return self._ask("tajo.db", query) == len(self.pids)

    def _ask(self, name: str, query: str) -> int:
        with closing(sqlite3.connect(self.here.folder / name, timeout=30)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def done(self) -> tuple[Any, list[Any], list[str]]:
        """What stands in Brevo, the events that it got, and every call that wrote contacts, lists or events."""
        events = [(each.name, each.identifiers, each.event_properties) for each in self.here.brevo.events]
        return self.here.book, events, self.here.writes


@pytest.fixture
def running(desk: Callable[..., Any]) -> Iterator[Running]:
    here = desk()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    here.configure(
        connectors__zoom__webhook={"secret_token": SECRET},
        connectors__zoom__schedule="0 0 1 1 *",
        server={"port": port},
    )
    connected_long_ago(here)
    Vault({}, here.folder).keyring(create=True)
    with ExitStack() as stack:
        pids = {"serve": stack.enter_context(process(here, "serve"))}
        until(lambda: post(port, b"", path="/healthz") == 200)
        pids["second"] = stack.enter_context(process(here, "worker", "--name", "second"))
        made = Running(here, pids)
        until(lambda: made.swept() and made.quiet())
        assert post(port, registration(here)) == 204
        until(made.quiet)
        assert here.process("sync", "zoom", "--with-events", "--no-input").code == 0  # what was too old before
        yield made


def connected_long_ago(here: Any) -> None:
    """Then what took place since is announced."""
    database = Database(f"sqlite:///{here.folder / 'tajo.db'}")
    database.migrate()
    database.write_now(notes.put, CONNECTED, (datetime.now(UTC) - timedelta(days=30)).isoformat())
    database.close()


@contextmanager
def process(here: Any, *command: str) -> Iterator[int]:
    """A command that stays, until SIGTERM ends it; its process id."""
    with (here.folder / f"{command[0]}.log").open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", "tajo.cli.main", *command], cwd=here.folder, stdout=output, stderr=output
        )
    try:
        yield started.pid
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
    finally:
        started.kill()
        started.wait()
    assert "Traceback" not in (here.folder / f"{command[0]}.log").read_text()


def registration(here: Any) -> bytes:
    """The webhook that tells of somebody who registered for the webinar to come."""
    world = here.zoom.world
    session = world.sessions[here.plans["coming"].session.id]
    return raw_body(next(e.body for e in events_of(world, session) if e.name == "webinar.registration_created"))


def post(port: int, body: bytes, *, path: str = "/webhooks/zoom") -> int:
    """The status of a signed webhook, of a GET without a body; 0 without an answer."""
    now = str(int(time.time()))
    headers = {"x-zm-request-timestamp": now, "x-zm-signature": sign(body, secret=SECRET, timestamp=now)}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body or None, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_command_beside_a_running_service(running: Running) -> None:
    """Each in a process of its own, one after the other; in the end Brevo has had no call that writes anything."""
    before = running.done()
    assert {name for name, _, _ in before[1]} >= {"zoom_webinar_attended", "zoom_webinar_no_show"}
    for each in COMMANDS:
        ran = running.here.process(*each.typed.split())
        assert ran.code == each.code, f"{each.typed}: {ran.err or ran.out}"
        assert each.says.format(**running.pids) in ran.out + ran.err, f"{each.typed}: {ran.out}{ran.err}"
    until(running.quiet)
    assert running.done() == before


def test_data_goes_to_stdout_and_talk_to_stderr_beside_a_service_too(running: Running) -> None:
    """A sync that the service does has the same summary as one that the command does by itself."""
    before = running.done()
    ran = running.here.process("sync", "zoom", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["created"], told["changed"], told["dead_letters"]) == (0, 0, 0)
    assert running.done() == before
    assert ANOTHER not in ran.err


ANOTHER = "was started with another configuration"


def test_a_configuration_that_the_service_does_not_know_is_told(running: Running) -> None:
    running.here.configure(events__max_age="71h")
    ran = running.here.process("sync", "zoom")
    assert (ran.code, ran.err.count(ANOTHER)) == (0, 2), ran.err  # serve, and the second worker
    running.here.configure(events__max_age="72h")
