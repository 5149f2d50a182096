"""The same account read by the original page's loop, by tap-zoom and by Tajo: calls, seconds, people, minutes."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import tap
from benchmarks.plain_loop import PlainLoop
from benchmarks.product import Installation
from benchmarks.report import Section, Table, at_most
from benchmarks.truth import Claim, Known, Score, everybody, score
from benchmarks.vendors import Account, Vendors, brevo_calls, contacts, refused, written, zoom_calls
from tajo.simulators.world import Session, World

Contender = Callable[[Vendors, World], tuple[int, dict[str, Claim]]]  # → rows read, claims by e-mail


@dataclass(frozen=True, slots=True)
class Result:
    """One contender on one account. `writes` are contacts written, as e-mails; None for who only reads."""

    seconds: float
    zoom: int
    brevo: int
    limited: int
    rows: int
    writes: list[str] | None
    score: Score


def measure(*, quick: bool = False) -> Section:
    now = datetime.now(UTC)
    size = {"registrants": 16, "attendees": 10, "rows": 13} if quick else {}
    size = size or {"registrants": 600, "attendees": 420, "rows": 540}
    small = Account("webinar", {"seed": 4, "now": now, **size})
    accounts = {f"a webinar of {size['registrants']} registrants": small}
    if not quick:
        accounts["an ordinary month"] = Account("month", {"seed": 7, "now": now})
    section = Section("comparison", "the page's loop, tap-zoom and Tajo on the same sessions")
    contenders = dict(CONTENDERS)
    try:
        contenders["tap-zoom, reads only"] = partial(_tap, tap.python())
    except tap.NoTapError as error:
        section.notes.append(f"NOT COMPARED: tap-zoom could not be installed ({error})")
    for title, account in accounts.items():
        world = account.world()
        right = everybody(world)
        results = {name: _result(work, account, world, right) for name, work in contenders.items()}
        section.tables.append(_table(title, results))
        tajo = results[TAJO].score
        section.figures += [
            at_most(f"{title}: people lost by Tajo", tajo.lost, 0, more=f"of {tajo.asked}"),
            at_most(f"{title}: wrong minutes of Tajo", tajo.wrong_minutes, 0),
            at_most(f"{title}: no-shows Tajo did not find", tajo.no_shows - tajo.no_shows_found, 0),
            at_most(f"{title}: people in Brevo who should not be", len(tajo.uninvited), 0),
        ]
    section.notes += NOTES
    return section


NOTES = (
    "people: whom Zoom shows with an e-mail or an id, who came or registered, and who are neither hosts nor panelists",
    "wrong minutes: people whose latest session they attended, and who have other seconds than they were there; "
    "of tap-zoom's rows the sum for each e-mail and session is taken, as a query over them would",
    "tap-zoom asks for pages by number, which the reports do not know: it reads a report's first 300 rows once for "
    "each page (equal rows count once here)",
    "Tajo's calls and seconds include connecting; in the month one webinar ended 90 minutes ago, and until two reads "
    "of its report agree nobody there has an outcome: that is what the second sync is for",
    "repeated writes: writes of a contact that was written before in the same run",
    "the loop is given the number of every session that took place, oldest first, and waits when a limit refuses it; "
    "as on the page it reads 30 rows a session: the second column lets it read all pages",
    "an account without any latency: a real round trip makes the loop slower, and hardly changes the others",
)


def _result(work: Contender, account: Account, world: World, right: Mapping[str, Known]) -> Result:
    """On a fresh account."""
    with Vendors(account) as vendors:
        began = time.perf_counter()
        rows, claims = work(vendors, world)
        seconds = time.perf_counter() - began
        zoom, brevo = vendors.ask(zoom_calls), vendors.ask(brevo_calls)
        return Result(
            seconds=seconds,
            zoom=sum(call.label != "" for call in zoom),
            brevo=len(brevo),
            limited=refused(zoom) + refused(brevo),
            rows=rows,
            writes=vendors.ask(written) if brevo else None,
            score=score(right, claims),
        )


def _held(world: World) -> Iterable[Session]:
    """Sessions that took place, by the end of the first time."""
    ended = [(min(i.end for i in s.instances), s.id) for s in world.sessions.values() if s.instances]
    return (world.sessions[number] for end, number in sorted(ended) if end <= world.now)


def _loop(vendors: Vendors, world: World, *, every_page: bool) -> tuple[int, dict[str, Claim]]:
    loop = PlainLoop(vendors, every_page=every_page)
    loop.run(_held(world))
    return loop.rows, _claims(vendors)


def _tajo(vendors: Vendors, world: World, *, times: int) -> tuple[int, dict[str, Claim]]:
    """Connected and synced, `times` times. All rows are read each time, and counted once."""
    del world
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder), vendors)
        installation.connect()
        runs = [installation.sync("32d") for _ in range(times)]
    return int(runs[-1].summary["rows"]), _claims(vendors)


def _claims(vendors: Vendors) -> dict[str, Claim]:
    """What stands in Brevo."""
    return {
        email: Claim(values.get("MEETING_DURATION"), str(values.get("ATTENDANCE_STATUS", "")))
        for email, values in vendors.ask(contacts).items()
    }


def _tap(interpreter: Path, vendors: Vendors, world: World) -> tuple[int, dict[str, Claim]]:
    """Its rows, added up for each e-mail and session; of several sessions the latest counts, of equal rows one."""
    seconds: Counter[tuple[int, str]] = Counter()
    claims: dict[str, Claim] = {}
    rows: set[str] = set()
    for message in tap.records(interpreter, vendors):
        stream, record = message["stream"], message["record"]
        if stream.startswith("report_") and stream.endswith("_participants"):
            row = json.dumps(record, sort_keys=True)
            if row not in rows:
                seconds[_session_of(record), record["user_email"].lower()] += record["duration"]
            rows.add(row)
        elif stream.endswith("_registrants"):
            claims.setdefault(record["email"].lower(), Claim())
    order = [session.id for session in _held(world)]
    for (_, email), total in sorted(seconds.items(), key=lambda each: order.index(each[0][0])):
        if email:
            claims[email] = Claim(total, "attended")
    return len(rows), claims


def _session_of(record: Mapping[str, Any]) -> int:
    return int(record.get("webinar_id") or record["meeting_id"])


TAJO = "Tajo, twice"
CONTENDERS: dict[str, Contender] = {
    "the page's loop": partial(_loop, every_page=False),
    "the loop, all pages": partial(_loop, every_page=True),
    "Tajo": partial(_tajo, times=1),
    TAJO: partial(_tajo, times=2),
}


def _table(title: str, results: Mapping[str, Result]) -> Table:
    lines: list[tuple[str, Callable[[Result], object]]] = [
        ("calls to Zoom", lambda each: each.zoom),
        ("calls to Brevo", lambda each: each.brevo if each.writes is not None else "–"),
        ("refused by a limit (429)", lambda each: each.limited),
        ("seconds", lambda each: f"{each.seconds:.1f}"),
        ("rows read", lambda each: each.rows),
        ("people found", lambda each: f"{each.score.found} of {each.score.asked}"),
        ("people lost", lambda each: each.score.lost),
        ("of them: who came", lambda each: each.score.lost_who_came),
        ("wrong minutes", lambda each: each.score.wrong_minutes),
        ("no-shows found", lambda each: f"{each.score.no_shows_found} of {each.score.no_shows}"),
        ("others: hosts, panelists, denied …", lambda each: len(each.score.uninvited)),
        ("contacts written", lambda each: len(each.writes) if each.writes is not None else "–"),
        ("repeated writes", lambda each: _repeated(each.writes)),
    ]
    rows = [(name, *(str(cell(each)) for each in results.values())) for name, cell in lines]
    return Table(title[0].upper() + title[1:], ("", *results), rows)


def _repeated(writes: list[str] | None) -> object:
    return "–" if writes is None else len(writes) - len(set(writes))
