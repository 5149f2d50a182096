"""Plays a history: the worker's own code on both simulators, on one clock, killed before any write when it is drawn.

In the engine's place stands a queue that does what ours asks of DBOS: it starts a workflow once per id, one at a time a
session, keeps the results of steps, and starts what was under way again, from its start, in the next process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from tajo.brevo import webhook
from tajo.simulators.brevo.mails import tell_transactional
from tajo.simulators.brevo.records import Blocked, Webhook
from tajo.simulators.zoom.webhooks import raw_body
from tajo.store import inbox, notes, runs
from tajo.store.database import Database
from tajo.store.tables import effects
from tajo.workflows import announcing, delivering, followups, live, opt_outs, sweep, sync
from tajo.workflows.engine import Engine, FollowUp, bounded
from tajo.workflows.services import CONNECTED, Services
from tajo.workflows.worker import Worker

from .history import BEGIN, HOUR, History, Step

POLL = timedelta(seconds=5)  # between looks for mails that are due
UNANSWERED = followups.UNANSWERED


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """How many more writes the process lives for, to our database or to Brevo; None for ever."""

    left: int | None = None
    kills: int = 0

    def burn(self) -> None:
        if self.left is None:
            return
        if self.left <= 0:
            raise KilledError
        self.left -= 1


class Mortal(Database):
    """A database whose process dies before one of its writes. It works in the caller's thread, which is quicker."""

    def __init__(self, url: str, fuse: Fuse, **more: Any) -> None:
        super().__init__(url, **more)
        self.fuse = fuse

    async def write(self, work: Callable[..., Any], *args: Any) -> Any:
        self.fuse.burn()
        await asyncio.sleep(0)  # others go on meanwhile
        return self.write_now(work, *args)

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        await asyncio.sleep(0)
        return self.read_now(work, *args)


class Trap:
    """Brevo, before whose writing calls the process may die as well."""

    def __init__(self, app: Any, fuse: Fuse) -> None:
        self.app, self.fuse = app, fuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] != "GET":
            self.fuse.burn()
        await self.app(scope, receive, send)


