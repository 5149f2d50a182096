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
    """Keep what was told last; that there is a transcript is never forgotten."""
    before = load(connection, told.uuid)
    if before is not None:
        newer = max(before, told, key=lambda each: (each.told_at, each.share_url))
        told = replace(newer, transcript=before.transcript or told.transcript)
        if not told.share_url:
            told = replace(told, share_url=before.share_url, passcode=before.passcode)
    if told != before:
        upsert(connection, recordings, [asdict(told)])


def load(connection: sa.Connection, uuid: str) -> Recorded | None:
    row = connection.execute(sa.select(recordings).where(recordings.c.uuid == uuid)).mappings().one_or_none()
    return Recorded(**dict(row) | {"kind": Kind(row["kind"])}) if row is not None else None
