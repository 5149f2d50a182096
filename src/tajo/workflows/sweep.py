"""The sweep: what webhooks missed is found, fetched and counted. A sync of the last days that also announces."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from tajo.store import rosters, runs
from tajo.workflows import delivering, live, sync
from tajo.workflows.engine import Durable, Engine, Steps, workflow
from tajo.workflows.services import Services

Json = Any


@workflow("sweep")
async def sweep_workflow(at: datetime, context: Any) -> Json:
    """One sweep; `at` is when it was due. Also started once when the service starts."""
    del context
    return await carry_out(Engine.services, Durable(), at)


async def carry_out(services: Services, steps: Steps, at: datetime) -> Json:
    """The sweep that was due then."""
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    run_id = f"sweep-{moment:%Y%m%dT%H%M%S}"
    await steps.run("begin", partial(_begin, services), run_id)
    return await sync.synchronise(services, steps, run_id, deliver=deliver_and_announce)


async def _begin(services: Services, run_id: str) -> Json:
    now = services.clock()
    since = (now - services.connector.sweep_window).date()
    request = {"since": since.isoformat(), "until": now.date().isoformat(), "sweep": True}
    await services.database.write(runs.start_once, run_id, request, now)
    return None


async def deliver_and_announce(services: Services, run_id: str) -> Json:
    """Contacts and lists of the run's people, then the events of its sessions that are over or still to come."""
    emails = await services.database.read(runs.people, run_id)
    report = await delivering.deliver_people(services, emails)
    held = await services.database.read(rosters.held, await services.database.read(runs.sessions, run_id))
    return report.json() | await live.tell(services, emails, held)
