"""Whom webhooks showed in a session. The report is what counts; a sighting tells when the report lacks somebody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tajo.core.facts import Stay


@dataclass(frozen=True, slots=True)
class Sighting:
    """One join of one device, out of its joined and left webhooks; either may be lost or late. Times aware UTC."""

    instance: str
    key: str
    joined: datetime | None
    left: datetime | None
    name: str = ""
    email: str = ""
    registrant_id: str = ""
    customer_key: str = ""
    user_id: str = ""


def merge(one: Sighting, other: Sighting) -> Sighting:
    """What both tell of the same join: the first join, the last leave, whatever is known of the person.

    Commutative, associative and idempotent.
    """
    joins = [each.joined for each in (one, other) if each.joined is not None]
    leaves = [each.left for each in (one, other) if each.left is not None]
    return replace(
        one,
        joined=min(joins, default=None),
        left=max(leaves, default=None),
        name=max(one.name, other.name),
        email=max(one.email, other.email),
        registrant_id=max(one.registrant_id, other.registrant_id),
        customer_key=max(one.customer_key, other.customer_key),
        user_id=max(one.user_id, other.user_id),
    )


def missing(sightings: Iterable[Sighting], stays: Sequence[Stay]) -> list[Sighting]:
    """Those of whom the report has no row at all: none with any of their keys, e-mail or name.

    A sighting that tells nothing of its person cannot be looked for, and is not missed.
    """
    known: set[tuple[str, str]] = set()
    for stay in stays:
        known.update(_keys(stay))
    return [each for each in sightings if (keys := _keys(each)) and not known.intersection(keys)]


def _keys(each: Sighting | Stay) -> list[tuple[str, str]]:
    keys = [
        ("registrant_id", each.registrant_id),
        ("customer_key", each.customer_key),
        ("user_id", each.user_id),
        ("email", each.email),
        ("name", each.name.casefold()),
    ]
    return [key for key in keys if key[1]]


def as_stays(sightings: Iterable[Sighting], end: datetime) -> list[Stay]:
    """Sightings as rows, for when no report will come; one without a leave lasted to the end."""
    found = []
    for each in sightings:
        join = each.joined or each.left
        if join is not None:
            found.append(
                Stay(
                    join=join,
                    leave=max(join, each.left or end),
                    name=each.name,
                    email=each.email,
                    registrant_id=each.registrant_id,
                    customer_key=each.customer_key,
                    user_id=each.user_id,
                    instance=each.instance,
                )
            )
    return found
