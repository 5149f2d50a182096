"""`tajo connectors connect zoom` for the live service: what to paste, subscribing, waiting, and signing in."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio
import pytest

from tajo import app
from tajo.config.load import load
from tajo.core.errors import TajoError
from tajo.simulators.serve import serve
from tajo.store.inbox import Inbox
from tajo.web.app import build
from tajo.web.metrics import Metrics
from tajo.workflows.services import utc_now
from tajo.workflows.subscribing import wait_for_challenge

SECRET = "simulated-secret-token"
TAJO = (sys.executable, "-m", "tajo.cli.main")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def live(desk: Callable[..., Any]) -> Any:
    """A desk whose service is to be reached under a public address of this machine; it does not run yet."""
    here = desk()
    port = free_port()
    here.configure(
        connectors__zoom__webhook={"secret_token": SECRET},
        server={"port": port, "public_url": f"http://127.0.0.1:{port}"},
    )
    return here


@pytest.fixture
def running(live: Any) -> Iterator[Any]:
    """The same with the service's web side running on the same database."""
    with ExitStack() as stack:
        serving(live, stack)
        yield live


def serving(here: Any, stack: ExitStack, secret: str = SECRET) -> list[str]:
    """The web side; the secrets that it has at any moment."""
    secrets = [secret]
    config = load(here.folder / "tajo.yml")
    database = app.open_database(config)
    stack.callback(database.close)
    box = Inbox(app.open_inbox(config))
    stack.callback(box.database.close)
    stack.callback(box.close)
    made, _ = build(
        database,
        box,
        secrets=lambda: secrets,
        clock=utc_now,
        metrics=Metrics(),
        sign_ins=app.sign_ins(config, database),
    )
    stack.enter_context(serve(made, port=config.server.port))
    return secrets


def webhook(ran: Any) -> dict[str, Any]:
    found: dict[str, Any] = ran.json["webhook"]
    return found


# --- what to paste ---


def test_address_events_and_scopes_are_printed(live: Any) -> None:
    ran = live.tajo("connectors", "connect", "zoom")
    assert ran.code == 0, ran.err
    assert f"{live.settings['server']['public_url']}/webhooks/zoom" in ran.out
    for event in ("meeting.ended", "webinar.registration_created", "recording.completed"):
        assert f"    {event}\n" in ran.out
    assert "app_deauthorized" not in ran.out  # no event to tick: it comes by itself
    for scope in ("report:read:list_meeting_participants:admin", "webinar:read:participant:admin"):
        assert f"    {scope}\n" in ran.out
    assert "missing" not in ran.out
    assert "start `tajo serve`" in ran.out


def test_without_a_public_address_it_says_what_to_set(desk: Any) -> None:
    here = desk()
    ran = here.tajo("connectors", "connect", "zoom")
    assert ran.code == 0
    assert "set server.public_url" in ran.out
    told = here.tajo("connectors", "connect", "zoom", "--json")
    assert webhook(told)["url"] is None
    assert webhook(told)["subscription"]["state"] == "no_address"
    waited = here.tajo("connectors", "connect", "zoom", "--wait", "--json")
    assert waited.code == 3
    assert "server.public_url" in waited.error


def test_missing_scopes_are_named_one_by_one(live: Any) -> None:
    """What webhooks need is marked in the list; what reading needs is an error, since nothing works without."""
    events = {"meeting:read:participant:admin", "webinar:read:registrant:admin"}
    live.zoom.scopes -= events
    ran = live.tajo("connectors", "connect", "zoom")
    assert ran.code == 0
    assert set(re.findall(r"^    (\S+)   ✗ missing$", ran.out, re.MULTILINE)) == events
    reading = {"webinar:read:list_panelists:admin", "user:read:list_users:admin"}
    live.zoom.scopes -= reading
    ran = live.tajo("connectors", "connect", "zoom")
    assert ran.code == 4
    assert not [scope for scope in reading if scope not in ran.error]


