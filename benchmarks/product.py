"""Tajo as its users run it: a configuration in a folder, and the command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.vendors import API_KEY, Vendors

REPOSITORY = Path(__file__).parents[1]
RATE_SHARE = 0.95  # the default of connectors.zoom.rate_share


@dataclass(frozen=True, slots=True)
class Run:
    """One command: how long it took from start to exit, its peak memory and processor time, and what it said."""

    seconds: float
    peak_mb: float
    cpu_s: float
    summary: Mapping[str, Any]


class CommandFailedError(Exception):
    """A command ended with another exit code than 0."""


class Installation:
    """A folder with tajo.yml and a database, pointed at the simulators."""

    def __init__(self, folder: Path, vendors: Vendors, **zoom: Any) -> None:
        """`zoom` are further settings of the connector."""
        self.folder = folder
        connector = {
            **vendors.credentials,
            "lists": {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17},
            "api_url": f"{vendors.zoom_url}/v2",
            "oauth_url": f"{vendors.zoom_url}/oauth",
            **zoom,
        }
        settings = {
            "connectors": {"zoom": connector},
            "brevo": {"api_key": API_KEY, "api_url": f"{vendors.brevo_url}/v3"},
            "database_url": f"sqlite:///{folder / 'tajo.db'}",
        }
        (folder / "tajo.yml").write_text(json.dumps(settings))  # JSON is YAML

    def run(self, *command: str) -> Run:
        """`tajo COMMAND … --json`."""
        note = self.folder / "note.json"
        arguments = [*command, "--json", "--no-input", "--config", str(self.folder / "tajo.yml")]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.launched", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "TAJO_BENCHMARK_NOTE": str(note)},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise CommandFailedError(f"tajo {' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
        told = json.loads(note.read_text())
        return Run(seconds, told["peak_mb"], told["cpu_s"], json.loads(done.stdout))

    def connect(self) -> Run:
        return self.run("connectors", "connect", "zoom")

    def sync(self, since: str = "30d") -> Run:
        return self.run("sync", "zoom", "--since", since)
