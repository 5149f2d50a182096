"""Recordings by the API: those that no webhook told of, and links that have changed.

Zoom says the same of a recording that is being processed and of one that does not exist: both are asked for again by
later sweeps, ever more rarely, and neither is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from tajo.connectors.zoom import read
from tajo.connectors.zoom.api.errors import TokenRefused
from tajo.connectors.zoom.discover import Discovery
from tajo.core.errors import ContractError, CredentialError, RejectedError, TransientError
from tajo.core.facts import Kind
from tajo.core.recordings import Recorded
from tajo.store import facts, recordings, rosters, runs
from tajo.workflows.engine import Engine, FollowUp, bounded
from tajo.workflows.services import Services

Json = Any

AT_ONCE = 8  # calls under way: they are Light
RECORDED = "recorded"  # the workflow that tells of a recording
LATER = 1.5  # ours: asked in vain six hours after the end, it is asked for again nine hours after it


def follow_up(recorded: Recorded) -> FollowUp:
    """What follows when a recording is there: once for each address, however often and by whomever it is told."""
    session = f"{recorded.kind}:{recorded.session_id}"
    about = (recorded.kind.value, recorded.session_id, recorded.uuid)
    return FollowUp(RECORDED, f"{RECORDED}:{recorded.uuid}:{recorded.link}", session, about)


async def to_ask_for(services: Services, found: Discovery, *, sweep: bool) -> list[list[str]]:
    """The instances whose recordings this run looks at, as [kind, session id, UUID]."""
    if not services.connector.sync.recordings:
        return []
    ended = {
        each.instance.uuid: (each, each.instance.end)
        for mine in found.held.values()
        for each in mine
        if each.recorded is not False and each.instance.end is not None
    }
    known = await services.database.read(recordings.of_instances, ended)
    now = services.clock()
    return [
        [each.kind.value, each.session_id, uuid]
        for uuid, (each, end) in sorted(ended.items())
        if not sweep or end is None or is_due(known.get(uuid), end, now)
    ]


def is_due(known: Recorded | None, end: datetime, now: datetime) -> bool:
    """Whether a sweep has something to do about a recording: to ask for it, or to see that it was told of."""
    if known is None or known.share_url:
        return True
    return now - end >= LATER * (known.told_at - end)


async def read_recordings(services: Services, run_id: str, wanted: list[list[str]]) -> Json:
    """Read these instances' recordings, and note down whom they concern; {"read": n, "waiting": n}.

    In a sweep what follows from a recording is enqueued, as a webhook's would be.
    """
    run = await services.database.read(runs.load, run_id)
    sweep = bool(run.request.get("sweep"))
    known = await services.database.read(recordings.of_instances, [uuid for _, _, uuid in wanted])
    there = [each for each in known.values() if each.share_url] if sweep else []
    asked = [each for each in wanted if each[2] not in {one.uuid for one in there}]
    told = await bounded([partial(_ask, services, Kind(kind), id_, uuid) for kind, id_, uuid in asked], AT_ONCE)
    fresh = {each.uuid: each for each in told if each is not None and each.share_url}
    sessions = {(Kind(kind), id_) for kind, id_, uuid in asked if uuid in fresh}

    def note(connection: Any) -> None:
        runs.add_people(connection, run_id, _people(connection, sessions, fresh.keys()))

    await services.database.write(note)
    if sweep:
        await _followed(services, [*there, *fresh.values()])
    return {"read": len(fresh), "waiting": sum(each is not None and not each.share_url for each in told)}


def _people(connection: Any, sessions: Collection[tuple[Kind, str]], uuids: Collection[str]) -> set[str]:
    """Everybody on the rosters that these instances of these sessions belong to."""
    held = rosters.held(connection, sessions) if sessions else []
    return rosters.emails_on(connection, [each.key for each in held if not set(uuids).isdisjoint(each.instances)])


async def _followed(services: Services, there: Iterable[Recorded]) -> None:
    """Enqueue what follows; of what is too old to be told nothing does."""
    ends: Mapping[str, datetime | None] = await services.database.read(facts.ends, [each.uuid for each in there])
    oldest = services.clock() - services.config.events.max_age
    young = [each for each in there if (end := ends.get(each.uuid)) is not None and end >= oldest]
    if young:
        await services.database.write(Engine.enqueuing, [follow_up(each) for each in young])


async def _ask(services: Services, kind: Kind, session_id: str, uuid: str) -> Recorded | None:
    """What Zoom tells of one recording; without an address while there is none. None where it may not be read."""
    if services.is_closed(RECORDED):
        return None
    now = services.clock()
    try:
        found = await read.recording(services.zoom, kind, session_id, uuid, now)
    except TokenRefused:
        raise
    except CredentialError as error:
        services.close(RECORDED, f"recordings are not read: {error.line()}")
        return None
    except (RejectedError, ContractError) as error:
        services.note(f"a recording cannot be read: {error.line()}")
        return None
    except TransientError as error:
        services.note(f"recordings are left for the next sync: {error.line()}")
        return None
    nothing = Recorded(uuid, session_id, kind, "", "", "", 0, transcript=False, told_at=now)
    await services.database.write(recordings.save, found or nothing)
    return await services.database.read(recordings.load, uuid)
