"""The SDK: the same engine from Python.

async with TajoClient(brevo_api_key=...) as tajo:
    await tajo.connectors.connect("zoom", account_id=..., client_id=..., client_secret=...)
    await tajo.connectors.sync("zoom", since="30d")
    await tajo.contacts.sync(email=..., attributes={...}, list_ids=[15])

It works by itself, on the configured database; with `base_url` a running service does the same (see remote.py).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tajo.core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.remote import Remote
    from tajo.store.database import Database
    from tajo.store.inbox import Inbox

Day = str | date | datetime | None


class TajoClient:
    """A configuration and what can be done with it; an async context manager.

    `config` is a path or a mapping with the keys of tajo.yml; without it `./tajo.yml` is read if it is there. What is
    given as an argument wins. With `base_url` everything is asked of the service there, which has its own
    configuration; `api_key` is then its TAJO_API_KEY (the environment's, unless given), and nothing without `base_url`.
    """

    def __init__(
        self,
        brevo_api_key: str | None = None,
        *,
        config: str | Path | Mapping[str, Any] | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        self._remote: Remote | None = None
        if base_url is not None:
            self._remote = _remote(base_url, api_key, other=config is not None or brevo_api_key is not None)
        self._given = {"brevo.api_key": brevo_api_key}
        self._source = config
        self._background = AsyncExitStack()  # a worker of our own, once a webhook was handed over
        self._starting = asyncio.Lock()
        self._works = False
        self._inbox: Inbox | None = None
        self._database: Database | None = None
        self.connectors = Connectors(self)
        self.contacts = Contacts(self)

    async def __aenter__(self) -> TajoClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.aclose()
        self._works = False
        if self._inbox is not None:
            await asyncio.to_thread(self._inbox.close)
            self._inbox.database.close()
            self._inbox = None
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._remote is not None:
            await self._remote.close()

    @classmethod
    @contextmanager
    def blocking(cls, *args: Any, **kwargs: Any) -> Iterator[Blocking]:
        """The same for programs without an event loop: every method waits for its result."""
        from anyio.from_thread import start_blocking_portal

        with start_blocking_portal() as portal, portal.wrap_async_context_manager(cls(*args, **kwargs)) as client:
            yield Blocking(portal, client)

    def config(self) -> Config:
        """The configuration with everything that was given so far. ConfigError for what is wrong with it."""
        from tajo.config.load import from_mapping, load

        if isinstance(self._source, Mapping):
            return from_mapping(self._source, overrides=self._given)
        path = Path(self._source) if self._source is not None else None
        return load(path, optional=True, overrides=self._given)

    def give(self, **credentials: str | None) -> None:
        """Remember credentials of the Zoom connector for the calls to come."""
        self._given |= {f"connectors.zoom.{name}": value for name, value in credentials.items() if value}

    def database(self, config: Config) -> Database:
        from tajo import app

        if self._database is None:
            self._database = app.open_database(config)
        return self._database

    @property
    def remote(self) -> Remote | None:
        """The service that is asked, None for a client that works by itself."""
        return self._remote

    @property
    def works(self) -> bool:
        """Whether this client runs a worker: then it does the syncs, too."""
        return self._works

    def inbox(self) -> Inbox:
        from tajo import app
        from tajo.store.inbox import Inbox

        if self._inbox is None:
            self._inbox = Inbox(app.open_inbox(self.config()))
        return self._inbox

    async def work(self) -> str:
        """Do what follows from webhooks until the client is closed; who does it: see `handle_webhook`."""
        from tajo.service import working
        from tajo.workflows.engine import is_launched
        from tajo.workflows.roles import BusyError, role_lock

        async with self._starting:
            if self._works:
                return "client"
            if is_launched():
                return "later"
            config = self.config()
            try:
                with role_lock(self.database(config), "serve"):
                    pass  # free: looked at first, since building everything takes longer
                await self._background.enter_async_context(working(config, "serve"))
            except BusyError:
                return "service"
            self._works = True
            return "client"

    @asynccontextmanager
    async def services(self) -> Any:
        from tajo import app

        config = self.config()
        async with app.services(config, self.database(config)) as services:
            yield services


class Connectors:
    """Connecting and syncing."""

    def __init__(self, client: TajoClient) -> None:
        self._client = client

    async def connect(
        self,
        connector: str,
        *,
        account_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> dict[str, Any]:
        """Prove access, and create what Brevo lacks; the credentials are used by later calls of this client.

        CredentialError with the remedy when either side refuses access.
        """
        from tajo.workflows import connecting

        _only_zoom(connector)
        if self._client.remote is not None:
            given = {"account_id": account_id, "client_id": client_id, "client_secret": client_secret}
            return await self._client.remote.connect(given)
        self._client.give(account_id=account_id, client_id=client_id, client_secret=client_secret)
        async with self._client.services() as services:
            return await connecting.connect(services)

    async def sync(
        self,
        connector: str,
        *,
        since: Day = None,
        until: Day = None,
        meeting: str | None = None,
        webinar: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Sync a window of UTC days, both in; the summary that `tajo sync --json` prints.

        With `dry_run` nothing is written, and the summary has the planned `writes`. Raises the TajoError that stopped
        the run.
        """
        from tajo.core.problems import error_of

        _only_zoom(connector)
        window = {"since": since, "until": until, "meeting": meeting, "webinar": webinar}
        if self._client.remote is not None:
            summary = await self._client.remote.sync(dry_run=dry_run, **window)
        else:
            summary = await self._sync(window, dry_run=dry_run)
        if "problem" in summary:
            raise error_of(summary["problem"])
        return summary

    async def _sync(self, window: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        from tajo import app
        from tajo.workflows import request
        from tajo.workflows.services import utc_now

        wanted = request.read_request(**window, now=utc_now())
        config = self._client.config()
        if dry_run:
            return await app.preview(config, wanted)
        if self._client.works:  # an engine a process: ours is the worker's
            database = self._client.database(config)
            return await request.follow(database, await request.submit(database, wanted, utc_now()))
        async with self._client.services() as services:
            box = app.inbox_if_any(config)
            try:
                return await request.carry_out(services, wanted, told=lambda _: None, box=box)
            finally:
                if box is not None:
                    box.close()

    async def handle_webhook(
        self, connector: str, *, topic: str, payload: Mapping[str, Any], event_ts: int | None = None
    ) -> dict[str, Any]:
        """Take a webhook that the program verified (see `verify_zoom_webhook`): {"kept", "handled_by"}.

        `topic` and `payload` are the body's event and payload, `event_ts` its time in Unix milliseconds (now, without
        it). Returns when it is durable. `handled_by` tells who does what follows: "service", where one runs on this
        database; else "client", this one, in the background until it is closed (what is left then is done by whoever
        works next); "later", where another engine of this process runs: a mounted service does it at once, a sync does
        not, and the next webhook starts a worker.
        """
        _only_zoom(connector)
        if self._client.remote is not None:
            return await self._client.remote.handle_webhook(topic, payload, event_ts) | {"handled_by": "service"}
        from tajo.web.api import keep
        from tajo.workflows.services import utc_now

        await keep(self._client.inbox(), topic, dict(payload), event_ts, utc_now())
        return {"kept": True, "handled_by": await self._client.work()}

    async def list(self) -> Sequence[dict[str, str]]:
        """The connectors: [{"connector", "state"}], each configured, not configured or disabled."""
        from tajo import app
        from tajo.workflows import connecting

        if self._client.remote is not None:
            return await self._client.remote.connectors()
        config = self._client.config()
        return connecting.listed(config, signed_in=await asyncio.to_thread(app.is_signed_in, config))

    async def status(self, connector: str) -> dict[str, Any]:
        """When it was connected, what the last run did, and open dead letters."""
        from tajo.workflows import connecting

        _only_zoom(connector)
        if self._client.remote is not None:
            return await self._client.remote.status()
        return await connecting.status(self._client.database(self._client.config()))

    async def disconnect(self, connector: str) -> bool:
        """Forget the connection, and revoke a user's sign-in; whether there was one."""
        from tajo import app
        from tajo.workflows import connecting

        _only_zoom(connector)
        if self._client.remote is not None:
            return await self._client.remote.disconnect()
        config = self._client.config()
        there, _ = await connecting.disconnect(app.sign_ins(config, self._client.database(config)))
        return there


class Contacts:
    """Single contacts, beside what connectors write."""

    def __init__(self, client: TajoClient) -> None:
        self._client = client

    async def sync(
        self, *, email: str, attributes: Mapping[str, Any] | None = None, list_ids: Iterable[int] = ()
    ) -> dict[str, Any]:
        """Create or update one contact in Brevo: {"email", "lost": [(attribute, why), …]}.

        A phone number that is invalid or somebody else's costs that attribute only. Never touches an unsubscription.
        RejectedError when Brevo takes nothing of it.
        """
        if self._client.remote is not None:
            return await self._client.remote.write_contact(email, attributes or {}, list(list_ids))
        from tajo.workflows.contacts import write_one

        async with self._client.services() as services:
            return await write_one(services, email, dict(attributes or {}), frozenset(list_ids))

    async def why(self, email: str) -> dict[str, Any] | None:
        """One person's story, as `tajo why --json` prints it; None for somebody unknown."""
        if self._client.remote is not None:
            return await self._client.remote.why(email)
        from tajo.workflows.consenting import policy
        from tajo.workflows.services import terms_of
        from tajo.workflows.stories import story

        config = self._client.config()
        database = self._client.database(config)
        return await database.read(story, email.strip().lower(), terms_of(config), policy(config))


def _remote(base_url: str, api_key: str | None, *, other: bool) -> Remote:
    from tajo.remote import Remote

    if other:
        raise ConfigError(
            "base_url leads to a service, which has its own configuration and Brevo key",
            origin="TajoClient.base_url",
            hint="leave config and brevo_api_key out, or leave base_url out: the client then works by itself",
        )
    return Remote(base_url, api_key or os.environ.get("TAJO_API_KEY", ""))


def _only_zoom(connector: str) -> None:
    if connector != "zoom":
        raise UsageError(f"there is no connector {connector!r}", origin="TajoClient", hint="the connector is zoom")


class Blocking:
    """A client whose methods wait: each runs in the event loop of a thread of its own."""

    def __init__(self, portal: Any, target: Any) -> None:
        self._portal = portal
        self._target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if isinstance(value, Connectors | Contacts):
            return Blocking(self._portal, value)
        if not callable(value):
            return value

        def waits(*args: Any, **kwargs: Any) -> Any:
            from functools import partial

            return self._portal.call(partial(value, *args, **kwargs))

        return waits
