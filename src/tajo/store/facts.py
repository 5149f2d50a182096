"""What Zoom said: sessions, instances, their rows, registrations. Each read replaces the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from tajo.core.facts import (
    Instance,
    Interaction,
    Kind,
    Registration,
    Respondent,
    Role,
    Scheduled,
    Session,
    Status,
    Stay,
)
from tajo.core.outcome import Reading
from tajo.core.registrations import merge
from tajo.store import erasures
from tajo.store.chunks import in_chunks
from tajo.store.tables import instances, interactions, registrations, sessions, sightings, stays
from tajo.store.upsert import upsert


def _should_be_listed(each: Registration, asked_at: datetime | None) -> bool:
    """Whether a listing that was asked for now would have it: one of an earlier listing, or told of a while ago."""
    if asked_at is None or each.told_at is None or each.listed_at is not None:
        return each.told_at is None or asked_at is None or each.told_at <= asked_at
    return each.told_at <= asked_at - LISTED_WITHIN


LISTED_WITHIN = timedelta(minutes=15)  # ours: a listing may lag behind a webhook by so much


def save_session(connection: sa.Connection, session: Session, now: datetime | None) -> None:
    """Keep a session as it is now known; `now` is None where only a webhook told of it."""
    erased = erasures.load(connection)
    row = {
        "kind": session.kind,
        "id": session.id,
        "topic": session.topic,
        "type": session.type,
        "host_email": erased.address(session.host_email),
        "time_zone": session.time_zone,
        "registration_required": session.registration_required,
        "scheduled": [[date.id, date.start.isoformat(), date.duration.total_seconds()] for date in session.scheduled],
        "staff": [[email, role] for email, role in session.staff if not erased.has(email)],
        "read_at": now,
    }
    upsert(connection, sessions, [row])


def load_session(connection: sa.Connection, kind: Kind, session_id: str) -> Session | None:
    row = connection.execute(
        sa.select(sessions).where(sessions.c.kind == kind, sessions.c.id == session_id)
    ).one_or_none()
    if row is None:
        return None
    return Session(
        kind=Kind(row.kind),
        id=row.id,
        topic=row.topic,
        type=row.type,
        host_email=row.host_email,
        time_zone=row.time_zone,
        registration_required=row.registration_required,
        scheduled=tuple(
            Scheduled(id_, datetime.fromisoformat(start), timedelta(seconds=length))
            for id_, start, length in row.scheduled
        ),
        staff=tuple((email, Role(role)) for email, role in row.staff),
    )


def save_instances(connection: sa.Connection, kind: Kind, session_id: str, found: Iterable[Instance]) -> None:
    """Add instances, and move the times of known ones; an end that is known is never forgotten."""
    ends: dict[str, datetime | None] = dict(
        connection.execute(
            sa.select(instances.c.uuid, instances.c.end).where(
                instances.c.kind == kind, instances.c.session_id == session_id
            )
        ).all()
    )
    rows = [
        {
            "uuid": each.uuid,
            "kind": kind,
            "session_id": session_id,
            "start": each.start,
            "end": each.end or ends.get(each.uuid),
        }
        for each in found
    ]
    upsert(connection, instances, rows)


def load_instances(connection: sa.Connection, kind: Kind, session_id: str) -> list[Instance]:
    rows = connection.execute(
        sa.select(instances.c.uuid, instances.c.start, instances.c.end)
        .where(instances.c.kind == kind, instances.c.session_id == session_id)
        .order_by(instances.c.start, instances.c.uuid)
    )
    return [Instance(row.uuid, row.start, row.end) for row in rows]


def ends(connection: sa.Connection, uuids: Iterable[str]) -> dict[str, datetime | None]:
    """UUID → end, of those of these instances that are known at all."""
    found: dict[str, datetime | None] = {}
    for chunk in in_chunks(uuids):
        found.update(
            connection.execute(sa.select(instances.c.uuid, instances.c.end).where(instances.c.uuid.in_(chunk))).all()
        )
    return found


def unread(connection: sa.Connection, since: datetime) -> list[tuple[Kind, str, Instance]]:
    """Instances that started since then and have no complete read: webhooks told of them, in time order."""
    rows = connection.execute(
        sa.select(instances)
        .where(instances.c.start >= since, instances.c.complete.is_not(True))
        .order_by(instances.c.start, instances.c.uuid)
    )
    return [(Kind(row.kind), row.session_id, Instance(row.uuid, row.start, row.end)) for row in rows]


def session_of(connection: sa.Connection, uuid: str) -> tuple[Kind, str] | None:
    """The session that an instance is of."""
    row = connection.execute(
        sa.select(instances.c.kind, instances.c.session_id).where(instances.c.uuid == uuid)
    ).one_or_none()
    return (Kind(row.kind), row.session_id) if row is not None else None


def is_read(connection: sa.Connection, kind: Kind, session_id: str) -> bool:
    """Whether Zoom was ever asked for the session's details."""
    found = connection.execute(
        sa.select(sessions.c.read_at).where(sessions.c.kind == kind, sessions.c.id == session_id)
    ).scalar()
    return found is not None


