"""`tajo serve` as its users run it, in a process of its own; and the same server with an empty route beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.live_load import ACCOUNT, SECRET
from benchmarks.product import REPOSITORY

START_TIMEOUT_S = 30.0


@dataclass
class Service:
    """A running service; `port` 0 for one that listens nowhere."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int

    def rss_mb(self) -> float:
        """What it has in memory now, in MB (of 1,000,000 bytes)."""
        return self._status("VmRSS")

    def peak_mb(self) -> float:
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024 / 1e6

    def cpu_s(self) -> float:
        """Seconds of a processor that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> float:
        """SIGTERM; seconds until it was gone."""
        began = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.perf_counter() - began

    def inbox(self, query: str) -> list[tuple[object, ...]]:
        """Rows of its inbox."""
        connection = sqlite3.connect(self.folder / "tajo-inbox.db", timeout=30)
        try:
            return list(connection.execute(query))
        finally:
            connection.close()

    def waiting(self) -> int:
        return int(str(self.inbox("SELECT count(*) FROM inbox WHERE state = 'waiting'")[0][0]))

    def digests(self) -> set[str]:
        """What it has kept: asked for after a load."""
        return {str(row[0]) for row in self.inbox("SELECT digest FROM inbox")}


def configure(folder: Path, *, zoom_url: str = "http://127.0.0.1:9", brevo_url: str = "http://127.0.0.1:9") -> None:
    """A configuration whose vendors nobody serves, unless they are given: webhooks need neither."""
    zoom = {
        "account_id": ACCOUNT,
        "client_id": "bench-client",
        "client_secret": "bench-secret",
        "webhook": {"secret_token": SECRET},
        "api_url": f"{zoom_url}/v2",
        "oauth_url": f"{zoom_url}/oauth",
    }
    settings = {
        "connectors": {"zoom": zoom},
        "brevo": {"api_key": "xkeysib-benchmark-key", "api_url": f"{brevo_url}/v3"},
        "database_url": f"sqlite:///{folder / 'tajo.db'}",
    }
    (folder / "tajo.yml").write_text(json.dumps(settings))  # JSON is YAML


@contextmanager
def running(folder: Path, *, worker: bool = True) -> Iterator[Service]:
    """`tajo serve`, answering."""
    port = free_port()
    options = [] if worker else ["--no-worker"]
    with _started(folder, ["-m", "tajo.cli.main", "serve", "--port", str(port), *options], port) as service:
        wait_until_healthy(service)
        yield service


@contextmanager
def working(folder: Path) -> Iterator[Service]:
    """`tajo worker` beside a service without one."""
    with _started(folder, ["-m", "tajo.cli.main", "worker"], 0) as service:
        yield service


@contextmanager
def bare(folder: Path) -> Iterator[Service]:
    """The same server and framework, with a route that reads the body and answers 204: what there is to lose."""
    port = free_port()
    with _started(folder, ["-m", "benchmarks.live_service", str(port)], port) as service:
        wait_until_healthy(service)
        yield service


@contextmanager
def _started(folder: Path, command: Sequence[str], port: int) -> Iterator[Service]:
    environment = {**os.environ, "TAJO_CONFIG": str(folder / "tajo.yml")}
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield Service(folder, process, port)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(service: Service) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and service.process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError((service.folder / "service.log").read_text()[-2000:] or "the service did not start")


def serve_nothing(port: int) -> None:
    """The bare route, in this process, until a signal ends it."""
    import asyncio

    from granian.constants import Interfaces
    from granian.server.embed import Server
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def taken(request: Request) -> Response:
        await request.body()
        return Response(status_code=204)

    routes = [Route("/webhooks/zoom", taken, methods=["POST"]), Route("/healthz", taken)]
    server = Server(Starlette(routes=routes), port=port, interface=Interfaces.ASGINL, backlog=2048, log_enabled=False)
    asyncio.run(server.serve())


if __name__ == "__main__":
    serve_nothing(int(sys.argv[1]))
