"""Both simulators in a process of their own: they share neither an event loop nor an interpreter lock with us.

with Vendors(Account(("webinar", {"registrants": 100, "attendees": 70, "rows": 90}))) as vendors:
    ...                                   # vendors.zoom_url and vendors.brevo_url answer on the loopback interface
    calls = vendors.ask(zoom_calls)       # the function runs over there; its result comes through a pipe
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

from tajo.simulators import world as worlds
from tajo.simulators.brevo import BrevoSimulator
from tajo.simulators.faults import CallLog, CallRecord
from tajo.simulators.serve import serve
from tajo.simulators.world import World
from tajo.simulators.zoom import ZoomSimulator, ZoomSwitches

T = TypeVar("T")

API_KEY = "xkeysib-benchmark-key"
LISTS = {15: "Meeting participants", 16: "Webinar attendees", 17: "Webinar registrants"}
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}
START_TIMEOUT_S = 300.0  # a world of 50,000 rows takes some seconds to invent


@dataclass(frozen=True, slots=True)
class Account:
    """What to simulate: a world by its maker (a name, or a function of a module) and the maker's arguments."""

    maker: str | Callable[..., World]
    arguments: Mapping[str, Any]
    zoom: Mapping[str, Any] = field(default_factory=dict)  # switches

    def world(self) -> World:
        """The world: the same one in every process."""
        maker = getattr(worlds, self.maker) if isinstance(self.maker, str) else self.maker
        made: World = maker(**self.arguments)
        return made

    @property
    def now(self) -> datetime:
        at: datetime = self.arguments["now"]
        return at


@dataclass(slots=True)
class Pair:
    """The two simulators, as the functions see them that are asked."""

    zoom: ZoomSimulator
    brevo: BrevoSimulator


class Vendors:
    """The simulators' process and the pipe to it; a context manager."""

    def __init__(self, account: Account) -> None:
        self.account = account
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, account), daemon=True, name="simulators")

    def __enter__(self) -> Vendors:
        self._process.start()
        if not self._pipe.poll(START_TIMEOUT_S):
            self._process.kill()
            raise RuntimeError("the simulators did not start")
        self.zoom_url, self.brevo_url, self.credentials = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(15)
        if self._process.is_alive():
            self._process.kill()

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """`question(pair, *args)`, answered over there. It has to be a function of a module."""
        self._pipe.send((question, args))
        answer: T = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _run(pipe: Any, account: Account) -> None:
    """The process: serve both, answer questions until the pipe is closed."""
    pair = Pair(ZoomSimulator(account.world(), switches=ZoomSwitches(**account.zoom)), BrevoSimulator(api_key=API_KEY))
    for number, name in LISTS.items():
        pair.brevo.add_list(number, name)
    for name, type_ in ATTRIBUTES.items():
        pair.brevo.add_attribute(name, type_)
    zoom = pair.zoom
    with ExitStack() as stack:
        urls = [stack.enter_context(serve(app)) for app in (zoom.app, pair.brevo.app)]
        names = ("account_id", "client_id", "client_secret")
        pipe.send((*urls, {name: getattr(zoom, name) for name in names}))
        while True:
            try:
                question, args = pipe.recv()
            except EOFError:
                return
            try:
                pipe.send(question(pair, *args))
            except Exception as error:  # the one who asked hears of it
                pipe.send(error)


# --- questions ---


def forget(pair: Pair) -> None:
    """Empty both records of calls."""
    for calls in (pair.zoom.calls, pair.brevo.calls):
        calls.clear()
    pair.brevo.bodies.clear()


def zoom_calls(pair: Pair) -> CallLog:
    return pair.zoom.calls


def brevo_calls(pair: Pair) -> CallLog:
    return pair.brevo.calls


def cpu_s(pair: Pair) -> float:
    """How many seconds of a processor the simulators used so far, the invention of their world included."""
    del pair
    return time.process_time()


def written(pair: Pair) -> list[str]:
    """The e-mail of every write of a contact that Brevo accepted, in order: one for each call, or row of an import."""
    emails: list[str] = []
    for method, path, body in pair.brevo.bodies:
        if method == "POST" and path == "/contacts":
            emails.append(body["email"].lower())
        elif method == "POST" and path == "/contacts/import":
            emails += [row["email"].lower() for row in body["jsonBody"]]
        elif method == "PUT" and path.startswith("/contacts/") and path.count("/") == 2:
            emails.append(path.rpartition("/")[2].replace("%40", "@").lower())
    return emails


def contacts(pair: Pair) -> dict[str, dict[str, Any]]:
    """E-mail → attributes of everybody in Brevo now."""
    return {email: dict(contact.attributes) for email, contact in pair.brevo.contacts.items()}


def token(pair: Pair) -> str:
    """An access token, for clients that bring no sign-in of their own."""
    import base64

    zoom = pair.zoom
    secrets = base64.b64encode(f"{zoom.client_id}:{zoom.client_secret}".encode()).decode()
    form = {"grant_type": "account_credentials", "account_id": zoom.account_id}
    return str(zoom.tokens.token(f"Basic {secrets}", form)["access_token"])


def refused(calls: CallLog) -> int:
    """How many calls a limit refused."""
    return calls.count(status=429)


def is_contact_write(call: CallRecord) -> bool:
    """Whether the call changes a contact, a list's members or an import."""
    return call.method != "GET" and "/contacts" in call.path