def ended_since(connection: sa.Connection, kind: Kind, session_id: str, since: datetime) -> list[str]:
    """UUIDs of the session's instances that ended at or after a time, in time order."""
    rows = connection.execute(
        sa.select(instances.c.uuid)
        .where(instances.c.kind == kind, instances.c.session_id == session_id, instances.c.end >= since)
        .order_by(instances.c.start)
    )
    return list(rows.scalars())


def add_stays(connection: sa.Connection, uuid: str, found: Sequence[Stay], *, offset: int) -> None:
    """Store one page of an instance's rows, numbered from `offset`; not those of people who were erased."""
    erased = erasures.load(connection)
    rows = [
        {
            "instance": uuid,
            "n": offset + n,
            "join": stay.join,
            "leave": stay.leave,
            "name": stay.name,
            "email": stay.email,
            "registrant_id": stay.registrant_id,
            "customer_key": stay.customer_key,
            "user_id": stay.user_id,
            "waiting": stay.waiting,
        }
        for n, stay in enumerate(found)
        if not erased.of(stay)
    ]
    if rows:
        connection.execute(sa.insert(stays), rows)


def forget_stays(connection: sa.Connection, uuid: str) -> None:
    connection.execute(sa.delete(stays).where(stays.c.instance == uuid))


def move_stays(connection: sa.Connection, source: str, target: str) -> None:
    """Let the rows read under a working name take the place of an instance's rows: all at once, or not at all."""
    forget_stays(connection, target)
    connection.execute(sa.update(stays).where(stays.c.instance == source).values(instance=target))


def load_stays(connection: sa.Connection, uuids: Sequence[str]) -> list[Stay]:
    rows = connection.execute(sa.select(stays).where(stays.c.instance.in_(uuids)).order_by(stays.c.instance, stays.c.n))
    return [
        Stay(
            join=row.join,
            leave=row.leave,
            name=row.name,
            email=row.email,
            registrant_id=row.registrant_id,
            customer_key=row.customer_key,
            user_id=row.user_id,
            waiting=row.waiting,
            instance=row.instance,
        )
        for row in rows
    ]


def save_respondents(connection: sa.Connection, uuid: str, what: Interaction, found: Iterable[Respondent]) -> None:
    """Put who answered polls, or asked questions, in one instance in the place of what was read before.

    Not those of people who were erased.
    """
    found = erasures.load(connection).kept(found)
    connection.execute(sa.delete(interactions).where(interactions.c.instance == uuid, interactions.c.what == what))
    rows = [asdict(each) | {"n": n} for n, each in enumerate(found)]
    if rows:
        connection.execute(sa.insert(interactions), rows)


def load_respondents(connection: sa.Connection, uuids: Sequence[str]) -> list[Respondent]:
    rows = connection.execute(
        sa.select(interactions)
        .where(interactions.c.instance.in_(uuids))
        .order_by(interactions.c.instance, interactions.c.what, interactions.c.n)
    )
    return [Respondent(row.instance, Interaction(row.what), row.times, row.name, row.email) for row in rows]


