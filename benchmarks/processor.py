"""Processor time of the whole machine: how much of it others had while something was measured."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType


class Watch:
    """`used` are the seconds of a processor that all programs together used within the block; 0 where nobody tells."""

    used = 0.0

    def __enter__(self) -> Watch:
        self._before = busy_s()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.used = busy_s() - self._before


def busy_s() -> float:
    """Since the machine's start, all cores together; Linux only."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _io, irq, soft, *_ = (int(each) for each in stat.read_text().split()[1:9])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")
