"""What follows from webhooks: durable workflows, one a session, registration batch or recording."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tajo import logs
from tajo.core.errors import ConfigError, ContractError, RejectedError, TajoError, TransientError
from tajo.core.facts import Kind
from tajo.core.outcome import Readiness
from tajo.store import facts, letters, recordings, rosters
from tajo.store.rosters import Held
from tajo.workflows import delivering, finding, followups, opt_ins, reading, telling
from tajo.workflows.announcing import announce
from tajo.workflows.engine import Durable, Engine, FollowUp, Steps, current_id, workflow
from tajo.workflows.services import Services
from tajo.workflows.writing import Report

Json = Any

RETRIES = (1, 2, 5, 10, 20, 40, 60)  # minutes between attempts while a vendor is away; then each hour
MOST_ATTEMPTS = 7 + 72  # failures in a row; three days and more: longer than any outage that is not somebody's to mend
AGAIN_S = 10.0  # until people are looked at again whose import was under way
REACH = timedelta(hours=24)  # instances of a session that ended within it are read together


@workflow("registered")
async def registered_workflow(kind: str, session_id: str, attempt: int = 1) -> Json:
    """Registrations came in: contacts and lists of a session that is still to come; then their events."""
    return await _durably("registered", kind, session_id, attempt)


@workflow("told")
async def told_workflow(kind: str, session_id: str, imports: list[int], attempt: int = 1) -> Json:
    """Registrants were written, these imports may still be under way: when they are there, they are told."""
    return await _durably("told", kind, session_id, imports, attempt)


@workflow("started")
async def started_workflow(kind: str, session_id: str, uuid: str, attempt: int = 1) -> Json:
    """An instance started: its registrants are told."""
    return await _durably("started", kind, session_id, uuid, attempt)


@workflow("settle")
async def settle_workflow(kind: str, session_id: str, attempt: int = 1) -> Json:
    """A session ended: read until its roster is final, then contacts, lists and events."""
    return await _durably("settle", kind, session_id, attempt)


@workflow("recorded")
async def recorded_workflow(kind: str, session_id: str, uuid: str, attempt: int = 1) -> Json:
    """A recording is ready: those who were, or should have been, there are told when the roster is final."""
    return await _durably("recorded", kind, session_id, uuid, attempt)


async def _durably(name: str, *arguments: Json) -> Json:
    return await carry_out(Engine.services, Durable(), current_id(), name, arguments)


async def carry_out(services: Services, steps: Steps, workflow_id: str, name: str, arguments: Sequence[Json]) -> Json:
    """One of the workflows above, with the arguments that it was enqueued with, the attempt perhaps left out."""
    works: dict[str, Any] = {
        "registered": partial(_registered, services, workflow_id),
        "told": partial(_told, services),
        "started": partial(_started, services),
        "settle": partial(_settle, services),
        "recorded": partial(_recorded, services),
    }
    kind, session_id, *more = arguments
    takes = 1 if name in ("told", "started", "recorded") else 0
    attempt = more[takes] if len(more) > takes else 1
    about = (Kind(kind), session_id, attempt, *more[:takes])
    return await _attempt(services, steps, workflow_id, name, works[name], *about)


async def carried_out(name: str, work: Any, kind: Kind, session_id: str, attempt: int) -> Json:
    """As what follows from webhooks: for other work on one session that is tried again while a vendor is away."""
    return await _attempt(Engine.services, Durable(), current_id(), name, work, kind, session_id, attempt)


async def _attempt(
    services: Services,
    steps: Steps,
    workflow_id: str,
    name: str,
    work: Any,
    kind: Kind,
    session_id: str,
    attempt: int,
    *more: Json,
) -> Json:
    """Do a session's work as one step; while a vendor is away, ask for it again later and free the place.

    What Zoom or Brevo refuses for good is a dead letter, and ends it.
    """
    if kind not in finding.kinds(services) or (name == "recorded" and not services.connector.sync.recordings):
        return {"events": None}  # switched off: no call and no write of that family
    result = await steps.run(name, partial(_caught, services, name, work), kind.value, session_id, *more)
    _log(name, f"{kind.value}:{session_id}", attempt, result)
    if "again_in_s" not in result:
        return result
    if "error" not in result or attempt < MOST_ATTEMPTS:
        again = partial(_again, services, name, workflow_id, _serialised_on(name, kind, session_id))
        delay = pause_after(result, attempt).total_seconds()
        # Only failures count: how long a session takes to settle is limited by its deadline.
        attempt = attempt + 1 if "error" in result else 1
        await steps.run("again", again, [kind.value, session_id, *more, attempt], delay)
    else:
        await steps.run("give up", partial(_give_up, services, name), kind.value, session_id, result.get("problem", ""))
    return result


def _serialised_on(name: str, kind: Kind, session_id: str) -> str:
    """One at a time a session; telling registrants waits for imports, and who registers meanwhile does not."""
    return f"told:{kind}:{session_id}" if name == "told" else f"{kind}:{session_id}"


def pause_after(result: Mapping[str, Any], attempt: int) -> timedelta:
    """As long as was asked for; after a failure longer from attempt to attempt."""
    asked = timedelta(seconds=result["again_in_s"])
    return max(asked, timedelta(minutes=RETRIES[min(attempt, len(RETRIES)) - 1])) if "error" in result else asked


async def _give_up(services: Services, name: str, kind: str, session_id: str, problem: str) -> Json:
    error = TajoError(
        f"{name} was tried {MOST_ATTEMPTS} times in vain{f': {problem}' if problem else ''}",
        origin=f"zoom.webhook.{name}",
        hint="mend what is named, then `tajo events replay` the webhook, or `tajo sync zoom`",
    )
    await services.database.write(letters.add, f"{kind} {session_id}", error, services.clock())
    return None


def _log(name: str, session: str, attempt: int, result: Mapping[str, Any]) -> None:
    figures = {**(result.get("events") or {}), **result, "name": name, "session": session, "attempt": attempt}
    how = "failed" if "error" in result else "waits" if "again_in_s" in result else "done"
    logs.say(f"follow_up.{how}", **figures)


async def _caught(services: Services, name: str, work: Any, kind: str, session_id: str, *more: Json) -> Json:
    try:
        result: Json = await work(Kind(kind), session_id, *more)
    except TransientError as error:
        retry_at = error.retry_at or services.clock()
        return _failed(error) | {"again_in_s": max(60.0, (retry_at - services.clock()).total_seconds())}
    except (RejectedError, ContractError) as error:
        await services.database.write(letters.add, f"{kind} {session_id}", error, services.clock())
        return _failed(error)
    except TajoError as error:
        # Access or configuration: nothing is lost, somebody has to mend it; asked again in the meantime.
        await services.database.write(letters.add, f"{kind} {session_id}", error, services.clock())
        return _failed(error) | {"again_in_s": 600.0}
    except Exception as error:  # a defect of ours: shown with where it happened, and stopping nobody else
        at = traceback.extract_tb(error.__traceback__)[-1]
        letter = TajoError(
            f"unexpected {type(error).__name__} in {name}",
            origin=f"{Path(at.filename).name}:{at.lineno}",
            hint="please report it; `tajo events replay` does it again after an update",
        )
        logs.say_crash("workflow.crashed", error, name=name)
        await services.database.write(letters.add, f"{kind} {session_id}", letter, services.clock())
        return _failed(letter)
    await services.database.write(letters.resolve, [f"{kind} {session_id}"], services.clock())
    return result


def _failed(error: TajoError) -> Json:
    return {
        "problem": error.line(),
        "error": type(error).__name__,
        "origin": error.origin or None,
        "exit": error.exit_code,
        "why": error.message if isinstance(error, ConfigError) else None,
    }


async def _again(
    services: Services, name: str, workflow_id: str, session: str, arguments: list[Json], in_s: float
) -> Json:
    """Enqueue the next one, later. Its id follows from this one's, so that a repeated step changes nothing."""
    base, _, number = workflow_id.partition("#")
    follow = FollowUp(name, f"{base}#{int(number or 1) + 1}", session, tuple(arguments), timedelta(seconds=in_s))
    await services.database.write(Engine.enqueuing, [follow])
    return None