def note_reading(
    connection: sa.Connection, uuid: str, *, digest: str, complete: bool, problem: str, now: datetime
) -> None:
    """Record a read of an instance's report; two reads agree when their rows have the same digest."""
    before = connection.execute(sa.select(instances.c.digest).where(instances.c.uuid == uuid)).scalar()
    connection.execute(
        sa.update(instances)
        .where(instances.c.uuid == uuid)
        .values(
            digest=digest,
            complete=complete,
            agree=bool(digest) and before == digest,
            read_at=now,
            problem=problem,
        )
    )


def digest(connection: sa.Connection, uuid: str) -> str:
    """The digest of the rows of an instance that were read; "" when none were."""
    found = connection.execute(sa.select(instances.c.digest).where(instances.c.uuid == uuid)).scalar()
    return found if found and not found.startswith("0:") else ""


def readings(connection: sa.Connection, kind: Kind, session_id: str) -> dict[str, Reading]:
    """The last read of each of a session's instances, by UUID; an instance never read is not in it."""
    rows = connection.execute(
        sa.select(instances.c.uuid, instances.c.read_at, instances.c.complete, instances.c.agree).where(
            instances.c.kind == kind, instances.c.session_id == session_id, instances.c.read_at.is_not(None)
        )
    )
    return {row.uuid: Reading(row.read_at, row.complete, row.agree) for row in rows}


def save_registrations(
    connection: sa.Connection,
    kind: Kind,
    session_id: str,
    found: Sequence[Registration],
    *,
    vanishing: Iterable[str] = (),
    asked_at: datetime | None = None,
) -> int:
    """Merge what was told of a session's registrations into what is known, in any order.

    With a listing, `vanishing` are the dates it is complete for ("" is all together) and `asked_at` when it was asked
    for: an approved registrant who is not in it has cancelled, since Zoom has no such status and just lists them no
    more. Returns how many did. People who were erased are not kept, nor are their rows that came before.
    """
    found = _of_those_kept(connection, found)
    known = {
        (each.registrant_id, each.occurrence_id): each for each in load_registrations(connection, kind, session_id)
    }
    merged: dict[tuple[str, str], Registration] = {}
    for each in found:
        key = (each.registrant_id, each.occurrence_id)
        before = merged.get(key) or known.get(key)
        after = merge(before, each) if before else each
        if after != known.get(key):
            merged[key] = after
    listed = {(each.registrant_id, each.occurrence_id) for each in found}
    dates = set(vanishing)
    gone = [
        replace(each, status=Status.CANCELLED, told_at=asked_at)
        for key, each in known.items()
        if key not in listed and each.occurrence_id in dates and each.status is Status.APPROVED
        if _should_be_listed(each, asked_at)
    ]
    rows = [
        {"kind": kind, "session_id": session_id} | asdict(each) | {"answers": [list(pair) for pair in each.answers]}
        for each in (*merged.values(), *gone)
    ]
    upsert(connection, registrations, rows)
    return len(gone)


def _of_those_kept(connection: sa.Connection, found: Sequence[Registration]) -> Sequence[Registration]:
    """Without people who were erased. Rows with nothing but the registrant id of one may have been stored already."""
    erased = erasures.load(connection)
    if dropped := [each for each in found if erased.of(each)]:
        ids = erasures.learn(connection, erased, dropped)
        for table in (stays, sightings):
            for chunk in in_chunks(ids):
                connection.execute(sa.delete(table).where(table.c.registrant_id.in_(chunk), table.c.email == ""))
    return erased.kept(found) if dropped else found


def load_registrations(connection: sa.Connection, kind: Kind, session_id: str) -> list[Registration]:
    rows = connection.execute(
        sa.select(registrations)
        .where(registrations.c.kind == kind, registrations.c.session_id == session_id)
        .order_by(registrations.c.registered_at, registrations.c.registrant_id, registrations.c.occurrence_id)
    ).mappings()
    return [
        Registration(
            **{k: v for k, v in row.items() if k not in ("kind", "session_id", "status", "answers")},
            status=Status(row["status"]),
            answers=tuple((title, answer) for title, answer in row["answers"]),
        )
        for row in rows
    ]
