"""What a sweep has to read: sessions that nobody told of, reports that never settled, finals that are due again."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from tajo.connectors.zoom.discover import Discovery
from tajo.core.outcome import Reading, Settle
from tajo.store import facts

READ_AGAIN = (timedelta(hours=6), timedelta(hours=24))  # after the end: late rows make a correction


def worth_reading(
    found: Discovery, readings: dict[str, Reading], settle: Settle, now: datetime
) -> tuple[Discovery, int]:
    """What of a discovery a sweep has to read, and how many instances nobody had told of before.

    An instance that was read well is read again six hours and a day after its end, once each.
    """
    fresh = 0
    held = {}
    for key, mine in found.held.items():
        wanted = []
        for each in mine:
            reading = readings.get(each.instance.uuid)
            fresh += reading is None
            if reading is None or not reading.complete or _due(each.instance.end, reading, settle, now):
                wanted.append(each)
        if wanted:
            held[key] = wanted
    return Discovery(held, found.coming, found.notes, found.unreadable), fresh


def _due(end: datetime | None, reading: Reading, settle: Settle, now: datetime) -> bool:
    if end is None:
        return True
    if not reading.agree and reading.at < end + settle.deadline:
        return True
    return any(reading.at < end + after <= now for after in READ_AGAIN)


def readings_of(connection: sa.Connection, found: Discovery) -> dict[str, Reading]:
    """The last reads of all discovered instances."""
    known: dict[str, Reading] = {}
    for kind, session_id in found.held:
        known |= facts.readings(connection, kind, session_id)
    return known
