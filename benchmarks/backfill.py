"""A backfill of 200 sessions: whether Zoom's limits alone decide how long it takes, and how many calls a session costs.

The limits are simulated in both readings of "a second": windows that begin with the clock's second, and sliding ones.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from benchmarks.limits import Pace
from benchmarks.product import RATE_SHARE, Installation
from benchmarks.report import Section, Table, at_most, told
from benchmarks.vendors import Account, Vendors
from benchmarks.webinar import Synced, sync
from tajo.simulators.faults import CallRecord
from tajo.simulators.world import Session, World

ALLOWED = 1.10  # × what the limits dictate
MORE_CALLS = 9  # a session may cost beside its pages
PAGE = 300


@dataclass(frozen=True, slots=True)
class Cost:
    """What one session cost: all calls that name it, and the pages that its people fill."""

    calls: int
    pages: int

    @property
    def more(self) -> int:
        return self.calls - self.pages


def measure(*, quick: bool = False) -> Section:
    sessions, participants = (4, 2) if quick else (200, 100)
    section = Section("backfill", f"{sessions} sessions of {participants} participants, webinars and meetings mixed")
    for window in ("sliding",) if quick else ("sliding", "fixed"):
        account = Account(
            "backfill",
            {"seed": 1, "now": datetime.now(UTC), "sessions": sessions, "participants": participants},
            zoom={"window": window},
        )
        with Vendors(account) as vendors, tempfile.TemporaryDirectory() as folder:
            installation = Installation(Path(folder), vendors)
            installation.connect()
            _add(section, window, sync(vendors, installation), account.world())
    section.notes += [
        "dictated: calls ÷ limit of the label that needs longest, for the calls that were made",
        "pages: 300 rows or registrants each; a session's other calls are its details, panelists, tracking sources and "
        "the empty pages of the statuses that nobody has",
    ]
    return section


def _add(section: Section, window: str, synced: Synced, world: World) -> None:
    pace = Pace.of(synced.zoom, RATE_SHARE)
    dictated = pace.dictated(pace.narrowest)
    ratio = at_most(f"{window} windows: time ÷ dictated", pace.ratio, ALLOWED, digits=3)
    section.figures += [
        ratio,
        told(f"{window}: the same at rate_share {RATE_SHARE}", pace.ratio_at_share, digits=3),
        told(
            f"{window}: first to last Zoom call",
            pace.seconds,
            " s",
            digits=1,
            more=f"dictated by {pace.narrowest}: {dictated:.1f} s, at {RATE_SHARE}: {dictated / RATE_SHARE:.1f} s",
        ),
        at_most(f"{window}: 429s seen", synced.refused, 0),
        told(f"{window}: whole sync", synced.run.seconds, " s", digits=1, more=f"{synced.run.cpu_s:.1f} s processor"),
    ]
    costs = costs_of(synced.zoom, world)
    most = max(cost.more for cost in costs)
    section.figures.append(at_most(f"{window}: calls of a session beyond its pages, at most", most, MORE_CALLS))
    section.tables.append(pace.table(f"Labels, {window} windows"))
    if len(section.tables) == 1:
        section.tables.append(_costs(costs))


def costs_of(calls: Iterable[CallRecord], world: World) -> list[Cost]:
    """The cost of each session that any call names, by its number or the UUID of an instance."""
    by_name = {str(number): session for number, session in world.sessions.items()}
    by_name |= {instance.uuid: session for session, instance in world.instances()}
    named = Counter(session.id for call in calls if (session := _session(call, by_name)) is not None)
    return [Cost(count, pages(world.sessions[number])) for number, count in named.items()]


def _session(call: CallRecord, by_name: dict[str, Session]) -> Session | None:
    for part in call.path.split("/"):
        name = unquote(part)
        if found := by_name.get(name) or by_name.get(unquote(name)):
            return found
    return None


def pages(session: Session) -> int:
    """The pages that its rows and its registrants fill."""
    listed = Counter(registrant.status for registrant in session.registrants)
    counts = [len(instance.rows) for instance in session.instances] + list(listed.values())
    return sum(-(-count // PAGE) for count in counts)


def _costs(costs: list[Cost]) -> Table:
    rows = [
        (f"{calls} calls for {filled} pages", calls - filled, count)
        for (calls, filled), count in sorted(Counter((cost.calls, cost.pages) for cost in costs).items())
    ]
    return Table("What a session costs", ("", "beyond its pages", "sessions"), rows)
