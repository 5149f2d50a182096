"""Whom webhooks showed, by instance: merged as they come, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

import sqlalchemy as sa

from tajo.core.sightings import Sighting, merge
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.tables import sightings
from tajo.store.upsert import upsert

_NAMES = [each.name for each in fields(Sighting)]


def add(connection: sa.Connection, told: Iterable[Sighting]) -> None:
    """Merge sightings into those that are known. Only the rows that are told of are read, not the whole instance."""
    fresh: dict[tuple[str, str], Sighting] = {}
    for each in erasures.load(connection).kept(told):
        key = (each.instance, each.key)
        fresh[key] = merge(fresh[key], each) if key in fresh else each
    for instance in sorted({instance for instance, _ in fresh}):
        mine = [each for (uuid, _), each in fresh.items() if uuid == instance]
        known = {each.key: each for each in _known(connection, instance, [each.key for each in mine])}
        merged = [merge(known[each.key], each) if each.key in known else each for each in mine]
        changed = [each for each in merged if each != known.get(each.key)]
        upsert(connection, sightings, [{name: getattr(each, name) for name in _NAMES} for each in changed])


def _known(connection: sa.Connection, instance: str, keys: Sequence[str]) -> Iterator[Sighting]:
    for chunk in in_chunks(keys):
        rows = connection.execute(
            sa.select(sightings).where(sightings.c.instance == instance, sightings.c.key.in_(chunk))
        )
        yield from (Sighting(**{name: row[name] for name in _NAMES}) for row in rows.mappings())


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
