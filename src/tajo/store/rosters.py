"""Rosters: what we made of the facts. All dates of a session are replaced together: they depend on each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tajo.core.attendance import Segment
from tajo.core.contact import Entry
from tajo.core.facts import Kind
from tajo.core.outcome import Outcome, Readiness
from tajo.core.recordings import Recorded
from tajo.core.roster import Roster, entries
from tajo.store import recordings
from tajo.store.chunks import CHUNK, in_chunks
from tajo.store.tables import occurrences, review, roster

_ROSTER = [column.name for column in roster.columns if column.name not in ("role", "segments", "occurrence", "email")]
_ENTRY = {each.name for each in fields(Entry)} - {"recording"}  # which is a row of its own


def replace(connection: sa.Connection, kind: Kind, session_id: str, built: Sequence[Roster]) -> set[str]:
    """Put these rosters in the place of all the session had; returns every e-mail on the old and the new ones."""
    mine = sa.select(occurrences.c.key).where(occurrences.c.kind == kind, occurrences.c.session_id == session_id)
    old = list(connection.execute(mine).scalars())
    emails = set(connection.execute(sa.select(roster.c.email).where(roster.c.occurrence.in_(old))).scalars())
    for table in (roster, review):
        connection.execute(sa.delete(table).where(table.c.occurrence.in_(old)))
    connection.execute(sa.delete(occurrences).where(occurrences.c.key.in_(old)))
    for each in built:
        emails |= _insert(connection, each)
    return emails


def _insert(connection: sa.Connection, built: Roster) -> set[str]:
    occurrence, session = built.occurrence, built.occurrence.session
    connection.execute(
        sa.insert(occurrences).values(
            key=occurrence.key,
            kind=session.kind,
            session_id=session.id,
            uuid=occurrence.instances[-1].uuid if occurrence.instances else "",
            instances=[each.uuid for each in occurrence.instances],
            topic=session.topic,
            start=occurrence.start,
            time_zone=session.time_zone,
            host_email=session.host_email,
            held=built.held,
            ended_at=occurrence.ended_at,
            readiness=built.readiness,
            began=occurrence.began,
            late_at=built.late_at,
        )
    )
    lines = (
        {name: _plain(getattr(entry, name)) for name in _ROSTER}
        | {
            "occurrence": occurrence.key,
            "email": person.email,
            "role": person.role,
            "segments": _segments(person.segments),
        }
        for person, entry in entries(built)
    )
    while chunk := list(islice(lines, 2 * CHUNK)):
        connection.execute(sa.insert(roster), chunk)
    doubtful = [
        {
            "occurrence": occurrence.key,
            "n": n,
            "key": each.key,
            "doubt": each.doubt,
            "name": each.name,
            "rows": each.rows,
            "present": each.present,
            "segments": _segments(each.segments),
        }
        for n, each in enumerate(built.review)
    ]
    if doubtful:
        connection.execute(sa.insert(review), doubtful)
    return {person.email for person in built.people}


def _plain(value: Any) -> Any:
    return [list(pair) for pair in value] if isinstance(value, tuple) else value


def _segments(segments: Sequence[Segment]) -> list[list[str]]:
    return [[each.join.isoformat(), each.leave.isoformat()] for each in segments]


def _joined() -> sa.Select[Any]:
    """Each line of a roster with what its occurrence says of the session."""
    session = [column for column in occurrences.columns if column.name not in ("key", "instances")]
    mine = [column for column in roster.columns if column.name not in ("role", "segments")]
    return sa.select(*mine, *session).join_from(roster, occurrences, roster.c.occurrence == occurrences.c.key)


def emails_on(connection: sa.Connection, keys: Iterable[str]) -> set[str]:
    """Everybody on the rosters of these occurrences."""
    found: set[str] = set()
    for chunk in in_chunks(keys):
        found |= set(connection.execute(sa.select(roster.c.email).where(roster.c.occurrence.in_(chunk))).scalars())
    return found


def entries_of(connection: sa.Connection, emails: Iterable[str]) -> dict[str, list[Entry]]:
    """Everything on any roster about these people: e-mail → entries, in time order."""
    found: dict[str, list[Entry]] = {}
    for chunk in in_chunks(emails):
        statement = _joined().where(roster.c.email.in_(chunk)).order_by(occurrences.c.start)
        for row, entry in _entries(connection, statement):
            found.setdefault(row["email"], []).append(entry)
    return found


def entries_on(connection: sa.Connection, key: str) -> list[Entry]:
    """Everybody on one occurrence's roster, by e-mail."""
    return [entry for _, entry in _entries(connection, _joined().where(occurrences.c.key == key).order_by("email"))]


