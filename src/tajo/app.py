"""Builds everything from the configuration: the only place where objects are made and wired together."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from tajo.brevo.api import client as brevo_client
from tajo.config.model import Config
from tajo.connectors.zoom.api import client as zoom_client
from tajo.connectors.zoom.api.auth import TokenSource
from tajo.core.errors import ConfigError
from tajo.http import Http
from tajo.store.database import Database
from tajo.workflows.budgets import BrevoBudget, Gates, ZoomBudget
from tajo.workflows.progress import Counter, Progress
from tajo.workflows.services import Services, utc_now

ZOOM_NEEDS = ("account_id", "client_id", "client_secret")


def open_database(config: Config) -> Database:
    """The configured database, migrated to this version."""
    database = Database(config.require("database_url"))
    database.migrate()
    return database


def require_zoom(config: Config) -> None:
    """ConfigError when the connector is switched off or its credentials are not there."""
    if not config.connectors.zoom.enabled:
        raise ConfigError(
            "the Zoom connector is switched off",
            origin=config.origin("connectors.zoom.enabled"),
            hint="set connectors.zoom.enabled to true",
        )
    for name in ZOOM_NEEDS:
        config.require(f"connectors.zoom.{name}")


@asynccontextmanager
async def services(
    config: Config,
    database: Database,
    *,
    progress: Progress | None = None,
    budgets: Database | None = None,
    clock: Callable[[], datetime] = utc_now,
    zoom_app: Any = None,
    brevo_app: Any = None,
) -> AsyncIterator[Services]:
    """Both vendors' clients over one database. `budgets` is where calls are counted, if that is another one.

    `zoom_app` and `brevo_app` are ASGI applications to talk to in process instead of the network.
    """
    require_zoom(config)
    shown = progress or Counter()
    gates = Gates(budgets or database, shown, clock)
    async with (
        _zoom(config, gates, shown, clock, zoom_app) as zoom,
        _brevo(config, gates, shown, clock, brevo_app) as brevo,
    ):
        built = Services(config, database, zoom.client, brevo.client, shown, clock)
        zoom.tell(built)
        brevo.tell(built)
        yield built


class _Edge:
    """A client whose attempts are counted, and told to the services once they are there."""

    def __init__(self, vendor: str, progress: Progress) -> None:
        self.vendor = vendor
        self.client: Any = None
        self._progress = progress
        self._services: Services | None = None

    def tell(self, services: Services) -> None:
        self._services = services

    def observe(self, attempt: Any) -> None:
        self._progress.called(self.vendor, attempt.origin, attempt.label, attempt.status)
        if self._services is not None:
            self._services.heard(self.vendor, attempt.status)


@asynccontextmanager
async def _zoom(
    config: Config, gates: Gates, progress: Progress, clock: Callable[[], datetime], app: Any
) -> AsyncIterator[_Edge]:
    zoom = config.connectors.zoom
    account = config.require("connectors.zoom.account_id")
    async with Http(zoom.oauth_url, app=app) as oauth, Http(zoom.api_url, app=app) as api:
        tokens = TokenSource(
            oauth,
            account_id=account,
            client_id=config.require("connectors.zoom.client_id"),
            client_secret=config.require("connectors.zoom.client_secret"),
            clock=clock,
        )
        edge = _Edge("zoom", progress)
        budget = ZoomBudget(gates, plan=zoom.plan, share=zoom.rate_share, account=_short(account), clock=clock)
        edge.client = zoom_client.ZoomClient(api, tokens, budget=budget, clock=clock, observe=edge.observe)
        edge.tokens = tokens  # type: ignore[attr-defined]
        yield edge


@asynccontextmanager
async def _brevo(
    config: Config, gates: Gates, progress: Progress, clock: Callable[[], datetime], app: Any
) -> AsyncIterator[_Edge]:
    import asyncio

    key = config.require("brevo.api_key")
    async with Http(config.brevo.api_url, app=app) as http:
        edge = _Edge("brevo", progress)
        budget = BrevoBudget(gates, tier=config.brevo.tier, account=_short(key))
        edge.client = brevo_client.BrevoClient(
            http, key, budget=budget, clock=clock, sleep=asyncio.sleep, observe=edge.observe
        )
        yield edge


def _short(secret: str) -> str:
    """A name for an account that tells nothing of its key: limits are counted under it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
