"""RESULTS.md: the figures of the last full run, above what people wrote beneath them."""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import tajo
from benchmarks.report import Section, as_markdown

SOURCE = Path(tajo.__file__).parent
FILE = Path(__file__).with_name("RESULTS.md")
WRITTEN_BY_HAND = "## What was learnt"


def fingerprint() -> str:
    """Of the measured source: figures from before and after a change do not belong in one file."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write(sections: Sequence[Section]) -> Path:
    """Put the figures in the place of the older ones; what was learnt stays as it is."""
    FILE.write_text("\n".join([_head(), *(as_markdown(section) for section in sections), _kept()]))
    return FILE


def _head() -> str:
    return f"""# Benchmarks

Written by `make bench` (all but the last part) on {datetime.now(UTC):%Y-%m-%d}, with Python
{platform.python_version()}, SQLite {sqlite3.sqlite_version} and {os.cpu_count()} processor cores that were shared with
other work. Zoom and Brevo are simulated in a process of their own, with the limits of Zoom Pro and of Brevo's general
tier; calls travel over the loopback interface, so a figure in seconds lacks the network's part.
"""


def _kept() -> str:
    text = FILE.read_text() if FILE.exists() else ""
    _, found, rest = text.partition(WRITTEN_BY_HAND)
    return f"{WRITTEN_BY_HAND}{rest}" if found else f"{WRITTEN_BY_HAND}\n"