def _entries(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[tuple[sa.RowMapping, Entry]]:
    """The rows, each with its entry, whose session's recording is asked for once a session."""
    rows = connection.execute(statement).mappings().all()
    recorded = recordings.of_occurrences(connection, {row["occurrence"] for row in rows})
    for row in rows:
        yield row, _entry(row, recorded.get(row["occurrence"]))


def _entry(row: sa.RowMapping, recording: Recorded | None) -> Entry:
    values = {name: row[name] for name in _ENTRY}
    return Entry(
        **values
        | {
            "kind": Kind(row["kind"]),
            "readiness": Readiness(row["readiness"]),
            "outcome": Outcome(row["outcome"]),
            "answers": tuple((title, answer) for title, answer in row["answers"]),
            "recording": recording,
        }
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One person in one occurrence, with their stays: what `tajo why` tells."""

    entry: Entry
    role: str
    segments: tuple[Segment, ...]


def lines_of(connection: sa.Connection, email: str) -> list[Line]:
    """One person's lines on all rosters, in time order."""
    statement = _joined().add_columns(roster.c.role, roster.c.segments)
    mine = statement.where(roster.c.email == email).order_by(occurrences.c.start)
    return [Line(entry, row["role"], _read_segments(row["segments"])) for row, entry in _entries(connection, mine)]


def _read_segments(stored: Sequence[Sequence[str]]) -> tuple[Segment, ...]:
    return tuple(Segment(datetime.fromisoformat(join), datetime.fromisoformat(leave)) for join, leave in stored)


@dataclass(frozen=True, slots=True)
class Held:
    """One occurrence in numbers: how many people have which outcome, how many rows are in review."""

    key: str
    kind: Kind
    session_id: str
    uuid: str
    instances: tuple[str, ...]
    topic: str
    start: datetime
    ended_at: datetime | None
    held: timedelta
    host_email: str
    readiness: Readiness
    outcomes: dict[Outcome, int]
    excluded: int
    in_review: int


def in_review(connection: sa.Connection, sessions: Iterable[tuple[Kind, str]]) -> list[dict[str, Any]]:
    """Rows that were given to nobody, with the session they are of and why: as JSON, in time order."""
    wanted = set(sessions)
    rows = connection.execute(
        sa.select(review, occurrences.c.kind, occurrences.c.session_id, occurrences.c.topic, occurrences.c.start)
        .join_from(review, occurrences, review.c.occurrence == occurrences.c.key)
        .order_by(occurrences.c.start, review.c.occurrence, review.c.n)
    )
    return [
        {
            "id": row.key,
            "occurrence": row.occurrence,
            "topic": row.topic,
            "start": row.start.isoformat(),
            "name": row.name,
            "why": row.doubt,
            "rows": row.rows,
            "minutes": round(row.present.total_seconds() / 60, 1),
        }
        for row in rows
        if (Kind(row.kind), row.session_id) in wanted
    ]


def held(connection: sa.Connection, sessions: Iterable[tuple[Kind, str]] | None = None) -> list[Held]:
    """All occurrences in time order, or those of the given sessions."""
    counts: dict[str, dict[Outcome, int]] = {}
    excluded: dict[str, int] = {}
    left_out = (roster.c.excluded != "").label("left_out")
    per = sa.select(roster.c.occurrence, roster.c.outcome, left_out, sa.func.count()).group_by(
        roster.c.occurrence, roster.c.outcome, "left_out"
    )
    for key, outcome, out, count in connection.execute(per):
        if out:
            excluded[key] = excluded.get(key, 0) + count
        else:
            counts.setdefault(key, {})[Outcome(outcome)] = count
    doubts: dict[str, int] = dict(
        connection.execute(sa.select(review.c.occurrence, sa.func.count()).group_by(review.c.occurrence)).all()
    )
    wanted = None if sessions is None else set(sessions)
    rows = connection.execute(sa.select(occurrences).order_by(occurrences.c.start, occurrences.c.key))
    return [
        Held(
            key=row.key,
            kind=Kind(row.kind),
            session_id=row.session_id,
            uuid=row.uuid,
            instances=tuple(row.instances),
            topic=row.topic,
            start=row.start,
            ended_at=row.ended_at,
            held=row.held,
            host_email=row.host_email,
            readiness=Readiness(row.readiness),
            outcomes=counts.get(row.key, {}),
            excluded=excluded.get(row.key, 0),
            in_review=doubts.get(row.key, 0),
        )
        for row in rows
        if wanted is None or (Kind(row.kind), row.session_id) in wanted
    ]


def named(connection: sa.Connection, text: str) -> list[Held]:
    """The occurrences that somebody means by a session's number, as Zoom shows it, a UUID or a key, in time order."""
    text = text.strip()
    number = re.sub(r"[\s-]", "", text)
    return [
        each
        for each in held(connection)
        if number == each.session_id or text in (each.key, f"{each.kind}:{each.session_id}", *each.instances)
    ]
