"""Finding the sessions of a run: what was asked for, or what a sweep has to read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from tajo.connectors.zoom.api.errors import CapabilityMissing
from tajo.connectors.zoom.discover import Discovery, Window, everything, one
from tajo.connectors.zoom.normalise import Found
from tajo.core.errors import ConfigError, RejectedError, TajoError
from tajo.core.facts import Interaction, Kind
from tajo.store import facts, runs
from tajo.workflows import gaps, recording
from tajo.workflows.services import Services

Json = Any


async def discover(services: Services, run_id: str) -> Json:
    """Find the run's sessions and note them down; {"sessions": [[kind, id], …], "notes": […], …}."""
    run = await services.database.read(runs.load, run_id)
    services.progress.phase("discover")
    found = await _find(services, run.request)
    fresh = 0
    recorded = await recording.to_ask_for(services, found, sweep=bool(run.request.get("sweep")))
    if run.request.get("sweep"):
        found, fresh = await _worth_reading(services, found, window_of(run.request))
    keys = sorted({*found.held, *found.coming})

    def note(connection: Any) -> None:
        for kind, session_id in keys:
            mine = found.held.get((kind, session_id), [])
            facts.save_instances(connection, kind, session_id, [each.instance for each in mine])
            runs.add_session(connection, run_id, kind, session_id, _listed(mine))

    await services.database.write(note)
    return {
        "sessions": _mixed(keys),
        "notes": found.notes,
        "unreadable": found.unreadable,
        "fresh": fresh,
        "recorded": recorded,
    }


async def _worth_reading(services: Services, found: Discovery, window: Window) -> tuple[Discovery, int]:
    """What a sweep has to read, and how many instances no webhook had told of."""
    now = services.clock()
    await gaps.with_untold(services, found, kinds(services), window.start)
    ends = await services.database.read(
        facts.ends, [each.instance.uuid for mine in found.held.values() for each in mine]
    )
    fresh = gaps.recovered(found, ends, await services.connected_at(), now)
    known = await services.database.read(gaps.readings_of, found)
    return gaps.worth_reading(found, known, services.settle, now), fresh


def _mixed(keys: list[tuple[Kind, str]]) -> list[list[str]]:
    """The sessions, kinds mixed evenly: webinars and meetings use different limits, best used at the same time."""
    places = []
    for kind in Kind:
        mine = [key for key in keys if key[0] is kind]
        places += [((at + 0.5) / len(mine), kind.value, session_id) for at, (_, session_id) in enumerate(mine)]
    return [[kind, session_id] for _, kind, session_id in sorted(places)]


async def _find(services: Services, request: Mapping[str, Any]) -> Discovery:
    window = window_of(request)
    for kind in Kind:
        if request.get(kind):
            return await _one(services, kind, str(request[kind]), window)
    return await everything(services.zoom, window, kinds(services), services.clock())


async def _one(services: Services, kind: Kind, ident: str, window: Window) -> Discovery:
    if kind not in kinds(services):
        family = "webinars" if kind is Kind.WEBINAR else "participants"
        raise ConfigError(
            f"{kind}s are not read",
            origin=services.config.origin(f"connectors.zoom.sync.{family}"),
            hint=f"set connectors.zoom.sync.{family} to true",
        )
    try:
        return await one(services.zoom, kind, ident, window)
    except CapabilityMissing:
        raise
    except RejectedError as error:
        raise UnknownSessionError(
            f"Zoom knows no {kind} {ident}", origin=error.origin, hint="check the number or UUID"
        ) from None


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
        "seen": {each.instance.uuid: each.participants for each in mine},
        "absent": {each.instance.uuid: _absent(each) for each in mine},
        "topic": next((each.topic for each in reversed(mine) if each.topic), ""),
        "host_email": next((each.host_email for each in mine if each.host_email), ""),
        "no_registration": bool(mine) and registration == {False},
    }


def _absent(each: Found) -> list[str]:
    """What the listing says that nobody used: not asked for."""
    used = ((Interaction.POLL, each.polled), (Interaction.QUESTION, each.asked))
    return [what.value for what, is_used in used if is_used is False]


class UnknownSessionError(TajoError):
    """The session that was asked for does not exist."""
