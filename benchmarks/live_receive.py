"""Webhooks into `tajo serve`: a steady stream, a burst, as many as it takes, and clients that hold on to connections.

Each acknowledged delivery is asked for again in the inbox afterwards. The sender has a process of its own on the same
cores; so had whatever else ran on the machine meanwhile, which is told beside the figures.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.live_load import Batch, Outcome, burst, flood, own_process, steady
from benchmarks.live_service import Service, bare, configure, running
from benchmarks.live_slow import KINDS, Slowness, besiege
from benchmarks.processor import Watch
from benchmarks.report import Figure, Section, at_least, at_most, told

RATE = 1_000
LANES = 32  # connections of the steady stream
PEAK_LANES = 64
BURST = 5_000
BURST_LANES = 256
CLOSED_WITHIN_S = 15.0

Run = Callable[..., Any]


def measure(*, quick: bool = False) -> Section:
    seconds, peak, held = (1, 500, 10) if quick else (60, 20_000, 500)
    section = Section("live_receive", f"{RATE:,} webhooks a second for {seconds} s, bursts and slow clients")
    with own_process() as run, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configure(folder)
        with running(folder) as service:
            run(flood, Batch(service.port, 0, 1_000, PEAK_LANES))  # warms up
            section.figures += _stream(run, service, seconds)
            section.figures += _burst(run, service, 100 if quick else BURST)
            rates = {"tajo serve": _rate(run, service, 20_000_000, peak)}
            with_worker = service
            drained = _drained(with_worker)
        with running(folder, worker=False) as service:
            section.figures += _slow(run(besiege, service.port, held, 9.0 if quick else CLOSED_WITHIN_S + 2), held)
            rates["tajo serve --no-worker"] = _rate(run, service, 30_000_000, peak)
        with ExitStack() as stack:
            rates["an empty route of the same server"] = _rate(run, stack.enter_context(bare(folder)), 0, peak)
    section.figures += [_peak(what, found) for what, found in rates.items()]
    section.figures.append(told("what was left waiting was handed on in", drained, " s", digits=1))
    section.notes += [
        f"latencies count from when a request was due; the stream has {LANES} connections, the peak {PEAK_LANES}",
        "tajo serve hands deliveries on while it receives; --no-worker leaves that to a process of its own",
        "each acknowledged delivery was looked for in the inbox after its load: “lost” are those that were not there",
    ]
    return section


def _stream(run: Run, service: Service, seconds: int) -> list[Figure]:
    used = service.cpu_s()
    with Watch() as watch:
        found: Outcome = run(steady, Batch(service.port, 1_000_000, RATE * seconds, LANES), RATE)
    used = service.cpu_s() - used
    others = watch.used - used - found.cpu_s
    return [
        at_least("stream: acknowledged a second", found.rate, 0.99 * RATE, digits=0),
        at_most("stream: answers that were no 2xx", found.refused, 0),
        at_most("stream: acknowledged and lost", _lost(service, found), 0, more=f"of {len(found.acknowledged):,}"),
        at_most("stream: latency, 99 % of requests", found.at(0.99), 50, " ms", digits=1),
        at_most("stream: longest latency", found.at(1), 3_000, " ms", digits=1),
        told("stream: latency, half of requests", found.at(0.5), " ms", digits=1),
        told("stream: processor time of tajo serve", used / found.seconds, " cores", digits=2),
        told("stream: of the sender", found.cpu_s / found.seconds, " cores", digits=2),
        told("stream: of everything else on the machine", max(0.0, others) / found.seconds, " cores", digits=2),
    ]


def _burst(run: Run, service: Service, count: int) -> list[Figure]:
    found: Outcome = run(burst, Batch(service.port, 10_000_000, count, BURST_LANES))
    return [
        at_most(f"{count:,} at once over {BURST_LANES} connections: the last answer", found.at(1), 3_000, " ms"),
        at_most("burst: answers that were no 2xx", found.refused, 0),
        at_most("burst: acknowledged and lost", _lost(service, found), 0),
    ]


def _rate(run: Run, service: Service, first: int, count: int) -> Outcome:
    found: Outcome = run(flood, Batch(service.port, first, count, PEAK_LANES))
    return found


def _peak(what: str, found: Outcome) -> Figure:
    name, more = f"peak, {what}: a second", f"99 % within {found.at(0.99):.0f} ms, {found.refused} refused"
    return told(name, found.rate, more=more)


def _slow(found: Slowness, count: int) -> list[Figure]:
    figures = [
        at_most(
            f"{count} with {kind}: all closed within",
            max(found.closed[kind], default=0.0) if not found.open[kind] else float("inf"),
            CLOSED_WITHIN_S,
            " s",
            digits=1,
        )
        for kind in KINDS
    ]
    good = found.probe
    return [
        *figures,
        at_most("a good client meanwhile: 99 % of requests", good.at(0.99), 100, " ms", digits=1),
        at_most("a good client meanwhile: answers that were no 2xx", good.refused, 0),
    ]


def _lost(service: Service, found: Outcome) -> int:
    return len(set(found.acknowledged) - service.digests())


def _drained(service: Service) -> float:
    began = time.perf_counter()
    while service.waiting() and time.perf_counter() - began < 120:
        time.sleep(0.2)
    return time.perf_counter() - began
