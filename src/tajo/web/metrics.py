"""Figures for Prometheus: what came in, what waits, what was written, what was given up on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import Metric


class Metrics:
    """One process's figures, in a registry of its own. Labels carry no person, no id and no address."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._received = Counter("tajo_webhooks_received", "Genuine webhooks kept.", registry=self.registry)
        self._refused = Counter(
            "tajo_webhooks_refused", "Webhooks not kept.", ["status", "why"], registry=self.registry
        )
        self._duplicates = Gauge(
            "tajo_webhooks_duplicates", "Deliveries that were there already.", registry=self.registry
        )
        self._validated = Gauge(
            "tajo_webhook_last_validation_timestamp_seconds", "When Zoom last validated.", registry=self.registry
        )
        self._opt_outs = Counter(
            "tajo_brevo_webhook_events", "What Brevo's webhooks told, by kind.", ["kind"], registry=self.registry
        )
        self._calls = Counter(
            "tajo_calls", "Requests to a vendor.", ["vendor", "label", "status"], registry=self.registry
        )
        self._waits = Counter(
            "tajo_call_wait_seconds", "Time that calls waited for a limit.", ["limit"], registry=self.registry
        )

    def opt_outs(self, kind: str, count: int) -> None:
        self._opt_outs.labels(kind).inc(count)

    def received(self) -> None:
        self._received.inc()

    def refused(self, status: int, why: str) -> None:
        self._refused.labels(str(status), why).inc()

    def duplicates(self, count: int) -> None:
        self._duplicates.set(count)

    def validated(self, at: datetime) -> None:
        self._validated.set(at.timestamp())

    def called(self, vendor: str, label: str, status: int) -> None:
        self._calls.labels(vendor, label, str(status)).inc()

    def waited(self, limit: str, seconds: float) -> None:
        self._waits.labels(limit).inc(max(0.0, seconds))

    def text(self, more: Iterable[Metric] = ()) -> bytes:
        """The exposition: our counters, and figures read from the database at this moment."""
        moment = CollectorRegistry()
        moment.register(_Now(list(more)))
        return generate_latest(self.registry) + generate_latest(moment)


class _Now:
    """Figures that are asked for when somebody looks."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
