"""`/api/v1`: what the SDK asks a running service for. JSON in and out, with the bearer TAJO_API_KEY."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from starlette.requests import Request
from starlette.routing import Mount, Route

from tajo.config.model import Config
from tajo.core.errors import ConfigError, TajoError, TransientError
from tajo.core.problems import problem_of
from tajo.store import inbox, runs, signins
from tajo.store.database import Database
from tajo.store.inbox import Inbox, Received
from tajo.web import asking
from tajo.workflows import connecting, jobs, request
from tajo.workflows.consenting import policy
from tajo.workflows.contacts import write_one
from tajo.workflows.services import Services, terms_of
from tajo.workflows.stories import story

EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MOST_EVENTS = 500
MOST_PREVIEWS = 10
ACCESS = ("account_id", "client_id", "client_secret")
Answer = tuple[int, Any]


class Edges(Protocol):
    """What only `app` can build."""

    def services(self) -> AbstractAsyncContextManager[Services]:
        """Both vendors' clients, for one request."""

    async def preview(self, asked: request.Request, run_id: str) -> dict[str, Any]:
        """A dry run's summary, on a copy of the database; `run_id` is what it is logged as."""

    async def disconnect(self) -> bool:
        """Forget the connection; whether there was one."""


@dataclass
class Api:
    """What the routes work with. Previews are kept in memory: they are gone when the service restarts."""

    config: Config
    database: Database
    inbox: Inbox
    clock: Callable[[], datetime]
    edges: Edges
    _previews: dict[str, dict[str, Any]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def key(self) -> str:
        key = self.config.server.api_key
        return key.get_secret_value() if key else ""

    def mount(self) -> Mount:
        """The routes below /api/v1."""

        def route(method: str, path: str, work: asking.Work) -> Route:
            return Route(path, asking.answering(work, lambda: self.key), methods=[method])

        zoom = "/connectors/zoom"
        return Mount(
            "/api/v1",
            routes=[
                route("GET", "/connectors", self._connectors),
                route("GET", f"{zoom}/status", self._status),
                route("POST", f"{zoom}/connect", self._connect),
                route("POST", f"{zoom}/disconnect", self._disconnect),
                route("POST", f"{zoom}/sync", self._sync),
                route("POST", f"{zoom}/webhooks", self._webhook),
                route("GET", "/runs/{run}", self._run),
                route("POST", "/contacts", self._contact),
                route("POST", "/why", self._why),
                route("GET", "/events", self._events),
                route("POST", "/events/{event:int}/replay", self._replay),
                Route("/{rest:path}", asking.answering(_nothing_here, lambda: self.key), methods=EVERY_METHOD),
            ],
        )

    async def close(self) -> None:
        """Stop the previews that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- connectors ---

    async def _connectors(self, _: Request) -> Answer:
        signed_in = await self.database.read(signins.known) is not None
        return 200, connecting.listed(self.config, signed_in=signed_in)

    async def _status(self, _: Request) -> Answer:
        return 200, await connecting.status(self.database)

    async def _connect(self, asked: Request) -> Answer:
        body = await asking.body_of(asked, *ACCESS)
        self._check_access({name: asking.text(body, name) for name in ACCESS})
        async with self.edges.services() as services:
            return 200, await connecting.connect(services)

    def _check_access(self, given: dict[str, str | None]) -> None:
        """The service works with its own credentials; a caller with others is told, not obeyed."""
        for name, value in given.items():
            configured = self.config.value(f"connectors.zoom.{name}")
            own = self.config.require(f"connectors.zoom.{name}") if configured is not None else ""
            if value is not None and not hmac.compare_digest(value.encode(), own.encode()):
                raise ConfigError(
                    f"the service has another {name}, or none",
                    origin=f"connectors.zoom.{name}",
                    hint="put the credentials into the service's configuration, or leave them out here",
                )

    async def _disconnect(self, _: Request) -> Answer:
        return 200, {"disconnected": await self.edges.disconnect()}

    async def _webhook(self, asked: Request) -> Answer:
        """Into the inbox, like a delivery that was verified here."""
        body = await asking.body_of(asked, "topic", "payload", "event_ts")
        topic = asking.text(body, "topic", needed=True)
        payload = asking.mapping(body, "payload", needed=True)
        event_ts = body.get("event_ts")
        if event_ts is not None and (isinstance(event_ts, bool) or not isinstance(event_ts, int)):
            raise asking.wrong("event_ts has to be a number of milliseconds")
        await keep(self.inbox, topic or "", payload, event_ts, self.clock())
        return 202, {"kept": True}

    # --- syncs ---

    async def _sync(self, asked: Request) -> Answer:
        body = await asking.body_of(asked, "since", "until", "meeting", "webinar", "dry_run")
        names = ("since", "until", "meeting", "webinar")
        dry_run = asking.flag(body, "dry_run")
        wanted = request.read_request(**{name: asking.text(body, name) for name in names}, now=self.clock())
        if dry_run:
            return 202, {"run": self._begin_preview(wanted)}
        if not await jobs.at_work(self.database, self.clock()):
            raise TransientError(
                "no worker has shown itself for 30 s", origin="api.sync", hint="start `tajo serve` or `tajo worker`"
            )
        return 202, {"run": await request.submit(self.database, wanted, self.clock())}

    def _begin_preview(self, wanted: request.Request) -> str:
        if sum(each["state"] == runs.RUNNING for each in self._previews.values()) >= MOST_PREVIEWS:
            raise TransientError("too many dry runs are under way", origin="api.sync", hint="wait for one to end")
        id_ = f"preview-{uuid.uuid4().hex[:12]}"
        started = self.clock().isoformat()
        self._previews[id_] = {"run": id_, "state": runs.RUNNING, "started_at": started, "summary": None}
        ended = [name for name, each in self._previews.items() if each["state"] != runs.RUNNING]
        for name in ended[: max(0, len(self._previews) - MOST_PREVIEWS)]:
            del self._previews[name]
        task = asyncio.create_task(self._preview(id_, wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return id_

    async def _preview(self, id_: str, wanted: request.Request) -> None:
        summary: dict[str, Any] = {"problem": problem_of(TajoError("it broke off", origin="api.sync"))}
        with contextlib.suppress(asyncio.CancelledError):
            try:
                summary = await self.edges.preview(wanted, id_)
            except TajoError as error:
                summary = {"problem": problem_of(error)}
            finally:
                self._previews[id_] |= {"state": runs.DONE, "summary": summary}

    async def _run(self, asked: Request) -> Answer:
        id_ = asked.path_params["run"]
        if id_ in self._previews:
            return 200, self._previews[id_]
        run = await self.database.read(runs.find, id_)
        if run is None:
            raise asking.NotFoundError("there is no such run", origin="api.runs")
        state, started = connecting.ended_as(run), run.started_at.isoformat()
        summary = run.summary and (await jobs.outcome(self.database, run) or run.summary)
        return 200, {"run": run.id, "state": state, "started_at": started, "summary": summary}

    # --- people ---

    async def _contact(self, asked: Request) -> Answer:
        body = await asking.body_of(asked, "email", "attributes", "list_ids")
        email = asking.text(body, "email", needed=True) or ""
        attributes, lists = asking.attributes(body), asking.list_ids(body)
        async with self.edges.services() as services:
            return 200, await write_one(services, email, attributes, lists)

    async def _why(self, asked: Request) -> Answer:
        """By POST: an address is not for logs of proxies, where URLs are."""
        body = await asking.body_of(asked, "email")
        email = asking.text(body, "email", needed=True) or ""
        told = await self.database.read(story, email.strip().lower(), terms_of(self.config), policy(self.config))
        return 200, {"story": told}

    # --- the inbox ---

    async def _events(self, asked: Request) -> Answer:
        query = dict(asked.query_params)
        if unknown := sorted(set(query) - {"since", "status", "limit"}):
            raise asking.wrong(f"{len(unknown)} parameter(s) not known", "known are since, status, limit")
        since, status, limit = query.get("since"), query.get("status", ""), query.get("limit")
        moment = request.read_moment(since, self.clock(), "since") if since is not None else None
        if status and status not in inbox.STATES:
            raise asking.wrong("status is none of the states", f"they are {', '.join(inbox.STATES)}")
        if limit is not None and not re.fullmatch(r"[1-9][0-9]{0,2}", limit):
            raise asking.wrong(f"limit has to be a number from 1 to {MOST_EVENTS}")
        most = min(int(limit or 50), MOST_EVENTS)
        rows = await self.inbox.database.read(lambda c: inbox.listed(c, since=moment, state=status, limit=most))
        return 200, {"events": [row.told() for row in rows]}

    async def _replay(self, asked: Request) -> Answer:
        id_ = min(int(asked.path_params["event"]), 2**62)
        if await self.inbox.database.read(inbox.one, id_) is None:
            raise asking.NotFoundError("there is no such event", origin="api.events")
        return 200, {"replayed": await self.inbox.database.write(inbox.again, [id_], self.clock())}


async def _nothing_here(_: Request) -> Answer:
    raise asking.NotFoundError("there is no such route, or not by this method", origin="api", hint="see docs/api.md")


async def keep(box: Inbox, topic: str, payload: dict[str, Any], event_ts: int | None, now: datetime) -> None:
    """Put an event that somebody else verified into the inbox, durably. OverloadError when that fails.

    Without `event_ts` (Unix milliseconds, beside the payload in Zoom's body) it counts as told `now`.
    """
    told = event_ts if event_ts is not None else int(now.timestamp() * 1000)
    body = json.dumps({"event": topic, "event_ts": told, "payload": payload}, separators=(",", ":")).encode()
    await box.put(Received(now, sha256(body).hexdigest(), body, {}))
