"""From stored facts to stored rosters: no vendor is asked."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from tajo.core.facts import Kind
from tajo.core.occurrences import occurrences
from tajo.core.outcome import Readiness, Settle, over_at, readiness
from tajo.core.roster import Roster, Rules, build
from tajo.core.sightings import as_stays, missing
from tajo.store import facts, identifications, rosters, sightings


def rebuild(
    connection: sa.Connection,
    kind: Kind,
    session_id: str,
    *,
    rules: Rules,
    settle: Settle,
    restart_gap: timedelta,
    now: datetime,
) -> set[str]:
    """Build all rosters of a session anew; returns the e-mails whose contacts may have to change."""
    with without_collecting():
        return _rebuild(connection, kind, session_id, rules, settle, restart_gap, now)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Building makes some hundred thousand objects and no cycles: collecting garbage meanwhile costs a third of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _rebuild(
    connection: sa.Connection,
    kind: Kind,
    session_id: str,
    rules: Rules,
    settle: Settle,
    restart_gap: timedelta,
    now: datetime,
) -> set[str]:
    session = facts.load_session(connection, kind, session_id)
    if session is None:
        return set()
    instances = facts.load_instances(connection, kind, session_id)
    readings = facts.readings(connection, kind, session_id)
    registrations = facts.load_registrations(connection, kind, session_id)
    decided = identifications.load(connection, kind, session_id)
    built: list[Roster] = []
    for occurrence in occurrences(session, instances, restart_gap=restart_gap, now=now):
        uuids = [instance.uuid for instance in occurrence.instances]
        stays = facts.load_stays(connection, uuids)
        absent = missing(sightings.load(connection, uuids), stays)
        read = [readings.get(uuid) for uuid in uuids]
        ready = readiness(occurrence, read, settle, now, missing=len(absent))
        if ready is Readiness.OVERDUE:
            # No better report will come: whom webhooks showed was there.
            stays = stays + as_stays(absent, over_at(occurrence) or now)
        respondents = facts.load_respondents(connection, uuids)
        built.append(
            build(occurrence, registrations, stays, ready=ready, rules=rules, respondents=respondents, decided=decided)
        )
    return rosters.replace(connection, kind, session_id, built)