def test_what_is_switched_off_needs_no_scope_and_no_event(live: Any) -> None:
    live.configure(connectors__zoom__sync={"webinars": False, "recordings": False})
    told = webhook(live.tajo("connectors", "connect", "zoom", "--json"))
    assert {event.partition(".")[0] for event in told["events"]} == {"meeting"}
    assert not [each for each in told["scopes"] if re.search("webinar|recording", each["scope"])]


# --- subscribing ---


def test_it_subscribes_by_itself_and_never_twice(running: Any) -> None:
    first = running.tajo("connectors", "connect", "zoom", "--json")
    assert first.code == 0, first.err
    assert webhook(first)["subscription"]["state"] == "created"
    (one,) = running.zoom.subscriptions
    assert one.sender.url == webhook(first)["url"]
    assert one.events == set(webhook(first)["events"])
    assert one.scope == "account"
    again = running.tajo("connectors", "connect", "zoom", "--json")
    assert webhook(again)["subscription"] == {**webhook(again)["subscription"], "state": "exists", "id": one.id}
    assert len(running.zoom.subscriptions) == 1


def test_without_the_scopes_it_only_says_what_to_paste(running: Any) -> None:
    running.zoom.scopes -= {"marketplace:write:event_subscription"}
    ran = running.tajo("connectors", "connect", "zoom")
    assert ran.code == 0
    assert "the app may not subscribe by itself" in ran.out
    assert "press Validate" in ran.out
    assert len(running.zoom.subscriptions) == 0
    assert not [call for call in running.zoom.calls if "event_subscription" in call.path]


def test_beside_a_subscription_of_the_apps_page_none_is_made(running: Any) -> None:
    """Zoom does not list it; that it passed a challenge lately tells that it is there."""
    running.zoom.scopes -= {"marketplace:write:event_subscription"}
    sender = _page_subscription(running)
    assert anyio.run(sender.validate)
    running.zoom.scopes |= {"marketplace:write:event_subscription"}
    ran = running.tajo("connectors", "connect", "zoom", "--json")
    assert webhook(ran)["subscription"]["state"] == "validated"
    assert len(running.zoom.subscriptions) == 0


def _page_subscription(here: Any) -> Any:
    """What Zoom does for the address that somebody pasted."""
    from tajo.simulators.zoom.webhooks import WebhookSender

    url = f"{here.settings['server']['public_url']}/webhooks/zoom"
    return WebhookSender(here.zoom, url=url, secret=SECRET)


def test_missing_event_scopes_come_first(running: Any) -> None:
    running.zoom.scopes -= {"webinar:read:registrant:admin"}
    ran = running.tajo("connectors", "connect", "zoom")
    assert ran.code == 0
    assert "not subscribed: scopes are missing (webinar:read:registrant:admin)" in ran.out
    assert len(running.zoom.subscriptions) == 0


def test_a_failed_validation_has_its_remedy(live: Any) -> None:
    """The service runs with another secret token than the app's."""
    with ExitStack() as stack:
        serving(live, stack, secret="another")
        ran = live.tajo("connectors", "connect", "zoom")
    assert ran.code == 1
    assert "could not validate the address (Zoom code 1701)" in ran.out
    assert "webhook.secret_token" in ran.out
    assert "zoom is connected" in ran.out


# --- waiting ---


def test_waiting_ends_when_the_challenge_was_passed(running: Any) -> None:
    ran = running.tajo("connectors", "connect", "zoom", "--wait")
    assert ran.code == 0, ran.err
    assert "✓ Zoom's challenge was passed" in ran.out


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_challenge_that_is_passed_after_a_refusal_is_success(live: Any, more: tuple[str, ...]) -> None:
    """The service has another secret at first, so Zoom refuses to subscribe; then it is set right."""
    with ExitStack() as stack:
        secrets = serving(live, stack, secret="another")
        process = start(live, "connectors", "connect", "zoom", "--wait", *more)
        try:
            read_until(process, r"waiting for Zoom's challenge", stream="stderr" if more else "stdout")
            secrets[:] = [SECRET]
            assert anyio.run(_page_subscription(live).validate)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    told = json.loads(out)["webhook"]["subscription"]["text"] if more else out
    assert "Zoom refused the subscription at first, and validated the address at" in told


