"""`tajo serve` and `tajo worker`"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import logging, read_config, shared

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.service import Failure

HEADER_DEADLINE_MS = 5_000  # a client that has not sent its headers by then is cut off
SWITCH_S = 0.0005  # a busy thread lets others run so often (Python: 5 ms): the worker's work is no delivery's wait


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
    host, port = host or config.server.host, config.server.port if port is None else port
    with logging(config):
        asyncio.run(Service(config).serve(host=host, port=port, worker=not no_worker))
    return 0


@click.command("worker")
@click.option("--name", default="worker", show_default=True, help="Its role: each running worker has its own.")
@shared
def worker_command(name: str, config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Do what follows from webhooks, beside `tajo serve --no-worker`."""
    del as_json, no_input
    config = read_config(config_path)
    with logging(config):
        asyncio.run(Service(config).work(name))
    return 0


class Service:
    """One process: the web side, the worker's side, or both, until a signal stops it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stopping = asyncio.Event()

    async def serve(self, *, host: str, port: int, worker: bool) -> None:
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server

        from tajo import __version__, logs
        from tajo.service import DRAIN_S, receiving

        self._listen_to_signals()
        sys.setswitchinterval(SWITCH_S)
        async with receiving(self.config, worker=worker) as running:
            server = Server(
                running.asgi,
                address=host,
                port=port,
                interface=Interfaces.ASGINL,
                http=HTTPModes.http1,  # while it waits to learn which HTTP a client speaks, no deadline runs
                http1_settings=HTTP1Settings(header_read_timeout=HEADER_DEADLINE_MS),
                backlog=2048,
                log_enabled=False,
            )
            serving = asyncio.create_task(server.serve())
            _spare_the_collector()
            click.echo(f"tajo listens on http://{host}:{port}", err=True)
            logs.say("service.started", role="serve", version=__version__, host=host, port=port, worker=worker)
            await self._stopped(running.failure, serving)
            running.web.close()
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({serving}, timeout=DRAIN_S)
        logs.say("service.stopped", role="serve")
        if running.failure.error is not None:
            raise running.failure.error

    async def work(self, name: str) -> None:
        from tajo import __version__, logs
        from tajo.service import working

        self._listen_to_signals()
        async with working(self.config, name) as failure:
            click.echo(f"worker {name} works", err=True)
            logs.say("service.started", role=name, version=__version__, worker=True)
            await self._stopped(failure)
        logs.say("service.stopped", role=name)
        if failure.error is not None:
            raise failure.error

    async def _stopped(self, failure: Failure, *serving: asyncio.Task[Any]) -> None:
        """Until a signal comes, the server ends, or the worker breaks down."""
        waiting = {asyncio.create_task(each.wait()) for each in (self.stopping, failure.happened)}
        await asyncio.wait({*serving, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.stopping.set)


def _spare_the_collector() -> None:
    """What a start brings along stays for good: walking it again and again stops everything for 60 ms each time."""
    gc.collect()
    gc.freeze()
