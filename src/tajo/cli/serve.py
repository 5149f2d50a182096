"""`tajo serve` and `tajo worker`"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import read_config, shared

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.workflows.worker import Worker

HEADER_DEADLINE_MS = 5_000  # a client that has not sent its headers by then is cut off
SWITCH_S = 0.0005  # a busy thread lets others run so often (Python: 5 ms): the worker's work is no delivery's wait
DRAIN_S = 20.0  # how long a stop waits for work that is under way


@click.command("serve")
@click.option("--host", help="Instead of server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of server.port.")
@click.option("--no-worker", is_flag=True, help="Only receive; `tajo worker` does the rest.")
@shared
def command(
    host: str | None, port: int | None, no_worker: bool, config_path: Path | None, as_json: bool, no_input: bool
) -> int:
    """Receive webhooks, and do what follows from them."""
    del as_json, no_input
    config = read_config(config_path)
    config.require("connectors.zoom.webhook.secret_token")
    asyncio.run(
        Service(config).serve(
            host=host or config.server.host, port=config.server.port if port is None else port, worker=not no_worker
        )
    )
    return 0


@click.command("worker")
@click.option("--name", default="worker", show_default=True, help="Its role: each running worker has its own.")
@shared
def worker_command(name: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Do what follows from webhooks, beside `tajo serve --no-worker`."""
    del as_json, no_input
    asyncio.run(Service(read_config(config_path)).work(name))
    return 0


class Service:
    """One process: the web side, the worker's side, or both, until a signal stops it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stopping = asyncio.Event()

    async def serve(self, *, host: str, port: int, worker: bool) -> None:
        from granian.constants import Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server

        from tajo import app
        from tajo.store.inbox import Inbox
        from tajo.web.app import build
        from tajo.web.metrics import Metrics
        from tajo.workflows.services import utc_now

        self._listen_to_signals()
        sys.setswitchinterval(SWITCH_S)
        async with AsyncExitStack() as stack:
            database = app.open_database(self.config)
            stack.callback(database.close)
            box = Inbox(app.open_inbox(self.config))
            stack.callback(box.database.close)
            stack.callback(box.close)
            metrics = Metrics()
            asgi, web = build(database, box, secrets=self._secrets, clock=utc_now, metrics=metrics)
            if worker:
                await stack.enter_async_context(self._worker(database, box.database, "serve", metrics))
            server = Server(
                asgi,
                address=host,
                port=port,
                interface=Interfaces.ASGINL,
                http1_settings=HTTP1Settings(header_read_timeout=HEADER_DEADLINE_MS),
                backlog=2048,
                log_enabled=False,
            )
            serving = asyncio.create_task(server.serve())
            click.echo(f"tajo listens on http://{host}:{port}", err=True)
            stopped = asyncio.create_task(self.stopping.wait())
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            web.close()
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({serving}, timeout=DRAIN_S)

    async def work(self, name: str) -> None:
        from tajo import app
        from tajo.web.metrics import Metrics

        self._listen_to_signals()
        async with AsyncExitStack() as stack:
            database = app.open_database(self.config)
            stack.callback(database.close)
            box = app.open_inbox(self.config)
            stack.callback(box.close)
            await stack.enter_async_context(self._worker(database, box, name, Metrics()))
            click.echo(f"worker {name} works", err=True)
            await self.stopping.wait()

    def _worker(self, database: Any, box: Any, role: str, metrics: Any) -> Any:
        """The worker's side as a context: it runs in the background, and is drained at the end."""
        from contextlib import asynccontextmanager

        from tajo import app
        from tajo.workflows.engine import Engine
        from tajo.workflows.progress import Measured
        from tajo.workflows.worker import Worker

        @asynccontextmanager
        async def running() -> Any:
            progress = Measured(metrics)
            async with (
                app.services(self.config, database, progress=progress) as services,
                Engine(database, role, services, live=True) as engine,
            ):
                services.holder = role
                worker = Worker(services, engine, box, name=role)
                task = asyncio.create_task(worker.run())
                try:
                    yield worker
                finally:
                    await _drained(worker, task)

        return running()

    def _secrets(self) -> list[str]:
        webhook = self.config.connectors.zoom.webhook
        if not self.config.connectors.zoom.enabled:
            return []  # answered with 503: nothing is lost while it is off
        return [each.get_secret_value() for each in (webhook.secret_token, webhook.previous_secret_token) if each]

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.stopping.set)


async def _drained(worker: Worker, task: asyncio.Task[None]) -> None:
    worker.stop.set()
    await asyncio.wait({task}, timeout=DRAIN_S)
    task.cancel()
