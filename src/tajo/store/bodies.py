"""Webhooks of one person in the inbox: finding them by what they tell, forgetting their bodies, and telling them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from tajo.core.traces import Traces
from tajo.store.inbox import CHUNK, IGNORED, WAITING, inbox

ERASED = "of a person who was erased"
_PERSON = ("email", "registrant_id", "participant_user_id", "customer_key", "id")


def known_by(connection: sa.Connection, person: Traces) -> Traces:
    """The person with the registrant ids and names that bodies tell beside the address."""
    ids, names = set(person.ids), set(person.names)
    for _, body in _bodies(connection):
        registrant = _inside(_read(body), "payload", "object", "registrant")
        if str(registrant.get("email", "")).strip().lower() == person.email:
            ids |= {str(registrant[name]) for name in ("id",) if registrant.get(name)}
            first, last = (str(registrant.get(name, "")).strip() for name in ("first_name", "last_name"))
            names |= {f"{first} {last}".strip(), f"{last} {first}".strip(), f"{last}{first}"}
    return replace(person, ids=frozenset(ids), names=frozenset(names))


def with_something(connection: sa.Connection, person: Traces) -> list[int]:
    """The ids of deliveries that tell of the person, in their body or beside it."""
    found = [id_ for id_, body in _bodies(connection) if tells_of(body, person)]
    bare = sa.select(inbox.c.id).where(inbox.c.registrant_id.in_(person.ids))
    return sorted({*found, *connection.execute(bare).scalars()})


def forget(connection: sa.Connection, ids: Iterable[int]) -> int:
    """Forget what these deliveries told, and keep that they came; one that nobody has handled yet is ignored."""
    nothing = {"body": None, "participant_uuid": "", "registrant_id": "", "meaning": "", "reason": ERASED}
    mine, changed = sorted(ids), 0
    for start in range(0, len(mine), CHUNK):
        those = inbox.c.id.in_(mine[start : start + CHUNK])
        connection.execute(sa.update(inbox).where(those, inbox.c.state == WAITING).values(state=IGNORED))
        changed += connection.execute(sa.update(inbox).where(those).values(nothing)).rowcount
    return changed


def told(connection: sa.Connection, person: Traces) -> list[dict[str, Any]]:
    """The person's deliveries as JSON, each with the person's part of its body."""
    found = []
    for id_ in with_something(connection, person):
        row = connection.execute(sa.select(inbox).where(inbox.c.id == id_)).one()
        payload = _inside(_read(row.body or b""), "payload", "object")
        parts = {name: payload[name] for name in ("registrant", "participant") if name in payload}
        about = {name: payload[name] for name in ("id", "uuid", "topic", "start_time") if name in payload}
        found.append(
            {
                "id": row.id,
                "event": row.event,
                "received_at": row.received_at.isoformat(),
                "state": row.state,
                "session": about,
                "told": parts,
            }
        )
    return found


def _bodies(connection: sa.Connection) -> Iterator[tuple[int, bytes]]:
    """(id, body) of every delivery that has one, a part at a time."""
    last = 0
    while True:
        statement = sa.select(inbox.c.id, inbox.c.body).where(inbox.c.body.is_not(None))
        rows = connection.execute(statement.where(inbox.c.id > last).order_by(inbox.c.id).limit(CHUNK)).all()
        if not rows:
            return
        last = rows[-1].id
        yield from ((row.id, bytes(row.body)) for row in rows)


def tells_of(body: bytes, person: Traces) -> bool:
    """Whether a body tells of the person: their address, their id, or their name where there is neither.

    In one that is about nobody in particular (a topic, something unreadable) the name anywhere is enough.
    """
    value = _read(body)
    if value is None:
        return person.is_in(body.decode(errors="replace"))
    about = _inside(value, "payload", "object")
    return _tells(value, person, anywhere=not about.keys() & {"registrant", "participant"})


def _tells(value: Any, person: Traces, *, anywhere: bool) -> bool:
    if isinstance(value, str):
        return person.is_in(value) if anywhere else person.is_named_in(value)
    if isinstance(value, list):
        return any(_tells(each, person, anywhere=anywhere) for each in value)
    if not isinstance(value, dict):
        return False
    name = value.get("user_name")
    if isinstance(name, str) and not any(value.get(each) for each in _PERSON) and person.has_name(name):
        return True
    return any(_tells(each, person, anywhere=anywhere) for each in (*value, *value.values()))


def _read(body: bytes) -> Any:
    """The body as JSON, None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _inside(value: Any, *path: str) -> dict[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
