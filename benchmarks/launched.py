"""The command line, with a note of what it took: `TAJO_BENCHMARK_NOTE=FILE python -m benchmarks.launched sync zoom`.

A process that another one starts inherits that one's peak memory in `ru_maxrss`; Linux's VmHWM is its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path


def peak_mb() -> float:
    """The most memory that this process had at once, in MB (of 1,000,000 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    from tajo.cli.main import main as tajo

    try:
        tajo()
    finally:
        used = resource.getrusage(resource.RUSAGE_SELF)
        note = {"peak_mb": peak_mb(), "cpu_s": used.ru_utime + used.ru_stime}
        Path(os.environ["TAJO_BENCHMARK_NOTE"]).write_text(json.dumps(note))


if __name__ == "__main__":
    main()
