"""What a running sync tells whoever watches: phases, counts, and why it waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


class Progress(Protocol):
    """Told by the workflow, shown by the command line; all methods are cheap and never fail."""

    def phase(self, name: str, total: int | None = None) -> None:
        """A phase begins ("sessions", "contacts"); `total` is None where nobody knows yet."""

    def step(self, count: int = 1) -> None:
        """So many things of the phase are done."""

    def waits(self, why: str, until: datetime) -> None:
        """A call waits for a limit ("Zoom heavy limit") until then (aware UTC)."""

    def called(self, vendor: str, origin: str, label: str, status: int) -> None:
        """A request was made; `status` is 0 when no answer came."""


@dataclass
class Counter:
    """Counts calls and remembers waits; shows nothing. The base of every display, and enough without one."""

    calls: dict[str, int] = field(default_factory=dict)
    limited: dict[str, int] = field(default_factory=dict)

    def phase(self, name: str, total: int | None = None) -> None: ...

    def step(self, count: int = 1) -> None: ...

    def waits(self, why: str, until: datetime) -> None: ...

    def called(self, vendor: str, origin: str, label: str, status: int) -> None:
        del origin
        name = f"{vendor}.{label}"
        self.calls[name] = self.calls.get(name, 0) + 1
        if status == 429:
            self.limited[name] = self.limited.get(name, 0) + 1

    def total(self, vendor: str) -> int:
        return sum(count for name, count in self.calls.items() if name.startswith(f"{vendor}."))


class Meter(Protocol):
    """Where a service's figures go."""

    def called(self, vendor: str, label: str, status: int) -> None:
        """A request was made."""

    def waited(self, limit: str, seconds: float) -> None:
        """A call waits for a limit."""


class Measured(Counter):
    """Hands calls and waits on to a service's figures."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def waits(self, why: str, until: datetime) -> None:
        # Without the number in "3 Brevo imports": a label has few values.
        self._meter.waited(why.lstrip("0123456789 "), (until - datetime.now(UTC)).total_seconds())

    def called(self, vendor: str, origin: str, label: str, status: int) -> None:
        super().called(vendor, origin, label, status)
        self._meter.called(vendor, label, status)
