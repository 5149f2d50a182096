"""Reading from Zoom into the database: which sessions there are, then each of them as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from tajo.connectors.zoom import read
from tajo.connectors.zoom.api import past, reports, users
from tajo.connectors.zoom.api.errors import CapabilityMissing, NotReady, ScopeMissing, TooOld, WrongKind
from tajo.connectors.zoom.normalise import Rows
from tajo.core.errors import ContractError, RejectedError, TajoError, TransientError
from tajo.core.facts import Instance, Kind, Registration, Role, Session
from tajo.core.outcome import Settle
from tajo.core.registrations import told
from tajo.store import erasures, facts, letters, runs
from tajo.workflows import gaps
from tajo.workflows.building import rebuild
from tajo.workflows.engine import bounded
from tajo.workflows.finding import UnknownSessionError, window_of
from tajo.workflows.interacting import read_interactions
from tajo.workflows.services import Services

Json = Any


async def read_session(services: Services, run_id: str, key: list[str]) -> Json:
    """Read one session and build its rosters; {"kind", "id", "topic", "rows", …, "problem": why not, or ""}.

    A session that cannot be read is a dead letter and stops nobody else. TransientError when Zoom is silent
    altogether, CredentialError when it refuses access.
    """
    kind, session_id = Kind(key[0]), key[1]
    listed, done = await services.database.read(runs.session, run_id, kind, session_id)
    if done is None or done.get("retry"):
        done = await _read_or_say_why(services, run_id, kind, session_id, listed)
        if not done.get("retry"):  # else the next attempt reads it
            await services.database.write(runs.session_read, run_id, kind, session_id, done, services.clock())
    services.progress.step()
    return done


async def _read_or_say_why(
    services: Services, run_id: str, kind: Kind, session_id: str, listed: Mapping[str, Any]
) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": kind.value, "id": session_id, "topic": listed["topic"], "problem": ""}
    subject = f"{kind} {session_id}"
    if services.given_up_on_zoom and services.is_silent("zoom"):
        return result | {"problem": "Zoom gives no answer", "retry": True}
    run = await services.database.read(runs.load, run_id)
    try:
        since = window_of(run.request).start
        read_, _ = await refresh(services, kind, session_id, listed, since=since, run_id=run_id)
    except GoneError:
        return result | _unknown(run, kind, session_id)
    except TransientError as error:
        # What was read is written all the same; while Zoom stays silent nothing else is tried in vain.
        services.given_up_on_zoom = services.is_silent("zoom")
        return result | {"problem": error.line(), "retry": True}
    except CapabilityMissing as error:
        return result | {"problem": error.line()}  # a plan that is not there is told, and is nobody's fault
    except (RejectedError, ContractError) as error:
        await services.database.write(letters.add, subject, error, services.clock())
        return result | {"problem": error.line()}
    if not read_["problem"]:
        await services.database.write(letters.resolve, [subject], services.clock())
    return result | read_


class GoneError(TajoError):
    """Zoom does not know the session, and nothing of it was held."""


async def refresh(
    services: Services,
    kind: Kind,
    session_id: str,
    listed: Mapping[str, Any],
    *,
    since: datetime,
    run_id: str | None = None,
) -> tuple[dict[str, Any], set[str]]:
    """Read one session and these instances of it, and build its rosters anew; for a run, if there is one.

    Returns counts, topic, problem and who of them was erased; and the e-mails whose contacts may have to change.
    GoneError for a session that Zoom does not know and that was never held.
    """
    now = services.clock()
    details = await _details(services, kind, session_id)
    if details is not None:
        details = replace(details, session=await _with_zone(services, details.session))
        await services.database.write(facts.save_session, details.session, now)
    elif listed["uuids"]:
        host = listed["host_email"]
        staff = ((host, Role.HOST),) if host else ()
        known = Session(kind, session_id, topic=listed["topic"], host_email=host, time_zone="", staff=staff)
        await services.database.write(_remember, await _with_zone(services, known), now)
    else:
        raise GoneError(f"Zoom knows no {kind} {session_id}", origin=f"zoom.{kind}s.details")
    counts = {"rows": 0, "unreadable": 0, "cancelled": 0, "fresh": 0}
    erased: set[str] = set()
    jobs: list[Callable[[], Awaitable[str]]] = [
        partial(_instance, services, kind, session_id, uuid, counts, erased, listed.get("seen", {}).get(uuid, 0))
        for uuid in listed["uuids"]
    ]
    absent = listed.get("absent", {})
    jobs += [partial(read_interactions, services, kind, uuid, absent.get(uuid, ())) for uuid in listed["uuids"]]
    if details is not None and details.session.registration_required is not False and not listed["no_registration"]:
        jobs.append(partial(_registrants, services, details, since, counts, erased))
    said = await bounded(jobs, max(1, len(jobs)))
    emails = await rebuilt(services, kind, session_id, run_id)
    topic = details.session.topic if details else listed["topic"]
    problem = "; ".join(dict.fromkeys(filter(None, said)))
    return counts | {"topic": topic, "problem": problem, "erased": sorted(erased)}, emails


def rebuild_now(connection: sa.Connection, services: Services, kind: Kind, session_id: str) -> set[str]:
    """Build a session's rosters by the configured rules; whose contacts may have to change."""
    return rebuild(
        connection,
        kind,
        session_id,
        rules=services.rules,
        settle=services.settle,
        restart_gap=services.connector.restart_gap,
        now=services.clock(),
    )


