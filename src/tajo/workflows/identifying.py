"""What follows from a decision about rows in review: rosters, contacts and lists change, as after any correction.

Nothing is announced: who was told as absent is not told as present afterwards, and whom the decision makes an absentee
(one guest fewer whom somebody could have been) is not told that they were missed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio.to_thread
import sqlalchemy as sa

from tajo.core import announce, followups
from tajo.core.announce import Announcement, Moment, Quiet
from tajo.core.errors import TajoError, TransientError
from tajo.core.facts import Kind
from tajo.core.followups import Wanted
from tajo.core.suggestions import suggest
from tajo.store import effects, identifications, mails, rosters
from tajo.store.database import Database
from tajo.store.effects import TOO_OLD, Effect
from tajo.workflows import delivering, jobs, live, sending
from tajo.workflows.engine import Engine, FollowUp, enqueue, open_client, workflow
from tajo.workflows.reading import rebuild_now
from tajo.workflows.roles import role_lock
from tajo.workflows.services import Services, utc_now

Json = Any


@workflow("identified")
async def identified_workflow(kind: str, session_id: str, attempt: int = 1) -> Json:
    """Somebody said whose rows these are: the session's rosters, and whoever changes by it."""
    return await live.carried_out("identified", partial(apply, Engine.services), Kind(kind), session_id, attempt)


async def apply(services: Services, kind: Kind, session_id: str) -> Json:
    """Build the session's rosters anew with what was decided, and write who changed; the report without the writes."""
    emails = await services.database.write(_rebuilt, services, kind, session_id)
    report = await delivering.deliver_people(services, emails)
    return {name: value for name, value in report.json().items() if name != "writes"}


def _rebuilt(connection: sa.Connection, services: Services, kind: Kind, session_id: str) -> set[str]:
    """Build the rosters and keep quiet of new absentees, at once; whose contacts may have to change."""
    now = services.clock()
    before = _absent(connection, kind, session_id, now)
    emails = rebuild_now(connection, services, kind, session_id)
    after = _absent(connection, kind, session_id, now)
    fresh = [each for key, each in after.items() if key not in before]
    _keep_quiet(connection, fresh, services.holder, now)
    _mail_nobody(connection, services, kind, session_id, {each.email for each in fresh}, now)
    return emails


def _absent(connection: sa.Connection, kind: Kind, session_id: str, now: datetime) -> dict[str, Announcement]:
    """Who would be told as absent, however old the session is: key → the announcement."""
    keys = [each.key for each in rosters.held(connection, [(kind, session_id)])]
    people = rosters.entries_of(connection, rosters.emails_on(connection, keys))
    told = announce.of_outcomes(people, keys, Quiet(now, timedelta.max, None))
    names = {announce.event_name(kind, Moment.NO_SHOW)}
    return {each.key: each for each in told.announcements if each.name in names}


def _keep_quiet(connection: sa.Connection, fresh: list[Announcement], holder: str, now: datetime) -> None:
    """Take the places of these announcements, so that nobody makes them: neither a sweep nor `--with-events`."""
    wanted = [Effect(each.key, "event", each.name, each.email, "", {}) for each in fresh]
    mine = effects.begin(connection, wanted, holder=holder, now=now)
    effects.finish(connection, mine, TOO_OLD, now)


def _mail_nobody(
    connection: sa.Connection, services: Services, kind: Kind, session_id: str, fresh: set[str], now: datetime
) -> None:
    """Take the places of mails for absentees alone; `tajo follow-ups send` still may send them."""
    keys = {each.key for each in rosters.held(connection, [(kind, session_id)])}
    kept: list[Wanted] = []
    for rule in filter(followups.is_for_absentees, sending.rules(services)):
        for email, entries in rosters.entries_of(connection, fresh).items():
            kept += [
                Wanted(rule.name, followups.subject(rule, entry), email, now)
                for entry in entries
                if entry.occurrence in keys and followups.is_meant(rule, email, entries, entry)
            ]
    mails.withhold(connection, kept, now, why="a decision in review made them an absentee")


# --- deciding ---


def listed(connection: sa.Connection, session_id: str = "") -> list[Json]:
    """Open groups with the likeliest registrants, as `tajo people review --json` prints them."""
    found, known = [], {}
    for group in identifications.open_groups(connection, session_id):
        if group.occurrence not in known:
            known[group.occurrence] = identifications.candidates(connection, group.occurrence)
        found.append(
            {
                "id": group.key,
                "kind": group.kind.value,
                "session_id": group.session_id,
                "occurrence": group.occurrence,
                "topic": group.topic,
                "start": group.start.isoformat(),
                "name": group.name,
                "why": group.doubt,
                "rows": group.rows,
                "minutes": round(group.present.total_seconds() / 60, 1),
                "suggestions": [
                    {"email": each.email, "name": each.name, "confidence": each.confidence.value}
                    for each in suggest(group.name, known[group.occurrence])
                ],
            }
        )
    return found


async def decide(services: Services, key: str, email: str) -> Json:
    """Keep a decision ("" rejects), and do what follows: in the running service if there is one, else here.

    TajoError for a group that is not there. The report, with `done_by`: "service" or "command".
    """
    database, now = services.database, services.clock()
    found = await database.read(identifications.session_of, key)
    if found is None:
        raise TajoError(f"there is no group {key}", origin="people", hint="see `tajo people review`")
    kind, session_id = found
    if await jobs.at_work(database, utc_now()):
        return await _by_the_service(database, kind, session_id, key, email, now) | {"done_by": "service"}
    with role_lock(database, services.holder):
        await database.write(identifications.decide, kind, session_id, key, email, now)
        return await apply(services, kind, session_id) | {"done_by": "command"}


async def _by_the_service(database: Database, kind: Kind, session_id: str, key: str, email: str, now: datetime) -> Json:
    """Decision and job in one transaction; the job's result."""
    session = f"{kind}:{session_id}"
    job = FollowUp("identified", f"identified:{session}:{now:%Y%m%dT%H%M%S%f}", session, (kind.value, session_id))
    client = open_client(database)

    def put(connection: Any) -> None:
        identifications.decide(connection, kind, session_id, key, email, now)
        enqueue(client, connection, [job])

    try:
        await database.write(put)
        handle: Any = client.retrieve_workflow(job.id)
        seen = utc_now()
        while (status := await anyio.to_thread.run_sync(handle.get_status)).status not in jobs.ENDED:
            if await jobs.at_work(database, utc_now()):
                seen = utc_now()
            elif utc_now() - seen > jobs.ALONE:
                raise TransientError(
                    "the service has stopped", origin="tajo serve", hint="the decision is kept; it goes on at its start"
                )
            await asyncio.sleep(jobs.LOOK_S)
        return dict(status.output or {})
    finally:
        await anyio.to_thread.run_sync(client.destroy)