def test_waiting_without_an_address_is_an_error_and_nothing_else(desk: Any) -> None:
    here = desk()
    ran = here.tajo("connectors", "connect", "zoom", "--wait")
    assert ran.code == 3
    assert "server.public_url is not set" in ran.error
    assert ran.out == ""
    assert list(here.zoom.calls) == []


def test_what_comes_next_is_said_last(running: Any) -> None:
    ran = running.tajo("connectors", "connect", "zoom", "--wait")
    assert ran.out.splitlines()[-1].startswith("Next: ")


def test_waiting_without_a_service_says_to_start_it(live: Any) -> None:
    ran = live.tajo("connectors", "connect", "zoom", "--wait", "--json")
    assert ran.code == 1
    assert "start `tajo serve`" in ran.error


def test_an_old_challenge_is_not_waited_for(running: Any) -> None:
    """What passed before the command began counts for nothing: the next one does."""
    running.zoom.scopes -= {"marketplace:write:event_subscription"}
    sender = _page_subscription(running)
    assert anyio.run(sender.validate)
    process = start(running, "connectors", "connect", "zoom", "--wait")
    try:
        read_until(process, r"waiting for Zoom's challenge")
        assert process.poll() is None
        assert anyio.run(sender.validate)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "✓ Zoom's challenge was passed" in out


def test_ctrl_c_ends_the_waiting_in_one_line(running: Any) -> None:
    running.zoom.scopes -= {"marketplace:write:event_subscription"}
    process = start(running, "connectors", "connect", "zoom", "--wait")
    try:
        read_until(process, r"waiting for Zoom's challenge")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip() == "no longer waiting for Zoom's challenge; the same command waits again"


