"""What Zoom's limits dictate for a set of calls, and where a run stayed behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from benchmarks.report import Table
from tajo.simulators.faults import CallRecord

PER_SECOND = {"Light": 30.0, "Medium": 20.0, "Heavy": 10.0}  # Zoom Pro


@dataclass(frozen=True, slots=True)
class Pace:
    """The calls of one run against the limits; `share` is the part of the limits that the run was to use."""

    calls: Sequence[CallRecord]
    share: float

    @classmethod
    def of(cls, calls: Iterable[CallRecord], share: float) -> Pace:
        """Of all calls that have a label: those of the token endpoint have none, and no limit."""
        return cls(sorted((call for call in calls if call.label), key=lambda call: call.at), share)

    @property
    def began(self) -> datetime:
        return self.calls[0].at

    @property
    def seconds(self) -> float:
        """From the first to the last call."""
        return (self.calls[-1].at - self.began).total_seconds()

    def times(self, label: str) -> list[float]:
        """Seconds after the first call, of the calls with this label."""
        return [(call.at - self.began).total_seconds() for call in self.calls if call.label == label]

    def dictated(self, label: str) -> float:
        """Seconds that these calls need at the full limit."""
        return len(self.times(label)) / PER_SECOND[label]

    @property
    def narrowest(self) -> str:
        """The label that dictates the time."""
        return max(PER_SECOND, key=self.dictated)

    @property
    def ratio(self) -> float:
        """The time taken ÷ the time dictated, at the full limits."""
        return self.seconds / max(self.dictated(self.narrowest), 1e-9)

    @property
    def ratio_at_share(self) -> float:
        return self.ratio * self.share

    def table(self, title: str) -> Table:
        """Each label: its calls, what they need, when it was used and how long it was not."""
        rows = []
        for label in PER_SECOND:
            times = self.times(label)
            if not times:
                continue
            idle = self.idle(label)
            shown = ", ".join(f"{start:.0f} to {end:.0f} s" for start, end in idle[:3]) or "never"
            cells = (f"{self.dictated(label):.1f}", f"{self.dictated(label) / self.share:.1f}", f"{times[-1]:.1f}")
            rows.append((label, len(times), *cells, f"{busy_rate(times):.1f}", f"{PER_SECOND[label]:.0f}", shown))
        header = ("label", "calls", "dictated s", f"at {self.share:g}", "last at", "calls/s when busy", "limit", "idle")
        return Table(title, header, rows)

    def idle(self, label: str, at_least_s: float = 1.0) -> list[tuple[float, float]]:
        """Stretches without a call of this label, longest first."""
        points = [0.0, *self.times(label), self.seconds]
        gaps = [(a, b) for a, b in pairwise(points) if b - a >= at_least_s]
        return sorted(gaps, key=lambda gap: gap[0] - gap[1])


def busy_rate(times: Sequence[float]) -> float:
    """Calls a second, in the median of the seconds that had any but the first and last."""
    counts = sorted(Counter(int(at) for at in times[1:-1]).values())
    return float(counts[len(counts) // 2]) if counts else 0.0
