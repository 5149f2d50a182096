"""One webinar of 10,000 registrants into Brevo: how many calls, how long, and nothing at all the second time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.product import Installation, Run
from benchmarks.report import Figure, Section, Table, at_most, median, spread, told
from benchmarks.vendors import Account, Vendors, brevo_calls, cpu_s, forget, is_contact_write, refused, zoom_calls
from tajo.simulators.faults import CallLog

RUNS = 3
MANY = (10_000, 7_000, 9_000)  # registrants, attendees, rows: written by imports
FEW = (16, 10, 13)  # up to 20 people are written one by one


@dataclass(frozen=True, slots=True)
class Synced:
    """One sync as both vendors saw it."""

    run: Run
    zoom: CallLog
    brevo: CallLog
    simulators_cpu_s: float

    @property
    def refused(self) -> int:
        return refused(self.zoom) + refused(self.brevo)

    @property
    def writes(self) -> int:
        """Calls that change contacts."""
        return sum(is_contact_write(call) for call in self.brevo)


def sync(vendors: Vendors, installation: Installation) -> Synced:
    """Sync once, with fresh records of calls."""
    vendors.ask(forget)
    before = vendors.ask(cpu_s)
    run = installation.sync()
    return Synced(run, vendors.ask(zoom_calls), vendors.ask(brevo_calls), vendors.ask(cpu_s) - before)


@dataclass(frozen=True, slots=True)
class Both:
    connecting: int  # Brevo calls
    first: Synced
    second: Synced


def measure(*, quick: bool = False) -> Section:
    registrants, attendees, rows = FEW if quick else MANY
    taken = [_once(registrants, attendees, rows) for _ in range(1 if quick else RUNS)]
    section = Section("webinar", f"{registrants:,} registrants and {attendees:,} attendees of one webinar into Brevo")
    section.figures = _figures(taken)
    if not quick:
        few = _once(*FEW).first
        more = f"{len(few.brevo)} Brevo calls, {few.run.seconds:.1f} s"
        section.figures.append(
            at_most(f"429s seen with {FEW[0]} registrants, written singly", few.refused, 0, more=more)
        )
    section.tables = [breakdown(taken[-1].first)]
    summary = taken[-1].first.run.summary
    section.notes = [
        f"Zoom Pro and Brevo's general limits; {summary['created']:,} contacts were created "
        f"({summary['outcomes']['attended']:,} attended, {summary['outcomes']['no_show']:,} no-shows)",
        "seconds are of the whole command `tajo sync zoom`, start of Python and 5 s wait for Brevo's imports included",
    ]
    return section


def _once(registrants: int, attendees: int, rows: int) -> Both:
    size = {"registrants": registrants, "attendees": attendees, "rows": rows}
    account = Account("webinar", {"seed": 1, "now": datetime.now(UTC), **size})
    with Vendors(account) as vendors, tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder), vendors)
        installation.connect()
        connecting = len(vendors.ask(brevo_calls))
        return Both(connecting, sync(vendors, installation), sync(vendors, installation))


def _figures(taken: list[Both]) -> list[Figure]:
    calls = [len(each.first.brevo) for each in taken]
    seconds = [each.first.run.seconds for each in taken]
    again = [each.second.run.seconds for each in taken]
    both = [each for pair in taken for each in (pair.first, pair.second)]
    return [
        at_most("Brevo calls", max(calls), 20, more=f"and {max(each.connecting for each in taken)} to connect"),
        at_most("seconds in all", median(seconds), 60, " s", digits=1, more=spread(seconds)),
        at_most("429s seen", sum(each.refused for each in both), 0, more="both syncs, both vendors"),
        at_most("contact writes of an unchanged second sync", max(each.second.writes for each in taken), 0),
        told("seconds of the second sync", median(again), " s", digits=1, more=spread(again)),
        told("Zoom calls", max(len(each.first.zoom) for each in taken)),
        told("peak memory", median([each.first.run.peak_mb for each in taken]), " MB"),
    ]


def breakdown(first: Synced) -> Table:
    """Where the seconds of a first sync went, by the times of the calls."""
    zoom, brevo = (sorted(call.at for call in calls) for calls in (first.zoom, first.brevo))
    began = min(call.at for call in first.brevo if is_contact_write(call))
    reading = (zoom[-1] - zoom[0]).total_seconds()
    planning = (began - zoom[-1]).total_seconds()
    writing = (brevo[-1] - began).total_seconds()
    rows = [
        ("first to last Zoom call", f"{reading:.1f}"),
        ("last Zoom call to first write (rosters, plan)", f"{planning:.1f}"),
        ("first write to last Brevo call (imports, waiting for them, reading back)", f"{writing:.1f}"),
        ("before and after (start, closing)", f"{first.run.seconds - reading - planning - writing:.1f}"),
        ("processor time of tajo", f"{first.run.cpu_s:.1f}"),
        ("processor time of the simulators", f"{first.simulators_cpu_s:.1f}"),
    ]
    return Table("Where the first sync's seconds went (last run)", ("", "s"), rows)