def test_waiting_has_a_limit(running: Any) -> None:
    moment = [utc_now()]

    async def sleep(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    async def wait() -> None:
        box = app.inbox_if_any(load(running.folder / "tajo.yml"))
        assert box is not None
        try:
            await wait_for_challenge(box, moment[0], clock=lambda: moment[0], sleep=sleep)
        finally:
            box.close()

    began = moment[0]
    with pytest.raises(TajoError, match="within 15 minutes") as told:
        anyio.run(wait)
    assert "Secret Token" in told.value.hint
    assert moment[0] - began == timedelta(minutes=15)


# --- signing in ---


def start(here: Any, *args: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZOOM_", "BREVO_", "TAJO_"))}
    return subprocess.Popen(
        [*TAJO, *args],
        cwd=here.folder,
        env=kept | {"PYTHONWARNINGS": "ignore", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(process: subprocess.Popen[str], pattern: str, *, stream: str = "stdout") -> str:
    """The first match in what the command says; killed after a minute, so that a test never hangs."""
    guard = threading.Timer(60, process.kill)
    guard.start()
    said = ""
    try:
        for line in getattr(process, stream):
            said += line
            if match := re.search(pattern, line):
                return match[0]
    finally:
        guard.cancel()
    raise AssertionError(f"ended with {process.wait()}: {said}")


@dataclass(frozen=True)
class SignedIn:
    """What the command left, the page that the browser ended on, and where Zoom sent it back to."""

    code: int
    out: str
    err: str
    page: str
    redirect: str


def sign_in(here: Any, *more: str, allow: bool = True) -> SignedIn:
    """Run the command and be the browser."""
    process = start(here, "connectors", "connect", "zoom", "--oauth", "--no-input", *more)
    stream = "stderr" if "--json" in more else "stdout"
    try:
        url = read_until(process, r"http://\S+/oauth/authorize\S+", stream=stream)
        redirect = read_until(process, "OAuth Redirect URL.*", stream=stream).rpartition(" ")[2]
        if not allow:
            fields = dict(re.findall(r"(redirect_uri|state)=([^&]+)", url))
            url = f"{urllib.request.unquote(fields['redirect_uri'])}?error=access_denied&state={fields['state']}"
        try:
            with urllib.request.urlopen(url, timeout=30) as reply:
                page = reply.read().decode()
        except urllib.error.HTTPError as error:
            page = error.read().decode()
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return SignedIn(process.returncode, out, err, page, redirect)


@pytest.fixture
def user_app(desk: Callable[..., Any]) -> Any:
    """A desk of an app for users: no account id, and the user who signs in hosts everything."""
    here = desk(zoom={"oauth_app": "user"})
    here.configure(connectors__zoom__account_id=None, server={"port": 0})
    return here


def test_a_sign_in_comes_back_to_a_port_of_this_machine(user_app: Any) -> None:
    before = user_app.tajo("sync", "zoom")
    assert before.code == 3
    assert "account_id" in before.error
    done = sign_in(user_app)
    assert done.code == 0, done.err
    assert "Zoom is connected" in done.page
    assert "signed in as " in done.out
    assert "zoom is connected (since " in done.out
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/oauth/zoom/callback", done.redirect)
    stored = (user_app.folder / "tajo.db").read_bytes()
    assert b"user:read:user" in stored
    status = user_app.tajo("connectors", "status", "zoom", "--json").json
    assert status["sign_in"]["email"]
    assert status["sign_in"]["refused"] is None
    assert user_app.tajo("connectors", "list", "--json").json == [{"connector": "zoom", "state": "configured"}]
    assert user_app.tajo("sync", "zoom").code == 0


def test_disconnecting_revokes_the_sign_in(user_app: Any) -> None:
    assert sign_in(user_app).code == 0
    ran = user_app.tajo("connectors", "disconnect", "zoom", "--json")
    assert ran.json == {"disconnected": True}
    assert ran.err == ""
    assert [call.path for call in user_app.zoom.calls][-1] == "/oauth/revoke"
    assert user_app.tajo("connectors", "status", "zoom", "--json").json["sign_in"] is None
    assert user_app.tajo("sync", "zoom").code == 3


def test_a_running_service_takes_the_sign_in(running: Any) -> None:
    """With server.public_url the browser comes back there; the command hears of it through the database."""
    running.configure(connectors__zoom__account_id=None)
    done = sign_in(running, "--json")
    assert done.code == 0, done.err
    assert "Zoom is connected" in done.page
    assert done.redirect == f"{running.settings['server']['public_url']}/oauth/zoom/callback"
    told = json.loads(done.out)
    assert told["webhook"]["subscription"]["state"] == "created"  # by the app's own token, not by the user's
    assert len(running.zoom.subscriptions) == 1


def test_a_declined_sign_in_is_one_line_and_one_page(user_app: Any) -> None:
    done = sign_in(user_app, allow=False)
    assert done.code == 4
    assert done.err.startswith("tajo: zoom.token: the sign-in was declined")
    assert len(done.err.strip().splitlines()) == 1
    assert "declined" in done.page


def test_a_port_that_is_taken_is_said(user_app: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        user_app.configure(server={"port": taken.getsockname()[1]})
        thread = threading.Thread(target=_hang_up, args=(taken,), daemon=True)
        thread.start()
        ran = user_app.tajo("connectors", "connect", "zoom", "--oauth", "--no-input", "--json")
    assert ran.code == 3
    assert "server.port" in ran.error


def _hang_up(listener: socket.socket) -> None:
    """Something else than the service listens there."""
    try:
        while True:
            listener.accept()[0].close()
    except OSError:
        pass


def test_account_and_user_do_not_go_together(user_app: Any) -> None:
    ran = user_app.tajo("connectors", "connect", "zoom", "--oauth", "--account-id", "a")
    assert ran.code == 2
    assert sign_in(user_app).code == 0
    ran = user_app.tajo("connectors", "connect", "zoom", "--account-id", user_app.zoom.account_id)
    assert ran.code == 2
    assert "disconnect" in ran.error
