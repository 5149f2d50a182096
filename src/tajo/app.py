"""Builds everything from the configuration: the only place where objects are made and wired together."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tajo import logs
from tajo.brevo.api import client as brevo_client
from tajo.config.model import Config
from tajo.connectors.zoom.api import client as zoom_client
from tajo.connectors.zoom.api.auth import Tokens, TokenSource
from tajo.core.errors import ConfigError
from tajo.http import TIMEOUT_S, Http
from tajo.store import inbox, signins
from tajo.store.database import Database, existing
from tajo.store.keys import Vault
from tajo.workflows.budgets import BrevoBudget, Gates, ZoomBudget
from tajo.workflows.progress import Counter, Progress
from tajo.workflows.services import SILENCE, Services, utc_now
from tajo.workflows.signin import SignIns, UserTokens

if TYPE_CHECKING:
    from tajo.workflows.request import Request

ZOOM_NEEDS = ("account_id", "client_id", "client_secret")
SQLITE = "sqlite:///"
SIGN_IN_NEEDS = ("client_id", "client_secret")
ACCOUNT_ID = "connectors.zoom.account_id"
OR_SIGN_IN = "or sign in as a user: `tajo connectors connect zoom --oauth`"


def open_database(config: Config) -> Database:
    """The configured database, migrated to this version."""
    database = Database(config.require("database_url"), vault=vault(config))
    database.migrate()
    return database


def open_inbox(config: Config) -> Database:
    """Where deliveries are kept: on SQLite a file of its own beside the database, on Postgres tables beside the others.

    Migrated to this version.
    """
    database = Database(_inbox_url(config), schema=inbox.SCHEMA, every_commit=True, patience_s=1.0)
    database.migrate()
    return database


def inbox_if_any(config: Config) -> Database | None:
    """As `open_inbox`, for commands that only look; None where there is no SQLite file yet."""
    return open_inbox(config) if _exists(_inbox_url(config)) else None


def _inbox_url(config: Config) -> str:
    url = config.require("database_url")
    if not url.startswith(SQLITE):
        return url
    path = Path(url.removeprefix(SQLITE))
    return f"{SQLITE}{path.with_name(f'{path.stem}-inbox{path.suffix}')}"


def database_if_any(config: Config) -> Database | None:
    """The configured database for commands that only look; None where there is no SQLite file yet."""
    return open_database(config) if _exists(config.require("database_url")) else None


def _exists(url: str) -> bool:
    """Whether there is something to look at: a server is always there, a file has to be."""
    return not url.startswith(SQLITE) or Path(url.removeprefix(SQLITE)).is_file()


def vault(config: Config) -> Vault:
    """Where the encryption key is: TAJO_KEY, TAJO_KEY_FILE, else `tajo.key` beside the SQLite file.

    With Postgres it is beside the configuration.
    """
    url = config.require("database_url")
    beside = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else Path(config.file)
    return Vault(config.variables, beside.parent)


def sign_ins(
    config: Config, database: Database, *, clock: Callable[[], datetime] = utc_now, zoom_app: Any = None
) -> SignIns:
    """The user-level sign-in that the database holds, or may come to hold."""
    return SignIns(config, database, vault(config), clock=clock, zoom_app=zoom_app)


def is_signed_in(config: Config) -> bool:
    """Whether the database, if there is one, holds a user's sign-in; nothing is created or migrated."""
    database = existing(config.require("database_url"))
    if database is None:
        return False
    try:
        return database.read_now(signins.known) is not None
    finally:
        database.close()


def require_zoom(config: Config, *, signed_in: bool | None = None) -> None:
    """ConfigError when the connector is switched off, or naming all credentials that are not there, Brevo's among them.

    A user's sign-in (None: looked for in the database) needs no account id.
    """
    if not config.connectors.zoom.enabled:
        raise ConfigError(
            "the Zoom connector is switched off",
            origin=config.origin("connectors.zoom.enabled"),
            hint="set connectors.zoom.enabled to true",
        )
    if config.connectors.zoom.account_id is None and signed_in is None:
        signed_in = is_signed_in(config)
    needed = [f"connectors.zoom.{name}" for name in (SIGN_IN_NEEDS if signed_in else ZOOM_NEEDS)]
    config.require_all([*needed, "brevo.api_key"], hints={ACCOUNT_ID: OR_SIGN_IN})


