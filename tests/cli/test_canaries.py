"""Nothing secret and nobody's data in any line that a process writes: twelve canaries through every path, verbosely.

Each canary is a text that occurs nowhere else; all that the processes wrote to stdout and stderr is searched for them.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tajo import app
from tajo.config.load import load
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage
from tajo.simulators.zoom.webhooks.wire import sign

pytestmark = pytest.mark.timeout(180)

WEBHOOK_SECRET = "canary-webhook-secret"
CANARIES = {
    "API key": "xkeysib-test-key",
    "client secret": "canary-client-secret",
    "refresh token": "canary-refresh-token",
    "clientid header": "canary-clientid-header",
    "download token": "canary-download-token",
    "passcode": "canary-passcode",
    "password": "canary-password",
    "cookie": "canary-cookie",
    "e-mail": "canary.mail@mail.example",
    "phone": "+821077770001",
    "name": "Canaryname",
    "body text": "canary body text",
    "webhook secret": WEBHOOK_SECRET,
}
ODD = '\x1b[31mCanaryname\x1b]0;x\x07\r\n{"level":"forged"}'  # a name that steers a terminal and forges a line
LEAK = json.dumps(
    {**CANARIES, "message": " ".join(CANARIES.values()), "code": CANARIES["e-mail"], "email": ODD}
).encode()


def searched(out: str) -> str:
    """The output, once no canary is in it and nothing that steers a terminal."""
    assert not {name for name, canary in CANARIES.items() if canary.lower() in out.lower()}
    assert '"level":"forged' not in out
    assert "\x1b" not in out
    return out


def logged(err: str) -> list[dict[str, Any]]:
    """The lines of the log; everything else on stderr is talk."""
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


@pytest.fixture
def leaky(desk: Callable[..., Any]) -> Any:
    """A desk at which everything secret and everybody's data is a canary, and everything is logged."""
    now = datetime.now(UTC)
    stage = Stage(5, now)
    person = stage.names.person(
        email=CANARIES["e-mail"], first_name=ODD, last_name=CANARIES["name"], phone=CANARIES["phone"], country="US"
    )
    other = stage.names.person(email="other.canary.mail@mail.example", first_name=CANARIES["name"], phone="")
    webinar = stage.webinar("Spring", start=now - timedelta(hours=1, minutes=10), minutes=60)
    for each in (person, other):
        webinar.register(each)
    webinar.hold().come(person, 0, 50)
    here = desk(stage.world())
    here.zoom.tokens.client_secret = CANARIES["client secret"]
    here.configure(
        connectors__zoom__client_secret=CANARIES["client secret"],
        connectors__zoom__webhook={"secret_token": WEBHOOK_SECRET},
        connectors__zoom__settle={"after": "0s", "every": "1s", "deadline": "1s"},
        connectors__zoom__debug=True,
        connectors__zoom__log_level="verbose",
        connectors__zoom__log_webhooks=True,
        server={"port": free_port()},
    )
    here.plans["webinar"] = webinar
    return here


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_sync_with_everything_going_wrong(leaky: Any) -> None:
    """Vendors answer with our own secrets in their errors: refused, broken off, not JSON, of an unknown shape."""
    zoom, brevo = leaky.zoom.faults, leaky.brevo.faults
    zoom.order(Fault.respond(500, LEAK), "POST /oauth/token")
    zoom.order(Fault.respond(401, LEAK), "GET /report/history_meetings")
    zoom.order(Fault.html(502, LEAK.decode()), "GET /report/webinars/")
    zoom.order(Fault.truncated(), "GET /webinars/", after=1)
    zoom.order(Fault.reset_after(), "GET /report/webinars/", after=1)
    brevo.order(Fault.respond(503, LEAK), "POST /contacts")
    brevo.order(Fault.respond(400, LEAK), "POST /contacts", times=None)
    brevo.order(Fault.respond(400, LEAK), "PUT /contacts", times=None)
    ran = leaky.process("sync", "zoom", "--json", "--webinar", str(leaky.plans["webinar"].session.id))
    lines = logged(searched(ran.err))
    calls = [line for line in lines if line["event"] == "vendor.called"]
    assert {line["status"] for line in calls} >= {0, 200, 400, 502, 503}
    assert {line["event"] for line in lines} >= {"vendor.called", "letter.filed", "sync.done"}
    assert leaky.brevo.contacts == {}


