"""Cloud recordings, one a held instance: a second set of files, or another address, only changes the row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import sqlalchemy as sa

from tajo.core.facts import Kind
from tajo.core.recordings import Recorded, chosen, merged
from tajo.store.chunks import in_chunks
from tajo.store.tables import instances, occurrences, recordings
from tajo.store.upsert import upsert


def save(connection: sa.Connection, told: Recorded) -> None:
    """Keep what was told last of those that have an address; a function of all that was told, in any order."""
    before = load(connection, told.uuid)
    after = merged(before, told) if before is not None else told
    if after != before:
        upsert(connection, recordings, [asdict(after)])


def load(connection: sa.Connection, uuid: str) -> Recorded | None:
    row = connection.execute(sa.select(recordings).where(recordings.c.uuid == uuid)).mappings().one_or_none()
    return _recorded(row) if row is not None else None


def of_instances(connection: sa.Connection, uuids: Iterable[str]) -> dict[str, Recorded]:
    """UUID → what is known of its recording, address or not, of those of these instances that have any."""
    found: dict[str, Recorded] = {}
    for chunk in in_chunks(uuids):
        rows = connection.execute(sa.select(recordings).where(recordings.c.uuid.in_(chunk))).mappings()
        found |= {row["uuid"]: _recorded(row) for row in rows}
    return found


def of_occurrence(connection: sa.Connection, instances: Sequence[str]) -> Recorded | None:
    """The one recording of an occurrence, from the UUIDs of its instances; None while there is none to be seen."""
    return chosen(of_instances(connection, instances).values())


def of_occurrences(connection: sa.Connection, keys: Iterable[str]) -> dict[str, Recorded]:
    """Occurrence key → its one recording, of those of these occurrences that have one.

    Sessions without any recording cost nothing but the question.
    """
    found: dict[str, Recorded] = {}
    for chunk in in_chunks(keys):
        recorded = sa.and_(recordings.c.uuid == instances.c.uuid, recordings.c.share_url != "")
        same = sa.and_(instances.c.kind == occurrences.c.kind, instances.c.session_id == occurrences.c.session_id)
        rows = connection.execute(
            sa.select(occurrences.c.key, occurrences.c.instances, recordings)
            .select_from(occurrences.join(instances, same).join(recordings, recorded))
            .where(occurrences.c.key.in_(chunk))
        ).mappings()
        mine: dict[str, list[Recorded]] = {}
        for row in rows:
            if row["uuid"] in row["instances"]:
                mine.setdefault(row["key"], []).append(_recorded(row))
        found |= {key: one for key, all_ in mine.items() if (one := chosen(all_)) is not None}
    return found


def _recorded(row: sa.RowMapping) -> Recorded:
    values = {column.name: row[column.name] for column in recordings.columns}
    return Recorded(**values | {"kind": Kind(row["kind"])})
