"""What follows from webhooks: durable workflows, one a session, registration batch or recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tajo import logs
from tajo.core import announce as core
from tajo.core.announce import Quiet, Told
from tajo.core.contact import Entry
from tajo.core.errors import ContractError, RejectedError, TajoError, TransientError
from tajo.core.facts import Kind
from tajo.core.outcome import Readiness
from tajo.store import facts, letters, notes, rosters
from tajo.workflows import delivering, reading
from tajo.workflows.announcing import announce
from tajo.workflows.connecting import CONNECTED
from tajo.workflows.engine import Durable, Engine, FollowUp, Steps, enqueue_now, workflow
from tajo.workflows.services import Services

Json = Any

RETRIES = (1, 2, 5, 10, 20, 40, 60)  # minutes between attempts while a vendor is away; then each hour
MOST_ATTEMPTS = 7 + 72  # three days and more: longer than any outage that is not somebody's to mend
REACH = timedelta(hours=24)  # instances of a session that ended within it are read together


@workflow("registered")
async def registered_workflow(kind: str, session_id: str, attempt: int = 1) -> Json:
    """Registrations came in: contacts, lists and events of a session that is still to come."""
    return await _attempt("registered", partial(_registered, Engine.services), Kind(kind), session_id, attempt)


@workflow("started")
async def started_workflow(kind: str, session_id: str, uuid: str, attempt: int = 1) -> Json:
    """An instance started: its registrants are told."""
    return await _attempt("started", partial(_started, Engine.services), Kind(kind), session_id, attempt, uuid)


@workflow("settle")
async def settle_workflow(kind: str, session_id: str, attempt: int = 1) -> Json:
    """A session ended: read until its roster is final, then contacts, lists and events."""
    return await _attempt("settle", partial(_settle, Engine.services), Kind(kind), session_id, attempt)


async def _attempt(name: str, work: Any, kind: Kind, session_id: str, attempt: int, *more: Json) -> Json:
    """Do a session's work as one step; while a vendor is away, ask for it again later and free the place.

    What Zoom or Brevo refuses for good is a dead letter, and ends it.
    """
    services: Services = Engine.services
    steps: Steps = Durable()
    result = await steps.run(name, partial(_caught, services, work), kind.value, session_id, *more)
    _log(name, f"{kind.value}:{session_id}", attempt, result)
    if "again_in_s" in result and attempt < MOST_ATTEMPTS:
        await steps.run(
            "again", partial(_again, name), kind.value, session_id, [*more, attempt + 1], result["again_in_s"]
        )
    return result


def _log(name: str, session: str, attempt: int, result: Mapping[str, Any]) -> None:
    figures = {**(result.get("events") or {}), **result, "name": name, "session": session, "attempt": attempt}
    how = "failed" if "error" in result else "waits" if "again_in_s" in result else "done"
    logs.say(f"follow_up.{how}", **figures)


async def _caught(services: Services, work: Any, kind: str, session_id: str, *more: Json) -> Json:
    try:
        result: Json = await work(Kind(kind), session_id, *more)
    except TransientError as error:
        return _failed(error) | {"again_in_s": _delay(services, error).total_seconds()}
    except (RejectedError, ContractError) as error:
        await services.database.write(letters.add, f"{kind} {session_id}", error, services.clock())
        return _failed(error)
    except TajoError as error:
        # Access or configuration: nothing is lost, somebody has to mend it; asked again in the meantime.
        await services.database.write(letters.add, f"{kind} {session_id}", error, services.clock())
        return _failed(error) | {"again_in_s": 600.0}
    await services.database.write(letters.resolve, [f"{kind} {session_id}"], services.clock())
    return result


def _failed(error: TajoError) -> Json:
    return {
        "problem": error.line(),
        "error": type(error).__name__,
        "origin": error.origin or None,
        "exit": error.exit_code,
    }


def _delay(services: Services, error: TransientError) -> timedelta:
    wait = timedelta(minutes=1)
    if error.retry_at is not None:
        wait = max(wait, error.retry_at - services.clock())
    return wait


async def _again(name: str, kind: str, session_id: str, arguments: list[Json], in_s: float) -> Json:
    attempt = arguments[-1]
    minutes = RETRIES[min(attempt - 2, len(RETRIES) - 1)]
    delay = max(timedelta(seconds=in_s), timedelta(minutes=minutes)) if in_s >= 60 else timedelta(seconds=in_s)
    session = f"{kind}:{session_id}"
    subject = ":".join([session, *(str(each) for each in arguments)])
    services: Services = Engine.services
    # A name of its own for each attempt of each start: the time tells two starts apart.
    id_ = f"{name}:{subject}:{services.clock():%Y%m%dT%H%M%S}"
    await enqueue_now([FollowUp(name, id_, session, (kind, session_id, *arguments), delay)])
    return None


async def quiet(services: Services) -> Quiet:
    at = await services.database.read(notes.get, CONNECTED)
    return Quiet(services.clock(), services.config.events.max_age, datetime.fromisoformat(at) if at else None)


async def _registered(services: Services, kind: Kind, session_id: str) -> Json:
    emails = await reading.rebuilt(services, kind, session_id)
    if not await _is_known(services, kind, session_id):
        # The details tell the dates, the zone and who is staff: read once, with all who registered before.
        _, emails = await reading.refresh(services, kind, session_id, NOTHING_HELD, since=services.clock())
    written = await delivering.deliver_people(services, emails)
    told = core.of_registrations(
        await _people(services, emails), await _occurrences(services, kind, session_id), await quiet(services)
    )
    sent = await announce(services, told.announcements, too_old=told.too_old)
    return _report(written) | {"events": sent.json()}


NOTHING_HELD: Mapping[str, Any] = {"uuids": [], "topic": "", "host_email": "", "no_registration": False}


async def _is_known(services: Services, kind: Kind, session_id: str) -> bool:
    return await services.database.read(facts.is_read, kind, session_id)


async def _started(services: Services, kind: Kind, session_id: str, uuid: str) -> Json:
    if not await _is_known(services, kind, session_id):
        await reading.refresh(services, kind, session_id, NOTHING_HELD, since=services.clock())
    emails = await reading.rebuilt(services, kind, session_id)
    held = [each for each in await _held(services, kind, session_id) if each.uuid == uuid]
    if not held:
        return {"events": None}
    told = core.of_start(await _people(services, emails), held[0].key, services.clock(), await quiet(services))
    sent = await announce(services, told.announcements, too_old=told.too_old)
    return {"events": sent.json()}


async def _settle(services: Services, kind: Kind, session_id: str) -> Json:
    """Read what ended lately; when nothing settles any more, write it, and tell it."""
    now = services.clock()
    uuids = await services.database.read(facts.ended_since, kind, session_id, now - REACH)
    known = await services.database.read(facts.load_session, kind, session_id)
    listed = dict(NOTHING_HELD) | {"uuids": uuids, "topic": known.topic if known else ""}
    result, emails = await reading.refresh(services, kind, session_id, listed, since=now - REACH)
    held = await _held(services, kind, session_id)
    settling = [each for each in held if each.readiness is Readiness.SETTLING]
    over = [each for each in held if each.uuid in uuids and each.readiness is Readiness.COMING]
    if settling or over:
        # Not over yet (the host ended early), or the report may still change.
        return result | {"again_in_s": services.settle.every.total_seconds()}
    written = await delivering.deliver_people(services, emails)
    told = await outcomes(services, emails, [each.key for each in held])
    sent = await announce(services, told.announcements, too_old=told.too_old)
    for each in held:
        if each.readiness is Readiness.OVERDUE and each.uuid in uuids:
            await _alarm(services, each)
    return result | _report(written) | {"events": sent.json()}


async def outcomes(services: Services, emails: set[str], occurrences: Sequence[str]) -> Told:
    """The events of sessions that are over."""
    return core.of_outcomes(await _people(services, emails), occurrences, await quiet(services))


async def _alarm(services: Services, each: rosters.Held) -> None:
    error = ContractError(
        f"the report of “{each.topic}” never settled: absentees are unknown, and nobody is told that they were missed",
        origin="zoom.report",
        hint="compare with Zoom's own report; the next sweep reads it again",
    )
    await services.database.write(letters.add, each.key, error, services.clock())


async def _people(services: Services, emails: set[str]) -> dict[str, list[Entry]]:
    return await services.database.read(rosters.entries_of, emails)


async def _held(services: Services, kind: Kind, session_id: str) -> list[rosters.Held]:
    return await services.database.read(rosters.held, [(kind, session_id)])


async def _occurrences(services: Services, kind: Kind, session_id: str) -> list[str]:
    return [each.key for each in await _held(services, kind, session_id)]


def _report(written: delivering.Report) -> dict[str, Any]:
    return {name: value for name, value in written.json().items() if name != "writes"}
