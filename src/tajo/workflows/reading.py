"""Reading from Zoom into the database: which sessions there are, then each of them as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from tajo.connectors.zoom import read
from tajo.connectors.zoom.api.errors import NotReady, TooOld, WrongKind
from tajo.connectors.zoom.discover import Discovery, Window, everything, one
from tajo.connectors.zoom.normalise import Found, Rows
from tajo.core.errors import ContractError, RejectedError, TajoError, TransientError
from tajo.core.facts import Instance, Kind, Session
from tajo.core.outcome import Settle
from tajo.store import facts, letters, runs
from tajo.workflows.building import rebuild
from tajo.workflows.engine import bounded
from tajo.workflows.services import Services

Json = Any


async def discover(services: Services, run_id: str) -> Json:
    """Find the run's sessions and note them down; {"sessions": [[kind, id], …], "notes": […], "unreadable": n}."""
    run = await services.database.read(runs.load, run_id)
    services.progress.phase("discover")
    found = await _find(services, run.request)
    keys = sorted({*found.held, *found.coming})

    def note(connection: Any) -> None:
        for kind, session_id in keys:
            mine = found.held.get((kind, session_id), [])
            facts.save_instances(connection, kind, session_id, [each.instance for each in mine])
            runs.add_session(connection, run_id, kind, session_id, _listed(mine))

    await services.database.write(note)
    return {
        "sessions": [[kind.value, session_id] for kind, session_id in keys],
        "notes": found.notes,
        "unreadable": found.unreadable,
    }


async def _find(services: Services, request: Mapping[str, Any]) -> Discovery:
    window = window_of(request)
    for kind in Kind:
        if request.get(kind):
            return await one(services.zoom, kind, str(request[kind]), window)
    return await everything(services.zoom, window, kinds(services), services.clock())


def kinds(services: Services) -> frozenset[Kind]:
    """The kinds that the configuration lets us read."""
    sync = services.connector.sync
    wanted = ((Kind.MEETING, sync.participants), (Kind.WEBINAR, sync.webinars))
    return frozenset(kind for kind, on in wanted if on)


def window_of(request: Mapping[str, Any]) -> Window:
    return Window(date.fromisoformat(request["since"]), date.fromisoformat(request["until"]))


def _listed(mine: list[Found]) -> dict[str, Any]:
    """What a listing says of a session, for the time when its details are gone."""
    registration = {each.registration for each in mine}
    return {
        "uuids": [each.instance.uuid for each in sorted(mine, key=lambda each: each.instance.start)],
        "topic": next((each.topic for each in reversed(mine) if each.topic), ""),
        "host_email": next((each.host_email for each in mine if each.host_email), ""),
        "no_registration": bool(mine) and registration == {False},
    }


class UnknownSessionError(TajoError):
    """The session that was asked for does not exist."""


async def read_session(services: Services, run_id: str, key: list[str]) -> Json:
    """Read one session and build its rosters; {"kind", "id", "topic", "rows", …, "problem": why not, or ""}.

    A session that cannot be read is a dead letter and stops nobody else. TransientError when Zoom is silent
    altogether, CredentialError when it refuses access.
    """
    kind, session_id = Kind(key[0]), key[1]
    listed, done = await services.database.read(runs.session, run_id, kind, session_id)
    if done is None:
        done = await _read_or_say_why(services, run_id, kind, session_id, listed)
        now = services.clock()
        await services.database.write(runs.session_read, run_id, kind, session_id, done, now)
    services.progress.step()
    return done


async def _read_or_say_why(
    services: Services, run_id: str, kind: Kind, session_id: str, listed: Mapping[str, Any]
) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": kind.value, "id": session_id, "topic": listed["topic"], "problem": ""}
    subject = f"{kind} {session_id}"
    try:
        result |= await _read(services, run_id, kind, session_id, listed)
    except TransientError as error:
        if services.is_silent("zoom"):
            raise
        result |= {"problem": error.line(), "retry": True}
    except (RejectedError, ContractError) as error:
        result["problem"] = error.line()
        await services.database.write(letters.add, subject, error, services.clock())
    else:
        if not result["problem"]:
            await services.database.write(letters.resolve, [subject], services.clock())
    return result


async def _read(
    services: Services, run_id: str, kind: Kind, session_id: str, listed: Mapping[str, Any]
) -> dict[str, Any]:
    now = services.clock()
    details = await _details(services, kind, session_id)
    if details is None and not listed["uuids"]:
        return await _unknown(services, run_id, kind, session_id)
    if details is not None:
        await services.database.write(facts.save_session, details.session, now)
    else:
        await services.database.write(_remember, kind, session_id, listed, now)
    counts = {"rows": 0, "unreadable": 0, "cancelled": 0}
    jobs: list[Callable[[], Awaitable[str]]] = [
        partial(_instance, services, kind, session_id, uuid, counts) for uuid in listed["uuids"]
    ]
    if details is not None and details.session.registration_required is not False and not listed["no_registration"]:
        jobs.append(partial(_registrants, services, run_id, details, counts))
    said = await bounded(jobs, max(1, len(jobs)))

    def put(connection: Any) -> None:
        emails = rebuild(
            connection,
            kind,
            session_id,
            rules=services.rules,
            settle=services.settle,
            restart_gap=services.connector.restart_gap,
            now=services.clock(),
        )
        runs.add_people(connection, run_id, emails)

    await services.database.write(put)
    topic = details.session.topic if details else listed["topic"]
    return counts | {"topic": topic, "problem": "; ".join(dict.fromkeys(filter(None, said)))}