class Recorded:
    """Steps whose results are kept once they are done; dying between the two, the step is done again."""

    def __init__(self, done: dict[str, Any], fuse: Fuse) -> None:
        self.done, self.fuse, self.count = done, fuse, 0

    async def run(self, name: str, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        self.count += 1
        return await self._once(f"{self.count} {name}", work, *args)

    async def each(self, name: str, work: Callable[..., Awaitable[Any]], items: Sequence[Any], *, at_once: int) -> Any:
        self.count += 1
        keys = [f"{self.count} {name} {n}" for n in range(len(items))]
        jobs = [partial(self._once, key, work, item) for key, item in zip(keys, items, strict=True)]
        return await bounded(jobs, at_once)

    async def _once(self, key: str, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if key not in self.done:
            result = await work(*args)
            self.fuse.burn()
            self.done[key] = json.loads(json.dumps(result))
        return self.done[key]


@dataclass
class Job:
    due: datetime
    number: int
    follow: FollowUp
    done: dict[str, Any] = field(default_factory=dict)


class Queue:
    """What has to follow, in the engine's place."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.jobs, self.known = clock, [], set()  # type: ignore[var-annotated]

    def enqueue(self, connection: Any, wanted: Sequence[FollowUp]) -> None:
        for each in wanted:
            if each.id not in self.known:
                self.known.add(each.id)
                self.jobs.append(Job(self.clock() + each.delay, len(self.known), each))

    def next(self) -> Job | None:
        return min(self.jobs, key=lambda job: (job.due, job.number), default=None)


class Player:
    """One process after another, from the first step to the last. `told` is what was done, for people to read."""

    def __init__(self, history: History, sims: Any, database: Mortal, box: Mortal, services: Services) -> None:
        self.history, self.sims, self.clock, self.brevo = history, sims, sims.clock, sims.brevo
        self.database, self.box, self.services, self.fuse = database, box, services, database.fuse
        self.queue, self.rng = Queue(self.clock), history.rng
        self.down, self.rename = 5, False
        self.look_at, self.arrived = BEGIN, False
        self.told: list[str] = []
        self.opted: dict[str, datetime] = {}  # who opted out, and when
        self.learned: dict[str, tuple[datetime, frozenset[int]]] = {}  # when we could know, and their lists then
        self.posts: list[tuple[datetime, bytes, str]] = []  # Brevo's webhooks on their way
        self.worker = Worker(services, self.queue, box, name="serve")  # type: ignore[arg-type]
        services.holder = "serve"
        for number, (kind, events) in enumerate(
            {"marketing": webhook.MARKETING, "transactional": webhook.TRANSACTIONAL}.items(), 1
        ):
            made = (number, "https://t.example", kind, list(events), "", False, {}, [], "email", BEGIN, BEGIN)
            self.brevo.webhooks[number] = Webhook(*made)

    # --- time ---

    async def play(self, steps: Sequence[Step]) -> None:
        long_ago = (BEGIN - 30 * 24 * HOUR).isoformat()
        for name in (CONNECTED, *(f"follow_up.{rule.name}.loaded_at" for rule in followups.rules(self.services))):
            self.database.write_now(notes.put, name, long_ago)
        with self._as_the_engine():
            for step, follows in zip(steps, [*steps[1:], None], strict=True):
                await self._until(step.at)
                self.clock.now = max(self.clock.now, step.at)
                await getattr(self, f"_{step.what.replace(' ', '_')}")(step)
                if follows is None or (step.what, step.at) != (follows.what, follows.at):
                    await self._drained()
            self.fuse.left = None
            await self._until(self.clock.now + 4 * HOUR)

    @contextmanager
    def _as_the_engine(self) -> Any:
        before, Engine.enqueuing = Engine.enqueuing, self.queue.enqueue
        try:
            yield
        finally:
            Engine.enqueuing = before

    async def _until(self, at: datetime) -> None:
        """Whatever is due before then, in its order."""
        while True:
            job, mail = self.queue.next(), self._next_look()
            posts = min((due for due, *_ in self.posts), default=None)
            due = min((each for each in (job and job.due, mail, posts) if each is not None), default=None)
            if due is None or due > at:
                return
            self.clock.now = max(self.clock.now, due)
            if due == posts:
                self._brevo_tells()
            elif job is not None and due == job.due:
                await self._work(job)
            else:
                await self._look_for_mails()

    def _next_look(self) -> datetime | None:
        """When somebody looks for mails and finds one that is due."""
        due = self.database.read_now(_next_mail)
        return max(due, self.look_at) if due is not None else None

    async def _look_for_mails(self) -> None:
        self.look_at = self.clock() + POLL
        await self._alive(followups.enqueue_due, ())

    async def _work(self, job: Job) -> None:
        follow, steps = job.follow, Recorded(job.done, self.fuse)
        if await self._alive(_carry_out, (steps, follow)):
            self.queue.jobs.remove(job)

    async def _alive(self, work: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> bool:
        """Do it; False when we died meanwhile, and are another process now."""
        try:
            await work(self.services, *args)
        except KilledError:
            await self._restart()
            return False
        return True

    async def _restart(self) -> None:
        self.told.append(f"{self.clock():%d %H:%M:%S} died")
        self.fuse.left, self.fuse.kills = None, self.fuse.kills + 1
        self.clock.now += timedelta(seconds=self.down)
        fresh: dict[str, Any] = {
            name: type(getattr(self.services, name))() for name in ("zones", "noted", "closed", "unwatched", "answered")
        }
        holder = "second" if self.rename and self.services.holder == "serve" else "serve"
        self.services = replace(self.services, schema=None, holder=holder, **fresh)
        self.worker = Worker(self.services, self.queue, self.box, name=holder)  # type: ignore[arg-type]
        await announcing.release(self.services)
        await self._drained()

    # --- steps ---

    async def _crash(self, step: Step) -> None:
        self.fuse.left, self.down, self.rename = step.detail

    async def _lost(self, step: Step) -> None:
        pass

    async def _webhook(self, step: Step) -> None:
        body = raw_body(step.detail.body, self.rng.choice(("canonical", "canonical", "spaced")))
        row = {"received_at": self.clock(), "digest": sha256(body).hexdigest(), "body": body, "headers": {}}
        keep = sa.insert(inbox.inbox).prefix_with("OR IGNORE").values(**row, state=inbox.WAITING)
        self.box.write_now(lambda connection: connection.execute(keep))
        self.arrived = True

    async def _drained(self) -> None:
        async def drain(_: Services) -> None:
            while await self.worker.drain_once():
                pass
            self.arrived = False

        if self.arrived:
            await self._alive(drain, ())

    async def _replay(self, step: Step) -> None:
        """The operator wants some of what came handled once more."""
        ids = self.box.read_now(inbox.ids_of)
        some = self.rng.sample(ids, min(len(ids), self.rng.choice((1, 3, len(ids)))))
        self.box.write_now(inbox.again, some, self.clock())
        self.arrived = True

    async def _sweep(self, step: Step) -> None:
        self._job("sweep", self.clock().isoformat())

    async def _sync(self, step: Step) -> None:
        now, number = self.clock(), f"run{len(self.queue.known)}"
        request = {"since": (now - timedelta(days=3)).date().isoformat(), "until": now.date().isoformat()}
        self.database.write_now(runs.start, number, request, now)
        self._job("sync", number)

    def _job(self, name: str, argument: str) -> None:
        """From here on who opted out before can be known."""
        for email in self.opted.keys() - self.learned.keys():
            self._learn(email)
        self.queue.enqueue(None, [FollowUp(name, f"{name}:{argument}", "", (argument,))])

    async def _opts_out(self, step: Step) -> None:
        who, how, told = step.detail
        email = self.history.emails[who]
        self.brevo.take_webhooks()  # of before, which are nothing to us
        if email in self.opted or not self._opt_out(email, how):
            return
        self.opted[email] = self.clock()
        self.told.append(f"{self.clock():%d %H:%M:%S} {email} {how}, told by {told}")
        posts = self.brevo.take_webhooks()
        wait = {"webhook": 1, "late webhook": self.rng.randint(60, 7200)}.get(told)
        if wait is not None:
            due = self.clock() + timedelta(seconds=wait)
            self.posts += [(due, json.dumps(each.payload).encode(), email) for each in posts]

    def _opt_out(self, email: str, how: str) -> bool:
        """Whether it could happen: nobody unsubscribes whom Brevo does not know."""
        known, now = email in self.brevo.contacts, self.clock()
        if how == "transactional":
            self.brevo.unsubscribe_transactional(email, "no-reply@shop.example")
            return True
        if how == "complained":
            self.brevo.blocked.append(Blocked(email, "", "contactFlaggedAsSpam", "spam", now))
            tell_transactional(self.brevo.account, "spam", "spam", email, None)
            return True
        if not known:
            return False
        if how == "by hand":
            self.brevo.contacts[email].email_blacklisted = True
            self.brevo.edit_contact(email, {})
        else:
            {"unsubscribed": self.brevo.unsubscribe, "bounced": self.brevo.hard_bounce}[how](email)
        return True

    def _brevo_tells(self) -> None:
        """What the route does with a genuine delivery."""
        for due, body, email in [each for each in self.posts if each[0] <= self.clock()]:
            self.database.write_now(opt_outs.take_in, webhook.read(body, self.clock()), self.clock())
            self.posts.remove((due, body, email))
            if email not in self.learned:
                self._learn(email)

    def _learn(self, email: str) -> None:
        contact = self.brevo.contacts.get(email)
        self.learned[email] = (self.clock(), frozenset(contact.list_ids) if contact else frozenset())


def _next_mail(connection: sa.Connection) -> datetime | None:
    """When a mail is due, or a call without an answer is to be looked into."""
    first = sa.select(effects.c.state, sa.func.min(effects.c.at)).where(effects.c.kind == "mail")
    rows = connection.execute(first.where(effects.c.state.in_(("waiting", "sending"))).group_by(effects.c.state)).all()
    return min((at + UNANSWERED if state == "sending" else at for state, at in rows), default=None)


async def _carry_out(services: Services, steps: Recorded, follow: FollowUp) -> None:
    name, arguments = follow.name, list(follow.arguments)
    if name == "follow-up":
        await followups.carry_out(services, steps, *arguments)
    elif name == "sweep":
        await sweep.carry_out(services, steps, datetime.fromisoformat(arguments[0]))
    elif name == "sync":
        await sync.synchronise(services, steps, arguments[0], deliver=delivering.deliver_run)
    else:
        await live.carry_out(services, steps, follow.id, name, arguments)
