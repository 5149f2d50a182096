"""A request to sync: read from what was typed, carried out durably, or previewed on a copy of the database."""

from __future__ import annotations

import contextlib
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from tajo.core.errors import TajoError, UsageError
from tajo.store import runs
from tajo.store.copy import copy_into
from tajo.store.database import Database, existing
from tajo.store.keys import Vault
from tajo.workflows import connecting, identifying, jobs, live, sweep, sync, tidying  # noqa: F401 - so that the engine knows their workflows
from tajo.workflows.engine import Engine
from tajo.workflows.progress import Counter
from tajo.workflows.services import Services

DEFAULT_SINCE = timedelta(days=30)
FURTHEST = timedelta(days=366)
AS_FAR_AS_ZOOM_GOES = timedelta(days=365)  # for one session by its number: all of its instances


@dataclass(frozen=True, slots=True)
class Request:
    """Which sessions to sync: UTC days, both in, and at most one session by numeric id or UUID."""

    since: str
    until: str
    meeting: str = ""
    webinar: str = ""


def read_request(
    *,
    since: str | date | datetime | None,
    until: str | date | datetime | None,
    meeting: str | None = None,
    webinar: str | None = None,
    now: datetime,
) -> Request:
    """The request as typed or passed. UsageError for what cannot be meant."""
    if meeting and webinar:
        raise UsageError("meeting and webinar were both given", origin="sync", hint="give one of them")
    reach = AS_FAR_AS_ZOOM_GOES if meeting or webinar else DEFAULT_SINCE
    first = _day(since, "since", now) if since is not None else (now - reach).date()
    last = _day(until, "until", now) if until is not None else now.date()
    if first > last:
        raise UsageError(
            f"since ({first}) is after until ({last})", origin="sync", hint="give the earlier day as since"
        )
    if first > now.date():
        raise UsageError(f"since ({first}) is in the future", origin="sync", hint="coming webinars are always read")
    if first < (now - FURTHEST).date() or last > (now + FURTHEST).date():
        name, day = ("since", first) if first < (now - FURTHEST).date() else ("until", last)
        raise UsageError(
            f"{name} ({day}) is more than a year away", origin="sync", hint="Zoom keeps reports for a year"
        )
    return Request(first.isoformat(), last.isoformat(), _ident(meeting), _ident(webinar))


def _day(value: str | date | datetime, name: str, now: datetime) -> date:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value
    text = value.strip()
    if days := re.fullmatch(r"(\d{1,4})d", text):
        return (now - timedelta(days=int(days[1]))).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{value!r} is no day for {name}", origin="sync", hint="write 2026-09-01, or 30d for thirty days ago"
        ) from None


def read_moment(text: str, now: datetime, name: str, *, origin: str = "events") -> datetime:
    """A time as typed: a UTC day, an ISO time (UTC unless it says otherwise), or 30m, 2h, 3d ago. UsageError."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if ago := re.fullmatch(r"([0-9]+)([mhd])", text):
            return now - timedelta(**{units[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text[:40]!r} is no time for {name}", origin=origin, hint="write 2026-09-01, 2h or 3d"
        ) from None


def _ident(value: str | None) -> str:
    """A numeric id as people copy it ("874 5548 2100", "874-5548-2100"), or a UUID as it is."""
    text = (value or "").strip()
    if not text.isprintable():
        raise UsageError("the session's number has characters that none has", origin="sync", hint="copy it again")
    bare = re.sub(r"[\s-]", "", text)
    return bare if bare.isdigit() else text


async def carry_out(
    services: Services, request: Request, *, told: Callable[[str], None], box: Database | None = None
) -> dict[str, Any]:
    """Run the request durably; its summary. A run that was killed or paused is taken up, not begun anew.

    Another unfinished run is brought to its end first: `told` says so. Where a service works on the database it does
    the job, and is followed; otherwise this process does it, and tidies up afterwards: `box` is the inbox, if any.
    """
    if await jobs.at_work(services.database, services.clock()):
        told("the running service does it")
        follow = partial(jobs.follow, services.database, progress=services.progress)
        return await _one_after_another(services, request, told, follow)
    async with Engine(services.database, "sync", services) as engine:

        async def follow_mine(run: runs.Run) -> dict[str, Any]:
            summary: dict[str, Any] = await engine.result(jobs.workflow_id(run), sync.sync_workflow, run.id)
            return summary

        summary = await _one_after_another(services, request, told, follow_mine)
        with contextlib.suppress(TajoError):  # nobody's sync fails by it: the next one tidies
            await tidying.tidy(services, box)
        return summary


async def _one_after_another(
    services: Services,
    request: Request,
    told: Callable[[str], None],
    follow: Callable[[runs.Run], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    for run in await services.database.read(runs.unfinished):
        told(f"goes on with the run of {run.started_at:%Y-%m-%d %H:%M} UTC ({run.request['since']} to …)")
        summary = await _taken_up(services, run, follow)
        if run.request == asdict(request) or "problem" in summary:
            return summary
    return await _taken_up(services, await services.database.write(start, request, services.clock()), follow)


async def _taken_up(
    services: Services, run: runs.Run, follow: Callable[[runs.Run], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """The result of a run: of its workflow that was killed, or of a new attempt where the last one had ended."""
    if run.state == runs.PAUSED:
        run = await services.database.write(runs.again, run)
    summary = await follow(run)
    if "problem" not in summary:
        await connecting.note_connected(services)
    return summary


def start(connection: Any, request: Request, now: datetime) -> runs.Run:
    """A run of the request, with a number of its own."""
    return runs.start(connection, f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}", asdict(request), now)


async def submit(database: Database, request: Request, now: datetime) -> str:
    """Enqueue the request for the running service; the run's id. An unfinished run of the same request is that one."""
    for known in await database.read(runs.unfinished):
        if known.request == asdict(request):
            run = await database.write(runs.again, known) if known.state == runs.PAUSED else known
            break
    else:
        run = await database.write(start, request, now)
    await jobs.enqueue(database, run)
    return run.id


async def follow(database: Database, run_id: str) -> dict[str, Any]:
    """Wait until the service has carried a submitted run out; its summary."""
    return await jobs.follow(database, await database.read(runs.load, run_id), progress=Counter())


async def preview(services: Services, request: Request, *, run_id: str = "preview") -> dict[str, Any]:
    """What the request would write: the same code, without the writes. `services` stands on a copy: see `a_copy`."""
    run = await services.database.write(runs.start, run_id, asdict(request), services.clock())
    summary: dict[str, Any] = await sync.dry_run(services, run.id)
    return summary


@asynccontextmanager
async def a_copy(
    url: str, vault: Vault | None = None, *, rows: bool = True
) -> AsyncIterator[tuple[Database, Database | None]]:
    """A throw-away copy of a database, as it is now; an empty one where there is none yet. Yields (copy, original).

    Without `rows` it is an empty one in any case. `vault` tells whose rows a copy keeps no more either.

    The original is for counting calls, since limits are shared whoever calls; None while it does not exist.
    """
    with tempfile.TemporaryDirectory(prefix="tajo-plan-") as folder:
        target = Database(f"sqlite:///{Path(folder) / 'plan.db'}", vault=vault)
        target.migrate()
        original = existing(url, vault)
        try:
            if original is not None and rows:
                await anyio.to_thread.run_sync(copy_into, original, target)
            yield target, original
        finally:
            target.close()
            if original is not None:
                original.close()
