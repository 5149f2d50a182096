"""`tajo serve` and `tajo worker`"""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import logging, read_config, shared
from tajo.core.errors import ConfigError, TajoError

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.service import Failure

HEADER_DEADLINE_MS = 5_000  # a client that has not sent its headers by then is cut off
BEGUN_S = 0.05  # a server that cannot begin has ended by then
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
    port = free_port(config, host, port, worker=not no_worker)
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
            logs.say("service.started", role="serve", version=__version__, host=host, port=port, worker=worker)
            await asyncio.wait({serving}, timeout=BEGUN_S)
            if not serving.done():
                logs.say("service.listening", address=address(host, port))
            await self._stopped(running.failure, serving)
            ended = serving.done() and not self.stopping.is_set()
            running.web.close()
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({serving}, timeout=DRAIN_S)
        logs.say("service.stopped", role="serve")
        if running.failure.error is not None:
            raise running.failure.error
        if ended:
            raise TajoError(
                f"the web server at {address(host, port)} has ended by itself",
                origin="serve",
                hint="see that nothing else uses its port, then start it again",
            ) from (serving.exception() if not serving.cancelled() else None)

    async def work(self, name: str) -> None:
        from tajo import __version__, logs
        from tajo.service import working

        self._listen_to_signals()
        async with working(self.config, name) as failure:
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


def address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def free_port(config: Config, host: str, port: int, *, worker: bool) -> int:
    """The port, or a free one for 0, once it is sure that this machine can listen there; before anything is started.

    ConfigError for a host that is not this machine's, TajoError for a port that is taken: by our own service, with
    what that is.
    """
    try:
        return _bindable(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            if worker:
                _refuse_a_second(config)
            raise TajoError(
                f"the address {address(host, port)} is in use by another program",
                origin="server.port",
                hint="stop that program, or give another port: --port, or server.port",
            ) from None
        raise _unusable(error, host, port) from None


def _bindable(host: str, port: int) -> int:
    """The port that could be bound. Without SO_REUSEPORT, so that one that somebody shares is taken, too."""
    family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(where)
        return int(probe.getsockname()[1])


def _unusable(error: OSError, host: str, port: int) -> ConfigError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return ConfigError(
            f"{host} is not an address of this machine",
            origin="server.host",
            hint="127.0.0.1 is this machine alone, 0.0.0.0 every address that it has",
        )
    return ConfigError(
        f"the address {address(host, port)} cannot be had ({error.strerror})",
        origin="server.port",
        hint="ports below 1024 need rights of their own: give another one",
    )


def _refuse_a_second(config: Config) -> None:
    """BusyError when it is another `tajo serve` on this database: that says more than whose port it is."""
    from tajo.store.database import existing
    from tajo.workflows.roles import role_lock

    database = existing(config.require("database_url"))
    if database is None:
        return
    try:
        with role_lock(database, "serve"):
            pass
    finally:
        database.close()


def _spare_the_collector() -> None:
    """What a start brings along stays for good: walking it again and again stops everything for 60 ms each time."""
    gc.collect()
    gc.freeze()
