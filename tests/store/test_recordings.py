"""A recording is what was told last of those with an address, in whatever order it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import sqlalchemy as sa

from tajo.core.facts import Instance, Kind, Occurrence, Scheduled, Session
from tajo.core.outcome import Readiness
from tajo.core.recordings import Recorded
from tajo.core.roster import Roster
from tajo.store import facts, recordings, rosters
from tajo.store.database import Database

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
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


def test_what_zoom_has_not_yet_is_remembered_as_asked_for(database: Database) -> None:
    """An address that a webhook tells takes the place of the asking, whichever was later."""
    asked = replace(FIRST, share_url="", passcode="", told_at=NOON + timedelta(hours=1))
    database.write_now(recordings.save, asked)
    assert database.read_now(recordings.of_instances, ["u1==", "u2=="]) == {"u1==": asked}
    assert database.read_now(recordings.of_occurrence, ["u1=="]) is None
    database.write_now(recordings.save, FIRST)
    assert database.read_now(recordings.of_occurrence, ["u1=="]) == FIRST


def occurrence(session: Session, *instances: Instance) -> Roster:
    held = Occurrence(session, Scheduled("", instances[0].start, HOUR), instances)
    return Roster(held, Readiness.FINAL, (), (), HOUR)


def test_an_occurrence_has_one_recording_and_another_session_none_of_it(database: Database) -> None:
    """The host restarted: the longer of two pieces is the recording. The kind that an upload tells is not asked."""
    session, other = Session(Kind.WEBINAR, "97", topic="봄"), Session(Kind.WEBINAR, "98")
    pair = (Instance("u1==", NOON, NOON + HOUR), Instance("u2==", NOON + HOUR, NOON + 2 * HOUR))
    alone = Instance("u9==", NOON, NOON + HOUR)
    longer = replace(SECOND, uuid="u2==", kind=Kind.MEETING, duration_min=61, expires_on=date(2026, 12, 1))

    def put(connection: sa.Connection) -> None:
        for each, instances in ((session, pair), (other, (alone,))):
            facts.save_instances(connection, each.kind, each.id, instances)
            rosters.replace(connection, each.kind, each.id, [occurrence(each, *instances)])
        for recorded in (FIRST, longer, replace(FIRST, uuid="u9==", share_url="")):
            recordings.save(connection, recorded)

    database.write_now(put)
    keys = [each.key for each in database.read_now(rosters.held)]
    assert len(keys) == 2
    found = database.read_now(recordings.of_occurrences, keys)
    assert found == {keys[0]: longer}
    assert database.read_now(recordings.of_occurrence, ["u2==", "u1=="]) == longer
