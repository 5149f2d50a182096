"""`tajo serve` is killed at random moments under load, started again, and asked for everything it had acknowledged.

tests/faults/test_live_kill.py is the same in small, with what follows in Brevo.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.live_load import Batch, flood, own_process
from benchmarks.live_service import Service, configure, running
from benchmarks.report import Section, at_least, at_most, median, spread, told

KILLS = 50
EACH = 1_500  # requests at hand in a life; most lives end before all are sent
LANES = 16
AGAIN = 50  # requests that the next life is sent once more: Zoom does that with what had no answer


def measure(*, quick: bool = False) -> Section:
    kills = 2 if quick else KILLS
    section = Section("live_kills", f"{kills} times kill -9 under load")
    rng, acknowledged, starts, killed, first = random.Random(1), set[str](), [], 0, 0
    with own_process() as run, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configure(folder)
        for _ in range(kills):
            began = time.perf_counter()
            with running(folder) as service:
                starts.append(time.perf_counter() - began)
                end = threading.Timer(rng.uniform(0.3, 1.2), service.process.kill)
                end.start()
                with suppress(ConnectionError):  # dead before anybody was connected
                    acknowledged |= set(run(flood, Batch(service.port, first, EACH, LANES)).acknowledged)
                end.join()
                killed += service.process.wait() == -9
            first += EACH - AGAIN
        with running(folder) as service:
            _until_drained(service)
            stored, distinct = (int(str(each)) for each in service.inbox(COUNTS)[0])
            states = dict(service.inbox("SELECT state, count(*) FROM inbox GROUP BY state"))
            lost = len(acknowledged - service.digests())
            service.stop()
        problems = [problem for file in ("tajo.db", "tajo-inbox.db") for problem in _problems(folder / file)]
    section.figures = [
        at_least("kills", killed, kills),
        at_least("acknowledged", len(acknowledged), 20_000 if not quick else 0),
        at_most("acknowledged and lost", lost, 0),
        at_most("kept twice", stored - distinct, 0),
        at_most("kept and not handled in the end", stored - int(str(states.get("handled", 0))), 0),
        at_most("complaints of integrity_check, both files", len(problems), 0),
        told("start after a kill to the first answer", median(starts), " s", digits=2, more=spread(starts, 2)),
    ]
    return section


COUNTS = "SELECT count(*), count(DISTINCT digest) FROM inbox"


def _until_drained(service: Service) -> None:
    until = time.monotonic() + 300
    while service.waiting() and time.monotonic() < until:
        time.sleep(0.2)


def _problems(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [str(line) for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
    finally:
        connection.close()
