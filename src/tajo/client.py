"""The SDK: the same engine from Python.

async with TajoClient(brevo_api_key=...) as tajo:
    await tajo.connectors.connect("zoom", account_id=..., client_id=..., client_secret=...)
    await tajo.connectors.sync("zoom", since="30d")
    await tajo.contacts.sync(email=..., attributes={...}, list_ids=[15])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tajo.core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.store.database import Database

Day = str | date | datetime | None


class TajoClient:
    """A configuration and what can be done with it; an async context manager.

    `config` is a path or a mapping with the keys of tajo.yml; without it `./tajo.yml` is read if it is there. What is
    given as an argument wins. `api_key` is accepted for programs written for a running service; alone it does nothing.
    """

    def __init__(
        self,
        brevo_api_key: str | None = None,
        *,
        config: str | Path | Mapping[str, Any] | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        if base_url is not None:
            raise ConfigError(
                "there is no service to talk to in this version",
                origin="TajoClient.base_url",
                hint="leave base_url out: the client then works by itself",
            )
        self._api_key = api_key
        self._given = {"brevo.api_key": brevo_api_key}
        self._source = config
        self._stack = AsyncExitStack()
        self._database: Database | None = None
        self.connectors = Connectors(self)
        self.contacts = Contacts(self)

    async def __aenter__(self) -> TajoClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        await self._stack.aclose()

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
        from tajo import app
        from tajo.core.problems import error_of
        from tajo.workflows.request import a_copy, carry_out, preview, read_request
        from tajo.workflows.services import utc_now

        _only_zoom(connector)
        request = read_request(since=since, until=until, meeting=meeting, webinar=webinar, now=utc_now())
        if dry_run:
            config = self._client.config()
            async with (
                a_copy(config.require("database_url")) as (copy, original),
                app.services(config, copy, budgets=original) as services,
            ):
                summary = await preview(services, request)
        else:
            async with self._client.services() as services:
                summary = await carry_out(services, request, told=lambda _: None)
        if "problem" in summary:
            raise error_of(summary["problem"])
        return summary

    async def status(self, connector: str) -> dict[str, Any]:
        """When it was connected, what the last run did, and open dead letters."""
        from tajo.workflows import connecting

        _only_zoom(connector)
        return await connecting.status(self._client.database(self._client.config()))

    async def disconnect(self, connector: str) -> bool:
        """Forget the connection, and revoke a user's sign-in; whether there was one."""
        from tajo import app
        from tajo.workflows import connecting

        _only_zoom(connector)
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
        from tajo.workflows.contacts import write_one

        async with self._client.services() as services:
            return await write_one(services, email, dict(attributes or {}), frozenset(list_ids))

    async def why(self, email: str) -> dict[str, Any] | None:
        """One person's story, as `tajo why --json` prints it; None for somebody unknown."""
        from tajo.workflows.stories import story

        return await self._client.database(self._client.config()).read(story, email.strip().lower())


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
