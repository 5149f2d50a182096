"""Whom webhooks showed, by instance: merged as they come, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields

import sqlalchemy as sa

from tajo.core.sightings import Sighting, merge
from tajo.store.tables import sightings
from tajo.store.upsert import upsert

_NAMES = [each.name for each in fields(Sighting)]


def add(connection: sa.Connection, told: Iterable[Sighting]) -> None:
    """Merge sightings into those that are known."""
    fresh: dict[tuple[str, str], Sighting] = {}
    for each in told:
        key = (each.instance, each.key)
        fresh[key] = merge(fresh[key], each) if key in fresh else each
    for instance in sorted({instance for instance, _ in fresh}):
        known = {each.key: each for each in load(connection, [instance])}
        mine = [each for (uuid, _), each in fresh.items() if uuid == instance]
        merged = [merge(known[each.key], each) if each.key in known else each for each in mine]
        changed = [each for each in merged if each != known.get(each.key)]
        upsert(connection, sightings, [asdict(each) for each in changed])


def load(connection: sa.Connection, instances: Sequence[str]) -> list[Sighting]:
    """All sightings in these instances, in a fixed order."""
    rows = connection.execute(
        sa.select(sightings)
        .where(sightings.c.instance.in_(list(instances)))
        .order_by(sightings.c.instance, sightings.c.key)
    )
    return [Sighting(**{name: row[name] for name in _NAMES}) for row in rows.mappings()]


def present(connection: sa.Connection, instance: str) -> int:
    """How many devices have joined an instance and not left it: for showing a live session."""
    found = connection.execute(
        sa.select(sa.func.count()).where(sightings.c.instance == instance, sightings.c.left.is_(None))
    )
    return int(found.scalar() or 0)