async def _unknown(services: Services, run_id: str, kind: Kind, session_id: str) -> dict[str, Any]:
    """A listed session that is gone meanwhile is only told; one that was asked for by its number is an error."""
    run = await services.database.read(runs.load, run_id)
    if run.request.get(kind) == session_id:
        raise UnknownSessionError(
            f"Zoom knows no {kind} {session_id}",
            origin=f"zoom.{kind}s.details",
            hint="check the number; one that is not used expires after 30 days",
        )
    return {"problem": "Zoom does not know it any more"}


async def _details(services: Services, kind: Kind, session_id: str) -> read.Details | None:
    try:
        return await read.details(services.zoom, kind, session_id)
    except WrongKind:
        return None  # turned into the other kind meanwhile: what was held stays what it was


def _remember(connection: Any, kind: Kind, session_id: str, listed: Mapping[str, Any], now: datetime) -> None:
    """The details are gone: keep those we have, else what the listing told."""
    if facts.load_session(connection, kind, session_id) is None:
        known = Session(kind, session_id, topic=listed["topic"], host_email=listed["host_email"])
        facts.save_session(connection, known, now)


async def _registrants(services: Services, run_id: str, details: read.Details, counts: dict[str, int]) -> str:
    run = await services.database.read(runs.load, run_id)
    now = services.clock()
    listing = await read.registrants(services.zoom, details, since=window_of(run.request).start, now=now)
    if listing is None:
        return ""
    session = details.session
    coming = {date.id for date in session.scheduled if date.end > now}
    vanishing = [date for date in listing.dates if date in coming or (not date and coming)]

    def save(connection: Any) -> int:
        return facts.save_registrations(
            connection, session.kind, session.id, listing.registrations, vanishing=vanishing
        )

    counts["cancelled"] += await services.database.write(save)
    counts["unreadable"] += listing.unreadable
    return ""


async def _instance(services: Services, kind: Kind, session_id: str, uuid: str, counts: dict[str, int]) -> str:
    """Read one instance's report, page by page, and put it in the place of the one before; "" or why not."""
    instances = await services.database.read(facts.load_instances, kind, session_id)
    instance = next(each for each in instances if each.uuid == uuid)
    before = await services.database.read(facts.digest, uuid)
    try:
        rows = await _rows(services, kind, instance, before)
    except (NotReady, TooOld) as error:
        if before:
            return ""  # read well before: what is known stays
        await _note(services, instance, None, problem=error.message)
        return _no_report(services, instance, error)
    counts["rows"] += rows.kept
    counts["unreadable"] += rows.unreadable
    if before and not rows.kept:
        return f"the report of {uuid} is empty now; the rows read before are kept"
    await _note(services, instance, rows, problem="")
    return ""


async def _rows(services: Services, kind: Kind, instance: Instance, before: str) -> Rows:
    """All rows of a report, stored under a working name until the last page is there.

    They take the place of the rows read before, unless Zoom suddenly has none: that has happened, and was not true.
    """
    working = f"{instance.uuid}#reading"
    rows = Rows(instance)
    await services.database.write(facts.forget_stays, working)
    async for page in read.participants(services.zoom, kind, instance.uuid):
        if page.number == 1 and rows.kept:
            rows = Rows(instance)
            await services.database.write(facts.forget_stays, working)
        offset = rows.kept
        stays = rows.take(page.items)

        def add(connection: Any, stays: Any = stays, offset: int = offset) -> None:
            facts.add_stays(connection, working, stays, offset=offset)

        await services.database.write(add)
    if rows.kept or not before:
        await services.database.write(facts.move_stays, working, instance.uuid)
    return rows


async def _note(services: Services, instance: Instance, rows: Rows | None, *, problem: str) -> None:
    now = services.clock()
    late = instance.end is not None and now >= instance.end + services.settle.deadline
    complete = rows is not None and (late or not rows.unprocessed)

    def note(connection: Any) -> None:
        facts.note_reading(
            connection,
            instance.uuid,
            digest=rows.digest if rows else "",
            complete=complete,
            problem=problem,
            now=now,
        )

    await services.database.write(note)


def _no_report(services: Services, instance: Instance, error: TajoError) -> str:
    """Why there is no report; soon after the end that is as it should be."""
    settle: Settle = services.settle
    if instance.end is None or services.clock() < instance.end + settle.deadline:
        return ""
    return f"no report for {instance.uuid}: {error.message}"