async def _registered(services: Services, workflow_id: str, kind: Kind, session_id: str) -> Json:
    """Contacts now, events in a workflow of their own: nobody waits for the import or the events of others."""
    emails = await reading.rebuilt(services, kind, session_id)
    emails |= await _known(services, kind, session_id)
    skipped = await delivering.under_way(services, emails)
    written = await delivering.deliver_at_once(services, emails)
    imports = await delivering.under_way(services, emails)
    session = _serialised_on("told", kind, session_id)
    follow = FollowUp("told", f"told:{workflow_id}", session, (kind.value, session_id, imports))
    await services.database.write(Engine.enqueuing, [follow])
    # What changed about people whose import was under way is written when that has ended.
    return _numbers(written) | ({"again_in_s": AGAIN_S} if skipped else {})


async def _told(services: Services, kind: Kind, session_id: str, imports: list[int]) -> Json:
    """The events of everybody whose contact is there; who registered meanwhile has a workflow that follows.

    Outcomes are told by who asked for the report: what webhooks alone tell of a session that is over may be a part.
    """
    written = await delivering.see_through(services, imports)
    held = await _held(services, kind, session_id)
    emails = await services.database.read(rosters.emails_on, [each.key for each in held])
    wanted = await delivering.as_wanted(services, emails)
    told = await telling.of_registrations(services, wanted, held)
    sent = await announce(services, told.announcements, too_old=told.too_old)
    await opt_ins.ask(services, emails)
    return _numbers(written) | {"events": sent.json(), "mails": await followups.plan(services, held)}


def _numbers(written: Report) -> Json:
    return {name: value for name, value in written.json().items() if name != "writes"}


NOTHING_HELD: Mapping[str, Any] = {"uuids": [], "topic": "", "host_email": "", "no_registration": False}


