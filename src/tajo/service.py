"""One process of the service: the web side, the worker's side, or both; run by `tajo serve`, or mounted elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from tajo import app, logs
from tajo.config.load import from_mapping, load
from tajo.config.model import Config
from tajo.core.errors import TajoError
from tajo.store.database import Database
from tajo.store.inbox import Inbox
from tajo.web.api import Api
from tajo.web.app import Web, build
from tajo.web.metrics import Metrics
from tajo.workflows import checking, connecting, request
from tajo.workflows.engine import Engine
from tajo.workflows.progress import Measured
from tajo.workflows.services import Services, utc_now
from tajo.workflows.worker import Worker

DRAIN_S = 20.0  # how long a stop waits for work that is under way


@dataclass
class Failure:
    """Set when the worker broke down: nobody expected it, and only a restart helps."""

    happened: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None

    def ended(self, task: asyncio.Task[None], role: str) -> None:
        self.error = None if task.cancelled() else task.exception()
        if self.error is not None:
            logs.say_crash("service.crashed", self.error, role=role)
            self.happened.set()


@dataclass
class Running:
    """A service that runs. `asgi` answers its routes."""

    asgi: ASGIApp
    web: Web
    failure: Failure


@asynccontextmanager
async def receiving(config: Config, *, worker: bool) -> AsyncIterator[Running]:
    """Receive webhooks, and with `worker` do what follows from them, until the end of the block.

    BusyError when another process has the role "serve".
    """
    config.require("connectors.zoom.webhook.secret_token")
    config.check_api_key()
    async with AsyncExitStack() as stack:
        database = app.open_database(config)
        stack.callback(database.close)
        box = Inbox(app.open_inbox(config))
        stack.callback(box.database.close)
        stack.callback(box.close)
        metrics = Metrics()
        api = Api(config, database, box, utc_now, _Edges(config, database, metrics))
        stack.push_async_callback(api.close)
        secrets = partial(_secrets, config)
        sign_ins = app.sign_ins(config, database)
        asgi, web = build(
            database,
            box,
            secrets=secrets,
            clock=utc_now,
            metrics=metrics,
            sign_ins=sign_ins,
            api=api,
            vault=app.vault(config),
        )
        failure = Failure()
        if worker:
            await stack.enter_async_context(
                _working(config, database, box.database, "serve", metrics, failure, box.is_busy)
            )
        stack.callback(web.close)
        yield Running(Guarded(asgi), web, failure)


@asynccontextmanager
async def working(config: Config, role: str) -> AsyncIterator[Failure]:
    """Only the worker's side: what `receiving` in another process has put into the inbox is handled here."""
    async with AsyncExitStack() as stack:
        database = app.open_database(config)
        stack.callback(database.close)
        box = app.open_inbox(config)
        stack.callback(box.close)
        failure = Failure()
        await stack.enter_async_context(_working(config, database, box, role, Metrics(), failure))
        yield failure


@asynccontextmanager
async def _working(
    config: Config,
    database: Database,
    box: Database,
    role: str,
    metrics: Metrics,
    failure: Failure,
    receiving: Callable[[], bool] = lambda: False,
) -> AsyncIterator[None]:
    """The worker in the background; drained at the end."""
    async with (
        app.services(config, database, progress=Measured(metrics)) as services,
        Engine(database, role, services, live=True) as engine,
    ):
        services.holder = role
        await checking.require_brevo(services)
        worker = Worker(services, engine, box, name=role, receiving=receiving)
        task = asyncio.create_task(worker.run())
        task.add_done_callback(lambda done: failure.ended(done, role))
        try:
            yield
        finally:
            worker.stop.set()
            await asyncio.wait({task}, timeout=DRAIN_S)
            task.cancel()
            await asyncio.wait({task})


@dataclass
class _Edges:
    """What the HTTP API works with beside the database, made for each request: see `web.api.Edges`."""

    config: Config
    database: Database
    metrics: Metrics

    def services(self) -> AbstractAsyncContextManager[Services]:
        return app.services(self.config, self.database, progress=Measured(self.metrics))

    async def preview(self, asked: request.Request, run_id: str) -> dict[str, Any]:
        return await app.preview(self.config, asked, run_id=run_id, progress=Measured(self.metrics))

    async def disconnect(self) -> bool:
        there, _ = await connecting.disconnect(app.sign_ins(self.config, self.database))
        return there


def _secrets(config: Config) -> list[str]:
    webhook = config.connectors.zoom.webhook
    if not config.connectors.zoom.enabled:
        return []  # answered with 503: nothing is lost while it is off
    return [each.get_secret_value() for each in (webhook.secret_token, webhook.previous_secret_token) if each]


class Guarded:
    """The application; an error that it did not expect is logged by its place and answered with 500, and no text."""

    def __init__(self, asgi: ASGIApp) -> None:
        self._asgi = asgi

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._asgi(scope, receive, sending)
        except Exception as error:
            logs.say_crash("service.crashed", error, role="web")
            if scope["type"] == "http" and not begun:
                await _answer(send, 500, b"something unexpected went wrong\n")


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _away(scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    if scope["type"] == "http":
        await _answer(send, 503, b"the service is not running: its lifespan was never begun, or is over\n")


# --- mounted elsewhere ---


class Mountable:
    """`tajo serve` as an ASGI application for a server of your own.

    Served by itself it starts and stops with the server's lifespan. Frameworks do not pass the lifespan on to what
    they mount, so there it is to be given to the outer application: `Starlette(routes=[Mount("/tajo", app=mine)],
    lifespan=mine.lifespan)`. Requests outside of it are answered with 503.
    """

    def __init__(self, config: Config, *, worker: bool) -> None:
        self._config = config
        self._worker = worker
        self._asgi: ASGIApp = _away

    @asynccontextmanager
    async def lifespan(self, application: Any = None) -> AsyncIterator[None]:
        """The service runs within; raises the TajoError that keeps it from starting."""
        del application
        zoom = self._config.connectors.zoom
        with logs.started(level=zoom.effective_log_level, webhooks=zoom.log_webhooks, own_process=False):
            async with receiving(self._config, worker=self._worker) as running:
                logs.say("service.started", role="asgi", version=version("tajo"), worker=self._worker)
                self._asgi = running.asgi
                try:
                    yield
                finally:
                    self._asgi = _away
            logs.say("service.stopped", role="asgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._asgi(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html"""
        await receive()
        begun = False
        try:
            async with self.lifespan():
                begun = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            told = error.line() if isinstance(error, TajoError) else logs.crash_line(error)
            await send({"type": f"lifespan.{'shutdown' if begun else 'startup'}.failed", "message": told})
            return
        await send({"type": "lifespan.shutdown.complete"})


def asgi_app(config: Config | str | Path | Mapping[str, Any] | None = None, *, worker: bool = True) -> Mountable:
    """The service for a server of your own: routes of `tajo serve`, and with `worker` what follows from webhooks.

    `config` is a path or a mapping with the keys of tajo.yml; without it `./tajo.yml` is read. One process has the
    worker; others of the same database are made with `worker=False`. ConfigError for what is wrong with it.
    """
    if isinstance(config, Config):
        return Mountable(config, worker=worker)
    if isinstance(config, Mapping):
        return Mountable(from_mapping(config), worker=worker)
    return Mountable(load(Path(config) if config is not None else None), worker=worker)