def test_a_refused_sync(leaky: Any) -> None:
    leaky.zoom.faults.order(Fault.respond(400, LEAK), "POST /oauth/token", times=None)
    ran = leaky.process("sync", "zoom")
    assert ran.code == 4
    assert [line["event"] for line in logged(searched(ran.out + ran.err))][-1] == "sync.stopped"


@pytest.mark.anyio
async def test_a_sign_in_that_is_renewed_and_refused(leaky: Any) -> None:
    """No token of either kind: not of the first pair, not of the renewed one, not of a refusal's body."""
    leaky.configure(connectors__zoom__account_id=None)
    config = load(leaky.folder / "tajo.yml", env={})
    database = app.open_database(config)
    sign_ins = app.sign_ins(config, database)
    begun = await sign_ins.begin("https://tajo.example.com/oauth/zoom/callback")
    asked = dict(parse_qsl(urlsplit(begun.url).query))
    await sign_ins.finish({"code": leaky.zoom.tokens.authorize(asked), "state": asked["state"]})
    database.close()
    secrets = set(leaky.zoom.tokens._refresh)
    leaky.zoom.tokens.expire_all()
    ran = leaky.process("sync", "zoom")
    secrets |= set(leaky.zoom.tokens._refresh)
    leaky.zoom.tokens.expire_all()
    leaky.zoom.faults.order(Fault.respond(400, LEAK), "POST /oauth/token", times=None)
    refused = leaky.process("sync", "zoom")
    assert len(secrets) == 2
    assert refused.code == 4
    for each in (ran, refused):
        out = searched(each.out + each.err)
        assert [line for line in logged(each.err) if line["event"] == "vendor.called"]
        assert not [secret for secret in secrets if secret in out]


def test_without_debug_a_sync_logs_nothing(leaky: Any) -> None:
    leaky.configure(connectors__zoom__debug=False, connectors__zoom__log_level="info")
    ran = leaky.process("sync", "zoom")
    assert logged(ran.err) == []


CRASH = """
import sys, types, click
from tajo.cli import main
module = types.ModuleType("crash")
@click.command()
def command():
    raise KeyError(sys.argv[2])
command.params = [click.Argument(["text"])]
command.callback = lambda text: (_ for _ in ()).throw(KeyError(text))
module.command = command
sys.modules["crash"] = module
main.COMMANDS["crash"] = ("crash", "")
main.main()
"""


def test_a_command_that_crashes_prints_no_trace(folder: Path, script: Callable[..., Any]) -> None:
    """The class and the place; not what a traceback and the error's text would show."""
    process = script(CRASH, "crash", " ".join(CANARIES.values()))
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert searched(out + err).startswith("tajo: something unexpected went wrong: KeyError")
    assert len(err.splitlines()) == 1


# --- the service ---


