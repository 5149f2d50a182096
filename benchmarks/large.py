"""A webinar of 50,000 join rows: memory and time of the whole command, and where a row's time goes on its way."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.limits import Pace
from benchmarks.product import RATE_SHARE, Installation
from benchmarks.report import Section, Table, at_most, median, spread, told
from benchmarks.vendors import Account, Vendors
from benchmarks.webinar import Synced, breakdown, sync

RUNS = 2
PEAK_MB = 300


def measure(*, quick: bool = False) -> Section:
    registrants, attendees, rows = (18, 15, 40) if quick else (25_000, 20_000, 50_000)
    size = {"registrants": registrants, "attendees": attendees, "rows": rows}
    taken = []
    for _ in range(1 if quick else RUNS):
        account = Account("webinar", {"seed": 2, "now": datetime.now(UTC), **size})
        with Vendors(account) as vendors, tempfile.TemporaryDirectory() as folder:
            installation = Installation(Path(folder), vendors)
            connected = installation.connect()
            taken.append(sync(vendors, installation))
    section = Section("large", f"a webinar of {rows:,} join rows, {attendees:,} people and {registrants:,} registrants")
    peaks = [each.run.peak_mb for each in taken]
    seconds = [each.run.seconds for each in taken]
    paces = [Pace.of(each.zoom, RATE_SHARE) for each in taken]
    dictated = paces[-1].dictated(paces[-1].narrowest)
    section.figures = [
        at_most("peak memory of tajo sync", max(peaks), PEAK_MB, " MB", more=f"lowest {min(peaks):,.0f}"),
        told("the same of tajo connectors connect", connected.peak_mb, " MB"),
        told("seconds of the whole sync", median(seconds), " s", digits=1, more=spread(seconds)),
        told("first to last Zoom call", median([pace.seconds for pace in paces]), " s", digits=1),
        told(
            f"dictated by {paces[-1].narrowest}",
            dictated,
            " s",
            digits=1,
            more=f"at {RATE_SHARE}: {dictated / RATE_SHARE:.1f} s",
        ),
        told("Brevo calls", max(len(each.brevo) for each in taken)),
        at_most("429s seen", sum(each.refused for each in taken), 0),
    ]
    section.tables = [breakdown(taken[-1]), paces[-1].table("Labels"), _people(taken[-1])]
    return section


def _people(synced: Synced) -> Table:
    summary = synced.run.summary
    names = ("rows", "created", "refused", "in_review", "excluded", "dead_letters")
    counts = [(name.replace("_", " "), f"{summary[name]:,}") for name in names]
    return Table("What the sync told", ("", "count"), counts + list(summary["outcomes"].items()))
