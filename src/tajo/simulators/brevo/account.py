"""The state of one simulated Brevo account, and what time and other people do to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from tajo.simulators.brevo.book import Book
from tajo.simulators.brevo.protocol import invalid, shown
from tajo.simulators.brevo.rates import RateLimiter
from tajo.simulators.brevo.records import (
    Attribute,
    Blocked,
    Campaign,
    ConsentGroup,
    Contact,
    ContactList,
    Delivery,
    Event,
    Folder,
    Json,
    PendingOptIn,
    Process,
    SentMail,
    Template,
    Webhook,
)
from tajo.simulators.brevo.switches import BrevoSwitches

_NAMES = {"en": ("FIRSTNAME", "LASTNAME"), "de": ("VORNAME", "NACHNAME"), "fr": ("PRENOM", "NOM")}
_PAUSE_S = 0.0005  # Python's locks are not fair: without a pause the next slice would take it before those who wait
_CHANGES = ("contact_updated", "list_addition", "contact_deleted")
_NAMES_THE_KEY = ("contact_updated", "list_addition")  # api_key_name since 2026-11-01


@dataclass(slots=True)
class Job:
    """A process with the work it does when it ends.

    `work` does a slice of it at each step, so that a large import never holds the account for long.
    """

    process: Process
    work: Callable[[], Iterable[None]]


@dataclass(slots=True)
class Account:
    """Everything the handlers work on. Hold `lock` for every read and write of more than one field."""

    switches: BrevoSwitches
    clock: Callable[[], datetime]
    limiter: RateLimiter
    lock: threading.RLock = field(default_factory=threading.RLock)
    settling: threading.Lock = field(default_factory=threading.Lock)

    book: Book = field(default_factory=Book)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    folders: dict[int, Folder] = field(default_factory=dict)
    lists: dict[int, ContactList] = field(default_factory=dict)
    segments: dict[int, tuple[str, Callable[[Contact], bool]]] = field(default_factory=dict)
    processes: dict[int, Process] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    sent_mails: list[SentMail] = field(default_factory=list)
    templates: dict[int, Template] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    blocked: list[Blocked] = field(default_factory=list)
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    groups: dict[int, ConsentGroup] = field(default_factory=dict)
    opt_ins: list[PendingOptIn] = field(default_factory=list)
    deliveries: list[tuple[int, Delivery]] = field(default_factory=list)  # by webhook id; 0 for notifyUrl
    owner_mails: list[int] = field(default_factory=list)  # process ids the account's owner got a mail about
    files: dict[str, str] = field(default_factory=dict)  # what a fileUrl gives
    replays: dict[str, datetime] = field(default_factory=dict)  # idempotency key to when it was used

    credits: int = 100_000
    key_name: str = "my-key"
    validation: Literal["done", "pending"] = "done"
    test_mails: list[datetime] = field(default_factory=list)
    failing_imports: int = 0
    too_early: int = 0
    last_ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first, last = _NAMES[self.switches.language]
        self.book.lag = lambda: timedelta(seconds=self.switches.read_lag_s)
        self.attributes.update({name: Attribute(name) for name in (first, last, "SMS")})
        self.folders[self.next_id("folder")] = Folder(1, "Your first folder")
        self.last_ids["list"] = 2
        self.lists[2] = ContactList(2, "identified_contacts", 1, self.now())

    def now(self) -> datetime:
        return self.clock()

    def shown(self, at: datetime) -> str:
        """A time as the API shows it."""
        return shown(at, self.switches.utc_offset_minutes)

    def next_id(self, kind: str) -> int:
        """The next free id of this kind, from 1."""
        self.last_ids[kind] = self.last_ids.get(kind, 0) + 1
        return self.last_ids[kind]

    def check_lists(self, ids: Iterable[int]) -> None:
        """Refuse lists that do not exist."""
        for id in ids:
            if id not in self.lists:
                raise invalid(f"List ID {id} does not exist")

    def members(self, list_id: int) -> list[Contact]:
        """The contacts of a list, oldest first, without read lag."""
        return [contact for contact in self.book if list_id in contact.list_ids]

    def add_to_lists(self, contact: Contact, ids: Iterable[int], *, by_api: bool = True) -> list[int]:
        """Add a contact to lists; gives those it was not in before, and tells the webhooks."""
        added = [id for id in dict.fromkeys(ids) if id not in contact.list_ids and id in self.lists]
        contact.list_ids.update(added)
        if added and self.webhooks:
            self.tell("listAddition", "list_addition", {"email": contact.email, "list_id": added}, by_api=by_api)
        return added

    # Background processes

    def start(self, process: Process, work: Callable[[], Iterable[None]]) -> None:
        """Queue a process; its work is done when the clock passes its end and somebody looks."""
        self.processes[process.id] = process
        self.jobs.append(Job(process, work))

    def new_process(self, name: str, queued_s: float, working_s: float) -> Process:
        now = self.now()
        works_at = now + timedelta(seconds=queued_s)
        return Process(self.next_id("process"), name, now, works_at, works_at + timedelta(seconds=working_s))

    def due(self) -> bool:
        """Whether some process should have ended by now and did not yet."""
        now = self.now()
        return any(job.process.ends_at <= now for job in list(self.jobs))

    def settle(self) -> None:
        """Do the work of the processes that are due, in slices, letting others at the account in between."""
        with self.settling:
            while True:
                with self.lock:
                    job = next((job for job in self.jobs if job.process.ends_at <= self.now()), None)
                    if job is None:
                        return
                    steps = iter(job.work())
                while self._step(steps):
                    time.sleep(_PAUSE_S)
                with self.lock:
                    self.jobs.remove(job)
                    self._end(job.process)

    def _step(self, steps: Any) -> bool:
        with self.lock:
            return next(steps, self) is not self

    def _end(self, process: Process) -> None:
        process.applied = True
        if process.notify_url:
            # Brevo posts an empty body without any id.
            self.deliveries.append((0, Delivery(process.notify_url, {}, None)))

    # Webhooks

    def tell(self, event: str, spelling: str, more: Json, *, by_api: bool, type: str = "marketing") -> None:
        """Queue one payload for each webhook that wants `event` (camelCase); `spelling` is its name in the payload.

        `by_api` puts the name of our key in api_key_name, which is empty for changes made in Brevo's own pages.
        """
        now = self.now()
        for webhook in self.webhooks.values():
            if webhook.type != type or event not in webhook.events:
                continue
            payload: Json = {"id": webhook.id, "event": spelling, **more, "ts": int(now.timestamp())}
            if spelling in _CHANGES:
                payload["key"] = "xxxxxxxxxxxxxxxxxxxx"
                payload["date"] = now.strftime("%Y-%m-%d %H:%M:%S")
            if spelling in _NAMES_THE_KEY:
                payload["api_key_name"] = self.key_name if by_api else ""
            self.deliveries.append((webhook.id, Delivery(webhook.url, auth_headers(webhook), payload)))


def auth_headers(webhook: Webhook) -> dict[str, str]:
    """The headers Brevo adds: authorization by the registered token, and the custom ones."""
    headers = {str(item["key"]): str(item["value"]) for item in webhook.headers}
    if webhook.auth:
        headers["authorization"] = f"{str(webhook.auth['type']).capitalize()} {webhook.auth['token']}"
    return headers