@asynccontextmanager
async def brevo_alone(config: Config, database: Database) -> AsyncIterator[brevo_client.BrevoClient]:
    """Brevo's client without Zoom's, for what needs no access to Zoom."""
    told = _Told(Counter(), utc_now)
    async with Http(config.brevo.api_url) as http:
        yield _brevo(config, http, Gates(database, told.progress, utc_now), told, SILENCE)


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
    patience: timedelta = SILENCE,
) -> AsyncIterator[Services]:
    """Both vendors' clients over one database. `budgets` is where calls are counted, if that is another one.

    `patience` is how long a vendor's silence is waited out.

    A user's sign-in, where there is one, is what Zoom is asked with, whatever account id is configured. It is renewed
    where calls are counted: in a copy of the database the new refresh token would be lost.
    `zoom_app` and `brevo_app` are ASGI applications to talk to in process instead of the network.
    """
    keeper = budgets or database
    signed_in = await keeper.read(signins.known) is not None
    require_zoom(config, signed_in=signed_in)
    told = _Told(progress or Counter(), clock)
    gates = Gates(keeper, told.progress, clock)
    zoom = config.connectors.zoom
    timeout_s = min(TIMEOUT_S, patience.total_seconds())
    async with (
        Http(zoom.oauth_url, app=zoom_app, timeout_s=timeout_s) as oauth,
        Http(zoom.api_url, app=zoom_app, timeout_s=timeout_s) as api,
        Http(config.brevo.api_url, app=brevo_app, timeout_s=timeout_s) as brevo,
    ):
        tokens: Tokens
        own: Tokens | None = None
        if signed_in:
            tokens = UserTokens(sign_ins(config, keeper, clock=clock, zoom_app=zoom_app))
            own = _tokens(config, oauth, clock, account_id="")
        else:
            tokens = _tokens(config, oauth, clock, account_id=config.require("connectors.zoom.account_id"))
        yield Services(
            config=config,
            database=database,
            zoom=_zoom(config, api, tokens, gates, told, patience),
            tokens=tokens,
            brevo=_brevo(config, brevo, gates, told, patience),
            progress=told.progress,
            clock=clock,
            answered=told.answered,
            vault=vault(config),
            own_zoom=_zoom(config, api, own, gates, told, patience) if own else None,
            own_tokens=own,
        )


async def preview(
    config: Config, request: Request, *, run_id: str = "preview", progress: Progress | None = None
) -> dict[str, Any]:
    """What the request would write, on a copy of the configured database."""
    from tajo.workflows.request import a_copy
    from tajo.workflows.request import preview as dry_run

    async with (
        a_copy(config.require("database_url"), vault(config)) as (copy, original),
        services(config, copy, progress=progress, budgets=original) as edges,
    ):
        return await dry_run(edges, request, run_id=run_id)


class _Told:
    """Hears of every attempt: counts and logs it, and remembers when each vendor last answered (any status but 5xx)."""

    def __init__(self, progress: Progress, clock: Callable[[], datetime]) -> None:
        self.progress = progress
        self.clock = clock
        self.answered: dict[str, datetime] = {}
        self._away: dict[str, datetime] = {}  # vendor → its first attempt without an answer since the last one
        self._missed: set[str] = set()  # whose silence was told

    def __call__(self, vendor: str, attempt: zoom_client.Attempt | brevo_client.Attempt) -> None:
        self.progress.called(vendor, attempt.origin, attempt.label, attempt.status)
        now = self.clock()
        if 0 < attempt.status < 500:
            self.answered[vendor] = now
            self._is_back(vendor, now)
        else:
            self._is_away(vendor, attempt, now)
        _log_call(vendor, attempt)

    def _is_back(self, vendor: str, now: datetime) -> None:
        since = self._away.pop(vendor, now)
        if vendor in self._missed:
            self._missed.discard(vendor)
            logs.say("vendor.back", vendor=vendor, seconds=round((now - since).total_seconds()))

    def _is_away(self, vendor: str, attempt: zoom_client.Attempt | brevo_client.Attempt, now: datetime) -> None:
        silent = now - self._away.setdefault(vendor, now)
        if silent >= SILENCE and vendor not in self._missed:
            self._missed.add(vendor)
            seconds = round(silent.total_seconds())
            logs.say("vendor.silent", vendor=vendor, origin=attempt.origin, status=attempt.status, seconds=seconds)


def _log_call(vendor: str, attempt: zoom_client.Attempt | brevo_client.Attempt) -> None:
    waited = attempt.waited if isinstance(attempt, zoom_client.Attempt) else None
    logs.say(
        "vendor.called",
        vendor=vendor,
        origin=attempt.origin,
        label=attempt.label,
        status=attempt.status,
        ms=round(attempt.took.total_seconds() * 1000),
        waited_ms=round(waited.total_seconds() * 1000) if waited else None,
        error=attempt.failure or None if isinstance(attempt, brevo_client.Attempt) else None,
    )


def _tokens(config: Config, oauth: Http, clock: Callable[[], datetime], *, account_id: str) -> TokenSource:
    client, secret = (config.require(f"connectors.zoom.{name}") for name in SIGN_IN_NEEDS)
    return TokenSource(oauth, account_id=account_id, client_id=client, client_secret=secret, clock=clock)


def _zoom(
    config: Config, api: Http, tokens: Tokens, gates: Gates, told: _Told, patience: timedelta
) -> zoom_client.ZoomClient:
    zoom = config.connectors.zoom
    account = _short(zoom.account_id or config.require("connectors.zoom.client_id"))
    budget = ZoomBudget(gates, plan=zoom.plan, share=zoom.rate_share, account=account, clock=told.clock)
    return zoom_client.ZoomClient(
        api, tokens, budget=budget, clock=told.clock, observe=partial(told, "zoom"), patience=patience
    )


def _brevo(config: Config, http: Http, gates: Gates, told: _Told, patience: timedelta) -> brevo_client.BrevoClient:
    key = config.require("brevo.api_key")
    return brevo_client.BrevoClient(
        http,
        key,
        budget=BrevoBudget(gates, tier=config.brevo.tier, account=_short(key)),
        clock=told.clock,
        sleep=asyncio.sleep,
        observe=partial(told, "brevo"),
        patience=patience,
    )


def _short(secret: str) -> str:
    """A name for an account that tells nothing of its key: limits are counted under it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
