"""How fast rosters are built from typed rows, and what every other step of a row's way costs."""

from __future__ import annotations

import cProfile
import gc
import json
import pstats
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.report import Section, Table, at_least, median, spread, told
from benchmarks.rows import SESSION_ID, UUID, Crowd
from tajo.connectors.zoom.api import reports
from tajo.connectors.zoom.normalise import Rows
from tajo.core.facts import Kind
from tajo.core.identity import identify
from tajo.core.outcome import Readiness, Settle
from tajo.core.roster import Roster, Rules, build, entries
from tajo.store import facts
from tajo.store.database import Database
from tajo.workflows.building import rebuild, without_collecting

RUNS = 7
ROWS_A_SECOND = 100_000
PAGE = 300
DEAREST = 12


def measure(*, quick: bool = False) -> Section:
    rows = 600 if quick else 50_000
    runs = 3 if quick else RUNS
    people, registrants = rows * 2 // 5, rows * 2 // 5
    bare = Crowd(rows, people, 0)
    registered = Crowd(rows, people, registrants)
    alone = Crowd(rows, rows, 0)
    section = Section("roster", f"rosters from {rows:,} typed rows, without and with {registrants:,} registrants")
    cases = (
        (f"{people:,} people, no registrants", bare),
        (f"{people:,} people, {registrants:,} registrants", registered),
    )
    for title, crowd in cases:
        rates = [rows / each for each in _times(_builder(crowd), runs)]
        section.figures.append(at_least(f"rows/s: {title}", median(rates), ROWS_A_SECOND, more=spread(rates, 0)))
    rates = [rows / each for each in _times(_builder(alone), runs)]
    section.figures.append(told(f"rows/s: {rows:,} people of one row each", median(rates), more=spread(rates, 0)))
    section.figures.append(told(f"rows/s: {cases[1][0]}, collecting garbage meanwhile", _collected(registered, runs)))
    section.tables = [_parts(registered, runs), _profile(registered), _way(registered, 1 if quick else 3)]
    section.notes = [
        "seconds are of the processor: they do not count what other programs take from it meanwhile",
        "each run builds the whole roster anew, with Python's garbage collector paused, as the product does",
        "the profile's own cost is in its seconds: only their shares tell",
    ]
    return section


def _builder(crowd: Crowd) -> Callable[[], Roster]:
    """Builds a roster as `rebuild` does: Python's garbage collector pauses meanwhile."""
    work = _plain(crowd)

    def paused() -> Roster:
        with without_collecting():
            return work()

    return paused


def _plain(crowd: Crowd) -> Callable[[], Roster]:
    occurrence, registrations, stays = crowd.occurrence(), crowd.registrations(), crowd.stays()
    return lambda: build(occurrence, registrations, stays, ready=Readiness.FINAL, rules=Rules())


def _times(work: Callable[[], object], runs: int) -> list[float]:
    """Processor seconds of each run, after one that does not count."""
    taken = []
    for number in range(runs + 1):
        gc.collect()
        began = time.process_time()
        made = work()
        seconds = time.process_time() - began
        del made
        if number:
            taken.append(seconds)
    return taken


def _collected(crowd: Crowd, runs: int) -> float:
    """Rows a second while Python's garbage collector is on: what pausing it saves."""
    return crowd.rows / median(_times(_plain(crowd), runs))


def _parts(crowd: Crowd, runs: int) -> Table:
    """How building divides: who is who, then what became of each; and the entries that contacts are made from."""
    registrations, stays = crowd.registrations(), crowd.stays()
    whole = median(_times(_builder(crowd), runs))
    who = median(_times(lambda: identify(registrations, stays), runs))
    made = _builder(crowd)()
    derived = median(_times(lambda: entries(made), runs))
    rows = [
        ("identify: rows and registrations to persons", *_cost(who, crowd)),
        ("the rest of build: presence, outcomes, exclusions", *_cost(whole - who, crowd)),
        ("entries (not part of build)", *_cost(derived, crowd)),
    ]
    return Table("Building, with registrants", ("", "ms", "µs a row", "rows/s"), rows)


def _cost(seconds: float, crowd: Crowd) -> tuple[str, str, str]:
    rate = f"{crowd.rows / seconds:,.0f}" if seconds > 0 else ""
    return f"{seconds * 1e3:,.0f}", f"{seconds / crowd.rows * 1e6:.1f}", rate


def _profile(crowd: Crowd) -> Table:
    work = _builder(crowd)
    profile = cProfile.Profile()
    profile.runcall(work)
    found: Mapping[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in found.values())
    rows = []
    for (file, _, name), (_, calls, own, _, _) in sorted(found.items(), key=lambda each: -each[1][2])[:DEAREST]:
        where = f"{Path(file).stem}.{name}" if file not in ("~", "") else name
        rows.append((where, f"{calls:,}", f"{own / total:.0%}"))
    return Table("The same, profiled: time spent in each function itself", ("function", "calls", "share"), rows)


def _way(crowd: Crowd, runs: int) -> Table:
    """Every step between Zoom's answer and the stored roster, by itself, on a database in a temporary folder."""
    rows = crowd.json_rows()
    pages = [rows[start : start + PAGE] for start in range(0, crowd.rows, PAGE)]
    bodies = [json.dumps({"participants": page, "next_page_token": ""}).encode() for page in pages]
    parse = reports.webinar_participants(UUID).parse
    typed = [parse(json.loads(body)).items for body in bodies]
    (instance,) = crowd.occurrence().instances

    def normalise() -> list[Any]:
        taking = Rows(instance)
        return [taking.take(items) for items in typed]

    steps = {
        "JSON to typed rows": lambda: [parse(json.loads(body)) for body in bodies],
        "typed rows to stays": normalise,
    }
    taken = {name: median(_times(work, runs)) for name, work in steps.items()}
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'tajo.db'}")
        database.migrate()
        _store(database, crowd)
        stays = normalise()
        taken["stays into SQLite"] = median(_times(lambda: _keep(database, stays), runs))
        taken["stays out of SQLite"] = median(_times(lambda: database.read_now(facts.load_stays, [UUID]), runs))
        taken["rebuild: out of SQLite, build, roster into it"] = median(_times(lambda: _rebuild(database), runs))
        database.close()
    lines = [(name, *_cost(seconds, crowd)) for name, seconds in taken.items()]
    return Table("A row's way, step by step", ("", "ms", "µs a row", "rows/s"), lines)


def _store(database: Database, crowd: Crowd) -> None:
    occurrence, now = crowd.occurrence(), datetime.now(UTC)
    session = occurrence.session

    def put(connection: Any) -> None:
        facts.save_session(connection, session, now)
        facts.save_instances(connection, session.kind, session.id, occurrence.instances)
        facts.save_registrations(connection, session.kind, session.id, crowd.registrations(), vanishing=())

    database.write_now(put)


def _keep(database: Database, pages: list[Any]) -> None:
    """As a sync does: a transaction a page, under a working name, then all at once in the old rows' place."""
    working = f"{UUID}#reading"
    database.write_now(facts.forget_stays, working)
    offset = 0
    for stays in pages:
        database.write_now(lambda connection, s=stays, n=offset: facts.add_stays(connection, working, s, offset=n))
        offset += len(stays)
    database.write_now(facts.move_stays, working, UUID)


def _rebuild(database: Database) -> None:
    def work(connection: Any) -> None:
        rebuild(
            connection,
            Kind.WEBINAR,
            SESSION_ID,
            rules=Rules(),
            settle=Settle(),
            restart_gap=timedelta(hours=1),
            now=datetime.now(UTC),
        )

    database.write_now(work)
