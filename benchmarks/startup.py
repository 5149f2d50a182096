"""How long `tajo --version` and `tajo --help` take."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import Section, Table, at_most, median, spread, told

RUNS = 15
SLOWEST = 10  # imports to show


def measure(*, quick: bool = False) -> Section:
    runs = 3 if quick else RUNS
    tajo = str(Path(sys.executable).with_name("tajo"))
    commands = {"version": [tajo, "--version"], "help": [tajo, "--help"], "python": [sys.executable, "-c", ""]}
    for command in commands.values():
        _ms(command)  # warms the files up
    # In turn, so that a busy moment meets all of them alike.
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(_ms(command))
    section = Section("startup", "the command line's start")
    section.figures = [
        at_most("tajo --version", median(taken["version"]), 150, " ms", more=spread(taken["version"], 0)),
        at_most("tajo --help", median(taken["help"]), 300, " ms", more=spread(taken["help"], 0)),
        told("python -c '' alone", median(taken["python"]), " ms", more=spread(taken["python"], 0)),
    ]
    section.tables = [_imports()]
    return section


def _ms(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def _imports() -> Table:
    """The imports of the command tree that cost most, by themselves."""
    command = [sys.executable, "-X", "importtime", "-c", "import tajo.cli.main"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = []
    for line in done.stderr.splitlines()[1:]:
        own, _, name = line.removeprefix("import time:").split("|")
        found.append((int(own), name.strip()))
    found.sort(reverse=True)
    rows = [(name, f"{own / 1000:.1f}") for own, name in found[:SLOWEST]]
    return Table(f"The dearest of {len(found)} imports", ("module", "ms by itself"), rows)