async def _known(services: Services, kind: Kind, session_id: str) -> set[str]:
    """Read the session once: its details tell the dates, the zone and who is staff; with all who registered before.

    One that was deleted meanwhile stays what webhooks told of it. Whose contacts may have to change.
    """
    if await services.database.read(facts.is_read, kind, session_id):
        return set()
    try:
        _, emails = await reading.refresh(services, kind, session_id, NOTHING_HELD, since=services.clock())
    except reading.GoneError:
        return set()
    return emails


async def _started(services: Services, kind: Kind, session_id: str, uuid: str) -> Json:
    await _known(services, kind, session_id)
    await reading.rebuilt(services, kind, session_id)
    held = await _holding(services, kind, session_id, uuid)
    if held is None:
        return {"events": None}
    told = await telling.of_start(services, held)
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
    for each in held:
        if each.readiness is Readiness.OVERDUE and each.uuid in uuids:
            await _alarm(services, each)
    return result | await _written_and_told(services, emails, held)


async def _alarm(services: Services, each: Held) -> None:
    if await reading.was_alone(services, each.kind, each.instances):
        return  # Zoom reports no session that one person alone was in
    error = ContractError(
        f"the report of “{each.topic}” never settled: absentees are unknown, and nobody is told that they were missed",
        origin="zoom.report",
        hint="compare with Zoom's own report; the next sweep reads it again",
    )
    await services.database.write(letters.add, each.key, error, services.clock())


async def _recorded(services: Services, kind: Kind, session_id: str, uuid: str) -> Json:
    """Tell of a recording once it is known who was there; contacts have its link before anybody is told of it.

    Of a session that was started again there may be several: the longest is its recording.
    """
    recording = await services.database.read(recordings.load, uuid)
    if recording is None or not recording.share_url:
        return {"events": None}
    # A recording's own number for its kind is not to be relied on (uploads have another one): the instance tells.
    known = await services.database.read(facts.session_of, uuid)
    held = await _holding(services, *(known or (kind, session_id)), uuid)
    if held is None or held.readiness not in telling.OVER or not await _is_told_in_full(services, held):
        if services.clock() - recording.told_at > services.config.events.max_age:
            return {"events": None, "problem": "nobody knows who was there"}
        return {"again_in_s": services.settle.every.total_seconds()}
    written = await _with_link(services, held)
    told, recorded = await telling.of_recordings(services, [held])
    sent = await announce(services, told.announcements, too_old=told.too_old)
    kept = await followups.plan(services, [held], recorded=recorded)
    return written | {"events": sent.json(), "mails": kept}


LINKS = frozenset({"share_url", "passcode"})  # the fields that a recording changes


async def _with_link(services: Services, held: Held) -> dict[str, Any]:
    """Write the contacts of a session whose recording is there, where any attribute carries its link."""
    if LINKS.isdisjoint(field.name for field, _ in services.mapping):
        return {}
    emails = await services.database.read(rosters.emails_on, [held.key])
    return dict(_numbers(await delivering.deliver_people(services, emails)))


async def _written_and_told(services: Services, emails: set[str], held: Sequence[Held]) -> Json:
    """Contacts and lists first, then events: an automation finds the contact as it is to be."""
    written = await delivering.deliver_people(services, emails)
    return _numbers(written) | await tell(services, emails, held)


async def tell(services: Services, emails: Collection[str], held: Sequence[Held]) -> dict[str, Any]:
    """What there is to tell of these sessions, now that they were read: events, questions, and mails that are kept.

    Of recordings, too: a later read may say who was there when the recording was told of long ago.
    """
    told = await telling.of_sessions(services, emails, held, await telling.quiet(services))
    final = [each for each in held if each.readiness is Readiness.FINAL]
    seen, recorded = await telling.of_recordings(services, final)
    sent = await announce(services, [*told.announcements, *seen.announcements], too_old=told.too_old)
    await opt_ins.ask(services, emails)
    kept = await followups.plan(services, held)
    again = await followups.plan(services, final, recorded=recorded) if recorded else {}
    return {"events": sent.json(), "mails": {name: count + again.get(name, 0) for name, count in kept.items()}}


async def _held(services: Services, kind: Kind, session_id: str) -> list[Held]:
    return await services.database.read(rosters.held, [(kind, session_id)])


async def _is_told_in_full(services: Services, held: Held) -> bool:
    """Whether Zoom was asked who was there since it ended: what webhooks told so far may be a part of it.

    Late webhooks may come after the deadline, and those of a session in any order.
    """
    readings = await services.database.read(facts.readings, held.kind, held.session_id)
    ended = held.ended_at
    return ended is None or all(uuid in readings and readings[uuid].at >= ended for uuid in held.instances)


async def _holding(services: Services, kind: Kind, session_id: str, uuid: str) -> Held | None:
    """The occurrence that an instance belongs to."""
    return next((each for each in await _held(services, kind, session_id) if uuid in each.instances), None)