async def rebuilt(services: Services, kind: Kind, session_id: str, run_id: str | None = None) -> set[str]:
    """Build a session's rosters from what is stored; the e-mails whose contacts may have to change.

    A run remembers them in the same transaction: who is on no roster any more is told only once.
    """

    def put(connection: Any) -> set[str]:
        emails = rebuild_now(connection, services, kind, session_id)
        if run_id is not None:
            runs.add_people(connection, run_id, emails)
        return emails

    return await services.database.write(put)


def _unknown(run: runs.Run, kind: Kind, session_id: str) -> dict[str, Any]:
    """A listed session that is gone meanwhile is only told; one that was asked for by its number is an error."""
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


async def _with_zone(services: Services, session: Session) -> Session:
    """The session with its host's time zone, where it has none of its own."""
    host = session.host_email
    if session.time_zone or not host:
        return session
    if host not in services.zones:
        try:
            who = users.ME if await services.zoom.only_me() else host
            services.zones[host] = (await services.zoom.send(users.user(who))).timezone
        except (RejectedError, ScopeMissing):
            services.zones[host] = ""
    return replace(session, time_zone=services.zones[host])


def _remember(connection: Any, told: Session, now: datetime) -> None:
    """The details are gone: keep those we have, else what the listing told."""
    if facts.load_session(connection, told.kind, told.id) is None:
        facts.save_session(connection, told, now)


async def _registrants(
    services: Services, details: read.Details, since: datetime, counts: dict[str, int], erased: set[str]
) -> str:
    now = services.clock()
    listing = await read.registrants(services.zoom, details, since=since, now=now)
    if listing is None:
        return ""
    session = details.session
    coming = {date.id for date in session.scheduled if date.end > now}
    vanishing = [date for date in listing.dates if date in coming or (not date and coming)]

    found = [replace(told(each, now, detailed=True), listed_at=now) for each in listing.registrations]

    connected = await services.connected_at()

    def save(connection: Any) -> tuple[int, int]:
        erased.update(erasures.load(connection).among(found))
        known = {each.registrant_id for each in facts.load_registrations(connection, session.kind, session.id)}
        fresh = {each.registrant_id for each in found if _was_missed(each, connected, now)} - known
        gone = facts.save_registrations(connection, session.kind, session.id, found, vanishing=vanishing, asked_at=now)
        return gone, len(fresh)

    cancelled, fresh = await services.database.write(save)
    counts["cancelled"] += cancelled
    counts["fresh"] += fresh
    counts["unreadable"] += listing.unreadable
    return ""


def _was_missed(each: Registration, connected: datetime | None, now: datetime) -> bool:
    """Whether a webhook should have told of this registration by now."""
    made = each.registered_at
    return made is not None and connected is not None and connected < made < now - gaps.TOLD_WITHIN


async def _instance(
    services: Services,
    kind: Kind,
    session_id: str,
    uuid: str,
    counts: dict[str, int],
    erased: set[str],
    seen: int,
) -> str:
    """Read one instance's report, page by page, and put it in the place of the one before; "" or why not."""
    instances = await services.database.read(facts.load_instances, kind, session_id)
    instance = next(each for each in instances if each.uuid == uuid)
    before = await services.database.read(facts.digest, uuid)
    try:
        rows = await _rows(services, kind, instance, before, erased)
    except (NotReady, TooOld) as error:
        if before:
            return ""  # read well before: what is known stays
        await _note(services, instance, None, problem=error.message)
        return _no_report(services, instance, error)
    counts["rows"] += rows.kept
    counts["unreadable"] += rows.unreadable
    if before and not rows.kept:
        return f"the report of {uuid} is empty now; the rows read before are kept"
    if not rows.kept and seen > 1:
        # A report of nobody for a session of several is no report: nobody is called absent by it.
        problem = f"the report of {uuid} is empty, and Zoom counts {seen} participants"
        await _note(services, instance, None, problem=problem)
        return problem
    await _note(services, instance, rows, problem="")
    return ""


async def was_alone(services: Services, kind: Kind, uuids: Sequence[str]) -> bool:
    """Whether Zoom counted at most one participant in each of these instances: it has no report of those."""
    try:
        for uuid in uuids:
            call = reports.webinar(uuid) if kind is Kind.WEBINAR else past.past_meeting(uuid)
            if (await services.zoom.send(call)).participants_count > 1:
                return False
    except (NotReady, RejectedError, CapabilityMissing, ScopeMissing):
        return False
    return bool(uuids)


async def _rows(services: Services, kind: Kind, instance: Instance, before: str, erased: set[str]) -> Rows:
    """All rows of a report, stored under a working name until the last page is there.

    They take the place of the rows read before, unless Zoom suddenly has none: that has happened, and was not true.
    """
    working = f"{instance.uuid}#reading"
    rows = Rows(instance)
    await services.database.write(facts.forget_stays, working)
    async for page in read.participants(services.zoom, kind, instance.uuid, services.note):
        if page.number == 1 and rows.kept:
            rows = Rows(instance)
            await services.database.write(facts.forget_stays, working)
        offset = rows.kept
        stays = rows.take(page.items)

        def add(connection: Any, stays: Any = stays, offset: int = offset) -> None:
            erased.update(erasures.load(connection).among(stays))
            facts.add_stays(connection, working, stays, offset=offset)

        await services.database.write(add)
    if rows.kept or not before:
        await services.database.write(facts.move_stays, working, instance.uuid)
    return rows


async def _note(services: Services, instance: Instance, rows: Rows | None, *, problem: str) -> None:
    now = services.clock()
    late = instance.end is not None and now >= instance.end + services.settle.deadline
    complete = rows is not None and not rows.unprocessed and (late or not rows.empty)

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
