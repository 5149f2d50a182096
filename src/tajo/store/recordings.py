"""Cloud recordings, one a held instance: a second set of files, or another address, only changes the row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from tajo.core.facts import Kind
from tajo.store.tables import recordings
from tajo.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording as it was last told. `passcode` opens the share link; `transcript` is there when it was told of."""

    uuid: str
    session_id: str
    kind: Kind
    topic: str
    share_url: str
    passcode: str
    duration_min: int
    transcript: bool
    told_at: datetime


def save(connection: sa.Connection, told: Recorded) -> None:
    """Keep what was told last of those that have an address; that there is a transcript is never forgotten.

    A function of all that was told, in any order.
    """
    before = load(connection, told.uuid)
    if before is not None:
        newest = max(before, told, key=_order)
        told = replace(newest, transcript=before.transcript or told.transcript)
    if told != before:
        upsert(connection, recordings, [asdict(told)])


def _order(each: Recorded) -> tuple[bool, datetime, str]:
    return (bool(each.share_url), each.told_at, repr(replace(each, transcript=False)))


def load(connection: sa.Connection, uuid: str) -> Recorded | None:
    row = connection.execute(sa.select(recordings).where(recordings.c.uuid == uuid)).mappings().one_or_none()
    return Recorded(**dict(row) | {"kind": Kind(row["kind"])}) if row is not None else None
