"""A recording is what was told last of those with an address, in whatever order it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import sqlalchemy as sa

from tajo.core.facts import Kind
from tajo.store import recordings
from tajo.store.database import Database
from tajo.store.recordings import Recorded

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST = Recorded("u1==", "97", Kind.WEBINAR, "봄", "https://zoom.example/1", "p1", 60, transcript=False, told_at=NOON)
SECOND = replace(FIRST, share_url="https://zoom.example/2", passcode="p2", told_at=NOON + timedelta(minutes=5))
TRANSCRIPT = replace(FIRST, share_url="", passcode="", transcript=True, told_at=NOON + timedelta(minutes=9))


def test_any_order_gives_the_newest_address_and_the_transcript(database: Database) -> None:
    def kept(connection: sa.Connection, order: Any) -> Recorded | None:
        for each in order:
            recordings.save(connection, each)
        return recordings.load(connection, FIRST.uuid)

    # A read is not committed: each order begins with an empty table.
    found = {database.read_now(kept, order) for order in permutations([FIRST, SECOND, TRANSCRIPT, FIRST])}
    assert found == {replace(SECOND, transcript=True)}