@contextmanager
def serving(here: Any) -> Iterator[tuple[str, Callable[[], str]]]:
    """`tajo serve`; its address, and all that it has written so far."""
    path = here.folder / "output.txt"
    with path.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tajo.cli.main", "serve"], cwd=here.folder, stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{here.settings['server']['port']}"
    try:
        until(lambda: status(f"{url}/readyz") == 200)
        yield url, path.read_text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def signed(body: bytes, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    now = str(int(time.time()))
    return {
        "content-type": "application/json",
        "x-zm-request-timestamp": now,
        "x-zm-signature": sign(body, secret=secret, timestamp=now),
        "clientid": CANARIES["clientid header"],
        "cookie": f"session={CANARIES['cookie']}",
        "authorization": f"Bearer {CANARIES['refresh token']}",
    }


def webhook(account_id: str, name: str, **subject: Any) -> bytes:
    payload = {"account_id": account_id, "object": subject}
    body = {"event": name, "event_ts": int(time.time() * 1000), "payload": payload}
    return json.dumps({**body, "download_token": CANARIES["download token"]}).encode()


def bodies(session: Any, uuid: str, account_id: str) -> list[bytes]:
    told = partial(webhook, account_id)
    start, end = session.start, session.start + timedelta(minutes=60)
    times = {"start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    about = {"id": str(session.id), "uuid": uuid, "topic": ODD, "type": 5, "host_id": "h", "timezone": "UTC", **times}
    question = {"title": CANARIES["body text"], "value": CANARIES["body text"]}
    person = {
        "id": "reg1",
        "email": CANARIES["e-mail"],
        "first_name": ODD,
        "last_name": CANARIES["name"],
        "phone": CANARIES["phone"],
        "custom_questions": [question],
        "status": "approved",
        "create_time": times["start_time"],
        "join_url": f"https://zoom.example/w/1?pwd={CANARIES['password']}",
    }
    came = {"user_name": ODD, "email": CANARIES["e-mail"], "user_id": "1", "participant_uuid": "p", "id": "",
            "join_time": times["start_time"]}  # fmt: skip
    return [
        told("webinar.registration_created", **about, registrant=person),
        told("webinar.participant_joined", **about, participant=came),
        told(
            "recording.completed",
            **about,
            host_email="host@example.com",
            password=CANARIES["password"],
            recording_play_passcode=CANARIES["passcode"],
            share_url=f"https://zoom.example/rec/{CANARIES['body text']}",
            recording_files=[{"id": "f", "file_type": "MP4", "download_url": CANARIES["download token"]}],
        ),
        told(f"webinar.{CANARIES['e-mail']}", **about, email=ODD),
        told("webinar.ended", **about),
        LEAK,
        b"\x00" + LEAK,
    ]


def test_the_service(leaky: Any) -> None:
    """Webhooks of every kind, forged and broken ones, follow-ups that fail, and letters: nothing of it is told."""
    plan = leaky.plans["webinar"]
    uuid = leaky.zoom.world.of_kind("webinar")[0].instances[0].uuid
    leaky.brevo.faults.order(Fault.respond(400, LEAK), "POST /contacts", times=None)
    with serving(leaky) as (url, output):
        for body in bodies(plan.session, uuid, leaky.zoom.account_id):
            assert status(f"{url}/webhooks/zoom", body, signed(body)) == 204
        for body in (LEAK, b""):
            assert status(f"{url}/webhooks/zoom", body, signed(body, "another-secret")) == 401
        assert status(f"{url}/webhooks/zoom", LEAK, {"cookie": CANARIES["cookie"]}) == 401
        until(lambda: '"follow_up.done"' in output() and "letter.filed" in output() and "sweep.done" in output())
        assert status(f"{url}/metrics") == 200
    lines = logged(searched(output()))
    events = {line["event"] for line in lines}
    assert events >= {"service.started", "webhook.handled", "webhook.body", "webhook.refused", "vendor.called"}
    assert lines[-1]["event"] == "service.stopped"
    shown = [line["body"] for line in lines if line["event"] == "webhook.body"]
    assert len(shown) == 7
    registration = next(each for each in shown if each != "not JSON" and "registration" in each.get("event", ""))
    assert registration["payload"]["object"]["uuid"] == uuid
    assert registration["payload"]["object"]["registrant"]["status"] == "approved"
    assert registration["payload"]["object"]["registrant"]["email"] == "***"
    assert {line["state"] for line in lines if line["event"] == "webhook.handled"} >= {"handled", "quarantined"}
