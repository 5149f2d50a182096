"""A service that finds 100,000 deliveries waiting: its memory, how soon it answers again, and how soon it is gone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.live_load import Batch, burst, flood, own_process
from benchmarks.live_service import Service, configure, running, working
from benchmarks.report import Section, at_most, median, spread, told

WAITING = 100_000
MOST_MB = 200
LANES = 64
STARTS = 5


def measure(*, quick: bool = False) -> Section:
    count, starts = (1_000, 1) if quick else (WAITING, STARTS)
    section = Section("live_backlog", f"{count:,} deliveries waiting, and starting and stopping")
    with own_process() as run, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configure(folder)
        with running(folder, worker=False) as service:
            for first in range(0, count, 10_000):
                run(flood, Batch(service.port, first, min(10_000, count), LANES))
            section.figures.append(
                at_most(f"tajo serve --no-worker, {service.waiting():,} waiting", service.peak_mb(), MOST_MB, " MB")
            )
        with running(folder) as service:  # the worker's side and the web side in one process
            seconds = _drained(service, until=count // 2)
            figure = at_most(
                "tajo serve, receiving none and handing on half of them", service.peak_mb(), MOST_MB, " MB"
            )
            section.figures += [figure, told("the same: deliveries a second", count / 2 / seconds)]
        with working(folder) as worker:
            seconds = _drained(worker, until=0)
            figure = at_most("tajo worker, handing on the other half", worker.peak_mb(), MOST_MB, " MB")
            section.figures += [figure, told("the same: deliveries a second", count / 2 / seconds)]
        taken = [_start_and_stop(run, folder, 50_000_000 + 1_000 * number) for number in range(starts)]
    for what, values in zip(("start to the first 204", "SIGTERM to the end"), zip(*taken, strict=True), strict=True):
        section.figures.append(told(what, median(values), " s", digits=2, more=spread(values, 2)))
    section.notes.append("memory is the most a process had (VmHWM), in MB of 1,000,000 bytes")
    return section


def _drained(service: Service, *, until: int) -> float:
    """Seconds until no more than that wait, from the first that was handed on."""
    before, began = service.waiting(), time.perf_counter()
    while (now := service.waiting()) > until and time.perf_counter() - began < 600:
        if now == before:
            began = time.perf_counter()
        time.sleep(0.1)
    return time.perf_counter() - began


def _start_and_stop(run: Any, folder: Path, first: int) -> tuple[float, float]:
    """Seconds from the start of the command to the first 204, and from SIGTERM to its end."""
    began = time.perf_counter()
    with running(folder) as service:
        run(burst, Batch(service.port, first, 1, 1))
        started = time.perf_counter() - began
        return started, service.stop()
