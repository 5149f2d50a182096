"""What a sweep has to read: sessions that nobody told of, reports that never settled, finals that are due again."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from tajo.connectors.zoom.api.errors import CapabilityMissing, NotReady, ScopeMissing
from tajo.connectors.zoom.discover import Discovery, one
from tajo.connectors.zoom.normalise import Found
from tajo.core.errors import RejectedError
from tajo.core.facts import Instance, Kind
from tajo.core.outcome import Reading, Settle
from tajo.store import facts
from tajo.workflows.services import Services

READ_AGAIN = (timedelta(hours=6), timedelta(hours=24))  # after the end: late rows make a correction
LONGEST_SESSION = timedelta(hours=24)  # Zoom ends what runs longer than 30 h; hardly anything runs a day
TOLD_WITHIN = timedelta(minutes=10)  # ours: a webhook's first two attempts are over by then


async def with_untold(services: Services, found: Discovery, kinds: frozenset[Kind], since: datetime) -> None:
    """Add what webhooks told of and no listing has: somebody alone in a session, a start whose end was lost."""
    known = {each.instance.uuid for mine in found.held.values() for each in mine}
    for kind, session_id, instance in await services.database.read(facts.unread, since):
        if kind not in kinds or instance.uuid in known:
            continue
        if instance.end is not None:
            found.add(Found(kind, session_id, instance, "", ""))
        else:
            await _look_for_end(services, found, kind, session_id, instance)


async def _look_for_end(services: Services, found: Discovery, kind: Kind, session_id: str, instance: Instance) -> None:
    try:
        told = await one(services.zoom, kind, instance.uuid, None)
    except (NotReady, RejectedError, CapabilityMissing, ScopeMissing):
        told = Discovery()
    ended = [each for mine in told.held.values() for each in mine if each.instance.end is not None]
    for each in ended:
        found.add(each)
    if not ended and services.clock() - instance.start > LONGEST_SESSION:
        found.notes.append(
            f"the {kind} {session_id} started at {instance.start:%Y-%m-%d %H:%M} UTC, and Zoom tells no end of it"
        )


def worth_reading(found: Discovery, readings: dict[str, Reading], settle: Settle, now: datetime) -> Discovery:
    """What of a discovery a sweep has to read.

    An instance that was read well is read again six hours and a day after its end, once each; one whose report is
    not to be had, until a day after its end.
    """
    held = {}
    for key, mine in found.held.items():
        wanted = [each for each in mine if _due(each.instance.end, readings.get(each.instance.uuid), settle, now)]
        if wanted:
            held[key] = wanted
    return Discovery(held, found.coming, found.notes, found.unreadable)


def _due(end: datetime | None, reading: Reading | None, settle: Settle, now: datetime) -> bool:
    if reading is None or end is None:
        return True
    if not reading.complete:
        return reading.at < end + READ_AGAIN[-1]
    if not reading.agree and reading.at < end + settle.deadline:
        return True
    return any(reading.at < end + after <= now for after in READ_AGAIN)


def recovered(found: Discovery, ends: dict[str, datetime | None], connected_at: datetime | None, now: datetime) -> int:
    """How many instances have ended since the connection and were not told to have: their webhooks were lost."""
    return sum(
        each.instance.end is not None
        and ends.get(each.instance.uuid) is None
        and each.instance.end < now - TOLD_WITHIN
        and connected_at is not None
        and each.instance.end > connected_at
        for mine in found.held.values()
        for each in mine
    )


def readings_of(connection: sa.Connection, found: Discovery) -> dict[str, Reading]:
    """The last reads of all discovered instances."""
    known: dict[str, Reading] = {}
    for kind, session_id in found.held:
        known |= facts.readings(connection, kind, session_id)
    return known
