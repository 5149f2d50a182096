"""What `app` builds: who hears of every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tajo import app, logs
from tajo.brevo.api.client import Attempt as BrevoAttempt
from tajo.connectors.zoom.api.client import Attempt as ZoomAttempt
from tajo.workflows.progress import Counter


def tried(status: int) -> ZoomAttempt:
    return ZoomAttempt("zoom.users.list", "medium", status, timedelta(seconds=2), timedelta(milliseconds=40))


@pytest.fixture
def told(clock: Any) -> Any:
    return app._Told(Counter(), clock)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(each) for each in capsys.readouterr().err.splitlines()]


def test_every_call_is_logged_when_verbose(told: Any, lines: Any) -> None:
    with logs.started(level="verbose"):
        told("zoom", tried(200))
        told("brevo", BrevoAttempt("brevo.events", "events", 0, timedelta(seconds=30), "TransientError"))
    zoom, brevo = lines()
    assert (zoom["status"], zoom["ms"], zoom["waited_ms"]) == (200, 40, 2000)
    assert (brevo["status"], brevo["ms"], brevo["error"]) == (0, 30_000, "TransientError")


def test_a_silence_of_a_minute_is_said_once_and_its_end(told: Any, lines: Any, clock: Any) -> None:
    """Answers of a fault count as none; a 429 is an answer."""
    with logs.started(level="info"):
        for status in (500, 0, 502, 0, 503):
            told("zoom", tried(status))
            clock.forward(seconds=25)
        told("zoom", tried(429))
        told("zoom", tried(500))
        told("zoom", tried(200))
    said = [(each["event"], each["vendor"], each["seconds"]) for each in lines()]
    assert said == [("vendor.silent", "zoom", 75), ("vendor.back", "zoom", 125)]
    assert told.answered["zoom"] == clock()
