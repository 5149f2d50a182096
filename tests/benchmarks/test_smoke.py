"""The benchmarks run, in tiny sizes. What they measure is not looked at: time never makes a test fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_benchmarks_run() -> None:
    """A sync and follow-ups against simulators of another process, invented rosters, and the command line's start."""
    command = [sys.executable, "-m", "benchmarks", "backfill", "followups", "roster", "startup", "--quick"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for figure in ("time ÷ dictated", "429s seen", "people with their mail", "rows/s", "tajo --version"):
        assert figure in done.stdout


def test_those_of_the_service_run() -> None:
    """Webhooks into `tajo serve` from a process of their own, and an outage of Brevo on a clock of its own."""
    sections = ["live_receive", "live_registrations", "live_outage", "live_kills"]
    command = [sys.executable, "-m", "benchmarks", *sections, "--quick"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=260)
    assert done.returncode == 0, done.stderr
    for figure in ("acknowledged and lost", "95 % of people within", "share of the allowed rate", "integrity_check"):
        assert figure in done.stdout


def test_an_unknown_section_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "nothing"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "startup" in done.stderr
